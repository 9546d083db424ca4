//! A metric against the swept value: lines over a numeric key, rows of dots over names.

use super::baseline::references;
use super::figures::{Sketch, lettered, lower};
use super::format;
use super::groups::{Group, Groups, short};
use super::metrics::Metric;
use super::metrics_tasks::TASKS;
use super::table::scaled;
use crate::plot::{Axis, Layer, On, Plot, REFERENCE_LINE, Rgb, categorical};
use crate::stats::Summary;

/// Lines of a panel at most.
const LINES: usize = 8;
/// Rows of a panel at most.
const ROWS: usize = 40;

/// The objective, a task and the error at the common masks against the swept value; `None` where there is nothing to compare.
pub(super) fn sketch(groups: &Groups) -> Option<Sketch> {
    over(groups, groups.headline())
}

/// The leading figures of the other tasks against the swept value.
pub(super) fn tasks(groups: &Groups) -> Option<Sketch> {
    let first = groups.headline();
    let others = TASKS.iter().map(|t| t.metrics[0]);
    over(
        groups,
        others.filter(|m| first.iter().all(|f| f.name != m.name)).collect(),
    )
}

fn over(groups: &Groups, mut metrics: Vec<Metric>) -> Option<Sketch> {
    metrics.retain(|m| groups.comparable(m) && !groups.ranked(m).is_empty());
    if groups.all.len() < 2 || crowded(groups) {
        return None;
    }
    let mut panels: Vec<Panel> = metrics.iter().map(|m| panel(groups, m)).collect();
    align(&mut panels);
    let (first, rest) = panels.split_first()?;
    let names: Vec<String> = metrics.iter().map(|m| lower(&m.axis())).collect();
    let over = match groups.axis() {
        Some(i) => groups.keys[i].name.clone(),
        None => format::list(&groups.keys.iter().map(|k| k.name.clone()).collect::<Vec<_>>()),
    };
    let shape = if groups.axis().is_some() {
        "Line and band"
    } else {
        "Large dot and bar"
    };
    let mut caption = format!(
        "Results by {over}: {}. {shape}: mean and its 95 % Student-t interval over seeds; small dots: single trials.",
        lettered(&names)
    );
    panels.iter().for_each(|p| caption.push_str(&p.remark));
    let legend = first.legend.clone();
    let plots = std::iter::once(first)
        .chain(rest)
        .zip(&metrics)
        .map(|(p, m)| (m.name.to_owned(), p.plot.clone()))
        .collect();
    Some(Sketch {
        panels: plots,
        caption,
        legend_title: legend_title(groups, &legend),
        legend,
    })
}

/// More lines, or rows, than can be told apart: then there is a figure by key.
fn crowded(groups: &Groups) -> bool {
    let Some(axis) = groups.axis() else {
        return groups.all.len() > ROWS;
    };
    let mut series: Vec<String> = groups.all.iter().map(|g| other_keys(groups, g, axis)).collect();
    series.sort_unstable();
    series.dedup();
    series.len() > LINES
}

fn legend_title(groups: &Groups, legend: &[(String, Rgb)]) -> String {
    let others = || {
        groups
            .keys
            .iter()
            .enumerate()
            .filter(|(i, _)| Some(*i) != groups.axis())
            .map(|(_, k)| k.name.clone())
    };
    if legend.is_empty() {
        String::new()
    } else {
        format::list(&others().collect::<Vec<_>>())
    }
}

/// Gives panels side by side the same room for the names of vertical reference lines.
fn align(panels: &mut [Panel]) {
    let vertical = |p: &Panel| p.plot.references.iter().filter(|r| r.on == On::X).count() as u32;
    let most = panels.iter().map(vertical).max().unwrap_or(0);
    for panel in panels {
        panel.plot.headroom = most * REFERENCE_LINE;
        panel.plot.height += panel.plot.headroom;
    }
}

/// A panel and what its caption must add.
struct Panel {
    plot: Plot,
    remark: String,
    legend: Vec<(String, Rgb)>,
}

fn panel(groups: &Groups, metric: &Metric) -> Panel {
    let (mut plot, legend) = match groups.axis() {
        Some(axis) => over_numbers(groups, metric, axis),
        None => (over_names(groups, metric), vec![]),
    };
    let remark = references(groups, metric, &mut plot);
    Panel { plot, remark, legend }
}

