//! What the figures of reconstruction quality are, when they are measured, and of which pictures.

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
fn fills_have_the_errors_of_what_is_filled_in_and_come_once() {
    let (normalise, side) = (Normalise::imagenet(), 24);
    let got = figures(side, 0.0, START);
    let (truth, masks) = (pictures(&normalise, 3, side), masks(3, side));
    let (mut mean, mut nearest) = (0.0, 0.0);
    for (pixels, mask) in truth.chunks_exact(3 * side * side).zip(&masks) {
        let cut = Cut {
            pixels,
            channels: 3,
            width: side,
            side: 4,
        };
        let error = |fill| {
            let filled = cut.filled(mask, fill);
            let scaled = |i: usize| f64::from(filled[i] - pixels[i]) * f64::from(normalise.std()[i / side / side]);
            let sum: f64 = (0..pixels.len()).map(|i| scaled(i).powi(2)).sum();
            sum / (mask.hidden() * 4 * 4 * 3) as f64
        };
        mean += error(Fill::Mean) / 3.0;
        nearest += error(Fill::Nearest) / 3.0;
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
