//! The attentive probe: how well classes can be told apart when a query may choose which frozen patch tokens to read. Each
//! head of one cross-attention layer pools the tokens with a learned query of its own; a linear layer reads the pooled
//! tokens. The encoder is never differentiated: its tokens are computed once, from the evaluation view, and kept in memory.
//!
//! Sources: attentive probing of CaiT's kind as in AIM (El-Nouby et al. 2024, section 4.2), V-JEPA (Bardes et al. 2024) and
//! CAPI (Darcet et al. 2025). As in AIM, tokens are normalised channel by channel without scale and shift; here by the mean
//! and variance over all training tokens, which running statistics of batches would tend to.
//!
//! The rate is chosen on a share of each class's *training* pictures (`eval.tune_fraction`), held back while choosing; the
//! probe is then trained anew on all of them. Held-out pictures are looked at once, at the end.
//!
//! `N` pictures, `L` patches, `D` width, `A` heads, `d = D / A`, `K` classes.

use std::ops::ControlFlow;
use std::sync::Arc;

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::optim::GradientsParams;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};

use super::finetune::{LearnError, check_batch, optimiser_settings, targets};
use crate::data::{Batches, ImageSet, LoaderConfig, Split, eval_batches};
use crate::eval::tasks::{self, trained::Tell, tune};
use crate::model::Mae;
use crate::model::batch::images;
use crate::model::classifier::soft_cross_entropy;
use crate::model::init::Init;
use crate::spec::TrialSpec;
use crate::spec::protocols::AttentiveSpec;
use crate::spec::trial::EvalTask;
use crate::train::Schedule;
use crate::train::adamw::{AdamW, Group};

/// Name of the task.
const TASK: &str = "attentive";
/// The key of its learning rates.
const RATES: &str = "eval.attentive.lrs";
/// Added to variances of tokens.
const EPS: f64 = 1e-6;
/// Standard deviation of first queries, as of other tokens.
const QUERY_STD: f32 = 0.02;
/// Share of the epochs in which the rate rises.
const WARMUP: f64 = 0.1;
/// Memory that tokens may take, in GiB.
const MOST_GIB: usize = 16;

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Attentive {
    /// Share of the held-out pictures told right, in [0, 1].
    pub accuracy: f64,
    /// The rate chosen.
    pub lr: f64,
    /// The accuracy of every rate on the part held back from training; empty where there was one rate only.
    pub tried: Vec<f64>,
    /// Mean loss of each epoch of the last training.
    pub losses: Vec<f64>,
    /// Held-out pictures that were judged on.
    pub judged: usize,
}

/// Whether an encoder can be probed on these pictures.
///
/// # Errors
/// What is missing, and the cure.
pub fn check(spec: &TrialSpec, set: &ImageSet) -> Result<(), LearnError> {
    tasks::check(EvalTask::Attentive, set)?;
    check_batch(set, ("eval.attentive.batch_size", spec.eval.attentive.batch_size))?;
    heads(spec)?;
    fits_memory(spec, set)
}

/// Probes the encoder of `mae`, a model without gradients, by `spec.eval.attentive`. Before each step, `tell` is told how many
/// epochs are done, of how many, over all rates.
///
/// # Errors
/// When the pictures cannot be had or their classes not be learned, the heads do not divide the width, no rate keeps the
/// loss a number, or `tell` stops it.
pub fn attentive(
    mae: &Mae,
    spec: &TrialSpec,
    set: &Arc<ImageSet>,
    device: &Device,
    tell: &mut Tell<'_>,
) -> Result<Attentive, LearnError> {
    let recipe = &spec.eval.attentive;
    check(spec, set)?;
    let heads = heads(spec)?;
    let batches = |split| eval_batches(set, LoaderConfig::of(spec, spec.eval.batch_size), split);
    let mut train = Bank::read(mae, spec, batches(Split::Train), device)?;
    let mut held = Bank::read(mae, spec, batches(Split::Val), device)?;
    let statistics = train.statistics();
    train.normalise(&statistics);
    held.normalise(&statistics);
    let mut probing = Probing {
        spec,
        recipe,
        classes: set.classes().len(),
        heads,
        device,
        done: 0,
        tell,
    };
    let (lr, tried) = probing.choose(&train)?;
    let all: Vec<usize> = (0..train.labels.len()).collect();
    let (pool, losses) = probing.fit(&train, &all, lr)?;
    let rows: Vec<usize> = (0..held.labels.len()).collect();
    let accuracy = accuracy(&pool, &held, &rows, device);
    Ok(Attentive {
        accuracy: accuracy.ok_or(LearnError::Scores { task: TASK, key: RATES })?,
        lr,
        tried,
        losses,
        judged: rows.len(),
    })
}

/// Heads of the pooling.
fn heads(spec: &TrialSpec) -> Result<usize, LearnError> {
    let (asked, width) = (spec.eval.attentive.heads, spec.model.embed_dim);
    let heads = if asked == 0 {
        spec.model.encoder_num_heads
    } else {
        asked
    };
    width
        .is_multiple_of(heads)
        .then_some(heads)
        .ok_or(LearnError::Heads { heads, width })
}

