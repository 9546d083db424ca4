//! The catalogue of masks as people see it: previews on a photograph, statistics, and the page of documentation.

use serde_json::Value as Json;

use crate::support::{Room, project};

/// Every strategy that draws masks with default parameters.
fn drawn(room: &Room) -> Vec<String> {
    let document = room.json(&["strategies", "preview", "--grid", "8x8", "--json"]);
    let previews = document["previews"].as_array().unwrap().iter();
    previews.map(|p| p["strategy"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_page_of_all_strategies_is_what_the_code_says() {
    let room = Room::new();
    let wanted = room.ok(&["strategies", "docs"]);
    let file = project().join("docs/strategies.md");
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/strategies.md is stale: mae-exp strategies docs --out docs/strategies.md"
    );
}

#[test]
fn every_preview_hides_exactly_what_the_ratio_asks_for() {
    let room = Room::new();
    for name in drawn(&room) {
        for grid in ["14x14", "7x13", "16x4"] {
            for ratio in ["0.3", "0.6", "0.75", "0.9"] {
                let args = ["strategies", "preview", &name, "--grid", grid, "--ratio", ratio];
                let document = room.json(&[&args[..], &["--samples", "40", "--json"]].concat());
                let masks = document["masks"].as_array().unwrap();
                let count = |mask: &Json| mask.as_array().unwrap().iter().filter(|bit| **bit == 1).count() as u64;
                assert_eq!(masks.len(), 40);
                let hidden = document["hidden"].as_u64().unwrap();
                assert!(masks.iter().all(|mask| count(mask) == hidden), "{name} {grid} {ratio}");
                let patches = masks[0].as_array().unwrap().len();
                let ratio: f64 = ratio.parse().unwrap();
                assert_eq!(
                    hidden as usize,
                    patches - (patches as f64 * (1.0 - ratio)) as usize,
                    "{name} {grid}"
                );
            }
        }
    }
}

#[test]
fn documents_have_one_shape_however_many_strategies_are_asked() {
    let room = Room::new();
    for (command, key, of_one) in [
        ("preview", "previews", &["hidden", "masks"][..]),
        (
            "stats",
            "stats",
            &["avg_dist_px", "boundary_edges", "marginal", "masks_per_s"][..],
        ),
    ] {
        let ask =
            |names: &[&str]| room.json(&[&["strategies", command][..], names, &["--samples", "3", "--json"]].concat());
        let (one, two) = (ask(&["random"]), ask(&["random", "grid"]));
        let list = |document: &Json| document[key].as_array().unwrap().clone();
        assert_eq!((list(&one).len(), list(&two).len()), (1, 2));
        for name in of_one {
            assert!(list(&two).iter().all(|item| !item[name].is_null()), "{command} {name}");
            assert_eq!(one[name], list(&one)[0][name], "{command} {name}");
        }
    }
}

#[test]
fn statistics_are_those_published() {
    let room = Room::new();
    for (name, distance, tolerance) in [("random", 19.8, 0.3), ("grid", 18.2, 0.3)] {
        let stats = room.json(&["strategies", "stats", name, "--json"]);
        let number = |key: &str| stats[key].as_f64().unwrap();
        assert_eq!(stats["hidden"], 147);
        assert!(
            (number("avg_dist_px") - distance).abs() <= tolerance,
            "{name}: {}",
            stats["avg_dist_px"]
        );
        let marginal = stats["marginal"].as_array().unwrap();
        assert_eq!(marginal.len(), 196);
        // Standard deviation of a share of 1000 masks: .0137; 5 of them.
        let flat = marginal.iter().all(|p| (p.as_f64().unwrap() - 0.75).abs() < 0.069);
        assert!(flat, "{name}: {} to {}", stats["marginal_min"], stats["marginal_max"]);
        assert!(number("boundary_edges") > 100.0 && number("regions") >= 1.0 && number("region_size") >= 1.0);
        assert!(number("masks_per_s") > 100.0);
    }
    let doubled = room.json(&[
        "strategies",
        "stats",
        "grid",
        "--patch",
        "32",
        "--samples",
        "100",
        "--json",
    ]);
    assert!(
        (doubled["avg_dist_px"].as_f64().unwrap() - 36.4).abs() < 0.6,
        "{}",
        doubled["avg_dist_px"]
    );
}

#[test]
fn all_statistics_stand_in_one_table_and_one_drawing() {
    let room = Room::new();
    let names = drawn(&room);
    let args = ["strategies", "stats", "--grid", "8x8", "--samples", "20", "--out"];
    let text = room.ok(&[&args[..], &["s.svg"]].concat());
    room.ok(&[&args[..], &["s.html"]].concat());
    for file in ["s.svg", "s.html"] {
        let drawing = std::fs::read_to_string(room.path().join(file)).unwrap();
        assert!(names.iter().all(|name| drawing.contains(name)), "{file}");
        assert!(
            !drawing.contains("<script") && !drawing.contains("src=\"http"),
            "{file}"
        );
    }
    for name in &names {
        assert!(
            text.lines().any(|line| line.split_whitespace().next() == Some(name)),
            "{name}: {text}"
        );
    }
}

#[test]
fn a_contact_sheet_shows_every_strategy_on_one_photograph() {
    let room = Room::new();
    let names = drawn(&room);
    for file in ["sheet.svg", "sheet.html"] {
        assert!(room.ok(&["strategies", "preview", "--out", file]).contains(file));
        let sheet = std::fs::read_to_string(room.path().join(file)).unwrap();
        assert_eq!(
            sheet.matches("data:image/").count(),
            1,
            "{file}: the photograph is there once"
        );
        for name in &names {
            assert!(
                sheet.contains(&format!("aria-label=\"{name}, mask 4 of 4: ")),
                "{file}: {name}"
            );
        }
        assert!(sheet.len() < 500_000, "{file}: {} bytes", sheet.len());
        assert!(!sheet.contains("<script") && !sheet.contains("https:"), "{file}");
        assert!(sheet.contains("prefers-color-scheme"), "{file}");
    }
}

#[test]
fn drawings_that_cannot_be_are_refused_with_the_cure() {
    let room = Room::new();
    let refused = |args: &[&str]| room.refused(&[&["strategies"], args].concat());
    assert!(refused(&["preview", "--out", "sheet.pdf"]).contains("end it in .svg or .html"));
    assert!(refused(&["stats", "--out", "no/such/s.svg"]).contains("there is no folder no/such"));
    assert!(refused(&["stats", "randm"]).contains("did you mean random?"));
    assert!(refused(&["preview", "--set", "no_such=1"]).contains("mask.no_such"));
    let zero = room.run(&["strategies", "stats", "--samples", "0"]);
    assert_eq!(zero.status.code(), Some(2));
}
