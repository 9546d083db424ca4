//! Against scipy and statsmodels: reference/figures.json, made by reference/make.py.

use serde_json::Value as Json;

use super::*;

fn figures(name: &str) -> Vec<Json> {
    let all: Json = serde_json::from_str(include_str!("reference/figures.json")).unwrap();
    let cases = all[name].as_array().unwrap().clone();
    assert!(!cases.is_empty(), "{name} has cases");
    cases
}

fn numbers(json: &Json) -> Vec<f64> {
    let values = json.as_array().unwrap().iter();
    values.map(|v| v.as_f64().unwrap()).collect()
}

#[track_caller]
fn same(ours: f64, theirs: &Json, relative: f64) {
    let theirs = theirs.as_f64().unwrap();
    let error = (ours - theirs).abs();
    assert!(error <= relative * theirs.abs().max(1e-300), "{ours} is not {theirs}");
}

/// The ends differ by less than `share` of the width.
#[track_caller]
fn ends(ours: Option<(f64, f64)>, theirs: &Json, share: f64) {
    let (ours, theirs) = (ours.unwrap(), numbers(theirs));
    let width = theirs[1] - theirs[0];
    for (our, their) in [(ours.0, theirs[0]), (ours.1, theirs[1])] {
        assert!((our - their).abs() <= share * width, "{ours:?} is not {theirs:?}");
    }
}

fn keyed(values: &[f64]) -> Vec<(usize, f64)> {
    values.iter().copied().enumerate().collect()
}

#[test]
fn means_and_t_intervals() {
    for case in figures("intervals") {
        let ours = Summary::of(numbers(&case["values"]));
        same(ours.mean.unwrap(), &case["mean"], 1e-12);
        same(ours.sd.unwrap(), &case["sd"], 1e-12);
        ends(ours.interval(), &case["low_high"], 1e-9);
    }
}

#[test]
fn paired_differences_with_p_and_effect_size() {
    for case in figures("paired") {
        let ours = Paired::of(&keyed(&numbers(&case["a"])), &keyed(&numbers(&case["b"])));
        same(ours.difference.mean.unwrap(), &case["difference"], 1e-9);
        ends(ours.difference.interval(), &case["low_high"], 1e-9);
        same(ours.t.unwrap(), &case["t"], 1e-9);
        same(ours.p.unwrap(), &case["p"], 1e-8);
        same(ours.d_z.unwrap(), &case["d_z"], 1e-9);
        assert_eq!(ours.g_z.is_none(), case["g_z"].is_null());
        if let Some(corrected) = ours.g_z {
            same(corrected, &case["g_z"], 1e-9);
        }
    }
}

#[test]
fn holm_as_in_statsmodels() {
    for case in figures("holm") {
        let ours = holm(&numbers(&case["p"]));
        let theirs = numbers(&case["corrected"]);
        assert_eq!(ours.len(), theirs.len());
        for (our, their) in ours.iter().zip(&theirs) {
            assert!((our - their).abs() < 1e-12, "{ours:?} is not {theirs:?}");
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn statistic(case: &Json) -> fn(&[f64]) -> f64 {
    match case["statistic"].as_str().unwrap() {
        "mean" => mean,
        "median" => median,
        other => panic!("{other} is not known here"),
    }
}

#[test]
fn bca_from_the_same_replicates_is_the_same() {
    for case in figures("bca") {
        let (values, statistic) = (numbers(&case["values"]), statistic(&case));
        let left_out: Vec<f64> = (0..values.len())
            .map(|out| statistic(&[&values[..out], &values[out + 1..]].concat()))
            .collect();
        let ours = bca_from(statistic(&values), &numbers(&case["replicates"]), &left_out);
        ends(ours, &case["low_high"], 1e-8);
    }
}

#[test]
fn bca_with_draws_of_its_own_agrees_but_for_chance() {
    let draws = Draws {
        seed: 0,
        name: "reference",
        resamples: 50_000,
    };
    for case in figures("bca") {
        let ours = bca(&numbers(&case["values"]), statistic(&case), draws);
        ends(ours, &case["many_low_high"], 0.02);
    }
}

#[test]
fn interquartile_mean_and_its_stratified_interval() {
    let draws = Draws {
        seed: 0,
        name: "reference",
        resamples: 50_000,
    };
    for case in figures("iqm") {
        let tasks: Vec<Vec<f64>> = case["tasks"].as_array().unwrap().iter().map(numbers).collect();
        same(iqm(&tasks.concat()).unwrap(), &case["iqm"], 1e-12);
        ends(
            iqm_interval(&tasks, Resample::EachTask, draws),
            &case["many_low_high"],
            0.02,
        );
    }
}

#[test]
fn rank_correlations_and_their_p_values() {
    let draws = Draws {
        seed: 0,
        name: "reference",
        resamples: 20_000,
    };
    for case in figures("correlation") {
        let pairs: Vec<(f64, f64)> = numbers(&case["x"]).into_iter().zip(numbers(&case["y"])).collect();
        let ours = Correlation::of(&pairs, draws);
        same(ours.rho.unwrap(), &case["rho"], 1e-12);
        same(ours.tau.unwrap(), &case["tau"], 1e-12);
        for (our, name) in [(ours.p, "p"), (ours.tau_p, "tau_p")] {
            if !case[name].is_null() {
                same(our.unwrap(), &case[name], 1e-9);
            }
        }
        // By drawn permutations: within the sampling error of 20,000 of them of what scipy has.
        for (our, name) in [(ours.p, "p_student"), (ours.tau_p, "tau_p_exact")] {
            if let Some(p) = case.get(name).and_then(Json::as_f64) {
                let error = 4.0 * (p * (1.0 - p) / 20_000.0).sqrt() + 0.004 + 0.05 * p;
                assert!((our.unwrap() - p).abs() < error, "{our:?} is not {p}");
            }
        }
    }
}
