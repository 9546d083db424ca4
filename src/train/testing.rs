//! A small trial with pictures and masks, for tests of what is trained.

use burn::tensor::{Device, Tensor};
use mae_strategies::{MaskContext, Needs, Registry};

use super::bench::noise;
use super::step::Learner;
use crate::model::batch::images;
use crate::model::device::{compiled, resolve};
use crate::model::{Mae, MaskBatch, Partial};
use crate::seed::{self, Purpose};
use crate::spec::{Request, TrialSpec, load};

/// The first device of this binary.
pub(crate) fn device() -> Device {
    resolve(compiled()[0]).unwrap()
}

/// Six patches in two rows, two pictures in a batch, one block in each half, and what `sets` say.
pub(crate) fn spec(sets: &[&str]) -> TrialSpec {
    let small = [
        "model.img_size=[16,24]",
        "model.embed_dim=8",
        "model.encoder_num_heads=2",
        "model.encoder_depth=1",
        "model.decoder_embed_dim=8",
        "model.decoder_num_heads=2",
        "train.batch_size=2",
        "mask.ratio=0.5",
    ];
    let request = Request {
        inputs: vec!["model/nano".into()],
        sets: small.iter().chain(sets).map(|set| (*set).to_string()).collect(),
        env: Vec::new(),
    };
    load(&request, &Registry::builtin()).unwrap().trials.remove(0).spec
}

/// Both the teacher's attention and its expected losses, or neither.
pub(crate) fn needs(all: bool) -> Needs {
    let mut needs = Needs::default();
    (needs.attention, needs.loss) = (all, all);
    needs
}

/// A batch of noise.
pub(crate) fn pixels(spec: &TrialSpec, device: &Device) -> Tensor<4> {
    let (batch, size) = (noise(spec), spec.model.img_size);
    let shape = [batch.len, spec.model.in_chans, size.height, size.width];
    images(batch.images, shape, device)
}

/// Random masks of pictures 0, 1, … in an epoch, with what the trial leaves out.
pub(crate) fn masks(spec: &TrialSpec, epoch: u64) -> MaskBatch {
    let plan = Registry::builtin().plan("random", spec.model.grid(), spec.mask.ratio, Default::default());
    let (plan, indices) = (plan.unwrap(), (0..spec.train.batch_size).collect::<Vec<_>>());
    let rng = |index: &usize| seed::rng(0, Purpose::Mask, epoch, *index as u64);
    let draw = |index| plan.sample(&MaskContext::default(), &mut rng(index)).unwrap();
    let masks = MaskBatch::new(&indices.iter().map(draw).collect::<Vec<_>>());
    Partial::of(&spec.train).apply(masks, 0, epoch, &indices)
}

/// A learner for it, with a teacher of attention and losses where `all`.
pub(crate) fn learner(spec: &TrialSpec, all: bool) -> Learner {
    let device = device().autodiff();
    Learner::start(Mae::new(&spec.model, spec.seed, &device), spec, needs(all), &device)
}

/// Steps on the same pictures, with the masks of these epochs.
pub(crate) fn steps(learner: &mut Learner, spec: &TrialSpec, epochs: std::ops::Range<u64>) {
    for epoch in epochs {
        let pixels = pixels(spec, &device().autodiff());
        learner.step(pixels, &masks(spec, epoch), 1e-2);
    }
}

/// The values of a tensor.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[track_caller]
pub(crate) fn near(got: &[f32], want: &[f32], within: f32) {
    assert_eq!(got.len(), want.len());
    let worst = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
    assert!(worst <= within, "{worst:e} apart: {got:?} is not {want:?}");
}
