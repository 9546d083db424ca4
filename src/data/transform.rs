//! 8-bit pictures to network input: random resized crop and flip for training (MAE, He et al. 2022, and its recipe),
//! resize and centre crop for evaluation. Bicubic (a = -0.5) with antialias on 8-bit samples, rounded after each pass,
//! as Pillow does it; what to crop is drawn in `crop`.
//!
//! Shapes: `C` channels, `H` rows, `W` columns. Input is `Picture` (H, W, 3); output is `[C, H, W]` in f32.

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

use super::augment::Samples;
use super::{Augment, Crop, Normalise, Picture, View};
use crate::seed::ChaCha8Rng;
use crate::spec::trial::ImgSize;

/// Makes network input of pictures; keeps the resizer's buffers, so give each thread its own.
pub struct Transformer {
    size: ImgSize,
    normalise: Normalise,
    scaler: Scaler,
}

/// The resizer, and the samples that its two passes leave: kept, because memory fresh from the system costs as much as
/// the passes themselves.
struct Scaler {
    resizer: Resizer,
    options: ResizeOptions,
    columns: Vec<u8>,
    rows: Vec<u8>,
}

impl Transformer {
    /// For input of `size`.
    #[must_use]
    pub fn new(size: ImgSize, normalise: Normalise) -> Self {
        Self {
            size,
            normalise,
            scaler: Scaler::new(),
        }
    }

    /// Appends the crop, resized to the input size and perhaps mirrored.
    ///
    /// # Panics
    /// When the crop is empty or not inside the picture.
    pub fn train(&mut self, picture: &Picture, crop: Crop, flip: bool, out: &mut Vec<f32>) {
        let samples = self.scaler.run(picture, crop, self.size, self.normalise.channels());
        self.normalise.append(samples, self.size.width, flip, out);
    }

    /// The same with random operations on the samples between the two (they come before the flip, whose mirror image of an
    /// operation is as likely as the operation) and perhaps a rectangle of noise in the end.
    ///
    /// # Panics
    /// When the crop is empty or not inside the picture.
    pub fn augmented(
        &mut self,
        picture: &Picture,
        crop: Crop,
        flip: bool,
        (augment, rng): (Augment, &mut ChaCha8Rng),
        out: &mut Vec<f32>,
    ) {
        let (size, channels) = (self.size, self.normalise.channels());
        let mut samples = Samples {
            height: size.height,
            width: size.width,
            channels,
            values: self.scaler.run(picture, crop, size, channels).to_vec(),
        };
        let mean = self.normalise.mean().iter();
        let fill: Vec<u8> = mean.map(|mean| (mean * 255.0).round() as u8).collect();
        augment.alter(&mut samples, &fill, rng);
        let start = out.len();
        self.normalise.append(&samples.values, size.width, flip, out);
        augment.erase(&mut out[start..], [channels, size.height, size.width], rng);
    }

    /// Appends the evaluation view: resized so that it just covers the input size, then its centre. For a square
    /// input this is the usual resize of the shorter side, without a margin around the centre crop.
    pub fn eval(&mut self, picture: &Picture, out: &mut Vec<f32>) {
        self.eval_from(picture, self.size, out);
    }

    /// What the evaluation view shows of a picture.
    #[must_use]
    pub fn eval_view(&self, picture: &Picture) -> View {
        let large = cover(picture, self.size);
        let share = |part: usize, whole: usize| part as f64 / whole as f64;
        View {
            top: share(centre(large.height, self.size.height), large.height),
            left: share(centre(large.width, self.size.width), large.width),
            height: share(self.size.height, large.height),
            width: share(self.size.width, large.width),
            flip: false,
        }
    }

    fn eval_from(&mut self, picture: &Picture, resize_to: ImgSize, out: &mut Vec<f32>) {
        let whole = Crop {
            top: 0,
            left: 0,
            height: picture.height,
            width: picture.width,
        };
        let large = cover(picture, resize_to);
        let channels = self.normalise.channels();
        let samples = self.scaler.run(picture, whole, large, channels);
        let (top, left) = (
            centre(large.height, self.size.height),
            centre(large.width, self.size.width),
        );
        let rows = samples
            .chunks_exact(large.width * channels)
            .skip(top)
            .take(self.size.height);
        let cut: Vec<u8> = rows
            .flat_map(|row| &row[left * channels..(left + self.size.width) * channels])
            .copied()
            .collect();
        self.normalise.append(&cut, self.size.width, false, out);
    }
}

