//! Table 1: one row per swept point, mean ± half-width of the 95 % interval over its seeds, the best of each comparable column
//! marked where its lead over the next holds, baselines below.

use super::compare::Lead;
use super::format::{self, NONE, mean_ci};
use super::groups::{Group, Groups};
use super::metrics::{CHANCE, EVAL_MSE, Metric, TABLE, VAL_LOSS};
use super::metrics_tasks;
use crate::stats::Summary;

/// The table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    /// Headings of the label columns: the swept keys.
    pub(super) keys: Vec<String>,
    /// Metric columns.
    pub(super) columns: Vec<Column>,
    /// One row per group.
    pub(super) rows: Vec<Row>,
    /// Untrained network and chance.
    pub(super) baselines: Vec<Row>,
    /// Remarks on how to read it.
    pub(super) notes: Vec<String>,
}

/// A metric column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    /// Heading with unit.
    pub(super) heading: String,
    /// Whether its rows may be compared.
    pub(super) comparable: bool,
    /// Whether it is a figure of a task on the encoder.
    pub(super) task: bool,
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// One label per key, or a single one that spans them.
    pub(super) labels: Vec<String>,
    /// Finished runs, and of how many where some did not finish.
    pub(super) n: String,
    /// Metric cells.
    pub(super) cells: Vec<Cell>,
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    /// Mean ± half-width of the 95 % interval.
    pub(super) text: String,
    /// Best of its column, by more than the seeds' spread.
    pub(super) best: bool,
    /// The numbers behind the text, in shown units.
    pub(super) summary: Summary,
}

/// Columns from which on their headings are short.
const MANY: usize = 6;

/// Builds the table of `groups`; columns without any value are left out.
pub(super) fn build(groups: &Groups) -> Table {
    of(groups, &shown(groups))
}

/// The table of some metrics.
pub(super) fn of(groups: &Groups, metrics: &[Metric]) -> Table {
    let heading = |m: &Metric| {
        if metrics.len() < MANY {
            m.heading()
        } else {
            m.short_heading()
        }
    };
    let decimals: Vec<usize> = metrics.iter().map(|m| decimals(groups, m)).collect();
    let leads: Vec<Option<Lead>> = metrics.iter().map(|m| Lead::of(groups, m)).collect();
    let best: Vec<Option<usize>> = leads.iter().map(marked).collect();
    let rows = groups.all.iter().enumerate().map(|(i, group)| {
        let cells = metrics.iter().zip(&decimals).zip(&best);
        let cells = cells
            .map(|((m, d), b)| cell(&group.summary(m.name), m, *d, *b == Some(i)))
            .collect();
        let labels = if groups.keys.is_empty() {
            vec![group.label.clone()]
        } else {
            group.point.iter().map(format::value).collect()
        };
        Row {
            labels,
            n: sample(group),
            cells,
        }
    });
    Table {
        keys: groups.keys.iter().map(|k| k.name.clone()).collect(),
        columns: metrics
            .iter()
            .map(|m| Column {
                heading: heading(m),
                task: m.of_task(),
                comparable: groups.comparable(m) || groups.all.len() < 2,
            })
            .collect(),
        rows: rows.collect(),
        baselines: baselines(groups, metrics, &decimals),
        notes: undecided(metrics, &leads)
            .into_iter()
            .chain(notes(groups, metrics))
            .collect(),
    }
}

impl Table {
    /// The same rows with some of the columns; baselines that have none of them are left out.
    pub(super) fn with(&self, columns: &[usize]) -> Self {
        let row = |row: &Row| Row {
            cells: columns.iter().map(|i| row.cells[*i].clone()).collect(),
            ..row.clone()
        };
        let said = |row: &Row| row.cells.iter().any(|c| c.text != NONE);
        Self {
            columns: columns.iter().map(|i| self.columns[*i].clone()).collect(),
            rows: self.rows.iter().map(row).collect(),
            baselines: self.baselines.iter().map(row).filter(said).collect(),
            ..self.clone()
        }
    }
}

/// The metrics of the table's columns: those with a value, the objective among them.
pub(super) fn shown(groups: &Groups) -> Vec<Metric> {
    let objective = groups.objective.filter(|o| TABLE.iter().all(|m| m.name != o.name));
    let known = TABLE.into_iter().chain(objective);
    known.filter(|m| groups.recorded(m)).collect()
}

/// Decimals of a metric's column.
pub(super) fn decimals(groups: &Groups, metric: &Metric) -> usize {
    metric.decimals_for(groups.all.iter().filter_map(|g| g.summary(metric.name).mean))
}

/// The best group of a column, where its lead holds.
fn marked(lead: &Option<Lead>) -> Option<usize> {
    lead.as_ref().filter(|lead| lead.holds()).map(|lead| lead.best)
}

/// Says of which columns no value is bold although rows are compared.
fn undecided(metrics: &[Metric], leads: &[Option<Lead>]) -> Option<String> {
    let open = |lead: &Lead| lead.next.is_some() && !lead.holds();
    let open = metrics
        .iter()
        .zip(leads)
        .filter(|(_, lead)| lead.as_ref().is_some_and(open));
    let open: Vec<String> = open.map(|(m, _)| super::figures::lower(m.title)).collect();
    (!open.is_empty()).then(|| {
        format!(
            "No value of {} is bold: the seeds do not separate the best from the next.",
            format::list(&open).replace(" and ", " or ")
        )
    })
}

