//! Parameter counts and cost of a model, from its specification alone: nothing is allocated.

use serde::Serialize;

use crate::spec::trial::{Decoder, ModelSpec};

/// Figures of a model. Totals include the fixed position tables, as the reference's do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelInfo {
    /// Name of the variant.
    pub variant: String,
    /// Parameters of the encoder with its position table.
    pub encoder_params: usize,
    /// Parameters of encoder and decoder with both position tables.
    pub total_params: usize,
    /// Parameters that training changes.
    pub trainable_params: usize,
    /// Rows and columns of patches.
    pub grid: [usize; 2],
    /// Patches of a picture.
    pub patches: usize,
    /// Values of a patch.
    pub patch_values: usize,
    /// Billions of multiply-accumulates of one forward pass of one picture.
    pub gmacs: Gmacs,
    /// The whole `[model]` section.
    pub model: ModelSpec,
}

/// Multiply-accumulates of one forward pass of one picture, in billions (10⁹).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gmacs {
    /// Encoder with nothing hidden.
    pub encoder_full: f64,
    /// Encoder with 75 % hidden.
    pub encoder_at_75: f64,
    /// Decoder.
    pub decoder: f64,
    /// Encoder with 75 % hidden, and decoder.
    pub total_at_75: f64,
}

fn block_params(width: usize, hidden: usize) -> usize {
    let norms = 4 * width;
    let attention = width * 3 * width + 3 * width + width * width + width;
    let mlp = width * hidden + hidden + hidden * width + width;
    norms + attention + mlp
}

fn block_macs(tokens: usize, width: usize, hidden: usize) -> usize {
    tokens * (4 * width * width + 2 * width * hidden) + 2 * tokens * tokens * width
}

/// `asked` tokens that read `read` others.
fn cross_macs(asked: usize, read: usize, width: usize, hidden: usize) -> usize {
    let layers = asked * (2 * width * width + 2 * width * hidden) + read * 2 * width * width;
    layers + 2 * asked * read * width
}

impl ModelInfo {
    /// Computes the figures.
    #[must_use]
    pub fn new(spec: &ModelSpec) -> Self {
        let grid = spec.grid();
        let (patches, values) = (grid.len(), spec.patch_values());
        let (d, e) = (spec.embed_dim, spec.decoder_embed_dim);
        let table = (1 + patches) * d;
        let decoder_table = (1 + patches) * e;
        let parts = Parts::of(spec);
        let (encoder, decoder) = (parts.encoder(), parts.decoder());
        Self {
            variant: spec.variant.clone(),
            encoder_params: encoder + table,
            total_params: encoder + table + decoder + decoder_table,
            trainable_params: parts.trained(spec),
            grid: [grid.rows, grid.cols],
            patches,
            patch_values: values,
            gmacs: Gmacs::new(spec),
            model: spec.clone(),
        }
    }
}

/// Parameters of the parts that `model.freeze` tells apart.
struct Parts {
    /// Patch embedding and class token.
    embed: usize,
    /// Each of the encoder's.
    blocks: Vec<usize>,
    norm: usize,
    /// Each of the decoder's.
    decoder_blocks: Vec<usize>,
    /// The decoder without its blocks.
    decoder_rest: usize,
}

impl Parts {
    fn of(spec: &ModelSpec) -> Self {
        let (d, e, values) = (spec.embed_dim, spec.decoder_embed_dim, spec.patch_values());
        Self {
            embed: values * d + d + d,
            blocks: vec![block_params(d, spec.mlp_width(d)); spec.blocks()],
            norm: 2 * d,
            decoder_blocks: vec![block_params(e, spec.mlp_width(e)); spec.decoder_depth],
            decoder_rest: d * e + e + e + 2 * e + e * values + values,
        }
    }

    fn encoder(&self) -> usize {
        self.embed + self.blocks.iter().sum::<usize>() + self.norm
    }

    fn decoder(&self) -> usize {
        self.decoder_blocks.iter().sum::<usize>() + self.decoder_rest
    }

    fn trained(&self, spec: &ModelSpec) -> usize {
        let moves = |name: &str| !spec.freeze.holds(name, spec);
        let stack = |prefix: &str, blocks: &[usize]| -> usize {
            let moving = blocks.iter().enumerate();
            let moving = moving.filter(|(i, _)| moves(&format!("{prefix}.{i}")));
            moving.map(|(_, count)| count).sum()
        };
        let singles = [
            ("patch_embed", self.embed),
            ("norm", self.norm),
            ("decoder_pred", self.decoder_rest),
        ];
        let singles = singles.iter().filter(|(name, _)| moves(name)).map(|(_, count)| count);
        singles.sum::<usize>() + stack("blocks", &self.blocks) + stack("decoder_blocks", &self.decoder_blocks)
    }
}

impl Gmacs {
    fn new(spec: &ModelSpec) -> Self {
        let encoder = encoder_gmacs(spec, 0.75);
        let decoder = decoder_gmacs(spec, 0.75);
        Self {
            encoder_full: encoder_gmacs(spec, 0.0),
            encoder_at_75: encoder,
            decoder,
            total_at_75: encoder + decoder,
        }
    }
}

