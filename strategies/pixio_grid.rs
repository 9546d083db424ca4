//! `pixio_grid`: hides large square cells, 4x4 patches each.
//!
//! Algorithm: that of `simmim`, with cells four patches wide: the grid is cut into cells of `cell` x `cell` patches
//! (ragged at the lower and right edge), drawn cells are hidden whole, and the policy `complete` makes the count exact.
//! Source: Yang et al., *Pixio*, 2025: a larger masking granularity, so that a patch cannot be copied from its
//! neighbours.
//! How often each patch is hidden: nearly alike. The cell in which the count is reached is hidden in part, and by how much
//! depends on its size, so that whole cells and those cut off at the lower and right edge differ: at 14x14 and ratio .75 by a
//! hundredth (.752 and .742).
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::Rng;

use crate::cells::{hide_whole, side, varies};
use crate::complete::of_pieces;
use crate::{Error, Mask, MaskContext, MaskingStrategy, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct PixioGrid;

static PARAMS: &[Param] = &[side(4, "Side of a cell in patches."), of_pieces("trim_random")];

impl MaskingStrategy for PixioGrid {
    fn id(&self) -> &'static str {
        "pixio_grid"
    }

    fn summary(&self) -> &'static str {
        "Hides drawn square cells of 4x4 patches whole; one cell is hidden in part where that makes the count exact. Hides \
         L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "Yang et al., In Pursuit of Pixel Supervision for Visual Pre-training (Pixio), 2025, masking granularity"
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
    use crate::testing::{moving, plan, snapshot};

    #[test]
    fn cells_are_four_patches_wide() {
        // 16x16 at .75: 12 of the 16 cells, no remainder.
        for mask in moving(&plan("pixio_grid", "16x16", 0.75, &[]), 50) {
            let bits = mask.bits();
            let first = |place: usize| bits[place / 16 / 4 * 64 + place % 16 / 4 * 4];
            assert!((0..256).all(|place| bits[place] == first(place)), "{mask}");
        }
    }

    #[test]
    fn snapshots() {
        snapshot(
            "pixio_grid",
            &[("16x16", 0.75, &[]), ("14x14", 0.75, &[]), ("16x4", 0.3, &[])],
        );
    }
}
