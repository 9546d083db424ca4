//! Full fine-tuning with the reference recipe: the encoder with a fresh norm and head on the mean of its patch tokens is
//! trained on the labelled training pictures, all of it, and judged on the held-out ones after the last epoch. The figure is
//! never the best over epochs: that would look at held-out pictures.
//!
//! Recipe: AdamW (0.9, 0.999) with layer-wise decay of the rate, linear warm-up and half-cosine per step, random crops and
//! flips, RandAugment, random erasing, mixup or CutMix, label smoothing, drop path. Sources: MAE (He et al. 2022), appendix
//! A.1 and table 9; the parts name their own. `[eval.finetune]` says how much of each; sizes of the reference stand there.
//!
//! Every draw is a function of (run seed, purpose, epoch, picture or batch): figures do not depend on threads.

mod lacks;
mod mixing;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::sync::Arc;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};

pub use lacks::{LearnError, check_batch};
pub use mixing::{Mix, targets};

use crate::data::{Augment, Batch, Feed, ImageSet, LoaderConfig, Split, eval_batches, steps_per_epoch};
use crate::eval::tasks::{self, trained::Tell};
use crate::model::batch::images;
use crate::model::classifier::{Classifier, soft_cross_entropy};
use crate::model::drop_path::DropPath;
use crate::model::{Mae, names};
use crate::seed::{self, Purpose};
use crate::spec::TrialSpec;
use crate::spec::trial::{DataSpec, EvalTask, TrainSpec};
use crate::train::adamw::AdamW;
use crate::train::{Schedule, layer_decay};

/// Name of the task.
const TASK: &str = "finetune";
/// AdamW's decays of the moments and its epsilon, which the recipe fixes.
const BETAS: [f64; 2] = [0.9, 0.999];
const EPS: f64 = 1e-8;

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finetuned {
    /// Share of the held-out pictures told right after the last epoch, in [0, 1].
    pub accuracy: f64,
    /// Mean loss of the steps of each epoch, against mixed and smoothed targets.
    pub losses: Vec<f64>,
    /// Held-out pictures that were judged on.
    pub judged: usize,
}

/// Whether these pictures can be fine-tuned on.
///
/// # Errors
/// What is missing, and the cure.
pub fn check(spec: &TrialSpec, set: &ImageSet) -> Result<(), LearnError> {
    tasks::check(EvalTask::Finetune, set)?;
    check_batch(set, ("eval.finetune.batch_size", spec.eval.finetune.batch_size))
}

/// Fine-tunes a copy of the encoder of `mae`, a model without gradients, by `spec.eval.finetune`. Before each step, `tell`
/// is told how many epochs are done, of how many.
///
/// # Errors
/// When the pictures cannot be had or their classes not be learned, the loss or the scores are no numbers any more, or `tell`
/// stops it.
pub fn finetune(
    mae: &Mae,
    spec: &TrialSpec,
    set: &Arc<ImageSet>,
    device: &Device,
    tell: &mut Tell<'_>,
) -> Result<Finetuned, LearnError> {
    let epochs = spec.eval.finetune.epochs;
    check(spec, set)?;
    let mut tuning = Tuning::start(mae, spec, set, device)?;
    let mut losses = Vec::with_capacity(epochs);
    for epoch in 0..epochs {
        losses.push(tuning.epoch(epoch as u64, &mut |done| tell(done, epochs))?);
    }
    let (right, judged) = judge(&tuning.model(), spec, set, device)?;
    let right = right.ok_or(LearnError::Scores {
        task: TASK,
        key: "eval.finetune.blr",
    })?;
    Ok(Finetuned {
        accuracy: right as f64 / judged.max(1) as f64,
        losses,
        judged,
    })
}

/// A classifier in training.
struct Tuning<'a> {
    spec: &'a TrialSpec,
    /// On a device with gradients; empty only while a step is under way.
    model: Option<Classifier>,
    optimiser: AdamW,
    schedule: Schedule,
    feed: Feed,
    /// Batches of an epoch, by which the schedule divides.
    steps: usize,
    classes: usize,
    device: Device,
}

impl<'a> Tuning<'a> {
    fn start(mae: &Mae, spec: &'a TrialSpec, set: &Arc<ImageSet>, device: &Device) -> Result<Self, LearnError> {
        let (recipe, device) = (&spec.eval.finetune, device.clone().autodiff());
        let model = classifier(mae, spec, set.classes().len(), &device)?;
        let data = DataSpec {
            crop_scale: recipe.crop_scale,
            ..spec.data.clone()
        };
        let pictures = set.serving(&data, spec.model.img_size);
        let loader = LoaderConfig {
            data,
            augment: Some(Augment {
                magnitude: recipe.randaugment,
                erasing: recipe.erasing,
            }),
            ..LoaderConfig::of(spec, recipe.batch_size)
        };
        let settings = optimiser_settings(&spec.train, recipe.weight_decay);
        Ok(Self {
            optimiser: layer_decay::optimiser(&model, &settings, recipe.layer_decay),
            model: Some(model),
            schedule: Schedule {
                lr: recipe.blr * recipe.batch_size as f64 / 256.0,
                min_lr: recipe.min_lr,
                warmup: recipe.warmup_epochs,
                epochs: recipe.epochs as f64,
            },
            feed: Feed::new(&pictures, loader, spec.seed),
            steps: steps_per_epoch(set.len(Split::Train), recipe.batch_size),
            classes: set.classes().len(),
            device,
            spec,
        })
    }

    /// The model as trained so far, without gradients.
    fn model(&self) -> Classifier {
        self.model.as_ref().expect("a step puts the model back").valid()
    }

