//! Random erasing (Zhong et al. 2020), with noise for every value of a rectangle, as the official fine-tuning has it.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use crate::seed::ChaCha8Rng;

/// Least and greatest area of the rectangle, as shares of the picture.
const AREA: [f64; 2] = [0.02, 1.0 / 3.0];
/// Least and greatest height over width.
const ASPECT: [f64; 2] = [0.3, 1.0 / 0.3];

/// A rectangle of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rectangle {
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

/// Draws the rectangle, smaller than the picture on either side; `None` after ten that are not.
pub(super) fn draw(height: usize, width: usize, rng: &mut ChaCha8Rng) -> Option<Rectangle> {
    let between = |rng: &mut ChaCha8Rng, [low, high]: [f64; 2]| low + rng.random::<f64>() * (high - low);
    for _ in 0..10 {
        let area = between(rng, AREA) * (height * width) as f64;
        let aspect = between(rng, ASPECT.map(f64::ln)).exp();
        let h = (area * aspect).sqrt().round() as usize;
        let w = (area / aspect).sqrt().round() as usize;
        if (1..height).contains(&h) && (1..width).contains(&w) {
            return Some(Rectangle {
                top: rng.random_range(0..=height - h),
                left: rng.random_range(0..=width - w),
                height: h,
                width: w,
            });
        }
    }
    None
}

/// Fills a rectangle with values of N(0, 1), each channel with its own.
///
/// # Shapes
/// `shape = [C, H, W]`, as many values.
pub(super) fn erase(values: &mut [f32], [channels, height, width]: [usize; 3], rng: &mut ChaCha8Rng) {
    let Some(box_) = draw(height, width, rng) else { return };
    for c in 0..channels {
        for y in box_.top..box_.top + box_.height {
            let start = (c * height + y) * width + box_.left;
            for value in &mut values[start..start + box_.width] {
                *value = StandardNormal.sample(rng);
            }
        }
    }
}
