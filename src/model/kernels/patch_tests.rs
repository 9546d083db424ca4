//! Patches picked out of pictures, and the loss on them, against the composed operations.

use burn::tensor::Tensor;

use super::patches::{composed, composed_loss};
use super::tests::{devices, near, random, values};
use super::{Chosen, gather_patches, patch_loss};

/// Pictures `[N, C, H, W]`, the side of a patch and the patches chosen.
fn cases() -> Vec<([usize; 4], usize, Vec<u32>)> {
    vec![
        ([1, 1, 2, 2], 1, vec![3]),
        ([2, 3, 8, 12], 4, vec![0, 5, 2, 11, 6, 9]),
        ([3, 3, 20, 20], 5, (0..48).rev().collect()),
        ([2, 3, 32, 32], 16, vec![2, 1, 5, 6]),
    ]
}

#[test]
fn patches_are_picked_and_gradients_put_back() {
    for (name, device) in devices() {
        let device = device.autodiff();
        for (shape, side, rows) in cases() {
            let chosen = Chosen {
                rows: rows.into(),
                side,
            };
            let images = random("images", shape, &device).require_grad();
            let run = |picked: Tensor<3>| {
                let weights = random("weights", picked.dims(), &device);
                let grads = (picked.clone() * weights).sum().backward();
                [values(picked.inner()), values(images.grad(&grads).expect("a leaf"))]
            };
            let got = run(gather_patches(images.clone(), chosen.clone()));
            let want = run(composed(images.clone(), &chosen));
            for (part, (got, want)) in ["patches", "dimages"].iter().zip(got.iter().zip(&want)) {
                near(&format!("{part} on {name} {shape:?}"), got, want);
            }
        }
    }
}

#[test]
fn the_loss_on_patches_and_its_gradient() {
    for (name, device) in devices() {
        let device = device.autodiff();
        for (shape, side, rows) in cases() {
            let [n, channels, ..] = shape;
            // One value has no variance.
            for normalise in [false, side > 1] {
                let chosen = Chosen {
                    rows: rows.clone().into(),
                    side,
                };
                let images = random("images", shape, &device);
                let pred = [n, rows.len() / n, channels * side * side];
                let pred = random("pred", pred, &device).require_grad();
                let run = |loss: Tensor<1>| {
                    let grads = (loss.clone() * 3.0).backward();
                    [values(loss.inner()), values(pred.grad(&grads).expect("a leaf"))]
                };
                let got = run(patch_loss(pred.clone(), images.clone(), chosen.clone(), normalise));
                let want = run(composed_loss(pred.clone(), images, &chosen, normalise));
                for (part, (got, want)) in ["loss", "dpred"].iter().zip(got.iter().zip(&want)) {
                    near(&format!("{part} on {name} {shape:?} {normalise}"), got, want);
                }
            }
        }
    }
}
