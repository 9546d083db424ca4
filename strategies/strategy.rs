//! The trait that every masking strategy implements, and what it is given.
//! A strategy works on the patch grid alone, on the host, from a generator handed in; it must not read a clock, a file
//! or a generator of its own, so that a mask is a function of the request and the seed.

use std::sync::Arc;

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

/// What is known about the picture at hand beyond the request. A strategy finds here what it says that it
/// [needs](MaskingStrategy::needs), and cannot rely on anything else; slices over patches are in raster order.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct MaskContext<'a> {
    /// Share of the training that is done, 0 to 1; 0 where nothing is trained.
    pub progress: f64,
    /// Number of the pass over the same picture, from 0: which part of a partition is hidden.
    pub pass: usize,
    /// The picture as the network reads it.
    pub pixels: Option<Pixels<'a>>,
    /// How much the class token of a teacher attends to each patch; `L` values.
    pub attention: Option<&'a [f32]>,
    /// Loss expected of each patch, were it hidden; `L` values.
    pub loss: Option<&'a [f32]>,
    /// Score of each patch from a file that belongs to the picture: share of it that is marked; `L` values.
    pub regions: Option<&'a [f32]>,
}

impl<'a> MaskContext<'a> {
    /// With this share of the training done.
    #[must_use]
    pub fn at(mut self, progress: f64) -> Self {
        self.progress = progress;
        self
    }

    /// For this pass over the picture.
    #[must_use]
    pub fn on_pass(mut self, pass: usize) -> Self {
        self.pass = pass;
        self
    }

    /// With the picture.
    #[must_use]
    pub fn with_pixels(mut self, pixels: Pixels<'a>) -> Self {
        self.pixels = Some(pixels);
        self
    }

    /// With a teacher's attention.
    #[must_use]
    pub fn with_attention(mut self, attention: &'a [f32]) -> Self {
        self.attention = Some(attention);
        self
    }

    /// With expected losses.
    #[must_use]
    pub fn with_loss(mut self, loss: &'a [f32]) -> Self {
        self.loss = Some(loss);
        self
    }

    /// With marked regions.
    #[must_use]
    pub fn with_regions(mut self, regions: &'a [f32]) -> Self {
        self.regions = Some(regions);
        self
    }
}

/// Pixels of one picture, channel by channel, each in raster order: `values[(c * height + y) * width + x]`.
#[derive(Clone, Copy, Debug)]
pub struct Pixels<'a> {
    /// `channels * height * width` values.
    pub values: &'a [f32],
    /// Number of channels.
    pub channels: usize,
    /// Rows of pixels, a multiple of the grid's rows.
    pub height: usize,
    /// Columns of pixels, a multiple of the grid's columns.
    pub width: usize,
}

/// What a strategy must be told about each picture; nothing unless it says so, since some of it is dear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Needs {
    /// [`MaskContext::pixels`].
    pub pixels: bool,
    /// [`MaskContext::attention`]: an exponential moving average of the model is kept as a teacher.
    pub attention: bool,
    /// [`MaskContext::loss`]: a predictor of the loss is trained beside the model.
    pub loss: bool,
    /// [`MaskContext::regions`].
    pub regions: bool,
}

impl Needs {
    /// Both together.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            pixels: self.pixels || other.pixels,
            attention: self.attention || other.attention,
            loss: self.loss || other.loss,
            regions: self.regions || other.regions,
        }
    }
}

/// Draws masks of one request: what [`MaskingStrategy::prepare`] makes.
pub type Draw = Arc<dyn Fn(&MaskContext<'_>, &mut dyn Rng) -> Result<Mask, Error> + Send + Sync>;

/// A rule that says which patches of a picture are hidden.
///
/// The texts feed the command line's help, the report and the documentation. [`crate::conformance::check`] tests an
/// implementation against all laws stated here.
pub trait MaskingStrategy: Send + Sync + 'static {
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

    /// Whether it draws from other strategies: `of` among its parameters names them, and [`Params::members`] holds their
    /// plans.
    fn mixes(&self) -> bool {
        false
    }

    /// What [`MaskContext`] must hold for masks of this request.
    fn needs(&self, _req: &Request) -> Needs {
        Needs::default()
    }

    /// Works out once what all masks of a request share, such as filters or a compiled script.
    ///
    /// # Errors
    /// When that fails: nothing is trained then.
    fn prepare(&'static self, req: &Request) -> Result<Draw, Error> {
        let req = req.clone();
        Ok(Arc::new(move |ctx, rng| self.sample(&req, ctx, rng)))
    }

    /// In how many passes over a picture the masks belong together: these share one generator and are told which of them
    /// they are ([`MaskContext::pass`]).
    fn passes(&self, _req: &Request) -> usize {
        1
    }

    /// Draws one mask that hides exactly [`MaskingStrategy::hidden`] patches. Called only with requests that `hidden`
    /// accepts and with what the strategy needs; all randomness comes from `rng`.
    ///
    /// # Errors
    /// When this picture's mask cannot be drawn; the trial fails then, with this message.
    fn sample(&self, req: &Request, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error>;
}
