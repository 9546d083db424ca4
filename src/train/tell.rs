//! What a trial under way tells: judgements, checkpoints, numbers, progress.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use burn::module::Module;

use crate::eval::finetune::LearnError;
use crate::eval::{EvalError, Moment};
use crate::model::batch::Told;
use crate::spec::ramp::END;
use crate::store::rows::MetricPoint;
use crate::train::checkpoint::Contents;
use crate::train::events::{Observer, Phase, Progress};
use crate::train::{Outcome, TrainError};

use super::{Trainer, note};

impl Trainer<'_> {
    /// Judges the model as it is; the trial has diverged when its validation loss is not finite.
    pub(super) fn judge(&mut self, observer: &mut dyn Observer, phase: Phase) -> Result<Option<Outcome>, TrainError> {
        observer.progress(self.progress(phase));
        let first = phase == Phase::Baseline;
        let moment = Moment {
            epoch: self.epochs_done(),
            first,
            last: self.done(),
        };
        let needs = self.masker.last()?.needs();
        let tell = |pixels: &_| match self.learner.teacher() {
            Some(teacher) => teacher.tell(pixels, needs),
            None => Told::default(),
        };
        let model = self.learner.valid();
        let mut news = |task, done, of| {
            observer.progress(self.progress(Phase::Task { task, done, of }));
            match self.job.stop.load(Ordering::Relaxed) || observer.halted() || observer.lost() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let judged = self.judge.judge(&model, &tell, &self.job.device, moment, &mut news);
        let judgement = match judged {
            Err(EvalError::Learn(LearnError::Stopped)) if observer.lost() => return Ok(Some(Outcome::Lost)),
            Err(EvalError::Learn(LearnError::Stopped)) => {
                return Ok(Some(Outcome::Interrupted { step: self.cursor.step }));
            }
            judged => judged?,
        };
        let mut outcome = None;
        for (name, value) in judgement.figures {
            if name == "val_loss" {
                self.validated = Some((self.cursor.step, value));
            }
            if name == "val_loss" && !value.is_finite() {
                outcome = Some(Outcome::Diverged {
                    step: self.cursor.step,
                    loss: value.to_string(),
                });
            }
            self.record(observer, &name, value);
        }
        let protocols = judgement.protocols.into_iter();
        protocols.for_each(|protocol| observer.protocol(protocol.row()));
        self.cursor.unjudged = false;
        judgement
            .pictures
            .into_iter()
            .for_each(|picture| observer.picture(picture));
        Ok(outcome)
    }

    /// Judges a model whose training is over, and saves that it has been.
    pub(super) fn judge_last(&mut self, observer: &mut dyn Observer) -> Result<Option<Outcome>, TrainError> {
        let outcome = self.judge(observer, Phase::Evaluating)?;
        if outcome.is_none() {
            self.save(observer)?;
        }
        Ok(outcome)
    }

    /// Stops for good, with a checkpoint: whoever disagrees can go on from it.
    pub(super) fn prune(&mut self, reason: String, observer: &mut dyn Observer) -> Result<Outcome, TrainError> {
        self.save(observer)?;
        Ok(Outcome::Pruned { reason })
    }

    /// A checkpoint every `train.checkpoint_steps`, between two steps. One at an epoch's end waits until the epoch is closed.
    pub(super) fn save_within_epoch(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        if self.checkpoint_is_due() && self.passes.is_empty() && self.cursor.batch < self.groups.batches {
            self.save(observer)?;
        }
        Ok(())
    }

    pub(super) fn save(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        self.unread.read_into(&mut self.cursor);
        observer.settle().map_err(TrainError::Record)?;
        let contents = Contents {
            student: self.learner.student().valid(),
            teacher: self.learner.teacher().cloned(),
            about: self.job.spec.model.clone(),
            mask_ratio: self.job.spec.mask.ratio_at(END),
            optimiser: self.learner.optimiser().clone(),
            cursor: self.cursor.clone(),
            epoch: self.epochs_done(),
            val_loss: self
                .validated
                .filter(|(step, _)| *step == self.cursor.step)
                .map(|(_, loss)| loss),
        };
        note(self.saver.begin(contents)?, observer);
        Ok(())
    }

    fn epochs_done(&self) -> f64 {
        self.cursor.epoch as f64 + self.cursor.batch as f64 / self.groups.batches as f64
    }

    pub(super) fn record(&self, observer: &mut dyn Observer, name: &str, value: f64) {
        let (step, epoch) = (self.cursor.step as i64, self.epochs_done());
        observer.metric(MetricPoint {
            name: name.into(),
            step,
            epoch,
            value,
        });
    }

    pub(super) fn progress(&self, phase: Phase) -> Progress {
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
