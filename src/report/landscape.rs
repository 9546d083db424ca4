//! Results over several swept keys at once: a heat map for two, parallel coordinates for more, and how much each key matters.

use super::figures::{Sketch, lower};
use super::format::{self, NONE, fixed};
use super::groups::{Group, Groups};
use super::importance::{self, Importance};
use super::metrics::Metric;
use super::places::Places;
use crate::plot::{
    Axis, Coordinate, Layer, Matrix, MatrixRow, Parallel, ParallelLine, Plot, PlotError, Rgb, Tile, categorical,
    matrix_svg, parallel_svg, sequential,
};

/// Values of a key that a heat map can show.
const MOST: usize = 24;

/// A drawing with its caption.
pub(super) struct Landscape {
    pub(super) board: Board,
    pub(super) caption: String,
    /// File stem.
    pub(super) stem: &'static str,
}

/// What is drawn.
pub(super) enum Board {
    Matrix(Matrix),
    Parallel(Parallel),
}

impl Board {
    /// A standalone SVG document.
    pub(super) fn svg(&self) -> Result<String, PlotError> {
        match self {
            Self::Matrix(matrix) => matrix_svg(matrix),
            Self::Parallel(parallel) => parallel_svg(parallel),
        }
    }

    /// Colours of it that depend on the page.
    pub(super) fn colours(&self) -> Vec<Rgb> {
        match self {
            Self::Matrix(matrix) => matrix.colours(),
            Self::Parallel(parallel) => parallel.colours(),
        }
    }
}

/// The heat map or the parallel coordinates; `None` below two swept keys or without a metric to compare.
pub(super) fn build(groups: &Groups) -> Option<Landscape> {
    let varied = varied(groups);
    let metric = importance::objective(groups).filter(|_| varied.len() > 1)?;
    if let ([down, across], true) = (varied.as_slice(), small(groups, &varied)) {
        let matrix = matrix(groups, &metric, *down, *across);
        let (name, best) = (
            lower(&metric.axis()),
            if metric.more_is_better { "highest" } else { "lowest" },
        );
        return Some(Landscape {
            board: Board::Matrix(matrix),
            caption: format!(
                "{} by {} and {}: mean over seeds, the {best} framed, whether its difference from others holds or not. Darker is better; grey where there is no value.",
                capital(&name),
                groups.keys[*down].name,
                groups.keys[*across].name
            ),
            stem: "keys_heat_map",
        });
    }
    let parallel = parallel(groups, &metric, &varied);
    Some(Landscape {
        board: Board::Parallel(parallel),
        caption: format!(
            "Every swept point as a line through its values and its {} (mean over seeds). Lines have the colour of their place on the last axis.",
            lower(&metric.axis())
        ),
        stem: "keys_parallel",
    })
}

/// Bars of the importance of each key; `None` where nothing can be said.
pub(super) fn weights(groups: &Groups) -> Option<Sketch> {
    let metric = importance::objective(groups)?;
    let found = importance::of(groups, &metric);
    let plot = bars(&found, &metric)?;
    let words: Vec<String> = found
        .iter()
        .map(|i| format!("{} {} %", i.key, fixed(i.share * 100.0, 0)))
        .collect();
    Some(Sketch {
        panels: vec![("importance".to_owned(), plot)],
        caption: format!(
            "Importance of each swept key for {}: {}. {}",
            lower(&metric.axis()),
            format::list(&words),
            importance::meaning(groups)
        ),
        legend: vec![],
        legend_title: String::new(),
    })
}

fn bars(found: &[Importance], metric: &Metric) -> Option<Plot> {
    let rows = found.len().checked_sub(1)?;
    let names = found.iter().rev().map(|i| i.key.clone()).collect();
    let x = Axis {
        ticks: vec![0.0, 25.0, 50.0, 75.0, 100.0],
        ..Axis::linear("share of the variance explained (%)")
    };
    let mut plot = Plot::new(
        format!("importance of keys for {}", metric.axis()),
        x,
        Axis::names("", names),
    );
    plot.height = 50 + 24 * found.len() as u32;
    let bar = |(i, one): (usize, &Importance)| {
        let y = (rows - i) as f64;
        ((0.0, y), (one.share * 100.0, y))
    };
    plot.layers.push(Layer::Segments {
        segments: found.iter().enumerate().map(bar).collect(),
        colour: categorical(0),
        width: 9.0,
    });
    Some(plot)
}

