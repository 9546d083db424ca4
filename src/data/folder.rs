//! Pictures in a folder: `train/` and `val/`, or one folder that is split; class per sub-folder, or flat.
//! It lists and names; it decodes nothing. Hidden files are ignored, and so is every file without a picture's
//! extension. Pictures beside class folders are kept, without a class.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::DataError;
use super::source::{Found, Item, Origin, split};
use crate::spec::trial::DataSpec;

const EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "bmp"];
const MAX_DEPTH: usize = 16;

/// A picture file: path below the listed folder, and its size.
pub(super) struct Entry {
    pub(super) parts: Vec<String>,
    pub(super) path: PathBuf,
    size: u64,
}

/// Finds the pictures of `data.path`.
pub(super) fn find(spec: &DataSpec) -> Result<Found, DataError> {
    let root = PathBuf::from(
        spec.path
            .as_deref()
            .filter(|p| !p.is_empty())
            .ok_or(DataError::NoPath)?,
    );
    must_be_folder(&root)?;
    let (train, val) = (root.join("train"), root.join("val"));
    match (train.is_dir(), val.is_dir()) {
        (true, true) => two_folders(&root, &train, &val),
        (false, true) => Err(DataError::NoTrain(root)),
        (true, false) => one_folder(&root, &train, "train", spec.val_fraction),
        (false, false) => one_folder(&root, &root, "", spec.val_fraction),
    }
}

fn two_folders(root: &Path, train: &Path, val: &Path) -> Result<Found, DataError> {
    let (train_entries, val_entries) = (pictures(train)?, pictures(val)?);
    for (entries, path) in [(&train_entries, train), (&val_entries, val)] {
        if entries.is_empty() {
            return Err(DataError::NoPictures(path.to_path_buf()));
        }
    }
    let classes = classes(train_entries.iter().chain(&val_entries));
    let (train, val) = (
        items(train_entries, "train", &classes),
        items(val_entries, "val", &classes),
    );
    Ok(Found {
        place: root.display().to_string(),
        classes,
        train,
        val,
    })
}

pub(super) fn must_be_folder(root: &Path) -> Result<(), DataError> {
    let path = root.to_path_buf();
    match fs::metadata(root) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(DataError::Missing(path)),
        Err(source) => Err(DataError::Io { path, source }),
        Ok(meta) if !meta.is_dir() => Err(DataError::NotAFolder(path)),
        Ok(_) => Ok(()),
    }
}

/// Finds every picture of a folder, without dividing them; those of `train/` and `val/`, where there are both, keep the
/// classes of their sub-folders. All of them are held out.
pub(super) fn all(root: &Path) -> Result<Found, DataError> {
    must_be_folder(root)?;
    let (train, val) = (root.join("train"), root.join("val"));
    if train.is_dir() && val.is_dir() {
        let mut found = two_folders(root, &train, &val)?;
        found.val.append(&mut found.train);
        return Ok(found);
    }
    let entries = pictures(root)?;
    if entries.is_empty() {
        return Err(DataError::NoPictures(root.to_path_buf()));
    }
    let classes = classes(&entries);
    Ok(Found {
        place: root.display().to_string(),
        train: Vec::new(),
        val: items(entries, "", &classes),
        classes,
    })
}

fn one_folder(root: &Path, folder: &Path, prefix: &str, val_fraction: f64) -> Result<Found, DataError> {
    let entries = pictures(folder)?;
    if entries.is_empty() {
        return Err(DataError::NoPictures(folder.to_path_buf()));
    }
    let classes = classes(&entries);
    let mut items = items(entries, prefix, &classes);
    items.sort_by(|a, b| a.name.cmp(&b.name));
    let (train, val) = split(items, val_fraction);
    Ok(Found {
        place: root.display().to_string(),
        classes,
        train,
        val,
    })
}

/// The sorted names of the first-level folders that hold pictures.
fn classes<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<String> {
    let class = |e: &'a Entry| e.parts.first().filter(|_| e.parts.len() > 1).cloned();
    entries
        .into_iter()
        .filter_map(class)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn items(entries: Vec<Entry>, prefix: &str, classes: &[String]) -> Vec<Item> {
    let item = |e: Entry| {
        let label = if e.parts.len() > 1 {
            classes.binary_search(&e.parts[0]).ok()
        } else {
            None
        };
        let name = e.parts.join("/");
        let name = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        Item {
            name,
            label,
            origin: Origin::File(e.path, e.size),
        }
    };
    entries.into_iter().map(item).collect()
}

/// Every picture below `folder`.
pub(super) fn pictures(folder: &Path) -> Result<Vec<Entry>, DataError> {
    let mut found = Vec::new();
    list(folder, &mut Vec::new(), &mut found)?;
    Ok(found)
}

fn list(folder: &Path, parts: &mut Vec<String>, found: &mut Vec<Entry>) -> Result<(), DataError> {
    let failed = |source| DataError::Io {
        path: folder.to_path_buf(),
        source,
    };
    if parts.len() >= MAX_DEPTH {
        return Err(DataError::TooDeep {
            path: folder.to_path_buf(),
            depth: MAX_DEPTH,
        });
    }
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        let meta = fs::metadata(&path);
        parts.push(name);
        if meta.as_ref().is_ok_and(fs::Metadata::is_dir) {
            list(&path, parts, found)?;
        } else if is_picture(&path) {
            // A dangling link stays in the list: it is skipped and named when it is read.
            found.push(Entry {
                parts: parts.clone(),
                path,
                size: meta.map_or(0, |m| m.len()),
            });
        }
        parts.pop();
    }
    Ok(())
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str()))
}
