//! What `model.freeze` holds stays as it is to the last bit and has no gradient, no moments and no part in the norm; all else
//! is trained. Extra blocks change nothing until they are trained.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{ModuleVisitor, Param, ParamId};

use super::super::Cursor;
use super::super::checkpoint::{Contents, load_model};
use super::super::shelf::{Keep, Shelf};
use super::super::testing::{self, device, learner, masks, needs, pixels, spec, steps, values};
use super::*;
use crate::model::names;

/// Freeze, extra blocks.
const CASES: [(&str, usize); 8] = [
    ("", 0),
    ("encoder", 0),
    ("encoder", 2),
    ("encoder, norm", 1),
    ("patch_embed, encoder[..2]", 1),
    ("encoder[1..]", 0),
    ("decoder", 0),
    ("encoder[0..1], decoder[..1]", 2),
];

/// Three blocks and two, and everything that acts on parameters without being asked: decay and clipping.
fn trial(freeze: &str, extra: usize) -> TrialSpec {
    let (freeze, extra) = (format!("model.freeze={freeze}"), format!("model.extra_blocks={extra}"));
    let others = [
        "model.encoder_depth=3",
        "model.decoder_depth=2",
        "train.weight_decay=0.5",
        "train.clip_grad=0.1",
    ];
    let sets: Vec<&str> = others.into_iter().chain([freeze.as_str(), extra.as_str()]).collect();
    spec(&sets)
}

fn trained(spec: &TrialSpec, learner: &Learner) -> BTreeSet<String> {
    let names = names::export_parameters(learner.model(), spec.model.patch_size).into_keys();
    names
        .filter(|name| !spec.model.freeze.holds(name, &spec.model))
        .collect()
}

#[test]
fn what_is_held_stays_to_the_last_bit_and_everything_else_moves() {
    for (freeze, extra) in CASES {
        let spec = trial(freeze, extra);
        let mut learner = learner(&spec, false);
        let before = names::export_parameters(learner.model(), spec.model.patch_size);
        steps(&mut learner, &spec, 0..4);
        let after = names::export_parameters(learner.model(), spec.model.patch_size);
        let moved: BTreeSet<String> = before
            .iter()
            .filter(|(name, tensor)| tensor.values != after[*name].values)
            .map(|(name, _)| name.clone())
            .collect();
        assert_eq!(moved, trained(&spec, &learner), "{freeze:?} with {extra} extra blocks");
        assert_eq!(moved.len() == before.len(), freeze.is_empty());
    }
}

/// In bfloat16 weights are rounded for each pass; those that are held are the same afterwards.
#[test]
fn rounding_for_a_pass_does_not_touch_what_is_held() {
    let mut spec = trial("encoder", 1);
    spec.train.precision = Precision::Bf16;
    let mut learner = learner(&spec, false);
    let held = |learner: &Learner| -> BTreeMap<_, _> {
        let all = names::export_parameters(learner.model(), spec.model.patch_size).into_iter();
        all.filter(|(name, _)| spec.model.freeze.holds(name, &spec.model))
            .collect()
    };
    let before = held(&learner);
    steps(&mut learner, &spec, 0..2);
    assert_eq!(held(&learner), before);
}

