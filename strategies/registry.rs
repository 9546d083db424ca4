//! The catalogue of strategies, and plans: a strategy with a checked request, ready to draw masks.
//! The built-in list is one static slice in the order in which users see it.

use std::collections::BTreeMap;
use std::fmt;

use rand::Rng;

use crate::error::nearest;
use crate::strategy::Draw;
use crate::{Error, Grid, Mask, MaskContext, MaskingStrategy, Needs, Params, Request, Value};
use crate::{attention, complementary, file, hard_patches, mixture, saliency, script, semantic_parts};
use crate::{block, blockwise, combined, grid, inverse_block, inverse_blocks, multi_block, random, raster};
use crate::{blue, green, hiera_units, pixio_grid, purple, red, simmim, uniform};

static BUILTIN: &[&dyn MaskingStrategy] = &[
    &random::Random,
    &grid::Lattice,
    &block::Block,
    &combined::Combined,
    &blockwise::Blockwise,
    &simmim::SimMim,
    &pixio_grid::PixioGrid,
    &uniform::Uniform,
    &inverse_block::InverseBlock,
    &inverse_blocks::InverseBlocks,
    &multi_block::MultiBlock,
    &red::Red,
    &blue::Blue,
    &green::Green,
    &purple::Purple,
    &raster::Raster,
    &hiera_units::HieraUnits,
    &attention::Attention,
    &hard_patches::HardPatches,
    &semantic_parts::SemanticParts,
    &saliency::Saliency,
    &complementary::Complementary,
    &file::File,
    &script::Script,
    &mixture::Mixture,
];

/// An ordered set of strategies with unique ids.
#[derive(Clone)]
pub struct Registry(Vec<&'static dyn MaskingStrategy>);

impl Registry {
    /// The strategies of this crate.
    #[must_use]
    pub fn builtin() -> Self {
        Self(BUILTIN.to_vec())
    }

    /// No strategy at all, to start from.
    #[must_use]
    pub fn empty() -> Self {
        Self(Vec::new())
    }

    /// Adds a strategy at the end.
    ///
    /// # Errors
    /// When its id is taken or is not snake_case.
    pub fn with(mut self, strategy: &'static dyn MaskingStrategy) -> Result<Self, Error> {
        let id = strategy.id();
        if !is_snake_case(id) {
            return Err(Error::BadId { id: id.to_owned() });
        }
        if self.iter().any(|s| s.id() == id) {
            return Err(Error::DuplicateId { id: id.to_owned() });
        }
        self.0.push(strategy);
        Ok(self)
    }

    /// The strategy of this name.
    ///
    /// # Errors
    /// When there is none; the error tells the nearest name and all names.
    pub fn get(&self, name: &str) -> Result<&'static dyn MaskingStrategy, Error> {
        self.iter()
            .find(|s| s.id() == name)
            .ok_or_else(|| Error::UnknownStrategy {
                name: name.to_owned(),
                nearest: nearest(name, self.names()),
                known: self.names().into_iter().map(str::to_owned).collect(),
            })
    }

    /// All strategies, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'static dyn MaskingStrategy> + '_ {
        self.0.iter().copied()
    }

    /// All ids, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.iter().map(MaskingStrategy::id).collect()
    }

    /// Checks a configuration and makes it ready to draw masks. A parameter of a mixture's member is called
    /// `member.parameter`.
    ///
    /// # Errors
    /// On an unknown strategy or parameter, a value of the wrong type or outside its range, a ratio outside (0, 1), when
    /// no patch would be visible or none hidden, and when the strategy cannot prepare itself.
    pub fn plan(&self, name: &str, grid: Grid, ratio: f64, params: BTreeMap<String, Value>) -> Result<Plan, Error> {
        let (strategy, request, hidden) = self.request(name, grid, ratio, params)?;
        let draw = strategy.prepare(&request)?;
        Ok(Plan {
            strategy,
            request,
            hidden,
            draw,
        })
    }

    /// How many patches the masks of a configuration hide; checks all that can be checked without preparing the strategy.
    ///
    /// # Errors
    /// Those of [`Registry::plan`], except when the strategy cannot prepare itself.
    pub fn hidden(&self, name: &str, grid: Grid, ratio: f64, params: BTreeMap<String, Value>) -> Result<usize, Error> {
        self.request(name, grid, ratio, params).map(|(_, _, hidden)| hidden)
    }

    fn request(
        &self,
        name: &str,
        grid: Grid,
        ratio: f64,
        params: BTreeMap<String, Value>,
    ) -> Result<(&'static dyn MaskingStrategy, Request, usize), Error> {
        let strategy = self.get(name)?;
        if !(ratio > 0.0 && ratio < 1.0) {
            return Err(Error::Ratio(ratio));
        }
        let params = if strategy.mixes() {
            mixture::params(self, strategy, grid, ratio, params)?
        } else {
            Params::resolve(strategy.id(), strategy.params(), params)?
        };
        let request = Request { grid, ratio, params };
        let hidden = strategy.hidden(&request)?;
        if hidden == 0 || hidden >= grid.len() {
            return Err(Error::Count {
                strategy: strategy.id().to_owned(),
                grid,
                ratio,
                hidden,
            });
        }
        Ok((strategy, request, hidden))
    }

    /// The strategies of this crate, and this one, in place of one of the same name.
    pub(crate) fn builtin_and(strategy: &'static dyn MaskingStrategy) -> Result<Self, Error> {
        let others = BUILTIN.iter().copied().filter(|other| other.id() != strategy.id());
        Self(others.collect()).with(strategy)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.names()).finish()
    }
}

/// Letters, digits and single underscores, starting with a letter.
pub(crate) fn is_snake_case(id: &str) -> bool {
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    id.starts_with(|c: char| c.is_ascii_lowercase()) && id.split('_').all(word)
}

