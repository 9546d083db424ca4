//! Matrix products of the linear layers, on the `gemm` crate, with GELU on the way out and the gradient of the bias.
//!
//! Shapes: `x`, `dx` `[rows, inputs]`; `w`, `dw` `[inputs, outputs]`, as burn keeps weights; `u`, `y`, `du`, `dy`
//! `[rows, outputs]`. Transposed operands are read through strides. Results are divided by rows or by columns and the
//! inner sum never is, so the number of threads does not change a bit (a test holds it to that).

use gemm::Parallelism;
use pulp::{Simd, WithSimd};

use super::blocks::{ELEMENTS, add_partials, each, rows_per_partial};
use super::dispatch::vectorised;
use super::gelu;

/// Values of a block of rows of the result: 192 KiB, which stay in cache between bias, product and GELU.
const BLOCK: usize = 3 << 14;

/// A result of at least this many values, 4 MiB, is worth taking in blocks: smaller ones stay in cache as they are.
const LARGE: usize = 1 << 20;

/// Weights of at most this many values may be packed anew for every block of rows.
const SMALL: usize = 1 << 17;

/// `y = x · w + bias`.
pub fn forward(x: &[f32], w: &[f32], bias: Option<&[f32]>, rows: usize, inputs: usize, outputs: usize, y: &mut [f32]) {
    let (x, w) = (Operand::new(x, rows, inputs), Operand::new(w, inputs, outputs));
    let Some(bias) = bias else {
        return product(x, w, false, y);
    };
    check(bias, rows, outputs, y);
    match block_of_rows(rows, inputs, outputs) {
        Some(block) => each(
            x.blocks(block).zip(y.chunks_mut(block * outputs)).collect(),
            |(x, y)| {
                biased(x, w, bias, y);
            },
        ),
        None => {
            let fill = ELEMENTS.div_ceil(outputs.max(1)) * outputs.max(1);
            each(y.chunks_mut(fill).collect(), |y| spread_bias(bias, y));
            product(x, w, true, y);
        }
    }
}

/// `u = x · w + bias` and `y = u · Φ(u)`, the exact GELU; `u` is what the backward needs.
#[expect(clippy::too_many_arguments, reason = "as `forward`, with two results")]
pub fn forward_gelu(
    x: &[f32],
    w: &[f32],
    bias: &[f32],
    rows: usize,
    inputs: usize,
    outputs: usize,
    u: &mut [f32],
    y: &mut [f32],
) {
    let (x, w) = (Operand::new(x, rows, inputs), Operand::new(w, inputs, outputs));
    check(bias, rows, outputs, u);
    check(bias, rows, outputs, y);
    match block_of_rows(rows, inputs, outputs) {
        Some(block) => {
            let results = u.chunks_mut(block * outputs).zip(y.chunks_mut(block * outputs));
            each(x.blocks(block).zip(results).collect(), |(x, (u, y))| {
                biased(x, w, bias, u);
                gelu::forward(u, y);
            });
        }
        None => {
            product(x, w, false, u);
            gelu::forward_biased(u, bias, y);
        }
    }
}

/// The gradients of `u` and of the bias behind [`forward_gelu`], in one pass: `du = dy · (Φ(u) + u · φ(u))`, `db[j] =
/// Σᵢ du[i, j]`.
pub fn backward_gelu(dy: &[f32], u: &[f32], rows: usize, outputs: usize, du: &mut [f32], db: &mut [f32]) {
    assert!(
        dy.len() == rows * outputs && u.len() == dy.len() && du.len() == dy.len() && db.len() == outputs,
        "linear: lengths of the gradients of GELU and bias disagree"
    );
    if dy.is_empty() {
        return db.fill(0.0);
    }
    let block = rows_per_partial(rows, outputs) * outputs;
    let mut partials = vec![0.0; dy.len().div_ceil(block) * outputs];
    let inputs = dy.chunks(block).zip(u.chunks(block));
    let results = du.chunks_mut(block).zip(partials.chunks_exact_mut(outputs));
    each(inputs.zip(results).collect(), |((dy, u), (du, sums))| {
        gelu::backward_summed(dy, u, du, sums);
    });
    add_partials(&partials, db);
}

