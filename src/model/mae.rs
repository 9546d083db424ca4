//! The masked autoencoder: an encoder that sees visible patches only, and a light decoder that predicts the hidden ones.
//!
//! Raw patches, positions and targets are gathered *before* anything is differentiated, and the decoder works in shuffled
//! order (visible tokens, then mask tokens, each with the position of its patch). Self-attention does not depend on the
//! order of tokens, so the numbers are those of the reference, but no gather needs a backward pass and the last layer is
//! computed for hidden patches alone.
//!
//! `N` batch, `L` patches, `K` visible, `M` hidden, `D` encoder width, `E` decoder width, `P` values of a patch.

#[path = "decode.rs"]
mod decode;

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::block::Block;
use super::cross::CrossBlock;
use super::init::Init;
use super::kernels::{self, Chosen};
use super::masks::MaskBatch;
use super::norm::Norm;
use super::patch;
use super::position::sin_cos;
use super::precision::widen;
use crate::spec::trial::{Decoder, ModelSpec, Precision};

pub use decode::decoder_input;

/// Encoder and decoder with their fixed position tables.
#[derive(Module, Debug)]
pub struct Mae {
    patch_embed: Linear,
    cls_token: Param<Tensor<3>>,
    blocks: Vec<Block>,
    norm: Norm,
    decoder_embed: Linear,
    mask_token: Param<Tensor<3>>,
    decoder_blocks: Vec<Block>,
    /// In place of those where the decoder reads.
    decoder_cross_blocks: Vec<CrossBlock>,
    decoder_norm: Norm,
    decoder_pred: Linear,
    pos_embed: Tensor<2>,
    decoder_pos_embed: Tensor<2>,
    patch_size: usize,
    norm_pix_loss: bool,
    #[module(skip)]
    precision: Precision,
}

/// Tokens of the encoder for whole pictures.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Before the final norm, `[N, 1 + L, D]`, class token first.
    pub raw: Tensor<3>,
    /// After the final norm, `[N, 1 + L, D]`.
    pub normed: Tensor<3>,
}

/// Everything that a forward pass yields.
#[derive(Debug, Clone)]
pub struct Outputs {
    /// Visible patches after the final norm, class token first, patches in shuffled order, `[N, 1 + K, D]`.
    pub latent: Tensor<3>,
    /// Predictions for all patches in raster order, in the units of the target, `[N, L, P]`.
    pub pred: Tensor<3>,
    /// Mean squared error over the values of the hidden patches, `[1]`.
    pub loss: Tensor<1>,
}

impl Mae {
    /// Draws a model for a run seed, with nothing held fast. The specification must have been validated.
    #[must_use]
    pub fn new(spec: &ModelSpec, seed: u64, device: &Device) -> Self {
        let norm_eps = spec.norm_eps;
        let init = Init { seed, device, norm_eps };
        let (d, e, values) = (spec.embed_dim, spec.decoder_embed_dim, spec.patch_values());
        let blocks = |prefix: &str, depth: usize, width: usize, heads: usize| {
            let hidden = spec.mlp_width(width);
            (0..depth)
                .map(|i| Block::new(&init, &format!("{prefix}.{i}"), width, heads, hidden))
                .collect()
        };
        let cross = |i: usize| {
            let (name, heads) = (format!("decoder_cross_blocks.{i}"), spec.decoder_num_heads);
            CrossBlock::new(&init, &name, e, heads, spec.mlp_width(e))
        };
        let (mixing, reading) = match spec.decoder {
            Decoder::SelfAttention => (spec.decoder_depth, 0),
            Decoder::CrossAttention => (0, spec.decoder_depth),
        };
        Self {
            patch_embed: init.patch_embedding("patch_embed.proj", values, d),
            cls_token: init.normal("cls_token", [1, 1, d], 0.02),
            blocks: encoder_blocks(spec, &init),
            norm: init.norm(d),
            decoder_embed: init.linear("decoder_embed", d, e),
            mask_token: init.normal("mask_token", [1, 1, e], 0.02),
            decoder_blocks: blocks("decoder_blocks", mixing, e, spec.decoder_num_heads),
            decoder_cross_blocks: (0..reading).map(cross).collect(),
            decoder_norm: init.norm(e),
            decoder_pred: init.linear("decoder_pred", e, values),
            pos_embed: position_table(spec, d, device),
            decoder_pos_embed: position_table(spec, e, device),
            patch_size: spec.patch_size,
            norm_pix_loss: spec.norm_pix_loss,
            precision: Precision::F32,
        }
    }

    /// The same model, computing in other numbers from now on.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Numbers that it computes in.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The encoder, with a decoder of no blocks that is not to be asked.
    #[must_use]
    pub fn without_decoder(self) -> Self {
        Self {
            decoder_blocks: Vec::new(),
            decoder_cross_blocks: Vec::new(),
            ..self
        }
    }

