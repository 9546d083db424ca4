//! Each fused operation against the composed one, forward and backward, within 1e-5 of the largest value, on every back
//! end of this binary that has fused operations.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Tensor, TensorData, module};

use super::{AdamWRates, adamw, attention, layer_norm, linear, linear_gelu, route};
use crate::model::device::{compiled, resolve};
use crate::seed::{Purpose, rng};
use rand::RngExt;

/// Devices with fused operations.
pub(crate) fn devices() -> Vec<(&'static str, Device)> {
    let names = compiled().into_iter().filter(|name| ["flex", "tch"].contains(name));
    let open = |name| (name, resolve(name).expect("a device that is compiled in"));
    names.map(open).collect()
}

pub(crate) fn random<const D: usize>(name: &str, shape: [usize; D], device: &Device) -> Tensor<D> {
    let mut rng = rng(0, Purpose::Init(name), 0, 0);
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| rng.random_range(-2.0..2.0))
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[track_caller]
pub(crate) fn near(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0.0f32, |a, b| a.max(b.abs()));
    let worst = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
    assert!(worst <= 1e-5 * largest, "{what}: {worst:e} of {largest:e}");
}

/// Output and gradients of `operation` at random inputs of these shapes, each weighed by a random tensor.
fn run(
    device: &Device,
    shapes: ([usize; 3], [usize; 2], usize),
    operation: impl Fn(Tensor<3>, Tensor<2>, Tensor<1>) -> Tensor<3>,
) -> [Vec<f32>; 4] {
    let device = device.clone().autodiff();
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
    for (name, device) in devices() {
        let (got, want) = (run(&device, shapes, &fused), run(&device, shapes, &composed));
        for (part, (got, want)) in ["output", "dx", "dw", "db"].iter().zip(got.iter().zip(&want)) {
            near(&format!("{what} on {name} {shapes:?} {part}"), got, want);
        }
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
        compare("linear", shapes, |x, w, b| route::linear(x, w, b, false), composed);
        let composed = |x: Tensor<3>, w: Tensor<2>, b: Tensor<1>| gelu(x.matmul(w.unsqueeze()) + b.unsqueeze::<3>());
        compare("linear gelu", shapes, |x, w, b| route::linear(x, w, b, true), composed);
    }
}

#[test]
fn layers_without_gradients_and_their_modules() {
    for (name, device) in devices() {
        let (x, w, b) = (
            random("x", [2, 9, 20], &device),
            random("w", [20, 12], &device),
            random("b", [12], &device),
        );
        let layer = layer(w, b);
        near(
            name,
            &values(linear(&layer, x.clone())),
            &values(layer.forward(x.clone())),
        );
        near(
            name,
            &values(linear_gelu(&layer, x.clone())),
            &values(gelu(layer.forward(x))),
        );
    }
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

fn composed_attention(qkv: Tensor<3>, heads: usize) -> Tensor<3> {
    let [n, t, width] = qkv.dims();
    let d = width / 3 / heads;
    let parts = qkv.reshape([n, t, 3, heads, d]).permute([2, 0, 3, 1, 4]);
    let part = |i: usize| parts.clone().narrow(0, i, 1).squeeze_dim::<4>(0);
    let scores = part(0).matmul(part(1).swap_dims(2, 3)) / (d as f64).sqrt();
    let mixed = softmax(scores, 3).matmul(part(2));
    mixed.swap_dims(1, 2).reshape([n, t, width / 3])
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
        compare(
            "attention",
            shapes,
            |qkv, _, _| attention(qkv, h),
            |qkv, _, _| composed_attention(qkv, h),
        );
    }
}

/// Inputs that are views of larger buffers.
#[test]
fn views_are_taken_as_they_are() {
    for (name, device) in devices() {
        let whole = random("x", [2, 12, 30], &device);
        let view = whole.narrow(1, 3, 5).narrow(2, 10, 20);
        let (w, b) = (random("w", [6, 20], &device).transpose(), random("b", [6], &device));
        let layer = layer(w, b);
        near(
            name,
            &values(linear(&layer, view.clone())),
            &values(layer.forward(view)),
        );
    }
}

