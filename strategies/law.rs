//! The laws of masking strategies by name, and how one that is broken is told.

use std::fmt;

/// A law of masking strategies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Law {
    /// Id, summary, source and parameter declarations are there and well formed; defaults are valid.
    Declaration,
    /// Requests with at least one visible and one hidden patch are accepted on every grid; others are refused.
    Grids,
    /// The count is known beforehand and exact; with default parameters it is the ratio's.
    ExactCount,
    /// Each patch index occurs exactly once.
    EachIndexOnce,
    /// `ids_restore` inverts `ids_shuffle`, and the bits agree with both.
    RestoreInvertsShuffle,
    /// The same seed gives the same mask.
    SameSeedSameMask,
    /// Different seeds give different masks exactly where the strategy says that it is random.
    SeedsDiffer,
    /// An unknown parameter is refused with the nearest name.
    UnknownParameter,
    /// Every mask of an accepted request can be drawn.
    Draws,
    /// Nothing panics.
    NoPanic,
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Declaration => "well-formed declaration",
            Self::Grids => "every usable grid and ratio",
            Self::ExactCount => "exact count",
            Self::EachIndexOnce => "each index once",
            Self::RestoreInvertsShuffle => "restore inverts shuffle",
            Self::SameSeedSameMask => "same seed, same mask",
            Self::SeedsDiffer => "seeds differ where random",
            Self::UnknownParameter => "unknown parameter refused",
            Self::Draws => "every mask can be drawn",
            Self::NoPanic => "no panic",
        })
    }
}

/// One law broken in one case.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The law.
    pub law: Law,
    /// Grid, ratio and parameters that show it; empty where they play no part.
    pub case: String,
    /// What was seen.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { law, case, detail } = self;
        if case.is_empty() {
            write!(f, "{law}: {detail}")
        } else {
            write!(f, "{law}: {detail} ({case})")
        }
    }
}
