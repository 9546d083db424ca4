//! What may be compared, and in which order it stands: decided by configurations, whatever the axes are called.

use serde_json::{Value as Json, json};

use super::testing::{assert_well_formed, body, panel_names, panels, picture, ratios, report, run};
use super::*;
use crate::store::rows::Status;

/// Named points by three seeds whose configurations get `change`.
fn named(axis: &str, names: [&str; 2], change: impl Fn(&mut Json, usize)) -> ReportData {
    let mut runs = vec![];
    for (i, name) in names.into_iter().enumerate() {
        for seed in 0..3 {
            let base = 0.01 * seed as f64 + 0.1 * i as f64 + 0.001 * (seed * i as i64) as f64;
            let metrics = [
                ("val_loss", 0.4 + base),
                ("eval_mse", 0.03 + base / 10.0),
                ("knn_accuracy", 0.3 + base),
                ("untrained_knn_accuracy", 0.2 + base),
            ];
            let mut report = run(i as i64 * 3 + seed, json!({ axis: name }), seed, &metrics);
            change(&mut report.run.config, i);
            runs.push(report);
        }
    }
    report(json!([{"key": axis, "values": names}]), runs)
}

#[test]
fn cases_that_differ_in_masks_are_not_compared_by_their_own_loss() {
    let data = named("case", ["random", "block"], |config, i| {
        config["mask"] = [
            json!({"strategy": "random", "ratio": 0.75}),
            json!({"strategy": "block", "ratio": 0.75, "random_offset": true}),
        ][i]
            .clone();
    });
    let page = html(&data).unwrap();
    assert!(page.contains("Validation loss<sup>†</sup>") && !page.contains("<b>0.410"));
    assert!(
        page.contains("each row is measured under its own training masks, and some masks"),
        "{}",
        body(&page)
    );
    assert!(
        page.contains("<b>0.0310 ± 0.0025</b>") && page.contains("<b>41.1 ± 2.7</b>"),
        "common masks stay comparable"
    );
    assert!(page.contains("untrained encoder"), "the network is the same");
    let tex = latex(&data);
    assert!(
        tex.contains("Validation loss$^\\dagger$") && !tex.contains("textbf{0.410"),
        "{tex}"
    );
}

#[test]
fn cases_that_differ_in_training_alone_are_compared() {
    let data = named("case", ["slow", "fast"], |config, i| {
        config["train"]["blr"] = json!([1e-3, 1e-2][i]);
        config["data"] = json!({"kind": "photos", "workers": i});
    });
    let page = html(&data).unwrap();
    assert!(
        !page.contains('†') && page.contains("<b>0.410 ± 0.025</b>"),
        "{}",
        body(&page)
    );
}

#[test]
fn models_with_other_patches_are_not_compared_by_pixels() {
    let data = named("model", ["large", "huge"], |config, i| {
        config["model"] = json!({"variant": (["large", "huge"][i]), "patch_size": ([16, 14][i])});
    });
    let page = html(&data).unwrap();
    assert!(page.contains("Validation loss<sup>†</sup>") && page.contains("MSE<sup>†</sup>"));
    assert!(!page.contains("k-NN accuracy (%)<sup>†</sup>") && page.contains("<b>41.1 ± 2.7</b>"));
    assert!(page.contains("trials differ in model.patch_size, which changes what is measured"));
    assert!(
        page.contains("untrained, large") && page.contains("untrained, huge") && !page.contains("untrained encoder<"),
        "encoders of two sizes are not averaged"
    );
    assert_eq!(panel_names(&data), ["knn_accuracy", "curve_val_loss"],);
}

#[test]
fn models_with_the_same_patches_are_compared() {
    let data = named("model", ["nano", "tiny"], |config, i| {
        config["model"] = json!({"patch_size": 8, "embed_dim": ([64, 96][i])});
    });
    let page = html(&data).unwrap();
    assert!(!page.contains('†') && page.contains("untrained, nano") && page.contains("untrained, tiny"));
}

