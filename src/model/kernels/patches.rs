//! Patches picked out of pictures, and the loss on them: what is cut, and the operations composed of burn's own.

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::model::patch;

/// The patches that are picked out of a batch of pictures.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// For every patch its number in the batch: `n · L + l` for patch `l` of picture `n`, as many for each picture.
    pub rows: Arc<[u32]>,
    /// Side of a patch in pixels.
    pub side: usize,
}

impl Chosen {
    /// Their numbers as a tensor, to select rows by.
    #[must_use]
    pub fn index(&self, device: &Device) -> Tensor<1, Int> {
        let rows: Vec<i64> = self.rows.iter().map(|row| i64::from(*row)).collect();
        Tensor::from_data(TensorData::new(rows, [self.rows.len()]), device)
    }
}

/// Patches of `[N, C, H, W]` as `[N, K, P]`.
pub(super) fn composed(images: Tensor<4>, chosen: &Chosen) -> Tensor<3> {
    let n = images.dims()[0];
    let patches = patch::patchify(images, chosen.side);
    let [_, count, values] = patches.dims();
    let rows = chosen.index(&patches.device());
    patches
        .reshape([n * count, values])
        .select(0, rows)
        .reshape([n, chosen.rows.len() / n, values])
}

/// Mean squared error of `[N, K, P]` against the patches, `[1]`.
pub(super) fn composed_loss(pred: Tensor<3>, images: Tensor<4>, chosen: &Chosen, normalise: bool) -> Tensor<1> {
    let target = composed(images, chosen);
    let target = if normalise { patch::normalise(target) } else { target };
    (pred - target).square().mean()
}
