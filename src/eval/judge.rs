//! The judge of one trial: which figures are taken, when, and under which names they are recorded.
//!
//! Two grounds: `val_loss` uses the trial's own masks, so it shows that training works but is not comparable between
//! ratios; `eval_*` use one fixed evaluation mask for each picture, the same for every trial of a sweep.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use mae_strategies::{Plan, Registry};

use crate::data::{
    Batch, Batches, DataError, ImageSet, LoaderConfig, Normalise, Regions, Split, Transformer, eval_batches,
};
use crate::model::Mae;
use crate::model::batch::{Told, Views, When, draw_masks, images};
use crate::seed::Purpose;
use crate::spec::TrialSpec;
use crate::spec::ramp::END;
use crate::spec::trial::{EvalTask, Feature};
use crate::store::rows::Picture;

use super::cross::Cross;
use super::perceptual::{Perceptual, PerceptualError};
use super::pictures::{self, Labels};
use super::quality_judge::{Ground, Quality};
use super::reconstruction::{self, Errors};
use super::tasks::{self, Bank, Finding, Part, Protocol, TaskError};

/// Whether a figure depends on the model: fills and chance do not.
fn of_model(name: &str) -> bool {
    !(name.starts_with("fill_") || name.starts_with("mean_fill") || name == "chance_accuracy")
}

/// When a trial is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Passes over the data done.
    pub epoch: f64,
    /// Before training.
    pub first: bool,
    /// After training.
    pub last: bool,
}

