//! The store: sweeps, runs, every metric point, pictures and checkpoints in one SQLite file, and the only SQL of the
//! program. Callers see plain rows ([`rows`]) and synchronous calls; no type of sqlx leaves this module. Time and ids
//! come in as arguments. Tables and example queries: `schema.md`.
//!
//! ```
//! # let dir = std::env::temp_dir().join(format!("mae-exp-doc-{}", std::process::id()));
//! use mae_exp::store::{RunFilter, Store};
//!
//! let store = Store::open(dir.join("mae-exp.db").to_str().expect("a temporary folder in UTF-8"))?;
//! assert!(store.runs(&RunFilter::default())?.is_empty());
//! # drop(store);
//! # std::fs::remove_dir_all(dir).ok();
//! # Ok::<(), mae_exp::store::StoreError>(())
//! ```

mod bulk;
mod bulk_read;
mod choose;
mod connect;
mod curves;
mod error;
mod filter;
mod house;
mod inbox;
mod judged;
mod lease;
mod listing;
mod query;
mod read;
mod record;
pub mod rows;
mod scribe;
mod select;
mod transfer;
mod turn;
mod watch;
mod write;
mod writer;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value as Json;
use sqlx::sqlite::SqliteConnection;

pub use choose::Chosen;
use connect::{Link, Mode};
pub use error::StoreError;
pub use filter::{Order, RunFilter};
pub use house::{Holdings, Tags};
pub use lease::Lease;
pub use listing::Listed;
pub use query::{Answer, ReadOnly};
pub use read::LastMetrics;
use rows::{CheckpointRow, Curve, EventRow, LeaseRow, MetricPoint, Picture, RunRow, Status, SweepRow};
pub use transfer::Copied;
pub use watch::{Progressed, Tally};
use write::Entry;
pub use writer::Writer;
use writer::{Holder, PAUSE};

/// An open store. May be shared between threads, which then take turns; not to be used inside an async runtime.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    link: Mutex<Link>,
}

impl Store {
    /// Opens the store at a path or `sqlite://` URL for writing; makes its folder, the file and the schema if missing.
    ///
    /// # Errors
    /// When the target is of another kind, cannot be opened or written, or belongs to a newer version.
    pub fn open(target: &str) -> Result<Self, StoreError> {
        Self::open_as(target, Mode::Create)
    }

    /// Opens a store that must be there, as reading commands do.
    ///
    /// # Errors
    /// As [`Store::open`], and when there is none.
    pub fn open_existing(target: &str) -> Result<Self, StoreError> {
        Self::open_as(target, Mode::Existing)
    }

    /// Opens a store that must be there, to read it and no more: nothing about it can be changed through this connection, and
    /// no writer waits for it. For connections that are closed again soon.
    ///
    /// # Errors
    /// As [`Store::open_existing`], and when its schema is an older one.
    pub fn open_reading(target: &str) -> Result<Self, StoreError> {
        Self::open_as(target, Mode::Reading)
    }

    fn open_as(target: &str, mode: Mode) -> Result<Self, StoreError> {
        let path = connect::locate(target)?;
        let link = Mutex::new(Link::open(&path, mode)?);
        Ok(Self { path, link })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Starts a background writer with its own connection, for whom no lease is checked: where nobody else can want to
    /// write to the same runs.
    ///
    /// # Errors
    /// When the connection or the thread cannot be made.
    pub fn writer(&self) -> Result<Writer, StoreError> {
        Writer::start(&self.path, None)
    }

    /// Starts a background writer for the holder of a lease. Whatever it writes, it writes only as long as the lease is
    /// still the newest, and it gives a sign of life at least every five seconds. `now_ms` is the time in milliseconds
    /// since 1970.
    ///
    /// # Errors
    /// When the connection or the thread cannot be made.
    pub fn writer_for(&self, lease: &Lease, now_ms: fn() -> i64) -> Result<Writer, StoreError> {
        let (lease, pause) = (lease.clone(), PAUSE);
        Writer::start(&self.path, Some(Holder { lease, now_ms, pause }))
    }

    /// Work in a transaction of its own.
    fn alone<T>(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with(async |conn| turn::alone(conn, work).await)
    }

    fn with<T>(&self, work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        // A panic elsewhere leaves the connection usable: its open transaction is rolled back.
        self.link.lock().unwrap_or_else(PoisonError::into_inner).run(work)
    }
}

/// Writing. A finished run refuses every change with [`StoreError::Finished`]; an unknown one is
/// [`StoreError::Unknown`]; everything else is the disk or another program.
impl Store {
    /// Records a sweep, or changes all but the creation time of the one with that id.
    pub fn upsert_sweep(&self, sweep: &SweepRow) -> Result<(), StoreError> {
        self.alone(async |conn| write::upsert_sweep(conn, sweep).await)
    }

