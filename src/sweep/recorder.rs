//! Writes down what one trial says: numbers and pictures go to the store's writer thread, progress to the command line.

use std::collections::BTreeMap;

use crate::store::Writer;
use crate::store::rows::{CheckpointRow, MetricPoint, Picture, ProtocolRow};
use crate::train::{Observer, Progress, Written};

use super::rivals::Rivals;
use super::{Outside, Reporter};

/// Listens to one trial.
pub(super) struct Recorder<'a> {
    pub(super) run: &'a str,
    pub(super) writer: &'a Writer,
    pub(super) outside: &'a Outside<'a>,
    /// When the budget ends the trial, in milliseconds since 1970.
    pub(super) deadline: Option<i64>,
    pub(super) rivals: Rivals<'a>,
    pub(super) reporter: &'a mut dyn Reporter,
    pub(super) last: BTreeMap<String, f64>,
}

impl Recorder<'_> {
    /// What the budget says, once its time is over.
    pub(super) fn late(&self) -> Option<String> {
        let over = self
            .deadline
            .is_some_and(|deadline| (self.outside.now_ms)() >= deadline);
        over.then(|| "the sweep's max_hours are used up: stopped".into())
    }
}

fn absolute(path: &std::path::Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    path.to_string_lossy().into_owned()
}

impl Observer for Recorder<'_> {
    fn metric(&mut self, point: MetricPoint) {
        self.last.insert(point.name.clone(), point.value);
        self.reporter.metric(&point);
        self.rivals.heard(&point);
        self.writer.metric(self.run, point);
    }

    fn picture(&mut self, picture: Picture) {
        self.writer.picture(self.run, picture);
    }

    fn protocol(&mut self, row: ProtocolRow) {
        self.writer.protocol(self.run, row);
    }

    fn settle(&mut self) -> Result<(), String> {
        self.writer.flush().map_err(|error| error.to_string())
    }

    fn checkpoint(&mut self, written: Written) {
        let row = CheckpointRow {
            path: absolute(&written.path),
            step: written.step as i64,
            epoch: written.epoch,
            hash: written.hash,
            created_at: (self.outside.now)(),
        };
        let removed: Vec<String> = written.removed.iter().map(|path| absolute(path)).collect();
        if let Err(error) = self.writer.checkpoint(self.run, Some(row), &removed) {
            tracing::warn!("checkpoint {} is not recorded: {error}", written.path.display());
        }
    }

    fn progress(&mut self, progress: Progress) {
        self.reporter.progress(progress);
    }

    fn verdict(&mut self) -> Option<String> {
        match self.rivals.verdict() {
            Ok(verdict) => verdict,
            Err(error) => {
                tracing::warn!("the other trials cannot be read, so this one goes on: {error}");
                None
            }
        }
    }

    fn halted(&self) -> bool {
        self.late().is_some()
    }

    fn lost(&self) -> bool {
        self.writer.lost()
    }
}
