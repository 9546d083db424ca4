//! Parameter counts and cost of a model, from its specification alone: nothing is allocated.

use serde::Serialize;

use crate::spec::trial::ModelSpec;

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

impl ModelInfo {
    /// Computes the figures.
    #[must_use]
    pub fn new(spec: &ModelSpec) -> Self {
        let grid = spec.grid();
        let (patches, values) = (grid.len(), spec.patch_values());
        let (d, e) = (spec.embed_dim, spec.decoder_embed_dim);
        let table = (1 + patches) * d;
        let decoder_table = (1 + patches) * e;
        let encoder = values * d + d + d + spec.encoder_depth * block_params(d, spec.mlp_width(d)) + 2 * d;
        let decoder =
            d * e + e + e + spec.decoder_depth * block_params(e, spec.mlp_width(e)) + 2 * e + e * values + values;
        Self {
            variant: spec.variant.clone(),
            encoder_params: encoder + table,
            total_params: encoder + table + decoder + decoder_table,
            trainable_params: encoder + decoder,
            grid: [grid.rows, grid.cols],
            patches,
            patch_values: values,
            gmacs: Gmacs::new(spec),
            model: spec.clone(),
        }
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
    let blocks = spec.encoder_depth * block_macs(1 + visible, d, spec.mlp_width(d));
    (patches * spec.patch_values() * d + blocks) as f64 / 1e9
}

/// The same of the decoder.
#[must_use]
pub fn decoder_gmacs(spec: &ModelSpec, hidden: f64) -> f64 {
    let (patches, e) = (spec.grid().len(), spec.decoder_embed_dim);
    let visible = mae_strategies::keep_count(patches, hidden);
    let blocks = spec.decoder_depth * block_macs(1 + patches, e, spec.mlp_width(e));
    ((1 + visible) * spec.embed_dim * e + blocks + (1 + patches) * e * spec.patch_values()) as f64 / 1e9
}
