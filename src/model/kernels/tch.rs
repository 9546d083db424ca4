//! The fused operations on LibTorch: its own kernels, forward and backward.
//!
//! What a backward pass needs is kept as burn's tensors, not libtorch's: burn writes into a buffer that has one owner, and
//! counts owners by them. So a view gets the owner of its buffer ([`TchTensor::from_existing`]).

use ::tch::{Device, Tensor, with_grad};
use burn::backend::LibTorch;
use burn::backend::libtorch::TchTensor;

use super::route::Kern;
use super::{AdamWRates, Chosen, script, tch_patches};

impl Kern for LibTorch {
    /// Input, scale and shift, and mean and inverse spread of every row.
    type Norm = [TchTensor; 5];
    /// Rows of the input, weight, what GELU was taken of where it was, and the shape of the input.
    type Linear = (TchTensor, TchTensor, Option<TchTensor>, Vec<i64>);
    /// Queries, keys and values, the output, what the kernel left, and the number of heads.
    type Attention = (TchTensor, TchTensor, Attended, usize);
    /// Predictions less targets.
    type PatchLoss = tch_patches::Residual;

    fn norm_forward(x: TchTensor, gamma: TchTensor, beta: TchTensor, epsilon: f64) -> (TchTensor, Self::Norm) {
        let width = gamma.tensor.size()[0];
        let (y, mean, rstd) = x
            .tensor
            .native_layer_norm(&[width], Some(&gamma.tensor), Some(&beta.tensor), epsilon);
        let [mean, rstd] = [mean, rstd].map(TchTensor::new);
        (TchTensor::new(y), [x, gamma, beta, mean, rstd])
    }

    fn norm_backward([x, gamma, beta, mean, rstd]: &Self::Norm, dy: TchTensor) -> [TchTensor; 3] {
        let stats = [&mean.tensor, &rstd.tensor];
        let scales = [&gamma.tensor, &beta.tensor];
        script::layer_norm_backward(&dy.tensor, &x.tensor, stats, scales).map(TchTensor::new)
    }

    fn linear_forward(x: TchTensor, weight: TchTensor, bias: TchTensor, gelu: bool) -> (TchTensor, Self::Linear) {
        let mut shape = x.tensor.size();
        let rows = rows(&x);
        let u = bias.tensor.addmm(&rows.tensor, &weight.tensor);
        let inputs = shape.clone();
        *shape.last_mut().expect("a layer's input has a last dimension") = u.size()[1];
        let (y, before) = if gelu {
            (u.gelu("none"), Some(TchTensor::new(u)))
        } else {
            (u, None)
        };
        (TchTensor::new(y.view(&shape[..])), (rows, weight, before, inputs))
    }

    fn linear_backward(
        (x, weight, before, shape): &Self::Linear,
        dy: TchTensor,
        wanted: [bool; 3],
    ) -> [Option<TchTensor>; 3] {
        let dy = rows(&dy).tensor;
        let dy = match before {
            Some(u) => u.tensor.gelu_backward(&dy, "none"),
            None => dy,
        };
        let [to_x, to_weight, to_bias] = wanted;
        let dx = to_x.then(|| dy.mm(&weight.tensor.tr()).view(&shape[..]));
        let dw = to_weight.then(|| x.tensor.tr().mm(&dy));
        let db = to_bias.then(|| dy.sum_dim_intlist(&[0][..], false, None));
        [dx, dw, db].map(|gradient| gradient.map(TchTensor::new))
    }

    fn attention_forward(qkv: TchTensor, heads: usize) -> (TchTensor, Self::Attention) {
        let (mixed, attended) = match qkv.tensor.device() {
            Device::Cpu => flash(&qkv.tensor, heads),
            _ => differentiated(&qkv.tensor, heads),
        };
        let y = TchTensor::new(joined(&mixed));
        (y.clone(), (qkv, y, attended, heads))
    }

    fn attention_backward((qkv, y, attended, heads): &Self::Attention, dy: TchTensor) -> TchTensor {
        let gradient = match attended {
            Attended::Flash { logsumexp } => flash_backward(&qkv.tensor, &y.tensor, &dy.tensor, logsumexp, *heads),
            Attended::Graph { leaf, mixed } => graph_backward(leaf, mixed, &dy.tensor),
        };
        TchTensor::new(gradient)
    }

    fn patches_forward(images: TchTensor, chosen: &Chosen) -> TchTensor {
        TchTensor::new(tch_patches::forward(&images.tensor, chosen))
    }

    fn patches_backward(shape: [usize; 4], chosen: &Chosen, dy: TchTensor) -> TchTensor {
        TchTensor::new(tch_patches::backward(shape, chosen, &dy.tensor))
    }

    fn patch_loss_forward(
        pred: TchTensor,
        images: TchTensor,
        chosen: &Chosen,
        normalise: bool,
    ) -> (TchTensor, Self::PatchLoss) {
        let (loss, residual) = tch_patches::loss_forward(&pred.tensor, &images.tensor, chosen, normalise);
        (TchTensor::new(loss), residual)
    }

    fn patch_loss_backward(saved: &Self::PatchLoss, dy: TchTensor) -> TchTensor {
        TchTensor::new(tch_patches::loss_backward(saved, &dy.tensor))
    }
}

/// What an attention kernel leaves for its backward pass.
#[derive(Debug)]
pub(super) enum Attended {
    /// The logarithms of the sums of the softmax.
    Flash { logsumexp: Tensor },
    /// libtorch's own graph from queries, keys and values to the output head by head.
    Graph { leaf: Tensor, mixed: Tensor },
}