fn fits_memory(spec: &TrialSpec, set: &ImageSet) -> Result<(), LearnError> {
    let pictures = set.len(Split::Train) + set.len(Split::Val);
    let values = pictures * spec.model.grid().len() * spec.model.embed_dim;
    let (gib, most) = ((4 * values) as f64 / (1u64 << 30) as f64, MOST_GIB);
    if gib <= most as f64 {
        return Ok(());
    }
    Err(LearnError::Memory { pictures, gib, most })
}

/// Patch tokens of labelled pictures.
struct Bank {
    /// `[N, L, D]`, row-major.
    values: Vec<f32>,
    labels: Vec<usize>,
    patches: usize,
    width: usize,
}

impl Bank {
    /// Patch tokens after the final norm of every labelled picture of `batches`.
    fn read(mae: &Mae, spec: &TrialSpec, batches: Batches, device: &Device) -> Result<Self, LearnError> {
        let (model, patches) = (&spec.model, spec.model.grid().len());
        let mut bank = Self {
            values: Vec::new(),
            labels: Vec::new(),
            patches,
            width: model.embed_dim,
        };
        for batch in batches {
            let batch = batch?;
            let shape = [batch.len, model.in_chans, model.img_size.height, model.img_size.width];
            let tokens = mae.encode(images(batch.images, shape, device)).normed;
            let tokens: Vec<f32> = tokens.narrow(1, 1, patches).into_data().iter::<f32>().collect();
            let rows = tokens.chunks_exact(patches * model.embed_dim).zip(&batch.labels);
            for (row, label) in rows.filter_map(|(row, label)| Some((row, (*label)?))) {
                bank.values.extend_from_slice(row);
                bank.labels.push(label);
            }
        }
        Ok(bank)
    }

    /// Mean and inverse spread of each channel over all tokens.
    fn statistics(&self) -> Vec<[f32; 2]> {
        let count = (self.labels.len() * self.patches) as f64;
        let mut sums = vec![[0.0f64; 2]; self.width];
        for token in self.values.chunks_exact(self.width) {
            for ([sum, squares], v) in sums.iter_mut().zip(token) {
                *sum += f64::from(*v);
                *squares += f64::from(*v).powi(2);
            }
        }
        let of = |[sum, squares]: [f64; 2]| {
            let mean = sum / count;
            let variance = (squares / count - mean * mean).max(0.0);
            [mean as f32, (1.0 / (variance + EPS).sqrt()) as f32]
        };
        sums.into_iter().map(of).collect()
    }

    fn normalise(&mut self, statistics: &[[f32; 2]]) {
        for token in self.values.chunks_exact_mut(self.width) {
            for (v, [mean, scale]) in token.iter_mut().zip(statistics) {
                *v = (*v - mean) * scale;
            }
        }
    }

    /// Tokens of some pictures, `[rows, L, D]`, and their labels.
    fn batch(&self, rows: &[usize], device: &Device) -> (Tensor<3>, Vec<usize>) {
        let size = self.patches * self.width;
        let values = rows.iter().flat_map(|row| &self.values[row * size..(row + 1) * size]);
        let values: Vec<f32> = values.copied().collect();
        let data = TensorData::new(values, [rows.len(), self.patches, self.width]);
        let labels = rows.iter().map(|row| self.labels[*row]).collect();
        (Tensor::from_data(data, device), labels)
    }
}

/// Attention pooling and the linear layer.
#[derive(Module, Debug)]
struct Pool {
    /// `[A, d, 1]`.
    query: Param<Tensor<3>>,
    /// `[A, D, d]`.
    key: Param<Tensor<3>>,
    /// `[A, D, d]`.
    value: Param<Tensor<3>>,
    head: Linear,
}

impl Pool {
    fn new(width: usize, heads: usize, classes: usize, seed: u64, device: &Device) -> Self {
        let init = Init {
            seed,
            device,
            norm_eps: EPS,
        };
        let (each, bound) = (width / heads, (3.0 / width as f32).sqrt());
        Self {
            query: init.normal("attentive.query", [heads, each, 1], QUERY_STD),
            key: init.uniform("attentive.key", [heads, width, each], bound),
            value: init.uniform("attentive.value", [heads, width, each], bound),
            head: init.linear("attentive.head", width, classes),
        }
    }

    /// Scores of the classes. Keys and values of single tokens are never computed: `query · (key · token)` is
    /// `(query · key) · token`, and the mean of values is the value of the mean.
    ///
    /// # Shapes
    /// `[N, L, D]` → `[N, K]`.
    fn forward(&self, tokens: Tensor<3>) -> Tensor<2> {
        let [n, patches, width] = tokens.dims();
        let [heads, _, each] = self.key.dims();
        let asked = self.key.val().matmul(self.query.val()) / (each as f64).sqrt();
        let asked = asked.reshape([heads, width]).transpose();
        let products = tokens.clone().reshape([n * patches, width]).matmul(asked);
        let weights = softmax(products.reshape([n, patches, heads]), 1);
        let pooled = weights.swap_dims(1, 2).matmul(tokens).swap_dims(0, 1);
        let values = pooled.matmul(self.value.val()).swap_dims(0, 1);
        self.head.forward(values.reshape([n, width]))
    }
}