    /// Records a new run; its sweep must be there.
    pub fn insert_run(&self, run: &RunRow) -> Result<(), StoreError> {
        self.insert_runs(std::slice::from_ref(run))
    }

    /// Records new runs, all or none.
    pub fn insert_runs(&self, runs: &[RunRow]) -> Result<(), StoreError> {
        self.with(async |conn| write::insert_runs(conn, runs).await)
    }

    /// Enters a state: `Running` sets `started_at` if it was empty, an end sets `finished_at` and frees the lease, and
    /// `error` replaces what was there. Where a [`Writer`] is at work on the run, use [`Writer::set_status`].
    pub fn set_status(&self, run_id: &str, status: Status, time: &str, error: &str) -> Result<(), StoreError> {
        let (run, time, error, trace) = (run_id.into(), time.into(), error.into(), String::new());
        let to = Entry {
            run,
            status,
            time,
            error,
            trace,
        };
        self.with(async |conn| write::set_status(conn, &to).await)
    }

    /// Replaces the warnings, a list of strings.
    pub fn set_warnings(&self, run_id: &str, warnings: &Json) -> Result<(), StoreError> {
        self.alone(async |conn| write::set_warnings(conn, run_id, warnings).await)
    }

    /// Notes a checkpoint; one of the same path is replaced.
    pub fn add_checkpoint(&self, run_id: &str, checkpoint: &CheckpointRow) -> Result<(), StoreError> {
        self.alone(async |conn| write::add_checkpoint(conn, run_id, checkpoint).await)
    }

    /// Forgets a checkpoint whose file was removed.
    pub fn remove_checkpoint(&self, run_id: &str, path: &str) -> Result<(), StoreError> {
        self.alone(async |conn| write::remove_checkpoint(conn, run_id, path).await)
    }

    /// Finds the runs of the same sweep and identity, or records these; their ids, in order. Several processes may try at
    /// once.
    pub fn adopt_runs(&self, runs: &[RunRow]) -> Result<Vec<String>, StoreError> {
        self.with(async |conn| write::adopt_runs(conn, runs).await)
    }

    /// Makes a run the running one of the process that `run.environment` tells of, if state and environment still are
    /// as `seen`, and gives it the lease; none when another process was faster, or the run is finished. Its description
    /// becomes that of `run`; of its results, those up to the step and epoch `keep` stay, or none. `time` and `now_ms`
    /// (milliseconds since 1970) are both the present. Earlier holders are fenced out.
    pub fn claim_run(
        &self,
        run: &RunRow,
        seen: &RunRow,
        time: &str,
        now_ms: i64,
        keep: Option<(i64, f64)>,
    ) -> Result<Option<Lease>, StoreError> {
        self.with(async |conn| lease::claim_run(conn, run, seen, (time, now_ms), keep).await)
    }

    /// Enters `Crashed` for a run whose process went away, if it is running still, with the environment as `seen` and
    /// the lease's number as given (none where it has no lease); whether it did. An old holder that lives after all is
    /// fenced out.
    pub fn mark_crashed(&self, seen: &RunRow, fence: Option<i64>, time: &str, why: &str) -> Result<bool, StoreError> {
        let known = (&seen.environment, fence);
        self.with(async |conn| lease::mark_crashed(conn, &seen.id, known, time, why).await)
    }
}

/// Reading. Errors are those of the disk and of rows that cannot be understood, and of selectors that fit no row.
impl Store {
    /// Every sweep, oldest first.
    pub fn sweeps(&self) -> Result<Vec<SweepRow>, StoreError> {
        self.with(async |conn| read::sweeps(conn, None).await)
    }