/// A strategy with a checked request: draws masks that all hide the same number of patches.
#[derive(Clone)]
pub struct Plan {
    strategy: &'static dyn MaskingStrategy,
    request: Request,
    hidden: usize,
    draw: Draw,
}

impl Plan {
    /// Number of hidden patches of every mask, `M`.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.hidden
    }

    /// Number of visible patches of every mask, `K`.
    #[must_use]
    pub fn visible(&self) -> usize {
        self.grid().len() - self.hidden
    }

    /// The patch grid.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.request.grid
    }

    /// The strategy.
    #[must_use]
    pub fn strategy(&self) -> &'static dyn MaskingStrategy {
        self.strategy
    }

    /// The checked request, with defaults filled in.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// What the context of every mask must hold.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.strategy.needs(&self.request)
    }

    /// Where mask number `number` of a picture stands among those that belong together: the number of their round, which
    /// chooses the generator, and the pass within it.
    #[must_use]
    pub fn turn(&self, number: u64) -> (u64, usize) {
        let passes = self.strategy.passes(&self.request).max(1) as u64;
        (number / passes, (number % passes) as usize)
    }

    /// Draws the mask of one picture.
    ///
    /// # Errors
    /// When the strategy cannot draw it, such as a script that fails.
    ///
    /// # Panics
    /// When the strategy breaks its promise of the exact count. Debug builds also check that each index occurs once.
    pub fn sample(&self, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let mask = self.unchecked(ctx, rng)?;
        let got = (mask.grid(), mask.visible(), mask.hidden());
        assert_eq!(
            got,
            (self.grid(), self.visible(), self.hidden),
            "masking strategy {}",
            self.strategy.id()
        );
        debug_assert_eq!(mask.defect(), None, "masking strategy {}", self.strategy.id());
        Ok(mask)
    }

    /// Draws a mask whose promises are for the caller to check.
    pub(crate) fn unchecked(&self, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        (self.draw)(ctx, rng)
    }
}

/// Plans of one request are alike: how they draw follows from it.
impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        (self.strategy.id(), self.hidden) == (other.strategy.id(), other.hidden) && self.request == other.request
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Plan");
        out.field("strategy", &self.strategy.id())
            .field("request", &self.request)
            .field("hidden", &self.hidden)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Mine(&'static str);

    impl MaskingStrategy for Mine {
        fn id(&self) -> &'static str {
            self.0
        }
        fn summary(&self) -> &'static str {
            "Hides the last patches."
        }
        fn source(&self) -> &'static str {
            "A test"
        }
        fn is_random(&self, _req: &Request) -> bool {
            false
        }
        fn sample(&self, req: &Request, _ctx: &MaskContext<'_>, _rng: &mut dyn Rng) -> Result<Mask, Error> {
            let visible = req.visible_by_ratio();
            let flags: Vec<bool> = (0..req.grid.len()).map(|i| i >= visible).collect();
            Ok(Mask::from_hidden(req.grid, &flags))
        }
    }

    fn message(name: &str, grid: Grid, ratio: f64) -> String {
        Registry::builtin()
            .plan(name, grid, ratio, BTreeMap::new())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_strategy_of_ones_own_joins_and_samples() {
        let registry = Registry::builtin().with(&Mine("last_ones")).unwrap();
        assert_eq!(registry.names().last(), Some(&"last_ones"));
        assert_eq!(registry.names().len(), Registry::builtin().names().len() + 1);
        let plan = registry
            .plan("last_ones", Grid::new(1, 4), 0.5, BTreeMap::new())
            .unwrap();
        let mut rng = crate::testing::rng(0);
        assert_eq!(plan.sample(&MaskContext::default(), &mut rng).unwrap().ascii(), "..##");
        let sendable: &(dyn Send + Sync) = &plan;
        let _ = sendable;
    }

    #[test]
    fn ids_are_unique_and_snake_case() {
        let join = |id: &'static str| Registry::builtin().with(Box::leak(Box::new(Mine(id)))).map(|_| ());
        assert_eq!(join("random"), Err(Error::DuplicateId { id: "random".into() }));
        for id in ["", "Mine", "my-mask", "_mine", "mine_", "my__mask", "1st", "mäsk"] {
            assert_eq!(join(id), Err(Error::BadId { id: id.into() }));
        }
        for id in ["mine", "mine2", "my_own_mask"] {
            assert_eq!(join(id), Ok(()));
        }
    }

    #[test]
    fn errors_name_thing_and_cure() {
        let square = Grid::new(14, 14);
        assert_eq!(
            message("randm", square, 0.5),
            format!(
                "unknown masking strategy mask.strategy = \"randm\": did you mean random?; there are {}",
                Registry::builtin().names().join(", ")
            )
        );
        for ratio in [1.5, 0.0, 1.0, -0.1, f64::NAN, f64::INFINITY] {
            let shown = message("random", square, ratio);
            assert!(
                shown.starts_with(&format!("mask.ratio = {ratio} is outside (0, 1): ")),
                "{shown}"
            );
        }
        let none_visible = message("random", Grid::new(4, 4), 0.95);
        assert!(
            none_visible.contains("mask.ratio = 0.95 hides 16 of the 16 patches of grid 4x4"),
            "{none_visible}"
        );
        assert!(message("random", Grid::new(1, 1), 0.5).contains("grid 1x1"));
        let params = BTreeMap::from([("rato".to_owned(), Value::Float(0.5))]);
        let unknown = Registry::builtin()
            .plan("random", square, 0.5, params)
            .unwrap_err()
            .to_string();
        assert!(
            unknown.contains("mask.rato") && unknown.contains("did you mean ratio?"),
            "{unknown}"
        );
    }
}
