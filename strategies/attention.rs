//! `attention`: hides the patches that a teacher attends to most, or least.
//!
//! Algorithm: patches are ranked by the attention that the class token of a teacher (a moving average of the model)
//! pays them, averaged over heads; equal ones in drawn order. `high` hides the most attended, `low` the least. `hint`
//! hides the most attended, but leaves some of the very highest visible: `hint` times the hidden number, drawn among
//! the most attended `hint_of` of all patches; the next in rank are hidden in their stead. `random` leaves a share of
//! the hidden patches to chance.
//! Source: Kakogeorgiou et al., *What to Hide from Your Students* (AttMask), ECCV 2022, section 3.2 (AttMask-High,
//! -Low, -Hint). What is drawn there besides, the ratio of each picture and whether it is masked at all, is fixed here:
//! a batch must be rectangular. Between pictures that look alike, use `random` to vary the mask.
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::Rng;
use rand::seq::SliceRandom;

use crate::rank::{falling, hide_first, part, scores, share, value};
use crate::{Error, Mask, MaskContext, MaskingStrategy, Needs, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Attention;

static PARAMS: &[Param] = &[
    Param::choice(
        "mode",
        &["high", "low", "hint"],
        "high",
        "Hide the most attended patches, the least attended, or the most attended but for a few drawn ones.",
    ),
    share(
        "hint",
        0.1,
        "With mode hint: number of highly attended patches left visible, as a share of the hidden number.",
    ),
    share(
        "hint_of",
        0.25,
        "With mode hint: share of all patches, the most attended ones, among which the visible ones are drawn.",
    ),
    share(
        "random",
        0.0,
        "Share of the hidden patches drawn among all others instead of taken by rank.",
    ),
];

impl MaskingStrategy for Attention {
    fn id(&self) -> &'static str {
        "attention"
    }

    fn summary(&self) -> &'static str {
        "Hides the patches that a teacher's class token attends to most (high), least (low), or most but for a few drawn ones \
         (hint). Hides L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "Kakogeorgiou et al., What to Hide from Your Students: Attention-Guided Masked Image Modeling (AttMask), ECCV 2022 \
         (arXiv 2203.12719), section 3.2"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn is_random(&self, req: &Request) -> bool {
        let (top, shown, pool) = counts(req);
        top < req.hidden_by_ratio() || (shown > 0 && shown < pool)
    }

    fn needs(&self, _req: &Request) -> Needs {
        Needs {
            attention: true,
            ..Needs::default()
        }
    }

    fn sample(&self, req: &Request, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let scores = scores(req, ctx.attention, self.id(), "a teacher's attention")?;
        let (top, shown, pool) = counts(req);
        let mut order = falling(scores, rng);
        if req.params.text("mode") == Some("low") {
            order.reverse();
        }
        // The last of the shuffled ones are the drawn ones; they go behind those that are hidden.
        let _ = order[..pool].partial_shuffle(rng, shown);
        order[pool - shown..top + shown].rotate_left(shown);
        Ok(hide_first(req.grid, order, top, req.hidden_by_ratio(), rng))
    }
}

/// How many patches are hidden by rank, how many of the highest are shown, and among how many of these they are drawn.
fn counts(req: &Request) -> (usize, usize, usize) {
    let hide = req.hidden_by_ratio();
    let top = hide - part(hide, value(req, "random"));
    let shown = if req.params.text("mode") == Some("hint") {
        part(hide, value(req, "hint")).min(req.grid.len() - top)
    } else {
        0
    };
    let pool = part(req.grid.len(), value(req, "hint_of")).clamp(shown, top + shown);
    (top, shown, pool)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;
    use crate::testing::{plan, rng, snapshot};

    /// Patches hidden on a 4x5 grid at ratio 0.5 where attention rises in raster order.
    fn hidden(params: &[(&str, Value)], seed: u64) -> Vec<usize> {
        let attention: Vec<f32> = (0..20u8).map(f32::from).collect();
        let ctx = MaskContext::default().with_attention(&attention);
        let bits = plan("attention", "4x5", 0.5, params)
            .sample(&ctx, &mut rng(seed))
            .unwrap()
            .bits();
        (0..20).filter(|patch| bits[*patch] == 1).collect()
    }

    #[test]
    fn the_most_or_the_least_attended_are_hidden() {
        assert_eq!(hidden(&[], 0), (10..20).collect::<Vec<_>>());
        assert_eq!(hidden(&[("mode", "low".into())], 0), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn hints_are_drawn_among_the_most_attended() {
        let mut shown = std::collections::BTreeSet::new();
        for seed in 0..60 {
            let hidden = hidden(&[("mode", "hint".into()), ("hint", 0.2.into())], seed);
            assert!((8..15).all(|patch| hidden.contains(&patch)), "{hidden:?}");
            shown.extend((8..20).filter(|patch| !hidden.contains(patch)));
        }
        assert_eq!(shown.into_iter().collect::<Vec<_>>(), [15, 16, 17, 18, 19]);
    }

    #[test]
    fn a_share_is_left_to_chance() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..60 {
            let hidden = hidden(&[("random", 0.4.into())], seed);
            assert!((14..20).all(|patch| hidden.contains(&patch)), "{hidden:?}");
            seen.extend(hidden);
        }
        assert_eq!(seen.len(), 20);
    }

    #[test]
    fn without_attention_the_mask_cannot_be_drawn() {
        let plan = plan("attention", "4x5", 0.5, &[]);
        assert!(plan.needs().attention && !plan.needs().pixels);
        let error = plan
            .sample(&MaskContext::default(), &mut rng(0))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("needs a teacher's attention for each of the 20 patches"),
            "{error}"
        );
    }

    #[test]
    fn snapshots() {
        let hint: &[_] = &[("mode", "hint".into())];
        snapshot(
            "attention",
            &[
                ("14x14", 0.75, &[]),
                ("14x14", 0.5, hint),
                ("7x13", 0.5, &[("mode", "low".into())]),
            ],
        );
    }
}
