//! Progress of a sweep on stderr: a bar on a terminal, plain lines elsewhere.

use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::store::rows::{MetricPoint, Status};
use crate::sweep::{Action, Planned, Report, Reporter, SweepPlan, work};
use crate::train::{Phase, Progress};

use super::estimate;
use super::table::number;

/// Metrics shown at the end of a trial, in this order, where they were taken.
const SHOWN: [&str; 5] = [
    "train_loss",
    "val_loss",
    "eval_mse",
    "knn_accuracy",
    "untrained_knn_accuracy",
];

/// Shows a sweep's progress.
pub(super) struct Display {
    bar: Option<ProgressBar>,
    begun: Instant,
    /// What all trials to train have to compute, and those that are over, in one unit.
    open: f64,
    done: f64,
    /// Labels of the trials that were to be trained when the sweep began.
    planned: HashSet<String>,
    /// What the current trial has to compute.
    weight: f64,
    current: String,
    /// Share of the current trial that is done.
    share: f64,
    trial_begun: Instant,
}

impl Display {
    pub(super) fn new(plan: &SweepPlan) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(1);
            let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {wide_msg}");
            bar.set_style(style.expect("the template is valid").progress_chars("=> "));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self {
            bar,
            begun: Instant::now(),
            open: estimate::open(plan).map(weight).sum(),
            done: 0.0,
            planned: estimate::open(plan).map(|planned| planned.row.label.clone()).collect(),
            weight: 0.0,
            current: String::new(),
            share: 0.0,
            trial_begun: Instant::now(),
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tell(line)),
            None => tell(line),
        }
    }

    /// Time left for the whole sweep, from the share of the computing that is done.
    fn left(&self) -> Option<Duration> {
        let share = (self.done + self.share * self.weight) / self.open.max(f64::MIN_POSITIVE);
        let spent = self.begun.elapsed().as_secs_f64();
        (share > 0.0).then(|| Duration::from_secs_f64(spent * (1.0 - share).max(0.0) / share))
    }
}

impl Reporter for Display {
    fn started(&mut self, index: usize, total: usize, planned: &Planned) {
        let label = &planned.row.label;
        let place = format!("[{}/{total}]", index + 1);
        self.current = place.clone();
        self.trial_begun = Instant::now();
        (self.share, self.weight) = (0.0, weight(planned));
        match &planned.action {
            Action::Run => self.say(&format!("{place} {label}")),
            Action::Resume(_) => self.say(&format!("{place} {label}: going on from its checkpoint")),
            Action::Retry(why) => self.say(&format!("{place} {label}: again from the start ({why})")),
            Action::Busy(why) | Action::Skip(why) => {
                self.say(&format!("{place} {label}: skipped ({why})"));
                // Another process has it or had it, although it was open when the sweep began.
                if self.planned.remove(&planned.row.label) {
                    self.open -= self.weight;
                }
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_prefix(place);
            bar.set_position(0);
        }
    }

    fn metric(&mut self, point: &MetricPoint) {
        if point.name == "val_loss" && self.bar.is_none() {
            let left = self.left().map(|d| format!(", {} left", clock(d))).unwrap_or_default();
            tell(&format!(
                "{} epoch {:.0}: val_loss {}{left}",
                self.current,
                point.epoch,
                number(point.value)
            ));
        }
    }

    fn progress(&mut self, progress: Progress) {
        self.share = progress.step as f64 / progress.steps.max(1) as f64;
        let Some(bar) = &self.bar else { return };
        bar.set_length(progress.steps as u64);
        bar.set_position(progress.step as u64);
        let loss = progress
            .loss
            .map(|loss| format!("loss {}", number(loss)))
            .unwrap_or_default();
        let phase = match progress.phase {
            Phase::Baseline => "judging the untrained encoder".into(),
            Phase::Training => String::new(),
            Phase::Evaluating => "evaluating".into(),
            Phase::Task { task, done, of } => format!("{}: epoch {done:.1} of {of}", task.word()),
        };
        let left = self.left().map(|d| format!("{} left", clock(d))).unwrap_or_default();
        bar.set_message(format!("epoch {:.1} {loss} {phase}  {left}", progress.epoch));
    }

    fn ended(&mut self, planned: &Planned, end: &Report) {
        self.done += self.weight;
        (self.share, self.weight) = (0.0, 0.0);
        // What was known before is said before.
        let news = end.warnings.iter().filter(|said| !planned.start.notes.contains(said));
        for warning in news {
            self.say(&format!("{} warning: {warning}", self.current));
        }
        let spent = clock(self.trial_begun.elapsed());
        let status = match end.status {
            Status::Finished => format!("finished in {spent}"),
            Status::Interrupted => format!("interrupted: {}", end.error),
            Status::Pruned => format!("stopped early: {}", end.error),
            Status::Diverged => format!("diverged: {}", end.error),
            _ => format!("failed: {}", end.error),
        };
        let metrics = SHOWN
            .iter()
            .filter_map(|name| Some(format!("{name} {}", number(*end.last.get(*name)?))));
        let metrics = metrics.collect::<Vec<_>>().join("  ");
        self.say(&format!("{} {}: {status}  {metrics}", self.current, planned.row.label));
    }
}

/// Writes a line to standard error. That nobody reads it any more, because a terminal was closed or the process at the other end
/// killed, is no reason to stop training.
pub(super) fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn weight(planned: &Planned) -> f64 {
    work::of_trial(&planned.spec, &planned.set)
}

/// `3m 05s`, or `42s`.
pub(super) fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m {s:02}s"),
        (h, m, _) => format!("{h}h {m:02}m"),
    }
}
