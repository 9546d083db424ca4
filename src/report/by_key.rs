//! One panel for each of several swept keys: the metric at each of its values, whatever the other keys are.

use super::figures::{Sketch, lower};
use super::groups::{Group, Groups};
use super::importance;
use super::metrics::Metric;
use super::swept::swept_axis;
use super::{format, landscape};
use crate::plot::{Axis, Layer, Plot, Rgb, categorical};
use crate::stats::Summary;

/// Keys shown at most.
const KEYS: usize = 6;
/// Names of a key shown at most.
const NAMES: usize = 30;

/// A value of a key with the points that have it.
struct Level<'g, 'a> {
    /// The value's text, and its number where all values are numbers.
    text: String,
    number: Option<f64>,
    members: Vec<&'g Group<'a>>,
}

/// The panels; `None` below two swept keys or without a metric to compare.
pub(super) fn sketch(groups: &Groups) -> Option<Sketch> {
    let keys = landscape::varied(groups);
    let metric = importance::objective(groups).filter(|_| keys.len() > 1)?;
    let shown = keys.iter().filter_map(|key| {
        let name = groups.keys[*key].name.clone();
        Some((name, panel(groups, *key, &metric)?))
    });
    let (names, plots): (Vec<String>, Vec<Plot>) = shown.take(KEYS).unzip();
    let stem = |name: &String| format!("by_{}", name.replace('.', "_"));
    let panels: Vec<(String, Plot)> = names.iter().map(stem).zip(plots).collect();
    let rest = keys.len().saturating_sub(KEYS);
    let more = if rest > 0 {
        format!(" {rest} more keys are left out.")
    } else {
        String::new()
    };
    (!panels.is_empty()).then_some(Sketch {
        panels,
        caption: format!(
            "{} against each swept key, whatever the others are: {}. Small dots: points (means over seeds). Open circle: mean of \
             all points with that value; bar: its 95 % Student-t interval over seeds, where every seed has every point.{more}",
            super::landscape::capital(&lower(&metric.axis())),
            super::figures::lettered(&names),
        ),
        legend: vec![],
        legend_title: String::new(),
    })
}

/// The values of a key that have results, in their order, with their points.
fn levels<'g, 'a>(groups: &'g Groups<'a>, key: usize, metric: &Metric) -> Vec<Level<'g, 'a>> {
    let measured: Vec<&Group> = groups
        .all
        .iter()
        .filter(|g| g.summary(metric.name).mean.is_some())
        .collect();
    let of = |text: String| {
        let same = measured.iter().filter(|g| format::value(&g.point[key]) == text);
        let members: Vec<&Group> = same.copied().collect();
        Some(Level {
            number: members.first()?.point[key].as_f64(),
            members,
            text,
        })
    };
    let mut all: Vec<Level> = landscape::values(groups, key).into_iter().filter_map(of).collect();
    if all.iter().all(|l| l.number.is_some()) {
        all.sort_by(|a, b| a.number.partial_cmp(&b.number).unwrap_or(std::cmp::Ordering::Equal));
    } else {
        all.iter_mut().for_each(|l| l.number = None);
    }
    all
}

impl Level<'_, '_> {
    /// Mean of each point, in the metric's unit.
    fn points(&self, metric: &Metric) -> Vec<f64> {
        let means = self.members.iter().filter_map(|g| g.summary(metric.name).mean);
        means.map(|m| m * metric.factor).collect()
    }

    /// The mean over all points, seed by seed where every seed has every point, else over the points' means without an interval.
    fn summary(&self, metric: &Metric) -> Summary {
        let values: Vec<Vec<(i64, f64)>> = self.members.iter().map(|g| g.values(metric.name)).collect();
        let seeds = |v: &Vec<(i64, f64)>| v.iter().map(|p| p.0).collect::<Vec<_>>();
        let whole = values.iter().all(|v| !v.is_empty() && seeds(v) == seeds(&values[0]));
        if whole {
            let mean = |i: usize| values.iter().map(|v| v[i].1).sum::<f64>() / values.len() as f64;
            return Summary::of((0..values[0].len()).map(|i| mean(i) * metric.factor));
        }
        let points = self.points(metric);
        let mean = points.iter().sum::<f64>() / points.len() as f64;
        Summary::of((!points.is_empty()).then_some(mean))
    }
}

