//! Quality of pictures against the reference: PSNR, SSIM and MS-SSIM under both rules at the border, and LPIPS with a
//! generated backbone, whose values mean nothing but check the arithmetic.

use std::collections::BTreeMap;

use mae_exp::eval::lpips::{Lpips, Network};
use mae_exp::eval::quality::{BETAS, Border, QualityError, ms_ssim, psnr, ssim};
use mae_exp::model::names::{NameError, Named};
use serde_json::Value as Json;

use crate::reference::{Case, Worst, close, tensor, test_device, values};
use crate::support::fixture;

const CASE: &str = "metrics/case.safetensors";
const SIZE: [usize; 3] = [3, 64, 64];
const LARGE: [usize; 3] = [3, 176, 192];
/// PSNR in dB and similarities, computed in double precision from pixels in single: far below the manifest's tolerances
/// (1e-3 dB, 1e-4, 5e-5), which would let a wrong constant pass.
const TIGHT: [f64; 2] = [1e-5, 1e-6];

/// Stored pictures in [0, 1].
fn pictures(case: &Case, name: &str) -> Named {
    let Named { shape, values } = case.get(name).clone();
    let values = values.into_iter().map(|v| v / 255.0).collect();
    Named { shape, values }
}

/// A figure of each of the four pairs.
fn of_pairs(case: &Case, figure: impl Fn(&[f32], &[f32]) -> f64) -> Vec<f32> {
    let (reference, altered) = (pictures(case, "ref_u8"), pictures(case, "alt_u8"));
    let n = SIZE.iter().product();
    let pairs = reference.values.chunks(n).zip(altered.values.chunks(n));
    pairs.map(|(a, b)| figure(a, b) as f32).collect()
}

#[test]
fn peak_signal_to_noise_ratio() {
    let case = Case::read(CASE);
    let got = of_pairs(&case, |a, b| psnr(a, b).unwrap());
    close("metrics psnr", &got, &case.get("psnr").values, TIGHT[0]);
    let (reference, altered) = (pictures(&case, "ref_u8"), pictures(&case, "alt_u8"));
    let pooled = psnr(&reference.values, &altered.values).unwrap() as f32;
    close(
        "metrics psnr_pooled",
        &[pooled],
        &case.get("psnr_pooled").values,
        TIGHT[0],
    );
}

#[test]
fn structural_similarity() {
    let case = Case::read(CASE);
    for (name, border) in [("ssim_valid", Border::Valid), ("ssim_reflect", Border::Reflect)] {
        let got = of_pairs(&case, |a, b| ssim(a, b, SIZE, border).unwrap());
        close(&format!("metrics {name}"), &got, &case.get(name).values, TIGHT[1]);
    }
}

#[test]
fn structural_similarity_over_scales() {
    let case = Case::read(CASE);
    let (reference, altered) = (pictures(&case, "ms_ref_u8"), pictures(&case, "ms_alt_u8"));
    for (name, border) in [
        ("ms_ssim_valid", Border::Valid),
        ("ms_ssim_torchmetrics", Border::Reflect),
    ] {
        for (suffix, betas) in [("", &BETAS[..]), ("_3scale", &[0.2, 0.3, 0.5])] {
            let got = ms_ssim(&reference.values, &altered.values, LARGE, betas, border).unwrap() as f32;
            let name = format!("{name}{suffix}");
            close(&format!("metrics {name}"), &[got], &case.get(&name).values, TIGHT[1]);
        }
    }
}

/// One generated tensor: the manifest's integer formula.
fn generated(seed: u64, index: u64, count: u64, bound: f64) -> Vec<f32> {
    let value = |i: u64| {
        let x = (seed << 48) + (index << 32) + i;
        let mut z = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let unit = (z >> 40) as f64 / f64::from(1 << 24);
        ((2.0 * unit - 1.0) * bound) as f32
    };
    (0..count).map(value).collect()
}

/// The generated backbone, checked against what the manifest says of it, and the stored heads under the package's names.
pub(crate) fn network(case: &Case, net: &str) -> BTreeMap<String, Named> {
    let manifest: Json = serde_json::from_slice(&fixture("metrics/manifest.json")).unwrap();
    let described = &manifest["lpips"]["generated"][net];
    let mut tensors = BTreeMap::new();
    for said in described["tensors"].as_array().unwrap() {
        let shape: Vec<usize> = serde_json::from_value(said["shape"].clone()).unwrap();
        let number = |of: &Json| of.as_u64().unwrap();
        let count = shape.iter().product::<usize>() as u64;
        let bound = said["bound"].as_f64().unwrap();
        let values = generated(number(&described["seed"]), number(&said["index_t"]), count, bound);
        let first: Vec<f32> = serde_json::from_value(said["first4"].clone()).unwrap();
        assert_eq!(values[..4], first);
        let sum: f64 = values.iter().map(|v| f64::from(*v)).sum();
        assert!(
            (sum - said["sum_f64"].as_f64().unwrap()).abs() < 1e-6,
            "{net} {}",
            said["name"]
        );
        tensors.insert(said["name"].as_str().unwrap().to_string(), Named { shape, values });
    }
    for i in 0..5 {
        let values = case.get(&format!("lpips_{net}_head{i}")).values.clone();
        let shape = vec![1, values.len(), 1, 1];
        tensors.insert(format!("lin{i}.model.1.weight"), Named { shape, values });
    }
    tensors
}

