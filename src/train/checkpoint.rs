//! Checkpoints: weights, optimiser state and the place in training, in one folder, with the hash of each file; where a trial
//! has them, what is trained beside the autoencoder and its teacher in a further file. Which of them there are and which are
//! kept is the business of `shelf`.
//! Randomness needs no state (see `seed`), so this is all that is needed to go on. The weights are safetensors under official
//! names with position tables and model section, which every command that takes weights reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::Mae;
use crate::model::names;
use crate::model::weights::error::WeightError;
use crate::model::weights::{safetensors, write};
use crate::spec::trial::ModelSpec;

use super::TrainError;
use super::adamw::AdamW;
use super::student::{Beside, Student};
use super::teacher::Teacher;

const MODEL: &str = write::FILE;
const OPTIMISER: &str = "optimiser.safetensors";
/// Written only where there is something to be in it.
const BESIDE: &str = "beside.safetensors";
/// Metadata key of the optimiser's file: steps done.
const TIME: &str = "step";
const CURSOR: &str = "cursor.json";
const MANIFEST: &str = "manifest.json";

/// The place in training.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Whole passes over the data done.
    pub epoch: usize,
    /// Batches done within the next pass.
    pub batch: usize,
    /// Optimiser steps done.
    pub step: usize,
    /// Losses of steps not yet logged.
    pub pending: Vec<f32>,
    /// Gradient norms of steps not yet logged, where clipping is on.
    #[serde(default)]
    pub norms: Vec<f32>,
    /// Training is over, and what it came to is still to be judged.
    #[serde(default)]
    pub unjudged: bool,
}

/// What a checkpoint holds, at one moment.
pub struct Contents {
    /// What is trained, without gradients.
    pub student: Student,
    /// Its teacher, where there is one.
    pub teacher: Option<Teacher>,
    /// Its `[model]` section.
    pub about: ModelSpec,
    /// Share of the patches hidden in training.
    pub mask_ratio: f64,
    /// The optimiser's state.
    pub optimiser: AdamW,
    /// The place in training.
    pub cursor: Cursor,
    /// The same place in passes over the data.
    pub epoch: f64,
    /// Validation loss of these weights, where it was just measured.
    pub val_loss: Option<f64>,
}

impl Contents {
    fn save_optimiser(&self, path: &Path) -> Result<(), WeightError> {
        let (mae, beside) = (self.student.mae(), self.student.beside());
        let mut tensors = self.optimiser.export(mae, mae.patch_size());
        tensors.extend(self.optimiser.export(beside, mae.patch_size()));
        let metadata = [(TIME.to_string(), self.optimiser.time().to_string())].into();
        safetensors::write(path, &tensors, &BTreeMap::new(), &metadata)
    }

    fn has_beside(&self) -> bool {
        self.teacher.is_some() || !self.student.beside().is_empty()
    }

    fn save_beside(&self, path: &Path) -> Result<(), WeightError> {
        let mut tensors = names::export_parameters(self.student.beside(), self.student.mae().patch_size());
        tensors.extend(self.teacher.iter().flat_map(Teacher::export));
        safetensors::write(path, &tensors, &BTreeMap::new(), &BTreeMap::new())
    }
}

/// Writes the files of a checkpoint into an empty folder, the manifest last; all of them are on the disk, not only in its
/// cache, when it returns. Returns the hash of the manifest, which holds those of the others.
pub(super) fn write_files(folder: &Path, contents: &Contents) -> Result<String, TrainError> {
    let io = |error: std::io::Error| fail(folder, &out_of(&error));
    let about = write::About {
        model: &contents.about,
        mask_ratio: contents.mask_ratio,
    };
    let mut written = vec![MODEL, OPTIMISER, CURSOR];
    let tensors = write::plain(&folder.join(MODEL), &names::export(contents.student.mae()), about)
        .and_then(|()| contents.save_optimiser(&folder.join(OPTIMISER)));
    tensors.map_err(|error| fail(folder, &error))?;
    if contents.has_beside() {
        let saved = contents.save_beside(&folder.join(BESIDE));
        saved.map_err(|error| fail(folder, &error))?;
        written.push(BESIDE);
    }
    let cursor = serde_json::to_vec(&contents.cursor).expect("a cursor is plain data");
    fs::write(folder.join(CURSOR), cursor).map_err(io)?;
    let mut files = BTreeMap::new();
    for name in written {
        files.insert(name.to_string(), hash(&folder.join(name)).map_err(io)?);
    }
    let manifest = Manifest {
        files,
        epoch: contents.epoch,
        val_loss: contents.val_loss.filter(|loss| loss.is_finite()),
    };
    let text = serde_json::to_vec_pretty(&manifest).expect("a manifest is plain data");
    fs::write(folder.join(MANIFEST), text).map_err(io)?;
    hash(&folder.join(MANIFEST)).map_err(io)
}

/// What a checkpoint consists of: the last file written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// BLAKE3 of every other file, by name.
    pub files: BTreeMap<String, String>,
    /// Passes over the data done, fractional within one.
    pub epoch: f64,
    /// Validation loss of the weights, where it was measured at this step.
    pub val_loss: Option<f64>,
}

