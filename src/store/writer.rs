//! The background writer: training hands over numbers and pictures and goes on; a thread with its own connection
//! (`scribe.rs`) writes them in batches. Order is kept, so a state set through the writer never overtakes what was
//! measured before.
//!
//! A batch that the disk refuses is kept and tried again. One that the store refuses (the run is finished, say) is lost;
//! its error is kept and returned by the next call that waits for an answer. Every run has a writer of its own, so that
//! one run's error does not reach another.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value as Json;

use super::connect::{Link, Mode};
use super::error::StoreError;
use super::inbox::Inbox;
use super::lease::Lease;
use super::rows::{CheckpointRow, MetricPoint, Picture, ProtocolRow, Status};
use super::scribe::{Act, Ask, Scribe};
use super::write::Entry;

/// Time between two beats of a writer that has nothing to write.
pub(super) const PAUSE: Duration = Duration::from_secs(5);

/// Hands measurements to a background thread.
pub struct Writer {
    inbox: Arc<Inbox>,
    lost: Arc<AtomicBool>,
    thread: Option<JoinHandle<Option<StoreError>>>,
}

/// What a writer needs to act for the holder of a lease.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    /// The lease.
    pub(super) lease: Lease,
    /// The clock, in milliseconds since 1970.
    pub(super) now_ms: fn() -> i64,
    /// Time between two beats.
    pub(super) pause: Duration,
}

impl Writer {
    /// Starts the thread on the store in that file.
    pub(super) fn start(path: &Path, holder: Option<Holder>) -> Result<Self, StoreError> {
        Self::start_on(Link::open(path, Mode::Record)?, holder)
    }

    /// Starts the thread on an open connection.
    pub(super) fn start_on(link: Link, holder: Option<Holder>) -> Result<Self, StoreError> {
        let (inbox, lost) = (Arc::new(Inbox::default()), Arc::new(AtomicBool::new(false)));
        let scribe = Scribe::new(link, holder, Arc::clone(&inbox), Arc::clone(&lost));
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || scribe.serve())
            .map_err(|error| StoreError::Writer {
                problem: error.to_string(),
            })?;
        let thread = Some(thread);
        Ok(Self { inbox, lost, thread })
    }

    /// Leaves a point to be written; waits only while very many are. Errors come with the next [`Writer::flush`].
    pub fn metric(&self, run_id: &str, point: MetricPoint) {
        Self::left(self.inbox.point(run_id, point));
    }

    /// Leaves a picture, likewise.
    pub fn picture(&self, run_id: &str, picture: Picture) {
        Self::left(self.inbox.picture(run_id, picture));
    }

    /// Leaves how the figures of a task came about, likewise.
    pub fn protocol(&self, run_id: &str, row: ProtocolRow) {
        Self::left(self.inbox.protocol(run_id, row));
    }

    /// Whether another process has taken the run over, so that nothing is recorded here any more.
    #[must_use]
    pub fn lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Waits until everything said so far is committed.
    ///
    /// # Errors
    /// The first error since the last call that waited.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.ask(Act::Nothing)
    }

    /// Changes a run's state after everything said so far is committed, and lets go of the lease when the run is over.
    /// `error` and `trace` (a backtrace) replace what was there.
    ///
    /// # Errors
    /// The first error since the last call that waited, in which case the state is as it was; call again to set it all
    /// the same.
    pub fn set_status(
        &self,
        run_id: &str,
        status: Status,
        time: &str,
        error: &str,
        trace: &str,
    ) -> Result<(), StoreError> {
        let (run, time, error, trace) = (run_id.into(), time.into(), error.into(), trace.into());
        self.ask(Act::Enter(Entry {
            run,
            status,
            time,
            error,
            trace,
        }))
    }

    /// Enters a state without what could not be written so far, which is dropped: where the disk is full, a row that says so
    /// is worth more. What a checkpoint refers to was written before it, so nothing that training goes on from is missing.
    ///
    /// # Errors
    /// When not even that can be written.
    pub fn give_up(
        &self,
        run_id: &str,
        status: Status,
        time: &str,
        error: &str,
        trace: &str,
    ) -> Result<(), StoreError> {
        let (run, time, error, trace) = (run_id.into(), time.into(), error.into(), trace.into());
        self.ask(Act::GiveUp(Entry {
            run,
            status,
            time,
            error,
            trace,
        }))
    }

    /// Replaces a run's warnings, a list of strings, in turn.
    ///
    /// # Errors
    /// As [`Writer::set_status`].
    pub fn set_warnings(&self, run_id: &str, warnings: &Json) -> Result<(), StoreError> {
        self.ask(Act::Warnings(run_id.to_owned(), warnings.clone()))
    }

    /// Notes a checkpoint and forgets others by their paths, at once and in turn.
    ///
    /// # Errors
    /// As [`Writer::set_status`].
    pub fn checkpoint(&self, run_id: &str, written: Option<CheckpointRow>, gone: &[String]) -> Result<(), StoreError> {
        self.ask(Act::Checkpoint(run_id.to_owned(), written, gone.to_vec()))
    }

    /// Writes what is left to write and ends the thread.
    ///
    /// # Errors
    /// The first error since the last call that waited.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.end()
    }

    /// A thread that has gone is noticed by the next call that waits for an answer.
    fn left(taken: bool) {
        if !taken {
            tracing::error!("the store's writer has stopped; a measurement is lost");
        }
    }

    fn ask(&self, act: Act) -> Result<(), StoreError> {
        let (reply, answer) = sync_channel(1);
        self.inbox.ask(Ask { act, reply });
        answer.recv().unwrap_or_else(|_| Err(stopped()))
    }

    fn end(&mut self) -> Result<(), StoreError> {
        self.inbox.close();
        match self.thread.take().map(JoinHandle::join) {
            None | Some(Ok(None)) => Ok(()),
            Some(Ok(Some(error))) => Err(error),
            Some(Err(_)) => Err(stopped()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!("measurements may be missing: {error}");
        }
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("lost", &self.lost)
            .finish_non_exhaustive()
    }
}

fn stopped() -> StoreError {
    StoreError::Writer {
        problem: "its thread ended early, see the log".to_owned(),
    }
}
