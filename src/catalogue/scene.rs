//! The photograph that masks are drawn for where no model is trained, and what a strategy may ask about it. Pixels are the
//! photograph's own. A teacher's attention, a predicted loss and marked regions are not to be had without a model or the
//! user's files: simple measures of the photograph stand in for them, and are named as such wherever they are used.

use mae_strategies::{Grid, MaskContext, Needs, Pixels};

use crate::data::{Normalise, Picture, Transformer, specimen};
use crate::spec::trial::ImgSize;

/// Side of a patch in pixels, where the photograph is large enough for the grid.
const SIDE: usize = 16;
/// Pixels along a side at most; patches are smaller on larger grids.
const MOST_PIXELS: usize = 2048;

/// Red, green and blue in brightness (ITU-R BT.601).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// A photograph cut to a grid, and all that a [`MaskContext`] may hold of it.
#[derive(Debug, Clone)]
pub struct Scene {
    picture: Picture,
    pixels: Vec<f32>,
    attention: Vec<f32>,
    loss: Vec<f32>,
    regions: Vec<f32>,
}

impl Scene {
    /// The built-in photograph, scaled and cut so that it has whole patches of `grid`.
    ///
    /// # Errors
    /// When the grid has more patches along a side than pictures here have pixels.
    pub fn new(grid: Grid) -> Result<Self, String> {
        let longer = grid.rows.max(grid.cols);
        if longer > MOST_PIXELS {
            return Err(format!(
                "grid {grid} has more than {MOST_PIXELS} patches along a side, too many for a photograph: use a smaller grid"
            ));
        }
        let side = (MOST_PIXELS / longer).clamp(1, SIDE);
        let size = ImgSize {
            height: grid.rows * side,
            width: grid.cols * side,
        };
        let normalise = Normalise::imagenet();
        let mut pixels = Vec::new();
        Transformer::new(size, normalise.clone()).eval(&specimen(), &mut pixels);
        let picture = normalise.to_picture(&pixels, size);
        let bright = brightness(&picture);
        let patches = Patches {
            bright: &bright,
            grid,
            side,
        };
        let mean = bright.iter().sum::<f32>() / bright.len() as f32;
        Ok(Self {
            attention: shares(patches.each(edges)),
            loss: patches.each(variance),
            regions: patches.each(|patch, _| patch.iter().filter(|v| **v > mean).count() as f32 / patch.len() as f32),
            picture,
            pixels,
        })
    }

    /// The photograph.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// All that can be known of the photograph, at this share of a training.
    #[must_use]
    pub fn context(&self, progress: f64) -> MaskContext<'_> {
        let pixels = Pixels {
            values: &self.pixels,
            channels: 3,
            height: self.picture.height,
            width: self.picture.width,
        };
        MaskContext::default()
            .at(progress)
            .with_pixels(pixels)
            .with_attention(&self.attention)
            .with_loss(&self.loss)
            .with_regions(&self.regions)
    }
}

/// What stands in for what a strategy needs and a photograph alone cannot tell: each as a sentence.
#[must_use]
pub fn stand_ins(needs: Needs) -> Vec<&'static str> {
    let all = [
        (
            needs.attention,
            "Edge strength of the photograph stands in for a teacher's attention.",
        ),
        (
            needs.loss,
            "Contrast within each patch of the photograph stands in for a predicted loss.",
        ),
        (
            needs.regions,
            "Bright parts of the photograph stand in for a file of marked regions.",
        ),
    ];
    all.into_iter()
        .filter(|(needed, _)| *needed)
        .map(|(_, text)| text)
        .collect()
}

/// Brightness of each pixel, 0 to 1.
fn brightness(picture: &Picture) -> Vec<f32> {
    let bright = |rgb: &[u8]| {
        rgb.iter()
            .zip(LUMA)
            .map(|(v, weight)| f32::from(*v) / 255.0 * weight)
            .sum()
    };
    picture.rgb.chunks_exact(3).map(bright).collect()
}

