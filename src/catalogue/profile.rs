//! What the masks of one plan are like: drawn again and again for one picture, and measured.

use mae_strategies::stats::Stats;
use mae_strategies::{Error, Mask, MaskContext, Plan};

use super::Scene;
use super::scene::stand_ins;
use crate::seed::{Purpose, rng};

/// How masks are drawn to be measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Seed of the masks.
    pub seed: u64,
    /// Number of masks, 1 or more.
    pub masks: usize,
    /// Share of a training that counts as done, 0 to 1: some strategies change over it.
    pub progress: f64,
    /// Side of a patch in pixels, in which distances are told.
    pub patch: usize,
}

/// The masks of one plan in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Name of the strategy, or of its configuration.
    pub name: String,
    /// Hidden patches of every mask.
    pub hidden: usize,
    /// Patches.
    pub patches: usize,
    /// Statistics over the masks.
    pub stats: Stats,
    /// Masks a second on one thread, where that was measured.
    pub rate: Option<f64>,
    /// What stood in for what the strategy needs to know of a picture.
    pub stand_ins: Vec<&'static str>,
}

impl Profile {
    /// Draws and measures.
    ///
    /// # Errors
    /// When the strategy cannot draw a mask, or none is asked for.
    pub fn of(plan: &Plan, scene: Option<&Scene>, sampling: Sampling) -> Result<Self, Error> {
        let masks = draw(plan, scene, sampling)?;
        let stats = Stats::of(&masks, sampling.patch as f64)
            .ok_or_else(|| Error::Refused("no mask to measure: ask for 1 sample or more".into()))?;
        Ok(Self {
            name: plan.strategy().id().to_owned(),
            hidden: plan.hidden(),
            patches: plan.grid().len(),
            stats,
            rate: None,
            stand_ins: scene.map(|_| stand_ins(plan.needs())).unwrap_or_default(),
        })
    }

    /// Least and largest share of the masks that hide a patch.
    #[must_use]
    pub fn extremes(&self) -> (f64, f64) {
        let fold = |start: f64, pick: fn(f64, f64) -> f64| self.stats.marginal.iter().copied().fold(start, pick);
        (fold(1.0, f64::min), fold(0.0, f64::max))
    }

    /// `147 of 196 hidden`.
    #[must_use]
    pub fn count(&self) -> String {
        format!("{} of {} hidden", self.hidden, self.patches)
    }
}

/// Masks number 0 and on for one picture; a plan that needs to know the picture gets it from the scene.
///
/// # Errors
/// When the strategy cannot draw a mask.
pub fn draw(plan: &Plan, scene: Option<&Scene>, sampling: Sampling) -> Result<Vec<Mask>, Error> {
    let blank = MaskContext::default().at(sampling.progress);
    let context = scene.map_or(blank, |scene| scene.context(sampling.progress));
    let one = |number| {
        let (round, pass) = plan.turn(number);
        plan.sample(&context.on_pass(pass), &mut rng(sampling.seed, Purpose::Mask, 0, round))
    };
    (0..sampling.masks as u64).map(one).collect()
}

#[cfg(test)]
mod tests {
    use mae_strategies::{Grid, Registry};

    use super::*;

    fn profile(name: &str, masks: usize) -> Result<Profile, Error> {
        let plan = Registry::builtin().plan(name, Grid::new(14, 14), 0.75, Default::default())?;
        let sampling = Sampling {
            seed: 0,
            masks,
            progress: 0.5,
            patch: 16,
        };
        Profile::of(&plan, None, sampling)
    }

    #[test]
    fn masks_that_belong_together_cover_the_picture() {
        let folds = [("folds".to_owned(), 4i64.into())].into();
        let plan = Registry::builtin()
            .plan("complementary", Grid::new(14, 14), 0.75, folds)
            .unwrap();
        let sampling = Sampling {
            seed: 3,
            masks: 8,
            progress: 0.5,
            patch: 16,
        };
        let masks = draw(&plan, None, sampling).unwrap();
        for round in masks.chunks(4) {
            let times = |patch: usize| round.iter().map(|mask| mask.bits()[patch]).sum::<u8>();
            assert!((0..196).all(|patch| times(patch) == 1));
        }
        assert_ne!(masks[0], masks[4], "every round has an order of its own");
    }

    #[test]
    fn random_masks_have_the_published_distance_and_a_flat_map() {
        let random = profile("random", 400).unwrap();
        assert_eq!((random.hidden, random.patches), (147, 196));
        assert!(
            (random.stats.avg_dist_px - 19.8).abs() < 0.3,
            "{}",
            random.stats.avg_dist_px
        );
        let (least, most) = random.extremes();
        // Standard deviation of a share: sqrt(.75 * .25 / 400) = .022; 5 of them.
        assert!(least > 0.75 - 0.11 && most < 0.75 + 0.11, "{least} to {most}");
        assert_eq!(random.count(), "147 of 196 hidden");
    }

    #[test]
    fn a_fixed_mask_hides_a_patch_always_or_never() {
        assert_eq!(profile("block", 3).unwrap().extremes(), (0.0, 1.0));
        assert!(profile("block", 0).is_err());
    }
}
