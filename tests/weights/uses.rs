//! What is done with weights: features, reconstructions, and trials that start from them.

use crate::reference::Case;
use crate::support::{Room, SMALL, experiment, metrics, small};

use super::{HEADS, file};

#[test]
fn features_are_read_and_recorded() {
    let room = Room::new();
    let weights = file("mae_forward/hf_classic");
    for (class, n) in [("a", 2), ("b", 3)] {
        for i in 0..n {
            let picture =
                image::RgbImage::from_fn(40, 36, |x, y| image::Rgb([x as u8 * 5, y as u8 * 7, (i * 50) as u8]));
            let path = room.path().join("pictures").join(class);
            std::fs::create_dir_all(&path).unwrap();
            picture.save(path.join(format!("{i}.png"))).unwrap();
        }
    }
    let run = |out: &str, feature: &str| {
        room.ok(&[
            "model",
            "features",
            "--weights",
            &weights,
            "--data",
            "pictures",
            "--out",
            out,
            "--feature",
            feature,
        ]);
    };
    run("f.safetensors", "mean_norm");
    run("f.npy", "mean_norm");
    run("cls.safetensors", "cls");
    let bytes = std::fs::read(room.path().join("f.safetensors")).unwrap();
    let got = Case::of(&bytes);
    assert_eq!(got.get("features").shape, [5, 40]);
    assert_eq!(got.get("labels").values, [0.0, 0.0, 1.0, 1.0, 1.0]);
    assert_ne!(
        Case::of(&std::fs::read(room.path().join("cls.safetensors")).unwrap()).get("features"),
        got.get("features")
    );
    let npy = std::fs::read(room.path().join("f.npy")).unwrap();
    let values: Vec<f32> = npy[128..]
        .chunks(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    assert_eq!(values, got.get("features").values);
    let record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(room.path().join("f.npy.json")).unwrap()).unwrap();
    assert_eq!(record["feature"], "mean_norm");
    assert_eq!(record["pictures"][4], "b/2.png");
    assert!(record["weights_digest"].as_str().unwrap().starts_with("weights-"));
}

#[test]
fn reconstructions_are_drawn_and_say_how() {
    let room = Room::new();
    let picture = image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8 * 4, y as u8 * 5, 90]));
    picture.save(room.path().join("one.png")).unwrap();
    let weights = file("mae_forward/hf_classic");
    for statistics in ["true", "visible"] {
        let set = "model.norm_pix_loss=true";
        let args = [
            "reconstruct",
            "--weights",
            &weights,
            "one.png",
            "--out",
            statistics,
            "--set",
            set,
            "--statistics",
            statistics,
        ];
        room.ok(&args);
        for name in [
            "one_sheet.png",
            "one_original.png",
            "one_masked.png",
            "one_reconstruction.png",
            "one_pasted.png",
        ] {
            let drawn = image::open(room.path().join(statistics).join(name)).unwrap();
            assert!(drawn.width() >= 32, "{name}");
        }
        let record = std::fs::read(room.path().join(statistics).join("reconstruct.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(record["statistics"], statistics);
        assert_eq!(record["pictures"][0]["hidden"], 12);
        assert!(record["pictures"][0]["ssim"].as_f64().unwrap() < 1.0);
    }
    let part = |folder: &str, name: &str| image::open(room.path().join(folder).join(name)).unwrap().to_rgb8();
    assert_eq!(part("true", "one_original.png"), part("visible", "one_original.png"));
    assert_ne!(
        part("true", "one_reconstruction.png"),
        part("visible", "one_reconstruction.png")
    );
    let encoder = file("mae_forward/fb_encoder_only.pth");
    let mut args = vec!["reconstruct", "--weights", &encoder, "one.png", "--out", "none"];
    args.extend(&HEADS[..2]);
    assert!(room.refused(&args).contains("no decoder"));
}

/// Sizes of [`SMALL`], as a flat list of settings.
fn sized<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    args.iter().chain(SMALL.iter()).chain(more).copied().collect()
}

#[test]
fn a_trial_starts_from_weights_of_a_run() {
    let room = Room::new();
    room.write("x.toml", &experiment(1).replace("[0.5, 0.75]", "[0.75]"));
    room.ok(&small(&["sweep", "x.toml"]));
    let run = room.json(&["runs", "--json"])["runs"][0]["id"]
        .as_str()
        .unwrap()
        .to_string();
    // The checkpoint is weights in official naming, which know their model.
    room.ok(&["model", "convert", "--from", &run, "--to", "w", "--format", "hf"]);
    room.ok(&["model", "convert", "--from", "latest", "--to", "e", "--format", "timm"]);
    let first = metrics(&room)["mask.ratio=0.75 seed=0"].clone();
    let started = |init: &str, store: &str, more: &[&str]| {
        let init = format!("model.init={init}");
        let more: Vec<&str> = ["--set", &init, "--store", store].iter().chain(more).copied().collect();
        room.ok(&sized(&["sweep", "x.toml"], &more));
        crate::support::metrics_in(&room, store)["mask.ratio=0.75 seed=0"].clone()
    };
    // Where it starts is where the other ended.
    let whole = started("w", "whole.db", &[]);
    assert_eq!(whole["untrained_eval_mse"], first["eval_mse"]);
    assert_eq!(whole["untrained_knn_accuracy"], first["knn_accuracy"]);
    let encoder = started("e", "encoder.db", &[]);
    assert_eq!(
        encoder["untrained_knn_accuracy"], first["knn_accuracy"],
        "the encoder is the trained one"
    );
    assert_ne!(
        encoder["untrained_eval_mse"], first["eval_mse"],
        "the decoder is drawn anew"
    );
    let larger = started("w", "larger.db", &["--set", "model.img_size=24"]);
    assert!(larger["val_loss"].as_f64().unwrap().is_finite());
}

