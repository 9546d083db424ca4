//! What one optimiser trains: the autoencoder, and beside it what a trial asks for: a predictor of losses, and the token
//! of secondary masking. What stands beside is in no file of weights, only in checkpoints, and its initial values are drawn
//! apart, so that the autoencoder is the same with it and without.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use mae_strategies::Needs;

use super::predictor::{Predictor, relative};
use crate::model::init::Init;
use crate::model::{Mae, MaskBatch};
use crate::spec::TrialSpec;

/// What is trained beside the autoencoder; nothing in most trials.
#[derive(Module, Debug)]
pub struct Beside {
    predictor: Option<Predictor>,
    secondary_token: Option<Param<Tensor<3>>>,
}

impl Beside {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.predictor.is_none() && self.secondary_token.is_none()
    }
}

/// The autoencoder and what is trained beside it.
#[derive(Module, Debug)]
pub struct Student {
    mae: Mae,
    beside: Beside,
}

/// The losses of one batch, each `[1]`.
#[derive(Debug, Clone)]
pub struct Losses {
    /// What gradients are taken of.
    pub trained: Tensor<1>,
    /// Its part that reconstruction has, which trials are compared by.
    pub reconstruction: Tensor<1>,
}

impl From<Mae> for Student {
    /// The autoencoder alone.
    fn from(mae: Mae) -> Self {
        let beside = Beside {
            predictor: None,
            secondary_token: None,
        };
        Self { mae, beside }
    }
}

impl Student {
    /// With what the trial asks for: the token where `train.secondary_ratio` is above 0, the predictor where the masking
    /// strategy needs expected losses.
    #[must_use]
    pub fn new(mae: Mae, spec: &TrialSpec, needs: Needs, device: &Device) -> Self {
        let (seed, norm_eps) = (spec.seed, spec.model.norm_eps);
        let init = Init { seed, device, norm_eps };
        let depth = spec.train.predictor_depth;
        let token = || init.normal("secondary_token", [1, 1, spec.model.embed_dim], 0.02);
        let beside = Beside {
            predictor: needs.loss.then(|| Predictor::new(&spec.model, depth, seed, device)),
            secondary_token: (spec.train.secondary_ratio > 0.0).then(token),
        };
        Self { mae, beside }
    }

    /// The autoencoder.
    #[must_use]
    pub fn mae(&self) -> &Mae {
        &self.mae
    }

    /// What is trained beside it.
    #[must_use]
    pub fn beside(&self) -> &Beside {
        &self.beside
    }

    /// The predictor of losses, where there is one.
    #[must_use]
    pub fn predictor(&self) -> Option<&Predictor> {
        self.beside.predictor.as_ref()
    }

    /// With something else beside it.
    #[must_use]
    pub fn with_beside(self, beside: Beside) -> Self {
        Self { beside, ..self }
    }

    /// The losses of a batch, with what [`Partial`](crate::model::Partial) left out of its masks left out.
    ///
    /// # Shapes
    /// images `[N, C, H, W]`.
    #[must_use]
    pub fn losses(&self, images: Tensor<4>, masks: &MaskBatch) -> Losses {
        let token = self.beside.secondary_token.as_ref().map(Param::val);
        let latent = self.mae.encode_replacing(images.clone(), masks, token);
        let Some(predictor) = &self.beside.predictor else {
            let pred = self.mae.predict_decoded(latent, masks);
            let loss = self.mae.error(pred, images, masks.decoded_rows());
            return Losses {
                trained: loss.clone(),
                reconstruction: loss,
            };
        };
        let pred = self.mae.predict_decoded(latent.clone(), masks);
        let truth = self.mae.errors(pred.clone(), images.clone(), masks.decoded_rows());
        let guess = predictor.forward(latent, masks, masks.decoded_places(), self.mae.precision());
        let reconstruction = self.mae.error(pred, images, masks.decoded_rows());
        Losses {
            trained: reconstruction.clone() + relative(guess, truth),
            reconstruction,
        }
    }
}
