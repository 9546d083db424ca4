//! What the cross table says in words: its caption, its finding, and what its metrics mean.

use super::{CROSS, CrossTable, EVAL_MSE, FILL_MEAN, FILL_NEAREST, FILL_OWN};
use crate::report::data::RunReport;
use crate::report::format;
use crate::report::groups::Groups;

impl CrossTable {
    /// What the figure shows and how to read it.
    pub(in crate::report) fn caption(&self, groups: &Groups) -> String {
        let mut said = format!(
            "{} on hidden patches of held-out pictures (pixels from 0 to 1): each row a model, each column the masks that it is \
             judged under; the same masks for every row. Frame: the strategy and the parameters that the model was trained on. \
             Dark is high; colours span the trained rows.",
            EVAL_MSE.title
        );
        let marked = self.lowest.iter().flatten().filter(|(_, holds)| *holds).count();
        if marked > 0 {
            said.push_str(
                " Bold: lowest of its column where its lead over the next holds (paired by seed, corrected for all rows).",
            );
        } else if self.lowest.iter().any(Option::is_some) {
            said.push_str(" No value is bold: in no column do the seeds separate the lowest from the next.");
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
    pub(in crate::report) fn finding(&self) -> Option<String> {
        let compared = self.lowest.iter().enumerate();
        let winners: Vec<(usize, usize, bool)> = compared
            .filter_map(|(column, lowest)| lowest.map(|(row, holds)| (column, row, holds)))
            .collect();
        let mut counts = vec![0; self.rows.len()];
        winners.iter().for_each(|(_, row, _)| counts[*row] += 1);
        let most = *counts.iter().max().filter(|most| **most > 0)?;
        let leader = &self.rows[counts.iter().position(|count| *count == most)?].name;
        let own = winners
            .iter()
            .filter(|(column, row, _)| self.rows[*row].cells[*column].own);
        let (own, holding) = (own.count(), winners.iter().filter(|(.., holds)| *holds).count());
        let all = format::count(winners.len(), "kind of mask").replace("kind of masks", "kinds of masks");
        let held = match holding {
            0 => "the seeds separate the lowest from the next under none of them".to_owned(),
            n => format!("the seeds separate the lowest from the next under {n} of them"),
        };
        Some(format!(
            "Of {all}, {leader} has the lowest mean error under {most}, and under {own} it is lowest for the model trained on \
             masks of that kind; {held} (figure of the cross table; corrected for {} a column).",
            format::count(self.rows.len().saturating_sub(1), "comparison")
        ))
    }
}

/// The words for the metrics of the table.
pub(in crate::report) fn definitions(runs: &[RunReport]) -> Vec<(String, String)> {
    let words = [
        (
            CROSS,
            "Error as eval_mse, measured once after training, under masks of the named column of eval.cross (a strategy with \
             default parameters where it is a name), at eval.mask_ratio and eval.mask_seed: the same masks for every trial.",
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
