//! Fine-tuning learns, trains all there is, repeats itself whatever the number of threads, and says what it lacks.

use super::*;
use crate::train::testing::{device, spec};

/// Everything that makes learning harder, switched off.
const PLAIN: [&str; 7] = [
    "eval.finetune.randaugment=0",
    "eval.finetune.erasing=0",
    "eval.finetune.mixup=0",
    "eval.finetune.cutmix=0",
    "eval.finetune.smoothing=0",
    "eval.finetune.drop_path=0",
    "eval.finetune.crop_scale=[0.7,1.0]",
];

/// A small set of generated pictures in four classes, a network of two blocks, and what `sets` say.
fn small(sets: &[&str]) -> (TrialSpec, Arc<ImageSet>) {
    let base = [
        "data.kind=synthetic",
        "data.synthetic_classes=4",
        "data.synthetic_train=96",
        "data.synthetic_val=40",
        "model.embed_dim=16",
        "model.encoder_depth=2",
        "eval.finetune.epochs=2",
        "eval.finetune.batch_size=16",
        "eval.finetune.warmup_epochs=1",
    ];
    let spec = spec(&[&base[..], sets].concat());
    let set = Arc::new(ImageSet::open(&spec.data, spec.model.img_size).unwrap());
    (spec, set)
}

fn tuned(sets: &[&str]) -> Result<Finetuned, LearnError> {
    let (spec, set) = small(sets);
    let mae = Mae::new(&spec.model, spec.seed, &device());
    finetune(&mae, &spec, &set, &device(), &mut |_, _| ControlFlow::Continue(()))
}

#[test]
fn it_learns_generated_classes() {
    let sets = [
        "eval.finetune.epochs=25",
        "eval.finetune.blr=0.06",
        "eval.finetune.layer_decay=0.9",
    ];
    let found = tuned(&[&PLAIN[..], &sets].concat()).unwrap();
    assert_eq!((found.losses.len(), found.judged), (25, 40));
    assert!(
        (found.losses[0] - 4.0f64.ln()).abs() < 0.1,
        "a fresh head knows nothing: {found:?}"
    );
    assert!(found.losses[24] < 0.7 * found.losses[0], "{found:?}");
}

#[test]
fn extra_blocks_are_fine_tuned_with_the_others() {
    let (spec, set) = small(&["model.extra_blocks=1"]);
    let mae = Mae::new(&spec.model, spec.seed, &device());
    let model = classifier(&mae, &spec, set.classes().len(), &device()).unwrap();
    assert_eq!(model.depth(), 3);
    assert!(tuned(&["model.extra_blocks=1"]).is_ok());
}

