//! A section for each trial: all its curves, its configuration, where it comes from. Compact, since there may be thousands;
//! what is left out where there are many is said on the page.

use serde_json::Value as Json;

use super::alike::FOUND;
use super::appendix;
use super::data::{ReportData, RunReport, settings};
use super::format::{self, NONE, duration, fixed};
use super::repeat;
use crate::eval::cross::CROSS;
use crate::plot::{min_max, spark};
use crate::spec::Column;
use crate::store::rows::{MetricPoint, ProtocolRow};

/// Trials up to which every section has the complete configuration and environment.
const WHOLE: usize = 50;
/// Points of a curve at most, with few trials and with many.
const LIMITS: [usize; 2] = [120, 40];

/// Longest list of a protocol that is shown.
const LISTED: usize = 10;

/// All sections, and what is left out of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Sections {
    pub(super) trials: Vec<Section>,
    pub(super) note: String,
}

/// The section of one trial.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Section {
    /// Its place in the page.
    pub(super) anchor: String,
    pub(super) label: String,
    pub(super) status: String,
    pub(super) curves: Vec<Curve>,
    /// Metrics measured once.
    pub(super) values: Vec<(String, String)>,
    /// Tasks and the parameters by which their figures came about.
    pub(super) protocols: Vec<(String, String)>,
    pub(super) settings: Vec<(String, String)>,
    pub(super) facts: Vec<(String, String)>,
    /// Commands that show it and that repeat it.
    pub(super) commands: Vec<String>,
}

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    pub(super) name: String,
    /// Data of an SVG path.
    pub(super) path: String,
    /// First and last value, lowest and highest.
    pub(super) words: String,
}

/// Where a trial's section is in the page.
pub(super) fn anchor(run: &RunReport) -> String {
    format!("trial-{}", run.run.position)
}

/// The sections of all trials, in the order of the sweep.
pub(super) fn sections(data: &ReportData) -> Sections {
    let many = data.runs.len() > WHOLE;
    let differing: Vec<String> = settings(&data.runs)
        .into_iter()
        .filter(|s| s.differs())
        .map(|s| s.key)
        .collect();
    let facts = differing_facts(data);
    let section = |run: &RunReport| {
        let series = series(run);
        let (once, curves): (Vec<_>, Vec<_>) = series.into_iter().partition(|s| s.len() == 1);
        let own = |key: &String| !many || differing.contains(key);
        let told = |key: &String| !many || facts.contains(key);
        Section {
            anchor: anchor(run),
            label: run.run.label.clone(),
            status: appendix::status(run.run.status),
            curves: curves
                .iter()
                .map(|points| curve(points, LIMITS[usize::from(many)]))
                .collect(),
            values: once
                .iter()
                .filter(|p| told_once(&p[0].name))
                .map(|p| (p[0].name.clone(), number(p[0].value)))
                .collect(),
            protocols: run.protocols.iter().map(protocol).collect(),
            settings: run
                .settings()
                .into_iter()
                .filter(|(key, _)| own(key))
                .map(|(key, value)| (key, format::value(value)))
                .collect(),
            facts: provenance(run)
                .into_iter()
                .chain(environment(run).filter(|f| told(&f.0)))
                .collect(),
            commands: repeat::trial(run),
        }
    };
    Sections {
        trials: data.runs.iter().map(section).collect(),
        note: note(many),
    }
}

/// Of the figures under the masks of a column, which the cross tables have, the error alone.
fn told_once(name: &str) -> bool {
    !name.contains('/') || name.starts_with(CROSS)
}

/// A parameter; columns by what they are called, as the text of a script would be long.
fn told(value: &Json) -> String {
    let column = |item: &Json| item.is_object().then(|| Column::try_from(item.clone()).ok()).flatten();
    match value.as_array() {
        Some(list) if list.iter().any(Json::is_object) => {
            let named = list
                .iter()
                .map(|item| column(item).map_or_else(|| format::value(item), |c| c.label()));
            format!("[{}]", named.collect::<Vec<_>>().join(", "))
        }
        _ => format::value(value),
    }
}

/// A task with its version, its parameters and what came of them, but for long lists.
fn protocol(row: &ProtocolRow) -> (String, String) {
    let parameters = row.parameters.as_object().into_iter().flatten();
    let own = parameters.filter(|(_, value)| !value.is_object());
    let found = row.parameters[FOUND].as_object().into_iter().flatten();
    let short = own
        .chain(found)
        .filter(|(_, value)| value.as_array().is_none_or(|list| list.len() <= LISTED));
    let words: Vec<String> = short.map(|(key, value)| format!("{key} = {}", told(value))).collect();
    (format!("{} (protocol {})", row.task, row.version), words.join("; "))
}

fn note(many: bool) -> String {
    let limit = LIMITS[usize::from(many)];
    let mut text = format!(
        "Curves of more than {limit} points are thinned to the lowest and highest value of each of {} equal stretches.",
        (limit - 2) / 2
    );
    if many {
        text.push_str(&format!(
            " With more than {WHOLE} trials, each shows only the configuration and environment in which trials differ; what \
             they share is listed once, below."
        ));
    }
    text
}

/// The points of every metric, in the order in which the trial has them.
fn series(run: &RunReport) -> Vec<Vec<&MetricPoint>> {
    let mut found: Vec<Vec<&MetricPoint>> = vec![];
    for stretch in run.metrics.chunk_by(|a, b| a.name == b.name) {
        match found.iter_mut().find(|s| s[0].name == stretch[0].name) {
            Some(series) => series.extend(stretch),
            None => found.push(stretch.iter().collect()),
        }
    }
    found
}

