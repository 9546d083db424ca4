//! Tasks: in a sweep, on a run that is finished, on weights alone; and what is said where pictures lack what tasks need.

use std::path::Path;

use serde_json::Value as Json;

use crate::support::{Room, metrics, small};

/// All tasks, made small.
const TASKS: [&str; 12] = [
    "--set",
    "eval.tasks=[\"reconstruction\",\"knn\",\"linear\",\"logistic\",\"attentive\",\"finetune\",\"retrieval\",\"clustering\"]",
    "--set",
    "eval.linear.epochs=20",
    "--set",
    "eval.attentive.epochs=2",
    "--set",
    "eval.attentive.batch_size=8",
    "--set",
    "eval.finetune.epochs=2",
    "--set",
    "eval.finetune.batch_size=8",
];

/// What tasks on frozen features find.
const FROZEN: [&str; 9] = [
    "knn_accuracy",
    "linear_accuracy",
    "logistic_accuracy",
    "retrieval_map",
    "retrieval_recall_at_1",
    "retrieval_recall_at_5",
    "retrieval_recall_at_10",
    "clustering_nmi",
    "clustering_ari",
];

fn run(room: &Room, more: &[&str]) {
    let mut args = small(&["run", "model/nano", "data/synthetic", "train/quick"]);
    args.extend(more);
    room.ok(&args);
}

fn figures(document: &Json) -> Vec<(String, f64)> {
    let tasks = document["evaluations"][0]["tasks"].as_array().unwrap().iter();
    tasks
        .flat_map(|task| task["figures"].as_object().unwrap())
        .map(|(name, value)| (name.clone(), value.as_f64().unwrap()))
        .collect()
}

#[test]
fn a_trial_is_judged_by_every_task_and_eval_finds_the_same_again() {
    let room = Room::new();
    run(&room, &TASKS);
    let all = metrics(&room);
    let taken = all.values().next().unwrap();
    for name in FROZEN {
        for name in [name.to_string(), format!("untrained_{name}")] {
            assert!(taken[&name].is_number(), "{name}: {taken}");
        }
    }
    for name in ["attentive_accuracy", "finetune_accuracy"] {
        assert!(taken[name].is_number(), "{name}: {taken}");
    }
    let asked = "SELECT task, version, parameters FROM protocols ORDER BY task";
    let rows = room.json(&["query", asked, "--json"]);
    let text = rows.to_string();
    for task in [
        "attentive",
        "clustering",
        "finetune",
        "knn",
        "linear",
        "logistic",
        "retrieval",
    ] {
        assert!(text.contains(&format!("\"{task}\"")), "{task}: {text}");
    }
    let again = room.json(&["eval", "latest", "--json"]);
    assert_eq!(again["evaluations"][0]["own"], true);
    for (name, value) in figures(&again) {
        assert_eq!(Some(value), taken[&name].as_f64(), "{name}");
    }
}

#[test]
fn a_finished_run_gets_further_figures_and_stays_as_it_is() {
    let room = Room::new();
    run(&room, &[]);
    let before = metrics(&room);
    let first = room.run(&["eval", "latest", "--task", "linear,retrieval", "--json"]);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let first: Json = serde_json::from_slice(&first.stdout).unwrap();
    let kept = room.ok_stderr(&["eval", "latest", "--task", "clustering,knn"]);
    assert!(kept.contains("features as read before"), "{kept}");
    let other = room.json(&[
        "eval",
        "latest",
        "--task",
        "logistic",
        "--set",
        "eval.logistic.penalties=[5]",
        "--json",
    ]);
    assert_eq!(other["evaluations"][0]["own"], false);
    assert_eq!(metrics(&room), before, "the run itself never changes");
    let export = room.ok(&["export", "latest"]);
    let header = export.lines().next().unwrap();
    for name in ["linear_accuracy", "retrieval_map", "clustering_nmi", "knn_accuracy"] {
        assert!(header.contains(name), "{name}: {header}");
    }
    assert!(
        !header.contains("logistic_accuracy"),
        "other settings are no figure of the run: {header}"
    );
    let anew = room.json(&["eval", "latest", "--task", "linear,retrieval", "--json", "--no-cache"]);
    assert_eq!(figures(&anew), figures(&first), "kept features are those that are read");
    room.ok(&["rm", "latest", "--yes"]);
    let left = room.json(&["query", "SELECT COUNT(*) AS n FROM evaluations", "--json"]);
    assert!(left.to_string().contains('0'), "{left}");
}

