//! One trial: the loop, its optimiser groups and schedule, checkpoints, and the events it emits.
//! Nothing here prints, writes to the store or reads the clock; see `sweep` for who listens.

pub mod bench;
pub mod checkpoint;
pub mod events;
pub mod optimiser;
pub mod run;
pub mod schedule;
pub mod step;

use std::path::PathBuf;

pub use checkpoint::{Checkpoints, Cursor};
pub use events::{Observer, Phase, Progress, Written};
pub use run::{Job, Outcome, train};
pub use schedule::Schedule;

/// Why a trial failed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Pictures could not be had.
    #[error(transparent)]
    Data(#[from] crate::data::DataError),
    /// A masking strategy refused the trial.
    #[error(transparent)]
    Mask(#[from] mae_strategies::Error),
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
