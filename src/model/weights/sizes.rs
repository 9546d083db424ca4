//! The architecture that official tensors have. Heads are never inferred: tensors do not depend on their number, and
//! a guess from the width would give wrong numbers in silence.

use std::collections::{BTreeMap, BTreeSet};

use super::naming::is_decoder;
use crate::model::names::Named;

/// No dimension beyond this is taken for real.
const LARGEST: usize = 1 << 20;

/// Nor more blocks than this; a configuration takes no more.
const DEEPEST: usize = 1000;

/// How the blocks of a decoder that reads are called.
const CROSS: &str = "decoder_cross_blocks.";

/// What tensors say about their model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    /// Channels of a picture.
    pub in_chans: usize,
    /// Side of a patch in pixels.
    pub patch_size: usize,
    /// Encoder width.
    pub embed_dim: usize,
    /// Encoder blocks.
    pub encoder_depth: usize,
    /// Width inside the encoder's MLPs.
    pub mlp_hidden: usize,
    /// Patches of a picture, from the position table; absent without one.
    pub patches: Option<usize>,
    /// The decoder, if there is one.
    pub decoder: Option<DecoderSizes>,
}

/// What tensors say about the decoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderSizes {
    /// Width.
    pub embed_dim: usize,
    /// Blocks.
    pub depth: usize,
    /// Width inside the MLPs.
    pub mlp_hidden: usize,
    /// Whether it reads the visible tokens: the blocks have names of their own then.
    pub cross: bool,
}

/// Sizes of the model that these official tensors belong to. Other tensors are not looked at, and shapes only as far
/// as they tell a size: whether every tensor is there and fits is for the caller to list.
///
/// # Errors
/// When a tensor that tells a size is absent or of a wrong rank, sizes contradict each other or are absurd.
pub fn sizes(tensors: &BTreeMap<String, Named>) -> Result<Sizes, String> {
    let [embed_dim, in_chans, patch_size, width] = shape(tensors, "patch_embed.proj.weight", "[D, C, p, p]")?;
    if patch_size != width {
        return Err(format!(
            "tensor patch_embed.proj.weight has patches of {patch_size}x{width} pixels; only square ones are supported"
        ));
    }
    let decoder = tensors.keys().any(|name| is_decoder(name));
    Ok(Sizes {
        in_chans,
        patch_size,
        embed_dim,
        encoder_depth: depth(tensors, "blocks.")?,
        mlp_hidden: mlp_hidden(tensors, "blocks.", embed_dim)?,
        patches: patches(tensors, embed_dim)?,
        decoder: decoder.then(|| decoder_sizes(tensors, embed_dim)).transpose()?,
    })
}

fn decoder_sizes(tensors: &BTreeMap<String, Named>, encoder: usize) -> Result<DecoderSizes, String> {
    let name = "decoder_embed.weight";
    let [embed_dim, from] = shape(tensors, name, "[E, D]")?;
    agree(name, from, encoder)?;
    let cross = tensors.keys().any(|name| name.starts_with(CROSS));
    let stack = if cross { CROSS } else { "decoder_blocks." };
    Ok(DecoderSizes {
        embed_dim,
        depth: depth(tensors, stack)?,
        mlp_hidden: mlp_hidden(tensors, stack, embed_dim)?,
        cross,
    })
}

/// Patches from the rows of the position table, the first of which is the class token's.
fn patches(tensors: &BTreeMap<String, Named>, embed_dim: usize) -> Result<Option<usize>, String> {
    let name = "pos_embed";
    if !tensors.contains_key(name) {
        return Ok(None);
    }
    let [one, rows, width] = shape(tensors, name, "[1, 1 + L, D]")?;
    agree(name, width, embed_dim)?;
    if one != 1 || rows < 2 {
        return Err(format!(
            "tensor {name} has shape [{one}, {rows}, {width}], it needs [1, 1 + L, D] with a row for the class token \
             and one for each of the patches"
        ));
    }
    Ok(Some(rows - 1))
}

fn mlp_hidden(tensors: &BTreeMap<String, Named>, stack: &str, embed_dim: usize) -> Result<usize, String> {
    let name = format!("{stack}0.mlp.fc1.weight");
    let [hidden, from] = shape(tensors, &name, "[hidden, width]")?;
    agree(&name, from, embed_dim)?;
    Ok(hidden)
}

/// Blocks of a stack, counted to the last one: which of them are missing is told when the tensors are compared.
fn depth(tensors: &BTreeMap<String, Named>, stack: &str) -> Result<usize, String> {
    let mut numbers = BTreeSet::new();
    for rest in tensors.keys().filter_map(|name| name.strip_prefix(stack)) {
        let number = rest.split('.').next().unwrap_or_default();
        let parsed = number.parse::<usize>().ok().filter(|n| n.to_string() == number);
        numbers
            .insert(parsed.ok_or_else(|| format!("tensor {stack}{rest} has no block number where one is expected"))?);
    }
    match numbers.last() {
        None => Err(format!("there are no blocks: no tensor is called {stack}0.…")),
        Some(last) if *last >= DEEPEST => Err(format!("block {stack}{last} cannot be right: {DEEPEST} are supported")),
        Some(last) => Ok(last + 1),
    }
}

