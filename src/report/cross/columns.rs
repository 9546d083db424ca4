//! Which masks the models of a sweep were judged under, and which of them a model was trained on.

use serde_json::Value as Json;

use crate::eval::cross::CROSS;
use crate::report::alike::FOUND;
use crate::report::data::RunReport;
use crate::report::groups::{Group, Groups};
use crate::report::metrics_tasks::RECONSTRUCTION;
use crate::spec::Column;

/// A column that any finished trial was judged under.
pub(super) struct Judged {
    /// What its metrics are called after.
    pub(super) label: String,
    /// Whether all trials that name it mean the same masks.
    pub(super) agreed: bool,
    column: Option<Column>,
}

impl Judged {
    /// Whether all of a group's trials were trained on the masks of the column: of its strategy, with its parameters, and no
    /// schedule.
    pub(super) fn trained(&self, group: &Group) -> bool {
        let on = |r: &&RunReport| {
            let mask = r.config("mask");
            self.column
                .as_ref()
                .zip(mask)
                .is_some_and(|(column, mask)| column.is_of(mask))
        };
        group.runs.iter().all(on)
    }
}

/// `eval.cross` of a run, and the columns of those later evaluations whose figures stand with its own: of each label the latest,
/// as of the figures.
fn listed(run: &RunReport) -> Vec<Column> {
    let columns = |list: &Json| -> Vec<Column> {
        let list = list.as_array().into_iter().flatten();
        list.filter_map(|item| Column::try_from(item.clone()).ok()).collect()
    };
    let again = run.evaluations.iter().rev();
    let again = again.filter(|e| e.own && e.protocol.task == RECONSTRUCTION.word);
    let mut latest: Vec<Column> = Vec::new();
    for column in again.flat_map(|e| columns(&e.protocol.parameters[FOUND]["cross"])) {
        if latest.iter().all(|known| known.label() != column.label()) {
            latest.push(column);
        }
    }
    let own = run.config("eval.cross").map(columns).unwrap_or_default();
    own.into_iter().chain(latest).collect()
}

/// The columns with figures, in the order of `eval.cross`.
pub(super) fn columns(groups: &Groups) -> Vec<Judged> {
    let runs = || groups.all.iter().flat_map(|g| &g.runs).filter(|r| r.finished());
    let listed: Vec<Column> = runs().flat_map(|run| listed(run)).collect();
    let prefix = format!("{CROSS}/");
    let recorded = runs().flat_map(|r| r.metrics.iter().filter_map(|m| m.name.strip_prefix(prefix.as_str())));
    let recorded: Vec<&str> = recorded.collect();
    let mut columns: Vec<Judged> = vec![];
    for column in listed {
        let label = column.label();
        if let Some(known) = columns.iter_mut().find(|c| c.label == label) {
            known.agreed &= known.column.as_ref().is_some_and(|known| known.is_alike(&column));
        } else if recorded.contains(&label.as_str()) {
            columns.push(Judged {
                label,
                agreed: true,
                column: Some(column),
            });
        }
    }
    for label in recorded {
        if !columns.iter().any(|c| c.label == label) {
            columns.push(Judged {
                label: label.to_owned(),
                agreed: true,
                column: None,
            });
        }
    }
    columns
}