#[test]
fn moments_are_those_of_trained_parameters_alone_and_go_on_from_a_file() {
    for (freeze, extra) in CASES {
        let (spec, folder) = (trial(freeze, extra), tempfile::tempdir().unwrap());
        let mut straight = learner(&spec, false);
        steps(&mut straight, &spec, 0..2);
        let contents = Contents {
            student: straight.student().valid(),
            teacher: None,
            about: spec.model.clone(),
            mask_ratio: 0.5,
            optimiser: straight.optimiser().clone(),
            cursor: Cursor::default(),
            epoch: 0.0,
            val_loss: None,
        };
        let path = Shelf::new(folder.path().join("run"), Keep { last: 1, best: false })
            .save(&contents)
            .unwrap()
            .path;
        let file = crate::model::weights::safetensors::read(&path.join("optimiser.safetensors")).unwrap();
        let wanted = trained(&spec, &straight).into_iter();
        let wanted: BTreeSet<String> = wanted
            .flat_map(|name| [format!("exp_avg.{name}"), format!("exp_avg_sq.{name}")])
            .collect();
        assert_eq!(file.tensors.into_keys().collect::<BTreeSet<_>>(), wanted, "{freeze:?}");

        let device = testing::device().autodiff();
        let model = load_model(&path, Mae::new(&spec.model, 77, &device)).unwrap();
        let mut again = Learner::start(model, &spec, needs(false), &device)
            .resumed(&path)
            .unwrap();
        for learner in [&mut straight, &mut again] {
            steps(learner, &spec, 2..5);
        }
        assert_eq!(
            names::export(again.model()),
            names::export(straight.model()),
            "{freeze:?}"
        );
        let patch = spec.model.patch_size;
        let moments = |learner: &Learner| learner.optimiser().export(learner.model(), patch);
        assert_eq!(moments(&again), moments(&straight), "{freeze:?}");
    }
}

/// Sums of squares of the gradients that there are, by the parameter's number.
struct Squares<'a>(&'a GradientsParams, BTreeMap<ParamId, f64>);

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.0.get::<D>(param.id) {
            let sum = values(gradient).iter().map(|value| f64::from(*value).powi(2)).sum();
            self.1.insert(param.id, sum);
        }
    }
}

/// Gradients of one batch: sums of squares by official name, and the norm that clipping takes.
fn gradients(freeze: &str) -> (BTreeMap<String, f64>, f64) {
    let spec = trial(freeze, 1);
    let mut learner = learner(&spec, false);
    learner.accumulate(pixels(&spec, &device().autodiff()), &masks(&spec, 0));
    let gradients = learner.gradients.grads();
    let mut squares = Squares(&gradients, BTreeMap::new());
    learner.model().visit(&mut squares);
    let names = names::of_parameters(learner.model(), spec.model.patch_size);
    let named = squares.1.iter().map(|(id, sum)| (names[id].clone(), *sum)).collect();
    (named, f64::from(values(norm(learner.student(), &gradients))[0]))
}

#[test]
fn no_gradient_is_taken_of_what_is_held_and_the_norm_is_that_of_the_rest() {
    let (all, whole) = gradients("");
    for freeze in ["encoder", "decoder", "encoder[1..2], patch_embed"] {
        let spec = trial(freeze, 1);
        let (some, part) = gradients(freeze);
        let wanted: BTreeMap<&String, &f64> = all
            .iter()
            .filter(|(name, _)| !spec.model.freeze.holds(name, &spec.model))
            .collect();
        assert_eq!(
            some.keys().collect::<Vec<_>>(),
            wanted.keys().copied().collect::<Vec<_>>(),
            "{freeze}"
        );
        let sum: f64 = wanted.into_values().sum();
        assert!(
            (part - sum.sqrt()).abs() < 1e-5 * whole,
            "{freeze}: {part} is not {}",
            sum.sqrt()
        );
        assert!(part < whole, "{freeze}");
    }
}

#[test]
fn extra_blocks_change_nothing_until_they_are_trained() {
    let (plain, grown) = (trial("", 0), trial("", 2));
    let (pixels, masks) = (pixels(&plain, &device()), masks(&plain, 0));
    let outputs = |spec: &TrialSpec| Mae::new(&spec.model, 0, &device()).forward(pixels.clone(), &masks);
    let (one, other) = (outputs(&plain), outputs(&grown));
    assert_eq!(values(one.latent), values(other.latent));
    assert_eq!(values(one.pred), values(other.pred));
    let [one, other] = [&plain, &grown].map(|spec| names::export(&Mae::new(&spec.model, 0, &device())));
    assert!(
        one.iter().all(|(name, tensor)| other[name] == *tensor),
        "the others' values do not depend on them"
    );
    let new = |name: &&String| !one.contains_key(*name);
    assert_eq!(other.keys().filter(new).count(), 24);
    assert!(
        other
            .keys()
            .filter(new)
            .all(|name| name.starts_with("blocks.3.") || name.starts_with("blocks.4."))
    );
}
