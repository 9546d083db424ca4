//! `inverse_block`: shows one rectangle and hides everything around it.
//!
//! Algorithm: an aspect is drawn log-uniformly between `min_aspect` and `max_aspect`; the visible rectangle is the
//! smallest of that height that holds the visible patches, `K`, and its last column is cut short from below to exactly
//! `K`. With `roll` the picture is taken for a torus and the rectangle put anywhere on it, so that every patch is
//! hidden equally often; without, it is put anywhere within the grid, and the middle is visible most of the time.
//! Source: Darcet et al., *CAPI*, 2025, masking with an inverse block, rolled.
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::{Rng, RngExt};

use crate::rectangle::{check_range, log_uniform, max_aspect, min_aspect, range};
use crate::{Error, Mask, MaskContext, MaskingStrategy, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct InverseBlock;

static PARAMS: &[Param] = &[
    min_aspect(0.5),
    max_aspect(2.0),
    Param::flag(
        "roll",
        true,
        "Put the rectangle anywhere on the torus, across the picture's edges too; false keeps it in one piece.",
    ),
];

impl MaskingStrategy for InverseBlock {
    fn id(&self) -> &'static str {
        "inverse_block"
    }

    fn summary(&self) -> &'static str {
        "Shows one rectangle of drawn aspect and hides everything around it; the rectangle is rolled over the picture's edges, \
         so that every patch is hidden equally often. Hides L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "Darcet et al., Cluster and Predict Latent Patches for Improved Masked Image Modeling (CAPI), 2025 (arXiv 2502.08769), \
         inverse block masking with roll"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn hidden(&self, req: &Request) -> Result<usize, Error> {
        check_range(req, "aspect")?;
        Ok(req.hidden_by_ratio())
    }

    fn sample(&self, req: &Request, _ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let (grid, visible) = (req.grid, req.visible_by_ratio());
        let aspect = log_uniform(range(req, "aspect"), rng);
        let least = visible.div_ceil(grid.cols);
        let rows = ((visible as f64 * aspect).sqrt().round() as usize).clamp(least, grid.rows.min(visible));
        let cols = visible.div_ceil(rows);
        let (top, left) = if req.params.bool("roll") == Some(true) {
            (rng.random_range(0..grid.rows), rng.random_range(0..grid.cols))
        } else {
            (
                rng.random_range(0..=grid.rows - rows),
                rng.random_range(0..=grid.cols - cols),
            )
        };
        let mut hidden = vec![true; grid.len()];
        for place in 0..visible {
            let (row, col) = (place % rows, place / rows);
            hidden[(top + row) % grid.rows * grid.cols + (left + col) % grid.cols] = false;
        }
        Ok(Mask::from_hidden(grid, &hidden))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{moving, plan, snapshot, try_plan};

    #[test]
    fn the_visible_rectangle_is_whole_but_for_a_column() {
        for grid in ["14x14", "16x4", "7x13"] {
            for mask in moving(&plan("inverse_block", grid, 0.75, &[("roll", false.into())]), 40) {
                let (mut rows, mut cols) = (Vec::new(), Vec::new());
                for &id in mask.ids_keep() {
                    rows.push(id as usize / mask.grid().cols);
                    cols.push(id as usize % mask.grid().cols);
                }
                let span = |places: &[usize]| places.iter().max().unwrap() - places.iter().min().unwrap() + 1;
                let box_area = span(&rows) * span(&cols);
                assert!(box_area - mask.visible() < span(&rows), "{mask}");
            }
        }
    }

    #[test]
    fn contradictions_are_refused_with_the_cure() {
        let error = try_plan("inverse_block", "14x14", 0.75, &[("min_aspect", 3.0.into())]);
        assert_eq!(
            error.unwrap_err().to_string(),
            "mask.min_aspect = 3 is above mask.max_aspect = 2: lower min_aspect or raise max_aspect"
        );
    }

    #[test]
    fn snapshots() {
        let still = &[("roll", false.into())];
        snapshot(
            "inverse_block",
            &[("14x14", 0.75, &[]), ("14x14", 0.6, still), ("4x16", 0.75, &[])],
        );
    }
}
