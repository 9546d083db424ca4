//! Finds out what a path holds and reads it: a file or a folder of safetensors, an official `.pth`, a checkpoint of this
//! program. What comes out does not depend on which it was.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::config::{ConfigError, facts_from_config, flat, own_model};
use super::error::WeightError;
use super::facts::{Facts, Stated};
use super::fit::{Misfit, decoder, encoder};
use super::naming::{Naming, is_decoder, to_official};
use super::raw::{io, unreadable};
use super::sizes::{Sizes, sizes};
use super::{pickle, safetensors, write};
use crate::model::names::Named;
use crate::spec::Said;
use crate::spec::trial::{ImgSize, ModelSpec};

/// The epsilon that the Hugging Face class takes when its `config.json` is silent or absent.
const HF_NORM_EPS: f64 = 1e-12;

/// Published encoders by the name that training checkpoints of the official program carry, some with `_dec512d8b` behind:
/// heads, width, blocks, patch. Their decoders have 16 heads, 512 values and 8 blocks.
const PUBLISHED: [(&str, [usize; 4]); 3] = [
    ("mae_vit_base_patch16", [12, 768, 12, 16]),
    ("mae_vit_large_patch16", [16, 1024, 24, 16]),
    ("mae_vit_huge_patch14", [16, 1280, 32, 14]),
];

/// What to do about a file that lacks tensors or has others.
const PARTIAL: &str = "the file is partial or of another kind of model: name weights of a masked autoencoder, as .pth or \
                       safetensors in official, timm or Hugging Face naming";

/// Weights of a masked autoencoder, or of its encoder alone.
#[derive(Debug, Clone)]
pub struct Weights {
    /// The file.
    pub path: PathBuf,
    /// How its tensors were named. An encoder alone looks the same in official and timm naming.
    pub naming: Naming,
    /// Tensors under official names, those that do not belong to the model included.
    pub tensors: BTreeMap<String, Named>,
    /// What the file says besides.
    pub facts: Facts,
    /// What the shapes of the tensors tell.
    pub sizes: Sizes,
    /// `weights-` and BLAKE3 over names, shapes and values: the same in every container and naming.
    pub digest: String,
    /// What the user should know, one line each.
    pub notes: Vec<String>,
}

impl Weights {
    /// Reads weights: a `.pth`, a safetensors file, or a folder that holds one.
    ///
    /// # Errors
    /// When there is no such file, it is damaged or hostile, holds values that are not finite, or no masked autoencoder.
    pub fn read(path: &Path) -> Result<Self, WeightError> {
        let path = find(path)?;
        let mut notes = Vec::new();
        let (tensors, mut facts, complete) = if is_safetensors(&path)? {
            metadata(&path)?
        } else {
            let (tensors, facts) = checkpoint(&path)?;
            (tensors, facts, false)
        };
        if !complete {
            facts = facts.or(config_beside(&path, &mut notes)?);
        }
        let misfit = |why: String| WeightError::Misfit {
            path: path.clone(),
            why,
        };
        let (naming, tensors) = to_official(tensors).map_err(|why| misfit(format!("{why}: {PARTIAL}")))?;
        let sizes = sizes(&tensors).map_err(|why| misfit(format!("{why}: {}", Misfit::foreign(&tensors).table())))?;
        if let Some((key, stated, found)) = facts.stated.contradiction(&sizes) {
            return Err(misfit(format!(
                "{key} is {stated} by what is stated beside the tensors, but they make {found}: the file is partial, or its \
                 metadata or config.json are those of another; save or download it again"
            )));
        }
        must_have_one_mlp_ratio(&sizes).map_err(misfit)?;
        let facts = match naming {
            Naming::Hf if facts.norm_eps.is_none() => {
                notes.push(format!(
                    "LayerNorm's epsilon is not stated: {HF_NORM_EPS:e}, as the Hugging Face class takes it"
                ));
                let norm_eps = Some(HF_NORM_EPS);
                Facts { norm_eps, ..facts }
            }
            _ => facts,
        };
        let digest = digest(&tensors);
        Ok(Self {
            path,
            naming,
            tensors,
            facts,
            sizes,
            digest,
            notes,
        })
    }

