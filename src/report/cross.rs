//! The cross table: every group of trials judged under the masks of every strategy of `eval.cross`, as a heat map and as
//! numbers, with trivial fills below. Only where trials recorded such metrics.

use serde_json::Value as Json;

use super::data::RunReport;
use super::format::{self, NONE, fixed, mean_sd};
use super::groups::{Group, Groups};
use super::metrics::EVAL_MSE;
use crate::eval::cross::{CROSS, FILL_MEAN, FILL_NEAREST, FILL_OWN};
use crate::plot::{Matrix, MatrixRow, Tile};
use crate::stats::Summary;

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
    /// Strategies of the columns.
    pub(super) columns: Vec<String>,
    /// Groups of trials.
    pub(super) rows: Vec<CrossRow>,
    /// Fills.
    pub(super) fills: Vec<CrossRow>,
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
    /// Mean ± sd as text.
    pub(super) text: String,
    /// Trained on masks of the column's strategy.
    pub(super) own: bool,
    /// Lowest of its column.
    pub(super) best: bool,
}

/// The cross table; `None` where nothing of it was recorded.
pub(super) fn build(groups: &Groups) -> Option<CrossTable> {
    let columns = columns(groups);
    let measured = |g: &&Group| columns.iter().any(|c| mean(g, c).is_some());
    let trained: Vec<&Group> = groups.all.iter().filter(measured).collect();
    if trained.is_empty() {
        return None;
    }
    let means = trained
        .iter()
        .flat_map(|g| columns.iter().filter_map(move |c| mean(g, c)));
    let decimals = EVAL_MSE.decimals_for(means);
    let normalised = all_normalised(groups);
    let mut table = CrossTable {
        rows: trained.iter().map(|g| trained_row(g, &columns, decimals)).collect(),
        fills: fill_rows(groups, &columns, normalised, decimals),
        columns,
        decimals,
        normalised,
    };
    if groups.comparable(&EVAL_MSE) {
        table.mark_lowest();
    }
    Some(table)
}

fn mean(group: &Group, column: &str) -> Option<f64> {
    group.summary(&metric(CROSS, column)).mean
}

fn trained_row(group: &Group, columns: &[String], decimals: usize) -> CrossRow {
    let cell = |column: &String| {
        let summary = group.summary(&metric(CROSS, column));
        CrossCell {
            own: trained_on(group, column),
            ..CrossCell::of(summary, decimals)
        }
    };
    CrossRow {
        name: group.label.clone(),
        cells: columns.iter().map(cell).collect(),
    }
}

/// The fills that all trials agree on.
fn fill_rows(groups: &Groups, columns: &[String], normalised: bool, decimals: usize) -> Vec<CrossRow> {
    let row = |(name, fill): (&str, &str)| CrossRow {
        name: name.into(),
        cells: columns
            .iter()
            .map(|c| CrossCell::of(Summary::of(groups.constant(&metric(fill, c))), decimals))
            .collect(),
    };
    let fills = FILLS.into_iter().chain(normalised.then_some(OWN)).map(row);
    let known = |row: &CrossRow| row.cells.iter().any(|c| c.summary.mean.is_some());
    fills.filter(known).collect()
}

impl CrossCell {
    fn of(summary: Summary, decimals: usize) -> Self {
        Self {
            text: mean_sd(&summary, decimals),
            summary,
            own: false,
            best: false,
        }
    }
}

fn metric(name: &str, strategy: &str) -> String {
    format!("{name}/{strategy}")
}

/// Strategies that any finished trial was judged under, in the order of `eval.cross`.
fn columns(groups: &Groups) -> Vec<String> {
    let mut columns: Vec<String> = vec![];
    let runs = || groups.all.iter().flat_map(|g| &g.runs).filter(|r| r.finished());
    let listed = runs().filter_map(|r| r.config("eval.cross")?.as_array()).flatten();
    let listed: Vec<&str> = listed.filter_map(|name| name.as_str()).collect();
    let prefix = format!("{CROSS}/");
    let recorded = runs().flat_map(|r| r.metrics.iter().filter_map(|m| m.name.strip_prefix(prefix.as_str())));
    let recorded: Vec<&str> = recorded.collect();
    for name in listed
        .into_iter()
        .filter(|n| recorded.contains(n))
        .chain(recorded.iter().copied())
    {
        if !columns.iter().any(|c| c == name) {
            columns.push(name.to_owned());
        }
    }
    columns
}

