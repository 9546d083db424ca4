//! Bad input: one line, exit code 2, the thing and its cure named.

use crate::support::{Room, experiment, small};

fn refused(extra: &[&str]) -> String {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    let mut args = small(&["sweep", "x.toml"]);
    args.extend(extra);
    let error = room.refused(&args);
    assert!(
        !room.path().join("reports").exists(),
        "nothing is written when the configuration is wrong"
    );
    error
}

fn file(text: &str) -> String {
    let room = Room::new();
    room.write("experiments/x.toml", text);
    room.refused(&["sweep", "experiments/x.toml"])
}

#[track_caller]
fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{error:?} does not say {part:?}");
    }
}

#[test]
fn a_missing_file() {
    let room = Room::new();
    room.write("experiments/mask_ratio.toml", "");
    says(
        &room.refused(&["sweep", "experiments/mask_ration.toml"]),
        &["experiments/mask_ration.toml", "mask_ratio.toml"],
    );
}

#[test]
fn toml_that_cannot_be_read() {
    says(&file("name = \"x\"\n[sweep\n"), &["experiments/x.toml:2:"]);
}

#[test]
fn an_unknown_key() {
    let error = file("name = \"x\"\nbase = [\"model/nano\"]\n[set]\nmask.strtegy = \"random\"\n");
    says(
        &error,
        &[
            "unknown key mask.strtegy",
            "experiments/x.toml",
            "did you mean mask.strategy?",
        ],
    );
}

#[test]
fn a_wrong_type() {
    let error = file("name = \"x\"\nbase = [\"model/nano\"]\n[set]\ntrain.epochs = \"ten\"\n");
    says(&error, &["train.epochs", "experiments/x.toml", "whole number", "ten"]);
}

#[test]
fn an_unknown_strategy() {
    says(
        &refused(&["--set", "mask.strategy=randon"]),
        &["randon", "random", "block"],
    );
}

#[test]
fn a_ratio_outside_its_range() {
    let room = Room::new();
    room.write("x.toml", &experiment(1).replace("[0.5, 0.75]", "[1.5]"));
    says(
        &room.refused(&["sweep", "x.toml"]),
        &["mask.ratio", "1.5", "outside (0, 1)"],
    );
}

#[test]
fn an_image_size_that_the_patch_size_does_not_divide() {
    says(
        &refused(&["--set", "model.img_size=50"]),
        &["model.img_size", "50", "patch_size", "4", "48", "52"],
    );
}

#[test]
fn heads_that_do_not_divide_the_width() {
    says(
        &refused(&["--set", "model.encoder_num_heads=3"]),
        &["encoder_num_heads", "3", "embed_dim", "16"],
    );
}

#[test]
fn a_store_that_cannot_be_read() {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    let text = room.write(
        "notes.db",
        "these are notes, not a database; they are long enough to be taken for a header",
    );
    let error = room.refused(&small(&["sweep", "x.toml", "--store", text.to_str().unwrap()]));
    says(&error, &["notes.db", "--store"]);
    std::fs::create_dir(room.path().join("folder.db")).unwrap();
    let error = room.refused(&small(&["sweep", "x.toml", "--store", "folder.db"]));
    says(&error, &["folder.db", "give a file"]);
    says(
        &room.refused(&["runs", "--store", "nowhere.db"]),
        &["nowhere.db", "mae-exp sweep"],
    );
    says(
        &room.refused(&["runs", "--store", "postgres://host/db"]),
        &["postgres", "sqlite://"],
    );
}

#[test]
fn a_device_that_is_not_compiled_in() {
    if !cfg!(feature = "cuda") {
        says(&refused(&["--device", "cuda:0"]), &["cuda:0", "--features cuda"]);
    }
    says(&refused(&["--device", "gpu"]), &["gpu", "flex"]);
}

#[test]
fn an_unknown_strategy_parameter() {
    let error = refused(&["--set", "mask.strategy=block", "--set", "mask.block_ration=0.3"]);
    says(&error, &["block_ration", "block_ratio"]);
}

#[test]
fn an_empty_folder_of_pictures() {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    std::fs::create_dir(room.path().join("pictures")).unwrap();
    let error = room.refused(&[
        "sweep",
        "x.toml",
        "--set",
        "data.kind=folder",
        "--set",
        "data.path=pictures",
    ]);
    says(&error, &["pictures"]);
}

#[test]
fn an_unknown_run() {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    room.ok(&small(&["sweep", "x.toml", "--set", "train.max_steps=1"]));
    says(&room.refused(&["show", "zzzz"]), &["zzzz"]);
    says(&room.refused(&["report", "tinny"]), &["tinny", "tiny"]);
}

#[test]
fn a_precision_that_the_device_does_not_compute_in() {
    let cure = ["flex", "train.precision", "--device tch"];
    says(&refused(&["--device", "flex", "--set", "train.precision=bf16"]), &cure);
    let room = Room::new();
    let bench = ["bench", "train-step", "--device", "flex", "--precision", "bf16"];
    says(&room.refused(&bench), &cure);
    says(
        &refused(&["--set", "train.precision=f16"]),
        &["train.precision", "did you mean bf16?"],
    );
}
