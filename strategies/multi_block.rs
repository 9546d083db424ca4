//! `multi_block`: hides a few large rectangles.
//!
//! Algorithm: `targets` rectangles, each with a share of the grid drawn uniformly between `min_scale` and `max_scale`,
//! an aspect drawn uniformly between `min_aspect` and `max_aspect`, and a drawn place, are hidden; they may overlap.
//! Rectangles are never larger than what is missing to the count, unless the policy `complete` trims. If they do not
//! reach the count, the policy completes it: by default the patches nearest to them are hidden; the trim policies draw
//! further rectangles.
//! Source: Assran et al., *I-JEPA*, CVPR 2023, section 3 and appendix A. There a context window of .85 to 1 of the
//! picture besides limits what is visible, and what lies in neither is left out altogether; a mask of two states hides
//! it.
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::Rng;

use crate::complete::{Pieces, Policy, of_pieces};
use crate::rectangle::{check_range, max_aspect, min_aspect, place, range, scale, sides, uniform};
use crate::{Error, Kind, Literal, Mask, MaskContext, MaskingStrategy, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct MultiBlock;

/// Rectangles drawn at most, for each of `targets`, where a policy that trims goes on to the count.
const PATIENCE: usize = 16;

static PARAMS: &[Param] = &[
    Param {
        name: "targets",
        kind: Kind::Int { min: 1, max: 64 },
        default: Some(Literal::Int(4)),
        doc: "Number of rectangles.",
    },
    scale("min_scale", 0.15, "Least share of the grid that a rectangle takes."),
    scale(
        "max_scale",
        0.2,
        "Greatest share of the grid that a rectangle takes; at least min_scale.",
    ),
    min_aspect(0.75),
    max_aspect(1.5),
    of_pieces("topup_adjacent"),
];

impl MaskingStrategy for MultiBlock {
    fn id(&self) -> &'static str {
        "multi_block"
    }

    fn summary(&self) -> &'static str {
        "Hides a few large rectangles, four by default, which may overlap, and completes them to exactly \
         L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "Assran et al., Self-Supervised Learning from Images with a Joint-Embedding Predictive Architecture (I-JEPA), CVPR 2023 \
         (arXiv 2301.08243), section 3 and appendix A"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn hidden(&self, req: &Request) -> Result<usize, Error> {
        check_range(req, "scale")?;
        check_range(req, "aspect")?;
        Ok(req.hidden_by_ratio())
    }

    fn is_random(&self, req: &Request) -> bool {
        // A rectangle of the whole grid, trimmed in raster order, is always the same.
        Policy::of(req) != Policy::TrimRaster || range(req, "scale").0 < 1.0
    }

    fn sample(&self, req: &Request, _ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let targets = req.params.int("targets").map_or(1, |n| n.unsigned_abs() as usize);
        let draws = if Policy::of(req).trims() {
            targets * PATIENCE
        } else {
            targets
        };
        let mut pieces = Pieces::new(req);
        for _ in 0..draws {
            if pieces.missing() == 0 {
                break;
            }
            let piece = target(req, pieces.missing(), rng);
            pieces.add(&piece, rng);
        }
        Ok(pieces.finish(rng))
    }
}

/// The patches of one rectangle, where `missing` are still to be hidden.
fn target(req: &Request, missing: usize, rng: &mut dyn Rng) -> Vec<usize> {
    let area = ((uniform(range(req, "scale"), rng) * req.grid.len() as f64).round() as usize).clamp(1, req.grid.len());
    let aspect = uniform(range(req, "aspect"), rng);
    let trims = Policy::of(req).trims();
    let area = if trims { area } else { area.min(missing) };
    place(req.grid, sides(req.grid, area, aspect, trims), rng)
}

#[cfg(test)]
mod tests {
    use crate::testing::{moving, plan, reach, snapshot, try_plan};

    #[test]
    fn edges_are_reached() {
        for grid in ["14x14", "16x4"] {
            let counts = reach(&plan("multi_block", grid, 0.5, &[]), 1000);
            assert!(counts.iter().all(|n| (1..1000).contains(n)), "{grid}: {counts:?}");
        }
    }

    #[test]
    fn one_target_at_its_own_share_is_a_rectangle() {
        let one = [
            ("targets", 1i64.into()),
            ("min_scale", 0.25.into()),
            ("max_scale", 0.25.into()),
        ];
        let aspect = [("min_aspect", 1.0.into()), ("max_aspect", 1.0.into())];
        let params: Vec<_> = one.into_iter().chain(aspect).collect();
        for mask in moving(&plan("multi_block", "8x8", 0.25, &params), 20) {
            let text = mask.ascii();
            assert_eq!(text.lines().filter(|line| line.contains("####")).count(), 4, "{mask}");
        }
    }

    #[test]
    fn contradictions_are_refused_with_the_cure() {
        let error = try_plan("multi_block", "14x14", 0.75, &[("max_scale", 0.1.into())]);
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("lower min_scale or raise max_scale")
        );
    }

    #[test]
    fn snapshots() {
        let trimmed = &[("complete", "trim_random".into())];
        snapshot(
            "multi_block",
            &[("14x14", 0.6, &[]), ("14x14", 0.75, trimmed), ("7x13", 0.3, &[])],
        );
    }
}
