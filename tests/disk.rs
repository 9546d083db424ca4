//! Disks that are full or may not be written, through whole sweeps: small file systems of their own, in a namespace of their
//! own (Linux, where the system lets users make one).
#![cfg(target_os = "linux")]

use std::io::Write as _;
use std::process::{Command, Output};

use serde_json::Value as Json;

use crate::support::{Room, experiment, small};

/// Runs a shell script in the room, in a namespace where it may mount; `$EXE` is the program, `disk` an empty folder.
/// Nothing, said loudly, where the system does not allow that.
fn in_namespace(room: &Room, script: &str) -> Option<Output> {
    let namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-euc", script]);
        command.current_dir(room.path());
        command.env("EXE", env!("CARGO_BIN_EXE_mae-exp"));
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("MAE_EXP_")) {
            command.env_remove(key);
        }
        command.output()
    };
    std::fs::create_dir_all(room.path().join("disk")).unwrap();
    let allowed = namespace("mount -t tmpfs -o size=1m none disk").is_ok_and(|output| output.status.success());
    if !allowed {
        // Past the capture of test output: whoever reads a log must see it.
        let skipped = b"SKIPPED: this system allows no file system of one's own (unshare, mount)\n";
        std::io::stderr().write_all(skipped).unwrap();
        return None;
    }
    Some(namespace(script).unwrap())
}

/// The command line of a sweep on the disk.
fn sweep() -> String {
    let mut args = small(&["sweep", "x.toml", "--store", "disk/runs.db"]);
    args.extend(["--set", "train.epochs=6", "--set", "train.checkpoint_steps=2"]);
    args.join(" ")
}

fn read(room: &Room, name: &str) -> Json {
    serde_json::from_str(&std::fs::read_to_string(room.path().join(name)).unwrap()).unwrap()
}

#[test]
fn a_full_disk_is_said_in_the_table_and_the_sweep_goes_on_once_there_is_space() {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    // Ballast takes what the sweep needs for its checkpoints; it grows until the first trial has begun to write.
    let script = format!(
        "mount -t tmpfs -o size=4m none disk\n\
         head -c 3300k /dev/zero > disk/ballast\n\
         $EXE {sweep} 2> full.log && echo 'the disk was not full' >&2 && exit 9\n\
         $EXE runs --json --store disk/runs.db > full.json\n\
         rm disk/ballast\n\
         $EXE {sweep} 2> again.log\n\
         $EXE runs --json --store disk/runs.db > again.json\n\
         $EXE doctor --json --store disk/runs.db > doctor.json\n",
        sweep = sweep()
    );
    let Some(output) = in_namespace(&room, &script) else {
        return;
    };
    let said = |name: &str| std::fs::read_to_string(room.path().join(name)).unwrap_or_default();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{told}\n{}\n{}",
        said("full.log"),
        said("again.log")
    );
    let full = read(&room, "full.json");
    let first = &full["runs"][0];
    assert_eq!(first["status"], "failed", "{}\n{}", full, said("full.log"));
    let error = first["error"].as_str().unwrap();
    assert!(error.contains("free some space"), "{error}");
    let again = read(&room, "again.json");
    let runs = again["runs"].as_array().unwrap();
    assert!(
        runs.len() == 2 && runs.iter().all(|run| run["status"] == "finished"),
        "{again}"
    );
    assert_eq!(read(&room, "doctor.json")["store"]["problems"], serde_json::json!([]));
    let alone = Room::new();
    alone.write("x.toml", &experiment(1));
    let sweep = sweep();
    let args: Vec<&str> = sweep
        .split(' ')
        .map(|arg| if arg == "disk/runs.db" { "runs.db" } else { arg })
        .collect();
    alone.ok(&args);
    let undisturbed = alone.json(&["runs", "--json", "--store", "runs.db"]);
    let metrics = |document: &Json| -> Vec<Json> {
        let runs = document["runs"].as_array().unwrap();
        runs.iter().map(|run| run["metrics"].clone()).collect()
    };
    assert_eq!(metrics(&again), metrics(&undisturbed), "as if it had never been full");
}

#[test]
fn a_store_that_may_not_be_written_is_named_before_anything_is_trained() {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    let script = format!(
        "mount -t tmpfs -o size=8m none disk\n\
         $EXE {sweep} --set train.epochs=1 2> first.log\n\
         mount -o remount,ro disk\n\
         $EXE runs --json --store disk/runs.db > runs.json\n\
         code=0; $EXE {sweep} --set seeds=2 2> refused.log || code=$?\n\
         echo $code > code\n",
        sweep = sweep()
    );
    let Some(output) = in_namespace(&room, &script) else {
        return;
    };
    let said = |name: &str| std::fs::read_to_string(room.path().join(name)).unwrap_or_default();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{told}\n{}\n{}",
        said("first.log"),
        said("refused.log")
    );
    assert_eq!(
        read(&room, "runs.json")["runs"].as_array().unwrap().len(),
        2,
        "reading goes on"
    );
    assert_eq!(said("code").trim(), "2", "{}", said("refused.log"));
    let refused = said("refused.log");
    assert!(
        refused.contains("disk/runs.db is read-only: make the file and its folder writable or give another --store"),
        "{refused}"
    );
}
