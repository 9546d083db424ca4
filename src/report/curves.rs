//! Learning curves: every trial, one panel per metric, coloured by group.

use super::figures::{Sketch, lettered};
use super::groups::Groups;
use crate::plot::{Axis, Layer, Plot, min_max};

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
/// Groups that a legend can name.
const NAMED: usize = 24;

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
    let mut caption = format!("Learning curves of every trial, one line each: {}.", lettered(&titles));
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
    let several = groups.all.len() > 1 && groups.all.len() <= NAMED;
    if groups.all.len() > NAMED {
        caption.push_str(" Colours follow the order of the points in Table 1.");
    }
    Some(Sketch {
        panels: panels
            .into_iter()
            .map(|(name, _, plot)| (format!("curve_{name}"), plot))
            .collect(),
        caption,
        legend: if several {
            groups.all.iter().map(|g| (g.label.clone(), g.colour)).collect()
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
    for (group, run) in groups.all.iter().flat_map(|g| g.runs.iter().map(move |r| (g, r))) {
        let points: Vec<(f64, f64)> = run.points(name).map(|p| (p.epoch, p.value)).collect();
        values.extend(points.iter().map(|p| p.1).filter(|v| v.is_finite()));
        if let (false, Some(end)) = (run.finished(), points.iter().rfind(|p| p.1.is_finite())) {
            ends.push(Layer::Dots {
                points: vec![*end],
                colour: group.colour,
                radius: 3.0,
                filled: false,
                opacity: 1.0,
            });
        }
        if points.len() > 1 {
            lines.push(Layer::Line {
                points: min_max(&points, limit),
                colour: group.colour,
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
    plot.layers = lines.into_iter().chain(ends).collect();
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
