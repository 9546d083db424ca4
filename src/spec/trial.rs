//! What one trial is made of, fully resolved: every key has a value and every value a type.
//! It is the contract between what users write (`spec`) and what runs (`data`, `model`, `train`, `eval`).
//! It must not read files, environment or clock, and knows nothing about sweeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::column::Column;
use super::freeze::Freeze;
pub use super::lpips::LpipsNet;
use super::protocols::{AttentiveSpec, FinetuneSpec};
use super::ramp::Ramp;
pub use super::tasks::{ClusteringSpec, EvalTask, LinearSpec, LogisticSpec, ProbeOptimiser, RetrievalSpec};

/// A parameter of a masking strategy, as written under `[mask]`.
pub use mae_strategies::Value as MaskValue;

/// One trial: the six sections of a configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialSpec {
    /// Network architecture and reconstruction target.
    pub model: ModelSpec,
    /// Which patches are hidden during training.
    pub mask: MaskSpec,
    /// Where pictures come from and how they are augmented.
    pub data: DataSpec,
    /// Optimiser, schedule and cadence.
    pub train: TrainSpec,
    /// How the trained encoder is judged.
    pub eval: EvalSpec,
    /// Run seed: every random draw is a function of it.
    pub seed: u64,
}

/// `[model]`: the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Name of the variant, for tables.
    pub variant: String,
    /// Picture height and width in pixels; each a multiple of `patch_size`.
    pub img_size: ImgSize,
    /// Side of a square patch in pixels.
    pub patch_size: usize,
    /// Channels: 1 (grey) or 3 (RGB).
    pub in_chans: usize,
    /// Encoder width `D`.
    pub embed_dim: usize,
    /// Encoder blocks, without the extra ones.
    pub encoder_depth: usize,
    /// Encoder attention heads; divides `embed_dim`.
    pub encoder_num_heads: usize,
    /// Decoder width.
    pub decoder_embed_dim: usize,
    /// Decoder blocks.
    pub decoder_depth: usize,
    /// Decoder attention heads; divides `decoder_embed_dim`.
    pub decoder_num_heads: usize,
    /// How the decoder uses the encoder's tokens.
    #[serde(default)]
    pub decoder: Decoder,
    /// Hidden width of the MLP over its input width.
    pub mlp_ratio: f64,
    /// Normalise each target patch by its own mean and variance.
    pub norm_pix_loss: bool,
    /// LayerNorm's epsilon, in every layer.
    #[serde(default = "reference_norm_eps")]
    pub norm_eps: f64,
    /// File of weights to start from, in any naming that can be read; drawn from the seed when absent. The path is not
    /// part of a trial's identity, the digest of the weights is.
    #[serde(default)]
    pub init: Option<String>,
    /// Parts that training leaves as they are.
    #[serde(default)]
    pub freeze: Freeze,
    /// Further encoder blocks after those, before the final norm. They leave what passes them as it is until they are trained.
    #[serde(default)]
    pub extra_blocks: usize,
}

/// How a decoder uses the encoder's tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decoder {
    /// Visible and mask tokens attend to each other, as in the reference.
    #[default]
    #[serde(rename = "self")]
    SelfAttention,
    /// Mask tokens attend to visible ones alone (CrossMAE).
    #[serde(rename = "cross")]
    CrossAttention,
}

/// Picture size: written as one number (square) or `[height, width]`; its serde is in `img_size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImgSize {
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
}

/// `[mask]`: the masking strategy of training.
#[derive(Debug, Clone, PartialEq)]
pub struct MaskSpec {
    /// Registry id.
    pub strategy: String,
    /// Share of the patches hidden, in (0, 1).
    pub ratio: f64,
    /// The strategy's own parameters; those not given take the strategy's defaults. Those of a mixture's member are called
    /// `member.parameter`.
    pub params: BTreeMap<String, MaskValue>,
    /// Numbers among these, or `ratio`, that move over training.
    pub schedule: BTreeMap<String, Ramp>,
}

/// Which kind of picture source is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataKind {
    /// The photograph set built into the binary (the repository's `data/photos`).
    Photos,
    /// A folder of pictures at `path`.
    Folder,
    /// Generated pictures; no files.
    Synthetic,
}

