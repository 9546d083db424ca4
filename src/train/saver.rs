//! Checkpoints written on a thread of their own while training goes on, one at a time and in order.
//!
//! Model and optimiser are handed over as handles to the same buffers: the next step finds them shared and writes to new ones,
//! so what is saved is the moment of the call. A writing that failed is told at the next call.

use std::thread::JoinHandle;

use super::TrainError;
use super::checkpoint::{Checkpoints, Contents};
use super::events::Written;

type Outcome = Result<Written, TrainError>;

/// Writes the checkpoints of one run.
pub(super) struct Saver {
    checkpoints: Checkpoints,
    under_way: Option<JoinHandle<Outcome>>,
}

impl Saver {
    pub(super) fn new(checkpoints: Checkpoints) -> Self {
        Self {
            checkpoints,
            under_way: None,
        }
    }

    /// Begins to write a checkpoint; waits for the one before it, if that is still being written, and returns it.
    ///
    /// # Errors
    /// When the one before could not be written, or no thread can be had.
    pub(super) fn begin(&mut self, contents: Contents) -> Result<Option<Written>, TrainError> {
        let before = self.finish()?;
        let checkpoints = self.checkpoints.clone();
        let thread = std::thread::Builder::new().name("checkpoint".into());
        let spawned = thread.spawn(move || checkpoints.save(&contents));
        self.under_way = Some(spawned.map_err(|error| self.checkpoints.failed(&error))?);
        Ok(before)
    }

    /// The checkpoint that has been written since the last call, if one has; does not wait.
    ///
    /// # Errors
    /// When it could not be written.
    pub(super) fn written(&mut self) -> Result<Option<Written>, TrainError> {
        if self.under_way.as_ref().is_some_and(JoinHandle::is_finished) {
            return self.finish();
        }
        Ok(None)
    }

    /// Waits for the checkpoint under way and returns it, if there is one.
    ///
    /// # Errors
    /// When it could not be written.
    pub(super) fn finish(&mut self) -> Result<Option<Written>, TrainError> {
        let Some(thread) = self.under_way.take() else {
            return Ok(None);
        };
        let ended = thread.join();
        ended
            .unwrap_or_else(|_| Err(self.checkpoints.failed(&"the thread that wrote it panicked")))
            .map(Some)
    }
}

impl Drop for Saver {
    /// No half-written folder stays behind when training ends by an error.
    fn drop(&mut self) {
        if let Some(thread) = self.under_way.take() {
            // Nobody is left to be told.
            let _ = thread.join();
        }
    }
}
