//! The training loop of one trial, with the judgements before, during and after it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::{Device, Tensor};
use mae_strategies::{Plan, Registry};

use crate::data::{Batch, ImageSet, LoaderConfig, Split, steps_per_epoch, train_batches};
use crate::eval::{Judge, Moment};
use crate::model::Mae;
use crate::model::batch::{draw_masks, images};
use crate::seed::Purpose;
use crate::spec::TrialSpec;
use crate::store::rows::MetricPoint;

use super::TrainError;
use super::checkpoint::{self, Checkpoints, Cursor};
use super::events::{Observer, Phase, Progress, Written};
use super::optimiser::optimiser;
use super::schedule::Schedule;
use super::step::Learner;

/// All that a trial needs.
pub struct Job<'a> {
    /// The trial, validated.
    pub spec: &'a TrialSpec,
    /// Its pictures.
    pub set: Arc<ImageSet>,
    /// Strategies.
    pub registry: &'a Registry,
    /// Where to compute.
    pub device: Device,
    /// Where checkpoints go.
    pub checkpoints: Checkpoints,
    /// Folder of the checkpoint to go on from.
    pub resume: Option<PathBuf>,
    /// Becomes true when the user wants to stop.
    pub stop: &'a AtomicBool,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As planned.
    Finished,
    /// The loss was no longer finite by this step.
    Diverged {
        /// The step that was bad, as far as is known: a validation loss shows it later.
        step: usize,
        /// The loss as text: `NaN`, `inf`.
        loss: String,
    },
    /// Stopped by the user after this step; a checkpoint is there, unless no step was done.
    Interrupted {
        /// Steps done.
        step: usize,
    },
}

/// Trains one trial, or goes on with it.
///
/// # Errors
/// When pictures, strategy or checkpoints fail. A diverging loss is an [`Outcome`], not an error.
pub fn train(job: &Job<'_>, observer: &mut dyn Observer) -> Result<Outcome, TrainError> {
    let mut trainer = Trainer::new(job)?;
    if trainer.cursor.step == 0
        && let Some(outcome) = trainer.judge(observer, Phase::Baseline)?
    {
        return Ok(outcome);
    }
    while trainer.cursor.epoch < job.spec.train.epochs && trainer.cursor.step < trainer.steps {
        if let Some(outcome) = trainer.epoch(observer)? {
            return Ok(outcome);
        }
    }
    Ok(Outcome::Finished)
}

/// The state of a trial under way.
struct Trainer<'a> {
    job: &'a Job<'a>,
    learner: Learner,
    plan: Plan,
    judge: Judge,
    schedule: Schedule,
    loader: LoaderConfig,
    per_epoch: usize,
    steps: usize,
    cursor: Cursor,
    losses: Vec<Tensor<1>>,
    last_loss: Option<f64>,
}

impl<'a> Trainer<'a> {
    fn new(job: &'a Job<'a>) -> Result<Self, TrainError> {
        let spec = job.spec;
        let device = job.device.clone().autodiff();
        let mut model = Mae::new(&spec.model, spec.seed, &device);
        if let Some(folder) = &job.resume {
            model = checkpoint::load_model(folder, model)?;
        }
        let mut optimiser = optimiser(&model, &spec.train);
        let mut cursor = Cursor::default();
        if let Some(folder) = &job.resume {
            optimiser = checkpoint::load_optimiser(folder, optimiser)?;
            cursor = checkpoint::load_cursor(folder)?;
        }
        let grid = spec.model.grid();
        let plan = job
            .registry
            .plan(&spec.mask.strategy, grid, spec.mask.ratio, spec.mask.params.clone())?;
        let loader = LoaderConfig {
            size: spec.model.img_size,
            channels: spec.model.in_chans,
            data: spec.data.clone(),
            batch_size: spec.train.batch_size,
            workers: spec.data.workers,
        };
        let per_epoch = steps_per_epoch(job.set.len(Split::Train), spec.train.batch_size);
        let whole = per_epoch * spec.train.epochs;
        Ok(Self {
            job,
            learner: Learner::new(model, optimiser),
            judge: Judge::new(spec, job.set.clone(), job.registry, plan.clone())?,
            plan,
            schedule: Schedule::new(&spec.train),
            loader,
            per_epoch,
            steps: spec.train.max_steps.map_or(whole, |most| whole.min(most)),
            cursor,
            losses: Vec::new(),
            last_loss: None,
        })
    }

    /// Goes on to the end of the current epoch; returns an outcome when the trial must stop there.
    fn epoch(&mut self, observer: &mut dyn Observer) -> Result<Option<Outcome>, TrainError> {
        let (epoch, first) = (self.cursor.epoch as u64, self.cursor.batch);
        let batches = train_batches(&self.job.set, self.loader.clone(), self.job.spec.seed, epoch, first);
        let mut whole = true;
        for batch in batches {
            if self.job.stop.load(Ordering::Relaxed) {
                if self.cursor.step > 0 {
                    self.save(observer)?;
                }
                return Ok(Some(Outcome::Interrupted { step: self.cursor.step }));
            }
            self.step(batch?);
            let due = self.cursor.step.is_multiple_of(self.job.spec.train.log_every) || self.cursor.step == self.steps;
            if due && let Some(outcome) = self.log(observer) {
                return Ok(Some(outcome));
            }
            observer.progress(self.progress(Phase::Training));
            if self.cursor.step == self.steps {
                whole = self.cursor.batch == self.per_epoch;
                break;
            }
        }
        self.read_losses();
        let last = self.cursor.epoch + 1 == self.job.spec.train.epochs;
        let bad = self.cursor.pending.iter().any(|loss| !loss.is_finite());
        if (last || bad)
            && let Some(outcome) = self.log(observer)
        {
            return Ok(Some(outcome));
        }
        self.close_epoch(whole, observer)
    }

