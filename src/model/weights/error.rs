//! What can be wrong with a file of weights. Every message names the file, the thing and the cure.

use std::path::PathBuf;

/// Why weights cannot be read, written or used.
#[derive(Debug, thiserror::Error)]
pub enum WeightError {
    /// The file system refused.
    #[error("{doing} {}: {source}", .path.display())]
    Io {
        /// `read`, `write`, …
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is damaged, hostile, or not of a kind that can be read.
    #[error("weights {}: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do about it.
        why: String,
    },
    /// The tensors are not those of a masked autoencoder, or of another size than asked for.
    #[error("weights {} do not fit: {why}", .path.display())]
    Misfit {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do about it; may be a table of several lines.
        why: String,
    },
}
