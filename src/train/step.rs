//! One optimiser step: forward, backward, AdamW. The training loop and `bench train-step` share it.

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;

use crate::model::{Mae, MaskBatch};

/// A model with its optimiser.
pub struct Learner {
    /// Empty only while a step is under way, which takes the model so that its buffers have one owner.
    model: Option<Mae>,
    optimiser: ModuleOptimizer,
}

impl Learner {
    /// A model on an autodiff device, and an optimiser made for it.
    #[must_use]
    pub fn new(model: Mae, optimiser: ModuleOptimizer) -> Self {
        Self {
            model: Some(model),
            optimiser,
        }
    }

    /// The model as trained so far.
    #[must_use]
    pub fn model(&self) -> &Mae {
        self.model.as_ref().expect("a step puts the model back")
    }

    /// The model without gradients.
    #[must_use]
    pub fn valid(&self) -> Mae {
        self.model().valid()
    }

    /// The optimiser.
    #[must_use]
    pub fn optimiser(&self) -> &ModuleOptimizer {
        &self.optimiser
    }

    /// Updates the model once; the loss is that before the update, cut off from the graph, not yet read from the device.
    ///
    /// # Shapes
    /// images `[N, C, H, W]` → `[1]`.
    pub fn step(&mut self, images: Tensor<4>, masks: &MaskBatch, lr: f64) -> Tensor<1> {
        let model = self.model.take().expect("a step puts the model back");
        let loss = model.loss(images, masks);
        let kept = loss.clone().inner();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        self.model = Some(self.optimiser.step(lr, model, gradients));
        kept
    }
}