    /// A layer outside blocks: f32 in and out, the product in the numbers that the model computes in.
    fn linear(&self, layer: &Linear, x: Tensor<3>) -> Tensor<3> {
        widen(kernels::linear(layer, self.precision.narrow(x)))
    }

    /// Whether targets are normalised patch by patch.
    #[must_use]
    pub fn normalises_targets(&self) -> bool {
        self.norm_pix_loss
    }

    /// The fixed position tables of encoder and decoder, class token's row first.
    ///
    /// # Shapes
    /// `[1 + L, D]` and `[1 + L, E]`.
    #[must_use]
    pub fn tables(&self) -> [&Tensor<2>; 2] {
        [&self.pos_embed, &self.decoder_pos_embed]
    }

    /// Replaces the position tables by others of the same shapes.
    #[must_use]
    pub fn with_tables(self, [pos_embed, decoder_pos_embed]: [Tensor<2>; 2]) -> Self {
        Self {
            pos_embed,
            decoder_pos_embed,
            ..self
        }
    }

    /// Side of a patch in pixels.
    #[must_use]
    pub fn patch_size(&self) -> usize {
        self.patch_size
    }

    /// The pre-training loss: mean squared error over the values of the hidden patches that training decodes, a scalar.
    ///
    /// # Shapes
    /// images `[N, C, H, W]` → `[1]`.
    #[must_use]
    pub fn loss(&self, images: Tensor<4>, masks: &MaskBatch) -> Tensor<1> {
        let latent = self.encode_visible(images.clone(), masks);
        self.error(self.predict_decoded(latent, masks), images, masks.decoded_rows())
    }

    /// Latent, predictions and loss in one pass.
    ///
    /// # Shapes
    /// images `[N, C, H, W]`.
    #[must_use]
    pub fn forward(&self, images: Tensor<4>, masks: &MaskBatch) -> Outputs {
        let device = images.device();
        let latent = self.encode_visible(images.clone(), masks);
        let tokens = self.decode(latent.clone(), masks, 0..masks.patches);
        let shuffled = self.linear(&self.decoder_pred, tokens);
        let hidden = shuffled.clone().narrow(1, masks.visible, masks.hidden());
        Outputs {
            latent,
            pred: gather(shuffled, masks.restore_rows(&device), masks.n),
            loss: self.error(hidden, images, masks.hidden_rows()),
        }
    }

    /// Predictions for all patches in raster order, in the units of the target.
    ///
    /// # Shapes
    /// images `[N, C, H, W]` → `[N, L, P]`.
    #[must_use]
    pub fn predict(&self, images: Tensor<4>, masks: &MaskBatch) -> Tensor<3> {
        let device = images.device();
        let latent = self.encode_visible(images, masks);
        let tokens = self.decode(latent, masks, 0..masks.patches);
        gather(
            self.linear(&self.decoder_pred, tokens),
            masks.restore_rows(&device),
            masks.n,
        )
    }

    /// Mean squared error of predictions for the patches `rows` of the batch against their pixels, or against those normalised
    /// by their own statistics.
    ///
    /// # Shapes
    /// pred `[N, M, P]`, images `[N, C, H, W]`, `N·M` rows → `[1]`.
    #[must_use]
    pub fn error(&self, pred: Tensor<3>, images: Tensor<4>, rows: Arc<[u32]>) -> Tensor<1> {
        kernels::patch_loss(pred, images, self.chosen(rows), self.norm_pix_loss)
    }

    /// The same of each patch, off the graph.
    ///
    /// # Shapes
    /// pred `[N, M, P]`, images `[N, C, H, W]`, `N·M` rows → `[N, M]`.
    #[must_use]
    pub fn errors(&self, pred: Tensor<3>, images: Tensor<4>, rows: Arc<[u32]>) -> Tensor<2> {
        let target = kernels::gather_patches(images.inner(), self.chosen(rows));
        let target = if self.norm_pix_loss {
            patch::normalise(target)
        } else {
            target
        };
        (pred.inner() - target).square().mean_dim(2).squeeze_dim::<2>(2)
    }

    fn chosen(&self, rows: Arc<[u32]>) -> Chosen {
        let side = self.patch_size;
        Chosen { rows, side }
    }

    /// Encoder tokens of whole pictures, nothing hidden.
    ///
    /// # Shapes
    /// `[N, C, H, W]` → twice `[N, 1 + L, D]`.
    #[must_use]
    pub fn encode(&self, images: Tensor<4>) -> Tokens {
        let raw = self.run_encoder(self.embed(images));
        Tokens {
            normed: self.norm.forward(raw.clone()),
            raw,
        }
    }