/// Whether all of a group's trials were trained on masks of this strategy.
/// Whether all runs were trained on the masks of a column: of this strategy, with no parameter or schedule of their own.
fn trained_on(group: &Group, strategy: &str) -> bool {
    let plain = |mask: &Json| {
        let mut keys = mask.as_object().into_iter().flat_map(|mask| mask.keys());
        mask["strategy"] == strategy && keys.all(|key| ["strategy", "ratio"].contains(&key.as_str()))
    };
    let on = |r: &&RunReport| r.config("mask").is_some_and(plain);
    group.runs.iter().all(on)
}

fn all_normalised(groups: &Groups) -> bool {
    let mut runs = groups.all.iter().flat_map(|g| &g.runs);
    runs.all(|r| r.config("model.norm_pix_loss") == Some(&Json::Bool(true)))
}

impl CrossTable {
    /// Marks the lowest mean of each column, where there are at least two.
    fn mark_lowest(&mut self) {
        for column in 0..self.columns.len() {
            let means = self.rows.iter().enumerate();
            let means: Vec<(usize, f64)> = means
                .filter_map(|(i, row)| Some((i, row.cells[column].summary.mean?)))
                .collect();
            let lowest = means.iter().min_by(|a, b| a.1.total_cmp(&b.1));
            if let Some((row, _)) = lowest.filter(|_| means.len() > 1) {
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

    /// What the figure shows and how to read it.
    pub(super) fn caption(&self, groups: &Groups) -> String {
        let mut said = format!(
            "{} on hidden patches of held-out pictures (pixels from 0 to 1): each row a model, each column the masks that it is \
             judged under, of strategies with default parameters; the same masks for every row. Frame: the strategy that the \
             model was trained on. Dark is high; colours span the trained rows.",
            EVAL_MSE.title
        );
        let marked = self.rows.iter().flat_map(|r| &r.cells).any(|c| c.best);
        if marked {
            said.push_str(" Bold: lowest of the column.");
        } else if self.rows.len() > 1 && !groups.comparable(&EVAL_MSE) {
            said.push_str(" Rows are not comparable: trials differ in what is measured.");
        }
        if !self.fills.is_empty() {
            said.push_str(" Below: the same patches filled without a model.");
        }
        if self.normalised {
            said.push_str(
                " The models predict normalised patches, which are scaled back with the true mean and variance of each patch, so \
                 compare them with the last row.",
            );
        }
        said
    }

    /// Whether models do best under the masks that they were trained on, in a sentence.
    pub(super) fn finding(&self) -> Option<String> {
        let best = |column: usize| self.rows.iter().find(|r| r.cells[column].best);
        let winners: Vec<(usize, &CrossRow)> = (0..self.columns.len()).filter_map(|c| Some((c, best(c)?))).collect();
        if winners.is_empty() {
            return None;
        }
        let mut counts: Vec<(&str, usize)> = vec![];
        for (_, row) in &winners {
            match counts.iter_mut().find(|c| c.0 == row.name) {
                Some(found) => found.1 += 1,
                None => counts.push((&row.name, 1)),
            }
        }
        let (leader, most) = counts.iter().copied().max_by_key(|c| c.1)?;
        let all = format::count(winners.len(), "kind of mask").replace("kind of masks", "kinds of masks");
        let own = winners.iter().filter(|(column, row)| row.cells[*column].own).count();
        Some(format!(
            "Of {all}, {leader} has the lowest mean error under {most}; under {own} it is the model trained on masks of that kind \
             that is best (figure of the cross table; not corrected for picking the best of {}).",
            format::count(self.rows.len(), "row")
        ))
    }
}

/// The words for the metrics of the table.
pub(super) fn definitions(runs: &[RunReport]) -> Vec<(String, String)> {
    let words = [
        (
            CROSS,
            "Error as eval_mse, measured once after training, under masks of the named strategy with its default parameters, at \
             eval.mask_ratio and eval.mask_seed: the same masks for every trial.",
        ),
        (
            FILL_MEAN,
            "The same when every hidden patch is filled with the mean colour of the picture’s visible patches: no model.",
        ),
        (
            FILL_NEAREST,
            "The same when every hidden patch is a copy of the nearest visible one (between centres): no model.",
        ),
        (
            FILL_OWN,
            "The same when every hidden patch is filled with its own true mean, which models of normalised patches are given.",
        ),
    ];
    let recorded = |name: &str| {
        let prefix = format!("{name}/");
        runs.iter()
            .any(|r| r.metrics.iter().any(|m| m.name.starts_with(&prefix)))
    };
    let present = words.into_iter().filter(|(name, _)| recorded(name));
    present
        .map(|(name, text)| (format!("{name}/…"), text.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::data::ReportData;
    use super::super::testing::{report, run};
    use super::*;

    /// Two strategies by two seeds: random is best under random, block under both.
    fn data() -> ReportData {
        let errors = [[("random", 0.02), ("block", 0.05)], [("random", 0.03), ("block", 0.04)]];
        let mut runs = vec![];
        for (i, strategy) in ["random", "block"].into_iter().enumerate() {
            for seed in 0..2 {
                let named = |(name, value): (&str, f64)| (format!("{CROSS}/{name}"), value + 0.002 * seed as f64);
                let fills = ["random", "block"].map(|name| (format!("{FILL_NEAREST}/{name}"), 0.06));
                let metrics: Vec<(String, f64)> = errors[i].map(named).into_iter().chain(fills).collect();
                let metrics: Vec<(&str, f64)> = metrics.iter().map(|(n, v)| (n.as_str(), *v)).collect();
                let mut run = run(i as i64 * 2 + seed, json!({"mask.strategy": strategy}), seed, &metrics);
                run.run.config["mask"] = json!({"strategy": strategy, "ratio": 0.75});
                run.run.config["eval"] = json!({"cross": ["block", "random"]});
                runs.push(run);
            }
        }
        report(json!([{"key": "mask.strategy", "values": ["random", "block"]}]), runs)
    }

    #[test]
    fn columns_follow_the_configuration_and_cells_are_means_over_seeds() {
        let data = data();
        let groups = Groups::of(&data);
        let table = build(&groups).unwrap();
        assert_eq!(table.columns, ["block", "random"]);
        let texts = |row: &CrossRow| row.cells.iter().map(|c| c.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&table.rows[0]), ["0.0510 ± 0.0014", "0.0210 ± 0.0014"]);
        assert_eq!(texts(&table.rows[1]), ["0.0410 ± 0.0014", "0.0310 ± 0.0014"]);
        assert_eq!(table.fills.len(), 1, "the other fill was not recorded");
        assert_eq!(table.fills[0].cells[0].text, "0.0600");
    }

    #[test]
    fn the_diagonal_and_the_lowest_of_each_column_are_marked() {
        let data = data();
        let groups = Groups::of(&data);
        let table = build(&groups).unwrap();
        let marks = |of: fn(&CrossCell) -> bool| -> Vec<Vec<bool>> {
            table.rows.iter().map(|r| r.cells.iter().map(of).collect()).collect()
        };
        assert_eq!(marks(|c| c.own), [[false, true], [true, false]]);
        assert_eq!(marks(|c| c.best), [[false, true], [true, false]]);
        let finding = table.finding().unwrap();
        assert!(
            finding.starts_with("Of 2 kinds of masks, ") && finding.contains("under 2 it is the model"),
            "{finding}"
        );
        let matrix = table.matrix();
        assert_eq!(
            (matrix.ends[0].1.as_str(), matrix.ends[1].1.as_str()),
            ("0.0210", "0.0510")
        );
        assert_eq!(
            matrix.rows.iter().map(|r| r.apart).collect::<Vec<_>>(),
            [false, false, true]
        );
        assert!(matrix.rows[0].cells[1].framed && matrix.rows[0].cells[1].bold);
    }

    #[test]
    fn rows_that_measure_something_else_are_not_compared() {
        let mut data = data();
        data.runs
            .iter_mut()
            .for_each(|r| r.run.config["model"] = json!({"patch_size": 8}));
        data.runs[3].run.config["model"] = json!({"patch_size": 4});
        data.runs[3].metrics.iter_mut().for_each(|m| m.value += 1.0);
        let groups = Groups::of(&data);
        let table = build(&groups).unwrap();
        assert!(table.rows.iter().flat_map(|r| &r.cells).all(|c| !c.best));
        assert!(table.fills.is_empty(), "fills of other pictures differ");
        assert!(table.finding().is_none() && table.caption(&groups).contains("not comparable"));
    }

    #[test]
    fn without_such_metrics_there_is_no_table() {
        let plain = super::super::testing::ratios(0.1);
        assert_eq!(build(&Groups::of(&plain)), None);
        assert!(definitions(&plain.runs).is_empty());
        assert_eq!(definitions(&data().runs).len(), 2);
    }
}
