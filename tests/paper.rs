//! From a sweep to a paper: files written, joined, checked against the store, and compiled by LaTeX.

use std::path::Path;
use std::process::Command;

use crate::support::{Room, experiment, small};

/// The paper of `docs/reports.md`, as it stands there.
fn documented() -> &'static str {
    let page = include_str!("../docs/reports.md");
    let example = page.split("```latex\n").nth(1).unwrap();
    example.split("```").next().unwrap()
}

fn swept() -> Room {
    let room = Room::new();
    room.write("x.toml", &experiment(2));
    room.ok(&small(&["sweep", "x.toml"]));
    room
}

/// Standard output of a check, and whether all matched.
fn check(room: &Room, files: &[&str]) -> (bool, String) {
    let output = room.run(&[&["report", "--check"], files].concat());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{said}{:?}", output.stderr);
    (output.status.success(), said)
}

#[test]
fn figures_and_tables_lie_beside_the_page_and_match_the_store() {
    let room = swept();
    let said = room.ok(&["report", "tiny", "--paper"]);
    assert_eq!(said.lines().count(), 4, "{said}");
    let folder = room.path().join("reports/tiny");
    for figure in ["swept", "curves", "knn_accuracy", "eval_mse"] {
        for width in ["1col", "2col"] {
            for form in ["svg", "pdf"] {
                let file = folder.join(format!("figures/{figure}-{width}.{form}"));
                assert!(
                    std::fs::metadata(&file).is_ok_and(|m| m.len() > 1000),
                    "{}",
                    file.display()
                );
            }
        }
    }
    assert!(folder.join("figures/masks-2col.pdf").is_file());
    let tables = [
        "table.tex",
        "table.md",
        "table.csv",
        "table.json",
        "summary.csv",
        "differences.tex",
        "differences.md",
    ];
    let tables = tables.map(|file| format!("reports/tiny/tables/{file}"));
    let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
    let (same, said) = check(&room, &tables);
    assert!(same && said.lines().count() == 7, "{said}");
    room.ok(&["report", "tiny", "--paper=elsewhere"]);
    assert!(room.path().join("elsewhere/figures/swept-1col.pdf").is_file());
    assert_eq!(
        room.ok(&["export", "tiny", "--format", "markdown"]),
        std::fs::read_to_string(room.path().join(tables[1])).unwrap()
    );
}

#[test]
fn a_table_that_is_old_or_edited_is_told() {
    let room = swept();
    room.ok(&["report", "tiny", "--paper"]);
    let table = room.path().join("reports/tiny/tables/table.tex");
    let text = std::fs::read_to_string(&table).unwrap();
    let row = text
        .lines()
        .find(|line| line.trim_start().starts_with("0.5 &"))
        .unwrap();
    let forged = row.replacen("& 2 &", "& 3 &", 1);
    assert_ne!(row, forged);
    room.write(
        "paper.tex",
        &format!("\\begin{{document}}\n{}\n", text.replace(row, &forged)),
    );
    let (same, said) = check(&room, &["paper.tex"]);
    assert!(
        !same && said.contains("row 0.5, column $n$: the file says 3, the store 2"),
        "{said}"
    );

    room.write("x.toml", &experiment(3));
    room.ok(&small(&["sweep", "x.toml"]));
    let (same, said) = check(&room, &["reports/tiny/tables/table.tex"]);
    assert!(
        !same && said.contains("row number 1 is made of other trials, now also "),
        "{said}"
    );
    assert!(
        check(&room, &["reports/tiny/tables/table.csv"])
            .1
            .contains("the store has it, the file does not")
    );

    room.write("none.tex", "a & b \\\\\n");
    assert!(
        room.refused(&["report", "--check", "none.tex"])
            .contains("keep the comment line")
    );
    assert!(
        room.refused(&["report", "--check", "absent.tex"])
            .contains("absent.tex")
    );
    room.write("far.tex", &text.replace("\"sweeps\":[\"tiny", "\"sweeps\":[\"other"));
    assert!(check(&room, &["far.tex"]).1.contains("is not in the store"));
}

#[test]
fn two_sweeps_become_one_page() {
    let room = swept();
    let other = experiment(2).replace("\"tiny\"", "\"other\"").replace("0.75]", "0.9]");
    room.write("y.toml", &other);
    room.ok(&small(&["sweep", "y.toml"]));
    let said = room.ok(&["report", "tiny", "other", "--paper"]);
    assert!(said.contains("tiny_and_other"), "{said}");
    let page = std::fs::read_to_string(room.path().join("reports/tiny_and_other/index.html")).unwrap();
    assert!(page.contains("tiny: Does it run?") && page.contains("other: Does it run?"));
    let rows = room.ok(&["export", "tiny", "other"]);
    assert_eq!(rows.lines().count(), 1 + 6, "two of eight trials are equal: {rows}");
    assert!(rows.contains("tiny and other"), "{rows}");
    assert!(check(&room, &["reports/tiny_and_other/tables/table.md"]).0);
}

fn there(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|o| o.status.success())
}

fn pages(folder: &Path) -> usize {
    let log = String::from_utf8_lossy(&std::fs::read(folder.join("paper.log")).unwrap()).into_owned();
    let at = log.split("Output written on paper.pdf (").nth(1).unwrap();
    at.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_paper_with_the_table_and_the_figures_compiles() {
    if !there("pdflatex") {
        // Past the test harness, which swallows what passing tests print.
        let said = "##### SKIPPED: no pdflatex on this machine, no paper was compiled #####\n";
        std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
        return;
    }
    let room = swept();
    let question = "What do α ≤ β, Δ ≈ 10⁻³ and “é” do → 中?";
    room.write(
        "y.toml",
        &experiment(3)
            .replace("\"tiny\"", "\"signs\"")
            .replace("Does it run?", question),
    );
    room.ok(&small(&["sweep", "y.toml"]));
    room.ok(&["report", "signs", "--paper=mask_ratio"]);
    let tables = room.path().join("mask_ratio/tables");
    let caption = std::fs::read_to_string(tables.join("table.tex")).unwrap();
    assert!(caption.contains("What do $\\alpha$ $\\leq$ $\\beta$"), "{caption}");
    room.write("paper.tex", documented());
    for _ in 0..2 {
        let output = Command::new("pdflatex")
            .args(["-interaction=nonstopmode", "-halt-on-error", "paper.tex"])
            .current_dir(room.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
    }
    assert!(pages(room.path()) >= 1);
    let log = String::from_utf8_lossy(&std::fs::read(room.path().join("paper.log")).unwrap()).into_owned();
    for trouble in [
        "LaTeX Warning: Reference",
        "pdfTeX warning: pdflatex",
        "Undefined",
        "Overfull \\hbox",
        "Float too large",
        "Unicode character",
    ] {
        assert!(!log.contains(trouble), "{trouble}: {log}");
    }
    for figure in ["swept-1col.pdf", "curves-1col.pdf", "masks-2col.pdf"] {
        assert!(log.contains(figure), "{figure} is in it");
    }
}
