//! Trains the trials of a plan one after the other and keeps their states true: a trial that fails, diverges or panics
//! becomes a row that says so, and the sweep goes on. Any number of processes may work on one sweep.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use mae_strategies::Registry;
use serde_json::json;

use crate::model::Device;
use crate::store::rows::{MetricPoint, RunRow, Status};
use crate::store::{Lease, RunFilter, Store, StoreError};
use crate::train::{Job, Keep, Observer, Outcome, Progress, TrainError, checkpoint};

use super::budget;
use super::crash::{self, Found};
use super::ending::{self, Ended};
use super::plan::{Action, Planned, SweepPlan, shelf_of};
use super::recorder::Recorder;
use super::reserve::Reserve;
use super::rivals::Rivals;
use super::{Outside, SweepError};

/// Hears what happens in a sweep; the command line shows it.
pub trait Reporter {
    /// Trial `index` of `total` is about to be trained or skipped.
    fn started(&mut self, index: usize, total: usize, planned: &Planned);
    /// The current trial measured something.
    fn metric(&mut self, point: &MetricPoint);
    /// The current trial moved on.
    fn progress(&mut self, progress: Progress);
    /// The current trial ended.
    fn ended(&mut self, planned: &Planned, end: &Report);
}

/// How a trial ended, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Its state.
    pub status: Status,
    /// Why it is not finished, where it is not.
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
    /// Stopped early.
    pub pruned: usize,
    /// Failed or diverged.
    pub failed: usize,
    /// Taken over by another process on the way.
    pub lost: usize,
    /// Whether the user or the system stopped the sweep.
    pub interrupted: bool,
    /// What the budget says, where it ended the sweep.
    pub budget: Option<String>,
}

/// What trains a trial: [`crate::train::train`], or a stand-in where only the manager is measured.
pub type Trainer = dyn Fn(&Job<'_>, &mut dyn Observer) -> Result<Outcome, TrainError>;

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
    /// When the time is over, in milliseconds since 1970; by the plan's budget, counted from the start, where none is given.
    pub until: Option<i64>,
    /// What trains a trial.
    pub train: &'a Trainer,
}

/// A trial that this process holds.
struct Held<'a> {
    planned: &'a Planned,
    lease: Lease,
    resume: Option<std::path::PathBuf>,
    warnings: Vec<String>,
}

