//! Going on from a checkpoint with everything that a trial may have beside the autoencoder.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::checkpoint::{Contents, load_model, verify};
use super::super::shelf::{Keep, Shelf};
use super::super::testing::{learner, needs, spec, steps};
use super::super::{Cursor, testing};
use super::*;
use crate::model::names::{self, Named};

/// Everything at once.
const ALL: [&str; 3] = [
    "train.secondary_ratio=0.34",
    "train.decode_ratio=0.67",
    "train.teacher_momentum=0.9",
];

fn save(learner: &Learner, spec: &TrialSpec, folder: &Path) -> PathBuf {
    let contents = Contents {
        student: learner.student().valid(),
        teacher: learner.teacher().cloned(),
        about: spec.model.clone(),
        mask_ratio: 0.5,
        optimiser: learner.optimiser().clone(),
        cursor: Cursor::default(),
        epoch: 0.0,
        val_loss: None,
    };
    let shelf = Shelf::new(folder.join("run"), Keep { last: 1, best: false });
    shelf.save(&contents).unwrap().path
}

fn resume(spec: &TrialSpec, all: bool, folder: &Path) -> Result<Learner, TrainError> {
    let device = testing::device().autodiff();
    let model = load_model(folder, Mae::new(&spec.model, 77, &device))?;
    let other = TrialSpec {
        seed: 77,
        ..spec.clone()
    };
    Learner::start(model, &other, needs(all), &device).resumed(folder)
}

type Tensors = std::collections::BTreeMap<String, Named>;

/// All values that a learner has.
fn state(learner: &Learner) -> Vec<Tensors> {
    let student = learner.student().valid();
    let (model, beside) = (student.mae(), student.beside());
    vec![
        names::export(model),
        names::export_parameters(beside, model.patch_size()),
        learner.teacher().map(Teacher::export).unwrap_or_default(),
        learner.optimiser().export(model, model.patch_size()),
        learner.optimiser().export(beside, model.patch_size()),
    ]
}

#[test]
fn steps_after_a_checkpoint_are_those_without_it() {
    let (spec, folder) = (spec(&ALL), tempfile::tempdir().unwrap());
    let mut straight = learner(&spec, true);
    steps(&mut straight, &spec, 0..3);
    let path = save(&straight, &spec, folder.path());
    let mut again = resume(&spec, true, &path).unwrap();
    assert_eq!(state(&again), state(&straight), "what was saved");
    let parts = state(&again);
    assert!(parts.iter().all(|part| !part.is_empty()));
    assert!(parts[1].contains_key("secondary_token") && parts[1].contains_key("predictor.embed.weight"));
    steps(&mut straight, &spec, 3..6);
    steps(&mut again, &spec, 3..6);
    assert_ne!(state(&again), parts, "training moves everything");
    assert_eq!(state(&again), state(&straight), "bit for bit");
}

#[test]
fn every_part_is_trained() {
    let spec = spec(&ALL);
    let mut learner = learner(&spec, true);
    let before = state(&learner);
    steps(&mut learner, &spec, 0..2);
    let after = state(&learner);
    // Adding a number to all values changes no rank.
    let shifts = ["predictor.head.bias", "predictor.norm.bias"];
    let moving = before[1].iter().filter(|(name, _)| !shifts.contains(&name.as_str()));
    for (name, tensor) in moving {
        assert_ne!(tensor.values, after[1][name].values, "{name}");
    }
}

#[test]
fn what_stands_beside_is_in_a_file_of_its_own_whose_hash_is_checked() {
    let (spec, folder) = (spec(&ALL), tempfile::tempdir().unwrap());
    let learner = learner(&spec, true);
    let path = save(&learner, &spec, folder.path());
    verify(&path).unwrap();
    let weights = crate::model::weights::safetensors::read(&path.join("model.safetensors")).unwrap();
    assert_eq!(
        weights.tensors,
        names::export(learner.model()),
        "the autoencoder's names alone"
    );
    let file = path.join("beside.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let error = verify(&path).unwrap_err().to_string();
    assert!(
        error.contains("beside.safetensors") && error.contains("damaged"),
        "{error}"
    );
    fs::remove_file(&file).unwrap();
    assert!(verify(&path).is_err());
    let error = resume(&spec, true, &path).err().unwrap().to_string();
    assert!(
        error.contains("beside.safetensors") && error.contains("--fresh"),
        "{error}"
    );
}

#[test]
fn a_plain_trial_has_no_such_file_and_no_such_parameters() {
    let (spec, folder) = (spec(&[]), tempfile::tempdir().unwrap());
    let learner = learner(&spec, false);
    let path = save(&learner, &spec, folder.path());
    assert!(!path.join("beside.safetensors").exists());
    assert!(learner.student().beside().is_empty());
    assert_eq!(learner.student().num_params(), learner.model().num_params());
    resume(&spec, false, &path).unwrap();
}

/// The autoencoder's own values do not depend on what stands beside it.
#[test]
fn initial_values_stay_the_same() {
    let plain = learner(&spec(&[]), false);
    let all = learner(&spec(&ALL), true);
    assert_eq!(names::export(plain.model()), names::export(all.model()));
}
