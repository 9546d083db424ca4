//! How close a picture is to another: peak signal-to-noise ratio and structural similarity, on the host, in double
//! precision. Perceptual distance, which needs a network, is `lpips`. Nothing here knows models or files.
//!
//! `C` channels, `H`, `W` picture: a picture is a slice `[C, H, W]`, row-major, of values in [0, 1] (the peak is 1).
//! Values outside are not clipped; a NaN gives NaN.

pub use super::quality_ssim::{BETAS, Border, SsimMap, betas_for, ms_ssim, ssim, ssim_map};

/// Sizes of a picture: channels, rows, columns.
pub type Size = [usize; 3];

/// Why two pictures cannot be compared.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum QualityError {
    /// A slice has not the number of values of its picture.
    #[error(
        "the {which} picture has {found} values where {wanted} are needed: give both as channels, rows, columns of one size"
    )]
    Values {
        /// `first` or `second`.
        which: &'static str,
        /// Values of the slice.
        found: usize,
        /// Values of the picture.
        wanted: usize,
    },
    /// The picture is smaller than the window at some scale.
    #[error(
        "a picture of {rows}x{columns} is too small: at least {least}x{least} is needed here, so enlarge it or take fewer scales"
    )]
    Small {
        /// Rows of the picture.
        rows: usize,
        /// Columns of the picture.
        columns: usize,
        /// The smallest side that would do.
        least: usize,
    },
    /// Nothing to compare.
    #[error("there is nothing to compare: give at least one value, and at least one weight of a scale")]
    Empty,
}

/// Refuses slices that are not `wanted` values long, and empty ones.
pub(super) fn same_length(first: &[f32], second: &[f32], wanted: usize) -> Result<(), QualityError> {
    for (which, slice) in [("first", first), ("second", second)] {
        let found = slice.len();
        if found != wanted {
            return Err(QualityError::Values { which, found, wanted });
        }
    }
    if wanted == 0 { Err(QualityError::Empty) } else { Ok(()) }
}

/// Peak signal-to-noise ratio in dB, `10·log10(1 / mse)`; infinite where nothing differs.
///
/// Of one picture, or pooled: over several pictures in one slice it is that of their joint mean squared error, which is
/// not the mean of their ratios.
///
/// # Errors
/// When the slices differ in length or are empty.
///
/// # Example
/// ```
/// let decibels = mae_exp::eval::quality::psnr(&[0.0, 1.0], &[0.1, 0.9]);
/// assert!((decibels? - 20.0).abs() < 1e-5);
/// # Ok::<(), mae_exp::eval::quality::QualityError>(())
/// ```
pub fn psnr(first: &[f32], second: &[f32]) -> Result<f64, QualityError> {
    same_length(first, second, first.len())?;
    let squares = first
        .iter()
        .zip(second)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    let mse = squares.sum::<f64>() / first.len() as f64;
    Ok(-10.0 * mse.log10())
}