    /// How much the class token attends to each patch of whole pictures in the last block, averaged over the heads. It
    /// attends to itself too, so that the values of a picture add up to less than 1.
    ///
    /// # Shapes
    /// `[N, C, H, W]` → `[N, L]`.
    #[must_use]
    pub fn class_attention(&self, images: Tensor<4>) -> Tensor<2> {
        let x = self.with_class(self.embed(images));
        let (last, before) = self.blocks.split_last().expect("an encoder has a block");
        let x = before.iter().fold(x, |x, block| block.forward(x, self.precision));
        let row = last.first_row(x);
        let patches = row.dims()[1] - 1;
        row.narrow(1, 1, patches)
    }

    /// Embedded patches of whole pictures with their positions, `[N, L, D]`.
    fn embed(&self, images: Tensor<4>) -> Tensor<3> {
        let patches = patch::patchify(images, self.patch_size);
        let count = patches.dims()[1];
        let positions = self.pos_embed.clone().narrow(0, 1, count).unsqueeze::<3>();
        self.linear(&self.patch_embed, patches) + positions
    }

    /// Latent of the visible patches after the final norm, class token first, patches in shuffled order.
    ///
    /// # Shapes
    /// images `[N, C, H, W]` → `[N, 1 + K, D]`.
    #[must_use]
    pub fn encode_visible(&self, images: Tensor<4>, masks: &MaskBatch) -> Tensor<3> {
        self.encode_replacing(images, masks, None)
    }

    /// The same, with `token` in the place of the visible patches that [`MaskBatch::replaced`] names.
    ///
    /// # Shapes
    /// images `[N, C, H, W]`, token `[1, 1, D]` → `[N, 1 + K, D]`.
    #[must_use]
    pub fn encode_replacing(&self, images: Tensor<4>, masks: &MaskBatch, token: Option<Tensor<3>>) -> Tensor<3> {
        let device = images.device();
        let visible = kernels::gather_patches(images, self.chosen(masks.visible_rows()));
        let positions = positions(&self.pos_embed, masks.ids(0..masks.visible, &device), masks.n);
        let mut tokens = self.linear(&self.patch_embed, visible);
        if let Some((token, there)) = token.zip(masks.replaced(&device)) {
            tokens = tokens * there.clone().neg().add_scalar(1.0) + token * there;
        }
        self.norm.forward(self.run_encoder(tokens + positions))
    }

    fn run_encoder(&self, tokens: Tensor<3>) -> Tensor<3> {
        let x = self.with_class(tokens);
        self.blocks.iter().fold(x, |x, block| block.forward(x, self.precision))
    }

    fn with_class(&self, tokens: Tensor<3>) -> Tensor<3> {
        let n = tokens.dims()[0];
        let class = self.cls_token.val() + self.pos_embed.clone().narrow(0, 0, 1).unsqueeze::<3>();
        Tensor::cat(vec![class.repeat_dim(0, n), tokens], 1)
    }
}

/// The encoder's blocks; extra ones leave what passes them as it is at first.
fn encoder_blocks(spec: &ModelSpec, init: &Init<'_>) -> Vec<Block> {
    let (width, heads) = (spec.embed_dim, spec.encoder_num_heads);
    let block = |i| Block::new(init, &format!("blocks.{i}"), width, heads, spec.mlp_width(width));
    let extra = (spec.encoder_depth..spec.blocks()).map(|i| block(i).silenced());
    (0..spec.encoder_depth).map(block).chain(extra).collect()
}

/// The fixed position table of this width, class token's row first.
///
/// # Shapes
/// → `[1 + L, width]`.
#[must_use]
pub fn position_table(spec: &ModelSpec, width: usize, device: &Device) -> Tensor<2> {
    let grid = spec.grid();
    let values = sin_cos(grid.rows, grid.cols, width);
    Tensor::from_data(TensorData::new(values, [1 + grid.len(), width]), device)
}

/// Rows of `[N, L, X]` flattened to `N·L` rows, as `[N, rows / N, X]`.
fn gather(x: Tensor<3>, rows: Tensor<1, Int>, n: usize) -> Tensor<3> {
    let [_, patches, width] = x.dims();
    let count = rows.dims()[0] / n;
    x.reshape([n * patches, width])
        .select(0, rows)
        .reshape([n, count, width])
}

/// Positions of patches (the table's first row is the class token's), as `[N, ids / N, X]`.
fn positions(table: &Tensor<2>, ids: Tensor<1, Int>, n: usize) -> Tensor<3> {
    let width = table.dims()[1];
    let count = ids.dims()[0] / n;
    table.clone().select(0, ids.add_scalar(1)).reshape([n, count, width])
}
