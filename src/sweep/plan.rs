//! What is to be done with every trial of an experiment, given what the store already holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::data::{ImageSet, Split, steps_per_epoch};
use crate::spec::{self, Budget, EarlyStop, Experiment, Trial, TrialSpec};
use crate::store::rows::{RunRow, Status, SweepRow};
use crate::store::{Store, StoreError};
use crate::train::groups::Groups;
use crate::train::{Keep, Shelf, TrainError};

use super::inputs::{Sets, Start, Starts};
use super::policy::Policy;
use super::{Outside, SweepError};

/// What happens to a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Train it.
    Run,
    /// Go on from this checkpoint.
    Resume(PathBuf),
    /// Train it again from the start; why.
    Retry(String),
    /// Leave it to the process that trains it; where that is.
    Busy(String),
    /// Leave it; why.
    Skip(String),
}

impl Action {
    /// Whether this process is to train it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self, Self::Busy(_) | Self::Skip(_))
    }
}

/// A trial with its row and what happens to it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What runs.
    pub spec: TrialSpec,
    /// Its row, in the store or to be inserted.
    pub row: RunRow,
    /// What happens.
    pub action: Action,
    /// Its pictures.
    pub set: Arc<ImageSet>,
    /// Digest of its pictures, of the weights that it starts from and of marked regions; empty where a resumed sweep leaves
    /// the trial alone.
    pub inputs: String,
    /// The weights that it starts from, and its marked regions.
    pub start: Start,
}

/// An experiment ready to run.
#[derive(Debug, Clone)]
pub struct SweepPlan {
    /// The sweep's row.
    pub sweep: SweepRow,
    /// Its trials in order.
    pub trials: Vec<Planned>,
    /// How long it may go on.
    pub budget: Budget,
    /// When trials are stopped early.
    pub early_stop: Option<EarlyStop>,
    /// Which runs that are over are taken up again.
    pub policy: Policy,
}

/// How a plan is made.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Start another sweep, whatever is there.
    pub fresh: bool,
    /// Which runs that are over are taken up again.
    pub policy: Policy,
}

impl SweepPlan {
    /// Compares an experiment with the store, where there is one already. Nothing is written.
    ///
    /// The sweep's id is its name and a hash of what is fixed in it (weights that all trials start from by their digest), so
    /// that adding values or seeds extends the sweep, and changing a fixed key starts another. `fresh` starts another in any case.
    ///
    /// # Errors
    /// When the store or the pictures cannot be read.
    pub fn new(
        experiment: &Experiment,
        store: Option<&Store>,
        checkpoints: &Path,
        outside: &Outside<'_>,
        wishes: &Wishes,
    ) -> Result<Self, SweepError> {
        let (mut sets, mut starts) = (Sets::default(), Starts::default());
        let common = starts.common(experiment, &mut sets)?;
        let sweep = sweep_row(experiment, &common, store, outside, wishes.fresh)?;
        let mut trials = Vec::new();
        for trial in &experiment.trials {
            let set = sets.open(&trial.spec)?;
            enough_batches(&trial.spec, &set)?;
            let start = starts.of(&trial.spec, &set)?;
            let inputs = start.inputs(&set);
            let identity = spec::identity(&trial.config, &inputs);
            let known = store.map_or(Ok(None), |store| store.run_by_identity(&sweep.id, &identity))?;
            let described = run_row(trial, &sweep, identity, outside);
            let (row, action) = match known {
                Some(known) => {
                    let lease = store.map_or(Ok(None), |store| store.lease(&known.id))?;
                    let action = wishes.policy.action(&known, lease.as_ref(), checkpoints, outside);
                    (redescribed(&known, &described), action)
                }
                None => (described, Action::Run),
            };
            trials.push(Planned {
                spec: trial.spec.clone(),
                row,
                action,
                set,
                inputs,
                start,
            });
        }
        Ok(Self {
            sweep,
            trials,
            budget: experiment.budget.clone(),
            early_stop: experiment.early_stop.clone(),
            policy: wishes.policy.clone(),
        })
    }

    /// Goes on with recorded runs of a sweep; the experiment's file is not looked at.
    ///
    /// # Errors
    /// When a recorded configuration or its pictures cannot be read.
    pub fn resume(
        store: &Store,
        sweep: SweepRow,
        rows: Vec<RunRow>,
        (checkpoints, policy): (&Path, Policy),
        outside: &Outside<'_>,
    ) -> Result<Self, SweepError> {
        let (mut sets, mut starts) = (Sets::default(), Starts::default());
        let mut trials = Vec::new();
        for row in rows {
            let spec = TrialSpec::from_config(&row.config)?;
            let set = sets.open(&spec)?;
            let lease = store.lease(&row.id)?;
            let mut planned = Planned {
                action: policy.action(&row, lease.as_ref(), checkpoints, outside),
                spec,
                row,
                set,
                inputs: String::new(),
                start: Start::default(),
            };
            if !matches!(planned.action, Action::Skip(_)) {
                starts.check(&mut planned);
            }
            trials.push(planned);
        }
        let settings = |key: &str| sweep.settings.get(key).cloned().unwrap_or_default();
        Ok(Self {
            budget: serde_json::from_value(settings("budget")).unwrap_or_default(),
            early_stop: serde_json::from_value(settings("early_stop")).unwrap_or_default(),
            sweep,
            trials,
            policy,
        })
    }

