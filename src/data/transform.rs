//! 8-bit pictures to network input: random resized crop and flip for training (MAE, He et al. 2022, and its recipe),
//! resize and centre crop for evaluation. Bicubic (a = -0.5) with antialias on 8-bit samples, rounded after each pass,
//! as Pillow does it. Draws come in as a generator made by `crate::seed`.
//!
//! Shapes: `C` channels, `H` rows, `W` columns. Input is `Picture` (H, W, 3); output is `[C, H, W]` in f32.

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use rand::RngExt;

use super::{DataError, Picture};
use crate::seed::ChaCha8Rng;
use crate::spec::trial::{DataSpec, ImgSize};

/// A box inside a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crop {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// Draws the box of a random resized crop: an area of `scale` (shares of the picture) and an aspect (width over height)
/// drawn log-uniformly from `aspect`, at a uniform place. After ten boxes that do not fit it is the largest
/// centred box whose aspect is within the range, as torchvision documents. The aspect is the picture's, whatever the
/// shape of the network's input.
pub fn random_crop(rng: &mut ChaCha8Rng, height: usize, width: usize, scale: [f64; 2], aspect: [f64; 2]) -> Crop {
    let between = |rng: &mut ChaCha8Rng, [low, high]: [f64; 2]| low + rng.random::<f64>() * (high - low);
    let area = (height * width) as f64;
    for _ in 0..10 {
        let target = area * between(rng, scale);
        let ratio = between(rng, aspect.map(f64::ln)).exp();
        let w = (target * ratio).sqrt().round_ties_even() as usize;
        let h = (target / ratio).sqrt().round_ties_even() as usize;
        if (1..=width).contains(&w) && (1..=height).contains(&h) {
            let top = rng.random_range(0..=height - h);
            return Crop {
                top,
                left: rng.random_range(0..=width - w),
                height: h,
                width: w,
            };
        }
    }
    widest_centre(height, width, aspect)
}

fn widest_centre(height: usize, width: usize, [low, high]: [f64; 2]) -> Crop {
    let ratio = width as f64 / height as f64;
    let round = |v: f64| (v.round_ties_even() as usize).max(1);
    let (h, w) = if ratio < low {
        (round(width as f64 / low).min(height), width)
    } else if ratio > high {
        (height, round(height as f64 * high).min(width))
    } else {
        (height, width)
    };
    Crop {
        top: (height - h) / 2,
        left: (width - w) / 2,
        height: h,
        width: w,
    }
}

/// Pixel scaling: `(v / 255 - mean) / std` per channel.
#[derive(Debug, Clone)]
pub struct Normalise {
    mean: Vec<f32>,
    std: Vec<f32>,
    table: Vec<[f32; 256]>,
}

impl Normalise {
    /// For RGB the three means and deviations of `[data]`; for grey their averages.
    ///
    /// # Errors
    /// When `channels` is neither 1 nor 3.
    pub fn new(channels: usize, data: &DataSpec) -> Result<Self, DataError> {
        let average = |v: [f64; 3]| v.iter().sum::<f64>() / 3.0;
        let (mean, std) = match channels {
            3 => (data.mean.to_vec(), data.std.to_vec()),
            1 => (vec![average(data.mean)], vec![average(data.std)]),
            other => return Err(DataError::Channels(other)),
        };
        let f32s = |v: Vec<f64>| v.into_iter().map(|x| x as f32).collect::<Vec<_>>();
        let (mean, std) = (f32s(mean), f32s(std));
        let scaled = |c: usize, v: usize| (v as f32 / 255.0 - mean[c]) / std[c];
        let table = (0..channels).map(|c| std::array::from_fn(|v| scaled(c, v))).collect();
        Ok(Self { mean, std, table })
    }

    /// 1 (grey) or 3 (RGB).
    #[must_use]
    pub fn channels(&self) -> usize {
        self.mean.len()
    }

    /// Mean of each channel, in [0, 1].
    #[must_use]
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Standard deviation of each channel.
    #[must_use]
    pub fn std(&self) -> &[f32] {
        &self.std
    }

    /// Back to a picture that can be shown, clipped to [0, 255]; grey is copied to three channels.
    ///
    /// # Shapes
    /// `values`: `[C, H, W]`.
    ///
    /// # Panics
    /// When `values` is shorter than `C * height * width`.
    #[must_use]
    pub fn to_picture(&self, values: &[f32], size: ImgSize) -> Picture {
        let (plane, last) = (size.height * size.width, self.channels() - 1);
        let byte = |c: usize, i: usize| ((values[c * plane + i] * self.std[c] + self.mean[c]) * 255.0).round() as u8;
        let rgb = (0..plane)
            .flat_map(|i| [0, 1, 2].map(|c: usize| byte(c.min(last), i)))
            .collect();
        Picture {
            width: size.width,
            height: size.height,
            rgb,
        }
    }

    /// Appends `[C, H, W]` for samples in raster order, channels last.
    fn append(&self, samples: &[u8], width: usize, flip: bool, out: &mut Vec<f32>) {
        let channels = self.channels();
        for (c, table) in self.table.iter().enumerate() {
            for row in samples.chunks_exact(width * channels) {
                let channel = row.iter().skip(c).step_by(channels).map(|&v| table[usize::from(v)]);
                if flip {
                    out.extend(channel.rev())
                } else {
                    out.extend(channel)
                }
            }
        }
    }
}

