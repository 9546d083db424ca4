//! What later evaluations found on other pictures or under other settings than the sweep's own: tasks on another set, anomaly maps
//! of an inspection set. One table for each set of pictures, with the points of the sweep as rows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::data::{ReportData, RunReport};
use super::format;
use super::groups::Groups;
use super::metrics::Metric;
use super::metrics_tasks::{ANOMALY, RECONSTRUCTION, TASKS, Task};
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
    /// Each task and the settings that its figures hang on.
    pub(super) protocols: Vec<(String, String)>,
}

/// Letters of a digest that are shown.
const SHORT: usize = 12;
/// The parameters of a protocol that are of one trial: its seed, what was chosen and seen.
pub(super) const FOUND: &str = "found";

/// What keys of the model begin with.
const MODEL: &str = "model.";

/// A run and the latest evaluation of each task on one set of pictures.
type Judged<'a> = (&'a RunReport, BTreeMap<&'a str, &'a EvaluationRow>);

/// Tables in the order of the sets' digests. Tasks that other trials were judged by have a table of their own, so that `n`
/// holds for all columns.
pub(super) fn build(data: &ReportData) -> Vec<Elsewhere> {
    let digests: BTreeSet<&str> = data.runs.iter().flat_map(others).map(|e| e.data.as_str()).collect();
    digests.into_iter().flat_map(|digest| of_set(data, digest)).collect()
}

fn others(run: &RunReport) -> impl Iterator<Item = &EvaluationRow> {
    let finished = run.finished();
    run.evaluations.iter().filter(move |e| finished && !e.own)
}

fn of_set(data: &ReportData, digest: &str) -> Vec<Elsewhere> {
    let judged: Vec<Judged> = data
        .runs
        .iter()
        .map(|run| {
            let here = others(run).filter(|e| e.data == digest);
            (run, here.map(|e| (e.protocol.task.as_str(), e)).collect())
        })
        .collect();
    let tasks = [&RECONSTRUCTION].into_iter().chain(&TASKS).chain([&ANOMALY]);
    let mut together: BTreeMap<Vec<bool>, Vec<&Task>> = BTreeMap::new();
    for task in tasks {
        let by: Vec<bool> = judged
            .iter()
            .map(|(_, latest)| latest.contains_key(task.word))
            .collect();
        together.entry(by).or_default().push(task);
    }
    let some = together.into_iter().filter(|(by, _)| by.contains(&true));
    some.filter_map(|(by, tasks)| {
        let those = judged.iter().zip(by).filter(|(_, by)| *by).map(|(one, _)| one);
        of_tasks(data, digest, &those.collect::<Vec<_>>(), &tasks)
    })
    .collect()
}

/// The table of some tasks over the runs that were judged by them; `None` where they gave no figure, as maps of pictures without
/// labels do.
fn of_tasks(data: &ReportData, digest: &str, judged: &[&Judged], tasks: &[&Task]) -> Option<Elsewhere> {
    let sub = ReportData {
        runs: judged
            .iter()
            .map(|(run, latest)| with_figures(run, latest, tasks))
            .collect(),
        masks: Vec::new(),
        ..data.clone()
    };
    let mut groups = Groups::of(&sub);
    let protocols: Vec<Protocol> = tasks
        .iter()
        .map(|task| {
            let latest = judged.iter().filter_map(|(_, latest)| latest.get(task.word).copied());
            Protocol::of(task, latest, &groups.differing)
        })
        .collect();
    // What the trials were judged by in their sweep says nothing here.
    groups.differing.retain(|key| key.starts_with(MODEL));
    let apart = protocols.iter().filter(|protocol| !protocol.same);
    groups
        .differing
        .extend(apart.map(|protocol| protocol.task.protocol_key()));
    let metrics = tasks.iter().flat_map(|task| task.metrics).copied();
    let metrics: Vec<Metric> = metrics.filter(|m| groups.recorded(m)).collect();
    if metrics.is_empty() {
        return None;
    }
    let first = judged.iter().find_map(|(_, latest)| latest.values().next());
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
        protocols: protocols
            .into_iter()
            .map(|protocol| (protocol.task.title.to_owned(), protocol.text))
            .collect(),
    })
}

/// The run with these figures in place of its own.
fn with_figures(run: &RunReport, latest: &BTreeMap<&str, &EvaluationRow>, tasks: &[&Task]) -> RunReport {
    let of_tasks = tasks.iter().filter_map(|task| latest.get(task.word));
    let point = |(name, value): &(String, f64)| MetricPoint {
        name: name.clone(),
        step: 0,
        epoch: 0.0,
        value: *value,
    };
    RunReport {
        run: run.run.clone(),
        metrics: of_tasks.flat_map(|e| e.figures.iter().map(point)).collect(),
        pictures: Vec::new(),
        protocols: Vec::new(),
        evaluations: Vec::new(),
    }
}

/// By which settings a task judged several trials.
struct Protocol<'a> {
    task: &'a Task,
    /// Whether figures may be compared.
    same: bool,
    /// The settings, for readers.
    text: String,
}

