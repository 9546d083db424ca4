//! Sweeps that are stopped, killed, resumed and shared: nothing is lost, nothing is done twice.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::support::{Room, experiment, metrics, small};

/// A sweep of two trials that takes some seconds, with many checkpoints.
fn long() -> Vec<&'static str> {
    let mut args = small(&["sweep", "x.toml"]);
    args.extend(["--set", "train.epochs=40", "--set", "train.val_every=1"]);
    args.extend(["--set", "train.checkpoint_every=1"]);
    args
}

fn room() -> Room {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    room
}

fn start(room: &Room, args: &[&str]) -> Child {
    room.command(args)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Optimiser steps of the newest checkpoint.
fn steps(room: &Room) -> Option<u64> {
    let runs = std::fs::read_dir(room.path().join("runs/mae-exp-checkpoints")).ok()?;
    let checkpoints = runs
        .flatten()
        .flat_map(|run| std::fs::read_dir(run.path()))
        .flatten()
        .flatten();
    let names = checkpoints.map(|c| c.file_name().to_string_lossy().into_owned());
    names.filter_map(|name| name.strip_prefix("step-")?.parse().ok()).max()
}

/// Starts a sweep, sends it a signal once it has a checkpoint of so many steps, and waits for its end.
fn stopped(room: &Room, args: &[&str], signal: &str, after: u64) -> ExitStatus {
    let mut child = start(room, args);
    let begun = Instant::now();
    while steps(room).is_none_or(|steps| steps < after) {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "the sweep wrote no checkpoint"
        );
        assert!(
            child.try_wait().unwrap().is_none(),
            "the sweep ended before it could be stopped"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args([format!("-{signal}"), id])
        .status();
    assert!(sent.unwrap().success());
    child.wait().unwrap()
}

/// Every run in the store.
fn runs(room: &Room) -> Vec<Json> {
    room.json(&["runs", "--json"])["runs"].as_array().unwrap().clone()
}

fn shown(room: &Room, run: &Json) -> Json {
    room.json(&["show", run["id"].as_str().unwrap(), "--json"])
}

/// Every point of every run, by label.
fn points(room: &Room) -> Vec<(String, Json)> {
    let of = |run: &Json| {
        (
            run["label"].as_str().unwrap().to_string(),
            shown(room, run)["points"].clone(),
        )
    };
    runs(room).iter().map(of).collect()
}

#[test]
fn a_sweep_that_was_stopped_or_killed_ends_as_if_undisturbed() {
    let undisturbed = room();
    undisturbed.ok(&long());
    let (last, all) = (metrics(&undisturbed), points(&undisturbed));
    let cases = [
        ("INT", Some(130), "interrupted", 4),
        ("TERM", Some(130), "interrupted", 40),
        ("KILL", None, "running", 4),
        ("KILL", None, "running", 36),
        ("KILL", None, "running", 100),
    ];
    for (signal, code, state, after) in cases {
        let room = room();
        let case = format!("after {signal} at step {after}");
        assert_eq!(stopped(&room, &long(), signal, after).code(), code, "{case}");
        assert_eq!(runs(&room)[0]["status"], state, "{case}");
        let log = room.ok_stderr(&["resume", "tiny"]);
        assert!(log.contains("going on from its checkpoint"), "{case}: {log}");
        assert_eq!(metrics(&room), last, "{case}");
        assert_eq!(points(&room), all, "{case}");
    }
}

/// A sweep with these arguments ends with the same figures and points whether it is left alone, killed or interrupted.
fn survives(args: &[&str]) {
    let whole = room();
    whole.ok(args);
    for (signal, after) in [("KILL", 10), ("INT", 30)] {
        let room = room();
        stopped(&room, args, signal, after);
        room.ok(&["resume", "tiny"]);
        assert_eq!(metrics(&room), metrics(&whole), "after {signal}");
        assert_eq!(points(&room), points(&whole), "after {signal}");
    }
}

/// Accumulated gradients, clipping and a start from weights leave nothing behind that a checkpoint does not hold.
#[test]
fn accumulation_clipping_and_starting_weights_survive_a_kill() {
    let first = room();
    first.ok(&small(&["sweep", "x.toml"]));
    first.ok(&["model", "convert", "--from", "latest", "--to", "w", "--format", "fb"]);
    let init = format!("model.init={}", first.path().join("w").display());
    let mut args = long();
    args.extend([
        "--set",
        "train.accum_steps=2",
        "--set",
        "train.clip_grad=0.5",
        "--set",
        "model.img_size=24",
    ]);
    args.extend(["--set", &init, "--store", "runs/mae-exp.db"]);
    survives(&args);
}

/// Parts held as they are have no state to come back to, and stay as they are.
#[test]
fn held_parts_and_extra_blocks_survive_a_kill() {
    let first = room();
    first.ok(&small(&["sweep", "x.toml"]));
    first.ok(&["model", "convert", "--from", "latest", "--to", "w", "--format", "fb"]);
    let init = format!("model.init={}", first.path().join("w").display());
    let mut args = long();
    args.extend(["--set", "model.freeze=encoder", "--set", "model.extra_blocks=1"]);
    args.extend(["--set", "model.decoder_depth=2", "--set", "train.clip_grad=0.5"]);
    args.extend(["--set", &init]);
    survives(&args);
}

/// What is interrupted while a trained model is judged by training on top of it goes on there, and does not train it again.
#[test]
fn fine_tuning_that_was_stopped_begins_again_after_training() {
    let mut args = small(&["sweep", "x.toml"]);
    args.extend(["--set", "eval.tasks=[\"reconstruction\",\"knn\",\"finetune\"]"]);
    args.extend([
        "--set",
        "eval.finetune.epochs=60",
        "--set",
        "eval.finetune.batch_size=8",
    ]);
    let whole = room();
    whole.ok(&args);
    let all = steps(&whole).unwrap();
    for (signal, code, state) in [("INT", Some(130), "interrupted"), ("KILL", None, "running")] {
        let room = room();
        assert_eq!(stopped(&room, &args, signal, all).code(), code, "{signal}");
        let run = &runs(&room)[0];
        assert_eq!(run["status"], state, "{signal}");
        assert_eq!(run["metrics"].get("finetune_accuracy"), None, "{signal} came too late");
        let log = room.ok_stderr(&["resume", "tiny"]);
        assert!(log.contains("going on from its checkpoint"), "{signal}: {log}");
        assert_eq!(metrics(&room), metrics(&whole), "after {signal}");
        assert_eq!(points(&room), points(&whole), "after {signal}");
    }
}

#[test]
fn one_run_of_a_sweep_is_resumed_in_its_own_sweep() {
    let room = room();
    stopped(&room, &long(), "INT", 4);
    let log = room.ok_stderr(&["resume", runs(&room)[0]["id"].as_str().unwrap()]);
    assert!(log.contains("1 finished, 0 skipped"), "{log}");
    let states: Vec<Json> = runs(&room).iter().map(|run| run["status"].clone()).collect();
    assert_eq!(states, ["finished", "queued"]);
    let log = room.ok_stderr(&long());
    assert!(log.contains("1 finished, 1 skipped"), "the sweep goes on: {log}");
    assert!(
        room.refused(&["resume", "tiny", "--fresh"])
            .contains("mae-exp sweep FILE --fresh")
    );
}

#[test]
fn two_processes_share_a_sweep_without_doing_a_trial_twice() {
    let room = Room::new();
    room.write("x.toml", &experiment(4));
    let mut args = small(&["sweep", "x.toml"]);
    args.extend(["--set", "train.epochs=30"]);
    let both = [(); 2].map(|()| {
        room.command(&args)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    });
    for process in both {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let shared = runs(&room);
    assert_eq!(shared.len(), 8);
    assert!(shared.iter().all(|run| run["status"] == "finished"));
    let pids: BTreeSet<u64> = shared
        .iter()
        .map(|run| shown(&room, run)["environment"]["pid"].as_u64().unwrap())
        .collect();
    assert_eq!(pids.len(), 2, "both trained something");
    let twice = "SELECT run_id FROM events WHERE status = 'running' GROUP BY run_id HAVING COUNT(*) <> 1";
    let claims = room.json(&["query", twice, "--json"]);
    assert_eq!(claims["rows"], serde_json::json!([]), "each trial was taken once");
    let alone = Room::new();
    alone.write("x.toml", &experiment(4));
    alone.ok(&args);
    assert_eq!(metrics(&room), metrics(&alone));
}
