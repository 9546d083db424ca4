//! Initial values of parameters, drawn on the host as a function of (run seed, parameter name).
//! They depend neither on the back end nor on the order in which parameters are made, so that two trials that differ
//! only in their masks start from the same weights. Bounds follow the reference: Xavier-uniform matrices, zero biases,
//! unit norms, N(0, 0.02) tokens, and the patch embedding's bias kept at U(±1/sqrt(fan in)).

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use rand_distr::{Distribution, Normal, Uniform};

use super::norm::Norm;
use crate::seed::{self, Purpose};

/// Draws parameters for one run seed onto one device.
#[derive(Debug, Clone, Copy)]
pub struct Init<'a> {
    /// Run seed.
    pub seed: u64,
    /// Where the parameters live.
    pub device: &'a Device,
    /// LayerNorm's epsilon.
    pub norm_eps: f64,
}

impl Init<'_> {
    fn draw<const D: usize>(&self, name: &str, shape: [usize; D], law: impl Distribution<f32>) -> Param<Tensor<D>> {
        let mut rng = seed::rng(self.seed, Purpose::Init(name), 0, 0);
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| law.sample(&mut rng)).collect();
        Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), self.device))
    }

    /// Uniform in (−bound, bound).
    #[must_use]
    pub fn uniform<const D: usize>(&self, name: &str, shape: [usize; D], bound: f32) -> Param<Tensor<D>> {
        let law = Uniform::new(-bound, bound).expect("bounds of a layer are finite and ordered");
        self.draw(name, shape, law)
    }

    /// Normal with mean 0.
    #[must_use]
    pub fn normal<const D: usize>(&self, name: &str, shape: [usize; D], std: f32) -> Param<Tensor<D>> {
        let law = Normal::new(0.0, std).expect("the standard deviation of a token is positive");
        self.draw(name, shape, law)
    }

    /// Zeros.
    #[must_use]
    pub fn zeros<const D: usize>(&self, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::zeros(shape, self.device))
    }

    /// A linear layer: Xavier-uniform weight `[inputs, outputs]`, zero bias.
    /// The fused query, key and value layer is one such layer, of `3·width` outputs.
    #[must_use]
    pub fn linear(&self, name: &str, inputs: usize, outputs: usize) -> Linear {
        let bound = (6.0 / (inputs + outputs) as f32).sqrt();
        Linear {
            weight: self.uniform(&format!("{name}.weight"), [inputs, outputs], bound),
            bias: Some(self.zeros([outputs])),
        }
    }

    /// The patch embedding `[values, width]`: Xavier-uniform weight, bias U(±1/sqrt(values)).
    #[must_use]
    pub fn patch_embedding(&self, name: &str, values: usize, width: usize) -> Linear {
        let bias = self.uniform(&format!("{name}.bias"), [width], 1.0 / (values as f32).sqrt());
        Linear {
            bias: Some(bias),
            ..self.linear(name, values, width)
        }
    }

    /// A LayerNorm: scale 1, shift 0.
    #[must_use]
    pub fn norm(&self, width: usize) -> Norm {
        Norm {
            gamma: Param::from_tensor(Tensor::ones([width], self.device)),
            beta: self.zeros([width]),
            epsilon: self.norm_eps,
        }
    }
}