fn curve(points: &[&MetricPoint], limit: usize) -> Curve {
    let finite = || points.iter().map(|p| p.value).filter(|v| v.is_finite());
    let low = finite().fold(f64::INFINITY, f64::min);
    let high = finite().fold(f64::NEG_INFINITY, f64::max);
    let log = low > 0.0 && high / low > 30.0;
    let over: Vec<(f64, f64)> = points.iter().map(|p| (p.epoch, p.value)).collect();
    let (first, last) = (number(points[0].value), number(points[points.len() - 1].value));
    let range = if low > high {
        "never finite".to_owned()
    } else {
        let scale = if log { ", logarithmic" } else { "" };
        format!("{} to {}{scale}", number(low), number(high))
    };
    Curve {
        name: points[0].name.clone(),
        path: spark(&min_max(&over, limit), log).unwrap_or_default(),
        words: format!("{first} → {last} ({range})"),
    }
}

/// Four significant digits.
fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || size == 0.0 {
        return fixed(value, 0);
    }
    if size < 1e-4 {
        return format!("{value:.3e}").replace('-', "−");
    }
    let decimals = (3.0 - size.log10().floor()).clamp(0.0, 7.0) as usize;
    fixed(value, decimals)
}

/// Who it is and when it ran.
fn provenance(run: &RunReport) -> Vec<(String, String)> {
    let time = |at: &Option<String>| at.as_deref().map_or(NONE.to_owned(), format::moment);
    let mut facts = vec![
        ("trial".to_owned(), run.run.id.clone()),
        ("identity".to_owned(), run.run.identity.clone()),
        ("seed".to_owned(), run.run.seed.to_string()),
        ("started".to_owned(), time(&run.run.started_at)),
        ("took".to_owned(), run.seconds().map_or(NONE.to_owned(), duration)),
    ];
    if !run.run.error.is_empty() {
        facts.push(("error".to_owned(), run.run.error.clone()));
    }
    facts
}

/// Versions, revision, digest of the inputs, hardware. The command stands among the commands.
fn environment(run: &RunReport) -> impl Iterator<Item = (String, String)> {
    let facts = run.run.environment.as_object().into_iter().flatten();
    facts
        .filter(|(key, value)| !appendix::HERE.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.replace('_', " "), format::value(value)))
}

/// Facts of the environment that are not the same in all trials.
fn differing_facts(data: &ReportData) -> Vec<String> {
    let Some(first) = data.runs.first() else {
        return vec![];
    };
    let same = |key: &str| {
        let value = first.run.environment.get(key);
        data.runs.iter().all(|r| r.run.environment.get(key) == value)
    };
    let keys: std::collections::BTreeSet<&String> = data
        .runs
        .iter()
        .filter_map(|r| r.run.environment.as_object())
        .flat_map(|o| o.keys())
        .collect();
    keys.into_iter()
        .filter(|key| !same(key))
        .map(|key| key.replace('_', " "))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ratios, report, run};
    use super::*;

    #[test]
    fn a_section_has_curves_single_values_settings_and_facts() {
        let mut data = ratios(0.1);
        data.runs[0].run.environment = json!({"device": "flex", "inputs": "abc", "command": "mae-exp sweep x.toml"});
        let sections = sections(&data);
        assert_eq!(sections.trials.len(), 6);
        let first = &sections.trials[0];
        let names: Vec<&str> = first.curves.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["val_loss"], "the others were measured once");
        assert_eq!(first.curves[0].words, "0.8000 → 0.4000 (0.4000 to 0.8000)");
        assert!(first.values.contains(&("knn_accuracy".to_owned(), "0.3000".to_owned())));
        let has =
            |list: &[(String, String)], key: &str, value: &str| list.contains(&(key.to_owned(), value.to_owned()));
        assert!(has(&first.settings, "train.epochs", "2") && has(&first.settings, "mask.ratio", "0.5"));
        assert!(has(&first.facts, "inputs", "abc") && has(&first.facts, "identity", "0"));
        assert!(
            first.commands.iter().any(|c| c == "mae-exp show run0"),
            "{:?}",
            first.commands
        );
        assert!(first.commands.iter().any(|c| c == "mae-exp sweep x.toml"));
    }

    #[test]
    fn many_trials_show_what_differs_and_say_so() {
        let one = |i: i64| run(i, json!({"mask.ratio": i as f64 / 100.0}), 0, &[("val_loss", 0.5)]);
        let mut data = report(json!([]), (0..60).map(one).collect());
        data.runs[7].run.environment = json!({"device": "cuda"});
        let sections = sections(&data);
        let keys: Vec<&str> = sections.trials[3].settings.iter().map(|s| s.0.as_str()).collect();
        assert_eq!(keys, ["mask.ratio"]);
        assert!(
            sections.trials[3]
                .facts
                .contains(&("device".to_owned(), "flex".to_owned())),
            "one differs in it"
        );
        assert!(sections.note.contains("With more than 50 trials"), "{}", sections.note);
    }

    #[test]
    fn numbers_keep_four_digits() {
        assert_eq!(number(0.012_341), "0.01234");
        assert_eq!(number(1234.5), "1234");
        assert_eq!(number(0.000_012_34), "1.234e−5");
        assert_eq!(number(f64::NAN), "NaN");
        assert_eq!(number(f64::NEG_INFINITY), "−∞");
        assert_eq!(number(0.0), "0");
    }
}
