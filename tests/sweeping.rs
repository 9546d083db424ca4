//! Sweeps from end to end: what is recorded, what is repeated, what survives.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::support::{Room, experiment, small};

fn metrics(document: &Json) -> BTreeMap<String, Json> {
    let runs = document["runs"].as_array().unwrap();
    runs.iter()
        .map(|run| (run["label"].as_str().unwrap().to_string(), run["metrics"].clone()))
        .collect()
}

#[test]
fn every_trial_is_recorded_and_reported() {
    let room = Room::new();
    room.write("x.toml", &experiment(2));
    let log = room.ok_stderr(&small(&["sweep", "x.toml"]));
    assert!(log.contains("4 finished, 0 skipped, 0 failed"), "{log}");
    let document = room.json(&["runs", "--json"]);
    let runs = document["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 4);
    for run in runs {
        assert_eq!(run["status"], "finished");
        assert_eq!(run["sweep"], "tiny");
        assert!(run["id"].as_str().is_some_and(|id| !id.is_empty()));
        assert_eq!(run["config"]["seed"], run["seed"]);
        assert_eq!(run["config"]["mask"]["ratio"], run["point"]["mask.ratio"]);
        let taken = run["metrics"].as_object().unwrap();
        for name in [
            "train_loss",
            "lr",
            "val_loss",
            "eval_mse",
            "eval_psnr",
            "knn_accuracy",
            "untrained_knn_accuracy",
        ] {
            assert!(
                taken[name].is_f64() || taken[name].is_i64(),
                "{name} is missing in {taken:?}"
            );
        }
    }
    let page = std::fs::read_to_string(room.path().join("reports/tiny/index.html")).unwrap();
    assert!(page.contains("Does it run?") && page.contains("<svg") && page.contains("data:image/png;base64,"));
    for outside in [
        "http-equiv=\"refresh\"",
        "src=\"http",
        "href=\"http",
        "url(http",
        "@import",
    ] {
        assert!(!page.contains(outside), "the page reaches outside: {outside}");
    }
}

#[test]
fn trials_that_differ_in_their_masks_share_the_untrained_encoder() {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    room.ok(&small(&["sweep", "x.toml"]));
    let all = metrics(&room.json(&["runs", "--json"]));
    let baselines: Vec<&Json> = all.values().map(|m| &m["untrained_eval_mse"]).collect();
    assert_eq!(baselines.len(), 2);
    assert_eq!(baselines[0], baselines[1]);
}

#[test]
fn the_same_sweep_in_two_stores_gives_identical_metrics() {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    let run = |store: &str, workers: &str| {
        let workers = format!("data.workers={workers}");
        room.ok(&small(&[
            "sweep", "x.toml", "--store", store, "--set", "seed=7", "--set", &workers,
        ]));
        metrics(&room.json(&["runs", "--json", "--store", store]))
    };
    let (first, second) = (run("a.db", "1"), run("b.db", "3"));
    assert_eq!(first, second);
    assert!(first.keys().all(|label| label.contains("seed=7")), "{first:?}");
}

#[test]
fn a_second_sweep_does_nothing_and_more_seeds_run_the_difference() {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    room.ok(&small(&["sweep", "x.toml"]));
    let log = room.ok_stderr(&small(&["sweep", "x.toml"]));
    assert!(log.contains("0 finished, 2 skipped"), "{log}");
    room.write("x.toml", &experiment(2));
    let plan = room.ok(&small(&["sweep", "x.toml", "--dry-run"]));
    assert_eq!(
        plan.lines()
            .filter(|line| line.trim_start().starts_with("run "))
            .count(),
        2,
        "{plan}"
    );
    assert_eq!(
        plan.lines()
            .filter(|line| line.trim_start().starts_with("skip "))
            .count(),
        2,
        "{plan}"
    );
    let log = room.ok_stderr(&small(&["sweep", "x.toml"]));
    assert!(log.contains("2 finished, 2 skipped"), "{log}");
    let log = room.ok_stderr(&small(&["sweep", "x.toml", "--fresh"]));
    assert!(log.contains("4 finished, 0 skipped"), "{log}");
}

#[test]
fn a_diverging_trial_is_a_row_and_the_sweep_goes_on() {
    let room = Room::new();
    room.write(
        "x.toml",
        &experiment(1).replace("\"mask.ratio\" = [0.5, 0.75]", "\"train.lr\" = [1e30, 1e-3]"),
    );
    let output = room.run(&small(&[
        "sweep",
        "x.toml",
        "--set",
        "train.warmup_epochs=0",
        "--set",
        "train.log_every=1",
    ]));
    assert_eq!(output.status.code(), Some(1));
    let document = room.json(&["runs", "--json"]);
    let states: Vec<&str> = document["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["status"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["diverged", "finished"]);
    let error = document["runs"][0]["error"].as_str().unwrap();
    assert!(error.contains("step") && error.contains("train.blr"), "{error}");
    let page = std::fs::read_to_string(room.path().join("reports/tiny/index.html")).unwrap();
    assert!(page.contains("diverged"));
}

#[test]
fn an_unreadable_picture_is_named_and_skipped() {
    let room = Room::new();
    for class in ["a", "b"] {
        for i in 0..12u8 {
            let folder = room.path().join("pictures").join(class);
            std::fs::create_dir_all(&folder).unwrap();
            let pixel =
                |x: u32, y: u32| image::Rgb([(x * 7) as u8 ^ i, (y * 5) as u8, if class == "a" { 200 } else { 20 }]);
            image::RgbImage::from_fn(20, 20, pixel)
                .save(folder.join(format!("{i:02}.png")))
                .unwrap();
        }
    }
    room.write("pictures/a/05.png", "not a picture");
    room.write("x.toml", &experiment(1).replace("[0.5, 0.75]", "[0.75]"));
    let mut args = small(&["sweep", "x.toml"]);
    args.extend([
        "--set",
        "data.kind=folder",
        "--set",
        "data.path=pictures",
        "--set",
        "data.val_fraction=0.25",
    ]);
    let log = room.ok_stderr(&args);
    assert!(log.contains("05.png"), "{log}");
    let document = room.json(&["runs", "--json"]);
    assert_eq!(document["runs"][0]["status"], "finished");
    assert!(document["runs"][0]["warnings"][0].as_str().unwrap().contains("05.png"));
}

#[cfg(unix)]
fn signal(child: &std::process::Child, name: &str) {
    let status = std::process::Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// Starts a sweep, sends it a signal once it has trained a little, and waits for its end.
#[cfg(unix)]
fn stopped(room: &Room, args: &[&str], name: &str) -> std::process::ExitStatus {
    let mut child = room
        .command(args)
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let trained = || {
        let folder = room.path().join("runs/mae-exp-checkpoints");
        std::fs::read_dir(folder).is_ok_and(|mut runs| {
            runs.any(|run| {
                run.is_ok_and(|r| {
                    r.path()
                        .read_dir()
                        .is_ok_and(|mut c| c.any(|c| c.is_ok_and(|c| c.path().join("cursor.json").is_file())))
                })
            })
        })
    };
    while !trained() {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "the sweep wrote no checkpoint"
        );
        assert!(
            child.try_wait().unwrap().is_none(),
            "the sweep ended before it could be stopped"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(&child, name);
    child.wait().unwrap()
}

#[cfg(unix)]
#[test]
fn a_sweep_that_was_stopped_or_killed_goes_on_and_ends_as_if_undisturbed() {
    let long = ["--set", "train.epochs=60", "--set", "train.val_every=20"];
    let undisturbed = Room::new();
    undisturbed.write("x.toml", &experiment(1));
    let mut args = small(&["sweep", "x.toml"]);
    args.extend(long);
    undisturbed.ok(&args);
    let expected = metrics(&undisturbed.json(&["runs", "--json"]));
    for (name, code, state) in [
        ("INT", Some(130), "interrupted"),
        ("TERM", Some(130), "interrupted"),
        ("KILL", None, "running"),
    ] {
        let room = Room::new();
        room.write("x.toml", &experiment(1));
        assert_eq!(stopped(&room, &args, name).code(), code, "after {name}");
        let states = room.json(&["runs", "--json"]);
        assert_eq!(states["runs"][0]["status"], state, "after {name}");
        let log = room.ok_stderr(&["resume", "tiny"]);
        assert!(log.contains("going on from its checkpoint"), "after {name}: {log}");
        assert_eq!(metrics(&room.json(&["runs", "--json"])), expected, "after {name}");
        let points = |room: &Room| {
            let id = room.json(&["runs", "--json"])["runs"][0]["id"]
                .as_str()
                .unwrap()
                .to_string();
            room.json(&["show", &id, "--json"])["points"].clone()
        };
        assert_eq!(points(&room), points(&undisturbed), "after {name}");
    }
}
