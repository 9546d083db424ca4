//! What the trials of a sweep have in common: the configuration beneath its points, without what the sweep decides.
//! It stays the same when values, draws, cases of the same keys or seeds are added, and so can name the sweep.
//! It must not look at the points themselves, those added by `include` aside.

use figment::Figment;
use serde_json::Value;

use super::error::SpecError;
use super::factor::{Factor, decides};
use super::grid::Grid;
use super::layer::{Layer, nest};
use super::nested::Block;
use super::resolve::{flatten, resolve};
use super::scripts;

/// The configuration of `base` without the seed and without every key that a sweep decides.
pub(super) fn common(base: &Figment, blocks: &[Block], grids: &[Grid]) -> Result<Value, SpecError> {
    let (config, mut origins) = resolve(base)?;
    let set: Vec<&Layer> = blocks.iter().flat_map(|block| &block.set).collect();
    let added: Vec<&Layer> = grids
        .iter()
        .flat_map(|grid| &grid.include)
        .flat_map(|point| &point.layers)
        .collect();
    let factors: Vec<&Factor> = grids.iter().flat_map(|grid| &grid.factors).collect();
    let decided = |key: &str| {
        factors.iter().any(|factor| factor.decides(key))
            || set
                .iter()
                .any(|layer| decides(layer, key, layer.origin.is_nested_set()))
            || added
                .iter()
                .any(|layer| decides(layer, key, layer.origin.is_sweep_section()))
    };
    let fixed = |key: &str| key != "seed" && !decided(key);
    let mut common: Value = nest(flatten(&config).into_iter().filter(|(key, _)| fixed(key))).into();
    scripts::embed(&mut common, &mut origins)?;
    Ok(common)
}
