//! What later evaluations found on other pictures or under other settings than the sweep's own: tasks on another set, anomaly maps
//! of an inspection set. One table for each set of pictures, with the points of the sweep as rows.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::alike::{Alike, MODEL, alike, overruled};
use super::data::{ReportData, RunReport};
use super::gallery::Gallery;
use super::groups::Groups;
use super::maps;
use super::metrics::Metric;
use super::metrics_tasks::{ANOMALY, RECONSTRUCTION, TASKS};
use super::table::{self, Table};
use crate::store::rows::{EvaluationRow, MetricPoint};

/// What was found on one set of pictures.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Elsewhere {
    /// Where the pictures were.
    pub(super) place: String,
    /// Their digest, shortened.
    pub(super) digest: String,
    /// One row for each point.
    pub(super) table: Table,
    /// Maps of the same pictures under every point.
    pub(super) gallery: Option<Gallery>,
    /// Each task and the settings that its figures hang on.
    pub(super) protocols: Vec<(String, String)>,
}

/// Letters of a digest that are shown.
const SHORT: usize = 12;

/// Tables in the order of the sets' digests. Tasks that other trials were judged by have a table of their own, so that `n`
/// holds for all columns, and so have trials that were judged by another protocol, so that a table can be compared within.
pub(super) fn build(data: &ReportData) -> Vec<Elsewhere> {
    let digests: BTreeSet<&str> = data.runs.iter().flat_map(others).map(|e| e.data.as_str()).collect();
    digests.into_iter().flat_map(|digest| of_set(data, digest)).collect()
}

fn others(run: &RunReport) -> impl Iterator<Item = &EvaluationRow> {
    let finished = run.finished();
    run.evaluations.iter().filter(move |e| finished && !e.own)
}

fn of_set(data: &ReportData, digest: &str) -> Vec<Elsewhere> {
    // By the trials, most first, and how many protocols of the task these trials were judged by before.
    let mut together: BTreeMap<(Reverse<usize>, Vec<usize>, usize), Vec<Alike>> = BTreeMap::new();
    for task in [&RECONSTRUCTION].into_iter().chain(&TASKS).chain([&ANOMALY]) {
        let here = |e: &&EvaluationRow| e.data == digest && e.protocol.task == task.word;
        let all = data.runs.iter().enumerate();
        let judged: Vec<_> = all
            .flat_map(|(place, run)| others(run).filter(here).map(move |e| (place, run, e)))
            .collect();
        let mut before: Vec<Vec<usize>> = Vec::new();
        for alike in alike(task, &judged) {
            let runs: Vec<usize> = alike.latest.keys().copied().collect();
            let number = before.iter().filter(|known| **known == runs).count();
            before.push(runs.clone());
            let key = (Reverse(runs.len()), runs, number);
            together.entry(key).or_default().push(alike);
        }
    }
    let tables = together.into_iter();
    tables
        .filter_map(|((_, runs, _), tasks)| of_tasks(data, digest, &runs, &tasks))
        .collect()
}

/// The table of some tasks over the runs that were judged by them; `None` where they gave no figure, as maps of pictures without
/// labels do.
fn of_tasks(data: &ReportData, digest: &str, runs: &[usize], together: &[Alike]) -> Option<Elsewhere> {
    let sub = ReportData {
        runs: runs
            .iter()
            .map(|place| with_figures(*place, &data.runs[*place], together))
            .collect(),
        sweep: data.sweep.clone(),
        generated_at: data.generated_at.clone(),
        version: data.version.clone(),
        strategies: Vec::new(),
        masks: Vec::new(),
    };
    let mut groups = Groups::of(&sub);
    // What the trials were judged by in their sweep says nothing here.
    groups
        .differing
        .retain(|key| key.starts_with(MODEL) && !overruled(key, together));
    let metrics = together.iter().flat_map(|alike| alike.task.metrics).copied();
    let metrics: Vec<Metric> = metrics.filter(|m| groups.recorded(m)).collect();
    if metrics.is_empty() {
        return None;
    }
    let first = together.iter().find_map(|alike| alike.latest.values().next());
    Some(Elsewhere {
        place: first.map(|e| e.place.clone()).unwrap_or_default(),
        digest: digest
            .rsplit('-')
            .next()
            .unwrap_or_default()
            .chars()
            .take(SHORT)
            .collect(),
        table: table::of(&groups, &metrics),
        gallery: maps::gallery(&groups, first.map_or("", |e| e.place.as_str())),
        protocols: together
            .iter()
            .map(|alike| (alike.task.title.to_owned(), alike.text.clone()))
            .collect(),
    })
}

