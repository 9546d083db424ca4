//! At what size a picture file is decoded: a function of the file's own sides and of the configuration, never of the crop
//! that was drawn or of what happens to be cached, so that a picture is the same whoever asks for it and when.

use crate::spec::trial::{DataSpec, ImgSize};

/// What a decoded picture must be large enough for: the network's input, from any crop that may be drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Least {
    size: ImgSize,
    scale: f64,
    aspect: [f64; 2],
}

impl Least {
    /// For input of `size` with the crops of `data`.
    #[must_use]
    pub fn new(size: ImgSize, data: &DataSpec) -> Self {
        Self {
            size,
            scale: data.crop_scale[0],
            aspect: data.crop_aspect,
        }
    }

    /// For input of `size` from whole pictures: crops of their full area, square or of their own shape.
    #[cfg(test)]
    pub(super) fn whole(size: ImgSize) -> Self {
        Self {
            size,
            scale: 1.0,
            aspect: [f64::MIN_POSITIVE, f64::MAX],
        }
    }

    /// The largest of 8, 4 and 1 by which both sides may be divided before anything would have to be enlarged: the
    /// evaluation view, which covers the input, or the smallest crop. 1 too where full size is not large enough. Not 2: the
    /// reducing decoder takes longer for a half than the faster one for the whole.
    #[must_use]
    pub fn divisor(&self, height: usize, width: usize) -> usize {
        let fits = |d: &usize| self.suffices(height.div_ceil(*d), width.div_ceil(*d));
        [8, 4].into_iter().find(fits).unwrap_or(1)
    }

    fn suffices(&self, height: usize, width: usize) -> bool {
        let (h, w) = (height as f64, width as f64);
        let [low, high] = self.aspect;
        let area = self.scale * h * w;
        // The narrowest box has the least area and aspect, unless it would be higher than the picture; so with the lowest.
        // Of the box for pictures that none fits, one side is the picture's, the other follows from the aspect.
        let narrow = (area * low).sqrt().max(area / h).min(w.min(h * high));
        let low = (area / high).sqrt().max(area / w).min(h.min(w / low));
        let enough =
            |least: f64, whole: usize, wanted: usize| whole >= wanted && least.round_ties_even() >= wanted as f64;
        enough(narrow, width, self.size.width) && enough(low, height, self.size.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::random_crop;
    use crate::seed::{Purpose, rng};

    const PHOTO: [f64; 2] = [0.75, 4.0 / 3.0];

    fn least(height: usize, width: usize, scale: f64, aspect: [f64; 2]) -> Least {
        let size = ImgSize { height, width };
        Least { size, scale, aspect }
    }

    #[test]
    fn the_divisor_follows_the_smallest_crop_and_the_evaluation_view() {
        let recipe = least(224, 224, 0.2, PHOTO);
        let tiny = least(32, 32, 0.2, PHOTO);
        let whole = least(224, 224, 1.0, [1.0, 1.0]);
        let wide = least(64, 256, 0.2, PHOTO);
        for (rule, height, width, divisor) in [
            (recipe, 375, 500, 1),
            (recipe, 200, 200, 1),
            (recipe, 100, 4000, 1),
            // The least side of a crop of h x w is sqrt(.2 * .75 * h * w), so a quarter must have 578 x 578 pixels.
            (recipe, 2308, 2308, 1),
            (recipe, 2309, 2309, 4),
            (recipe, 1500, 2000, 1),
            (recipe, 3000, 4000, 4),
            (recipe, 6000, 8000, 8),
            (recipe, 60000, 60000, 8),
            (tiny, 375, 500, 4),
            (tiny, 90, 120, 1),
            (tiny, 1500, 2000, 8),
            (whole, 448, 448, 1),
            (whole, 893, 893, 4),
            (whole, 892, 892, 1),
            (whole, 896, 4000, 4),
            (whole, 1792, 1792, 8),
            (wide, 600, 600, 1),
            (wide, 2600, 2600, 1),
            (wide, 2700, 2700, 4),
            (least(32, 128, 1.0, PHOTO), 64, 128, 1),
        ] {
            assert_eq!(rule.divisor(height, width), divisor, "{rule:?} {height}x{width}");
        }
    }

    #[test]
    fn no_crop_of_a_reduced_picture_is_smaller_than_the_input() {
        let mut reduced = 0;
        for (n, (height, width)) in [(1200, 1200), (2500, 3000), (900, 3500), (3500, 900), (2400, 2400)]
            .into_iter()
            .enumerate()
        {
            for rule in [
                least(224, 224, 0.2, PHOTO),
                least(96, 96, 0.2, PHOTO),
                least(64, 128, 0.9, [0.5, 0.6]),
            ] {
                let divisor = rule.divisor(height, width);
                if divisor == 1 {
                    continue;
                }
                reduced += 1;
                let (h, w) = (height.div_ceil(divisor), width.div_ceil(divisor));
                for draw in 0..2000 {
                    let mut rng = rng(n as u64, Purpose::Augment, 0, draw);
                    let crop = random_crop(&mut rng, h, w, [rule.scale, 1.0], rule.aspect);
                    let enough = crop.height >= rule.size.height && crop.width >= rule.size.width;
                    assert!(enough, "{crop:?} of {h}x{w} for {rule:?}");
                }
            }
        }
        assert!(reduced >= 8, "only {reduced} rules reduced a picture");
    }
}
