//! Scripts: what they may return, what they see, and how each way of misbehaving ends.

use std::collections::BTreeMap;

use super::*;
use crate::testing::{moving, plan, rng, snapshot, try_plan};
use crate::{Plan, Value, conformance};

fn script(source: &str) -> Result<Plan, Error> {
    try_plan("script", "6x8", 0.75, &[("source", source.into())])
}

fn message(source: &str) -> String {
    let message = script(source).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}

fn ascii(source: &str) -> String {
    let plan = script(source).unwrap();
    plan.sample(&MaskContext::default(), &mut rng(0)).unwrap().ascii()
}

/// Masks of several seeds at a progress.
fn masks(plan: &Plan, progress: f64) -> Vec<String> {
    let one = |seed| {
        plan.sample(&MaskContext::default().at(progress), &mut rng(seed))
            .unwrap()
            .ascii()
    };
    (0..8).map(one).collect()
}

#[test]
fn the_highest_scores_are_hidden() {
    let left = "..######\n".repeat(6);
    assert_eq!(ascii("fn score(p) { p.col }"), left.trim_end());
    assert_eq!(
        ascii("fn score(p) { if p.col > 1 { 0.5 } else { -3 } }"),
        left.trim_end()
    );
    let whole =
        "fn mask(g) { for r in 0..g.rows { for c in 2..g.cols { g.set(r, c, c); g.set(r, c, g.get(r, c) * 2.0) } } }";
    assert_eq!(ascii(whole), left.trim_end());
    let helper = "fn twice(x) { x * 2 } fn score(p) { twice(p.col).to_float().sqrt() }";
    assert_eq!(ascii(helper), left.trim_end());
}

#[test]
fn ties_are_drawn_and_only_then_do_masks_vary() {
    let varies = |source: &str| {
        let plan = script(source).unwrap();
        let masks = moving(&plan, 8);
        let differ = masks[1..].iter().any(|mask| mask.bits() != masks[0].bits());
        assert_eq!(plan.strategy().is_random(plan.request()), differ, "{source}");
        differ
    };
    assert!(varies("fn score(p) { 0 }"));
    assert!(varies("fn score(p) { p.row }"));
    assert!(!varies("fn score(p) { p.col }"));
    assert!(varies("fn score(p) { p.noise }"));
    assert!(varies("fn score(p) { if p.draw(3) < 0.5 { p.row } else { p.col } }"));
}

#[test]
fn a_mask_is_a_function_of_seed_and_progress_alone() {
    for source in [
        "fn score(p) { p.noise + p.draw(1) * p.row + p.progress }",
        "fn score(p) { if p.progress > 0.5 { p.noise } else { p.col % 2 } }",
        "fn score(p) { p.row * p.progress + p.col }",
    ] {
        let plan = script(source).unwrap();
        let forth: Vec<_> = [0.0, 0.3, 0.9].iter().map(|progress| masks(&plan, *progress)).collect();
        let again = script(source).unwrap();
        let back: Vec<_> = [0.9, 0.3, 0.0]
            .iter()
            .map(|progress| masks(&again, *progress))
            .collect();
        assert_eq!(forth, back.into_iter().rev().collect::<Vec<_>>(), "{source}");
    }
    let early = script("fn score(p) { if p.progress < 0.5 { p.row } else { -p.row } }").unwrap();
    assert_ne!(masks(&early, 0.0), masks(&early, 1.0));
}

#[test]
fn random_numbers_are_even_and_of_the_mask_or_of_the_patch() {
    let plan = try_plan("script", "14x14", 0.75, &[("source", "fn score(p) { p.noise }".into())]).unwrap();
    let mut counts = vec![0u32; 196];
    for mask in moving(&plan, 1000) {
        counts
            .iter_mut()
            .zip(mask.bits())
            .for_each(|(count, bit)| *count += u32::from(bit));
    }
    // 750 of 1000, standard deviation 14.
    assert!(counts.iter().all(|count| (680..820).contains(count)), "{counts:?}");
    let whole = "fn mask(g) { for r in 0..6 { for c in 0..8 { g.set(r, c, g.noise(r, c)); } } }";
    let seen = |source: &str| masks(&script(source).unwrap(), 0.0);
    assert_eq!(seen("fn score(p) { p.noise }"), seen(whole));
    let shared = "fn score(p) { if p.draw(0) < 0.5 { p.col } else { -p.col } }";
    let sides: std::collections::BTreeSet<String> = seen(shared).into_iter().collect();
    assert_eq!(sides.len(), 2, "all patches see one number: {sides:?}");
}

