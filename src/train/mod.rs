//! One trial: the loop, its optimiser groups and schedule, checkpoints, and the events it emits.
//! Nothing here prints, writes to the store or reads the clock; see `sweep` for who listens.

pub mod adamw;
pub mod bench;
pub mod checkpoint;
pub mod clip;
pub mod events;
pub mod groups;
pub mod layer_decay;
pub mod masker;
pub mod optimiser;
pub mod predictor;
pub mod run;
mod saver;
pub mod schedule;
pub mod shelf;
pub mod step;
pub mod student;
pub mod teacher;
#[cfg(test)]
pub(crate) mod testing;
mod unread;

use std::path::PathBuf;

pub use checkpoint::Cursor;
pub use events::{Observer, Phase, Progress, Written};
pub use run::{Job, Outcome, train};
pub use schedule::Schedule;
pub use shelf::{Keep, Shelf};

/// Why a trial failed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Pictures could not be had.
    #[error(transparent)]
    Data(#[from] crate::data::DataError),
    /// A masking strategy refused the trial.
    #[error(transparent)]
    Mask(#[from] mae_strategies::Error),
    /// The weights to start from cannot be used.
    #[error("start from model.init: {0}")]
    Init(#[from] crate::model::weights::WeightError),
    /// The weights to start from are no longer those that were planned with.
    #[error("start from model.init: {} has changed since the sweep began: put it back, or sweep again", .0.display())]
    Changed(PathBuf),
    /// An epoch has no whole group of batches.
    #[error("train.accum_steps = {0}, but an epoch has {1} batches: lower train.accum_steps or train.batch_size")]
    Accumulation(usize, usize),
    /// A checkpoint could not be written or read.
    #[error("use checkpoint {}: {}", .0.display(), .1)]
    Checkpoint(PathBuf, String),
    /// What was measured could not be recorded.
    #[error("record the trial: {0}")]
    Record(String),
    /// The trial could not be judged.
    #[error(transparent)]
    Eval(#[from] crate::eval::EvalError),
}
