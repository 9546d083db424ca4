//! Tables that were changed, cut, moved and made old.

use super::super::super::testing::{ratios, run};
use super::*;
use crate::report::ReportData;

fn differences(text: &str, data: &ReportData) -> Vec<String> {
    let found = claims(text).unwrap();
    let all = found.iter().flat_map(|claim| claim.differences(data).unwrap());
    all.map(|d| d.to_string()).collect()
}

/// The last digits of a stored accuracy, as the store would have it after a change.
fn changed(by: f64) -> ReportData {
    let mut data = ratios(0.1);
    let points = data.runs[4].metrics.iter_mut().filter(|m| m.name == "knn_accuracy");
    points.for_each(|m| m.value += by);
    data
}

#[test]
fn a_fresh_table_matches_in_every_form() {
    let data = ratios(0.1);
    for form in Form::ALL {
        let text = table(&data, form, "x.db");
        let found = claims(&text).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].form, found[0].trials.len()), (form, 6));
        assert_eq!(differences(&text, &data), Vec::<String>::new(), "{form:?}");
    }
}

#[test]
fn the_cells_that_differ_are_named_in_every_form() {
    let data = ratios(0.1);
    for form in Form::ALL {
        let said = differences(&table(&data, form, "x.db"), &changed(0.2));
        let (row, column) = match form {
            Form::Summary => ("row 0.75, knn_accuracy,", "column mean: the file says"),
            Form::Csv => ("row run4,", "column knn_accuracy: the file says 0.4"),
            Form::Json => ("row run4,", "column metrics.knn_accuracy: the file says 0.4"),
            _ => ("row 0.75,", "column k-NN accuracy"),
        };
        assert!(
            said.iter().any(|s| s.starts_with(row) && s.contains(column)),
            "{form:?}: {said:?}"
        );
        assert!(said.iter().all(|s| !s.contains("0.5,")), "{form:?}: {said:?}");
    }
    let edited = table(&data, Form::Latex, "x.db").replace("15.00", "25.00");
    let said = differences(&edited, &data);
    assert!(
        said.len() == 1 && said[0].contains("25.00") && said[0].contains("15.00"),
        "{said:?}"
    );
}

#[test]
fn digits_that_are_not_shown_count() {
    let said = differences(&table(&ratios(0.1), Form::Latex, "x.db"), &changed(1e-9));
    assert!(
        said.len() == 1 && said[0].starts_with("no cell shown differs"),
        "{said:?}"
    );
}

#[test]
fn captions_and_columns_are_the_authors_and_rows_are_not() {
    let data = ratios(0.1);
    let mine = table(&data, Form::Markdown, "x.db");
    let without: String = mine
        .lines()
        .map(|line| match line.rsplitn(3, '|').collect::<Vec<_>>()[..] {
            [_, _, rest] if line.starts_with('|') => format!("{rest}|\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert!(!without.contains("k-NN"), "{without}");
    assert_eq!(
        differences(&format!("# Paper\n\n{without}\nEnd."), &data),
        Vec::<String>::new()
    );
    let cut: String = mine
        .lines()
        .filter(|l| !l.starts_with("| 0.75"))
        .map(|l| format!("{l}\n"))
        .collect();
    assert_eq!(
        differences(&cut, &data),
        ["row 0.75: the store has it, the file does not"]
    );
}

#[test]
fn more_trials_and_more_values_make_a_table_old() {
    let data = ratios(0.1);
    let text = table(&data, Form::Latex, "x.db");
    let mut more = data.clone();
    let last: Vec<(&str, f64)> = vec![("knn_accuracy", 0.41)];
    more.runs
        .push(run(6, serde_json::json!({"mask.ratio": 0.75}), 3, &last));
    let said = differences(&text, &more);
    assert!(
        said.iter()
            .any(|s| s == "row number 2 is made of other trials, now also run6"),
        "{said:?}"
    );
    more.runs.push(run(7, serde_json::json!({"mask.ratio": 0.9}), 0, &last));
    let said = differences(&text, &more);
    assert!(
        said.iter().any(|s| s == "row 0.9: the store has it, the file does not"),
        "{said:?}"
    );
    let shrunk = ReportData {
        runs: data.runs[..3].to_vec(),
        ..data
    };
    assert!(
        differences(&text, &shrunk)
            .iter()
            .any(|s| s.starts_with("row 0.75: the store has no such row"))
    );
}

#[test]
fn a_paper_may_hold_several_tables_and_a_file_none() {
    let data = ratios(0.1);
    let one = table(&data, Form::Latex, "x.db");
    let paper = format!(
        "\\begin{{document}}\n{one}\nSee \\verb|mae-exp table {{}}|.\n{}\n",
        one.replace("15.00", "16.00")
    );
    assert_eq!(claims(&paper).unwrap().len(), 2);
    assert_eq!(differences(&paper, &data).len(), 1);
    for text in ["", "{}", "[1]", "a & b \\\\", "x,y\n1,2\n"] {
        assert!(matches!(claims(text), Err(CheckError::Nothing)), "{text}");
    }
    let bare = one.lines().next().unwrap();
    assert!(matches!(
        claims(bare).unwrap()[0].differences(&data),
        Err(CheckError::Rows)
    ));
}
