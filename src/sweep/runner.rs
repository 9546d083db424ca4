//! Trains the trials of a plan one after the other and keeps their states true: a trial that fails, diverges or panics
//! becomes a row that says so, and the sweep goes on.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use mae_strategies::Registry;
use serde_json::json;

use crate::model::Device;
use crate::store::rows::{MetricPoint, Status};
use crate::store::{Store, Writer};
use crate::train::{self, Job, Outcome, Progress, TrainError, checkpoint};

use super::plan::{Action, Planned, SweepPlan, checkpoints_of};
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
    /// Runs the plan to its end or until the user stops it.
    ///
    /// # Errors
    /// When the store cannot be written; a failing trial is a row.
    pub fn run(&self, plan: &mut SweepPlan, reporter: &mut dyn Reporter) -> Result<Summary, SweepError> {
        self.store.upsert_sweep(&plan.sweep)?;
        for planned in plan.trials.iter_mut().filter(|planned| !planned.stored) {
            self.store.insert_run(&planned.row)?;
            planned.stored = true;
        }
        let writer = self.store.writer()?;
        let mut summary = Summary::default();
        let total = plan.trials.len();
        for (index, planned) in plan.trials.iter().enumerate() {
            if self.stop.load(Ordering::Relaxed) {
                summary.interrupted = true;
                break;
            }
            reporter.started(index, total, planned);
            let checkpoint = match &planned.action {
                Action::Skip(_) => {
                    summary.skipped += 1;
                    continue;
                }
                Action::Run | Action::Retry(_) => None,
                Action::Resume(path) => Some(path.clone()),
            };
            let end = self.trial(planned, checkpoint, &writer, reporter)?;
            match end.status {
                Status::Finished => summary.finished += 1,
                Status::Interrupted => summary.interrupted = true,
                _ => summary.failed += 1,
            }
            reporter.ended(planned, &end);
        }
        writer.close()?;
        Ok(summary)
    }

    fn trial(
        &self,
        planned: &Planned,
        resume: Option<PathBuf>,
        writer: &Writer,
        reporter: &mut dyn Reporter,
    ) -> Result<End, SweepError> {
        let id = planned.row.id.as_str();
        let resume = self.prepare(planned, resume)?;
        self.store.set_environment(id, &self.outside.environment)?;
        writer.set_status(id, Status::Running, &(self.outside.now)(), "")?;
        let job = Job {
            spec: &planned.trial.spec,
            set: planned.set.clone(),
            registry: self.registry,
            device: self.device.clone(),
            checkpoints: checkpoints_of(self.checkpoints, id),
            resume,
            stop: self.stop,
        };
        let mut recorder = Recorder {
            run: id,
            store: self.store,
            writer,
            now: self.outside.now,
            reporter,
            last: BTreeMap::new(),
        };
        let ended = catch_unwind(AssertUnwindSafe(|| train::train(&job, &mut recorder)));
        let last = recorder.last;
        let (status, error) = judge_end(ended);
        let skipped = planned.set.skipped();
        let warnings: Vec<String> = skipped
            .iter()
            .map(|s| format!("picture {} skipped: {}", s.name, s.error))
            .collect();
        self.store.set_warnings(id, &json!(warnings))?;
        writer.set_status(id, status, &(self.outside.now)(), &error)?;
        Ok(End {
            status,
            error,
            last,
            warnings,
        })
    }

    /// Makes the rows of an earlier attempt fit the place where training goes on.
    fn prepare(&self, planned: &Planned, resume: Option<PathBuf>) -> Result<Option<PathBuf>, SweepError> {
        let id = planned.row.id.as_str();
        let cursor = resume
            .as_deref()
            .and_then(|folder| checkpoint::load_cursor(folder).ok());
        match (resume, cursor) {
            (Some(folder), Some(cursor)) => {
                self.store.truncate_run(id, cursor.step as i64, cursor.epoch as f64)?;
                Ok(Some(folder))
            }
            _ => {
                self.store.reset_run(id)?;
                let cleared = checkpoints_of(self.checkpoints, id).clear();
                cleared.unwrap_or_else(|error| tracing::warn!("old checkpoints of {id} stay: {error}"));
                Ok(None)
            }
        }
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
                format!("the training loss became {loss} at step {step}: {cure}"),
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
