//! Host batches on their way to a device: pixels as tensors, and the masks of given pictures.

use burn::tensor::{Device, Tensor, TensorData};
use mae_strategies::{Error, Mask, MaskContext, Pixels, Plan};

use super::MaskBatch;
use crate::seed::{self, Purpose};

/// Pixels of a batch as a tensor.
///
/// # Shapes
/// `n·C·H·W` values → `[N, C, H, W]`.
#[must_use]
pub fn images(values: Vec<f32>, shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// When masks are drawn, and from which randomness: each is a function of (seed, purpose, epoch, picture),
/// where epochs whose masks belong together share their randomness ([`Plan::turn`]).
#[derive(Debug, Clone, Copy)]
pub struct When<'a> {
    /// Run seed, or that of the evaluation masks.
    pub seed: u64,
    /// What the masks are for.
    pub purpose: Purpose<'a>,
    /// Pass over the pictures, from 0.
    pub epoch: u64,
    /// Share of training done: 1 for a trial's own masks on held-out pictures, which are those of the end of training
    /// whenever it is judged; 0 where nothing is trained.
    pub progress: f64,
}

/// What a teacher tells of a batch of `N` pictures; nothing by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// Attention to each patch, `[N, L]`.
    pub attention: Option<Vec<f32>>,
    /// Loss expected of each patch, `[N, L]`.
    pub loss: Option<Vec<f32>>,
}

/// What strategies may be shown of a batch of `N` pictures; nothing by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Views<'a> {
    /// Pixels as the network reads them, `[N, C, H, W]`.
    pub images: Option<(&'a [f32], [usize; 4])>,
    /// A teacher's attention to each patch, `[N, L]`.
    pub attention: Option<&'a [f32]>,
    /// Loss expected of each patch, `[N, L]`.
    pub loss: Option<&'a [f32]>,
    /// Share of each patch that a file marks, `[N, L]`.
    pub regions: Option<&'a [f32]>,
}

impl<'a> Views<'a> {
    /// The pictures themselves, and their marked regions where there are any.
    #[must_use]
    pub fn of(images: &'a [f32], shape: [usize; 4], regions: &'a [f32]) -> Self {
        Self {
            images: Some((images, shape)),
            regions: Some(regions).filter(|regions| !regions.is_empty()),
            ..Self::default()
        }
    }

    /// With what a teacher tells of the same pictures.
    #[must_use]
    pub fn with_told(self, told: &'a Told) -> Self {
        Self {
            attention: told.attention.as_deref(),
            loss: told.loss.as_deref(),
            ..self
        }
    }

    /// What a plan is shown of picture number `i` of the batch.
    fn context(&self, plan: &Plan, when: When<'_>, i: usize) -> Result<MaskContext<'a>, Error> {
        self.suffice(plan)?;
        let (needs, patches) = (plan.needs(), plan.grid().len());
        let row = |values: &'a [f32]| &values[i * patches..(i + 1) * patches];
        let mut context = MaskContext::default().at(when.progress);
        if let Some((values, [_, channels, height, width])) = self.images.filter(|_| needs.pixels) {
            let size = channels * height * width;
            context = context.with_pixels(Pixels {
                values: &values[i * size..(i + 1) * size],
                channels,
                height,
                width,
            });
        }
        if let Some(attention) = self.attention.filter(|_| needs.attention) {
            context = context.with_attention(row(attention));
        }
        if let Some(loss) = self.loss.filter(|_| needs.loss) {
            context = context.with_loss(row(loss));
        }
        if let Some(regions) = self.regions.filter(|_| needs.regions) {
            context = context.with_regions(row(regions));
        }
        Ok(context)
    }

    /// Whether all is there that a plan needs. The one place that knows what cannot be had yet.
    fn suffice(&self, plan: &Plan) -> Result<(), Error> {
        let (needs, id) = (plan.needs(), plan.strategy().id());
        let lacks = [
            (needs.pixels && self.images.is_none(), "the pictures themselves"),
            (needs.attention && self.attention.is_none(), "a teacher's attention"),
            (
                needs.loss && self.loss.is_none(),
                "a teacher that predicts the loss of patches",
            ),
            (
                needs.regions && self.regions.is_none(),
                "the marked regions of each picture (mask.path)",
            ),
        ];
        let lacking = lacks.into_iter().find(|(lacking, _)| *lacking);
        lacking.map_or(Ok(()), |(_, what)| {
            Err(Error::Refused(format!(
                "strategy {id} needs {what}, which is not at hand here: choose another strategy"
            )))
        })
    }
}

/// The mask of picture `index`, number `i` of its batch.
///
/// # Errors
/// When the strategy fails, or needs what the views do not show.
pub fn draw_mask(plan: &Plan, when: When<'_>, (i, index): (usize, usize), views: &Views<'_>) -> Result<Mask, Error> {
    let (round, pass) = plan.turn(when.epoch);
    let context = views.context(plan, when, i)?.on_pass(pass);
    let mut rng = seed::rng(when.seed, when.purpose, round, index as u64);
    plan.sample(&context, &mut rng)
}

/// Masks of the pictures `indices`, which are those of a batch in its order.
///
/// # Errors
/// When the strategy fails, or needs what the views do not show.
pub fn draw_masks(plan: &Plan, when: When<'_>, indices: &[usize], views: &Views<'_>) -> Result<MaskBatch, Error> {
    let draw = |(i, index): (usize, &usize)| draw_mask(plan, when, (i, *index), views);
    let masks: Vec<Mask> = indices.iter().enumerate().map(draw).collect::<Result<_, _>>()?;
    Ok(MaskBatch::new(&masks))
}
