//! Housekeeping, as a user does it: tags, notes, filters, comparing, asking, removing, copying between stores.

use std::path::Path;

use serde_json::Value as Json;

use crate::support::{Room, experiment, small};

/// A room with the tiny sweep trained: ratios 0.5 and 0.75, `seeds` seeds.
fn trained(seeds: usize) -> Room {
    let room = Room::new();
    room.write("x.toml", &experiment(seeds));
    room.ok(&small(&["sweep", "x.toml"]));
    room
}

/// The runs that `runs` lists with these options.
fn runs(room: &Room, options: &[&str]) -> Vec<Json> {
    let document = room.json(&[&["runs", "--json"], options].concat());
    document["runs"].as_array().unwrap().clone()
}

fn ids(room: &Room, options: &[&str]) -> Vec<String> {
    let runs = runs(room, options);
    runs.iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect()
}

fn folder(room: &Room, run: &str) -> std::path::PathBuf {
    room.path().join("runs/mae-exp-checkpoints").join(run)
}

#[test]
fn tags_and_notes_are_kept_and_shown() {
    let room = trained(1);
    let all = ids(&room, &[]);
    let listed = room.ok(&["tag", &all[0], "--add", "best", "paper"]);
    assert!(listed.contains("best paper"), "{listed}");
    room.ok(&["tag", "tiny", "--add", "all,seen", "--remove", "paper"]);
    let document = room.json(&["tag", &all[0], &all[1], "--json"]);
    assert_eq!(document["runs"][0]["tags"], serde_json::json!(["all", "best", "seen"]));
    assert_eq!(document["runs"][1]["tags"], serde_json::json!(["all", "seen"]));
    assert_eq!(ids(&room, &["--tag", "seen", "--tag", "best"]), [all[0].clone()]);
    let refused = room.run(&["tag", &all[0], "--add", "two words"]);
    assert_eq!(refused.status.code(), Some(2));

    room.ok(&["note", &all[0], "the eyes are sharp"]);
    room.ok(&["note", &all[0], "and so are the ears"]);
    let notes = room.json(&["note", &all[0], "--json"]);
    assert_eq!(notes["notes"][1]["text"], "and so are the ears");
    assert!(notes["notes"][0]["time"].as_str().unwrap().ends_with('Z'));
    let shown = room.ok(&["show", &all[0]]);
    assert!(
        shown.contains("tags: all best seen") && shown.contains("note: the eyes are sharp"),
        "{shown}"
    );
    let shown = room.json(&["show", &all[0], "--json"]);
    assert_eq!(shown["tags"], document["runs"][0]["tags"]);
    assert_eq!(shown["notes"].as_array().unwrap().len(), 2);
    assert!(room.ok(&["runs"]).lines().next().unwrap().ends_with("tags"));
}

#[test]
fn listings_are_filtered_and_ordered() {
    let room = trained(2);
    let half = runs(&room, &["--where", "mask.ratio=0.5"]);
    assert_eq!(half.len(), 2);
    assert!(half.iter().all(|run| run["config"]["mask"]["ratio"] == 0.5));
    let one = ids(&room, &["--where", "mask.ratio=0.5", "--where", "seed=1"]);
    assert_eq!(one.len(), 1);
    assert_eq!(ids(&room, &["--where", "mask.strategy=block"]), Vec::<String>::new());
    let error = room.refused(&["runs", "--where", "mask.ration=0.5"]);
    assert!(
        error.contains("unknown key mask.ration") && error.contains("did you mean mask.ratio?"),
        "{error}"
    );
    assert!(
        room.refused(&["runs", "--where", "mask.ratio"])
            .contains("mask.ratio=VALUE")
    );

    let losses = |options: &[&str]| -> Vec<f64> {
        let runs = runs(&room, options);
        runs.iter()
            .map(|run| run["metrics"]["val_loss"].as_f64().unwrap())
            .collect()
    };
    let down = losses(&["--sort", "val_loss"]);
    assert!(down.len() == 4 && down.is_sorted_by(|a, b| a >= b), "{down:?}");
    let up: Vec<f64> = down.iter().rev().copied().collect();
    assert_eq!(losses(&["--sort", "val_loss:asc"]), up);
    assert_eq!(losses(&["--sort", "val_loss:asc", "--limit", "1"]), [up[0]]);
    let all = ids(&room, &[]);
    assert_eq!(ids(&room, &["--limit", "1"]), [all[3].clone()], "the last one started");
    assert_eq!(
        room.ok(&["runs", "--ids", "--sort", "started:asc"])
            .lines()
            .collect::<Vec<_>>(),
        all
    );
    assert!(
        room.refused(&["runs", "--sort", "vall_loss"])
            .contains("did you mean val_loss")
    );

    assert_eq!(ids(&room, &["--since", "1h"]), all);
    assert_eq!(ids(&room, &["--since", "2999-01-01"]), Vec::<String>::new());
    let error = room.run(&["runs", "--since", "yesterday"]);
    assert_eq!(error.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&error.stderr).contains("2026-01-31"));
}

