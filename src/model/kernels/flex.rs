//! The fused operations on flex tensors: to the slices of `mae_kernels` and back.

use std::sync::Arc;

use burn::backend::Flex;
use burn::tensor::{Bytes, DType};
use burn_flex::{FlexTensor, Layout};

use super::route::Kern;
use super::{AdamWRates, Chosen};

impl Kern for Flex {
    /// Input, scale, and mean and inverse spread of every row.
    type Norm = (FlexTensor, FlexTensor, Arc<Vec<f32>>);
    /// Input, weight, and what GELU was taken of where it was.
    type Linear = (FlexTensor, FlexTensor, Option<FlexTensor>);
    /// Queries, keys and values, the softmax of every head, and the number of heads.
    type Attention = (FlexTensor, Arc<Vec<f32>>, usize);
    /// Predictions less targets.
    type PatchLoss = FlexTensor;

    fn norm_forward(x: FlexTensor, gamma: FlexTensor, beta: FlexTensor, epsilon: f64) -> (FlexTensor, Self::Norm) {
        let x = x.to_contiguous();
        let (values, width) = (slice(&x), slice(&gamma).len());
        let mut y = vec![0.0; values.len()];
        let mut stats = vec![0.0; values.len() / width * 2];
        mae_kernels::layer_norm::forward(values, slice(&gamma), slice(&beta), epsilon as f32, &mut y, &mut stats);
        (tensor(y, &shape(&x)), (x, gamma, Arc::new(stats)))
    }

