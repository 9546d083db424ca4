//! The transforms and conversions against `tests/fixtures/transforms`: values computed by torchvision on Pillow.
//! The fixture allows 2 levels anywhere and .35 on average; this holds the transforms to 1 level and .02, so that a
//! pass out of order, which shows in a few values only, is caught too. The level that remains is the resizer's
//! integer weights, coarser than Pillow's.

use std::path::PathBuf;

use safetensors::SafeTensors;
use serde_json::Value;

use super::{Crop, Normalise, Picture, Transformer, decode, eval_transform};
use crate::data::set_tests::spec;
use crate::spec::trial::{DataKind, ImgSize};

fn file(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transforms");
    std::fs::read(folder.join(name)).unwrap()
}

fn picture(name: &str) -> Picture {
    decode(&file(name)).unwrap()
}

fn manifest() -> Value {
    serde_json::from_slice(&file("manifest.json")).unwrap()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
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
    Normalise::new(3, &spec(DataKind::Synthetic)).unwrap()
}

/// Holds `[C, H, W]` values against the two tensors of a case.
fn check(case: &str, got: &[f32]) {
    let bytes = file("case.safetensors");
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let want_u8 = tensors.tensor(&format!("{case}.u8")).unwrap().data().to_vec();
    let want_f32 = floats(tensors.tensor(&format!("{case}.f32")).unwrap().data());
    let shown = normalise().to_picture(got, square(32));
    let levels: Vec<f64> = (0..3 * 1024)
        .map(|i| f64::from(shown.rgb[i % 1024 * 3 + i / 1024].abs_diff(want_u8[i])))
        .collect();
    let (worst, mean) = (
        levels.iter().fold(0.0, |a: f64, b| a.max(*b)),
        levels.iter().sum::<f64>() / 3072.0,
    );
    assert!(worst <= 1.0 && mean < 0.02, "{case}: worst {worst} levels, mean {mean}");
    assert_eq!(got.len(), want_f32.len());
    let differences: Vec<f32> = got.iter().zip(&want_f32).map(|(a, b)| (a - b).abs()).collect();
    let mean = differences.iter().sum::<f32>() / 3072.0;
    assert!(
        differences.iter().all(|d| *d < 0.036) && mean < 0.0004,
        "{case}: mean difference {mean} after scaling"
    );
}

#[test]
fn crop_resize_flip_and_normalise_match() {
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
        check(case["tensor"].as_str().unwrap(), &got);
    }
}

#[test]
fn evaluation_resize_and_centre_crop_match() {
    for case in manifest()["eval"].as_array().unwrap() {
        let side = case["shorter_side"].as_u64().unwrap() as usize;
        let source = picture(case["image"].as_str().unwrap());
        let got = eval_transform(&source, square(32), square(side), &normalise());
        check(case["tensor"].as_str().unwrap(), &got);
    }
}

#[test]
fn grey_and_transparent_pictures_become_rgb() {
    let bytes = file("case.safetensors");
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for (name, tensor) in [("gray.png", "gray_as_rgb.u8"), ("rgba.png", "rgba_as_rgb.u8")] {
        let (got, want) = (picture(name), tensors.tensor(tensor).unwrap());
        let plane = got.height * got.width;
        assert_eq!(want.shape(), [3, got.height, got.width]);
        let channel_first: Vec<u8> = (0..3 * plane).map(|i| got.rgb[i % plane * 3 + i / plane]).collect();
        assert_eq!(channel_first, want.data(), "{name}");
    }
}

#[test]
fn grey_input_is_one_channel_scaled_by_the_average_mean() {
    let data = spec(DataKind::Synthetic);
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
