//! What the trials of a sweep have in common: the configuration beneath its points, without what the sweep decides.
//! It stays the same when values, cases of the same keys or seeds are added, and so can name the sweep.
//! It must not look at the points themselves.

use figment::Figment;
use serde_json::Value;

use super::axes::Swept;
use super::error::SpecError;
use super::layer::nest;
use super::resolve::{flatten, resolve};

/// The configuration of `base` without the seed and without every key that an axis decides.
pub(super) fn common(base: &Figment, swept: &[Swept]) -> Result<Value, SpecError> {
    let (config, _) = resolve(base)?;
    let fixed = |key: &str| key != "seed" && !swept.iter().any(|axis| axis.decides(key));
    Ok(nest(flatten(&config).into_iter().filter(|(key, _)| fixed(key))).into())
}
