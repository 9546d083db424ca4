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
            Form::Differences | Form::DifferencesMarkdown => {
                ("row 0.75 of k-NN accuracy", "column Difference: the file says +10.00")
            }
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
    let said = differences(&table(&ratios(0.1), Form::Markdown, "x.db"), &changed(1e-9));
    assert!(
        said.len() == 1 && said[0].starts_with("no cell shown differs"),
        "{said:?}"
    );
    let said = differences(&table(&ratios(0.1), Form::Latex, "x.db"), &changed(1e-9));
    assert!(said.len() == 1 && said[0].contains("(a comment)"), "{said:?}");
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

#[test]
fn columns_under_other_headings_are_told() {
    let data = ratios(0.1);
    let table = table(&data, Form::Latex, "x.db");
    let forged = table
        .replace("k-NN accuracy (\\%)", "$k$-NN (\\%)")
        .replace("41.0 $\\pm$", "99.9 $\\pm$");
    assert_ne!(table, forged);
    let said = differences(&forged, &data);
    let strange = "column $k$-NN (\\%) is not one of the store's, so it cannot be checked";
    assert!(said.iter().any(|s| s.starts_with(strange)), "{said:?}");
    // The same heading twice: the second is not compared, so it is told.
    let head = table.lines().find(|l| l.contains("$n$ &")).unwrap();
    let twice = head.replace(" \\\\", " & MSE \\\\");
    let row = table.lines().find(|l| l.trim_start().starts_with("0.75 &")).unwrap();
    let more = row.replace(" \\\\", " & 0.0001 \\\\");
    let said = differences(&table.replace(head, &twice).replace(row, &more), &data);
    assert!(
        said.len() == 1 && said[0].starts_with("column MSE is not one"),
        "{said:?}"
    );
    let said = differences(&table.replace(row, &more), &data);
    assert!(said.len() == 1 && said[0].contains("has no heading"), "{said:?}");
}

#[test]
fn comparisons_of_a_document_count() {
    let data = ratios(0.1);
    let text = table(&data, Form::Json, "x.db");
    let mut document: Json = serde_json::from_str(&text).unwrap();
    document["comparisons"][0]["p"] = 0.04.into();
    let said = differences(&document.to_string(), &data);
    assert!(
        said.len() == 1 && said[0].contains("column p: the file says 0.04"),
        "{said:?}"
    );
    document["comparisons"].as_array_mut().unwrap().remove(0);
    let said = differences(&document.to_string(), &data);
    assert!(said.len() == 1 && said[0].contains("the store has it"), "{said:?}");
}

#[test]
fn comments_with_all_digits_count() {
    let data = ratios(0.1);
    let text = table(&data, Form::Latex, "x.db");
    let line = text.lines().find(|l| l.starts_with("% 0.75 | MSE | 3 | ")).unwrap();
    let mean = line.split(" | ").nth(3).unwrap();
    let said = differences(&text.replace(line, &line.replacen(mean, "0.001", 1)), &data);
    assert!(
        said.len() == 1 && said[0].starts_with("row 0.75 | MSE, column n | mean"),
        "{said:?}"
    );
    assert!(said[0].contains("the file says 3 | 0.001 | "), "{said:?}");
    let said = differences(&text.replace(line, &line.replacen("MSE", "MAE", 1)), &data);
    assert!(
        said.len() == 1 && said[0].starts_with("row 0.75 | MAE (a comment)"),
        "{said:?}"
    );
    let without: String = text
        .lines()
        .filter(|l| !l.contains(" | "))
        .map(|l| format!("{l}\n"))
        .collect();
    assert_eq!(
        differences(&without, &data),
        Vec::<String>::new(),
        "they may be left out"
    );
}

#[test]
fn paired_differences_are_checked_row_by_row() {
    let data = ratios(0.1);
    for form in [Form::Differences, Form::DifferencesMarkdown] {
        let text = table(&data, form, "x.db");
        assert!(text.contains("+10.00") && text.contains("against mask.ratio"), "{text}");
        let said = differences(&text.replace("+10.00", "+11.00"), &data);
        let cell = "column Difference: the file says +11.00, the store +10.00";
        assert!(said.len() == 1 && said[0].contains(cell), "{form:?}: {said:?}");
        assert!(said[0].contains("0.75 of "), "the metric is named: {said:?}");
        let said = differences(&text.replace("(31.0)", "(30.0)"), &data);
        assert!(!said.is_empty(), "the baseline's mean: {text}");
    }
    let none = ReportData {
        runs: data.runs[..1].to_vec(),
        ..data
    };
    let text = table(&none, Form::Differences, "x.db");
    assert!(text.contains("there are no paired differences"), "{text}");
    assert_eq!(differences(&text, &none), Vec::<String>::new());
}
