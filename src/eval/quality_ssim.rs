//! Structural similarity at one scale and at several. Here alone live the window, the constants and the rule at the border.
//!
//! - SSIM: Wang, Bovik, Sheikh, Simoncelli, Image Quality Assessment: From Error Visibility to Structural Similarity, 2004.
//! - MS-SSIM: Wang, Simoncelli, Bovik, Multiscale Structural Similarity for Image Quality Assessment, 2003.
//!
//! Statistics are weighted by an 11x11 Gaussian with a standard deviation of 1.5 (variances are weighted means of squares,
//! without a correction for the sample), K1 = 0.01, K2 = 0.03. Each channel is compared by itself.

use std::array::from_fn;

use rayon::prelude::*;

use super::quality::{QualityError, Size, same_length};

/// Side of the window.
const WINDOW: usize = 11;
/// Pixels of the window to each side of its centre.
const REACH: usize = WINDOW / 2;
/// Standard deviation of the window, in pixels.
const SIGMA: f64 = 1.5;
/// (K1 · peak)², which keeps the comparison of luminance away from 0/0.
const C1: f64 = 0.01 * 0.01;
/// (K2 · peak)², the same for contrast.
const C2: f64 = 0.03 * 0.03;

/// Weights of the five scales, finest first (Wang et al. 2003, section 3.2).
pub const BETAS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// Which windows count. The two differ by up to a few hundredths on small pictures, so a figure must name its rule; the
/// one to report is `Valid`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Border {
    /// Only windows that lie wholly inside the picture, as in Wang et al. 2004 and scikit-image.
    #[default]
    Valid,
    /// One window around every pixel of a picture mirrored at its borders, as in torchmetrics; for comparison with
    /// figures made that way.
    Reflect,
}

/// A channel in double precision.
struct Plane {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

/// Means over the windows of one channel.
#[derive(Clone, Copy)]
struct Means {
    /// Luminance, contrast and structure.
    ssim: f64,
    /// Contrast and structure alone.
    contrast: f64,
}

/// Structural similarity window by window: the mean over channels for every window that lies wholly inside the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct SsimMap {
    /// Windows from top to bottom, 10 fewer than rows of the picture.
    pub rows: usize,
    /// Windows from left to right, 10 fewer than columns of the picture.
    pub columns: usize,
    /// `rows·columns` similarities; the window of row `r` and column `c` has pixel `(r + 5, c + 5)` in its middle.
    pub values: Vec<f64>,
}

impl SsimMap {
    /// Mean over all windows: what [`ssim`] gives with [`Border::Valid`].
    #[must_use]
    pub fn mean(&self) -> f64 {
        mean(self.values.iter().copied())
    }

    /// Mean over the windows whose middle pixel is chosen; `None` where there is none.
    ///
    /// # Shapes
    /// chosen `[H, W]` of the picture.
    ///
    /// # Panics
    /// When `chosen` has not the picture's pixels.
    #[must_use]
    pub fn mean_where(&self, chosen: &[bool]) -> Option<f64> {
        let width = self.columns + 2 * REACH;
        assert_eq!(chosen.len(), width * (self.rows + 2 * REACH), "one flag for each pixel");
        let middle = |i: usize| (i / self.columns + REACH) * width + i % self.columns + REACH;
        let values = self.values.iter().enumerate().filter(|(i, _)| chosen[middle(*i)]);
        let (sum, count) = values.fold((0.0, 0usize), |(sum, count), (_, v)| (sum + v, count + 1));
        (count > 0).then(|| sum / count as f64)
    }
}

/// Structural similarity of two pictures, window by window.
///
/// # Shapes
/// first, second `[C, H, W]`, with `H` and `W` of at least 11.
///
/// # Errors
/// When a slice has not `C·H·W` values, or the picture is smaller than the window.
pub fn ssim_map(first: &[f32], second: &[f32], size: Size) -> Result<SsimMap, QualityError> {
    check(first, second, size, 1)?;
    let (a, b) = (planes(first, size), planes(second, size));
    let channels: Vec<Vec<f64>> = a.par_iter().zip(&b).map(|(a, b)| compared(a, b).0).collect();
    let [count, rows, columns] = size;
    let average = |i: usize| channels.iter().map(|channel| channel[i]).sum::<f64>() / count as f64;
    Ok(SsimMap {
        rows: rows + 1 - WINDOW,
        columns: columns + 1 - WINDOW,
        values: (0..channels[0].len()).map(average).collect(),
    })
}

