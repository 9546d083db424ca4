//! What the server shows, looked up in the store: every look is a connection of its own that reads and is closed again, so that
//! no writer waits and no file is held.

use std::time::Instant;

use mae_strategies::Registry;

use crate::report::html;
use crate::serve::{Cache, Page, Source, Sweep, Trial, Trouble};
use crate::store::rows::{RunRow, Status, SweepRow};
use crate::store::{RunFilter, Store, StoreError};
use crate::sweep::policy::{Holder, holder};

use super::super::failure::Failure;
use super::super::{outside, report};

/// Answers from a store.
pub(super) struct Desk<'a> {
    store: &'a str,
    registry: &'a Registry,
    cache: Cache,
    begun: Instant,
}

impl<'a> Desk<'a> {
    pub(super) fn new(store: &'a str, registry: &'a Registry) -> Self {
        Self {
            store,
            registry,
            cache: Cache::default(),
            begun: Instant::now(),
        }
    }

    fn look<T>(&self, look: impl FnOnce(&Store) -> Result<T, Reading>) -> Result<T, Trouble> {
        let store = Store::open_reading(self.store).map_err(|error| trouble(&error))?;
        store.at_one_moment(look).map_err(|Reading(trouble)| trouble)
    }
}

/// Trouble, where the store expects an error that its own can become.
struct Reading(Trouble);

impl From<StoreError> for Reading {
    fn from(error: StoreError) -> Self {
        Self(trouble(&error))
    }
}

impl From<Failure> for Reading {
    fn from(failure: Failure) -> Self {
        Self(Trouble::Failed(failure.text().unwrap_or_default()))
    }
}

fn trouble(error: &StoreError) -> Trouble {
    match error {
        StoreError::Unknown { .. } => Trouble::Unknown,
        error => Trouble::Failed(error.to_string()),
    }
}

impl Source for Desk<'_> {
    fn sweeps(&self) -> Result<Vec<Sweep>, Trouble> {
        self.look(|store| {
            let mut tallies = store.tallies()?;
            let all = store.sweeps()?.into_iter().rev();
            Ok(all
                .map(|row| {
                    let tally = tallies.remove(&row.id).unwrap_or_default();
                    Sweep { tally, ..told(row) }
                })
                .collect())
        })
    }

    fn sweep(&self, id: &str) -> Result<Sweep, Trouble> {
        self.look(|store| {
            let row = exactly(store, id)?;
            let running = RunFilter {
                sweep: Some(row.id.clone()),
                status: Some(Status::Running),
                ..RunFilter::default()
            };
            let runs = store.runs(&running)?;
            let trials = runs.iter().map(|run| trial(store, run)).collect::<Result<_, _>>()?;
            let tally = store.tallies()?.remove(&row.id).unwrap_or_default();
            Ok(Sweep {
                tally,
                trials,
                ..told(row)
            })
        })
    }

    fn page(&self, id: &str) -> Result<Page, Trouble> {
        let clock = || self.begun.elapsed();
        self.cache
            .page(id, &clock, || self.look(|store| Ok(store.sign(id)?)), || self.build(id))
    }
}

impl Desk<'_> {
    /// The version and the page of a sweep, both of one moment.
    fn build(&self, id: &str) -> Result<(String, String), Trouble> {
        let (sign, data) = self.look(|store| {
            let row = exactly(store, id)?;
            Ok((store.sign(&row.id)?, report::gather(store, &row.id, self.registry)?))
        })?;
        let page = html(&data).map_err(|error| Trouble::Failed(error.to_string()))?;
        Ok((sign, page))
    }
}

/// The sweep of that id; here a name or the beginning of an id is not enough, since an address must go on meaning the same.
fn exactly(store: &Store, id: &str) -> Result<SweepRow, Reading> {
    let row = store.find_sweep(id)?;
    if row.id == id {
        Ok(row)
    } else {
        Err(Reading(Trouble::Unknown))
    }
}

fn told(row: SweepRow) -> Sweep {
    Sweep {
        id: row.id,
        name: row.name,
        question: row.question,
        created_at: row.created_at,
        ..Sweep::default()
    }
}

fn trial(store: &Store, run: &RunRow) -> Result<Trial, StoreError> {
    let (lease, now) = (store.lease(&run.id)?, outside::now_ms());
    let gone = match holder(outside::process(&run.environment), lease.as_ref(), now) {
        Holder::Lives(_) => None,
        Holder::Gone(why) => Some(why),
    };
    let train = &run.config["train"];
    Ok(Trial {
        id: run.id.clone(),
        label: run.label.clone(),
        progressed: store.progressed(&run.id)?,
        epochs: train["epochs"].as_u64().unwrap_or(0),
        max_steps: train["max_steps"].as_u64(),
        silent_ms: lease.map(|lease| now.saturating_sub(lease.beat_at).max(0).unsigned_abs()),
        gone,
        notes: store.notes(&run.id)?.into_iter().map(|note| note.text).collect(),
    })
}
