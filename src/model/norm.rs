//! LayerNorm with an epsilon that can be read, over the last dimension. The arithmetic is in `kernels`.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::kernels;

/// `(x − mean) / sqrt(variance + epsilon) · gamma + beta`, with the biased variance.
#[derive(Module, Debug)]
pub struct Norm {
    /// Scale, `[D]`.
    pub gamma: Param<Tensor<1>>,
    /// Shift, `[D]`.
    pub beta: Param<Tensor<1>>,
    /// Added to the variance.
    pub epsilon: f64,
}

impl Norm {
    /// # Shapes
    /// `[…, D]` → `[…, D]`.
    #[must_use]
    pub fn forward<const R: usize>(&self, x: Tensor<R>) -> Tensor<R> {
        kernels::layer_norm(x, self.gamma.val(), self.beta.val(), self.epsilon)
    }
}
