//! What a `config.json` beside weights says that tensors do not tell: Hugging Face's, timm's and our own. Guessing is
//! not its business: where an absent key has a documented default in the program that wrote the file, that default
//! holds; elsewhere a fact stays unknown. Writing is `config_out`'s.

use serde_json::{Map, Value};

use super::facts::{Facts, Stated};
use crate::spec::trial::ImgSize;

/// `format` of our own files.
pub(super) const OURS: &str = "mae-exp";
/// Key under which a file that we wrote for another program says so.
pub(super) const GENERATED_BY: &str = "_generated_by";
/// Key under which we give timm's files the epsilon, which timm's own keys cannot say.
pub(super) const EPSILON: &str = "_layer_norm_eps";
/// LayerNorm's epsilon in every vision transformer of timm and of the official code.
pub(super) const REFERENCE_EPSILON: f64 = 1e-6;

/// A plain vision transformer of timm: what follows `vit_`, width, depth, heads, and the patch of its usual name.
pub(super) struct Known {
    pub(super) size: &'static str,
    pub(super) embed_dim: usize,
    pub(super) depth: usize,
    pub(super) num_heads: usize,
    /// Patch sizes for which timm 1.0 has an architecture of 224 pixels, the usual one first.
    pub(super) patches: &'static [usize],
}

/// Widths and heads of ViT (Dosovitskiy et al. 2021, table 1) and DeiT (Touvron et al. 2021, table 1).
pub(super) const KNOWN: [Known; 5] = [
    known("tiny", [192, 12, 3], &[16]),
    known("small", [384, 12, 6], &[16, 8, 32]),
    known("base", [768, 12, 12], &[16, 8, 32]),
    known("large", [1024, 24, 16], &[16, 14, 32]),
    known("huge", [1280, 32, 16], &[14]),
];

const fn known(size: &'static str, [embed_dim, depth, num_heads]: [usize; 3], patches: &'static [usize]) -> Known {
    Known {
        size,
        embed_dim,
        depth,
        num_heads,
        patches,
    }
}

/// timm's model arguments that change the arithmetic without leaving a trace in the tensors.
const UNSUPPORTED: [&str; 5] = ["act_layer", "norm_layer", "embed_layer", "block_fn", "mlp_layer"];

/// Why a `config.json` tells nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It belongs to something else; weights beside it may do without.
    #[error("{0}")]
    Foreign(String),
    /// It belongs to a model that cannot be read as one of ours, or is damaged.
    #[error("{0}")]
    Wrong(String),
}

impl From<String> for ConfigError {
    fn from(why: String) -> Self {
        Self::Wrong(why)
    }
}

/// Facts from the text of a `config.json`: our own, Hugging Face's ViTMAE, timm's, or a flat table that names heads.
///
/// # Errors
/// When the text is not JSON, belongs to another kind of model, or a value has a wrong type or is not supported.
pub fn facts_from_config(text: &str) -> Result<Facts, ConfigError> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    let Value::Object(config) = value else {
        return Err("it is not a JSON object".to_string().into());
    };
    let word = |key: &str| config.get(key).and_then(Value::as_str);
    let model_type = word("model_type").filter(|kind| *kind != "timm_wrapper");
    let foreign = |why: String| Err(ConfigError::Foreign(why));
    match (word("format"), model_type, word("architecture")) {
        (Some(OURS), _, _) => Ok(ours(&config)?),
        (Some(other), _, _) => foreign(format!("its format is `{other}`, not `{OURS}`")),
        (_, Some("vit_mae"), _) => Ok(hugging_face(&config)?),
        (_, Some(other), _) => Err(format!(
            "its model_type is `{other}`, not `vit_mae`: move the weights away from it if it is not theirs"
        )
        .into()),
        (_, _, Some(architecture)) => Ok(timm(&config, architecture)?),
        _ if HEADS.iter().any(|key| config.contains_key(*key)) => Ok(flat(&config)?),
        _ => foreign(unknown(&config)),
    }
}

/// Key of the share of hidden patches, ours as well as Hugging Face's.
pub(super) const MASK_RATIO: &str = "mask_ratio";

/// Keys under which encoder heads stand in circulation.
const HEADS: [&str; 3] = ["encoder_num_heads", "num_heads", "num_attention_heads"];

