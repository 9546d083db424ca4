//! GELU with the exact error function (Hendrycks and Gimpel, 2016, arXiv:1606.08415): y = u · Φ(u), element by element.

use std::array::from_mut;

use pulp::{Simd, WithSimd};

use super::blocks::{ELEMENTS, each};
use super::dispatch::{LANES, fma, vectorised};
use super::special::{density, normal};

/// `y = u · Φ(u)`; both slices have one length.
pub fn forward(u: &[f32], y: &mut [f32]) {
    assert_eq!(u.len(), y.len(), "gelu: input and output differ in length");
    each(u.chunks(ELEMENTS).zip(y.chunks_mut(ELEMENTS)).collect(), |(u, y)| {
        vectorised(Forward { u, y })
    });
}

/// `du = dy · (Φ(u) + u · φ(u))`; all slices have one length.
pub fn backward(dy: &[f32], u: &[f32], du: &mut [f32]) {
    assert!(
        dy.len() == u.len() && u.len() == du.len(),
        "gelu: gradients and input differ in length"
    );
    let inputs = dy.chunks(ELEMENTS).zip(u.chunks(ELEMENTS));
    each(inputs.zip(du.chunks_mut(ELEMENTS)).collect(), |((dy, u), du)| {
        vectorised(Backward { dy, u, du })
    });
}

/// `u ← u + bias` in every row and `y = u · Φ(u)`, in one pass; the bias is as long as a row.
pub(super) fn forward_biased(u: &mut [f32], bias: &[f32], y: &mut [f32]) {
    assert!(
        u.len() == y.len() && !bias.is_empty() && u.len().is_multiple_of(bias.len()),
        "gelu: input, output and bias differ in length"
    );
    let block = (ELEMENTS / bias.len()).max(1) * bias.len();
    each(u.chunks_mut(block).zip(y.chunks_mut(block)).collect(), |(u, y)| {
        vectorised(Biased { u, bias, y })
    });
}

struct Biased<'a> {
    u: &'a mut [f32],
    bias: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Biased<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.bias.len();
        let (bias, bias_end) = self.bias.as_chunks::<LANES>();
        for (u, y) in self.u.chunks_exact_mut(width).zip(self.y.chunks_exact_mut(width)) {
            let ((u, u_end), (y, y_end)) = (u.as_chunks_mut(), y.as_chunks_mut());
            for ((u, y), bias) in u.iter_mut().zip(y).zip(bias) {
                biased::<S, LANES>(u, bias, y);
            }
            for ((u, y), &bias) in u_end.iter_mut().zip(y_end).zip(bias_end) {
                biased::<S, 1>(from_mut(u), &[bias], from_mut(y));
            }
        }
    }
}

#[inline(always)]
fn biased<S: Simd, const L: usize>(u: &mut [f32; L], bias: &[f32; L], y: &mut [f32; L]) {
    let (mut sums, mut values) = (*u, [0.0; L]);
    for l in 0..L {
        sums[l] += bias[l];
        values[l] = sums[l] * normal::<S>(sums[l]);
    }
    (*u, *y) = (sums, values);
}

/// [`backward`] by the calling thread, adding every row of `du` to `sums`, which is as long as a row.
pub(super) fn backward_summed(dy: &[f32], u: &[f32], du: &mut [f32], sums: &mut [f32]) {
    vectorised(Summed { dy, u, du, sums });
}

struct Summed<'a> {
    dy: &'a [f32],
    u: &'a [f32],
    du: &'a mut [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Summed<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.sums.len();
        let inputs = self.dy.chunks_exact(width).zip(self.u.chunks_exact(width));
        let (sums, sums_end) = self.sums.as_chunks_mut::<LANES>();
        for ((dy, u), du) in inputs.zip(self.du.chunks_exact_mut(width)) {
            let ((dy, dy_end), (u, u_end), (du, du_end)) = (dy.as_chunks(), u.as_chunks(), du.as_chunks_mut());
            for ((dy, u), (du, sum)) in dy.iter().zip(u).zip(du.iter_mut().zip(&mut *sums)) {
                summed::<S, LANES>(dy, u, du, sum);
            }
            for ((&dy, &u), (du, sum)) in dy_end.iter().zip(u_end).zip(du_end.iter_mut().zip(&mut *sums_end)) {
                summed::<S, 1>(&[dy], &[u], from_mut(du), from_mut(sum));
            }
        }
    }
}

#[inline(always)]
fn summed<S: Simd, const L: usize>(dy: &[f32; L], u: &[f32; L], du: &mut [f32; L], sums: &mut [f32; L]) {
    let (mut values, mut totals) = ([0.0; L], *sums);
    for l in 0..L {
        values[l] = dy[l] * fma::<S>(u[l], density::<S>(u[l]), normal::<S>(u[l]));
        totals[l] += values[l];
    }
    (*du, *sums) = (values, totals);
}

struct Forward<'a> {
    u: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (y, &u) in self.y.iter_mut().zip(self.u) {
            *y = u * normal::<S>(u);
        }
    }
}

struct Backward<'a> {
    dy: &'a [f32],
    u: &'a [f32],
    du: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for ((du, &dy), &u) in self.du.iter_mut().zip(self.dy).zip(self.u) {
            *du = dy * fma::<S>(u, density::<S>(u), normal::<S>(u));
        }
    }
}
