//! `complementary`: hides different patches in each pass over a picture, so that the passes together cover all of it.
//!
//! Algorithm: the patches are put in a drawn order, which is closed to a circle. With `folds = k` the circle is cut
//! into `k` folds whose sizes differ by one at most; pass `i` hides fold `i mod k`, and where that is one of the
//! smaller ones, the first patch of the next fold besides, because all masks must hide as many. So every patch is
//! hidden in its own fold's pass, and where `k` divides the number of patches, in no other. Without `folds` pass `i`
//! hides the `M` patches of the ratio that follow those of pass `i - 1` on the circle: at .75, four passes hide every
//! patch three times and show it once. The order is drawn from the generator: all passes over one picture are
//! handed generators seeded alike, and the number of the pass ([`MaskContext::pass`]). In training the passes are
//! epochs: a new order is drawn when every patch has had its turn. Masks of held-out pictures are those of pass 0.
//! Source: complementary masks for evaluation and anomaly maps; cross-validation's folds.
//! Count: `ceil(L / folds)` hidden where `folds` is given, else `L - int(L * (1 - ratio))`.

use rand::Rng;
use rand::seq::SliceRandom;

use crate::{Error, Kind, Mask, MaskContext, MaskingStrategy, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Complementary;

static PARAMS: &[Param] = &[Param {
    name: "folds",
    kind: Kind::Int { min: 2, max: 4096 },
    default: None,
    doc: "Number of passes in which every patch is hidden once; each hides L / folds patches, rounded up, instead of ratio's \
          share. Unset: passes of ratio's count follow each other around a circle of all patches.",
}];

impl MaskingStrategy for Complementary {
    fn id(&self) -> &'static str {
        "complementary"
    }

    fn summary(&self) -> &'static str {
        "Hides other patches in each pass over a picture, so that the passes together cover all of it. Hides L / folds patches, \
         rounded up, where folds is given, else L - int(L * (1 - ratio))."
    }

    fn source(&self) -> &'static str {
        "k-fold partitions as in cross-validation, for evaluation and anomaly maps"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn passes(&self, req: &Request) -> usize {
        let (len, hide) = (req.grid.len(), req.hidden_by_ratio());
        // Without folds: until the circle is closed.
        folds(req).unwrap_or_else(|| len / gcd(len, hide).max(1))
    }

    fn hidden(&self, req: &Request) -> Result<usize, Error> {
        Ok(folds(req).map_or(req.hidden_by_ratio(), |folds| req.grid.len().div_ceil(folds)))
    }

    fn sample(&self, req: &Request, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let (len, hide) = (req.grid.len(), self.hidden(req)?);
        let mut circle: Vec<usize> = (0..len).collect();
        circle.shuffle(rng);
        let start = match folds(req) {
            Some(folds) => ctx.pass % folds * len / folds,
            None => ctx.pass % len * hide % len,
        };
        let mut hidden = vec![false; len];
        circle
            .iter()
            .cycle()
            .skip(start)
            .take(hide)
            .for_each(|patch| hidden[*patch] = true);
        Ok(Mask::from_hidden(req.grid, &hidden))
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn folds(req: &Request) -> Option<usize> {
    req.params.int("folds").map(|folds| folds.unsigned_abs() as usize)
}

#[cfg(test)]
mod tests {
    use crate::testing::{plan, rng};
    use crate::{MaskContext, Plan, testing};

    /// How often each patch is hidden in this many passes over one picture.
    fn coverage(plan: &Plan, passes: usize) -> Vec<u32> {
        let mut counts = vec![0; plan.grid().len()];
        for pass in 0..passes {
            let mask = plan.sample(&MaskContext::default().on_pass(pass), &mut rng(7)).unwrap();
            counts.iter_mut().zip(mask.bits()).for_each(|(n, b)| *n += u32::from(b));
        }
        counts
    }

    #[test]
    fn folds_that_divide_the_grid_are_a_partition() {
        for folds in [2usize, 4, 7, 14, 196] {
            let plan = plan("complementary", "14x14", 0.75, &[("folds", (folds as i64).into())]);
            assert_eq!(plan.hidden(), 196 / folds);
            assert_eq!(coverage(&plan, folds), [1; 196]);
        }
    }

    #[test]
    fn other_folds_hide_every_patch_and_few_twice() {
        for (grid, folds) in [("14x14", 5), ("7x13", 4), ("14x14", 100), ("5x5", 3), ("2x2", 9)] {
            let plan = plan("complementary", grid, 0.75, &[("folds", i64::from(folds).into())]);
            let (len, folds) = (plan.grid().len(), usize::try_from(folds).unwrap());
            assert_eq!(plan.hidden(), len.div_ceil(folds));
            let counts = coverage(&plan, folds);
            assert!(counts.iter().all(|n| *n >= 1), "{grid} in {folds}: {counts:?}");
            let all: u32 = counts.iter().sum();
            assert_eq!(all as usize, plan.hidden() * folds);
            assert!(
                folds > len || counts.iter().all(|n| *n <= 2),
                "{grid} in {folds}: {counts:?}"
            );
        }
    }

    #[test]
    fn by_ratio_the_passes_follow_each_other_evenly() {
        assert_eq!(coverage(&plan("complementary", "14x14", 0.75, &[]), 4), [3; 196]);
        assert_eq!(coverage(&plan("complementary", "14x14", 0.25, &[]), 4), [1; 196]);
        let uneven = coverage(&plan("complementary", "7x13", 0.6, &[]), 9);
        let (least, most) = (uneven.iter().min().unwrap(), uneven.iter().max().unwrap());
        assert!(most - least <= 1, "{uneven:?}");
    }

    #[test]
    fn snapshots() {
        let folds: &[_] = &[("folds", 5i64.into())];
        testing::snapshot(
            "complementary",
            &[("14x14", 0.75, &[]), ("14x14", 0.75, folds), ("7x13", 0.3, &[])],
        );
    }
}
