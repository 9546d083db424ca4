//! Backward passes of the fused operations.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn_flex::FlexTensor;

use super::cpu;
use super::flex::{
    Fused, attention_forward, gelu_forward, heads_of, layer_norm_forward, linear_forward, shape, sizes, slice, tensor,
};

impl<C: CheckpointStrategy> Fused for Autodiff<Flex, C> {
    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        let ((x, x_node), (gamma, gamma_node), (beta, beta_node)) =
            (x.into_parts(), gamma.into_parts(), beta.into_parts());
        let x = x.to_contiguous();
        let (y, stats) = layer_norm_forward(&x, &gamma, &beta, epsilon);
        let op = LayerNorm.prepare::<C>([x_node, gamma_node, beta_node]);
        match op.compute_bound().stateful() {
            OpsKind::Tracked(op) => op.finish((x, gamma, Arc::new(stats)), y),
            OpsKind::UnTracked(op) => op.finish(y),
        }
    }

    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gelu: bool,
    ) -> FloatTensor<Self> {
        let ((x, x_node), (weight, weight_node), (bias, bias_node)) =
            (x.into_parts(), weight.into_parts(), bias.into_parts());
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let u = linear_forward(&x, &weight, &bias);
        let (y, before) = if gelu { (gelu_forward(&u), Some(u)) } else { (u, None) };
        let op = Linear.prepare::<C>([x_node, weight_node, bias_node]);
        match op.compute_bound().stateful() {
            OpsKind::Tracked(op) => op.finish((x, weight, before), y),
            OpsKind::UnTracked(op) => op.finish(y),
        }
    }

    fn fused_attention(qkv: FloatTensor<Self>, heads: usize) -> FloatTensor<Self> {
        let (qkv, node) = qkv.into_parts();
        let qkv = qkv.to_contiguous();
        let (out, probs) = attention_forward(&qkv, heads);
        match Attention.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(op) => op.finish((qkv, Arc::new(probs), heads), out),
            OpsKind::UnTracked(op) => op.finish(out),
        }
    }
}

#[derive(Debug)]
struct LayerNorm;

impl Backward<Flex, 3> for LayerNorm {
    /// Input, scale, and mean and inverse spread of every row.
    type State = (FlexTensor, FlexTensor, Arc<Vec<f32>>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (x, gamma, stats) = &ops.state;
        let dy = grads.consume::<Flex>(&ops.node).to_contiguous();
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
        let gradients = [tensor(dx, &shape(x)), tensor(dgamma, &[width]), tensor(dbeta, &[width])];
        for (parent, gradient) in ops.parents.iter().zip(gradients) {
            if let Some(node) = parent {
                grads.register::<Flex>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct Linear;

impl Backward<Flex, 3> for Linear {
    /// Input, weight, and what GELU was taken of where it was.
    type State = (FlexTensor, FlexTensor, Option<FlexTensor>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (x, weight, before) = &ops.state;
        let dy = grads.consume::<Flex>(&ops.node).to_contiguous();
        let dy = match before {
            Some(u) => {
                let mut du = vec![0.0; slice(u).len()];
                cpu::gelu::backward(slice(&dy), slice(u), &mut du);
                tensor(du, &shape(u))
            }
            None => dy,
        };
        let (rows, inputs, outputs) = sizes(x, weight);
        let [to_x, to_weight, to_bias] = &ops.parents;
        if let Some(node) = to_x {
            let mut dx = vec![0.0; rows * inputs];
            cpu::linear::backward_input(slice(&dy), slice(weight), rows, inputs, outputs, &mut dx);
            grads.register::<Flex>(node.id, tensor(dx, &shape(x)));
        }
        if let Some(node) = to_weight {
            let mut dw = vec![0.0; inputs * outputs];
            cpu::linear::backward_weight(slice(x), slice(&dy), rows, inputs, outputs, &mut dw);
            grads.register::<Flex>(node.id, tensor(dw, &[inputs, outputs]));
        }
        if let Some(node) = to_bias {
            let mut db = vec![0.0; outputs];
            cpu::linear::column_sums(slice(&dy), rows, outputs, &mut db);
            grads.register::<Flex>(node.id, tensor(db, &[outputs]));
        }
    }
}

#[derive(Debug)]
struct Attention;

impl Backward<Flex, 1> for Attention {
    /// Queries, keys and values, the softmax of every head, and the number of heads.
    type State = (FlexTensor, Arc<Vec<f32>>, usize);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (qkv, probs, heads) = &ops.state;
        let dout = grads.consume::<Flex>(&ops.node).to_contiguous();
        let [Some(node)] = &ops.parents else { return };
        let (n, t, h, d) = heads_of(qkv, *heads);
        let mut dqkv = vec![0.0; slice(qkv).len()];
        cpu::attention::backward(slice(&dout), slice(qkv), probs, n, t, h, d, &mut dqkv);
        grads.register::<Flex>(node.id, tensor(dqkv, &shape(qkv)));
    }
}
