//! `raster`: shows the first patches in raster order, from the upper left, and hides the rest.
//!
//! Algorithm: the first `K` patches stay visible. Nothing is drawn: all pictures have the same mask.
//! Source: the rasterised baseline in the ablations of I-JEPA (Assran et al., CVPR 2023, table 6).
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::Rng;

use crate::{Error, Mask, MaskContext, MaskingStrategy, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Raster;

impl MaskingStrategy for Raster {
    fn id(&self) -> &'static str {
        "raster"
    }

    fn summary(&self) -> &'static str {
        "Shows the first patches in raster order and hides the rest, the same for all pictures. Hides \
         L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "Assran et al., Self-Supervised Learning from Images with a Joint-Embedding Predictive Architecture (I-JEPA), CVPR 2023 \
         (arXiv 2301.08243), ablation of masking strategies, rasterized"
    }

    fn is_random(&self, _req: &Request) -> bool {
        false
    }

    fn sample(&self, req: &Request, _ctx: &MaskContext<'_>, _rng: &mut dyn Rng) -> Result<Mask, Error> {
        let visible = req.visible_by_ratio();
        let hidden: Vec<bool> = (0..req.grid.len()).map(|patch| patch >= visible).collect();
        Ok(Mask::from_hidden(req.grid, &hidden))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{ascii, snapshot};

    #[test]
    fn the_first_stay() {
        assert_eq!(ascii("raster", "3x4", &[]), "....\n..##\n####");
    }

    #[test]
    fn snapshots() {
        snapshot("raster", &[("14x14", 0.75, &[]), ("7x13", 0.3, &[])]);
    }
}
