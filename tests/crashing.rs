//! Sweeps killed again and again at random moments, damaged checkpoints, workers that die: the end is the same as without.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::support::{Room, experiment, metrics, small};

/// Steps between two checkpoints.
const EVERY: i64 = 3;

/// Two trials with checkpoints within their epochs, pictures and validation on the way.
pub(crate) fn sweep() -> Vec<&'static str> {
    let mut args = small(&["sweep", "x.toml"]);
    args.extend(["--set", "train.epochs=12", "--set", "train.val_every=3"]);
    args.extend([
        "--set",
        "train.checkpoint_steps=3",
        "--set",
        "train.log_every=2",
        "--set",
        "train.keep_best=true",
    ]);
    args.extend(["--set", "eval.picture_every=4", "--set", "eval.pictures=2"]);
    args
}

/// Where its file lies.
pub(crate) fn room() -> Room {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    room
}

/// All runs of its store.
pub(crate) fn runs(room: &Room) -> Vec<Json> {
    room.json(&["runs", "--json"])["runs"].as_array().unwrap().clone()
}

/// The newest checkpoint of a run.
fn newest(room: &Room, run: &Json) -> PathBuf {
    let folder = room
        .path()
        .join("runs/mae-exp-checkpoints")
        .join(run["id"].as_str().unwrap());
    let mut found = checkpoints(&folder);
    found.pop().unwrap()
}

fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let whole = |path: &PathBuf| path.extension().is_none() && path.join("manifest.json").is_file();
    let mut found: Vec<PathBuf> = entries.filter(whole).collect();
    found.sort();
    found
}

/// Everything that a sweep leaves, by label: all points, hashes of the last weights and moments, and of every picture.
pub(crate) fn remains(room: &Room) -> BTreeMap<String, Json> {
    let of = |run: &Json| {
        let shown = room.json(&["show", run["id"].as_str().unwrap(), "--json"]);
        let manifest = std::fs::read_to_string(newest(room, run).join("manifest.json")).unwrap();
        let pictures = room.json(&[
            "query",
            &format!(
                "SELECT kind, item, epoch, hex(png) FROM pictures WHERE run_id = '{}' ORDER BY epoch, item, kind",
                run["id"].as_str().unwrap()
            ),
            "--json",
        ]);
        assert!(pictures["rows"].as_array().is_some_and(|rows| rows.len() > 4));
        let manifest: Json = serde_json::from_str(&manifest).unwrap();
        (
            run["label"].as_str().unwrap().to_string(),
            serde_json::json!({ "points": shown["points"], "files": manifest["files"], "pictures": pictures["rows"] }),
        )
    };
    runs(room).iter().map(of).collect()
}

/// Numbers that look random and are the same every time.
struct Draws(u64);