#[test]
fn what_differs_between_runs_is_said() {
    let room = trained(1);
    let all = ids(&room, &[]);
    let document = room.json(&["compare", &all[0], &all[1], "--json"]);
    let config = document["config"].as_array().unwrap();
    assert_eq!(config.len(), 1, "{config:?}");
    assert_eq!(config[0]["key"], "mask.ratio");
    assert_eq!(config[0]["values"], serde_json::json!([0.5, 0.75]));
    assert_eq!(config[0]["origins"], serde_json::json!(["sweep", "sweep"]));
    assert_eq!(
        document["environment"],
        serde_json::json!([]),
        "both ran in one process"
    );
    let loss = document["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["name"] == "val_loss");
    let loss = loss.unwrap();
    let value = |i: usize| loss["values"][i].as_f64().unwrap();
    // Numbers lose a digit on their way through JSON.
    let away = loss["differences"][0].as_f64().unwrap() - (value(1) - value(0));
    assert!(away.abs() < 1e-12, "{away:e}");
    let text = room.ok(&["compare", &all[0], &all[1]]);
    assert!(text.contains("mask.ratio") && text.contains("no difference"), "{text}");
    assert!(!text.contains("mask.strategy"), "{text}");
    let text = room.ok(&["compare", &all[0], &all[1], "--all"]);
    assert!(text.contains("mask.strategy") && text.contains("burn"), "{text}");
    assert!(room.refused(&["compare", &all[0], &all[0]]).contains("name two runs"));
}

#[test]
fn questions_in_sql_are_answered_and_nothing_else_is_done() {
    let room = trained(1);
    let sql = "SELECT label, status, x'0102' AS bytes FROM runs ORDER BY position";
    let document = room.json(&["query", sql, "--json"]);
    assert_eq!(document["columns"], serde_json::json!(["label", "status", "bytes"]));
    assert_eq!(document["rows"][1][1], "finished");
    assert_eq!(document["rows"][1][2], "<2 bytes>");
    let text = room.ok(&["query", sql]);
    assert_eq!(text.lines().count(), 3, "{text}");
    for (sql, words) in [
        ("SELECT wrong FROM runs", "no such column: wrong"),
        ("DELETE FROM runs", "DELETE is not allowed"),
        ("ATTACH 'x.db' AS x", "ATTACH is not allowed"),
        ("WITH a AS (SELECT 1) DELETE FROM tags", "readonly"),
        ("SELECT 1; SELECT 2", "one at a time"),
    ] {
        assert!(room.refused(&["query", sql]).contains(words), "{sql}");
    }
    assert_eq!(ids(&room, &[]).len(), 2);
    assert!(
        room.refused(&["query", "SELECT 1", "--store", "none.db"])
            .contains("none.db")
    );
}

#[test]
fn runs_are_removed_on_request_only() {
    let room = trained(1);
    let all = ids(&room, &[]);
    let said = room.ok(&["rm", &all[0]]);
    assert!(
        said.contains("would remove 1 run with") && said.contains("--yes"),
        "{said}"
    );
    assert_eq!(ids(&room, &[]), all);
    assert!(folder(&room, &all[0]).is_dir());
    let document = room.json(&["rm", &all[0], "--yes", "--json"]);
    assert_eq!(document["removed"], true);
    assert!(document["points"].as_u64().unwrap() > 0);
    assert!(document["checkpoint_bytes"].as_u64().unwrap() > 0);
    assert_eq!(ids(&room, &[]), [all[1].clone()]);
    assert!(!folder(&room, &all[0]).exists() && folder(&room, &all[1]).is_dir());
    let log = room.ok_stderr(&small(&["sweep", "x.toml"]));
    assert!(
        log.contains("1 finished, 1 skipped"),
        "what was removed is trained again: {log}"
    );
    room.ok(&["rm", "tiny", "--yes"]);
    assert_eq!(
        room.json(&["query", "SELECT COUNT(*) FROM sweeps", "--json"])["rows"][0][0],
        0
    );
    assert_eq!(room.json(&["doctor", "--json"])["store"]["state"], "sound");
}

#[test]
fn garbage_goes_and_what_is_needed_stays() {
    let room = trained(1);
    let all = ids(&room, &[]);
    room.write("runs/mae-exp-checkpoints/gone/step-00000001/cursor.json", "{}");
    let half = format!("runs/mae-exp-checkpoints/{}/step-00000099.part/cursor.json", all[0]);
    room.write(&half, "{}");
    let own = room.write("runs/mae-exp-checkpoints/mine/notes.txt", "not a checkpoint");
    let found = room.json(&["gc", "--dry-run", "--json"]);
    assert_eq!(found["folders"].as_array().unwrap().len(), 2, "{found}");
    assert!(room.path().join(&half).exists());
    let done = room.json(&["gc", "--json"]);
    assert_eq!(
        (&done["removed"], &done["compacted"]),
        (&Json::Bool(true), &Json::Bool(true))
    );
    assert!(!room.path().join(&half).exists() && !folder(&room, "gone").exists());
    assert!(own.exists(), "what is not a run's folder is not touched");
    let whole = folder(&room, &all[0]);
    assert!(
        whole.read_dir().unwrap().next().is_some(),
        "a finished run keeps its weights"
    );
    let said = room.ok(&["gc", "--finished"]);
    assert!(said.contains("removed 2 folders"), "{said}");
    assert!(!whole.exists() && own.exists());
    let rows = room.json(&["query", "SELECT COUNT(*) FROM checkpoints", "--json"]);
    assert_eq!(rows["rows"][0][0], 0);
    assert_eq!(ids(&room, &["--status", "finished"]), all);
}

#[test]
fn a_run_that_is_being_trained_is_left_alone() {
    let room = trained(1);
    let all = ids(&room, &[]);
    let store = room.path().join("runs/mae-exp.db");
    change(&store, "DROP TRIGGER finished_run_update");
    change(
        &store,
        "UPDATE runs SET status = 'running', environment = json_set(environment, '$.host', 'faraway') WHERE position = 0",
    );
    for args in [["rm", &all[0], "--yes"], ["rm", "tiny", "--yes"]] {
        let error = room.refused(&args);
        assert!(
            error.contains(&all[0]) && error.contains("being trained on faraway"),
            "{error}"
        );
    }
    assert_eq!(ids(&room, &[]), all, "nothing of the sweep went");
    let half = folder(&room, &all[0]).join("step-00000099.part");
    std::fs::create_dir(&half).unwrap();
    let done = room.json(&["gc", "--finished", "--json"]);
    assert_eq!(done["compacted"], false);
    assert_eq!(done["folders"][0]["run"], Json::from(all[1].as_str()));
    assert!(half.is_dir() && !folder(&room, &all[1]).exists());
    let said = room.ok(&["export", "tiny", "--format", "db", "--out", "x.db"]);
    assert!(
        said.contains("copied 1 run with") && said.contains("not over yet"),
        "{said}"
    );
}

/// All that `show` says of the runs of a store.
fn shown(room: &Room, store: &str, ids: &[String]) -> Vec<Json> {
    ids.iter()
        .map(|id| room.json(&["show", id, "--json", "--store", store]))
        .collect()
}

#[test]
fn runs_travel_between_stores() {
    let room = trained(1);
    let all = ids(&room, &[]);
    room.ok(&["tag", &all[0], "--add", "best"]);
    room.ok(&["note", &all[0], "keep this"]);
    let before = shown(&room, "runs/mae-exp.db", &all);
    let said = room.ok(&["export", "tiny", "--format", "db", "--out", "out/paper.db"]);
    assert!(said.contains("copied 2 runs"), "{said}");
    assert_eq!(shown(&room, "out/paper.db", &all), before);
    assert!(!room.path().join("out/paper-checkpoints").exists());
    let report = ["report", "tiny", "--store", "out/paper.db", "--out", "page"];
    assert!(room.ok(&report).contains("index.html"));

    let into = ["import", "out/paper.db", "--store", "b.db", "--json"];
    assert_eq!(room.json(&into)["copied"].as_array().unwrap().len(), 2);
    let again = room.json(&into);
    assert_eq!(
        (
            again["copied"].as_array().unwrap().len(),
            again["same"].as_array().unwrap().len()
        ),
        (0, 2)
    );
    assert_eq!(shown(&room, "b.db", &all), before);
    let log = room.ok_stderr(&small(&["sweep", "x.toml", "--store", "b.db"]));
    assert!(
        log.contains("0 finished, 2 skipped"),
        "an imported run is a finished one: {log}"
    );

    room.ok(&["import", "runs/mae-exp.db", &all[1], "--checkpoints", "--store", "c.db"]);
    let copied = room.path().join("c-checkpoints").join(&all[1]);
    assert!(copied.read_dir().unwrap().next().is_some());
    assert_eq!(ids(&room, &["--store", "c.db"]), [all[1].clone()]);
    let converted = [
        "model", "convert", "--from", &all[1], "--to", "w", "--format", "fb", "--store", "c.db",
    ];
    room.ok(&converted);
}

#[test]
fn a_run_that_is_not_the_same_is_refused() {
    let room = trained(1);
    let all = ids(&room, &[]);
    room.ok(&["export", "tiny", "--format", "db", "--out", "other.db"]);
    change(&room.path().join("other.db"), "DROP TRIGGER finished_run_update");
    change(
        &room.path().join("other.db"),
        "UPDATE runs SET seed = seed + 1 WHERE position = 0",
    );
    let error = room.refused(&["import", "other.db"]);
    assert!(error.contains(&all[0]) && !error.contains(&all[1]), "{error}");
    assert!(room.refused(&["import", "runs/mae-exp.db"]).contains("into itself"));
    assert!(room.refused(&["export", "tiny", "--format", "db"]).contains("--out"));
    assert!(room.refused(&["import", "nowhere.db"]).contains("nowhere.db"));
}

/// Changes a store as another program might.
fn change(store: &Path, sql: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use sqlx::{Connection, SqliteConnection};
        let mut connection = SqliteConnection::connect(store.to_str().unwrap()).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}
