//! Raw maps: the passes of a k-fold partition, the prediction of every patch from the pass that hid it, and the squared error of
//! its pixels.

use burn::tensor::{Device, Tensor, TensorData};
use mae_strategies::{Error, Grid, Mask, Registry};

use crate::data::Normalise;
use crate::eval::neighbours::visible_statistics;
use crate::eval::redraw::Statistics;
use crate::model::batch::{Views, When, draw_mask, images};
use crate::model::{Mae, MaskBatch, patch};
use crate::seed::Purpose;
use crate::spec::trial::ModelSpec;

/// The strategy whose passes hide every patch in turn.
pub const STRATEGY: &str = "complementary";

/// How the passes are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Folds, which is passes of one partition; each hides one fold.
    pub folds: usize,
    /// Partitions, over which errors are averaged.
    pub repeats: usize,
    /// Seed of the partitions.
    pub seed: u64,
    /// By what predictions of normalised patches are scaled back. [`Statistics::True`] would take brightness and contrast of a
    /// defect from the defect itself and so hide it; only its pattern within the patch would count.
    pub statistics: Statistics,
}

/// The masks of all passes, the same for every picture: a picture's map does not depend on which others there are.
#[derive(Debug, Clone)]
pub struct Passes {
    masks: Vec<Mask>,
    statistics: Statistics,
}

impl Passes {
    /// Draws the partitions.
    ///
    /// # Errors
    /// When the strategy refuses the folds.
    pub fn new(registry: &Registry, grid: Grid, setting: Setting) -> Result<Self, Error> {
        let folds = setting.folds as i64;
        let params = [("folds".to_string(), folds.into())].into_iter().collect();
        let plan = registry.plan(STRATEGY, grid, 1.0 / setting.folds as f64, params)?;
        let pass = |number: usize| {
            let when = When {
                seed: setting.seed,
                purpose: Purpose::Anomaly,
                epoch: number as u64,
                progress: 0.0,
            };
            draw_mask(&plan, when, (0, 0), &Views::default())
        };
        Ok(Self {
            masks: (0..setting.folds * setting.repeats)
                .map(pass)
                .collect::<Result<_, _>>()?,
            statistics: setting.statistics,
        })
    }

    /// Maps of `n` pictures: for every pixel the mean, over the passes that hid it, of the squared error, itself the mean over
    /// channels, in pixels of [0, 1].
    ///
    /// # Shapes
    /// pixels: `n·C·H·W` normalised values → `n` maps `[H, W]`.
    #[must_use]
    pub fn maps(
        &self,
        model: &Mae,
        spec: &ModelSpec,
        normalise: &Normalise,
        pixels: &[f32],
        device: &Device,
    ) -> Vec<Vec<f32>> {
        let area = spec.img_size.height * spec.img_size.width;
        let each = spec.in_chans * area;
        let n = pixels.len() / each;
        let image = images(
            pixels.to_vec(),
            [n, spec.in_chans, spec.img_size.height, spec.img_size.width],
            device,
        );
        let mut maps = vec![Map::new(area); n];
        for mask in &self.masks {
            let masks = MaskBatch::new(&vec![mask.clone(); n]);
            let predicted = self.predict(model, spec, image.clone(), mask, &masks);
            let hidden = masks.hidden_pixels(0, spec.patch_size, spec.img_size.height, spec.img_size.width);
            let pictures = pixels.chunks_exact(each).zip(predicted.chunks_exact(each));
            for (map, (truth, guess)) in maps.iter_mut().zip(pictures) {
                map.add(truth, guess, normalise.std(), &hidden);
            }
        }
        maps.into_iter().map(Map::mean).collect()
    }

    /// Predictions of one pass as normalised pixels, `N·C·H·W` values.
    fn predict(&self, model: &Mae, spec: &ModelSpec, image: Tensor<4>, mask: &Mask, masks: &MaskBatch) -> Vec<f32> {
        let grid = spec.grid();
        let mut predicted = model.predict(image.clone(), masks);
        if model.normalises_targets() {
            let truth = patch::patchify(image, spec.patch_size);
            let (mean, spread) = match self.statistics {
                Statistics::True => patch::statistics(truth),
                Statistics::Visible => visible(&truth, grid, mask),
            };
            predicted = predicted * spread + mean;
        }
        let pixels = patch::unpatchify(predicted, spec.patch_size, grid.rows, grid.cols);
        pixels.into_data().iter::<f32>().collect()
    }
}