/// Billions of multiply-accumulates of the encoder's forward pass of one picture of which this share is hidden.
#[must_use]
pub fn encoder_gmacs(spec: &ModelSpec, hidden: f64) -> f64 {
    let (patches, d) = (spec.grid().len(), spec.embed_dim);
    let visible = mae_strategies::keep_count(patches, hidden);
    let blocks = spec.blocks() * block_macs(1 + visible, d, spec.mlp_width(d));
    (patches * spec.patch_values() * d + blocks) as f64 / 1e9
}

/// The same of the decoder.
#[must_use]
pub fn decoder_gmacs(spec: &ModelSpec, hidden: f64) -> f64 {
    partial_decoder_gmacs(spec, hidden, 1.0)
}

/// The same where it decodes this share of the hidden patches alone.
#[must_use]
pub fn partial_decoder_gmacs(spec: &ModelSpec, hidden: f64, decoded: f64) -> f64 {
    let (patches, e) = (spec.grid().len(), spec.decoder_embed_dim);
    let visible = mae_strategies::keep_count(patches, hidden);
    let (read, asked) = (1 + visible, super::partial::decoded(patches - visible, decoded));
    let (block, out) = match spec.decoder {
        Decoder::SelfAttention => (block_macs(read + asked, e, spec.mlp_width(e)), read + asked),
        Decoder::CrossAttention => (cross_macs(asked, read, e, spec.mlp_width(e)), asked),
    };
    (read * spec.embed_dim * e + spec.decoder_depth * block + out * e * spec.patch_values()) as f64 / 1e9
}

/// How often a backward pass computes what the forward pass did, in encoder and decoder: twice where parameters are trained
/// (their gradients and those of what went in), once where gradients only pass through, not at all below the lowest
/// trained parameter. Counted by blocks.
#[must_use]
pub fn backward_shares(spec: &ModelSpec) -> [f64; 2] {
    let held = |name: &str| spec.freeze.holds(name, spec);
    let stack = |prefix: &str, depth: usize, mut reached: bool| {
        let mut sum = 0.0;
        for block in 0..depth {
            let frozen = held(&format!("{prefix}.{block}"));
            reached |= !frozen;
            sum += f64::from(u8::from(reached)) + f64::from(u8::from(!frozen));
        }
        (sum / depth.max(1) as f64, reached)
    };
    let (encoder, reached) = stack("blocks", spec.blocks(), !held("patch_embed"));
    let reached = reached || !held("norm") || !held("decoder_embed");
    let (decoder, _) = stack("decoder_blocks", spec.decoder_depth, reached);
    [encoder, decoder]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_not_counted_and_costs_less() {
        let mut spec = crate::spec::model_part("nano").unwrap();
        let (all, shares) = (ModelInfo::new(&spec).trainable_params, backward_shares(&spec));
        assert_eq!(shares, [2.0, 2.0]);
        let mut with = |freeze: &str, extra: usize| {
            (spec.freeze, spec.extra_blocks) = (crate::spec::Freeze::parse(freeze).unwrap(), extra);
            (ModelInfo::new(&spec).trainable_params, backward_shares(&spec))
        };
        let block = 4 * 64 + (64 * 192 + 192) + (64 * 64 + 64) + (64 * 256 + 256) + (256 * 64 + 64);
        let embed = 192 * 64 + 64 + 64;
        assert_eq!(with("", 2), (all + 2 * block, [2.0, 2.0]));
        assert_eq!(with("encoder", 0), (all - embed - 3 * block - 128, [0.0, 2.0]));
        assert_eq!(with("encoder", 2), (all - embed - block, [0.8, 2.0]));
        assert_eq!(with("encoder[..2]", 0), (all - 2 * block, [4.0 / 3.0, 2.0]));
        assert_eq!(
            with("patch_embed, encoder[..2]", 0),
            (all - embed - 2 * block, [2.0 / 3.0, 2.0])
        );
        assert_eq!(with("decoder", 0).1, [2.0, 1.0]);
        let decoder = 4 * 48 + (48 * 144 + 144) + (48 * 48 + 48) + (48 * 192 + 192) + (192 * 48 + 48);
        assert_eq!(with("decoder[0..1]", 0), (all - decoder, [2.0, 1.0]));
    }

    #[test]
    fn less_is_computed_where_less_is_decoded() {
        let mut spec = crate::spec::model_part("base").unwrap();
        let near = |got: f64, want: usize| assert!((got * 1e9 - want as f64).abs() < 1.0, "{got} is not {want}");
        let (d, e, h, p) = (768, 512, 2048, 768);
        let mixed = |tokens: usize| tokens * (4 * e * e + 2 * e * h) + 2 * tokens * tokens * e;
        near(decoder_gmacs(&spec, 0.75), 50 * d * e + 8 * mixed(197) + 197 * e * p);
        let some = partial_decoder_gmacs(&spec, 0.75, 0.25);
        near(some, 50 * d * e + 8 * mixed(87) + 87 * e * p);
        spec.decoder = Decoder::CrossAttention;
        let block = 37 * (2 * e * e + 2 * e * h) + 50 * 2 * e * e + 2 * 37 * 50 * e;
        near(
            partial_decoder_gmacs(&spec, 0.75, 0.25),
            50 * d * e + 8 * block + 37 * e * p,
        );
    }
}
