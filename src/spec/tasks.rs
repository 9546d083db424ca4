//! What `[eval]` says about the tasks on frozen features: `[eval.linear]`, `[eval.logistic]`, `[eval.retrieval]` and
//! `[eval.clustering]`. The values here are those of `defaults.toml`, for configurations recorded before the keys existed.

use serde::{Deserialize, Serialize};

use super::trial::Feature;

/// A task of `[eval] tasks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub enum EvalTask {
    /// Masked reconstruction at the fixed evaluation masks.
    Reconstruction,
    /// Weighted k-nearest-neighbour classification on frozen features.
    Knn,
    /// One linear layer trained on frozen features by LARS or SGD.
    Linear,
    /// Multinomial logistic regression on frozen features, solved to its minimum.
    Logistic,
    /// Attention pooling of frozen patch tokens and a linear layer.
    Attentive,
    /// The whole encoder trained with labels.
    Finetune,
    /// Held-out pictures look for training pictures of their class.
    Retrieval,
    /// K-means on frozen features, compared with the classes.
    Clustering,
}

impl EvalTask {
    /// All of them, in the order in which they run and are shown.
    pub const ALL: [Self; 8] = [
        Self::Reconstruction,
        Self::Knn,
        Self::Linear,
        Self::Logistic,
        Self::Attentive,
        Self::Finetune,
        Self::Retrieval,
        Self::Clustering,
    ];

    /// The word in configurations and on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reconstruction => "reconstruction",
            Self::Knn => "knn",
            Self::Linear => "linear",
            Self::Logistic => "logistic",
            Self::Attentive => "attentive",
            Self::Finetune => "finetune",
            Self::Retrieval => "retrieval",
            Self::Clustering => "clustering",
        }
    }

    /// Whether it trains on top of the encoder, after the encoder's own training.
    #[must_use]
    pub fn trains(self) -> bool {
        matches!(self, Self::Attentive | Self::Finetune)
    }

    /// Whether it needs classes.
    #[must_use]
    pub fn needs_classes(self) -> bool {
        self != Self::Reconstruction
    }
}

/// What trains the layer of the linear probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeOptimiser {
    /// LARS, as the reference.
    Lars,
    /// Stochastic gradient descent with momentum.
    Sgd,
}

/// `[eval.linear]`: the linear probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearSpec {
    /// Which feature the layer reads.
    pub feature: Feature,
    /// What trains the layer.
    pub optimiser: ProbeOptimiser,
    /// Passes over the features.
    pub epochs: usize,
    /// Features per step.
    pub batch_size: usize,
    /// Epochs in which the rate rises from 0.
    pub warmup_epochs: f64,
    /// Base rates that are tried; the rate is `blr · batch_size / 256`.
    pub blrs: Vec<f64>,
    /// Decay of the layer's weight.
    pub weight_decay: f64,
}

/// `[eval.logistic]`: logistic regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogisticSpec {
    /// Which feature is read.
    pub feature: Feature,
    /// Penalties on the squared weights that are tried.
    pub penalties: Vec<f64>,
}

/// `[eval.retrieval]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrievalSpec {
    /// Which feature is compared.
    pub feature: Feature,
}

/// `[eval.clustering]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusteringSpec {
    /// Which feature is clustered.
    pub feature: Feature,
    /// Starts, of which the tightest clusters count.
    pub restarts: usize,
}

impl Default for LinearSpec {
    fn default() -> Self {
        Self {
            feature: Feature::ClsNorm,
            optimiser: ProbeOptimiser::Lars,
            epochs: 90,
            batch_size: 256,
            warmup_epochs: 10.0,
            blrs: vec![0.1, 0.3, 1.0, 3.0, 10.0, 30.0],
            weight_decay: 0.0,
        }
    }
}

impl Default for LogisticSpec {
    fn default() -> Self {
        Self {
            feature: Feature::ClsNorm,
            penalties: vec![0.01, 0.1, 1.0, 10.0, 100.0],
        }
    }
}

impl Default for RetrievalSpec {
    fn default() -> Self {
        Self { feature: Feature::Cls }
    }
}

impl Default for ClusteringSpec {
    fn default() -> Self {
        Self {
            feature: Feature::Cls,
            restarts: 10,
        }
    }
}

/// Share of the training pictures on which rates and penalties are chosen, for configurations recorded before the key
/// existed.
pub(super) fn tune_fraction() -> f64 {
    0.2
}