    fn norm_backward((x, gamma, stats): &Self::Norm, dy: FlexTensor) -> [FlexTensor; 3] {
        let dy = dy.to_contiguous();
        let width = slice(gamma).len();
        let (mut dx, mut dgamma, mut dbeta) = (vec![0.0; slice(x).len()], vec![0.0; width], vec![0.0; width]);
        mae_kernels::layer_norm::backward(
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
        let (rows, inputs, outputs) = sizes(&x, &weight);
        let mut result = shape(&x);
        *result.last_mut().expect("a layer's input has a last dimension") = outputs;
        let [values, w, b] = [&x, &weight, &bias].map(slice);
        let mut u = vec![0.0; rows * outputs];
        if !gelu {
            mae_kernels::linear::forward(values, w, Some(b), rows, inputs, outputs, &mut u);
            return (tensor(u, &result), (x, weight, None));
        }
        let mut y = vec![0.0; rows * outputs];
        mae_kernels::linear::forward_gelu(values, w, b, rows, inputs, outputs, &mut u, &mut y);
        let before = tensor(u, &result);
        (tensor(y, &result), (x, weight, Some(before)))
    }

    fn linear_backward(
        (x, weight, before): &Self::Linear,
        dy: FlexTensor,
        [to_x, to_weight, to_bias]: [bool; 3],
    ) -> [Option<FlexTensor>; 3] {
        let dy = dy.to_contiguous();
        let (rows, inputs, outputs) = sizes(x, weight);
        let mut db = vec![0.0; outputs];
        let dy = match before {
            Some(u) => {
                let mut du = vec![0.0; rows * outputs];
                mae_kernels::linear::backward_gelu(slice(&dy), slice(u), rows, outputs, &mut du, &mut db);
                tensor(du, &shape(&dy))
            }
            None if to_bias => {
                mae_kernels::linear::column_sums(slice(&dy), rows, outputs, &mut db);
                dy
            }
            None => dy,
        };
        let [mut dx, mut dw] = [(to_x, rows * inputs), (to_weight, inputs * outputs)]
            .map(|(wanted, values)| vec![0.0; if wanted { values } else { 0 }]);
        let [values, w, dy] = [x, weight, &dy].map(slice);
        match (to_x, to_weight) {
            (true, true) => mae_kernels::linear::backward(values, w, dy, rows, inputs, outputs, &mut dx, &mut dw),
            (true, false) => mae_kernels::linear::backward_input(dy, w, rows, inputs, outputs, &mut dx),
            (false, true) => mae_kernels::linear::backward_weight(values, dy, rows, inputs, outputs, &mut dw),
            (false, false) => {}
        }
        [
            to_x.then(|| tensor(dx, &shape(x))),
            to_weight.then(|| tensor(dw, &[inputs, outputs])),
            to_bias.then(|| tensor(db, &[outputs])),
        ]
    }

    fn attention_forward(qkv: FlexTensor, heads: usize) -> (FlexTensor, Self::Attention) {
        let qkv = qkv.to_contiguous();
        let (n, t, h, d) = heads_of(&qkv, heads);
        let mut out = vec![0.0; n * t * h * d];
        let mut probs = vec![0.0; n * h * t * t];
        mae_kernels::attention::forward(slice(&qkv), n, t, h, d, &mut out, &mut probs);
        (tensor(out, &[n, t, h * d]), (qkv, Arc::new(probs), heads))
    }

    fn attention_backward((qkv, probs, heads): &Self::Attention, dy: FlexTensor) -> FlexTensor {
        let (n, t, h, d) = heads_of(qkv, *heads);
        let mut dqkv = vec![0.0; slice(qkv).len()];
        mae_kernels::attention::backward(slice(&dy.to_contiguous()), slice(qkv), probs, n, t, h, d, &mut dqkv);
        tensor(dqkv, &shape(qkv))
    }

    fn patches_forward(images: FlexTensor, chosen: &Chosen) -> FlexTensor {
        let images = images.to_contiguous();
        let sides @ [n, channels, ..] = sides(&images);
        let (rows, width) = (&chosen.rows[..], values(channels, chosen.side));
        let mut picked = vec![0.0; rows.len() * width];
        mae_kernels::patches::gather(slice(&images), sides, rows, chosen.side, &mut picked);
        tensor(picked, &[n, rows.len() / n, width])
    }

    fn patches_backward(sides: [usize; 4], chosen: &Chosen, dy: FlexTensor) -> FlexTensor {
        let mut images = vec![0.0; sides.iter().product()];
        mae_kernels::patches::scatter(
            slice(&dy.to_contiguous()),
            sides,
            &chosen.rows,
            chosen.side,
            &mut images,
        );
        tensor(images, &sides)
    }

    fn patch_loss_forward(
        pred: FlexTensor,
        images: FlexTensor,
        chosen: &Chosen,
        normalise: bool,
    ) -> (FlexTensor, Self::PatchLoss) {
        let (pred, images) = (pred.to_contiguous(), images.to_contiguous());
        let mut residual = vec![0.0; slice(&pred).len()];
        let loss = mae_kernels::patch_loss::forward(
            slice(&pred),
            slice(&images),
            sides(&images),
            &chosen.rows,
            chosen.side,
            normalise,
            &mut residual,
        );
        (tensor(vec![loss as f32], &[1]), tensor(residual, &shape(&pred)))
    }

    fn patch_loss_backward(residual: &Self::PatchLoss, dy: FlexTensor) -> FlexTensor {
        let mut dpred = vec![0.0; slice(residual).len()];
        mae_kernels::patch_loss::backward(slice(&dy.to_contiguous())[0], slice(residual), &mut dpred);
        tensor(dpred, &shape(residual))
    }
}

/// Parameters and moments after a step of AdamW, written in place where they have one owner.
pub(super) fn adamw(parameters: Vec<[FlexTensor; 4]>, rates: AdamWRates) -> Vec<[FlexTensor; 3]> {
    let rates = mae_kernels::adamw::Rates {
        lr: rates.lr,
        beta1: rates.beta1,
        beta2: rates.beta2,
        eps: rates.eps,
        decay: rates.weight_decay,
        correction1: rates.correction1,
        correction2: rates.correction2,
    };
    let prepare = |[p, m, v, g]: [FlexTensor; 4]| ([p, m, v].map(whole), g.to_contiguous());
    let mut prepared: Vec<([FlexTensor; 3], FlexTensor)> = parameters.into_iter().map(prepare).collect();
    let parts = prepared.iter_mut().map(|([p, m, v], g)| mae_kernels::adamw::Parameter {
        p: p.storage_mut(),
        m: m.storage_mut(),
        v: v.storage_mut(),
        g: slice(g),
    });
    mae_kernels::adamw::step(parts.collect(), &rates);
    prepared.into_iter().map(|(after, _)| after).collect()
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

/// Pictures, channels, height and width.
fn sides(images: &FlexTensor) -> [usize; 4] {
    shape(images).try_into().expect("pictures come as [N, C, H, W]")
}

/// Values of a patch.
fn values(channels: usize, side: usize) -> usize {
    channels * side * side
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
