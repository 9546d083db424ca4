//! Drop path (stochastic depth, Huang et al. 2016), as fine-tuning uses it: in training, a residual branch of a picture is
//! skipped with a probability that rises linearly from 0 in the first block to the given rate in the last; a branch that
//! stays is scaled so that its expectation does not change. Draws are a function of (run seed, epoch, picture).
//!
//! `N` pictures.

use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;

use crate::seed::{self, Purpose};

/// Branches of a block: attention and MLP.
const BRANCHES: usize = 2;

/// Factors on the residual branches of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct DropPath {
    /// Block by block, branch by branch, picture by picture: 0 for a skipped branch.
    factors: Vec<f32>,
    n: usize,
}

impl DropPath {
    /// Draws for the pictures of these numbers in an epoch, through `depth` blocks, with `rate` in the last.
    #[must_use]
    pub fn draw(rate: f64, depth: usize, seed: u64, epoch: u64, pictures: &[usize]) -> Self {
        let n = pictures.len();
        let mut factors = vec![0.0; depth * BRANCHES * n];
        for (i, picture) in pictures.iter().enumerate() {
            let mut rng = seed::rng(seed, Purpose::DropPath, epoch, *picture as u64);
            for branch in 0..depth * BRANCHES {
                let skipped = probability(rate, branch / BRANCHES, depth);
                if rng.random::<f64>() >= skipped {
                    factors[branch * n + i] = (1.0 / (1.0 - skipped)) as f32;
                }
            }
        }
        Self { factors, n }
    }

    /// Factors of attention and MLP of a block.
    ///
    /// # Shapes
    /// → twice `[N, 1, 1]`.
    ///
    /// # Panics
    /// When `block` is not below the depth.
    #[must_use]
    pub fn factors(&self, block: usize, device: &Device) -> [Tensor<3>; BRANCHES] {
        std::array::from_fn(|branch| {
            let start = (block * BRANCHES + branch) * self.n;
            let values = self.factors[start..start + self.n].to_vec();
            Tensor::from_data(TensorData::new(values, [self.n, 1, 1]), device)
        })
    }
}

/// Probability that a branch of a block is skipped.
fn probability(rate: f64, block: usize, depth: usize) -> f64 {
    if depth > 1 {
        rate * block as f64 / (depth - 1) as f64
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::classifier::Classifier;
    use crate::spec::trial::ModelSpec;
    use crate::train::testing::{device, near, pixels, spec, values};

    #[test]
    fn expectation_is_kept_and_rates_rise_linearly() {
        let (n, depth) = (4000, 4);
        let drawn = DropPath::draw(0.3, depth, 1, 2, &(0..n).collect::<Vec<_>>());
        for (branch, factors) in drawn.factors.chunks(n).enumerate() {
            let want = 0.1 * (branch / 2) as f64;
            let skipped = factors.iter().filter(|f| **f == 0.0).count() as f64 / n as f64;
            assert!(
                (skipped - want).abs() < 0.025,
                "branch {branch}: {skipped} skipped, not {want}"
            );
            let mean = factors.iter().map(|f| f64::from(*f)).sum::<f64>() / n as f64;
            assert!((mean - 1.0).abs() < 0.04, "branch {branch}: mean factor {mean}");
        }
    }

    #[test]
    fn a_picture_draws_the_same_in_any_batch() {
        let of = |pictures: &[usize]| DropPath::draw(0.5, 6, 1, 0, pictures);
        let (both, one) = (of(&[7, 4]), of(&[4]));
        let second: Vec<f32> = both.factors.iter().skip(1).step_by(2).copied().collect();
        assert_eq!(second, one.factors);
        assert_ne!(of(&[4]), DropPath::draw(0.5, 6, 1, 1, &[4]), "epochs differ");
        assert_ne!(of(&[4]), DropPath::draw(0.5, 6, 2, 0, &[4]), "run seeds differ");
    }

    #[test]
    fn a_rate_of_nought_is_the_identity_and_a_skipped_branch_adds_nothing() {
        let spec = spec(&["model.encoder_depth=3"]).model;
        let pixels = pixels(&crate::train::testing::spec(&[]), &device());
        let model = Classifier::new(&spec, 3, 0, &device());
        let dropping = |dropped: &DropPath| values(model.features_dropping(pixels.clone(), dropped));
        let none = DropPath::draw(0.0, 3, 0, 0, &[0, 1]);
        let plain = values(model.features(pixels.clone()));
        near(&dropping(&none), &plain, 1e-6);
        let all = DropPath {
            factors: vec![0.0; 3 * BRANCHES * 2],
            n: 2,
        };
        // Without its branches the encoder is its embedding, as one without blocks.
        let shallow = ModelSpec {
            encoder_depth: 0,
            ..spec
        };
        let shallow = values(Classifier::new(&shallow, 3, 0, &device()).features(pixels.clone()));
        near(&dropping(&all), &shallow, 1e-6);
        assert!(
            plain.iter().zip(&shallow).any(|(a, b)| (a - b).abs() > 1e-2),
            "blocks do something"
        );
    }
}
