//! The fused operations of LibTorch in bfloat16 against themselves in single precision, forward and backward.

use burn::tensor::{DType, Tensor};

use super::route;
use super::tests::{random, values};
use crate::model::device::resolve;

/// Largest difference that is let through, of the largest value: two units of bfloat16's last place.
const NEAR: f32 = 1.0 / 64.0;

type Operation = fn(Tensor<3>, Tensor<2>, Tensor<1>) -> Tensor<3>;

/// Output and gradients in a type, from values that bfloat16 has.
fn run(operation: Operation, dtype: DType) -> [Vec<f32>; 4] {
    let device = resolve("tch").expect("a device that is compiled in").autodiff();
    let x = random("x", [3, 17, 48], &device)
        .cast(DType::BF16)
        .cast(dtype)
        .detach()
        .require_grad();
    let w = random("w", [48, 96], &device)
        .cast(DType::BF16)
        .cast(dtype)
        .detach()
        .require_grad();
    let b = random("b", [96], &device)
        .cast(DType::BF16)
        .cast(dtype)
        .detach()
        .require_grad();
    let y = operation(x.clone(), w.clone(), b.clone());
    assert_eq!(y.dtype(), dtype);
    let weights = random("y", y.dims(), &device).cast(DType::BF16).cast(dtype);
    let grads = (y.clone() * weights).sum().backward();
    let zeros = || vec![0.0];
    [
        values(y.inner()),
        x.grad(&grads).map_or_else(zeros, values),
        w.grad(&grads).map_or_else(zeros, values),
        b.grad(&grads).map_or_else(zeros, values),
    ]
}

#[track_caller]
fn near(operation: Operation) {
    let (got, want) = (run(operation, DType::BF16), run(operation, DType::F32));
    for (part, (got, want)) in ["output", "dx", "dw", "db"].iter().zip(got.iter().zip(&want)) {
        assert_eq!(got.len(), want.len(), "{part}");
        let largest = want.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        let worst = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
        assert!(worst <= NEAR * largest, "{part}: {worst:e} of {largest:e}");
    }
}

#[test]
fn linear_layers() {
    near(|x, w, b| route::linear(x, w, b, false));
    near(|x, w, b| route::linear(x, w, b, true));
}

#[test]
fn self_attention() {
    near(|x, _, _| route::attention(x, 2));
}

#[test]
fn layer_norms() {
    near(|x, w, b| {
        route::layer_norm(
            x,
            w.narrow(0, 0, 1).narrow(1, 0, 48).squeeze_dim(0),
            b.narrow(0, 0, 48),
            1e-6,
        )
    });
}

#[test]
fn flex_leaves_other_types_to_the_composed_operations() {
    let x = |name: &str| random("x", [1, 2, 3], &resolve(name).expect("compiled in"));
    assert!(route::runs(&x("tch")) && route::runs(&x("tch").cast(DType::BF16)));
    #[cfg(feature = "flex")]
    assert!(route::runs(&x("flex")) && !route::runs(&x("flex").cast(DType::BF16)));
}
