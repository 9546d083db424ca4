//! Pictures of reconstructions: original, masked, reconstruction, and reconstruction with the visible patches pasted in.

use burn::tensor::Tensor;
use image::{ExtendedColorType, ImageEncoder};

use crate::model::{Mae, MaskBatch, patch};
use crate::spec::trial::DataSpec;
use crate::store::rows::Picture;

use super::reconstruction;

/// Colour of hidden patches in a masked picture, as a share of white.
const HIDDEN_GREY: f64 = 0.5;

/// What to write beside a drawn picture.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    /// Name of each held-out picture of the batch.
    pub captions: &'a [String],
    /// Number of the first one.
    pub first: usize,
    /// Epochs trained.
    pub epoch: f64,
    /// Draw the original and the masked picture too.
    pub whole: bool,
}

/// Draws one batch of held-out pictures.
///
/// # Errors
/// When a PNG cannot be encoded.
pub fn draw(
    model: &Mae,
    data: &DataSpec,
    images: Tensor<4>,
    masks: &MaskBatch,
    labels: Labels<'_>,
) -> Result<Vec<Picture>, image::ImageError> {
    let [_, channels, h, w] = images.dims();
    let p = model.patch_size();
    let read = |t: Tensor<4>| -> Vec<f32> { t.into_data().iter::<f32>().collect() };
    let predicted = reconstruction::pixels(model, images.clone(), masks);
    let predicted = read(patch::unpatchify(predicted, p, h / p, w / p));
    let original = read(images);
    let (size, canvas) = (channels * h * w, Canvas { data, channels, h, w });
    let mut pictures = Vec::new();
    for (n, caption) in labels.captions.iter().enumerate() {
        let (truth, guess) = (&original[n * size..][..size], &predicted[n * size..][..size]);
        let hidden = masks.hidden_pixels(n, p, h, w);
        let all = canvas.pixels(|i, _| truth[i]);
        let kinds = [
            ("original", labels.whole.then(|| all.clone())),
            ("masked", labels.whole.then(|| canvas.hide(&all, &hidden))),
            ("reconstruction", Some(canvas.pixels(|i, _| guess[i]))),
            (
                "pasted",
                Some(canvas.pixels(|i, at| if hidden[at] { guess[i] } else { truth[i] })),
            ),
        ];
        for (kind, rgb) in kinds {
            let Some(rgb) = rgb else { continue };
            pictures.push(Picture {
                kind: kind.into(),
                item: (labels.first + n) as i64,
                caption: caption.clone(),
                epoch: labels.epoch,
                width: w as i64,
                height: h as i64,
                png: canvas.png(&rgb)?,
            });
        }
    }
    Ok(pictures)
}

/// Turns planes of normalised values into 8-bit RGB.
struct Canvas<'a> {
    data: &'a DataSpec,
    channels: usize,
    h: usize,
    w: usize,
}

impl Canvas<'_> {
    /// `value(index into the planes, index of the pixel)`.
    fn pixels(&self, value: impl Fn(usize, usize) -> f32) -> Vec<u8> {
        let area = self.h * self.w;
        let channel = |at: usize, c: usize| {
            let c = c.min(self.channels - 1);
            let v = f64::from(value(c * area + at, at)) * self.data.std[c] + self.data.mean[c];
            (v.clamp(0.0, 1.0) * 255.0).round() as u8
        };
        (0..area)
            .flat_map(|at| [channel(at, 0), channel(at, 1), channel(at, 2)])
            .collect()
    }

    fn hide(&self, rgb: &[u8], hidden: &[bool]) -> Vec<u8> {
        let grey = (HIDDEN_GREY * 255.0) as u8;
        rgb.iter()
            .enumerate()
            .map(|(i, v)| if hidden[i / 3] { grey } else { *v })
            .collect()
    }

    fn png(&self, rgb: &[u8]) -> Result<Vec<u8>, image::ImageError> {
        let mut png = Vec::new();
        image::codecs::png::PngEncoder::new(&mut png).write_image(
            rgb,
            self.w as u32,
            self.h as u32,
            ExtendedColorType::Rgb8,
        )?;
        Ok(png)
    }
}
