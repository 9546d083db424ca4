//! AdamW in the reference's two groups: matrices and tokens decay, vectors (biases, norms) do not.

use burn::module::{Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::ModuleOptimizer;
use burn::tensor::Tensor;

use super::adamw::FusedAdamW;
use crate::model::Mae;
use crate::spec::trial::TrainSpec;

/// The optimiser of a trial. Make it after the model's record has been loaded: groups and states go by parameter id.
#[must_use]
pub fn optimiser(model: &Mae, train: &TrainSpec) -> ModuleOptimizer {
    let mut vectors = Vectors::default();
    model.visit(&mut vectors);
    ModuleOptimizer::from(adamw(train, train.weight_decay)).with_group(
        ParamGroup::from_ids(vectors.ids),
        adamw(train, 0.0),
        None,
    )
}

pub(super) fn adamw(train: &TrainSpec, weight_decay: f64) -> FusedAdamW {
    FusedAdamW::new(train, weight_decay)
}

/// Collects the ids of parameters of rank 1.
#[derive(Default)]
struct Vectors {
    ids: Vec<ParamId>,
}

impl ModuleVisitor for Vectors {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if D == 1 {
            self.ids.push(param.id);
        }
    }
}
