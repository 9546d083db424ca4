//! `green`: hides regions of middling size, from noise without its finest and coarsest parts.
//!
//! Algorithm: white noise `W` on the patch grid, band-pass filtered by two Gaussians: `G1 * W - G2 * W`; the highest
//! patches are hidden. The grid is a torus and the deviations are in patches (see `color_noise`).
//! Source: Hinojosa et al., *ColorMAE*, ECCV 2024, green noise, which did best there.
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::Rng;

use crate::color_noise::{SOURCE, check_band, draw, sigma};
use crate::strategy::Draw;
use crate::{Error, Mask, MaskContext, MaskingStrategy, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Green;

static PARAMS: &[Param] = &[
    sigma(
        "sigma1",
        1.0,
        "Standard deviation of the narrower Gaussian in patches; below sigma2.",
    ),
    sigma("sigma2", 2.0, "Standard deviation of the wider Gaussian in patches."),
];

impl MaskingStrategy for Green {
    fn id(&self) -> &'static str {
        "green"
    }

    fn summary(&self) -> &'static str {
        "Hides the highest patches of band-pass filtered noise: regions of middling size, evenly spread. Hides \
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
        Ok(draw(req, 0.0, &[(1.0, "sigma1"), (-1.0, "sigma2")]))
    }

    fn sample(&self, req: &Request, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        draw(req, 0.0, &[(1.0, "sigma1"), (-1.0, "sigma2")])(ctx, rng)
    }
}

#[cfg(test)]
mod tests {
    use crate::color_noise::tests::boundary;
    use crate::testing::{snapshot, try_plan};

    #[test]
    fn regions_are_between_those_of_red_and_random_masks() {
        let edges = boundary("green");
        assert!((boundary("red")..137.0).contains(&edges), "{edges}");
    }

    #[test]
    fn gaussians_in_the_wrong_order_are_refused() {
        let error = try_plan("green", "14x14", 0.75, &[("sigma1", 3.0.into())]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "mask.sigma1 = 3 is not below mask.sigma2 = 2: lower sigma1 or raise sigma2"
        );
    }

    #[test]
    fn snapshots() {
        snapshot(
            "green",
            &[("14x14", 0.75, &[]), ("14x14", 0.5, &[]), ("7x13", 0.6, &[])],
        );
    }
}
