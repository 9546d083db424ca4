//! From tensors to the back ends with fused operations of their own, and back.
//!
//! [`Fused`] is what burn routes by the device of a tensor; [`adamw`], which takes lists, is routed here. [`Kern`] is what such a back end brings: each
//! forward pass with what its backward pass needs, and that; `grad` makes differentiable operations of them.

use std::fmt::Debug;

#[cfg(feature = "flex")]
use burn::backend::Flex;
#[cfg(feature = "tch")]
use burn::backend::LibTorch;
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Backend, BackendTensor, Dispatch, DispatchAutodiffContext, DispatchDevice, DispatchTensor, DispatchTensorKind,
    TensorMetadata, backend_extension,
};
use burn::tensor::{DType, Tensor};

use super::{AdamWRates, Chosen};

/// Whether a tensor lives on a back end with operations of its own, in a type that they take.
pub(super) fn runs<const R: usize>(x: &Tensor<R>) -> bool {
    let device = x.device().inner();
    #[cfg(feature = "flex")]
    if matches!(device.as_dispatch(), DispatchDevice::Flex(_)) {
        return x.dtype() == DType::F32;
    }
    #[cfg(feature = "tch")]
    if matches!(device.as_dispatch(), DispatchDevice::LibTorch(_)) {
        return matches!(x.dtype(), DType::F32 | DType::BF16);
    }
    false
}

/// What burn routes, with or without gradients.
#[backend_extension(Flex: cfg(feature = "flex"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub(super) trait Fused: Backend {
    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self>;

    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gelu: bool,
    ) -> FloatTensor<Self>;

    fn fused_attention(qkv: FloatTensor<Self>, heads: usize) -> FloatTensor<Self>;

    fn fused_patches(images: FloatTensor<Self>, chosen: Chosen) -> FloatTensor<Self>;

    fn fused_patch_loss(
        pred: FloatTensor<Self>,
        images: FloatTensor<Self>,
        chosen: Chosen,
        normalise: bool,
    ) -> FloatTensor<Self>;
}

/// What a forward pass leaves for its backward pass.
pub(super) trait Saved: Clone + Debug + Send + 'static {}

impl<T: Clone + Debug + Send + 'static> Saved for T {}

/// The operations of a back end, forward and backward. Shapes are those of the functions of the module above.
pub(super) trait Kern: Backend {
    /// Left by [`Kern::norm_forward`].
    type Norm: Saved;
    /// Left by [`Kern::linear_forward`].
    type Linear: Saved;
    /// Left by [`Kern::attention_forward`].
    type Attention: Saved;
    /// Left by [`Kern::patch_loss_forward`].
    type PatchLoss: Saved;

