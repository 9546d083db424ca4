//! A network that tells which patches will be hard to reconstruct, trained beside the autoencoder (hard patches mining, Wang
//! et al., *Hard Patches Mining for Masked Image Modeling*, CVPR 2023, arXiv 2304.05919).
//!
//! It is a decoder of its own on the encoder's tokens, as wide as the reconstructing one and `train.predictor_depth` blocks
//! deep, that gives one value for each patch. Not the size of a loss is learned but its rank: for every two patches whose
//! loss is known, which of them has the higher one ([`relative`]). The losses are constants; the encoder is trained by
//! both aims, weighed alike, as in the paper. Trained on hidden patches from the visible ones, it is asked, through the
//! [`teacher`](super::teacher), about all patches of whole pictures.
//!
//! `N` batch, `L` patches, `K` visible, `M` patches of known loss, `D` encoder width, `E` decoder width.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::activation::softplus;
use burn::tensor::{Device, Tensor};

use crate::model::MaskBatch;
use crate::model::block::Block;
use crate::model::init::Init;
use crate::model::kernels;
use crate::model::mae::{decoder_input, position_table};
use crate::model::norm::Norm;
use crate::model::precision::widen;
use crate::spec::trial::{ModelSpec, Precision};

/// Predicts how patches rank by loss.
#[derive(Module, Debug)]
pub struct Predictor {
    embed: Linear,
    mask_token: Param<Tensor<3>>,
    blocks: Vec<Block>,
    norm: Norm,
    head: Linear,
    positions: Tensor<2>,
}

impl Predictor {
    /// Draws a predictor of so many blocks for a run seed; the autoencoder's own initial values do not depend on it.
    #[must_use]
    pub fn new(spec: &ModelSpec, depth: usize, seed: u64, device: &Device) -> Self {
        let norm_eps = spec.norm_eps;
        let init = Init { seed, device, norm_eps };
        let (d, e, heads) = (spec.embed_dim, spec.decoder_embed_dim, spec.decoder_num_heads);
        let block = |i: usize| Block::new(&init, &format!("predictor.blocks.{i}"), e, heads, spec.mlp_width(e));
        Self {
            embed: init.linear("predictor.embed", d, e),
            mask_token: init.normal("predictor.mask_token", [1, 1, e], 0.02),
            blocks: (0..depth).map(block).collect(),
            norm: init.norm(e),
            head: init.linear("predictor.head", e, 1),
            positions: position_table(spec, e, device),
        }
    }

    /// The values of the patches at these places of the shuffled order: the higher, the higher the loss.
    ///
    /// # Shapes
    /// latent `[N, 1 + K, D]` → `[N, places]`.
    #[must_use]
    pub fn forward(
        &self,
        latent: Tensor<3>,
        masks: &MaskBatch,
        places: Range<usize>,
        precision: Precision,
    ) -> Tensor<2> {
        let linear = |layer: &Linear, x: Tensor<3>| widen(kernels::linear(layer, precision.narrow(x)));
        let token = self.mask_token.val();
        let x = decoder_input(linear(&self.embed, latent), token, &self.positions, masks, places.end);
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x, precision));
        let x = self.norm.forward(x).narrow(1, 1 + places.start, places.len());
        linear(&self.head, x).squeeze_dim::<2>(2)
    }
}

/// Cross-entropy of which of two patches of a picture has the higher loss, where `σ(a − b)` is the probability given to the
/// first; the mean over all pairs of different patches. Pairs of equal loss cost nothing.
///
/// # Shapes
/// guess and truth `[N, M]` → `[1]`. The truth is a constant.
#[must_use]
pub fn relative(guess: Tensor<2>, truth: Tensor<2>) -> Tensor<1> {
    let [n, m] = guess.dims();
    let truth = truth.inner();
    let order = (truth.clone().reshape([n, m, 1]) - truth.reshape([n, 1, m])).sign();
    let gap = guess.clone().reshape([n, m, 1]) - guess.reshape([n, 1, m]);
    let cost = softplus(order.clone().neg() * gap, 1.0) * order.abs();
    let pairs = (n * m * m.saturating_sub(1)).max(1);
    // Dimension by dimension: the sum of a long tensor may depend on how threads divide it.
    cost.sum_dim(2).sum_dim(1).sum() / pairs as f64
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;
    use crate::model::device::{compiled, resolve};

    fn rows<const M: usize>(values: &[[f32; M]], device: &Device) -> Tensor<2> {
        let flat: Vec<f32> = values.iter().flatten().copied().collect();
        Tensor::from_data(TensorData::new(flat, [values.len(), M]), device)
    }

    fn cost<const M: usize>(guess: &[[f32; M]], truth: &[[f32; M]]) -> f32 {
        let device = resolve(compiled()[0]).unwrap();
        relative(rows(guess, &device), rows(truth, &device)).into_scalar()
    }

    #[track_caller]
    fn near(got: f32, want: f64) {
        assert!((f64::from(got) - want).abs() < 1e-6, "{got} is not {want}");
    }

    #[test]
    fn hand_numbers() {
        let (ln2, right, wrong) = (2f64.ln(), (-1f64).exp().ln_1p(), 1f64.exp().ln_1p());
        near(cost(&[[0.0, 0.0]], &[[1.0, 2.0]]), ln2);
        near(cost(&[[0.0, 1.0]], &[[1.0, 2.0]]), right);
        near(cost(&[[0.0, 1.0]], &[[2.0, 1.0]]), wrong);
        // Each unordered pair counts twice among 6 ordered ones: (0, 1) right, (0, 2) a gap of 0, (1, 2) wrong.
        near(
            cost(&[[0.0, 1.0, 0.0]], &[[1.0, 2.0, 3.0]]),
            (right + ln2 + wrong) / 3.0,
        );
        // Two pictures are averaged and not mixed; a tie costs nothing.
        near(cost(&[[0.0, 1.0], [5.0, 7.0]], &[[1.0, 2.0], [3.0, 3.0]]), right / 2.0);
        near(cost(&[[4.0]], &[[1.0]]), 0.0);
        near(cost(&[[0.0, 500.0]], &[[2.0, 1.0]]), 500.0);
    }

    /// d/dg₀ of the mean over both ordered pairs of softplus(−(g₁ − g₀)) is σ(g₀ − g₁) where patch 1 is the harder one.
    #[test]
    fn the_gradient_pushes_the_harder_patch_up_and_leaves_the_truth() {
        let device = resolve(compiled()[0]).unwrap().autodiff();
        let guess = rows(&[[0.5, 0.0]], &device).require_grad();
        let truth = rows(&[[1.0, 2.0]], &device).require_grad();
        let grads = relative(guess.clone(), truth.clone()).backward();
        let got: Vec<f32> = guess.grad(&grads).unwrap().into_data().iter::<f32>().collect();
        let sigma = 1.0 / (1.0 + (-0.5f64).exp());
        near(got[0], sigma);
        near(got[1], -sigma);
        assert!(truth.grad(&grads).is_none());
    }
}