    /// Records the sweep and those of its trials that are not in the store yet.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn record(&mut self, store: &Store) -> Result<(), StoreError> {
        store.upsert_sweep(&self.sweep)?;
        let rows: Vec<RunRow> = self.trials.iter().map(|planned| planned.row.clone()).collect();
        for (planned, id) in self.trials.iter_mut().zip(store.adopt_runs(&rows)?) {
            planned.row.id = id;
        }
        Ok(())
    }
}

/// Checkpoints of one run below the folder of all checkpoints.
#[must_use]
pub fn shelf_of(folder: &Path, run_id: &str, keep: Keep) -> Shelf {
    Shelf::new(folder.join(run_id), keep)
}

/// A known run described as the experiment describes it now: what is outside its identity may have changed.
fn redescribed(known: &RunRow, now: &RunRow) -> RunRow {
    RunRow {
        id: known.id.clone(),
        status: known.status,
        environment: known.environment.clone(),
        error: known.error.clone(),
        trace: known.trace.clone(),
        warnings: known.warnings.clone(),
        created_at: known.created_at.clone(),
        started_at: known.started_at.clone(),
        finished_at: known.finished_at.clone(),
        ..now.clone()
    }
}

fn sweep_row(
    experiment: &Experiment,
    weights: &str,
    store: Option<&Store>,
    outside: &Outside<'_>,
    fresh: bool,
) -> Result<SweepRow, SweepError> {
    let base = format!(
        "{}-{}",
        experiment.name,
        &spec::identity(&experiment.common, weights)[..6]
    );
    let sweeps = store.map_or(Ok(Vec::new()), Store::sweeps)?;
    let numbered = |n: usize| if n == 1 { base.clone() } else { format!("{base}-{n}") };
    let known = (1..)
        .take_while(|n| sweeps.iter().any(|s| s.id == numbered(*n)))
        .count();
    let id = numbered(if fresh { known + 1 } else { known.max(1) });
    let created_at = sweeps
        .iter()
        .find(|s| s.id == id)
        .map_or_else(|| (outside.now)(), |s| s.created_at.clone());
    let swept = experiment.axes.iter().filter(|axis| axis.key != "seed");
    let axes = swept
        .map(|axis| json!({ "key": axis.key, "values": axis.values }))
        .collect();
    Ok(SweepRow {
        id,
        name: experiment.name.clone(),
        question: experiment.question.clone(),
        expect: experiment.expect.clone(),
        cost: experiment.cost.clone(),
        analysis: experiment.analysis.clone(),
        file: experiment.file.clone(),
        axes: Json::Array(axes),
        settings: json!({
            "budget": experiment.budget,
            "early_stop": experiment.early_stop,
            "baseline": experiment.baseline,
            "objective": experiment.objective,
        }),
        created_at,
    })
}

fn run_row(trial: &Trial, sweep: &SweepRow, identity: String, outside: &Outside<'_>) -> RunRow {
    RunRow {
        id: (outside.new_id)(),
        sweep_id: sweep.id.clone(),
        sweep: sweep.name.clone(),
        position: trial.position as i64,
        label: trial.label.clone(),
        identity,
        status: Status::Queued,
        seed: trial.spec.seed as i64,
        config: trial.config.clone(),
        origins: json!(trial.origins),
        point: Json::Object(trial.point.clone()),
        environment: outside.environment.clone(),
        error: String::new(),
        trace: String::new(),
        warnings: json!([]),
        created_at: (outside.now)(),
        started_at: None,
        finished_at: None,
    }
}

/// Refuses gradient accumulation over more batches than an epoch has, before anything is trained.
fn enough_batches(spec: &TrialSpec, set: &ImageSet) -> Result<(), SweepError> {
    let batches = steps_per_epoch(set.len(Split::Train), spec.train.batch_size);
    match Groups::new(batches, spec.train.accum_steps) {
        Some(_) => Ok(()),
        None if spec.train.epochs == 0 => Ok(()),
        None => Err(TrainError::Accumulation(spec.train.accum_steps, batches).into()),
    }
}