    /// Whether there is a decoder, whole or in part.
    #[must_use]
    pub fn has_decoder(&self) -> bool {
        self.tensors.keys().any(|name| is_decoder(name))
    }

    /// Checks the tensors against a model and leaves out those that belong to another; returns a note on them.
    ///
    /// # Errors
    /// A table of what is missing or of another shape.
    pub fn fit(&mut self, spec: &ModelSpec) -> Result<Option<String>, WeightError> {
        let mut wanted = encoder(spec);
        if self.has_decoder() {
            wanted.extend(decoder(spec));
        }
        let misfit = Misfit::new(&self.tensors, &wanted);
        if !misfit.is_harmless() {
            return Err(WeightError::Misfit {
                path: self.path.clone(),
                why: misfit.table(),
            });
        }
        self.tensors.retain(|name, _| wanted.contains_key(name));
        let others: Vec<&str> = misfit.unexpected.iter().map(|(name, _)| name.as_str()).collect();
        let shown = others.iter().take(4).copied().collect::<Vec<_>>().join(", ");
        Ok((!others.is_empty()).then(|| {
            let more = if others.len() > 4 { ", …" } else { "" };
            format!(
                "{} tensors that a masked autoencoder does not have are left out: {shown}{more}",
                others.len()
            )
        }))
    }

    /// What the weights say about the `[model]` section. `picture` is the height and width of pictures at hand, which
    /// decide between grids of the same number of patches.
    #[must_use]
    pub fn said(&self, picture: Option<[usize; 2]>) -> Said {
        let (sizes, facts) = (&self.sizes, &self.facts);
        let mut keys: Vec<(String, Value)> = Vec::new();
        keys.extend(
            facts
                .mask_ratio
                .filter(|r| *r > 0.0)
                .map(|ratio| ("mask.ratio".to_string(), ratio.into())),
        );
        let mut open = Vec::new();
        let mut say = |key: &str, value: Value| keys.push((format!("model.{key}"), value));
        say(
            "variant",
            facts.variant.clone().unwrap_or_else(|| "weights".into()).into(),
        );
        say("patch_size", sizes.patch_size.into());
        say("in_chans", sizes.in_chans.into());
        say("embed_dim", sizes.embed_dim.into());
        say("encoder_depth", sizes.encoder_depth.into());
        say("mlp_ratio", ratio(sizes.mlp_hidden, sizes.embed_dim).into());
        match facts.encoder_num_heads {
            Some(heads) => say("encoder_num_heads", heads.into()),
            None => open.push("model.encoder_num_heads"),
        }
        if let Some(decoder) = &sizes.decoder {
            say("decoder_embed_dim", decoder.embed_dim.into());
            say("decoder_depth", decoder.depth.into());
            if decoder.cross {
                say("decoder", "cross".into());
            }
            match facts.decoder_num_heads {
                Some(heads) => say("decoder_num_heads", heads.into()),
                None => open.push("model.decoder_num_heads"),
            }
        }
        if let Some(eps) = facts.norm_eps {
            say("norm_eps", eps.into());
        }
        if let Some(normalised) = facts.norm_pix_loss {
            say("norm_pix_loss", normalised.into());
        }
        match self.img_size(picture) {
            Some(size) => say("img_size", json!(size)),
            None => open.push("model.img_size"),
        }
        Said {
            weights: self.path.display().to_string(),
            keys,
            settled: if sizes.decoder.is_none() {
                smallest_decoder()
            } else {
                Vec::new()
            },
            open,
        }
    }

