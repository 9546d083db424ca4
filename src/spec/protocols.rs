//! `[eval.finetune]` and `[eval.attentive]`: the settings of the protocols that train on top of a judged encoder.
//! Defaults here are those of `defaults.toml`, for configurations recorded before the keys existed; a test holds one to the
//! other. What is fixed (AdamW's betas 0.9 and 0.999, its epsilon 1e-8) stands where it is used, in `eval`.

use serde::{Deserialize, Serialize};

/// `[eval.finetune]`: training the whole encoder as a classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FinetuneSpec {
    /// Passes over the labelled training pictures (reference: 100 for base, 50 for larger ones).
    pub epochs: usize,
    /// Pictures of a step (reference: 1024).
    pub batch_size: usize,
    /// Base rate: the rate is `blr * batch_size / 256`.
    pub blr: f64,
    /// Rate at the end of the half-cosine.
    pub min_lr: f64,
    /// Epochs of linear warm-up from 0.
    pub warmup_epochs: f64,
    /// Factor between the rates of neighbouring layers (reference: 0.65 base, 0.75 larger); 1 for none.
    pub layer_decay: f64,
    /// Probability of skipping a branch of the last block for a picture; falls to 0 in the first one (reference: 0.1, 0.2
    /// and 0.3 for base, large and huge).
    pub drop_path: f64,
    /// Decoupled weight decay of matrices.
    pub weight_decay: f64,
    /// Alpha of mixup's Beta distribution (0: no mixup).
    pub mixup: f64,
    /// Alpha of CutMix's Beta distribution (0: no CutMix).
    pub cutmix: f64,
    /// Share of a target that is spread over all classes.
    pub smoothing: f64,
    /// RandAugment's magnitude, of 10 (0: none).
    pub randaugment: f64,
    /// Probability that a rectangle of a picture is filled with noise.
    pub erasing: f64,
    /// Area range of the random crop, as shares of the picture; aspect and flip are those of `[data]`.
    pub crop_scale: [f64; 2],
}

impl Default for FinetuneSpec {
    fn default() -> Self {
        Self {
            epochs: 20,
            batch_size: 64,
            blr: 8e-3,
            min_lr: 1e-6,
            warmup_epochs: 2.0,
            layer_decay: 0.65,
            drop_path: 0.1,
            weight_decay: 0.05,
            mixup: 0.8,
            cutmix: 1.0,
            smoothing: 0.1,
            randaugment: 9.0,
            erasing: 0.25,
            crop_scale: [0.08, 1.0],
        }
    }
}

/// `[eval.attentive]`: the attentive probe on frozen patch tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttentiveSpec {
    /// Passes over the tokens of the labelled training pictures, for each rate.
    pub epochs: usize,
    /// Pictures of a step.
    pub batch_size: usize,
    /// Heads of the pooling, which divide the encoder's width; 0 for as many as the encoder has.
    pub heads: usize,
    /// Rates to choose from, on a part held back from the training pictures.
    pub lrs: Vec<f64>,
    /// Decoupled weight decay of matrices.
    pub weight_decay: f64,
}

impl Default for AttentiveSpec {
    fn default() -> Self {
        Self {
            epochs: 30,
            batch_size: 64,
            heads: 0,
            lrs: vec![3e-4, 1e-3, 3e-3, 1e-2],
            weight_decay: 0.05,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Request, load};

    #[test]
    fn defaults_of_recorded_configurations_are_those_of_the_file() {
        let request = Request {
            inputs: vec!["model/nano".into()],
            sets: Vec::new(),
            env: Vec::new(),
        };
        let eval = load(&request, &mae_strategies::Registry::builtin()).unwrap();
        let eval = &eval.trials[0].spec.eval;
        assert_eq!(eval.finetune, FinetuneSpec::default());
        assert_eq!(eval.attentive, AttentiveSpec::default());
    }
}
