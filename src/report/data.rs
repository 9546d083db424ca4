//! What a report is made from.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::catalogue::Profile;
use crate::store::rows::{EvaluationRow, MetricPoint, Picture, ProtocolRow, RunRow, Status, SweepRow};

/// A sweep with everything recorded about it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportData {
    /// The sweep.
    pub sweep: SweepRow,
    /// Its runs, in order of their position.
    pub runs: Vec<RunReport>,
    /// When the report is made, as text.
    pub generated_at: String,
    /// Version of the program.
    pub version: String,
    /// Notes on the masking strategies that the runs use.
    pub strategies: Vec<StrategyNote>,
    /// Masks of each masking configuration of the runs, drawn again and measured.
    pub masks: Vec<Profile>,
}

/// A run with its measurements.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    /// The run.
    pub run: RunRow,
    /// Its metric points, in order of their step within a name.
    pub metrics: Vec<MetricPoint>,
    /// Its pictures.
    pub pictures: Vec<Picture>,
    /// How the figures of its tasks came about, those found later among them.
    pub protocols: Vec<ProtocolRow>,
    /// What it was judged by after it was finished, oldest first.
    pub evaluations: Vec<EvaluationRow>,
}

/// What a masking strategy does and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrategyNote {
    /// Registry id.
    pub id: String,
    /// What it does, in a sentence.
    pub summary: String,
    /// Paper or program it comes from (may be empty).
    pub source: String,
}

impl RunReport {
    /// The last value recorded under a name, by step and epoch.
    pub(super) fn last(&self, name: &str) -> Option<f64> {
        self.points(name)
            .max_by(|a, b| {
                (a.step, a.epoch)
                    .partial_cmp(&(b.step, b.epoch))
                    .unwrap_or(std::cmp::Ordering::Equal)
            })
            .map(|p| p.value)
    }

    /// All points recorded under a name.
    pub(super) fn points<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a MetricPoint> + 'a {
        self.metrics.iter().filter(move |p| p.name == name)
    }

    /// Whether it ended as planned.
    pub(super) fn finished(&self) -> bool {
        self.run.status == Status::Finished
    }

    /// Whether it was meant to be trained at all.
    pub(super) fn trained(&self) -> bool {
        self.config("train.epochs")
            .is_none_or(|epochs| epochs.as_u64() != Some(0))
    }

    /// Seconds it took: the recorded metric, else from start to end.
    pub(super) fn seconds(&self) -> Option<f64> {
        self.last("seconds").filter(|s| s.is_finite()).or_else(|| {
            let start: jiff::Timestamp = self.run.started_at.as_deref()?.parse().ok()?;
            let end: jiff::Timestamp = self.run.finished_at.as_deref()?.parse().ok()?;
            Some((end.as_second() - start.as_second()) as f64)
        })
    }

    /// A value of the configuration by its dotted key.
    pub(super) fn config(&self, key: &str) -> Option<&Json> {
        key.split('.').try_fold(&self.run.config, |node, part| node.get(part))
    }

    /// Every leaf of the configuration but the seed, by its dotted key, in the order of the configuration.
    pub(super) fn settings(&self) -> Vec<(String, &Json)> {
        let mut found = vec![];
        leaves(&self.run.config, "", &mut found);
        found.retain(|(key, _)| key != "seed");
        found
    }
}

fn leaves<'a>(node: &'a Json, prefix: &str, found: &mut Vec<(String, &'a Json)>) {
    match node {
        Json::Object(map) => {
            for (key, value) in map {
                let path = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}.{key}")
                };
                leaves(value, &path, found);
            }
        }
        leaf if !prefix.is_empty() => found.push((prefix.to_owned(), leaf)),
        _ => {}
    }
}

/// A key of the configuration and its value in every run; `None` where a run does not have it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf<'a> {
    /// Dotted name.
    pub(super) key: String,
    /// One value per run, in the order of the runs.
    pub(super) values: Vec<Option<&'a Json>>,
}

impl Leaf<'_> {
    /// Whether the runs do not agree on it.
    pub(super) fn differs(&self) -> bool {
        self.values.windows(2).any(|w| w[0] != w[1])
    }
}

/// The configuration of all runs but the seed, key by key, in the order in which the runs have them.
pub(super) fn settings(runs: &[RunReport]) -> Vec<Leaf<'_>> {
    let (mut found, mut place) = (Vec::<Leaf>::new(), BTreeMap::new());
    for (i, run) in runs.iter().enumerate() {
        for (key, value) in run.settings() {
            let at = *place.entry(key.clone()).or_insert_with(|| {
                let values = vec![None; runs.len()];
                found.push(Leaf { key, values });
                found.len() - 1
            });
            found[at].values[i] = Some(value);
        }
    }
    found
}
