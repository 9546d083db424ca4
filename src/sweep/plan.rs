//! What is to be done with every trial of an experiment, given what the store already holds.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::data::{ImageSet, Split, steps_per_epoch};
use crate::model::weights::Weights;
use crate::model::weights::build::check;
use crate::spec::{self, Budget, EarlyStop, Experiment, Trial, TrialSpec};
use crate::store::rows::{RunRow, Status, SweepRow};
use crate::store::{Store, StoreError};
use crate::train::groups::Groups;
use crate::train::{Keep, Shelf, TrainError};

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
    /// Digest of its pictures, and of the weights that it starts from; empty where a resumed sweep leaves the trial alone.
    pub inputs: String,
    /// The weights that it starts from.
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
        let common = starts.common(experiment)?;
        let sweep = sweep_row(experiment, &common, store, outside, wishes.fresh)?;
        let mut trials = Vec::new();
        for trial in &experiment.trials {
            let set = sets.open(&trial.spec)?;
            enough_batches(&trial.spec, &set)?;
            let start = starts.of(&trial.spec)?;
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
        settings: json!({ "budget": experiment.budget, "early_stop": experiment.early_stop }),
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

/// Image sets of one sweep, each opened once: one for each `[data]` and input size, which decide how large its pictures are.
#[derive(Default)]
struct Sets {
    open: HashMap<String, Arc<ImageSet>>,
}

impl Sets {
    fn open(&mut self, spec: &TrialSpec) -> Result<Arc<ImageSet>, SweepError> {
        let (data, size) = (&spec.data, spec.model.img_size);
        let key = serde_json::to_string(&(data, size)).expect("a data section is plain data");
        if let Some(set) = self.open.get(&key) {
            return Ok(set.clone());
        }
        let set = Arc::new(ImageSet::open(data, size)?);
        self.open.insert(key, set.clone());
        Ok(set)
    }
}

/// The weights that a trial starts from, as they were when it was planned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// Digest; `None` when the trial starts from its seed.
    pub digest: Option<String>,
    /// What the user should know, one line each.
    pub notes: Vec<String>,
}

impl Start {
    /// Digest of all that a trial is made from besides its configuration: its pictures, and these weights.
    fn inputs(&self, set: &ImageSet) -> String {
        match &self.digest {
            Some(digest) => format!("{} {digest}", set.digest()),
            None => set.digest().to_string(),
        }
    }
}

/// Weights that trials of one sweep start from, read and checked once for each `[model]` section.
#[derive(Default)]
struct Starts {
    known: HashMap<String, Start>,
}

impl Starts {
    /// The weights of one trial, which must fit its model.
    fn of(&mut self, spec: &TrialSpec) -> Result<Start, SweepError> {
        let Some(path) = spec.model.init_path() else {
            return Ok(Start::default());
        };
        let key = serde_json::to_string(&spec.model).expect("a model section is plain data");
        if let Some(start) = self.known.get(&key) {
            return Ok(start.clone());
        }
        let weights = Weights::read(path)?;
        let digest = Some(weights.digest.clone());
        let from = path.display();
        let notes = check(weights, &spec.model)?
            .into_iter()
            .map(|note| format!("model.init {from}: {note}"));
        let notes = notes.collect();
        let start = Start { digest, notes };
        self.known.insert(key, start.clone());
        Ok(start)
    }

    /// Digest of the weights that all trials of an experiment start from, empty when there are none or they are swept.
    fn common(&mut self, experiment: &Experiment) -> Result<String, SweepError> {
        let fixed = experiment.common["model"].get("init").is_some();
        let first = experiment.trials.first().filter(|_| fixed);
        let start = first.map(|trial| self.of(&trial.spec)).transpose()?;
        Ok(start.and_then(|start| start.digest).unwrap_or_default())
    }

    /// Whether a recorded run can go on with its pictures and weights as they are now; leaves it alone if not. A run that
    /// has a checkpoint does not need the weights themselves any more.
    fn check(&mut self, planned: &mut Planned) {
        let same = |inputs: &str| spec::identity(&planned.row.config, inputs) == planned.row.identity;
        match self.of(&planned.spec) {
            Ok(start) => {
                planned.inputs = start.inputs(&planned.set);
                planned.start = start;
            }
            Err(error) => {
                let recorded = planned.row.environment["inputs"].as_str().unwrap_or_default();
                if !matches!(planned.action, Action::Resume(_)) || !recorded.starts_with(planned.set.digest()) {
                    planned.action = Action::Skip(format!("{error}; put the file back"));
                    return;
                }
                planned.inputs = recorded.to_string();
            }
        }
        if !same(&planned.inputs) {
            let why =
                "its pictures, the weights it starts from or the program have changed since; sweep its file again";
            planned.action = Action::Skip(why.into());
        }
    }
}

/// Refuses gradient accumulation over more batches than an epoch has, before anything is trained.
fn enough_batches(spec: &TrialSpec, set: &ImageSet) -> Result<(), SweepError> {
    let batches = steps_per_epoch(set.len(Split::Train), spec.train.batch_size);
    match Groups::new(batches, spec.train.accum_steps) {
        Some(_) => Ok(()),
        None => Err(TrainError::Accumulation(spec.train.accum_steps, batches).into()),
    }
}
