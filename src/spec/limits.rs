//! `[budget]` and `[early_stop]` of an experiment file: how much may be run, and when a trial is given up.
//! Neither is part of a trial's identity: they decide which trials run to the end, never what a trial computes.
//! It must not decide whether a trial stops: `sweep::early_stop` does.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::Entries;
use super::error::{SpecError, did_you_mean};
use super::figures::{FIGURES, When, figure};
use super::kind::Kind;

const BUDGET: [&str; 2] = ["budget.max_trials", "budget.max_hours"];

const EARLY_STOP: [&str; 6] = [
    "early_stop.kind",
    "early_stop.metric",
    "early_stop.goal",
    "early_stop.eta",
    "early_stop.min_epochs",
    "early_stop.warmup_trials",
];

/// `[budget]`: how much of a sweep may be run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// At most so many trials are trained; no bound when absent.
    pub max_trials: Option<usize>,
    /// No trial is begun after so many hours; no bound when absent.
    pub max_hours: Option<f64>,
}

/// Which rule stops a trial early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopKind {
    /// Asynchronous successive halving, stopping variant (Li et al. 2020, arXiv:1810.05934).
    Asha,
    /// Successive halving (Jamieson & Talwalkar 2016, arXiv:1502.07943): a rung is judged once every other trial has reached
    /// it or ended.
    SuccessiveHalving,
    /// The median stopping rule of Vizier (Golovin et al. 2017).
    Median,
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Less is better.
    Min,
    /// More is better.
    Max,
}

/// `[early_stop]`: when a trial is given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlyStop {
    /// The rule.
    pub kind: StopKind,
    /// Name of the metric in the store; one that is measured at every validation.
    pub metric: String,
    /// Which way it is better.
    pub goal: Goal,
    /// Reduction factor of the halving rules: one in `eta` goes on at each rung; above 1.
    pub eta: f64,
    /// Epochs that every trial is given: the first rung of the halving rules, the first epoch judged by the median; above 0.
    pub min_epochs: f64,
    /// Other trials that must have come as far before the median rule judges; 1 or more.
    pub warmup_trials: usize,
}

impl StopKind {
    /// The word in files and messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Asha => "asha",
            Self::SuccessiveHalving => "successive_halving",
            Self::Median => "median",
        }
    }
}

impl fmt::Display for StopKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The entries of one table, by whole key.
struct Table<'a> {
    entries: &'a Entries,
    path: &'a str,
}

impl Table<'_> {
    fn known(&self, known: &[&str]) -> Result<(), SpecError> {
        let unknown = self.entries.iter().find(|(key, _)| !known.contains(&key.as_str()));
        unknown.map_or(Ok(()), |(key, _)| {
            Err(SpecError::unknown_key(key, self.path, known.iter().copied()))
        })
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.entries
            .iter()
            .find(|(given, _)| given == key)
            .map(|(_, value)| value)
    }

    fn word(&self, key: &str, words: &'static [&'static str]) -> Result<Option<&str>, SpecError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        Kind::Word(words).check(key, value.clone(), self.path)?;
        Ok(value.as_str())
    }

    fn whole(&self, key: &str) -> Result<Option<usize>, SpecError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = value.as_u64().filter(|number| *number >= 1);
        let wrong = || SpecError::wrong_type(key, self.path, "a whole number, 1 or more", value);
        number.map(|number| Some(number as usize)).ok_or_else(wrong)
    }

    fn above(&self, key: &str, bound: f64) -> Result<Option<f64>, SpecError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = value.as_f64().filter(|number| *number > bound && number.is_finite());
        let wrong = || SpecError::wrong_type(key, self.path, format!("a number above {bound}"), value);
        number.map(Some).ok_or_else(wrong)
    }
}

/// Reads `[budget]`, whose keys begin with `budget.`.
pub(super) fn budget(entries: &Entries, path: &str) -> Result<Budget, SpecError> {
    let table = Table { entries, path };
    table.known(&BUDGET)?;
    Ok(Budget {
        max_trials: table.whole("budget.max_trials")?,
        max_hours: table.above("budget.max_hours", 0.0)?,
    })
}

/// Reads `[early_stop]`, whose keys begin with `early_stop.`, and what in it has no effect; nothing where it is not there.
pub(super) fn early_stop(entries: &Entries, path: &str) -> Result<(Option<EarlyStop>, Vec<String>), SpecError> {
    if entries.is_empty() {
        return Ok((None, Vec::new()));
    }
    let table = Table { entries, path };
    table.known(&EARLY_STOP)?;
    let kind = match table.word("early_stop.kind", &["asha", "successive_halving", "median"])? {
        Some("asha") => StopKind::Asha,
        Some("successive_halving") => StopKind::SuccessiveHalving,
        Some(_) => StopKind::Median,
        None => {
            return Err(SpecError::Invalid(format!(
                "[early_stop] in {path} has no kind: add kind = \"asha\", \"successive_halving\" or \"median\""
            )));
        }
    };
    let (metric, goal) = metric(&table)?;
    let stop = EarlyStop {
        kind,
        metric,
        goal,
        eta: table.above("early_stop.eta", 1.0)?.unwrap_or(3.0),
        min_epochs: table.above("early_stop.min_epochs", 0.0)?.unwrap_or(1.0),
        warmup_trials: table.whole("early_stop.warmup_trials")?.unwrap_or(4),
    };
    let idle = if kind == StopKind::Median {
        "early_stop.eta"
    } else {
        "early_stop.warmup_trials"
    };
    let idle = table
        .get(idle)
        .map(|_| format!("{idle} in {path} has no effect: kind = \"{kind}\" does not read it"));
    Ok((Some(stop), idle.into_iter().collect()))
}

/// The metric and its direction.
fn metric(table: &Table<'_>) -> Result<(String, Goal), SpecError> {
    let (key, path) = ("early_stop.metric", table.path);
    let refuse = |text: String| Err(SpecError::Invalid(text));
    let name = match table.get(key) {
        None => "val_loss",
        Some(value) => value
            .as_str()
            .ok_or_else(|| SpecError::wrong_type(key, path, "text", value))?,
    };
    let measured = FIGURES.iter().filter(|figure| figure.when == When::Validation);
    let Some(goal) = measured
        .clone()
        .find(|figure| figure.name == name)
        .map(|figure| figure.goal)
    else {
        let names: Vec<&str> = measured.map(|figure| figure.name).collect();
        let near = did_you_mean(name, names.iter().copied());
        let all = || format!(": use one of {}", names.join(", "));
        let cure = match figure(name) {
            Some(_) => format!(
                "{}; {name} is taken at a trial's end, and can be the objective of [analysis]",
                all()
            ),
            None if near.is_empty() => all(),
            None => near,
        };
        return refuse(format!(
            "{key} = \"{name}\" in {path} is not measured at every validation{cure}"
        ));
    };
    let given = table.word("early_stop.goal", &["min", "max"])?;
    let own = if goal == Goal::Min { "min" } else { "max" };
    match given.filter(|given| *given != own) {
        Some(given) => refuse(format!(
            "early_stop.goal = \"{given}\" in {path} keeps the worst trials: {name} has the goal {own}, leave goal out"
        )),
        None => Ok((name.into(), goal)),
    }
}
