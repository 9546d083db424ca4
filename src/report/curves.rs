//! Learning curves, one panel per metric: the mean over the seeds of each group with a band, or every trial; coloured by group.

use std::collections::BTreeMap;

use super::data::RunReport;
use super::figures::{Sketch, lettered};
use super::groups::{Group, Groups};
use super::metrics::Metric;
use crate::plot::{Axis, Layer, Plot, Rgb, categorical, min_max};

/// Curves with a name in the store, a title, and a letter for the caption.
const CURVES: [(&str, &str); 4] = [
    ("val_loss", "validation loss (own masks)"),
    ("train_loss", "training loss"),
    ("eval_mse", "MSE at the common masks"),
    ("knn_accuracy", "k-NN accuracy"),
];

/// Longest series drawn point by point.
const LIMIT: usize = 300;
/// Points of all series of a panel together, about; where there are many series, each is thinned further.
const BUDGET: usize = 60_000;
/// Points of a series at least.
const LEAST: usize = 24;
/// Groups that can be told apart by their colours; of more, the best, the next and the baseline have theirs and the others are
/// grey.
const TOLD: usize = 10;

/// The curves of all trials; `None` when no trial has any.
pub(super) fn sketch(groups: &Groups) -> Option<Sketch> {
    let panels: Vec<(&str, &str, Plot)> = chosen(groups)
        .into_iter()
        .filter_map(|(name, title)| Some((name, title, panel(groups, name, title)?)))
        .collect();
    if panels.is_empty() {
        return None;
    }
    let titles: Vec<String> = panels.iter().map(|p| p.1.to_owned()).collect();
    let mut caption = format!("Learning curves: {}. {}", lettered(&titles), what(groups));
    if groups.all.iter().flat_map(|g| &g.runs).any(|r| !r.finished()) {
        caption.push_str(" An open circle ends the curve of a trial that did not finish.");
    }
    let limit = limit(groups);
    if thinned(groups, limit) {
        caption.push_str(&format!(
            " Curves of more than {limit} points are thinned to the lowest and highest value of each of {} equal stretches.",
            (limit - 2) / 2
        ));
    }
    let marked = marked(groups, &groups.headline(), 2);
    let several = groups.all.len() > 1;
    if marked.len() < groups.all.len() {
        caption.push_str(" In colour: the best and the next by each metric, and the baseline.");
    }
    Some(Sketch {
        panels: panels
            .into_iter()
            .map(|(name, _, plot)| (format!("curve_{name}"), plot))
            .collect(),
        caption,
        legend: if several {
            let named = marked.iter().map(|(i, colour)| (groups.all[*i].label.clone(), *colour));
            let others = (marked.len() < groups.all.len()).then(|| ("others".to_owned(), Rgb::GREY));
            named.chain(others).collect()
        } else {
            vec![]
        },
        legend_title: if groups.keys.len() == 1 && several {
            groups.keys[0].name.clone()
        } else {
            String::new()
        },
    })
}

/// Groups that have a colour of their own, with it: all where they can be told apart or follow a number; else the best `each`
/// by every metric, and the baseline.
pub(super) fn marked(groups: &Groups, metrics: &[Metric], each: usize) -> Vec<(usize, Rgb)> {
    let ordered = groups.keys.len() == 1 && groups.keys[0].numeric();
    if groups.all.len() <= TOLD || ordered {
        return groups.all.iter().map(|g| g.colour).enumerate().collect();
    }
    let metrics = metrics.iter().filter(|m| groups.comparable(m));
    let mut found: Vec<usize> = metrics.flat_map(|m| groups.ranked(m).into_iter().take(each)).collect();
    let named = groups.baseline.as_deref();
    found.extend(groups.all.iter().position(|g| Some(g.label.as_str()) == named));
    found.sort_unstable();
    found.dedup();
    found
        .into_iter()
        .enumerate()
        .map(|(nth, i)| (i, categorical(nth)))
        .collect()
}

/// Every group, those without a colour of their own first, so that the others lie above them.
fn in_order<'g, 'a>(groups: &'g Groups<'a>) -> Vec<(&'g Group<'a>, Option<Rgb>)> {
    let marked = marked(groups, &groups.headline(), 2);
    let own = |i: usize| marked.iter().find(|m| m.0 == i).map(|m| m.1);
    let mut all: Vec<_> = groups.all.iter().enumerate().map(|(i, g)| (g, own(i))).collect();
    all.sort_by_key(|(_, colour)| colour.is_some());
    all
}

/// What a line is.
fn what(groups: &Groups) -> &'static str {
    let pooled = |g: &&Group| pooled(g).is_some();
    match groups.all.iter().filter(pooled).count() {
        0 => "One line for each trial.",
        n if n == groups.all.len() => "Line: mean over seeds; band: from the lowest to the highest of them.",
        _ => "Line: mean over seeds, with a band from the lowest to the highest of them, or a single trial.",
    }
}

/// The finished runs of a group, where there are several.
fn pooled<'a>(group: &Group<'a>) -> Option<Vec<&'a RunReport>> {
    let finished: Vec<&RunReport> = group.runs.iter().filter(|r| r.finished()).copied().collect();
    (finished.len() > 1).then_some(finished)
}

