//! Marked regions of the pictures of a set, for the masking strategy `file`: one file for all of them, or a folder with one
//! for each. Files are found and digested when it is opened, and decoded when they are asked for. It draws no masks.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use mae_strategies::Grid;

use super::marks::Marks;
use super::{DataError, ImageSet, Split, View};
use crate::spec::TrialSpec;

/// What a file of marks may be called.
const ENDINGS: [&str; 2] = ["png", "npy"];

/// As many files, and as many bytes, are digested by content; more by name and size.
const DIGEST_FILES: usize = 2000;
const DIGEST_BYTES: u64 = 512 << 20;

/// Decoded marks are kept until they fill this many bytes.
const CACHE_BYTES: usize = 128 << 20;

/// The marked regions of a set of pictures.
#[derive(Debug)]
pub struct Regions {
    grid: Grid,
    /// The file of each picture, by split; one for all where there is only one.
    files: [Vec<Entry>; 2],
    all: Option<Marks>,
    digest: String,
    cached: AtomicUsize,
}

#[derive(Debug)]
struct Entry {
    path: PathBuf,
    marks: OnceLock<Arc<Marks>>,
}

impl Regions {
    /// Those of a trial's pictures, where its masks follow any.
    ///
    /// # Errors
    /// Those of [`Regions::open`].
    pub fn of(trial: &TrialSpec, set: &ImageSet) -> Result<Option<Arc<Self>>, DataError> {
        let path = trial.mask.regions_path();
        path.map(|path| Self::open(path, set, trial.model.grid()).map(Arc::new))
            .transpose()
    }

    /// Finds the marks of every picture of a set, to be averaged over a grid.
    ///
    /// # Errors
    /// When the path does not exist, the one file cannot be read, or a picture has no file in the folder.
    pub fn open(path: &str, set: &ImageSet, grid: Grid) -> Result<Self, DataError> {
        let root = Path::new(path);
        let mut regions = Self {
            grid,
            files: [Vec::new(), Vec::new()],
            all: None,
            digest: String::new(),
            cached: AtomicUsize::new(0),
        };
        if root.is_dir() {
            for split in [Split::Train, Split::Val] {
                let found = (0..set.len(split)).map(|index| find(root, set.name(split, index)));
                regions.files[split as usize] = found.collect::<Result<_, _>>()?;
            }
            regions.digest = digest(root, regions.files.iter().flatten())?;
        } else {
            let (marks, bytes) = Marks::read(root).map_err(|why| unreadable(root, why))?;
            regions.all = Some(marks);
            regions.digest = format!("content-{}", blake3::hash(&bytes).to_hex());
        }
        Ok(regions)
    }

    /// What tells these marks from others: of their contents, or of names and sizes where there are very many.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// How much of each patch of a view of a picture is marked: `L` values from 0 to 1.
    ///
    /// # Errors
    /// When the file of this picture cannot be read, with its path.
    pub fn shares(&self, split: Split, index: usize, view: &View) -> Result<Vec<f32>, String> {
        if let Some(marks) = &self.all {
            return Ok(marks.shares(view, self.grid));
        }
        let entry = &self.files[split as usize][index];
        if let Some(marks) = entry.marks.get() {
            return Ok(marks.shares(view, self.grid));
        }
        let (marks, _) =
            Marks::read(&entry.path).map_err(|why| format!("its marked regions {}: {why}", entry.path.display()))?;
        let shares = marks.shares(view, self.grid);
        if self.reserve(marks.size()) {
            // Another thread may have been first; both decoded the same.
            let _ = entry.marks.set(Arc::new(marks));
        }
        Ok(shares)
    }

    fn reserve(&self, bytes: usize) -> bool {
        let within = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= CACHE_BYTES);
        let order = Ordering::Relaxed;
        self.cached.fetch_update(order, order, within).is_ok()
    }
}

/// The file of a picture: its name in the set, with another ending.
fn find(root: &Path, name: &str) -> Result<Entry, DataError> {
    let named = |ending: &str| root.join(Path::new(name).with_extension(ending));
    let found = ENDINGS.iter().map(|ending| named(ending)).find(|path| path.is_file());
    match found {
        Some(path) => Ok(Entry {
            path,
            marks: OnceLock::new(),
        }),
        None => Err(DataError::NoRegions {
            picture: name.to_owned(),
            wanted: named(ENDINGS[0]),
        }),
    }
}

fn digest<'a>(root: &Path, entries: impl Iterator<Item = &'a Entry>) -> Result<String, DataError> {
    let paths: Vec<&Path> = entries.map(|entry| entry.path.as_path()).collect();
    let size = |path: &&Path| {
        let meta = path.metadata();
        meta.map(|meta| meta.len())
            .map_err(|source| unreadable(path, source.to_string()))
    };
    let sizes: Vec<u64> = paths.iter().map(size).collect::<Result<_, _>>()?;
    let whole = paths.len() <= DIGEST_FILES && sizes.iter().sum::<u64>() <= DIGEST_BYTES;
    let mut hash = blake3::Hasher::new();
    for (path, size) in paths.into_iter().zip(sizes) {
        let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
        hash.update(format!("{name}\0{size}\0").as_bytes());
        if whole {
            let bytes = std::fs::read(path).map_err(|source| unreadable(path, source.to_string()))?;
            hash.update(&bytes);
        }
    }
    let kind = if whole { "content" } else { "listing" };
    Ok(format!("{kind}-{}", hash.finalize().to_hex()))
}

fn unreadable(path: &Path, why: String) -> DataError {
    DataError::BadRegions {
        path: path.to_path_buf(),
        why,
    }
}

#[cfg(test)]
#[path = "regions_tests.rs"]
mod tests;
