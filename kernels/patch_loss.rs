//! The loss of reconstruction (He et al., 2022, arXiv:2111.06377): the mean square error on the named patches only,
//! without their target ever being a tensor of its own.
//!
//! Shapes: `pred`, `residual`, `dpred` `[R, P]`; pictures, rows and the order inside a patch as in
//! [`patches`](super::patches).

use pulp::{Simd, WithSimd};

use super::blocks::{ELEMENTS, each};
use super::dispatch::{fma, fold, map, vectorised};
use super::patches::Grid;

/// Added to the variance of a patch before its root is taken; the reference's value.
const VARIANCE_EPS: f32 = 1e-6;

/// Mean over `R · P` of `(pred - target)²`, the target being the patch's pixels or, with `norm_pix`, `(x - mean) /
/// √(variance + 1e-6)` by patch with the unbiased variance. `residual` keeps `pred - target` for the backward. Without
/// rows it is not a number, as a mean of nothing.
pub fn forward<I: Copy + Sync + TryInto<usize>>(
    pred: &[f32],
    images: &[f32],
    shape: [usize; 4],
    rows: &[I],
    p: usize,
    norm_pix: bool,
    residual: &mut [f32],
) -> f64 {
    let grid = Grid::new(shape, p);
    grid.check(images.len(), rows.len(), pred.len());
    assert_eq!(
        pred.len(),
        residual.len(),
        "patch loss: prediction and residual differ in length"
    );
    let (block, values) = (grid.rows_per_block(), grid.values().max(1));
    let mut sums = vec![0.0; rows.len().div_ceil(block)];
    let inputs = rows.chunks(block).zip(pred.chunks(block * values));
    let outputs = residual.chunks_mut(block * values).zip(&mut sums);
    each(inputs.zip(outputs).collect(), |((rows, pred), (residual, sum))| {
        *sum = vectorised(Forward {
            grid,
            images,
            rows,
            pred,
            norm_pix,
            residual,
        });
    });
    sums.iter().sum::<f64>() / pred.len() as f64
}

/// `dpred = 2 · d / (R · P) · residual`, `d` being the gradient of the mean.
pub fn backward(d: f32, residual: &[f32], dpred: &mut [f32]) {
    assert_eq!(
        dpred.len(),
        residual.len(),
        "patch loss: gradient and residual differ in length"
    );
    let factor = (2.0 * f64::from(d) / residual.len() as f64) as f32;
    let blocks = residual.chunks(ELEMENTS).zip(dpred.chunks_mut(ELEMENTS));
    each(blocks.collect(), |(residual, dpred)| {
        vectorised(Backward {
            factor,
            residual,
            dpred,
        });
    });
}

struct Forward<'a, I> {
    grid: Grid,
    images: &'a [f32],
    rows: &'a [I],
    pred: &'a [f32],
    norm_pix: bool,
    residual: &'a mut [f32],
}

impl<I: Copy + TryInto<usize>> WithSimd for Forward<'_, I> {
    /// The sum of squares: within a row in lanes of `f32`, over rows in `f64`.
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let values = self.grid.values().max(1);
        let mut target = vec![0.0; values];
        let rows = self
            .pred
            .chunks_exact(values)
            .zip(self.residual.chunks_exact_mut(values));
        let mut sum = 0.0;
        for (&row, (pred, residual)) in self.rows.iter().zip(rows) {
            self.grid.cut(self.images, row, &mut target);
            let (mean, scale) = if self.norm_pix {
                statistics::<S>(&target)
            } else {
                (0.0, 1.0)
            };
            map([pred, &target], residual, |[pred, x]| fma::<S>(mean - x, scale, pred));
            sum += f64::from(fold([residual], |sum, [r]| fma::<S>(r, r, sum)));
        }
        sum
    }
}

/// Mean and `1 / √(variance + 1e-6)` of a patch.
#[inline(always)]
fn statistics<S: Simd>(x: &[f32]) -> (f32, f32) {
    let count = x.len() as f32;
    let rough = fold([x], |sum, [x]| sum + x) / count;
    // What rounding left of the mean would be a thousand times as large where a patch is all of one colour.
    let mean = rough + fold([x], |sum, [x]| sum + (x - rough)) / count;
    let squares = fold([x], |sum, [x]| fma::<S>(x - mean, x - mean, sum));
    (mean, 1.0 / (squares / (count - 1.0) + VARIANCE_EPS).sqrt())
}

struct Backward<'a> {
    factor: f32,
    residual: &'a [f32],
    dpred: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (dpred, residual) in self.dpred.iter_mut().zip(self.residual) {
            *dpred = self.factor * residual;
        }
    }
}
