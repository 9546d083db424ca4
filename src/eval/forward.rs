//! What a model makes of given pictures under given masks, as plain tensors: to compare with other programs.
//!
//! `N` pictures, `L` patches, `K` visible, `D` encoder width, `P` values of a patch.

use burn::tensor::{Device, Tensor};
use mae_strategies::Mask;

use crate::model::batch::images;
use crate::model::names::Named;
use crate::model::{Mae, MaskBatch};

/// Results of a forward pass, on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Forward {
    /// Encoder tokens after the final norm, class token first, visible patches in shuffled order, `[N, 1 + K, D]`.
    pub latent: Named,
    /// What the decoder yields; `None` when it was not asked.
    pub decoded: Option<Decoded>,
}

/// Results of the decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Predictions for all patches in raster order, in the units of the target, `[N, L, P]`.
    pub pred: Named,
    /// Mean squared error over all values of all hidden patches.
    pub loss: f64,
}

/// Runs pictures through a model, `batch` at a time.
///
/// # Shapes
/// pixels: `shape = [N, C, H, W]`, normalised; `N` masks.
#[must_use]
pub fn forward(
    model: &Mae,
    pixels: &[f32],
    shape: [usize; 4],
    masks: &[Mask],
    batch: usize,
    decode: bool,
    device: &Device,
) -> Forward {
    let [n, c, h, w] = shape;
    let (mut latent, mut pred, mut loss) = (Rows::default(), Rows::default(), 0.0);
    for (pixels, masks) in pixels.chunks(batch * c * h * w).zip(masks.chunks(batch)) {
        let pixels = images(pixels.to_vec(), [masks.len(), c, h, w], device);
        let masks = MaskBatch::new(masks);
        if decode {
            let outputs = model.forward(pixels, &masks);
            latent.add(outputs.latent);
            pred.add(outputs.pred);
            // Every picture hides the same number of patches, so the mean over all is that of the means.
            loss += f64::from(outputs.loss.into_scalar::<f32>()) * masks.n as f64 / n as f64;
        } else {
            latent.add(model.encode_visible(pixels, &masks));
        }
    }
    let decoded = decode.then(|| Decoded {
        pred: pred.named(n),
        loss,
    });
    Forward {
        latent: latent.named(n),
        decoded,
    }
}

/// Batches put together on the host.
#[derive(Default)]
struct Rows {
    values: Vec<f32>,
    /// Shape without the first dimension.
    row: Vec<usize>,
}

impl Rows {
    fn add(&mut self, batch: Tensor<3>) {
        self.row = batch.dims()[1..].to_vec();
        self.values.extend(batch.into_data().iter::<f32>());
    }

    fn named(self, n: usize) -> Named {
        Named {
            shape: [vec![n], self.row].concat(),
            values: self.values,
        }
    }
}
