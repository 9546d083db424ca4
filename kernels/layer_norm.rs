//! LayerNorm over the last axis (Ba, Kiros and Hinton, 2016, arXiv:1607.06450), with the biased variance, and its
//! backward.
//!
//! Shapes: `x`, `y`, `dy`, `dx` `[R, D]`; `gamma`, `beta`, `dgamma`, `dbeta` `[D]`; `stats` `[R, 2]`: mean and
//! 1/√(variance + eps).

use std::array::from_mut;

use pulp::{Simd, WithSimd};

use super::blocks::{ELEMENTS, add_partials, each, rows_per_partial};
use super::dispatch::{LANES, fma, fold, map, vectorised};

/// `y = (x - mean) / √(variance + eps) · gamma + beta` per row; `stats` keeps what the backward needs.
pub fn forward(x: &[f32], gamma: &[f32], beta: &[f32], eps: f32, y: &mut [f32], stats: &mut [f32]) {
    let width = gamma.len();
    let rows = rows(x, width);
    assert!(
        beta.len() == width && y.len() == x.len() && stats.len() == 2 * rows,
        "layer norm: lengths disagree"
    );
    let (block, pair) = chunk((ELEMENTS / width).max(1), width);
    let outputs = y.chunks_mut(block).zip(stats.chunks_mut(pair));
    each(x.chunks(block).zip(outputs).collect(), |(x, (y, stats))| {
        vectorised(Forward {
            x,
            gamma,
            beta,
            eps,
            y,
            stats,
        });
    });
}

/// The gradients of the input and of both parameters, from the saved `stats`; all three results are overwritten.
pub fn backward(
    dy: &[f32],
    x: &[f32],
    gamma: &[f32],
    stats: &[f32],
    dx: &mut [f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
) {
    let width = gamma.len();
    let rows = rows(x, width);
    assert!(
        dy.len() == x.len() && dx.len() == x.len() && stats.len() == 2 * rows,
        "layer norm: lengths disagree"
    );
    assert!(
        dgamma.len() == width && dbeta.len() == width,
        "layer norm: lengths of parameters disagree"
    );
    let (block, pair) = chunk(rows_per_partial(rows, width), width);
    let mut partials = vec![0.0; x.len().div_ceil(block) * 2 * width];
    let inputs = dy.chunks(block).zip(x.chunks(block)).zip(stats.chunks(pair));
    let outputs = dx.chunks_mut(block).zip(partials.chunks_exact_mut(2 * width));
    each(inputs.zip(outputs).collect(), |(((dy, x), stats), (dx, partial))| {
        let (dgamma, dbeta) = partial.split_at_mut(width);
        vectorised(Backward {
            dy,
            x,
            gamma,
            stats,
            dx,
            dgamma,
            dbeta,
        });
    });
    let mut totals = vec![0.0; 2 * width];
    add_partials(&partials, &mut totals);
    dgamma.copy_from_slice(&totals[..width]);
    dbeta.copy_from_slice(&totals[width..]);
}

fn rows(x: &[f32], width: usize) -> usize {
    assert!(
        width > 0 && x.len().is_multiple_of(width),
        "layer norm: {} values are not rows of {width}",
        x.len()
    );
    x.len() / width
}

/// Lengths of a block of `rows` rows, in the input and in `stats`.
fn chunk(rows: usize, width: usize) -> (usize, usize) {
    (rows * width, 2 * rows)
}

struct Forward<'a> {
    x: &'a [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    eps: f32,
    y: &'a mut [f32],
    stats: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.gamma.len();
        let rows = self.x.chunks_exact(width).zip(self.y.chunks_exact_mut(width));
        for ((x, y), stats) in rows.zip(self.stats.chunks_exact_mut(2)) {
            let mean = fold([x], |sum, [x]| sum + x) / width as f32;
            let squares = fold([x], |sum, [x]| fma::<S>(x - mean, x - mean, sum));
            let scale = 1.0 / (squares / width as f32 + self.eps).sqrt();
            map([x, self.gamma, self.beta], y, |[x, gamma, beta]| {
                fma::<S>((x - mean) * scale, gamma, beta)
            });
            stats.copy_from_slice(&[mean, scale]);
        }
    }
}

