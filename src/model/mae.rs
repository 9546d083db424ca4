//! The masked autoencoder: an encoder that sees visible patches only, and a light decoder that predicts the hidden ones.
//!
//! Raw patches, positions and targets are gathered *before* anything is differentiated, and the decoder works in shuffled
//! order (visible tokens, then mask tokens, each with the position of its patch). Self-attention does not depend on the
//! order of tokens, so the numbers are those of the reference, but no gather needs a backward pass and the last layer is
//! computed for hidden patches alone.
//!
//! `N` batch, `L` patches, `K` visible, `M` hidden, `D` encoder width, `E` decoder width, `P` values of a patch.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::block::Block;
use super::init::Init;
use super::kernels::{self, Chosen};
use super::masks::MaskBatch;
use super::norm::Norm;
use super::patch;
use super::position::sin_cos;
use super::precision::widen;
use crate::spec::trial::{ModelSpec, Precision};

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
    /// Draws a model for a run seed. The specification must have been validated.
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
        let table = |width: usize| {
            let grid = spec.grid();
            Tensor::from_data(
                TensorData::new(sin_cos(grid.rows, grid.cols, width), [1 + grid.len(), width]),
                device,
            )
        };
        Self {
            patch_embed: init.patch_embedding("patch_embed.proj", values, d),
            cls_token: init.normal("cls_token", [1, 1, d], 0.02),
            blocks: blocks("blocks", spec.encoder_depth, d, spec.encoder_num_heads),
            norm: init.norm(d),
            decoder_embed: init.linear("decoder_embed", d, e),
            mask_token: init.normal("mask_token", [1, 1, e], 0.02),
            decoder_blocks: blocks("decoder_blocks", spec.decoder_depth, e, spec.decoder_num_heads),
            decoder_norm: init.norm(e),
            decoder_pred: init.linear("decoder_pred", e, values),
            pos_embed: table(d),
            decoder_pos_embed: table(e),
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

    /// The pre-training loss: mean squared error over the values of the hidden patches, a scalar.
    ///
    /// # Shapes
    /// images `[N, C, H, W]` → `[1]`.
    #[must_use]
    pub fn loss(&self, images: Tensor<4>, masks: &MaskBatch) -> Tensor<1> {
        let latent = self.encode_visible(images.clone(), masks);
        let hidden = self.decode(latent, masks).narrow(1, 1 + masks.visible, masks.hidden());
        self.error(self.linear(&self.decoder_pred, hidden), images, masks)
    }

    /// Latent, predictions and loss in one pass.
    ///
    /// # Shapes
    /// images `[N, C, H, W]`.
    #[must_use]
    pub fn forward(&self, images: Tensor<4>, masks: &MaskBatch) -> Outputs {
        let device = images.device();
        let latent = self.encode_visible(images.clone(), masks);
        let tokens = self.decode(latent.clone(), masks).narrow(1, 1, masks.patches);
        let shuffled = self.linear(&self.decoder_pred, tokens);
        let hidden = shuffled.clone().narrow(1, masks.visible, masks.hidden());
        Outputs {
            latent,
            pred: gather(shuffled, masks.restore_rows(&device), masks.n),
            loss: self.error(hidden, images, masks),
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
        let tokens = self.decode(latent, masks).narrow(1, 1, masks.patches);
        gather(
            self.linear(&self.decoder_pred, tokens),
            masks.restore_rows(&device),
            masks.n,
        )
    }

    /// Mean squared error of predictions for the hidden patches against their pixels, or against those normalised by their own
    /// statistics.
    ///
    /// # Shapes
    /// pred `[N, M, P]`, images `[N, C, H, W]` → `[1]`.
    fn error(&self, pred: Tensor<3>, images: Tensor<4>, masks: &MaskBatch) -> Tensor<1> {
        let hidden = self.chosen(masks.hidden_rows());
        kernels::patch_loss(pred, images, hidden, self.norm_pix_loss)
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
        let patches = patch::patchify(images, self.patch_size);
        let count = patches.dims()[1];
        let positions = self.pos_embed.clone().narrow(0, 1, count).unsqueeze::<3>();
        let raw = self.run_encoder(self.linear(&self.patch_embed, patches) + positions);
        Tokens {
            normed: self.norm.forward(raw.clone()),
            raw,
        }
    }

    /// Latent of the visible patches after the final norm, class token first, patches in shuffled order.
    ///
    /// # Shapes
    /// images `[N, C, H, W]` → `[N, 1 + K, D]`.
    #[must_use]
    pub fn encode_visible(&self, images: Tensor<4>, masks: &MaskBatch) -> Tensor<3> {
        let device = images.device();
        let visible = kernels::gather_patches(images, self.chosen(masks.visible_rows()));
        let positions = positions(&self.pos_embed, masks.ids_keep(&device), masks.n);
        self.norm
            .forward(self.run_encoder(self.linear(&self.patch_embed, visible) + positions))
    }

    fn run_encoder(&self, tokens: Tensor<3>) -> Tensor<3> {
        let n = tokens.dims()[0];
        let class = self.cls_token.val() + self.pos_embed.clone().narrow(0, 0, 1).unsqueeze::<3>();
        let x = Tensor::cat(vec![class.repeat_dim(0, n), tokens], 1);
        self.blocks.iter().fold(x, |x, block| block.forward(x, self.precision))
    }

    /// Decoder tokens after the final norm, class token first, patches in shuffled order.
    ///
    /// # Shapes
    /// latent `[N, 1 + K, D]` → `[N, 1 + L, E]`.
    fn decode(&self, latent: Tensor<3>, masks: &MaskBatch) -> Tensor<3> {
        let device = latent.device();
        let mask_tokens = self
            .mask_token
            .val()
            .expand([masks.n as i64, masks.hidden() as i64, -1]);
        let x = Tensor::cat(vec![self.linear(&self.decoder_embed, latent), mask_tokens], 1);
        let class = self
            .decoder_pos_embed
            .clone()
            .narrow(0, 0, 1)
            .unsqueeze::<3>()
            .repeat_dim(0, masks.n);
        let patches = positions(&self.decoder_pos_embed, masks.ids_shuffle(&device), masks.n);
        let x = x + Tensor::cat(vec![class, patches], 1);
        self.decoder_norm.forward(
            self.decoder_blocks
                .iter()
                .fold(x, |x, block| block.forward(x, self.precision)),
        )
    }
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