/// (epoch, values of all runs) at the steps that all of them have.
fn shared(runs: &[&RunReport], name: &str) -> Vec<(f64, Vec<f64>)> {
    let mut at: BTreeMap<i64, (f64, Vec<f64>)> = BTreeMap::new();
    for point in runs.iter().flat_map(|r| r.points(name)) {
        at.entry(point.step)
            .or_insert((point.epoch, vec![]))
            .1
            .push(point.value);
    }
    at.into_values()
        .filter(|(_, values)| values.len() == runs.len())
        .collect()
}

/// Band and line of runs that share their steps; `None` below two steps.
fn mean_with_band(runs: &[&RunReport], name: &str, colour: Rgb, limit: usize) -> Option<[Layer; 2]> {
    let all = shared(runs, name);
    let mean = |(x, values): &(f64, Vec<f64>)| (*x, values.iter().sum::<f64>() / values.len() as f64);
    let line: Vec<(f64, f64)> = all.iter().map(mean).collect();
    let stretch = all.len().div_ceil((limit / 2).max(1)).max(1);
    let ends = |part: &[(f64, Vec<f64>)]| {
        let values = || part.iter().flat_map(|p| &p.1).copied().filter(|v| v.is_finite());
        let (low, high) = (
            values().fold(f64::INFINITY, f64::min),
            values().fold(f64::NEG_INFINITY, f64::max),
        );
        (low <= high).then_some((part[0].0, low, high))
    };
    let mut band: Vec<(f64, f64, f64)> = all.chunks(stretch).filter_map(ends).collect();
    if let (true, Some((x, _)), Some(last)) = (stretch > 1, all.last(), band.last().copied()) {
        band.push((*x, last.1, last.2));
    }
    let line = Layer::Line {
        points: min_max(&line, limit),
        colour,
        width: 1.3,
        opacity: 1.0,
    };
    (all.len() > 1).then_some([Layer::Band { points: band, colour }, line])
}

/// Metrics measured at more than the start and the end, which the table and the first figure show; all where none is.
fn chosen(groups: &Groups) -> Vec<(&'static str, &'static str)> {
    let longest = |name: &str| {
        let runs = groups.all.iter().flat_map(|g| &g.runs);
        runs.map(|r| r.points(name).count()).max().unwrap_or(0)
    };
    let curved: Vec<_> = CURVES.into_iter().filter(|(name, _)| longest(name) > 2).collect();
    if curved.is_empty() { CURVES.to_vec() } else { curved }
}

/// One panel, if any trial has at least two points.
fn panel(groups: &Groups, name: &str, title: &str) -> Option<Plot> {
    let (mut lines, mut ends, mut values) = (vec![], vec![], vec![]);
    let limit = limit(groups);
    let mut bands = vec![];
    let mut alone: Vec<(Rgb, &RunReport)> = vec![];
    for (group, own) in in_order(groups) {
        let colour = own.unwrap_or(Rgb::GREY);
        let drawn = pooled(group).and_then(|runs| mean_with_band(&runs, name, colour, limit));
        let covered = drawn.is_some();
        if let Some([band, line]) = drawn {
            bands.extend(own.is_some().then_some(band));
            lines.push(line);
            let runs = group.runs.iter().filter(|r| r.finished());
            values.extend(
                runs.flat_map(|r| r.points(name))
                    .map(|p| p.value)
                    .filter(|v| v.is_finite()),
            );
        }
        alone.extend(
            group
                .runs
                .iter()
                .filter(|r| !covered || !r.finished())
                .map(|r| (colour, *r)),
        );
    }
    for (colour, run) in alone {
        let points: Vec<(f64, f64)> = run.points(name).map(|p| (p.epoch, p.value)).collect();
        values.extend(points.iter().map(|p| p.1).filter(|v| v.is_finite()));
        if let (false, Some(end)) = (run.finished(), points.iter().rfind(|p| p.1.is_finite())) {
            ends.push(Layer::Dots {
                points: vec![*end],
                colour,
                radius: 3.0,
                filled: false,
                opacity: 1.0,
            });
        }
        if points.len() > 1 {
            lines.push(Layer::Line {
                points: min_max(&points, limit),
                colour,
                width: 1.1,
                opacity: 0.85,
            });
        }
    }
    if lines.is_empty() || values.is_empty() {
        return None;
    }
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let y = if low > 0.0 && high / low > 30.0 {
        Axis::log(title)
    } else {
        Axis::linear(title)
    };
    let mut plot = Plot::new(format!("{title} during training"), Axis::linear("epoch"), y);
    plot.layers = bands.into_iter().chain(lines).chain(ends).collect();
    Some(plot)
}

/// Points of a series at most.
fn limit(groups: &Groups) -> usize {
    let series: usize = groups.all.iter().map(|g| g.runs.len()).sum();
    (BUDGET / series.max(1)).clamp(LEAST, LIMIT)
}

fn thinned(groups: &Groups, limit: usize) -> bool {
    let runs = || groups.all.iter().flat_map(|g| &g.runs);
    CURVES
        .iter()
        .any(|(name, _)| runs().any(|r| r.points(name).count() > limit))
}
