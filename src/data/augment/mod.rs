//! What fine-tuning does to training pictures beyond crop and flip: two random operations on the 8-bit samples
//! (RandAugment) and a rectangle of noise in the normalised ones (random erasing). Pure: samples and a generator in,
//! samples out; the loader decides when. Off in pre-training and evaluation.
//!
//! Map: `ops` lists the operations with their strengths, `point` does those on values, `warp` those on places; `policy`
//! draws them; `erasing` is the rectangle.
//!
//! Shapes: `C` channels, `H` rows, `W` columns.

mod erasing;
mod ops;
mod point;
mod policy;
mod warp;

use rand::RngExt;

use crate::seed::ChaCha8Rng;

/// Which of the two is done, and how much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augment {
    /// Magnitude of the random operations, from 0 (none are done) to 10.
    pub magnitude: f64,
    /// Probability that a rectangle is erased.
    pub erasing: f64,
}

/// 8-bit samples in raster order, channels last: `H·W·C` values, `C` 1 or 3.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Samples {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    pub(super) values: Vec<u8>,
}

impl Augment {
    /// Does the random operations. Places that come from outside the picture get `fill`, a value per channel.
    pub(super) fn alter(self, samples: &mut Samples, fill: &[u8], rng: &mut ChaCha8Rng) {
        if self.magnitude > 0.0 {
            for op in policy::draw(self.magnitude, rng) {
                op.apply(samples, fill);
            }
        }
    }

    /// Perhaps erases a rectangle of normalised samples.
    ///
    /// # Shapes
    /// `shape = [C, H, W]`, as many values.
    pub(super) fn erase(self, values: &mut [f32], shape: [usize; 3], rng: &mut ChaCha8Rng) {
        if self.erasing > 0.0 && rng.random::<f64>() < self.erasing {
            erasing::erase(values, shape, rng);
        }
    }
}

#[cfg(test)]
mod tests;