    /// One pass over the training pictures; returns the mean loss of its steps. `tell` is told of the epochs done.
    fn epoch(&mut self, epoch: u64, tell: &mut dyn FnMut(f64) -> ControlFlow<()>) -> Result<f64, LearnError> {
        let mut losses = Vec::with_capacity(self.steps);
        for batch in self.feed.epoch(epoch, 0) {
            let batch = batch?;
            if tell(epoch as f64 + batch.number as f64 / self.steps as f64).is_break() {
                return Err(LearnError::Stopped);
            }
            losses.extend(self.step(epoch, batch));
        }
        if epoch + 1 < self.spec.eval.finetune.epochs as u64 {
            self.feed.begin(epoch + 1);
        }
        let count = losses.len().max(1) as f64;
        let loss = match losses.is_empty() {
            true => 0.0,
            false => f64::from(Tensor::cat(losses, 0).sum().into_scalar::<f32>()) / count,
        };
        if loss.is_finite() {
            return Ok(loss);
        }
        Err(LearnError::Diverged {
            task: TASK,
            epoch: epoch as usize + 1,
            loss,
            key: "eval.finetune.blr",
        })
    }

    /// One optimiser step; returns its loss, not yet read from the device. Pictures without a class are left out.
    ///
    /// # Shapes
    /// → `[1]`.
    fn step(&mut self, epoch: u64, batch: Batch) -> Option<Tensor<1>> {
        let rate = self.schedule.at(epoch as f64 + batch.number as f64 / self.steps as f64);
        let (number, recipe, seed) = (batch.number as u64, &self.spec.eval.finetune, self.spec.seed);
        let batch = Labelled::of(batch)?;
        let n = batch.labels.len();
        let model = &self.spec.model;
        let (size, mut pixels) = ([model.img_size.height, model.img_size.width], batch.pixels);
        let shape = [n, model.in_chans, size[0], size[1]];
        let mix = Mix::draw(recipe, size, &mut seed::rng(seed, Purpose::Mixing, epoch, number));
        mix.apply(&mut pixels, shape);
        let targets = targets(&batch.labels, self.classes, recipe.smoothing, mix.lambda(size));
        let targets = Tensor::from_data(TensorData::new(targets, [n, self.classes]), &self.device);
        let pixels = images(pixels, shape, &self.device);
        let model = self.model.take().expect("a step puts the model back");
        let logits = if recipe.drop_path > 0.0 {
            let dropped = DropPath::draw(recipe.drop_path, model.depth(), seed, epoch, &batch.indices);
            model.forward_dropping(pixels, &dropped)
        } else {
            model.forward(pixels)
        };
        let loss = soft_cross_entropy(logits, targets);
        let kept = loss.clone().inner();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        self.model = Some(self.optimiser.step(rate, model, gradients));
        Some(kept)
    }
}

/// The pictures of a batch that have a class.
struct Labelled {
    pixels: Vec<f32>,
    labels: Vec<usize>,
    indices: Vec<usize>,
}

impl Labelled {
    /// `None` when there are none.
    fn of(batch: Batch) -> Option<Self> {
        let labels: Vec<usize> = batch.labels.iter().flatten().copied().collect();
        if labels.len() == batch.len {
            return Some(Self {
                pixels: batch.images,
                labels,
                indices: batch.indices,
            });
        }
        let has = |i: &usize| batch.labels[*i].is_some();
        let values = batch.images.len() / batch.len;
        let kept: Vec<usize> = (0..batch.len).filter(has).collect();
        let rows = kept.iter().flat_map(|i| &batch.images[i * values..(i + 1) * values]);
        (!kept.is_empty()).then(|| Self {
            pixels: rows.copied().collect(),
            labels,
            indices: kept.iter().map(|i| batch.indices[*i]).collect(),
        })
    }
}

/// The classifier that starts from the encoder of `mae`, on `device`. It has as many blocks as the encoder has, which may be
/// more than the configuration of its pre-training says.
fn classifier(mae: &Mae, spec: &TrialSpec, classes: usize, device: &Device) -> Result<Classifier, LearnError> {
    let tensors = names::export(mae);
    let mut model = spec.model.clone();
    model.encoder_depth = (0..)
        .take_while(|i| tensors.contains_key(&format!("blocks.{i}.norm1.weight")))
        .count();
    // They are counted among the blocks above.
    model.extra_blocks = 0;
    Ok(Classifier::new(&model, classes, spec.seed, device).with_encoder(tensors)?)
}

/// AdamW's settings of a protocol: the recipe's betas and epsilon with a weight decay of its own.
pub(super) fn optimiser_settings(train: &TrainSpec, weight_decay: f64) -> TrainSpec {
    let [beta1, beta2] = BETAS;
    TrainSpec {
        beta1,
        beta2,
        eps: EPS,
        weight_decay,
        ..train.clone()
    }
}

/// Held-out pictures told right, as [`tasks::right_of`], and all that have a class.
fn judge(
    model: &Classifier,
    spec: &TrialSpec,
    set: &Arc<ImageSet>,
    device: &Device,
) -> Result<(Option<usize>, usize), LearnError> {
    let (mut right, mut judged) = (Some(0), 0);
    for batch in eval_batches(set, LoaderConfig::of(spec, spec.eval.batch_size), Split::Val) {
        let Some(batch) = Labelled::of(batch?) else { continue };
        let size = spec.model.img_size;
        let shape = [batch.labels.len(), spec.model.in_chans, size.height, size.width];
        let more = tasks::right_of(model.forward(images(batch.pixels, shape, device)), &batch.labels);
        right = right.zip(more).map(|(right, more)| right + more);
        judged += batch.labels.len();
    }
    Ok((right, judged))
}
