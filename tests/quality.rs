//! Reconstruction quality in a sweep: which figures are recorded and when, and perceptual distance with a user's network.

use std::collections::BTreeMap;

use mae_exp::model::weights::safetensors;
use serde_json::Value as Json;

use crate::parity::quality::network;
use crate::reference::Case;
use crate::support::{Room, metrics, small};

const RUN: [&str; 4] = ["run", "model/nano", "data/synthetic", "train/quick"];

fn figures(room: &Room) -> Json {
    let all = metrics(room);
    assert_eq!(all.len(), 1, "{:?}", all.keys());
    all.into_values().next().unwrap()
}

/// An AlexNet whose values mean nothing, as the parity tests have it.
fn write_network(room: &Room, name: &str, change: f32) {
    let mut tensors = network(&Case::read("metrics/case.safetensors"), "alex");
    tensors.get_mut("features.0.bias").unwrap().values[0] += change;
    let none = BTreeMap::new();
    safetensors::write(&room.path().join(name), &tensors, &none, &BTreeMap::new()).unwrap();
}

#[test]
fn figures_of_whole_pictures_and_of_fills_are_recorded() {
    let room = Room::new();
    room.ok(&small(&RUN));
    let found = figures(&room);
    let number = |name: &str| found[name].as_f64().unwrap_or_else(|| panic!("{name} in {found}"));
    let hidden = 12.0 / 16.0;
    for prefix in ["", "fill_mean_", "fill_nearest_", "untrained_"] {
        let [masked, whole] = ["eval_mse", "eval_image_mse"].map(|name| number(&format!("{prefix}{name}")));
        assert!((whole - hidden * masked).abs() < 1e-6, "{prefix}: {whole} for {masked}");
        let [ssim, around] = ["eval_ssim", "eval_masked_ssim"].map(|name| number(&format!("{prefix}{name}")));
        assert!(around < 1.0 && ssim < 1.0, "{prefix}: {ssim}, {around}");
    }
    assert!(number("eval_image_psnr") > number("eval_psnr"));
    for absent in ["eval_ms_ssim", "eval_lpips", "fill_mean_eval_lpips"] {
        assert!(
            found[absent].is_null(),
            "{absent}: 16 pixels have one scale, and there is no network"
        );
    }
    let page = std::fs::read_dir(room.path().join("reports"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let page = std::fs::read_to_string(page.join("index.html")).unwrap();
    assert!(page.contains("Reconstruction quality") && page.contains("nearest visible patch"));
}

#[test]
fn perceptual_distance_needs_a_network_that_fits_and_counts_by_its_content() {
    let room = Room::new();
    write_network(&room, "a.safetensors", 0.0);
    write_network(&room, "same.safetensors", 0.0);
    write_network(&room, "other.safetensors", 0.5);
    let run = |file: &str, more: &[&'static str]| -> Vec<String> {
        let large = ["model.img_size=32", "model.patch_size=8", "train.epochs=1"].map(str::to_owned);
        let sets = large.into_iter().chain([format!("eval.lpips_weights={file}")]);
        let args = small(&RUN).into_iter().map(str::to_owned);
        let more = more.iter().map(|set| (*set).to_owned());
        args.chain(sets.chain(more).flat_map(|set| ["--set".to_owned(), set]))
            .collect()
    };
    let ok = |args: Vec<String>| room.ok(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let refused = |args: Vec<String>| room.refused(&args.iter().map(String::as_str).collect::<Vec<_>>());
    ok(run("a.safetensors", &["eval.cross=[\"random\", \"grid\"]"]));
    let found = figures(&room);
    assert_eq!(found["cross_lpips/random"], found["eval_lpips"], "{found}");
    assert_eq!(
        found["fill_mean_lpips/random"], found["fill_mean_eval_lpips"],
        "{found}"
    );
    for name in [
        "cross_lpips/grid",
        "fill_nearest_lpips/grid",
        "eval_lpips",
        "untrained_eval_lpips",
        "fill_mean_eval_lpips",
        "fill_nearest_eval_lpips",
    ] {
        assert!(
            found[name].as_f64().is_some_and(|value| value > 0.0),
            "{name} in {found}"
        );
    }
    assert!(found["eval_ms_ssim"].is_f64(), "two scales in 32 pixels");
    ok(run("same.safetensors", &["eval.cross=[\"random\", \"grid\"]"]));
    assert_eq!(
        metrics(&room).len(),
        1,
        "the same network under another name is the same trial"
    );
    ok(run("other.safetensors", &[]));
    let identities = room.json(&["runs", "--json"]);
    assert_eq!(identities["runs"].as_array().unwrap().len(), 2, "{identities}");
    let error = refused(run("a.safetensors", &["eval.lpips_net=vgg"]));
    assert!(
        error.contains("eval.lpips_net = \"vgg\"") && error.contains("features."),
        "{error}"
    );
    assert!(refused(run("nowhere.safetensors", &[])).contains("no such file"));
    let error = refused(run("a.safetensors", &["model.img_size=24"]));
    assert!(
        error.contains("pictures of 31 pixels or more") && error.contains("use vgg"),
        "{error}"
    );
}
