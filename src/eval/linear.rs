//! The linear probe: how well one linear layer tells classes apart on frozen features. Features are normalised by their
//! batch (no affine), and the layer is trained by LARS. Here is the arithmetic of one step, with gradients written out:
//! the network is never differentiated. Where features come from and for how long to train is the caller's matter.
//!
//! Sources: MAE (He et al. 2021), appendix A.1; LARS (You et al. 2017); values are the official linear-probe recipe's.
//!
//! `N` batch, `D` width of a feature, `K` classes. All tensors are on a device without autodiff.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor};

use crate::model::init::Init;

/// Added to variances.
const EPS: f64 = 1e-6;
/// Share of a new batch in the running statistics.
const STATISTICS_MOMENTUM: f64 = 0.1;
/// Momentum of LARS.
const MOMENTUM: f64 = 0.9;
/// Trust coefficient of LARS.
const TRUST: f64 = 1e-3;
/// Standard deviation of the first weights; the recipe's normal is cut at ±2, that is at 200 standard deviations: never.
const WEIGHT_STD: f32 = 0.01;

/// How gradients move the layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Whether the weight's gradient is scaled by LARS's trust ratio; plain momentum otherwise.
    pub lars: bool,
    /// Share of the weight that is added to its gradient.
    pub weight_decay: f64,
}

impl Default for Rule {
    /// The reference's: LARS without weight decay.
    fn default() -> Self {
        Self {
            lars: true,
            weight_decay: 0.0,
        }
    }
}

/// Batch normalisation without scale and shift, epsilon 1e-6.
#[derive(Debug, Clone)]
pub struct BatchNorm {
    /// Running mean, `[D]`; 0 at first.
    pub mean: Tensor<1>,
    /// Running unbiased variance, `[D]`; 1 at first.
    pub variance: Tensor<1>,
}

impl BatchNorm {
    /// For features of `width` values.
    #[must_use]
    pub fn new(width: usize, device: &Device) -> Self {
        Self {
            mean: Tensor::zeros([width], device),
            variance: Tensor::ones([width], device),
        }
    }

    /// Normalises a batch by its own mean and biased variance, and moves the running mean and the running *unbiased*
    /// variance a tenth of the way to the batch's.
    ///
    /// # Shapes
    /// `[N, D]` → `[N, D]`.
    ///
    /// # Panics
    /// When the batch is a single feature: it has no variance.
    #[must_use]
    pub fn train(&mut self, x: Tensor<2>) -> Tensor<2> {
        let n = x.dims()[0];
        assert!(
            n > 1,
            "batch normalisation needs more than one feature: leave out a last batch of one"
        );
        let (mean, centred) = centre(x);
        let variance = centred.clone().square().mean_dim(0);
        let unbiased = variance.clone().mul_scalar(n as f64 / (n - 1) as f64);
        self.mean = moved(self.mean.clone(), mean);
        self.variance = moved(self.variance.clone(), unbiased.squeeze_dim(0));
        centred / variance.add_scalar(EPS).sqrt()
    }

    /// Normalises features by the running statistics.
    ///
    /// # Shapes
    /// `[N, D]` → `[N, D]`.
    #[must_use]
    pub fn eval(&self, x: Tensor<2>) -> Tensor<2> {
        let spread = self.variance.clone().add_scalar(EPS).sqrt();
        (x - self.mean.clone().unsqueeze()) / spread.unsqueeze()
    }
}

/// Mean `[D]` and the centred batch. What rounding leaves of the mean is taken off a second time: a column that varies by
/// less than the rounding of its mean would otherwise come out shifted by as much as its spread.
fn centre(x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
    let mean = x.clone().mean_dim(0);
    let rough = x - mean.clone();
    let rest = rough.clone().mean_dim(0);
    ((mean + rest.clone()).squeeze_dim(0), rough - rest)
}

fn moved(running: Tensor<1>, batch: Tensor<1>) -> Tensor<1> {
    running.mul_scalar(1.0 - STATISTICS_MOMENTUM) + batch.mul_scalar(STATISTICS_MOMENTUM)
}

/// Batch norm, linear layer and LARS's velocities.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Normalises the features.
    pub norm: BatchNorm,
    /// `[K, D]`.
    pub weight: Tensor<2>,
    /// `[K]`.
    pub bias: Tensor<1>,
    rule: Rule,
    weight_velocity: Tensor<2>,
    bias_velocity: Tensor<1>,
}

/// What one step saw, all of it from before the update. Nothing has been read from the device.
#[derive(Debug, Clone)]
pub struct Step {
    /// Normalised features, `[N, D]`.
    pub normalised: Tensor<2>,
    /// Scores of the classes before the softmax, `[N, K]`.
    pub logits: Tensor<2>,
    /// Mean cross-entropy, `[1]`.
    pub loss: Tensor<1>,
    /// Gradient of the weight, `[K, D]`.
    pub weight_gradient: Tensor<2>,
    /// Gradient of the bias, `[K]`.
    pub bias_gradient: Tensor<1>,
    /// Factor that LARS put on the weight's gradient, `[1]`; the bias has none.
    pub trust_ratio: Tensor<1>,
}

