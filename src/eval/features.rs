//! Frozen features of whole pictures.

use burn::tensor::{Device, Tensor};

use crate::data::{Batches, DataError};
use crate::model::batch::images;
use crate::model::{Mae, Tokens};
use crate::spec::trial::{Feature, ModelSpec};

/// Features of labelled pictures, row by row.
#[derive(Debug, Clone, Default)]
pub struct Features {
    /// Row-major values.
    pub values: Vec<f32>,
    /// Class of each row.
    pub labels: Vec<usize>,
    /// Values of a row.
    pub width: usize,
}

impl Features {
    /// Some of the rows.
    #[must_use]
    pub fn pick(of: super::knn::Labelled<'_>, rows: &[usize]) -> Self {
        let row = |row: &usize| &of.features[row * of.width..(row + 1) * of.width];
        Self {
            values: rows.iter().flat_map(row).copied().collect(),
            labels: rows.iter().map(|row| of.labels[*row]).collect(),
            width: of.width,
        }
    }

    /// The rows as [`super::knn`] takes them.
    #[must_use]
    pub fn labelled(&self) -> super::knn::Labelled<'_> {
        super::knn::Labelled {
            features: &self.values,
            labels: &self.labels,
            width: self.width,
        }
    }
}

/// Features of pictures, row by row, whether they have a class or not.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Row-major values.
    pub values: Vec<f32>,
    /// Values of a row.
    pub width: usize,
    /// Index of each row's picture in its split.
    pub indices: Vec<usize>,
    /// Class of each row's picture.
    pub labels: Vec<Option<usize>>,
}

/// Reads one feature of every picture of `batches`.
///
/// # Errors
/// When the pictures cannot be had.
pub fn rows(
    model: &Mae,
    spec: &ModelSpec,
    feature: Feature,
    batches: Batches,
    device: &Device,
) -> Result<Rows, DataError> {
    let mut all = Rows {
        width: spec.embed_dim,
        ..Rows::default()
    };
    for batch in batches {
        let batch = batch?;
        let shape = [batch.len, spec.in_chans, spec.img_size.height, spec.img_size.width];
        all.values
            .extend(of_pixels(model, batch.images, shape, feature, device));
        all.indices.extend(batch.indices);
        all.labels.extend(batch.labels);
    }
    Ok(all)
}

/// Reads one feature of normalised pixels.
///
/// # Shapes
/// `shape = [N, C, H, W]` → `N·D` values.
#[must_use]
pub fn of_pixels(model: &Mae, pixels: Vec<f32>, shape: [usize; 4], feature: Feature, device: &Device) -> Vec<f32> {
    let tokens = model.encode(images(pixels, shape, device));
    read(&tokens, feature).into_data().iter::<f32>().collect()
}

/// One feature of whole pictures.
///
/// # Shapes
/// Twice `[N, 1 + L, D]` → `[N, D]`.
#[must_use]
pub fn read(tokens: &Tokens, feature: Feature) -> Tensor<2> {
    let class = |t: &Tensor<3>| t.clone().narrow(1, 0, 1).squeeze_dim::<2>(1);
    let mean = |t: &Tensor<3>| {
        let patches = t.dims()[1] - 1;
        t.clone().narrow(1, 1, patches).mean_dim(1).squeeze_dim::<2>(1)
    };
    match feature {
        Feature::Cls => class(&tokens.raw),
        Feature::ClsNorm => class(&tokens.normed),
        Feature::Mean => mean(&tokens.raw),
        Feature::MeanNorm => mean(&tokens.normed),
    }
}
