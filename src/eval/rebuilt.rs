//! Reconstruction as a task by itself: of a run that is finished, or of weights that nothing was trained of here.

use burn::tensor::Device;

use super::judge::{EvalError, Judge, Moment};
use super::quality_judge::Quality;
use super::reconstruction::Errors;
use super::tasks::{self, Finding};
use crate::data::Split;
use crate::model::Mae;
use crate::model::batch::{Views, images};

impl Judge {
    /// Reconstruction of the held-out pictures as a task by itself, of a model that nothing is trained of: the figures that a
    /// trial takes under the masks common to all and those of `eval.cross`, fills included.
    ///
    /// # Errors
    /// When pictures cannot be had.
    pub fn reconstruction(&self, model: &Mae, device: &Device) -> Result<Finding, EvalError> {
        let (mut errors, mut quality) = (Errors::default(), Quality::new(self.ground(), Moment::ALONE));
        for batch in self.batches(Split::Val) {
            let batch = batch?;
            let shape = self.shape(batch.len);
            let pixels = images(batch.images.clone(), shape, device);
            let views = Views::of(&batch.images, shape, &batch.regions);
            errors.add(self.under_fixed(model, &batch, pixels, &views, Some(&mut quality))?);
        }
        let names = ["eval_loss", "eval_mse", "mean_fill_mse", "eval_psnr"];
        let figures = names.into_iter().map(str::to_owned).zip(errors.means());
        let figures = figures.chain(quality.figures());
        let figures = figures.chain(self.under_columns(model, device)?).collect();
        let lpips = self.ground().perceptual.map(|network| network.digest.as_str());
        Ok(tasks::reconstructed(&self.spec, figures, errors.pictures, lpips))
    }
}
