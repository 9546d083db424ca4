//! Whether tensors fit a model: the names and shapes that it needs, and a table of what is missing, unexpected or of
//! another shape.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::naming::{is_decoder, is_official};
use crate::model::names::Named;
use crate::spec::trial::{Decoder, ModelSpec};

/// Rows of a table that are shown.
const MOST_ROWS: usize = 24;

/// What every encoder has.
const ESSENTIAL: [(&str, &str); 6] = [
    ("cls_token", "[1, 1, D]"),
    ("pos_embed", "[1, 1 + L, D]"),
    ("patch_embed.proj.weight", "[D, C, p, p]"),
    ("blocks.0.attn.qkv.weight", "[3·D, D]"),
    ("blocks.0.mlp.fc1.weight", "[hidden, D]"),
    ("norm.weight", "[D]"),
];

/// How names begin that stand inside the network.
const INSIDE: [&str; 10] = [
    "blocks.",
    "decoder_",
    "patch_embed.",
    "pos_embed",
    "cls_token",
    "mask_token",
    "norm.",
    "norm_pre.",
    "reg_token",
    "dist_token",
];

/// Official names of a model's tensors and their shapes.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// The tensors of the encoder of a model, position table included.
#[must_use]
pub fn encoder(spec: &ModelSpec) -> Shapes {
    let (d, p) = (spec.embed_dim, spec.patch_size);
    let mut shapes = Shapes::from([
        ("cls_token".to_string(), vec![1, 1, d]),
        ("pos_embed".to_string(), vec![1, 1 + spec.grid().len(), d]),
        ("patch_embed.proj.weight".to_string(), vec![d, spec.in_chans, p, p]),
        ("patch_embed.proj.bias".to_string(), vec![d]),
    ]);
    blocks(&mut shapes, "blocks", spec.blocks(), d, spec.mlp_width(d));
    pair(&mut shapes, "norm", &[d]);
    shapes
}

/// The tensors of the decoder of a model, position table included.
#[must_use]
pub fn decoder(spec: &ModelSpec) -> Shapes {
    let (d, e) = (spec.embed_dim, spec.decoder_embed_dim);
    let mut shapes = Shapes::from([
        ("mask_token".to_string(), vec![1, 1, e]),
        ("decoder_pos_embed".to_string(), vec![1, 1 + spec.grid().len(), e]),
    ]);
    pair(&mut shapes, "decoder_embed", &[e, d]);
    let hidden = spec.mlp_width(e);
    match spec.decoder {
        Decoder::SelfAttention => blocks(&mut shapes, "decoder_blocks", spec.decoder_depth, e, hidden),
        Decoder::CrossAttention => cross_blocks(&mut shapes, spec.decoder_depth, e, hidden),
    }
    pair(&mut shapes, "decoder_norm", &[e]);
    pair(&mut shapes, "decoder_pred", &[spec.patch_values(), e]);
    shapes
}

fn blocks(shapes: &mut Shapes, prefix: &str, depth: usize, width: usize, hidden: usize) {
    for i in 0..depth {
        pair(shapes, &format!("{prefix}.{i}.norm1"), &[width]);
        pair(shapes, &format!("{prefix}.{i}.attn.qkv"), &[3 * width, width]);
        pair(shapes, &format!("{prefix}.{i}.attn.proj"), &[width, width]);
        pair(shapes, &format!("{prefix}.{i}.norm2"), &[width]);
        pair(shapes, &format!("{prefix}.{i}.mlp.fc1"), &[hidden, width]);
        pair(shapes, &format!("{prefix}.{i}.mlp.fc2"), &[width, hidden]);
    }
}

fn cross_blocks(shapes: &mut Shapes, depth: usize, width: usize, hidden: usize) {
    for i in 0..depth {
        let prefix = format!("decoder_cross_blocks.{i}");
        pair(shapes, &format!("{prefix}.norm1"), &[width]);
        pair(shapes, &format!("{prefix}.attn.q"), &[width, width]);
        pair(shapes, &format!("{prefix}.attn.kv"), &[2 * width, width]);
        pair(shapes, &format!("{prefix}.attn.proj"), &[width, width]);
        pair(shapes, &format!("{prefix}.norm2"), &[width]);
        pair(shapes, &format!("{prefix}.mlp.fc1"), &[hidden, width]);
        pair(shapes, &format!("{prefix}.mlp.fc2"), &[width, hidden]);
    }
}

/// A layer's weight of this shape and its bias.
fn pair(shapes: &mut Shapes, name: &str, weight: &[usize]) {
    shapes.insert(format!("{name}.weight"), weight.to_vec());
    shapes.insert(format!("{name}.bias"), weight[..1].to_vec());
}

