//! Pictures of reconstructions: original, masked, reconstruction, and reconstruction with the visible patches pasted in.

use burn::tensor::Tensor;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};

use crate::data::{Normalise, Picture as Pixels};
use crate::model::{Mae, MaskBatch, patch};
use crate::spec::trial::ImgSize;
use crate::store::rows::Picture;

use super::reconstruction;
use super::redraw::{HIDDEN_GREY, mix};

/// What to write beside a drawn picture.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    /// Name of the held-out picture.
    pub caption: &'a str,
    /// Number of the held-out picture.
    pub item: usize,
    /// Epochs trained.
    pub epoch: f64,
    /// Draw the original and the masked picture too.
    pub whole: bool,
}

/// Draws one held-out picture.
///
/// # Shapes
/// image `[1, C, H, W]`.
///
/// # Errors
/// When a PNG cannot be encoded.
pub fn draw(
    model: &Mae,
    normalise: &Normalise,
    image: Tensor<4>,
    masks: &MaskBatch,
    labels: Labels<'_>,
) -> Result<Vec<Picture>, ImageError> {
    let [_, _, height, width] = image.dims();
    let p = model.patch_size();
    let rgb = |t: Tensor<4>| {
        let values: Vec<f32> = t.into_data().iter::<f32>().collect();
        normalise.to_picture(&values, ImgSize { height, width })
    };
    let predicted = reconstruction::pixels(model, image.clone(), masks);
    let guess = rgb(patch::unpatchify(predicted, p, height / p, width / p));
    let truth = rgb(image);
    let hidden = masks.hidden_pixels(0, p, height, width);
    let mut drawn = vec![
        ("reconstruction", guess.clone()),
        ("pasted", mix(&truth, &hidden, |i| guess.rgb[i])),
    ];
    if labels.whole {
        drawn.push(("original", truth.clone()));
        drawn.push(("masked", mix(&truth, &hidden, |_| HIDDEN_GREY)));
    }
    let row = |(kind, pixels): (&str, Pixels)| {
        Ok(Picture {
            kind: kind.into(),
            item: labels.item as i64,
            caption: labels.caption.into(),
            epoch: labels.epoch,
            width: width as i64,
            height: height as i64,
            png: png(&pixels)?,
        })
    };
    drawn.into_iter().map(row).collect()
}

/// A picture as PNG.
///
/// # Errors
/// When the encoder refuses.
pub fn png(pixels: &Pixels) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    let (width, height) = (pixels.width as u32, pixels.height as u32);
    PngEncoder::new(&mut bytes).write_image(&pixels.rgb, width, height, ExtendedColorType::Rgb8)?;
    Ok(bytes)
}
