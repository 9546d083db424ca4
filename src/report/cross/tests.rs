//! What the cross table marks, compares and says.

use serde_json::json;

use super::*;
use crate::eval::cross::CROSS;
use crate::report::data::ReportData;
use crate::report::testing::{evaluation, ratios, report, run};
use crate::store::rows::MetricPoint;

/// Two strategies by two seeds: each is lowest under its own masks, random by about the same with both seeds, block by exactly
/// the same, which shows nothing of the spread.
fn data() -> ReportData {
    let errors = [[("random", 0.02), ("block", 0.05)], [("random", 0.03), ("block", 0.04)]];
    let mut runs = vec![];
    for (i, strategy) in ["random", "block"].into_iter().enumerate() {
        for seed in 0..2 {
            let noise = |name: &str| if (i, name) == (1, "random") { 0.0022 } else { 0.002 };
            let named = |(name, value): (&str, f64)| (format!("{CROSS}/{name}"), value + noise(name) * seed as f64);
            let fills = ["random", "block"].map(|name| (format!("fill_nearest_mse/{name}"), 0.06));
            let metrics: Vec<(String, f64)> = errors[i].map(named).into_iter().chain(fills).collect();
            let metrics: Vec<(&str, f64)> = metrics.iter().map(|(n, v)| (n.as_str(), *v)).collect();
            let mut run = run(i as i64 * 2 + seed, json!({"mask.strategy": strategy}), seed, &metrics);
            run.run.config["mask"] = json!({"strategy": strategy, "ratio": 0.75});
            run.run.config["eval"] = json!({"cross": ["block", "random"]});
            runs.push(run);
        }
    }
    report(json!([{"key": "mask.strategy", "values": ["random", "block"]}]), runs)
}

#[test]
fn columns_follow_the_configuration_and_cells_are_means_over_seeds() {
    let data = data();
    let groups = Groups::of(&data);
    let table = build(&groups).unwrap();
    assert_eq!(table.columns, ["block", "random"]);
    let texts = |row: &CrossRow| row.cells.iter().map(|c| c.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&table.rows[0]), ["0.0510 ± 0.0127", "0.0210 ± 0.0127"]);
    assert_eq!(texts(&table.rows[1]), ["0.0410 ± 0.0127", "0.0311 ± 0.0140"]);
    assert_eq!(table.fills.len(), 1, "the other fill was not recorded");
    assert_eq!(table.fills[0].cells[0].text, "0.0600");
}

#[test]
fn the_diagonal_is_framed_and_the_lowest_is_bold_where_its_lead_holds() {
    let data = data();
    let groups = Groups::of(&data);
    let table = build(&groups).unwrap();
    let marks = |of: fn(&CrossCell) -> bool| -> Vec<Vec<bool>> {
        table.rows.iter().map(|r| r.cells.iter().map(of).collect()).collect()
    };
    assert_eq!(marks(|c| c.own), [[false, true], [true, false]]);
    assert_eq!(marks(|c| c.best), [[false, true], [false, false]]);
    assert!(
        table
            .caption(&groups)
            .contains("Bold: lowest of its column where its lead over the next holds")
    );
    let finding = table.finding().unwrap();
    assert!(
        finding.starts_with(
            "Of 2 kinds of masks, random has the lowest mean error under 1, and under 2 it is lowest for the model"
        ) && finding.contains("the seeds separate the lowest from the next under 1 of them"),
        "{finding}"
    );
    let matrix = table.matrix();
    assert_eq!(
        (matrix.ends[0].1.as_str(), matrix.ends[1].1.as_str()),
        ("0.0210", "0.0510")
    );
    assert_eq!(
        matrix.rows.iter().map(|r| r.apart).collect::<Vec<_>>(),
        [false, false, true]
    );
    assert!(matrix.rows[0].cells[1].framed && matrix.rows[0].cells[1].bold);
}

#[test]
fn rows_that_measure_something_else_are_not_compared() {
    let mut data = data();
    data.runs
        .iter_mut()
        .for_each(|r| r.run.config["model"] = json!({"patch_size": 8}));
    data.runs[3].run.config["model"] = json!({"patch_size": 4});
    data.runs[3].metrics.iter_mut().for_each(|m| m.value += 1.0);
    let groups = Groups::of(&data);
    let table = build(&groups).unwrap();
    assert!(table.rows.iter().flat_map(|r| &r.cells).all(|c| !c.best));
    assert!(table.fills.is_empty(), "fills of other pictures differ");
    assert!(table.finding().is_none() && table.caption(&groups).contains("not comparable"));
}

#[test]
fn without_such_metrics_there_is_no_table() {
    let plain = ratios(0.1);
    assert_eq!(build(&Groups::of(&plain)), None);
    assert!(definitions(&plain.runs).is_empty());
    assert_eq!(definitions(&data().runs).len(), 2);
}

#[test]
fn a_column_is_a_models_own_where_strategy_and_parameters_are_the_same() {
    let mut data = data();
    let columns = json!([{"name": "block", "strategy": "block", "random_offset": true}, "random"]);
    data.runs
        .iter_mut()
        .for_each(|r| r.run.config["eval"]["cross"] = columns.clone());
    let own = |data: &ReportData| -> Vec<bool> {
        let table = build(&Groups::of(data)).unwrap();
        table.rows.iter().map(|row| row.cells[0].own).collect()
    };
    assert_eq!(own(&data), [false, false], "trained without the offset");
    let mask = json!({"strategy": "block", "ratio": 0.5, "random_offset": true});
    data.runs[2..]
        .iter_mut()
        .for_each(|r| r.run.config["mask"] = mask.clone());
    assert_eq!(own(&data), [false, true]);
    // Where one name stands for two kinds of masks, its rows are not compared.
    assert!(build(&Groups::of(&data)).unwrap().leaders[0].is_some());
    data.runs[3].run.config["eval"]["cross"][0]["random_offset"] = json!(false);
    let table = build(&Groups::of(&data)).unwrap();
    assert_eq!(
        (table.leaders[0], table.leaders[1].map(|leader| leader.1)),
        (None, Some(true))
    );
}

