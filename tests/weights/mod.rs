//! Weights in and out on the command line.

mod files;
mod interop;
mod numbers;
mod uses;

use std::collections::BTreeMap;
use std::path::Path;

use mae_exp::model::names::Named;

use crate::reference::Case;
use crate::support::{Room, project};

pub(super) const HEADS: [&str; 4] = [
    "--set",
    "model.encoder_num_heads=5",
    "--set",
    "model.decoder_num_heads=3",
];

pub(super) fn file(name: &str) -> String {
    project().join("tests/fixtures").join(name).display().to_string()
}

/// Writes tensors of f32 as safetensors.
pub(super) fn write(path: &Path, tensors: &BTreeMap<String, Named>) {
    mae_exp::model::weights::safetensors::write(path, tensors, &BTreeMap::new(), &BTreeMap::new()).unwrap();
}

/// Pictures and noise of the square fixture as a file of inputs, without what they lead to.
pub(super) fn inputs(room: &Room) -> String {
    let case = Case::read("mae_forward/case.safetensors").0;
    let kept = case
        .into_iter()
        .filter(|(name, _)| ["images", "noise"].contains(&name.as_str()));
    let path = room.path().join("in.safetensors");
    write(&path, &kept.collect());
    path.display().to_string()
}

pub(super) fn forward(room: &Room, weights: &str, more: &[&str]) -> Case {
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
