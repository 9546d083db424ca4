//! The box of the random resized crop, drawn from a generator made by `crate::seed`. It touches no pixels.

use rand::RngExt;

use super::View;
use crate::seed::ChaCha8Rng;

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

impl Crop {
    /// What the box shows of a picture of this size, perhaps mirrored.
    #[must_use]
    pub fn view(&self, height: usize, width: usize, flip: bool) -> View {
        let share = |part: usize, whole: usize| part as f64 / whole as f64;
        View {
            top: share(self.top, height),
            left: share(self.left, width),
            height: share(self.height, height),
            width: share(self.width, width),
            flip,
        }
    }
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
        // Boxes too high for the 4:3 picture are drawn again. With t = ln(aspect / (4/3)) uniform in [2 ln .75, 0] and
        // the share uniform in [.2, e^t], the integrals over both give these means.
        let share = mean(&|c| (c.height * c.width) as f64 / (h * w) as f64);
        let aspect = mean(&|c| (c.width as f64 / c.height as f64).ln());
        assert!(
            (share - 0.4946).abs() < 0.012 && (aspect - 0.0376).abs() < 0.012,
            "{share} {aspect}"
        );
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
}
