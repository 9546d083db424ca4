//! The words of Hugging Face's ViTMAE for official tensors, both ways. Transformers has query, key and value apart;
//! the official rows are `[q; k; v]`. It has written its names in several ways: read are the classic ones, those that
//! version 5 has in memory (`layers.0.attention.q_proj`), and those that it saves (`decoder.decoder_encoder.layer.0`,
//! which version 4 does not read); written are the classic ones, which all versions read.

use std::collections::BTreeMap;

use super::naming::{is_decoder, is_encoder, is_official};
use crate::model::names::Named;

/// Names outside the blocks, without `vit.` and without the `.weight` or `.bias` that most of them have.
const OUTSIDE: [(&str, &str); 9] = [
    ("embeddings.cls_token", "cls_token"),
    ("embeddings.position_embeddings", "pos_embed"),
    ("embeddings.patch_embeddings.projection", "patch_embed.proj"),
    ("layernorm", "norm"),
    ("decoder.mask_token", "mask_token"),
    ("decoder.decoder_pos_embed", "decoder_pos_embed"),
    ("decoder.decoder_embed", "decoder_embed"),
    ("decoder.decoder_norm", "decoder_norm"),
    ("decoder.decoder_pred", "decoder_pred"),
];

/// What precedes a block's number, without `vit.`; the first for a stack is the classic one, which is written.
const STACKS: [(&str, &str); 5] = [
    ("encoder.layer.", "blocks."),
    ("layers.", "blocks."),
    ("decoder.decoder_layers.", "decoder_blocks."),
    ("decoder.decoder_encoder.layer.", "decoder_blocks."),
    ("decoder.layers.", "decoder_blocks."),
];

/// Names inside a block but for query, key and value; the first for an official one is the classic one.
const INSIDE: [(&str, &str); 8] = [
    ("attention.output.dense", "attn.proj"),
    ("attention.o_proj", "attn.proj"),
    ("intermediate.dense", "mlp.fc1"),
    ("mlp.fc1", "mlp.fc1"),
    ("output.dense", "mlp.fc2"),
    ("mlp.fc2", "mlp.fc2"),
    ("layernorm_before", "norm1"),
    ("layernorm_after", "norm2"),
];

/// Query, key and value inside a block in each way of writing; the first is the classic one.
const APART: [[&str; 3]; 3] = [
    [
        "attention.attention.query",
        "attention.attention.key",
        "attention.attention.value",
    ],
    ["attention.q_proj", "attention.k_proj", "attention.v_proj"],
    ["attention.query", "attention.key", "attention.value"],
];

/// The official name of a Hugging Face tensor.
#[derive(Debug, PartialEq)]
enum Meaning {
    /// The tensor as it is.
    Whole(String),
    /// Part 0, 1 or 2 (query, key, value) of a joined tensor. `siblings` are the names of all three in the file.
    Part {
        official: String,
        part: usize,
        siblings: [String; 3],
    },
}

/// Whether a name is one of Hugging Face's ViTMAE.
pub(super) fn knows(name: &str) -> bool {
    meaning(name).is_some()
}

/// Official names for Hugging Face's; unknown tensors keep their names.
///
/// # Errors
/// When one of query, key and value is missing or mis-shaped, or two tensors mean the same.
pub(super) fn to_official(tensors: BTreeMap<String, Named>) -> Result<BTreeMap<String, Named>, String> {
    let (mut official, mut parts) = (BTreeMap::new(), BTreeMap::new());
    for (name, tensor) in tensors {
        match meaning(&name) {
            Some(Meaning::Part {
                official,
                part,
                siblings,
            }) => {
                let (slots, _): &mut ([Option<Named>; 3], _) =
                    parts.entry(official).or_insert_with(|| ([const { None }; 3], siblings));
                if slots[part].replace(tensor).is_some() {
                    return Err(twice(&name));
                }
            }
            Some(Meaning::Whole(whole)) => insert(&mut official, whole, tensor, &name)?,
            None => insert(&mut official, name.clone(), tensor, &name)?,
        }
    }
    for (name, (slots, siblings)) in parts {
        let joined = join(slots, &siblings)?;
        insert(&mut official, name, joined, &siblings[0])?;
    }
    Ok(official)
}

