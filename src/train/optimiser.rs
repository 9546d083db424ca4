//! AdamW in the reference's two groups: matrices and tokens decay, vectors (biases, norms) do not.

use super::adamw::{AdamW, Group};
use crate::model::Mae;
use crate::spec::trial::TrainSpec;

/// The optimiser of a trial.
#[must_use]
pub fn optimiser(model: &Mae, train: &TrainSpec) -> AdamW {
    AdamW::new(model, train, |_, rank| Group {
        decays: rank > 1,
        scale: 1.0,
    })
}