/// Facts from a flat table, such as a file's metadata: our keys of `[model]`, or the other names in circulation.
pub(super) fn flat(config: &Map<String, Value>) -> Result<Facts, String> {
    let first = |keys: &[&'static str]| {
        keys.iter()
            .copied()
            .find(|key| given(config, key).is_some())
            .unwrap_or(keys[0])
    };
    Ok(Facts {
        variant: text(config, "variant")?,
        img_size: size(config, first(&["img_size", "image_size", "input_size"]))?,
        encoder_num_heads: heads(config, first(&HEADS))?,
        decoder_num_heads: heads(config, first(&["decoder_num_heads", "decoder_num_attention_heads"]))?,
        norm_eps: epsilon(config, first(&["norm_eps", "layer_norm_eps"]))?,
        norm_pix_loss: flag(config, "norm_pix_loss")?,
        mask_ratio: share(config, MASK_RATIO)?,
        stated: Stated::default(),
    })
}

fn unknown(config: &Map<String, Value>) -> String {
    let keys: Vec<&str> = config.keys().take(8).map(String::as_str).collect();
    format!(
        "it is neither of mae-exp (`format`), of Hugging Face (`model_type`) nor of timm (`architecture`): its keys \
         are [{}]",
        keys.join(", ")
    )
}

fn ours(config: &Map<String, Value>) -> Result<Facts, String> {
    let model = config.get("model").and_then(Value::as_object);
    let model = model.ok_or("its `model` is not a table")?;
    Ok(Facts {
        mask_ratio: share(config, MASK_RATIO)?,
        ..own_model(model)?
    })
}

/// Facts from a `[model]` section, decoder keys perhaps left out.
pub(super) fn own_model(model: &Map<String, Value>) -> Result<Facts, String> {
    Ok(Facts {
        variant: text(model, "variant")?,
        img_size: size(model, "img_size")?,
        encoder_num_heads: heads(model, "encoder_num_heads")?,
        decoder_num_heads: heads(model, "decoder_num_heads")?,
        norm_eps: epsilon(model, "norm_eps")?,
        norm_pix_loss: flag(model, "norm_pix_loss")?,
        mask_ratio: None,
        stated: Stated {
            in_chans: heads(model, "in_chans")?,
            patch_size: heads(model, "patch_size")?,
            embed_dim: heads(model, "embed_dim")?,
            encoder_depth: heads(model, "encoder_depth")?,
            decoder_embed_dim: heads(model, "decoder_embed_dim")?,
            decoder_depth: heads(model, "decoder_depth")?,
        },
    })
}

/// Absent keys have the defaults of transformers' `ViTMAEConfig`, as they have when transformers reads the file.
fn hugging_face(config: &Map<String, Value>) -> Result<Facts, String> {
    if let Some(other) = text(config, "hidden_act")?.filter(|act| act != "gelu") {
        return Err(format!("its hidden_act is `{other}`; only `gelu` is supported"));
    }
    let default = Facts {
        variant: None,
        img_size: Some(square(224)),
        encoder_num_heads: Some(12),
        decoder_num_heads: Some(16),
        norm_eps: Some(1e-12),
        norm_pix_loss: Some(false),
        mask_ratio: Some(0.75),
        stated: Stated::default(),
    };
    let said = Facts {
        variant: None,
        img_size: size(config, "image_size")?,
        encoder_num_heads: heads(config, "num_attention_heads")?,
        decoder_num_heads: heads(config, "decoder_num_attention_heads")?,
        norm_eps: epsilon(config, "layer_norm_eps")?,
        norm_pix_loss: flag(config, "norm_pix_loss")?,
        mask_ratio: share(config, MASK_RATIO)?,
        stated: Stated {
            in_chans: heads(config, "num_channels")?,
            patch_size: heads(config, "patch_size")?,
            embed_dim: heads(config, "hidden_size")?,
            encoder_depth: heads(config, "num_hidden_layers")?,
            decoder_embed_dim: heads(config, "decoder_hidden_size")?,
            decoder_depth: heads(config, "decoder_num_hidden_layers")?,
        },
    };
    Ok(said.or(default))
}

