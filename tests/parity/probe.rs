//! Linear probing against the reference: batch norm, gradients, LARS, running statistics and evaluation.

use std::collections::BTreeMap;

use burn::tensor::{Int, Tensor, TensorData};
use mae_exp::eval::linear::Probe;
use mae_exp::model::Device;
use mae_exp::model::names::Named;

use crate::reference::{Case, Worst, close, tensor, test_device, values};

/// A column of the features that is constant: 0 after batch norm in exact arithmetic.
const CONSTANT: usize = 5;

fn batch(case: &Case, k: usize, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
    let (features, labels) = (case.get("features"), case.get("labels"));
    let [n, width] = [features.shape[1], features.shape[2]];
    let part = Named {
        shape: vec![n, width],
        values: features.values[k * n * width..][..n * width].to_vec(),
    };
    let labels: Vec<i64> = labels.values[k * n..][..n].iter().map(|l| *l as i64).collect();
    (
        tensor(&part, device),
        Tensor::from_data(TensorData::new(labels, [n]), device),
    )
}

/// The normalised features in two parts: the constant column, and all others.
fn apart(values: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (constant, rest): (Vec<_>, Vec<_>) = values.iter().enumerate().partition(|(i, _)| i % 24 == CONSTANT);
    let bare = |part: Vec<(usize, &f32)>| part.into_iter().map(|(_, v)| *v).collect();
    (bare(constant), bare(rest))
}

fn steps(variant: &str, weight_tolerance: f64) {
    let (case, device) = (Case::read("linear_probe/case.safetensors"), test_device());
    let mut probe = Probe::from_weight(tensor(case.get(&format!("{variant}.w0")), &device));
    let mut worst: BTreeMap<String, Worst> = BTreeMap::new();
    let mut add = |what: &str, k: usize, got: &[f32], want: &[f32], tolerance: f64| {
        let name = format!("linear_probe {variant} {what}, 3 steps");
        let of = worst.entry(name.clone()).or_insert_with(|| Worst::of(&name));
        of.add(&format!("step {k}"), got, want, tolerance);
    };
    for (k, lr) in [0.0, 3.2, 6.4].into_iter().enumerate() {
        let wanted = |name: &str| &case.get(&format!("{variant}.step{k}.{name}")).values;
        let (features, labels) = batch(&case, k, &device);
        let step = probe.step(features, labels, lr);
        let (constant, rest) = apart(&values(step.normalised));
        let (want_constant, want_rest) = apart(wanted("bn"));
        add("bn of the constant column", k, &constant, &want_constant, 1e-3);
        add("bn", k, &rest, &want_rest, 2e-5);
        let q = f64::from(wanted("q")[0]);
        for (name, got, tolerance) in [
            ("logits", values(step.logits), 2e-5),
            ("loss", values(step.loss), 2e-5),
            ("gw", values(step.weight_gradient), 2e-5),
            ("gb", values(step.bias_gradient), 2e-5),
            ("q", values(step.trust_ratio), 1e-5 * q),
            ("w", values(probe.weight.clone()), weight_tolerance),
            ("b", values(probe.bias.clone()), 5e-6),
        ] {
            add(name, k, &got, wanted(name), tolerance);
        }
        // Both variants see the same features; their running statistics are stored once.
        for (name, got) in [("rm", &probe.norm.mean), ("rv", &probe.norm.variance)] {
            let want = &case.get(&format!("trunc.step{k}.{name}")).values;
            add(name, k, &values(got.clone()), want, 2e-6);
        }
    }
    worst.into_values().for_each(Worst::done);
    let got = probe.logits(tensor(case.get("test_features"), &device));
    let want = &case.get(&format!("{variant}.eval_logits")).values;
    close(&format!("linear_probe {variant} eval_logits"), &values(got), want, 2e-5);
}

#[test]
fn probe_from_small_random_weights() {
    steps("trunc", 2e-7);
}

#[test]
fn probe_from_zero_weights() {
    steps("zero", 5e-6);
}

#[test]
fn a_fresh_probe_is_small_and_depends_on_the_seed() {
    let device = test_device();
    let probe = Probe::new(64, 500, 3, &device);
    let weight = values(probe.weight.clone());
    let std = (weight.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / weight.len() as f64).sqrt();
    assert!(
        (std / 0.01 - 1.0).abs() < 0.02,
        "standard deviation of the weight is {std:e}"
    );
    assert!(values(probe.bias.clone()).iter().all(|v| *v == 0.0));
    assert_ne!(weight, values(Probe::new(64, 500, 4, &device).weight));
}
