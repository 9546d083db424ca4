//! Figures of a sweep: a metric against the swept value, and what the page and the files share about them.

use super::ReportError;
use super::curves;
use super::data::ReportData;
use super::format;
use super::groups::{Group, Groups, short};
use super::metrics::{EVAL_MSE, KNN, Metric};
use crate::plot::{Axis, Layer, On, Plot, REFERENCE_LINE, Reference, Rgb, categorical, embed, svg};
use crate::stats::Summary;

/// A numbered figure of the page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    /// Caption, as plain text after the number.
    pub(super) caption: String,
    /// Panels as SVG for the page.
    pub(super) panels: Vec<String>,
    /// Shared legend: name and colour as `RRGGBB`.
    pub(super) legend: Vec<(String, String)>,
    /// What the legend's names are values of.
    pub(super) legend_title: String,
    /// Colours used, for dark screens.
    palette: Vec<Rgb>,
}

impl Figure {
    /// Colours that the figure uses.
    pub(super) fn colours(&self) -> impl Iterator<Item = Rgb> {
        self.palette.iter().copied()
    }
}

/// Panels, caption and legend before drawing.
pub(super) struct Sketch {
    /// File stem of each panel, and the panel.
    pub(super) panels: Vec<(String, Plot)>,
    /// Caption.
    pub(super) caption: String,
    /// Legend shared by the panels.
    pub(super) legend: Vec<(String, Rgb)>,
    /// What the legend's names are values of.
    pub(super) legend_title: String,
}

impl Sketch {
    /// Draws it for the page.
    pub(super) fn figure(&self) -> Result<Figure, ReportError> {
        let panels: Result<Vec<String>, _> = self.panels.iter().map(|(_, plot)| svg(plot).map(|s| embed(&s))).collect();
        let legend = self.legend.iter().map(|(n, c)| (n.clone(), c.hex()[1..].to_owned())).collect();
        let palette = self.panels.iter().flat_map(|(_, plot)| plot.colours()).collect();
        Ok(Figure { palette, caption: self.caption.clone(), panels: panels?, legend, legend_title: self.legend_title.clone() })
    }
}

/// Every figure as a standalone SVG file: (file name, document). A panel that cannot be drawn is an error of the page, so it is left out here.
pub fn files(data: &ReportData) -> Vec<(String, String)> {
    let groups = Groups::of(data);
    let sketches = [against_swept(&groups), curves::sketch(&groups)].into_iter().flatten();
    let with_legend = sketches.flat_map(|sketch| {
        let legend = sketch.legend;
        sketch.panels.into_iter().map(move |(stem, plot)| (stem, Plot { width: if legend.is_empty() { plot.width } else { plot.width + 80 }, legend: legend.clone(), ..plot }))
    });
    with_legend.filter_map(|(stem, plot)| Some((format!("{stem}.svg"), svg(&plot).ok()?))).collect()
}

/// k-NN accuracy and error at the common masks against the swept value; `None` where there is nothing to compare.
pub(super) fn against_swept(groups: &Groups) -> Option<Sketch> {
    if groups.all.len() < 2 {
        return None;
    }
    let metrics: Vec<Metric> =
        [KNN, EVAL_MSE].into_iter().filter(|m| groups.comparable(m) && !groups.ranked(m).is_empty()).collect();
    let mut panels: Vec<Panel> = metrics.iter().map(|m| panel(groups, m)).collect();
    align(&mut panels);
    let (first, rest) = panels.split_first()?;
    let names: Vec<String> = metrics.iter().map(|m| lower(&m.axis())).collect();
    let over = match groups.axis() {
        Some(i) => groups.keys[i].name.clone(),
        None => format::list(&groups.keys.iter().map(|k| k.name.clone()).collect::<Vec<_>>()),
    };
    let shape = if groups.axis().is_some() { "Line and band" } else { "Large dot and bar" };
    let mut caption = format!("Results by {over}: {}. {shape}: mean ± sd over seeds; small dots: single trials.", lettered(&names));
    panels.iter().for_each(|p| caption.push_str(&p.remark));
    let legend = first.legend.clone();
    let plots = std::iter::once(first).chain(rest).zip(&metrics).map(|(p, m)| (m.name.to_owned(), p.plot.clone())).collect();
    Some(Sketch { panels: plots, caption, legend_title: legend_title(groups, &legend), legend })
}