/// What trainings of one probe share.
struct Probing<'a> {
    spec: &'a TrialSpec,
    recipe: &'a AttentiveSpec,
    classes: usize,
    heads: usize,
    device: &'a Device,
    /// Epochs done, over all rates.
    done: usize,
    tell: &'a mut Tell<'a>,
}

impl Probing<'_> {
    /// The rate that does best on the part held back (the first among equals), and how each did. A rate whose loss or
    /// scores are no numbers any more is the worst.
    fn choose(&mut self, train: &Bank) -> Result<(f64, Vec<f64>), LearnError> {
        let (recipe, spec) = (self.recipe, self.spec);
        if let [lr] = recipe.lrs[..] {
            return Ok((lr, Vec::new()));
        }
        let split = tune::split(&train.labels, self.classes, spec.eval.tune_fraction, spec.seed);
        tune::best(&recipe.lrs, |lr| match self.fit(train, &split.fit, lr) {
            Ok((pool, _)) => Ok(accuracy(&pool, train, &split.choose, self.device).unwrap_or(f64::NAN)),
            Err(LearnError::Diverged { .. }) => Ok(f64::NAN),
            Err(other) => Err(other),
        })
    }

    /// Trains a probe on some rows; returns it without gradients, and the mean loss of each epoch.
    fn fit(&mut self, bank: &Bank, rows: &[usize], lr: f64) -> Result<(Pool, Vec<f64>), LearnError> {
        let (epochs, seed) = (self.recipe.epochs, self.spec.seed);
        let device = self.device.clone().autodiff();
        let mut pool = Pool::new(bank.width, self.heads, self.classes, seed, &device);
        let settings = optimiser_settings(&self.spec.train, self.recipe.weight_decay);
        let mut optimiser = AdamW::new(&pool, &settings, |name, rank| Group {
            decays: rank > 1 && name != "query",
            scale: 1.0,
        });
        let schedule = Schedule {
            lr,
            min_lr: 0.0,
            warmup: WARMUP * epochs as f64,
            epochs: epochs as f64,
        };
        let mut losses = Vec::with_capacity(epochs);
        for epoch in 0..epochs {
            let order = tune::shuffled(rows, seed, epoch as u64);
            let (mut sums, steps) = (Vec::new(), rows.len().div_ceil(self.recipe.batch_size));
            for (number, rows) in order.chunks(self.recipe.batch_size).enumerate() {
                self.tell_step(number as f64 / steps as f64)?;
                let (tokens, labels) = bank.batch(rows, &device);
                let loss = self.loss(&pool, tokens, &labels, &device);
                sums.push(loss.clone().inner());
                let gradients = GradientsParams::from_grads(loss.backward(), &pool);
                let rate = schedule.at(epoch as f64 + number as f64 / steps as f64);
                pool = optimiser.step(rate, pool, gradients);
            }
            losses.push(f64::from(Tensor::cat(sums, 0).mean().into_scalar::<f32>()));
            self.end_epoch(&losses)?;
        }
        Ok((pool.valid(), losses))
    }

    fn loss(&self, pool: &Pool, tokens: Tensor<3>, labels: &[usize], device: &Device) -> Tensor<1> {
        let targets = targets(labels, self.classes, 0.0, 1.0);
        let targets = TensorData::new(targets, [labels.len(), self.classes]);
        soft_cross_entropy(pool.forward(tokens), Tensor::from_data(targets, device))
    }

    /// Tells that this share of an epoch is done.
    fn tell_step(&mut self, share: f64) -> Result<(), LearnError> {
        let trainings = match self.recipe.lrs.len() {
            1 => 1,
            rates => rates + 1,
        };
        match (self.tell)(self.done as f64 + share, trainings * self.recipe.epochs) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(LearnError::Stopped),
        }
    }

    fn end_epoch(&mut self, losses: &[f64]) -> Result<(), LearnError> {
        self.done += 1;
        match losses.last() {
            Some(loss) if !loss.is_finite() => Err(LearnError::Diverged {
                task: TASK,
                epoch: losses.len(),
                loss: *loss,
                key: RATES,
            }),
            _ => Ok(()),
        }
    }
}

/// Share of the rows told right; `None` where scores are no numbers.
fn accuracy(pool: &Pool, bank: &Bank, rows: &[usize], device: &Device) -> Option<f64> {
    let right = rows.chunks(256).map(|rows| {
        let (tokens, labels) = bank.batch(rows, device);
        tasks::right_of(pool.forward(tokens), &labels)
    });
    Some(right.sum::<Option<usize>>()? as f64 / rows.len().max(1) as f64)
}

#[cfg(test)]
#[path = "attentive_tests.rs"]
mod tests;
