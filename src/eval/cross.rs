//! One trial's row of the cross tables: its model judged under the masks of every strategy of `eval.cross`, which are the same
//! for all trials, by all figures of reconstruction, with what trivial fills get under the same masks.

use burn::tensor::Device;
use mae_strategies::{Error, Mask, Plan, Registry};

use super::fill::{Cut, Fills};
use super::judge::{EvalError, Judge, Moment};
use super::quality_judge::{Ground, Quality};
use super::reconstruction::{Errors, errors_of, pixels};
use crate::data::{Batch, Batches, Split};
use crate::model::batch::{Views, When, draw_mask, images};
use crate::model::{Mae, MaskBatch};
use crate::seed::Purpose;
use crate::spec::{Column, TrialSpec};

/// Masked reconstruction error of the model, before `/` and the label of the column.
pub const CROSS: &str = "cross_mse";
/// The same of the mean colour of the visible patches.
pub const FILL_MEAN: &str = "fill_mean_mse";
/// The same of the nearest visible patch.
pub const FILL_NEAREST: &str = "fill_nearest_mse";
/// The same of each hidden patch's own true mean, which models with normalised targets are given.
pub const FILL_OWN: &str = "fill_own_mean_mse";

/// The name, before `/` and the label, of a figure that is taken under the masks of a column: `cross_ssim` for `eval_ssim`, and
/// of a fill `fill_mean_ssim` for `fill_mean_eval_ssim`.
#[must_use]
pub fn under_columns(figure: &str) -> String {
    match figure.split_once("eval_") {
        Some(("", figure)) => format!("cross_{figure}"),
        Some((fill, figure)) => format!("{fill}{figure}"),
        None => figure.to_owned(),
    }
}

/// The evaluation masks of several strategies.
pub struct Cross {
    /// Each with the label of its column.
    plans: Vec<(String, Plan)>,
    seed: u64,
}

/// What is summed over pictures under the masks of one strategy.
struct Sums<'a> {
    model: Errors,
    fills: Fills,
    quality: Quality<'a>,
}

impl Cross {
    /// The plans of a trial's `eval.cross`, at `eval.mask_ratio`.
    ///
    /// # Errors
    /// When a strategy refuses the grid or ratio.
    pub fn new(spec: &TrialSpec, registry: &Registry) -> Result<Self, Error> {
        let (grid, eval) = (spec.model.grid(), &spec.eval);
        let plan = |column: &Column| {
            let plan = registry.plan(&column.strategy, grid, eval.mask_ratio, column.params.clone())?;
            Ok((column.label(), plan))
        };
        Ok(Self {
            plans: eval.cross.iter().map(plan).collect::<Result<_, _>>()?,
            seed: eval.mask_seed,
        })
    }

    /// Named figures of a model over all batches.
    fn figures(
        &self,
        model: &Mae,
        ground: Ground<'_>,
        batches: Batches,
        device: &Device,
    ) -> Result<Vec<(String, f64)>, EvalError> {
        let mut sums: Vec<Sums> = self.plans.iter().map(|_| Sums::new(ground)).collect();
        let std = ground.normalise.std();
        for batch in batches {
            let batch = batch?;
            let shape = [batch.len, std.len(), ground.size.height, ground.size.width];
            let all = images(batch.images.clone(), shape, device);
            for ((_, plan), sums) in self.plans.iter().zip(&mut sums) {
                let drawn = self.draw(plan, &batch, shape)?;
                sums.add_fills(&batch.images, ground, &drawn);
                let masks = MaskBatch::new(&drawn);
                let shown = pixels(model, all.clone(), &masks);
                sums.model
                    .add(errors_of(model, std, all.clone(), shown.clone(), &masks));
                sums.quality.add(&batch.images, shown, &masks);
            }
        }
        let named = self.plans.iter().zip(&sums);
        Ok(named.flat_map(|((label, _), sums)| sums.named(label)).collect())
    }

    /// The evaluation masks of a batch's pictures, as `eval.mask_strategy` would draw them.
    fn draw(&self, plan: &Plan, batch: &Batch, shape: [usize; 4]) -> Result<Vec<Mask>, Error> {
        let when = When {
            seed: self.seed,
            purpose: Purpose::EvalMask,
            epoch: 0,
            progress: 0.0,
        };
        let views = Views::of(&batch.images, shape, &[]);
        let pictures = batch.indices.iter().enumerate();
        pictures
            .map(|(i, index)| draw_mask(plan, when, (i, *index), &views))
            .collect()
    }
}

impl Judge {
    /// Figures under the masks of every column of `eval.cross`.
    ///
    /// # Errors
    /// When pictures cannot be had or masks cannot be drawn.
    pub(super) fn under_columns(&self, model: &Mae, device: &Device) -> Result<Vec<(String, f64)>, EvalError> {
        if self.cross.plans.is_empty() {
            return Ok(Vec::new());
        }
        self.cross
            .figures(model, self.ground(), self.batches(Split::Val), device)
    }
}

impl<'a> Sums<'a> {
    /// Nothing yet; fills are measured under every column.
    fn new(ground: Ground<'a>) -> Self {
        Self {
            model: Errors::default(),
            fills: Fills::default(),
            quality: Quality::new(ground, Moment::ALONE),
        }
    }

    /// # Shapes
    /// images `[N, C, H, W]`.
    fn add_fills(&mut self, images: &[f32], ground: Ground<'_>, masks: &[Mask]) {
        for (pixels, mask) in images.chunks_exact(images.len() / masks.len()).zip(masks) {
            let cut = Cut {
                pixels,
                std: ground.normalise.std(),
                width: ground.size.width,
                side: ground.patch,
            };
            let fills = cut.errors(mask);
            self.fills.mean += fills.mean;
            self.fills.nearest += fills.nearest;
        }
    }

    fn named(&self, label: &str) -> Vec<(String, f64)> {
        let [_, model, own, psnr] = self.model.means();
        let pictures = self.model.pictures as f64;
        let errors = [
            (CROSS.to_owned(), model),
            (FILL_OWN.to_owned(), own),
            (FILL_MEAN.to_owned(), self.fills.mean / pictures),
            (FILL_NEAREST.to_owned(), self.fills.nearest / pictures),
            (under_columns("eval_psnr"), psnr),
        ];
        let others = self.quality.figures().into_iter();
        let others = others.map(|(name, value)| (under_columns(&name), value));
        let others = others.filter(|(name, _)| ![FILL_MEAN, FILL_NEAREST].contains(&name.as_str()));
        let all = errors.into_iter().chain(others);
        all.map(|(name, value)| (format!("{name}/{label}"), value)).collect()
    }
}
