//! Exports loaded by PyTorch, timm and transformers. Needs a Python that has them (the one in MAE_EXP_PYTHON, else
//! `python3`) and says loudly that it is skipped where there is none.

use std::io::Write as _;
use std::process::Command;

use super::{HEADS, file};
use crate::support::{Room, experiment, project, small};

/// Exit code of the script when a package is missing.
const SKIPPED: i32 = 77;

/// Past the test harness, which swallows what passing tests print.
fn aloud(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

fn check(room: &Room, weights: &str, more: &[&str]) {
    let python = std::env::var("MAE_EXP_PYTHON").unwrap_or_else(|_| "python3".into());
    let run = Command::new(python)
        .arg(project().join("tests/interop.py"))
        .args([
            "--mae-exp",
            env!("CARGO_BIN_EXE_mae-exp"),
            "--weights",
            weights,
            "--workdir",
            "interop",
        ])
        .args(more)
        .current_dir(room.path())
        .env_remove("MAE_EXP_PYTHON")
        .env_remove("MAE_EXP_TEST_DEVICE")
        .output();
    let output = match run {
        Ok(output) if output.status.code() != Some(SKIPPED) => output,
        other => {
            let why = other.map(|o| String::from_utf8_lossy(&o.stderr).trim().to_string());
            let why = why.unwrap_or_else(|e| e.to_string());
            aloud(&format!(
                "SKIPPED: no check against PyTorch, timm and transformers: {why}"
            ));
            return;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout);
    aloud(&said);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.contains("OK") && !said.contains("FAILED"), "{said}{errors}");
}

#[test]
fn exported_fixtures_load_in_python() {
    check(&Room::new(), &file("mae_forward/weights_fb.safetensors"), &HEADS);
}

#[test]
fn a_checkpoint_trained_here_loads_in_python() {
    let room = Room::new();
    room.write("x.toml", &experiment(1).replace("[0.5, 0.75]", "[0.75]"));
    room.ok(&small(&["sweep", "x.toml"]));
    let runs = std::fs::read_dir(room.path().join("runs/mae-exp-checkpoints")).unwrap();
    let steps = runs
        .flatten()
        .flat_map(|run| std::fs::read_dir(run.path()).unwrap())
        .flatten();
    let newest = steps.map(|step| step.path().join("model.safetensors")).max().unwrap();
    check(&room, newest.to_str().unwrap(), &[]);
}
