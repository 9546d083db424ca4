//! Writes down what one trial says: numbers and pictures go to the store's writer thread, progress to the command line.

use std::collections::BTreeMap;

use crate::store::rows::{CheckpointRow, MetricPoint, Picture};
use crate::store::{Store, StoreError, Writer};
use crate::train::{Observer, Progress, Written};

use super::Reporter;

/// Listens to one trial.
pub(super) struct Recorder<'a> {
    pub(super) run: &'a str,
    pub(super) store: &'a Store,
    pub(super) writer: &'a Writer,
    pub(super) now: &'a dyn Fn() -> String,
    pub(super) reporter: &'a mut dyn Reporter,
    pub(super) last: BTreeMap<String, f64>,
}

impl Recorder<'_> {
    /// Only the newest checkpoint of a run lies on disk, so only its row stays.
    fn replace_checkpoint(&self, written: &Written) -> Result<(), StoreError> {
        let path = std::path::absolute(&written.path).unwrap_or_else(|_| written.path.clone());
        let path = path.to_string_lossy().into_owned();
        for old in self.store.checkpoints(self.run)? {
            self.store.remove_checkpoint(self.run, &old.path)?;
        }
        let row = CheckpointRow {
            path,
            step: written.step as i64,
            epoch: written.epoch,
            hash: written.hash.clone(),
            created_at: (self.now)(),
        };
        self.store.add_checkpoint(self.run, &row)
    }
}

impl Observer for Recorder<'_> {
    fn metric(&mut self, point: MetricPoint) {
        self.last.insert(point.name.clone(), point.value);
        self.reporter.metric(&point);
        self.writer.metric(self.run, point);
    }

    fn picture(&mut self, picture: Picture) {
        self.writer.picture(self.run, picture);
    }

    fn settle(&mut self) -> Result<(), String> {
        self.writer.flush().map_err(|error| error.to_string())
    }

    fn checkpoint(&mut self, written: Written) {
        if let Err(error) = self.replace_checkpoint(&written) {
            tracing::warn!("checkpoint {} is not recorded: {error}", written.path.display());
        }
    }

    fn progress(&mut self, progress: Progress) {
        self.reporter.progress(progress);
    }
}
