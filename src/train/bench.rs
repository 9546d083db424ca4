//! Full training steps: what `mae-exp bench train-step` times.

use mae_strategies::{Error, Plan};
use rand_distr::{Distribution, StandardNormal};

use crate::data::Batch;
use crate::model::batch::{Views, When, draw_masks, images};
use crate::model::{Device, Mae, Partial};
use crate::seed::{Purpose, rng};
use crate::spec::TrialSpec;

use super::step::{Learner, told};

/// Learning rate of the measured steps.
const LR: f64 = 1e-4;

/// A model and its optimiser, with masks drawn for every batch.
pub struct TrainStep {
    learner: Learner,
    partial: Partial,
    plan: Plan,
    shape: [usize; 3],
    device: Device,
    done: u64,
    last_loss: f32,
}

impl TrainStep {
    /// Draws the model.
    #[must_use]
    pub fn new(spec: &TrialSpec, plan: Plan, device: &Device) -> Self {
        let device = device.clone().autodiff();
        let size = spec.model.img_size;
        let model = Mae::new(&spec.model, spec.seed, &device);
        Self {
            learner: Learner::start(model, spec, plan.needs(), &device),
            partial: Partial::of(&spec.train),
            plan,
            shape: [spec.model.in_chans, size.height, size.width],
            device,
            done: 0,
            last_loss: f32::NAN,
        }
    }

    /// One full step, up to and including the reading of the loss from the device.
    ///
    /// # Errors
    /// When the strategy cannot draw its masks.
    pub fn step(&mut self, batch: Batch) -> Result<(), Error> {
        let [channels, height, width] = self.shape;
        let shape = [batch.len, channels, height, width];
        let when = When {
            seed: 0,
            purpose: Purpose::Mask,
            epoch: self.done,
            progress: 0.0,
        };
        let told = told(&self.learner, &self.plan, &batch.images, shape, &self.device);
        let views = Views::of(&batch.images, shape, &batch.regions).with_told(&told);
        let masks = draw_masks(&self.plan, when, &batch.indices, &views)?;
        let masks = self.partial.apply(masks, when.seed, when.epoch, &batch.indices);
        let pixels = images(batch.images, shape, &self.device);
        self.last_loss = self.learner.step(pixels, &masks, LR).into_scalar();
        self.done += 1;
        Ok(())
    }

    /// Loss of the last step, before its update.
    #[must_use]
    pub fn last_loss(&self) -> f32 {
        self.last_loss
    }
}

/// A batch of noise in the input shape of a trial; nothing in it is marked.
#[must_use]
pub fn noise(spec: &TrialSpec) -> Batch {
    let (len, size) = (spec.train.batch_size, spec.model.img_size);
    let mut rng = rng(0, Purpose::Bench, 0, 0);
    let values = len * spec.model.in_chans * size.height * size.width;
    Batch {
        images: (0..values).map(|_| StandardNormal.sample(&mut rng)).collect(),
        len,
        indices: (0..len).collect(),
        labels: vec![None; len],
        regions: vec![0.0; len * spec.model.grid().len()],
        number: 0,
    }
}
