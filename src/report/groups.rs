//! Runs that differ only in their seed form a group: one point of the sweep, one row of the table.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::data::{ReportData, RunReport, settings};
use super::format;
use super::metrics::{self, ASIDE, CHANCE, EVAL_MSE, MEAN_FILL, Metric};
use super::metrics_tasks::{TASKS, Task};
use crate::plot::{Rgb, categorical, sequential};
use crate::stats::{Summary, paired};

/// A swept key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    /// Dotted name.
    pub(super) name: String,
    /// Distinct values, in order.
    pub(super) values: Vec<Json>,
}

impl Key {
    /// Whether all values are numbers.
    pub(super) fn numeric(&self) -> bool {
        !self.values.is_empty() && self.values.iter().all(Json::is_number)
    }
}

/// The runs of one point.
#[derive(Debug, Clone)]
pub(super) struct Group<'a> {
    /// Values of the swept keys, in the order of the keys.
    pub(super) point: Vec<Json>,
    /// The point in words.
    pub(super) label: String,
    /// Colour in figures.
    pub(super) colour: Rgb,
    /// Its runs.
    pub(super) runs: Vec<&'a RunReport>,
}

/// All groups of a sweep.
#[derive(Debug, Clone)]
pub(super) struct Groups<'a> {
    /// Swept keys.
    pub(super) keys: Vec<Key>,
    /// Groups in the order of the swept values.
    pub(super) all: Vec<Group<'a>>,
    /// Keys of the configuration in which the runs really differ, the seed aside. A swept `case` or `model` names none.
    pub(super) differing: Vec<String>,
    /// What networks are called before their first step: untrained, starting where they start from weights, or initial
    /// where some do.
    pub(super) start: &'static str,
    /// The point that `[analysis] baseline` names, as written.
    pub(super) baseline: Option<String>,
    /// The metric that `[analysis] objective` names.
    pub(super) objective: Option<Metric>,
}

/// Keys that stand for the protocols of tasks of which runs had different versions: figures of these are not compared.
fn versions(data: &ReportData) -> Vec<String> {
    let mut seen: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for protocol in data.runs.iter().flat_map(|run| &run.protocols) {
        seen.entry(&protocol.task).or_default().insert(protocol.version);
    }
    let several = seen.into_iter().filter(|(_, versions)| versions.len() > 1);
    several
        .filter_map(|(word, _)| TASKS.iter().find(|task| task.word == word))
        .map(Task::protocol_key)
        .collect()
}

impl<'a> Groups<'a> {
    /// Groups the runs of `data`.
    pub(super) fn of(data: &'a ReportData) -> Self {
        let keys = keys(data);
        let mut all: Vec<Group<'a>> = vec![];
        for run in &data.runs {
            let point: Vec<Json> = keys
                .iter()
                .map(|k| {
                    run.run
                        .point
                        .get(&k.name)
                        .or_else(|| run.config(&k.name))
                        .cloned()
                        .unwrap_or(Json::Null)
                })
                .collect();
            match all.iter_mut().find(|g| g.point == point) {
                Some(group) => group.runs.push(run),
                None => all.push(Group {
                    label: label(&keys, &point),
                    point,
                    colour: Rgb::INK,
                    runs: vec![run],
                }),
            }
        }
        all.iter_mut()
            .for_each(|g| g.runs.sort_by_key(|r| (r.run.seed, r.run.position)));
        all.sort_by_cached_key(|g| rank(&keys, &g.point));
        let count = all.len();
        let ordered = keys.len() == 1 && keys[0].numeric();
        for (i, group) in all.iter_mut().enumerate() {
            group.colour = if ordered { sequential(i, count) } else { categorical(i) };
        }
        distinct(&mut all);
        let differing = settings(&data.runs).into_iter().filter(|s| s.differs());
        let differing = differing.map(|s| s.key).chain(versions(data)).collect();
        let from_weights = |run: &RunReport| run.config("model.init").is_some_and(|path| path != "");
        let start = match data.runs.iter().filter(|run| from_weights(run)).count() {
            0 => "untrained",
            n if n == data.runs.len() => "starting",
            _ => "initial",
        };
        Self {
            keys,
            all,
            differing,
            start,
            baseline: super::compare::named_baseline(data),
            objective: data.sweep.settings["objective"].as_str().and_then(metrics::named),
        }
    }

