//! One optimiser step: forward and backward over one or more batches, clipping, AdamW, and the teacher's after it. The
//! training loop and `bench train-step` share it.

use std::path::Path;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use mae_strategies::{Needs, Plan};

use super::TrainError;
use super::adamw::AdamW;
use super::checkpoint;
use super::clip::{clip, norm, scale};
use super::optimiser::optimiser;
use super::student::Student;
use super::teacher::Teacher;
use crate::model::batch::{Told, images};
use crate::model::{Mae, MaskBatch};
use crate::spec::TrialSpec;
use crate::spec::trial::Precision;

/// A model with its optimiser, the gradients of the step under way, and a teacher where there is one.
pub struct Learner {
    /// Empty only while a step is under way, which takes the model so that its buffers have one owner.
    student: Option<Student>,
    optimiser: AdamW,
    teacher: Option<Teacher>,
    gradients: GradientsAccumulator<Student>,
    clip_grad: Option<f64>,
}

impl Learner {
    /// A model on an autodiff device, and an optimiser made for it.
    #[must_use]
    pub fn new(student: impl Into<Student>, optimiser: AdamW) -> Self {
        Self {
            student: Some(student.into()),
            optimiser,
            teacher: None,
            gradients: GradientsAccumulator::new(),
            clip_grad: None,
        }
    }

    /// As a trial asks for it: a model on an autodiff device, of which the parts of `model.freeze` are held as they are, what
    /// is trained beside it, and what its masks need.
    #[must_use]
    pub fn start(model: Mae, spec: &TrialSpec, needs: Needs, device: &Device) -> Self {
        let model = model.with_precision(spec.train.precision).frozen(&spec.model);
        let student = Student::new(model, spec, needs, device);
        let teacher = needs.attention || needs.loss;
        let teacher = teacher.then(|| Teacher::new(&student, spec.train.teacher_momentum));
        let optimiser = optimiser(&student, &spec.train);
        let learner = Self::new(student, optimiser).with_clipping(spec.train.clip_grad);
        Self { teacher, ..learner }
    }

    /// Scales gradients down to this norm of all of them together; not at all when `None`.
    #[must_use]
    pub fn with_clipping(self, clip_grad: Option<f64>) -> Self {
        Self { clip_grad, ..self }
    }

    /// Goes on from a checkpoint whose weights the model already has.
    ///
    /// # Errors
    /// When a file is missing, damaged or belongs to another trial.
    pub fn resumed(self, folder: &Path) -> Result<Self, TrainError> {
        let student = self.student().clone();
        let patch = student.mae().patch_size();
        let (beside, teacher) = checkpoint::load_beside(folder, patch, student.beside().clone(), self.teacher)?;
        let student = student.with_beside(beside);
        let optimiser = checkpoint::load_optimiser(folder, &student, self.optimiser)?;
        Ok(Self {
            student: Some(student),
            optimiser,
            teacher,
            ..self
        })
    }

    /// All that is trained.
    #[must_use]
    pub fn student(&self) -> &Student {
        self.student.as_ref().expect("a step puts the model back")
    }

    /// The model as trained so far.
    #[must_use]
    pub fn model(&self) -> &Mae {
        self.student().mae()
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

    /// The moving average that masks are drawn with, where they need one.
    #[must_use]
    pub fn teacher(&self) -> Option<&Teacher> {
        self.teacher.as_ref()
    }

    /// Adds the gradients of one batch to those of the step under way; returns the batch's loss of reconstruction, cut off
    /// from the graph, not yet read from the device.
    ///
    /// # Shapes
    /// images `[N, C, H, W]` → `[1]`.
    pub fn accumulate(&mut self, images: Tensor<4>, masks: &MaskBatch) -> Tensor<1> {
        let student = self.student.as_ref().expect("a step puts the model back");
        let losses = student.losses(images, masks);
        let kept = losses.reconstruction.inner();
        let gradients = GradientsParams::from_grads(losses.trained.backward(), student);
        self.gradients.accumulate(student, gradients);
        kept
    }

    /// Updates the model with the mean of the gradients of `parts` batches and forgets them; the teacher follows. Where
    /// clipping is on, returns the norm before it, not yet read from the device.
    ///
    /// # Shapes
    /// → `[1]`.
    pub fn update(&mut self, lr: f64, parts: usize) -> Option<Tensor<1>> {
        let student = self.student.take().expect("a step puts the model back");
        let mut gradients = self.gradients.grads();
        if parts > 1 {
            gradients = scale(&student, gradients, 1.0 / parts as f64);
        }
        let norm = self.clip_grad.map(|most| {
            let norm = norm(&student, &gradients);
            gradients = clip(&student, std::mem::take(&mut gradients), &norm, most);
            norm
        });
        let student = self.optimiser.step(lr, student, gradients);
        if let Some(teacher) = &mut self.teacher {
            teacher.follow(&student, self.optimiser.time());
        }
        self.student = Some(student);
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

/// What a plan is told of a batch before its masks are drawn, by a learner's teacher; nothing where it needs none.
///
/// # Shapes
/// `N·C·H·W` values, their shape.
#[must_use]
pub fn told(learner: &Learner, plan: &Plan, values: &[f32], shape: [usize; 4], device: &Device) -> Told {
    let needs = plan.needs();
    match learner.teacher() {
        Some(teacher) if needs.attention || needs.loss => teacher.tell(&images(values.to_vec(), shape, device), needs),
        _ => Told::default(),
    }
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "freeze_tests.rs"]
mod freezing;
