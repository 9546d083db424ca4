//! What the tests share: running the program in a folder of its own, and reading fixtures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

/// Keys that make any experiment a matter of seconds.
pub(crate) const SMALL: [&str; 22] = [
    "--set",
    "data.kind=synthetic",
    "--set",
    "data.synthetic_train=32",
    "--set",
    "data.synthetic_val=16",
    "--set",
    "data.synthetic_classes=4",
    "--set",
    "model.img_size=16",
    "--set",
    "model.patch_size=4",
    "--set",
    "model.embed_dim=16",
    "--set",
    "model.encoder_depth=1",
    "--set",
    "model.encoder_num_heads=2",
    "--set",
    "train.batch_size=8",
    "--set",
    "train.epochs=2",
];

/// A folder of its own with the program run in it.
pub(crate) struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mae-exp"));
        command.args(args).current_dir(self.path());
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("MAE_EXP_")) {
            command.env_remove(key);
        }
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Standard output of a command that must succeed.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "mae-exp {args:?} failed: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Standard error of a command that must succeed.
    pub(crate) fn ok_stderr(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "mae-exp {args:?} failed: {error}");
        error
    }

    pub(crate) fn json(&self, args: &[&str]) -> Json {
        serde_json::from_str(&self.ok(args)).unwrap()
    }

    /// The one-line error of a command that must refuse its input with exit code 2.
    pub(crate) fn refused(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let error = String::from_utf8_lossy(&output.stderr).trim().to_string();
        assert_eq!(output.status.code(), Some(2), "mae-exp {args:?}: {error}");
        let lines: Vec<&str> = error.lines().filter(|line| !line.starts_with("warning:")).collect();
        assert_eq!(lines.len(), 1, "one line, not: {error}");
        assert!(lines[0].starts_with("error: "), "{error}");
        lines[0].to_string()
    }
}

/// `args` followed by [`SMALL`].
pub(crate) fn small<'a>(args: &[&'a str]) -> Vec<&'a str> {
    args.iter().chain(SMALL.iter()).copied().collect()
}

/// The last metrics of every run in the room's store, by label.
pub(crate) fn metrics(room: &Room) -> BTreeMap<String, Json> {
    metrics_in(room, "runs/mae-exp.db")
}

/// The last metrics of every run in a store, by label.
pub(crate) fn metrics_in(room: &Room, store: &str) -> BTreeMap<String, Json> {
    let document = room.json(&["runs", "--json", "--store", store]);
    let runs = document["runs"].as_array().unwrap().iter();
    runs.map(|run| (run["label"].as_str().unwrap().to_string(), run["metrics"].clone()))
        .collect()
}

/// A tiny experiment: two ratios, `seeds` seeds.
pub(crate) fn experiment(seeds: usize) -> String {
    format!(
        "name = \"tiny\"\nquestion = \"Does it run?\"\nbase = [\"model/nano\", \"data/synthetic\", \"train/quick\"]\n\
         [sweep]\n\"mask.ratio\" = [0.5, 0.75]\nseeds = {seeds}\n"
    )
}

/// The project's folder.
pub(crate) fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Bytes of a file under `tests/fixtures`.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(project().join("tests/fixtures").join(name)).unwrap()
}
