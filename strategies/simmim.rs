//! `simmim`: hides square cells of several patches.
//!
//! Algorithm: the grid is cut into cells of `cell` x `cell` patches, smaller at the lower and right edge where that
//! does not divide the grid; drawn cells are hidden whole. The count is made exact by the policy `complete`; by default
//! one cell more is hidden, and drawn patches of it shown again.
//! Source: Xie et al., *SimMIM*, CVPR 2022, section 3.2: cells of 32 pixels, which are 2x2 patches of 16, and a ratio
//! of .6.
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::Rng;

use crate::cells::{hide_whole, side, varies};
use crate::complete::of_pieces;
use crate::{Error, Mask, MaskContext, MaskingStrategy, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct SimMim;

static PARAMS: &[Param] = &[
    side(
        2,
        "Side of a cell in patches: 2 patches of 16 pixels are the 32 pixels of the paper.",
    ),
    of_pieces("trim_random"),
];

impl MaskingStrategy for SimMim {
    fn id(&self) -> &'static str {
        "simmim"
    }

    fn summary(&self) -> &'static str {
        "Hides drawn square cells of several patches whole; one cell is hidden in part where that makes the count exact. Hides \
         L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "Xie et al., SimMIM: A Simple Framework for Masked Image Modeling, CVPR 2022 (arXiv 2111.09886), section 3.2 and table 1"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn is_random(&self, req: &Request) -> bool {
        varies(req)
    }

    fn sample(&self, req: &Request, _ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        Ok(hide_whole(req, rng))
    }
}

#[cfg(test)]
mod tests {
    use crate::cells::cells;
    use crate::testing::{moving, plan, snapshot};

    #[test]
    fn all_cells_but_one_are_whole() {
        for (grid, ratio) in [("14x14", 0.75), ("14x14", 0.6), ("7x13", 0.5)] {
            let plan = plan("simmim", grid, ratio, &[]);
            for mask in moving(&plan, 50) {
                let bits = mask.bits();
                let hidden = |cell: &Vec<usize>| cell.iter().filter(|patch| bits[**patch] == 1).count();
                let cells = cells(plan.grid(), 2);
                let partial = cells
                    .iter()
                    .filter(|cell| ![0, cell.len()].contains(&hidden(cell)))
                    .count();
                assert!(partial <= 1, "{partial} cells are hidden in part:\n{mask}");
            }
        }
    }

    #[test]
    fn snapshots() {
        let large = &[("cell", 4i64.into()), ("complete", "topup_adjacent".into())];
        snapshot(
            "simmim",
            &[("14x14", 0.75, &[]), ("14x14", 0.6, large), ("7x13", 0.6, &[])],
        );
    }
}
