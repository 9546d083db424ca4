//! Plain rows: what the store holds, without SQL. They are read by `report` and `cli` and written by `sweep`.
//! Nothing here may depend on sqlx, burn or the clock; times are RFC 3339 strings in UTC.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// State of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Planned, not started.
    Queued,
    /// Being trained by a live process.
    Running,
    /// Ended as planned.
    Finished,
    /// Ended early because others were clearly better; why is kept in `error`.
    Pruned,
    /// Ended by an error, kept in `error`.
    Failed,
    /// Ended because the loss was no longer finite.
    Diverged,
    /// Stopped by the user or the system with a checkpoint; can be resumed.
    Interrupted,
    /// Its process went away without a word; can be resumed from its last checkpoint.
    Crashed,
}

impl Status {
    /// Every state, in the order of a run's life.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Running,
        Self::Finished,
        Self::Pruned,
        Self::Failed,
        Self::Diverged,
        Self::Interrupted,
        Self::Crashed,
    ];

    /// The word used in the store, in JSON and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Pruned => "pruned",
            Self::Failed => "failed",
            Self::Diverged => "diverged",
            Self::Interrupted => "interrupted",
            Self::Crashed => "crashed",
        }
    }

    /// The state of that name, if there is one.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether a run in this state is over (an interrupted one may be taken up again).
    #[must_use]
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A sweep: one experiment file as it was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepRow {
    /// Unique id.
    pub id: String,
    /// `name` of the experiment; also the report's folder.
    pub name: String,
    /// The question it asks (empty when not given).
    pub question: String,
    /// What was expected.
    pub expect: String,
    /// What it costs to run.
    pub cost: String,
    /// What was seen, written after the run.
    pub analysis: String,
    /// Path of the experiment file.
    pub file: String,
    /// Swept keys and their values in order: `[{"key": "mask.ratio", "values": [0.25, …]}, …]`; the seed is not among them.
    pub axes: Json,
    /// Budget, early stopping, and the baseline and objective of its report, where it has them:
    /// `{"budget": …, "early_stop": …, "baseline": …, "objective": …}`.
    #[serde(default)]
    pub settings: Json,
    /// When it was first started.
    pub created_at: String,
}

/// A run: one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    /// Unique id.
    pub id: String,
    /// Id of its sweep.
    pub sweep_id: String,
    /// Name of its sweep.
    pub sweep: String,
    /// Place in the sweep, from 0.
    pub position: i64,
    /// Short label, such as `mask.ratio=0.75 seed=1`.
    pub label: String,
    /// Hash of the result-affecting configuration.
    pub identity: String,
    /// State.
    pub status: Status,
    /// Run seed.
    pub seed: i64,
    /// The resolved configuration, nested by section.
    pub config: Json,
    /// Origin of every key: `{"train.epochs": "configs/train/quick.toml", …}`.
    pub origins: Json,
    /// This run's values of the swept keys: `{"mask.ratio": 0.75}` (without the seed).
    pub point: Json,
    /// Versions, git revision, CPU, device: a flat object.
    pub environment: Json,
    /// Why it is not finished, where it is over, with the cure; else empty.
    pub error: String,
    /// Backtrace of a failed run, else empty.
    #[serde(default)]
    pub trace: String,
    /// Warnings, such as pictures that could not be read: a list of strings.
    pub warnings: Json,
    /// When it was planned.
    pub created_at: String,
    /// When training began, if it did.
    pub started_at: Option<String>,
    /// When it ended, if it did.
    pub finished_at: Option<String>,
}

/// One metric of one run over its epochs.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Id of the run.
    pub run: String,
    /// State of the run.
    pub status: Status,
    /// Epoch and value, by step; the untrained model is left out.
    pub points: Vec<(f64, f64)>,
}

/// One measured number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricPoint {
    /// Metric name: `train_loss`, `lr`, `val_loss`, `eval_mse`, `eval_psnr`, `knn_accuracy`, `untrained_knn_accuracy`, …
    pub name: String,
    /// Optimiser steps done.
    pub step: i64,
    /// Passes over the data done (fractional within an epoch).
    pub epoch: f64,
    /// Value; may be NaN or infinite.
    pub value: f64,
}

/// One picture, as PNG.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// What it shows: `original`, `masked`, `reconstruction` or `pasted`; of anomaly maps `original` or `overlay`.
    pub kind: String,
    /// Which held-out picture, from 0 (the same for every run of a sweep).
    pub item: i64,
    /// Name of the held-out picture.
    pub caption: String,
    /// Epochs trained when it was drawn (0: before training).
    pub epoch: f64,
    /// Width in pixels.
    pub width: i64,
    /// Height in pixels.
    pub height: i64,
    /// PNG bytes.
    pub png: Vec<u8>,
}

/// A checkpoint file of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckpointRow {
    /// Where the file lies.
    pub path: String,
    /// Optimiser steps done when it was written.
    pub step: i64,
    /// Passes over the data done when it was written.
    pub epoch: f64,
    /// Hash of the file.
    pub hash: String,
    /// When it was written.
    pub created_at: String,
}

/// How the figures of a task came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProtocolRow {
    /// The task: `knn`, `linear`, …
    pub task: String,
    /// Version of the code of its protocol.
    pub version: i64,
    /// Its parameters, and what was chosen on training pictures.
    pub parameters: Json,
}

/// What a later evaluation of a run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRow {
    /// The task and its parameters.
    pub protocol: ProtocolRow,
    /// Named figures; may be NaN.
    pub figures: Vec<(String, f64)>,
    /// Digest of the pictures.
    pub data: String,
    /// Where they were, for people.
    pub place: String,
    /// Whether pictures and protocol are those of the run's own configuration.
    pub own: bool,
    /// Digest of the encoder's weights.
    pub weights: String,
    /// Version of the program.
    pub program: String,
    /// When.
    pub created_at: String,
    /// What it drew; the epoch is 0.
    #[serde(skip)]
    pub pictures: Vec<Picture>,
}

/// What someone wrote about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteRow {
    /// When it was written.
    pub time: String,
    /// The words.
    pub text: String,
}

/// A change of a run's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRow {
    /// When it happened.
    pub time: String,
    /// The state entered.
    pub status: Status,
    /// The error, else empty.
    pub detail: String,
}

/// Who trains a run, as far as the store knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRow {
    /// Number of the latest claim; never falls.
    pub fence: i64,
    /// Signs of life of its holder so far.
    pub beat: i64,
    /// When the last one was given, by the holder's clock: milliseconds since 1970.
    pub beat_at: i64,
    /// Whether it has not let go yet.
    pub held: bool,
}
