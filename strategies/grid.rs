//! `grid`: keeps a regular lattice of patches, one of every 2x2.
//!
//! Algorithm: the grid is cut into cells of 2x2 patches (cells at the lower and right edge may be smaller). Each cell
//! shows the patch at one position that all cells share, drawn for each picture. At 75 % on even grids that is the whole
//! rule. At another ratio it is completed to the exact count as evenly as possible: no cell shows a second patch
//! before every cell shows one, and so on; which cells go first, and which further patches they show, is drawn.
//! Source: He et al., CVPR 2022, figure 6 and table 1f ("grid-wise sampling").
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use crate::cells::show_evenly;
use crate::{Error, Grid, Mask, MaskContext, MaskingStrategy, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Lattice;

static PARAMS: &[Param] = &[Param::flag(
    "random_offset",
    true,
    "Draw for each picture which of the four positions of a 2x2 cell stays visible; false keeps the upper left one.",
)];

impl MaskingStrategy for Lattice {
    fn id(&self) -> &'static str {
        "grid"
    }

    fn summary(&self) -> &'static str {
        "Keeps one patch of every 2x2 cell, at the same position in all cells: a regular lattice at ratio 0.75. Other \
         ratios are completed as evenly as possible: no cell shows a further patch before all cells show as many. \
         Hides L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "He et al., Masked Autoencoders Are Scalable Vision Learners, CVPR 2022 (arXiv 2111.06377), table 1f, grid-wise sampling"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn is_random(&self, req: &Request) -> bool {
        let cells = req.grid.rows.div_ceil(2) * req.grid.cols.div_ceil(2);
        let shifts = req.grid.rows > 1 || req.grid.cols > 1;
        (req.params.bool("random_offset") == Some(true) && shifts) || req.visible_by_ratio() != cells
    }

    fn sample(&self, req: &Request, _ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let shift = if req.params.bool("random_offset") == Some(true) {
            (rng.random_range(0..2u32) as usize, rng.random_range(0..2u32) as usize)
        } else {
            (0, 0)
        };
        let cells = cells(req.grid, shift, rng);
        Ok(show_evenly(req.grid, cells, req.visible_by_ratio(), rng))
    }
}

/// The patches of each cell in the order in which it shows them: first the one at `shift` (or as near to it as a smaller
/// cell has), then the others at random.
fn cells(grid: Grid, shift: (usize, usize), rng: &mut dyn Rng) -> Vec<Vec<usize>> {
    let mut cells = Vec::with_capacity(grid.rows.div_ceil(2) * grid.cols.div_ceil(2));
    for top in (0..grid.rows).step_by(2) {
        for left in (0..grid.cols).step_by(2) {
            let (bottom, right) = ((top + 2).min(grid.rows), (left + 2).min(grid.cols));
            let first = ((top + shift.0).min(bottom - 1)) * grid.cols + (left + shift.1).min(right - 1);
            let mut cell = vec![first];
            let all = (top..bottom).flat_map(|r| (left..right).map(move |c| r * grid.cols + c));
            cell.extend(all.filter(|patch| *patch != first));
            cell[1..].shuffle(rng);
            cells.push(cell);
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{plan, rng, snapshot};

    fn shown_by_cell(mask: &Mask) -> Vec<usize> {
        let grid = mask.grid();
        let mut shown = vec![0; grid.rows.div_ceil(2) * grid.cols.div_ceil(2)];
        for &id in mask.ids_keep() {
            let (r, c) = (id as usize / grid.cols, id as usize % grid.cols);
            shown[r / 2 * grid.cols.div_ceil(2) + c / 2] += 1;
        }
        shown
    }

    #[test]
    fn the_natural_ratio_is_a_lattice_at_each_of_four_positions() {
        let plan = plan("grid", "14x14", 0.75, &[]);
        let mut positions = std::collections::BTreeSet::new();
        for seed in 0..64 {
            let mask = plan.sample(&MaskContext::default(), &mut rng(seed)).unwrap();
            let first = mask.ids_keep()[0] as usize;
            positions.insert(first);
            let (r0, c0) = (first / 14, first % 14);
            for &id in mask.ids_keep() {
                assert_eq!((id as usize / 14 % 2, id as usize % 14 % 2), (r0, c0));
            }
        }
        assert_eq!(positions.into_iter().collect::<Vec<_>>(), [0, 1, 14, 15]);
    }

    #[test]
    fn other_ratios_spread_evenly_over_the_cells() {
        for ratio in [0.2, 0.4, 0.5, 0.6, 0.8, 0.9] {
            let plan = plan("grid", "14x14", ratio, &[]);
            let shown = shown_by_cell(&plan.sample(&MaskContext::default(), &mut rng(3)).unwrap());
            let (low, high) = (shown.iter().min().unwrap(), shown.iter().max().unwrap());
            assert!(high - low <= 1, "cells show {low} to {high} patches at {ratio}");
        }
    }

    #[test]
    fn snapshots() {
        let fixed = &[("random_offset", false.into())];
        snapshot(
            "grid",
            &[
                ("14x14", 0.75, &[]),
                ("8x8", 0.75, fixed),
                ("8x8", 0.5, &[]),
                ("7x13", 0.9, &[]),
            ],
        );
    }
}
