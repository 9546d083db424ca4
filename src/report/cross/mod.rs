//! The cross table: every group of trials judged under the masks of every column of `eval.cross`, as a heat map and as
//! numbers, with trivial fills below. Only where trials recorded such metrics. It is marked as the table of results is: the
//! lowest of a column where its lead over the next holds.

mod columns;
#[cfg(test)]
mod tests;
mod words;

use serde_json::Value as Json;

use super::compare::Comparisons;
use super::format::{NONE, fixed, mean_ci};
use super::groups::{Group, Groups};
use super::metrics::EVAL_MSE;
use crate::eval::cross::{CROSS, FILL_MEAN, FILL_NEAREST, FILL_OWN};
use crate::plot::{Matrix, MatrixRow, Tile};
use crate::stats::Summary;
use columns::{Judged, columns};
pub(super) use words::definitions;

/// Row names of the fills, and their metrics.
const FILLS: [(&str, &str); 2] = [
    ("mean visible colour", FILL_MEAN),
    ("nearest visible patch", FILL_NEAREST),
];
/// Shown where models are given the mean of each patch.
const OWN: (&str, &str) = ("own mean of each patch", FILL_OWN);

/// The cross table of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CrossTable {
    /// Labels of the columns.
    pub(super) columns: Vec<String>,
    /// Groups of trials.
    pub(super) rows: Vec<CrossRow>,
    /// Fills.
    pub(super) fills: Vec<CrossRow>,
    /// Row with the lowest mean of each column, where rows are compared, and whether its lead over the next holds.
    lowest: Vec<Option<(usize, bool)>>,
    /// Decimals shown.
    decimals: usize,
    /// Whether models predict normalised patches.
    normalised: bool,
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CrossRow {
    /// Group or fill.
    pub(super) name: String,
    /// One cell for each column.
    pub(super) cells: Vec<CrossCell>,
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CrossCell {
    /// Mean and spread over seeds.
    pub(super) summary: Summary,
    /// Mean ± half-width of the 95 % interval as text.
    pub(super) text: String,
    /// Trained on the masks of the column.
    pub(super) own: bool,
    /// Lowest of its column, by more than the seeds' spread.
    pub(super) best: bool,
}

/// The cross table; `None` where nothing of it was recorded.
pub(super) fn build(groups: &Groups) -> Option<CrossTable> {
    let columns = columns(groups);
    let measured = |i: &usize| columns.iter().any(|c| mean(&groups.all[*i], &c.label).is_some());
    let trained: Vec<usize> = (0..groups.all.len()).filter(measured).collect();
    if trained.is_empty() {
        return None;
    }
    let means = trained
        .iter()
        .flat_map(|i| columns.iter().filter_map(move |c| mean(&groups.all[*i], &c.label)));
    let decimals = EVAL_MSE.decimals_for(means);
    let normalised = all_normalised(groups);
    let mut table = CrossTable {
        rows: trained
            .iter()
            .map(|i| trained_row(&groups.all[*i], &columns, decimals))
            .collect(),
        fills: fill_rows(groups, &columns, normalised, decimals),
        lowest: columns.iter().map(|column| lowest(groups, &trained, column)).collect(),
        columns: columns.into_iter().map(|column| column.label).collect(),
        decimals,
        normalised,
    };
    table.mark();
    Some(table)
}

fn mean(group: &Group, column: &str) -> Option<f64> {
    group.summary(&metric(CROSS, column)).mean
}

fn trained_row(group: &Group, columns: &[Judged], decimals: usize) -> CrossRow {
    let cell = |column: &Judged| {
        let summary = group.summary(&metric(CROSS, &column.label));
        CrossCell {
            own: column.trained(group),
            ..CrossCell::of(summary, decimals)
        }
    };
    CrossRow {
        name: group.label.clone(),
        cells: columns.iter().map(cell).collect(),
    }
}

/// The fills that all trials agree on.
fn fill_rows(groups: &Groups, columns: &[Judged], normalised: bool, decimals: usize) -> Vec<CrossRow> {
    let row = |(name, fill): (&str, &str)| CrossRow {
        name: name.into(),
        cells: columns
            .iter()
            .map(|c| CrossCell::of(Summary::of(groups.constant(&metric(fill, &c.label))), decimals))
            .collect(),
    };
    let fills = FILLS.into_iter().chain(normalised.then_some(OWN)).map(row);
    let known = |row: &CrossRow| row.cells.iter().any(|c| c.summary.mean.is_some());
    fills.filter(known).collect()
}

/// The row with the lowest mean of a column whose rows are compared, where there are two at least, and whether its lead over
/// the next holds: paired by seed, corrected for all rows.
fn lowest(groups: &Groups, trained: &[usize], column: &Judged) -> Option<(usize, bool)> {
    let mut means: Vec<(usize, f64)> = trained
        .iter()
        .filter_map(|i| Some((*i, mean(&groups.all[*i], &column.label)?)))
        .collect();
    means.sort_by(|a, b| a.1.total_cmp(&b.1));
    let [(best, _), (next, _), ..] = means[..] else {
        return None;
    };
    if !groups.comparable(&EVAL_MSE) || !column.agreed {
        return None;
    }
    let all = Comparisons::of(groups, &metric(CROSS, &column.label), best);
    let next = all.others.iter().find(|c| c.group == next);
    let row = trained.iter().position(|i| *i == best)?;
    Some((row, next.is_some_and(|next| next.holds())))
}

impl CrossCell {
    fn of(summary: Summary, decimals: usize) -> Self {
        Self {
            text: mean_ci(&summary, decimals),
            summary,
            own: false,
            best: false,
        }
    }
}

fn metric(name: &str, column: &str) -> String {
    format!("{name}/{column}")
}

fn all_normalised(groups: &Groups) -> bool {
    let mut runs = groups.all.iter().flat_map(|g| &g.runs);
    runs.all(|r| r.config("model.norm_pix_loss") == Some(&Json::Bool(true)))
}

impl CrossTable {
    /// Marks the lowest of each column where its lead holds.
    fn mark(&mut self) {
        for (column, lowest) in self.lowest.iter().enumerate() {
            if let Some((row, true)) = lowest {
                self.rows[*row].cells[column].best = true;
            }
        }
    }

    /// The heat map. Its colours span the trained rows; a fill beyond them has the colour of the end.
    pub(super) fn matrix(&self) -> Matrix {
        let means = || self.rows.iter().flat_map(|r| &r.cells).filter_map(|c| c.summary.mean);
        let low = means().fold(f64::INFINITY, f64::min);
        let high = means().fold(f64::NEG_INFINITY, f64::max);
        let end = |value: f64| (value, fixed(value, self.decimals));
        let row = |row: &CrossRow, apart| MatrixRow {
            name: row.name.clone(),
            cells: row.cells.iter().map(|c| self.tile(c)).collect(),
            apart,
        };
        let fills = self.fills.iter().enumerate().map(|(i, fill)| row(fill, i == 0));
        Matrix {
            title: "Masked reconstruction error of every model under the masks of every strategy".into(),
            across: "judged under the masks of".into(),
            down: "trained on".into(),
            columns: self.columns.clone(),
            rows: self.rows.iter().map(|r| row(r, false)).chain(fills).collect(),
            ends: [end(low), end(high)],
            measure: format!("{}, mean over seeds", EVAL_MSE.title),
        }
    }

    fn tile(&self, cell: &CrossCell) -> Tile {
        Tile {
            value: cell.summary.mean,
            text: cell
                .summary
                .mean
                .map_or(NONE.to_owned(), |mean| fixed(mean, self.decimals)),
            framed: cell.own,
            bold: cell.best,
        }
    }
}
