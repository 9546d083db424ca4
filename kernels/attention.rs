//! Scaled dot-product attention (Vaswani et al., 2017, arXiv:1706.03762) on the packed queries, keys and values of the
//! fused linear layer.
//!
//! Shapes: `qkv`, `dqkv` `[N, T, 3, H, d]`; `out`, `dout` `[N, T, H·d]`; `probs` `[N, H, T, T]`. Heads are independent
//! and run in parallel; within a head blocks of rows go through scores, softmax and the weighted sum while they are in
//! cache.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::attention_backward::Backward;
use super::dispatch::{LANES, map, vectorised};
use super::head::{Part, Shape, give_back, scratch, take};
use super::product::{Left, product};
use super::special::exp_of_negative;

/// Fewer multiplications than this in all are done by the calling thread.
const SERIAL: usize = 1 << 18;

/// `out = softmax(q · kᵀ / √d) · v` for every picture and head; `probs` keeps the softmax for the backward.
pub fn forward(qkv: &[f32], n: usize, t: usize, h: usize, d: usize, out: &mut [f32], probs: &mut [f32]) {
    let shape = Shape::new(n, t, h, d);
    check(shape, qkv, out, probs);
    let pictures = qkv
        .chunks_exact(shape.packed() * t)
        .zip(out.chunks_exact_mut(shape.width() * t));
    run(
        shape,
        pictures.zip(probs.chunks_exact_mut(shape.scores())).collect(),
        |((qkv, out), probs)| {
            let heads = shape
                .share(out, h)
                .into_iter()
                .zip(probs.chunks_exact_mut(t * t))
                .enumerate();
            heads
                .map(|(head, (out, probs))| Forward {
                    shape,
                    qkv,
                    head,
                    out,
                    probs,
                })
                .collect()
        },
    );
}

/// The gradient of `qkv` from that of `out`, the inputs and the saved softmax; `dqkv` is overwritten.
#[expect(
    clippy::too_many_arguments,
    reason = "four shapes and four slices, as in the forward"
)]
pub fn backward(dout: &[f32], qkv: &[f32], probs: &[f32], n: usize, t: usize, h: usize, d: usize, dqkv: &mut [f32]) {
    let shape = Shape::new(n, t, h, d);
    check(shape, qkv, dout, probs);
    assert_eq!(
        dqkv.len(),
        qkv.len(),
        "attention: the gradient differs from its input in length"
    );
    let inputs = qkv
        .chunks_exact(shape.packed() * t)
        .zip(dout.chunks_exact(shape.width() * t));
    let outputs = probs
        .chunks_exact(shape.scores())
        .zip(dqkv.chunks_exact_mut(shape.packed() * t));
    run(shape, inputs.zip(outputs).collect(), |((qkv, dout), (probs, dqkv))| {
        let mut dq = shape.share(dqkv, 3 * h);
        let mut dk = dq.split_off(h);
        let dv = dk.split_off(h);
        let heads = dq
            .into_iter()
            .zip(dk)
            .zip(dv)
            .zip(probs.chunks_exact(t * t))
            .enumerate();
        heads
            .map(|(head, (((dq, dk), dv), probs))| Backward {
                shape,
                qkv,
                dout,
                head,
                probs,
                dq,
                dk,
                dv,
            })
            .collect()
    });
}

fn check(shape: Shape, qkv: &[f32], out: &[f32], probs: &[f32]) {
    let Shape { n, t, h, d } = shape;
    assert!(
        t > 0 && h > 0 && d > 0,
        "attention: tokens, heads and width are at least one"
    );
    assert_eq!(
        qkv.len(),
        n * t * 3 * h * d,
        "attention: the packed input does not fit its shape"
    );
    assert_eq!(out.len(), n * t * h * d, "attention: the result does not fit its shape");
    assert_eq!(
        probs.len(),
        n * h * t * t,
        "attention: the saved softmax does not fit its shape"
    );
}

/// Runs all heads of all pictures, in parallel when there is enough to do.
fn run<P: Send, L: WithSimd<Output = ()> + Send>(shape: Shape, pictures: Vec<P>, heads: impl Fn(P) -> Vec<L> + Sync) {
    if shape.n * shape.scores() * shape.d < SERIAL || rayon::current_num_threads() == 1 {
        return pictures.into_iter().flat_map(heads).for_each(vectorised);
    }
    pictures
        .into_par_iter()
        .for_each(|picture| heads(picture).into_par_iter().for_each(vectorised));
}

/// One head of one picture.
struct Forward<'a> {
    shape: Shape,
    qkv: &'a [f32],
    head: usize,
    out: Vec<&'a mut [f32]>,
    probs: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Shape { t, d, .. } = self.shape;
        let (tokens, width, block) = (
            self.shape.padded_tokens(),
            self.shape.padded_width(),
            self.shape.block(),
        );
        let mut buffer = scratch(d * tokens + t * width + block * (tokens + width));
        let left = &mut buffer.as_mut_slice();
        let (keys, values) = (take(left, d * tokens), take(left, t * width));
        let (scores, sums) = (take(left, block * tokens), take(left, block * width));
        self.shape
            .part(self.qkv, Part::Key, self.head)
            .transpose_to(t, self.shape.scale(), tokens, keys);
        self.shape.part(self.qkv, Part::Value, self.head).copy_to(width, values);
        let queries = self.shape.part(self.qkv, Part::Query, self.head);
        for first in (0..t).step_by(block) {
            let rows = block.min(t - first);
            let left = Left::Rows(&queries.values[first * queries.stride..], queries.stride);
            product(simd, left, (rows, d), keys, scores, tokens, false);
            let probs = &mut self.probs[first * t..][..rows * t];
            for (scores, probs) in scores.chunks_exact_mut(tokens).zip(probs.chunks_exact_mut(t)) {
                softmax(simd, scores, probs);
            }
            product(simd, Left::Rows(probs, t), (rows, t), values, sums, width, false);
            for (out, sum) in self.out[first..].iter_mut().zip(sums.chunks_exact(width)).take(rows) {
                out.copy_from_slice(&sum[..d]);
            }
        }
        give_back(buffer);
    }
}

/// Softmax of the first `probs.len()` scores; the scores are used up.
#[inline(always)]
fn softmax<S: Simd>(simd: S, scores: &mut [f32], probs: &mut [f32]) {
    scores[probs.len()..].fill(f32::NEG_INFINITY);
    // Sums over vectors of the processor: sixteen lanes of an array end up in memory here.
    let mut most = simd.splat_f32s(f32::NEG_INFINITY);
    for &vector in S::as_simd_f32s(scores).0 {
        most = simd.max_f32s(vector, most);
    }
    let most = simd.reduce_max_f32s(most);
    for chunk in scores.as_chunks_mut::<LANES>().0 {
        for score in chunk {
            *score = exp_of_negative::<S>(*score - most);
        }
    }
    let mut sum = simd.splat_f32s(0.0);
    for &vector in S::as_simd_f32s(scores).0 {
        sum = simd.add_f32s(sum, vector);
    }
    let inverse = 1.0 / simd.reduce_sum_f32s(sum);
    map([scores], probs, |[score]| score * inverse);
}
