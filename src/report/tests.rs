//! The report as a whole: hostile names, missing and broken numbers, every group present, well-formed output.

use serde_json::{Value as Json, json};

use super::testing::{assert_well_formed, body, panel_names, picture, ratios, report, run};
use super::*;
use crate::store::rows::{MetricPoint, Status};

#[test]
fn every_group_stands_in_the_table_with_mean_interval_and_n() {
    let page = html(&ratios(0.1)).unwrap();
    assert_well_formed(&page);
    for cell in [
        "<th class=\"l\" scope=\"row\">0.5</th><td>3</td>",
        "<th class=\"l\" scope=\"row\">0.75</th><td>3</td>",
        "31.0 ± 2.5",
        "41.0 ± 0.0",
    ] {
        assert!(page.contains(cell), "{cell} is missing");
    }
    assert!(page.contains("untrained encoder") && page.contains("21.0 ± 2.5"));
    assert!(
        page.contains("<td>31.0</td><td>1.0</td><td>28.5 to 33.5</td>"),
        "mean, sd and interval stand below the table"
    );
}

#[test]
fn the_best_is_bold_in_comparable_columns_only() {
    let page = html(&ratios(0.1)).unwrap();
    assert!(page.contains("<b>41.0 ± 0.0</b>"), "k-NN: highest");
    assert!(page.contains("<b>0.0302 ± 0.0005</b>"), "MSE: lowest");
    assert!(
        !page.contains("<b>0.410 ± 0.025</b>"),
        "own-mask loss is not compared across ratios"
    );
    assert!(page.contains("Validation loss<sup>†</sup>"));
    assert!(page.contains("in bold only where its difference from the next, paired by seed, holds"));
}

#[test]
fn nothing_is_bold_where_the_seeds_do_not_separate_the_best() {
    let data = ratios(0.005);
    let page = html(&data).unwrap();
    assert!(
        page.contains("<td>31.5 ± 0.0</td>") && !page.contains("<b>31.5"),
        "{}",
        body(&page)
    );
    assert!(
        page.contains("No value of PSNR or k-NN accuracy is bold: the seeds do not separate the best from the next.")
    );
    assert!(page.contains("<b>0.0302 ± 0.0005</b>"), "the error is still told apart");
    let tex = latex(&data);
    assert!(
        !tex.contains("\\textbf{31.5") && tex.contains("No value of PSNR or k-NN accuracy is bold"),
        "{tex}"
    );
}

#[test]
fn differences_from_the_baseline_have_a_table() {
    let page = html(&ratios(0.1)).unwrap();
    assert!(page.contains("<b>Table 2.</b> Differences from a baseline, paired by seed"));
    assert!(page.contains("<b>k-NN accuracy (%)</b>, against mask.ratio = 0.5 (31.0)"));
    let row = "<td>3</td><td>+10.00</td><td>7.52 to 12.48</td><td>0.003</td><td>+5.64</td><td class=\"l\">better</td>";
    assert!(page.contains(row), "{}", body(&page));
    assert!(page.contains("<b>Table 3.</b> All trials"));
}

#[test]
fn a_hostile_baseline_is_escaped() {
    let mut data = ratios(0.1);
    data.sweep.settings = json!({"baseline": "<script>alert('x')</script>"});
    let page = html(&data).unwrap();
    assert!(page.contains("No swept point is called") && !page.contains("<script>alert"));
    assert_well_formed(&page);
}

#[test]
fn findings_do_not_claim_what_the_seeds_do_not_show() {
    let within = html(&ratios(0.005)).unwrap();
    assert!(
        within.contains("includes zero (p\u{a0}=\u{a0}0.478), so the seeds do not separate the two"),
        "{}",
        body(&within)
    );
    let beyond = html(&ratios(0.1)).unwrap();
    assert!(
        beyond.contains(
            "(n\u{a0}=\u{a0}3), has a 95\u{a0}% interval of 7.52 to 12.48, which excludes zero (p\u{a0}=\u{a0}0.003)"
        ),
        "{}",
        body(&beyond)
    );
    assert!(
        beyond.contains("Few seeds: with 3 shared ones, only a mean difference of at least 2.5 times"),
        "{}",
        body(&beyond)
    );
}

#[test]
fn training_that_does_not_help_is_said() {
    let mut data = ratios(0.0);
    for point in data
        .runs
        .iter_mut()
        .flat_map(|r| &mut r.metrics)
        .filter(|m| m.name == "knn_accuracy")
    {
        point.value = 0.15;
    }
    let page = html(&data).unwrap();
    assert!(
        page.contains("training did not help even at the best point"),
        "{}",
        body(&page)
    );
    assert!(page.contains("No trial ended above its own untrained encoder."));
}

