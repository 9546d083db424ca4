//! Files of tensors of any network, whatever it is: read as they are, for those who know the names they look for.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::WeightError;
use super::read::{digest, is_safetensors};
use super::{pickle, safetensors};
use crate::model::names::Named;

/// Named tensors of any network, safetensors or `.pth`, as they are called in the file, and their digest: `weights-` and
/// BLAKE3 over names, shapes and values.
///
/// # Errors
/// When there is no such file, it is damaged or hostile, or holds values that are not finite.
pub fn tensors(path: &Path) -> Result<(BTreeMap<String, Named>, String), WeightError> {
    let tensors = if !path.exists() {
        let why = "no such file: correct the path (relative paths start at the working directory)".into();
        let path = path.to_path_buf();
        return Err(WeightError::Unreadable { path, why });
    } else if is_safetensors(path)? {
        safetensors::read(path)?.tensors
    } else {
        pickle::read(path)?.tensors
    };
    let digest = digest(&tensors);
    Ok((tensors, digest))
}
