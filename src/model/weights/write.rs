//! Weights out: safetensors in official, timm or Hugging Face naming with the `config.json` that their loaders read. The
//! whole `[model]` section stands in the file's metadata, so that this program needs no configuration to read it back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::config::GENERATED_BY;
pub use super::config_out::caveat;
use super::config_out::config_json;
use super::error::WeightError;
use super::facts::Facts;
use super::naming::{Naming, from_official, is_decoder};
use super::safetensors;
use crate::model::names::Named;
use crate::spec::trial::ModelSpec;

/// Name of the weights inside a folder.
pub const FILE: &str = "model.safetensors";

/// Metadata key under which the `[model]` section stands.
pub const MODEL_KEY: &str = "mae_exp_model";

/// What a specification says that tensors do not.
#[must_use]
pub fn facts(spec: &ModelSpec) -> Facts {
    Facts {
        variant: Some(spec.variant.clone()),
        img_size: Some(spec.img_size),
        encoder_num_heads: Some(spec.encoder_num_heads),
        decoder_num_heads: Some(spec.decoder_num_heads),
        norm_eps: Some(spec.norm_eps),
        norm_pix_loss: Some(spec.norm_pix_loss),
    }
}

/// Writes tensors under official names as they are, with the model's specification in the metadata.
///
/// # Errors
/// When the file cannot be written.
pub fn plain(path: &Path, tensors: &BTreeMap<String, Named>, spec: &ModelSpec) -> Result<(), WeightError> {
    safetensors::write(path, tensors, &BTreeMap::new(), &metadata(spec))
}

/// Exports tensors (given under official names) to a `.safetensors` file or into a folder, with `config.json` beside;
/// returns what was written. A configuration that this program did not write is not replaced.
///
/// # Errors
/// When a file cannot be written, or the naming cannot hold the model.
pub fn export(
    to: &Path,
    tensors: &BTreeMap<String, Named>,
    spec: &ModelSpec,
    naming: Naming,
) -> Result<[PathBuf; 2], WeightError> {
    let (file, folder) = target(to)?;
    let refuse = |why: String| WeightError::Unreadable {
        path: to.to_path_buf(),
        why,
    };
    let full = tensors.keys().any(|name| is_decoder(name));
    let spec = ModelSpec {
        init: None,
        ..spec.clone()
    };
    let config = config_json(naming, &spec, full).map_err(refuse)?;
    let config_path = folder.join("config.json");
    if !may_replace(&config_path) {
        return Err(refuse(format!(
            "{} is there already and not ours: give --to a folder of its own",
            config_path.display()
        )));
    }
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| WeightError::Io {
            doing: "write",
            path,
            source,
        }
    };
    fs::create_dir_all(&folder).map_err(io(&folder))?;
    safetensors::write(
        &file,
        &from_official(tensors, naming),
        &BTreeMap::new(),
        &metadata(&spec),
    )?;
    let text = serde_json::to_string_pretty(&config).expect("a configuration is plain data") + "\n";
    fs::write(&config_path, text).map_err(io(&config_path))?;
    Ok([file, config_path])
}

/// `format` is what the loaders of PyTorch safetensors look for.
fn metadata(spec: &ModelSpec) -> BTreeMap<String, String> {
    let model = serde_json::to_string(spec).expect("a model section is plain data");
    BTreeMap::from([("format".into(), "pt".into()), (MODEL_KEY.into(), model)])
}

/// File and folder that a target means.
fn target(to: &Path) -> Result<(PathBuf, PathBuf), WeightError> {
    match to.extension().and_then(|extension| extension.to_str()) {
        Some("safetensors") => {
            let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
            Ok((to.to_path_buf(), parent.unwrap_or(Path::new(".")).to_path_buf()))
        }
        Some("pth" | "pt" | "bin" | "npz") => Err(WeightError::Unreadable {
            path: to.to_path_buf(),
            why: "weights are written as safetensors only: give --to a folder or a .safetensors file".into(),
        }),
        _ => Ok((to.join(FILE), to.to_path_buf())),
    }
}

fn may_replace(config: &Path) -> bool {
    let Ok(text) = fs::read_to_string(config) else {
        return !config.exists();
    };
    let parsed: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    parsed.get(GENERATED_BY).is_some()
}
