//! The mask of one picture. Convention of the whole project, said here once: **0 = keep (visible), 1 = hidden**.
//! It stores an order of the patches of which the first ones are visible; everything else is derived from that,
//! so that bits, kept indices and restoring indices cannot disagree. It must not draw random numbers.

use std::fmt;

use crate::Grid;

/// Number of visible patches `K = int(L * (1 - ratio))`: the floor of the product as computed in `f64`.
///
/// The rounding of `1 - ratio` is part of the definition, because published runs have it: 100 patches at ratio 0.8
/// leave 19 visible, not 20.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the floor is meant"
)]
pub fn keep_count(len: usize, ratio: f64) -> usize {
    (len as f64 * (1.0 - ratio)) as usize
}

/// Which patches of one picture are visible and which are hidden.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mask {
    grid: Grid,
    visible: usize,
    order: Vec<u32>,
}

impl Mask {
    /// A mask from one flag for each patch in raster order (`true` = hidden); visible patches keep raster order.
    ///
    /// # Panics
    /// When the number of flags is not the number of patches.
    #[must_use]
    pub fn from_hidden(grid: Grid, hidden: &[bool]) -> Self {
        assert_eq!(hidden.len(), grid.len(), "a {grid} mask needs one flag for each patch");
        let pick = |wanted: bool| (0u32..).zip(hidden).filter(move |(_, h)| **h == wanted).map(|(i, _)| i);
        let mut order = Vec::with_capacity(hidden.len());
        order.extend(pick(false));
        let visible = order.len();
        order.extend(pick(true));
        Self { grid, visible, order }
    }

    /// A mask from an order of all patches, of which the first `visible` stay visible, in that order.
    ///
    /// `order` must be a permutation of the raster indices; [`Mask::defect`] tells whether it is.
    #[must_use]
    pub fn from_order(grid: Grid, order: Vec<u32>, visible: usize) -> Self {
        Self {
            grid,
            visible: visible.min(order.len()),
            order,
        }
    }

    /// The grid that the mask covers.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// Number of visible patches, `K`.
    #[must_use]
    pub fn visible(&self) -> usize {
        self.visible
    }

    /// Number of hidden patches, `M`.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.order.len() - self.visible
    }

    /// Raster indices of the visible patches, in the order in which the encoder reads them.
    #[must_use]
    pub fn ids_keep(&self) -> &[u32] {
        &self.order[..self.visible]
    }

    /// Raster indices of all patches, visible ones first.
    #[must_use]
    pub fn ids_shuffle(&self) -> &[u32] {
        &self.order
    }

    /// For each raster index its place in [`Mask::ids_shuffle`]: the inverse permutation.
    #[must_use]
    pub fn ids_restore(&self) -> Vec<u32> {
        let mut restore = vec![0; self.order.len()];
        for (place, &id) in (0u32..).zip(&self.order) {
            if let Some(slot) = restore.get_mut(id as usize) {
                *slot = place;
            }
        }
        restore
    }

    /// One byte for each patch in raster order: 0 = keep, 1 = hidden.
    #[must_use]
    pub fn bits(&self) -> Vec<u8> {
        let mut bits = vec![1; self.grid.len()];
        for &id in self.ids_keep() {
            if let Some(bit) = bits.get_mut(id as usize) {
                *bit = 0;
            }
        }
        bits
    }

    /// What is wrong with the mask, if anything: a missing, repeated or foreign patch.
    #[must_use]
    pub fn defect(&self) -> Option<String> {
        let len = self.grid.len();
        if self.order.len() != len {
            return Some(format!(
                "{} indices for the {len} patches of {}",
                self.order.len(),
                self.grid
            ));
        }
        let mut seen = vec![false; len];
        for &id in &self.order {
            match seen.get_mut(id as usize) {
                None => return Some(format!("index {id} is outside {}", self.grid)),
                Some(true) => return Some(format!("index {id} occurs twice")),
                Some(slot) => *slot = true,
            }
        }
        None
    }

    /// A drawing with one grid row a line: `#` hidden, `.` visible.
    #[must_use]
    pub fn ascii(&self) -> String {
        let row = |bits: &[u8]| bits.iter().map(|b| if *b == 1 { '#' } else { '.' }).collect::<String>();
        self.bits()
            .chunks(self.grid.cols.max(1))
            .map(row)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts computed with the reference's formula in NumPy.
    const LEN_KEEP: &str = include_str!("snapshots/len_keep.csv");

    #[test]
    fn keep_count_has_the_float_trap() {
        for (len, ratio, keep) in [
            (100, 0.8, 19),
            (100, 0.9, 9),
            (400, 0.8, 79),
            (196, 0.75, 49),
            (196, 0.9, 19),
        ] {
            assert_eq!(keep_count(len, ratio), keep, "{len} patches at {ratio}");
        }
    }

    #[test]
    fn keep_count_equals_the_table() {
        let mut lines = 0;
        for line in LEN_KEEP.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let keep = keep_count(cells[0].parse().unwrap(), cells[1].parse().unwrap());
            assert_eq!(keep, cells[2].parse::<usize>().unwrap(), "{line}");
            lines += 1;
        }
        assert!(lines >= 80, "only {lines} lines");
    }

    #[test]
    fn views_agree() {
        let grid = Grid::new(2, 3);
        let mask = Mask::from_order(grid, vec![4, 1, 0, 2, 5, 3], 2);
        assert_eq!(mask.ids_keep(), [4, 1]);
        assert_eq!(mask.bits(), [1, 0, 1, 1, 0, 1]);
        assert_eq!(mask.ids_restore(), [2, 1, 3, 5, 0, 4]);
        assert_eq!(mask.ascii(), "#.#\n#.#");
        let flags: Vec<bool> = mask.bits().iter().map(|b| *b == 1).collect();
        let raster = Mask::from_hidden(grid, &flags);
        assert_eq!(
            (raster.ids_keep(), raster.visible(), raster.hidden()),
            (&[1, 4][..], 2, 4)
        );
        assert_eq!(mask.defect().or(raster.defect()), None);
    }

    #[test]
    fn defects_are_named() {
        let defect = |order: &[u32]| Mask::from_order(Grid::new(1, 3), order.to_vec(), 1).defect().unwrap();
        assert_eq!(defect(&[0, 1]), "2 indices for the 3 patches of 1x3");
        assert_eq!(defect(&[0, 1, 3]), "index 3 is outside 1x3");
        assert_eq!(defect(&[0, 1, 1]), "index 1 occurs twice");
    }
}
