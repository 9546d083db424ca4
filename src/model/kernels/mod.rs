//! Operations that burn composes of many small ones, each here as one with its own backward pass. On flex they run the
//! loops of the crate `mae_kernels`, on LibTorch its own kernels; on every other back end they are the composed
//! operations, to the same numbers.

#[cfg(feature = "flex")]
mod flex;
#[cfg(any(feature = "flex", feature = "tch"))]
mod grad;
mod patches;
#[cfg(any(feature = "flex", feature = "tch"))]
#[cfg_attr(
    feature = "tch",
    expect(deprecated, reason = "burn deprecates LibTorch, see `model::device`")
)]
mod route;
#[cfg(feature = "tch")]
mod script;
#[cfg(feature = "tch")]
#[expect(deprecated, reason = "burn deprecates LibTorch, see `model::device`")]
mod tch;
#[cfg(feature = "tch")]
#[expect(deprecated, reason = "burn deprecates LibTorch, see `model::device`")]
mod tch_patches;

#[cfg(all(test, any(feature = "flex", feature = "tch")))]
mod patch_tests;
#[cfg(all(test, any(feature = "flex", feature = "tch")))]
pub(crate) mod tests;

#[cfg(all(test, feature = "tch"))]
mod bf16_tests;

pub use patches::Chosen;

use burn::backend::DispatchTensor;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::gelu;
use burn::tensor::module;

/// LayerNorm over the last dimension.
///
/// # Shapes
/// x `[…, D]`, gamma and beta `[D]` → `[…, D]`.
#[must_use]
pub fn layer_norm<const R: usize>(x: Tensor<R>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> Tensor<R> {
    #[cfg(any(feature = "flex", feature = "tch"))]
    if route::runs(&x) {
        return route::layer_norm(x, gamma, beta, epsilon);
    }
    module::layer_norm(x, gamma, Some(beta), epsilon)
}

/// `x · weight + bias`.
///
/// # Shapes
/// x `[N, T, I]`, weight `[I, O]`, bias `[O]` → `[N, T, O]`.
#[must_use]
pub fn linear(layer: &Linear, x: Tensor<3>) -> Tensor<3> {
    let (weight, bias) = parameters(layer, &x);
    #[cfg(any(feature = "flex", feature = "tch"))]
    if route::runs(&x)
        && let Some(bias) = &bias
    {
        return route::linear(x, weight, bias.clone(), false);
    }
    module::linear(x, weight, bias)
}

/// Weight and bias in the numbers of the input: parameters are f32, and their gradients come back in f32.
fn parameters(layer: &Linear, x: &Tensor<3>) -> (Tensor<2>, Option<Tensor<1>>) {
    let (weight, bias) = (layer.weight.val(), layer.bias.as_ref().map(|bias| bias.val()));
    let dtype = x.dtype();
    if dtype == weight.dtype() {
        return (weight, bias);
    }
    (weight.cast(dtype), bias.map(|bias| bias.cast(dtype)))
}

/// The exact (erf) GELU of [`linear`].
///
/// # Shapes
/// As [`linear`].
#[must_use]
pub fn linear_gelu(layer: &Linear, x: Tensor<3>) -> Tensor<3> {
    let (weight, bias) = parameters(layer, &x);
    #[cfg(any(feature = "flex", feature = "tch"))]
    if route::runs(&x)
        && let Some(bias) = &bias
    {
        return route::linear(x, weight, bias.clone(), true);
    }
    gelu(module::linear(x, weight, bias))
}

/// Multi-head self-attention on queries, keys and values as their fused layer leaves them.
///
/// # Shapes
/// qkv `[N, T, 3·D]`, in a row queries, keys, values, each head by head → `[N, T, D]`.
#[must_use]
pub fn attention(qkv: Tensor<3>, heads: usize) -> Tensor<3> {
    #[cfg(any(feature = "flex", feature = "tch"))]
    if route::runs(&qkv) {
        return route::attention(qkv, heads);
    }
    let [n, t, d] = qkv.dims();
    let d = d / 3;
    let parts = qkv.reshape([n, t, 3, heads, d / heads]).permute([2, 0, 3, 1, 4]);
    let part = |i: usize| parts.clone().narrow(0, i, 1).squeeze_dim::<4>(0);
    let mixed = module::attention(part(0), part(1), part(2), None, None, Default::default());
    mixed.swap_dims(1, 2).reshape([n, t, d])
}

/// Patches picked out of pictures, in the order of [`patch::patchify`](super::patch::patchify) within a patch.
///
/// # Shapes
/// images `[N, C, H, W]` → `[N, K, P]`, `N·K` patches being chosen.
#[must_use]
pub fn gather_patches(images: Tensor<4>, chosen: Chosen) -> Tensor<3> {
    #[cfg(any(feature = "flex", feature = "tch"))]
    if route::runs(&images) {
        return route::patches(images, chosen);
    }
    patches::composed(images, &chosen)
}

/// Mean squared error of predictions against patches of pictures, which may each be normalised by their own statistics
/// ([`patch::normalise`](super::patch::normalise)). The pictures are constants: they get no gradient.
///
/// # Shapes
/// pred `[N, K, P]`, images `[N, C, H, W]`, `N·K` patches being chosen → `[1]`.
#[must_use]
pub fn patch_loss(pred: Tensor<3>, images: Tensor<4>, chosen: Chosen, normalise: bool) -> Tensor<1> {
    #[cfg(any(feature = "flex", feature = "tch"))]
    if route::runs(&images) && route::runs(&pred) {
        return route::patch_loss(pred, images, chosen, normalise);
    }
    patches::composed_loss(pred, images, &chosen, normalise)
}

/// The numbers of one step of AdamW.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWRates {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Number of the step, from 1; `t` below.
    pub step: usize,
    /// `1 − beta1ᵗ`.
    pub correction1: f64,
    /// `1 − beta2ᵗ`.
    pub correction2: f64,
}

/// Whether [`adamw`] runs where a tensor lives.
#[must_use]
pub fn has_adamw<const R: usize>(tensor: &Tensor<R>) -> bool {
    #[cfg(any(feature = "flex", feature = "tch"))]
    return tensor.dtype() == burn::tensor::DType::F32 && route::runs(tensor);
    #[cfg(not(any(feature = "flex", feature = "tch")))]
    {
        let _ = tensor;
        false
    }
}

/// One step of AdamW on many parameters at once: each with its two moments and its gradient, tensors of any rank. Written
/// in place where they have one owner; returns parameters and moments, in the order given.
///
/// # Shapes
/// The four of a parameter alike.
///
/// # Panics
/// Where [`has_adamw`] says no to one of them, and when they live on several devices.
#[must_use]
pub fn adamw(parameters: Vec<[DispatchTensor; 4]>, rates: AdamWRates) -> Vec<[DispatchTensor; 3]> {
    #[cfg(any(feature = "flex", feature = "tch"))]
    return route::adamw(parameters, rates);
    #[cfg(not(any(feature = "flex", feature = "tch")))]
    {
        let _ = (parameters, rates);
        unreachable!("has_adamw says no on every device of this binary")
    }
}