fn perceptual(network_kind: Network, net: &str) {
    let (case, device) = (Case::read(CASE), test_device());
    let lpips = Lpips::new(network_kind, &network(&case, net), &device).unwrap();
    let (a, b) = (pictures(&case, "ref_u8"), pictures(&case, "alt_u8"));
    let (a, b) = (tensor::<4>(&a, &device), tensor::<4>(&b, &device));
    for (name, got) in [
        (format!("lpips_{net}"), values(lpips.distance(a.clone(), b.clone()))),
        (format!("lpips_{net}_per_layer"), values(lpips.layers(a.clone(), b))),
    ] {
        let mut worst = Worst::of(&format!("metrics {name}, rel 1e-3"));
        let want = &case.get(&name).values;
        assert_eq!(got.len(), want.len());
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            worst.add(&format!("value {i}"), &[*got], &[*want], 1e-3 * f64::from(*want));
        }
        worst.done();
    }
    assert_eq!(values(lpips.distance(a.clone(), a)), [0.0; 4]);
}

#[test]
fn perceptual_distance_by_alexnet() {
    perceptual(Network::Alex, "alex");
}

#[test]
fn perceptual_distance_by_vgg() {
    perceptual(Network::Vgg, "vgg");
}

#[test]
fn perceptual_weights_that_do_not_fit_are_named() {
    let (case, device) = (Case::read(CASE), test_device());
    let mut tensors = network(&case, "alex");
    let wrong = |tensors: &BTreeMap<String, Named>| Lpips::new(Network::Alex, tensors, &device).unwrap_err();
    tensors.insert(
        "classifier.6.bias".into(),
        Named {
            shape: vec![1],
            values: vec![0.0],
        },
    );
    assert!(
        Lpips::new(Network::Alex, &tensors, &device).is_ok(),
        "tensors of no use here are left alone"
    );
    let head = tensors.remove("lin3.model.1.weight").unwrap();
    assert_eq!(wrong(&tensors), NameError::Missing("lin3.model.1.weight".into()));
    let other = tensors["lin1.model.1.weight"].clone();
    tensors.insert("lin3.model.1.weight".into(), other);
    let (name, found, wanted) = ("lin3.model.1.weight".into(), vec![1, 192, 1, 1], head.shape);
    assert_eq!(wrong(&tensors), NameError::Shape { name, found, wanted });
}

#[test]
fn equal_pictures_are_as_similar_as_can_be_and_nan_shows() {
    let case = Case::read(CASE);
    let large = pictures(&case, "ms_ref_u8").values;
    let mut broken = large.clone();
    broken[100] = f32::NAN;
    assert_eq!(psnr(&large, &large), Ok(f64::INFINITY));
    assert!(psnr(&large, &broken).unwrap().is_nan());
    for border in [Border::Valid, Border::Reflect] {
        assert!((ssim(&large, &large, LARGE, border).unwrap() - 1.0).abs() < 1e-12);
        assert!((ms_ssim(&large, &large, LARGE, &BETAS, border).unwrap() - 1.0).abs() < 1e-12);
        assert!(ssim(&large, &broken, LARGE, border).unwrap().is_nan());
        assert!(ms_ssim(&large, &broken, LARGE, &BETAS, border).unwrap().is_nan());
    }
}

#[test]
fn pictures_that_cannot_be_compared_are_refused() {
    let picture = [0.5; 10 * 20];
    let small = |rows, columns, least| Err(QualityError::Small { rows, columns, least });
    assert_eq!(ssim(&picture, &picture, [1, 10, 20], Border::Valid), small(10, 20, 11));
    let large = vec![0.5; 175 * 176];
    assert_eq!(
        ms_ssim(&large, &large, [1, 176, 175], &BETAS, Border::Valid),
        small(176, 175, 176)
    );
    assert_eq!(
        ms_ssim(&large, &large, [1, 176, 175], &[], Border::Valid),
        Err(QualityError::Empty)
    );
    let wrong = |which, found| {
        Err(QualityError::Values {
            which,
            found,
            wanted: 200,
        })
    };
    assert_eq!(
        ssim(&picture[1..], &picture, [1, 10, 20], Border::Reflect),
        wrong("first", 199)
    );
    assert_eq!(psnr(&picture, &picture[..7]), wrong("second", 7));
    assert_eq!(psnr(&[], &[]), Err(QualityError::Empty));
}
