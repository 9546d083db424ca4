//! Checkpoints: weights, optimiser state and the place in training, in one folder that appears all at once.
//! Randomness needs no state (see `seed`), so this is all that is needed to go on. The weights are safetensors under official
//! names with position tables and model section, which every command that takes weights reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::Mae;
use crate::model::names;
use crate::model::weights::error::WeightError;
use crate::model::weights::{safetensors, write};
use crate::spec::trial::ModelSpec;

use super::TrainError;
use super::adamw::AdamW;
use super::events::Written;

const MODEL: &str = write::FILE;
const OPTIMISER: &str = "optimiser.safetensors";
/// Metadata key of the optimiser's file: steps done.
const TIME: &str = "step";
const CURSOR: &str = "cursor.json";

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
}

/// What a checkpoint holds, at one moment.
pub struct Contents {
    /// The model, without gradients.
    pub model: Mae,
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
}

impl Contents {
    fn save_optimiser(&self, path: &Path) -> Result<(), WeightError> {
        let tensors = self.optimiser.export(&self.model, self.model.patch_size());
        let metadata = [(TIME.to_string(), self.optimiser.time().to_string())].into();
        safetensors::write(path, &tensors, &BTreeMap::new(), &metadata)
    }
}

/// The folder of checkpoints of one run.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
}

impl Checkpoints {
    /// Checkpoints of one run in `folder`, which need not exist.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Writes a checkpoint and removes the one before it.
    ///
    /// It is written beside its place and then renamed, so that a half-written one is never read.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, contents: &Contents) -> Result<Written, TrainError> {
        let (place, hash) = self.write(contents)?;
        Ok(Written {
            path: place,
            hash,
            step: contents.cursor.step,
            epoch: contents.epoch,
        })
    }

    fn write(&self, contents: &Contents) -> Result<(PathBuf, String), TrainError> {
        let name = format!("step-{:08}", contents.cursor.step);
        let (place, part) = (self.folder.join(&name), self.folder.join(format!("{name}.part")));
        let io = |error: std::io::Error| TrainError::Checkpoint(place.clone(), error.to_string());
        if place.join(CURSOR).is_file() {
            return Ok((place.clone(), hash(&place).map_err(io)?));
        }
        remove(&part).map_err(io)?;
        fs::create_dir_all(&part).map_err(io)?;
        let about = write::About {
            model: &contents.about,
            mask_ratio: contents.mask_ratio,
        };
        let files = write::plain(&part.join(MODEL), &names::export(&contents.model), about)
            .and_then(|()| contents.save_optimiser(&part.join(OPTIMISER)));
        files.map_err(|error| TrainError::Checkpoint(place.clone(), error.to_string()))?;
        let cursor = serde_json::to_vec(&contents.cursor).expect("a cursor is plain data");
        fs::write(part.join(CURSOR), cursor).map_err(io)?;
        let hash = hash(&part).map_err(io)?;
        let before = self.all();
        fs::rename(&part, &place).map_err(io)?;
        for old in before.into_iter().filter(|old| *old != place) {
            remove(&old).map_err(io)?;
        }
        Ok((place, hash))
    }

    /// That no checkpoint could be written here.
    pub(super) fn failed(&self, why: &dyn std::fmt::Display) -> TrainError {
        TrainError::Checkpoint(self.folder.clone(), why.to_string())
    }

    /// The newest checkpoint's folder, if there is one.
    #[must_use]
    pub fn latest(&self) -> Option<PathBuf> {
        self.all().into_iter().next_back()
    }

    /// Removes all checkpoints of the run.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn clear(&self) -> Result<(), TrainError> {
        remove(&self.folder).map_err(|error| TrainError::Checkpoint(self.folder.clone(), error.to_string()))
    }

    /// Finished checkpoint folders, oldest first.
    fn all(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        let mut folders: Vec<PathBuf> = entries
            .filter(|path| path.join(CURSOR).is_file() && !is_part(path))
            .collect();
        folders.sort();
        folders
    }
}

/// BLAKE3 over the files of a checkpoint, in a fixed order; they are on the disk, not only in its cache, when it returns.
fn hash(folder: &Path) -> std::io::Result<String> {
    let mut hash = blake3::Hasher::new();
    for file in [MODEL, OPTIMISER, CURSOR] {
        let file = fs::File::open(folder.join(file))?;
        file.sync_all()?;
        hash.update_reader(file)?;
    }
    Ok(hash.finalize().to_hex().to_string())
}

fn is_part(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "part")
}

fn remove(folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
    } else {
        Ok(())
    }
}

/// Reads the cursor of a checkpoint folder.
///
/// # Errors
/// When the folder is not a checkpoint.
pub fn load_cursor(folder: &Path) -> Result<Cursor, TrainError> {
    let read = || -> std::io::Result<Cursor> { Ok(serde_json::from_slice(&fs::read(folder.join(CURSOR))?)?) };
    read().map_err(|error| TrainError::Checkpoint(folder.to_path_buf(), error.to_string()))
}

/// Puts a checkpoint's weights and position tables into a model of the same shape.
///
/// # Errors
/// When the file is damaged or belongs to another model.
pub fn load_model(folder: &Path, model: Mae) -> Result<Mae, TrainError> {
    let contents = read(folder, MODEL)?;
    names::import(model, &contents.tensors).map_err(|error| damaged(folder, &error))
}

/// Puts a checkpoint's state into an optimiser made for the loaded model.
///
/// # Errors
/// When the file is damaged or belongs to another model.
pub fn load_optimiser(folder: &Path, model: &Mae, optimiser: AdamW) -> Result<AdamW, TrainError> {
    let contents = read(folder, OPTIMISER)?;
    let time = contents.metadata.get(TIME).and_then(|time| time.parse().ok());
    let time = time.ok_or_else(|| damaged(folder, &format!("{OPTIMISER} does not say how many steps were done")))?;
    let optimiser = optimiser.import(model, model.patch_size(), contents.tensors, time);
    optimiser.map_err(|error| damaged(folder, &error))
}

fn read(folder: &Path, file: &str) -> Result<safetensors::Contents, TrainError> {
    if !folder.join(file).is_file() {
        let why = format!("it has no {file}, so an earlier version wrote it: sweep again with --fresh");
        return Err(damaged(folder, &why));
    }
    safetensors::read(&folder.join(file)).map_err(|error| damaged(folder, &error))
}

fn damaged(folder: &Path, why: &dyn std::fmt::Display) -> TrainError {
    TrainError::Checkpoint(folder.to_path_buf(), why.to_string())
}