/// Makes network input of pictures; keeps the resizer's buffers, so give each thread its own.
pub struct Transformer {
    size: ImgSize,
    normalise: Normalise,
    resizer: Resizer,
    options: ResizeOptions,
}

impl Transformer {
    /// For input of `size`.
    #[must_use]
    pub fn new(size: ImgSize, normalise: Normalise) -> Self {
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
            .use_alpha(false);
        Self {
            size,
            normalise,
            resizer: Resizer::new(),
            options,
        }
    }

    /// Appends the crop, resized to the input size and perhaps mirrored.
    ///
    /// # Panics
    /// When the crop is empty or not inside the picture.
    pub fn train(&mut self, picture: &Picture, crop: Crop, flip: bool, out: &mut Vec<f32>) {
        let samples = self.resized(picture, crop, self.size);
        self.normalise.append(&samples, self.size.width, flip, out);
    }

    /// Appends the evaluation view: resized so that it just covers the input size, then its centre. For a square
    /// input this is the usual resize of the shorter side, without a margin around the centre crop.
    pub fn eval(&mut self, picture: &Picture, out: &mut Vec<f32>) {
        self.eval_from(picture, self.size, out);
    }

    fn eval_from(&mut self, picture: &Picture, resize_to: ImgSize, out: &mut Vec<f32>) {
        let whole = Crop {
            top: 0,
            left: 0,
            height: picture.height,
            width: picture.width,
        };
        let large = cover(picture, resize_to);
        let samples = self.resized(picture, whole, large);
        let channels = self.normalise.channels();
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

    /// The crop alone is resized: pixels outside it must not bleed in.
    fn resized(&mut self, picture: &Picture, crop: Crop, to: ImgSize) -> Vec<u8> {
        let size = ImgSize {
            height: picture.height,
            width: picture.width,
        };
        if self.normalise.channels() == 1 {
            self.resize::<U8>(&picture.to_grey(), size, crop, to)
        } else {
            self.resize::<U8x3>(&picture.rgb, size, crop, to)
        }
    }

    /// The typed door of the resizer: its untyped one compiles for all fifteen pixel types.
    fn resize<P: PixelTrait>(&mut self, samples: &[u8], size: ImgSize, crop: Crop, to: ImgSize) -> Vec<u8> {
        let source = TypedImageRef::<P>::from_buffer(size.width as u32, size.height as u32, samples)
            .expect("a picture has as many samples as its size says");
        let [left, top, width, height] = [crop.left, crop.top, crop.width, crop.height].map(|v| v as u32);
        let source =
            TypedCroppedImage::from_ref(&source, left, top, width, height).expect("crops are drawn inside the picture");
        let mut out = vec![0; to.height * to.width * P::size()];
        let mut target = TypedImage::<P>::from_buffer(to.width as u32, to.height as u32, &mut out)
            .expect("the buffer was made for this size");
        self.resizer
            .resize_typed(&source, &mut target, &self.options)
            .expect("the whole source is resized");
        drop(target);
        out
    }
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
    use crate::seed::{Purpose, rng};

    const SCALE: [f64; 2] = [0.2, 1.0];
    const ASPECT: [f64; 2] = [0.75, 4.0 / 3.0];

    #[test]
    fn crops_are_inside_and_spread_over_area_aspect_and_place() {
        let (h, w, n) = (300usize, 400usize, 4000usize);
        let crops: Vec<Crop> = (0..n as u64)
            .map(|i| random_crop(&mut rng(1, Purpose::Augment, 0, i), h, w, SCALE, ASPECT))
            .collect();
        let mean = |f: &dyn Fn(&Crop) -> f64| crops.iter().map(f).sum::<f64>() / n as f64;
        for c in &crops {
            assert!(c.top + c.height <= h && c.left + c.width <= w, "{c:?}");
            let (area, aspect) = (
                (c.height * c.width) as f64 / (h * w) as f64,
                c.width as f64 / c.height as f64,
            );
            assert!(
                (0.195..=1.0).contains(&area) && (0.74..=1.35).contains(&aspect),
                "{c:?}"
            );
        }
        // Large boxes of unfitting aspect are drawn again, so the mean area lies a little below .6.
        assert!((0.5..0.6).contains(&mean(&|c| (c.height * c.width) as f64 / (h * w) as f64)));
        assert!(mean(&|c| (c.width as f64 / c.height as f64).ln()).abs() < 0.05);
        let centre = mean(&|c| (c.left as f64 + c.width as f64 / 2.0) / w as f64);
        assert!((centre - 0.5).abs() < 0.01, "{centre}");
        assert!(crops.iter().any(|c| c.top == 0) && crops.iter().any(|c| c.top + c.height == h));
    }

    #[test]
    fn pictures_that_no_box_fits_fall_back_to_the_centre() {
        let mut rng = rng(1, Purpose::Augment, 0, 0);
        let tall = random_crop(&mut rng, 1000, 30, [0.9, 1.0], ASPECT);
        assert_eq!(
            tall,
            Crop {
                top: 480,
                left: 0,
                height: 40,
                width: 30
            }
        );
        let wide = random_crop(&mut rng, 30, 1000, [0.9, 1.0], ASPECT);
        assert_eq!(
            wide,
            Crop {
                top: 0,
                left: 480,
                height: 30,
                width: 40
            }
        );
        assert_eq!(
            random_crop(&mut rng, 1, 1, SCALE, ASPECT),
            Crop {
                top: 0,
                left: 0,
                height: 1,
                width: 1
            }
        );
    }

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
