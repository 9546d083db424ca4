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
        let (patches, values) = (spec.grid().len(), spec.patch_values());
        let (d, e) = (spec.embed_dim, spec.decoder_embed_dim);
        let encoder =
            |visible: usize| patches * values * d + spec.encoder_depth * block_macs(1 + visible, d, spec.mlp_width(d));
        let visible = mae_strategies::keep_count(patches, 0.75);
        let decoder = (1 + visible) * d * e
            + spec.decoder_depth * block_macs(1 + patches, e, spec.mlp_width(e))
            + (1 + patches) * e * values;
        let giga = |macs: usize| macs as f64 / 1e9;
        Self {
            encoder_full: giga(encoder(patches)),
            encoder_at_75: giga(encoder(visible)),
            decoder: giga(decoder),
            total_at_75: giga(encoder(visible) + decoder),
        }
    }
}
