//! Weights in and out on the command line: the reference's numbers from every kind of file, conversions, features,
//! reconstructions, and trials that start from weights.

use std::collections::BTreeMap;
use std::path::Path;

use mae_exp::model::names::Named;

use crate::reference::{Case, close};
use crate::support::{Room, SMALL, experiment, metrics, project, small};

const HEADS: [&str; 4] = [
    "--set",
    "model.encoder_num_heads=5",
    "--set",
    "model.decoder_num_heads=3",
];

fn file(name: &str) -> String {
    project().join("tests/fixtures").join(name).display().to_string()
}

/// Writes tensors of f32 as safetensors.
fn write(path: &Path, tensors: &BTreeMap<String, Named>) {
    mae_exp::model::weights::safetensors::write(path, tensors, &BTreeMap::new(), &BTreeMap::new()).unwrap();
}

/// Pictures and noise of the square fixture as a file of inputs, without what they lead to.
fn inputs(room: &Room) -> String {
    let case = Case::read("mae_forward/case.safetensors").0;
    let kept = case
        .into_iter()
        .filter(|(name, _)| ["images", "noise"].contains(&name.as_str()));
    let path = room.path().join("in.safetensors");
    write(&path, &kept.collect());
    path.display().to_string()
}

fn forward(room: &Room, weights: &str, more: &[&str]) -> Case {
    let inputs = inputs(room);
    let mut args = vec![
        "model",
        "forward",
        "--weights",
        weights,
        "--inputs",
        &inputs,
        "--outputs",
        "out.safetensors",
    ];
    args.extend(more);
    room.ok(&args);
    Case::of(&std::fs::read(room.path().join("out.safetensors")).unwrap())
}

#[test]
fn forward_gives_the_reference_s_numbers_from_every_kind_of_file() {
    let want = Case::read("mae_forward/case.safetensors");
    for (weights, heads) in [
        ("mae_forward/weights_fb.safetensors", true),
        ("mae_forward/fb_checkpoint-20.pth", true),
        ("mae_forward/hf_classic", false),
        ("mae_forward/hf_v5_saved", false),
        ("mae_forward/hf_classic/model.safetensors", false),
    ] {
        let room = Room::new();
        for (ratio, prefix) in [("0.75", "r075"), ("0.6", "r060")] {
            for (normalised, loss) in [("true", "loss_norm_pix"), ("false", "loss_raw")] {
                let ratio = format!("mask.ratio={ratio}");
                let normalised = format!("model.norm_pix_loss={normalised}");
                let mut more = vec!["--set", &ratio, "--set", &normalised];
                more.extend(HEADS.iter().filter(|_| heads));
                let got = forward(&room, &file(weights), &more);
                let same = |name: &str, tolerance: f64| {
                    let want = want.get(&format!("{prefix}.{name}"));
                    assert_eq!(got.get(name).shape, want.shape, "{weights} {name}");
                    close(
                        &format!("model forward {weights} {prefix} {name}"),
                        &got.get(name).values,
                        &want.values,
                        tolerance,
                    );
                };
                same("latent", 5e-5);
                same("pred", 5e-5);
                same("mask", 0.0);
                same("ids_restore", 0.0);
                let want = want.get(&format!("{prefix}.{loss}"));
                let tolerance = 1e-5 * f64::from(want.values[0]);
                close(
                    &format!("model forward {weights} {prefix} {loss}"),
                    &got.get("loss").values,
                    &want.values,
                    tolerance,
                );
            }
        }
    }
}

#[test]
fn forward_takes_pictures_that_are_not_square() {
    let case = Case::read("mae_forward_rect/case.safetensors");
    let room = Room::new();
    write(&room.path().join("w.safetensors"), &case.under("weight."));
    let kept = case
        .0
        .iter()
        .filter(|(name, _)| ["images", "noise"].contains(&name.as_str()));
    write(
        &room.path().join("in.safetensors"),
        &kept.map(|(k, v)| (k.clone(), v.clone())).collect(),
    );
    let heads = [
        "--set",
        "model.encoder_num_heads=3",
        "--set",
        "model.decoder_num_heads=2",
    ];
    let mut args = vec![
        "model",
        "forward",
        "--weights",
        "w.safetensors",
        "--inputs",
        "in.safetensors",
    ];
    args.extend(["--outputs", "out.safetensors"].iter().chain(&heads));
    room.ok(&args);
    let got = Case::of(&std::fs::read(room.path().join("out.safetensors")).unwrap());
    close(
        "model forward rect pred",
        &got.get("pred").values,
        &case.get("pred").values,
        5e-5,
    );
    let want = case.get("loss_norm_pix");
    close(
        "model forward rect loss",
        &got.get("loss").values,
        &want.values,
        1e-5 * f64::from(want.values[0]),
    );
}