/// A picture of one colour with a mark, so that no two are alike.
fn picture(path: &Path, colour: [u8; 3], mark: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut picture = image::RgbImage::from_pixel(32, 32, image::Rgb(colour));
    picture.put_pixel(mark % 32, mark / 32, image::Rgb([255, 255, 255]));
    picture.save(path).unwrap();
}

/// Pictures in `folder`: part, class and count.
fn pictures(room: &Room, folder: &str, counts: &[(&str, &str, u32)]) {
    for (number, (part, class, count)) in counts.iter().enumerate() {
        for i in 0..*count {
            let place = room.path().join(folder).join(part).join(class).join(format!("{i}.png"));
            picture(&place, [40 * number as u8, 100, 200], i + 7 * number as u32);
        }
    }
}

#[test]
fn pictures_that_lack_what_a_task_needs_are_refused_by_name() {
    let room = Room::new();
    run(&room, &[]);
    pictures(&room, "flat", &[("train", "", 4), ("val", "", 2)]);
    pictures(&room, "one", &[("train", "cats", 4), ("val", "cats", 2)]);
    pictures(
        &room,
        "single",
        &[("train", "cats", 4), ("train", "dogs", 1), ("val", "cats", 2)],
    );
    pictures(
        &room,
        "absent",
        &[("train", "cats", 4), ("val", "dogs", 2), ("val", "cats", 2)],
    );
    pictures(
        &room,
        "unheld",
        &[("train", "cats", 4), ("train", "dogs", 4), ("val", "", 2)],
    );
    pictures(&room, "empty", &[("train", "cats", 4), ("train", "dogs", 4)]);
    std::fs::create_dir_all(room.path().join("empty/val")).unwrap();
    for (data, task, words) in [
        ("flat", "linear", &["linear", "flat has none", "folder of its own"][..]),
        ("flat", "knn", &["knn", "flat has none"]),
        ("one", "retrieval", &["retrieval", "only cats", "another class"]),
        ("single", "logistic", &["logistic", "needs 2", "dogs of single has 1"]),
        ("single", "attentive", &["attentive", "dogs"]),
        ("absent", "finetune", &["finetune", "dogs of absent has 0"]),
        (
            "unheld",
            "clustering",
            &["clustering", "none of unheld has a class", "val/"],
        ),
        ("empty", "knn", &["empty/val"]),
    ] {
        let error = room.refused(&["eval", "latest", "--task", task, "--data", data]);
        for word in words {
            assert!(error.contains(word), "{data}, {task}: {error} lacks {word:?}");
        }
        // Before anything is trained, too.
        if task != "knn" {
            let tasks = format!("eval.tasks=[\"{task}\"]");
            let mut args = small(&["run", "model/nano", "data/folder", "train/quick"]);
            let path = format!("data.path={data}");
            args.extend([
                "--set",
                "data.kind=folder",
                "--set",
                &path,
                "--set",
                &tasks,
                "--set",
                "train.batch_size=2",
            ]);
            let error = room.refused(&args);
            assert!(words.iter().all(|word| error.contains(word)), "{data}, {task}: {error}");
        }
    }
    assert_eq!(metrics(&room).len(), 1, "nothing was begun");
}

#[test]
fn weights_alone_are_judged_on_a_folder() {
    let room = Room::new();
    run(&room, &[]);
    pictures(
        &room,
        "set",
        &[
            ("train", "cats", 6),
            ("train", "dogs", 6),
            ("val", "cats", 3),
            ("val", "dogs", 3),
        ],
    );
    room.ok(&[
        "model",
        "convert",
        "--from",
        "latest",
        "--to",
        "out/w.safetensors",
        "--format",
        "fb",
    ]);
    let of = |more: &[&'static str]| [&["eval", "--weights", "out/w.safetensors", "--data", "set"], more].concat();
    let found = room.json(&of(&["--task", "knn,linear", "--json"]));
    assert_eq!(found["evaluations"][0]["run"], Json::Null);
    assert_eq!(figures(&found).len(), 2);
    let output = room.run(&of(&["--task", "knn", "--set", "model.embed_dim=32"]));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{error}");
    for words in [
        "w.safetensors do not fit",
        "[16], the model needs [32]",
        "set the [model] keys",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    let error = room.refused(&["eval", "--weights", "gone.pth", "--data", "set", "--task", "knn"]);
    assert!(error.contains("gone.pth is not there"), "{error}");
}