fn legend_title(groups: &Groups, legend: &[(String, Rgb)]) -> String {
    let others = || groups.keys.iter().enumerate().filter(|(i, _)| Some(*i) != groups.axis()).map(|(_, k)| k.name.clone());
    if legend.is_empty() { String::new() } else { format::list(&others().collect::<Vec<_>>()) }
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
    let mut plot = Plot::new(format!("{} against {}", metric.axis(), key.name), swept_axis(&key.name, &xs), Axis::linear(metric.axis()));
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
        members.sort_by(|a, b| a.point[axis].as_f64().partial_cmp(&b.point[axis].as_f64()).unwrap_or(std::cmp::Ordering::Equal));
        plot.layers.extend(line(members, metric, axis, several.then(|| categorical(i))));
    }
    let legend = series.iter().enumerate().map(|(i, s)| (s.0.clone(), categorical(i))).collect();
    (plot, if several { legend } else { vec![] })
}

/// Band, mean line, seeds and means of one series; without a colour, seeds are in their group's colour.
fn line(members: &[&Group], metric: &Metric, axis: usize, colour: Option<Rgb>) -> Vec<Layer> {
    let at = |g: &Group| g.point[axis].as_f64().unwrap_or(f64::NAN);
    let stats: Vec<(f64, Summary)> = members.iter().map(|g| (at(g), super::table::scaled(&g.summary(metric.name), metric))).collect();
    let band = stats.iter().filter_map(|(x, s)| Some((*x, s.mean? - s.sd?, s.mean? + s.sd?))).collect();
    let means: Vec<(f64, f64)> = stats.iter().filter_map(|(x, s)| Some((*x, s.mean?))).collect();
    let ink = colour.unwrap_or(Rgb::INK);
    let mut layers = vec![Layer::Band { points: band, colour: colour.unwrap_or(Rgb::GREY) }];
    layers.push(Layer::Line { points: means.clone(), colour: ink, width: 1.4, opacity: 1.0 });
    for group in members {
        let points = group.values(metric.name).into_iter().map(|(_, v)| (at(group), v * metric.factor)).collect();
        layers.push(Layer::Dots { points, colour: colour.unwrap_or(group.colour), radius: 2.2, filled: true, opacity: 0.75 });
    }
    layers.push(Layer::Dots { points: means, colour: ink, radius: 3.2, filled: false, opacity: 1.0 });
    layers
}

/// Names from top to bottom, values along the horizontal axis.
fn over_names(groups: &Groups, metric: &Metric) -> Plot {
    let names: Vec<String> = groups.all.iter().rev().map(|g| shorten(&g.label)).collect();
    let rows = names.len();
    let mut plot = Plot::new(format!("{} by swept point", metric.axis()), Axis::linear(metric.axis()), Axis::names("", names));
    plot.height = 62 + 24 * rows as u32;
    for (i, group) in groups.all.iter().enumerate() {
        let y = (rows - 1 - i) as f64;
        let summary = super::table::scaled(&group.summary(metric.name), metric);
        let points = group.values(metric.name).into_iter().map(|(_, v)| (v * metric.factor, y - 0.22)).collect();
        plot.layers.push(Layer::Dots { points, colour: group.colour, radius: 2.0, filled: true, opacity: 0.75 });
        if let (Some(mean), Some(sd)) = (summary.mean, summary.sd) {
            let segments = vec![((mean - sd, y), (mean + sd, y))];
            plot.layers.push(Layer::Segments { segments, colour: group.colour, width: 1.4 });
        }
        let mean = summary.mean.map(|m| (m, y)).into_iter().collect();
        plot.layers.push(Layer::Dots { points: mean, colour: group.colour, radius: 3.6, filled: true, opacity: 1.0 });
    }
    plot
}

