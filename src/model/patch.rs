//! Pictures as rows of patches, and the target of reconstruction. No parameters live here.
//!
//! `N` batch, `C` channels, `H`, `W` picture, `p` patch side, `L = (H/p)·(W/p)` patches, `P = p·p·C` values a patch.
//! Patches are in raster order; inside a patch the order is (row, column, channel), channel last.

use burn::tensor::Tensor;

/// Added to the variance of a patch before its root is taken; the reference's value.
pub const VARIANCE_EPS: f64 = 1e-6;

/// Cuts pictures into patches.
///
/// # Shapes
/// `[N, C, H, W]` → `[N, L, P]`; `H` and `W` are multiples of `p`.
#[must_use]
pub fn patchify(images: Tensor<4>, p: usize) -> Tensor<3> {
    let [n, c, h, w] = images.dims();
    let (gh, gw) = (h / p, w / p);
    images
        .reshape([n, c, gh, p, gw, p])
        .permute([0, 2, 4, 3, 5, 1])
        .reshape([n, gh * gw, p * p * c])
}

/// Puts patches together again; inverse of [`patchify`].
///
/// # Shapes
/// `[N, gh·gw, P]` → `[N, C, gh·p, gw·p]`.
#[must_use]
pub fn unpatchify(patches: Tensor<3>, p: usize, gh: usize, gw: usize) -> Tensor<4> {
    let [n, _, values] = patches.dims();
    let c = values / (p * p);
    patches
        .reshape([n, gh, gw, p, p, c])
        .permute([0, 5, 1, 3, 2, 4])
        .reshape([n, c, gh * p, gw * p])
}

/// Mean and spread `sqrt(var + 1e-6)` of every patch over all its values jointly, with the unbiased variance.
///
/// # Shapes
/// `[N, L, P]` → twice `[N, L, 1]`.
#[must_use]
pub fn statistics(patches: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
    let mean = patches.clone().mean_dim(2);
    let spread = patches.var(2).add_scalar(VARIANCE_EPS).sqrt();
    (mean, spread)
}

/// Normalises every patch by its own [`statistics`] (`norm_pix_loss`).
///
/// # Shapes
/// `[N, L, P]` → `[N, L, P]`.
#[must_use]
pub fn normalise(patches: Tensor<3>) -> Tensor<3> {
    let (mean, spread) = statistics(patches.clone());
    (patches - mean) / spread
}
