//! `hard_patches`: hides, more and more as training goes on, the patches that are hardest to predict.
//!
//! Algorithm: of the hidden patches, a share is taken by the loss that a predictor beside the model expects of them,
//! highest first, equal ones in drawn order; the others are drawn among the rest. The share rises in a straight line
//! from `start` to `end` over the training.
//! Source: Wang et al., *Hard Patches Mining* (HPM), CVPR 2023, section 3.3, easy-to-hard mask generation: from 0 to
//! .5.
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::Rng;

use crate::rank::{falling, hide_first, part, scores, share, value};
use crate::{Error, Mask, MaskContext, MaskingStrategy, Needs, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct HardPatches;

static PARAMS: &[Param] = &[
    share(
        "start",
        0.0,
        "Share of the hidden patches taken by expected loss at the start of the training.",
    ),
    share(
        "end",
        0.5,
        "Share of the hidden patches taken by expected loss at the end of the training.",
    ),
];

impl MaskingStrategy for HardPatches {
    fn id(&self) -> &'static str {
        "hard_patches"
    }

    fn summary(&self) -> &'static str {
        "Hides the patches whose predicted loss is highest, a share of the hidden ones that grows over the training, and \
         drawn patches besides. Hides L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "Wang et al., Hard Patches Mining for Masked Image Modeling (HPM), CVPR 2023 (arXiv 2304.05919), section 3.3"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn is_random(&self, req: &Request) -> bool {
        value(req, "start") < 1.0 || value(req, "end") < 1.0
    }

    fn needs(&self, _req: &Request) -> Needs {
        Needs {
            loss: true,
            ..Needs::default()
        }
    }

    fn sample(&self, req: &Request, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let scores = scores(req, ctx.loss, self.id(), "a predicted loss")?;
        let (start, end) = (value(req, "start"), value(req, "end"));
        let share = start + ctx.progress.clamp(0.0, 1.0) * (end - start);
        let hide = req.hidden_by_ratio();
        let order = falling(scores, rng);
        Ok(hide_first(req.grid, order, part(hide, share), hide, rng))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{plan, rng, snapshot};
    use crate::{MaskContext, Value};

    /// How many of 100 masks hide each patch of a 4x5 grid at ratio 0.5, where loss falls in raster order.
    fn counts(progress: f64, params: &[(&str, Value)]) -> Vec<usize> {
        let loss: Vec<f32> = (0..20u8).map(|patch| 20.0 - f32::from(patch)).collect();
        let ctx = MaskContext::default().with_loss(&loss).at(progress);
        let plan = plan("hard_patches", "4x5", 0.5, params);
        let mut counts = vec![0; 20];
        for seed in 0..100 {
            let bits = plan.sample(&ctx, &mut rng(seed)).unwrap().bits();
            counts.iter_mut().zip(bits).for_each(|(n, b)| *n += usize::from(b));
        }
        counts
    }

    #[test]
    fn the_share_of_hard_patches_grows() {
        for (progress, hard) in [(0.0, 0), (0.5, 2), (1.0, 5), (7.0, 5)] {
            let counts = counts(progress, &[]);
            assert_eq!(
                counts.iter().filter(|n| **n == 100).count(),
                hard,
                "at {progress}: {counts:?}"
            );
            assert!(counts[..hard].iter().all(|n| *n == 100), "at {progress}: {counts:?}");
            assert!(counts.iter().all(|n| *n > 0), "at {progress}: {counts:?}");
        }
    }

    #[test]
    fn all_can_be_taken_by_loss() {
        let all = [("start", 1.0.into()), ("end", 1.0.into())];
        let wanted: Vec<usize> = (0..20).map(|patch| if patch < 10 { 100 } else { 0 }).collect();
        assert_eq!(counts(0.3, &all), wanted);
    }

    #[test]
    fn snapshots() {
        let hard: &[_] = &[("start", 0.5.into())];
        snapshot(
            "hard_patches",
            &[("14x14", 0.75, &[]), ("14x14", 0.75, hard), ("7x13", 0.6, hard)],
        );
    }
}