#[test]
fn it_can_be_stopped_at_any_step() {
    let (spec, set) = small(&[]);
    let mae = Mae::new(&spec.model, spec.seed, &device());
    let mut steps = 0;
    let stopped = finetune(&mae, &spec, &set, &device(), &mut |_, _| {
        steps += 1;
        if steps < 3 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    assert!(matches!(stopped, Err(LearnError::Stopped)));
    assert_eq!(steps, 3);
}

#[test]
fn figures_do_not_depend_on_threads_and_every_step_is_told() {
    let mut told = Vec::new();
    let mut all = Vec::new();
    for workers in ["data.workers=1", "data.workers=3"] {
        let (spec, set) = small(&[workers]);
        let mae = Mae::new(&spec.model, spec.seed, &device());
        let found = finetune(&mae, &spec, &set, &device(), &mut |done, of| {
            told.push((done, of));
            ControlFlow::Continue(())
        });
        all.push(found.unwrap());
    }
    assert_eq!(all[0], all[1]);
    let steps = told.len() / 4;
    let whole: Vec<_> = told.iter().step_by(steps).copied().collect();
    assert_eq!(whole, [(0.0, 2), (1.0, 2), (0.0, 2), (1.0, 2)], "{told:?}");
    assert_ne!(tuned(&["seed=1"]).unwrap().losses, all[0].losses, "the run seed counts");
}

#[test]
fn every_ingredient_does_something() {
    let losses = |sets: &[&str]| tuned(sets).unwrap().losses;
    let fast = ["eval.finetune.blr=0.05", "eval.finetune.layer_decay=1.0"];
    let with = |set: &'static str| losses(&[&PLAIN[..], &fast, &[set]].concat());
    let plain = with("eval.finetune.epochs=2");
    for set in [
        "eval.finetune.randaugment=9",
        "eval.finetune.erasing=0.5",
        "eval.finetune.mixup=0.8",
        "eval.finetune.cutmix=1.0",
        "eval.finetune.smoothing=0.1",
        "eval.finetune.drop_path=0.4",
        "eval.finetune.crop_scale=[0.08,1.0]",
        "eval.finetune.layer_decay=0.5",
        "eval.finetune.weight_decay=5.0",
        "eval.finetune.min_lr=1e-2",
        "eval.finetune.warmup_epochs=0",
        "eval.finetune.blr=0.01",
    ] {
        assert_ne!(with(set), plain, "{set}");
    }
}

#[test]
fn all_of_the_classifier_is_trained_from_the_given_encoder() {
    let (spec, set) = small(&["eval.finetune.layer_decay=0.5"]);
    let mae = Mae::new(&spec.model, 77, &device());
    let mut tuning = Tuning::start(&mae, &spec, &set, &device()).unwrap();
    let tensors = |tuning: &Tuning<'_>| names::export_parameters(&tuning.model(), 8);
    let before = tensors(&tuning);
    let given = names::export(&mae);
    for (name, tensor) in &before {
        if let Some(given) = given.get(name) {
            assert_eq!(given, tensor, "{name} starts from the encoder");
        }
    }
    assert!(given.contains_key("pos_embed") && before.contains_key("fc_norm.weight"));
    tuning.epoch(0, &mut |_| ControlFlow::Continue(())).unwrap();
    let moved: std::collections::BTreeMap<String, f32> = tensors(&tuning)
        .into_iter()
        .map(|(name, after)| {
            let moves = after
                .values
                .iter()
                .zip(&before[&name].values)
                .map(|(a, b)| (a - b).abs());
            let most = moves.fold(0.0f32, f32::max);
            (name, most)
        })
        .collect();
    assert!(moved.values().all(|most| *most > 0.0), "{moved:?}");
    let of = |name: &str| moved[name];
    assert!(
        of("blocks.0.mlp.fc1.weight") < 0.8 * of("blocks.1.mlp.fc1.weight"),
        "{moved:?}"
    );
    assert!(of("pos_embed") < 0.4 * of("fc_norm.weight"), "{moved:?}");
}

#[test]
fn what_cannot_be_learned_is_refused_before_any_step() {
    let error = tuned(&["eval.finetune.batch_size=97"]).unwrap_err().to_string();
    assert_eq!(
        error,
        "eval.finetune.batch_size = 97 is more than the 96 training pictures that have a class: lower it"
    );
    let error = tuned(&["eval.finetune.blr=1e30", "eval.finetune.warmup_epochs=0"]).unwrap_err();
    assert!(error.to_string().contains("lower eval.finetune.blr"), "{error}");
}

#[test]
fn pictures_without_a_class_are_left_out_of_a_batch() {
    let batch = |labels: Vec<Option<usize>>| Batch {
        images: (0..6).map(|v| v as f32).collect(),
        len: 3,
        indices: vec![5, 6, 7],
        labels,
        regions: Vec::new(),
        number: 0,
    };
    let some = Labelled::of(batch(vec![Some(1), None, Some(0)])).unwrap();
    assert_eq!(
        (some.pixels, some.labels, some.indices),
        (vec![0.0, 1.0, 4.0, 5.0], vec![1, 0], vec![5, 7])
    );
    assert!(Labelled::of(batch(vec![None; 3])).is_none());
}
