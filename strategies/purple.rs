//! `purple`: hides large regions and single patches, from noise without its middling parts.
//!
//! Algorithm: white noise `W` on the patch grid, band-stop filtered: `W - (G1 * W - G2 * W)`, the noise without that of
//! `green`; the highest patches are hidden. The grid is a torus and the deviations are in patches (see `color_noise`).
//! Source: Hinojosa et al., *ColorMAE*, ECCV 2024, purple noise.
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::Rng;

use crate::color_noise::{SOURCE, check_band, draw, sigma};
use crate::strategy::Draw;
use crate::{Error, Mask, MaskContext, MaskingStrategy, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Purple;

static PARAMS: &[Param] = &[
    sigma(
        "sigma1",
        1.0,
        "Standard deviation of the narrower Gaussian in patches; below sigma2.",
    ),
    sigma("sigma2", 2.0, "Standard deviation of the wider Gaussian in patches."),
];

impl MaskingStrategy for Purple {
    fn id(&self) -> &'static str {
        "purple"
    }

    fn summary(&self) -> &'static str {
        "Hides the highest patches of band-stop filtered noise: what green leaves out, fine and coarse at once. Hides \
         L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        SOURCE
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn hidden(&self, req: &Request) -> Result<usize, Error> {
        check_band(req)
    }

    fn prepare(&'static self, req: &Request) -> Result<Draw, Error> {
        Ok(draw(req, 1.0, &[(-1.0, "sigma1"), (1.0, "sigma2")]))
    }

    fn sample(&self, req: &Request, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        draw(req, 1.0, &[(-1.0, "sigma1"), (1.0, "sigma2")])(ctx, rng)
    }
}

#[cfg(test)]
mod tests {
    use crate::color_noise::tests::boundary;
    use crate::testing::snapshot;

    #[test]
    fn masks_are_finer_than_those_of_green_noise() {
        let edges = boundary("purple");
        assert!(edges > boundary("green"), "{edges}");
    }

    #[test]
    fn snapshots() {
        snapshot(
            "purple",
            &[("14x14", 0.75, &[]), ("14x14", 0.5, &[]), ("7x13", 0.6, &[])],
        );
    }
}
