//! One trial's row of the cross tables: its model judged under the masks of every strategy of `eval.cross`, which are the same
//! for all trials, by all figures of reconstruction, with what trivial fills get under the same masks.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use burn::tensor::Device;
use mae_strategies::{Error, Mask, Plan, Registry};
use serde_json::json;

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

/// Named figures.
type Figures = Vec<(String, f64)>;

/// Figures of fills, by everything that they depend on: pictures and masks, and no model. So the trials of a sweep that are
/// trained by one process measure them once.
static FILLS: LazyLock<Mutex<HashMap<String, Figures>>> = LazyLock::new(Mutex::default);

/// The evaluation masks of several strategies.
pub struct Cross {
    plans: Vec<(Column, Plan)>,
    seed: u64,
}

/// What is summed over pictures under the masks of one strategy.
struct Sums<'a> {
    model: Errors,
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
            Ok((column.clone(), plan))
        };
        Ok(Self {
            plans: eval.cross.iter().map(plan).collect::<Result<_, _>>()?,
            seed: eval.mask_seed,
        })
    }

    /// What is summed over all batches; fills only for the columns where `fills` says so.
    fn sums<'a>(
        &self,
        model: &Mae,
        ground: Ground<'a>,
        fills: &[bool],
        batches: Batches,
        device: &Device,
    ) -> Result<Vec<Sums<'a>>, EvalError> {
        let mut sums: Vec<Sums> = fills.iter().map(|fills| Sums::new(ground, *fills)).collect();
        let std = ground.normalise.std();
        for batch in batches {
            let batch = batch?;
            let shape = [batch.len, std.len(), ground.size.height, ground.size.width];
            let all = images(batch.images.clone(), shape, device);
            for ((_, plan), sums) in self.plans.iter().zip(&mut sums) {
                let masks = MaskBatch::new(&self.draw(plan, &batch, shape)?);
                let shown = pixels(model, all.clone(), &masks);
                sums.model
                    .add(errors_of(model, std, all.clone(), shown.clone(), &masks));
                sums.quality.add(&batch.images, shown, &masks);
            }
        }
        Ok(sums)
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
    pub(super) fn under_columns(&self, model: &Mae, device: &Device) -> Result<Figures, EvalError> {
        let cross = &self.cross;
        if cross.plans.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<String> = cross.plans.iter().map(|(column, _)| self.key(column, device)).collect();
        let known: Vec<Option<Figures>> = keys.iter().map(|key| fills().get(key).cloned()).collect();
        let missing: Vec<bool> = known.iter().map(Option::is_none).collect();
        let sums = cross.sums(model, self.ground(), &missing, self.batches(Split::Val), device)?;
        let mut all = Vec::new();
        for (i, (sums, known)) in sums.iter().zip(known).enumerate() {
            let (of_model, measured) = sums.figures();
            let of_fills = known.unwrap_or_else(|| {
                fills().insert(keys[i].clone(), measured.clone());
                measured
            });
            let label = cross.plans[i].0.label();
            let both = of_model.into_iter().chain(of_fills);
            all.extend(both.map(|(name, value)| (format!("{name}/{label}"), value)));
        }
        Ok(all)
    }

    /// Everything that figures of fills depend on.
    fn key(&self, column: &Column, device: &Device) -> String {
        let TrialSpec { model, data, eval, .. } = &self.spec;
        let lpips = self.ground().perceptual.map(|network| network.digest.clone());
        let parts = json!([
            self.set.digest(),
            data,
            [json!(model.img_size), json!(model.patch_size), json!(model.in_chans)],
            column,
            eval.mask_ratio,
            eval.mask_seed,
            lpips,
            format!("{device:?}"),
        ]);
        parts.to_string()
    }
}

/// A thread that panicked while it held them left them whole.
fn fills() -> std::sync::MutexGuard<'static, HashMap<String, Figures>> {
    FILLS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl<'a> Sums<'a> {
    fn new(ground: Ground<'a>, fills: bool) -> Self {
        let moment = Moment {
            first: fills,
            ..Moment::ALONE
        };
        Self {
            model: Errors::default(),
            quality: Quality::new(ground, moment),
        }
    }

    /// Of the model, and of the fills that were measured.
    fn figures(&self) -> (Figures, Figures) {
        let [_, model, own, psnr] = self.model.means();
        let errors = [
            (CROSS.to_owned(), model),
            (FILL_OWN.to_owned(), own),
            (under_columns("eval_psnr"), psnr),
        ];
        let all = self.quality.figures().into_iter();
        let all = all.map(|(name, value)| (under_columns(&name), value));
        let (fills, of_model): (Figures, Figures) = all.partition(|(name, _)| name.starts_with("fill_"));
        (errors.into_iter().chain(of_model).collect(), fills)
    }
}