/// What does not fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Misfit {
    /// Needed and not there, with the shape needed in words.
    pub missing: Vec<(String, String)>,
    /// There and not needed.
    pub unexpected: Vec<(String, Vec<usize>)>,
    /// Of another shape: name, shape there, shape needed.
    pub shapes: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl Misfit {
    /// Compares tensors with the shapes that a model needs.
    #[must_use]
    pub fn new(tensors: &BTreeMap<String, Named>, wanted: &Shapes) -> Self {
        let mut misfit = Self::default();
        for (name, shape) in wanted {
            match tensors.get(name) {
                None => misfit.missing.push((name.clone(), format!("{shape:?}"))),
                Some(found) if found.shape != *shape => {
                    misfit.shapes.push((name.clone(), found.shape.clone(), shape.clone()));
                }
                Some(_) => {}
            }
        }
        let foreign = tensors.iter().filter(|(name, _)| !wanted.contains_key(*name));
        misfit.unexpected = foreign.map(|(name, t)| (name.clone(), t.shape.clone())).collect();
        misfit
    }

    /// Of tensors whose model cannot even be outlined: what every encoder has and is not there, and what no masked
    /// autoencoder has.
    #[must_use]
    pub fn foreign(tensors: &BTreeMap<String, Named>) -> Self {
        let missing = ESSENTIAL.iter().filter(|(name, _)| !tensors.contains_key(*name));
        let unexpected = tensors.iter().filter(|(name, _)| !is_official(name));
        Self {
            missing: missing
                .map(|(name, shape)| ((*name).to_string(), (*shape).to_string()))
                .collect(),
            unexpected: unexpected.map(|(name, t)| (name.clone(), t.shape.clone())).collect(),
            shapes: Vec::new(),
        }
    }

    /// Whether a model can be built all the same: tensors of a classifier's head do no harm. Tensors that change what the
    /// network computes (further blocks, layer scale, registers) do.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        let inside = |(name, _): &(String, Vec<usize>)| INSIDE.iter().any(|part| name.starts_with(part));
        self.missing.is_empty() && self.shapes.is_empty() && !self.unexpected.iter().any(inside)
    }

    /// One line of counts, a table, and the cure.
    #[must_use]
    pub fn table(&self) -> String {
        let (missing, unexpected, shapes) = (self.missing.len(), self.unexpected.len(), self.shapes.len());
        let mut text = format!("{missing} tensors missing, {unexpected} unexpected, {shapes} of another shape\n");
        let mut rows = Vec::new();
        rows.extend(
            self.shapes
                .iter()
                .map(|(name, found, wanted)| ("shape", name, format!("{found:?}, the model needs {wanted:?}"))),
        );
        rows.extend(
            self.missing
                .iter()
                .map(|(name, shape)| ("missing", name, shape.clone())),
        );
        rows.extend(
            self.unexpected
                .iter()
                .map(|(name, shape)| ("unexpected", name, format!("{shape:?}"))),
        );
        let width = rows
            .iter()
            .take(MOST_ROWS)
            .map(|(_, name, _)| name.chars().count())
            .max()
            .unwrap_or(0);
        for (kind, name, rest) in rows.iter().take(MOST_ROWS) {
            let _ = writeln!(text, "  {kind:<10}  {name:<width$}  {rest}");
        }
        if rows.len() > MOST_ROWS {
            let _ = writeln!(text, "  … and {} more", rows.len() - MOST_ROWS);
        }
        text + self.cure()
    }

    fn cure(&self) -> &'static str {
        if !self.shapes.is_empty() {
            "the model asked for is of another size than the weights: set the [model] keys to the weights' shapes, or name \
             other weights"
        } else if self.missing.is_empty() {
            "these tensors change what the network computes, so it is deeper than the model asked for, or no plain vision \
             transformer: set the [model] keys to the weights' sizes, or name other weights"
        } else if self.missing.iter().all(|(name, _)| is_decoder(name)) {
            "the decoder is there only in part: save the whole model again, or take the encoder alone with mae-exp model \
             convert --format timm"
        } else {
            "the file is partial or of another kind of model: name weights of a masked autoencoder, as .pth or safetensors \
             in official, timm or Hugging Face naming"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Mae;
    use crate::model::names;

    #[test]
    fn shapes_are_those_of_the_model() {
        #[cfg(feature = "flex")]
        for kind in [Decoder::SelfAttention, Decoder::CrossAttention] {
            let mut spec = crate::spec::model_part("nano").expect("a built-in part");
            spec.decoder = kind;
            let model = Mae::new(&spec, 0, &burn::tensor::Device::flex());
            let mut wanted = encoder(&spec);
            wanted.extend(decoder(&spec));
            assert_eq!(Misfit::new(&names::export(&model), &wanted), Misfit::default());
        }
    }

    #[test]
    fn the_table_names_what_does_not_fit() {
        let wanted = Shapes::from([("a".into(), vec![2, 3]), ("b".into(), vec![4])]);
        let tensor = |shape: Vec<usize>| Named {
            values: vec![0.0; shape.iter().product()],
            shape,
        };
        let tensors = BTreeMap::from([
            ("a".to_string(), tensor(vec![3, 2])),
            ("c".to_string(), tensor(vec![1])),
        ]);
        let misfit = Misfit::new(&tensors, &wanted);
        assert!(!misfit.is_harmless());
        let table = misfit.table();
        for part in [
            "1 tensors missing, 1 unexpected, 1 of another shape",
            "shape       a  [3, 2], the model needs [2, 3]",
            "missing     b  [4]",
            "unexpected  c  [1]",
        ] {
            assert!(table.contains(part), "{table}");
        }
    }
}
