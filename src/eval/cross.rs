//! One trial's row of the cross table: its model judged under the masks of every strategy of `eval.cross`, which are the same
//! for all trials, with what trivial fills get under the same masks.

use burn::tensor::Device;
use mae_strategies::{Error, Mask, Plan, Registry};

use super::fill::{Cut, Fills};
use super::judge::EvalError;
use super::reconstruction::{Errors, errors};
use crate::data::{Batch, Batches};
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

/// The evaluation masks of several strategies.
pub struct Cross {
    /// Each with the label of its column.
    plans: Vec<(String, Plan)>,
    seed: u64,
}

/// Sums over pictures under the masks of one strategy.
#[derive(Clone, Copy, Default)]
struct Sums {
    model: Errors,
    fills: Fills,
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

    /// Whether there is nothing to judge.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// Named figures of a model over all batches; `std` are the deviations that channels were divided by.
    ///
    /// # Errors
    /// When pictures cannot be had or masks cannot be drawn.
    pub fn figures(
        &self,
        model: &Mae,
        spec: &TrialSpec,
        std: &[f32],
        batches: Batches,
        device: &Device,
    ) -> Result<Vec<(String, f64)>, EvalError> {
        let size = spec.model.img_size;
        let mut sums = vec![Sums::default(); self.plans.len()];
        for batch in batches {
            let batch = batch?;
            let shape = [batch.len, spec.model.in_chans, size.height, size.width];
            let masks: Vec<Vec<Mask>> = self
                .plans
                .iter()
                .map(|(_, plan)| self.draw(plan, &batch, shape))
                .collect::<Result<_, _>>()?;
            for (sums, masks) in sums.iter_mut().zip(&masks) {
                sums.add_fills(&batch.images, std, (size.width, spec.model.patch_size), masks);
            }
            let pixels = images(batch.images, shape, device);
            for (sums, masks) in sums.iter_mut().zip(&masks) {
                sums.model
                    .add(errors(model, std, pixels.clone(), &MaskBatch::new(masks)));
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

impl Sums {
    /// # Shapes
    /// images `[N, C, H, W]`.
    fn add_fills(&mut self, images: &[f32], std: &[f32], (width, side): (usize, usize), masks: &[Mask]) {
        for (pixels, mask) in images.chunks_exact(images.len() / masks.len()).zip(masks) {
            let cut = Cut {
                pixels,
                std,
                width,
                side,
            };
            let fills = cut.errors(mask);
            self.fills.mean += fills.mean;
            self.fills.nearest += fills.nearest;
        }
    }

    fn named(&self, label: &str) -> [(String, f64); 4] {
        let [_, model, own, _] = self.model.means();
        let pictures = self.model.pictures as f64;
        [
            (CROSS, model),
            (FILL_OWN, own),
            (FILL_MEAN, self.fills.mean / pictures),
            (FILL_NEAREST, self.fills.nearest / pictures),
        ]
        .map(|(name, value)| (format!("{name}/{label}"), value))
    }
}
