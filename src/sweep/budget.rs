//! How long a sweep may go on: `[budget]` of its file.

use crate::spec::Budget;
use crate::store::rows::Status;
use crate::store::{RunFilter, Store, StoreError};

/// When the time of a sweep that begins now is over, in milliseconds since 1970.
#[must_use]
pub fn deadline(budget: &Budget, now_ms: i64) -> Option<i64> {
    budget
        .max_hours
        .map(|hours| now_ms.saturating_add((hours * 3.6e6) as i64))
}

/// Why run `own` should not begin, if it should not. Trials of all processes count; several that begin at once may be one
/// more each.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn used_up(
    budget: &Budget,
    store: &Store,
    (sweep, own): (&str, &str),
    now_ms: i64,
    deadline: Option<i64>,
) -> Result<Option<String>, StoreError> {
    if deadline.is_some_and(|deadline| now_ms >= deadline) {
        return Ok(hours_used(budget));
    }
    let Some(most) = budget.max_trials else { return Ok(None) };
    let filter = RunFilter {
        sweep: Some(sweep.to_string()),
        ..RunFilter::default()
    };
    let begun = |status: Status| !matches!(status, Status::Queued | Status::Interrupted | Status::Crashed);
    let others = store.runs(&filter)?.into_iter().filter(|run| run.id != own);
    let count = others.filter(|run| begun(run.status)).count();
    Ok(trials_used(budget).filter(|_| count >= most))
}

/// That the number of trials is used up, where one is set.
#[must_use]
pub fn trials_used(budget: &Budget) -> Option<String> {
    let most = budget.max_trials?;
    Some(format!(
        "max_trials = {most} trials have been trained; raise it to go on"
    ))
}

/// That the time is used up, where one is set.
#[must_use]
pub fn hours_used(budget: &Budget) -> Option<String> {
    let hours = budget.max_hours?;
    Some(format!("max_hours = {hours} are used up; sweep again to go on"))
}
