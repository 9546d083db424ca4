//! A moving average of what is trained, for masking strategies that look at the picture through the model: it says how much
//! the class token attends to each patch, and which patches are expected to be hard.
//!
//! After step `t` each parameter is `m · teacher + (1 − m) · student` with `m = min(train.teacher_momentum, t / (t + 9))`: a
//! teacher of few steps is the mean of recent students rather than the initial values, as `num_updates` of TensorFlow's
//! `ExponentialMovingAverage` has it (`t − 1` there). The momentum stays where it is, 0.999 unless said otherwise (0.996 to
//! 1 along a cosine in AttMask, Kakogeorgiou et al. 2022, whose teacher also gives targets, as in iBOT).
//! It sees whole pictures, has no gradients, and is part of a checkpoint.
//!
//! `N` batch, `L` patches.

use std::collections::{BTreeMap, HashMap};

use burn::backend::DispatchTensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use mae_strategies::Needs;

use super::predictor::Predictor;
use super::student::Student;
use crate::model::batch::Told;
use crate::model::names::{self, NameError, Named};
use crate::model::{Mae, MaskBatch};

/// How its tensors begin in files, and those of its predictor.
const PREFIXES: [&str; 2] = ["teacher.", "teacher.predictor."];

/// The average of a student.
#[derive(Clone, Debug)]
pub struct Teacher {
    net: Net,
    momentum: f64,
}

/// The parts that are asked: no decoder.
#[derive(Module, Debug)]
struct Net {
    mae: Mae,
    predictor: Option<Predictor>,
}

impl Teacher {
    /// A teacher that knows what the student knows.
    #[must_use]
    pub fn new(student: &Student, momentum: f64) -> Self {
        let net = Net {
            mae: student.mae().valid().without_decoder(),
            predictor: student.predictor().map(Module::valid),
        };
        Self { net, momentum }
    }

    /// Moves towards a student that has done so many steps.
    pub fn follow(&mut self, student: &Student, steps: usize) {
        let mut found = Found(HashMap::new());
        student.visit(&mut found);
        let mut blend = Blend {
            student: found.0,
            keep: momentum(self.momentum, steps),
        };
        self.net = self.net.clone().map(&mut blend);
    }

    /// What a strategy with these needs is told of pictures.
    ///
    /// # Shapes
    /// pixels `[N, C, H, W]`.
    #[must_use]
    pub fn tell(&self, pixels: &Tensor<4>, needs: Needs) -> Told {
        Told {
            attention: needs.attention.then(|| self.attention(pixels.clone())),
            loss: needs.loss.then(|| self.loss(pixels.clone())).flatten(),
        }
    }

    /// How much the class token attends to each patch in the last block, averaged over the heads.
    ///
    /// # Shapes
    /// pixels `[N, C, H, W]` → `N·L` values.
    #[must_use]
    pub fn attention(&self, pixels: Tensor<4>) -> Vec<f32> {
        let attention = self.net.mae.class_attention(pixels.inner());
        attention.into_data().iter::<f32>().collect()
    }

    /// Values that rank the patches by the loss expected of them; `None` without a predictor.
    ///
    /// # Shapes
    /// pixels `[N, C, H, W]` → `N·L` values.
    #[must_use]
    pub fn loss(&self, pixels: Tensor<4>) -> Option<Vec<f32>> {
        let (mae, predictor) = (&self.net.mae, self.net.predictor.as_ref()?);
        let latent = mae.encode(pixels.inner()).normed;
        let [n, tokens, _] = latent.dims();
        let masks = MaskBatch::whole(n, tokens - 1);
        let values = predictor.forward(latent, &masks, 0..tokens - 1, mae.precision());
        Some(values.into_data().iter::<f32>().collect())
    }

    /// Its parameters under their names in files.
    pub(super) fn export(&self) -> BTreeMap<String, Named> {
        let patch = self.net.mae.patch_size();
        let parts = [
            names::export_parameters(&self.net.mae, patch),
            names::export_parameters(&self.net.predictor, patch),
        ];
        let under = |(part, prefix): (BTreeMap<String, Named>, &str)| {
            let prefix = prefix.to_string();
            part.into_iter()
                .map(move |(name, tensor)| (format!("{prefix}{name}"), tensor))
        };
        parts.into_iter().zip(PREFIXES).flat_map(under).collect()
    }

    /// With the parameters that [`Teacher::export`] gave.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub(super) fn import(self, tensors: &BTreeMap<String, Named>) -> Result<Self, NameError> {
        let Net { mae, predictor } = self.net;
        let patch = mae.patch_size();
        let net = Net {
            mae: names::import_under(mae, patch, PREFIXES[0], tensors)?,
            predictor: names::import_under(predictor, patch, PREFIXES[1], tensors)?,
        };
        Ok(Self { net, ..self })
    }
}

/// How much of itself the teacher keeps in the step with this number, from 1.
#[must_use]
pub fn momentum(most: f64, step: usize) -> f64 {
    most.min(step as f64 / (step as f64 + 9.0))
}

/// The values of all parameters, without gradients.
struct Found(HashMap<ParamId, DispatchTensor>);

impl ModuleVisitor for Found {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.insert(param.id, param.val().inner().into_dispatch());
    }
}

/// Moves every parameter towards the student's.
struct Blend {
    student: HashMap<ParamId, DispatchTensor>,
    keep: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(student) = self.student.remove(&param.id) else {
            return param;
        };
        let (id, teacher, mapper) = param.consume();
        let student = Tensor::<D>::from_dispatch(student);
        let blended = teacher * self.keep + student * (1.0 - self.keep);
        Param::from_mapped_value(id, blended, mapper)
    }
}

#[cfg(test)]
#[path = "teacher_tests.rs"]
mod tests;
