//! AdamW in the reference's two groups: matrices and tokens decay, vectors (biases, norms) do not.

use burn::module::Module;

use super::adamw::{AdamW, Group};
use crate::spec::trial::TrainSpec;

/// The optimiser of a trial, for all parameters of what it trains.
#[must_use]
pub fn optimiser<M: Module>(model: &M, train: &TrainSpec) -> AdamW {
    AdamW::new(model, train, |_, rank| Group {
        decays: rank > 1,
        scale: 1.0,
    })
}