    fn norm_forward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, Self::Norm);

    /// Gradients of input, scale and shift.
    fn norm_backward(saved: &Self::Norm, dy: FloatTensor<Self>) -> [FloatTensor<Self>; 3];

    fn linear_forward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gelu: bool,
    ) -> (FloatTensor<Self>, Self::Linear);

    /// Gradients of input, weight and bias, those that are wanted.
    fn linear_backward(
        saved: &Self::Linear,
        dy: FloatTensor<Self>,
        wanted: [bool; 3],
    ) -> [Option<FloatTensor<Self>>; 3];

    fn attention_forward(qkv: FloatTensor<Self>, heads: usize) -> (FloatTensor<Self>, Self::Attention);

    /// Gradient of queries, keys and values.
    fn attention_backward(saved: &Self::Attention, dy: FloatTensor<Self>) -> FloatTensor<Self>;

    fn patches_forward(images: FloatTensor<Self>, chosen: &Chosen) -> FloatTensor<Self>;

    /// Gradient of pictures of this shape.
    fn patches_backward(shape: [usize; 4], chosen: &Chosen, dy: FloatTensor<Self>) -> FloatTensor<Self>;

    fn patch_loss_forward(
        pred: FloatTensor<Self>,
        images: FloatTensor<Self>,
        chosen: &Chosen,
        normalise: bool,
    ) -> (FloatTensor<Self>, Self::PatchLoss);

    /// Gradient of the predictions; the pictures are constants.
    fn patch_loss_backward(saved: &Self::PatchLoss, dy: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The routed operations of a back end without gradients: its forward passes.
macro_rules! without_gradients {
    ($backend:ty) => {
        impl Fused for $backend {
            fn fused_layer_norm(
                x: FloatTensor<Self>,
                gamma: FloatTensor<Self>,
                beta: FloatTensor<Self>,
                epsilon: f64,
            ) -> FloatTensor<Self> {
                Self::norm_forward(x, gamma, beta, epsilon).0
            }

            fn fused_linear(
                x: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                gelu: bool,
            ) -> FloatTensor<Self> {
                Self::linear_forward(x, weight, bias, gelu).0
            }

            fn fused_attention(qkv: FloatTensor<Self>, heads: usize) -> FloatTensor<Self> {
                Self::attention_forward(qkv, heads).0
            }

            fn fused_patches(images: FloatTensor<Self>, chosen: Chosen) -> FloatTensor<Self> {
                Self::patches_forward(images, &chosen)
            }

            fn fused_patch_loss(
                pred: FloatTensor<Self>,
                images: FloatTensor<Self>,
                chosen: Chosen,
                normalise: bool,
            ) -> FloatTensor<Self> {
                Self::patch_loss_forward(pred, images, &chosen, normalise).0
            }
        }
    };
}

#[cfg(feature = "flex")]
without_gradients!(Flex);
#[cfg(feature = "tch")]
without_gradients!(LibTorch);

pub(super) fn layer_norm<const R: usize>(x: Tensor<R>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> Tensor<R> {
    let [x, gamma, beta] = [x.into_dispatch(), gamma.into_dispatch(), beta.into_dispatch()];
    Tensor::from_dispatch(<Dispatch as Fused>::fused_layer_norm(x, gamma, beta, epsilon))
}

pub(super) fn linear(x: Tensor<3>, weight: Tensor<2>, bias: Tensor<1>, gelu: bool) -> Tensor<3> {
    let [x, weight, bias] = [x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch()];
    Tensor::from_dispatch(<Dispatch as Fused>::fused_linear(x, weight, bias, gelu))
}

pub(super) fn attention(qkv: Tensor<3>, heads: usize) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as Fused>::fused_attention(qkv.into_dispatch(), heads))
}

pub(super) fn patches(images: Tensor<4>, chosen: Chosen) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as Fused>::fused_patches(images.into_dispatch(), chosen))
}

pub(super) fn patch_loss(pred: Tensor<3>, images: Tensor<4>, chosen: Chosen, normalise: bool) -> Tensor<1> {
    let [pred, images] = [pred.into_dispatch(), images.into_dispatch()];
    Tensor::from_dispatch(<Dispatch as Fused>::fused_patch_loss(pred, images, chosen, normalise))
}

/// Parameters and moments after a step, in the order given. All live on one device, which [`runs`] said yes to.
pub(super) fn adamw(parameters: Vec<[DispatchTensor; 4]>, rates: AdamWRates) -> Vec<[DispatchTensor; 3]> {
    use DispatchTensorKind::*;
    /// All of them as tensors of one back end, stepped, and back.
    macro_rules! on {
        ($kind:ident, $step:path) => {{
            let float = |tensor: DispatchTensor| match tensor.kind {
                $kind(BackendTensor::Float(tensor)) => tensor,
                other => unreachable!("a tensor of another back end: {:?}", other.device()),
            };
            let back = |tensor| DispatchTensor {
                kind: $kind(BackendTensor::Float(tensor)),
                autodiff: DispatchAutodiffContext::Disabled,
            };
            let parameters = parameters.into_iter().map(|tensors| tensors.map(float)).collect();
            $step(parameters, rates)
                .into_iter()
                .map(|tensors| tensors.map(back))
                .collect()
        }};
    }
    match parameters.first().map(|[parameter, ..]| &parameter.kind) {
        None => Vec::new(),
        #[cfg(feature = "flex")]
        Some(Flex(_)) => on!(Flex, super::flex::adamw),
        #[cfg(feature = "tch")]
        Some(LibTorch(_)) => on!(LibTorch, super::tch::adamw),
        Some(other) => unreachable!("`runs` says no to {:?}", other.device()),
    }
}
