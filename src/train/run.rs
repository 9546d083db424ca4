//! The training loop of one trial. What it tells on its way, judgements and checkpoints among it, is in `tell`.

#[path = "tell.rs"]
mod tell;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::{Device, Tensor};
use mae_strategies::Registry;

use crate::data::{Batch, Feed, ImageSet, LoaderConfig, Regions, Split, steps_per_epoch};
use crate::eval::perceptual::Perceptual;
use crate::eval::{EvalError, Judge};
use crate::model::batch::{Views, When, draw_masks, images};
use crate::model::weights::Weights;
use crate::model::weights::build::start as start_from;
use crate::model::{Mae, Partial};
use crate::seed::Purpose;
use crate::spec::TrialSpec;

use super::TrainError;
use super::checkpoint::{self, Cursor};
use super::events::{Observer, Phase, Written};
use super::groups::Groups;
use super::masker::Masker;
use super::saver::Saver;
use super::schedule::Schedule;
use super::shelf::Shelf;
use super::step::{Learner, told};
use super::unread::Unread;

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
    pub checkpoints: Shelf,
    /// Digest of the weights that it starts from, as planned.
    pub init: Option<&'a str>,
    /// Digest of the network for perceptual distance, as planned.
    pub lpips: Option<&'a str>,
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
    /// Stopped from outside after this step; a checkpoint is there, unless no step was done.
    Interrupted {
        /// Steps done.
        step: usize,
    },
    /// Stopped because others are clearly better; there is a checkpoint.
    Pruned {
        /// Why, as a sentence.
        reason: String,
    },
    /// Another process has taken the trial over; nothing more was written.
    Lost,
}

/// Trains one trial, or goes on with it.
///
/// # Errors
/// When pictures, strategy or checkpoints fail. A diverging loss is an [`Outcome`], not an error.
pub fn train(job: &Job<'_>, observer: &mut dyn Observer) -> Result<Outcome, TrainError> {
    let mut trainer = Trainer::new(job)?;
    let outcome = trainer.run(observer);
    // A checkpoint under way is on the disk soon, however training ended, and the row must name it.
    let written = trainer.saver.finish().map(|written| note(written, observer));
    let outcome = outcome?;
    written?;
    Ok(outcome)
}

fn note(written: Option<Written>, observer: &mut dyn Observer) {
    written.into_iter().for_each(|written| observer.checkpoint(written));
}

/// The state of a trial under way.
struct Trainer<'a> {
    job: &'a Job<'a>,
    learner: Learner,
    masker: Masker<'a>,
    judge: Judge,
    schedule: Schedule,
    feed: Feed,
    groups: Groups,
    steps: usize,
    cursor: Cursor,
    saver: Saver,
    /// Losses of the passes of the step under way.
    passes: Vec<Tensor<1>>,
    unread: Unread,
    last_loss: Option<f64>,
    /// The newest validation loss, and the steps done when it was measured.
    validated: Option<(usize, f64)>,
}

/// The model that a trial starts from: drawn from its seed, or made of weights.
fn start(job: &Job<'_>, device: &Device) -> Result<Mae, TrainError> {
    let spec = job.spec;
    let Some(path) = spec.model.init_path() else {
        return Ok(Mae::new(&spec.model, spec.seed, device));
    };
    let weights = Weights::read(path)?;
    if job.init != Some(weights.digest.as_str()) {
        return Err(TrainError::Changed(weights.path));
    }
    Ok(start_from(weights, &spec.model, spec.seed, device)?.0)
}

impl<'a> Trainer<'a> {
    fn new(job: &'a Job<'a>) -> Result<Self, TrainError> {
        let spec = job.spec;
        let device = job.device.clone().autodiff();
        let model = match &job.resume {
            Some(folder) => checkpoint::load_model(folder, Mae::new(&spec.model, spec.seed, &device))?,
            None => start(job, &device)?,
        };
        let masker = Masker::new(&spec.mask, job.registry, spec.model.grid())?;
        let mut learner = Learner::start(model, spec, masker.last()?.needs(), &device);
        let mut cursor = Cursor::default();
        if let Some(folder) = &job.resume {
            learner = learner.resumed(folder)?;
            cursor = checkpoint::load_cursor(folder)?;
        }
        let regions = Regions::of(spec, &job.set)?;
        let loader = LoaderConfig::of(spec, spec.train.batch_size).with_regions(regions.clone());
        let batches = steps_per_epoch(job.set.len(Split::Train), spec.train.batch_size);
        let groups = match spec.train.epochs {
            // Nothing will be divided into steps.
            0 => Groups::default(),
            _ => Groups::new(batches, spec.train.accum_steps)
                .ok_or_else(|| TrainError::Accumulation(spec.train.accum_steps, batches))?,
        };
        let whole = groups.steps() * spec.train.epochs;
        let judge = Judge::new(spec, job.set.clone(), job.registry, masker.last()?)?.with_regions(regions);
        let perceptual = Perceptual::planned(&spec.eval, job.lpips, &job.device).map_err(EvalError::from)?;
        Ok(Self {
            job,
            learner,
            judge: judge.with_perceptual(perceptual),
            masker,
            schedule: Schedule::new(&spec.train),
            feed: Feed::new(&job.set, loader, spec.seed),
            groups,
            steps: spec.train.max_steps.map_or(whole, |most| whole.min(most)),
            cursor,
            saver: Saver::new(job.checkpoints.clone()),
            passes: Vec::new(),
            unread: Unread::default(),
            last_loss: None,
            validated: None,
        })
    }

