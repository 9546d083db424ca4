//! The fused operations on flex tensors: from burn's dispatch to slices and back. Gradients are in `grad`.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, DispatchDevice, Flex, backend_extension};
use burn::tensor::{Bytes, DType, Tensor};
use burn_flex::{FlexTensor, Layout};

use super::{AdamWRates, cpu};

/// Whether a tensor lives on flex, in single precision.
pub(super) fn runs<const R: usize>(x: &Tensor<R>) -> bool {
    let flex = matches!(x.device().inner().as_dispatch(), DispatchDevice::Flex(_));
    flex && x.dtype() == DType::F32
}

/// What burn routes to flex, with or without gradients.
#[backend_extension(Flex, Autodiff)]
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
}

impl Fused for Flex {
    fn fused_layer_norm(x: FlexTensor, gamma: FlexTensor, beta: FlexTensor, epsilon: f64) -> FlexTensor {
        layer_norm_forward(&x.to_contiguous(), &gamma, &beta, epsilon).0
    }

    fn fused_linear(x: FlexTensor, weight: FlexTensor, bias: FlexTensor, gelu: bool) -> FlexTensor {
        let u = linear_forward(&x.to_contiguous(), &weight.to_contiguous(), &bias);
        if gelu { gelu_forward(&u) } else { u }
    }

    fn fused_attention(qkv: FlexTensor, heads: usize) -> FlexTensor {
        attention_forward(&qkv.to_contiguous(), heads).0
    }
}

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

/// The values of a contiguous tensor of single precision.
pub(super) fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor
        .as_slice::<f32>()
        .expect("the caller made it contiguous, and `runs` saw its type")
}

/// A tensor of values.
pub(super) fn tensor(values: Vec<f32>, shape: &[usize]) -> FlexTensor {
    FlexTensor::new(
        Bytes::from_elems(values),
        Layout::contiguous(shape.to_vec().into()),
        DType::F32,
    )
}

pub(super) fn shape(tensor: &FlexTensor) -> Vec<usize> {
    tensor.layout().shape().to_vec()
}

/// Output and the mean and inverse spread of every row.
pub(super) fn layer_norm_forward(
    x: &FlexTensor,
    gamma: &FlexTensor,
    beta: &FlexTensor,
    epsilon: f64,
) -> (FlexTensor, Vec<f32>) {
    let (values, width) = (slice(x), slice(gamma).len());
    let mut y = vec![0.0; values.len()];
    let mut stats = vec![0.0; values.len() / width * 2];
    cpu::layer_norm::forward(values, slice(gamma), slice(beta), epsilon as f32, &mut y, &mut stats);
    (tensor(y, &shape(x)), stats)
}

/// Rows, inputs and outputs of a linear layer.
pub(super) fn sizes(x: &FlexTensor, weight: &FlexTensor) -> (usize, usize, usize) {
    let [inputs, outputs] = shape(weight)[..] else {
        unreachable!("the weight of a linear layer is a matrix")
    };
    (slice(x).len() / inputs, inputs, outputs)
}

pub(super) fn linear_forward(x: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor) -> FlexTensor {
    let (rows, inputs, outputs) = sizes(x, weight);
    let mut y = vec![0.0; rows * outputs];
    cpu::linear::forward(
        slice(x),
        slice(weight),
        Some(slice(bias)),
        rows,
        inputs,
        outputs,
        &mut y,
    );
    let mut shape = shape(x);
    *shape.last_mut().expect("a layer's input has a last dimension") = outputs;
    tensor(y, &shape)
}

pub(super) fn gelu_forward(u: &FlexTensor) -> FlexTensor {
    let mut y = vec![0.0; slice(u).len()];
    cpu::gelu::forward(slice(u), &mut y);
    tensor(y, &shape(u))
}

/// Pictures, tokens, heads and the width of a head.
pub(super) fn heads_of(qkv: &FlexTensor, heads: usize) -> (usize, usize, usize, usize) {
    let [n, t, width] = shape(qkv)[..] else {
        unreachable!("queries, keys and values come as [N, T, 3·D]")
    };
    (n, t, heads, width / 3 / heads)
}

/// Output and the softmax of every head.
pub(super) fn attention_forward(qkv: &FlexTensor, heads: usize) -> (FlexTensor, Vec<f32>) {
    let (n, t, h, d) = heads_of(qkv, heads);
    let mut out = vec![0.0; n * t * h * d];
    let mut probs = vec![0.0; n * h * t * t];
    cpu::attention::forward(slice(qkv), n, t, h, d, &mut out, &mut probs);
    (tensor(out, &[n, t, h * d]), probs)
}

/// What burn routes to flex without gradients.
#[backend_extension(Flex)]
pub(super) trait Steps: Backend {
    fn fused_adamw(
        parameter: FloatTensor<Self>,
        moment_1: FloatTensor<Self>,
        moment_2: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        rates: AdamWRates,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl Steps for Flex {
    fn fused_adamw(
        parameter: FlexTensor,
        moment_1: FlexTensor,
        moment_2: FlexTensor,
        gradient: FlexTensor,
        rates: AdamWRates,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [mut p, mut m, mut v] = [parameter, moment_1, moment_2].map(whole);
        let g = gradient.to_contiguous();
        let rates = cpu::adamw::Rates {
            lr: rates.lr as f32,
            beta1: rates.beta1 as f32,
            beta2: rates.beta2 as f32,
            eps: rates.eps as f32,
            decay: rates.weight_decay as f32,
            correction1: rates.correction1 as f32,
            correction2: rates.correction2 as f32,
        };
        cpu::adamw::step(p.storage_mut(), m.storage_mut(), v.storage_mut(), slice(&g), &rates);
        (p, m, v)
    }
}

/// A tensor that is all of its buffer, in order, so that the buffer can be written to.
fn whole(tensor: FlexTensor) -> FlexTensor {
    if tensor.layout().start_offset() == 0 && tensor.storage::<f32>().len() == tensor.layout().num_elements() {
        return tensor.to_contiguous();
    }
    let copy = slice(&tensor.to_contiguous()).to_vec();
    self::tensor(copy, &shape(&tensor))
}

pub(super) fn adamw<const R: usize>(state: [Tensor<R>; 3], gradient: Tensor<R>, rates: AdamWRates) -> [Tensor<R>; 3] {
    let [p, m, v] = state.map(Tensor::into_dispatch);
    let (p, m, v) = <Dispatch as Steps>::fused_adamw(p, m, v, gradient.into_dispatch(), rates);
    [p, m, v].map(Tensor::from_dispatch)
}
