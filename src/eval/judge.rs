//! The judge of one trial: which figures are taken, when, and under which names they are recorded.
//!
//! Two grounds: `val_loss` uses the trial's own masks, so it shows that training works but is not comparable between
//! ratios; `eval_*` use one fixed evaluation mask for each picture, the same for every trial of a sweep.

use std::sync::Arc;

use burn::tensor::Device;
use mae_strategies::{Plan, Registry};

use crate::data::{Batches, ImageSet, LoaderConfig, Split, eval_batches};
use crate::model::Mae;
use crate::seed::Purpose;
use crate::spec::trial::{EvalTask, TrialSpec};
use crate::store::rows::MetricPoint;
use crate::train::step::{draw_masks, images};
use crate::train::{Observer, TrainError};

use super::features::features;
use super::knn;
use super::pictures::{self, Labels};
use super::reconstruction::{self, Errors};

/// When a trial is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Passes over the data done.
    pub epoch: f64,
    /// Optimiser steps done.
    pub step: usize,
    /// Before training.
    pub first: bool,
    /// After training.
    pub last: bool,
}

/// Judges the models of one trial.
pub struct Judge {
    spec: TrialSpec,
    set: Arc<ImageSet>,
    own: Plan,
    fixed: Plan,
}

impl Judge {
    /// A judge for a trial whose own masks are drawn by `own`.
    ///
    /// # Errors
    /// When the evaluation mask's strategy refuses the grid or ratio.
    pub fn new(spec: &TrialSpec, set: Arc<ImageSet>, registry: &Registry, own: Plan) -> Result<Self, TrainError> {
        let eval = &spec.eval;
        let fixed = registry.plan(
            &eval.mask_strategy,
            spec.model.grid(),
            eval.mask_ratio,
            Default::default(),
        )?;
        Ok(Self {
            spec: spec.clone(),
            set,
            own,
            fixed,
        })
    }

    /// Takes the figures that are due at `moment` and records them.
    ///
    /// # Errors
    /// When held-out pictures cannot be had.
    pub fn judge(
        &self,
        model: &Mae,
        device: &Device,
        moment: Moment,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let mut record = |name: &str, value: f64| {
            let point = |name: String| MetricPoint {
                name,
                step: moment.step as i64,
                epoch: moment.epoch,
                value,
            };
            observer.metric(point(name.into()));
            if moment.first && name.starts_with("eval_") | name.starts_with("knn_") {
                observer.metric(point(format!("untrained_{name}")));
            }
        };
        let has = |task| self.spec.eval.tasks.contains(&task);
        let (own, fixed) = self.reconstruct(model, device)?;
        record("val_loss", own.means()[0]);
        if has(EvalTask::Reconstruction) {
            let [loss, mse, mean_fill, psnr] = fixed.means();
            record("eval_loss", loss);
            record("eval_mse", mse);
            record("eval_psnr", psnr);
            if moment.first {
                record("mean_fill_mse", mean_fill);
            }
        }
        if has(EvalTask::Knn) && (moment.first || moment.last) && !self.set.classes().is_empty() {
            record("knn_accuracy", self.knn(model, device)?);
            if moment.first {
                record("chance_accuracy", 1.0 / self.set.classes().len() as f64);
            }
        }
        if self.draws(moment) {
            for picture in self.draw(model, device, moment)? {
                observer.picture(picture);
            }
        }
        Ok(())
    }

    fn draws(&self, moment: Moment) -> bool {
        let every = self.spec.eval.picture_every as f64;
        self.spec.eval.pictures > 0 && (moment.first || moment.last || (every > 0.0 && moment.epoch % every == 0.0))
    }

    fn batches(&self, split: Split) -> Batches {
        let spec = &self.spec;
        let loader = LoaderConfig {
            size: spec.model.img_size,
            channels: spec.model.in_chans,
            data: spec.data.clone(),
            batch_size: spec.eval.batch_size,
            workers: spec.data.workers,
        };
        eval_batches(&self.set, loader, split)
    }

    fn shape(&self, n: usize) -> [usize; 4] {
        let model = &self.spec.model;
        [n, model.in_chans, model.img_size.height, model.img_size.width]
    }

    fn reconstruct(&self, model: &Mae, device: &Device) -> Result<(Errors, Errors), TrainError> {
        let (mut own, mut fixed) = (Errors::default(), Errors::default());
        for batch in self.batches(Split::Val) {
            let batch = batch?;
            let pixels = images(batch.images, self.shape(batch.len), device);
            let sum = |plan: &Plan, seed| {
                let masks = draw_masks(plan, seed, Purpose::EvalMask, 0, &batch.indices);
                reconstruction::errors(model, &self.spec.data, pixels.clone(), &masks)
            };
            own.add(sum(&self.own, self.spec.seed));
            fixed.add(sum(&self.fixed, self.spec.eval.mask_seed));
        }
        Ok((own, fixed))
    }

    fn knn(&self, model: &Mae, device: &Device) -> Result<f64, TrainError> {
        let eval = &self.spec.eval;
        let read = |split| features(model, &self.spec.model, eval.knn_feature, self.batches(split), device);
        let (bank, queries) = (read(Split::Train)?, read(Split::Val)?);
        if bank.labels.is_empty() || queries.labels.is_empty() {
            return Ok(f64::NAN);
        }
        Ok(knn::accuracy(
            bank.labelled(),
            queries.labelled(),
            self.set.classes().len(),
            eval.knn_k,
            eval.knn_temperature,
        ))
    }

    /// Draws the first `eval.pictures` of the held-out pictures, evenly spaced over the set.
    fn draw(
        &self,
        model: &Mae,
        device: &Device,
        moment: Moment,
    ) -> Result<Vec<crate::store::rows::Picture>, TrainError> {
        let wanted = self.spec.eval.pictures.min(self.set.len(Split::Val));
        let chosen: Vec<usize> = (0..wanted).map(|i| i * self.set.len(Split::Val) / wanted).collect();
        let mut drawn = Vec::new();
        for batch in self.batches(Split::Val) {
            let batch = batch?;
            let size: usize = self.shape(1).iter().product();
            for (place, index) in batch.indices.iter().enumerate() {
                let Some(item) = chosen.iter().position(|c| c == index) else {
                    continue;
                };
                let pixels = images(batch.images[place * size..][..size].to_vec(), self.shape(1), device);
                let masks = draw_masks(&self.fixed, self.spec.eval.mask_seed, Purpose::EvalMask, 0, &[*index]);
                let captions = [self.set.name(Split::Val, *index).to_string()];
                let labels = Labels {
                    captions: &captions,
                    first: item,
                    epoch: moment.epoch,
                    whole: moment.first,
                };
                let pictures = pictures::draw(model, &self.spec.data, pixels, &masks, labels);
                drawn.extend(pictures.map_err(|error| TrainError::Picture(error.to_string()))?);
            }
        }
        Ok(drawn)
    }
}
