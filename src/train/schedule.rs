//! The learning rate as a function of the epoch: linear warm-up, then one half-cosine. Pure arithmetic.

use crate::spec::trial::TrainSpec;

/// Warm-up and half-cosine, evaluated before every optimiser step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Rate at the end of the warm-up.
    pub lr: f64,
    /// Rate at the end of training.
    pub min_lr: f64,
    /// Epochs of warm-up.
    pub warmup: f64,
    /// Epochs of training.
    pub epochs: f64,
}

impl Schedule {
    /// The schedule of a trial: `lr` when given, else `blr · batch_size · accum_steps / 256`.
    #[must_use]
    pub fn new(train: &TrainSpec) -> Self {
        Self {
            lr: train
                .lr
                .unwrap_or(train.blr * (train.batch_size * train.accum_steps) as f64 / 256.0),
            min_lr: train.min_lr,
            warmup: train.warmup_epochs,
            epochs: train.epochs as f64,
        }
    }

    /// Rate at `epoch`, which is fractional within an epoch: `epoch + step / steps`.
    #[must_use]
    pub fn at(&self, epoch: f64) -> f64 {
        if epoch < self.warmup {
            return self.lr * epoch / self.warmup;
        }
        let left = self.epochs - self.warmup;
        let done = if left > 0.0 {
            ((epoch - self.warmup) / left).min(1.0)
        } else {
            1.0
        };
        self.min_lr + (self.lr - self.min_lr) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warm_up_as_long_as_training_or_longer_has_numbers_throughout() {
        for (warmup, epochs) in [(5.0, 0.0), (0.0, 0.0), (3.0, 3.0), (5.0, 3.0)] {
            let schedule = Schedule {
                lr: 1.0,
                min_lr: 0.25,
                warmup,
                epochs,
            };
            for epoch in [0.0, 1.0, 2.5, 3.0, 5.0, 9.0] {
                let want = if epoch < warmup { epoch / warmup } else { 0.25 };
                assert_eq!(schedule.at(epoch), want, "{warmup} of {epochs} at {epoch}");
            }
        }
    }

    #[test]
    fn reference_values_of_the_800_epoch_recipe() {
        let schedule = Schedule {
            lr: 2.4e-3,
            min_lr: 0.0,
            warmup: 40.0,
            epochs: 800.0,
        };
        let cases = [
            (0.0, 0.0),
            (20.0, 1.2e-3),
            (40.0, 2.4e-3),
            (100.0, 0.002_363_28),
            (200.0, 0.002_146_97),
            (420.0, 1.2e-3),
            (600.0, 3.87262e-4),
            (799.0, 1.02523e-8),
        ];
        for (epoch, want) in cases {
            let got = schedule.at(epoch);
            assert!(
                (got - want).abs() <= 5e-6 * want.max(1e-12),
                "epoch {epoch}: {got} is not {want}"
            );
        }
    }
}