/// `[data]`: pictures and augmentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// Kind of source.
    pub kind: DataKind,
    /// Folder with `train/` and `val/` (class per sub-folder), or a flat or class-per-folder set split by `val_fraction`.
    pub path: Option<String>,
    /// Share of a folder without `val/` that is held out.
    pub val_fraction: f64,
    /// Use at most this many training pictures (evenly spaced over the sorted list); all when absent.
    pub train_limit: Option<usize>,
    /// Use at most this many held-out pictures; all when absent.
    pub val_limit: Option<usize>,
    /// Area range of the random resized crop, as shares of the picture.
    pub crop_scale: [f64; 2],
    /// Aspect-ratio range (width over height) of the random resized crop.
    pub crop_aspect: [f64; 2],
    /// Probability of a horizontal flip.
    pub hflip: f64,
    /// Channel means subtracted from pixels in [0, 1].
    pub mean: [f64; 3],
    /// Channel standard deviations divided by.
    pub std: [f64; 3],
    /// Number of classes of the synthetic set.
    pub synthetic_classes: usize,
    /// Training pictures of the synthetic set.
    pub synthetic_train: usize,
    /// Held-out pictures of the synthetic set.
    pub synthetic_val: usize,
    /// Decoding threads (not part of a trial's identity).
    pub workers: usize,
}

/// `[train]`: optimiser, schedule, cadence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSpec {
    /// Passes over the training pictures.
    pub epochs: usize,
    /// Pictures per forward and backward pass.
    pub batch_size: usize,
    /// Passes whose gradients are averaged into one optimiser step; the effective batch is `batch_size * accum_steps`.
    #[serde(default = "one")]
    pub accum_steps: usize,
    /// Base learning rate: the rate is `blr * batch_size * accum_steps / 256`.
    pub blr: f64,
    /// Absolute learning rate; when given it replaces `blr`.
    pub lr: Option<f64>,
    /// Rate at the end of the half-cosine.
    pub min_lr: f64,
    /// Epochs of linear warm-up from 0.
    pub warmup_epochs: f64,
    /// Decoupled weight decay of matrices and tokens.
    pub weight_decay: f64,
    /// AdamW's first-moment decay.
    pub beta1: f64,
    /// AdamW's second-moment decay.
    pub beta2: f64,
    /// AdamW's epsilon.
    pub eps: f64,
    /// Numbers that forward and backward passes compute in; parameters, optimiser, norms and loss are f32 in any case.
    #[serde(default)]
    pub precision: Precision,
    /// Largest norm of all gradients together; longer ones are scaled down to it. None: no clipping, as in the reference.
    #[serde(default)]
    pub clip_grad: Option<f64>,
    /// Share of the hidden patches that is decoded in training, drawn for each picture; all when judging.
    #[serde(default = "whole")]
    pub decode_ratio: f64,
    /// Share of the visible patches whose embedding is a learned token in training (secondary masking); none when judging.
    #[serde(default)]
    pub secondary_ratio: f64,
    /// Most of itself that the teacher keeps in a step; only where the masking strategy asks for a teacher.
    #[serde(default = "teacher_momentum")]
    pub teacher_momentum: f64,
    /// Blocks of the network that predicts losses; only where the masking strategy asks for expected losses.
    #[serde(default = "two")]
    pub predictor_depth: usize,
    /// Stop after this many optimiser steps, whatever `epochs` says.
    pub max_steps: Option<usize>,
    /// Validate every this many epochs (and always at the end).
    pub val_every: usize,
    /// Record the training loss every this many steps (not part of a trial's identity).
    pub log_every: usize,
    /// Write a checkpoint every this many epochs (and at the end; not part of a trial's identity).
    pub checkpoint_every: usize,
    /// Write a checkpoint every this many optimiser steps as well (not part of a trial's identity).
    #[serde(default)]
    pub checkpoint_steps: Option<usize>,
    /// Keep this many of the newest checkpoints (not part of a trial's identity).
    #[serde(default = "two")]
    pub keep_checkpoints: usize,
    /// Keep the checkpoint with the lowest validation loss too (not part of a trial's identity).
    #[serde(default)]
    pub keep_best: bool,
}