#[test]
fn mistakes_are_told_with_line_and_column() {
    for (source, expected) in [
        ("fn score(p) {\n  p.col +\n}", "script mask.source, line 3, column 1: "),
        ("fn score(p) {\n  p.colour\n}", "script mask.source, line 2, column 5: "),
        (
            "fn score(p) {\n\n  nothing(p)\n}",
            "script mask.source, line 3, column 3: there is no function nothing",
        ),
        (
            "fn score(p) { p.draw(-1) }",
            "draw(-1): draws have the numbers 0 to 9999",
        ),
        (
            "fn mask(g) { g.set(0, 0, g.noise(0, 8)) }",
            "noise(0, 8): the grid has 6 rows and 8 columns",
        ),
        ("let score = 1;", "it defines neither score(p) nor mask(g)"),
        ("fn score(a, b) { 1 }", "it defines neither score(p) nor mask(g)"),
        (
            "fn score(p) { 1 } fn mask(g) { g.set(0, 0, 1) }",
            "it defines both score(p) and mask(g)",
        ),
        ("", "it defines neither"),
    ] {
        let shown = message(source);
        assert!(shown.contains(expected), "{shown}");
    }
    let given = [
        ("source", "fn score(p) { x }".into()),
        ("path", "masks/mine.rhai".into()),
    ];
    let shown = try_plan("script", "6x8", 0.75, &given).unwrap_err().to_string();
    assert!(
        shown.starts_with("script masks/mine.rhai, line 1, column 15: "),
        "{shown}"
    );
    let unread = try_plan("script", "6x8", 0.75, &[("path", "masks/mine.rhai".into())]).unwrap_err();
    assert!(unread.to_string().contains("hand it over as mask.source"), "{unread}");
}

#[test]
fn what_is_no_score_is_refused() {
    for (source, expected) in [
        (
            "fn score(p) { 0.0 / 0.0 }",
            "script mask.source, line 1: score(p) returned NaN for the patch in row 0, column 0",
        ),
        (
            "fn twice(x) { 2 * x }\n\nfn score(p) { twice(0.0 / p.col) }",
            "script mask.source, line 3: score(p) returned NaN for the patch in row 0, column 0",
        ),
        (
            "fn score(p) { if p.row == 2 && p.col == 3 { (-1.0).sqrt() } else { 1 } }",
            "returned NaN for the patch in row 2, column 3",
        ),
        (
            "fn score(p) { \"high\" }",
            "score(p) returned string for the patch in row 0, column 0",
        ),
        ("fn score(p) { }", "score(p) returned () for the patch"),
        ("fn score(p) { p.row > 2 }", "score(p) returned bool for the patch"),
        ("fn mask(g) { 3 }", "mask(g) set no score: call g.set(row, col, score)"),
        (
            "fn mask(g) {\n  g.set(0, 9, 1)\n}",
            "line 2, column 5: set(0, 9): the grid has 6 rows and 8 columns",
        ),
        (
            "fn mask(g) { g.set(1, 2, 0.0 / 0.0) }",
            "set(1, 2, NaN): a score must be a number",
        ),
        ("fn mask(g) { g.set(1, 2, \"high\") }", "there is no function set"),
    ] {
        let shown = message(source);
        assert!(shown.contains(expected), "{shown}");
    }
    let endless = script("fn score(p) { if p.col > 1 { 1.0 / 0.0 } else { -1.0 / 0.0 } }");
    assert_eq!(endless.unwrap().hidden(), 36, "infinite scores can be ranked");
}

