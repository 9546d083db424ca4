//! The tasks that train on top of an encoder: the attentive probe and fine-tuning. What they find, in the form of the others.

use std::sync::Arc;

use burn::tensor::Device;
use serde_json::{Value as Json, json};

use super::{Finding, Named, Protocol, merge, version};
use crate::data::{ImageSet, Split};
use crate::eval::attentive::attentive;
use crate::eval::finetune::{LearnError, finetune};
use crate::model::Mae;
use crate::spec::TrialSpec;
use crate::spec::trial::EvalTask;

/// Hears how many epochs of how many are done.
pub type Tell<'a> = dyn FnMut(usize, usize) + 'a;

/// Runs a task that trains; `None` for the others. `model` stays as it is.
///
/// # Errors
/// When pictures cannot be had, their classes not be learned, or the loss is no number any more.
pub fn run(
    task: EvalTask,
    model: &Mae,
    spec: &TrialSpec,
    set: &Arc<ImageSet>,
    device: &Device,
    tell: &mut Tell<'_>,
) -> Result<Option<Finding>, LearnError> {
    let (figures, own) = match task {
        EvalTask::Attentive => pooled(model, spec, set, device, tell)?,
        EvalTask::Finetune => finetuned(model, spec, set, device, tell)?,
        _ => return Ok(None),
    };
    let mut parameters = json!({
        "classes": set.classes().len(),
        "train": set.len(Split::Train),
        "held_out": set.len(Split::Val),
    });
    merge(&mut parameters, own);
    let version = version(task);
    let protocol = Protocol {
        task,
        version,
        parameters,
    };
    Ok(Some(Finding { figures, protocol }))
}

fn pooled(
    model: &Mae,
    spec: &TrialSpec,
    set: &Arc<ImageSet>,
    device: &Device,
    tell: &mut Tell<'_>,
) -> Result<Named, LearnError> {
    let found = attentive(model, spec, set, device, tell)?;
    let mut parameters = settings(&spec.eval.attentive);
    let more = json!({
        "feature": "patch tokens, normalised by the training pictures",
        "augmentation": "none",
        "optimiser": "adamw",
        "lr": found.lr,
        "tune_accuracy": found.tried.iter().map(|(_, accuracy)| accuracy).collect::<Vec<_>>(),
        "judged": found.judged,
        "losses": found.losses,
    });
    merge(&mut parameters, more);
    Ok((vec![("attentive_accuracy".into(), found.accuracy)], parameters))
}

fn finetuned(
    model: &Mae,
    spec: &TrialSpec,
    set: &Arc<ImageSet>,
    device: &Device,
    tell: &mut Tell<'_>,
) -> Result<Named, LearnError> {
    let found = finetune(model, spec, set, device, tell)?;
    let mut parameters = settings(&spec.eval.finetune);
    let more = json!({
        "feature": "mean of the patch tokens after a fresh norm",
        "optimiser": "adamw",
        "betas": [0.9, 0.999],
        "judged": found.judged,
        "losses": found.losses,
    });
    merge(&mut parameters, more);
    Ok((vec![("finetune_accuracy".into(), found.accuracy)], parameters))
}

fn settings(spec: &impl serde::Serialize) -> Json {
    serde_json::to_value(spec).unwrap_or_default()
}
