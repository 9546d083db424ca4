//! What the cross tables say in words: captions, the finding, and what their metrics mean.

use super::CrossTable;
use crate::eval::cross::{CROSS, FILL_OWN, under_columns};
use crate::report::data::RunReport;
use crate::report::format;
use crate::report::groups::Groups;
use crate::report::metrics::{EVAL_MSE, EVAL_PSNR, Metric};
use crate::report::metrics_quality::{EVAL_MASKED_SSIM, QUALITY};

impl CrossTable {
    /// What the figure shows and how to read it.
    pub(in crate::report) fn caption(&self, groups: &Groups) -> String {
        let mut said = format!(
            "{}: each row a model, each column the masks that it is judged under{}. Frame: the strategy and the parameters \
             that the model was trained on. Dark is high; colours span the trained rows.",
            self.measured(),
            match self.mixed.as_slice() {
                [] => "; the same masks for every row".to_owned(),
                mixed => format!(
                    ". By {} trials and evaluations mean several kinds of masks, and nothing is compared there",
                    format::list(mixed)
                ),
            }
        );
        said.push_str(&self.marks(groups));
        if !self.fills.is_empty() {
            said.push_str(" Below: the same patches filled without a model.");
        }
        if self.normalised {
            said.push_str(
                " The models predict normalised patches, which are scaled back with the true mean and variance of each patch",
            );
            said.push_str(if self.metric == EVAL_MSE {
                ", so compare them with the last row."
            } else {
                "."
            });
        }
        said
    }

    /// What is measured, and of what.
    fn measured(&self) -> String {
        let Metric { title, unit, .. } = self.metric;
        let name = title.split(',').next().unwrap_or(title);
        let of = if self.metric == EVAL_MSE {
            "on hidden patches of held-out pictures (pixels from 0 to 1)"
        } else if self.metric == EVAL_PSNR {
            "on hidden patches of held-out pictures"
        } else if self.metric == EVAL_MASKED_SSIM {
            "around hidden pixels of held-out pictures, visible patches pasted in"
        } else {
            "of whole held-out pictures, visible patches pasted in"
        };
        match unit {
            "" => format!("{name} {of}"),
            unit => format!("{name} ({unit}) {of}"),
        }
    }

    /// What the numbers of a figure other than the error are.
    pub(in crate::report) fn note(&self, groups: &Groups) -> String {
        let better = if self.metric.more_is_better { "more" } else { "less" };
        let mut said = format!(
            "{}, {better} is better: mean ± half-width of the 95 % interval over seeds.",
            self.measured()
        );
        said.push_str(&self.marks(groups));
        said
    }

    /// Name of its file.
    pub(in crate::report) fn stem(&self) -> String {
        under_columns(self.metric.name)
    }

    /// What it is called where there is little room.
    pub(in crate::report) fn title(&self) -> &'static str {
        self.metric.title
    }

    /// What is bold, or why nothing is.
    fn marks(&self, groups: &Groups) -> String {
        let best = if self.metric.more_is_better {
            "highest"
        } else {
            "lowest"
        };
        let marked = self.leaders.iter().flatten().filter(|(_, holds)| *holds).count();
        if marked > 0 {
            format!(
                " Bold: {best} of its column where its lead over the next holds (paired by seed, corrected for all rows)."
            )
        } else if self.leaders.iter().any(Option::is_some) {
            format!(" No value is bold: in no column do the seeds separate the {best} from the next.")
        } else if self.rows.len() > 1 && !groups.comparable(&self.metric) {
            " Rows are not comparable: trials differ in what is measured.".to_owned()
        } else {
            String::new()
        }
    }

    /// Whether models do best under the masks that they were trained on, in a sentence.
    pub(in crate::report) fn finding(&self) -> Option<String> {
        let compared = self.leaders.iter().enumerate();
        let winners: Vec<(usize, usize, bool)> = compared
            .filter_map(|(column, leader)| leader.map(|(row, holds)| (column, row, holds)))
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
            "fill_mean_mse",
            "The same when every hidden patch is filled with the mean colour of the picture’s visible patches: no model.",
        ),
        (
            "fill_nearest_mse",
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
    let words = words.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let others = QUALITY.into_iter().map(|metric| {
        let name = under_columns(metric.name);
        let text = format!(
            "As {}, under the masks of the named column; figures of the fills likewise.",
            metric.name
        );
        (name, text)
    });
    let others = others.filter(|(name, _)| name != CROSS);
    let present = words.into_iter().chain(others).filter(|(name, _)| recorded(name));
    present.map(|(name, text)| (format!("{name}/…"), text)).collect()
}
