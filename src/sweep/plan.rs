//! What is to be done with every trial of an experiment, given what the store already holds.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::data::ImageSet;
use crate::spec::trial::DataSpec;
use crate::spec::{self, Experiment, Trial};
use crate::store::Store;
use crate::store::rows::{RunRow, Status, SweepRow};
use crate::train::Checkpoints;

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
    /// Leave it; why.
    Skip(String),
}

/// A trial with its row and what happens to it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The trial.
    pub trial: Trial,
    /// Its row, in the store or to be inserted.
    pub row: RunRow,
    /// Whether the row is in the store already.
    pub stored: bool,
    /// What happens.
    pub action: Action,
    /// Its pictures.
    pub set: Arc<ImageSet>,
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
    /// The sweep's id is its name and a hash of what its trials have in common, so that adding values or seeds extends the
    /// sweep, and changing a fixed key starts another. `fresh` starts another in any case.
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
        let mut sets = Sets::default();
        let mut trials = Vec::new();
        for trial in &experiment.trials {
            let set = sets.open(&trial.spec.data)?;
            let identity = spec::identity(&trial.config, set.digest());
            let known = store.map_or(Ok(None), |store| store.run_by_identity(&sweep.id, &identity))?;
            let action = known
                .as_ref()
                .map_or(Action::Run, |row| action(row, checkpoints, outside));
            let stored = known.is_some();
            let row = known.unwrap_or_else(|| run_row(trial, &sweep, identity, outside));
            trials.push(Planned {
                trial: trial.clone(),
                row,
                stored,
                action,
                set,
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

fn action(row: &RunRow, checkpoints: &Path, outside: &Outside<'_>) -> Action {
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
        Status::Running => match row.environment["pid"].as_u64().filter(|pid| (outside.alive)(*pid)) {
            Some(pid) => Action::Skip(format!("being trained by process {pid}")),
            None => go_on("its process is gone"),
        },
    }
}

fn sweep_row(
    experiment: &Experiment,
    store: Option<&Store>,
    outside: &Outside<'_>,
    fresh: bool,
) -> Result<SweepRow, SweepError> {
    let base = format!("{}-{}", experiment.name, common_hash(experiment));
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
    let axes = experiment
        .axes
        .iter()
        .filter(|axis| axis.key != "seed")
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

/// Hash of the configuration that all trials share: without the seed and the swept keys.
fn common_hash(experiment: &Experiment) -> String {
    let mut common = experiment.trials.first().map(|t| t.config.clone()).unwrap_or_default();
    for trial in &experiment.trials {
        keep_common(&mut common, &trial.config);
    }
    if let Some(sections) = common.as_object_mut() {
        sections.remove("seed");
    }
    spec::identity(&common, "")[..6].to_string()
}

/// Removes from `common` every leaf that differs in `other`.
fn keep_common(common: &mut Json, other: &Json) {
    let Some(table) = common.as_object_mut() else { return };
    table.retain(|key, value| value.is_object() || other.get(key) == Some(value));
    for (key, value) in table.iter_mut() {
        keep_common(value, &other[key.as_str()]);
    }
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
