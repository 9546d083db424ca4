//! What a reader needs to check or repeat the sweep: every trial, configuration with origins, environment, commands,
//! definitions.

use std::collections::BTreeSet;

use super::data::{self, ReportData, RunReport};
use super::format::{self, NONE, duration, fixed};
use super::groups::Groups;
use super::metrics::{Metric, TABLE};
use super::trial;
use crate::store::rows::Status;

/// A trial of the list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trial {
    pub(super) id: String,
    /// Where its section is in the page.
    pub(super) anchor: String,
    pub(super) label: String,
    pub(super) seed: i64,
    pub(super) status: String,
    pub(super) values: Vec<String>,
    pub(super) time: String,
    /// The same in seconds, for sorting.
    pub(super) seconds: String,
}

/// A trial that did not end well, or ended with warnings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trouble {
    pub(super) label: String,
    pub(super) status: String,
    pub(super) lines: Vec<String>,
}

/// A key that all trials share.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) origin: String,
}

/// A key that differs, with its value in each group.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Varying {
    pub(super) key: String,
    pub(super) values: Vec<String>,
    pub(super) origin: String,
}

/// The configuration of all trials.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Configuration {
    pub(super) shared: Vec<Setting>,
    pub(super) groups: Vec<String>,
    pub(super) varying: Vec<Varying>,
    pub(super) seeds: String,
}

/// Facts of the environment that say which machine and process it was: for `mae-exp show`, not for a page that is published.
/// The command stands among those to repeat, without its path.
pub(super) const HERE: [&str; 9] = [
    "host",
    "pid",
    "process_started",
    "process_ticks",
    "boot_id",
    "machine",
    "pid_namespace",
    "memory_kills",
    "command",
];

/// A state in a word.
pub(super) fn status(status: Status) -> String {
    format!("{status:?}").to_lowercase()
}

/// Headings of the metrics in the list of trials.
pub(super) fn trial_metrics(groups: &Groups) -> Vec<Metric> {
    let recorded = |m: &Metric| {
        groups
            .all
            .iter()
            .flat_map(|g| &g.runs)
            .any(|r| r.last(m.name).is_some())
    };
    TABLE.into_iter().filter(recorded).collect()
}

/// Every trial, in the order of the sweep.
pub(super) fn trials(data: &ReportData, metrics: &[Metric]) -> Vec<Trial> {
    let row = |r: &RunReport| Trial {
        id: r.run.id.chars().take(12).collect(),
        anchor: trial::anchor(r),
        label: r.run.label.clone(),
        seed: r.run.seed,
        status: status(r.run.status),
        values: metrics
            .iter()
            .map(|m| r.last(m.name).map_or(NONE.to_owned(), |v| shown(v, m)))
            .collect(),
        time: r.seconds().map_or(NONE.to_owned(), duration),
        seconds: r.seconds().map_or(String::new(), |s| s.to_string()),
    };
    data.runs.iter().map(row).collect()
}

fn shown(value: f64, metric: &Metric) -> String {
    fixed(value * metric.factor, metric.decimals_for(std::iter::once(value)))
}

/// Trials that failed, diverged or were stopped, and warnings of any trial.
pub(super) fn troubles(data: &ReportData) -> Vec<Trouble> {
    let of = |r: &RunReport| {
        let warnings = r
            .run
            .warnings
            .as_array()
            .into_iter()
            .flatten()
            .map(|w| format!("warning: {}", format::value(w)));
        let error = (!r.run.error.is_empty()).then(|| r.run.error.clone());
        let lines: Vec<String> = error.into_iter().chain(warnings).collect();
        let bad = matches!(
            r.run.status,
            Status::Failed | Status::Diverged | Status::Interrupted | Status::Crashed
        );
        (bad || !lines.is_empty()).then(|| Trouble {
            label: r.run.label.clone(),
            status: status(r.run.status),
            lines,
        })
    };
    data.runs.iter().filter_map(of).collect()
}

/// Shared keys once, differing keys per group.
pub(super) fn configuration(data: &ReportData, groups: &Groups) -> Configuration {
    let (mut shared, mut varying) = (vec![], vec![]);
    for leaf in data::settings(&data.runs) {
        let origin = origin(data, &leaf.key);
        if !leaf.differs() {
            shared.push(Setting {
                value: leaf.values[0].map_or(NONE.to_owned(), format::value),
                key: leaf.key,
                origin,
            });
        } else {
            let of_group = |runs: &[&RunReport]| {
                let distinct: BTreeSet<String> = runs
                    .iter()
                    .map(|r| r.config(&leaf.key).map_or(NONE.to_owned(), format::value))
                    .collect();
                distinct.into_iter().collect::<Vec<_>>().join(" / ")
            };
            varying.push(Varying {
                values: groups.all.iter().map(|g| of_group(&g.runs)).collect(),
                key: leaf.key,
                origin,
            });
        }
    }
    let seeds: BTreeSet<i64> = data.runs.iter().map(|r| r.run.seed).collect();
    Configuration {
        shared,
        varying,
        groups: groups.all.iter().map(|g| g.label.clone()).collect(),
        seeds: format::list(&seeds.iter().map(i64::to_string).collect::<Vec<_>>()),
    }
}

/// Where a key came from, if the trials agree.
fn origin(data: &ReportData, key: &str) -> String {
    let origins: BTreeSet<String> = data
        .runs
        .iter()
        .filter_map(|r| r.run.origins.get(key))
        .map(format::value)
        .collect();
    origins.into_iter().collect::<Vec<_>>().join("; ")
}

/// Facts about the machine and the program; where trials differ, each value with its number of trials.
pub(super) fn environment(data: &ReportData) -> Vec<(String, String)> {
    let mut facts: Vec<(String, Vec<(String, usize)>)> = vec![];
    let told = data.runs.iter().filter_map(|r| r.run.environment.as_object()).flatten();
    for (key, value) in told.filter(|(key, value)| !HERE.contains(&key.as_str()) && !value.is_null()) {
        let text = format::value(value);
        let at = facts.iter().position(|f| f.0 == *key).unwrap_or_else(|| {
            facts.push((key.clone(), vec![]));
            facts.len() - 1
        });
        match facts[at].1.iter_mut().find(|v| v.0 == text) {
            Some(found) => found.1 += 1,
            None => facts[at].1.push((text, 1)),
        }
    }
    let total = data.runs.len();
    let line = |values: Vec<(String, usize)>| {
        let texts: Vec<String> = values
            .into_iter()
            .map(|(v, n)| {
                if n == total {
                    v
                } else {
                    format!("{v} ({})", format::count(n, "trial"))
                }
            })
            .collect();
        texts.join("; ")
    };
    facts
        .into_iter()
        .map(|(key, values)| (key.replace('_', " "), line(values)))
        .collect()
}