/// Weights of as many scales as fit a picture: the first of [`BETAS`], at most five, such that the window fits the coarsest
/// scale, divided by their sum. Empty where not even two fit: with one scale the figure would be SSIM under another name.
#[must_use]
pub fn betas_for([_, rows, columns]: Size) -> Vec<f64> {
    let fits = |scale: &usize| rows.min(columns) >= WINDOW << scale;
    let scales = (0..BETAS.len()).take_while(fits).count();
    if scales < 2 {
        return Vec::new();
    }
    let sum: f64 = BETAS[..scales].iter().sum();
    BETAS[..scales].iter().map(|beta| beta / sum).collect()
}

/// Structural similarity of two pictures, at most 1: the mean over windows and channels.
///
/// # Shapes
/// first, second `[C, H, W]`, with `H` and `W` of at least 11.
///
/// # Errors
/// When a slice has not `C·H·W` values, or the picture is smaller than the window.
pub fn ssim(first: &[f32], second: &[f32], size: Size, border: Border) -> Result<f64, QualityError> {
    check(first, second, size, 1)?;
    let means = scale(&planes(first, size), &planes(second, size), border);
    Ok(mean(means.iter().map(|m| m.ssim)))
}

/// Structural similarity over several scales: contrast at all but the coarsest, everything there, each to the power of its
/// weight in `betas` (finest first; [`BETAS`] for the published five). Negative means count as 0. Between scales, pixels
/// are averaged two by two, and an odd last row or column is left out.
///
/// With [`Border::Valid`] the product is formed for each channel and averaged. [`Border::Reflect`] does as torchmetrics
/// does: channels are averaged before the power, and only the coarsest scale sees the mirrored border.
///
/// # Shapes
/// first, second `[C, H, W]`, with `H` and `W` of at least `11·2^(scales-1)`: 176 for five.
///
/// # Errors
/// When a slice has not `C·H·W` values, the picture is smaller than the window at some scale, or `betas` is empty.
pub fn ms_ssim(first: &[f32], second: &[f32], size: Size, betas: &[f64], border: Border) -> Result<f64, QualityError> {
    check(first, second, size, betas.len())?;
    let (mut a, mut b) = (planes(first, size), planes(second, size));
    let mut products = vec![1.0; if border == Border::Valid { size[0] } else { 1 }];
    for (i, beta) in betas.iter().enumerate() {
        let coarsest = i + 1 == betas.len();
        let means = scale(&a, &b, border);
        let terms = means.iter().map(|m| if coarsest { m.ssim } else { m.contrast });
        let terms = match border {
            Border::Valid => terms.collect(),
            Border::Reflect => vec![mean(terms)],
        };
        for (product, term) in products.iter_mut().zip(terms) {
            // `clamp` keeps a NaN where `max` would hide it.
            *product *= term.clamp(0.0, f64::INFINITY).powf(*beta);
        }
        if !coarsest {
            (a, b) = (a.iter().map(half).collect(), b.iter().map(half).collect());
        }
    }
    Ok(mean(products.into_iter()))
}

fn check(first: &[f32], second: &[f32], size: Size, scales: usize) -> Result<(), QualityError> {
    let [channels, rows, columns] = size;
    same_length(first, second, channels * rows * columns)?;
    let least = match scales {
        0 => return Err(QualityError::Empty),
        // No picture has 2^40 rows; the bound keeps the shift within its type.
        scales => WINDOW << (scales - 1).min(40),
    };
    if rows.min(columns) < least {
        return Err(QualityError::Small { rows, columns, least });
    }
    Ok(())
}

fn planes(picture: &[f32], [_, rows, columns]: Size) -> Vec<Plane> {
    let plane = |part: &[f32]| Plane {
        rows,
        columns,
        values: part.iter().map(|v| f64::from(*v)).collect(),
    };
    picture.chunks(rows * columns).map(plane).collect()
}

