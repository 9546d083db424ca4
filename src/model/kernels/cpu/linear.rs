//! Matrix products of the linear layers, on the `gemm` crate, and the gradient of the bias.
//!
//! Shapes: `x`, `dx` `[rows, inputs]`; `w`, `dw` `[inputs, outputs]`, as burn keeps weights; `y`, `dy` `[rows, outputs]`. Transposed operands are
//! read through strides. `gemm` divides rows and columns of the result among threads and never the inner sum, so the number of threads does not
//! change a bit (a test holds it to that).

use gemm::Parallelism;
use pulp::{Simd, WithSimd};

use super::blocks::{add_partials, each, rows_per_partial};
use super::dispatch::vectorised;

/// `y = x · w + bias`.
pub fn forward(x: &[f32], w: &[f32], bias: Option<&[f32]>, rows: usize, inputs: usize, outputs: usize, y: &mut [f32]) {
    if let Some(bias) = bias {
        assert_eq!(bias.len(), outputs, "linear: the bias does not fit the outputs");
        y.chunks_exact_mut(outputs.max(1))
            .for_each(|row| row.copy_from_slice(bias));
    }
    let (x, w) = (Operand::new(x, rows, inputs), Operand::new(w, inputs, outputs));
    product(x, w, bias.is_some(), y);
}

/// `dx = dy · wᵀ`.
pub fn backward_input(dy: &[f32], w: &[f32], rows: usize, inputs: usize, outputs: usize, dx: &mut [f32]) {
    let (dy, w) = (Operand::new(dy, rows, outputs), Operand::new(w, inputs, outputs));
    if outputs.is_multiple_of(PAGE) && rows < FEW {
        let values = spread(w);
        let w = Operand {
            values: &values,
            row_stride: (outputs + LINE) as isize,
            ..w
        };
        return product(dy, w.transposed(), false, dx);
    }
    product(dy, w.transposed(), false, dx);
}

/// Values of a page of 4 KiB: rows a whole number of them apart all fall into the same few lines of a cache, and packing reads many rows at once.
const PAGE: usize = 1024;

/// Values of a cache line.
const LINE: usize = 16;

/// With fewer rows than this the packing of such a weight costs more than a copy of it (measured: 54 against 72 GFLOP/s at 200 rows).
const FEW: usize = 512;

/// The operand's rows, each with a cache line's worth of zeros after it.
fn spread(w: Operand) -> Vec<f32> {
    let mut values = Vec::with_capacity(w.rows * (w.columns + LINE));
    for row in w.values.chunks_exact(w.columns) {
        values.extend_from_slice(row);
        values.extend_from_slice(&[0.0; LINE]);
    }
    values
}

/// `dw = xᵀ · dy`.
pub fn backward_weight(x: &[f32], dy: &[f32], rows: usize, inputs: usize, outputs: usize, dw: &mut [f32]) {
    product(
        Operand::new(x, rows, inputs).transposed(),
        Operand::new(dy, rows, outputs),
        false,
        dw,
    );
}

/// The gradient of the bias: `out[j] = Σᵢ dy[i, j]`.
pub fn column_sums(dy: &[f32], rows: usize, outputs: usize, out: &mut [f32]) {
    assert!(
        dy.len() == rows * outputs && out.len() == outputs,
        "linear: lengths of the bias's gradient disagree"
    );
    if dy.is_empty() {
        return out.fill(0.0);
    }
    let block = rows_per_partial(rows, outputs) * outputs;
    let mut partials = vec![0.0; dy.len().div_ceil(block) * outputs];
    each(
        dy.chunks(block).zip(partials.chunks_exact_mut(outputs)).collect(),
        |(dy, sums)| {
            vectorised(Columns { dy, sums });
        },
    );
    add_partials(&partials, out);
}

struct Columns<'a> {
    dy: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.dy.chunks_exact(self.sums.len()) {
            for (sum, value) in self.sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

/// A matrix to be read, with the distance between its rows and its columns.
#[derive(Clone, Copy)]
struct Operand<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: isize,
    column_stride: isize,
}

impl<'a> Operand<'a> {
    fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(
            values.len(),
            rows * columns,
            "linear: an operand is not {rows} by {columns}"
        );
        Self {
            values,
            rows,
            columns,
            row_stride: columns as isize,
            column_stride: 1,
        }
    }

    fn transposed(self) -> Self {
        let Self {
            values,
            rows,
            columns,
            row_stride,
            column_stride,
        } = self;
        Self {
            values,
            rows: columns,
            columns: rows,
            row_stride: column_stride,
            column_stride: row_stride,
        }
    }
}

/// `out = left · right`, or added to what `out` holds.
fn product(left: Operand, right: Operand, add: bool, out: &mut [f32]) {
    let (rows, depth, columns) = (left.rows, left.columns, right.columns);
    assert!(
        right.rows == depth && out.len() == rows * columns,
        "linear: the result is not {rows} by {columns}"
    );
    // SAFETY: `Operand::new` and the assertion hold every slice to the length that its shape and strides reach, and `out` is borrowed alone.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            depth,
            out.as_mut_ptr(),
            1,
            columns as isize,
            add,
            left.values.as_ptr(),
            left.column_stride,
            left.row_stride,
            right.values.as_ptr(),
            right.column_stride,
            right.row_stride,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::Rayon(0),
        );
    }
}
