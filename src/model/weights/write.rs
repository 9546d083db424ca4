//! Weights out: safetensors in official, timm or Hugging Face naming with the `config.json` that their loaders read. The
//! whole `[model]` section stands in the file's metadata, so that this program needs no configuration to read it back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::config::{GENERATED_BY, MASK_RATIO};
use super::config_out::config_json;
pub use super::config_out::{caveat, section};
use super::error::WeightError;
use super::naming::{Naming, from_official, is_decoder};
use super::safetensors;
use crate::model::names::Named;
use crate::spec::trial::ModelSpec;

/// Name of the weights inside a folder.
pub const FILE: &str = "model.safetensors";

/// Metadata key under which the `[model]` section stands.
pub const MODEL_KEY: &str = "mae_exp_model";

/// What is written beside tensors.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The model.
    pub model: &'a ModelSpec,
    /// Share of the patches hidden in training.
    pub mask_ratio: f64,
}

/// Writes the tensors of a whole model under official names as they are, with what is known about it in the metadata.
///
/// # Errors
/// When the file cannot be written.
pub fn plain(path: &Path, tensors: &BTreeMap<String, Named>, about: About<'_>) -> Result<(), WeightError> {
    safetensors::write(path, tensors, &BTreeMap::new(), &metadata(about, true))
}

/// Exports tensors (given under official names) to a `.safetensors` file or into a folder, with `config.json` beside;
/// returns what was written. A configuration that this program did not write is not replaced.
///
/// # Errors
/// When a file cannot be written, or the naming cannot hold the model.
pub fn export(
    to: &Path,
    tensors: &BTreeMap<String, Named>,
    about: About<'_>,
    naming: Naming,
) -> Result<[PathBuf; 2], WeightError> {
    let (file, folder) = target(to)?;
    let refuse = |why: String| WeightError::Unreadable {
        path: to.to_path_buf(),
        why,
    };
    let full = tensors.keys().any(|name| is_decoder(name));
    let config = config_json(naming, about.model, full, about.mask_ratio).map_err(refuse)?;
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
        &metadata(about, full && naming != Naming::Timm),
    )?;
    let text = serde_json::to_string_pretty(&config).expect("a configuration is plain data") + "\n";
    let part = config_path.with_extension("json.part");
    let written = fs::write(&part, text).and_then(|()| fs::rename(&part, &config_path));
    written.map_err(io(&config_path))?;
    Ok([file, config_path])
}

/// `format` is what the loaders of PyTorch safetensors look for.
fn metadata(about: About<'_>, full: bool) -> BTreeMap<String, String> {
    let model = serde_json::Value::Object(section(about.model, full)).to_string();
    let pairs = [
        ("format", "pt".into()),
        (MODEL_KEY, model),
        (MASK_RATIO, about.mask_ratio.to_string()),
    ];
    pairs.map(|(key, value)| (key.to_string(), value)).into()
}

/// File and folder that a target means: a folder, or a `.safetensors` file.
///
/// # Errors
/// When the target has the extension of another format.
pub fn target(to: &Path) -> Result<(PathBuf, PathBuf), WeightError> {
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