    /// Size of the pictures that the position table was made for, as far as it can be told.
    fn img_size(&self, picture: Option<[usize; 2]>) -> Option<ImgSize> {
        let (p, patches) = (self.sizes.patch_size, self.sizes.patches?);
        let stated = self.facts.img_size.map(|size| [size.height, size.width]);
        let fits = |[height, width]: &[usize; 2]| {
            height.is_multiple_of(p) && width.is_multiple_of(p) && (height / p).checked_mul(width / p) == Some(patches)
        };
        let side = patches.isqrt() * p;
        let square = [side, side];
        let found = [stated, picture, Some(square)].into_iter().flatten().find(fits);
        found.map(|[height, width]| ImgSize { height, width })
    }

    /// Rows and columns of the position table; `wanted` decides between grids of the same number of patches where the file
    /// does not say which it is.
    pub(super) fn grid(&self, wanted: (usize, usize)) -> Option<(usize, usize)> {
        let p = self.sizes.patch_size;
        let size = self.img_size(Some([wanted.0 * p, wanted.1 * p]))?;
        Some((size.height / p, size.width / p))
    }
}

/// `[model]` has one ratio for both halves, as all published models do.
fn must_have_one_mlp_ratio(sizes: &Sizes) -> Result<(), String> {
    let Some(decoder) = &sizes.decoder else { return Ok(()) };
    if sizes.mlp_hidden * decoder.embed_dim == decoder.mlp_hidden * sizes.embed_dim {
        return Ok(());
    }
    let (encoder, of_encoder) = (sizes.mlp_hidden, sizes.embed_dim);
    let (hidden, width) = (decoder.mlp_hidden, decoder.embed_dim);
    Err(format!(
        "the MLPs are {encoder} wide for {of_encoder} in the encoder and {hidden} for {width} in the decoder: models with two \
         ratios are not supported; the encoder alone can be used"
    ))
}

/// An encoder alone gets the smallest decoder that there can be; nobody looks at it.
fn smallest_decoder() -> Vec<(String, Value)> {
    let keys = [("embed_dim", 4), ("depth", 1), ("num_heads", 1)];
    keys.map(|(key, value)| (format!("model.decoder_{key}"), value.into()))
        .to_vec()
}

/// `hidden / width`, such that multiplying by the width gives `hidden` again when rounded down.
fn ratio(hidden: usize, width: usize) -> f64 {
    let ratio = hidden as f64 / width as f64;
    if ((width as f64 * ratio) as usize) < hidden {
        ratio.next_up()
    } else {
        ratio
    }
}

/// The file that a path means.
fn find(path: &Path) -> Result<PathBuf, WeightError> {
    let missing = |why: String| WeightError::Unreadable {
        path: path.to_path_buf(),
        why,
    };
    if path.is_file() {
        return Ok(path.to_path_buf());
    }
    if !path.is_dir() {
        return Err(missing(
            "no such file: name a .pth or .safetensors file, a folder that holds one, or, where the command takes WEIGHTS, a run of \
             the store (id or latest)"
                .into(),
        ));
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path)
        .map_err(|source| io("read", path, source))?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    entries.sort();
    let is_step = |p: &&PathBuf| p.join(write::FILE).is_file() && p.extension().is_none();
    let newest_step = entries.iter().rev().find(is_step).map(|step| step.join(write::FILE));
    let named = entries.iter().find(|p| p.ends_with(write::FILE)).cloned();
    let files: Vec<&PathBuf> = entries
        .iter()
        .filter(|p| has_extension(p, &["safetensors", "pth", "pt", "bin"]))
        .collect();
    match (named.or(newest_step), files.as_slice()) {
        (Some(file), _) => Ok(file),
        (None, [one]) => Ok((*one).clone()),
        (None, []) => Err(missing(
            "a folder without weights: name a .pth or .safetensors file".into(),
        )),
        (None, many) => Err(missing(format!(
            "a folder with {} files of weights: name one of them",
            many.len()
        ))),
    }
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension()
        .and_then(|e| e.to_str())
        .is_some_and(|e| extensions.contains(&e))
}