/// `[eval]`: the common ground on which every trial is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvalSpec {
    /// Tasks run on the trained encoder, and as far as they cost little on the untrained one.
    pub tasks: Vec<EvalTask>,
    /// Strategy of the fixed evaluation masks, the same for every trial of a sweep.
    pub mask_strategy: String,
    /// Ratio of the fixed evaluation masks.
    pub mask_ratio: f64,
    /// Strategies under whose masks each model is judged after training, at `mask_ratio`: the cross table.
    #[serde(default)]
    pub cross: Vec<Column>,
    /// Seed of the fixed evaluation masks, apart from the run seed.
    pub mask_seed: u64,
    /// Neighbours that vote.
    pub knn_k: usize,
    /// Temperature of the vote `exp(cosine / temperature)`.
    pub knn_temperature: f64,
    /// Which feature the vote reads.
    pub knn_feature: Feature,
    /// Held-out pictures drawn as reconstructions.
    pub pictures: usize,
    /// Draw reconstructions every this many epochs, and always before and after training (0: only then).
    pub picture_every: usize,
    /// Pictures per forward pass.
    pub batch_size: usize,
    /// Share of the training pictures on which rates and penalties of the tasks are chosen; held-out ones never are.
    #[serde(default = "super::tasks::tune_fraction")]
    pub tune_fraction: f64,
    /// The linear probe.
    #[serde(default)]
    pub linear: LinearSpec,
    /// Logistic regression.
    #[serde(default)]
    pub logistic: LogisticSpec,
    /// Retrieval.
    #[serde(default)]
    pub retrieval: RetrievalSpec,
    /// Clustering.
    #[serde(default)]
    pub clustering: ClusteringSpec,
    /// The whole encoder trained as a classifier.
    #[serde(default)]
    pub finetune: FinetuneSpec,
    /// The attentive probe.
    #[serde(default)]
    pub attentive: AttentiveSpec,
    /// File of a network for perceptual distance (LPIPS); no such figure when absent. The path is not part of a trial's
    /// identity, the digest of the tensors is.
    #[serde(default)]
    pub lpips_weights: Option<String>,
    /// Which network that is.
    #[serde(default)]
    pub lpips_net: LpipsNet,
}

impl EvalSpec {
    /// The file of a network for perceptual distance; an empty path is none.
    #[must_use]
    pub fn lpips_path(&self) -> Option<&std::path::Path> {
        let path = self.lpips_weights.as_deref();
        path.filter(|path| !path.is_empty()).map(std::path::Path::new)
    }
}

/// Numbers that a pass computes in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision throughout.
    #[default]
    F32,
    /// Matrix products, attention and GELU in bfloat16; weights are kept in f32 and rounded in every pass.
    Bf16,
}

/// A frozen feature of the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Feature {
    /// Class token before the final norm.
    #[serde(rename = "cls")]
    Cls,
    /// Class token after the final norm.
    #[serde(rename = "cls_norm")]
    ClsNorm,
    /// Mean of the patch tokens before the final norm.
    #[serde(rename = "mean")]
    Mean,
    /// Mean of the patch tokens after the final norm.
    #[serde(rename = "mean_norm")]
    MeanNorm,
}

/// For configurations recorded before the key existed.
fn reference_norm_eps() -> f64 {
    1e-6
}

/// For configurations recorded before the key existed.
fn one() -> usize {
    1
}

fn whole() -> f64 {
    1.0
}

fn teacher_momentum() -> f64 {
    0.999
}

fn two() -> usize {
    2
}

impl MaskSpec {
    /// Where the marked regions of the strategy `file` are, alone or as a member of a mixture: an empty path is none.
    #[must_use]
    pub fn regions_path(&self) -> Option<&str> {
        let key = match self.strategy.as_str() {
            "file" => "path",
            "mixture" => "file.path",
            _ => return None,
        };
        match self.params.get(key) {
            Some(MaskValue::Text(path)) if !path.is_empty() => Some(path),
            _ => None,
        }
    }
}

impl ModelSpec {
    /// Rows and columns of patches. Meaningful once the specification has been validated.
    #[must_use]
    pub fn grid(&self) -> mae_strategies::Grid {
        mae_strategies::Grid::new(
            self.img_size.height / self.patch_size,
            self.img_size.width / self.patch_size,
        )
    }

    /// Encoder blocks in all, extra ones among them.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.encoder_depth + self.extra_blocks
    }

    /// The file of weights to start from; an empty path is none, so that a sweep can compare with a start from scratch.
    #[must_use]
    pub fn init_path(&self) -> Option<&std::path::Path> {
        self.init
            .as_deref()
            .filter(|path| !path.is_empty())
            .map(std::path::Path::new)
    }

    /// Values of one patch: `patch_size² · in_chans`.
    #[must_use]
    pub fn patch_values(&self) -> usize {
        self.patch_size * self.patch_size * self.in_chans
    }

    /// Width inside the MLP of a block of this width.
    #[must_use]
    pub fn mlp_width(&self, width: usize) -> usize {
        (width as f64 * self.mlp_ratio) as usize
    }
}
