//! One optimiser step: forward and backward over one or more batches, clipping, AdamW. The training loop and
//! `bench train-step` share it.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;

use super::adamw::AdamW;
use super::clip::{clip, norm, scale};
use crate::model::{Mae, MaskBatch};
use crate::spec::trial::Precision;

/// A model with its optimiser, and the gradients of the step under way.
pub struct Learner {
    /// Empty only while a step is under way, which takes the model so that its buffers have one owner.
    model: Option<Mae>,
    optimiser: AdamW,
    gradients: GradientsAccumulator<Mae>,
    clip_grad: Option<f64>,
}

impl Learner {
    /// A model on an autodiff device, and an optimiser made for it.
    #[must_use]
    pub fn new(model: Mae, optimiser: AdamW) -> Self {
        Self {
            model: Some(model),
            optimiser,
            gradients: GradientsAccumulator::new(),
            clip_grad: None,
        }
    }

    /// Scales gradients down to this norm of all of them together; not at all when `None`.
    #[must_use]
    pub fn with_clipping(self, clip_grad: Option<f64>) -> Self {
        Self { clip_grad, ..self }
    }

    /// The model as trained so far.
    #[must_use]
    pub fn model(&self) -> &Mae {
        self.model.as_ref().expect("a step puts the model back")
    }

    /// The model without gradients, in f32 whatever training computes in: all trials are judged alike.
    #[must_use]
    pub fn valid(&self) -> Mae {
        self.model().valid().with_precision(Precision::F32)
    }

    /// The optimiser.
    #[must_use]
    pub fn optimiser(&self) -> &AdamW {
        &self.optimiser
    }

    /// Adds the gradients of one batch to those of the step under way; returns the batch's loss, cut off from the graph, not
    /// yet read from the device.
    ///
    /// # Shapes
    /// images `[N, C, H, W]` → `[1]`.
    pub fn accumulate(&mut self, images: Tensor<4>, masks: &MaskBatch) -> Tensor<1> {
        let model = self.model.as_ref().expect("a step puts the model back");
        let loss = model.loss(images, masks);
        let kept = loss.clone().inner();
        let gradients = GradientsParams::from_grads(loss.backward(), model);
        self.gradients.accumulate(model, gradients);
        kept
    }

    /// Updates the model with the mean of the gradients of `parts` batches and forgets them. Where clipping is on, returns
    /// the norm before it, not yet read from the device.
    ///
    /// # Shapes
    /// → `[1]`.
    pub fn update(&mut self, lr: f64, parts: usize) -> Option<Tensor<1>> {
        let model = self.model.take().expect("a step puts the model back");
        let mut gradients = self.gradients.grads();
        if parts > 1 {
            gradients = scale(&model, gradients, 1.0 / parts as f64);
        }
        let norm = self.clip_grad.map(|most| {
            let norm = norm(&model, &gradients);
            gradients = clip(&model, std::mem::take(&mut gradients), &norm, most);
            norm
        });
        self.model = Some(self.optimiser.step(lr, model, gradients));
        norm
    }

    /// Updates the model once with one batch; the loss is that before the update.
    ///
    /// # Shapes
    /// images `[N, C, H, W]` → `[1]`.
    pub fn step(&mut self, images: Tensor<4>, masks: &MaskBatch, lr: f64) -> Tensor<1> {
        let loss = self.accumulate(images, masks);
        self.update(lr, 1);
        loss
    }
}