    /// What sentences and figures are about: the objective where the experiment names one, the first task that was recorded,
    /// and the error at the common masks.
    pub(super) fn headline(&self) -> Vec<Metric> {
        let task = TASKS.iter().map(|t| t.metrics[0]).find(|m| self.recorded(m));
        let mut all: Vec<Metric> = self.objective.into_iter().chain(task).collect();
        all.push(EVAL_MSE);
        let twice = |i: usize| all[..i].iter().any(|m| m.name == all[i].name);
        (0..all.len()).filter(|i| !twice(*i)).map(|i| all[i]).collect()
    }

    /// Whether any finished trial has a value of the metric, be it finite or not.
    pub(super) fn recorded(&self, metric: &Metric) -> bool {
        self.all.iter().any(|g| {
            let summary = g.summary(metric.name);
            summary.n + summary.non_finite > 0
        })
    }

    /// The key along the horizontal axis of figures: the numeric one with most values.
    pub(super) fn axis(&self) -> Option<usize> {
        (0..self.keys.len())
            .filter(|i| self.keys[*i].numeric() && self.keys[*i].values.len() > 1)
            .max_by_key(|i| (self.keys[*i].values.len(), std::cmp::Reverse(*i)))
    }

    /// Whether `metric` may be compared across the groups.
    pub(super) fn comparable(&self, metric: &Metric) -> bool {
        metric.comparable(self.differing.iter().map(String::as_str))
    }

    /// Whether the untrained network differs from group to group.
    pub(super) fn baseline_varies(&self) -> bool {
        let matters = |k: &&String| !ASIDE.contains(&k.as_str());
        self.differing.iter().filter(matters).any(|k| {
            ["model.", "data.", "eval.", "protocol."]
                .iter()
                .any(|s| k.starts_with(s))
        })
    }

    /// Index of the best group by a comparable metric.
    pub(super) fn best(&self, metric: &Metric) -> Option<usize> {
        self.ranked(metric).first().copied()
    }

    /// Groups that have the metric, best first.
    pub(super) fn ranked(&self, metric: &Metric) -> Vec<usize> {
        let mut means: Vec<(usize, f64)> = self
            .all
            .iter()
            .enumerate()
            .filter_map(|(i, g)| Some((i, g.summary(metric.name).mean?)))
            .collect();
        means.sort_by(|a, b| {
            if metric.more_is_better {
                b.1.total_cmp(&a.1)
            } else {
                a.1.total_cmp(&b.1)
            }
        });
        means.into_iter().map(|m| m.0).collect()
    }

    /// The untrained network over all groups, one value per seed.
    pub(super) fn untrained(&self, metric: &Metric) -> Summary {
        let Some(name) = metric.untrained else {
            return Summary::default();
        };
        untrained_of(self.all.iter().flat_map(|g| &g.runs).copied(), name)
    }

    /// A figure that does not depend on training, when all runs agree on it.
    pub(super) fn constant(&self, name: &str) -> Option<f64> {
        let mut values = self
            .all
            .iter()
            .flat_map(|g| &g.runs)
            .filter_map(|r| r.last(name))
            .filter(|v| v.is_finite());
        let first = values.next()?;
        values.all(|v| v == first).then_some(first)
    }

    /// Chance accuracy, when all runs agree on it.
    pub(super) fn chance(&self) -> Option<f64> {
        self.constant(CHANCE)
    }

    /// Error of filling every hidden patch with its own true mean: what scaled-back predictions of normalised patches are
    /// given for free. Only where all targets are normalised.
    pub(super) fn mean_fill(&self) -> Option<f64> {
        let mut runs = self.all.iter().flat_map(|g| &g.runs);
        let normalised = runs.all(|r| r.config("model.norm_pix_loss") == Some(&serde_json::Value::Bool(true)));
        self.constant(MEAN_FILL).filter(|_| normalised)
    }
}

/// No two groups have one colour, so that series can be told by it: later ones are darker.
fn distinct(all: &mut [Group]) {
    let mut taken: Vec<Rgb> = vec![];
    for group in all {
        while taken.contains(&group.colour) && group.colour != Rgb(0, 0, 0) {
            let darker = |v: u8| (f64::from(v) * 0.72) as u8;
            let Rgb(r, g, b) = group.colour;
            group.colour = Rgb(darker(r), darker(g), darker(b));
        }
        taken.push(group.colour);
    }
}

