//! AdamW as one operation a parameter where the device has it (`model::kernels`), else as burn composes it; the same
//! arithmetic, the same recorded state.

use burn::optim::{AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};

use crate::model::kernels::{self, AdamWRates};
use crate::spec::trial::TrainSpec;

/// AdamW (Loshchilov and Hutter, 2019) of one group of parameters.
#[derive(Clone)]
pub(super) struct FusedAdamW {
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    composed: AdamW,
}

impl FusedAdamW {
    pub(super) fn new(train: &TrainSpec, weight_decay: f64) -> Self {
        Self {
            beta1: train.beta1,
            beta2: train.beta2,
            eps: train.eps,
            weight_decay,
            composed: AdamWConfig::new()
                .with_beta_1(train.beta1 as f32)
                .with_beta_2(train.beta2 as f32)
                .with_epsilon(train.eps as f32)
                .with_weight_decay(weight_decay as f32)
                .build(),
        }
    }

    fn rates(&self, lr: f64, time: usize) -> AdamWRates {
        let correction = |beta: f64| 1.0 - beta.powi(i32::try_from(time).unwrap_or(i32::MAX));
        AdamWRates {
            lr,
            beta1: self.beta1,
            beta2: self.beta2,
            eps: self.eps,
            weight_decay: self.weight_decay,
            step: time,
            correction1: correction(self.beta1),
            correction2: correction(self.beta2),
        }
    }
}

impl Optimizer for FusedAdamW {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<AdamWState<D>>,
    ) -> (Tensor<D>, Option<AdamWState<D>>) {
        if !kernels::has_adamw(&tensor) {
            return self.composed.step(lr, tensor, grad, state);
        }
        let (time, moment_1, moment_2) = match state.map(|state| state.momentum) {
            Some(momentum) => (momentum.time + 1, momentum.moment_1, momentum.moment_2),
            None => (1, tensor.zeros_like(), tensor.zeros_like()),
        };
        let [tensor, moment_1, moment_2] = kernels::adamw([tensor, moment_1, moment_2], grad, self.rates(lr, time));
        let momentum = AdaptiveMomentumState::new(time, moment_1, moment_2);
        (tensor, Some(AdamWState::new(momentum)))
    }

    fn to_device<const D: usize>(state: AdamWState<D>, device: &Device) -> AdamWState<D> {
        AdamW::to_device(state, device)
    }
}
