//! AdamW for fine-tuning: the deeper a layer lies below the head, the smaller its learning rate (layer-wise decay, Clark
//! et al. 2020, as BEiT and MAE use it). Vectors, the class token and the position table do not decay.
//!
//! With `d` blocks, the class token, position table and patch embedding are layer 0, block `i` is layer `i + 1`, and what
//! follows the blocks is layer `d + 1`; the rate of layer `l` is `decay^(d + 1 − l)` times that of the schedule.

use super::adamw::{AdamW, Group};
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

/// The optimiser of fine-tuning, with the layer decay `decay` (0.65 for base models, 0.75 for larger ones).
#[must_use]
pub fn optimiser(model: &Classifier, train: &TrainSpec, decay: f64) -> AdamW {
    let depth = model.depth();
    AdamW::new(model, train, |name, rank| Group {
        decays: decays(name, rank),
        scale: scale(layer(name, depth), depth, decay),
    })
}
