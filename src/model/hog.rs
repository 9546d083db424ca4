//! Histograms of oriented gradients as a target of reconstruction, in place of pixels: pixels in, target out, on the host.
//! Nothing is learned here.
//!
//! Source: Wei, Fan, Xie, Wu, Yuille, Feichtenhofer, Masked Feature Prediction for Self-Supervised Visual Pre-Training, 2022
//! (MaskFeat).
//!
//! `C` channels, `H`, `W` picture, `p` patch side, `L = (H/p)·(W/p)` patches in raster order. A picture is a slice
//! `[C, H, W]`. Arithmetic on pixels is in `f32`, so that a direction falls into the bin in which the reference has it;
//! sums are in `f64`.

use std::f32::consts::PI;

/// Side of a cell, in pixels.
pub const CELL: usize = 8;
/// Directions told apart; opposite ones are the same.
pub const BINS: usize = 9;
/// Side of the Gaussian that weights gradients, in pixels; it repeats over the picture.
pub const WINDOW: usize = 16;
/// Standard deviation of that Gaussian, in pixels.
const SIGMA: f64 = 8.0;
/// Shortest histogram that is still scaled to unit length.
const LEAST: f64 = 1e-12;

/// Why a picture has no such target.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HogError {
    /// The slice has not the number of values of its picture.
    #[error("the picture has {found} values where {wanted} are needed: give it as channels, rows, columns")]
    Values {
        /// Values of the slice.
        found: usize,
        /// Values of the picture.
        wanted: usize,
    },
    /// The windows do not fill the picture.
    #[error(
        "a picture of {rows}x{columns} is not made of windows of {WINDOW}x{WINDOW}: choose sides that {WINDOW} divides"
    )]
    Size {
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
    },
    /// Cells do not fill a patch, or patches the picture.
    #[error("patches of {0} pixels do not go with the histograms: choose a multiple of {CELL} that divides both sides")]
    Patch(usize),
}

/// The histograms of all cells, each of unit length, or 0 where the picture is constant.
///
/// A gradient (`gx` to the left, `gy` upwards, from 3x3 Sobel kernels on the picture mirrored at its borders) counts with
/// its length in bin `floor(9·atan2(gx, gy)/π) mod 9`.
///
/// # Shapes
/// `[C, H, W]` → `[C, 9, H/8, W/8]`; `H` and `W` are multiples of 16.
///
/// # Errors
/// When the slice has not `C·H·W` values, or 16 does not divide a side.
pub fn cells(pixels: &[f32], [channels, rows, columns]: [usize; 3]) -> Result<Vec<f32>, HogError> {
    let (found, wanted) = (pixels.len(), channels * rows * columns);
    if found != wanted {
        return Err(HogError::Values { found, wanted });
    }
    if [rows, columns].iter().any(|side| *side == 0 || side % WINDOW != 0) {
        return Err(HogError::Size { rows, columns });
    }
    let window = gaussian();
    let planes = pixels.chunks(rows * columns);
    Ok(planes
        .flat_map(|plane| histograms(plane, rows, columns, &window))
        .collect())
}

/// The target of every patch: the histograms of its cells, `(channel, bin, row, column)` with the column fastest.
///
/// # Shapes
/// `[C, H, W]` → `[L, C·9·(p/8)²]`: 108 values for three channels and patches of 16.
///
/// # Errors
/// As [`cells`], and when cells do not fill a patch or patches the picture.
pub fn target(pixels: &[f32], size: [usize; 3], patch: usize) -> Result<Vec<f32>, HogError> {
    let cells = cells(pixels, size)?;
    let [channels, rows, columns] = size;
    if patch == 0 || [patch % CELL, rows % patch, columns % patch] != [0; 3] {
        return Err(HogError::Patch(patch));
    }
    let (rows, columns, side) = (rows / CELL, columns / CELL, patch / CELL);
    let mut target = Vec::with_capacity(cells.len());
    for top in (0..rows).step_by(side) {
        for left in (0..columns).step_by(side) {
            for line in (0..channels * BINS).flat_map(|map| (top..top + side).map(move |row| map * rows + row)) {
                target.extend_from_slice(&cells[line * columns + left..][..side]);
            }
        }
    }
    Ok(target)
}

/// The histograms of one channel, `[9, H/8, W/8]`.
fn histograms(plane: &[f32], rows: usize, columns: usize, window: &[f64]) -> Vec<f32> {
    let count = (rows / CELL) * (columns / CELL);
    let mut sums = vec![0.0; BINS * count];
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        let [gx, gy] = gradient(plane, rows, columns, row, column);
        let weight = window[row % WINDOW * WINDOW + column % WINDOW];
        let cell = row / CELL * (columns / CELL) + column / CELL;
        sums[bin(gx, gy) * count + cell] += f64::from((gx * gx + gy * gy).sqrt()) * weight;
    }
    let mut unit = vec![0.0; sums.len()];
    for cell in 0..count {
        let of_cell = || (cell..sums.len()).step_by(count);
        let length = of_cell().map(|i| sums[i] * sums[i]).sum::<f64>().sqrt();
        of_cell().for_each(|i| unit[i] = (sums[i] / length.max(LEAST)) as f32);
    }
    unit
}

/// Sobel gradients at one pixel: `gx` of the kernel `[[1, 0, -1], [2, 0, -2], [1, 0, -1]]`, `gy` of its transpose.
fn gradient(plane: &[f32], rows: usize, columns: usize, row: usize, column: usize) -> [f32; 2] {
    // Mirrored without repeating the outermost pixel; `d` is 0, 1 or 2 for the pixel before, at and after.
    let mirrored = |i: usize, d: usize, n: usize| match (i + d).checked_sub(1) {
        None => 1,
        Some(i) if i == n => n - 2,
        Some(i) => i,
    };
    let at = |dy: usize, dx: usize| plane[mirrored(row, dy, rows) * columns + mirrored(column, dx, columns)];
    let gx = (at(0, 0) - at(0, 2)) + 2.0 * (at(1, 0) - at(1, 2)) + (at(2, 0) - at(2, 2));
    let gy = (at(0, 0) - at(2, 0)) + 2.0 * (at(0, 1) - at(2, 1)) + (at(0, 2) - at(2, 2));
    [gx, gy]
}

/// The bin of a direction. Divided by π before it is multiplied, as the reference does: a rounded factor 9/π can move
/// directions at the edge of a bin, above all a vertical gradient (phase 9, bin 0) to bin 8.
fn bin(gx: f32, gy: f32) -> usize {
    let phase = gx.atan2(gy) / PI * BINS as f32;
    (phase.floor() as i64).rem_euclid(BINS as i64) as usize
}

/// Weights of one window, `[16, 16]`; they sum to 1.
fn gaussian() -> Vec<f64> {
    let centre = (WINDOW - 1) as f64 / 2.0;
    let along: Vec<f64> = (0..WINDOW)
        .map(|i| (-((i as f64 - centre) / SIGMA).powi(2) / 2.0).exp())
        .collect();
    let sum: f64 = along.iter().sum();
    along
        .iter()
        .flat_map(|a| along.iter().map(move |b| a * b / (sum * sum)))
        .collect()
}
