//! Whether a table in a file still says what the store says. A file may hold several, such as a paper with its tables in it;
//! captions, rules and the choice of columns are the author's, rows and numbers are not.

use std::fmt;

use serde_json::Value as Json;

use super::super::data::ReportData;
use super::super::numbers::SUMMARY_COLUMNS;
use super::differences::with_metric;
use super::documents::{comments, leaves};
use super::grid::{self, Grid};
use super::stamp::{OPENINGS, Stamp};
use super::tables::{Form, table};

/// A table found in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Its form.
    pub form: Form,
    /// Its own part of the file.
    text: String,
    /// What it says it was made of; a CSV table says it by the ids of its trials.
    pub stamp: Option<Stamp>,
    /// Ids of its trials.
    pub trials: Vec<String>,
}

/// What a table and the store do not agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A cell.
    Cell {
        /// Row, by its labels.
        row: String,
        /// Column, by its heading.
        column: String,
        /// What the file says.
        file: String,
        /// What the store says.
        store: String,
    },
    /// A column of the file that is none of the store's.
    Column(String),
    /// A row of the file that the store does not have.
    Gone(String),
    /// A row of the store that the file does not have.
    Missing(String),
    /// Trials that came to a row or left it.
    Trials {
        /// Number of the row, from 1.
        row: usize,
        /// Ids that the store has and the table was made without.
        more: Vec<String>,
        /// Ids that the table was made with and the store has no more.
        fewer: Vec<String>,
    },
    /// No cell that is shown differs, but digits that are not shown, or metrics of trials that are not in the table, do.
    Unseen,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cell {
                row,
                column,
                file,
                store,
            } => write!(f, "row {row}, column {column}: the file says {file}, the store {store}"),
            Self::Column(heading) => write!(
                f,
                "column {heading} is not one of the store's, so it cannot be checked: keep the heading, or leave the column out"
            ),
            Self::Gone(row) => write!(f, "row {row}: the store has no such row"),
            Self::Missing(row) => write!(f, "row {row}: the store has it, the file does not"),
            Self::Trials { row, more, fewer } => {
                let part = |what: &str, ids: &[String]| match ids {
                    [] => String::new(),
                    ids => format!(", {what} {}", ids.join(" ")),
                };
                let (more, fewer) = (part("now also", more), part("no longer", fewer));
                write!(f, "row number {row} is made of other trials{more}{fewer}")
            }
            Self::Unseen => write!(
                f,
                "no cell shown differs, but the numbers in the store are not those it was made from"
            ),
        }
    }
}

/// A file that cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// No table of this program is in it.
    #[error("no table that mae-exp wrote is in it: keep the comment line `mae-exp table …` above the table")]
    Nothing,
    /// The table's rows cannot be found.
    #[error("no rows of a table follow the comment line `mae-exp table …`")]
    Rows,
    /// The head lacks a column that names the rows.
    #[error("the table has no column {0}, which names its rows")]
    Labels(String),
    /// The CSV document is broken.
    #[error("not a table of comma-separated values: {0}")]
    Csv(#[from] csv::Error),
}

/// Every table of a file.
///
/// # Errors
/// Where there is none.
pub fn claims(text: &str) -> Result<Vec<Claim>, CheckError> {
    if let Some(claim) = json_claim(text) {
        return Ok(vec![claim]);
    }
    let mut starts: Vec<usize> = OPENINGS
        .iter()
        .flat_map(|o| text.match_indices(o))
        .map(|m| m.0)
        .collect();
    starts.sort_unstable();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let found: Vec<Claim> = starts
        .iter()
        .zip(ends)
        .filter_map(|(from, to)| stamped(text, *from, to))
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    Ok(vec![separated(text)?])
}

