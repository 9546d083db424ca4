//! Error maps: how far a stored reconstruction is from its original, patch by patch, as a small picture in the colours of the
//! heat maps. They are computed when the page is made; the store does not hold them.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat, RgbImage};

use crate::plot::heat;
use crate::store::rows::Picture;

/// Errors of the patches of one reconstruction, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ErrorMap {
    /// Patches along the width.
    cols: u32,
    /// Patches along the height.
    rows: u32,
    /// Mean of |reconstruction − original| over the pixels and channels of each patch, as a share of the full range of a
    /// channel; NaN for a patch that the encoder sees.
    values: Vec<f64>,
}

/// A stored picture's pixels; `None` where it is no PNG.
pub(super) fn decode(picture: &Picture) -> Option<RgbImage> {
    image::load_from_memory_with_format(&picture.png, ImageFormat::Png)
        .ok()
        .map(|image| image.to_rgb8())
}

impl ErrorMap {
    /// The errors of `reconstruction`. Patches in which `masked` equals the original are those that the encoder sees; without
    /// `masked`, none is. `None` where the pictures differ in size.
    pub(super) fn of(
        original: &RgbImage,
        masked: Option<&RgbImage>,
        reconstruction: &RgbImage,
        patch: u32,
    ) -> Option<Self> {
        let size = original.dimensions();
        if patch == 0 || reconstruction.dimensions() != size || masked.is_some_and(|m| m.dimensions() != size) {
            return None;
        }
        let (cols, rows) = (size.0.div_ceil(patch), size.1.div_ceil(patch));
        let value = |i: u32| {
            let at = (i % cols * patch, i / cols * patch);
            let seen = masked.is_some_and(|m| distance(original, m, at, patch) == 0.0);
            if seen {
                f64::NAN
            } else {
                distance(original, reconstruction, at, patch)
            }
        };
        let values = (0..cols * rows).map(value).collect();
        Some(Self { cols, rows, values })
    }

    /// Errors of the hidden patches.
    fn hidden(&self) -> impl Iterator<Item = f64> {
        self.values.iter().copied().filter(|v| v.is_finite())
    }

    /// Mean over the hidden patches; `None` when none is hidden.
    pub(super) fn mean(&self) -> Option<f64> {
        let n = self.hidden().count();
        (n > 0).then(|| self.hidden().sum::<f64>() / n as f64)
    }

    /// The largest error.
    pub(super) fn largest(&self) -> f64 {
        self.hidden().fold(0.0, f64::max)
    }

    /// One pixel for each patch as PNG: light at 0, dark at `top` and above, grey where nothing is hidden.
    pub(super) fn png(&self, top: f64) -> Option<Vec<u8>> {
        let colour = |v: &f64| {
            let shade = heat(if top > 0.0 { v / top } else { *v });
            [shade.0, shade.1, shade.2]
        };
        let pixels: Vec<u8> = self.values.iter().flat_map(colour).collect();
        let mut bytes = vec![];
        PngEncoder::new(&mut bytes)
            .write_image(&pixels, self.cols, self.rows, ExtendedColorType::Rgb8)
            .ok()?;
        Some(bytes)
    }
}

/// Mean absolute difference of two pictures of one size over the pixels and channels of a patch, as a share of the range.
fn distance(a: &RgbImage, b: &RgbImage, at: (u32, u32), patch: u32) -> f64 {
    let (width, height) = a.dimensions();
    let (mut sum, mut n) = (0_u64, 0_u64);
    for y in at.1..(at.1 + patch).min(height) {
        for x in at.0..(at.0 + patch).min(width) {
            let pairs = a.get_pixel(x, y).0.into_iter().zip(b.get_pixel(x, y).0);
            sum += pairs.map(|(a, b)| u64::from(a.abs_diff(b))).sum::<u64>();
            n += 3;
        }
    }
    sum as f64 / (n.max(1) * 255) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    /// 4 x 4 pixels, each patch of 2 x 2 in one grey.
    fn picture(greys: [u8; 4]) -> RgbImage {
        RgbImage::from_fn(4, 4, |x, y| Rgb([greys[(y / 2 * 2 + x / 2) as usize]; 3]))
    }

    #[test]
    fn errors_are_mean_absolute_differences_of_hidden_patches() {
        let original = picture([0, 10, 20, 255]);
        let masked = picture([0, 127, 127, 127]);
        let guess = picture([99, 10, 71, 0]);
        let map = ErrorMap::of(&original, Some(&masked), &guess, 2).unwrap();
        assert!(map.values[0].is_nan(), "seen, whatever is drawn there");
        assert_eq!(map.values[1..], [0.0, 51.0 / 255.0, 1.0]);
        assert_eq!(map.largest(), 1.0);
        assert!((map.mean().unwrap() - 0.4).abs() < 1e-12);
        let all = ErrorMap::of(&original, None, &guess, 2).unwrap();
        assert_eq!(all.values[0], 99.0 / 255.0);
    }

    #[test]
    fn the_map_has_a_pixel_for_each_patch_in_the_colours_of_the_scale() {
        let map = ErrorMap::of(
            &picture([0, 10, 20, 255]),
            Some(&picture([0, 9, 9, 9])),
            &picture([0, 10, 71, 0]),
            2,
        )
        .unwrap();
        let drawn = image::load_from_memory(&map.png(0.2).unwrap()).unwrap().to_rgb8();
        let colour = |share: f64| {
            let c = heat(share);
            Rgb([c.0, c.1, c.2])
        };
        assert_eq!(drawn.dimensions(), (2, 2));
        let found: Vec<_> = drawn.pixels().copied().collect();
        assert_eq!(found, [colour(f64::NAN), colour(0.0), colour(1.0), colour(1.0)]);
    }

    #[test]
    fn pictures_that_do_not_fit_have_no_map() {
        let small = RgbImage::new(2, 2);
        assert_eq!(ErrorMap::of(&picture([0; 4]), None, &small, 2), None);
        assert_eq!(ErrorMap::of(&small, None, &small, 0), None);
        let odd = ErrorMap::of(&RgbImage::new(5, 3), None, &RgbImage::new(5, 3), 2).unwrap();
        assert_eq!((odd.cols, odd.rows, odd.mean()), (3, 2, Some(0.0)));
    }
}
