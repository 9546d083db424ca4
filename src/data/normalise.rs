//! Scaling of 8-bit samples to network input by mean and standard deviation, and back for pictures to look at.
//! Shapes: `C` channels, `H` rows, `W` columns.

use super::{DataError, Picture};
use crate::spec::trial::{DataSpec, ImgSize};

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
        Ok(Self::by(&mean, &std))
    }

    /// RGB, with the means and deviations of ImageNet.
    #[must_use]
    pub fn imagenet() -> Self {
        Self::by(&[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225])
    }

    /// By means and deviations of one or three channels.
    pub(super) fn by(mean: &[f64], std: &[f64]) -> Self {
        let f32s = |v: &[f64]| v.iter().map(|x| *x as f32).collect::<Vec<_>>();
        let (mean, std) = (f32s(mean), f32s(std));
        let scaled = |c: usize, v: usize| (v as f32 / 255.0 - mean[c]) / std[c];
        let table = (0..mean.len()).map(|c| std::array::from_fn(|v| scaled(c, v))).collect();
        Self { mean, std, table }
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
    pub(super) fn append(&self, samples: &[u8], width: usize, flip: bool, out: &mut Vec<f32>) {
        match self.channels() {
            1 => self.append_pixels(samples.as_chunks::<1>().0, width, flip, out),
            _ => self.append_pixels(samples.as_chunks::<3>().0, width, flip, out),
        }
    }

    /// One channel after the other, row by row. The number of channels is known to the compiler, and `extend` knows
    /// the length of every row: no check is left in the inner loop.
    fn append_pixels<const C: usize>(&self, pixels: &[[u8; C]], width: usize, flip: bool, out: &mut Vec<f32>) {
        out.reserve(pixels.len() * C);
        for (c, table) in self.table.iter().enumerate().take(C) {
            for row in pixels.chunks_exact(width) {
                let values = row.iter().map(|pixel| table[usize::from(pixel[c])]);
                if flip {
                    out.extend(values.rev());
                } else {
                    out.extend(values);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::set_tests::spec;
    use crate::spec::trial::DataKind;

    #[test]
    fn channels_are_scaled_one_after_the_other_and_rows_mirrored() {
        let data = spec(DataKind::Synthetic);
        let samples: Vec<u8> = (0..2 * 5 * 3).map(|v| (v * 37 % 256) as u8).collect();
        for (channels, width) in [(3, 5), (1, 10)] {
            let normalise = Normalise::new(channels, &data).unwrap();
            for flip in [false, true] {
                let mut got = vec![9.0];
                normalise.append(&samples, width, flip, &mut got);
                assert_eq!((got.len(), got[0]), (31, 9.0));
                let plane = samples.len() / channels;
                for (i, value) in got[1..].iter().enumerate() {
                    let (c, row, column) = (i / plane, i % plane / width, i % width);
                    let column = if flip { width - 1 - column } else { column };
                    let sample = f32::from(samples[(row * width + column) * channels + c]);
                    let want = (sample / 255.0 - normalise.mean[c]) / normalise.std[c];
                    assert_eq!(*value, want, "{channels} channels, {i}, flip {flip}");
                }
            }
        }
    }
}