/// `model_args` go before the pre-trained configuration, and that before what the architecture's name says.
fn timm(config: &Map<String, Value>, architecture: &str) -> Result<Facts, String> {
    let (none, name) = (Map::new(), plain_vit(architecture));
    let args = config.get("model_args").and_then(Value::as_object).unwrap_or(&none);
    refuse_unsupported(args)?;
    let pretrained = config.get("pretrained_cfg").and_then(Value::as_object).unwrap_or(&none);
    let num_heads = heads(args, "num_heads")?.or(name.map(|(known, _)| known.num_heads));
    if num_heads.is_none() {
        return Err(format!(
            "its architecture is `{architecture}`, whose attention heads are not known; known are \
             vit_{{tiny,small,base,large,huge}}_patchP_SIZE; add `num_heads` to its `model_args`"
        ));
    }
    let img_size = size(args, "img_size")?;
    let img_size = img_size.map_or_else(|| input_size(pretrained), |size| Ok(Some(size)))?;
    Ok(Facts {
        variant: name
            .filter(|_| args.is_empty())
            .map(|(known, _)| known.size.to_string()),
        img_size: img_size.or(name.map(|(_, side)| square(side))),
        encoder_num_heads: num_heads,
        norm_eps: epsilon(config, EPSILON)?.or(Some(REFERENCE_EPSILON)),
        stated: Stated {
            in_chans: heads(args, "in_chans")?,
            patch_size: heads(args, "patch_size")?,
            embed_dim: heads(args, "embed_dim")?,
            encoder_depth: heads(args, "depth")?,
            ..Stated::default()
        },
        ..Facts::default()
    })
}

fn refuse_unsupported(args: &Map<String, Value>) -> Result<(), String> {
    let given = |key: &&&str| args.get(**key).is_some_and(|value| !value.is_null());
    if let Some(key) = UNSUPPORTED.iter().find(given) {
        return Err(format!("its model_args set `{key}`, which is not supported"));
    }
    if flag(args, "class_token")? == Some(false) || flag(args, "no_embed_class")? == Some(true) {
        return Err("its model has no class token with a position, which every masked autoencoder has".to_string());
    }
    Ok(())
}

/// The known architecture and the pixels of `vit_base_patch16_224` or `vit_base_patch16_224.mae`.
fn plain_vit(architecture: &str) -> Option<(&'static Known, usize)> {
    let name = architecture.split('.').next()?;
    let (size, rest) = name.strip_prefix("vit_")?.split_once("_patch")?;
    let (patch, side) = rest.split_once('_')?;
    let number = |text: &str| text.parse::<usize>().ok().filter(|n| *n > 0);
    number(patch)?;
    Some((KNOWN.iter().find(|known| known.size == size)?, number(side)?))
}

fn square(side: usize) -> ImgSize {
    ImgSize {
        height: side,
        width: side,
    }
}

/// A key's value unless absent or null.
fn given<'a>(table: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    table.get(key).filter(|value| !value.is_null())
}

/// A key's value in the type that it must have.
fn typed<T>(
    table: &Map<String, Value>,
    key: &str,
    wanted: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Option<T>, String> {
    let value = given(table, key).map(|value| read(value).ok_or_else(|| format!("its {key} is {value}, not {wanted}")));
    value.transpose()
}

fn count(value: &Value) -> Option<usize> {
    let n = value.as_u64().and_then(|n| usize::try_from(n).ok())?;
    (1..=1 << 20).contains(&n).then_some(n)
}

fn heads(table: &Map<String, Value>, key: &str) -> Result<Option<usize>, String> {
    typed(table, key, "a whole number above 0", count)
}

fn text(table: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    typed(table, key, "a word", |value| value.as_str().map(str::to_string))
}

fn flag(table: &Map<String, Value>, key: &str) -> Result<Option<bool>, String> {
    typed(table, key, "true or false", Value::as_bool)
}

fn share(table: &Map<String, Value>, key: &str) -> Result<Option<f64>, String> {
    let inside = |value: &Value| value.as_f64().filter(|share| (0.0..1.0).contains(share));
    typed(table, key, "a number from 0 to below 1", inside)
}

fn epsilon(table: &Map<String, Value>, key: &str) -> Result<Option<f64>, String> {
    let positive = |value: &Value| value.as_f64().filter(|eps| eps.is_finite() && *eps > 0.0);
    typed(table, key, "a number above 0", positive)
}

fn size(table: &Map<String, Value>, key: &str) -> Result<Option<ImgSize>, String> {
    typed(
        table,
        key,
        "a number of pixels or [height, width]",
        |value| match value {
            Value::Array(sides) => pair(sides),
            side => count(side).map(square),
        },
    )
}

/// timm's `input_size`, `[channels, height, width]`.
fn input_size(table: &Map<String, Value>) -> Result<Option<ImgSize>, String> {
    typed(table, "input_size", "[channels, height, width]", |value| {
        let sides = value.as_array().filter(|sides| sides.len() == 3)?;
        pair(&sides[1..])
    })
}

fn pair(sides: &[Value]) -> Option<ImgSize> {
    let [height, width] = sides else {
        return None;
    };
    let (height, width) = (count(height)?, count(width)?);
    Some(ImgSize { height, width })
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
