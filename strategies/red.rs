//! `red`: hides large regions, from noise without its fine parts.
//!
//! Algorithm: white noise `W` on the patch grid, low-pass filtered by a Gaussian: `G * W`; the highest patches are
//! hidden. The grid is a torus and `sigma` is in patches (see `color_noise`).
//! Source: Hinojosa et al., *ColorMAE*, ECCV 2024, red noise.
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::Rng;

use crate::color_noise::{SOURCE, draw, sigma};
use crate::strategy::Draw;
use crate::{Error, Mask, MaskContext, MaskingStrategy, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Red;

static PARAMS: &[Param] = &[sigma(
    "sigma",
    1.0,
    "Standard deviation of the Gaussian in patches: the larger it is, the larger are the regions.",
)];

impl MaskingStrategy for Red {
    fn id(&self) -> &'static str {
        "red"
    }

    fn summary(&self) -> &'static str {
        "Hides the highest patches of low-pass filtered noise: large connected regions. Hides L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        SOURCE
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn prepare(&'static self, req: &Request) -> Result<Draw, Error> {
        Ok(draw(req, 0.0, &[(1.0, "sigma")]))
    }

    fn sample(&self, req: &Request, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        draw(req, 0.0, &[(1.0, "sigma")])(ctx, rng)
    }
}

#[cfg(test)]
mod tests {
    use crate::color_noise::tests::boundary;
    use crate::testing::snapshot;

    #[test]
    fn regions_are_larger_than_those_of_random_masks() {
        let edges = boundary("red");
        assert!(edges < 100.0, "{edges}");
    }

    #[test]
    fn snapshots() {
        snapshot("red", &[("14x14", 0.75, &[]), ("14x14", 0.5, &[]), ("7x13", 0.6, &[])]);
    }
}