#[test]
fn groups_stand_in_the_order_of_the_axes() {
    let point = |strategy: &str, ratio: f64, i| run(i, json!({"mask.strategy": strategy, "mask.ratio": ratio}), 0, &[]);
    let data = report(
        json!([{"key": "mask.strategy", "values": ["random", "block"]}, {"key": "mask.ratio", "values": [0.9, 0.5]}]),
        vec![
            point("grid", 0.5, 0),
            point("block", 0.5, 0),
            point("comb", 0.5, 1),
            point("random", 0.75, 1),
            point("random", 0.5, 2),
            point("random", 0.9, 2),
        ],
    );
    let groups = json(&data)["groups"].clone();
    let labels: Vec<_> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|g| g["label"].as_str().unwrap())
        .collect();
    assert_eq!(
        labels,
        [
            "strategy random, ratio 0.9",
            "strategy random, ratio 0.5",
            "strategy random, ratio 0.75",
            "strategy block, ratio 0.5",
            "strategy comb, ratio 0.5",
            "strategy grid, ratio 0.5",
        ]
    );
}

#[test]
fn the_gallery_says_whose_pictures_it_shows() {
    let mut data = ratios(0.1);
    for run in &mut data.runs {
        run.pictures = vec![picture("original", 0.0, b"o"), picture("reconstruction", 2.0, b"r")];
    }
    assert!(
        html(&data)
            .unwrap()
            .contains("Held-out pictures after training, seed 0.")
    );
    data.runs[3].run.status = Status::Failed;
    assert!(
        html(&data)
            .unwrap()
            .contains("of the first finished trial with pictures of each swept point (seeds 0 and 1, from left)")
    );
    data.runs[4].run.status = Status::Diverged;
    data.runs[5].run.status = Status::Running;
    let page = html(&data).unwrap();
    assert!(page.contains("No trial with pictures has finished for 0.75."));
}

#[test]
fn filling_with_patch_means_is_drawn_where_it_fits_and_said_elsewhere() {
    let with = |fill: f64| {
        let mut data = ratios(0.1);
        for (i, run) in data.runs.iter_mut().enumerate() {
            run.run.config["model"] = json!({"norm_pix_loss": true});
            let other = super::testing::run(i as i64, json!({}), 0, &[("mean_fill_mse", fill)]);
            run.metrics.extend(other.metrics);
        }
        data
    };
    let panel = |data: &ReportData| panels(data).into_iter().find(|f| f.0 == "eval_mse").unwrap().1;
    let near = with(0.035);
    assert!(panel(&near).contains("patch means"));
    assert!(
        html(&near)
            .unwrap()
            .contains("Patch means: every hidden patch filled with its own mean.")
    );
    let far = with(0.4);
    assert!(!panel(&far).contains("patch means"));
    assert!(
        html(&far)
            .unwrap()
            .contains("Filling every hidden patch with its own mean (MSE 0.4000) lies outside the axes.")
    );
}

#[test]
fn metrics_measured_only_before_and_after_have_no_curve() {
    let mut data = ratios(0.1);
    for run in &mut data.runs {
        let mut before = run.metrics.iter().find(|m| m.name == "knn_accuracy").unwrap().clone();
        (before.step, before.epoch) = (0, 0.0);
        run.metrics.insert(0, before);
    }
    let curves = |data: &ReportData| {
        panel_names(data)
            .into_iter()
            .filter(|n| n.starts_with("curve_"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        curves(&data),
        ["curve_val_loss", "curve_knn_accuracy"],
        "nothing else to draw"
    );
    let mut between = data.runs[0]
        .metrics
        .iter()
        .find(|m| m.name == "val_loss")
        .unwrap()
        .clone();
    (between.step, between.epoch) = (40, 1.0);
    data.runs[0].metrics.push(between);
    assert_eq!(curves(&data), ["curve_val_loss"]);
}

#[test]
fn times_are_shown_to_the_minute() {
    let mut data = ratios(0.1);
    data.generated_at = "2026-11-22T06:31:59.831Z".into();
    let page = html(&data).unwrap();
    assert_well_formed(&page);
    assert_eq!(
        page.matches("22 November 2026, 06:31 UTC").count(),
        2,
        "header and footer"
    );
    assert!(page.contains("started on 1 January 2026, 00:00 UTC"));
}
