//! Searches: early stopping and budgets, from the file to the table.

use serde_json::Value as Json;

use crate::support::{Room, small};

fn file(more: &str) -> String {
    format!(
        "name = \"tiny\"\nbase = [\"model/nano\", \"data/synthetic\", \"train/quick\"]\n{more}\n\
         [sweep]\n\"train.blr\" = [0.05, 1e-7, 2e-7]\n"
    )
}

fn sweep() -> Vec<&'static str> {
    let mut args = small(&["sweep", "x.toml"]);
    args.extend(["--set", "train.epochs=9", "--set", "train.val_every=1"]);
    args
}

fn runs(room: &Room) -> Vec<Json> {
    room.json(&["runs", "--json"])["runs"].as_array().unwrap().clone()
}

fn states(room: &Room) -> Vec<String> {
    runs(room)
        .iter()
        .map(|run| run["status"].as_str().unwrap().to_string())
        .collect()
}

#[test]
fn hopeless_trials_are_stopped_early_and_the_reason_is_recorded() {
    let room = Room::new();
    room.write(
        "x.toml",
        &file("[early_stop]\nkind = \"asha\"\nmetric = \"val_loss\"\neta = 2\nmin_epochs = 1"),
    );
    let log = room.ok_stderr(&sweep());
    assert!(log.contains("1 finished") && log.contains("2 stopped early"), "{log}");
    assert_eq!(states(&room), ["finished", "pruned", "pruned"]);
    for run in &runs(&room)[1..] {
        let reason = run["error"].as_str().unwrap();
        assert!(reason.contains("val_loss") && reason.contains("asha"), "{reason}");
        let shown = room.json(&["show", run["id"].as_str().unwrap(), "--json"]);
        let last = shown["points"]
            .as_array()
            .unwrap()
            .iter()
            .rfind(|point| point["name"] == "val_loss");
        assert!(
            last.unwrap()["epoch"].as_f64().unwrap() < 9.0,
            "it did not train to its end"
        );
    }
    let log = room.ok_stderr(&sweep());
    assert!(
        log.contains("0 finished, 3 skipped"),
        "what was stopped stays so: {log}"
    );
    let plan = room.ok(&[&sweep()[..], &["--retry", "pruned", "--dry-run"]].concat());
    assert_eq!(plan.matches(" resume  ").count(), 2, "{plan}");
    let page = std::fs::read_to_string(room.path().join("reports/tiny/index.html")).unwrap();
    assert!(page.contains("stopped early"), "the report says how many");
}

#[test]
fn a_budget_of_trials_ends_a_sweep_and_a_larger_one_goes_on() {
    let room = Room::new();
    room.write("x.toml", &file("[budget]\nmax_trials = 2"));
    let log = room.ok_stderr(&sweep());
    assert!(log.contains("2 finished") && log.contains("max_trials = 2"), "{log}");
    assert_eq!(states(&room), ["finished", "finished", "queued"]);
    room.write("x.toml", &file("[budget]\nmax_trials = 3"));
    let log = room.ok_stderr(&sweep());
    assert!(log.contains("1 finished, 2 skipped"), "{log}");
}

#[test]
fn a_budget_of_hours_interrupts_the_trial_under_way_with_a_checkpoint() {
    let room = Room::new();
    room.write("x.toml", &file("[budget]\nmax_hours = 1e-4"));
    let mut args = sweep();
    args.extend(["--set", "train.epochs=3000"]);
    let log = room.ok_stderr(&args);
    assert!(log.contains("max_hours"), "{log}");
    assert_eq!(states(&room), ["interrupted", "queued", "queued"]);
    assert!(
        runs(&room)[0]["error"]
            .as_str()
            .unwrap()
            .contains("max_hours are used up")
    );
}

#[test]
fn an_estimate_is_printed_before_the_start() {
    let room = Room::new();
    room.write("x.toml", &file(""));
    let log = room.ok_stderr(&sweep());
    let (before, _) = log.split_once("[1/3]").unwrap();
    assert!(
        before.contains("time:     about ") && before.contains("a step of the first trial takes"),
        "{before}"
    );
}
