//! Coarse cells: the grid cut into squares of several patches, those at the lower and right edge smaller where the side
//! does not divide the grid. Strategies that hide whole cells, or show as many patches of each, share this.

use rand::Rng;
use rand::seq::SliceRandom;

use crate::complete::{Pieces, Policy};
use crate::{Grid, Kind, Literal, Mask, Param, Request};

/// Longest side of a cell, in patches.
const LONGEST: i64 = 64;

/// The parameter `cell`, the side of a cell.
pub(crate) const fn side(default: i64, doc: &'static str) -> Param {
    Param {
        name: "cell",
        kind: Kind::Int { min: 1, max: LONGEST },
        default: Some(Literal::Int(default)),
        doc,
    }
}

/// The value of the parameter `cell`.
fn side_of(req: &Request) -> usize {
    req.params
        .int("cell")
        .and_then(|side| usize::try_from(side).ok())
        .unwrap_or(1)
        .max(1)
}

/// The patches of each cell, cells and patches in raster order.
pub(crate) fn cells(grid: Grid, side: usize) -> Vec<Vec<usize>> {
    let mut cells = Vec::with_capacity(grid.rows.div_ceil(side) * grid.cols.div_ceil(side));
    for top in (0..grid.rows).step_by(side) {
        for left in (0..grid.cols).step_by(side) {
            let (bottom, right) = ((top + side).min(grid.rows), (left + side).min(grid.cols));
            let patches = (top..bottom).flat_map(|r| (left..right).map(move |c| r * grid.cols + c));
            cells.push(patches.collect());
        }
    }
    cells
}

/// Hides drawn cells whole, up to the count of `ratio`, which the parameter `complete` makes exact.
pub(crate) fn hide_whole(req: &Request, rng: &mut dyn Rng) -> Mask {
    let mut cells = cells(req.grid, side_of(req));
    cells.shuffle(rng);
    let mut pieces = Pieces::new(req);
    // The first cell that does not fit ends it: going on would favour the small ones at the edges.
    let _ = cells.iter().all(|cell| pieces.add(cell, rng));
    pieces.finish(rng)
}

/// Whether masks of [`hide_whole`] vary: not where a single cell is trimmed in raster order.
pub(crate) fn varies(req: &Request) -> bool {
    Policy::of(req) != Policy::TrimRaster || side_of(req) < req.grid.rows.max(req.grid.cols)
}

/// Shows `visible` patches in as many rounds as it takes: in each, every cell shows the next of its patches, and in the
/// last, drawn cells do.
pub(crate) fn show_evenly(grid: Grid, mut cells: Vec<Vec<usize>>, visible: usize, rng: &mut dyn Rng) -> Mask {
    let mut hidden = vec![true; grid.len()];
    let mut missing = visible;
    let rounds = cells.iter().map(Vec::len).max().unwrap_or(0);
    for round in 0..rounds {
        cells.retain(|cell| cell.len() > round);
        let take = missing.min(cells.len());
        for cell in &*cells.partial_shuffle(rng, take).0 {
            hidden[cell[round]] = false;
        }
        missing -= take;
    }
    Mask::from_hidden(grid, &hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cover_each_patch_once_with_ragged_edges() {
        assert_eq!(
            cells(Grid::new(3, 3), 2),
            [vec![0, 1, 3, 4], vec![2, 5], vec![6, 7], vec![8]]
        );
        for (rows, cols, side) in [(14, 14, 4), (7, 13, 3), (1, 5, 64), (5, 1, 2)] {
            let mut all = cells(Grid::new(rows, cols), side).concat();
            all.sort_unstable();
            assert_eq!(all, (0..rows * cols).collect::<Vec<_>>());
        }
    }
}
