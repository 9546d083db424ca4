//! From an experiment to recorded trials: what is to be done (`plan`), doing it (`runner`), and writing down what happens
//! (`recorder`). Clock, ids and environment come in from outside; nothing here prints.

pub mod budget;
pub mod crash;
pub mod early_stop;
mod ending;
mod inputs;
pub mod plan;
pub mod policy;
pub mod recorder;
mod reserve;
mod rivals;
pub mod runner;
pub mod work;

use serde_json::Value as Json;

pub use inputs::Start;
pub use plan::{Action, Planned, SweepPlan, Wishes};
pub use policy::Policy;
pub use runner::{Report, Reporter, Runner, Summary, Trainer};

/// What a sweep needs from the outside world.
pub struct Outside<'a> {
    /// The time now, RFC 3339 in UTC.
    pub now: &'a dyn Fn() -> String,
    /// The time now, in milliseconds since 1970.
    pub now_ms: fn() -> i64,
    /// A new random id.
    pub new_id: &'a dyn Fn() -> String,
    /// What has become of the process that recorded this environment.
    pub process: &'a dyn Fn(&Json) -> Process,
    /// The backtrace of this thread's last panic, empty when there was none.
    pub trace: &'a dyn Fn() -> String,
    /// Versions, revision, hardware, device, process: recorded with every run.
    pub environment: Json,
}

/// What has become of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Process {
    /// It lives on this machine, under this number.
    Alive(u64),
    /// It is gone; why, as far as can be told.
    Gone(String),
    /// It was on another machine, so nothing is known.
    Elsewhere(String),
}

/// Why a sweep could not be planned or run at all. A failing trial is a row, not an error.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The pictures cannot be had.
    #[error(transparent)]
    Data(#[from] crate::data::DataError),
    /// The weights that a trial starts from cannot be used.
    #[error("start from model.init: {0}")]
    Weights(#[from] crate::model::weights::WeightError),
    /// The pictures lack what a task needs.
    #[error("eval.tasks: {0}")]
    Task(#[from] crate::eval::finetune::LearnError),
    /// The network for perceptual distance cannot be used.
    #[error(transparent)]
    Perceptual(#[from] crate::eval::perceptual::PerceptualError),
    /// A trial cannot be trained as described.
    #[error(transparent)]
    Train(#[from] crate::train::TrainError),
    /// A recorded configuration cannot be read.
    #[error(transparent)]
    Spec(#[from] crate::spec::SpecError),
}
