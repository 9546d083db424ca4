//! `blue`: hides patches that are evenly spread, from noise without its coarse parts.
//!
//! Algorithm: white noise `W` on the patch grid, high-pass filtered: `W - G * W`; the highest patches are hidden. The
//! grid is a torus and `sigma` is in patches (see `color_noise`).
//! Source: Hinojosa et al., *ColorMAE*, ECCV 2024, blue noise.
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::Rng;

use crate::color_noise::{SOURCE, draw, sigma};
use crate::strategy::Draw;
use crate::{Error, Mask, MaskContext, MaskingStrategy, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Blue;

static PARAMS: &[Param] = &[sigma(
    "sigma",
    1.0,
    "Standard deviation of the Gaussian in patches that is taken off the noise.",
)];

impl MaskingStrategy for Blue {
    fn id(&self) -> &'static str {
        "blue"
    }

    fn summary(&self) -> &'static str {
        "Hides the highest patches of high-pass filtered noise: evenly spread, without large regions. Hides \
         L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        SOURCE
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn prepare(&'static self, req: &Request) -> Result<Draw, Error> {
        Ok(draw(req, 1.0, &[(-1.0, "sigma")]))
    }

    fn sample(&self, req: &Request, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        draw(req, 1.0, &[(-1.0, "sigma")])(ctx, rng)
    }
}

#[cfg(test)]
mod tests {
    use crate::color_noise::tests::boundary;
    use crate::testing::snapshot;

    #[test]
    fn patches_are_spread_more_evenly_than_at_random() {
        let edges = boundary("blue");
        assert!(edges > 143.0, "{edges}");
    }

    #[test]
    fn snapshots() {
        snapshot("blue", &[("14x14", 0.75, &[]), ("14x14", 0.5, &[]), ("7x13", 0.6, &[])]);
    }
}
