//! The figures that trials are judged by: which way each is better, which task takes it, and when. An objective or a rule that
//! stops trials names one of them. It must not say how a figure is computed.

use serde_json::Value;

use super::error::{SpecError, did_you_mean};
use super::limits::Goal;
use super::load::Trial;

/// When a figure is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At every validation, so that it may stop a trial.
    Validation,
    /// Before training and after it, or after it alone.
    End,
}

/// A figure by its name in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// Which way it is better.
    pub goal: Goal,
    /// The task of `eval.tasks` that takes it; `None` for what every trial has.
    pub task: Option<&'static str>,
    /// When it is taken.
    pub when: When,
}

const fn at_validations(name: &'static str, goal: Goal) -> Figure {
    Figure {
        name,
        goal,
        task: Some("reconstruction"),
        when: When::Validation,
    }
}

const fn at_end(name: &'static str, goal: Goal, task: &'static str) -> Figure {
    Figure {
        name,
        goal,
        task: Some(task),
        when: When::End,
    }
}

/// Every figure.
pub const FIGURES: [Figure; 21] = [
    Figure {
        name: "val_loss",
        goal: Goal::Min,
        task: None,
        when: When::Validation,
    },
    at_validations("eval_loss", Goal::Min),
    at_validations("eval_mse", Goal::Min),
    at_validations("eval_psnr", Goal::Max),
    at_end("eval_ssim", Goal::Max, "reconstruction"),
    at_end("eval_ms_ssim", Goal::Max, "reconstruction"),
    at_end("eval_lpips", Goal::Min, "reconstruction"),
    at_end("eval_masked_ssim", Goal::Max, "reconstruction"),
    at_validations("eval_image_mse", Goal::Min),
    at_validations("eval_image_psnr", Goal::Max),
    at_end("knn_accuracy", Goal::Max, "knn"),
    at_end("linear_accuracy", Goal::Max, "linear"),
    at_end("logistic_accuracy", Goal::Max, "logistic"),
    at_end("attentive_accuracy", Goal::Max, "attentive"),
    at_end("finetune_accuracy", Goal::Max, "finetune"),
    at_end("retrieval_map", Goal::Max, "retrieval"),
    at_end("retrieval_recall_at_1", Goal::Max, "retrieval"),
    at_end("retrieval_recall_at_5", Goal::Max, "retrieval"),
    at_end("retrieval_recall_at_10", Goal::Max, "retrieval"),
    at_end("clustering_nmi", Goal::Max, "clustering"),
    at_end("clustering_ari", Goal::Max, "clustering"),
];

/// The figure of a name.
#[must_use]
pub fn figure(name: &str) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| figure.name == name)
}

impl Figure {
    /// Whether a trial takes it.
    pub(super) fn taken_by(&self, trial: &Trial) -> bool {
        let named = |task: &str| {
            let tasks = trial.config["eval"]["tasks"].as_array();
            tasks.is_some_and(|tasks| tasks.iter().any(|named| named == &Value::from(task)))
        };
        self.task.is_none_or(named)
    }
}

/// Checks `[analysis] objective`: that it is a figure, and that every trial takes it.
pub(super) fn objective(name: &str, file: &str, trials: &[Trial]) -> Result<(), SpecError> {
    if name.is_empty() {
        return Ok(());
    }
    if figure(name).is_none() {
        let names = FIGURES.map(|figure| figure.name);
        let near = did_you_mean(name, names);
        let cure = if near.is_empty() {
            format!(": use one of {}", names.join(", "))
        } else {
            near
        };
        let text = format!("analysis.objective = \"{name}\" in {file} is no figure of a task{cure}");
        return Err(SpecError::Invalid(text));
    }
    taken("analysis.objective", name, file, trials, true)
}

/// Checks that every trial takes a figure, or that any does.
pub(super) fn taken(key: &str, name: &str, file: &str, trials: &[Trial], by_all: bool) -> Result<(), SpecError> {
    let Some((figure, task)) = figure(name).and_then(|figure| Some((figure, figure.task?))) else {
        return Ok(());
    };
    let any = trials.iter().any(|trial| figure.taken_by(trial));
    let without = trials.iter().find(|trial| !figure.taken_by(trial));
    let Some(without) = without.filter(|_| by_all || !any) else {
        return Ok(());
    };
    let who = if any {
        format!("trial {} does not take", without.label)
    } else {
        "no trial takes".to_owned()
    };
    Err(SpecError::Invalid(format!(
        "{key} = \"{name}\" in {file} is a figure that {who}: add \"{task}\" to eval.tasks"
    )))
}