#[test]
fn hostile_text_is_escaped_everywhere() {
    let evil = "<script>alert('x')</script>\"&";
    let point = json!({"mask.strategy": evil});
    let mut first = run(0, point.clone(), 0, &[("val_loss", 0.5), ("knn_accuracy", 0.4)]);
    first.run.error = evil.into();
    first.run.label = evil.into();
    first.run.warnings = json!([evil]);
    first.run.environment = json!({ evil: evil });
    first.pictures = vec![picture("original", 0.0, b"o"), picture("reconstruction", 2.0, b"r")];
    first.pictures.iter_mut().for_each(|p| p.caption = evil.into());
    let second = run(
        1,
        json!({"mask.strategy": "grid"}),
        0,
        &[("val_loss", 0.5), ("knn_accuracy", 0.5)],
    );
    let mut data = report(
        json!([{"key": "mask.strategy", "values": [evil, "grid"]}]),
        vec![first, second],
    );
    data.sweep.name = evil.into();
    data.sweep.question = evil.into();
    data.sweep.analysis = evil.into();
    data.sweep.file = evil.into();
    data.strategies = vec![StrategyNote {
        id: evil.into(),
        summary: evil.into(),
        source: evil.into(),
    }];
    let page = html(&data).unwrap();
    assert_eq!(page.matches("<script").count(), 1, "the page's own");
    assert_well_formed(&page);
    for figure in paper::figures(&data).unwrap() {
        let svg = &figure.printed.svg;
        assert!(!svg.contains("<script"), "unescaped in {}", figure.name());
        assert_well_formed(svg);
    }
    let evil_tex = latex(&ReportData { runs: vec![], ..data });
    assert!(
        evil_tex.contains("$<$script$>$") && evil_tex.contains("\\&"),
        "{evil_tex}"
    );
}

#[test]
fn broken_numbers_are_shown_and_counted() {
    let mut data = ratios(0.1);
    data.runs[0]
        .metrics
        .iter_mut()
        .filter(|m| m.name == "knn_accuracy")
        .for_each(|m| m.value = f64::NAN);
    data.runs[1]
        .metrics
        .iter_mut()
        .filter(|m| m.name == "eval_mse")
        .for_each(|m| m.value = f64::INFINITY);
    let page = html(&data).unwrap();
    assert!(
        page.contains("2 values are left out of the means for being NaN or infinite."),
        "{}",
        body(&page)
    );
    assert!(page.contains("<td>NaN</td>") && page.contains("<td>∞</td>"));
    assert_well_formed(&page);
    assert!(csv(&data).lines().nth(1).unwrap().contains("NaN"));
    assert_eq!(json(&data)["runs"][0]["metrics"]["knn_accuracy"], "NaN");
    assert_eq!(json(&data)["runs"][1]["metrics"]["eval_mse"], "inf");
}

#[test]
fn failed_trials_are_listed_and_left_out_of_means() {
    let mut data = ratios(0.1);
    data.runs[3].run.status = Status::Failed;
    data.runs[3].run.error = "read pictures/a.jpg: unexpected end".into();
    data.runs[4].run.status = Status::Diverged;
    let page = html(&data).unwrap();
    assert!(page.contains("Of 6 trials, 4 finished, 1 diverged and 1 failed."));
    assert!(page.contains("<td>1 of 3</td>") && page.contains("read pictures/a.jpg: unexpected end"));
    assert!(
        page.contains("<b>Table 2.</b> Trials that did not end as planned")
            && page.contains("<b>Table 3.</b> All trials")
    );
}

#[test]
fn sweeps_of_every_shape_render() {
    let metrics = [
        ("val_loss", 0.5),
        ("eval_mse", 0.03),
        ("knn_accuracy", 0.4),
        ("train_loss", 1e300),
    ];
    let two = |a: Json, b: Json, i: i64| run(i, json!({"mask.strategy": a, "train.blr": b}), i, &metrics);
    let shapes = [
        report(json!([]), vec![]),
        report(Json::Null, vec![run(0, json!({}), 0, &metrics)]),
        report(json!([]), vec![run(0, json!({}), 0, &[])]),
        report(
            json!([{"key": "model.norm_pix_loss"}]),
            vec![
                run(0, json!({"model.norm_pix_loss": true}), 0, &metrics),
                run(1, json!({"model.norm_pix_loss": false}), 0, &metrics),
            ],
        ),
        report(
            json!([{"key": "mask.strategy", "values": ["a", "b"]}, {"key": "train.blr", "values": [1e-5, 1e-2]}]),
            vec![
                two(json!("a"), json!(1e-5), 0),
                two(json!("a"), json!(1e-2), 1),
                two(json!("b"), json!(1e-5), 2),
                two(json!("b"), json!(1e-2), 3),
            ],
        ),
    ];
    for data in shapes {
        assert_well_formed(&html(&data).unwrap());
        assert_eq!(csv(&data).lines().count(), data.runs.len() + 1);
        assert!(latex(&data).contains("\\bottomrule"));
        assert_eq!(json(&data)["runs"].as_array().map(Vec::len), Some(data.runs.len()));
    }
}