impl Scaler {
    fn new() -> Self {
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
            .use_alpha(false);
        Self {
            resizer: Resizer::new(),
            options,
            columns: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// The crop alone is resized: pixels outside it must not bleed in. Returns the samples, channels last.
    fn run(&mut self, picture: &Picture, crop: Crop, to: ImgSize, channels: usize) -> &[u8] {
        let size = ImgSize {
            height: picture.height,
            width: picture.width,
        };
        if channels == 1 {
            self.resize::<U8>(&picture.to_grey(), size, crop, to)
        } else {
            self.resize::<U8x3>(&picture.rgb, size, crop, to)
        }
    }

    /// Columns first, then rows, in two calls: left to itself the resizer takes 8-bit rows first, and because values
    /// are clipped between the passes that differs from Pillow by several levels beside sharp edges.
    fn resize<P: PixelTrait>(&mut self, samples: &[u8], size: ImgSize, crop: Crop, to: ImgSize) -> &[u8] {
        let narrow = ImgSize {
            height: crop.height,
            width: to.width,
        };
        let Self {
            resizer,
            options,
            columns,
            rows,
        } = self;
        let columns = pass::<P>(resizer, options, (samples, size, crop), narrow, columns);
        if narrow == to {
            return columns;
        }
        let whole = Crop {
            top: 0,
            left: 0,
            height: narrow.height,
            width: narrow.width,
        };
        pass::<P>(resizer, options, (columns, narrow, whole), to, rows)
    }
}

/// One call of the resizer, by its typed door: the untyped one compiles for all fifteen pixel types. `source` is
/// samples, their size and the part to resize; `buffer` grows to the largest result, which is returned as its start.
fn pass<'b, P: PixelTrait>(
    resizer: &mut Resizer,
    options: &ResizeOptions,
    (samples, size, crop): (&[u8], ImgSize, Crop),
    to: ImgSize,
    buffer: &'b mut Vec<u8>,
) -> &'b [u8] {
    let source = TypedImageRef::<P>::from_buffer(size.width as u32, size.height as u32, samples)
        .expect("a picture has as many samples as its size says");
    let [left, top, width, height] = [crop.left, crop.top, crop.width, crop.height].map(|v| v as u32);
    let source =
        TypedCroppedImage::from_ref(&source, left, top, width, height).expect("crops are drawn inside the picture");
    let length = to.height * to.width * P::size();
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    let out = &mut buffer[..length];
    let mut target = TypedImage::<P>::from_buffer(to.width as u32, to.height as u32, out)
        .expect("the buffer was made for this size");
    resizer
        .resize_typed(&source, &mut target, options)
        .expect("the whole source is resized");
    drop(target);
    &buffer[..length]
}

/// Resizes a picture so that it just covers `resize_to` and takes its centre of `size`: with a square `resize_to` of
/// side `s` this is the usual "shorter side to `s`, centre crop". A `resize_to` smaller than `size` counts as `size`.
///
/// # Shapes
/// Returns `[C, H, W]`.
#[must_use]
pub fn eval_transform(picture: &Picture, size: ImgSize, resize_to: ImgSize, normalise: &Normalise) -> Vec<f32> {
    let resize_to = ImgSize {
        height: resize_to.height.max(size.height),
        width: resize_to.width.max(size.width),
    };
    let mut out = Vec::with_capacity(normalise.channels() * size.height * size.width);
    Transformer::new(size, normalise.clone()).eval_from(picture, resize_to, &mut out);
    out
}

/// The smallest size of the picture's shape that covers `to`, rounded down on the longer side.
fn cover(picture: &Picture, to: ImgSize) -> ImgSize {
    let (h, w) = (picture.height, picture.width);
    if to.height * w >= to.width * h {
        ImgSize {
            height: to.height,
            width: to.height * w / h,
        }
    } else {
        ImgSize {
            height: to.width * h / w,
            width: to.width,
        }
    }
}

/// Offset of a centred stretch, halves rounded to even.
fn centre(whole: usize, part: usize) -> usize {
    ((whole - part) as f64 / 2.0).round_ties_even() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cover_reaches_both_sides_of_any_target() {
        for (h, w) in [(90, 120), (57, 41), (1, 500), (500, 1), (7, 7)] {
            for (height, width) in [(32, 32), (16, 64), (64, 16), (1, 1)] {
                let picture = Picture {
                    width: w,
                    height: h,
                    rgb: vec![128; w * h * 3],
                };
                let size = ImgSize { height, width };
                let large = cover(&picture, size);
                assert!(
                    large.height >= height && large.width >= width,
                    "{h}x{w} to {height}x{width}"
                );
                assert!(large.height == height || large.width == width);
            }
        }
    }
}