/// Brightness, to be read patch by patch.
struct Patches<'a> {
    bright: &'a [f32],
    grid: Grid,
    side: usize,
}

impl Patches<'_> {
    /// One value for each patch, from its pixels row by row and its side.
    fn each(&self, measure: impl Fn(&[f32], usize) -> f32) -> Vec<f32> {
        let (side, width) = (self.side, self.grid.cols * self.side);
        let patch = |l: usize| {
            let corner = l / self.grid.cols * side * width + l % self.grid.cols * side;
            let rows = (0..side).flat_map(|y| &self.bright[corner + y * width..][..side]);
            rows.copied().collect::<Vec<f32>>()
        };
        (0..self.grid.len()).map(|l| measure(&patch(l), side)).collect()
    }
}

/// Mean difference of neighbouring pixels.
fn edges(patch: &[f32], side: usize) -> f32 {
    let across = patch
        .chunks(side)
        .flat_map(|row| row.windows(2))
        .map(|pair| (pair[0] - pair[1]).abs());
    let down = patch.iter().zip(patch.iter().skip(side)).map(|(a, b)| (a - b).abs());
    across.chain(down).sum::<f32>() / patch.len() as f32
}

fn variance(patch: &[f32], _side: usize) -> f32 {
    let mean = patch.iter().sum::<f32>() / patch.len() as f32;
    patch.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / patch.len() as f32
}

/// Scaled to sum to 1, as attention does; equal where nothing is there.
fn shares(values: Vec<f32>) -> Vec<f32> {
    let sum: f32 = values.iter().sum();
    let equal = 1.0 / values.len() as f32;
    values
        .into_iter()
        .map(|v| if sum > 0.0 { v / sum } else { equal })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grid_gets_whole_patches_and_a_value_for_each() {
        for (rows, cols) in [(14, 14), (7, 13), (16, 4), (1, 1), (300, 2)] {
            let grid = Grid::new(rows, cols);
            let scene = Scene::new(grid).unwrap();
            let context = scene.context(0.5);
            let pixels = context.pixels.unwrap();
            assert_eq!((pixels.height % rows, pixels.width % cols), (0, 0), "{grid}");
            assert_eq!(pixels.values.len(), 3 * pixels.height * pixels.width);
            for values in [context.attention, context.loss, context.regions] {
                let values = values.unwrap();
                assert_eq!(values.len(), grid.len(), "{grid}");
                assert!(values.iter().all(|v| v.is_finite() && *v >= 0.0), "{grid}: {values:?}");
            }
        }
        assert!(
            Scene::new(Grid::new(1, 5000))
                .unwrap_err()
                .contains("use a smaller grid")
        );
    }

    #[test]
    fn stand_ins_tell_patches_apart_and_are_told_for_what_is_needed_only() {
        let scene = Scene::new(Grid::new(14, 14)).unwrap();
        let context = scene.context(0.0);
        for values in [context.attention, context.loss, context.regions] {
            let mut sorted = values.unwrap().to_vec();
            sorted.sort_by(f32::total_cmp);
            assert!(sorted[180] > sorted[15], "{sorted:?}");
        }
        let attention: f32 = context.attention.unwrap().iter().sum();
        assert!((attention - 1.0).abs() < 1e-4, "{attention}");
        assert_eq!(stand_ins(Needs::default()).len(), 0);
    }

    #[test]
    fn measures_of_a_patch_are_what_they_say() {
        let step = [0.0, 1.0, 0.0, 1.0];
        assert_eq!((edges(&step, 2), variance(&step, 2)), (0.5, 0.25));
        assert_eq!((edges(&[0.3; 4], 2), variance(&[0.5; 4], 2)), (0.0, 0.0));
        assert_eq!(shares(vec![1.0, 3.0]), [0.25, 0.75]);
        assert_eq!(shares(vec![0.0, 0.0]), [0.5, 0.5]);
    }
}