/// The run with these figures and pictures in place of its own.
fn with_figures(place: usize, run: &RunReport, together: &[Alike]) -> RunReport {
    let found = together.iter().filter_map(|alike| alike.latest.get(&place));
    let point = |(name, value): &(String, f64)| MetricPoint {
        name: name.clone(),
        step: 0,
        epoch: 0.0,
        value: *value,
    };
    RunReport {
        run: run.run.clone(),
        metrics: found.clone().flat_map(|e| e.figures.iter().map(point)).collect(),
        pictures: found.flat_map(|e| e.pictures.iter().cloned()).collect(),
        protocols: Vec::new(),
        evaluations: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::report::html;
    use crate::report::testing::{self, report, run};
    use crate::store::rows::ProtocolRow;

    fn evaluation(task: &str, digest: &str, figures: &[(&str, f64)], parameters: Json) -> EvaluationRow {
        EvaluationRow {
            data: digest.into(),
            place: "parts/screws".into(),
            ..testing::evaluation(task, false, figures, parameters)
        }
    }

    /// Two ratios by three seeds; every run is judged on screws, the first ratio twice, and one run by a task of its own.
    fn data() -> ReportData {
        let one = |position: i64| {
            let (ratio, seed) = (if position < 3 { 0.5 } else { 0.75 }, position % 3);
            let mut run = run(position, json!({"mask.ratio": ratio}), seed, &[("eval_mse", 0.02)]);
            let area = ratio + 0.01 * (seed - 1) as f64;
            let found = json!({"folds": 4, "found": {"weights_digest": position}});
            let old = evaluation("anomaly", "screws", &[("anomaly_auroc", 0.1)], found.clone());
            run.evaluations = vec![old, evaluation("anomaly", "screws", &[("anomaly_auroc", area)], found)];
            run
        };
        let mut data = report(
            json!([{"key": "mask.ratio", "values": [0.5, 0.75]}]),
            (0..6).map(one).collect(),
        );
        let knn = evaluation("knn", "screws", &[("knn_accuracy", 0.5)], json!({"k": 20}));
        data.runs[0].evaluations.push(knn);
        data
    }

    #[test]
    fn the_latest_of_each_task_counts_and_n_is_that_of_the_task() {
        let found = build(&data());
        assert_eq!(found.len(), 2, "{found:?}");
        let anomaly = found
            .iter()
            .find(|f| f.table.columns[0].heading.starts_with("AUROC"))
            .unwrap();
        let rows: Vec<(&str, &str)> = anomaly
            .table
            .rows
            .iter()
            .map(|row| (row.n.as_str(), row.cells[0].text.as_str()))
            .collect();
        assert_eq!(rows, [("3", "0.500 ± 0.025"), ("3", "0.750 ± 0.025")]);
        assert_eq!(
            anomaly.protocols,
            [("Anomaly maps".to_owned(), "protocol 1; folds = 4".to_owned())]
        );
        let knn = found
            .iter()
            .find(|f| f.table.columns[0].heading.starts_with("k-NN"))
            .unwrap();
        assert_eq!((knn.table.rows.len(), knn.table.rows[0].n.as_str()), (1, "1"));
    }

    /// The tables of a task: settings, and `n` of each row.
    fn tables(data: &ReportData, task: &str) -> Vec<(String, Vec<String>)> {
        let of_task = build(data).into_iter().filter(|found| found.protocols[0].0 == task);
        of_task
            .map(|found| {
                let n = found.table.rows.iter().map(|row| row.n.clone());
                (found.protocols[0].1.clone(), n.collect())
            })
            .collect()
    }

    #[test]
    fn other_settings_have_a_table_of_their_own_and_the_page_has_both() {
        let mut data = data();
        data.runs[4].evaluations.remove(0);
        data.runs[4].evaluations[0].protocol.parameters = json!({"folds": 2, "found": {}});
        assert_eq!(
            tables(&data, "Anomaly maps"),
            [
                ("protocol 1; folds = 4".to_owned(), vec!["3".to_owned(), "2".to_owned()]),
                ("protocol 1; folds = 2".to_owned(), vec!["1".to_owned()]),
            ]
        );
        let page = html(&data).unwrap();
        for part in ["Later evaluations", "parts/screws", "AUROC", "folds = 2"] {
            assert!(page.contains(part), "{part}");
        }
        data.runs[4].evaluations[0].protocol = ProtocolRow {
            version: 2,
            ..data.runs[3].evaluations[1].protocol.clone()
        };
        assert_eq!(tables(&data, "Anomaly maps")[1].0, "protocol 2; folds = 4");
        data.runs.iter_mut().for_each(|run| run.evaluations.clear());
        assert!(build(&data).is_empty());
        assert!(!html(&data).unwrap().contains("Later evaluations"));
    }

    fn comparable(found: &Elsewhere) -> Vec<bool> {
        found.table.columns.iter().map(|column| column.comparable).collect()
    }

    /// Runs whose configurations differ in the pictures, a setting of the model and the ratio; each judged on screws.
    fn sized(task: &str, figure: &str, settings: impl Fn(&Json) -> Json) -> ReportData {
        let mut data = data();
        for run in &mut data.runs {
            let ratio = run.run.config["mask"]["ratio"].clone();
            let size = if ratio == json!(0.5) { json!(48) } else { json!(96) };
            run.run.config["data"] = json!({"kind": format!("kind-{ratio}")});
            run.run.config["model"] = json!({"img_size": size});
            run.evaluations = vec![evaluation(task, "screws", &[(figure, 0.5)], settings(&size))];
        }
        data
    }

    /// What counts is what the pictures were judged by here, not what the trials saw in their sweep.
    #[test]
    fn figures_of_one_set_under_equal_settings_are_compared_whatever_was_swept() {
        let own = |size: &Json| json!({"k": 20, "img_size": size, "found": {"lr": size}});
        let mut data = sized("knn", "knn_accuracy", own);
        let [found] = &build(&data)[..] else { panic!() };
        assert_eq!(comparable(found), [true], "{found:?}");
        assert_eq!(
            found.protocols[0].1,
            "protocol 1; k = 20; img_size = that of each model"
        );
        assert!(found.table.notes.iter().all(|note| !note.contains('†')), "{found:?}");
        // Another size than the model's own is another protocol.
        data.runs[0].evaluations[0].protocol.parameters["img_size"] = json!(96);
        assert_eq!(
            tables(&data, "k-nearest neighbours")[1].0,
            "protocol 1; k = 20; img_size = 96"
        );
    }

    #[test]
    fn keys_of_the_model_count_where_evaluations_follow_them() {
        let own = sized("reconstruction", "eval_mse", |size| json!({"img_size": size}));
        assert_eq!(comparable(&build(&own)[0]), [false], "errors at two sizes");
        let same = sized("reconstruction", "eval_mse", |_| json!({"img_size": 96}));
        assert_eq!(comparable(&build(&same)[0]), [true], "all judged at one size");
    }

    #[test]
    fn a_network_that_some_were_judged_without_makes_no_other_protocol() {
        let mut data = sized("reconstruction", "eval_mse", |_| json!({"img_size": 96, "lpips": null}));
        let with = json!({"img_size": 96, "lpips": "alex"});
        data.runs[0].evaluations[0].protocol.parameters = with;
        let all = tables(&data, "Reconstruction");
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(all[0].0.ends_with("lpips = alex"), "{all:?}");
        data.runs[1].evaluations[0].protocol.parameters = json!({"img_size": 96, "lpips": "vgg"});
        assert!(tables(&data, "Reconstruction").len() > 1, "two networks");
    }

    #[test]
    fn another_protocol_takes_nothing_from_an_earlier_one() {
        let mut data = sized("knn", "knn_accuracy", |_| json!({"k": 20}));
        let again = |k: i64, figure| evaluation("knn", "screws", &[("knn_accuracy", figure)], json!({ "k": k }));
        data.runs[0].evaluations.extend([again(5, 0.1), again(20, 0.2)]);
        let n = |n: &str| n.to_owned();
        assert_eq!(
            tables(&data, "k-nearest neighbours"),
            [
                (n("protocol 1; k = 20"), vec![n("3"), n("3")]),
                (n("protocol 1; k = 5"), vec![n("1")]),
            ]
        );
        let whole = &build(&data)[0].table.rows[0].cells[0];
        assert!(
            whole.text.starts_with("40.0"),
            "the latest of the protocol counts: {whole:?}"
        );
        let others = data.runs.iter_mut().skip(1);
        others.for_each(|run| run.evaluations.push(again(5, 0.1)));
        let all = tables(&data, "k-nearest neighbours");
        assert_eq!(all.len(), 2, "the same trials twice: {all:?}");
        assert!(all.iter().all(|(_, n)| n == &["3", "3"]), "{all:?}");
    }

    #[test]
    fn maps_without_labels_have_no_table() {
        let mut data = data();
        data.runs
            .iter_mut()
            .for_each(|run| run.evaluations = vec![evaluation("anomaly", "parts", &[], json!({}))]);
        assert!(build(&data).is_empty());
    }

    #[test]
    fn what_stands_in_for_a_runs_own_figures_is_not_told_twice() {
        let mut data = data();
        data.runs
            .iter_mut()
            .for_each(|run| run.evaluations.iter_mut().for_each(|e| e.own = true));
        assert!(build(&data).is_empty());
    }
}