fn scale(first: &[Plane], second: &[Plane], border: Border) -> Vec<Means> {
    let pairs = first.par_iter().zip(second);
    pairs
        .map(|(a, b)| {
            let inside = windows(a, b);
            match border {
                Border::Valid => inside,
                Border::Reflect => Means {
                    ssim: windows(&mirrored(a), &mirrored(b)).ssim,
                    ..inside
                },
            }
        })
        .collect()
}

/// Means over every window of two channels that lies inside.
fn windows(a: &Plane, b: &Plane) -> Means {
    let (ssim, contrast) = compared(a, b);
    Means {
        ssim: mean(ssim.into_iter()),
        contrast,
    }
}

/// Compares two channels in every window that lies inside: similarity of each, and the mean of contrast and structure alone.
fn compared(a: &Plane, b: &Plane) -> (Vec<f64>, f64) {
    let product = |x: &Plane, y: &Plane| Plane {
        values: x.values.iter().zip(&y.values).map(|(x, y)| x * y).collect(),
        ..*x
    };
    let (mean_a, mean_b) = (filtered(a), filtered(b));
    let [aa, bb, ab] = [product(a, a), product(b, b), product(a, b)].map(|p| filtered(&p));
    let mut contrast = 0.0;
    let of_window = |i: usize| {
        let (ma, mb) = (mean_a[i], mean_b[i]);
        let (var_a, var_b, covariance) = (aa[i] - ma * ma, bb[i] - mb * mb, ab[i] - ma * mb);
        let alike = (2.0 * covariance + C2) / (var_a + var_b + C2);
        contrast += alike;
        alike * (2.0 * ma * mb + C1) / (ma * ma + mb * mb + C1)
    };
    let ssim: Vec<f64> = (0..aa.len()).map(of_window).collect();
    let n = ssim.len() as f64;
    (ssim, contrast / n)
}

/// Weighted means of all windows inside: first along rows, then along columns.
fn filtered(plane: &Plane) -> Vec<f64> {
    let weights = gaussian();
    let (rows, columns) = (plane.rows + 1 - WINDOW, plane.columns + 1 - WINDOW);
    let along: Vec<f64> = plane
        .values
        .chunks(plane.columns)
        .flat_map(|row| {
            row.windows(WINDOW)
                .map(|part| part.iter().zip(&weights).map(|(v, w)| v * w).sum())
        })
        .collect();
    let mut means = vec![0.0; rows * columns];
    for (row, out) in means.chunks_mut(columns).enumerate() {
        for (weight, line) in weights.iter().zip(along.chunks(columns).skip(row)) {
            out.iter_mut().zip(line).for_each(|(o, v)| *o += weight * v);
        }
    }
    means
}

/// The window along one axis; its weights sum to 1.
fn gaussian() -> [f64; WINDOW] {
    let raw: [f64; WINDOW] = from_fn(|i| (-(i as f64 - REACH as f64).powi(2) / (2.0 * SIGMA * SIGMA)).exp());
    let sum: f64 = raw.iter().sum();
    raw.map(|w| w / sum)
}

/// The channel with [`REACH`] pixels more on each side, mirrored without repeating the outermost.
fn mirrored(plane: &Plane) -> Plane {
    let inside = |i: usize, n: usize| {
        let i = i.abs_diff(REACH);
        if i < n { i } else { 2 * (n - 1) - i }
    };
    let (rows, columns) = (plane.rows + 2 * REACH, plane.columns + 2 * REACH);
    let source = |i: usize| inside(i / columns, plane.rows) * plane.columns + inside(i % columns, plane.columns);
    Plane {
        rows,
        columns,
        values: (0..rows * columns).map(|i| plane.values[source(i)]).collect(),
    }
}

/// The channel at half its size: means of two by two pixels.
fn half(plane: &Plane) -> Plane {
    let (rows, columns, width) = (plane.rows / 2, plane.columns / 2, plane.columns);
    let four = |i: usize| {
        let at = 2 * (i / columns) * width + 2 * (i % columns);
        let v = &plane.values;
        (v[at] + v[at + 1] + v[at + width] + v[at + width + 1]) / 4.0
    };
    Plane {
        rows,
        columns,
        values: (0..rows * columns).map(four).collect(),
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}
