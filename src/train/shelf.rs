//! The checkpoints of one run: a folder of folders, each of which appears all at once. Which are kept, and which is good.

use std::fs;
use std::path::{Path, PathBuf};

use super::TrainError;
use super::checkpoint::{Contents, Manifest, fail, is_whole, load_cursor, out_of, verify, write_files};
use super::events::Written;
use crate::spec::trial::TrainSpec;

/// Which checkpoints stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// So many of the newest; at least one.
    pub last: usize,
    /// And the one with the lowest validation loss.
    pub best: bool,
}

impl Keep {
    /// What `[train]` asks for.
    #[must_use]
    pub fn of(train: &TrainSpec) -> Self {
        Self {
            last: train.keep_checkpoints.max(1),
            best: train.keep_best,
        }
    }
}

/// The checkpoints of one run.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
    keep: Keep,
}

impl Shelf {
    /// Checkpoints of one run in `folder`, which need not exist.
    #[must_use]
    pub fn new(folder: PathBuf, keep: Keep) -> Self {
        Self { folder, keep }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a checkpoint and removes those that are no longer kept.
    ///
    /// It is written beside its place, brought to the disk and then renamed: a half-written one is never read, not even after
    /// a power failure.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, contents: &Contents) -> Result<Written, TrainError> {
        let name = format!("step-{:08}", contents.cursor.step);
        let (place, part) = (self.folder.join(&name), self.folder.join(format!("{name}.part")));
        let hash = match verify(&place).ok().filter(|_| holds(&place, contents)) {
            Some(hash) => hash,
            None => self.write(&place, &part, contents)?,
        };
        self.forget_later(&place)
            .map_err(|error| fail(&place, &out_of(&error)))?;
        Ok(Written {
            removed: self.prune().map_err(|error| fail(&place, &out_of(&error)))?,
            path: place,
            hash,
            step: contents.cursor.step,
            epoch: contents.epoch,
        })
    }

    fn write(&self, place: &Path, part: &Path, contents: &Contents) -> Result<String, TrainError> {
        let io = |error: std::io::Error| fail(place, &out_of(&error));
        remove(part).and_then(|()| fs::create_dir_all(part)).map_err(io)?;
        let hash = write_files(part, contents)?;
        sync_folder(part).map_err(io)?;
        // One that is there already goes aside, so that there is hardly a moment without any.
        let aside = place.with_extension("old.part");
        if place.exists() {
            remove(&aside).and_then(|()| fs::rename(place, &aside)).map_err(io)?;
        }
        fs::rename(part, place)
            .and_then(|()| sync_folder(&self.folder))
            .and_then(|()| remove(&aside))
            .map_err(io)?;
        Ok(hash)
    }

    /// Removes checkpoints of later steps: training went on from an earlier one, because they are damaged.
    fn forget_later(&self, place: &Path) -> std::io::Result<()> {
        self.all()
            .iter()
            .filter(|folder| folder.as_path() > place)
            .try_for_each(|folder| remove(folder))
    }

    /// Removes what is not kept, and returns it.
    fn prune(&self) -> std::io::Result<Vec<PathBuf>> {
        let all = self.all();
        let older = all.len().saturating_sub(self.keep.last);
        let best = self.best(&all).filter(|_| self.keep.best);
        let old: Vec<PathBuf> = all[..older]
            .iter()
            .filter(|folder| Some(*folder) != best.as_ref())
            .cloned()
            .collect();
        old.iter().try_for_each(|folder| remove(folder))?;
        Ok(old)
    }

    /// The checkpoint with the lowest validation loss; of equals the newest.
    fn best(&self, all: &[PathBuf]) -> Option<PathBuf> {
        let judged = all
            .iter()
            .filter_map(|folder| Some((Manifest::read(folder).ok()?.val_loss?, folder)));
        let best = judged.rev().min_by(|(a, _), (b, _)| a.total_cmp(b));
        best.map(|(_, folder)| folder.clone())
    }

    /// That no checkpoint could be written here.
    pub(super) fn failed(&self, why: &dyn std::fmt::Display) -> TrainError {
        fail(&self.folder, why)
    }

    /// The newest checkpoint's folder, if there is one; nothing in it is looked at.
    #[must_use]
    pub fn latest(&self) -> Option<PathBuf> {
        self.all().into_iter().next_back()
    }

    /// The newest checkpoint whose files are what was written, and a warning for each newer one that is not.
    #[must_use]
    pub fn sound(&self) -> (Option<PathBuf>, Vec<String>) {
        let mut warnings = Vec::new();
        for folder in self.all().into_iter().rev() {
            match verify(&folder) {
                Ok(_) => return (Some(folder), warnings),
                Err(error) => warnings.push(format!("{error}; going on from the one before it")),
            }
        }
        (None, warnings)
    }

    /// Removes all checkpoints of the run.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn clear(&self) -> Result<(), TrainError> {
        remove(&self.folder).map_err(|error| fail(&self.folder, &error))
    }

    /// Finished checkpoint folders, oldest first.
    fn all(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let mut folders: Vec<PathBuf> = paths.filter(|path| is_whole(path) && !is_part(path)).collect();
        folders.sort();
        folders
    }
}

/// Whether a checkpoint is at this very place in training already, and knows as much about it.
fn holds(folder: &Path, contents: &Contents) -> bool {
    let same_place = load_cursor(folder).is_ok_and(|cursor| cursor == contents.cursor);
    same_place && Manifest::read(folder).is_ok_and(|manifest| manifest.val_loss == contents.val_loss)
}

/// Brings the entries of a folder to the disk.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    match cfg!(unix) {
        true => fs::File::open(folder)?.sync_all(),
        false => Ok(()),
    }
}

fn is_part(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "part")
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
