//! The training recipe as a user sets it: gradient accumulation, clipping, and both across a stop.
#![cfg(unix)]

use serde_json::Value as Json;

use crate::support::{Room, experiment, metrics, metrics_in, small};

/// Points of one metric of the only run.
fn points(room: &Room, name: &str) -> Vec<(u64, f64)> {
    let run = room.json(&["show", "latest", "--json"]);
    let points = run["points"].as_array().unwrap().iter();
    let point = |p: &Json| (p["step"].as_u64().unwrap(), p["value"].as_f64().unwrap());
    points.filter(|p| p["name"] == name).map(point).collect()
}

fn trained(sets: &[&str]) -> Room {
    let room = Room::new();
    room.write("x.toml", &experiment(1).replace("[0.5, 0.75]", "[0.75]"));
    let mut args = small(&["sweep", "x.toml", "--set", "train.log_every=1"]);
    args.extend(sets.iter().flat_map(|set| ["--set", set]));
    room.ok(&args);
    room
}

#[track_caller]
fn near(a: &[(u64, f64)], b: &[(u64, f64)], tolerance: f64) {
    assert!(!a.is_empty());
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.0, b.0);
        assert!(
            (a.1 - b.1).abs() <= tolerance * b.1.abs().max(1e-9),
            "{a:?} is not {b:?}"
        );
    }
}

/// Two batches of 4 make the step of one batch of 8: the same pictures, masks, rates, losses and gradients.
#[test]
fn accumulated_gradients_are_those_of_the_larger_batch() {
    let whole = trained(&["train.batch_size=8"]);
    let parts = trained(&["train.batch_size=4", "train.accum_steps=2"]);
    for (name, tolerance) in [("train_loss", 1e-5), ("lr", 1e-12), ("val_loss", 1e-4)] {
        near(&points(&parts, name), &points(&whole, name), tolerance);
    }
    // Without accumulation, small batches lead elsewhere.
    let small = trained(&["train.batch_size=4"]);
    assert_ne!(points(&small, "lr").len(), points(&whole, "lr").len());
}

#[test]
fn batches_left_over_are_not_used_and_too_few_are_refused() {
    // 32 pictures make 8 batches of 4: two groups of 3 an epoch.
    let room = trained(&["train.batch_size=4", "train.accum_steps=3"]);
    let steps: Vec<u64> = points(&room, "train_loss").into_iter().map(|(step, _)| step).collect();
    assert_eq!(steps, [1, 2, 3, 4]);
    let mut args = small(&["sweep", "x.toml"]);
    args.extend(["--set", "train.accum_steps=5"]);
    let error = room.refused(&args);
    assert!(
        error.contains("train.accum_steps = 5") && error.contains("4 batches"),
        "{error}"
    );
}

#[test]
fn clipping_changes_training_only_where_gradients_are_long() {
    let free = trained(&[]);
    assert!(points(&free, "grad_norm").is_empty());
    let loose = trained(&["train.clip_grad=1e6"]);
    let norms = points(&loose, "grad_norm");
    assert_eq!(norms.len(), points(&loose, "train_loss").len());
    assert!(norms.iter().all(|(_, norm)| *norm > 0.0));
    assert_eq!(
        metrics(&free)["mask.ratio=0.75 seed=0"]["val_loss"],
        metrics(&loose)["mask.ratio=0.75 seed=0"]["val_loss"]
    );
    // AdamW forgets the length of gradients where it never changes, so the clipped trial must differ only a little.
    let tight = trained(&["train.clip_grad=0.01"]);
    assert_ne!(points(&free, "val_loss"), points(&tight, "val_loss"));
}

/// What training leaves out changes training, and neither what is judged nor how; the same trial gives the same numbers.
#[test]
fn shares_of_the_patches_take_part_in_training_alone() {
    let plain = trained(&[]);
    for set in ["train.decode_ratio=0.5", "train.secondary_ratio=0.25"] {
        let (one, again) = (trained(&[set]), trained(&[set, "data.workers=3"]));
        assert_eq!(points(&one, "val_loss"), points(&again, "val_loss"), "{set}");
        let (first, last) = (points(&one, "val_loss"), points(&plain, "val_loss"));
        assert_eq!(first[0], last[0], "{set}: the untrained model is judged as ever");
        assert_ne!(first.last(), last.last(), "{set}");
    }
    let mut args = small(&["sweep", "x.toml"]);
    args.extend(["--set", "train.decode_ratio=0"]);
    let error = plain.refused(&args);
    assert!(
        error.contains("train.decode_ratio") && error.contains("above 0"),
        "{error}"
    );
}

/// A decoder that reads is trained, saved, read back with its kind, and left out with a note where it has no place.
#[test]
fn a_decoder_that_reads_is_a_model_like_others() {
    let room = trained(&["model.decoder=cross", "train.decode_ratio=0.5"]);
    let losses = points(&room, "val_loss");
    assert!(losses.last().unwrap().1 < losses[0].1, "{losses:?}");
    let first = metrics(&room)["mask.ratio=0.75 seed=0"].clone();
    room.ok(&["model", "convert", "--from", "latest", "--to", "own", "--format", "fb"]);
    room.ok(&[
        "model", "convert", "--from", "latest", "--to", "timm", "--format", "timm",
    ]);
    let output = room.run(&["model", "convert", "--from", "latest", "--to", "hf", "--format", "hf"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("model.decoder"), "{error}");
    let start = |kind: &str, store: &str| {
        let mut args = small(&["sweep", "x.toml", "--store", store, "--set", "model.init=own"]);
        args.extend(["--set", kind]);
        room.run(&args)
    };
    let output = start("model.decoder=cross", "again.db");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let again = metrics_in(&room, "again.db")["mask.ratio=0.75 seed=0"].clone();
    assert_eq!(
        again["untrained_eval_mse"], first["eval_mse"],
        "it starts where the other ended"
    );
    let output = start("model.decoder=self", "other.db");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    assert!(
        error.contains("its decoder (1 block of width 48 that read) is left out"),
        "{error}"
    );
}