fn panel(groups: &Groups, key: usize, metric: &Metric) -> Option<Plot> {
    let levels = levels(groups, key, metric);
    let name = &groups.keys[key].name;
    if levels.len() < 2 {
        return None;
    }
    let numbers: Option<Vec<f64>> = levels.iter().map(|l| l.number).collect();
    let title = format!("{} by {name}", metric.axis());
    let mut plot = match &numbers {
        Some(xs) => Plot::new(title, swept_axis(name, xs), Axis::linear(metric.axis())),
        None if levels.len() > NAMES => return None,
        None => {
            let names = levels.iter().rev().map(|l| l.text.clone()).collect();
            let mut plot = Plot::new(title, Axis::linear(metric.axis()), Axis::names("", names));
            plot.height = 62 + 24 * levels.len() as u32;
            plot
        }
    };
    let mut line = vec![];
    for (i, level) in levels.iter().enumerate() {
        let row = (levels.len() - 1 - i) as f64;
        let at = |value: f64, beside: f64| level.number.map_or((value, row - beside), |x| (x, value));
        let summary = level.summary(metric);
        let dots = level.points(metric).into_iter().map(|v| at(v, 0.22)).collect();
        plot.layers.push(dot(dots, categorical(0), 2.2, true));
        if let Some((low, high)) = summary.interval() {
            plot.layers.push(Layer::Segments {
                segments: vec![(at(low, 0.0), at(high, 0.0))],
                colour: Rgb::INK,
                width: 1.4,
            });
        }
        line.extend(summary.mean.map(|m| at(m, 0.0)));
    }
    if numbers.is_some() && line.len() > 1 && levels.iter().all(|l| l.members.len() > 1) {
        plot.layers.push(Layer::Line {
            points: line.clone(),
            colour: Rgb::INK,
            width: 1.1,
            opacity: 1.0,
        });
    }
    plot.layers.push(dot(line, Rgb::INK, 3.4, false));
    Some(plot)
}

fn dot(points: Vec<(f64, f64)>, colour: Rgb, radius: f64, filled: bool) -> Layer {
    Layer::Dots {
        points,
        colour,
        radius,
        filled,
        opacity: if filled { 0.75 } else { 1.0 },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::data::ReportData;
    use super::super::metrics::KNN;
    use super::super::testing::{ratios, report, run};
    use super::*;

    /// Two ratios and two strategies with two seeds each; accuracies are sums.
    fn grid(without: usize) -> ReportData {
        let mut runs = vec![];
        for ratio in [0.5, 0.75] {
            for (s, strategy) in ["random", "grid"].into_iter().enumerate() {
                for seed in 0..2 {
                    let accuracy = ratio + 0.1 * s as f64 + 0.01 * seed as f64;
                    let point = json!({"mask.ratio": ratio, "mask.strategy": strategy});
                    runs.push(run(runs.len() as i64, point, seed, &[("knn_accuracy", accuracy)]));
                }
            }
        }
        runs.truncate(8 - without);
        let axes = json!([{"key": "mask.ratio", "values": [0.5, 0.75]}, {"key": "mask.strategy", "values": ["random", "grid"]}]);
        report(axes, runs)
    }

    #[test]
    fn values_are_summed_up_over_the_other_keys() {
        let data = grid(0);
        let groups = Groups::of(&data);
        let names = |key: usize| {
            levels(&groups, key, &KNN)
                .into_iter()
                .map(|l| l.text)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (names(0), names(1)),
            (
                vec!["0.5".to_owned(), "0.75".to_owned()],
                vec!["random".into(), "grid".into()]
            )
        );
        let half = levels(&groups, 0, &KNN)[0].summary(&KNN);
        assert!((half.mean.unwrap() - 55.5).abs() < 1e-9 && half.n == 2, "{half:?}");
        let grid = levels(&groups, 1, &KNN)[1].summary(&KNN);
        assert!((grid.mean.unwrap() - 73.0).abs() < 1e-9, "{grid:?}");
        let found = sketch(&groups).unwrap();
        let stems: Vec<&str> = found.panels.iter().map(|p| p.0.as_str()).collect();
        assert_eq!(stems, ["by_mask_ratio", "by_mask_strategy"]);
    }

    #[test]
    fn a_missing_trial_takes_the_interval() {
        let data = grid(1);
        let groups = Groups::of(&data);
        assert_eq!(levels(&groups, 0, &KNN)[1].summary(&KNN).interval(), None);
        assert!(levels(&groups, 0, &KNN)[0].summary(&KNN).interval().is_some());
    }

    #[test]
    fn one_key_needs_no_such_figure() {
        let data = ratios(0.1);
        assert!(sketch(&Groups::of(&data)).is_none());
    }
}
