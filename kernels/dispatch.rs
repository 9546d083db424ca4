//! Loops compiled once per instruction set, chosen when the program runs, and the few building blocks that such loops
//! share.
//!
//! Users build without a target processor, so a plain loop would be SSE2 on x86. [`pulp`] compiles what is inlined
//! into `with_simd` for AVX-512, AVX2 with FMA, NEON and a scalar fallback. Everything called from there must be
//! `#[inline(always)]`, or it falls back to SSE2 silently.

use pulp::{Arch, Simd, WithSimd};

/// Lanes of an accumulator: one AVX-512 register, two of AVX2, four of NEON. Fixed, so sums have one order on all of
/// them, but for the softmax, which adds vectors of the processor.
pub(super) const LANES: usize = 16;

/// Runs a loop with the widest instructions that this processor has.
#[inline]
pub(super) fn vectorised<L: WithSimd>(a_loop: L) -> L::Output {
    Arch::new().dispatch(a_loop)
}

/// `a · b + c` in one instruction where there is one, and never through the slow software routine.
#[inline(always)]
pub(super) fn fma<S: Simd>(a: f32, b: f32, c: f32) -> f32 {
    if S::IS_SCALAR { a * b + c } else { a.mul_add(b, c) }
}

/// Folds slices of equal length into one sum: `step(sum, terms)` per element, in [`LANES`] times two running sums
/// added in a fixed order.
#[inline(always)]
pub(super) fn fold<const K: usize>(slices: [&[f32]; K], step: impl Fn(f32, [f32; K]) -> f32) -> f32 {
    let length = slices[0].len();
    let mut sums = [[0.0f32; LANES]; 2];
    let vectors = length / LANES;
    for pair in 0..vectors / 2 {
        fold_chunk(&mut sums[0], slices, 2 * pair * LANES, &step);
        fold_chunk(&mut sums[1], slices, (2 * pair + 1) * LANES, &step);
    }
    if vectors % 2 == 1 {
        fold_chunk(&mut sums[0], slices, (vectors - 1) * LANES, &step);
    }
    let done = vectors * LANES;
    for i in done..length {
        sums[1][i - done] = step(sums[1][i - done], at(slices, i));
    }
    let [mut total, odd] = sums;
    for (total, odd) in total.iter_mut().zip(odd) {
        *total += odd;
    }
    tree_sum(total)
}

/// Folds the [`LANES`] elements from `first` on.
#[inline(always)]
fn fold_chunk<const K: usize>(
    sum: &mut [f32; LANES],
    slices: [&[f32]; K],
    first: usize,
    step: &impl Fn(f32, [f32; K]) -> f32,
) {
    let chunks = chunk(slices, first);
    for (l, sum) in sum.iter_mut().enumerate() {
        *sum = step(*sum, at(chunks, l));
    }
}

/// Writes `f` of the slices' elements, [`LANES`] at a time also where rows are short; the last ones may be written
/// twice.
#[inline(always)]
pub(super) fn map<const K: usize>(slices: [&[f32]; K], out: &mut [f32], f: impl Fn([f32; K]) -> f32) {
    let length = out.len();
    if length < LANES {
        for (i, out) in out.iter_mut().enumerate() {
            *out = f(at(slices, i));
        }
        return;
    }
    let mut first = 0;
    while first < length {
        first = first.min(length - LANES);
        let chunks = chunk(slices, first);
        let mut values = [0.0; LANES];
        for (l, value) in values.iter_mut().enumerate() {
            *value = f(at(chunks, l));
        }
        out[first..first + LANES].copy_from_slice(&values);
        first += LANES;
    }
}

// Plain loops: the compiler leaves `map` and `from_fn` on arrays as calls, and vectors go through memory.
#[inline(always)]
fn chunk<const K: usize>(slices: [&[f32]; K], first: usize) -> [&[f32]; K] {
    let mut chunks: [&[f32]; K] = [&[]; K];
    for (chunk, slice) in chunks.iter_mut().zip(slices) {
        *chunk = &slice[first..first + LANES];
    }
    chunks
}

#[inline(always)]
fn at<const K: usize>(slices: [&[f32]; K], i: usize) -> [f32; K] {
    let mut values = [0.0; K];
    for (value, slice) in values.iter_mut().zip(slices) {
        *value = slice[i];
    }
    values
}

/// The sum of the lanes, halves added to halves.
#[inline(always)]
pub(super) fn tree_sum(lanes: [f32; LANES]) -> f32 {
    let eighth = |l: usize| lanes[l] + lanes[l + 8];
    let quarter = |l: usize| eighth(l) + eighth(l + 4);
    (quarter(0) + quarter(2)) + (quarter(1) + quarter(3))
}
