//! Patches and the loss on them, on LibTorch.

use ::tch::{Kind, Tensor};
use burn::backend::libtorch::TchTensor;

use super::Chosen;
use crate::model::patch::VARIANCE_EPS;

/// Predictions less targets.
pub(super) type Residual = TchTensor;

/// `[N, C, H, W]` as `[N·L, P]`.
fn flat(images: &Tensor, side: i64) -> Tensor {
    let (n, c, h, w) = images.size4().expect("pictures come as [N, C, H, W]");
    images
        .reshape([n, c, h / side, side, w / side, side])
        .permute([0, 2, 4, 3, 5, 1])
        .reshape([-1, side * side * c])
}

fn rows(chosen: &Chosen, like: &Tensor) -> Tensor {
    let rows: Vec<i64> = chosen.rows.iter().map(|row| i64::from(*row)).collect();
    Tensor::from_slice(&rows).to_device(like.device())
}

pub(super) fn forward(images: &Tensor, chosen: &Chosen) -> Tensor {
    let picked = flat(images, chosen.side as i64).index_select(0, &rows(chosen, images));
    let (n, values) = (images.size()[0], picked.size()[1]);
    picked.view([n, chosen.rows.len() as i64 / n, values])
}

pub(super) fn backward([n, c, h, w]: [usize; 4], chosen: &Chosen, dy: &Tensor) -> Tensor {
    let [n, c, h, w, side] = [n, c, h, w, chosen.side].map(|size| size as i64);
    let values = side * side * c;
    let zeros = Tensor::zeros([n * (h / side) * (w / side), values], (dy.kind(), dy.device()));
    zeros
        .index_add(0, &rows(chosen, dy), &dy.reshape([-1, values]))
        .view([n, h / side, w / side, side, side, c])
        .permute([0, 5, 1, 3, 2, 4])
        .reshape([n, c, h, w])
}

pub(super) fn loss_forward(pred: &Tensor, images: &Tensor, chosen: &Chosen, normalise: bool) -> (Tensor, Residual) {
    let mut target = forward(images, chosen);
    if normalise {
        let (variance, mean) = target.var_mean_correction(&[-1][..], 1, true);
        target = (target - mean) / (variance + VARIANCE_EPS).sqrt();
    }
    let residual = pred - target;
    let loss = residual.square().mean(Kind::Float).view([1]);
    (loss, TchTensor::new(residual))
}

pub(super) fn loss_backward(residual: &Residual, dy: &Tensor) -> Tensor {
    &residual.tensor * (dy * (2.0 / residual.tensor.numel() as f64))
}