fn check(bias: &[f32], rows: usize, outputs: usize, y: &[f32]) {
    assert_eq!(bias.len(), outputs, "linear: the bias does not fit the outputs");
    assert_eq!(y.len(), rows * outputs, "linear: the result is not {rows} by {outputs}");
}

/// Rows of the blocks that pass through bias, product and GELU one by one; none where that costs more than it saves
/// (measured: 0.87 of the time at 4160 rows from 96 to 384, 1.1 at 2368 rows from 48 to 192, twice the time at 200
/// rows from 768 to 3072).
fn block_of_rows(rows: usize, inputs: usize, outputs: usize) -> Option<usize> {
    let pays = rows * outputs >= LARGE && inputs * outputs <= SMALL;
    // Eights of rows are what the product's kernels take.
    pays.then(|| (BLOCK / outputs).max(1).next_multiple_of(8))
}

fn spread_bias(bias: &[f32], y: &mut [f32]) {
    if !bias.is_empty() {
        y.chunks_exact_mut(bias.len()).for_each(|row| row.copy_from_slice(bias));
    }
}

/// `y = x · w + bias` by the calling thread.
fn biased(x: Operand, w: Operand, bias: &[f32], y: &mut [f32]) {
    spread_bias(bias, y);
    multiply(x, w, true, y, Parallelism::None);
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

/// Values of a page of 4 KiB: rows a whole number of them apart all fall into the same few lines of a cache, and
/// packing reads many rows at once.
const PAGE: usize = 1024;

/// Values of a cache line.
const LINE: usize = 16;

/// With fewer rows than this the packing of such a weight costs more than a copy of it (measured: 54 against 72
/// GFLOP/s at 200 rows).
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

/// Both gradients of a product, `dx = dy · wᵀ` and `dw = xᵀ · dy`, side by side: what one thread does alone overlaps
/// with the other's work.
#[expect(clippy::too_many_arguments, reason = "three inputs, three sizes and two results")]
pub fn backward(
    x: &[f32],
    w: &[f32],
    dy: &[f32],
    rows: usize,
    inputs: usize,
    outputs: usize,
    dx: &mut [f32],
    dw: &mut [f32],
) {
    rayon::join(
        || backward_input(dy, w, rows, inputs, outputs, dx),
        || backward_weight(x, dy, rows, inputs, outputs, dw),
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

    /// Whether the slice reaches as far as the last element.
    fn is_whole(&self) -> bool {
        let last = |count: usize, stride: isize| count.saturating_sub(1) * stride.unsigned_abs();
        let reach = last(self.rows, self.row_stride) + last(self.columns, self.column_stride);
        self.rows * self.columns == 0 || reach < self.values.len()
    }

    /// Blocks of rows; the operand is not transposed.
    fn blocks(self, rows: usize) -> impl Iterator<Item = Self> {
        let columns = self.columns;
        let block = (rows * columns).max(1);
        (0..self.rows).step_by(rows).map(move |first| {
            let values = &self.values[first * columns..];
            let values = &values[..values.len().min(block)];
            Self {
                values,
                rows: rows.min(self.rows - first),
                ..self
            }
        })
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
    multiply(left, right, add, out, Parallelism::Rayon(0));
}

fn multiply(left: Operand, right: Operand, add: bool, out: &mut [f32], parallelism: Parallelism) {
    let (rows, depth, columns) = (left.rows, left.columns, right.columns);
    assert!(
        right.rows == depth && out.len() == rows * columns,
        "linear: the result is not {rows} by {columns}"
    );
    assert!(left.is_whole() && right.is_whole(), "linear: an operand is cut short");
    // SAFETY: the assertions hold every slice to the length that its shape and strides reach, and `out` is borrowed alone.
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
            parallelism,
        );
    }
}