/// Mean and spread of every patch from visible ones, twice `[N, L, 1]`.
fn visible(truth: &Tensor<3>, grid: Grid, mask: &Mask) -> (Tensor<3>, Tensor<3>) {
    let ([n, patches, values], device) = (truth.dims(), truth.device());
    let all: Vec<f32> = truth.clone().into_data().iter::<f32>().collect();
    let hidden: Vec<bool> = mask.bits().iter().map(|bit| *bit == 1).collect();
    let of_picture = |picture: &[f32]| visible_statistics(picture, values, grid.rows, grid.cols, &hidden);
    let found: Vec<[f32; 2]> = all.chunks_exact(patches * values).flat_map(of_picture).collect();
    let column = |i: usize| {
        let column: Vec<f32> = found.iter().map(|pair| pair[i]).collect();
        Tensor::<3>::from_data(TensorData::new(column, [n, patches, 1]), &device)
    };
    (column(0), column(1))
}

/// Errors summed up for every pixel, and how often it was hidden.
#[derive(Clone)]
struct Map {
    sums: Vec<f32>,
    counts: Vec<u32>,
}

impl Map {
    fn new(area: usize) -> Self {
        Self {
            sums: vec![0.0; area],
            counts: vec![0; area],
        }
    }

    fn add(&mut self, truth: &[f32], guess: &[f32], std: &[f32], hidden: &[bool]) {
        let (area, channels) = (hidden.len(), std.len() as f32);
        for at in (0..area).filter(|at| hidden[*at]) {
            let square = |c: usize| ((truth[c * area + at] - guess[c * area + at]) * std[c]).powi(2);
            self.sums[at] += (0..std.len()).map(square).sum::<f32>() / channels;
            self.counts[at] += 1;
        }
    }

    fn mean(self) -> Vec<f32> {
        let pairs = self.sums.into_iter().zip(self.counts);
        pairs.map(|(sum, count)| sum / count.max(1) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(folds: usize, repeats: usize, seed: u64) -> Setting {
        Setting {
            folds,
            repeats,
            seed,
            statistics: Statistics::Visible,
        }
    }

    fn counts(grid: Grid, setting: Setting) -> Vec<usize> {
        let passes = Passes::new(&Registry::builtin(), grid, setting).unwrap();
        let mut counts = vec![0; grid.len()];
        for mask in &passes.masks {
            counts
                .iter_mut()
                .zip(mask.bits())
                .for_each(|(n, bit)| *n += usize::from(bit));
        }
        counts
    }

    #[test]
    fn every_patch_is_hidden_once_in_each_partition() {
        assert_eq!(counts(Grid::new(14, 14), setting(4, 1, 0)), [1; 196]);
        assert_eq!(counts(Grid::new(8, 8), setting(8, 3, 0)), [3; 64]);
        assert!(counts(Grid::new(5, 5), setting(4, 2, 0)).iter().all(|n| *n >= 2));
    }

    #[test]
    fn partitions_follow_from_the_seed_and_differ() {
        let masks = |seed| {
            let passes = Passes::new(&Registry::builtin(), Grid::new(8, 8), setting(4, 2, seed)).unwrap();
            passes.masks.iter().map(Mask::bits).collect::<Vec<_>>()
        };
        assert_eq!(masks(3), masks(3));
        assert_ne!(masks(3), masks(4));
        let once = masks(3);
        assert_ne!(once[..4], once[4..], "another partition in the second round");
    }

    #[test]
    fn a_pixel_has_the_mean_error_of_the_passes_that_hid_it() {
        let mut map = Map::new(2);
        map.add(
            &[1.0, 1.0, 0.0, 0.0],
            &[0.0, 9.0, 2.0, 9.0],
            &[0.5, 0.25],
            &[true, false],
        );
        assert_eq!(map.sums, [f32::midpoint(0.25, 0.25), 0.0]);
        map.add(
            &[1.0, 1.0, 0.0, 0.0],
            &[1.0, 3.0, 0.0, 0.0],
            &[0.5, 0.25],
            &[true, true],
        );
        assert_eq!(map.mean(), [0.125, 0.5]);
    }
}