/// The dimensions of a tensor of known rank, all within reason.
fn shape<const R: usize>(tensors: &BTreeMap<String, Named>, name: &str, wanted: &str) -> Result<[usize; R], String> {
    let Some(tensor) = tensors.get(name) else {
        return Err(format!(
            "tensor {name} is missing; without it the model's size is unknown"
        ));
    };
    let found = &tensor.shape;
    let rank = || format!("tensor {name} has shape {found:?}, it needs {wanted}");
    let shape: [usize; R] = found.as_slice().try_into().map_err(|_| rank())?;
    match shape.iter().find(|n| **n == 0 || **n > LARGEST) {
        Some(n) => Err(format!(
            "tensor {name} has shape {found:?}: a dimension of {n} cannot be right"
        )),
        None => Ok(shape),
    }
}

fn agree(name: &str, found: usize, width: usize) -> Result<(), String> {
    if found == width {
        return Ok(());
    }
    Err(format!(
        "tensor {name} is for a width of {found}, but the model's is {width}"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::naming::tests::{fixture, model};
    use super::*;

    #[test]
    fn sizes_of_the_fixture() {
        let full = Sizes {
            in_chans: 3,
            patch_size: 8,
            embed_dim: 40,
            encoder_depth: 3,
            mlp_hidden: 160,
            patches: Some(16),
            decoder: Some(DecoderSizes {
                embed_dim: 24,
                depth: 2,
                mlp_hidden: 96,
                cross: false,
            }),
        };
        assert_eq!(sizes(&fixture("weights_fb.safetensors")).unwrap(), full);
        let encoder = Sizes { decoder: None, ..full };
        assert_eq!(sizes(&fixture("timm_encoder.safetensors")).unwrap(), encoder);
    }

    #[test]
    fn twelve_blocks_are_counted_as_numbers() {
        let sizes = sizes(&model(12, Some(11))).unwrap();
        assert_eq!((sizes.encoder_depth, sizes.decoder.unwrap().depth), (12, 11));
    }

    /// Changes one tensor of a good model, or takes it away, and gives the error.
    fn broken(name: &str, shape: Option<&[usize]>) -> String {
        let mut tensors = model(2, Some(1));
        match shape {
            Some(shape) => tensors.get_mut(name).unwrap().shape = shape.to_vec(),
            None => assert!(tensors.remove(name).is_some()),
        }
        sizes(&tensors).unwrap_err()
    }

    #[test]
    fn every_mistake_names_its_tensor() {
        let huge = usize::MAX;
        for (name, shape, says) in [
            ("patch_embed.proj.weight", None, "is missing"),
            ("patch_embed.proj.weight", Some(&[4, 4][..]), "it needs [D, C, p, p]"),
            ("patch_embed.proj.weight", Some(&[4, 1, 2, 3]), "2x3 pixels"),
            ("patch_embed.proj.weight", Some(&[4, 0, 2, 2]), "dimension of 0"),
            ("patch_embed.proj.weight", Some(&[huge, 1, 2, 2]), "cannot be right"),
            ("pos_embed", Some(&[1, 1, 4]), "1 + L"),
            ("pos_embed", Some(&[2, 5, 4]), "1 + L"),
            ("pos_embed", Some(&[5, 4]), "1 + L"),
            ("pos_embed", Some(&[1, 5, 6]), "for a width of 6"),
            ("pos_embed", Some(&[1, huge, 4]), "cannot be right"),
            ("blocks.0.mlp.fc1.weight", Some(&[12]), "[hidden, width]"),
            ("blocks.0.mlp.fc1.weight", Some(&[12, 5]), "for a width of 5"),
            ("blocks.0.mlp.fc1.weight", None, "is missing"),
            ("decoder_embed.weight", None, "is missing"),
            ("decoder_embed.weight", Some(&[2, 3]), "for a width of 3"),
            ("decoder_blocks.0.mlp.fc1.weight", Some(&[]), "[hidden, width]"),
        ] {
            let error = broken(name, shape);
            assert!(
                error.contains(name) && error.contains(says),
                "{name} {shape:?}: {error}"
            );
        }
    }

    #[test]
    fn odd_numbers_of_blocks_are_errors_and_gaps_are_counted() {
        let with = |name: &str| {
            let mut tensors = model(2, Some(1));
            let one = Named {
                shape: vec![1],
                values: vec![1.0],
            };
            tensors.insert(name.to_string(), one);
            sizes(&tensors).unwrap_err()
        };
        let error = with(&format!("blocks.{}.norm1.bias", usize::MAX));
        assert!(error.contains("cannot be right"), "{error}");
        for name in [
            "blocks.x.norm1.bias",
            "blocks.01.norm1.bias",
            "blocks.99999999999999999999.b",
            "blocks.",
        ] {
            let error = with(name);
            assert!(error.contains(name) && error.contains("no block number"), "{error}");
        }
        let error = sizes(&model(0, None)).unwrap_err();
        assert!(error.contains("no blocks"), "{error}");
        let mut gap = model(3, None);
        gap.retain(|name, _| !name.starts_with("blocks.1."));
        assert_eq!(sizes(&gap).unwrap().encoder_depth, 3);
    }

    #[test]
    fn a_table_of_positions_may_be_absent() {
        let mut tensors = model(1, None);
        tensors.remove("pos_embed");
        assert_eq!(sizes(&tensors).unwrap().patches, None);
    }
}