/// A table of comma-separated values, which says by the ids in it what it was made of.
fn separated(text: &str) -> Result<Claim, CheckError> {
    let head = text.lines().next().unwrap_or_default();
    let summary = head.ends_with(SUMMARY_COLUMNS);
    if !summary && !head.starts_with("id,label,status,seed") {
        return Err(CheckError::Nothing);
    }
    let rows = grid::csv(text)?.into_iter().skip(1);
    let ids = rows.filter_map(|row| {
        if summary {
            row.into_iter().next_back()
        } else {
            row.into_iter().next()
        }
    });
    let mut trials: Vec<String> = ids
        .flat_map(|ids| ids.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    trials.sort_unstable();
    trials.dedup();
    Ok(Claim {
        form: if summary { Form::Summary } else { Form::Csv },
        text: text.to_owned(),
        stamp: None,
        trials,
    })
}

fn json_claim(text: &str) -> Option<Claim> {
    let document: Json = serde_json::from_str(text).ok()?;
    let stamp: Stamp = serde_json::from_value(document.get("table")?.clone()).ok()?;
    Some(Claim {
        form: Form::Json,
        text: text.to_owned(),
        trials: stamp.rows.concat(),
        stamp: Some(stamp),
    })
}

/// The table after the stamp at `from`; its form follows from the comment that the stamp is in.
fn stamped(text: &str, from: usize, to: usize) -> Option<Claim> {
    let stamp = Stamp::read(&text[from..to])?;
    let (before, of_differences) = (text[..from].trim_end(), text[from..].starts_with(OPENINGS[1]));
    let form = match (before, of_differences) {
        (b, false) if b.ends_with('%') => Form::Latex,
        (b, true) if b.ends_with('%') => Form::Differences,
        (b, false) if b.ends_with("<!--") => Form::Markdown,
        (b, true) if b.ends_with("<!--") => Form::DifferencesMarkdown,
        _ => return None,
    };
    Some(Claim {
        form,
        text: text[from..to].to_owned(),
        trials: stamp.rows.concat(),
        stamp: Some(stamp),
    })
}

impl Claim {
    /// What differs between the table and the one that `data` gives.
    ///
    /// # Errors
    /// Where the file's table cannot be read.
    pub fn differences(&self, data: &ReportData) -> Result<Vec<Difference>, CheckError> {
        let fresh = table(data, self.form, "");
        let labels = data_labels(data);
        let mut found = match self.form {
            Form::Latex => {
                let mut found = cells(&grid::joined(&self.text, labels), &grid::joined(&fresh, labels), labels)?;
                found.extend(comments(&self.text, &fresh));
                found
            }
            Form::Differences => of_differences(grid::every_latex(&self.text), grid::every_latex(&fresh))?,
            Form::DifferencesMarkdown => of_differences(grid::markdown(&self.text), grid::markdown(&fresh))?,
            Form::Markdown => cells(&grid::markdown(&self.text), &grid::markdown(&fresh), labels)?,
            Form::Csv => cells(&grid::csv(&self.text)?, &grid::csv(&fresh)?, 1)?,
            Form::Summary => cells(&grid::csv(&self.text)?, &grid::csv(&fresh)?, names_of_summary(data))?,
            Form::Json => leaves(&self.text, &fresh),
        };
        if let Some(said) = &self.stamp {
            let now = Stamp::of(data, "");
            found.extend(trials(&said.rows, &now.rows));
            if found.is_empty() && said.numbers != now.numbers {
                found.push(Difference::Unseen);
            }
        }
        Ok(found)
    }
}

/// Rows of paired differences; where the store has none, there is no table.
fn of_differences(file: Grid, store: Grid) -> Result<Vec<Difference>, CheckError> {
    if file.is_empty() && store.is_empty() {
        return Ok(vec![]);
    }
    cells(&with_metric(file), &with_metric(store), 1)
}

/// A row of the summary is named by its point and its metric.
fn names_of_summary(data: &ReportData) -> usize {
    super::super::groups::Groups::of(data).keys.len() + 1
}

fn data_labels(data: &ReportData) -> usize {
    super::super::groups::Groups::of(data).keys.len().max(1)
}

/// Rows by their labels, columns by their headings; columns that the file does not have are not asked for.
fn cells(file: &Grid, store: &Grid, labels: usize) -> Result<Vec<Difference>, CheckError> {
    let ([head, rows @ ..], [want, fresh @ ..]) = (file.as_slice(), store.as_slice()) else {
        return Err(CheckError::Rows);
    };
    let place = |heading: &String| head.iter().position(|h| h == heading);
    let named: Option<Vec<usize>> = want[..labels.min(want.len())].iter().map(place).collect();
    let missing = want.iter().take(labels).find(|h| place(h).is_none());
    let named = named.ok_or_else(|| CheckError::Labels(missing.cloned().unwrap_or_default()))?;
    let name = |row: &Vec<String>, at: &[usize]| {
        let parts = at.iter().filter_map(|i| row.get(*i)).filter(|l| !l.is_empty());
        parts.cloned().collect::<Vec<_>>().join(", ")
    };
    let own: Vec<usize> = (0..labels).collect();
    let mut left: Vec<&Vec<String>> = rows.iter().collect();
    let mut found = strangers(file, &named, want);
    for row in fresh {
        let called = name(row, &own);
        let Some(at) = left.iter().position(|r| name(r, &named) == called) else {
            found.push(Difference::Missing(called));
            continue;
        };
        let old = left.remove(at);
        let shared = want.iter().enumerate().filter_map(|(i, h)| Some((i, h, place(h)?)));
        for (i, heading, at) in shared.skip(labels) {
            let cell = |row: &Vec<String>, i: usize| row.get(i).cloned().unwrap_or_default();
            let (file, store) = (cell(old, at), cell(row, i));
            if file != store {
                found.push(Difference::Cell {
                    row: called.clone(),
                    column: heading.clone(),
                    file,
                    store,
                });
            }
        }
    }
    found.extend(left.iter().map(|r| Difference::Gone(name(r, &named))));
    Ok(found)
}

/// Columns of the file that nothing in the store answers to: by another heading, under one a second time, or under none.
fn strangers(file: &Grid, named: &[usize], want: &[String]) -> Vec<Difference> {
    let head = file.first().map_or(&[][..], Vec::as_slice);
    let known = |i: usize| {
        let heading = &head[i];
        named.contains(&i) || want.contains(heading) && head.iter().position(|h| h == heading) == Some(i)
    };
    let other = (0..head.len()).filter(|i| !known(*i)).map(|i| head[i].clone());
    let widest = file.iter().map(Vec::len).max().unwrap_or(0);
    let without = (head.len()..widest).map(|i| format!("number {}, which has no heading,", i + 1));
    other.chain(without).map(Difference::Column).collect()
}

/// Rows of trials that are not the same.
fn trials(said: &[Vec<String>], now: &[Vec<String>]) -> Vec<Difference> {
    let without = |a: &[String], b: &[String]| a.iter().filter(|id| !b.contains(id)).cloned().collect::<Vec<_>>();
    let rows = said
        .iter()
        .zip(now)
        .enumerate()
        .map(|(i, (old, new))| Difference::Trials {
            row: i + 1,
            more: without(new, old),
            fewer: without(old, new),
        });
    let other =
        |d: &Difference| matches!(d, Difference::Trials { more, fewer, .. } if !more.is_empty() || !fewer.is_empty());
    if said.len() == now.len() {
        rows.filter(other).collect()
    } else {
        vec![]
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