/// One line per value of the other keys, over a numeric key.
fn over_numbers(groups: &Groups, metric: &Metric, axis: usize) -> (Plot, Vec<(String, Rgb)>) {
    let key = &groups.keys[axis];
    let mut xs: Vec<f64> = groups.all.iter().filter_map(|g| g.point[axis].as_f64()).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let mut plot = Plot::new(
        format!("{} against {}", metric.axis(), key.name),
        swept_axis(&key.name, &xs),
        Axis::linear(metric.axis()),
    );
    let mut series: Vec<(String, Vec<&Group>)> = vec![];
    for group in &groups.all {
        let name = other_keys(groups, group, axis);
        match series.iter_mut().find(|s| s.0 == name) {
            Some(found) => found.1.push(group),
            None => series.push((name, vec![group])),
        }
    }
    let several = series.len() > 1;
    for (i, (_, members)) in series.iter_mut().enumerate() {
        members.sort_by(|a, b| {
            a.point[axis]
                .as_f64()
                .partial_cmp(&b.point[axis].as_f64())
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        plot.layers
            .extend(line(members, metric, axis, several.then(|| categorical(i))));
    }
    let legend = series
        .iter()
        .enumerate()
        .map(|(i, s)| (s.0.clone(), categorical(i)))
        .collect();
    (plot, if several { legend } else { vec![] })
}

/// Band, mean line, seeds and means of one series; without a colour, seeds are in their group's colour.
fn line(members: &[&Group], metric: &Metric, axis: usize, colour: Option<Rgb>) -> Vec<Layer> {
    let at = |g: &Group| g.point[axis].as_f64().unwrap_or(f64::NAN);
    let stats: Vec<(f64, Summary)> = members
        .iter()
        .map(|g| (at(g), scaled(&g.summary(metric.name), metric)))
        .collect();
    let band = stats
        .iter()
        .filter_map(|(x, s)| s.interval().map(|(low, high)| (*x, low, high)))
        .collect();
    let means: Vec<(f64, f64)> = stats.iter().filter_map(|(x, s)| Some((*x, s.mean?))).collect();
    let ink = colour.unwrap_or(Rgb::INK);
    let mut layers = vec![Layer::Band {
        points: band,
        colour: colour.unwrap_or(Rgb::GREY),
    }];
    layers.push(Layer::Line {
        points: means.clone(),
        colour: ink,
        width: 1.4,
        opacity: 1.0,
    });
    for group in members {
        let points = group
            .values(metric.name)
            .into_iter()
            .map(|(_, v)| (at(group), v * metric.factor))
            .collect();
        layers.push(Layer::Dots {
            points,
            colour: colour.unwrap_or(group.colour),
            radius: 2.2,
            filled: true,
            opacity: 0.75,
        });
    }
    layers.push(Layer::Dots {
        points: means,
        colour: ink,
        radius: 3.2,
        filled: false,
        opacity: 1.0,
    });
    layers
}

/// Names from top to bottom, values along the horizontal axis.
fn over_names(groups: &Groups, metric: &Metric) -> Plot {
    let names: Vec<String> = groups.all.iter().rev().map(|g| shorten(&g.label)).collect();
    let rows = names.len();
    let mut plot = Plot::new(
        format!("{} by swept point", metric.axis()),
        Axis::linear(metric.axis()),
        Axis::names("", names),
    );
    plot.height = 62 + 24 * rows as u32;
    for (i, group) in groups.all.iter().enumerate() {
        let y = (rows - 1 - i) as f64;
        let summary = scaled(&group.summary(metric.name), metric);
        let points = group
            .values(metric.name)
            .into_iter()
            .map(|(_, v)| (v * metric.factor, y - 0.22))
            .collect();
        plot.layers.push(Layer::Dots {
            points,
            colour: group.colour,
            radius: 2.0,
            filled: true,
            opacity: 0.75,
        });
        if let Some((low, high)) = summary.interval() {
            let segments = vec![((low, y), (high, y))];
            plot.layers.push(Layer::Segments {
                segments,
                colour: group.colour,
                width: 1.4,
            });
        }
        let mean = summary.mean.map(|m| (m, y)).into_iter().collect();
        plot.layers.push(Layer::Dots {
            points: mean,
            colour: group.colour,
            radius: 3.6,
            filled: true,
            opacity: 1.0,
        });
    }
    plot
}

/// An axis over swept values: their own ticks when there are few and apart, logarithmic when they span decades.
pub(super) fn swept_axis(name: &str, xs: &[f64]) -> Axis {
    let log = xs
        .first()
        .is_some_and(|low| *low > 0.0 && xs[xs.len() - 1] / low >= 30.0);
    let place = |x: f64| if log { x.log10() } else { x };
    let span = xs.last().map_or(0.0, |high| place(*high) - place(xs[0]));
    // A letter takes about a fortieth of a panel.
    let letters = xs.iter().map(|x| x.to_string().len()).max().unwrap_or(0);
    let room = (0.025 * letters as f64).max(0.07) * span;
    let apart = xs.windows(2).all(|w| place(w[1]) - place(w[0]) > room);
    let axis = if log { Axis::log(name) } else { Axis::linear(name) };
    if apart && xs.len() <= 8 {
        Axis {
            ticks: xs.to_vec(),
            ..axis
        }
    } else {
        axis
    }
}

fn other_keys(groups: &Groups, group: &Group, axis: usize) -> String {
    let others: Vec<_> = groups
        .keys
        .iter()
        .zip(&group.point)
        .enumerate()
        .filter(|(i, _)| *i != axis)
        .map(|(_, pair)| pair)
        .collect();
    match others.as_slice() {
        [(_, value)] => format::value(value),
        _ => others
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| format!("{} {}", short(&k.name), format::value(v)))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// At most 28 letters.
fn shorten(text: &str) -> String {
    if text.chars().count() <= 28 {
        text.to_owned()
    } else {
        text.chars().take(27).chain(['…']).collect()
    }
}