impl Moment {
    /// Of a model that nothing is trained of: everything that is ever measured.
    pub const ALONE: Self = Self {
        epoch: 0.0,
        first: true,
        last: true,
    };
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judgement {
    /// Named figures, `val_loss` first.
    pub figures: Vec<(String, f64)>,
    /// Drawn reconstructions.
    pub pictures: Vec<Picture>,
    /// How the figures of the tasks came about.
    pub protocols: Vec<Protocol>,
}

/// Why a trial could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// Pictures could not be had.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The evaluation mask's strategy refuses the grid or ratio.
    #[error(transparent)]
    Mask(#[from] mae_strategies::Error),
    /// A task cannot be had.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A task that trains failed.
    #[error(transparent)]
    Learn(#[from] super::finetune::LearnError),
    /// The user's network for perceptual distance cannot be used.
    #[error(transparent)]
    Perceptual(#[from] PerceptualError),
    /// A picture could not be encoded.
    #[error("draw a reconstruction: {0}")]
    Picture(#[from] image::ImageError),
}

/// Hears of a task that trains how many epochs of how many are done, and says whether to go on.
pub type TellTask<'a> = dyn FnMut(EvalTask, f64, usize) -> ControlFlow<()> + 'a;

/// Judges the models of one trial.
pub struct Judge {
    pub(super) spec: TrialSpec,
    pub(super) set: Arc<ImageSet>,
    normalise: Normalise,
    own: Plan,
    fixed: Plan,
    regions: Option<Arc<Regions>>,
    pub(super) cross: Cross,
    perceptual: Option<Perceptual>,
}

impl Judge {
    /// A judge for a trial whose own masks are drawn by `own`.
    ///
    /// # Errors
    /// When the evaluation mask's strategy refuses the grid or ratio.
    pub fn new(spec: &TrialSpec, set: Arc<ImageSet>, registry: &Registry, own: Plan) -> Result<Self, EvalError> {
        let eval = &spec.eval;
        let fixed = registry.plan(
            &eval.mask_strategy,
            spec.model.grid(),
            eval.mask_ratio,
            Default::default(),
        )?;
        let normalise = Normalise::new(spec.model.in_chans, &spec.data)?;
        Ok(Self {
            spec: spec.clone(),
            set,
            normalise,
            own,
            fixed,
            regions: None,
            cross: Cross::new(spec, registry)?,
            perceptual: None,
        })
    }

    /// With the user's network for perceptual distance.
    #[must_use]
    pub fn with_perceptual(self, perceptual: Option<Perceptual>) -> Self {
        Self { perceptual, ..self }
    }

    /// With the marked regions that the trial's own masks follow.
    #[must_use]
    pub fn with_regions(self, regions: Option<Arc<Regions>>) -> Self {
        Self { regions, ..self }
    }

    /// Takes the figures and draws the pictures that are due at `moment`. `tell` gives what the trial's own masks are told of
    /// pictures `[N, C, H, W]`; `news` hears how far tasks that train are.
    ///
    /// # Errors
    /// When held-out pictures cannot be had, a task fails, or `news` stops one.
    pub fn judge(
        &self,
        model: &Mae,
        tell: &dyn Fn(&Tensor<4>) -> Told,
        device: &Device,
        moment: Moment,
        news: &mut TellTask<'_>,
    ) -> Result<Judgement, EvalError> {
        let has = |task| self.spec.eval.tasks.contains(&task);
        let mut quality = has(EvalTask::Reconstruction).then(|| Quality::new(self.ground(), moment));
        let (own, fixed) = self.reconstruct(model, tell, device, quality.as_mut())?;
        let mut figures = vec![("val_loss".to_string(), own.means()[0])];
        let mut add = |name: &str, value: f64| {
            figures.push((name.to_string(), value));
            if moment.first && of_model(name) {
                figures.push((format!("untrained_{name}"), value));
            }
        };
        if has(EvalTask::Reconstruction) {
            let [loss, mse, mean_fill, psnr] = fixed.means();
            add("eval_loss", loss);
            add("eval_mse", mse);
            add("eval_psnr", psnr);
            if moment.first {
                add("mean_fill_mse", mean_fill);
            }
        }
        for (name, value) in quality.iter().flat_map(Quality::figures) {
            add(&name, value);
        }
        let mut protocols = Vec::new();
        if (moment.first || moment.last) && self.labelled() {
            // What diverged cannot be trained on.
            let trains = moment.last && own.means()[0].is_finite();
            for finding in self.tasks(model, device, trains, news)? {
                finding.figures.iter().for_each(|(name, value)| add(name, *value));
                protocols.push(finding.protocol);
            }
            if moment.first {
                add("chance_accuracy", 1.0 / self.set.classes().len() as f64);
            }
        }
        if moment.last {
            figures.extend(self.under_columns(model, device)?);
        }
        let pictures = if self.draws(moment) {
            self.draw(model, device, moment)?
        } else {
            Vec::new()
        };
        Ok(Judgement {
            figures,
            pictures,
            protocols,
        })
    }

    /// Whether judging a trained model means to train on top of it, which takes its time.
    #[must_use]
    pub fn trains(&self) -> bool {
        self.labelled() && self.spec.eval.tasks.iter().any(|task| task.trains())
    }

    fn draws(&self, moment: Moment) -> bool {
        let every = self.spec.eval.picture_every as f64;
        self.spec.eval.pictures > 0 && (moment.first || moment.last || (every > 0.0 && moment.epoch % every == 0.0))
    }

    pub(super) fn batches(&self, split: Split) -> Batches {
        let spec = &self.spec;
        let loader = LoaderConfig::of(spec, spec.eval.batch_size);
        let loader = loader.with_regions(self.regions.clone());
        eval_batches(&self.set, loader, split)
    }

    pub(super) fn shape(&self, n: usize) -> [usize; 4] {
        let model = &self.spec.model;
        [n, model.in_chans, model.img_size.height, model.img_size.width]
    }

    fn reconstruct(
        &self,
        model: &Mae,
        tell: &dyn Fn(&Tensor<4>) -> Told,
        device: &Device,
        mut quality: Option<&mut Quality<'_>>,
    ) -> Result<(Errors, Errors), EvalError> {
        let (mut own, mut fixed) = (Errors::default(), Errors::default());
        for batch in self.batches(Split::Val) {
            let batch = batch?;
            let shape = self.shape(batch.len);
            let pixels = images(batch.images.clone(), shape, device);
            let told = tell(&pixels);
            let views = Views::of(&batch.images, shape, &batch.regions).with_told(&told);
            let own_masks = draw_masks(&self.own, self.own_masks(), &batch.indices, &views)?;
            let std = self.normalise.std();
            own.add(reconstruction::errors(model, std, pixels.clone(), &own_masks));
            fixed.add(self.under_fixed(model, &batch, pixels, &views, quality.as_deref_mut())?);
        }
        Ok((own, fixed))
    }

    /// A batch under the masks that are the same for every trial: errors, and what `quality` collects.
    pub(super) fn under_fixed(
        &self,
        model: &Mae,
        batch: &Batch,
        pixels: Tensor<4>,
        views: &Views<'_>,
        quality: Option<&mut Quality<'_>>,
    ) -> Result<Errors, EvalError> {
        let masks = draw_masks(&self.fixed, self.fixed_masks(), &batch.indices, views)?;
        let shown = reconstruction::pixels(model, pixels.clone(), &masks);
        let errors = reconstruction::errors_of(model, self.normalise.std(), pixels, shown.clone(), &masks);
        if let Some(quality) = quality {
            quality.add(&batch.images, shown, &masks);
        }
        Ok(errors)
    }

    pub(super) fn ground(&self) -> Ground<'_> {
        Ground {
            normalise: &self.normalise,
            size: self.spec.model.img_size,
            patch: self.spec.model.patch_size,
            perceptual: self.perceptual.as_ref(),
        }
    }

    /// The trial's own masks, as at the end of training whenever it is judged: their loss is comparable along the curve.
    fn own_masks(&self) -> When<'static> {
        When {
            seed: self.spec.seed,
            purpose: Purpose::EvalMask,
            epoch: 0,
            progress: END,
        }
    }

    /// The masks that are the same for every trial of a sweep: no training is under way for them.
    fn fixed_masks(&self) -> When<'static> {
        When {
            seed: self.spec.eval.mask_seed,
            progress: 0.0,
            ..self.own_masks()
        }
    }

    /// Whether there are classes, and a task that reads them.
    fn labelled(&self) -> bool {
        self.possible().next().is_some()
    }

    /// The tasks on the encoder that are asked for, in the order in which they run. Neighbours, which trials are judged by
    /// unless told otherwise, are left out where pictures do not tell classes apart.
    fn possible(&self) -> impl Iterator<Item = EvalTask> + Clone {
        let asked = EvalTask::ALL
            .into_iter()
            .filter(|task| self.spec.eval.tasks.contains(task));
        asked.filter(|task| task.needs_classes() && tasks::check(*task, &self.set).is_ok())
    }

    /// Those tasks that read frozen features of whole pictures, on one pass of the encoder, and if `trains` those that train.
    fn tasks(
        &self,
        model: &Mae,
        device: &Device,
        trains: bool,
        tell: &mut TellTask<'_>,
    ) -> Result<Vec<Finding>, EvalError> {
        let asked = self.possible();
        let features = asked.clone().filter_map(|task| tasks::feature(task, &self.spec.eval));
        let features: BTreeSet<Feature> = features.collect();
        let bank = match features.is_empty() {
            true => Bank::default(),
            false => self.bank(model, &features, device)?,
        };
        let mut findings = Vec::new();
        for task in asked {
            findings.extend(tasks::run(task, &bank, &self.spec, device)?);
            if trains {
                findings.extend(self.trained(task, model, device, &mut |done, of| tell(task, done, of))?);
            }
        }
        Ok(findings)
    }

    /// A task that trains on top of the encoder; `None` for the others.
    ///
    /// # Errors
    /// When pictures cannot be had or their classes not be learned.
    pub fn trained(
        &self,
        task: EvalTask,
        model: &Mae,
        device: &Device,
        tell: &mut tasks::trained::Tell<'_>,
    ) -> Result<Option<Finding>, EvalError> {
        Ok(tasks::trained::run(task, model, &self.spec, &self.set, device, tell)?)
    }

    /// Features of all labelled pictures.
    ///
    /// # Errors
    /// When pictures cannot be had.
    pub fn bank(&self, model: &Mae, features: &BTreeSet<Feature>, device: &Device) -> Result<Bank, EvalError> {
        let spec = &self.spec.model;
        let read = |split| Part::read(model, spec, features, self.batches(split), device);
        Ok(Bank {
            train: read(Split::Train)?,
            val: read(Split::Val)?,
            classes: self.set.classes().len(),
            width: spec.embed_dim,
        })
    }

    /// Draws `eval.pictures` held-out pictures, evenly spaced over the set; unreadable ones are left out.
    fn draw(&self, model: &Mae, device: &Device, moment: Moment) -> Result<Vec<Picture>, EvalError> {
        let held_out = self.set.len(Split::Val);
        let wanted = self.spec.eval.pictures.min(held_out);
        let mut transformer = Transformer::new(self.spec.model.img_size, self.normalise.clone());
        let mut drawn = Vec::new();
        for item in 0..wanted {
            let index = item * held_out / wanted;
            let Some(picture) = self.set.picture(Split::Val, index) else {
                continue;
            };
            let mut values = Vec::new();
            transformer.eval(&picture, &mut values);
            let shape = self.shape(1);
            let views = Views::of(&values, shape, &[]);
            let masks = draw_masks(&self.fixed, self.fixed_masks(), &[index], &views)?;
            let labels = Labels {
                caption: self.set.name(Split::Val, index),
                item,
                epoch: moment.epoch,
                whole: moment.first,
            };
            let pixels = images(values, shape, device);
            drawn.extend(pictures::draw(model, &self.normalise, pixels, &masks, labels)?);
        }
        Ok(drawn)
    }
}
