//! `inverse_blocks`: shows several small squares and hides everything around them.
//!
//! Algorithm: as many places as squares of `block` x `block` patches are needed for the visible share plus `adjust` are
//! drawn without repetition among all patches; the square around each, cut off at the picture's edges, is visible.
//! Squares may overlap. Where they show too many patches, drawn ones are hidden; where too few, drawn ones are shown (a
//! random trim and a random top-up).
//! Source: Baevski et al., *data2vec 2.0*, ICML 2023, inverse block masking: squares of 3x3, adjustment .07.
//! How often each patch is hidden: not alike, as in the source. Squares are drawn around places within the picture, so that
//! fewer of them reach a patch at its edge: at 14x14 and ratio .75 the middle is hidden in .73 of the masks, edges in .81 and
//! corners in .86.
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::Rng;
use rand::seq::{SliceRandom, index};

use crate::rank::{share, value};
use crate::{Error, Grid, Kind, Literal, Mask, MaskContext, MaskingStrategy, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct InverseBlocks;

static PARAMS: &[Param] = &[
    Param {
        name: "block",
        kind: Kind::Int { min: 1, max: 64 },
        default: Some(Literal::Int(3)),
        doc: "Side of a visible square in patches.",
    },
    share(
        "adjust",
        0.07,
        "Share of the picture that the squares show beyond what ratio leaves visible, since they overlap.",
    ),
];

impl MaskingStrategy for InverseBlocks {
    fn id(&self) -> &'static str {
        "inverse_blocks"
    }

    fn summary(&self) -> &'static str {
        "Shows several small squares at drawn places and hides everything around them; drawn patches make up for overlaps. \
         Hides L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "Baevski et al., Efficient Self-supervised Learning with Contextualized Target Representations for Vision, Speech and \
         Language (data2vec 2.0), ICML 2023 (arXiv 2212.07525), inverse block masking"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn sample(&self, req: &Request, _ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let (len, visible) = (req.grid.len(), req.visible_by_ratio());
        let side = req
            .params
            .int("block")
            .map_or(1, |side| side.unsigned_abs() as usize)
            .max(1);
        let shown = visible as f64 + value(req, "adjust") * len as f64;
        let squares = ((shown / (side * side) as f64).round() as usize).clamp(1, len);
        let mut hidden = vec![true; len];
        for centre in index::sample(rng, len, squares) {
            show_square(req.grid, &mut hidden, centre, side);
        }
        let surplus = |hide: bool| (0..len).filter(|patch| hidden[*patch] != hide).collect::<Vec<usize>>();
        let have = len - surplus(false).len();
        let hide = have > visible;
        let mut candidates = surplus(hide);
        for patch in &*candidates.partial_shuffle(rng, have.abs_diff(visible)).0 {
            hidden[*patch] = hide;
        }
        Ok(Mask::from_hidden(req.grid, &hidden))
    }
}

/// Shows the square around a patch, as far as it lies in the grid.
fn show_square(grid: Grid, hidden: &mut [bool], centre: usize, side: usize) {
    let span = |middle: usize, len: usize| middle.saturating_sub(side / 2)..(middle + side.div_ceil(2)).min(len);
    let cols = span(centre % grid.cols, grid.cols);
    for row in span(centre / grid.cols, grid.rows) {
        hidden[row * grid.cols + cols.start..row * grid.cols + cols.end].fill(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{moving, plan, reach, snapshot};

    #[test]
    fn squares_are_centred_and_cut_off() {
        let shown = |centre, side| {
            let mut hidden = vec![true; 20];
            show_square(Grid::new(4, 5), &mut hidden, centre, side);
            Mask::from_hidden(Grid::new(4, 5), &hidden).ids_keep().to_vec()
        };
        assert_eq!(shown(7, 3), [1, 2, 3, 6, 7, 8, 11, 12, 13]);
        assert_eq!(shown(0, 3), [0, 1, 5, 6]);
        assert_eq!(shown(19, 3), [13, 14, 18, 19]);
        assert_eq!(shown(12, 2), [6, 7, 11, 12]);
    }

    #[test]
    fn most_visible_patches_have_visible_neighbours() {
        for mask in moving(&plan("inverse_blocks", "14x14", 0.75, &[]), 30) {
            let bits = mask.bits();
            let alone = mask.ids_keep().iter().filter(|id| {
                let (r, c) = (**id as usize / 14, **id as usize % 14);
                let visible = |r: usize, c: usize| r < 14 && c < 14 && bits[r * 14 + c] == 0;
                let up = r > 0 && visible(r - 1, c) || visible(r + 1, c);
                !(up || c > 0 && visible(r, c - 1) || visible(r, c + 1))
            });
            assert!(alone.count() < 12, "{mask}");
        }
    }

    #[test]
    fn corners_are_shown_and_hidden() {
        let counts = reach(&plan("inverse_blocks", "14x14", 0.75, &[]), 600);
        assert!(counts.iter().all(|n| (1..600).contains(n)), "{counts:?}");
    }

    #[test]
    fn snapshots() {
        let large = &[("block", 5i64.into()), ("adjust", 0.2.into())];
        snapshot(
            "inverse_blocks",
            &[("14x14", 0.8, &[]), ("14x14", 0.75, large), ("16x4", 0.6, &[])],
        );
    }
}
