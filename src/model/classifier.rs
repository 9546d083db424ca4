//! The encoder as a classifier, for fine-tuning: mean of the patch tokens, a fresh LayerNorm, a linear head.
//! It has no final norm, and its position table is trained. In training, branches are skipped at random (`drop_path`).
//!
//! Sources: MAE (He et al. 2021), appendix A.1; pooling, norm and initial values are the official fine-tuning recipe's.
//!
//! `N` batch, `C` channels, `H`, `W` picture, `L` patches, `D` width, `K` classes.

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};

use super::block::Block;
use super::drop_path::DropPath;
use super::init::Init;
use super::names::{self, NameError, Named};
use super::norm::Norm;
use super::patch;
use super::position::sin_cos;
use crate::spec::trial::{ModelSpec, Precision};

/// Standard deviation of the head's first weights. The recipe's law is a normal cut at ±2, that is at 100 000 standard
/// deviations, so that nothing is ever cut.
const HEAD_STD: f32 = 2e-5;

/// An encoder with a classification head. Its parameters have the official names of fine-tuned checkpoints.
#[derive(Module, Debug)]
pub struct Classifier {
    patch_embed: Linear,
    cls_token: Param<Tensor<3>>,
    pos_embed: Param<Tensor<3>>,
    blocks: Vec<Block>,
    fc_norm: Norm,
    head: Linear,
    patch_size: usize,
}

impl Classifier {
    /// Draws a classifier for a run seed. What it shares with [`super::Mae`] starts from the values that the masked
    /// autoencoder of the same seed starts from (the position table from the sine-cosine one), the head from
    /// N(0, 2e-5) with zero bias, `fc_norm` from scale 1 and shift 0.
    /// Every norm has the specification's epsilon, 1e-6 in the recipe.
    #[must_use]
    pub fn new(spec: &ModelSpec, classes: usize, seed: u64, device: &Device) -> Self {
        let norm_eps = spec.norm_eps;
        let init = Init { seed, device, norm_eps };
        let (d, grid) = (spec.embed_dim, spec.grid());
        let table = TensorData::new(sin_cos(grid.rows, grid.cols, d), [1, 1 + grid.len(), d]);
        let block = |i| {
            Block::new(
                &init,
                &format!("blocks.{i}"),
                d,
                spec.encoder_num_heads,
                spec.mlp_width(d),
            )
        };
        Self {
            patch_embed: init.patch_embedding("patch_embed.proj", spec.patch_values(), d),
            cls_token: init.normal("cls_token", [1, 1, d], 0.02),
            pos_embed: Param::from_tensor(Tensor::from_data(table, device)),
            blocks: (0..spec.blocks()).map(block).collect(),
            fc_norm: init.norm(d),
            head: Linear {
                weight: init.normal("head.weight", [d, classes], HEAD_STD),
                bias: Some(init.zeros([classes])),
            },
            patch_size: spec.patch_size,
        }
    }

    /// Puts a pre-trained encoder's tensors, under their official names, into this classifier. `fc_norm` and `head` stay
    /// as they are even where `tensors` has them; the encoder's final norm and a decoder are left alone. To continue a
    /// fine-tuned classifier, head included, use [`names::import_parameters`].
    ///
    /// A position table of another grid must have gone through [`super::position::interpolate`] first.
    ///
    /// # Errors
    /// When a tensor of the encoder, `pos_embed` `[1, 1 + L, D]` included, is missing or has another shape.
    pub fn with_encoder(self, mut tensors: BTreeMap<String, Named>) -> Result<Self, NameError> {
        let patch = self.patch_size;
        let fresh = [
            ("fc_norm", names::export_parameters(&self.fc_norm, patch)),
            ("head", names::export_parameters(&self.head, patch)),
        ];
        for (part, own) in fresh {
            tensors.extend(own.into_iter().map(|(name, tensor)| (format!("{part}.{name}"), tensor)));
        }
        names::import_parameters(self, patch, &tensors)
    }

    /// Side of a patch in pixels.
    #[must_use]
    pub fn patch_size(&self) -> usize {
        self.patch_size
    }

    /// Blocks.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// Tokens after the last block, class token first.
    ///
    /// # Shapes
    /// images `[N, C, H, W]` → `[N, 1 + L, D]`.
    #[must_use]
    pub fn tokens(&self, images: Tensor<4>) -> Tensor<3> {
        let x = self.embed(images);
        self.blocks.iter().fold(x, |x, block| block.forward(x, Precision::F32))
    }

    /// Patches and class token with their positions, `[N, 1 + L, D]`.
    fn embed(&self, images: Tensor<4>) -> Tensor<3> {
        let patches = self.patch_embed.forward(patch::patchify(images, self.patch_size));
        let class = self.cls_token.val().repeat_dim(0, patches.dims()[0]);
        Tensor::cat(vec![class, patches], 1) + self.pos_embed.val()
    }

    /// What the head reads: the mean of the patch tokens, class token left out, after `fc_norm`.
    ///
    /// # Shapes
    /// images `[N, C, H, W]` → `[N, D]`.
    #[must_use]
    pub fn features(&self, images: Tensor<4>) -> Tensor<2> {
        self.pool(self.tokens(images))
    }

    fn pool(&self, tokens: Tensor<3>) -> Tensor<2> {
        let count = tokens.dims()[1];
        self.fc_norm
            .forward(tokens.narrow(1, 1, count - 1).mean_dim(1).squeeze_dim::<2>(1))
    }

    /// Scores of the classes, before the softmax.
    ///
    /// # Shapes
    /// images `[N, C, H, W]` → `[N, K]`.
    #[must_use]
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.head.forward(self.features(images))
    }

    /// The same in training, where the branches that `dropped` names are skipped.
    ///
    /// # Shapes
    /// images `[N, C, H, W]` → `[N, K]`.
    ///
    /// # Panics
    /// When `dropped` was drawn for another number of pictures or blocks.
    #[must_use]
    pub fn forward_dropping(&self, images: Tensor<4>, dropped: &DropPath) -> Tensor<2> {
        self.head.forward(self.features_dropping(images, dropped))
    }

    /// What the head reads in training.
    ///
    /// # Shapes
    /// images `[N, C, H, W]` → `[N, D]`.
    pub(super) fn features_dropping(&self, images: Tensor<4>, dropped: &DropPath) -> Tensor<2> {
        let device = images.device();
        let blocks = self.blocks.iter().enumerate();
        self.pool(blocks.fold(self.embed(images), |x, (i, block)| {
            block.forward_scaled(x, dropped.factors(i, &device))
        }))
    }
}

/// Cross-entropy to soft targets, each row a distribution over the classes: `−Σ target · log softmax(logits)`, the mean
/// over the batch.
///
/// # Shapes
/// twice `[N, K]` → `[1]`.
#[must_use]
pub fn soft_cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    (targets * log_softmax(logits, 1)).sum_dim(1).mean().neg()
}
