//! AdamW for fine-tuning: the deeper a layer lies below the head, the smaller its learning rate (layer-wise decay, Clark
//! et al. 2020, as BEiT and MAE use it). Vectors, the class token and the position table do not decay.
//!
//! With `d` blocks, the class token, position table and patch embedding are layer 0, block `i` is layer `i + 1`, and what
//! follows the blocks is layer `d + 1`; the rate of layer `l` is `decay^(d + 1 − l)` times that of the schedule.

use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrScheduler};
use burn::module::{Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;

use super::optimiser::adamw;
use crate::model::classifier::Classifier;
use crate::spec::trial::TrainSpec;

/// Layer of the parameter with this official name, in a network of `depth` blocks.
#[must_use]
pub fn layer(name: &str, depth: usize) -> usize {
    let mut parts = name.split('.');
    match (parts.next(), parts.next().map(str::parse::<usize>)) {
        (Some("cls_token" | "pos_embed" | "patch_embed"), _) => 0,
        (Some("blocks"), Some(Ok(block))) => block + 1,
        _ => depth + 1,
    }
}

/// Factor on the learning rate of a layer.
#[must_use]
pub fn scale(layer: usize, depth: usize, decay: f64) -> f64 {
    (layer..=depth).map(|_| decay).product()
}

/// Whether weight decay acts on a parameter: on matrices, but neither on the class token nor on the position table.
#[must_use]
pub fn decays(name: &str, rank: usize) -> bool {
    rank > 1 && !matches!(name, "cls_token" | "pos_embed")
}

/// The optimiser of fine-tuning.
pub struct LayerDecay {
    optimiser: ModuleOptimizer,
    layers: Vec<Layer>,
}

/// Parameters that share a learning rate.
struct Layer {
    scale: f64,
    parameters: ParamGroup,
}

impl LayerDecay {
    /// The optimiser of `model`, with the betas, epsilon and weight decay of `train` and the layer decay `decay` (0.65 for
    /// base models, 0.75 for larger ones). Make it after the model's weights have been loaded: groups and states go by
    /// parameter id.
    #[must_use]
    pub fn new(model: &Classifier, train: &TrainSpec, decay: f64) -> Self {
        let depth = model.depth();
        let mut found = Groups {
            path: Vec::new(),
            layers: vec![Vec::new(); depth + 2],
            undecayed: Vec::new(),
        };
        model.visit(&mut found);
        let make = |(layer, ids)| Layer {
            scale: scale(layer, depth, decay),
            parameters: ParamGroup::from_ids(ids),
        };
        Self {
            optimiser: ModuleOptimizer::from(adamw(train, train.weight_decay)).with_group(
                ParamGroup::from_ids(found.undecayed),
                adamw(train, 0.0),
                None,
            ),
            layers: found.layers.into_iter().enumerate().map(make).collect(),
        }
    }

    /// Learning rates of all parameters when the schedule says `lr`.
    #[must_use]
    pub fn rates(&self, lr: f64) -> ModuleLearningRate {
        let all = ModuleLrScheduler::new(lr);
        let add =
            |rates: ModuleLrScheduler, layer: &Layer| rates.with_group(layer.parameters.clone(), lr * layer.scale);
        self.layers.iter().fold(all, add).step()
    }

    /// Updates a model once.
    #[must_use]
    pub fn step(&mut self, lr: f64, model: Classifier, gradients: GradientsParams) -> Classifier {
        let rates = self.rates(lr);
        self.optimiser.step(rates, model, gradients)
    }
}

/// Collects parameter ids by layer, and those without weight decay.
struct Groups {
    path: Vec<String>,
    layers: Vec<Vec<ParamId>>,
    undecayed: Vec<ParamId>,
}

impl ModuleVisitor for Groups {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (name, last) = (self.path.join("."), self.layers.len() - 1);
        self.layers[layer(&name, last - 1)].push(param.id);
        if !decays(&name, D) {
            self.undecayed.push(param.id);
        }
    }

    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
}
