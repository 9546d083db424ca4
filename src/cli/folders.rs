//! The folders of checkpoints beside a store, one a run: their sizes, removing and copying them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::failure::Failure;

/// What the name of a checkpoint that is not whole ends in.
const PART: &str = "part";

/// Bytes of a file or folder; nothing when there is none.
pub(super) fn bytes(path: &Path) -> u64 {
    let Ok(about) = fs::symlink_metadata(path) else {
        return 0;
    };
    if about.is_dir() {
        entries(path).iter().map(|entry| bytes(entry)).sum()
    } else {
        about.len()
    }
}

/// What lies in a folder, by name; nothing when there is none.
pub(super) fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = found.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Whether a folder holds checkpoints of a run, or has held some: nothing else is ever removed.
pub(super) fn is_of_a_run(folder: &Path) -> bool {
    let is_checkpoint = |path: &PathBuf| name(path).starts_with("step-");
    let entries = entries(folder);
    let is_known = |path: &PathBuf| is_checkpoint(path) || is_part(path);
    folder.is_dir() && !folder.is_symlink() && (entries.is_empty() || entries.iter().any(is_known))
}

/// Whether a checkpoint was left half-written.
pub(super) fn is_part(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == PART)
}

/// The last part of a path as text.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Removes a folder, if it is there.
pub(super) fn remove(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let context = format!("cannot remove {}", folder.display());
            Err(Failure::Failed(anyhow::Error::new(error).context(context)))
        }
        _ => Ok(()),
    }
}

/// Copies the whole checkpoints of a run that are not there yet; bytes copied. Each appears all at once.
pub(super) fn copy(from: &Path, to: &Path) -> Result<u64, Failure> {
    let mut copied = 0;
    for checkpoint in entries(from).iter().filter(|path| path.is_dir() && !is_part(path)) {
        let place = to.join(name(checkpoint));
        if place.exists() {
            continue;
        }
        let part = to.join(format!("{}.{PART}", name(checkpoint)));
        let done = copy_files(checkpoint, &part).and_then(|()| fs::rename(&part, &place));
        done.map_err(|error| {
            let context = format!("cannot copy {} to {}", checkpoint.display(), place.display());
            Failure::Failed(anyhow::Error::new(error).context(context))
        })?;
        copied += bytes(&place);
    }
    Ok(copied)
}

fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        let place = to.join(file.file_name());
        fs::copy(file.path(), &place)?;
        fs::File::open(&place)?.sync_all()?;
    }
    Ok(())
}

/// Bytes for the eye: `1.2 MB`.
pub(super) fn readable(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let mut size = bytes as f64 / 1000.0;
    let mut unit = 0;
    while size >= 999.95 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_readable() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_960, "1.0 MB"),
            (3_456_000_000, "3.5 GB"),
            (u64::MAX, "18446744.1 TB"),
        ] {
            assert_eq!(readable(bytes), text);
        }
    }

    #[test]
    fn whole_checkpoints_are_copied_once_and_halves_never() {
        let room = tempfile::tempdir().unwrap();
        let (from, to) = (room.path().join("a/r1"), room.path().join("b/r1"));
        for (folder, text) in [("step-00000008", "eight"), ("step-00000009.part", "nine")] {
            fs::create_dir_all(from.join(folder)).unwrap();
            fs::write(from.join(folder).join("cursor.json"), text).unwrap();
        }
        assert_eq!(copy(&from, &to).unwrap(), 5);
        assert_eq!(copy(&from, &to).unwrap(), 0, "it is there already");
        assert_eq!(entries(&to), [to.join("step-00000008")]);
        assert_eq!(
            fs::read_to_string(to.join("step-00000008/cursor.json")).unwrap(),
            "eight"
        );
        assert_eq!(bytes(&from), 9);
        assert!(is_of_a_run(&from) && !is_of_a_run(room.path()));
        remove(&from).unwrap();
        remove(&from).unwrap();
        assert!(!from.exists());
    }
}
