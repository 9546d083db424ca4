//! One pre-norm transformer block, the same in encoder and decoder: `x += attention(norm(x)); x += mlp(norm(x))`.
//! No dropout and no layer scale, as in the reference; drop path only where fine-tuning gives the factors.
//!
//! `N` batch, `T` tokens, `D` width.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::softmax;
use burn::tensor::{Tensor, module};

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

    /// How much the first token attends to each: its row of the softmax of the scaled products, averaged over the heads. The
    /// fused attention keeps no weights, so the one row is composed; queries of other tokens and values are not computed.
    ///
    /// # Shapes
    /// `[N, T, D]` → `[N, T]`, rows of sum 1.
    fn first_row(&self, x: Tensor<3>) -> Tensor<2> {
        let [n, t, d] = x.dims();
        let width = d / self.heads;
        let part = |x: Tensor<3>, part: usize| {
            let rows = x.dims()[1];
            let weight = self.qkv.weight.val().narrow(1, part * d, d);
            let bias = self.qkv.bias.as_ref().map(|bias| bias.val().narrow(0, part * d, d));
            let heads = module::linear(x, weight, bias).reshape([n, rows, self.heads, width]);
            heads.swap_dims(1, 2)
        };
        let query = part(x.clone().narrow(1, 0, 1), 0);
        let products = query.matmul(part(x, 1).swap_dims(2, 3));
        let weights = softmax(products / (width as f64).sqrt(), 3);
        weights.mean_dim(1).reshape([n, t])
    }
}

/// Two linear layers around the exact (erf) GELU.
#[derive(Module, Debug)]
pub struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Mlp {
    /// Draws the MLP of the block called `name`, `hidden` wide inside.
    #[must_use]
    pub fn new(init: &Init<'_>, name: &str, width: usize, hidden: usize) -> Self {
        Self {
            fc1: init.linear(&format!("{name}.mlp.fc1"), width, hidden),
            fc2: init.linear(&format!("{name}.mlp.fc2"), hidden, width),
        }
    }

    /// In the numbers of `x`.
    ///
    /// # Shapes
    /// `[N, T, D]` → `[N, T, D]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        kernels::linear(&self.fc2, kernels::linear_gelu(&self.fc1, x))
    }
}

fn zeroed(layer: Linear) -> Linear {
    Linear {
        weight: layer.weight.map(|weight| zeros_like(&weight)),
        bias: layer.bias.map(|bias| bias.map(|bias| zeros_like(&bias))),
    }
}

/// Zeros that are trained where the tensor was.
fn zeros_like<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
    let zeros = Tensor::zeros(tensor.dims(), &tensor.device());
    zeros.set_require_grad(tensor.is_require_grad())
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
            mlp: Mlp::new(init, name, width, hidden),
        }
    }

    /// With zeros in the last layers of attention and MLP: the block adds nothing, so that a network grown by it computes what
    /// it did before, and learns from there. Block expansion as in LLaMA Pro (Wu et al., arXiv 2401.02415, 2024, section
    /// 3.2); zero where a residual branch ends as in Goyal et al. (arXiv 1706.02677, 2017) and ReZero (Bachlechner et al.,
    /// arXiv 2003.04887, 2020). In the first step these layers alone have a gradient, then all.
    #[must_use]
    pub fn silenced(self) -> Self {
        let (attn, mlp) = (self.attn, self.mlp);
        Self {
            attn: Attention {
                proj: zeroed(attn.proj),
                ..attn
            },
            mlp: Mlp {
                fc2: zeroed(mlp.fc2),
                ..mlp
            },
            ..self
        }
    }

    /// How much the first token attends to each within this block, averaged over the heads; in f32.
    ///
    /// # Shapes
    /// `[N, T, D]` → `[N, T]`.
    #[must_use]
    pub fn first_row(&self, x: Tensor<3>) -> Tensor<2> {
        self.attn.first_row(self.norm1.forward(x))
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

    /// In f32, with factors on what attention and MLP add, each per picture: those of drop path.
    ///
    /// # Shapes
    /// `[N, T, D]`, twice `[N, 1, 1]` → `[N, T, D]`.
    #[must_use]
    pub fn forward_scaled(&self, x: Tensor<3>, [attn, mlp]: [Tensor<3>; 2]) -> Tensor<3> {
        let x = x.clone() + self.attn.forward(self.norm1.forward(x)) * attn;
        x.clone() + self.mlp.forward(self.norm2.forward(x)) * mlp
    }
}
