//! The patch grid: how many rows and columns of patches a picture is cut into.
//! It is here because every strategy works on it; it knows nothing about pixels.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// Rows and columns of patches; patch `(r, c)` has the raster index `r * cols + c`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Grid {
    /// Patches from top to bottom.
    pub rows: usize,
    /// Patches from left to right.
    pub cols: usize,
}

impl Grid {
    /// A grid of `rows` times `cols` patches.
    #[must_use]
    pub const fn new(rows: usize, cols: usize) -> Self {
        Self { rows, cols }
    }

    /// Number of patches, `L`.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows * self.cols
    }

    /// Whether there is no patch at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.rows, self.cols)
    }
}

impl FromStr for Grid {
    type Err = Error;

    /// Reads `ROWSxCOLS`, such as `14x14`; both sides 1 to 65535.
    fn from_str(text: &str) -> Result<Self, Error> {
        let side = |s: &str| s.trim().parse::<u16>().ok().filter(|n| *n > 0).map(usize::from);
        text.split_once(['x', 'X'])
            .and_then(|(rows, cols)| Some(Self::new(side(rows)?, side(cols)?)))
            .ok_or_else(|| Error::Grid { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let grid: Grid = "7x13".parse().unwrap();
        assert_eq!(grid, Grid::new(7, 13));
        assert_eq!((grid.to_string().as_str(), grid.len()), ("7x13", 91));
    }

    #[test]
    fn refuses_anything_else_and_says_what_is_needed() {
        for bad in ["", "14", "14x", "x14", "0x4", "-1x4", "3x4x5", "1.5x2", "70000x1"] {
            let message = bad.parse::<Grid>().unwrap_err().to_string();
            assert!(message.contains("ROWSxCOLS"), "{message}");
        }
    }
}
