//! What training tells the outside world. The loop knows neither the store nor the terminal.

use crate::spec::trial::EvalTask;
use crate::store::rows::{MetricPoint, Picture, ProtocolRow};

/// Where the loop stands, for progress display.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Optimiser steps done.
    pub step: usize,
    /// Optimiser steps of the whole trial.
    pub steps: usize,
    /// Passes over the data done.
    pub epoch: f64,
    /// Mean training loss of the last logged window.
    pub loss: Option<f64>,
    /// What is being done.
    pub phase: Phase,
}

/// A checkpoint that has just been written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Its folder.
    pub path: std::path::PathBuf,
    /// Hash of its files.
    pub hash: String,
    /// Optimiser steps done.
    pub step: usize,
    /// Passes over the data done.
    pub epoch: f64,
    /// Folders of older checkpoints that were removed for it.
    pub removed: Vec<std::path::PathBuf>,
}

/// What the loop is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Phase {
    /// Judging the untrained encoder.
    Baseline,
    /// Optimiser steps.
    Training,
    /// Held-out pictures.
    Evaluating,
    /// A task that trains on top of the encoder.
    Task {
        /// The task.
        task: EvalTask,
        /// Its epochs done.
        done: f64,
        /// Of so many.
        of: usize,
    },
}

/// Receives the events of one trial. Methods must return quickly: they run on the training thread.
pub trait Observer {
    /// A measured number.
    fn metric(&mut self, point: MetricPoint);
    /// A drawn picture.
    fn picture(&mut self, picture: Picture);
    /// How the figures of a task came about.
    fn protocol(&mut self, _row: ProtocolRow) {}
    /// A checkpoint is about to be written: everything heard so far must be safe first, or else a process that is killed
    /// would go on from the checkpoint without it.
    ///
    /// # Errors
    /// When it cannot be made safe; the trial then fails.
    fn settle(&mut self) -> Result<(), String>;
    /// A checkpoint has been written.
    fn checkpoint(&mut self, written: Written);
    /// Whether the trial should end now because others are clearly better, and why. Asked after every judgement within
    /// training.
    fn verdict(&mut self) -> Option<String> {
        None
    }
    /// Whether the trial should be interrupted now, with a checkpoint.
    fn halted(&self) -> bool {
        false
    }
    /// Whether another process has taken the trial over: it then ends at once and writes nothing more.
    fn lost(&self) -> bool {
        false
    }
    /// The loop moved on.
    fn progress(&mut self, progress: Progress);
}
