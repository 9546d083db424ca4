//! `random`: hides patches uniformly at random.
//!
//! Algorithm: one uniform number for each patch; the patches with the smallest numbers stay visible, in the order of
//! their numbers. Source: He et al., *Masked Autoencoders Are Scalable Vision Learners*, CVPR 2022, section 3.
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::{Rng, RngExt};

use crate::{Error, Grid, Mask, MaskContext, MaskingStrategy, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Random;

impl MaskingStrategy for Random {
    fn id(&self) -> &'static str {
        "random"
    }

    fn summary(&self) -> &'static str {
        "Hides patches uniformly at random: one uniform number for each patch, the smallest stay visible. \
         Hides L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "He et al., Masked Autoencoders Are Scalable Vision Learners, CVPR 2022 (arXiv 2111.06377), section 3"
    }

    fn sample(&self, req: &Request, _ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let noise: Vec<f32> = (0..req.grid.len()).map(|_| rng.random()).collect();
        Ok(from_noise(req.grid, &noise, req.visible_by_ratio()))
    }
}

/// The mask that given noise leads to: patches sorted by noise, ascending and stable, the first `visible` of them kept.
/// It lets results be compared with other programs, which draw other numbers from the same seed.
///
/// # Panics
/// When the number of values is not the number of patches.
#[must_use]
pub fn from_noise(grid: Grid, noise: &[f32], visible: usize) -> Mask {
    assert_eq!(
        noise.len(),
        grid.len(),
        "a {grid} mask needs one noise value for each patch"
    );
    let mut keyed: Vec<u64> = (0u64..)
        .zip(noise)
        .map(|(i, n)| (u64::from(sort_key(*n)) << 32) | i)
        .collect();
    keyed.sort_unstable();
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the index")]
    let order = keyed.into_iter().map(|key| key as u32).collect();
    Mask::from_order(grid, order, visible)
}

/// Whole number that sorts as the float does; -0 counts as 0, NaN comes last.
fn sort_key(noise: f32) -> u32 {
    let bits = if noise.is_nan() {
        f32::NAN.to_bits()
    } else {
        (noise + 0.0).to_bits()
    };
    if bits >> 31 == 1 { !bits } else { bits | (1 << 31) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{plan, rng, snapshot};

    #[test]
    fn noise_sorts_ascending_and_stable() {
        let noise = [0.5, 0.1, f32::NAN, 0.1, -0.3, 0.0, -0.0];
        let mask = from_noise(Grid::new(1, 7), &noise, 3);
        assert_eq!(mask.ids_shuffle(), [4, 5, 6, 1, 3, 0, 2]);
        assert_eq!(mask.bits(), [1, 1, 1, 1, 0, 0, 0]);
    }

    /// Noise, restoring indices and mask of one 4x9 picture at ratio 0.5, computed with NumPy.
    #[test]
    fn given_noise_leads_to_the_references_mask() {
        let table: Vec<Vec<&str>> = include_str!("snapshots/noise_4x9.csv")
            .lines()
            .skip(1)
            .map(|line| line.split(',').collect())
            .collect();
        let column = |i: usize| table.iter().map(move |row| row[i]);
        let noise: Vec<f32> = column(0).map(|cell| cell.parse().unwrap()).collect();
        let mask = from_noise(Grid::new(4, 9), &noise, 18);
        assert_eq!(
            mask.ids_restore(),
            column(1).map(|cell| cell.parse().unwrap()).collect::<Vec<u32>>()
        );
        assert_eq!(
            mask.bits(),
            column(2).map(|cell| cell.parse().unwrap()).collect::<Vec<u8>>()
        );
    }

    #[test]
    fn every_patch_is_hidden_equally_often() {
        let plan = plan("random", "14x14", 0.75, &[]);
        let draws = 4000u32;
        let mut counts = vec![0u32; 196];
        for seed in 0..u64::from(draws) {
            let mask = plan.sample(&MaskContext::default(), &mut rng(seed)).unwrap();
            counts.iter_mut().zip(mask.bits()).for_each(|(c, b)| *c += u32::from(b));
        }
        // Standard deviation of a share: sqrt(.75 * .25 / 4000) = .0068; 5 of them is .034.
        for (patch, count) in counts.iter().enumerate() {
            let share = f64::from(*count) / f64::from(draws);
            assert!(
                (share - 0.75).abs() < 0.035,
                "patch {patch} is hidden in {share} of the masks"
            );
        }
    }

    #[test]
    fn the_kept_order_is_shuffled() {
        let mask = plan("random", "14x14", 0.75, &[])
            .sample(&MaskContext::default(), &mut rng(1))
            .unwrap();
        assert!(!mask.ids_keep().is_sorted());
    }

    #[test]
    fn snapshots() {
        snapshot("random", &[("14x14", 0.75, &[]), ("4x9", 0.5, &[]), ("1x12", 0.9, &[])]);
    }
}