impl Runner<'_> {
    /// Runs the plan to its end, until the user stops it or the budget is used up.
    ///
    /// # Errors
    /// When the store cannot be written; a failing trial is a row.
    pub fn run(&self, plan: &mut SweepPlan, reporter: &mut dyn Reporter) -> Result<Summary, SweepError> {
        plan.record(self.store)?;
        self.mark_the_dead(&plan.sweep.id)?;
        let mut summary = Summary::default();
        let (total, begun) = (plan.trials.len(), (self.outside.now_ms)());
        let deadline = self.until.or_else(|| budget::deadline(&plan.budget, begun));
        // What others were at work on is looked at once more when all else is done: they may have died meanwhile.
        let mut rounds: VecDeque<(usize, bool)> = (0..total).map(|index| (index, false)).collect();
        while let Some((index, again)) = rounds.pop_front() {
            if self.stop.load(Ordering::Relaxed) {
                summary.interrupted = true;
                break;
            }
            if again && !self.left_behind(&plan.trials[index])? {
                continue;
            }
            let seen = self.look(plan, index)?;
            if seen.is_some()
                && let Some(why) = self.over_budget(plan, index, deadline)?
            {
                summary.budget = Some(why);
                break;
            }
            let stopped_early = seen.as_ref().is_some_and(|seen| seen.status == Status::Pruned);
            let planned = &mut plan.trials[index];
            let claimed = seen.map_or(Ok(None), |seen| self.claim(planned, &seen))?;
            reporter.started(index, total, planned);
            let Some((lease, resume, warnings)) = claimed else {
                summary.skipped += usize::from(!again);
                if matches!(plan.trials[index].action, Action::Busy(_)) {
                    rounds.push_back((index, true));
                }
                continue;
            };
            summary.skipped -= usize::from(again);
            let held = Held {
                planned: &plan.trials[index],
                lease,
                resume,
                warnings,
            };
            // One that was stopped early and is taken up all the same goes to its end.
            let rule = plan.early_stop.as_ref().filter(|_| !stopped_early);
            let rivals = Rivals::of(plan, index, rule, self.store)?;
            match self.trial(&held, rivals, deadline, reporter)? {
                Some(report) => {
                    let over = deadline.is_some_and(|deadline| (self.outside.now_ms)() >= deadline);
                    match report.status {
                        Status::Interrupted if over => summary.budget = self.over_budget(plan, index, deadline)?,
                        status => summary.count(status),
                    }
                    reporter.ended(held.planned, &report);
                }
                None => summary.lost += 1,
            }
        }
        Ok(summary)
    }

    /// Why no further trial should begin, if none should.
    fn over_budget(&self, plan: &SweepPlan, index: usize, deadline: Option<i64>) -> Result<Option<String>, SweepError> {
        let now = (self.outside.now_ms)();
        let which = (plan.sweep.id.as_str(), plan.trials[index].row.id.as_str());
        Ok(budget::used_up(&plan.budget, self.store, which, now, deadline)?)
    }

    /// No run of the sweep stays running whose process is gone, whether this plan takes it up or not.
    fn mark_the_dead(&self, sweep: &str) -> Result<(), SweepError> {
        let running = self.store.runs(&RunFilter {
            sweep: Some(sweep.to_string()),
            status: Some(Status::Running),
            ..RunFilter::default()
        })?;
        for run in &running {
            self.find(run)?;
        }
        Ok(())
    }

    /// What is to be done with a trial as the store holds it now, noted in the plan. Returns the row that this rests on,
    /// where something is to be done; a run whose process is gone is marked as crashed then.
    fn look(&self, plan: &mut SweepPlan, index: usize) -> Result<Option<RunRow>, SweepError> {
        let planned = &mut plan.trials[index];
        let Some(now) = self.store.run(&planned.row.id)? else {
            planned.action = Action::Skip("removed from the store".into());
            return Ok(None);
        };
        let lease = self.store.lease(&now.id)?;
        let action = plan.policy.action(&now, lease.as_ref(), self.checkpoints, self.outside);
        let mut seen = now;
        if seen.status == Status::Running {
            match self.find(&seen)? {
                Found::Held(_) => {}
                Found::Crashed(_) => seen.status = Status::Crashed,
                Found::Changed => {
                    planned.action = taken();
                    return Ok(None);
                }
            }
        }
        // What the plan leaves alone stays alone, whatever may have become of it.
        if !matches!(planned.action, Action::Skip(_)) || matches!(action, Action::Skip(_)) {
            planned.action = action;
        }
        Ok(Some(seen).filter(|_| planned.action.is_open()))
    }

    /// Marks a running run as crashed if its process is gone.
    fn find(&self, run: &RunRow) -> Result<Found, SweepError> {
        let process = (self.outside.process)(&run.environment);
        let now = ((self.outside.now)(), (self.outside.now_ms)());
        Ok(crash::look(self.store, run, process, (&now.0, now.1))?)
    }

    /// Whether a trial that another process was at work on is there to be taken: that process is gone, and it is not the
    /// trial itself that ends every process.
    fn left_behind(&self, planned: &Planned) -> Result<bool, SweepError> {
        let Some(mut run) = self.store.run(&planned.row.id)? else {
            return Ok(false);
        };
        if run.status == Status::Running && matches!(self.find(&run)?, Found::Crashed(_)) {
            run.status = Status::Crashed;
        }
        Ok(run.status == Status::Crashed && !crash::often(self.store, &run.id)?)
    }

    /// Takes the run, unless another process was faster: its lease, the checkpoint to go on from, and warnings.
    #[expect(
        clippy::type_complexity,
        reason = "three parts of one answer, taken apart by its only caller"
    )]
    fn claim(
        &self,
        planned: &mut Planned,
        seen: &RunRow,
    ) -> Result<Option<(Lease, Option<std::path::PathBuf>, Vec<String>)>, SweepError> {
        let (mut resume, mut warnings) = (None, Vec::new());
        if let Action::Resume(_) = &planned.action {
            let shelf = shelf_of(self.checkpoints, &seen.id, Keep::of(&planned.spec.train));
            (resume, warnings) = shelf.sound();
        }
        let place = |folder: &Path| -> Result<(i64, f64), TrainError> {
            let step = checkpoint::load_cursor(folder)?.step as i64;
            Ok((step, checkpoint::Manifest::read(folder)?.epoch))
        };
        let keep = resume.as_deref().map(place).transpose()?;
        if keep.is_none() && matches!(planned.action, Action::Resume(_)) {
            planned.action = Action::Retry("none of its checkpoints can be read".into());
        }
        let mut environment = self.outside.environment.clone();
        environment["inputs"] = json!(planned.inputs);
        let mine = RunRow {
            environment,
            ..planned.row.clone()
        };
        let (time, now_ms) = ((self.outside.now)(), (self.outside.now_ms)());
        let lease = self.store.claim_run(&mine, seen, &time, now_ms, keep)?;
        if lease.is_none() {
            planned.action = taken();
        }
        Ok(lease.map(|lease| (lease, resume, warnings)))
    }

    /// Trains a trial and records how it ended; nothing when another process has taken it over.
    fn trial(
        &self,
        held: &Held<'_>,
        rivals: Rivals<'_>,
        deadline: Option<i64>,
        reporter: &mut dyn Reporter,
    ) -> Result<Option<Report>, SweepError> {
        let (planned, id) = (held.planned, held.planned.row.id.as_str());
        let checkpoints = shelf_of(self.checkpoints, id, Keep::of(&planned.spec.train));
        if held.resume.is_none() {
            let cleared = checkpoints.clear();
            cleared.unwrap_or_else(|error| tracing::warn!("old checkpoints of {id} stay: {error}"));
        }
        let reserve = Reserve::take(checkpoints.folder());
        let writer = self.store.writer_for(&held.lease, self.outside.now_ms)?;
        let job = Job {
            spec: &planned.spec,
            set: planned.set.clone(),
            registry: self.registry,
            device: self.device.clone(),
            checkpoints,
            init: planned.start.digest.as_deref(),
            lpips: planned.start.lpips.as_deref(),
            resume: held.resume.clone(),
            stop: self.stop,
        };
        let mut recorder = Recorder {
            run: id,
            writer: &writer,
            outside: self.outside,
            deadline,
            rivals,
            reporter,
            last: BTreeMap::new(),
        };
        let ended = catch_unwind(AssertUnwindSafe(|| (self.train)(&job, &mut recorder)));
        let late = recorder.late();
        let last = recorder.last;
        let Some(Ended { status, error, trace }) = ending::judge(ended, late, self.outside.trace) else {
            return Ok(None);
        };
        let skipped = planned.set.skipped();
        let skipped = skipped
            .iter()
            .map(|s| format!("picture {} skipped: {}", s.name, s.error));
        let noted = held.warnings.iter().chain(&planned.start.notes).cloned();
        let mut report = Report {
            status,
            error,
            last,
            warnings: noted.chain(skipped).collect(),
        };
        let time = (self.outside.now)();
        let noted = writer.set_warnings(id, &json!(report.warnings));
        match noted.and_then(|()| writer.set_status(id, status, &time, &report.error, &trace)) {
            Err(StoreError::Fenced { .. }) => return Ok(None),
            Err(lost) => {
                // A trial that failed for the same reason has said so already.
                if status != Status::Failed {
                    (report.status, report.error) = (Status::Failed, format!("record the trial: {lost}"));
                }
                reserve.give_back();
                match writer.give_up(id, report.status, &time, &report.error, &trace) {
                    Err(StoreError::Fenced { .. }) => return Ok(None),
                    other => other?,
                }
            }
            Ok(()) => {}
        }
        Ok(Some(report))
    }
}

/// What becomes of a trial that another process was faster with.
fn taken() -> Action {
    Action::Busy("taken by another process just now".into())
}

impl Summary {
    /// Counts one trial that ended in a state.
    pub fn count(&mut self, status: Status) {
        match status {
            Status::Finished => self.finished += 1,
            Status::Pruned => self.pruned += 1,
            Status::Interrupted => self.interrupted = true,
            _ => self.failed += 1,
        }
    }
}