#[test]
fn the_gallery_shows_original_and_mask_once_and_every_group() {
    let mut data = ratios(0.1);
    for (i, name) in [(0_usize, b"half"), (3, b"most")] {
        data.runs[i].pictures = vec![
            picture("original", 0.0, b"original"),
            picture("masked", 0.0, b"masked"),
            picture("reconstruction", 0.0, b"grey"),
            picture("reconstruction", 2.0, name),
            picture("pasted", 2.0, b"pasted"),
        ];
    }
    let page = html(&data).unwrap();
    let page = page.split_once("class=\"explorer\"").unwrap().0;
    let uri = |png: &[u8]| {
        use base64::Engine as _;
        format!("base64,{}\"", base64::engine::general_purpose::STANDARD.encode(png))
    };
    assert_eq!(page.matches(&uri(b"masked")).count(), 1);
    assert_eq!(page.matches(&uri(b"half")).count(), 1);
    assert_eq!(
        page.matches(&uri(b"most")).count(),
        2,
        "across groups, and at the end of training of the best group"
    );
    assert_eq!(page.matches(&uri(b"grey")).count(), 1, "epoch 0 of the best group");
    assert!(page.contains("alt=\"cat: reconstruction, 0.75, epoch 2\""));
}

#[test]
fn masks_that_differ_between_groups_get_their_own_row() {
    let mut data = ratios(0.1);
    for (i, mask) in [(0_usize, b"mask a"), (3, b"mask b")] {
        data.runs[i].pictures = vec![picture("masked", 0.0, mask), picture("reconstruction", 2.0, b"r")];
    }
    let page = html(&data).unwrap();
    assert!(page.contains("Other columns, from top: what the encoder sees under the evaluation mask"));
    assert!(page.contains("alt=\"cat: masked, 0.5, epoch 0\"") && page.contains("alt=\"cat: masked, 0.75, epoch 0\""));
}

#[test]
fn the_page_is_self_contained() {
    let page = html(&ratios(0.1)).unwrap();
    for outside in ["http:", "https:", "<script src", "@import", "src=\"/", "url("] {
        assert!(!page.contains(outside), "{outside} in the page");
    }
}

#[test]
fn exports_carry_the_same_numbers() {
    let data = ratios(0.1);
    let table = csv(&data);
    let mut lines = table.split("\r\n");
    let head = "id,label,status,seed,mask.ratio,chance_accuracy,eval_mse,eval_psnr,knn_accuracy,untrained_knn_accuracy,val_loss,wall_seconds,error";
    assert_eq!(lines.next(), Some(head));
    assert!(
        lines
            .next()
            .is_some_and(|l| l.starts_with("run0,") && l.ends_with(",finished,0,0.5,0.1,0.04,14,0.3,0.2,0.4,65,")),
        "{table}"
    );
    assert!(
        latex(&data).contains("\\textbf{41.0 \\boldmath$\\pm$ 0.0} \\\\"),
        "{}",
        latex(&data)
    );
    assert!(
        latex(&data).contains("% 0.75 | PSNR (dB) | 3 | 15 | 0 | 15 | 15\n"),
        "{}",
        latex(&data)
    );
    let groups = json(&data)["groups"].clone();
    assert_eq!(
        groups[1]["metrics"]["eval_psnr"],
        json!({"n": 3, "non_finite": 0, "mean": 15.0, "sd": 0.0, "ci95": 0.0, "ci_low": 15.0, "ci_high": 15.0})
    );
    assert_eq!(panel_names(&data), ["knn_accuracy", "eval_mse", "curve_val_loss"]);
}

#[test]
fn long_curves_are_thinned_and_said_to_be() {
    let mut data = ratios(0.1);
    data.runs[0].metrics.extend((0..5000).map(|i| MetricPoint {
        name: "train_loss".into(),
        step: i,
        epoch: i as f64 / 100.0,
        value: 1.0 + (i % 9) as f64,
    }));
    let page = html(&data).unwrap();
    assert!(page.contains("Curves of more than 300 points are thinned to the lowest and highest value"));
    assert!(page.len() < 200_000, "{}", page.len());
}
