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
    pub(super) fn append(&self, samples: &[u8], width: usize, flip: bool, out: &mut Vec<f32>) {
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
