//! The metrics of the table of reconstruction quality, beside the error and the ratio on hidden patches.

use super::metrics::{EVAL_MSE, EVAL_PSNR, Metric};

/// Error of whole pictures with the visible patches pasted in.
pub(super) const IMAGE_MSE: Metric = Metric {
    name: "eval_image_mse",
    untrained: Some("untrained_eval_image_mse"),
    title: "MSE, whole",
    ..EVAL_MSE
};

/// The same as a signal-to-noise ratio.
pub(super) const IMAGE_PSNR: Metric = Metric {
    name: "eval_image_psnr",
    untrained: Some("untrained_eval_image_psnr"),
    title: "PSNR, whole",
    ..EVAL_PSNR
};

/// Structural similarity of the same pictures.
pub(super) const EVAL_SSIM: Metric = Metric {
    name: "eval_ssim",
    untrained: Some("untrained_eval_ssim"),
    title: "SSIM",
    unit: "",
    decimals: 3,
    more_is_better: true,
    ..EVAL_MSE
};

/// Structural similarity at several scales.
pub(super) const EVAL_MS_SSIM: Metric = Metric {
    name: "eval_ms_ssim",
    untrained: Some("untrained_eval_ms_ssim"),
    title: "MS-SSIM",
    ..EVAL_SSIM
};

/// Structural similarity around hidden pixels.
pub(super) const EVAL_MASKED_SSIM: Metric = Metric {
    name: "eval_masked_ssim",
    untrained: Some("untrained_eval_masked_ssim"),
    title: "SSIM, hidden",
    ..EVAL_SSIM
};

/// Perceptual distance.
pub(super) const EVAL_LPIPS: Metric = Metric {
    name: "eval_lpips",
    untrained: Some("untrained_eval_lpips"),
    title: "LPIPS",
    more_is_better: false,
    ..EVAL_SSIM
};

/// The columns of the table.
pub(super) const QUALITY: [Metric; 8] = [
    EVAL_MSE,
    EVAL_PSNR,
    IMAGE_MSE,
    IMAGE_PSNR,
    EVAL_SSIM,
    EVAL_MS_SSIM,
    EVAL_MASKED_SSIM,
    EVAL_LPIPS,
];