#[test]
fn without_a_lead_nothing_is_bold() {
    let mut data = data();
    let random = |name: &str| name == format!("{CROSS}/random");
    data.runs[3]
        .metrics
        .iter_mut()
        .filter(|m| random(&m.name))
        .for_each(|m| m.value = 0.0221);
    let groups = Groups::of(&data);
    let table = build(&groups).unwrap();
    assert!(table.rows.iter().flat_map(|r| &r.cells).all(|c| !c.best));
    assert!(
        table.caption(&groups).contains("No value is bold"),
        "{}",
        table.caption(&groups)
    );
    assert!(table.finding().unwrap().contains("under none of them"));
}

/// The same runs with figures of similarity, of which more is better, and of a fill.
fn similar() -> ReportData {
    let mut data = data();
    for run in &mut data.runs {
        let add = |point: &MetricPoint| {
            let label = point.name.strip_prefix(&format!("{CROSS}/"))?;
            let named = |name: String, value| MetricPoint {
                name,
                value,
                ..point.clone()
            };
            let fill = named(format!("fill_nearest_ssim/{label}"), 0.25);
            Some([named(format!("cross_ssim/{label}"), 1.0 - 10.0 * point.value), fill])
        };
        let more: Vec<_> = run.metrics.iter().filter_map(add).flatten().collect();
        run.metrics.extend(more);
    }
    data
}

#[test]
fn other_figures_have_tables_of_their_own_and_the_highest_leads_where_more_is_better() {
    assert!(others(&Groups::of(&data())).is_empty());
    let data = similar();
    let groups = Groups::of(&data);
    let [table] = &others(&groups)[..] else { panic!() };
    assert_eq!((table.title(), table.stem().as_str()), ("SSIM", "cross_ssim"));
    assert_eq!(table.columns, ["block", "random"]);
    let row = |row: &CrossRow| row.cells.iter().map(|c| c.text.clone()).collect::<Vec<_>>();
    assert_eq!(row(&table.rows[0]), ["0.490 ± 0.127", "0.790 ± 0.127"]);
    assert_eq!(row(&table.fills[0]), ["0.250", "0.250"]);
    assert_eq!(table.fills.len(), 1, "no fill of each patch's own mean");
    // What is lowest by the error is highest by the similarity.
    assert_eq!(table.leaders, build(&groups).unwrap().leaders);
    assert!(table.rows[0].cells[1].best && table.note(&groups).contains("Bold: highest of its column"));
    let page = crate::report::html(&data).unwrap();
    for part in [
        "By other figures: SSIM",
        "SSIM of whole held-out pictures",
        "cross_ssim/…",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let names: Vec<String> = definitions(&data.runs).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["cross_mse/…", "fill_nearest_mse/…", "cross_ssim/…"]);
}

/// Columns that runs were judged under later are those of the evaluations.
#[test]
fn columns_of_later_evaluations_are_known() {
    let mut data = data();
    let later = |columns: Json, own| {
        let parameters = json!({"found": {"cross": columns}});
        evaluation("reconstruction", own, &[], parameters)
    };
    for run in &mut data.runs {
        run.run.config["eval"] = json!({"cross": []});
        // One evaluation after the other, a foreign one, and one without columns.
        run.evaluations = vec![
            later(json!(["block"]), true),
            later(json!([{"name": "random", "strategy": "grid"}]), true),
            later(json!([{"name": "block", "strategy": "grid"}]), false),
            later(Json::Null, true),
        ];
    }
    let table = build(&Groups::of(&data)).unwrap();
    assert_eq!(table.columns, ["random", "block"]);
    let own: Vec<bool> = table.rows.iter().flat_map(|row| &row.cells).map(|c| c.own).collect();
    assert_eq!(own, [false, false, false, true], "random is called so only");
    assert!(table.leaders.iter().all(Option::is_some));
    let groups = Groups::of(&data);
    assert!(table.caption(&groups).contains("the same masks for every row"));
    // Where all were judged anew under other masks of a name, these are meant.
    let mut anew = data.clone();
    for run in &mut anew.runs {
        run.evaluations
            .push(later(json!([{"name": "block", "strategy": "grid"}]), true));
    }
    let table = build(&Groups::of(&anew)).unwrap();
    assert!(table.leaders.iter().all(Option::is_some) && table.mixed.is_empty());
    assert!(table.rows.iter().flat_map(|row| &row.cells).all(|cell| !cell.own));
    // One of them was judged under other masks of that name.
    data.runs[0].evaluations.push(later(json!(["random"]), true));
    let groups = Groups::of(&data);
    let table = build(&groups).unwrap();
    assert_eq!(
        table.leaders.iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, true]
    );
    let caption = table.caption(&groups);
    assert!(
        caption.contains("By random trials and evaluations mean several kinds")
            && !caption.contains("same masks for every"),
        "{caption}"
    );
}