#[test]
fn an_encoder_alone_gives_its_latent() {
    let want = Case::read("mae_forward/case.safetensors");
    for weights in [
        "mae_forward/fb_encoder_only.pth",
        "mae_forward/timm_encoder.safetensors",
    ] {
        let room = Room::new();
        let got = forward(&room, &file(weights), &HEADS[..2]);
        assert!(!got.0.contains_key("pred") && !got.0.contains_key("loss"));
        close(
            &format!("model forward {weights} latent"),
            &got.get("latent").values,
            &want.get("r075.latent").values,
            5e-5,
        );
    }
}

#[test]
fn heads_that_nobody_states_are_asked_for() {
    let room = Room::new();
    let (inputs, weights) = (inputs(&room), file("mae_forward/weights_fb.safetensors"));
    let error = room.refused(&[
        "model",
        "forward",
        "--weights",
        &weights,
        "--inputs",
        &inputs,
        "--outputs",
        "out.safetensors",
    ]);
    for part in ["weights_fb.safetensors", "model.encoder_num_heads", "--set", "--model"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!room.path().join("out.safetensors").exists());
}

#[test]
fn conversions_round_trip_exactly() {
    let room = Room::new();
    let weights = file("mae_forward/weights_fb.safetensors");
    let convert = |from: &str, to: &str, format: &str, more: &[&str]| {
        let mut args = vec!["model", "convert", "--from", from, "--to", to, "--format", format];
        args.extend(more);
        room.ok(&args);
    };
    convert(&weights, "hf", "hf", &HEADS);
    convert("hf", "fb", "fb", &[]);
    convert("fb", "hf2", "hf", &[]);
    convert("hf2", "timm", "timm", &[]);
    convert("timm", "encoder/again.safetensors", "fb", &[]);
    let read = |path: &str| Case::of(&std::fs::read(room.path().join(path)).unwrap()).0;
    let original = Case::read("mae_forward/weights_fb.safetensors").0;
    assert_eq!(read("fb/model.safetensors"), original);
    assert_eq!(read("hf/model.safetensors"), read("hf2/model.safetensors"));
    assert_eq!(
        read("hf/model.safetensors"),
        Case::read("mae_forward/hf_classic/model.safetensors").0
    );
    assert_eq!(
        read("timm/model.safetensors"),
        Case::read("mae_forward/timm_encoder.safetensors").0
    );
    assert_eq!(read("encoder/again.safetensors"), read("timm/model.safetensors"));
    for folder in ["hf", "fb", "timm", "encoder"] {
        assert!(room.path().join(folder).join("config.json").is_file(), "{folder}");
    }
}

#[test]
fn somebody_else_s_configuration_is_not_replaced() {
    let room = Room::new();
    let theirs = room.write("theirs/config.json", "{\"model_type\": \"vit_mae\"}");
    let weights = file("mae_forward/hf_classic");
    let error = room.refused(&[
        "model", "convert", "--from", &weights, "--to", "theirs", "--format", "fb",
    ]);
    assert!(error.contains("config.json"), "{error}");
    assert_eq!(
        std::fs::read_to_string(theirs).unwrap(),
        "{\"model_type\": \"vit_mae\"}"
    );
    assert!(!room.path().join("theirs/model.safetensors").exists());
}

