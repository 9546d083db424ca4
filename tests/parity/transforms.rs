//! The transforms and conversions against `tests/fixtures/transforms`: values computed by torchvision on Pillow.
//! The fixture allows 2 levels anywhere and .35 on average; this holds the transforms to 1 level and .02, so that a
//! pass out of order, which shows in a few values only, is caught too. The level that remains is the resizer's
//! integer weights, coarser than Pillow's.

use mae_exp::data::{Crop, Normalise, Picture, Transformer, decode, eval_transform};
use mae_exp::spec::trial::ImgSize;
use serde_json::Value;

use crate::reference::{Case, Worst, close, spec};
use crate::support::fixture;

fn picture(name: &str) -> Picture {
    decode(&fixture(&format!("transforms/{name}"))).unwrap()
}

fn manifest() -> Value {
    serde_json::from_slice(&fixture("transforms/manifest.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<usize> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_u64().unwrap() as usize)
        .collect()
}

fn square(side: usize) -> ImgSize {
    ImgSize {
        height: side,
        width: side,
    }
}

fn normalise() -> Normalise {
    Normalise::new(3, &spec(&[]).data).unwrap()
}

/// Holds `[C, H, W]` values against the two tensors of a case.
fn check(worst: &mut Worst, cases: &Case, case: &str, got: &[f32]) {
    let (want_u8, want_f32) = (cases.get(&format!("{case}.u8")), cases.get(&format!("{case}.f32")));
    let shown = normalise().to_picture(got, square(32));
    let levels: Vec<f32> = (0..3 * 1024)
        .map(|i| f32::from(shown.rgb[i % 1024 * 3 + i / 1024]))
        .collect();
    worst.add(case, &levels, &want_u8.values, 1.0);
    let mean = |got: &[f32], want: &[f32]| {
        let sum: f32 = got.iter().zip(want).map(|(a, b)| (a - b).abs()).sum();
        sum / got.len() as f32
    };
    let (of_levels, of_values) = (mean(&levels, &want_u8.values), mean(got, &want_f32.values));
    assert!(
        of_levels < 0.02 && of_values < 0.0004,
        "{case}: mean difference {of_levels} levels, {of_values} scaled"
    );
    assert_eq!(got.len(), want_f32.values.len());
    assert!(
        got.iter().zip(&want_f32.values).all(|(a, b)| (a - b).abs() < 0.036),
        "{case}"
    );
}

#[test]
fn crop_resize_flip_and_normalise_match() {
    let cases = Case::read("transforms/case.safetensors");
    let mut worst = Worst::of("transforms crop, resize, flip").rule("1 of 255 levels");
    for case in manifest()["random_resized_crop"].as_array().unwrap() {
        let at = numbers(&case["box_top_left_h_w"]);
        let crop = Crop {
            top: at[0],
            left: at[1],
            height: at[2],
            width: at[3],
        };
        let mut got = Vec::new();
        let source = picture(case["image"].as_str().unwrap());
        Transformer::new(square(32), normalise()).train(&source, crop, case["hflip"].as_bool().unwrap(), &mut got);
        check(&mut worst, &cases, case["tensor"].as_str().unwrap(), &got);
    }
    worst.done();
}

#[test]
fn evaluation_resize_and_centre_crop_match() {
    let cases = Case::read("transforms/case.safetensors");
    let mut worst = Worst::of("transforms evaluation").rule("1 of 255 levels");
    for case in manifest()["eval"].as_array().unwrap() {
        let side = case["shorter_side"].as_u64().unwrap() as usize;
        let source = picture(case["image"].as_str().unwrap());
        let got = eval_transform(&source, square(32), square(side), &normalise());
        check(&mut worst, &cases, case["tensor"].as_str().unwrap(), &got);
    }
    worst.done();
}

#[test]
fn grey_and_transparent_pictures_become_rgb() {
    let cases = Case::read("transforms/case.safetensors");
    for (name, tensor) in [("gray.png", "gray_as_rgb.u8"), ("rgba.png", "rgba_as_rgb.u8")] {
        let (got, want) = (picture(name), cases.get(tensor));
        let plane = got.height * got.width;
        assert_eq!(want.shape, [3, got.height, got.width]);
        let channel_first: Vec<f32> = (0..3 * plane)
            .map(|i| f32::from(got.rgb[i % plane * 3 + i / plane]))
            .collect();
        close(&format!("transforms {name} to RGB"), &channel_first, &want.values, 0.0);
    }
}

#[test]
fn grey_input_is_one_channel_scaled_by_the_average_mean() {
    let data = spec(&[]).data;
    let grey = Normalise::new(1, &data).unwrap();
    let source = picture("gray.png");
    let got = eval_transform(
        &source,
        ImgSize {
            height: source.height,
            width: source.width,
        },
        square(1),
        &grey,
    );
    let (mean, std) = (data.mean.iter().sum::<f64>() / 3.0, data.std.iter().sum::<f64>() / 3.0);
    let want: Vec<f64> = source
        .rgb
        .iter()
        .step_by(3)
        .map(|&v| (f64::from(v) / 255.0 - mean) / std)
        .collect();
    assert_eq!(got.len(), want.len());
    assert!(got.iter().zip(&want).all(|(g, w)| (f64::from(*g) - w).abs() < 1e-5));
    assert_eq!(
        grey.to_picture(
            &got,
            ImgSize {
                height: source.height,
                width: source.width
            }
        ),
        source
    );
    assert!(
        Normalise::new(2, &data)
            .unwrap_err()
            .to_string()
            .contains("model.in_chans")
    );
}