    /// The sweep a word means: id, `latest`, name (the newest of that name) or unique beginning of an id.
    pub fn find_sweep(&self, selector: &str) -> Result<SweepRow, StoreError> {
        self.with(async |conn| {
            let all = read::sweep_candidates(conn).await?;
            let id = select::pick("sweep", selector, &all)?;
            read::sweeps(conn, Some(id))
                .await?
                .pop()
                .ok_or_else(|| gone("sweep", id))
        })
    }

    /// The runs a filter admits, by sweep (oldest first) and position.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRow>, StoreError> {
        self.with(async |conn| read::runs(conn, filter).await)
    }

    /// The run a word means: id, `latest` (last started), label or sweep's name (the newest of them), or unique
    /// beginning of an id.
    pub fn find_run(&self, selector: &str) -> Result<RunRow, StoreError> {
        self.with(async |conn| {
            let all = read::run_candidates(conn).await?;
            let id = select::pick("run", selector, &all)?;
            read::run(conn, id).await?.ok_or_else(|| gone("run", id))
        })
    }

    /// The run with exactly that id.
    pub fn run(&self, run_id: &str) -> Result<Option<RunRow>, StoreError> {
        self.with(async |conn| read::run(conn, run_id).await)
    }

    /// The run of that identity in a sweep: a finished one before others, then the newest.
    pub fn run_by_identity(&self, sweep_id: &str, identity: &str) -> Result<Option<RunRow>, StoreError> {
        self.with(async |conn| read::run_by_identity(conn, sweep_id, identity).await)
    }

    /// One metric of every run of a sweep, by position; empty where it was not measured.
    pub fn curves(&self, sweep_id: &str, metric: &str) -> Result<Vec<Curve>, StoreError> {
        self.with(async |conn| curves::curves(conn, sweep_id, metric).await)
    }

    /// Every point of a run, by name and step.
    pub fn metrics(&self, run_id: &str) -> Result<Vec<MetricPoint>, StoreError> {
        self.with(async |conn| read::metrics(conn, run_id).await)
    }

    /// The last value of every metric of the runs, in one query; a run without any has an empty map.
    pub fn last_metrics(&self, run_ids: &[String]) -> Result<LastMetrics, StoreError> {
        self.with(async |conn| read::last_metrics(conn, run_ids).await)
    }

    /// Every picture of a run, by epoch, item and kind (original, masked, reconstruction, pasted).
    pub fn pictures(&self, run_id: &str) -> Result<Vec<Picture>, StoreError> {
        self.with(async |conn| read::pictures(conn, run_id).await)
    }

    /// The checkpoints of a run, by step.
    pub fn checkpoints(&self, run_id: &str) -> Result<Vec<CheckpointRow>, StoreError> {
        self.with(async |conn| read::checkpoints(conn, run_id).await)
    }

    /// The lease of a run; none when it was never claimed.
    pub fn lease(&self, run_id: &str) -> Result<Option<LeaseRow>, StoreError> {
        self.with(async |conn| lease::lease(conn, run_id).await)
    }

    /// Every state a run was in, oldest first.
    pub fn events(&self, run_id: &str) -> Result<Vec<EventRow>, StoreError> {
        self.with(async |conn| read::events(conn, run_id).await)
    }

    /// Version of the schema.
    pub fn schema_version(&self) -> Result<i64, StoreError> {
        use error::Doing;
        self.with(async |conn| {
            Ok(connect::version(conn)
                .await
                .doing("read the schema version")?
                .unwrap_or(0))
        })
    }

    /// Problems that SQLite's own check finds in the file; none when it is sound.
    pub fn problems(&self) -> Result<Vec<String>, StoreError> {
        self.with(async |conn| connect::quick_check(conn).await)
    }
}

/// A row that vanished between being found and being read.
fn gone(what: &'static str, id: &str) -> StoreError {
    StoreError::Unknown {
        what,
        selector: id.to_owned(),
        hint: "it was removed a moment ago".to_owned(),
    }
}
