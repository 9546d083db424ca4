//! The tasks that train on top of an encoder: the attentive probe and fine-tuning. What they find, in the form of the others.

use std::ops::ControlFlow;
use std::sync::Arc;

use burn::tensor::Device;
use serde_json::{Value as Json, json};

use super::{Finding, Outcome, merge, not_numbers};
use crate::data::{ImageSet, Split};
use crate::eval::attentive::attentive;
use crate::eval::finetune::{LearnError, finetune};
use crate::model::Mae;
use crate::spec::TrialSpec;
use crate::spec::trial::EvalTask;

/// Hears before every step how many epochs of how many are done, and says whether to go on.
pub type Tell<'a> = dyn FnMut(f64, usize) -> ControlFlow<()> + 'a;

/// Runs a task that trains; `None` for the others. `model` stays as it is.
///
/// # Errors
/// When pictures cannot be had, their classes not be learned, or `tell` stops it. A loss or scores that are no numbers any more
/// give figures that are none.
pub fn run(
    task: EvalTask,
    model: &Mae,
    spec: &TrialSpec,
    set: &Arc<ImageSet>,
    device: &Device,
    tell: &mut Tell<'_>,
) -> Result<Option<Finding>, LearnError> {
    let (own, outcome) = match task {
        EvalTask::Attentive => (of_attentive(spec), pooled(model, spec, set, device, tell)),
        EvalTask::Finetune => (of_finetune(spec), finetuned(model, spec, set, device, tell)),
        _ => return Ok(None),
    };
    let outcome = match outcome {
        // The encoder is what it is: other figures of it hold.
        Err(error @ (LearnError::Diverged { .. } | LearnError::Scores { .. })) => {
            not_numbers(task, json!({ "diverged": error.to_string() }))
        }
        outcome => outcome?,
    };
    let mut settings = json!({
        "classes": set.classes().len(),
        "train": set.len(Split::Train),
        "held_out": set.len(Split::Val),
    });
    merge(&mut settings, own);
    Ok(Some(Finding::of(task, spec, settings, outcome)))
}

fn pooled(
    model: &Mae,
    spec: &TrialSpec,
    set: &Arc<ImageSet>,
    device: &Device,
    tell: &mut Tell<'_>,
) -> Result<Outcome, LearnError> {
    let found = attentive(model, spec, set, device, tell)?;
    Ok(Outcome {
        figures: vec![("attentive_accuracy".into(), found.accuracy)],
        found: json!({ "lr": found.lr, "tune_accuracy": found.tried, "judged": found.judged, "losses": found.losses }),
    })
}

fn finetuned(
    model: &Mae,
    spec: &TrialSpec,
    set: &Arc<ImageSet>,
    device: &Device,
    tell: &mut Tell<'_>,
) -> Result<Outcome, LearnError> {
    let found = finetune(model, spec, set, device, tell)?;
    Ok(Outcome {
        figures: vec![("finetune_accuracy".into(), found.accuracy)],
        found: json!({ "judged": found.judged, "losses": found.losses }),
    })
}

fn of_attentive(spec: &TrialSpec) -> Json {
    let mut settings = section(&spec.eval.attentive);
    let more = json!({
        "feature": "patch tokens, normalised by the training pictures",
        "augmentation": "none",
        "optimiser": "adamw",
        "tune_fraction": spec.eval.tune_fraction,
    });
    merge(&mut settings, more);
    settings
}

fn of_finetune(spec: &TrialSpec) -> Json {
    let mut settings = section(&spec.eval.finetune);
    let more = json!({
        "feature": "mean of the patch tokens after a fresh norm",
        "optimiser": "adamw",
        "betas": [0.9, 0.999],
        "hflip": spec.data.hflip,
        "crop_aspect": spec.data.crop_aspect,
    });
    merge(&mut settings, more);
    settings
}

/// The keys of a task's section.
fn section(spec: &impl serde::Serialize) -> Json {
    serde_json::to_value(spec).unwrap_or_default()
}
