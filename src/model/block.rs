//! One pre-norm transformer block, the same in encoder and decoder: `x += attention(norm(x)); x += mlp(norm(x))`.
//! No dropout, no drop path, no layer scale, as in the reference's pre-training.
//!
//! `N` batch, `T` tokens, `D` width.

use burn::module::Module;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;
use burn::tensor::activation::gelu;
use burn::tensor::module::attention;

use super::init::Init;

/// Multi-head self-attention with one fused query, key and value layer.
#[derive(Module, Debug)]
pub struct Attention {
    qkv: Linear,
    proj: Linear,
    heads: usize,
}

impl Attention {
    /// # Shapes
    /// `[N, T, D]` → `[N, T, D]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [n, t, d] = x.dims();
        let parts = self
            .qkv
            .forward(x)
            .reshape([n, t, 3, self.heads, d / self.heads])
            .permute([2, 0, 3, 1, 4]);
        let part = |i: usize| parts.clone().narrow(0, i, 1).squeeze_dim::<4>(0);
        let mixed = attention(part(0), part(1), part(2), None, None, Default::default());
        self.proj.forward(mixed.swap_dims(1, 2).reshape([n, t, d]))
    }
}

/// Two linear layers around the exact (erf) GELU.
#[derive(Module, Debug)]
pub struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Mlp {
    /// # Shapes
    /// `[N, T, D]` → `[N, T, D]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.fc2.forward(gelu(self.fc1.forward(x)))
    }
}

/// Pre-norm block.
#[derive(Module, Debug)]
pub struct Block {
    norm1: LayerNorm,
    attn: Attention,
    norm2: LayerNorm,
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

    /// # Shapes
    /// `[N, T, D]` → `[N, T, D]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = x.clone() + self.attn.forward(self.norm1.forward(x));
        x.clone() + self.mlp.forward(self.norm2.forward(x))
    }
}
