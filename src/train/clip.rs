//! The norm of all gradients together, and clipping by it, with the arithmetic of PyTorch's `clip_grad_norm_`.
//! burn's own clipping by norm works tensor by tensor. Nothing is read from the device.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Euclidean norm of all gradients of a model together; 0 when there are none.
///
/// # Shapes
/// → `[1]`.
#[must_use]
pub fn norm<M: Module>(model: &M, gradients: &GradientsParams) -> Tensor<1> {
    let mut squares = Squares {
        gradients,
        sums: Vec::new(),
    };
    model.visit(&mut squares);
    let device = model.devices().first().cloned().unwrap_or_default();
    match squares.sums.is_empty() {
        true => Tensor::zeros([1], &device),
        false => Tensor::cat(squares.sums, 0).sum().sqrt(),
    }
}

/// Gradients scaled by `min(1, most / (norm + 1e-6))`.
///
/// # Shapes
/// norm `[1]`.
#[must_use]
pub fn clip<M: Module>(model: &M, gradients: GradientsParams, norm: &Tensor<1>, most: f64) -> GradientsParams {
    let factor = norm.clone().add_scalar(1e-6).recip().mul_scalar(most).clamp_max(1.0);
    scaled(model, gradients, factor)
}

/// Gradients times a number.
#[must_use]
pub fn scale<M: Module>(model: &M, gradients: GradientsParams, factor: f64) -> GradientsParams {
    let device = model.devices().first().cloned().unwrap_or_default().inner();
    scaled(model, gradients, Tensor::full([1], factor, &device))
}

/// # Shapes
/// factor `[1]`.
fn scaled<M: Module>(model: &M, gradients: GradientsParams, factor: Tensor<1>) -> GradientsParams {
    let mut scaler = Scaler {
        from: gradients,
        to: GradientsParams::new(),
        factor,
    };
    model.visit(&mut scaler);
    scaler.to
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    sums: Vec<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.sums.push(gradient.square().sum());
        }
    }
}

struct Scaler {
    from: GradientsParams,
    to: GradientsParams,
    factor: Tensor<1>,
}

impl ModuleVisitor for Scaler {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.from.remove::<D>(param.id) {
            let factor = self.factor.clone().reshape([1; D]);
            self.to.register(param.id, gradient * factor);
        }
    }
}
