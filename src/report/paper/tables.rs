//! The table of a report in every form, with what it is made of.

use serde_json::Value as Json;

use super::super::data::ReportData;
use super::super::export::{csv, json, latex};
use super::super::groups::Groups;
use super::super::numbers;
use super::stamp::{OPENINGS, Stamp};
use super::{differences, markdown};

/// A form of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A booktabs table, mean ± half-width of its interval, below a comment that says what it is made of.
    Latex,
    /// The same as a pipe table.
    Markdown,
    /// One row per trial, with its id, all last metrics, all digits.
    Csv,
    /// One row per swept point and metric: n, mean, sd, ends of the interval.
    Summary,
    /// Groups and trials as one document, with the trials behind every number.
    Json,
    /// Paired differences from the baseline as a booktabs table.
    Differences,
    /// The same as a pipe table.
    DifferencesMarkdown,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 7] = [
        Self::Latex,
        Self::Markdown,
        Self::Csv,
        Self::Summary,
        Self::Json,
        Self::Differences,
        Self::DifferencesMarkdown,
    ];

    /// Name of the file of the table.
    pub fn file(self) -> &'static str {
        match self {
            Self::Latex => "table.tex",
            Self::Markdown => "table.md",
            Self::Csv => "table.csv",
            Self::Summary => "summary.csv",
            Self::Json => "table.json",
            Self::Differences => "differences.tex",
            Self::DifferencesMarkdown => "differences.md",
        }
    }
}

/// The table of `data`, made from the store of that name.
pub fn table(data: &ReportData, form: Form, store: &str) -> String {
    let stamp = Stamp::of(data, store);
    let [table, paired] = OPENINGS.map(|opening| stamp.line(opening));
    match form {
        Form::Latex => format!("% {table}\n{}", latex(data)),
        Form::Markdown => format!("<!-- {table} -->\n\n{}", markdown::table(data)),
        Form::Differences => format!("% {paired}\n{}", differences::latex(data)),
        Form::DifferencesMarkdown => format!("<!-- {paired} -->\n\n{}", differences::markdown(data)),
        Form::Csv => csv(data),
        Form::Summary => numbers::csv(data),
        Form::Json => document(data, &stamp).to_string() + "\n",
    }
}

/// [`json`] with the stamp, and with the trials behind every number of a group.
pub(super) fn document(data: &ReportData, stamp: &Stamp) -> Pretty {
    let mut document = json(data);
    let groups = Groups::of(data);
    let listed = document["groups"].as_array_mut().into_iter().flatten();
    for (shown, group) in listed.zip(&groups.all) {
        for (name, summary) in shown["metrics"].as_object_mut().into_iter().flatten() {
            summary["runs"] = group.behind(name).collect();
        }
    }
    document["table"] = serde_json::to_value(stamp).unwrap_or_default();
    Pretty(document)
}

/// A document that is written with indents.
pub(super) struct Pretty(pub(super) Json);

impl std::fmt::Display for Pretty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::ratios;
    use super::*;

    #[test]
    fn every_number_of_the_document_names_its_trials() {
        let data = ratios(0.1);
        let document: Json = serde_json::from_str(&table(&data, Form::Json, "x.db")).unwrap();
        let behind = |group: usize, metric: &str| document["groups"][group]["metrics"][metric]["runs"].clone();
        assert_eq!(behind(0, "knn_accuracy"), serde_json::json!(["run0", "run1", "run2"]));
        assert_eq!(behind(1, "eval_mse"), serde_json::json!(["run3", "run4", "run5"]));
        assert_eq!(document["table"]["store"], "x.db");
        assert_eq!(document["table"]["rows"][1][0], "run3");
    }

    #[test]
    fn tables_for_texts_open_with_their_stamp() {
        let data = ratios(0.1);
        let latex = table(&data, Form::Latex, "x.db");
        assert!(
            latex.starts_with("% mae-exp table {\"program\":\"mae-exp 0.0.0\",\"store\":\"x.db\",\"sweeps\":[\"s1\"]")
        );
        assert!(
            latex.lines().nth(1).is_some_and(|l| l.starts_with('%')),
            "one line: {latex}"
        );
        let markdown = table(&data, Form::Markdown, "x.db");
        assert!(markdown.starts_with("<!-- mae-exp table {") && markdown.contains("} -->\n\n"));
        assert!(table(&data, Form::Csv, "x.db").starts_with("id,label,status,seed,mask.ratio,"));
    }
}
