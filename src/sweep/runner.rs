//! Trains the trials of a plan one after the other and keeps their states true: a trial that fails, diverges or panics
//! becomes a row that says so, and the sweep goes on.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use mae_strategies::Registry;
use serde_json::json;

use crate::model::Device;
use crate::store::Store;
use crate::store::rows::{MetricPoint, RunRow, Status};
use crate::train::{self, Job, Outcome, Progress, TrainError, checkpoint};

use super::plan::{Action, Planned, SweepPlan, action, checkpoints_of};
use super::recorder::Recorder;
use super::{Outside, SweepError};

/// Hears what happens in a sweep; the command line shows it.
pub trait Reporter {
    /// Trial `index` of `total` is about to be trained or skipped.
    fn started(&mut self, index: usize, total: usize, planned: &Planned);
    /// The current trial measured something.
    fn metric(&mut self, point: &MetricPoint);
    /// The current trial moved on.
    fn progress(&mut self, progress: Progress);
    /// The current trial ended; `last` holds the last value of every metric, `warnings` such as unreadable pictures.
    fn ended(&mut self, planned: &Planned, end: &End);
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// Its state.
    pub status: Status,
    /// Error of a failed or diverged trial.
    pub error: String,
    /// Last value of every metric.
    pub last: BTreeMap<String, f64>,
    /// Such as pictures that could not be read.
    pub warnings: Vec<String>,
}

/// How many trials ended how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Trained to the end now.
    pub finished: usize,
    /// Left as they were.
    pub skipped: usize,
    /// Failed or diverged.
    pub failed: usize,
    /// Whether the user stopped the sweep.
    pub interrupted: bool,
}

/// Trains the trials of a plan.
pub struct Runner<'a> {
    /// Where rows go.
    pub store: &'a Store,
    /// Strategies.
    pub registry: &'a Registry,
    /// Where to compute.
    pub device: Device,
    /// Folder of all checkpoints.
    pub checkpoints: &'a Path,
    /// Clock, ids, environment.
    pub outside: &'a Outside<'a>,
    /// Becomes true when the user wants to stop.
    pub stop: &'a AtomicBool,
}

impl Runner<'_> {
    /// Runs the plan to its end or until the user stops it. Other processes may work on the same sweep.
    ///
    /// # Errors
    /// When the store cannot be written; a failing trial is a row.
    pub fn run(&self, plan: &mut SweepPlan, reporter: &mut dyn Reporter) -> Result<Summary, SweepError> {
        self.store.upsert_sweep(&plan.sweep)?;
        for planned in &mut plan.trials {
            planned.row.id = self.store.adopt_run(&planned.row)?.id;
        }
        let mut summary = Summary::default();
        let total = plan.trials.len();
        for (index, planned) in plan.trials.iter_mut().enumerate() {
            if self.stop.load(Ordering::Relaxed) {
                summary.interrupted = true;
                break;
            }
            let claimed = self.claim(planned)?;
            reporter.started(index, total, planned);
            if !claimed {
                summary.skipped += 1;
                continue;
            }
            let end = self.trial(planned, reporter)?;
            match end.status {
                Status::Finished => summary.finished += 1,
                Status::Interrupted => summary.interrupted = true,
                _ => summary.failed += 1,
            }
            reporter.ended(planned, &end);
        }
        Ok(summary)
    }

    /// Looks at the run as it is now and takes it, unless it needs nothing or another process has it.
    fn claim(&self, planned: &mut Planned) -> Result<bool, SweepError> {
        let planned_skip = matches!(&planned.action, Action::Skip(_));
        let Some(now) = self.store.run(&planned.row.id)? else {
            return Ok(false);
        };
        let action = action(&now, self.checkpoints, self.outside);
        if !planned_skip || matches!(action, Action::Skip(_)) {
            planned.action = action;
        }
        if matches!(planned.action, Action::Skip(_)) {
            return Ok(false);
        }
        let mut environment = self.outside.environment.clone();
        environment["inputs"] = json!(planned.inputs);
        let mine = RunRow {
            environment,
            ..planned.row.clone()
        };
        let keep = self.place(&planned.action);
        let lease = self.store.claim_run(&mine, &now, &(self.outside.now)(), 0, keep)?;
        if lease.is_none() {
            planned.action = Action::Skip("taken by another process just now".into());
        }
        Ok(lease.is_some())
    }

    fn trial(&self, planned: &Planned, reporter: &mut dyn Reporter) -> Result<End, SweepError> {
        let id = planned.row.id.as_str();
        let checkpoints = checkpoints_of(self.checkpoints, id);
        let resume = match &planned.action {
            Action::Resume(folder) if self.place(&planned.action).is_some() => Some(folder.clone()),
            _ => {
                let cleared = checkpoints.clear();
                cleared.unwrap_or_else(|error| tracing::warn!("old checkpoints of {id} stay: {error}"));
                None
            }
        };
        let writer = self.store.writer()?;
        let job = Job {
            spec: &planned.spec,
            set: planned.set.clone(),
            registry: self.registry,
            device: self.device.clone(),
            checkpoints,
            init: planned.start.digest.as_deref(),
            resume,
            stop: self.stop,
        };
        let mut recorder = Recorder {
            run: id,
            store: self.store,
            writer: &writer,
            now: self.outside.now,
            reporter,
            last: BTreeMap::new(),
        };
        let ended = catch_unwind(AssertUnwindSafe(|| train::train(&job, &mut recorder)));
        let last = recorder.last;
        let (mut status, mut error) = judge_end(ended);
        let skipped = planned.set.skipped();
        let skipped = skipped
            .iter()
            .map(|s| format!("picture {} skipped: {}", s.name, s.error));
        let warnings: Vec<String> = planned.start.notes.iter().cloned().chain(skipped).collect();
        self.store.set_warnings(id, &json!(warnings))?;
        if let Err(lost) = writer.set_status(id, status, &(self.outside.now)(), &error, "") {
            (status, error) = (Status::Failed, format!("record the trial: {lost}"));
            self.store.set_status(id, status, &(self.outside.now)(), &error)?;
        }
        Ok(End {
            status,
            error,
            last,
            warnings,
        })
    }

    /// Step and epoch up to which earlier results stay.
    fn place(&self, action: &Action) -> Option<(i64, f64)> {
        let Action::Resume(folder) = action else { return None };
        let cursor = checkpoint::load_cursor(folder).ok()?;
        Some((cursor.step as i64, cursor.epoch as f64))
    }
}

fn judge_end(ended: std::thread::Result<Result<Outcome, TrainError>>) -> (Status, String) {
    match ended {
        Ok(Ok(Outcome::Finished)) => (Status::Finished, String::new()),
        Ok(Ok(Outcome::Interrupted { step })) => {
            (Status::Interrupted, format!("stopped by the user after step {step}"))
        }
        Ok(Ok(Outcome::Diverged { step, loss })) => {
            let cure = "try a lower train.blr or a longer train.warmup_epochs";
            (
                Status::Diverged,
                format!("the loss became {loss} by step {step}: {cure}"),
            )
        }
        Ok(Err(error)) => (Status::Failed, error.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_string()));
            (
                Status::Failed,
                format!("panic: {}", text.unwrap_or_else(|| "no message".into())),
            )
        }
    }
}
