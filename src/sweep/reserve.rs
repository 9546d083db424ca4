//! A little room on the disk, taken before a trial begins and given back when the disk is full: enough for the row of the trial
//! to say so. It lies with the trial's checkpoints, named like a checkpoint that was left half-written, so that whoever
//! clears those away clears it away as well.

use std::fs;
use std::path::{Path, PathBuf};

/// Room for some dozens of changed pages of the store.
const BYTES: usize = 512 * 1024;

/// The room, as long as it is held.
pub(super) struct Reserve(PathBuf);

impl Reserve {
    /// Takes room in a folder, which is made if it is not there. Where there is none, training will tell of it.
    pub(super) fn take(folder: &Path) -> Self {
        let path = folder.join("reserve.part");
        // Bytes that no file system makes smaller.
        let mut state = 1u64;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        });
        let bytes: Vec<u8> = noise.take(BYTES).collect();
        let taken = fs::create_dir_all(folder).and_then(|()| fs::write(&path, bytes));
        if let Err(error) = taken {
            tracing::debug!("no room is kept in {}: {error}", folder.display());
        }
        Self(path)
    }

    /// Gives the room back.
    pub(super) fn give_back(&self) {
        // It may never have been there.
        let _ = fs::remove_file(&self.0);
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        self.give_back();
        if let Some(folder) = self.0.parent() {
            // Where there are checkpoints, it stays.
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_and_leaves_no_trace() {
        let room = tempfile::tempdir().unwrap();
        let (empty, full) = (room.path().join("empty"), room.path().join("full"));
        fs::create_dir_all(full.join("step-00000001")).unwrap();
        for folder in [&empty, &full] {
            let reserve = Reserve::take(folder);
            assert_eq!(fs::metadata(folder.join("reserve.part")).unwrap().len(), BYTES as u64);
            reserve.give_back();
            assert!(!folder.join("reserve.part").exists());
        }
        assert!(!empty.exists() && full.join("step-00000001").exists());
        fs::write(&empty, "").unwrap();
        drop(Reserve::take(&empty));
        assert!(empty.exists(), "a file in its place stays");
    }
}