/// By extension, else by the `{` of the header, which no pickle or archive has there.
pub(super) fn is_safetensors(path: &Path) -> Result<bool, WeightError> {
    if has_extension(path, &["safetensors"]) {
        return Ok(true);
    }
    if has_extension(path, &["pth", "pt", "bin"]) {
        return Ok(false);
    }
    let mut head = Vec::new();
    let opened = fs::File::open(path).and_then(|file| file.take(9).read_to_end(&mut head));
    opened.map_err(|source| io("read", path, source))?;
    Ok(head.get(8) == Some(&b'{'))
}

/// Tensors, and what the file's metadata say: the whole `[model]` section in our own, single keys in others'. Whether
/// nothing is left for a `config.json` to say.
fn metadata(path: &Path) -> Result<(BTreeMap<String, Named>, Facts, bool), WeightError> {
    let contents = safetensors::read(path)?;
    let parsed = |text: &String| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
    // What has another type there means something else.
    let single = |(key, text): (&String, &String)| {
        let one = serde_json::Map::from_iter([(key.clone(), parsed(text))]);
        flat(&one).unwrap_or_default()
    };
    let facts = contents.metadata.iter().map(single).fold(Facts::default(), Facts::or);
    let Some(own) = contents.metadata.get(write::MODEL_KEY) else {
        return Ok((contents.tensors, facts, false));
    };
    let own = parsed(own).as_object().map(own_model).transpose();
    let own = own.map_err(|why| unreadable(path, format!("its metadata are damaged: {why}")))?;
    Ok((contents.tensors, own.unwrap_or_default().or(facts), true))
}

/// What a `config.json` beside the weights says, where the file itself does not say all.
fn config_beside(path: &Path, notes: &mut Vec<String>) -> Result<Facts, WeightError> {
    let config = path.with_file_name("config.json");
    let text = match read_bounded(&config) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Facts::default()),
        Err(error) => return Err(io("read", &config, error)),
        Ok(text) => text,
    };
    match facts_from_config(&text) {
        Ok(facts) => Ok(facts),
        Err(ConfigError::Foreign(why)) => {
            notes.push(format!("{} is not used: {why}", config.display()));
            Ok(Facts::default())
        }
        Err(ConfigError::Wrong(why)) => Err(WeightError::Unreadable { path: config, why }),
    }
}

/// A configuration has a few kilobytes; a megabyte is read at most.
fn read_bounded(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(1 << 20).read_to_string(&mut text)?;
    Ok(text)
}

fn checkpoint(path: &Path) -> Result<(BTreeMap<String, Named>, Facts), WeightError> {
    let read = pickle::read(path)?;
    let name = read.model_name.as_deref().unwrap_or_default();
    let published = PUBLISHED
        .iter()
        .find(|(known, _)| name.trim_end_matches("_dec512d8b") == *known);
    let mut facts = Facts {
        variant: read.model_name.clone(),
        ..Facts::default()
    };
    if let Some((_, [heads, embed_dim, depth, patch])) = published {
        (facts.encoder_num_heads, facts.decoder_num_heads) = (Some(*heads), Some(16));
        facts.stated = Stated {
            patch_size: Some(*patch),
            embed_dim: Some(*embed_dim),
            encoder_depth: Some(*depth),
            decoder_embed_dim: Some(512),
            decoder_depth: Some(8),
            in_chans: None,
        };
    }
    Ok((read.tensors, read.facts.or(facts)))
}

pub(super) fn digest(tensors: &BTreeMap<String, Named>) -> String {
    let mut hash = blake3::Hasher::new();
    for (name, tensor) in tensors {
        hash.update(format!("{name} {:?}\n", tensor.shape).as_bytes());
        let mut bytes = Vec::with_capacity(1 << 16);
        for chunk in tensor.values.chunks(1 << 14) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|v| v.to_le_bytes()));
            hash.update(&bytes);
        }
    }
    format!("weights-{}", hash.finalize().to_hex())
}