#[test]
fn whatever_never_ends_is_stopped() {
    for (source, expected) in [
        (
            "fn score(p) {\n  loop { }\n}",
            "stopped after 20833 operations: a loop has no end",
        ),
        ("fn mask(g) { while true { } }", "stopped after 1000000 operations"),
        (
            "fn mask(g) { let x = 0; for i in 0..9000000000000 { x += i; } x }",
            "stopped after 1000000 operations",
        ),
        (
            "fn score(p) { score(p) }",
            "stopped at 32 functions calling one another: end the recursion",
        ),
        (
            "fn a(p) { b(p) } fn b(p) { a(p) } fn score(p) { a(p) }",
            "end the recursion",
        ),
        (
            "fn score(p) { let s = \"x\"; loop { s += s; } }",
            "a string grows beyond 1000 bytes",
        ),
        (
            "fn score(p) { let s = \"x\"; s.pad(100000000000, \"yz\"); 1 }",
            "script mask.source, line 1",
        ),
        (
            "fn score(p) { let s = []; loop { s.push(0); } }",
            "script mask.source, line 1, column 23",
        ),
        (
            "fn score(p) { let m = #{}; loop { m.x = m; } }",
            "script mask.source, line 1, column 23",
        ),
        (
            "fn score(p) { let m = parse_json(\"{\\\"a\\\": [1]}\"); loop { m.a = m; } }",
            "is a reserved symbol",
        ),
        (
            "fn f(n) { let s = \"x\"; for i in 0..9 { s += s; } f(n + 1) + s } fn score(p) { f(0) }",
            "end the recursion",
        ),
        ("fn score(p) { sleep(100000); 1 }", "scripts do not wait"),
        ("fn score(p) { sleep(1e9); 1 }", "scripts do not wait"),
        (
            "fn score(p) { try { loop { } } catch { } 1 }",
            "stopped after 20833 operations",
        ),
    ] {
        let shown = message(source);
        assert!(shown.contains(expected), "{source}\n{shown}");
    }
    for (source, expected) in [
        (
            "fn score(p) {\n  let n = 0;\n  loop {\n    n += 1;\n  }\n}",
            "script mask.source, line 4, column 5: score stopped after 20833 operations",
        ),
        (
            "fn grow(s) {\n  loop {\n    s += s;\n  }\n}\nfn score(p) {\n  grow(\"x\")\n}",
            "script mask.source, line 3, column 5: score stopped, a string grows beyond",
        ),
        (
            "fn mask(g) {\n  g.set(0, 0, 1);\n  for i in 0..9000000000000 {\n    g.set(0, 1, g.get(0, 0) + i);\n  }\n}",
            "script mask.source, line 4, column ",
        ),
        (
            "fn down(n) {\n  1 + down(n + 1)\n}\nfn score(p) { down(0) }",
            "script mask.source, line 2, column 12: score stopped at 32 functions",
        ),
        (
            "fn score(p) {\n\n  loop { }\n}",
            "script mask.source, line 1: score stopped after",
        ),
    ] {
        let shown = message(source);
        assert!(shown.starts_with(expected), "{source}\n{shown}");
    }
    let deep = format!("fn score(p) {{ {}1{} }}", "(".repeat(5000), ")".repeat(5000));
    assert!(
        message(&deep).starts_with("script mask.source, line 1"),
        "{}",
        message(&deep)
    );
    let long = format!("// {}\nfn score(p) {{ 1 }}", "x".repeat(70_000));
    assert!(message(&long).contains("scripts have at most 65536"));
}

#[test]
fn nothing_outside_can_be_reached() {
    for source in [
        "import \"secrets\" as s; fn score(p) { s::x }",
        "fn score(p) { import \"secrets\" as s; 1 }",
        "fn score(p) { eval(\"1\") }",
        "fn score(p) { open_file(\"/etc/passwd\"); 1 }",
        "fn score(p) { timestamp(); 1 }",
        "fn score(p) { rand() }",
    ] {
        let shown = message(source);
        assert!(shown.starts_with("script mask.source, line 1, column "), "{shown}");
    }
    assert!(message("fn score(p) { open_file(\"x\"); 1 }").contains("no access to files, network, clock"));
    // What a script prints goes nowhere, and what it defines is gone at the next call.
    assert!(script("fn score(p) { print(\"x\"); debug(1); 1 }").is_ok());
}

#[test]
fn the_examples_keep_every_law() {
    for source in [
        include_str!("../experiments/masks/diagonal.rhai"),
        include_str!("../experiments/masks/growing.rhai"),
        "fn score(p) { p.noise }",
        "fn score(p) { -(p.row * p.cols + p.col) }",
    ] {
        let fixed = BTreeMap::from([("source".to_owned(), Value::from(source))]);
        let failures = conformance::check_with(&Script, &fixed).err().unwrap_or_default();
        assert!(failures.is_empty(), "{source}\n{}", failures[0]);
    }
    let endless = BTreeMap::from([("source".to_owned(), Value::from("fn score(p) { loop { } }"))]);
    let failures = conformance::check_with(&Script, &endless).unwrap_err();
    assert!(failures[0].to_string().contains("a loop has no end"), "{}", failures[0]);
}

#[test]
fn the_growing_disc_becomes_compact() {
    let given = [("source", include_str!("../experiments/masks/growing.rhai").into())];
    let plan = plan("script", "14x14", 0.5, &given);
    let edges = |progress: f64| -> usize {
        let mask = plan.sample(&MaskContext::default().at(progress), &mut rng(3)).unwrap();
        mask.bits()
            .chunks(14)
            .map(|row| row.windows(2).filter(|pair| pair[0] != pair[1]).count())
            .sum()
    };
    assert!(edges(0.0) > 60 && edges(1.0) < 30, "{} {}", edges(0.0), edges(1.0));
}

#[test]
fn snapshots() {
    let diagonal = [("source", include_str!("../experiments/masks/diagonal.rhai").into())];
    snapshot("script", &[("14x14", 0.75, &[]), ("7x13", 0.6, &diagonal)]);
}