#[test]
fn weights_to_start_from_are_checked_before_anything_is_trained() {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    let error = room.refused(&sized(&["sweep", "x.toml"], &["--set", "model.init=nowhere.pth"]));
    assert!(error.contains("model.init") && error.contains("nowhere.pth"), "{error}");
    let weights = file("mae_forward/hf_classic");
    let init = format!("model.init={weights}");
    let output = room.run(&sized(&["sweep", "x.toml"], &["--set", &init]));
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("of another shape"), "{error}");
}

#[test]
fn what_is_read_is_never_replaced() {
    let room = Room::new();
    let picture = image::RgbImage::from_fn(32, 32, |x, y| image::Rgb([x as u8 * 8, y as u8 * 8, 90]));
    picture.save(room.path().join("a.png")).unwrap();
    picture.save(room.path().join("a_masked.png")).unwrap();
    let before = std::fs::read(room.path().join("a_masked.png")).unwrap();
    let weights = file("mae_forward/hf_classic");
    let error = room.refused(&[
        "reconstruct",
        "--weights",
        &weights,
        "a.png",
        "a_masked.png",
        "--out",
        ".",
    ]);
    assert!(error.contains("a_masked.png"), "{error}");
    assert_eq!(std::fs::read(room.path().join("a_masked.png")).unwrap(), before);
    room.ok(&[
        "reconstruct",
        "--weights",
        &weights,
        "a.png",
        "a_masked.png",
        "--out",
        "drawn",
    ]);
    assert_eq!(std::fs::read_dir(room.path().join("drawn")).unwrap().count(), 11);
    room.ok(&["model", "convert", "--from", &weights, "--to", "w", "--format", "fb"]);
    let error = room.refused(&["model", "convert", "--from", "w", "--to", "w", "--format", "timm"]);
    assert!(error.contains("model.safetensors"), "{error}");
    let inputs = super::inputs(&room);
    let args = [
        "model",
        "forward",
        "--weights",
        "w",
        "--inputs",
        &inputs,
        "--outputs",
        &inputs,
    ];
    assert!(room.refused(&args).contains("in.safetensors"));
    let args = [
        "model",
        "features",
        "--weights",
        "w",
        "--inputs",
        &inputs,
        "--out",
        "nowhere/f.npy",
    ];
    assert!(room.refused(&args).contains("nowhere"));
}

/// The same experiment from other weights is another sweep, and never averaged with the first.
#[test]
fn weights_that_trials_start_from_are_part_of_the_sweep() {
    let room = Room::new();
    room.write("x.toml", &experiment(1).replace("[0.5, 0.75]", "[0.75]"));
    room.ok(&small(&["sweep", "x.toml"]));
    room.ok(&["model", "convert", "--from", "latest", "--to", "w", "--format", "fb"]);
    room.ok(&["model", "convert", "--from", "latest", "--to", "same", "--format", "hf"]);
    let from = |init: &str| {
        let init = format!("model.init={init}");
        room.ok_stderr(&sized(&["sweep", "x.toml"], &["--set", &init]))
    };
    assert!(from("w").contains("1 finished, 0 skipped"));
    assert!(
        from("same").contains("0 finished, 1 skipped"),
        "the same weights in another file"
    );
    let runs = room.json(&["runs", "--json"])["runs"].as_array().unwrap().clone();
    let sweeps: std::collections::BTreeSet<&str> = runs.iter().map(|run| run["sweep_id"].as_str().unwrap()).collect();
    assert_eq!((runs.len(), sweeps.len()), (2, 2));
}

#[test]
fn stated_heads_are_held_to_and_missing_weights_are_asked_for() {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    room.ok(&small(&["sweep", "x.toml", "--set", "train.max_steps=1"]));
    room.ok(&["model", "convert", "--from", "latest", "--to", "w", "--format", "fb"]);
    let args = sized(
        &["sweep", "x.toml"],
        &["--set", "model.init=w", "--set", "train.max_steps=2"],
    );
    let error = room.refused(&[&args[..], &["--set", "model.encoder_num_heads=4"]].concat());
    assert!(
        error.contains("2 heads") && error.contains("model.encoder_num_heads = 2"),
        "{error}"
    );
    room.ok(&args);
    std::fs::remove_dir_all(room.path().join("w")).unwrap();
    let error = room.refused(&args);
    assert!(
        error.contains("model.init") && error.contains("no such file"),
        "{error}"
    );
    // Finished trials need nothing.
    assert!(room.ok_stderr(&["resume", "tiny"]).contains("0 finished, 2 skipped"));
}
