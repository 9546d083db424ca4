//! `uniform`: shows one drawn patch of every 2x2.
//!
//! Algorithm: the grid is cut into cells of 2x2 patches (smaller at the lower and right edge). At 75 % each cell shows
//! one of its patches, drawn for each cell, so that every window of a pyramid encoder holds as many visible patches. At
//! another ratio it is completed as evenly as possible: no cell shows a second patch before every cell shows one, and
//! so on; which cells go first is drawn. Patches of the smaller cells at a ragged edge are visible more often than
//! others, since there are fewer to a cell; so it is in `grid`.
//! Source: Li et al., *Uniform Masking* (UM-MAE), 2022, section 3.1, uniform sampling. The paper's secondary masking,
//! which replaces a quarter of the visible patches by mask tokens at the encoder's input, is `train.secondary_ratio = 0.25`
//! beside this strategy, or beside any other.
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::Rng;
use rand::seq::SliceRandom;

use crate::cells::{cells, show_evenly};
use crate::{Error, Mask, MaskContext, MaskingStrategy, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Uniform;

impl MaskingStrategy for Uniform {
    fn id(&self) -> &'static str {
        "uniform"
    }

    fn summary(&self) -> &'static str {
        "Shows one drawn patch of every 2x2 cell at ratio 0.75; other ratios are completed as evenly as possible: no cell \
         shows a further patch before all cells show as many. The paper's secondary masking is train.secondary_ratio = 0.25 \
         beside it. Hides L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "Li et al., Uniform Masking: Enabling MAE Pre-training for Pyramid-based Vision Transformers with Locality, 2022 \
         (arXiv 2205.10063), section 3.1, uniform sampling"
    }

    fn sample(&self, req: &Request, _ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let mut cells = cells(req.grid, 2);
        cells.iter_mut().for_each(|cell| cell.shuffle(rng));
        Ok(show_evenly(req.grid, cells, req.visible_by_ratio(), rng))
    }
}

#[cfg(test)]
mod tests {
    use crate::Mask;
    use crate::cells::cells;
    use crate::testing::{moving, plan, snapshot};

    fn shown(mask: &Mask) -> Vec<usize> {
        let bits = mask.bits();
        let visible = |cell: &Vec<usize>| cell.iter().filter(|patch| bits[**patch] == 0).count();
        cells(mask.grid(), 2).iter().map(visible).collect()
    }

    #[test]
    fn each_cell_shows_as_many() {
        for (ratio, least, most) in [(0.75, 1, 1), (0.5, 2, 2), (0.9, 0, 1), (0.6, 1, 2), (0.1, 3, 4)] {
            for mask in moving(&plan("uniform", "14x14", ratio, &[]), 20) {
                assert!(
                    shown(&mask).iter().all(|n| (least..=most).contains(n)),
                    "at {ratio}:\n{mask}"
                );
            }
        }
    }

    #[test]
    fn every_place_of_a_cell_is_drawn_for_itself() {
        let mask = moving(&plan("uniform", "14x14", 0.75, &[]), 1).remove(0);
        let mut places = [0; 4];
        mask.ids_keep()
            .iter()
            .for_each(|id| places[(id / 14 % 2 * 2 + id % 2) as usize] += 1);
        assert!(places.iter().all(|n| *n > 4), "{places:?}");
    }

    #[test]
    fn snapshots() {
        snapshot(
            "uniform",
            &[("14x14", 0.75, &[]), ("8x8", 0.5, &[]), ("7x13", 0.9, &[])],
        );
    }
}