impl Draws {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// How many recorded steps would be trained again, were the sweep taken up now; none where nothing is running.
fn lost(room: &Room) -> Option<i64> {
    let asked = room.run(&[
        "query",
        "SELECT r.id, MAX(p.step) FROM runs r JOIN series s ON s.run_id = r.id JOIN points p ON p.series_id = s.id \
         WHERE r.status = 'running' GROUP BY r.id",
        "--json",
    ]);
    let answer: Json = serde_json::from_slice(&asked.stdout).ok()?;
    let row = answer["rows"].as_array()?.first()?.clone();
    let folder = room.path().join("runs/mae-exp-checkpoints").join(row[0].as_str()?);
    let saved = checkpoints(&folder).last().map_or(0, |path| step_of(path).unwrap());
    Some(row[1].as_i64()? - saved)
}

fn step_of(path: &Path) -> Option<i64> {
    path.file_name()?.to_str()?.strip_prefix("step-")?.parse().ok()
}

/// Runs a sweep, killing it after random times until it ends by itself; returns how often it was killed, and how often it
/// was seen what that cost.
fn killed_until_done(room: &Room, draws: &mut Draws, most_ms: u64) -> (usize, usize) {
    let (mut kills, mut seen) = (0, 0);
    loop {
        let mut child = room
            .command(&sweep())
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // It must be able to get on now and then, however slow the machine.
        let patience = Duration::from_millis(draws.next(most_ms + 100 * kills as u64));
        let begun = Instant::now();
        let ended = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if begun.elapsed() >= patience {
                break None;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        match ended {
            Some(status) => {
                assert!(status.success());
                return (kills, seen);
            }
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
                // A checkpoint is begun only when the one before it is on the disk: of two intervals, one is always there.
                let lost = lost(room);
                seen += usize::from(lost.is_some());
                assert!(
                    lost.is_none_or(|steps| steps <= 2 * EVERY),
                    "{lost:?} steps would be trained again"
                );
            }
        }
    }
}

/// At least 20 kills; `MAE_EXP_TEST_KILLS` asks for more.
#[test]
fn a_sweep_killed_at_random_moments_leaves_what_an_undisturbed_one_leaves() {
    let wanted = std::env::var("MAE_EXP_TEST_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20);
    let whole = room();
    let begun = Instant::now();
    whole.ok(&sweep());
    let most_ms = begun.elapsed().as_millis() as u64;
    let want = remains(&whole);
    let (mut draws, mut kills, mut looks, mut rounds) = (Draws(1), 0, 0, 0);
    while kills < wanted {
        let room = room();
        let (killed, seen) = killed_until_done(&room, &mut draws, most_ms);
        (kills, looks, rounds) = (kills + killed, looks + seen, rounds + 1);
        assert!(
            runs(&room).iter().all(|run| run["status"] == "finished"),
            "round {rounds}"
        );
        assert_eq!(metrics(&room), metrics(&whole), "round {rounds}");
        assert_eq!(remains(&room), want, "round {rounds}");
    }
    assert!(looks > 0, "no kill came while a trial was trained");
    println!("{kills} kills in {rounds} rounds, {looks} of them within a trial");
}

/// Starts the sweep, waits for a checkpoint of so many steps, and kills it.
fn killed_after(room: &Room, steps: i64) {
    let mut child = room
        .command(&sweep())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let done = |room: &Room| {
        let folders = std::fs::read_dir(room.path().join("runs/mae-exp-checkpoints"))
            .into_iter()
            .flatten()
            .flatten();
        let names = folders.flat_map(|folder| checkpoints(&folder.path()));
        names.filter_map(|path| step_of(&path)).max()
    };
    while done(room).is_none_or(|found| found < steps) {
        assert!(
            begun.elapsed() < Duration::from_secs(120) && child.try_wait().unwrap().is_none(),
            "no checkpoint"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_damaged_checkpoint_falls_back_to_the_one_before_with_a_warning() {
    let whole = room();
    whole.ok(&sweep());
    let room = room();
    killed_after(&room, 9);
    let run = runs(&room).into_iter().find(|run| run["status"] == "running").unwrap();
    let folder = newest(&room, &run);
    let weights = folder.join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let doctor = room.ok(&["doctor"]);
    assert!(doctor.contains("model.safetensors is not what was written"), "{doctor}");
    let log = room.ok_stderr(&["resume", "tiny"]);
    assert!(log.contains("going on from the one before it"), "{log}");
    let name = folder.file_name().unwrap().to_str().unwrap();
    assert!(log.contains(name), "{log}");
    assert_eq!(remains(&room), remains(&whole));
}

#[test]
fn a_run_whose_checkpoints_are_all_damaged_starts_again() {
    let whole = room();
    whole.ok(&sweep());
    let room = room();
    killed_after(&room, 6);
    let run = runs(&room).into_iter().find(|run| run["status"] == "running").unwrap();
    let folder = room
        .path()
        .join("runs/mae-exp-checkpoints")
        .join(run["id"].as_str().unwrap());
    for checkpoint in checkpoints(&folder) {
        std::fs::write(checkpoint.join("cursor.json"), "{").unwrap();
    }
    let log = room.ok_stderr(&["resume", "tiny"]);
    assert!(log.contains("none of its checkpoints can be read"), "{log}");
    assert_eq!(remains(&room), remains(&whole));
}

#[test]
fn doctor_marks_what_a_dead_process_left_and_resume_goes_on() {
    let room = room();
    killed_after(&room, 3);
    assert!(runs(&room).iter().any(|run| run["status"] == "running"));
    let report = room.json(&["doctor", "--json"]);
    let repaired = report["store"]["repaired_runs"].as_array().unwrap();
    assert_eq!(repaired.len(), 1, "{report}");
    assert!(
        repaired[0].as_str().unwrap().contains("its process is gone"),
        "{report}"
    );
    let states: Vec<Json> = runs(&room).iter().map(|run| run["status"].clone()).collect();
    assert_eq!(states, ["crashed", "queued"]);
    assert!(
        runs(&room)[0]["error"]
            .as_str()
            .unwrap()
            .contains("its process is gone")
    );
    assert_eq!(
        room.json(&["doctor", "--json"])["store"]["repaired_runs"],
        serde_json::json!([])
    );
    let mut args = sweep();
    args.extend(["--retry", "none", "--dry-run"]);
    let plan = room.ok(&args);
    assert!(
        plan.contains("skip") && plan.contains("--retry crashed takes it up again"),
        "{plan}"
    );
    room.ok(&sweep());
    assert!(runs(&room).iter().all(|run| run["status"] == "finished"));
}
