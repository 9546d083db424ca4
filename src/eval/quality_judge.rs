//! How close reconstructions come to held-out pictures, in the judge's reconstruction task: whole pictures with the visible
//! patches pasted in, compared by error, structure and, with the user's network, perception; and the same of fills that know
//! nothing. Figures are per picture and averaged; nothing is drawn, and predictions are not clipped to [0, 1].
//!
//! `N` batch, `C` channels, `H`, `W` picture, `L` patches, `P` values of a patch.

use burn::tensor::{Device, Tensor, TensorData};
use mae_strategies::{Grid, Mask};
use rayon::prelude::*;

use super::fill::{Cut, Fill};
use super::judge::Moment;
use super::perceptual::Perceptual;
use super::quality::{Border, betas_for, ms_ssim, ssim_map};
use crate::data::Normalise;
use crate::model::{MaskBatch, patch};
use crate::spec::trial::ImgSize;

/// The figures, in their order: error and ratio on hidden patches, on the whole picture, then structure and perception.
pub const FIGURES: [&str; 8] = [
    "eval_mse",
    "eval_psnr",
    "eval_image_mse",
    "eval_image_psnr",
    "eval_ssim",
    "eval_ms_ssim",
    "eval_masked_ssim",
    "eval_lpips",
];
/// Place of the last figure, which needs a network.
const LPIPS: usize = FIGURES.len() - 1;
/// The first figures, which the judge has of the model already.
const KNOWN: usize = 2;
/// Names before those of the figures, for fills.
pub const FILLS: [(&str, Fill); 2] = [("fill_mean_", Fill::Mean), ("fill_nearest_", Fill::Nearest)];
/// A perfect picture counts as 120 dB.
const LEAST_MSE: f64 = 1e-12;

/// What does not change from batch to batch.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// How pixels were scaled.
    pub normalise: &'a Normalise,
    /// Picture size.
    pub size: ImgSize,
    /// Side of a patch.
    pub patch: usize,
    /// The user's network.
    pub perceptual: Option<&'a Perceptual>,
}

/// Collects the figures of one model over all batches.
pub struct Quality<'a> {
    ground: Ground<'a>,
    /// Structure and perception too, which cost more: before and after training only.
    deep: bool,
    model: Sums,
    /// Fills depend on pictures and masks alone, so they are measured once, before training.
    fills: Option<[Sums; 2]>,
}

/// Sum and number of pictures of every figure.
type Sums = [(f64, usize); FIGURES.len()];
/// Figures of one picture; `None` where it has none.
type One = [Option<f64>; FIGURES.len()];

impl<'a> Quality<'a> {
    /// For the figures that are due at `moment`.
    #[must_use]
    pub fn new(ground: Ground<'a>, moment: Moment) -> Self {
        Self {
            ground,
            deep: moment.first || moment.last,
            model: Sums::default(),
            fills: moment.first.then(<[Sums; 2]>::default),
        }
    }

    /// Adds a batch.
    ///
    /// # Shapes
    /// truth: `N·C·H·W` normalised values; predicted `[N, L, P]`, normalised pixels as [`super::reconstruction::pixels`] gives
    /// them.
    pub fn add(&mut self, truth: &[f32], predicted: Tensor<3>, masks: &MaskBatch) {
        let device = predicted.device();
        let Ground { size, patch, .. } = self.ground;
        let (rows, columns) = (size.height / patch, size.width / patch);
        let predicted = patch::unpatchify(predicted, patch, rows, columns).into_data();
        let predicted: Vec<f32> = predicted.iter::<f32>().collect();
        let each = truth.len() / masks.n;
        let cases: Vec<Case> = (0..masks.n)
            .map(|i| Case::new(&self.ground, &truth[i * each..(i + 1) * each], masks, i))
            .collect();
        let pasted = |(case, guess): (&Case, &[f32])| case.pasted(&self.ground, guess);
        let guesses: Vec<Vec<f32>> = cases.par_iter().zip(predicted.par_chunks(each)).map(pasted).collect();
        let (ground, deep) = (&self.ground, self.deep);
        let ones = ground.compare(&cases, &guesses, deep, &device);
        sum_up(&mut self.model, &ones);
        for (sums, (_, fill)) in self.fills.iter_mut().flatten().zip(FILLS) {
            let fills: Vec<Vec<f32>> = cases.par_iter().map(|case| case.filled(ground, fill)).collect();
            sum_up(sums, &ground.compare(&cases, &fills, deep, &device));
        }
    }

    /// Means over pictures, by name; what no picture has is left out, and so is what the judge has of the model already.
    #[must_use]
    pub fn figures(&self) -> Vec<(String, f64)> {
        let named = |prefix: &'static str, from: usize, sums: &Sums| {
            let means = FIGURES.iter().zip(*sums).skip(from).filter(|(_, (_, n))| *n > 0);
            let means = means.map(move |(name, (sum, n))| (format!("{prefix}{name}"), sum / n as f64));
            means.collect::<Vec<_>>()
        };
        let fills = self.fills.iter().flatten().zip(FILLS);
        let fills = fills.flat_map(|(sums, (prefix, _))| named(prefix, 0, sums));
        named("", KNOWN, &self.model).into_iter().chain(fills).collect()
    }
}