/// Adds the baselines; returns what the caption must say about them.
fn references(groups: &Groups, metric: &Metric, plot: &mut Plot) -> String {
    let on = if groups.axis().is_some() { On::Y } else { On::X };
    let mut said = String::new();
    if groups.baseline_varies() {
        let points: Vec<(f64, f64)> = groups.all.iter().enumerate().filter_map(|(i, g)| baseline_dot(groups, g, i, metric)).collect();
        if !points.is_empty() && within_reach(groups, metric, &points.iter().map(|p| if on == On::Y { p.1 } else { p.0 }).collect::<Vec<_>>()) {
            plot.layers.insert(0, Layer::Dots { points, colour: Rgb::GREY, radius: 3.2, filled: false, opacity: 1.0 });
            said = format!(" Open grey circles: {} of the same network untrained.", lower(metric.title));
        }
    } else if let Some(mean) = groups.untrained(metric).mean.map(|m| m * metric.factor) {
        if within_reach(groups, metric, &[mean]) {
            plot.references.push(Reference { value: mean, label: "untrained".to_owned(), on });
        } else {
            said = format!(" The untrained network ({} {}) lies outside the axes.", metric.title, format::fixed(mean, metric.decimals));
        }
    }
    if let (true, Some(chance)) = (metric.name == KNN.name, groups.chance()) {
        plot.references.push(Reference { value: chance * metric.factor, label: "chance".to_owned(), on });
    }
    said
}

fn baseline_dot(groups: &Groups, group: &Group, index: usize, metric: &Metric) -> Option<(f64, f64)> {
    let value = group.untrained(metric).mean? * metric.factor;
    Some(match groups.axis() {
        Some(axis) => (group.point[axis].as_f64()?, value),
        None => (value, (groups.all.len() - 1 - index) as f64),
    })
}

/// Whether baselines can be drawn without flattening the values: always for accuracies, else within twice their span.
fn within_reach(groups: &Groups, metric: &Metric, baselines: &[f64]) -> bool {
    let values: Vec<f64> =
        groups.all.iter().flat_map(|g| g.values(metric.name)).map(|v| v.1 * metric.factor).filter(|v| v.is_finite()).collect();
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let reach = 2.0 * (high - low);
    metric.name == KNN.name || baselines.iter().all(|b| *b >= low - reach && *b <= high + reach)
}

/// An axis over swept values: their own ticks when there are few and apart, logarithmic when they span decades.
fn swept_axis(name: &str, xs: &[f64]) -> Axis {
    let log = xs.first().is_some_and(|low| *low > 0.0 && xs[xs.len() - 1] / low >= 30.0);
    let place = |x: f64| if log { x.log10() } else { x };
    let span = xs.last().map_or(0.0, |high| place(*high) - place(xs[0]));
    let apart = xs.windows(2).all(|w| place(w[1]) - place(w[0]) > 0.07 * span);
    let axis = if log { Axis::log(name) } else { Axis::linear(name) };
    if apart && xs.len() <= 8 { Axis { ticks: xs.to_vec(), ..axis } } else { axis }
}

fn other_keys(groups: &Groups, group: &Group, axis: usize) -> String {
    let others: Vec<_> = groups.keys.iter().zip(&group.point).enumerate().filter(|(i, _)| *i != axis).map(|(_, pair)| pair).collect();
    match others.as_slice() {
        [(_, value)] => format::value(value),
        _ => others.iter().map(|(k, v)| format!("{} {}", short(&k.name), format::value(v))).collect::<Vec<_>>().join(", "),
    }
}

/// At most 28 letters.
fn shorten(text: &str) -> String {
    if text.chars().count() <= 28 { text.to_owned() } else { text.chars().take(27).chain(['…']).collect() }
}

/// `(a) this and (b) that`, or the only item without a letter.
pub(super) fn lettered(items: &[String]) -> String {
    if items.len() < 2 {
        return format::list(items);
    }
    let with: Vec<String> = ('a'..).zip(items).map(|(letter, item)| format!("({letter}) {item}")).collect();
    format::list(&with)
}

/// Lower-cases a leading word that is not an abbreviation.
pub(super) fn lower(text: &str) -> String {
    let first = text.split([' ', '-']).next().unwrap_or_default();
    if first.len() > 1 && first.chars().skip(1).all(char::is_lowercase) {
        text.chars().take(1).flat_map(char::to_lowercase).chain(text.chars().skip(1)).collect()
    } else {
        text.to_owned()
    }
}