/// Classic Hugging Face names for official ones; tensors that are not a masked autoencoder's are left out. A tensor
/// with a joined query, key and value that is not three equal parts stays under its official name.
pub(super) fn from_official(tensors: &BTreeMap<String, Named>) -> BTreeMap<String, Named> {
    let prefix = if tensors.keys().any(|name| is_decoder(name)) {
        "vit."
    } else {
        ""
    };
    let ours = tensors.iter().filter(|(name, _)| is_official(name));
    let foreign = ours.flat_map(|(name, tensor)| {
        let prefix = if is_encoder(name) { prefix } else { "" };
        let word = |(name, tensor): (String, Named)| (format!("{prefix}{name}"), tensor);
        let renamed = apart(name, tensor).or_else(|| Some(vec![(classic(name)?, tensor.clone())]));
        renamed.map_or_else(
            || vec![(name.clone(), tensor.clone())],
            |all| all.into_iter().map(word).collect(),
        )
    });
    foreign.collect()
}

fn meaning(name: &str) -> Option<Meaning> {
    let short = name.strip_prefix("vit.").unwrap_or(name);
    if let Some((stack, number, inside, official)) = in_block(short) {
        let start = &name[..name.len() - short.len()];
        let (word, kind) = inside.rsplit_once('.')?;
        if let Some((words, part)) = APART.iter().find_map(|w| Some((w, w.iter().position(|x| *x == word)?))) {
            let siblings = words.map(|word| format!("{start}{stack}{number}.{word}.{kind}"));
            let official = format!("{official}{number}.attn.qkv.{kind}");
            return weight_or_bias(kind).then_some(Meaning::Part {
                official,
                part,
                siblings,
            });
        }
        let (_, word) = INSIDE.iter().find(|(theirs, _)| *theirs == word)?;
        return weight_or_bias(kind).then(|| Meaning::Whole(format!("{official}{number}.{word}.{kind}")));
    }
    let whole = |(theirs, official): &(&str, &str)| match short.strip_prefix(theirs)? {
        "" => Some((*official).to_string()),
        kind @ (".weight" | ".bias") => Some(format!("{official}{kind}")),
        _ => None,
    };
    OUTSIDE.iter().find_map(whole).map(Meaning::Whole)
}

/// Splits `encoder.layer.0.rest` into the stack's name, the number, the rest and the official stack.
fn in_block(short: &str) -> Option<(&'static str, &str, &str, &'static str)> {
    let split = |(theirs, official): &(&'static str, &'static str)| {
        let (number, inside) = short.strip_prefix(theirs)?.split_once('.')?;
        let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        digits.then_some((*theirs, number, inside, *official))
    };
    STACKS.iter().find_map(split)
}

fn weight_or_bias(kind: &str) -> bool {
    matches!(kind, "weight" | "bias")
}

fn insert(to: &mut BTreeMap<String, Named>, name: String, tensor: Named, theirs: &str) -> Result<(), String> {
    to.insert(name, tensor).map_or(Ok(()), |_| Err(twice(theirs)))
}

fn twice(theirs: &str) -> String {
    format!("tensor {theirs} is in the file under another name as well; keep one of the two")
}

/// Query, key and value on top of one another.
fn join(slots: [Option<Named>; 3], names: &[String; 3]) -> Result<Named, String> {
    let mut parts = Vec::with_capacity(3);
    for (slot, name) in slots.into_iter().zip(names) {
        parts.push(slot.ok_or_else(|| {
            format!(
                "tensor {name} is missing: query, key and value are one tensor here and come together or not at all"
            )
        })?);
    }
    let shape = parts[0].shape.clone();
    if let Some((part, name)) = parts.iter().zip(names).find(|(part, _)| part.shape != shape) {
        let (found, first) = (&part.shape, &names[0]);
        return Err(format!(
            "tensor {name} has shape {found:?}, but {first} has {shape:?}; query, key and value must be alike"
        ));
    }
    let too_big = || format!("tensor {} has an impossible shape {shape:?}", names[0]);
    let rows = shape.first().and_then(|rows| rows.checked_mul(3)).ok_or_else(too_big)?;
    let mut shape = shape.clone();
    shape[0] = rows;
    let values = parts.into_iter().flat_map(|part| part.values).collect();
    Ok(Named { shape, values })
}

/// Splits a joined query, key and value; nothing for other tensors and for one that is not three equal parts.
fn apart(name: &str, tensor: &Named) -> Option<Vec<(String, Named)>> {
    let (stack, number, inside) = official_block(name)?;
    let kind = inside.strip_prefix("attn.qkv.").filter(|kind| weight_or_bias(kind))?;
    let rows = *tensor.shape.first()?;
    let third = tensor.values.len() / 3;
    if !rows.is_multiple_of(3) || !tensor.values.len().is_multiple_of(3) || third == 0 {
        return None;
    }
    let mut shape = tensor.shape.clone();
    shape[0] = rows / 3;
    let part = |(word, values): (&&str, &[f32])| {
        let (shape, values) = (shape.clone(), values.to_vec());
        (format!("{stack}{number}.{word}.{kind}"), Named { shape, values })
    };
    Some(
        APART[0]
            .iter()
            .zip(tensor.values.chunks_exact(third))
            .map(part)
            .collect(),
    )
}

