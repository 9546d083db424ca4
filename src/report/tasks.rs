//! The table of tasks: every figure of every task on the encoder at every point, and the protocol of each task.

use super::data::{ReportData, settings};
use super::format;
use super::groups::Groups;
use super::metrics::Metric;
use super::metrics_tasks::{TASKS, Task};
use super::table::{self, Table};

/// Tables and protocols.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tasks {
    /// One row for each point, one column for each figure.
    pub(super) table: Table,
    /// How each task was done.
    pub(super) protocols: Vec<Protocol>,
}

/// What a task's figures hang on beside the weights.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Protocol {
    /// The task.
    pub(super) title: &'static str,
    /// Its settings as `key = value`; empty where none were recorded.
    pub(super) settings: Vec<String>,
}

/// The table; `None` where no task but k-NN was recorded, whose column the table of results has.
pub(super) fn build(data: &ReportData, groups: &Groups) -> Option<Tasks> {
    let metrics = recorded(groups);
    let only_knn = metrics.iter().all(|m| TASKS[0].metrics.contains(m));
    (!only_knn).then(|| Tasks {
        table: table::of(groups, &metrics),
        protocols: TASKS
            .iter()
            .filter(|t| t.metrics.iter().any(|m| groups.recorded(m)))
            .map(|t| protocol(data, t))
            .collect(),
    })
}

/// Every figure of a task that some finished trial has.
fn recorded(groups: &Groups) -> Vec<Metric> {
    let all = TASKS.iter().flat_map(|t| t.metrics).copied();
    all.filter(|m| groups.recorded(m)).collect()
}

fn protocol(data: &ReportData, task: &Task) -> Protocol {
    let own = settings(&data.runs).into_iter().filter(|s| task.owns(&s.key));
    let said = own.map(|s| {
        let value = if s.differs() {
            "differing between trials".to_owned()
        } else {
            s.values[0].map_or(format::NONE.to_owned(), format::value)
        };
        format!("{} = {value}", s.key)
    });
    Protocol {
        title: task.title,
        settings: said.collect(),
    }
}
