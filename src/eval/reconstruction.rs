//! Reconstruction of held-out pictures: the loss in the units of the target, and the error of pixels in [0, 1].
//!
//! `N` batch, `L` patches, `P` values of a patch.

use burn::tensor::{Tensor, TensorData};

use crate::model::kernels::{Chosen, gather_patches};
use crate::model::{Mae, MaskBatch, patch};

/// Sums over pictures; divide by `pictures`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Errors {
    /// Pictures summed.
    pub pictures: usize,
    /// Mean squared error on hidden patches in the units of the target (normalised pixels, or normalised patches).
    pub loss: f64,
    /// Mean squared error on hidden patches of pixels in [0, 1].
    pub mse: f64,
    /// Mean squared error, on the same patches and in the same units, of filling every hidden patch with its own true
    /// mean: what a model with normalised targets gets without predicting anything.
    pub mean_fill_mse: f64,
    /// Peak signal-to-noise ratio of the hidden patches of each picture, in dB.
    pub psnr: f64,
}

impl Errors {
    /// Adds another batch.
    pub fn add(&mut self, other: Self) {
        self.pictures += other.pictures;
        self.loss += other.loss;
        self.mse += other.mse;
        self.mean_fill_mse += other.mean_fill_mse;
        self.psnr += other.psnr;
    }

    /// Means over pictures of loss, mse, mean fill's mse and psnr.
    #[must_use]
    pub fn means(&self) -> [f64; 4] {
        [self.loss, self.mse, self.mean_fill_mse, self.psnr].map(|sum| sum / self.pictures as f64)
    }
}

/// Predictions for all patches as normalised pixels: those of a model with normalised targets are scaled back with the
/// true mean and spread of each patch.
///
/// # Shapes
/// images `[N, C, H, W]` → `[N, L, P]`.
#[must_use]
pub fn pixels(model: &Mae, images: Tensor<4>, masks: &MaskBatch) -> Tensor<3> {
    let predicted = model.predict(images.clone(), masks);
    if !model.normalises_targets() {
        return predicted;
    }
    let (mean, spread) = patch::statistics(patch::patchify(images, model.patch_size()));
    predicted * spread + mean
}

/// Errors of one batch under its masks; `std` are the standard deviations that its channels were divided by.
///
/// # Shapes
/// images `[N, C, H, W]`.
#[must_use]
pub fn errors(model: &Mae, std: &[f32], images: Tensor<4>, masks: &MaskBatch) -> Errors {
    let shown = pixels(model, images.clone(), masks);
    errors_of(model, std, images, shown, masks)
}

/// Errors of one batch whose predictions [`pixels`] are known.
///
/// # Shapes
/// images `[N, C, H, W]`, shown `[N, L, P]`.
#[must_use]
pub fn errors_of(model: &Mae, std: &[f32], images: Tensor<4>, shown: Tensor<3>, masks: &MaskBatch) -> Errors {
    let device = images.device();
    let [n, channels, ..] = images.dims();
    let hidden = Chosen {
        rows: masks.hidden_rows(),
        side: model.patch_size(),
    };
    let index = hidden.index(&device);
    let per_picture = |difference: Tensor<3>| -> Vec<f64> {
        let mean = difference.square().mean_dim(2).mean_dim(1).into_data();
        mean.iter::<f32>().map(f64::from).collect()
    };
    let target = gather_patches(images, hidden);
    let [_, count, values] = target.dims();
    let shown = shown
        .reshape([n * masks.patches, values])
        .select(0, index)
        .reshape([n, count, values]);
    let scale: Vec<f32> = (0..values).map(|i| std[i % channels]).collect();
    let scale = Tensor::<1>::from_data(TensorData::new(scale, [values]), &device).unsqueeze::<3>();
    let difference = shown - target.clone();
    let (mean, spread) = patch::statistics(target.clone());
    let loss = if model.normalises_targets() {
        per_picture(difference.clone() / spread)
    } else {
        per_picture(difference.clone())
    };
    let mse = per_picture(difference * scale.clone());
    let mean_fill = per_picture((target - mean) * scale);
    let psnr = mse.iter().map(|mse| -10.0 * mse.max(1e-12).log10()).sum();
    Errors {
        pictures: n,
        loss: loss.iter().sum(),
        mse: mse.iter().sum(),
        mean_fill_mse: mean_fill.iter().sum(),
        psnr,
    }
}
