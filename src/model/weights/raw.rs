//! What the readers of weights share: opening a file that may be anything, and turning stored numbers into `f32`.
//! Nothing here knows a format, and nothing allocates by a length that a file merely claims.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use half::{bf16, f16};

use super::error::WeightError;

/// What to do about a file that is damaged.
pub(super) const AGAIN: &str = "download or export it again";

/// An [`WeightError::Unreadable`] for a file.
pub(super) fn unreadable(path: &Path, why: impl Into<String>) -> WeightError {
    WeightError::Unreadable {
        path: path.to_path_buf(),
        why: why.into(),
    }
}

/// An [`WeightError::Io`] for a file.
pub(super) fn io(doing: &'static str, path: &Path, source: std::io::Error) -> WeightError {
    WeightError::Io {
        doing,
        path: path.to_path_buf(),
        source,
    }
}

/// An error met while reading: a file that ends too early is damaged, anything else is the system's.
pub(super) fn reading(path: &Path, source: std::io::Error) -> WeightError {
    match source.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData => unreadable(path, format!("{source}; {AGAIN}")),
        _ => io("read", path, source),
    }
}

/// Opens a regular file that is not empty; its length in bytes.
///
/// # Errors
/// When it is missing, a folder, a device or empty.
pub(super) fn open(path: &Path) -> Result<(File, u64), WeightError> {
    let about = std::fs::metadata(path).map_err(|source| io("read", path, source))?;
    if about.is_dir() {
        return Err(unreadable(path, "this is a folder; name the file of weights in it"));
    }
    if !about.is_file() {
        return Err(unreadable(
            path,
            "this is not a regular file; save the weights to one first",
        ));
    }
    if about.len() == 0 {
        return Err(unreadable(path, format!("the file is empty; {AGAIN}")));
    }
    let file = File::open(path).map_err(|source| io("read", path, source))?;
    Ok((file, about.len()))
}

/// A floating-point type that files hold, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Float {
    F16,
    Bf16,
    F32,
    F64,
}

impl Float {
    /// Bytes of one value.
    pub(super) const fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Appends the values of whole elements as `f32`: exact for the narrower types, rounded for `f64`.
    pub(super) fn extend(self, bytes: &[u8], values: &mut Vec<f32>) {
        match self {
            Self::F16 => values.extend(elements(bytes).map(|b| f16::from_le_bytes(b).to_f32())),
            Self::Bf16 => values.extend(elements(bytes).map(|b| bf16::from_le_bytes(b).to_f32())),
            Self::F32 => values.extend(elements(bytes).map(f32::from_le_bytes)),
            #[expect(clippy::cast_possible_truncation, reason = "f64 is rounded to f32, as documented")]
            Self::F64 => values.extend(elements(bytes).map(|b| f64::from_le_bytes(b) as f32)),
        }
    }
}

fn elements<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

/// Refuses values that are not finite.
///
/// # Errors
/// Names the tensor, how many values are NaN and infinite, and the cure.
pub(super) fn finite(path: &Path, name: &str, values: &[f32]) -> Result<(), WeightError> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    let nan = values.iter().filter(|value| value.is_nan()).count();
    let infinite = values.iter().filter(|value| value.is_infinite()).count();
    let of = values.len();
    let cure =
        "the training that wrote it diverged, or it was rounded to a type too narrow; take an earlier checkpoint";
    Err(unreadable(
        path,
        format!("tensor `{name}` holds {nan} NaN and {infinite} infinite values of {of}; {cure}"),
    ))
}

/// A name from a file, fit for a message: control characters escaped, not longer than 200 characters.
pub(super) fn shown(name: &str) -> String {
    name.escape_debug().take(200).collect()
}
