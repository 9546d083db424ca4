//! Official (fb), timm and Hugging Face names of the same tensors. Inside the program only official names exist; this
//! is where foreign ones end and begin. It moves and joins tensors and never changes a value; what the words of
//! Hugging Face mean is in `hf`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::hf;
use crate::model::names::Named;

/// Whose names the tensors of a file have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Naming {
    /// The official checkpoints: `blocks.0.attn.qkv.weight`, `decoder_blocks.0…`.
    Fb,
    /// timm's `VisionTransformer`: the encoder of the official names. On reading it cannot be told from [`Naming::Fb`].
    Timm,
    /// Transformers' `ViTMAE`: `vit.encoder.layer.0.attention.attention.query.weight`, …
    Hf,
}

impl fmt::Display for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fb => "fb",
            Self::Timm => "timm",
            Self::Hf => "hf",
        })
    }
}

/// Prefixes that training wrappers put before every name.
const WRAPPERS: [&str; 5] = ["module.", "_orig_mod.", "model.", "backbone.", "encoder."];
/// First words of the official encoder's names.
const ENCODER: [&str; 5] = ["cls_token", "pos_embed", "patch_embed.proj", "blocks", "norm"];
/// First words of the official decoder's names, and of the blocks that stand in it where it reads (`model.decoder = "cross"`).
const DECODER: [&str; 7] = [
    "mask_token",
    "decoder_embed",
    "decoder_pos_embed",
    "decoder_blocks",
    "decoder_cross_blocks",
    "decoder_norm",
    "decoder_pred",
];
/// Tokens and tables, which officially have three dimensions of which the first is 1.
const LEADING: [&str; 4] = ["cls_token", "mask_token", "pos_embed", "decoder_pos_embed"];

/// Whether an official name belongs to a masked autoencoder's encoder.
#[must_use]
pub fn is_encoder(name: &str) -> bool {
    begins_with_word(name, &ENCODER)
}

/// Whether an official name belongs to a masked autoencoder's decoder, the mask token included.
#[must_use]
pub fn is_decoder(name: &str) -> bool {
    begins_with_word(name, &DECODER)
}

/// Tensors under their official names, and the naming that was found. A prefix that every name has (`module.`,
/// `_orig_mod.`, `model.`, `backbone.`, `encoder.`) is taken off; query, key and value are joined to `[q; k; v]`; a
/// class token or position table with another number of leading ones gets its official shape. A stack of blocks
/// without any query-key-value bias (timm's and transformers' `qkv_bias=False`) gets biases of zero, which is the same
/// function. Tensors that no masked autoencoder has, such as `head.weight`, stay under their names.
/// Encoder-only files of timm and of the official kind are the same and come back as [`Naming::Fb`].
///
/// # Errors
/// When no name is known, one of query, key and value is missing or mis-shaped, or two tensors have one official name.
pub fn to_official(tensors: BTreeMap<String, Named>) -> Result<(Naming, BTreeMap<String, Named>), String> {
    let tensors = unwrap(tensors);
    let naming = detect(&tensors)?;
    let mut official = match naming {
        Naming::Hf => hf::to_official(tensors)?,
        Naming::Fb | Naming::Timm => tensors,
    };
    add_zero_biases(&mut official);
    for (name, tensor) in &mut official {
        lead_with_one(name, tensor);
    }
    Ok((naming, official))
}

/// Tensors under foreign names. `Fb` gives all of them back unchanged. `Timm` gives the encoder alone and `Hf` what a
/// masked autoencoder has; others would keep the file from loading strictly, and are left out. `Hf` gives a full model
/// as `ViTMAEForPreTraining` has it (`vit.` and `decoder.`), an encoder alone as `ViTMAEModel` has it (no prefix).
#[must_use]
pub fn from_official(tensors: &BTreeMap<String, Named>, naming: Naming) -> BTreeMap<String, Named> {
    match naming {
        Naming::Fb => tensors.clone(),
        Naming::Timm => {
            let encoder = tensors.iter().filter(|(name, _)| is_encoder(name));
            encoder.map(|(name, tensor)| (name.clone(), tensor.clone())).collect()
        }
        Naming::Hf => hf::from_official(tensors),
    }
}

