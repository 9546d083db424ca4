//! What is said of rank correlations: the table, its notes and a sentence, which claim no more than the points allow.

use super::figures::lower;
use super::format::{self, NONE, count, fixed};
use super::metrics::{EVAL_MSE, Metric};
use super::relation::{Related, Relations};
use crate::stats::FEWEST;

/// The table of correlations.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RelationTable {
    /// What the tasks are correlated with.
    pub(super) error: String,
    /// One row for each task.
    pub(super) rows: Vec<RelationRow>,
    /// How to read it.
    pub(super) notes: Vec<String>,
}

/// A task.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RelationRow {
    /// Its figure.
    pub(super) metric: String,
    /// Points.
    pub(super) n: usize,
    /// Spearman's ρ.
    pub(super) rho: String,
    /// Its 95 % interval.
    pub(super) interval: String,
    /// Its p, corrected for all tasks.
    pub(super) p: String,
    /// Kendall's τ_b.
    pub(super) tau: String,
    /// Its p for itself.
    pub(super) tau_p: String,
    /// What may be said.
    pub(super) reading: &'static str,
}

/// The table of what was found; `None` where no task has enough points.
pub(super) fn table(relations: &Relations) -> Option<RelationTable> {
    let said = relations.tasks.iter().any(|t| t.found.rho.is_some());
    said.then(|| RelationTable {
        error: relations.error.axis(),
        rows: relations.tasks.iter().map(row).collect(),
        notes: notes(relations),
    })
}

fn row(related: &Related) -> RelationRow {
    let found = &related.found;
    let number = |v: Option<f64>| v.map_or(NONE.to_owned(), |v| fixed(v, 2));
    let chance = |p: Option<f64>| p.map_or(NONE.to_owned(), format::probability);
    RelationRow {
        metric: related.metric.title.to_owned(),
        n: found.n,
        rho: number(found.rho),
        interval: interval(related).unwrap_or_else(|| NONE.to_owned()),
        p: chance(related.holm),
        tau: number(found.tau),
        tau_p: chance(found.tau_p),
        reading: reading(related),
    }
}

fn interval(related: &Related) -> Option<String> {
    let (low, high) = related.found.interval?;
    Some(format!("{} to {}", fixed(low, 2), fixed(high, 2)))
}

fn reading(related: &Related) -> &'static str {
    match (related.found.rho, related.holds(), related.agrees()) {
        (None, ..) if related.found.n < FEWEST => "too few points",
        (None, ..) => "constant",
        (_, false, _) => "not told from chance",
        (_, _, true) => "lower error, better at the task",
        _ => "lower error, worse at the task",
    }
}

fn notes(relations: &Relations) -> Vec<String> {
    let mut notes = vec![
        "Coefficients are over the means of points, not over trials: seeds of one point would count as points. The means keep \
         the noise of few seeds, which draws coefficients towards zero."
            .to_owned(),
        "Intervals and p take the points for a sample of those that could have been swept; they say nothing of what one point \
         gains over another, and a correlation is no cause."
            .to_owned(),
    ];
    if relations.tasks.iter().any(|t| t.found.rho.is_none()) {
        notes.push(format!(
            "Nothing is said of fewer than {FEWEST} points, nor where all points are equal."
        ));
    }
    if relations.error.name != EVAL_MSE.name {
        notes.push(
            "The error is in the units of training, as that in pixels was not recorded or may not be compared."
                .to_owned(),
        );
    }
    notes
}

/// The caption of the scatter.
pub(super) fn caption(tasks: &str, error: &Metric, all: bool) -> String {
    let told = if all {
        ""
    } else {
        " In colour: the best point by each figure, and the baseline."
    };
    format!(
        "Tasks against reconstruction: {tasks}, against {}. Small dots: single trials; large dots: means of points over \
         seeds.{told}",
        lower(&error.axis())
    )
}

/// One sentence for the summary; `None` where too little is known.
pub(super) fn sentence(related: &Related, error: &Metric) -> Option<String> {
    let found = &related.found;
    let (rho, p) = (found.rho?, related.holm?);
    let between = interval(related).map_or_else(String::new, |i| format!("95 % interval {i}, "));
    let corrected = match format::probability(p) {
        small if small.starts_with('<') => format!("p {small}"),
        p => format!("p = {p}"),
    };
    let (error, task) = (lower(&error.axis()), lower(related.metric.title));
    let meaning = match (related.holds(), related.agrees()) {
        (false, _) => "so reconstruction is not shown to rank the points for this task",
        (true, true) => "so points with a lower error tend to do better at this task",
        (true, false) => "so points with a lower error tend to do worse at this task",
    };
    Some(format!(
        "Over {}, the rank correlation of {error} with {task} is ρ = {} ({between}{corrected} after Holm’s correction for all \
         tasks), {meaning}.",
        count(found.n, "point"),
        fixed(rho, 2),
    ))
}
