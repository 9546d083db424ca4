//! Each fused operation against the composed one, forward and backward, within 1e-5 of the largest value.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor, TensorData, module};

use super::{attention, layer_norm, linear, linear_gelu};
use crate::seed::{Purpose, rng};
use rand::RngExt;

fn random<const D: usize>(name: &str, shape: [usize; D], device: &Device) -> Tensor<D> {
    let mut rng = rng(0, Purpose::Init(name), 0, 0);
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| rng.random_range(-2.0..2.0))
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[track_caller]
fn near(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0.0f32, |a, b| a.max(b.abs()));
    let worst = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
    assert!(worst <= 1e-5 * largest, "{what}: {worst:e} of {largest:e}");
}

/// Output and gradients of `operation` at random inputs of these shapes, each weighed by a random tensor.
fn run(
    shapes: ([usize; 3], [usize; 2], usize),
    operation: impl Fn(Tensor<3>, Tensor<2>, Tensor<1>) -> Tensor<3>,
) -> [Vec<f32>; 4] {
    let device = Device::flex().autodiff();
    let (x, w, b) = (
        random("x", shapes.0, &device).require_grad(),
        random("w", shapes.1, &device).require_grad(),
        random("b", [shapes.2], &device).require_grad(),
    );
    let y = operation(x.clone(), w.clone(), b.clone());
    let weights = random("y", y.dims(), &device);
    let grads = (y.clone() * weights).sum().backward();
    let zeros = |n: usize| vec![0.0; n];
    [
        values(y.inner()),
        x.grad(&grads).map_or_else(|| zeros(x.shape().num_elements()), values),
        w.grad(&grads).map_or_else(|| zeros(w.shape().num_elements()), values),
        b.grad(&grads).map_or_else(|| zeros(b.shape().num_elements()), values),
    ]
}

fn compare(
    what: &str,
    shapes: ([usize; 3], [usize; 2], usize),
    fused: impl Fn(Tensor<3>, Tensor<2>, Tensor<1>) -> Tensor<3>,
    composed: impl Fn(Tensor<3>, Tensor<2>, Tensor<1>) -> Tensor<3>,
) {
    let (got, want) = (run(shapes, fused), run(shapes, composed));
    for (part, (got, want)) in ["output", "dx", "dw", "db"].iter().zip(got.iter().zip(&want)) {
        near(&format!("{what} {shapes:?} {part}"), got, want);
    }
}

fn layer(w: Tensor<2>, b: Tensor<1>) -> Linear {
    Linear {
        weight: Param::from_tensor(w),
        bias: Some(Param::from_tensor(b)),
    }
}

#[test]
fn linear_layers() {
    for (n, t, i, o) in [(1, 1, 1, 1), (2, 5, 7, 3), (3, 37, 64, 192), (2, 50, 96, 33)] {
        let shapes = ([n, t, i], [i, o], o);
        // The operations take the tensors themselves, so that their gradients are those of the leaves.
        let composed = |x: Tensor<3>, w: Tensor<2>, b: Tensor<1>| x.matmul(w.unsqueeze()) + b.unsqueeze::<3>();
        compare(
            "linear",
            shapes,
            |x, w, b| super::flex::linear(x, w, b, false),
            composed,
        );
        let composed = |x: Tensor<3>, w: Tensor<2>, b: Tensor<1>| gelu(x.matmul(w.unsqueeze()) + b.unsqueeze::<3>());
        compare(
            "linear gelu",
            shapes,
            |x, w, b| super::flex::linear(x, w, b, true),
            composed,
        );
    }
}

#[test]
fn layers_without_gradients_and_their_modules() {
    let device = Device::flex();
    let (x, w, b) = (
        random("x", [2, 9, 20], &device),
        random("w", [20, 12], &device),
        random("b", [12], &device),
    );
    let layer = layer(w, b);
    near(
        "linear",
        &values(linear(&layer, x.clone())),
        &values(layer.forward(x.clone())),
    );
    near(
        "gelu",
        &values(linear_gelu(&layer, x.clone())),
        &values(gelu(layer.forward(x))),
    );
}

#[test]
fn layer_norms() {
    for (n, t, d) in [(1, 1, 4), (3, 17, 40), (2, 37, 64), (1, 5, 768)] {
        let shapes = ([n, t, d], [1, d], d);
        compare(
            "layer norm",
            shapes,
            |x, w, b| layer_norm(x * 3.0, w.squeeze_dim(0), b, 1e-6),
            |x, w, b| module::layer_norm(x * 3.0, w.squeeze_dim(0), Some(b), 1e-6),
        );
    }
}

#[test]
fn self_attention() {
    for (n, t, h, d) in [
        (1, 1, 1, 4),
        (2, 5, 3, 8),
        (3, 17, 4, 16),
        (2, 50, 2, 64),
        (1, 197, 2, 32),
    ] {
        let width = h * d;
        let shapes = ([n, t, 3 * width], [1, 1], 1);
        let composed = move |qkv: Tensor<3>, _: Tensor<2>, _: Tensor<1>| {
            let parts = qkv.reshape([n, t, 3, h, d]).permute([2, 0, 3, 1, 4]);
            let part = |i: usize| parts.clone().narrow(0, i, 1).squeeze_dim::<4>(0);
            let scores = part(0).matmul(part(1).swap_dims(2, 3)) / (d as f64).sqrt();
            let mixed = burn::tensor::activation::softmax(scores, 3).matmul(part(2));
            mixed.swap_dims(1, 2).reshape([n, t, width])
        };
        compare("attention", shapes, move |qkv, _, _| attention(qkv, h), composed);
    }
}

/// Inputs that are views of larger buffers.
#[test]
fn views_are_taken_as_they_are() {
    let device = Device::flex();
    let whole = random("x", [2, 12, 30], &device);
    let view = whole.narrow(1, 3, 5).narrow(2, 10, 20);
    let (w, b) = (random("w", [6, 20], &device).transpose(), random("b", [6], &device));
    let layer = layer(w, b);
    near(
        "a view",
        &values(linear(&layer, view.clone())),
        &values(layer.forward(view)),
    );
}