    fn run(&mut self, observer: &mut dyn Observer) -> Result<Outcome, TrainError> {
        // A checkpoint of no step is that of a trial without training, which was judged before it was written.
        if self.job.resume.is_none() {
            if !self.done() {
                self.feed.begin(0);
            }
            if let Some(outcome) = self.judge(observer, Phase::Baseline)? {
                return Ok(outcome);
            }
            if self.done() {
                self.save(observer)?;
            }
        }
        if self.cursor.unjudged
            && let Some(outcome) = self.judge_last(observer)?
        {
            return Ok(outcome);
        }
        while !self.done() {
            if let Some(outcome) = self.epoch(observer)? {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Finished)
    }

    /// Goes on to the end of the current epoch; returns an outcome when the trial must stop there.
    fn epoch(&mut self, observer: &mut dyn Observer) -> Result<Option<Outcome>, TrainError> {
        let (epoch, first) = (self.cursor.epoch as u64, self.cursor.batch);
        for batch in self.feed.epoch(epoch, first) {
            note(self.saver.written()?, observer);
            if observer.lost() {
                return Ok(Some(Outcome::Lost));
            }
            let halted = self.job.stop.load(Ordering::Relaxed) || observer.halted();
            if self.passes.is_empty() && halted {
                if self.cursor.step > 0 {
                    self.save(observer)?;
                }
                return Ok(Some(Outcome::Interrupted { step: self.cursor.step }));
            }
            let batch = batch?;
            if batch.number >= self.groups.batches {
                break;
            }
            self.look_ahead(batch.number);
            if let Some(outcome) = self.pass(batch, observer)? {
                return Ok(Some(outcome));
            }
            if self.cursor.step == self.steps {
                break;
            }
            self.save_within_epoch(observer)?;
        }
        // The last batch of the epoch was left empty by unreadable pictures.
        if !self.passes.is_empty()
            && let Some(outcome) = self.update(observer)
        {
            return Ok(Some(outcome));
        }
        self.unread.read_into(&mut self.cursor);
        let last = self.cursor.epoch + 1 == self.job.spec.train.epochs;
        let bad = self.cursor.pending.iter().any(|loss| !loss.is_finite());
        if (last || bad)
            && let Some(outcome) = self.log(observer)
        {
            return Ok(Some(outcome));
        }
        let whole = self.cursor.step < self.steps || self.cursor.batch == self.groups.batches;
        self.close_epoch(whole, observer)
    }

    /// Begins the next epoch's batches once the last one of this epoch is here.
    fn look_ahead(&mut self, number: usize) {
        let next = self.cursor.epoch + 1;
        let goes_on = next < self.job.spec.train.epochs && self.cursor.step + 1 < self.steps;
        if number + 1 == self.groups.batches && goes_on {
            self.feed.begin(next as u64);
        }
    }

    /// Forward and backward of one batch, and the optimiser step when its group is complete.
    fn pass(&mut self, batch: Batch, observer: &mut dyn Observer) -> Result<Option<Outcome>, TrainError> {
        let (number, size) = (batch.number, self.groups.size);
        // Batches left empty by unreadable pictures do not come; a group may end with one of them.
        if !self.passes.is_empty() && self.groups.first(number) != self.groups.first(self.cursor.batch - 1) {
            let outcome = self.update(observer);
            if outcome.is_some() || self.cursor.step == self.steps {
                return Ok(outcome);
            }
        }
        self.accumulate(batch)?;
        if (number + 1).is_multiple_of(size) {
            return Ok(self.update(observer));
        }
        Ok(None)
    }

    fn accumulate(&mut self, batch: Batch) -> Result<(), TrainError> {
        let (spec, size) = (self.job.spec, self.job.spec.model.img_size);
        let when = When {
            seed: spec.seed,
            purpose: Purpose::Mask,
            epoch: self.cursor.epoch as u64,
            progress: self.progress_of(self.cursor.step),
        };
        let shape = [batch.len, spec.model.in_chans, size.height, size.width];
        let plan = self.masker.at(when.progress)?;
        let told = told(&self.learner, plan, &batch.images, shape, &self.job.device);
        let views = Views::of(&batch.images, shape, &batch.regions).with_told(&told);
        let masks = draw_masks(plan, when, &batch.indices, &views)?;
        let masks = Partial::of(&spec.train).apply(masks, when.seed, when.epoch, &batch.indices);
        let pixels = images(batch.images, shape, &self.job.device.clone().autodiff());
        let loss = self.learner.accumulate(pixels, &masks);
        self.passes.push(loss);
        self.cursor.batch = batch.number + 1;
        Ok(())
    }

    /// The optimiser step of the passes so far, at the rate of their group's first batch.
    fn update(&mut self, observer: &mut dyn Observer) -> Option<Outcome> {
        let first = self.groups.first(self.cursor.batch - 1);
        let lr = self.rate(first);
        let mut passes = std::mem::take(&mut self.passes);
        self.unread.norms.extend(self.learner.update(lr, passes.len()));
        let loss = match passes.len() {
            1 => passes.remove(0),
            _ => Tensor::cat(passes, 0).mean(),
        };
        self.unread.losses.push(loss);
        self.cursor.step += 1;
        let due = self.cursor.step.is_multiple_of(self.job.spec.train.log_every) || self.cursor.step == self.steps;
        if due && let Some(outcome) = self.log(observer) {
            return Some(outcome);
        }
        observer.progress(self.progress(Phase::Training));
        None
    }

    /// Learning rate of the step whose first batch is number `first` of the current epoch.
    fn rate(&self, first: usize) -> f64 {
        self.schedule
            .at(self.cursor.epoch as f64 + first as f64 / self.groups.loaded as f64)
    }

    /// Share of training that is done before a step, given by the steps before it.
    fn progress_of(&self, step: usize) -> f64 {
        step as f64 / self.steps.max(1) as f64
    }

    /// Reads the losses that are still on the device; the training loop is stopped when one is not finite.
    fn log(&mut self, observer: &mut dyn Observer) -> Option<Outcome> {
        self.unread.read_into(&mut self.cursor);
        if self.cursor.pending.is_empty() {
            return None;
        }
        let window = std::mem::take(&mut self.cursor.pending);
        let mean = window.iter().map(|l| f64::from(*l)).sum::<f64>() / window.len() as f64;
        self.last_loss = Some(mean);
        self.record(observer, "train_loss", mean);
        let first = self.groups.first(self.cursor.batch.saturating_sub(1));
        self.record(observer, "lr", self.rate(first));
        for (name, value) in self.masker.moved(self.progress_of(self.cursor.step.saturating_sub(1))) {
            self.record(observer, &name, value);
        }
        let norms = std::mem::take(&mut self.cursor.norms);
        if !norms.is_empty() {
            let mean = norms.iter().map(|n| f64::from(*n)).sum::<f64>() / norms.len() as f64;
            self.record(observer, "grad_norm", mean);
        }
        let bad = window.iter().position(|loss| !loss.is_finite())?;
        let step = self.cursor.step - window.len() + bad + 1;
        Some(Outcome::Diverged {
            step,
            loss: window[bad].to_string(),
        })
    }

    fn close_epoch(&mut self, whole: bool, observer: &mut dyn Observer) -> Result<Option<Outcome>, TrainError> {
        let train = &self.job.spec.train;
        if whole {
            self.cursor.epoch += 1;
            self.cursor.batch = 0;
        }
        let last = self.done();
        if last && self.judge.trains() {
            // Tasks that train take long: what is interrupted meanwhile goes on from here.
            self.cursor.unjudged = true;
            self.save(observer)?;
            return self.judge_last(observer);
        }
        let due = last || self.cursor.epoch.is_multiple_of(train.val_every);
        if due && let Some(outcome) = self.judge(observer, Phase::Evaluating)? {
            return Ok(Some(outcome));
        }
        // Asked before the checkpoint: what goes on from it does not ask again.
        if due
            && !last
            && let Some(reason) = observer.verdict()
        {
            return self.prune(reason, observer).map(Some);
        }
        let train = &self.job.spec.train;
        if last || self.cursor.epoch.is_multiple_of(train.checkpoint_every) || self.checkpoint_is_due() {
            self.save(observer)?;
        }
        Ok(None)
    }

    pub(super) fn checkpoint_is_due(&self) -> bool {
        let every = self.job.spec.train.checkpoint_steps;
        every.is_some_and(|every| self.cursor.step.is_multiple_of(every))
    }

    fn done(&self) -> bool {
        self.cursor.step >= self.steps || self.cursor.epoch >= self.job.spec.train.epochs
    }
}
