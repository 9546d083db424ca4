//! Several processes at one sweep: shared, killed, orphaned, taken over; what they leave is what one alone leaves.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::crashing::{remains, room, runs, sweep};
use crate::support::{Room, experiment, metrics};

/// The process that trains a trial, once there is one other than these.
fn trained_by(room: &Room, others: &[u64]) -> u64 {
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < Duration::from_secs(120), "no process began");
        std::thread::sleep(Duration::from_millis(5));
        let asked = room.run(&[
            "query",
            "SELECT json_extract(environment, '$.pid') FROM runs WHERE status = 'running'",
            "--json",
        ]);
        let Ok(answer) = serde_json::from_slice::<Json>(&asked.stdout) else {
            continue;
        };
        let pids = answer["rows"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|row| row[0].as_u64());
        if let Some(pid) = pids.into_iter().find(|pid| !others.contains(pid)) {
            return pid;
        }
    }
}

fn kill(pid: u64) {
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status();
    assert!(killed.unwrap().success());
}

fn crashes(room: &Room) -> Json {
    let count = "SELECT COUNT(*) FROM events WHERE status = 'crashed'";
    room.json(&["query", count, "--json"])["rows"][0][0].clone()
}

#[test]
fn workers_share_a_sweep_and_a_killed_one_is_replaced() {
    let alone = Room::new();
    alone.write("x.toml", &experiment(2));
    alone.ok(&sweep());
    let room = Room::new();
    room.write("x.toml", &experiment(2));
    let mut args = sweep();
    args.extend(["--jobs", "2"]);
    let child = room
        .command(&args)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pid = trained_by(&room, &[]);
    kill(pid);
    let output = child.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    assert!(
        log.contains("ended by signal: 9") && log.contains("4 finished"),
        "{log}"
    );
    assert_eq!(metrics(&room), metrics(&alone));
    assert_eq!(remains(&room), remains(&alone));
    assert_eq!(crashes(&room), 1);
}

#[test]
fn workers_stop_when_the_process_that_started_them_is_killed() {
    let room = room();
    let mut args = sweep();
    args.extend(["--set", "train.epochs=40", "--jobs", "2"]);
    let start = |stdio: fn() -> Stdio| {
        room.command(&args)
            .stderr(stdio())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut parent = start(Stdio::null);
    let first = trained_by(&room, &[]);
    let second = trained_by(&room, &[first]);
    assert!(
        ![first, second].contains(&parent.id().into()),
        "workers train, not the parent"
    );
    parent.kill().unwrap();
    parent.wait().unwrap();
    let begun = Instant::now();
    let states = loop {
        let states: Vec<Json> = runs(&room).iter().map(|run| run["status"].clone()).collect();
        if states.iter().all(|state| state != "running") {
            break states;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{states:?}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(states.iter().any(|state| state == "interrupted"), "{states:?}");
    assert_eq!(crashes(&room), 0, "they stopped by themselves, with a checkpoint");
    room.ok(&args);
    let alone = crate::crashing::room();
    alone.ok(&args);
    assert_eq!(metrics(&room), metrics(&alone));
    assert_eq!(remains(&room), remains(&alone));
}

#[test]
fn what_a_killed_process_leaves_is_taken_up_by_one_that_is_at_work() {
    let room = room();
    let mut args = sweep();
    args.extend(["--set", "train.epochs=40"]);
    let start = || {
        let mut command = room.command(&args);
        command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    };
    let mut killed = start();
    let first = trained_by(&room, &[]);
    let other = start();
    trained_by(&room, &[first]);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let output = other.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && log.contains("2 finished, 0 skipped"),
        "{log}"
    );
    assert_eq!(crashes(&room), 1);
    let alone = crate::crashing::room();
    alone.ok(&args);
    assert_eq!(remains(&room), remains(&alone));
}
