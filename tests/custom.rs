//! A strategy from user code: registered, refused when it clashes, and trained through the library.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mae_exp::data::ImageSet;
use mae_exp::store::rows::{MetricPoint, Picture};
use mae_exp::train::{Job, Keep, Observer, Outcome, Progress, Shelf, TrainError, Written, train};
use mae_strategies::{Error, Mask, MaskContext, MaskingStrategy, Registry, Request, conformance};

use crate::support::{Room, SMALL, small};

/// Hides the last patches in raster order.
struct Last;

static LAST: Last = Last;

impl MaskingStrategy for Last {
    fn id(&self) -> &'static str {
        "last"
    }

    fn summary(&self) -> &'static str {
        "hides the last patches in raster order"
    }

    fn source(&self) -> &'static str {
        "this test"
    }

    fn is_random(&self, _: &Request) -> bool {
        false
    }

    fn sample(&self, request: &Request, _: &MaskContext<'_>, _: &mut dyn rand::Rng) -> Result<Mask, Error> {
        let visible = request.visible_by_ratio();
        let hidden: Vec<bool> = (0..request.grid.len()).map(|i| i >= visible).collect();
        Ok(Mask::from_hidden(request.grid, &hidden))
    }
}

#[derive(Default)]
struct Ear {
    metrics: Vec<MetricPoint>,
}

impl Observer for Ear {
    fn metric(&mut self, point: MetricPoint) {
        self.metrics.push(point);
    }
    fn picture(&mut self, _: Picture) {}
    fn settle(&mut self) -> Result<(), String> {
        Ok(())
    }
    fn checkpoint(&mut self, _: Written) {}
    fn progress(&mut self, _: Progress) {}
}

#[test]
fn a_strategy_of_one_s_own_trains() {
    assert_eq!(
        conformance::check(&LAST).map_err(|failures| format!("{failures:?}")),
        Ok(())
    );
    let registry = Registry::builtin().with(&LAST).unwrap();
    assert!(registry.clone().with(&LAST).is_err(), "a name can be taken once");
    let mut sets: Vec<String> = SMALL
        .iter()
        .filter(|a| **a != "--set")
        .map(ToString::to_string)
        .collect();
    sets.push("mask.strategy=last".into());
    let inputs = vec![
        "model/nano".to_string(),
        "data/synthetic".to_string(),
        "train/quick".to_string(),
    ];
    let request = mae_exp::spec::Request {
        inputs,
        sets,
        env: Vec::new(),
    };
    assert!(
        mae_exp::spec::load(&request, &Registry::builtin()).is_err(),
        "the built-in registry does not know it"
    );
    let spec = mae_exp::spec::load(&request, &registry).unwrap().trials.remove(0).spec;
    let folder = tempfile::tempdir().unwrap();
    let job = Job {
        spec: &spec,
        set: Arc::new(ImageSet::open(&spec.data, spec.model.img_size).unwrap()),
        registry: &registry,
        device: mae_exp::model::device::resolve(mae_exp::model::device::default_name()).unwrap(),
        checkpoints: Shelf::new(folder.path().join("run"), Keep { last: 1, best: false }),
        init: None,
        lpips: None,
        resume: None,
        stop: &AtomicBool::new(false),
    };
    let mut ear = Ear::default();
    assert_eq!(train(&job, &mut ear).unwrap(), Outcome::Finished);
    let losses: Vec<f64> = ear
        .metrics
        .iter()
        .filter(|m| m.name == "val_loss")
        .map(|m| m.value)
        .collect();
    assert_eq!(losses.len(), 3, "before training and after each of two epochs");
    assert!(losses[2] < losses[0], "{losses:?}");
    // Weights that are no longer those that were planned with fail the trial before its first step.
    let mut from_weights = spec.clone();
    let checkpoint = Shelf::new(folder.path().join("run"), Keep { last: 1, best: false })
        .latest()
        .unwrap();
    from_weights.model.init = Some(checkpoint.display().to_string());
    let changed = Job {
        spec: &from_weights,
        checkpoints: Shelf::new(folder.path().join("other"), Keep { last: 1, best: false }),
        init: Some("weights-of-another-day"),
        set: job.set.clone(),
        device: job.device.clone(),
        resume: None,
        ..job
    };
    let error = train(&changed, &mut Ear::default()).unwrap_err();
    assert!(matches!(error, TrainError::Changed(_)), "{error}");
}

#[test]
fn the_example_trains() {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_mae-exp"));
    let example = binary
        .with_file_name("examples")
        .join(format!("custom_strategy{}", std::env::consts::EXE_SUFFIX));
    let room = Room::new();
    let run = |args: &[&str]| {
        let output = std::process::Command::new(&example)
            .args(args)
            .current_dir(room.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run(&["strategies", "list"]).contains("diagonal"));
    run(&small(&[
        "run",
        "model/nano",
        "data/synthetic",
        "train/quick",
        "--set",
        "mask.strategy=diagonal",
    ]));
    let document = room.json(&["runs", "--json"]);
    assert_eq!(document["runs"][0]["status"], "finished");
    assert_eq!(document["runs"][0]["config"]["mask"]["strategy"], "diagonal");
}
