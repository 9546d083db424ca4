//! One picture as a model redraws it with some of its patches hidden: original, masked, reconstruction, and reconstruction
//! with the visible patches pasted in, as 8-bit pictures.

use burn::tensor::{Device, Tensor, TensorData};
use mae_strategies::Mask;

use super::neighbours::visible_statistics;
use crate::data::{Normalise, Picture};
use crate::model::batch::images;
use crate::model::{Mae, MaskBatch, patch};
use crate::spec::trial::{ImgSize, ModelSpec};

/// Grey level of hidden patches in a masked picture.
pub(super) const HIDDEN_GREY: u8 = 128;

/// Where the mean and spread come from by which predictions of normalised patches are scaled back to pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Statistics {
    /// The true ones of every patch, which the model was not shown.
    True,
    /// Those of the visible patches around a hidden one: nothing hidden is used.
    Visible,
}

/// A redrawn picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Redrawn {
    /// What the model was given, were nothing hidden.
    pub original: Picture,
    /// Hidden patches in grey.
    pub masked: Picture,
    /// Predictions for all patches.
    pub reconstruction: Picture,
    /// Predictions for hidden patches, the others as they were.
    pub pasted: Picture,
    /// Mean squared error of the hidden patches' pixels in [0, 1], before rounding to 8 bits.
    pub mse: f64,
}

/// Redraws one picture.
///
/// # Shapes
/// pixels `[C, H, W]`, normalised; the mask is of the model's grid.
#[must_use]
pub fn redraw(
    model: &Mae,
    spec: &ModelSpec,
    normalise: &Normalise,
    pixels: &[f32],
    mask: &Mask,
    statistics: Statistics,
    device: &Device,
) -> Redrawn {
    let ImgSize { height, width } = spec.img_size;
    let (p, grid) = (spec.patch_size, spec.grid());
    let masks = MaskBatch::new(std::slice::from_ref(mask));
    let image = images(pixels.to_vec(), [1, spec.in_chans, height, width], device);
    let truth = patch::patchify(image.clone(), p);
    let mut predicted = model.predict(image, &masks);
    if model.normalises_targets() {
        let (mean, spread) = match statistics {
            Statistics::True => patch::statistics(truth.clone()),
            Statistics::Visible => visible(&truth, spec, mask, device),
        };
        predicted = predicted * spread + mean;
    }
    let values = |t: Tensor<3>| -> Vec<f32> {
        let image = patch::unpatchify(t, p, grid.rows, grid.cols);
        image.into_data().iter::<f32>().collect()
    };
    let (hidden, predicted) = (masks.hidden_pixels(0, p, height, width), values(predicted));
    let (original, guess) = (
        normalise.to_picture(pixels, spec.img_size),
        normalise.to_picture(&predicted, spec.img_size),
    );
    Redrawn {
        masked: mix(&original, &hidden, |_| HIDDEN_GREY),
        pasted: mix(&original, &hidden, |i| guess.rgb[i]),
        mse: mse(pixels, &predicted, normalise.std(), &hidden),
        original,
        reconstruction: guess,
    }
}

/// `picture` with every sample of a hidden pixel replaced.
pub(super) fn mix(picture: &Picture, hidden: &[bool], at_hidden: impl Fn(usize) -> u8) -> Picture {
    let sample = |i: usize| if hidden[i / 3] { at_hidden(i) } else { picture.rgb[i] };
    Picture {
        rgb: (0..picture.rgb.len()).map(sample).collect(),
        ..picture.clone()
    }
}

/// Mean and spread of every patch from visible ones, twice `[1, L, 1]`.
fn visible(truth: &Tensor<3>, spec: &ModelSpec, mask: &Mask, device: &Device) -> (Tensor<3>, Tensor<3>) {
    let grid = spec.grid();
    let values: Vec<f32> = truth.clone().into_data().iter::<f32>().collect();
    let hidden: Vec<bool> = mask.bits().iter().map(|bit| *bit == 1).collect();
    let found = visible_statistics(&values, spec.patch_values(), grid.rows, grid.cols, &hidden);
    let column = |i: usize| {
        let column: Vec<f32> = found.iter().map(|pair| pair[i]).collect();
        Tensor::<3>::from_data(TensorData::new(column, [1, found.len(), 1]), device)
    };
    (column(0), column(1))
}

/// # Shapes
/// truth and guess `[C, H, W]`, hidden `[H, W]`.
fn mse(truth: &[f32], guess: &[f32], std: &[f32], hidden: &[bool]) -> f64 {
    let area = hidden.len();
    let squares = (0..truth.len()).filter(|i| hidden[i % area]).map(|i| {
        let difference = f64::from(truth[i] - guess[i]) * f64::from(std[i / area]);
        difference * difference
    });
    let (sum, count) = squares.fold((0.0, 0usize), |(sum, count), square| (sum + square, count + 1));
    sum / count.max(1) as f64
}