struct Backward<'a> {
    dy: &'a [f32],
    x: &'a [f32],
    gamma: &'a [f32],
    stats: &'a [f32],
    dx: &'a mut [f32],
    dgamma: &'a mut [f32],
    dbeta: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.gamma.len();
        let rows = self
            .dy
            .chunks_exact(width)
            .zip(self.x.chunks_exact(width))
            .zip(self.dx.chunks_exact_mut(width));
        for (((dy, x), dx), stats) in rows.zip(self.stats.chunks_exact(2)) {
            let row = Row::new::<S>(dy, x, self.gamma, stats);
            row.gradients::<S>(dy, x, self.gamma, dx, self.dgamma, self.dbeta);
        }
    }
}

/// What all elements of a row share in the backward: `dx = scale · (dy·gamma - plain - x̂ · turned)`.
#[derive(Clone, Copy)]
struct Row {
    mean: f32,
    scale: f32,
    plain: f32,
    turned: f32,
}

impl Row {
    #[inline(always)]
    fn new<S: Simd>(dy: &[f32], x: &[f32], gamma: &[f32], stats: &[f32]) -> Self {
        let (mean, scale, width) = (stats[0], stats[1], gamma.len() as f32);
        let plain = fold([dy, gamma], |sum, [dy, gamma]| fma::<S>(dy, gamma, sum)) / width;
        let turned = fold([dy, gamma, x], |sum, [dy, gamma, x]| {
            fma::<S>(dy * gamma, (x - mean) * scale, sum)
        }) / width;
        Self {
            mean,
            scale,
            plain,
            turned,
        }
    }

    /// Writes `dx` and adds this row's part to the parameters' gradients, [`LANES`] elements at a time.
    #[inline(always)]
    fn gradients<S: Simd>(
        self,
        dy: &[f32],
        x: &[f32],
        gamma: &[f32],
        dx: &mut [f32],
        dgamma: &mut [f32],
        dbeta: &mut [f32],
    ) {
        let ((dy, dy_end), (x, x_end), (gamma, gamma_end)) = (dy.as_chunks(), x.as_chunks(), gamma.as_chunks());
        let (dx, dx_end) = dx.as_chunks_mut();
        let ((dgamma, dgamma_end), (dbeta, dbeta_end)) = (dgamma.as_chunks_mut(), dbeta.as_chunks_mut());
        let inputs = dy.iter().zip(x).zip(gamma);
        for (((dy, x), gamma), ((dx, dgamma), dbeta)) in inputs.zip(dx.iter_mut().zip(dgamma).zip(dbeta)) {
            self.lanes::<S, LANES>([dy, x, gamma], dx, dgamma, dbeta);
        }
        for i in 0..dy_end.len() {
            let outputs = (
                from_mut(&mut dx_end[i]),
                from_mut(&mut dgamma_end[i]),
                from_mut(&mut dbeta_end[i]),
            );
            self.lanes::<S, 1>(
                [&[dy_end[i]], &[x_end[i]], &[gamma_end[i]]],
                outputs.0,
                outputs.1,
                outputs.2,
            );
        }
    }

    #[inline(always)]
    fn lanes<S: Simd, const L: usize>(
        self,
        [dy, x, gamma]: [&[f32; L]; 3],
        dx: &mut [f32; L],
        dgamma: &mut [f32; L],
        dbeta: &mut [f32; L],
    ) {
        let (dy, (mut weights, mut shifts)) = (*dy, (*dgamma, *dbeta));
        for l in 0..L {
            let normal = (x[l] - self.mean) * self.scale;
            dx[l] = self.scale * fma::<S>(-normal, self.turned, fma::<S>(dy[l], gamma[l], -self.plain));
            weights[l] = fma::<S>(dy[l], normal, weights[l]);
            shifts[l] += dy[l];
        }
        (*dgamma, *dbeta) = (weights, shifts);
    }
}