/// Whether an official name is one of a masked autoencoder's; others are foreign to it.
#[must_use]
pub fn is_official(name: &str) -> bool {
    is_encoder(name) || is_decoder(name)
}

fn begins_with_word(name: &str, words: &[&str]) -> bool {
    let rest = |word: &&str| name.strip_prefix(*word);
    words
        .iter()
        .filter_map(rest)
        .any(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Takes wrappers' prefixes off, as long as no name is known and every name has one.
fn unwrap(mut tensors: BTreeMap<String, Named>) -> BTreeMap<String, Named> {
    while !tensors.is_empty() && !tensors.keys().any(|name| is_official(name) || hf::knows(name)) {
        let on_all = |prefix: &&&str| tensors.keys().all(|name| name.starts_with(**prefix));
        let Some(prefix) = WRAPPERS.iter().find(on_all) else {
            break;
        };
        let short = |(name, tensor): (String, Named)| (name[prefix.len()..].to_string(), tensor);
        tensors = tensors.into_iter().map(short).collect();
    }
    tensors
}

fn detect(tensors: &BTreeMap<String, Named>) -> Result<Naming, String> {
    let official = tensors.keys().filter(|name| is_official(name)).count();
    let hf = tensors.keys().filter(|name| hf::knows(name)).count();
    if hf > official {
        return Ok(Naming::Hf);
    }
    if official > 0 {
        return Ok(Naming::Fb);
    }
    let first: Vec<&str> = tensors.keys().take(5).map(String::as_str).collect();
    Err(format!(
        "none of its {} tensors has a name of a masked autoencoder, official (`patch_embed.proj.weight`) or of Hugging \
         Face (`vit.embeddings.cls_token`); it begins with [{}]; give a file with an MAE's state dictionary",
        tensors.len(),
        first.join(", ")
    ))
}

/// Where a whole stack of blocks has no query-key-value bias, zeros are the same function.
fn add_zero_biases(tensors: &mut BTreeMap<String, Named>) {
    for stack in ["blocks.", "decoder_blocks."] {
        let in_stack = || tensors.iter().filter(|(name, _)| name.starts_with(stack));
        // `q_bias` and `v_bias` are another way to write a bias, so that zeros would be wrong.
        let has_bias = |name: &str| {
            ["attn.qkv.bias", "attn.q_bias", "attn.v_bias"]
                .iter()
                .any(|b| name.ends_with(b))
        };
        if in_stack().any(|(name, _)| has_bias(name)) {
            continue;
        }
        let zeros = |(name, weight): (&String, &Named)| {
            let block = name.strip_suffix("attn.qkv.weight")?;
            let rows = *weight.shape.first()?;
            let (shape, believable) = (vec![rows], rows <= weight.values.len());
            believable.then(|| {
                (
                    format!("{block}attn.qkv.bias"),
                    Named {
                        shape,
                        values: vec![0.0; rows],
                    },
                )
            })
        };
        let biases: Vec<(String, Named)> = in_stack().filter_map(zeros).collect();
        tensors.extend(biases);
    }
}

/// Gives tokens the shape `[1, 1, D]` and tables `[1, 1 + L, D]` where only ones in front are too many or too few.
fn lead_with_one(name: &str, tensor: &mut Named) {
    if !LEADING.contains(&name) {
        return;
    }
    let kept = if name.ends_with("token") { 1 } else { 2 };
    let Some(leading) = tensor.shape.len().checked_sub(kept) else {
        return;
    };
    if tensor.shape[..leading].iter().all(|n| *n == 1) {
        let mut shape = vec![1; 3 - kept];
        shape.extend_from_slice(&tensor.shape[leading..]);
        tensor.shape = shape;
    }
}

#[cfg(test)]
#[path = "naming_tests.rs"]
pub(super) mod tests;
