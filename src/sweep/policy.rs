//! What is done with a run that the store already knows, from its state and from what has become of its process.

use std::path::Path;

use crate::store::rows::{LeaseRow, RunRow, Status};
use crate::train::Keep;

use super::plan::{Action, shelf_of};
use super::{Outside, Process};

/// A holder on another machine that has not renewed its lease for so long is taken for dead. Clocks of two machines may
/// differ by some of it; should it live after all, its fence keeps it from writing.
const SILENCE_MS: i64 = 5 * 60 * 1000;

/// Which runs that are over are taken up again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// States that are.
    pub retry: Vec<Status>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            retry: vec![Status::Failed, Status::Interrupted, Status::Crashed],
        }
    }
}

impl Policy {
    /// What is to be done with a run as the store holds it now.
    pub(super) fn action(
        &self,
        row: &RunRow,
        lease: Option<&LeaseRow>,
        checkpoints: &Path,
        outside: &Outside<'_>,
    ) -> Action {
        let go_on = |why: &str| {
            let latest = shelf_of(checkpoints, &row.id, Keep { last: 1, best: false }).latest();
            latest.map_or_else(|| Action::Retry(format!("{why}, no checkpoint")), Action::Resume)
        };
        let left = |what: &str| Action::Skip(format!("{what}; --retry {} takes it up again", row.status));
        let wanted = self.retry.contains(&row.status);
        match row.status {
            Status::Finished => Action::Skip("finished".into()),
            Status::Queued => Action::Run,
            Status::Running => match holder((outside.process)(&row.environment), lease, (outside.now_ms)()) {
                Holder::Gone(why) if self.retry.contains(&Status::Crashed) => go_on(&why),
                Holder::Gone(why) => Action::Skip(format!("{why}; --retry crashed takes it up again")),
                Holder::Lives(place) => Action::Skip(format!("being trained {place}")),
            },
            Status::Pruned if wanted => go_on("stopped early"),
            Status::Pruned => left("stopped early before"),
            Status::Diverged if wanted => Action::Retry("diverged before".into()),
            Status::Diverged => left("diverged before"),
            Status::Failed if wanted => go_on_or_again(row, go_on("failed before")),
            Status::Interrupted if wanted => go_on("interrupted"),
            Status::Crashed if wanted => go_on("crashed"),
            other => left(&format!("{other} before")),
        }
    }
}

/// Who trains a running run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Somebody, as far as is known; where.
    Lives(String),
    /// Nobody any more; why.
    Gone(String),
}

/// Who trains a running run, from what has become of its process, its lease, and the time in milliseconds since 1970.
#[must_use]
pub fn holder(process: Process, lease: Option<&LeaseRow>, now_ms: i64) -> Holder {
    match process {
        Process::Alive(pid) => Holder::Lives(format!("by process {pid}")),
        Process::Gone(why) => Holder::Gone(why),
        Process::Elsewhere(host) => match lease.map(|lease| now_ms - lease.beat_at) {
            Some(silent) if silent > SILENCE_MS => {
                Holder::Gone(format!("no sign of life from {host} for {} minutes", silent / 60_000))
            }
            _ => Holder::Lives(format!("on {host}")),
        },
    }
}

/// A run that failed on the way goes on from its checkpoint: what failed may have been the disk or another program. One that
/// fails there again can be trained anew with `--fresh`.
fn go_on_or_again(row: &RunRow, action: Action) -> Action {
    match action {
        Action::Resume(folder) if !row.error.starts_with("panic") => Action::Resume(folder),
        _ => Action::Retry("failed before".into()),
    }
}
