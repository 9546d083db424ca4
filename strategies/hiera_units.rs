//! `hiera_units`: hides whole mask units, as hierarchical encoders need it.
//!
//! Algorithm: the grid is cut into units of `cell` x `cell` patches (ragged at the lower and right edge) and drawn
//! units are hidden whole. A hierarchical encoder pools within units, so it can only drop whole ones; a plain ViT,
//! which this program trains, can drop any patch, so the count stays exact: by default the patches missing beyond the
//! last whole unit are hidden next to hidden ones. On a plain ViT the rule is that of `simmim`; what differs is where
//! it comes from and how it is completed.
//! Source: Ryali et al., *Hiera*, ICML 2023, section 3: units of 32 pixels (2x2 patches of 16), ratio .6.
//! How often each patch is hidden: nearly alike. The patches that make the count exact are taken next to hidden units, and a
//! patch at the edge of the grid has fewer neighbours to be next to: at 14x14 and ratio .75 corners are hidden in .734 of the
//! masks, the middle in .752.
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::Rng;

use crate::cells::{hide_whole, side, varies};
use crate::complete::of_pieces;
use crate::{Error, Mask, MaskContext, MaskingStrategy, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct HieraUnits;

static PARAMS: &[Param] = &[
    side(
        2,
        "Side of a mask unit in patches: 2 patches of 16 pixels are the 32 pixels of the paper.",
    ),
    of_pieces("topup_adjacent"),
];

impl MaskingStrategy for HieraUnits {
    fn id(&self) -> &'static str {
        "hiera_units"
    }

    fn summary(&self) -> &'static str {
        "Shows and hides whole mask units of 2x2 patches; where units do not add up to the count, further patches are hidden at \
         the edge of hidden units. Hides L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "Ryali et al., Hiera: A Hierarchical Vision Transformer without the Bells-and-Whistles, ICML 2023 (arXiv 2306.00989), section 3"
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
    fn as_many_whole_units_are_hidden_as_fit() {
        let plan = plan("hiera_units", "14x14", 0.6, &[]);
        for mask in moving(&plan, 50) {
            let bits = mask.bits();
            let whole = |unit: &&Vec<usize>| unit.iter().all(|patch| bits[*patch] == 1);
            // 118 hidden: 29 units of 4, and two patches more, too few for a unit.
            assert_eq!(cells(plan.grid(), 2).iter().filter(whole).count(), 29, "{mask}");
        }
    }

    #[test]
    fn snapshots() {
        snapshot(
            "hiera_units",
            &[("14x14", 0.6, &[]), ("16x16", 0.75, &[]), ("9x5", 0.6, &[])],
        );
    }
}
