//! Computing in fewer bits: where activations are rounded and where they are not.
//!
//! As autocasting does it: what goes into a matrix product is rounded to bfloat16, so that product, attention and GELU
//! compute in it; residual sums, norms and the loss stay in f32, and so do parameters, whose gradients arrive in f32.

use burn::tensor::{DType, FloatDType, Tensor};

use crate::spec::trial::Precision;

impl Precision {
    /// What goes into a matrix product.
    #[must_use]
    pub fn narrow<const R: usize>(self, x: Tensor<R>) -> Tensor<R> {
        match self {
            Self::F32 => x,
            Self::Bf16 => x.cast(FloatDType::BF16),
        }
    }
}

/// What leaves a matrix product for sums, norms and losses: always f32.
#[must_use]
pub fn widen<const R: usize>(x: Tensor<R>) -> Tensor<R> {
    if x.dtype() == DType::BF16 {
        x.cast(FloatDType::F32)
    } else {
        x
    }
}