/// Keys with more than one value among the points.
pub(super) fn varied(groups: &Groups) -> Vec<usize> {
    let differ = |i: &usize| groups.all.windows(2).any(|w| w[0].point[*i] != w[1].point[*i]);
    (0..groups.keys.len()).filter(differ).collect()
}

/// Values of a key among the points, in the order of the groups.
pub(super) fn values(groups: &Groups, key: usize) -> Vec<String> {
    let mut found: Vec<(usize, String)> = vec![];
    for group in &groups.all {
        let text = format::value(&group.point[key]);
        let known = groups.keys[key].values.iter().position(|v| *v == group.point[key]);
        if !found.iter().any(|f| f.1 == text) {
            found.push((known.unwrap_or(usize::MAX), text));
        }
    }
    found.sort_by_key(|f| f.0);
    found.into_iter().map(|f| f.1).collect()
}

fn small(groups: &Groups, keys: &[usize]) -> bool {
    keys.iter().all(|key| values(groups, *key).len() <= MOST)
}

fn matrix(groups: &Groups, metric: &Metric, down: usize, across: usize) -> Matrix {
    let shown = |g: &Group| g.summary(metric.name).mean.map(|m| m * metric.factor);
    let all: Vec<f64> = groups.all.iter().filter_map(shown).collect();
    let (low, high) = range(&all);
    let decimals = metric.decimals_for(all.iter().map(|v| v / metric.factor));
    let best = if metric.more_is_better { high } else { low };
    let columns = values(groups, across);
    let tile = |row: &str, column: &String| {
        let at = |g: &&Group| format::value(&g.point[down]) == row && format::value(&g.point[across]) == *column;
        let value = groups.all.iter().find(at).and_then(shown);
        Tile {
            value,
            text: value.map_or(NONE.to_owned(), |v| fixed(v, decimals)),
            framed: value == Some(best),
            bold: false,
        }
    };
    let row = |name: String| MatrixRow {
        cells: columns.iter().map(|column| tile(&name, column)).collect(),
        name,
        apart: false,
    };
    let (light, dark) = if metric.more_is_better {
        (low, high)
    } else {
        (high, low)
    };
    Matrix {
        title: format!(
            "{} by {} and {}",
            metric.axis(),
            groups.keys[down].name,
            groups.keys[across].name
        ),
        across: groups.keys[across].name.clone(),
        down: groups.keys[down].name.clone(),
        rows: values(groups, down).into_iter().map(row).collect(),
        columns,
        ends: [(light, fixed(light, decimals)), (dark, fixed(dark, decimals))],
        measure: metric.axis(),
    }
}

fn range(values: &[f64]) -> (f64, f64) {
    let start = (f64::INFINITY, f64::NEG_INFINITY);
    values.iter().fold(start, |(low, high), v| (low.min(*v), high.max(*v)))
}

