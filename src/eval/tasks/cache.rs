//! Features kept in files, so that further tasks on the same weights and pictures need no pass of the encoder. What a file is
//! called is a digest of all that its features follow from: weights, pictures, transform and the code that reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Bank, Part};
use crate::data::ImageSet;
use crate::model::Mae;
use crate::model::names::{self, Named};
use crate::model::weights::naming::is_decoder;
use crate::model::weights::safetensors;
use crate::spec::TrialSpec;
use crate::spec::trial::Feature;

/// To be raised when features of the same weights and pictures come out otherwise.
const VERSION: &str = "mae-exp features 1";

/// Features that can be kept.
const ALL: [(Feature, &str); 4] = [
    (Feature::Cls, "cls"),
    (Feature::ClsNorm, "cls_norm"),
    (Feature::Mean, "mean"),
    (Feature::MeanNorm, "mean_norm"),
];

/// A folder of features.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// In this folder, which need not be there yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
        }
    }

    /// The features, where all of `features` are kept. A file that cannot be read counts as none.
    #[must_use]
    pub fn find(&self, key: &str, features: &BTreeSet<Feature>) -> Option<Bank> {
        let bank = bank(&safetensors::read(&self.file(key)).ok()?)?;
        bank.has(features).then_some(bank)
    }

    /// Keeps features.
    ///
    /// # Errors
    /// When the folder or the file cannot be written.
    pub fn keep(&self, key: &str, bank: &Bank) -> Result<(), String> {
        let failed = |error: String| format!("keep features in {}: {error}", self.folder.display());
        std::fs::create_dir_all(&self.folder).map_err(|error| failed(error.to_string()))?;
        let mut tensors = BTreeMap::new();
        for (name, part) in [("train", &bank.train), ("val", &bank.val)] {
            let rows = part.labels.len();
            let labels = part.labels.iter().map(|label| *label as f32).collect();
            tensors.insert(format!("{name}.labels"), named(vec![rows], labels));
            for (feature, word) in ALL {
                if let Some(values) = part.features.get(&feature) {
                    tensors.insert(format!("{name}.{word}"), named(vec![rows, bank.width], values.clone()));
                }
            }
        }
        let about = BTreeMap::from([("classes".to_string(), bank.classes.to_string())]);
        safetensors::write(&self.file(key), &tensors, &BTreeMap::new(), &about)
            .map_err(|error| failed(error.to_string()))
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.safetensors"))
    }
}

/// What the features of a model on these pictures follow from, as a digest.
#[must_use]
pub fn key(model: &Mae, spec: &TrialSpec, set: &ImageSet) -> String {
    let mut hash = blake3::Hasher::new();
    let mut add = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(VERSION.as_bytes());
    add(weights_digest(model).as_bytes());
    add(set.digest().as_bytes());
    add(set.modified().as_bytes());
    let (model, data) = (&spec.model, &spec.data);
    let transform = serde_json::json!([
        model.img_size,
        model.patch_size,
        model.in_chans,
        model.encoder_num_heads,
        model.norm_eps,
        data.mean,
        data.std,
        data.crop_scale,
        data.crop_aspect,
    ]);
    add(transform.to_string().as_bytes());
    hash.finalize().to_hex().to_string()
}

/// Digest of the values of an encoder's parameters under their official names, whatever file they come from.
#[must_use]
pub fn weights_digest(model: &Mae) -> String {
    let mut hash = blake3::Hasher::new();
    for (name, tensor) in names::export(model) {
        if is_decoder(&name) {
            continue;
        }
        hash.update(name.as_bytes());
        hash.update(format!("{:?}", tensor.shape).as_bytes());
        for value in &tensor.values {
            hash.update(&value.to_le_bytes());
        }
    }
    hash.finalize().to_hex().to_string()
}

fn named(shape: Vec<usize>, values: Vec<f32>) -> Named {
    Named { shape, values }
}

fn bank(contents: &safetensors::Contents) -> Option<Bank> {
    let classes = contents.metadata.get("classes")?.parse().ok()?;
    let mut width = 0;
    let mut part = |name: &str| -> Option<Part> {
        let labels = contents.tensors.get(&format!("{name}.labels"))?;
        let labels: Vec<usize> = labels.values.iter().map(|label| *label as usize).collect();
        let mut features = BTreeMap::new();
        for (feature, word) in ALL {
            let Some(tensor) = contents.tensors.get(&format!("{name}.{word}")) else {
                continue;
            };
            let [rows, columns] = tensor.shape[..] else { return None };
            if rows != labels.len() {
                return None;
            }
            width = columns;
            features.insert(feature, tensor.values.clone());
        }
        Some(Part { labels, features })
    };
    let (train, val) = (part("train")?, part("val")?);
    Some(Bank {
        train,
        val,
        classes,
        width,
    })
}
