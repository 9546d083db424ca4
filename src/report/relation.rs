//! Whether reconstruction tells anything of a task: each task's figure against the reconstruction error, trial by trial, and
//! rank correlations over the means of points. Words are in `relation_words`.

use super::curves::marked;
use super::figures::{Sketch, lettered, lower};
use super::groups::Groups;
use super::metrics::{EVAL_LOSS, EVAL_MSE, Metric};
use super::metrics_tasks::TASKS;
use super::relation_words as words;
use crate::plot::{Axis, Layer, Plot, Rgb};
use crate::stats::{ALPHA, Correlation, Draws, holm};

/// Points from which on something is drawn.
const DRAWN: usize = 3;

/// Permutations that are drawn where not all are tried.
const DRAWS: usize = 9999;

/// A task against the error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Related {
    /// The task's leading figure.
    pub(super) metric: Metric,
    /// Over the means of points.
    pub(super) found: Correlation,
    /// p of ρ corrected for all tasks of the table.
    pub(super) holm: Option<f64>,
}

impl Related {
    /// Whether the coefficient can be told from chance.
    pub(super) fn holds(&self) -> bool {
        self.holm.is_some_and(|p| p < ALPHA)
    }

    /// Whether points with a lower error do better.
    pub(super) fn agrees(&self) -> bool {
        self.found
            .rho
            .is_some_and(|rho| (rho < 0.0) == self.metric.more_is_better)
    }
}

/// Every task against one measure of the error.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Relations {
    /// The measure of the error.
    pub(super) error: Metric,
    /// The tasks, in the order of columns.
    pub(super) tasks: Vec<Related>,
}

/// The correlations; `None` where nothing may be compared at three points.
pub(super) fn build(groups: &Groups) -> Option<Relations> {
    let error = error(groups)?;
    let metrics = TASKS.iter().map(|t| t.metrics[0]).filter(|m| groups.comparable(m));
    let paired = metrics.map(|m| (m, means(groups, &error, &m)));
    let mut tasks: Vec<Related> = paired
        .filter(|(_, pairs)| pairs.len() >= DRAWN)
        .map(|(metric, pairs)| Related {
            metric,
            found: Correlation::of(&pairs, draws(metric.name)),
            holm: None,
        })
        .collect();
    let tested: Vec<f64> = tasks.iter().filter_map(|t| t.found.p).collect();
    let with_p = tasks.iter_mut().filter(|t| t.found.p.is_some());
    with_p.zip(holm(&tested)).for_each(|(t, p)| t.holm = Some(p));
    (!tasks.is_empty()).then_some(Relations { error, tasks })
}

/// The error of reconstruction: in pixels where that was recorded, else in the units of training.
fn error(groups: &Groups) -> Option<Metric> {
    let usable = |m: &Metric| groups.comparable(m) && !groups.ranked(m).is_empty();
    [EVAL_MSE, EVAL_LOSS].into_iter().find(usable)
}

fn draws(name: &str) -> Draws<'_> {
    Draws {
        seed: 0,
        name,
        resamples: DRAWS,
    }
}

/// The means of every point that has both, as (error, figure) in stored units.
pub(super) fn means(groups: &Groups, error: &Metric, metric: &Metric) -> Vec<(f64, f64)> {
    let mean = |g: &super::groups::Group, m: &Metric| g.summary(m.name).mean;
    let both = groups.all.iter().map(|g| Some((mean(g, error)?, mean(g, metric)?)));
    both.flatten().collect()
}

/// One panel for each task.
pub(super) fn sketch(groups: &Groups) -> Option<Sketch> {
    let relations = build(groups)?;
    let metrics: Vec<Metric> = relations.tasks.iter().map(|t| t.metric).collect();
    let ends: Vec<Metric> = metrics.iter().copied().chain([relations.error]).collect();
    let marked = marked(groups, &ends, 1);
    let panels = metrics.iter().map(|m| {
        (
            format!("error_and_{}", m.name),
            panel(groups, &relations.error, m, &marked),
        )
    });
    let all = marked.len() == groups.all.len();
    let named = marked.iter().map(|(i, colour)| (groups.all[*i].label.clone(), *colour));
    let others = (!all).then(|| ("others".to_owned(), Rgb::GREY));
    let titles: Vec<String> = metrics.iter().map(|m| lower(m.title)).collect();
    Some(Sketch {
        panels: panels.collect(),
        caption: words::caption(&lettered(&titles), &relations.error, all),
        legend: named.chain(others).collect(),
        legend_title: match groups.keys.as_slice() {
            [one] => one.name.clone(),
            _ => String::new(),
        },
    })
}

/// Trials as small dots, means of points as large ones; points without a colour of their own lie below the others.
fn panel(groups: &Groups, error: &Metric, metric: &Metric, marked: &[(usize, Rgb)]) -> Plot {
    let title = format!("{} against {}", metric.axis(), error.axis());
    let mut plot = Plot::new(title, horizontal(groups, error), Axis::linear(metric.axis()));
    let own = |i: &usize| marked.iter().find(|m| m.0 == *i).map(|m| m.1);
    let mut order: Vec<usize> = (0..groups.all.len()).collect();
    order.sort_by_key(|i| own(i).is_some());
    let mut trials = vec![];
    let mut points = vec![];
    for i in order {
        let (group, colour) = (&groups.all[i], own(&i).unwrap_or(Rgb::GREY));
        let shown = |(x, y): (f64, f64)| (x * error.factor, y * metric.factor);
        let both = group.runs.iter().filter(|r| r.finished());
        let both = both.filter_map(|r| Some(shown((r.last(error.name)?, r.last(metric.name)?))));
        trials.push(dots(both.collect(), colour, (1.8, 0.4)));
        let mean = |m: &Metric| group.summary(m.name).mean;
        let mean = mean(error).zip(mean(metric)).map(shown);
        points.push(dots(mean.into_iter().collect(), colour, (3.8, 0.95)));
    }
    plot.layers = trials.into_iter().chain(points).collect();
    plot
}

fn dots(points: Vec<(f64, f64)>, colour: Rgb, (radius, opacity): (f64, f64)) -> Layer {
    Layer::Dots {
        points,
        colour,
        radius,
        filled: true,
        opacity,
    }
}

/// Logarithmic where errors span more than a decade.
fn horizontal(groups: &Groups, error: &Metric) -> Axis {
    let values = groups.all.iter().flat_map(|g| g.values(error.name)).map(|v| v.1);
    let (low, high) = values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
    if low > 0.0 && high / low > 10.0 {
        Axis::log(error.axis())
    } else {
        Axis::linear(error.axis())
    }
}

/// What the summary says of the task that it is about.
pub(super) fn finding(groups: &Groups) -> Option<String> {
    let relations = build(groups)?;
    let first = groups.headline();
    let related = first
        .iter()
        .find_map(|m| relations.tasks.iter().find(|t| t.metric.name == m.name));
    words::sentence(related?, &relations.error)
}
