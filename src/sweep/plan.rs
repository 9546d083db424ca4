//! What is to be done with every trial of an experiment, given what the store already holds.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::data::{ImageSet, Split, steps_per_epoch};
use crate::model::weights::Weights;
use crate::model::weights::build::check;
use crate::spec::trial::DataSpec;
use crate::spec::{self, Experiment, Trial, TrialSpec};
use crate::store::Store;
use crate::store::rows::{RunRow, Status, SweepRow};
use crate::train::groups::Groups;
use crate::train::{Checkpoints, TrainError};

use super::{Outside, Process, SweepError};

/// What happens to a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Train it.
    Run,
    /// Go on from this checkpoint.
    Resume(PathBuf),
    /// Train it again from the start; why.
    Retry(String),
    /// Leave it; why.
    Skip(String),
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
}

/// An experiment ready to run.
#[derive(Debug, Clone)]
pub struct SweepPlan {
    /// The sweep's row.
    pub sweep: SweepRow,
    /// Its trials in order.
    pub trials: Vec<Planned>,
}

impl SweepPlan {
    /// Compares an experiment with the store, where there is one already. Nothing is written.
    ///
    /// The sweep's id is its name and a hash of what is fixed in it, so that adding values or seeds extends the sweep,
    /// and changing a fixed key starts another. `fresh` starts another in any case.
    ///
    /// # Errors
    /// When the store or the pictures cannot be read.
    pub fn new(
        experiment: &Experiment,
        store: Option<&Store>,
        checkpoints: &Path,
        outside: &Outside<'_>,
        fresh: bool,
    ) -> Result<Self, SweepError> {
        let sweep = sweep_row(experiment, store, outside, fresh)?;
        let (mut sets, mut starts) = (Sets::default(), Starts::default());
        let mut trials = Vec::new();
        for trial in &experiment.trials {
            let set = sets.open(&trial.spec.data)?;
            enough_batches(&trial.spec, &set)?;
            let inputs = starts.digest(&trial.spec, &set)?;
            let identity = spec::identity(&trial.config, &inputs);
            let known = store.map_or(Ok(None), |store| store.run_by_identity(&sweep.id, &identity))?;
            let described = run_row(trial, &sweep, identity, outside);
            let (row, action) = match known {
                Some(known) => (redescribed(&known, &described), action(&known, checkpoints, outside)),
                None => (described, Action::Run),
            };
            trials.push(Planned {
                spec: trial.spec.clone(),
                row,
                action,
                set,
                inputs,
            });
        }
        Ok(Self { sweep, trials })
    }

    /// Goes on with recorded runs of a sweep; the experiment's file is not looked at.
    ///
    /// # Errors
    /// When a recorded configuration or its pictures cannot be read.
    pub fn resume(
        sweep: SweepRow,
        rows: Vec<RunRow>,
        checkpoints: &Path,
        outside: &Outside<'_>,
    ) -> Result<Self, SweepError> {
        let (mut sets, mut starts) = (Sets::default(), Starts::default());
        let mut trials = Vec::new();
        for row in rows {
            let spec = TrialSpec::from_config(&row.config)?;
            let set = sets.open(&spec.data)?;
            let mut inputs = String::new();
            let mut action = action(&row, checkpoints, outside);
            if !matches!(action, Action::Skip(_)) {
                inputs = starts.digest(&spec, &set)?;
                if spec::identity(&row.config, &inputs) != row.identity {
                    let why = "its pictures, the weights it starts from or the program have changed since; sweep its file again";
                    action = Action::Skip(why.into());
                }
            }
            trials.push(Planned {
                spec,
                row,
                action,
                set,
                inputs,
            });
        }
        Ok(Self { sweep, trials })
    }
}

/// Checkpoints of one run below the folder of all checkpoints.
#[must_use]
pub fn checkpoints_of(folder: &Path, run_id: &str) -> Checkpoints {
    Checkpoints::new(folder.join(run_id))
}

/// What is to be done with a run as the store holds it now.
pub(super) fn action(row: &RunRow, checkpoints: &Path, outside: &Outside<'_>) -> Action {
    let go_on = |why: &str| {
        let latest = checkpoints_of(checkpoints, &row.id).latest();
        latest.map_or_else(|| Action::Retry(format!("{why}, no checkpoint")), Action::Resume)
    };
    match row.status {
        Status::Finished => Action::Skip("finished".into()),
        Status::Diverged => Action::Skip("diverged before; --fresh trains it again".into()),
        Status::Failed => Action::Retry("failed before".into()),
        Status::Queued => Action::Run,
        Status::Interrupted => go_on("interrupted"),
        Status::Running => match (outside.process)(&row.environment) {
            Process::Alive(pid) => Action::Skip(format!("being trained by process {pid}")),
            Process::Gone => go_on("its process is gone"),
            Process::Elsewhere(host) => Action::Skip(format!(
                "being trained on {host}; if that is not so, --fresh trains it again"
            )),
        },
    }
}

/// A known run described as the experiment describes it now: what is outside its identity may have changed.
fn redescribed(known: &RunRow, now: &RunRow) -> RunRow {
    RunRow {
        id: known.id.clone(),
        status: known.status,
        environment: known.environment.clone(),
        error: known.error.clone(),
        warnings: known.warnings.clone(),
        created_at: known.created_at.clone(),
        started_at: known.started_at.clone(),
        finished_at: known.finished_at.clone(),
        ..now.clone()
    }
}

fn sweep_row(
    experiment: &Experiment,
    store: Option<&Store>,
    outside: &Outside<'_>,
    fresh: bool,
) -> Result<SweepRow, SweepError> {
    let base = format!("{}-{}", experiment.name, &spec::identity(&experiment.common, "")[..6]);
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
        warnings: json!([]),
        created_at: (outside.now)(),
        started_at: None,
        finished_at: None,
    }
}

/// Image sets of one sweep, each opened once.
#[derive(Default)]
struct Sets {
    open: HashMap<String, Arc<ImageSet>>,
}

impl Sets {
    fn open(&mut self, data: &DataSpec) -> Result<Arc<ImageSet>, SweepError> {
        let key = serde_json::to_string(data).expect("a data section is plain data");
        if let Some(set) = self.open.get(&key) {
            return Ok(set.clone());
        }
        let set = Arc::new(ImageSet::open(data)?);
        self.open.insert(key, set.clone());
        Ok(set)
    }
}

/// Weights that trials of one sweep start from, each file read and checked once.
#[derive(Default)]
struct Starts {
    digests: HashMap<String, String>,
}

impl Starts {
    /// Digest of all that a trial is made from besides its configuration: its pictures, and the weights that it starts
    /// from, which must fit its model.
    fn digest(&mut self, spec: &TrialSpec, set: &ImageSet) -> Result<String, SweepError> {
        let Some(path) = &spec.model.init else {
            return Ok(set.digest().to_string());
        };
        let key = serde_json::to_string(&spec.model).expect("a model section is plain data");
        if !self.digests.contains_key(&key) {
            let weights = Weights::read(Path::new(path))?;
            let digest = weights.digest.clone();
            check(weights, &spec.model)?;
            self.digests.insert(key.clone(), digest);
        }
        Ok(format!("{} {}", set.digest(), self.digests[&key]))
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
