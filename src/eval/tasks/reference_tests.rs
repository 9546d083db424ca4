//! Against scikit-learn and torchmetrics: reference/figures.json, made by reference/make.py; and what tasks do with parts that
//! are easy, hard and broken.

use std::collections::BTreeMap;

use ndarray::Array2;
use serde_json::Value as Json;

use super::*;
use crate::eval::knn::{Labelled, normalised};
use crate::spec::trial::{ClusteringSpec, ProbeOptimiser};
use crate::train::testing::device;

fn figures() -> Json {
    serde_json::from_str(include_str!("reference/figures.json")).unwrap()
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn whole(json: &Json) -> Vec<usize> {
    numbers(json).into_iter().map(|v| v as usize).collect()
}

#[track_caller]
fn same(ours: f64, theirs: &Json, within: f64) {
    let theirs = theirs.as_f64().unwrap();
    assert!((ours - theirs).abs() <= within, "{ours} is not {theirs}");
}

fn part(json: &Json, name: &str) -> Part {
    let values = numbers(&json[name]).into_iter().map(|v| v as f32).collect();
    Part {
        labels: whole(&json[format!("{name}_labels")]),
        features: BTreeMap::from([(Feature::Cls, values)]),
    }
}

fn bank() -> Bank {
    let json = figures();
    Bank {
        train: part(&json, "train"),
        val: part(&json, "val"),
        classes: 5,
        width: 6,
    }
}

fn eval() -> crate::spec::trial::EvalSpec {
    let mut eval = crate::train::testing::spec(&[]).eval;
    eval.linear.feature = Feature::Cls;
    eval.logistic.feature = Feature::Cls;
    eval
}

#[test]
fn agreement_is_that_of_scikit_learn() {
    for case in figures()["agreement"].as_array().unwrap() {
        let (first, second) = (whole(&case["first"]), whole(&case["second"]));
        same(normalised_mutual_information(&first, &second), &case["nmi"], 1e-12);
        same(adjusted_rand(&first, &second), &case["ari"], 1e-12);
    }
    assert_eq!(normalised_mutual_information(&[0, 0], &[1, 1]), 1.0);
    assert_eq!(adjusted_rand(&[0, 1, 2], &[2, 0, 1]), 1.0);
}

#[test]
fn retrieval_is_that_of_torchmetrics() {
    let (bank, theirs) = (bank(), &figures()["retrieval"]);
    let (train, val) = (bank.rows(&bank.train, Feature::Cls), bank.rows(&bank.val, Feature::Cls));
    let ours = retrieval::retrieve(train, val);
    same(ours.map, &theirs["map"], 1e-5);
    for (ours, theirs) in ours.recall.into_iter().zip(theirs["recall"].as_array().unwrap()) {
        same(ours, theirs, 1e-6);
    }
    let (mut rank, mut hits, mut sum) = (0.0, 0.0, 0.0);
    for right in [true, false, true] {
        rank += 1.0;
        if right {
            hits += 1.0;
            sum += hits / rank;
        }
    }
    let line = |angle: f32| [angle.cos(), angle.sin()];
    let gallery: Vec<f32> = [0.1, 0.2, 0.3].into_iter().flat_map(line).collect();
    let one = |features, labels| Labelled {
        features,
        labels,
        width: 2,
    };
    let by_hand = retrieval::retrieve(one(&gallery, &[7, 1, 7]), one(&[1.0, 0.0], &[7]));
    assert_eq!(by_hand.map, sum / hits);
    let absent = retrieval::retrieve(one(&gallery, &[7, 1, 7]), one(&[1.0, 0.0], &[3]));
    assert_eq!(absent, retrieval::Retrieved::default());
}

fn standardised(bank: &Bank) -> Array2<f64> {
    let rows = bank.rows(&bank.train, Feature::Cls);
    let n = rows.labels.len();
    let mut x = Array2::from_shape_fn((n, 6), |(r, c)| f64::from(rows.features[r * 6 + c]));
    for mut column in x.columns_mut() {
        let mean = column.sum() / n as f64;
        let spread = (column.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
        column.mapv_inplace(|v| (v - mean) / spread);
    }
    x
}

#[test]
fn logistic_regression_reaches_the_minimum_of_scikit_learn() {
    let bank = bank();
    let x = standardised(&bank);
    for case in figures()["logistic"].as_array().unwrap() {
        let penalty = case["penalty"].as_f64().unwrap();
        let model = logistic::fit(&x, &bank.train.labels, penalty).unwrap();
        let chances = model.predict_probabilities(&x);
        let losses = bank.train.labels.iter().enumerate();
        let loss: f64 = losses.map(|(row, label)| -chances[[row, *label]].ln()).sum();
        let objective = loss + penalty / 2.0 * model.params().mapv(|w| w * w).sum();
        same(objective, &case["objective"], 1e-5);
    }
}

#[test]
fn k_means_finds_the_tightest_clusters_of_scikit_learn() {
    let bank = bank();
    let rows = bank.rows(&bank.train, Feature::Cls);
    let unit = normalised(rows.features, rows.width);
    let x = Array2::from_shape_fn((rows.labels.len(), 6), |(r, c)| f64::from(unit[r * 6 + c]));
    let found = clustering::cluster(&x, 5, 400, 0).unwrap();
    same(found.inertia, &figures()["kmeans_inertia"], 1e-6);
    assert_eq!(
        clustering::cluster(&x, 5, 400, 0).unwrap(),
        found,
        "a function of the seed"
    );
}

/// Features that are one-hot classes with a little noise, and the same with labels that have nothing to do with them.
fn easy(mixed: bool) -> Bank {
    let part = |n: usize, shift: usize| {
        let values =
            (0..n).flat_map(|i| (0..6).map(move |c| f32::from(c == i % 5) + ((i * 7 + c * 3) % 11) as f32 * 0.01));
        let label = |i: usize| if mixed { (i * i + shift + i / 3) % 5 } else { i % 5 };
        Part {
            labels: (0..n).map(label).collect(),
            features: BTreeMap::from([(Feature::Cls, values.collect())]),
        }
    };
    Bank {
        train: part(100, 0),
        val: part(50, 2),
        classes: 5,
        width: 6,
    }
}

#[test]
fn probes_tell_apart_what_can_be_told_apart_and_nothing_else() {
    let device = device();
    let mut eval = eval();
    for optimiser in [ProbeOptimiser::Lars, ProbeOptimiser::Sgd] {
        eval.linear.optimiser = optimiser;
        eval.linear.batch_size = 32;
        let Outcome { figures, found, .. } = probe::run(&easy(false), &eval, 0, &device);
        assert_eq!(figures, [("linear_accuracy".to_string(), 1.0)], "{optimiser:?}");
        assert_eq!(found["tune_accuracy"].as_array().unwrap().len(), eval.linear.blrs.len());
        let figures = probe::run(&easy(true), &eval, 0, &device).figures;
        assert!(figures[0].1 < 0.6, "{optimiser:?}: {figures:?}");
    }
    let figures = logistic::run(&easy(false), &eval, 0).unwrap().figures;
    assert_eq!(figures[0].1, 1.0);
    let spec = ClusteringSpec {
        feature: Feature::Cls,
        restarts: 5,
    };
    let figures = clustering::run(&easy(false), &spec, 0).unwrap().figures;
    assert_eq!(figures.iter().map(|f| f.1).collect::<Vec<_>>(), [1.0, 1.0]);
}

/// What is chosen must not depend on held-out pictures: labels there may be anything.
#[test]
fn held_out_labels_change_no_choice() {
    let device = device();
    let (one, mut other) = (bank(), bank());
    other.val.labels.iter_mut().for_each(|label| *label = 4 - *label);
    let eval = eval();
    let chosen = |bank: &Bank| {
        let linear = probe::run(bank, &eval, 0, &device).found;
        let logistic = logistic::run(bank, &eval, 0).unwrap().found;
        (
            linear["blr"].clone(),
            linear["tune_accuracy"].clone(),
            logistic["penalty"].clone(),
        )
    };
    assert_eq!(chosen(&one), chosen(&other));
}

/// Names of a task's figures in the order of the table of figures.
fn named(task: EvalTask) -> Vec<&'static str> {
    let of_task = FIGURES.iter().filter(|figure| figure.task == Some(task.word()));
    of_task.map(|figure| figure.name).collect()
}

#[test]
fn broken_features_give_figures_that_are_not_numbers() {
    let device = device();
    let mut spec = crate::train::testing::spec(&[]);
    spec.eval = eval();
    spec.eval.retrieval.feature = Feature::Cls;
    spec.eval.clustering.feature = Feature::Cls;
    let whole = bank();
    let mut bank = whole.clone();
    bank.val.features.get_mut(&Feature::Cls).unwrap()[3] = f32::NAN;
    for task in [
        EvalTask::Knn,
        EvalTask::Linear,
        EvalTask::Logistic,
        EvalTask::Retrieval,
        EvalTask::Clustering,
    ] {
        let found = run(task, &bank, &spec, &device).unwrap().unwrap();
        let names: Vec<&str> = found.figures.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, named(task));
        assert!(found.figures.iter().all(|(_, value)| value.is_nan()), "{task:?}");
        let settings = |finding: Finding| {
            let mut settings = finding.protocol.parameters;
            settings["found"].take();
            settings
        };
        let sound = run(task, &whole, &spec, &device).unwrap().unwrap();
        assert_eq!(settings(found), settings(sound), "told whatever becomes of it");
    }
}

#[test]
fn the_greatest_score_decides() {
    let logits = Tensor::<2>::from_data([[1.0, 2.0, 0.0], [3.0, 0.0, 2.0], [0.0, 1.0, 2.0]], &device());
    assert_eq!(right_of(logits.clone(), &[1, 0, 2]), Some(3));
    assert_eq!(right_of(logits, &[1, 2, 0]), Some(1));
    let broken = Tensor::<2>::from_data([[1.0, 2.0], [f32::NAN, f32::NAN]], &device());
    assert_eq!(
        right_of(broken, &[1, 0]),
        None,
        "no class is the greatest of no numbers"
    );
}