impl Manifest {
    /// Reads the manifest of a checkpoint folder.
    ///
    /// # Errors
    /// When there is none that can be read.
    pub fn read(folder: &Path) -> Result<Self, TrainError> {
        let read = || -> std::io::Result<Self> { Ok(serde_json::from_slice(&fs::read(folder.join(MANIFEST))?)?) };
        read().map_err(|error| fail(folder, &format!("{MANIFEST} cannot be read ({error})")))
    }
}

/// Checks every file of a checkpoint against its hash; returns the hash of the manifest.
///
/// # Errors
/// When a file is missing or differs from what was written.
pub fn verify(folder: &Path) -> Result<String, TrainError> {
    let manifest = Manifest::read(folder)?;
    let beside = manifest.files.contains_key(BESIDE).then_some(BESIDE);
    for name in [MODEL, OPTIMISER, CURSOR].into_iter().chain(beside) {
        let found = hash(&folder.join(name)).map_err(|error| fail(folder, &format!("{name}: {error}")))?;
        if manifest.files.get(name) != Some(&found) {
            return Err(fail(folder, &format!("{name} is not what was written: it is damaged")));
        }
    }
    hash(&folder.join(MANIFEST)).map_err(|error| fail(folder, &error))
}

/// Whether a folder holds a checkpoint that was written to its end.
pub(super) fn is_whole(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file()
}

/// BLAKE3 of a file, which is on the disk when it returns.
fn hash(file: &Path) -> std::io::Result<String> {
    let mut hash = blake3::Hasher::new();
    let file = fs::File::open(file)?;
    file.sync_all()?;
    hash.update_reader(file)?;
    Ok(hash.finalize().to_hex().to_string())
}

/// The system's words, with the cure where it is known.
pub(super) fn out_of(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            format!("{error}: free some space, then sweep again to go on from the checkpoint before")
        }
        std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
            format!("{error}: make the folder writable, then sweep again")
        }
        _ => error.to_string(),
    }
}

pub(super) fn fail(place: &Path, why: &dyn std::fmt::Display) -> TrainError {
    TrainError::Checkpoint(place.to_path_buf(), why.to_string())
}

/// Reads the cursor of a checkpoint folder.
///
/// # Errors
/// When the folder is not a checkpoint.
pub fn load_cursor(folder: &Path) -> Result<Cursor, TrainError> {
    let read = || -> std::io::Result<Cursor> { Ok(serde_json::from_slice(&fs::read(folder.join(CURSOR))?)?) };
    read().map_err(|error| fail(folder, &error))
}

/// Puts a checkpoint's weights and position tables into a model of the same shape.
///
/// # Errors
/// When the file is damaged or belongs to another model.
pub fn load_model(folder: &Path, model: Mae) -> Result<Mae, TrainError> {
    let contents = read(folder, MODEL)?;
    names::import(model, &contents.tensors).map_err(|error| fail(folder, &error))
}

/// Puts a checkpoint's state into an optimiser made for the loaded model.
///
/// # Errors
/// When the file is damaged or belongs to another model.
pub fn load_optimiser(folder: &Path, student: &Student, optimiser: AdamW) -> Result<AdamW, TrainError> {
    let contents = read(folder, OPTIMISER)?;
    let time = contents.metadata.get(TIME).and_then(|time| time.parse().ok());
    let time = time.ok_or_else(|| fail(folder, &format!("{OPTIMISER} does not say how many steps were done")))?;
    let (patch, tensors) = (student.mae().patch_size(), &contents.tensors);
    let optimiser = optimiser.import(student.mae(), patch, tensors, time);
    let optimiser = optimiser.and_then(|optimiser| optimiser.import(student.beside(), patch, tensors, time));
    optimiser.map_err(|error| fail(folder, &error))
}

/// Puts a checkpoint's values into what is trained beside the autoencoder and into the teacher; reads nothing where there
/// is neither. `patch` is the side of a patch.
///
/// # Errors
/// When the file is missing, damaged or belongs to another model.
pub fn load_beside(
    folder: &Path,
    patch: usize,
    beside: Beside,
    teacher: Option<Teacher>,
) -> Result<(Beside, Option<Teacher>), TrainError> {
    if beside.is_empty() && teacher.is_none() {
        return Ok((beside, teacher));
    }
    let tensors = read(folder, BESIDE)?.tensors;
    let beside = names::import_parameters(beside, patch, &tensors);
    let teacher = teacher.map(|teacher| teacher.import(&tensors)).transpose();
    let both = beside.and_then(|beside| Ok((beside, teacher?)));
    both.map_err(|error| fail(folder, &error))
}

fn read(folder: &Path, file: &str) -> Result<safetensors::Contents, TrainError> {
    if !folder.join(file).is_file() {
        let why = format!("it has no {file}, so an earlier version wrote it: sweep again with --fresh");
        return Err(fail(folder, &why));
    }
    safetensors::read(&folder.join(file)).map_err(|error| fail(folder, &error))
}
