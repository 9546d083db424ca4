//! Runs whose process went away: whoever comes across one marks it as crashed, once. Nothing here is trained or taken up.

use crate::store::rows::{RunRow, Status};
use crate::store::{Store, StoreError};

use super::Process;
use super::policy::{Holder, holder};

/// A run in which so many processes in a row came to their end is no longer handed to others by itself.
const OFTEN: usize = 2;

/// What a look at a running run showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Somebody trains it; where.
    Held(String),
    /// Nobody did any more, and it is marked as crashed now; why.
    Crashed(String),
    /// Another process marked or took it a moment ago.
    Changed,
}

/// Looks who trains a running run, and marks it as crashed when nobody does any more. `time` and `now_ms` (milliseconds
/// since 1970) are both the present.
///
/// # Errors
/// When the store cannot be read or written.
pub fn look(store: &Store, run: &RunRow, process: Process, (time, now_ms): (&str, i64)) -> Result<Found, StoreError> {
    let lease = store.lease(&run.id)?;
    let why = match holder(process, lease.as_ref(), now_ms) {
        Holder::Lives(place) => return Ok(Found::Held(place)),
        Holder::Gone(why) => why,
    };
    let marked = store.mark_crashed(run, lease.map(|lease| lease.fence), time, &why)?;
    Ok(if marked { Found::Crashed(why) } else { Found::Changed })
}

/// Whether the last processes that trained a run all came to their end in it, so that the next one may as well.
///
/// # Errors
/// When the store cannot be read.
pub fn often(store: &Store, run: &str) -> Result<bool, StoreError> {
    let events = store.events(run)?;
    let latest = events.iter().rev().map(|event| event.status);
    let tried = latest.take_while(|status| matches!(status, Status::Running | Status::Crashed));
    Ok(tried.filter(|status| *status == Status::Crashed).count() >= OFTEN)
}
