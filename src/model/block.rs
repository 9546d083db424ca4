//! One pre-norm transformer block, the same in encoder and decoder: `x += attention(norm(x)); x += mlp(norm(x))`.
//! No dropout, no drop path, no layer scale, as in the reference's pre-training.
//!
//! `N` batch, `T` tokens, `D` width.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;

use super::init::Init;
use super::kernels;
use super::norm::Norm;
use super::precision::widen;
use crate::spec::trial::Precision;

/// Multi-head self-attention with one fused query, key and value layer.
#[derive(Module, Debug)]
pub struct Attention {
    qkv: Linear,
    proj: Linear,
    heads: usize,
}

impl Attention {
    /// In the numbers of `x`.
    ///
    /// # Shapes
    /// `[N, T, D]` → `[N, T, D]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let mixed = kernels::attention(kernels::linear(&self.qkv, x), self.heads);
        kernels::linear(&self.proj, mixed)
    }
}

/// Two linear layers around the exact (erf) GELU.
#[derive(Module, Debug)]
pub struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Mlp {
    /// In the numbers of `x`.
    ///
    /// # Shapes
    /// `[N, T, D]` → `[N, T, D]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        kernels::linear(&self.fc2, kernels::linear_gelu(&self.fc1, x))
    }
}

/// Pre-norm block.
#[derive(Module, Debug)]
pub struct Block {
    norm1: Norm,
    attn: Attention,
    norm2: Norm,
    mlp: Mlp,
}

impl Block {
    /// Draws the block called `name` (such as `blocks.3`): `width` a multiple of `heads`, `hidden` the width inside the MLP.
    #[must_use]
    pub fn new(init: &Init<'_>, name: &str, width: usize, heads: usize, hidden: usize) -> Self {
        Self {
            norm1: init.norm(width),
            attn: Attention {
                qkv: init.linear(&format!("{name}.attn.qkv"), width, 3 * width),
                proj: init.linear(&format!("{name}.attn.proj"), width, width),
                heads,
            },
            norm2: init.norm(width),
            mlp: Mlp {
                fc1: init.linear(&format!("{name}.mlp.fc1"), width, hidden),
                fc2: init.linear(&format!("{name}.mlp.fc2"), hidden, width),
            },
        }
    }

    /// In f32, but for the inside of attention and MLP.
    ///
    /// # Shapes
    /// `[N, T, D]` → `[N, T, D]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, inside: Precision) -> Tensor<3> {
        let normed = inside.narrow(self.norm1.forward(x.clone()));
        let x = x + widen(self.attn.forward(normed));
        let normed = inside.narrow(self.norm2.forward(x.clone()));
        x + widen(self.mlp.forward(normed))
    }
}
