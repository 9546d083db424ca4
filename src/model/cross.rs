//! One pre-norm block of a decoder that reads instead of mixing: `x += attention(norm(x), memory); x += mlp(norm(x))`. What
//! is decoded attends to the encoder's tokens and not to each other, so that a patch's prediction does not depend on
//! which others are decoded with it (CrossMAE, Fu et al., arXiv 2401.14391, 2024, section 3.2).
//!
//! The paper also has every block read its own weighted sum of the encoder's layers; here all of them read the last.
//!
//! `N` batch, `Q` tokens to decode, `T` tokens read, `D` width.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use super::block::Mlp;
use super::init::Init;
use super::kernels;
use super::norm::Norm;
use super::precision::widen;
use crate::spec::trial::Precision;

/// Multi-head attention from some tokens to others.
#[derive(Module, Debug)]
pub struct CrossAttention {
    q: Linear,
    kv: Linear,
    proj: Linear,
    heads: usize,
}

impl CrossAttention {
    /// In the numbers of `x` and `memory`, which are alike.
    ///
    /// # Shapes
    /// x `[N, Q, D]`, memory `[N, T, D]` → `[N, Q, D]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, memory: Tensor<3>) -> Tensor<3> {
        let [n, rows, d] = x.dims();
        let (read, width) = (memory.dims()[1], d / self.heads);
        let query = kernels::linear(&self.q, x).reshape([n, rows, self.heads, width]);
        let pairs = kernels::linear(&self.kv, memory).reshape([n, read, 2, self.heads, width]);
        let pairs = pairs.permute([2, 0, 3, 1, 4]);
        let part = |i: usize| pairs.clone().narrow(0, i, 1).squeeze_dim::<4>(0);
        let products = query.swap_dims(1, 2).matmul(part(0).swap_dims(2, 3));
        let weights = softmax(products / (width as f64).sqrt(), 3);
        let mixed = weights.matmul(part(1)).swap_dims(1, 2).reshape([n, rows, d]);
        kernels::linear(&self.proj, mixed)
    }
}

/// Pre-norm block that reads.
#[derive(Module, Debug)]
pub struct CrossBlock {
    norm1: Norm,
    attn: CrossAttention,
    norm2: Norm,
    mlp: Mlp,
}

impl CrossBlock {
    /// Draws the block called `name` (such as `decoder_cross_blocks.3`): `width` a multiple of `heads`, `hidden` the width
    /// inside the MLP.
    #[must_use]
    pub fn new(init: &Init<'_>, name: &str, width: usize, heads: usize, hidden: usize) -> Self {
        Self {
            norm1: init.norm(width),
            attn: CrossAttention {
                q: init.linear(&format!("{name}.attn.q"), width, width),
                kv: init.linear(&format!("{name}.attn.kv"), width, 2 * width),
                proj: init.linear(&format!("{name}.attn.proj"), width, width),
                heads,
            },
            norm2: init.norm(width),
            mlp: Mlp::new(init, name, width, hidden),
        }
    }

    /// In f32, but for the inside of attention and MLP.
    ///
    /// # Shapes
    /// x `[N, Q, D]`, memory `[N, T, D]` → `[N, Q, D]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, memory: Tensor<3>, inside: Precision) -> Tensor<3> {
        let normed = inside.narrow(self.norm1.forward(x.clone()));
        let x = x + widen(self.attn.forward(normed, inside.narrow(memory)));
        let normed = inside.narrow(self.norm2.forward(x.clone()));
        x + widen(self.mlp.forward(normed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::testing::{device, near, values};

    #[test]
    fn reading_oneself_is_self_attention() {
        let device = device();
        let init = Init {
            seed: 0,
            device: &device,
            norm_eps: 1e-6,
        };
        let attention = CrossBlock::new(&init, "block", 8, 2, 16).attn;
        let x = init.normal("x", [2, 5, 8], 1.0).val();
        let packed = [&attention.q, &attention.kv].map(|layer| kernels::linear(layer, x.clone()));
        let want = kernels::linear(&attention.proj, kernels::attention(Tensor::cat(packed.into(), 2), 2));
        near(&values(attention.forward(x.clone(), x)), &values(want), 1e-5);
    }
}
