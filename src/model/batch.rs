//! Host batches on their way to a device: pixels as tensors, and the masks of given pictures.

use burn::tensor::{Device, Tensor, TensorData};
use mae_strategies::{Mask, MaskContext, Plan};

use super::MaskBatch;
use crate::seed::{self, Purpose};

/// Pixels of a batch as a tensor.
///
/// # Shapes
/// `n·C·H·W` values → `[N, C, H, W]`.
#[must_use]
pub fn images(values: Vec<f32>, shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Masks of the pictures `indices`: each a function of (seed, purpose, epoch, picture).
#[must_use]
pub fn draw_masks(plan: &Plan, seed: u64, purpose: Purpose<'_>, epoch: u64, indices: &[usize]) -> MaskBatch {
    let context = MaskContext::default();
    let draw = |index: &usize| plan.sample(&context, &mut seed::rng(seed, purpose, epoch, *index as u64));
    MaskBatch::new(&indices.iter().map(draw).collect::<Vec<Mask>>())
}