impl Probe {
    /// A probe as the recipe starts it: weight N(0, 0.01), bias 0.
    #[must_use]
    pub fn new(width: usize, classes: usize, seed: u64, device: &Device) -> Self {
        let norm_eps = EPS;
        let init = Init { seed, device, norm_eps };
        Self::from_weight(init.normal("probe.weight", [classes, width], WEIGHT_STD).val())
    }

    /// A probe that starts from a given weight `[K, D]`, bias 0.
    #[must_use]
    pub fn from_weight(weight: Tensor<2>) -> Self {
        let ([classes, width], device) = (weight.dims(), weight.device());
        Self {
            norm: BatchNorm::new(width, &device),
            rule: Rule::default(),
            bias: Tensor::zeros([classes], &device),
            weight_velocity: weight.zeros_like(),
            bias_velocity: Tensor::zeros([classes], &device),
            weight,
        }
    }

    /// The same, moved by another rule.
    #[must_use]
    pub fn with_rule(self, rule: Rule) -> Self {
        Self { rule, ..self }
    }

    /// Scores of the classes under the running statistics.
    ///
    /// # Shapes
    /// `[N, D]` → `[N, K]`.
    #[must_use]
    pub fn logits(&self, features: Tensor<2>) -> Tensor<2> {
        self.score(self.norm.eval(features))
    }

    /// Trains on one batch at learning rate `lr`: velocities become `0.9 · velocity + q · gradient`, and parameters lose
    /// `lr · velocity`, with `q = 0.001 · |weight| / |gradient|` for the weight
    /// under LARS and 1 else. Weight decay is added to the weight's gradient before.
    ///
    /// # Shapes
    /// features `[N, D]`, labels `[N]`, each below `K`.
    ///
    /// # Panics
    /// When the batch is a single feature.
    pub fn step(&mut self, features: Tensor<2>, labels: Tensor<1, Int>, lr: f64) -> Step {
        let normalised = self.norm.train(features);
        let step = self.differentiate(normalised, labels);
        let scaled = step.weight_gradient.clone() * step.trust_ratio.clone().unsqueeze();
        self.weight_velocity = self.weight_velocity.clone().mul_scalar(MOMENTUM) + scaled;
        self.bias_velocity = self.bias_velocity.clone().mul_scalar(MOMENTUM) + step.bias_gradient.clone();
        self.weight = self.weight.clone() - self.weight_velocity.clone().mul_scalar(lr);
        self.bias = self.bias.clone() - self.bias_velocity.clone().mul_scalar(lr);
        step
    }

    fn score(&self, normalised: Tensor<2>) -> Tensor<2> {
        normalised.matmul(self.weight.clone().transpose()) + self.bias.clone().unsqueeze()
    }

    /// Cross-entropy and its gradients: that of the logits is `(softmax − one hot) / N`.
    fn differentiate(&self, normalised: Tensor<2>, labels: Tensor<1, Int>) -> Step {
        let logits = self.score(normalised.clone());
        let [n, classes] = logits.dims();
        let logs = log_softmax(logits.clone(), 1);
        let truth = labels.one_hot::<2>(classes).float();
        let slope = (logs.clone().exp() - truth.clone()).div_scalar(n as f64);
        let mut weight_gradient = slope.clone().transpose().matmul(normalised.clone());
        if self.rule.weight_decay > 0.0 {
            weight_gradient = weight_gradient + self.weight.clone().mul_scalar(self.rule.weight_decay);
        }
        let trust_ratio = if self.rule.lars {
            trust_ratio(&self.weight, &weight_gradient)
        } else {
            Tensor::ones([1], &weight_gradient.device())
        };
        Step {
            loss: (logs * truth).sum_dim(1).mean().neg(),
            bias_gradient: slope.sum_dim(0).squeeze_dim(0),
            trust_ratio,
            weight_gradient,
            normalised,
            logits,
        }
    }
}

/// LARS's factor `0.001 · |w| / |g|`, and 1 where either length is 0.
///
/// # Shapes
/// twice `[K, D]` → `[1]`.
fn trust_ratio(weight: &Tensor<2>, gradient: &Tensor<2>) -> Tensor<1> {
    let length = |x: &Tensor<2>| x.clone().square().sum().sqrt();
    let (w, g) = (length(weight), length(gradient));
    let none = w.clone().equal_scalar(0.0).bool_or(g.clone().equal_scalar(0.0));
    (w / g).mul_scalar(TRUST).mask_fill(none, 1.0)
}
