//! Full training steps on data already in memory: what `mae-exp bench train-step` times.

use mae_strategies::Plan;
use rand_distr::{Distribution, StandardNormal};

use crate::model::batch::{draw_masks, images};
use crate::model::{Device, Mae};
use crate::seed::{Purpose, rng};
use crate::spec::TrialSpec;

use super::optimiser::optimiser;
use super::step::Learner;

/// Learning rate of the measured steps.
const LR: f64 = 1e-4;

/// A model, its optimiser and one batch of noise pictures.
pub struct TrainStep {
    learner: Learner,
    plan: Plan,
    pixels: Vec<f32>,
    shape: [usize; 4],
    device: Device,
    done: u64,
    last_loss: f32,
}

impl TrainStep {
    /// Draws model and pictures.
    #[must_use]
    pub fn new(spec: &TrialSpec, plan: Plan, device: &Device) -> Self {
        let device = device.clone().autodiff();
        let size = spec.model.img_size;
        let shape = [spec.train.batch_size, spec.model.in_chans, size.height, size.width];
        let mut noise = rng(0, Purpose::Bench, 0, 0);
        let pixels = (0..shape.iter().product())
            .map(|_| StandardNormal.sample(&mut noise))
            .collect();
        let model = Mae::new(&spec.model, spec.seed, &device);
        let optimiser = optimiser(&model, &spec.train);
        let learner = Learner::new(model.with_precision(spec.train.precision), optimiser);
        Self {
            learner,
            plan,
            pixels,
            shape,
            device,
            done: 0,
            last_loss: f32::NAN,
        }
    }

    /// One full step, up to and including the reading of the loss from the device.
    pub fn step(&mut self) {
        let indices: Vec<usize> = (0..self.shape[0]).collect();
        let masks = draw_masks(&self.plan, 0, Purpose::Mask, self.done, &indices);
        let pixels = images(self.pixels.clone(), self.shape, &self.device);
        self.last_loss = self.learner.step(pixels, &masks, LR).into_scalar();
        self.done += 1;
    }

    /// Loss of the last step, before its update.
    #[must_use]
    pub fn last_loss(&self) -> f32 {
        self.last_loss
    }
}