fn sum_up(sums: &mut Sums, ones: &[One]) {
    for one in ones {
        for ((sum, n), figure) in sums.iter_mut().zip(one) {
            if let Some(figure) = figure {
                *sum += figure;
                *n += 1;
            }
        }
    }
}

/// A held-out picture under its mask.
struct Case<'a> {
    /// Normalised pixels, `[C, H, W]`.
    pixels: &'a [f32],
    /// Pixels in [0, 1].
    truth: Vec<f32>,
    /// For every pixel, whether its patch is hidden.
    hidden: Vec<bool>,
}

impl<'a> Case<'a> {
    fn new(ground: &Ground<'_>, pixels: &'a [f32], masks: &MaskBatch, i: usize) -> Self {
        let ImgSize { height, width } = ground.size;
        Self {
            pixels,
            truth: ground.in_unit(pixels),
            hidden: masks.hidden_pixels(i, ground.patch, height, width),
        }
    }

    /// The prediction in [0, 1] with the visible patches as they are.
    fn pasted(&self, ground: &Ground<'_>, guess: &[f32]) -> Vec<f32> {
        let area = self.hidden.len();
        let mut pasted = ground.in_unit(guess);
        for (i, value) in pasted.iter_mut().enumerate().filter(|(i, _)| !self.hidden[i % area]) {
            *value = self.truth[i];
        }
        pasted
    }

    fn filled(&self, ground: &Ground<'_>, fill: Fill) -> Vec<f32> {
        let cut = Cut {
            pixels: self.pixels,
            channels: ground.normalise.channels(),
            width: ground.size.width,
            side: ground.patch,
        };
        ground.in_unit(&cut.filled(&self.mask(ground), fill))
    }

    fn mask(&self, ground: &Ground<'_>) -> Mask {
        let (side, width) = (ground.patch, ground.size.width);
        let grid = Grid::new(ground.size.height / side, width / side);
        let corner = |patch: usize| patch / grid.cols * side * width + patch % grid.cols * side;
        let hidden: Vec<bool> = (0..grid.len()).map(|patch| self.hidden[corner(patch)]).collect();
        Mask::from_hidden(grid, &hidden)
    }
}

impl Ground<'_> {
    /// Normalised pixels in [0, 1].
    fn in_unit(&self, pixels: &[f32]) -> Vec<f32> {
        let area = self.size.height * self.size.width;
        let (mean, std) = (self.normalise.mean(), self.normalise.std());
        let unit = |(i, v): (usize, &f32)| v * std[i / area] + mean[i / area];
        pixels.iter().enumerate().map(unit).collect()
    }

    fn compare(&self, cases: &[Case], guesses: &[Vec<f32>], deep: bool, device: &Device) -> Vec<One> {
        let compared = cases.par_iter().zip(guesses);
        let mut ones: Vec<One> = compared.map(|(case, guess)| self.one(case, guess, deep)).collect();
        if let Some(perceptual) = self.perceptual.filter(|_| deep) {
            let tensor = |pictures: Vec<f32>| {
                let ImgSize { height, width } = self.size;
                let shape = [cases.len(), self.normalise.channels(), height, width];
                Tensor::<4>::from_data(TensorData::new(pictures, shape), device)
            };
            let truth = tensor(cases.iter().flat_map(|case| case.truth.iter().copied()).collect());
            let distances = perceptual.distances(truth, tensor(guesses.concat()));
            for (one, distance) in ones.iter_mut().zip(distances) {
                one[LPIPS] = Some(distance);
            }
        }
        ones
    }

    /// Figures of one picture without perception. Those that its size does not allow are `None`.
    fn one(&self, case: &Case, guess: &[f32], deep: bool) -> One {
        let (area, side) = (
            case.hidden.len(),
            [self.normalise.channels(), self.size.height, self.size.width],
        );
        let squares = |i: usize| (f64::from(case.truth[i]) - f64::from(guess[i])).powi(2);
        let hidden = (0..guess.len()).filter(|i| case.hidden[i % area]);
        let (sum, count) = hidden.fold((0.0, 0usize), |(sum, n), i| (sum + squares(i), n + 1));
        let (masked, whole) = (sum / count.max(1) as f64, sum / guess.len() as f64);
        let decibels = |mse: f64| Some(-10.0 * mse.max(LEAST_MSE).log10());
        let map = deep.then(|| ssim_map(&case.truth, guess, side).ok()).flatten();
        let betas = betas_for(side);
        let scales = (deep && !betas.is_empty()).then(|| ms_ssim(&case.truth, guess, side, &betas, Border::Valid).ok());
        [
            Some(masked),
            decibels(masked),
            Some(whole),
            decibels(whole),
            map.as_ref().map(|map| map.mean()),
            scales.flatten(),
            map.and_then(|map| map.mean_where(&case.hidden)),
            None,
        ]
    }
}

#[cfg(test)]
#[path = "quality_judge_tests.rs"]
mod tests;
