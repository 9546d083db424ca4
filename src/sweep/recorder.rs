//! Writes down what one trial says: numbers and pictures go to the store's writer thread, progress to the command line.

use std::collections::BTreeMap;
use std::path::Path;

use crate::store::Writer;
use crate::store::rows::{MetricPoint, Picture};
use crate::train::{Cursor, Observer, Progress};

use super::Reporter;

/// Listens to one trial.
pub(super) struct Recorder<'a> {
    pub(super) run: &'a str,
    pub(super) writer: &'a Writer,
    pub(super) reporter: &'a mut dyn Reporter,
    pub(super) last: BTreeMap<String, f64>,
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

    fn checkpoint(&mut self, cursor: &Cursor, path: &Path) {
        tracing::debug!(run = self.run, step = cursor.step, path = %path.display(), "checkpoint written");
    }

    fn progress(&mut self, progress: Progress) {
        self.reporter.progress(progress);
    }
}
