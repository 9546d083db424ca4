//! What is done with a run that the store already knows, from its state and from what has become of its process.

use std::path::Path;

use crate::store::rows::{LeaseRow, RunRow, Status};
use crate::train::Keep;

use super::plan::{Action, shelf_of};
use super::{Outside, Process};

/// A holder on another machine that has not renewed its lease for so long is taken for dead. Clocks of two machines may
/// differ by some of it; should it live after all, its fence keeps it from writing.
const SILENCE_MS: u64 = 5 * 60 * 1000;

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
                Holder::Lives(place) => Action::Busy(format!("being trained {place}")),
            },
            Status::Pruned if wanted => go_on("stopped early"),
            Status::Pruned => left("stopped early before"),
            Status::Diverged if wanted => Action::Retry("diverged before".into()),
            Status::Diverged => left("diverged before"),
            Status::Failed if wanted => go_on("failed before"),
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
        Process::Elsewhere(host) => match lease.map(|lease| now_ms.abs_diff(lease.beat_at)) {
            Some(silent) if silent <= SILENCE_MS => Holder::Lives(format!("on {host}")),
            Some(silent) => Holder::Gone(format!("no sign of life from {host} for {} minutes", silent / 60_000)),
            None => Holder::Gone(format!("no sign of life from {host}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(beat_at: i64) -> LeaseRow {
        LeaseRow {
            fence: 1,
            beat: 1,
            beat_at,
            held: true,
        }
    }

    fn far() -> Process {
        Process::Elsewhere("north".into())
    }

    #[test]
    fn of_another_machine_the_last_sign_of_life_decides() {
        let now = 1_700_000_000_000;
        let minutes = |minutes: i64| now - minutes * 60_000;
        assert_eq!(
            holder(far(), Some(&lease(minutes(1))), now),
            Holder::Lives("on north".into())
        );
        let gone = holder(far(), Some(&lease(minutes(7))), now);
        assert_eq!(gone, Holder::Gone("no sign of life from north for 7 minutes".into()));
        assert_eq!(
            holder(far(), None, now),
            Holder::Gone("no sign of life from north".into())
        );
    }

    /// A clock that jumps may make a holder look dead, never immortal; the fence keeps what it writes apart.
    #[test]
    fn clocks_that_jump_delay_nothing_for_ever() {
        let now = 1_700_000_000_000;
        for jump in [-86_400_000, 86_400_000, i64::MAX - now, -now] {
            assert!(
                matches!(holder(far(), Some(&lease(now + jump)), now), Holder::Gone(_)),
                "{jump}"
            );
        }
        let slightly_ahead = holder(far(), Some(&lease(now + 30_000)), now);
        assert_eq!(slightly_ahead, Holder::Lives("on north".into()));
    }

    #[test]
    fn of_this_machine_the_process_decides_whatever_the_clock_says() {
        for beat_at in [0, i64::MAX] {
            let here = holder(Process::Alive(7), Some(&lease(beat_at)), 1_700_000_000_000);
            assert_eq!(here, Holder::Lives("by process 7".into()));
            let gone = holder(Process::Gone("killed".into()), Some(&lease(beat_at)), 1_700_000_000_000);
            assert_eq!(gone, Holder::Gone("killed".into()));
        }
    }
}
