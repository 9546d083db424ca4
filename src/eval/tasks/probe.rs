//! The linear probe as the reference trains it, on cached features: batch norm without affine, one layer, LARS or SGD with
//! momentum, warm-up and cosine. The base rate is chosen on a part of the training pictures; then the layer is trained on all
//! of them. Unlike in the reference there are no crops and flips: features are of whole pictures, read once.
//!
//! Source: MAE (He et al. 2021), appendix A.1. The arithmetic of a step is in `linear`.

use std::convert::Infallible;

use burn::tensor::{Device, Int, Tensor, TensorData};
use serde_json::{Value as Json, json};

use super::{Bank, Outcome, right_of, tune};
use crate::eval::features::Features;
use crate::eval::knn::Labelled;
use crate::eval::linear::{Probe, Rule};
use crate::spec::trial::{EvalSpec, LinearSpec, ProbeOptimiser};
use crate::train::Schedule;

/// The held-out accuracy of the probe, and the rate that was chosen.
pub(super) fn run(bank: &Bank, eval: &EvalSpec, seed: u64, device: &Device) -> Outcome {
    let spec = &eval.linear;
    let (train, val) = (bank.rows(&bank.train, spec.feature), bank.rows(&bank.val, spec.feature));
    let trainer = Trainer {
        spec,
        classes: bank.classes,
        seed,
        device,
    };
    let (chosen, scores) = trainer.choose(train, eval.tune_fraction);
    let accuracy = trainer.accuracy(train, val, chosen);
    Outcome {
        figures: vec![("linear_accuracy".into(), accuracy)],
        found: json!({ "blr": chosen, "tune_accuracy": scores }),
    }
}

/// How it is trained.
pub(super) fn settings(bank: &Bank, eval: &EvalSpec) -> Json {
    let spec = &eval.linear;
    json!({
        "optimiser": spec.optimiser,
        "momentum": 0.9,
        "weight_decay": spec.weight_decay,
        "epochs": spec.epochs,
        "batch_size": spec.batch_size.min(bank.train.labels.len()),
        "warmup_epochs": spec.warmup_epochs,
        "normalisation": "batch norm without affine, eps 1e-6",
        "blrs": spec.blrs,
        "tune_fraction": eval.tune_fraction,
    })
}

/// What stays the same whatever the rate.
struct Trainer<'a> {
    spec: &'a LinearSpec,
    classes: usize,
    seed: u64,
    device: &'a Device,
}

impl Trainer<'_> {
    /// The base rate with the highest accuracy on the rows to choose on, and all accuracies. A single rate is taken as it
    /// is.
    fn choose(&self, train: Labelled<'_>, fraction: f64) -> (f64, Vec<f64>) {
        if let [only] = self.spec.blrs[..] {
            return (only, Vec::new());
        }
        let split = tune::split(train.labels, self.classes, fraction, self.seed);
        let (fit, choose) = (Features::pick(train, &split.fit), Features::pick(train, &split.choose));
        let score = |blr| Ok::<_, Infallible>(self.accuracy(fit.labelled(), choose.labelled(), blr));
        match tune::best(&self.spec.blrs, score) {
            Ok(best) => best,
            Err(never) => match never {},
        }
    }

    fn accuracy(&self, train: Labelled<'_>, judged: Labelled<'_>, blr: f64) -> f64 {
        let probe = self.fit(train, blr);
        let right = right_of(probe.logits(matrix(judged, self.device)), judged.labels);
        right.map_or(f64::NAN, |right| right as f64 / judged.labels.len() as f64)
    }

    /// A probe trained on these rows. The last incomplete batch of an epoch is left out, unless it is the only one.
    fn fit(&self, train: Labelled<'_>, blr: f64) -> Probe {
        let (spec, rows) = (self.spec, train.labels.len());
        let batch = spec.batch_size.min(rows);
        let schedule = Schedule {
            lr: blr * batch as f64 / 256.0,
            min_lr: 0.0,
            warmup: spec.warmup_epochs,
            epochs: spec.epochs as f64,
        };
        let rule = Rule {
            lars: spec.optimiser == ProbeOptimiser::Lars,
            weight_decay: spec.weight_decay,
        };
        let mut probe = Probe::new(train.width, self.classes, self.seed, self.device).with_rule(rule);
        let features = matrix(train, self.device);
        let labels: Vec<i64> = train.labels.iter().map(|label| *label as i64).collect();
        let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [rows]), self.device);
        let (steps, rows) = (rows / batch, (0..rows).collect::<Vec<_>>());
        for epoch in 0..spec.epochs {
            let order = tune::shuffled(&rows, self.seed, epoch as u64);
            for (step, chosen) in order.chunks_exact(batch).enumerate() {
                let chosen: Vec<i64> = chosen.iter().map(|row| *row as i64).collect();
                let chosen = TensorData::new(chosen, [batch]);
                let chosen = Tensor::<1, Int>::from_data(chosen, self.device);
                let lr = schedule.at(epoch as f64 + step as f64 / steps as f64);
                let batch = (
                    features.clone().select(0, chosen.clone()),
                    labels.clone().select(0, chosen),
                );
                let _ = probe.step(batch.0, batch.1, lr);
            }
        }
        probe
    }
}

/// # Shapes
/// → `[N, D]`.
fn matrix(rows: Labelled<'_>, device: &Device) -> Tensor<2> {
    let shape = [rows.labels.len(), rows.width];
    Tensor::from_data(TensorData::new(rows.features.to_vec(), shape), device)
}
