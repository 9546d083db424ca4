//! The cross tables: every group of trials judged under the masks of every column of `eval.cross`, with trivial fills below: the
//! error as a heat map and as numbers, every other figure of reconstruction as numbers. Only where trials recorded such metrics.
//! They are marked as the table of results is: the best of a column where its lead over the next holds.

mod columns;
#[cfg(test)]
mod tests;
mod words;

use serde_json::Value as Json;

use super::compare::Comparisons;
use super::format::{NONE, fixed, mean_ci};
use super::groups::Groups;
use super::metrics::{EVAL_MSE, Metric};
use super::metrics_quality::QUALITY;
use super::quality::FILLS;
use crate::eval::cross::{FILL_OWN, under_columns};
use crate::plot::{Matrix, MatrixRow, Tile};
use crate::stats::Summary;
use columns::{Judged, columns};
pub(super) use words::definitions;

/// Row name of the fill that is shown with the error where models are given the mean of each patch.
const OWN: &str = "own mean of each patch";

/// A cross table of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CrossTable {
    /// What is measured, by its name under the common masks.
    metric: Metric,
    /// Labels of the columns.
    pub(super) columns: Vec<String>,
    /// Groups of trials.
    pub(super) rows: Vec<CrossRow>,
    /// Fills.
    pub(super) fills: Vec<CrossRow>,
    /// Row with the best mean of each column, where rows are compared, and whether its lead over the next holds.
    leaders: Vec<Option<(usize, bool)>>,
    /// Columns that do not mean the same masks in all rows.
    mixed: Vec<String>,
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
    /// Best of its column, by more than the seeds' spread.
    pub(super) best: bool,
}

/// The cross table of the error; `None` where nothing of it was recorded.
pub(super) fn build(groups: &Groups) -> Option<CrossTable> {
    of(groups, &columns(groups), EVAL_MSE)
}

/// Those of the other figures of reconstruction that were recorded.
pub(super) fn others(groups: &Groups) -> Vec<CrossTable> {
    let columns = columns(groups);
    let others = QUALITY.into_iter().filter(|metric| *metric != EVAL_MSE);
    others.filter_map(|metric| of(groups, &columns, metric)).collect()
}

fn of(groups: &Groups, columns: &[Judged], metric: Metric) -> Option<CrossTable> {
    let named = |column: &Judged| under(metric.name, &column.label);
    let mean_of = |i: usize, column: &Judged| groups.all[i].summary(&named(column)).mean;
    let measured = |i: &usize| columns.iter().any(|column| mean_of(*i, column).is_some());
    let trained: Vec<usize> = (0..groups.all.len()).filter(measured).collect();
    if trained.is_empty() {
        return None;
    }
    let means = trained
        .iter()
        .flat_map(|i| columns.iter().filter_map(move |column| mean_of(*i, column)));
    let decimals = metric.decimals_for(means);
    let normalised = all_normalised(groups);
    let row = |i: &usize| {
        let group = &groups.all[*i];
        let cell = |column: &Judged| CrossCell {
            own: column.trained(group),
            ..CrossCell::of(group.summary(&named(column)), decimals)
        };
        CrossRow {
            name: group.label.clone(),
            cells: columns.iter().map(cell).collect(),
        }
    };
    let mut table = CrossTable {
        rows: trained.iter().map(row).collect(),
        fills: fill_rows(groups, columns, (&metric, normalised), decimals),
        leaders: columns
            .iter()
            .map(|column| leader(groups, &trained, column, &metric))
            .collect(),
        mixed: columns
            .iter()
            .filter(|column| !column.agreed)
            .map(|column| column.label.clone())
            .collect(),
        columns: columns.iter().map(|column| column.label.clone()).collect(),
        metric,
        decimals,
        normalised,
    };
    table.mark();
    Some(table)
}

/// Name in the store of a figure under the masks of a column.
fn under(figure: &str, column: &str) -> String {
    format!("{}/{column}", under_columns(figure))
}

/// The fills that all trials agree on.
fn fill_rows(
    groups: &Groups,
    columns: &[Judged],
    (metric, normalised): (&Metric, bool),
    decimals: usize,
) -> Vec<CrossRow> {
    let own = normalised && *metric == EVAL_MSE;
    let known = FILLS.map(|(name, prefix)| (name, under_columns(&format!("{prefix}{}", metric.name))));
    let all = known.into_iter().chain(own.then(|| (OWN, FILL_OWN.to_owned())));
    let row = |(name, fill): (&str, String)| {
        let constant = |column: &Judged| groups.constant(&format!("{fill}/{}", column.label));
        CrossRow {
            name: name.into(),
            cells: columns
                .iter()
                .map(|column| CrossCell::of(Summary::of(constant(column)), decimals))
                .collect(),
        }
    };
    let known = |row: &CrossRow| row.cells.iter().any(|c| c.summary.mean.is_some());
    all.map(row).filter(known).collect()
}

/// The row with the best mean of a column whose rows are compared, where there are two at least, and whether its lead over
/// the next holds: paired by seed, corrected for all rows.
fn leader(groups: &Groups, trained: &[usize], column: &Judged, metric: &Metric) -> Option<(usize, bool)> {
    let name = under(metric.name, &column.label);
    let mut means: Vec<(usize, f64)> = trained
        .iter()
        .filter_map(|i| Some((*i, groups.all[*i].summary(&name).mean?)))
        .collect();
    means.sort_by(|a, b| a.1.total_cmp(&b.1));
    if metric.more_is_better {
        means.reverse();
    }
    let [(best, _), (next, _), ..] = means[..] else {
        return None;
    };
    if !groups.comparable(metric) || !column.agreed {
        return None;
    }
    let all = Comparisons::of(groups, &name, best);
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

fn all_normalised(groups: &Groups) -> bool {
    let mut runs = groups.all.iter().flat_map(|g| &g.runs);
    runs.all(|r| r.config("model.norm_pix_loss") == Some(&Json::Bool(true)))
}

impl CrossTable {
    /// Marks the best of each column where its lead holds.
    fn mark(&mut self) {
        for (column, leader) in self.leaders.iter().enumerate() {
            if let Some((row, true)) = leader {
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
            title: match self.metric == EVAL_MSE {
                true => "Masked reconstruction error of every model under the masks of every strategy".into(),
                false => format!("{} of every model under the masks of every strategy", self.metric.title),
            },
            across: "judged under the masks of".into(),
            down: "trained on".into(),
            columns: self.columns.clone(),
            rows: self.rows.iter().map(|r| row(r, false)).chain(fills).collect(),
            ends: [end(low), end(high)],
            measure: format!("{}, mean over seeds", self.metric.heading()),
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
