//! How much computing a trial asks for, to tell how long a sweep will take. Matrix products alone, in billions of
//! multiply-accumulates: a backward pass counts twice its forward pass, less where parts are held as they are.

use crate::data::{ImageSet, Split, steps_per_epoch};
use crate::eval::tasks::feature;
use crate::model::info::{backward_shares, decoder_gmacs, encoder_gmacs, partial_decoder_gmacs};
use crate::spec::TrialSpec;
use crate::spec::ramp::END;
use crate::spec::trial::EvalTask;

/// Share of training whose ratio stands for all of it, where a schedule moves it.
const MIDDLE: f64 = 0.5;

/// One optimiser step of a trial.
#[must_use]
pub fn of_step(spec: &TrialSpec) -> f64 {
    let (model, hidden) = (&spec.model, spec.mask.ratio_at(MIDDLE));
    let forward = [
        encoder_gmacs(model, hidden),
        partial_decoder_gmacs(model, hidden, spec.train.decode_ratio),
    ];
    let passes = backward_shares(model).map(|backward| 1.0 + backward);
    let work: f64 = forward
        .iter()
        .zip(passes)
        .map(|(forward, passes)| forward * passes)
        .sum();
    work * (spec.train.batch_size * spec.train.accum_steps) as f64
}

/// A whole trial: its steps, and its judgements before, during and after them.
#[must_use]
pub fn of_trial(spec: &TrialSpec, set: &ImageSet) -> f64 {
    let train = &spec.train;
    let steps = steps_per_epoch(set.len(Split::Train), train.batch_size) / train.accum_steps * train.epochs;
    let steps = train.max_steps.map_or(steps, |most| steps.min(most));
    let judgements = match train.epochs {
        0 => 1,
        epochs => 2 + (epochs - 1) / train.val_every,
    };
    let cross = set.len(Split::Val) as f64 * spec.eval.cross.len() as f64 * reconstruct(spec, spec.eval.mask_ratio);
    steps as f64 * of_step(spec) + judgements as f64 * of_judgement(spec, set) + cross + of_tasks(spec, set)
}

/// The tasks that judge the encoder. Those on features of whole pictures read them before training and after it, all on one
/// pass; the attentive probe passes once more over all pictures, fine-tuning trains for its own epochs. What is trained on
/// features costs little beside that.
fn of_tasks(spec: &TrialSpec, set: &ImageSet) -> f64 {
    let (held, seen) = (set.len(Split::Val) as f64, set.len(Split::Train) as f64);
    let has = |task| spec.eval.tasks.contains(&task);
    let mut passes = 0.0;
    if spec.eval.tasks.iter().any(|task| feature(*task, &spec.eval).is_some()) {
        let times = if spec.train.epochs == 0 { 1.0 } else { 2.0 };
        passes += times * (held + seen);
    }
    if has(EvalTask::Attentive) {
        passes += held + seen;
    }
    if has(EvalTask::Finetune) {
        passes += held + 3.0 * spec.eval.finetune.epochs as f64 * seen;
    }
    passes * encoder_gmacs(&spec.model, 0.0)
}

/// A picture reconstructed with this share of its patches hidden.
fn reconstruct(spec: &TrialSpec, hidden: f64) -> f64 {
    encoder_gmacs(&spec.model, hidden) + decoder_gmacs(&spec.model, hidden)
}

/// Held-out pictures are reconstructed with two kinds of masks.
fn of_judgement(spec: &TrialSpec, set: &ImageSet) -> f64 {
    let held = set.len(Split::Val) as f64;
    let mut work = held * reconstruct(spec, spec.mask.ratio_at(END));
    if spec.eval.tasks.contains(&EvalTask::Reconstruction) {
        work += held * reconstruct(spec, spec.eval.mask_ratio);
    }
    work
}