impl Group<'_> {
    /// (seed, last value) of every finished run that has the metric.
    pub(super) fn values(&self, name: &str) -> Vec<(i64, f64)> {
        self.runs
            .iter()
            .filter(|r| r.finished())
            .filter_map(|r| Some((r.run.seed, r.last(name)?)))
            .collect()
    }

    /// Ids of the runs behind [`Self::summary`].
    pub(super) fn behind(&self, name: &str) -> impl Iterator<Item = &str> {
        let counted = self.runs.iter().filter(move |r| r.finished() && r.last(name).is_some());
        counted.map(|r| r.run.id.as_str())
    }

    /// Summary over its finished runs.
    pub(super) fn summary(&self, name: &str) -> Summary {
        Summary::of(self.values(name).into_iter().map(|v| v.1))
    }

    /// `mask.ratio = 0.75`, or the label of a point of several keys.
    pub(super) fn label_with_key(&self, groups: &Groups) -> String {
        match groups.keys.as_slice() {
            [one] => format!("{} = {}", one.name, self.label),
            _ => self.label.clone(),
        }
    }

    /// Summary of its untrained networks, one value per seed.
    pub(super) fn untrained(&self, metric: &Metric) -> Summary {
        metric
            .untrained
            .map_or_else(Summary::default, |name| untrained_of(self.runs.iter().copied(), name))
    }

    /// What training added to a metric, paired by seed.
    pub(super) fn gain(&self, metric: &Metric) -> Summary {
        paired(
            &self.values(metric.name),
            &self.values(metric.untrained.unwrap_or_default()),
        )
    }
}

/// One value per seed: runs of one seed start from the same weights, so that more of them tell nothing more.
fn untrained_of<'r>(runs: impl Iterator<Item = &'r RunReport>, name: &str) -> Summary {
    let mut seeds: Vec<(i64, Vec<f64>)> = vec![];
    for (seed, value) in runs.filter_map(|r| Some((r.run.seed, r.last(name)?))) {
        match seeds.iter_mut().find(|s| s.0 == seed) {
            Some(found) => found.1.push(value),
            None => seeds.push((seed, vec![value])),
        }
    }
    Summary::of(
        seeds
            .into_iter()
            .map(|(_, values)| Summary::of(values).mean.unwrap_or(f64::NAN)),
    )
}

/// Swept keys as recorded, else as found in the runs' points.
fn keys(data: &ReportData) -> Vec<Key> {
    let recorded = data.sweep.axes.as_array().into_iter().flatten().filter_map(|axis| {
        let name = axis.get("key")?.as_str()?.to_owned();
        Some(Key {
            name,
            values: axis.get("values")?.as_array()?.clone(),
        })
    });
    let mut keys: Vec<Key> = recorded.collect();
    if keys.is_empty() {
        for (name, value) in data.runs.iter().filter_map(|r| r.run.point.as_object()).flatten() {
            match keys.iter_mut().find(|k| k.name == *name) {
                Some(key) if key.values.contains(value) => {}
                Some(key) => key.values.push(value.clone()),
                None => keys.push(Key {
                    name: name.clone(),
                    values: vec![value.clone()],
                }),
            }
        }
    }
    keys.retain(|k| k.name != "seed" && k.name != "seeds");
    keys
}

/// Place of a point: by the order of each key's values, values that are not among them last and by their text.
fn rank(keys: &[Key], point: &[Json]) -> Vec<(usize, String)> {
    let place = |(key, value): (&Key, &Json)| match key.values.iter().position(|v| v == value) {
        Some(place) => (place, String::new()),
        None => (key.values.len(), format::value(value)),
    };
    keys.iter().zip(point).map(place).collect()
}

/// The values alone for one key, `key = value` pairs for more.
fn label(keys: &[Key], point: &[Json]) -> String {
    match keys {
        [] => "all trials".to_owned(),
        [_] => format::value(&point[0]),
        _ => {
            let pairs = keys
                .iter()
                .zip(point)
                .filter(|(_, v)| !v.is_null())
                .map(|(k, v)| format!("{} {}", short(&k.name), format::value(v)));
            pairs.collect::<Vec<_>>().join(", ")
        }
    }
}

/// The last part of a dotted key.
pub(super) fn short(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}
