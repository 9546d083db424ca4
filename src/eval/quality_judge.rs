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
            std: ground.normalise.std(),
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
mod tests {
    use mae_strategies::Registry;

    use super::*;
    use crate::eval::quality::{psnr, ssim};
    use crate::model::device;
    use crate::seed::{self, Purpose};

    const START: Moment = Moment {
        epoch: 0.0,
        first: true,
        last: false,
    };

    fn ground(normalise: &Normalise, side: usize) -> Ground<'_> {
        Ground {
            normalise,
            size: ImgSize {
                height: side,
                width: side,
            },
            patch: 4,
            perceptual: None,
        }
    }

    /// Smooth pictures as normalised values, `[n, 3, side, side]`.
    fn pictures(normalise: &Normalise, n: usize, side: usize) -> Vec<f32> {
        let area = side * side;
        let value = |i: usize| {
            let (picture, c, x, y) = (i / (3 * area), i / area % 3, i % side, i / side % side);
            let wave = ((x * (picture + 1)) as f32 * 0.4 + y as f32 * 0.3 + c as f32).sin();
            (0.5 + 0.4 * wave - normalise.mean()[c]) / normalise.std()[c]
        };
        (0..n * 3 * area).map(value).collect()
    }

    fn masks(n: usize, side: usize) -> Vec<Mask> {
        let plan = Registry::builtin().plan("random", Grid::new(side / 4, side / 4), 0.75, Default::default());
        let plan = plan.unwrap();
        let draw = |i| {
            plan.sample(&Default::default(), &mut seed::rng(0, Purpose::EvalMask, 0, i))
                .unwrap()
        };
        (0..n as u64).map(draw).collect()
    }

    /// Figures of predictions that are off by `shift` everywhere.
    fn figures(side: usize, shift: f32, moment: Moment) -> std::collections::BTreeMap<String, f64> {
        let normalise = Normalise::imagenet();
        let device = device::resolve(device::default_name()).unwrap();
        let mut quality = Quality::new(ground(&normalise, side), moment);
        let (truth, masks) = (pictures(&normalise, 3, side), masks(3, side));
        let each = 3 * side * side;
        // In two batches of unlike size, which must not matter.
        for (truth, masks) in [(&truth[..each], &masks[..1]), (&truth[each..], &masks[1..])] {
            let shape = [masks.len(), 3, side, side];
            let images = Tensor::<4>::from_data(TensorData::new(truth.to_vec(), shape), &device);
            let predicted = patch::patchify(images, 4).add_scalar(shift);
            quality.add(truth, predicted, &MaskBatch::new(masks));
        }
        quality.figures().into_iter().collect()
    }

    #[test]
    fn figures_are_those_of_the_pasted_pictures() {
        let (normalise, side, shift) = (Normalise::imagenet(), 24, 0.3);
        let got = figures(side, shift, START);
        let (truth, masks) = (pictures(&normalise, 3, side), masks(3, side));
        let (size, ground) = ([3, side, side], ground(&normalise, side));
        let (mut whole, mut ratio, mut similar, mut scales) = (0.0, 0.0, 0.0, 0.0);
        for (pixels, mask) in truth.chunks_exact(3 * side * side).zip(&masks) {
            let batch = MaskBatch::new(std::slice::from_ref(mask));
            let hidden = batch.hidden_pixels(0, 4, side, side);
            let shifted = |(i, v): (usize, &f32)| v + if hidden[i % hidden.len()] { shift } else { 0.0 };
            let guess: Vec<f32> = pixels.iter().enumerate().map(shifted).collect();
            let (a, b) = (ground.in_unit(pixels), ground.in_unit(&guess));
            let squares = a.iter().zip(&b).map(|(a, b)| f64::from(a - b).powi(2));
            whole += squares.sum::<f64>() / a.len() as f64 / 3.0;
            ratio += psnr(&a, &b).unwrap() / 3.0;
            similar += ssim(&a, &b, size, Border::Valid).unwrap() / 3.0;
            scales += ms_ssim(&a, &b, size, &betas_for(size), Border::Valid).unwrap() / 3.0;
        }
        for (name, want) in [
            ("eval_image_mse", whole),
            ("eval_image_psnr", ratio),
            ("eval_ssim", similar),
            ("eval_ms_ssim", scales),
        ] {
            assert!(
                (got[name] - want).abs() < 1e-5 * want.abs().max(1.0),
                "{name}: {} for {want}",
                got[name]
            );
        }
        assert!(
            got["eval_masked_ssim"] < got["eval_ssim"],
            "visible windows are more alike"
        );
        assert!(!got.contains_key("eval_mse"), "the judge has it already");
    }

    #[test]
    fn fills_have_the_errors_of_the_cross_table_and_come_once() {
        let (normalise, side) = (Normalise::imagenet(), 24);
        let got = figures(side, 0.0, START);
        let (truth, masks) = (pictures(&normalise, 3, side), masks(3, side));
        let (mut mean, mut nearest) = (0.0, 0.0);
        for (pixels, mask) in truth.chunks_exact(3 * side * side).zip(&masks) {
            let cut = Cut {
                pixels,
                std: normalise.std(),
                width: side,
                side: 4,
            };
            let errors = cut.errors(mask);
            mean += errors.mean / 3.0;
            nearest += errors.nearest / 3.0;
        }
        assert!((got["fill_mean_eval_mse"] - mean).abs() < 1e-6);
        assert!((got["fill_nearest_eval_mse"] - nearest).abs() < 1e-6);
        let share = masks[0].hidden() as f64 / masks[0].grid().len() as f64;
        assert!((got["fill_mean_eval_image_mse"] - share * mean).abs() < 1e-6);
        assert!(
            got["eval_ssim"] > 0.999_999 && got["fill_mean_eval_ssim"] < 0.9,
            "{got:?}"
        );
        let last = Moment {
            epoch: 2.0,
            first: false,
            last: true,
        };
        assert!(figures(side, 0.0, last).keys().all(|name| !name.starts_with("fill_")));
    }

    #[test]
    fn between_first_and_last_only_errors_are_measured_and_small_pictures_have_fewer_figures() {
        let between = Moment { first: false, ..START };
        let names = |side, moment| {
            let names = figures(side, 0.1, moment).into_keys();
            names.filter(|name| name.starts_with("eval_")).collect::<Vec<_>>()
        };
        assert_eq!(names(24, between), ["eval_image_mse", "eval_image_psnr"]);
        assert_eq!(names(8, START), ["eval_image_mse", "eval_image_psnr"]);
        assert!(
            !names(20, START).contains(&"eval_ms_ssim".to_string()),
            "one scale only"
        );
        assert!(names(20, START).contains(&"eval_ssim".to_string()));
        assert!(names(24, START).contains(&"eval_ms_ssim".to_string()));
    }

    #[test]
    fn weights_of_scales_sum_to_one() {
        for (side, scales) in [
            (21, 0),
            (22, 2),
            (43, 2),
            (44, 3),
            (88, 4),
            (175, 4),
            (176, 5),
            (1000, 5),
        ] {
            let betas = betas_for([3, side, side + 1]);
            assert_eq!(betas.len(), scales, "{side}");
            assert!(scales == 0 || (betas.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}