    fn step(&mut self, batch: Batch) {
        let spec = self.job.spec;
        let (cursor, size, number) = (&mut self.cursor, spec.model.img_size, batch.number);
        let lr = self
            .schedule
            .at(cursor.epoch as f64 + number as f64 / self.per_epoch as f64);
        let masks = draw_masks(
            &self.plan,
            spec.seed,
            Purpose::Mask,
            cursor.epoch as u64,
            &batch.indices,
        );
        let shape = [batch.len, spec.model.in_chans, size.height, size.width];
        let pixels = images(batch.images, shape, &self.job.device.clone().autodiff());
        let loss = self.learner.step(pixels, &masks, lr);
        self.losses.push(loss);
        cursor.batch = number + 1;
        cursor.step += 1;
    }

    /// Reads the losses that are still on the device; the training loop is stopped when one is not finite.
    fn log(&mut self, observer: &mut dyn Observer) -> Option<Outcome> {
        self.read_losses();
        if self.cursor.pending.is_empty() {
            return None;
        }
        let window = std::mem::take(&mut self.cursor.pending);
        let mean = window.iter().map(|l| f64::from(*l)).sum::<f64>() / window.len() as f64;
        self.last_loss = Some(mean);
        self.record(observer, "train_loss", mean);
        let before = self.cursor.batch.saturating_sub(1) as f64 / self.per_epoch as f64;
        self.record(observer, "lr", self.schedule.at(self.cursor.epoch as f64 + before));
        let bad = window.iter().position(|loss| !loss.is_finite())?;
        let step = self.cursor.step - window.len() + bad + 1;
        Some(Outcome::Diverged {
            step,
            loss: window[bad].to_string(),
        })
    }

    fn read_losses(&mut self) {
        if self.losses.is_empty() {
            return;
        }
        let read = Tensor::cat(std::mem::take(&mut self.losses), 0).into_data();
        self.cursor.pending.extend(read.iter::<f32>());
    }

    fn close_epoch(&mut self, whole: bool, observer: &mut dyn Observer) -> Result<Option<Outcome>, TrainError> {
        let train = &self.job.spec.train;
        if whole {
            self.cursor.epoch += 1;
            self.cursor.batch = 0;
        }
        let last = self.done();
        let due = last || self.cursor.epoch.is_multiple_of(train.val_every);
        if due && let Some(outcome) = self.judge(observer, Phase::Evaluating)? {
            return Ok(Some(outcome));
        }
        if last || self.cursor.epoch.is_multiple_of(train.checkpoint_every) {
            self.save(observer)?;
        }
        Ok(None)
    }

    fn done(&self) -> bool {
        self.cursor.step >= self.steps || self.cursor.epoch >= self.job.spec.train.epochs
    }

    /// Judges the model as it is; the trial has diverged when its validation loss is not finite.
    fn judge(&self, observer: &mut dyn Observer, phase: Phase) -> Result<Option<Outcome>, TrainError> {
        observer.progress(self.progress(phase));
        let first = phase == Phase::Baseline;
        let moment = Moment {
            epoch: self.epochs_done(),
            first,
            last: self.done(),
        };
        let judgement = self.judge.judge(&self.learner.valid(), &self.job.device, moment)?;
        let mut outcome = None;
        for (name, value) in judgement.figures {
            if name == "val_loss" && !value.is_finite() {
                outcome = Some(Outcome::Diverged {
                    step: self.cursor.step,
                    loss: value.to_string(),
                });
            }
            self.record(observer, &name, value);
        }
        judgement
            .pictures
            .into_iter()
            .for_each(|picture| observer.picture(picture));
        Ok(outcome)
    }

    fn save(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        self.read_losses();
        observer.settle().map_err(TrainError::Record)?;
        let (path, hash) = self
            .job
            .checkpoints
            .save(self.learner.model(), self.learner.optimiser(), &self.cursor)?;
        observer.checkpoint(Written {
            path,
            hash,
            step: self.cursor.step,
            epoch: self.epochs_done(),
        });
        Ok(())
    }

    fn epochs_done(&self) -> f64 {
        self.cursor.epoch as f64 + self.cursor.batch as f64 / self.per_epoch as f64
    }

    fn record(&self, observer: &mut dyn Observer, name: &str, value: f64) {
        let (step, epoch) = (self.cursor.step as i64, self.epochs_done());
        observer.metric(MetricPoint {
            name: name.into(),
            step,
            epoch,
            value,
        });
    }

    fn progress(&self, phase: Phase) -> Progress {
        let (step, steps, epoch) = (self.cursor.step, self.steps, self.epochs_done());
        Progress {
            step,
            steps,
            epoch,
            loss: self.last_loss,
            phase,
        }
    }
}
