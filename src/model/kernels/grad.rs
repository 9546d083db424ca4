//! Differentiable operations of the forward and backward passes that a back end brings.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, TensorMetadata};

use super::Chosen;
use super::route::{Fused, Kern};

impl<B: Kern, C: CheckpointStrategy> Fused for Autodiff<B, C> {
    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        let ((x, x_node), (gamma, gamma_node), (beta, beta_node)) =
            (x.into_parts(), gamma.into_parts(), beta.into_parts());
        let (y, saved) = B::norm_forward(x, gamma, beta, epsilon);
        let op = Backward::<B, 3>::prepare::<C>(LayerNorm, [x_node, gamma_node, beta_node]);
        match op.compute_bound().stateful() {
            OpsKind::Tracked(op) => op.finish(saved, y),
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
        let (y, saved) = B::linear_forward(x, weight, bias, gelu);
        let op = Backward::<B, 3>::prepare::<C>(Linear, [x_node, weight_node, bias_node]);
        match op.compute_bound().stateful() {
            OpsKind::Tracked(op) => op.finish(saved, y),
            OpsKind::UnTracked(op) => op.finish(y),
        }
    }

    fn fused_attention(qkv: FloatTensor<Self>, heads: usize) -> FloatTensor<Self> {
        let (qkv, node) = qkv.into_parts();
        let (y, saved) = B::attention_forward(qkv, heads);
        match Backward::<B, 1>::prepare::<C>(Attention, [node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(op) => op.finish(saved, y),
            OpsKind::UnTracked(op) => op.finish(y),
        }
    }

    fn fused_patches(images: FloatTensor<Self>, chosen: Chosen) -> FloatTensor<Self> {
        let (images, node) = images.into_parts();
        let shape = images.shape().dims();
        let y = B::patches_forward(images, &chosen);
        let op = Backward::<B, 1>::prepare::<C>(Patches, [node]);
        match op.compute_bound().stateful() {
            OpsKind::Tracked(op) => op.finish((shape, chosen), y),
            OpsKind::UnTracked(op) => op.finish(y),
        }
    }

    fn fused_patch_loss(
        pred: FloatTensor<Self>,
        images: FloatTensor<Self>,
        chosen: Chosen,
        normalise: bool,
    ) -> FloatTensor<Self> {
        let ((pred, node), (images, _)) = (pred.into_parts(), images.into_parts());
        let (y, saved) = B::patch_loss_forward(pred, images, &chosen, normalise);
        let op = Backward::<B, 1>::prepare::<C>(PatchLoss, [node]);
        match op.compute_bound().stateful() {
            OpsKind::Tracked(op) => op.finish(saved, y),
            OpsKind::UnTracked(op) => op.finish(y),
        }
    }
}

#[derive(Debug)]
struct Patches;

impl<B: Kern> Backward<B, 1> for Patches {
    type State = ([usize; 4], Chosen);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let (shape, chosen) = &ops.state;
        if let [Some(node)] = &ops.parents {
            grads.register::<B>(node.id, B::patches_backward(*shape, chosen, dy));
        }
    }
}

#[derive(Debug)]
struct PatchLoss;

impl<B: Kern> Backward<B, 1> for PatchLoss {
    type State = B::PatchLoss;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        if let [Some(node)] = &ops.parents {
            grads.register::<B>(node.id, B::patch_loss_backward(&ops.state, dy));
        }
    }
}

#[derive(Debug)]
struct LayerNorm;

impl<B: Kern> Backward<B, 3> for LayerNorm {
    type State = B::Norm;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradients = B::norm_backward(&ops.state, grads.consume::<B>(&ops.node));
        for (parent, gradient) in ops.parents.iter().zip(gradients) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct Linear;

impl<B: Kern> Backward<B, 3> for Linear {
    type State = B::Linear;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let gradients = B::linear_backward(&ops.state, grads.consume::<B>(&ops.node), wanted);
        for (parent, gradient) in ops.parents.iter().zip(gradients) {
            if let (Some(node), Some(gradient)) = (parent, gradient) {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct Attention;

impl<B: Kern> Backward<B, 1> for Attention {
    type State = B::Attention;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        if let [Some(node)] = &ops.parents {
            grads.register::<B>(node.id, B::attention_backward(&ops.state, dy));
        }
    }
}
