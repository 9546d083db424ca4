//! The fused operations on flex tensors: to the slices of `cpu` and back.

use std::sync::Arc;

use burn::backend::Flex;
use burn::tensor::{Bytes, DType};
use burn_flex::{FlexTensor, Layout};

use super::route::{Kern, Steps};
use super::{AdamWRates, cpu};

impl Kern for Flex {
    /// Input, scale, and mean and inverse spread of every row.
    type Norm = (FlexTensor, FlexTensor, Arc<Vec<f32>>);
    /// Input, weight, and what GELU was taken of where it was.
    type Linear = (FlexTensor, FlexTensor, Option<FlexTensor>);
    /// Queries, keys and values, the softmax of every head, and the number of heads.
    type Attention = (FlexTensor, Arc<Vec<f32>>, usize);

    fn norm_forward(x: FlexTensor, gamma: FlexTensor, beta: FlexTensor, epsilon: f64) -> (FlexTensor, Self::Norm) {
        let x = x.to_contiguous();
        let (values, width) = (slice(&x), slice(&gamma).len());
        let mut y = vec![0.0; values.len()];
        let mut stats = vec![0.0; values.len() / width * 2];
        cpu::layer_norm::forward(values, slice(&gamma), slice(&beta), epsilon as f32, &mut y, &mut stats);
        (tensor(y, &shape(&x)), (x, gamma, Arc::new(stats)))
    }

    fn norm_backward((x, gamma, stats): &Self::Norm, dy: FlexTensor) -> [FlexTensor; 3] {
        let dy = dy.to_contiguous();
        let width = slice(gamma).len();
        let (mut dx, mut dgamma, mut dbeta) = (vec![0.0; slice(x).len()], vec![0.0; width], vec![0.0; width]);
        cpu::layer_norm::backward(
            slice(&dy),
            slice(x),
            slice(gamma),
            stats,
            &mut dx,
            &mut dgamma,
            &mut dbeta,
        );
        [tensor(dx, &shape(x)), tensor(dgamma, &[width]), tensor(dbeta, &[width])]
    }

    fn linear_forward(x: FlexTensor, weight: FlexTensor, bias: FlexTensor, gelu: bool) -> (FlexTensor, Self::Linear) {
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let u = linear(&x, &weight, &bias);
        let (y, before) = if gelu { (gelu_of(&u), Some(u)) } else { (u, None) };
        (y, (x, weight, before))
    }

    fn linear_backward(
        (x, weight, before): &Self::Linear,
        dy: FlexTensor,
        wanted: [bool; 3],
    ) -> [Option<FlexTensor>; 3] {
        let dy = match before {
            Some(u) => gelu_backward(u, &dy.to_contiguous()),
            None => dy.to_contiguous(),
        };
        let (rows, inputs, outputs) = sizes(x, weight);
        let [to_x, to_weight, to_bias] = wanted;
        let dx = to_x.then(|| {
            let mut dx = vec![0.0; rows * inputs];
            cpu::linear::backward_input(slice(&dy), slice(weight), rows, inputs, outputs, &mut dx);
            tensor(dx, &shape(x))
        });
        let dw = to_weight.then(|| {
            let mut dw = vec![0.0; inputs * outputs];
            cpu::linear::backward_weight(slice(x), slice(&dy), rows, inputs, outputs, &mut dw);
            tensor(dw, &[inputs, outputs])
        });
        let db = to_bias.then(|| {
            let mut db = vec![0.0; outputs];
            cpu::linear::column_sums(slice(&dy), rows, outputs, &mut db);
            tensor(db, &[outputs])
        });
        [dx, dw, db]
    }

    fn attention_forward(qkv: FlexTensor, heads: usize) -> (FlexTensor, Self::Attention) {
        let qkv = qkv.to_contiguous();
        let (n, t, h, d) = heads_of(&qkv, heads);
        let mut out = vec![0.0; n * t * h * d];
        let mut probs = vec![0.0; n * h * t * t];
        cpu::attention::forward(slice(&qkv), n, t, h, d, &mut out, &mut probs);
        (tensor(out, &[n, t, h * d]), (qkv, Arc::new(probs), heads))
    }

    fn attention_backward((qkv, probs, heads): &Self::Attention, dy: FlexTensor) -> FlexTensor {
        let (n, t, h, d) = heads_of(qkv, *heads);
        let mut dqkv = vec![0.0; slice(qkv).len()];
        cpu::attention::backward(slice(&dy.to_contiguous()), slice(qkv), probs, n, t, h, d, &mut dqkv);
        tensor(dqkv, &shape(qkv))
    }
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

/// The values of a contiguous tensor of single precision.
fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor
        .as_slice::<f32>()
        .expect("the caller made it contiguous, and `runs` saw its type")
}

/// A tensor of values.
fn tensor(values: Vec<f32>, shape: &[usize]) -> FlexTensor {
    FlexTensor::new(
        Bytes::from_elems(values),
        Layout::contiguous(shape.to_vec().into()),
        DType::F32,
    )
}

fn shape(tensor: &FlexTensor) -> Vec<usize> {
    tensor.layout().shape().to_vec()
}

/// Rows, inputs and outputs of a linear layer.
fn sizes(x: &FlexTensor, weight: &FlexTensor) -> (usize, usize, usize) {
    let [inputs, outputs] = shape(weight)[..] else {
        unreachable!("the weight of a linear layer is a matrix")
    };
    (slice(x).len() / inputs, inputs, outputs)
}

fn linear(x: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor) -> FlexTensor {
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

fn gelu_of(u: &FlexTensor) -> FlexTensor {
    let mut y = vec![0.0; slice(u).len()];
    cpu::gelu::forward(slice(u), &mut y);
    tensor(y, &shape(u))
}

fn gelu_backward(u: &FlexTensor, dy: &FlexTensor) -> FlexTensor {
    let mut du = vec![0.0; slice(u).len()];
    cpu::gelu::backward(slice(dy), slice(u), &mut du);
    tensor(du, &shape(u))
}

/// Pictures, tokens, heads and the width of a head.
fn heads_of(qkv: &FlexTensor, heads: usize) -> (usize, usize, usize, usize) {
    let [n, t, width] = shape(qkv)[..] else {
        unreachable!("queries, keys and values come as [N, T, 3·D]")
    };
    (n, t, heads, width / 3 / heads)
}

/// A tensor that is all of its buffer, in order, so that the buffer can be written to.
fn whole(tensor: FlexTensor) -> FlexTensor {
    if tensor.layout().start_offset() == 0 && tensor.storage::<f32>().len() == tensor.layout().num_elements() {
        return tensor.to_contiguous();
    }
    let copy = slice(&tensor.to_contiguous()).to_vec();
    self::tensor(copy, &shape(&tensor))
}
