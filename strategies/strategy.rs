//! The trait that every masking strategy implements, and what it is given.
//! A strategy works on the patch grid alone, on the host, from a generator handed in; it must not read a clock, a file
//! or a generator of its own, so that a mask is a function of the request and the seed.

use rand::Rng;

use crate::{Error, Grid, Mask, Param, Params, keep_count};

/// What is asked of a strategy: the same for every picture of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Patch grid of the model.
    pub grid: Grid,
    /// Share of the patches to hide, strictly between 0 and 1.
    pub ratio: f64,
    /// The strategy's own parameters, checked, defaults filled in.
    pub params: Params,
}

impl Request {
    /// The usual number of visible patches: [`keep_count`] of grid and ratio.
    #[must_use]
    pub fn visible_by_ratio(&self) -> usize {
        keep_count(self.grid.len(), self.ratio)
    }

    /// The usual number of hidden patches: all that are not visible.
    #[must_use]
    pub fn hidden_by_ratio(&self) -> usize {
        self.grid.len() - self.visible_by_ratio()
    }
}

/// What is known about the picture at hand beyond the request. Empty today: training progress, pixels and scores of
/// patches will arrive here as plain slices, without a change for strategies that do not read them.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct MaskContext {}

/// A rule that says which patches of a picture are hidden.
///
/// The texts feed the command line's help, the report and the documentation. [`crate::conformance::check`] tests an
/// implementation against all laws stated here.
pub trait MaskingStrategy: Send + Sync {
    /// Name under `mask.strategy`: snake_case, unique, and the stem of the file it lives in.
    fn id(&self) -> &'static str;

    /// What it does, in one or two sentences.
    fn summary(&self) -> &'static str;

    /// Where it comes from: paper, section, equation.
    fn source(&self) -> &'static str;

    /// Parameters besides `ratio`.
    fn params(&self) -> &'static [Param] {
        &[]
    }

    /// How many patches are hidden: a function of the request alone, known before any mask is drawn, so that batches
    /// are rectangular. With default parameters it must be [`Request::hidden_by_ratio`].
    ///
    /// # Errors
    /// When the parameters contradict each other. That at least one patch is visible and one hidden is checked by
    /// [`crate::Registry::plan`].
    fn hidden(&self, req: &Request) -> Result<usize, Error> {
        Ok(req.hidden_by_ratio())
    }

    /// Whether masks of this request vary with the seed.
    fn is_random(&self, _req: &Request) -> bool {
        true
    }

    /// Draws one mask that hides exactly [`MaskingStrategy::hidden`] patches. Called only with requests that `hidden`
    /// accepts; all randomness comes from `rng`.
    fn sample(&self, req: &Request, ctx: &MaskContext, rng: &mut dyn Rng) -> Mask;
}