impl<'a> Protocol<'a> {
    /// Of the evaluations that gave a figure, where any did. Settings that are of the model, which differ as `differing` says, make no other
    /// protocol: each figure knows which of these it bears.
    fn of<'b>(task: &'a Task, all: impl Iterator<Item = &'b EvaluationRow>, differing: &[String]) -> Self {
        let counts = |e: &&EvaluationRow| e.figures.iter().any(|(_, value)| value.is_finite());
        let (some, none): (Vec<_>, Vec<_>) = all.partition(counts);
        let all = if some.is_empty() { none } else { some };
        let keys = all.iter().flat_map(|e| e.protocol.parameters.as_object()).flatten();
        let mut names: Vec<&str> = Vec::new();
        for (key, _) in keys.filter(|(key, _)| *key != FOUND) {
            if !names.contains(&key.as_str()) {
                names.push(key);
            }
        }
        let same = |of: &dyn Fn(&EvaluationRow) -> Option<Json>| all.windows(2).all(|w| of(w[0]) == of(w[1]));
        let (mut words, mut apart) = (Vec::new(), Vec::new());
        match all.first() {
            Some(first) if same(&|e| Some(e.protocol.version.into())) => {
                words.push(format!("protocol {}", first.protocol.version));
            }
            _ => apart.push("version of the protocol".to_owned()),
        }
        for name in names {
            let value = |e: &EvaluationRow| e.protocol.parameters.get(name).cloned();
            if same(&value) {
                let value = all.first().and_then(|e| value(e)).unwrap_or_default();
                words.push(format!("{name} = {}", format::value(&value)));
            } else if differing.iter().any(|key| key.strip_prefix(MODEL) == Some(name)) {
                words.push(format!("{name} = that of each model"));
            } else {
                apart.push(name.to_owned());
            }
        }
        if !apart.is_empty() {
            let apart = format::list(&apart);
            words.push(format!(
                "differing between trials, so that figures are not compared: {apart}"
            ));
        }
        Self {
            task,
            same: apart.is_empty(),
            text: words.join("; "),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::html;
    use crate::report::testing::{report, run};
    use crate::store::rows::ProtocolRow;

    fn evaluation(task: &str, digest: &str, figures: &[(&str, f64)], parameters: Json) -> EvaluationRow {
        EvaluationRow {
            protocol: ProtocolRow {
                task: task.into(),
                version: 1,
                parameters,
            },
            figures: figures.iter().map(|(name, value)| ((*name).into(), *value)).collect(),
            data: digest.into(),
            place: "parts/screws".into(),
            own: false,
            weights: String::new(),
            program: String::new(),
            created_at: String::new(),
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

    #[test]
    fn other_settings_are_said_and_the_page_has_the_table() {
        let mut data = data();
        let other = json!({"folds": 2, "found": {}});
        data.runs[4].evaluations[1].protocol.parameters = other;
        let anomaly = anomaly(&data);
        assert!(anomaly.protocols[0].1.contains("not compared: folds"), "{anomaly:?}");
        assert_eq!(comparable(&anomaly), [false], "{anomaly:?}");
        let page = html(&data).unwrap();
        for part in ["Later evaluations", "parts/screws", "AUROC"] {
            assert!(page.contains(part), "{part}");
        }
        data.runs.iter_mut().for_each(|run| run.evaluations.clear());
        assert!(build(&data).is_empty());
        assert!(!html(&data).unwrap().contains("Later evaluations"));
    }

    fn anomaly(data: &ReportData) -> Elsewhere {
        let mut found = build(data).into_iter();
        found.find(|f| f.protocols[0].0 == "Anomaly maps").unwrap()
    }

    fn comparable(found: &Elsewhere) -> Vec<bool> {
        found.table.columns.iter().map(|column| column.comparable).collect()
    }

    /// What counts is what the pictures were judged by here, not what the trials saw in their sweep.
    #[test]
    fn figures_of_one_set_under_equal_settings_are_compared_whatever_was_swept() {
        let mut data = data();
        for run in &mut data.runs {
            let ratio = run.run.config["mask"]["ratio"].clone();
            run.run.config["data"] = json!({"kind": format!("kind-{ratio}")});
            run.run.config["model"] = json!({"norm_eps": ratio});
            let settings = json!({"k": 20, "norm_eps": ratio, "found": {"lr": run.run.seed}});
            run.evaluations = vec![evaluation("knn", "screws", &[("knn_accuracy", 0.5)], settings)];
        }
        let [found] = &build(&data)[..] else { panic!() };
        assert_eq!(comparable(found), [true], "{found:?}");
        assert_eq!(
            found.protocols[0].1,
            "protocol 1; k = 20; norm_eps = that of each model"
        );
        assert!(found.table.notes.iter().all(|note| !note.contains('†')), "{found:?}");
        // A run without a figure has no say.
        let spoilt = evaluation("knn", "screws", &[("knn_accuracy", f64::NAN)], json!({"found": {}}));
        data.runs[1].evaluations = vec![spoilt];
        assert_eq!(comparable(&build(&data)[0]), [true]);
        for (parameters, version, what) in [
            (json!({"k": 5, "norm_eps": 0.5}), 1, "not compared: k"),
            (
                json!({"k": 20, "norm_eps": 0.5}),
                2,
                "not compared: version of the protocol",
            ),
        ] {
            data.runs[0].evaluations[0].protocol = ProtocolRow {
                task: "knn".into(),
                version,
                parameters,
            };
            let [found] = &build(&data)[..] else { panic!() };
            assert_eq!(comparable(found), [false]);
            assert!(found.protocols[0].1.ends_with(what), "{found:?}");
            let note = found.table.notes.iter().find(|note| note.contains('†')).unwrap();
            assert!(
                note.contains("differ in the protocol of k-nearest neighbours"),
                "{note}"
            );
        }
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