impl Clone for Attended {
    fn clone(&self) -> Self {
        match self {
            Self::Flash { logsumexp } => Self::Flash {
                logsumexp: logsumexp.shallow_clone(),
            },
            Self::Graph { leaf, mixed } => Self::Graph {
                leaf: leaf.shallow_clone(),
                mixed: mixed.shallow_clone(),
            },
        }
    }
}

/// A tensor as rows of its last dimension, a view where that can be.
fn rows(x: &TchTensor) -> TchTensor {
    let width = x.tensor.size().last().copied().unwrap_or(1);
    TchTensor::from_existing(x.tensor.reshape([-1, width]), x.storage.clone())
}

/// `[N, T, 3·D]` as queries, keys and values, each `[N, H, T, D/H]`, all views.
fn parts(qkv: &Tensor, heads: usize) -> [Tensor; 3] {
    let (n, t, width) = qkv.size3().expect("queries, keys and values come as [N, T, 3·D]");
    let heads = heads as i64;
    let split = qkv.reshape([n, t, 3, heads, width / 3 / heads]);
    [0, 1, 2].map(|part| split.select(2, part).transpose(1, 2))
}

/// `[N, H, T, D/H]` as `[N, T, D]`.
fn joined(mixed: &Tensor) -> Tensor {
    mixed.transpose(1, 2).flatten(2, 3)
}

/// `[N, T, D]` as `[N, H, T, D/H]`.
fn split(x: &Tensor, heads: usize) -> Tensor {
    x.unflatten(2, [heads as i64, -1]).transpose(1, 2)
}

fn flash(qkv: &Tensor, heads: usize) -> (Tensor, Attended) {
    let [q, k, v] = parts(qkv, heads);
    let (mixed, logsumexp) = Tensor::internal_scaled_dot_product_flash_attention_for_cpu(
        &q,
        &k,
        &v,
        0.0,
        false,
        None::<&Tensor>,
        None::<f64>,
    );
    (mixed, Attended::Flash { logsumexp })
}

fn flash_backward(qkv: &Tensor, y: &Tensor, dy: &Tensor, logsumexp: &Tensor, heads: usize) -> Tensor {
    let [q, k, v] = parts(qkv, heads);
    let (dq, dk, dv) = Tensor::internal_scaled_dot_product_flash_attention_for_cpu_backward(
        &split(dy, heads),
        &q,
        &k,
        &v,
        &split(y, heads),
        logsumexp,
        0.0,
        false,
        None::<&Tensor>,
        None::<f64>,
    );
    Tensor::cat(&[dq, dk, dv].map(|part| joined(&part)), 2)
}

/// Attention by whichever kernel libtorch has for the device, type and width of the heads, under its own autograd.
fn differentiated(qkv: &Tensor, heads: usize) -> (Tensor, Attended) {
    let leaf = qkv.detach().set_requires_grad(true);
    let mixed = with_grad(|| {
        let [q, k, v] = parts(&leaf, heads);
        Tensor::scaled_dot_product_attention(&q, &k, &v, None::<&Tensor>, 0.0, false, None::<f64>, false)
    });
    (mixed.detach(), Attended::Graph { leaf, mixed })
}

fn graph_backward(leaf: &Tensor, mixed: &Tensor, dy: &Tensor) -> Tensor {
    // libtorch's gradient of a sum of products is the other factor: the way to hand it a gradient.
    let weighed = with_grad(|| joined(mixed).flatten(0, -1).dot(&dy.flatten(0, -1)));
    let [gradient] = <[Tensor; 1]>::try_from(Tensor::run_backward(&[weighed], &[leaf], true, false))
        .expect("one gradient for one leaf");
    gradient
}

/// Parameters and moments after a step of AdamW, written in place where they have one owner.
pub(super) fn adamw(parameters: Vec<[TchTensor; 4]>, rates: AdamWRates) -> Vec<[TchTensor; 3]> {
    let prepare = |[p, m, v, g]: [TchTensor; 4]| ([p, m, v].map(writable), g.tensor.contiguous());
    let (after, gradients): (Vec<[TchTensor; 3]>, Vec<Tensor>) = parameters.into_iter().map(prepare).unzip();
    let list = |part: usize| {
        after
            .iter()
            .map(|tensors| tensors[part].tensor.shallow_clone())
            .collect()
    };
    script::adamw(list(0), gradients, [list(1), list(2)], rates);
    after
}

/// A contiguous tensor that nobody else reads.
fn writable(tensor: TchTensor) -> TchTensor {
    if tensor.can_mut() && tensor.tensor.is_contiguous() {
        return tensor;
    }
    TchTensor::new(tensor.tensor.contiguous().copy())
}

#[cfg(test)]
mod tests {
    use ::tch::Kind;

    use super::*;

    /// What GPUs run, on the CPU: libtorch's own graph yields what the CPU's kernels do.
    #[test]
    fn both_ways_of_attention_agree() {
        let draw = |shape: &[i64]| Tensor::rand(shape, (Kind::Float, Device::Cpu)) - 0.5;
        let (qkv, dy) = (draw(&[2, 9, 36]), draw(&[2, 9, 12]));
        let dy = TchTensor::new(dy);
        let answers = [flash, differentiated].map(|forward| {
            let (mixed, attended) = forward(&qkv, 3);
            let y = TchTensor::new(joined(&mixed));
            let saved = (TchTensor::new(qkv.copy()), y.clone(), attended, 3);
            (y.tensor, LibTorch::attention_backward(&saved, dy.clone()).tensor)
        });
        let [(y, gradient), (other_y, other_gradient)] = answers;
        assert!(y.allclose(&other_y, 1e-5, 1e-6, false), "output");
        assert!(gradient.allclose(&other_gradient, 1e-5, 1e-6, false), "gradient");
    }
}