/// A cell of a metric in stored units.
pub(super) fn cell(summary: &Summary, metric: &Metric, decimals: usize, best: bool) -> Cell {
    let summary = scaled(summary, metric);
    Cell {
        text: mean_ci(&summary, decimals),
        best,
        summary,
    }
}

/// The summary in shown units.
pub(super) fn scaled(summary: &Summary, metric: &Metric) -> Summary {
    let by = |v: Option<f64>| v.map(|v| v * metric.factor);
    Summary {
        mean: by(summary.mean),
        sd: by(summary.sd),
        ci95: by(summary.ci95),
        ..*summary
    }
}

fn sample(group: &Group) -> String {
    let finished = group.runs.iter().filter(|r| r.finished()).count();
    if finished == group.runs.len() {
        finished.to_string()
    } else {
        format!("{finished} of {}", group.runs.len())
    }
}

fn baselines(groups: &Groups, metrics: &[Metric], decimals: &[usize]) -> Vec<Row> {
    let row = |label: String, n: usize, summaries: Vec<Summary>| Row {
        labels: vec![label],
        n: if n == 0 { String::new() } else { n.to_string() },
        cells: summaries
            .iter()
            .zip(metrics)
            .zip(decimals)
            .map(|((s, m), d)| cell(s, m, *d, false))
            .collect(),
    };
    let most = |summaries: &[Summary]| summaries.iter().map(|s| s.n).max().unwrap_or(0);
    let mut rows = vec![];
    if groups.baseline_varies() {
        for group in &groups.all {
            let summaries: Vec<Summary> = metrics.iter().map(|m| group.untrained(m)).collect();
            rows.push(row(
                format!("{}, {}", groups.start, group.label),
                most(&summaries),
                summaries,
            ));
        }
        if rows.windows(2).all(|w| w[0].cells == w[1].cells && w[0].n == w[1].n) {
            rows.truncate(1);
            rows.iter_mut()
                .for_each(|r| r.labels = vec![format!("{} encoder", groups.start)]);
        }
    } else {
        let summaries: Vec<Summary> = metrics.iter().map(|m| groups.untrained(m)).collect();
        rows.push(row(format!("{} encoder", groups.start), most(&summaries), summaries));
    }
    if let Some(fill) = groups.mean_fill() {
        let mse = metrics
            .iter()
            .map(|m| Summary::of((m.name == EVAL_MSE.name).then_some(fill)));
        rows.push(row("own mean of each patch".to_owned(), 0, mse.collect()));
    }
    if let Some(chance) = groups.chance() {
        let summaries = metrics
            .iter()
            .map(|m| Summary::of(m.chance().and(Some(chance))))
            .collect();
        rows.push(row("chance".to_owned(), 0, summaries));
    }
    rows.retain(|r| r.cells.iter().any(|c| c.text != NONE));
    rows
}

fn notes(groups: &Groups, metrics: &[Metric]) -> Vec<String> {
    let mut notes = vec![];
    let apart: Vec<String> = metrics
        .iter()
        .filter(|m| !groups.comparable(m))
        .map(|m| super::figures::lower(m.title))
        .collect();
    if !apart.is_empty() && groups.all.len() > 1 {
        let only_loss = apart == [super::figures::lower(VAL_LOSS.title)];
        let causes: Vec<&str> = groups
            .differing
            .iter()
            .map(String::as_str)
            .filter(|k| metrics.iter().any(|m| m.depends_on(k)))
            .collect();
        let why = if only_loss && causes.iter().all(|k| k.starts_with("mask.")) {
            own_masks(&causes).to_owned()
        } else {
            let causes: Vec<String> = causes.iter().map(|k| cause(k)).collect();
            format!(
                "trials differ in {}, which changes what is measured",
                format::list(&causes)
            )
        };
        notes.push(format!(
            "† Not comparable between rows ({}): {why}.",
            format::list(&apart)
        ));
    }
    let dropped: usize = groups
        .all
        .iter()
        .flat_map(|g| metrics.iter().map(|m| g.summary(m.name).non_finite))
        .sum();
    if dropped > 0 {
        notes.push(format!(
            "{} left out of the means for being NaN or infinite.",
            was(dropped, "value")
        ));
    }
    let unfinished = groups
        .all
        .iter()
        .flat_map(|g| &g.runs)
        .filter(|r| !r.finished())
        .count();
    if unfinished > 0 {
        notes.push(format!(
            "Means are over finished trials; {} not counted.",
            was(unfinished, "other trial")
        ));
    }
    let mixed = groups.chance().is_none()
        && groups
            .all
            .iter()
            .flat_map(|g| &g.runs)
            .any(|r| r.last(CHANCE).is_some());
    if mixed {
        notes.push("Chance differs between trials; see the list of trials.".to_owned());
    }
    notes
}

/// A key in which trials differ, in words where it stands for a protocol.
fn cause(key: &str) -> String {
    match metrics_tasks::by_protocol(key) {
        Some(task) => format!("the protocol of {}", super::figures::lower(task.title)),
        None => key.to_owned(),
    }
}

/// Why losses under different training masks are not compared.
fn own_masks(causes: &[&str]) -> &'static str {
    if causes == ["mask.ratio"] {
        "each row is measured under its own training masks, and hiding more makes the task harder"
    } else {
        "each row is measured under its own training masks, and some masks are harder than others"
    }
}

fn was(n: usize, noun: &str) -> String {
    format!("{} {}", format::count(n, noun), if n == 1 { "is" } else { "are" })
}
