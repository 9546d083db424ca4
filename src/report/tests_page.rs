//! The page's interaction and its parts: everything is in the page without its script, whatever the names and numbers are.

use serde_json::json;

use super::testing::{assert_well_formed, body, picture, ratios, report, run};
use super::*;
use crate::store::rows::{MetricPoint, Status};

/// A PNG of 8 x 8 pixels in one grey.
fn grey(value: u8) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(vec![]);
    let pixels = image::RgbImage::from_pixel(8, 8, image::Rgb([value; 3]));
    pixels.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Two ratios with pictures before training and after.
fn drawn() -> ReportData {
    let mut data = ratios(0.1);
    for (i, end) in [(0_usize, 30), (3, 61)] {
        data.runs[i].run.config["model"] = json!({"patch_size": 4});
        data.runs[i].pictures = vec![
            picture("original", 0.0, &grey(10)),
            picture("masked", 0.0, &grey(127)),
            picture("reconstruction", 0.0, &grey(255)),
            picture("reconstruction", 2.0, &grey(end)),
        ];
    }
    data
}

fn explorer(page: &str) -> &str {
    let start = page.split_once("class=\"explorer\"").expect("there is an explorer").1;
    start.split_once("</figure>").unwrap().0
}

#[test]
fn the_explorer_holds_every_picture_epoch_and_group_with_errors() {
    let page = html(&drawn()).unwrap();
    assert_well_formed(&page);
    let explorer = explorer(&page);
    assert_eq!(explorer.matches("class=\"stage\"").count(), 2, "epochs 0 and 2");
    assert_eq!(explorer.matches("class=\"cell\"").count(), 4, "two groups at each");
    assert_eq!(
        explorer.matches(": original, epoch 0").count(),
        2,
        "once: alt and title"
    );
    // |30 − 10| / 255 and |61 − 10| / 255, the latter at the dark end.
    for text in [
        "error 0.078",
        "error 0.200",
        "to 0.200 and more",
        "<option value=\"1\">0.75</option>",
        "epoch 2",
    ] {
        assert!(explorer.contains(text), "{text} in {explorer}");
    }
    assert!(explorer.contains("alt=\"cat: error map, 0.75, epoch 2\""));
    assert!(
        explorer.contains("<form class=\"controls\" hidden"),
        "useless without the script"
    );
}

#[test]
fn pictures_that_are_no_pictures_have_no_error_map() {
    let mut data = drawn();
    data.runs
        .iter_mut()
        .flat_map(|r| &mut r.pictures)
        .for_each(|p| p.png = b"broken".to_vec());
    let page = html(&data).unwrap();
    assert!(!explorer(&page).contains("error map") && explorer(&page).contains("class=\"cell\""));
}

#[test]
fn the_explorer_stays_small() {
    let mut data = drawn();
    let large = |epoch: i32| picture("reconstruction", f64::from(epoch), &vec![7; 100_000]);
    for i in [0, 3] {
        data.runs[i].pictures.extend((3..60).map(large));
    }
    let page = html(&data).unwrap();
    assert!(page.contains("Some epochs or pictures are left out"));
    assert!(page.len() < 9 << 20, "{}", page.len());
}

#[test]
fn one_script_runs_and_its_hash_is_the_policy() {
    let mut data = drawn();
    let evil = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&";
    data.sweep.name = evil.into();
    data.sweep.expect = evil.into();
    data.sweep.analysis = evil.into();
    for run in &mut data.runs {
        run.run.label = evil.into();
        run.run.id = evil.into();
        run.run.identity = evil.into();
        run.run.config[evil] = json!(evil);
        run.run.environment = json!({ evil: evil, "command": format!("mae-exp {evil}") });
        run.pictures.iter_mut().for_each(|p| p.caption = evil.into());
        run.metrics.extend([0, 1].map(|step| MetricPoint {
            name: evil.into(),
            step,
            epoch: step as f64,
            value: 1.0,
        }));
    }
    let page = html(&data).unwrap();
    assert_well_formed(&page);
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.contains(&policy::policy(policy::SCRIPT).replace('\'', "&#39;")));
    assert!(!page.contains("<img src=x"), "markup in names is text");
    assert!(page.contains("default-src &#39;none&#39;"));
}

#[test]
fn keys_with_quotes_and_values_that_are_no_numbers_render() {
    let key = "mask.\"odd' key\"<b>";
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5];
    let one = |(i, v): (usize, &f64)| {
        let mut run = run(
            i as i64,
            json!({ key: i }),
            0,
            &[("knn_accuracy", *v), ("eval_mse", *v)],
        );
        let point = |step: i64, value: f64| MetricPoint {
            name: "train_loss".into(),
            step,
            epoch: step as f64,
            value,
        };
        run.metrics
            .extend([point(0, f64::NAN), point(1, *v), point(2, f64::INFINITY)]);
        run
    };
    let data = report(
        json!([{"key": key, "values": [0, 1, 2, 3]}]),
        values.iter().enumerate().map(one).collect(),
    );
    let page = html(&data).unwrap();
    assert_well_formed(&page);
    assert!(
        page.contains("NaN → ∞ (never finite)"),
        "a curve without a finite value is named"
    );
    assert!(
        page.contains("mask.&#34;odd&#39; key&#34;&#60;b&#62;"),
        "{}",
        body(&page)
    );
}

#[test]
fn only_failures_and_nothing_at_all_render() {
    let mut data = ratios(0.1);
    for run in &mut data.runs {
        run.run.status = Status::Failed;
        run.run.error = "no memory".into();
        run.metrics.clear();
    }
    let page = html(&data).unwrap();
    assert_well_formed(&page);
    assert_eq!(body(&page).matches("<details class=\"trial\">").count(), 6);
    let empty = html(&report(json!([]), vec![])).unwrap();
    assert_well_formed(&empty);
    assert!(!empty.contains("<details class=\"trial\">") && !empty.contains("class=\"explorer\""));
}

#[test]
fn every_trial_in_the_list_links_to_its_section() {
    let page = html(&ratios(0.1)).unwrap();
    for i in 0..6 {
        assert_eq!(page.matches(&format!("href=\"#trial-{i}\"")).count(), 1);
        assert_eq!(page.matches(&format!("<div id=\"trial-{i}\">")).count(), 1);
    }
    assert!(page.contains("<td data-v=\"65\">1 min 05 s</td>"), "sorted by seconds");
}

#[test]
fn figures_over_several_keys_are_numbered_with_the_others() {
    let runs = [0.25, 0.5]
        .into_iter()
        .flat_map(|ratio| [1e-4, 1e-3].map(|blr| (ratio, blr)));
    let runs = runs.enumerate().map(|(i, (ratio, blr))| {
        run(
            i as i64,
            json!({"mask.ratio": ratio, "train.blr": blr}),
            0,
            &[("knn_accuracy", ratio + blr), ("val_loss", 0.1)],
        )
    });
    let data = report(json!([]), runs.collect());
    let page = html(&data).unwrap();
    assert_well_formed(&page);
    for text in [
        "<b>Figure 2.</b> k-NN accuracy (%) against each swept key",
        "<b>Figure 3.</b> k-NN accuracy",
        "<b>Figure 4.</b> Importance of each swept key",
    ] {
        assert!(page.contains(text), "{text}: {}", body(&page));
    }
    let printed = paper::figures(&data).unwrap();
    for stem in ["importance", "keys_heat_map"] {
        assert!(printed.iter().any(|f| f.stem == stem), "{stem}");
    }
}