#[test]
fn what_does_not_fit_is_told_in_a_table() {
    let room = Room::new();
    let mut weights = Case::read("mae_forward/weights_fb.safetensors").0;
    weights.remove("blocks.1.norm1.weight");
    let token = weights.get_mut("cls_token").unwrap();
    *token = Named {
        shape: vec![1, 1, 39],
        values: vec![0.0; 39],
    };
    weights.insert(
        "head.weight".into(),
        Named {
            shape: vec![2],
            values: vec![0.0; 2],
        },
    );
    write(&room.path().join("w.safetensors"), &weights);
    let mut args = vec![
        "model",
        "convert",
        "--from",
        "w.safetensors",
        "--to",
        "out",
        "--format",
        "fb",
    ];
    args.extend(HEADS);
    let output = room.run(&args);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    for part in [
        "w.safetensors",
        "blocks.1.norm1.weight",
        "[40]",
        "cls_token",
        "[1, 1, 39]",
        "[1, 1, 40]",
        "head.weight",
    ] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
    assert!(!room.path().join("out").exists());
}

/// Bytes that are no weights, or not whole, or hostile.
#[test]
fn hostile_files_are_refused() {
    let room = Room::new();
    let good = std::fs::read(file("mae_forward/weights_fb.safetensors")).unwrap();
    let pth = std::fs::read(file("mae_forward/fb_checkpoint-20.pth")).unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(room.path().join(name), bytes).unwrap();
    put("half.safetensors", &good[..good.len() / 2]);
    put("half.pth", &pth[..pth.len() / 2]);
    put("empty.safetensors", b"");
    put("text.pth", b"these are notes, not weights");
    put("huge.safetensors", &[&(1u64 << 43).to_le_bytes()[..], b"{}"].concat());
    let claim = br#"{"cls_token":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}"#;
    put(
        "claim.safetensors",
        &[&(claim.len() as u64).to_le_bytes()[..], claim].concat(),
    );
    let code = b"\x80\x02cposix\nsystem\nX\x0a\x00\x00\x00touch owned\x85R.";
    put("code.pth", code);
    let mut weights = Case::read("mae_forward/weights_fb.safetensors").0;
    weights.get_mut("cls_token").unwrap().values[3] = f32::NAN;
    write(&room.path().join("nan.safetensors"), &weights);
    for (name, says) in [
        ("half.safetensors", "half.safetensors"),
        ("half.pth", "half.pth"),
        ("empty.safetensors", "empty.safetensors"),
        ("text.pth", "text.pth"),
        ("huge.safetensors", "header"),
        ("claim.safetensors", "claim.safetensors"),
        ("code.pth", "posix.system"),
        ("nan.safetensors", "cls_token"),
        ("nowhere.pth", "no such file"),
    ] {
        let mut args = vec!["model", "convert", "--from", name, "--to", "out", "--format", "fb"];
        args.extend(HEADS);
        let error = room.refused(&args);
        assert!(error.contains(says), "{name}: {error}");
    }
    assert!(!room.path().join("owned").exists());
}

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
        serde_json::from_slice(&std::fs::read(room.path().join("f.json")).unwrap()).unwrap();
    assert_eq!(record["feature"], "mean_norm");
    assert_eq!(record["pictures"][4], "b/2.png");
    assert!(record["weights_digest"].as_str().unwrap().starts_with("weights-"));
}

/// Dense tokens of the reference, read as features of the same pixels.
#[test]
fn features_of_given_pixels_are_the_reference_s() {
    let (room, want) = (Room::new(), Case::read("mae_forward/case.safetensors"));
    let (inputs, weights) = (inputs(&room), file("mae_forward/fb_encoder_only.pth"));
    let dense = want.get("latent_dense");
    for (feature, pick) in [("cls_norm", 0..1), ("mean_norm", 1..17)] {
        let mut args = vec![
            "model",
            "features",
            "--weights",
            &weights,
            "--inputs",
            &inputs,
            "--out",
            "f.safetensors",
        ];
        args.extend(["--feature", feature].iter().chain(&HEADS[..2]));
        room.ok(&args);
        let got = Case::of(&std::fs::read(room.path().join("f.safetensors")).unwrap());
        let want: Vec<f32> = (0..3 * 40)
            .map(|at| {
                let (n, d) = (at / 40, at % 40);
                let tokens = pick.clone().map(|t| dense.values[(n * 17 + t) * 40 + d]);
                tokens.sum::<f32>() / pick.len() as f32
            })
            .collect();
        close(
            &format!("model features {feature}"),
            &got.get("features").values,
            &want,
            5e-5,
        );
    }
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
            "one.png",
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
    assert!(!room.path().join("runs").exists());
}
