//! The backward of one attention head: gradients of queries, keys and values from the saved softmax.
//!
//! With `P` the softmax and `O = P · V`: `dV = Pᵀ · dO`, `dP = dO · Vᵀ`, `dS = P ∘ (dP - Σ P ∘ dP) / √d`, `dQ = dS ·
//! K`, `dK = dSᵀ · Q`.

use pulp::{Simd, WithSimd};

use super::dispatch::{LANES, fma, fold};
use super::head::{Part, Shape, give_back, scratch, take};
use super::product::{Left, product};

/// One head of one picture; `dq`, `dk` and `dv` are its rows of the result.
pub(super) struct Backward<'a> {
    pub(super) shape: Shape,
    pub(super) qkv: &'a [f32],
    pub(super) dout: &'a [f32],
    pub(super) head: usize,
    pub(super) probs: &'a [f32],
    pub(super) dq: Vec<&'a mut [f32]>,
    pub(super) dk: Vec<&'a mut [f32]>,
    pub(super) dv: Vec<&'a mut [f32]>,
}

/// Padded copies of a head's operands, and room for its results.
struct Scratch<'s> {
    queries: &'s mut [f32],
    keys: &'s mut [f32],
    values: &'s mut [f32],
    dout: &'s mut [f32],
    scores: &'s mut [f32],
    dq: &'s mut [f32],
    dk: &'s mut [f32],
    dv: &'s mut [f32],
}

impl<'s> Scratch<'s> {
    /// How many values it takes.
    #[inline(always)]
    fn length(shape: Shape) -> usize {
        let (tokens, width, block) = (shape.padded_tokens(), shape.padded_width(), shape.block());
        (shape.d + block) * tokens + (5 * shape.t + block) * width
    }

    #[inline(always)]
    fn new(work: &Backward, mut buffer: &'s mut [f32]) -> Self {
        let (t, d, block) = (work.shape.t, work.shape.d, work.shape.block());
        let (tokens, width) = (work.shape.padded_tokens(), work.shape.padded_width());
        let left = &mut buffer;
        let scratch = Self {
            queries: take(left, t * width),
            keys: take(left, t * width),
            values: take(left, d * tokens),
            dout: take(left, t * width),
            scores: take(left, block * tokens),
            dq: take(left, block * width),
            dk: take(left, t * width),
            dv: take(left, t * width),
        };
        work.shape
            .part(work.qkv, Part::Query, work.head)
            .copy_to(width, scratch.queries);
        work.shape
            .part(work.qkv, Part::Key, work.head)
            .copy_to(width, scratch.keys);
        work.shape
            .part(work.qkv, Part::Value, work.head)
            .transpose_to(t, 1.0, tokens, scratch.values);
        work.shape.result(work.dout, work.head).copy_to(width, scratch.dout);
        scratch
    }
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Shape { t, d, .. } = self.shape;
        let (tokens, width, block) = (
            self.shape.padded_tokens(),
            self.shape.padded_width(),
            self.shape.block(),
        );
        let mut buffer = scratch(Scratch::length(self.shape));
        let s = Scratch::new(&self, &mut buffer);
        for first in (0..t).step_by(block) {
            let (rows, add) = (block.min(t - first), first > 0);
            let probs = &self.probs[first * t..][..rows * t];
            let (queries, dout) = (&s.queries[first * width..], &s.dout[first * width..]);
            product(
                simd,
                Left::Rows(dout, width),
                (rows, d),
                s.values,
                s.scores,
                tokens,
                false,
            );
            for (dp, p) in s.scores.chunks_exact_mut(tokens).zip(probs.chunks_exact(t)) {
                softmax_backward::<S>(&mut dp[..t], p, self.shape.scale());
            }
            product(simd, Left::Columns(probs, t), (t, rows), dout, s.dv, width, add);
            product(
                simd,
                Left::Columns(s.scores, tokens),
                (t, rows),
                queries,
                s.dk,
                width,
                add,
            );
            product(
                simd,
                Left::Rows(s.scores, tokens),
                (rows, t),
                s.keys,
                s.dq,
                width,
                false,
            );
            write(&mut self.dq[first..first + rows], s.dq, width);
        }
        write(&mut self.dk, s.dk, width);
        write(&mut self.dv, s.dv, width);
        give_back(buffer);
    }
}

/// Turns a row of `dP` into one of `dS`.
#[inline(always)]
fn softmax_backward<S: Simd>(dp: &mut [f32], p: &[f32], scale: f32) {
    let mean = fold([dp, p], |sum, [dp, p]| fma::<S>(dp, p, sum));
    let ((dp, dp_end), (p, p_end)) = (dp.as_chunks_mut::<LANES>(), p.as_chunks::<LANES>());
    for (dp, p) in dp.iter_mut().zip(p) {
        for l in 0..LANES {
            dp[l] = (dp[l] - mean) * (p[l] * scale);
        }
    }
    for (dp, &p) in dp_end.iter_mut().zip(p_end) {
        *dp = (*dp - mean) * (p * scale);
    }
}

/// Copies padded rows to where they belong.
#[inline(always)]
fn write(rows: &mut [&mut [f32]], padded: &[f32], width: usize) {
    for (row, padded) in rows.iter_mut().zip(padded.chunks_exact(width)) {
        row.copy_from_slice(&padded[..row.len()]);
    }
}