/// The classic name, without `vit.`, of an official tensor that is not a joined query, key and value.
fn classic(name: &str) -> Option<String> {
    if let Some((stack, number, inside)) = official_block(name) {
        let (word, kind) = inside.rsplit_once('.')?;
        let (theirs, _) = INSIDE.iter().find(|(_, official)| *official == word)?;
        return Some(format!("{stack}{number}.{theirs}.{kind}"));
    }
    let whole = |(theirs, official): &(&str, &str)| match name.strip_prefix(official)? {
        kind @ ("" | ".weight" | ".bias") => Some(format!("{theirs}{kind}")),
        _ => None,
    };
    OUTSIDE.iter().find_map(whole)
}

/// Splits `blocks.0.rest` into the classic stack's name, the number and the rest.
fn official_block(name: &str) -> Option<(&'static str, &str, &str)> {
    let split = |(theirs, official): &(&'static str, &'static str)| {
        let (number, inside) = name.strip_prefix(official)?.split_once('.')?;
        Some((*theirs, number, inside))
    };
    STACKS.iter().find_map(split)
}

#[cfg(test)]
mod tests {
    use super::super::naming::tests::{fixture, model};
    use super::*;

    #[test]
    fn rows_of_a_joined_tensor_are_query_then_key_then_value() {
        let official = to_official(fixture("hf_classic/model.safetensors")).unwrap();
        let theirs = fixture("hf_classic/model.safetensors");
        let joined = &official["decoder_blocks.1.attn.qkv.bias"].values;
        for (at, part) in ["query", "key", "value"].iter().enumerate() {
            let name = format!("decoder.decoder_layers.1.attention.attention.{part}.bias");
            assert_eq!(joined[at * 24..][..24], theirs[&name].values, "{part}");
        }
    }

    #[test]
    fn a_missing_or_misshaped_part_is_named_as_the_file_would() {
        let whole = from_official(&model(2, Some(1)));
        for name in [
            "vit.encoder.layer.1.attention.attention.key.weight",
            "decoder.decoder_layers.0.attention.attention.value.bias",
        ] {
            let mut tensors = whole.clone();
            tensors.remove(name);
            let error = to_official(tensors).unwrap_err();
            assert!(error.contains(name) && error.contains("missing"), "{error}");
            let mut tensors = whole.clone();
            tensors.get_mut(name).unwrap().shape = vec![1, 2, 3];
            let error = to_official(tensors).unwrap_err();
            assert!(error.contains(name) && error.contains("[1, 2, 3]"), "{error}");
        }
        let parts = ["q_proj", "v_proj"].map(|part| {
            let weight = Named {
                shape: vec![1, 1],
                values: vec![1.0],
            };
            (format!("layers.0.attention.{part}.weight"), weight)
        });
        let error = to_official(parts.into()).unwrap_err();
        assert!(error.contains("layers.0.attention.k_proj.weight is missing"), "{error}");
    }

    #[test]
    fn two_names_for_one_tensor_are_an_error() {
        let whole = from_official(&model(1, Some(1)));
        for (name, again) in [
            ("vit.layernorm.bias", "layernorm.bias"),
            ("vit.layernorm.bias", "norm.bias"),
            (
                "vit.encoder.layer.0.layernorm_before.bias",
                "vit.layers.0.layernorm_before.bias",
            ),
            (
                "vit.encoder.layer.0.attention.attention.key.bias",
                "vit.layers.0.attention.k_proj.bias",
            ),
        ] {
            let mut tensors = whole.clone();
            tensors.insert(again.to_string(), tensors[name].clone());
            let error = to_official(tensors).unwrap_err();
            assert!(error.contains("under another name"), "{again}: {error}");
        }
    }

    #[test]
    fn absurd_shapes_do_not_overflow() {
        let parts = ["q_proj", "k_proj", "v_proj"].map(|part| {
            let shape = vec![usize::MAX, 0];
            (
                format!("layers.0.attention.{part}.weight"),
                Named { shape, values: vec![] },
            )
        });
        let error = to_official(parts.into()).unwrap_err();
        assert!(error.contains("impossible shape"), "{error}");
        let odd = Named {
            shape: vec![4],
            values: vec![1.0; 4],
        };
        let name = "blocks.0.attn.qkv.bias".to_string();
        let tensors = BTreeMap::from([(name, odd)]);
        assert_eq!(from_official(&tensors), tensors, "not three equal parts: kept");
    }
}
