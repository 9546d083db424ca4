//! The masks of a trial under way: the plan that its schedules ask for at each step. The plan is a function of the share of
//! training done, so that a trial that goes on from a checkpoint draws what it would have drawn.

use mae_strategies::{Error, Grid, Plan, Registry};

use crate::spec::ramp::{END, Settings};
use crate::spec::trial::MaskSpec;

/// Gives the plan of masks at each step, made anew only when a value has moved.
pub struct Masker<'a> {
    spec: &'a MaskSpec,
    registry: &'a Registry,
    grid: Grid,
    settings: Settings,
    plan: Plan,
}

impl<'a> Masker<'a> {
    /// For the masks of a trial, at the start of training.
    ///
    /// # Errors
    /// When the strategy refuses its settings.
    pub fn new(spec: &'a MaskSpec, registry: &'a Registry, grid: Grid) -> Result<Self, Error> {
        let settings = spec.settings(registry, 0.0)?;
        let plan = spec.plan(registry, grid, 0.0)?;
        Ok(Self {
            spec,
            registry,
            grid,
            settings,
            plan,
        })
    }

    /// The plan after this share of training.
    ///
    /// # Errors
    /// When the strategy refuses its settings there.
    pub fn at(&mut self, progress: f64) -> Result<&Plan, Error> {
        if !self.spec.schedule.is_empty() {
            let settings = self.spec.settings(self.registry, progress)?;
            if settings != self.settings {
                self.plan = self.spec.plan(self.registry, self.grid, progress)?;
                self.settings = settings;
            }
        }
        Ok(&self.plan)
    }

    /// The plan at the end of training, which validation uses from the beginning: a loss on masks that move would move too.
    ///
    /// # Errors
    /// When the strategy refuses its settings there.
    pub fn last(&self) -> Result<Plan, Error> {
        self.spec.plan(self.registry, self.grid, END)
    }

    /// The values that schedules move, after this share of training, under the names of their metrics: `mask_ratio`.
    #[must_use]
    pub fn moved(&self, progress: f64) -> Vec<(String, f64)> {
        let moved = self.spec.moved(self.registry, progress).unwrap_or_default();
        let named = |(key, value): (String, f64)| (format!("mask_{}", key.replace('.', "_")), value);
        moved.into_iter().map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Request, load};

    fn mask(sets: &[&str]) -> MaskSpec {
        let request = Request {
            inputs: vec!["model/nano".into()],
            sets: sets.iter().map(|set| (*set).to_owned()).collect(),
            env: Vec::new(),
        };
        load(&request, &Registry::builtin()).unwrap().trials.remove(0).spec.mask
    }

    #[test]
    fn a_ratio_moves_and_ends_where_validation_is() {
        let spec = mask(&[
            "mask.ratio=0.5",
            "mask.schedule.ratio.to=0.9",
            "mask.schedule.ratio.shape=cosine",
        ]);
        let registry = Registry::builtin();
        let grid = Grid::new(14, 14);
        let mut masker = Masker::new(&spec, &registry, grid).unwrap();
        let hidden: Vec<usize> = (0..=20)
            .map(|step| masker.at(f64::from(step) / 20.0).unwrap().hidden())
            .collect();
        assert_eq!((hidden[0], hidden[10], hidden[20]), (98, 138, 177), "{hidden:?}");
        assert!(hidden.is_sorted());
        assert_eq!(masker.last().unwrap().hidden(), 177);
        assert_eq!(masker.moved(1.0), [("mask_ratio".to_owned(), 0.9)]);
        // Going on in the middle gives what a whole training gives there.
        let mut fresh = Masker::new(&spec, &registry, grid).unwrap();
        assert_eq!(fresh.at(0.35).unwrap().hidden(), hidden[7]);
    }

    #[test]
    fn parameters_move_and_the_rest_stands_still() {
        let spec = mask(&[
            "mask.strategy=mixture",
            "mask.of=[\"random\", \"combined\"]",
            "mask.schedule.combined.block_ratio.from=0.1",
            "mask.schedule.combined.block_ratio.to=0.4",
            "mask.schedule.combined.block_ratio.shape=steps",
            "mask.schedule.combined.block_ratio.steps=2",
        ]);
        let registry = Registry::builtin();
        let mut masker = Masker::new(&spec, &registry, Grid::new(14, 14)).unwrap();
        let first = masker.at(0.0).unwrap().clone();
        assert_eq!(masker.at(0.49).unwrap(), &first);
        assert_ne!(masker.at(0.51).unwrap(), &first);
        assert_eq!(masker.moved(0.51), [("mask_combined_block_ratio".to_owned(), 0.4)]);
        let still = mask(&["mask.ratio=0.5"]);
        let mut masker = Masker::new(&still, &registry, Grid::new(14, 14)).unwrap();
        assert_eq!((masker.at(0.9).unwrap().hidden(), masker.moved(0.9)), (98, Vec::new()));
    }
}
