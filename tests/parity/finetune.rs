//! Fine-tuning against the reference: the classifier, its loss, the linear probe's feature, three steps with layer decay,
//! and the table of layers, scales and weight decays.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use mae_exp::model::classifier::{Classifier, soft_cross_entropy};
use mae_exp::model::names::{self, Named};
use mae_exp::model::{Device, Mae};
use mae_exp::spec::TrialSpec;
use mae_exp::train::Schedule;
use mae_exp::train::layer_decay::{decays, layer, optimiser, scale};

use crate::reference::{Case, close, finals, spec, tensor, test_device, values};
use crate::support::fixture;

const CLASSES: usize = 7;

fn small() -> TrialSpec {
    spec(&[
        "model.embed_dim=32",
        "model.encoder_num_heads=4",
        "train.lr=2e-3",
        "train.min_lr=1e-6",
        "train.warmup_epochs=1",
        "train.epochs=4",
        "train.weight_decay=0.05",
        "train.beta1=0.9",
        "train.beta2=0.999",
        "train.eps=1e-8",
    ])
}

fn classifier(case: &Case, device: &Device) -> Classifier {
    let model = Classifier::new(&small().model, CLASSES, 0, device);
    names::import_parameters(model, 8, &case.under("weight.")).unwrap()
}

#[test]
fn classifier_features_logits_and_loss() {
    let (case, device) = (Case::read("finetune/case.safetensors"), test_device());
    let model = classifier(&case, &device);
    let images: Tensor<4> = tensor(case.get("images"), &device);
    let same = |name: &str, got: Vec<f32>| close(&format!("finetune {name}"), &got, &case.get(name).values, 1e-4);
    same("features", values(model.features(images.clone())));
    let logits = model.forward(images);
    same("logits", values(logits.clone()));
    let loss = soft_cross_entropy(logits, tensor(case.get("soft_targets"), &device));
    let want = case.scalar("loss");
    close("finetune loss", &values(loss), &[want as f32], 1e-5 * want);
}

#[test]
fn class_feature_of_the_linear_probe() {
    let (case, device) = (Case::read("finetune/case.safetensors"), test_device());
    let model = Mae::new(&small().model, 0, &device);
    let mut weights = names::export(&model);
    weights.extend(case.under("weight."));
    for part in ["weight", "bias"] {
        weights.insert(format!("norm.{part}"), case.get(&format!("cls_norm.{part}")).clone());
    }
    let model = names::import(model, &weights).unwrap();
    let tokens = model.encode(tensor(case.get("images"), &device));
    let feature = values(tokens.normed.narrow(1, 0, 1));
    close(
        "finetune class feature of the linear probe",
        &feature,
        &case.get("cls_features").values,
        1e-4,
    );
}

#[test]
fn a_classifier_takes_an_encoder_and_keeps_its_own_head() {
    let (case, device) = (Case::read("finetune/case.safetensors"), test_device());
    let fresh = Classifier::new(&small().model, CLASSES, 0, &device);
    let own = names::export_parameters(&fresh, 8);
    let given = case.under("weight.");
    let got = names::export_parameters(&fresh.clone().with_encoder(given.clone()).unwrap(), 8);
    assert_eq!(got.keys().collect::<Vec<_>>(), given.keys().collect::<Vec<_>>());
    for (name, tensor) in &got {
        let fresh = name.starts_with("fc_norm.") || name.starts_with("head.");
        let source = if fresh { &own } else { &given };
        assert_eq!(tensor, &source[name], "{name}");
        assert_ne!(own[name], given[name], "{name} of the fixture differs from a fresh one");
    }
    let mut smaller = given;
    let width = smaller["pos_embed"].shape[2];
    smaller.insert(
        "pos_embed".into(),
        Named {
            shape: vec![1, 10, width],
            values: vec![0.0; 10 * width],
        },
    );
    let error = fresh.with_encoder(smaller).unwrap_err().to_string();
    assert_eq!(
        error,
        "tensor pos_embed has shape [1, 10, 32], the model needs [1, 17, 32]"
    );
}

#[test]
fn a_fresh_head_is_small_and_shared_parameters_are_those_of_the_autoencoder() {
    let device = test_device();
    let spec = spec(&["model.embed_dim=64", "model.encoder_num_heads=4"]).model;
    let own = names::export_parameters(&Classifier::new(&spec, 500, 3, &device), 8);
    let mae = names::export(&Mae::new(&spec, 3, &device));
    for (name, tensor) in own.iter().filter(|(name, _)| mae.contains_key(*name)) {
        assert_eq!(tensor, &mae[name], "{name}");
    }
    let head = &own["head.weight"].values;
    let std = (head.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / head.len() as f64).sqrt();
    assert!(
        (std / 2e-5 - 1.0).abs() < 0.02,
        "standard deviation of the head is {std:e}"
    );
    assert!(own["head.bias"].values.iter().all(|v| *v == 0.0));
    assert!(own["fc_norm.weight"].values.iter().all(|v| *v == 1.0));
    assert!(own["fc_norm.bias"].values.iter().all(|v| *v == 0.0));
}

#[test]
fn three_steps_with_layer_decay() {
    let (case, device) = (Case::read("finetune/case.safetensors"), test_device().autodiff());
    let (spec, mut model) = (small(), classifier(&case, &device));
    let mut optimiser = optimiser(&model, &spec.train, 0.65);
    let manifest: serde_json::Value = serde_json::from_slice(&fixture("finetune/manifest.json")).unwrap();
    let schedule = Schedule::new(&spec.train);
    for (i, step) in manifest["train"]["steps"].as_array().unwrap().iter().enumerate() {
        let lr = schedule.at(i as f64 / 2.0);
        assert!((lr - step["lr"].as_f64().unwrap()).abs() <= 1e-12, "lr of step {i}");
        let logits = model.forward(tensor(case.get("images"), &device));
        let loss = soft_cross_entropy(logits, tensor(case.get("soft_targets"), &device));
        let want = step["loss"].as_f64().unwrap();
        let got = loss.clone().into_scalar::<f32>();
        close(
            &format!("finetune loss of step {i}"),
            &[got],
            &[want as f32],
            1e-5 * want,
        );
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimiser.step(lr, model, gradients);
    }
    let got = names::export_parameters(&model.valid(), 8);
    let wanted = case.under("final.");
    assert_eq!(got.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    finals("finetune final weights without the key bias", &got, wanted);
}

#[test]
fn layers_scales_and_weight_decays_of_every_parameter() {
    let sets = [
        "model.encoder_depth=12",
        "model.embed_dim=8",
        "model.encoder_num_heads=2",
    ];
    let model = Classifier::new(&spec(&sets).model, 3, 0, &test_device());
    let mut ours: BTreeMap<String, Named> = names::export_parameters(&model, 8);
    let table = String::from_utf8(fixture("finetune/layer_decay.csv")).unwrap();
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let tensor = ours.remove(cells[0]).unwrap();
        let layer = layer(cells[0], 12);
        assert_eq!(layer, cells[1].parse::<usize>().unwrap(), "layer of {}", cells[0]);
        let want: f64 = cells[2].parse().unwrap();
        let got = scale(layer, 12, 0.65);
        assert!(
            (got / want - 1.0).abs() <= 1e-12,
            "scale of {}: {got} is not {want}",
            cells[0]
        );
        let decayed = cells[3].parse::<f64>().unwrap() > 0.0;
        assert_eq!(
            decays(cells[0], tensor.shape.len()),
            decayed,
            "weight decay of {}",
            cells[0]
        );
    }
    assert!(ours.is_empty(), "the table lacks {:?}", ours.keys());
}
