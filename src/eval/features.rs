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

/// Reads one feature of every labelled picture of `batches`.
///
/// # Errors
/// When the pictures cannot be had.
pub fn features(
    model: &Mae,
    spec: &ModelSpec,
    feature: Feature,
    batches: Batches,
    device: &Device,
) -> Result<Features, DataError> {
    let mut all = Features {
        width: spec.embed_dim,
        ..Features::default()
    };
    for batch in batches {
        let batch = batch?;
        let shape = [batch.len, spec.in_chans, spec.img_size.height, spec.img_size.width];
        let rows = read(model.encode(images(batch.images, shape, device)), feature).into_data();
        let rows: Vec<f32> = rows.iter::<f32>().collect();
        for (row, label) in rows.chunks_exact(all.width).zip(batch.labels) {
            if let Some(label) = label {
                all.values.extend_from_slice(row);
                all.labels.push(label);
            }
        }
    }
    Ok(all)
}

/// # Shapes
/// Twice `[N, 1 + L, D]` → `[N, D]`.
fn read(tokens: Tokens, feature: Feature) -> Tensor<2> {
    let class = |t: Tensor<3>| t.narrow(1, 0, 1).squeeze_dim::<2>(1);
    let mean = |t: Tensor<3>| {
        let patches = t.dims()[1] - 1;
        t.narrow(1, 1, patches).mean_dim(1).squeeze_dim::<2>(1)
    };
    match feature {
        Feature::Cls => class(tokens.raw),
        Feature::ClsNorm => class(tokens.normed),
        Feature::Mean => mean(tokens.raw),
        Feature::MeanNorm => mean(tokens.normed),
    }
}