fn parallel(groups: &Groups, metric: &Metric, keys: &[usize]) -> Parallel {
    let means: Vec<Option<f64>> = groups
        .all
        .iter()
        .map(|g| g.summary(metric.name).mean.map(|m| m * metric.factor))
        .collect();
    let (low, high) = range(&means.iter().flatten().copied().collect::<Vec<_>>());
    let decimals = metric.decimals_for(means.iter().flatten().map(|v| v / metric.factor));
    let scales: Vec<Places> = keys.iter().map(|key| Places::of(groups, *key)).collect();
    let height = |value: f64| if high > low { (value - low) / (high - low) } else { 0.5 };
    let mut lines: Vec<(f64, ParallelLine)> = groups
        .all
        .iter()
        .zip(&means)
        .filter_map(|(group, mean)| {
            let value = height((*mean)?);
            let good = if metric.more_is_better { value } else { 1.0 - value };
            let at = keys
                .iter()
                .zip(&scales)
                .map(|(key, scale)| scale.at(&group.point[*key]));
            Some((
                good,
                ParallelLine {
                    places: at.chain([value]).collect(),
                    colour: shade(good),
                },
            ))
        })
        .collect();
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    let coordinate = |(key, scale): (&usize, &Places)| Coordinate {
        name: groups.keys[*key].name.clone(),
        ticks: scale.ticks(),
    };
    let ends = if high > low { vec![low, high] } else { vec![low] };
    let last = Coordinate {
        name: metric.axis(),
        ticks: ends.into_iter().map(|v| (height(v), fixed(v, decimals))).collect(),
    };
    Parallel {
        title: format!("{} over all swept keys", metric.axis()),
        axes: keys.iter().zip(&scales).map(coordinate).chain([last]).collect(),
        lines: lines.into_iter().map(|l| l.1).collect(),
    }
}

/// One of a few colours, in the order of the results.
fn shade(good: f64) -> Rgb {
    sequential((good.clamp(0.0, 1.0) * 11.0).round() as usize, 12)
}

/// With a large first letter, but for a letter that is a symbol, as in k-NN.
pub(super) fn capital(text: &str) -> String {
    if text.chars().nth(1) == Some('-') {
        return text.to_owned();
    }
    let mut letters = text.chars();
    letters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::data::ReportData;
    use super::super::testing::{report, run};
    use super::*;

    /// Two keys, or three, with accuracies that grow with both numbers.
    fn sweep(third: &[&str]) -> ReportData {
        let mut runs = vec![];
        for ratio in [0.25, 0.5] {
            for blr in [1e-4, 1e-3] {
                for name in third {
                    let mut point = json!({"mask.ratio": ratio, "train.blr": blr});
                    if third.len() > 1 {
                        point["mask.strategy"] = json!(name);
                    }
                    runs.push(run(
                        runs.len() as i64,
                        point,
                        0,
                        &[("knn_accuracy", ratio / 10.0 + blr * 10.0)],
                    ));
                }
            }
        }
        report(json!([]), runs)
    }

    #[test]
    fn two_keys_make_a_heat_map_with_the_best_framed() {
        let data = sweep(&["one"]);
        let groups = Groups::of(&data);
        let drawn = build(&groups).unwrap();
        assert_eq!(drawn.stem, "keys_heat_map");
        let Board::Matrix(matrix) = &drawn.board else {
            panic!("a heat map");
        };
        let framed: Vec<&str> = matrix
            .rows
            .iter()
            .flat_map(|r| &r.cells)
            .filter(|c| c.framed)
            .map(|c| c.text.as_str())
            .collect();
        assert_eq!(framed, ["6.00"]);
        let svg = drawn.board.svg().unwrap();
        for text in ["2.6", "6.0", "mask.ratio", "train.blr"] {
            assert!(svg.contains(text), "{text}");
        }
        let caption = weights(&groups).unwrap().caption;
        assert!(
            caption.starts_with("Importance of each swept key for k-NN accuracy (%): mask.ratio"),
            "{caption}"
        );
    }

    #[test]
    fn three_keys_make_parallel_coordinates() {
        let data = sweep(&["random", "<grid>"]);
        let drawn = build(&Groups::of(&data)).unwrap();
        let svg = drawn.board.svg().unwrap();
        assert_eq!(drawn.stem, "keys_parallel");
        for text in ["mask.ratio", "mask.strategy", "&lt;grid&gt;", "k-NN accuracy"] {
            assert!(svg.contains(text), "{text} in {svg}");
        }
    }

    #[test]
    fn one_key_makes_neither() {
        let data = super::super::testing::ratios(0.1);
        let groups = Groups::of(&data);
        assert!(build(&groups).is_none() && weights(&groups).is_none());
    }
}