/// What a backward pass reads is still there when the tensors of the forward pass have been written over in place.
#[test]
fn backward_passes_own_what_they_read() {
    let scaled = |x: Tensor<3>| (x * 0.5).add_scalar(1.0);
    for heads in [1, 2] {
        compare(
            "a chain",
            ([2, 7, 24], [8, 24], 24),
            |x, w, b| {
                let y = scaled(layer_norm(
                    scaled(attention(x, heads)),
                    b.clone().narrow(0, 0, 8),
                    b.clone().narrow(0, 8, 8),
                    1e-6,
                ));
                scaled(route::linear(y, w, b, true))
            },
            |x, w, b| {
                let y = composed_attention(x, heads);
                let y = module::layer_norm(
                    scaled(y),
                    b.clone().narrow(0, 0, 8),
                    Some(b.clone().narrow(0, 8, 8)),
                    1e-6,
                );
                scaled(gelu(scaled(y).matmul(w.unsqueeze()) + b.unsqueeze::<3>()))
            },
        );
    }
}

/// AdamW of LibTorch and flex against the formula, in double precision, from moments that are not zero.
#[test]
fn adamw_steps() {
    let rates = AdamWRates {
        lr: 1e-2,
        beta1: 0.9,
        beta2: 0.95,
        eps: 1e-8,
        weight_decay: 0.05,
        step: 3,
        correction1: 1.0 - 0.9f64.powi(3),
        correction2: 1.0 - 0.95f64.powi(3),
    };
    for (name, device) in devices() {
        let draw = |shape: [usize; 2]| {
            let [p, m, g] = ["p", "m", "g"].map(|name| random(name, shape, &device));
            [p, m, random("v", shape, &device).square(), g]
        };
        // The last is not laid out in order, and the second one has another reader.
        let all = vec![draw([5, 7]), draw([1, 3]), draw([4, 6]).map(Tensor::transpose)];
        let before: Vec<[Vec<f32>; 4]> = all.iter().map(|tensors| tensors.clone().map(values)).collect();
        let reader = all[1].clone();
        let after = adamw(
            all.into_iter()
                .map(|tensors| tensors.map(Tensor::into_dispatch))
                .collect(),
            rates,
        );
        for (tensor, before) in reader.into_iter().zip(&before[1]) {
            assert_eq!(&values(tensor), before, "{name} wrote where another reads");
        }
        assert_eq!(after.len(), before.len());
        for (number, (after, before)) in after.into_iter().zip(&before).enumerate() {
            for (part, (got, want)) in after.into_iter().zip(&formula(before, &rates)).enumerate() {
                let got = values(Tensor::<2>::from_dispatch(got));
                near(&format!("adamw on {name}, parameter {number}, part {part}"), &got, want);
            }
        }
    }
    assert!(adamw(Vec::new(), rates).is_empty());
}

/// Parameter and moments after a step, from parameter, moments and gradient.
fn formula([p, m, v, g]: &[Vec<f32>; 4], rates: &AdamWRates) -> [Vec<f32>; 3] {
    let mut after = [Vec::new(), Vec::new(), Vec::new()];
    for i in 0..p.len() {
        let [p, m, v, g] = [p[i], m[i], v[i], g[i]].map(f64::from);
        let m = rates.beta1 * m + (1.0 - rates.beta1) * g;
        let v = rates.beta2 * v + (1.0 - rates.beta2) * g * g;
        let update = m / rates.correction1 / ((v / rates.correction2).sqrt() + rates.eps);
        let p = p - rates.lr * (update + rates.weight_decay * p);
        for (list, value) in after.iter_mut().zip([p, m, v]) {
            list.push(value as f32);
        }
    }
    after
}
