//! The laws of the layout (ARCHITECTURE.md): what may be named where.

use std::path::{Path, PathBuf};

use crate::support::project;

fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![project().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push((name(&path), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} holds sources");
    found
}

fn name(path: &Path) -> String {
    path.strip_prefix(project())
        .unwrap()
        .to_string_lossy()
        .replace('\\', "/")
}

/// Code without comments and without the unit tests at the end of a file.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[track_caller]
fn only_in(words: &[&str], rooms: &[&str]) {
    for (name, text) in sources("src") {
        if rooms.iter().any(|room| name.starts_with(room)) {
            continue;
        }
        for word in words {
            assert!(
                !code(&text).contains(word),
                "{name} names {word}, which belongs in {rooms:?}"
            );
        }
    }
}

#[test]
fn burn_is_named_in_model_train_and_eval_only() {
    only_in(&["burn::"], &["src/model/", "src/train/", "src/eval/"]);
}

#[test]
fn sql_is_in_the_store_only() {
    only_in(
        &["sqlx::", "libsqlite3_sys", "INSERT INTO", "DELETE FROM", "CREATE TABLE"],
        &["src/store/"],
    );
}

#[test]
fn plotters_is_in_plot_only() {
    only_in(&["plotters::"], &["src/plot/"]);
}

#[test]
fn clock_environment_and_printing_are_in_cli_only() {
    only_in(
        &[
            "SystemTime",
            "Timestamp::now",
            "std::env::",
            "println!",
            "eprintln!",
            "print!(",
        ],
        &["src/cli/"],
    );
}

#[test]
fn plot_stats_and_report_touch_no_files() {
    for room in ["src/plot", "src/stats", "src/report", "src/catalogue"] {
        for (name, text) in sources(room) {
            for word in ["std::fs", "std::net", "std::process", "Instant"] {
                assert!(!code(&text).contains(word), "{name} names {word}");
            }
        }
    }
}

#[test]
fn generators_are_made_in_seed_only() {
    only_in(
        &["from_seed(", "seed_from_u64", "rand::rng()", "OsRng"],
        &["src/seed.rs"],
    );
}

#[test]
fn every_file_says_what_it_is_and_is_short() {
    for folder in ["src", "kernels", "strategies", "tests", "examples"] {
        for (name, text) in sources(folder) {
            assert!(text.starts_with("//!"), "{name} does not open with //!");
            let lines = text.lines().count();
            assert!(lines <= 400, "{name} has {lines} lines: split it");
        }
    }
    let main = std::fs::read_to_string(project().join("src/main.rs")).unwrap();
    assert!(main.lines().count() <= 60);
}

#[test]
fn the_strategies_crate_depends_on_no_tensor_sql_or_clock() {
    let manifest = std::fs::read_to_string(project().join("strategies/Cargo.toml")).unwrap();
    let dependencies = manifest
        .split("[dependencies]")
        .nth(1)
        .unwrap()
        .split("\n[")
        .next()
        .unwrap();
    let names: Vec<&str> = dependencies
        .lines()
        .filter_map(|line| line.split_once(" ="))
        .map(|(n, _)| n)
        .collect();
    assert_eq!(
        names,
        ["rand", "rand_chacha", "rhai", "strsim", "thiserror"],
        "a new dependency needs a reason: law 1"
    );
}
