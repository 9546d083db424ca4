//! GELU with the exact error function (Hendrycks and Gimpel, 2016, arXiv:1606.08415): y = u · Φ(u), element by element.

use pulp::{Simd, WithSimd};

use super::blocks::{ELEMENTS, each};
use super::dispatch::{fma, vectorised};
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
