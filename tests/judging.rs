//! Tasks: in a sweep, on a run that is finished, on weights alone; and what is said where pictures lack what tasks need.

use std::path::Path;

use serde_json::{Value as Json, json};

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
    run(&room, &["--set", "model.mlp_ratio=2.7"]);
    let before = metrics(&room);
    let first = room.run(&["eval", "latest", "--task", "linear,retrieval", "--json"]);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let first: Json = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(first["evaluations"][0]["own"], true, "widths are as they were");
    let times = "SELECT COUNT(*), COUNT(DISTINCT created_at) FROM evaluations";
    let times = room.json(&["query", times, "--json"]);
    assert_eq!(times["rows"], json!([[2, 1]]), "the time is that of the weights");
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
    let foreign = [
        "seed=9",
        "model.norm_eps=1e-3",
        "model.norm_pix_loss=false",
        "data.mean=[0.0,0.0,0.0]",
    ];
    for (sets, own) in [(&foreign[..], false), (&["eval.pictures=1", "eval.batch_size=3"], true)] {
        for set in sets {
            let other = room.json(&["eval", "latest", "--task", "retrieval", "--set", set, "--json"]);
            assert_eq!(other["evaluations"][0]["own"], own, "{set}");
        }
    }
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
    let page = room.path().join("later");
    room.ok(&["report", "latest", "--out", page.to_str().unwrap()]);
    let page = std::fs::read_to_string(page.join("index.html")).unwrap();
    let later = page.split("<h2>Later evaluations</h2>").nth(1).unwrap();
    assert!(
        later.contains("Logistic") && later.contains("penalties = [5.0]"),
        "{later}"
    );
    let would = room.ok(&["gc", "--features", "--dry-run"]);
    assert!(would.contains("of kept features; nothing was done"), "{would}");
    let freed = room.json(&["gc", "--features", "--json"]);
    assert!(freed["feature_bytes"].as_u64().unwrap() > 0, "{freed}");
    assert!(!room.path().join("runs/mae-exp-features").exists());
    room.ok(&["rm", "latest", "--yes"]);
    let left = room.json(&["query", "SELECT COUNT(*) AS n FROM evaluations", "--json"]);
    assert_eq!(left["rows"], json!([[0]]), "{left}");
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
    pictures(
        &room,
        "lopsided",
        &[("train", "cats", 4), ("train", "dogs", 4), ("val", "cats", 2)],
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
        ("lopsided", "finetune", &["those of lopsided are all cats", "val/"]),
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

/// A trial on these pictures, with what else `sets` say; returns what was said on standard error.
fn trained_on(room: &Room, data: &str, sets: &[&str]) -> String {
    let args = small(&["run", "model/nano", "data/folder", "train/quick"]);
    let path = format!("data.path={data}");
    let args = with(&args, &["data.kind=folder", &path, "train.batch_size=2"]);
    room.ok_stderr(&with(&args, sets))
}

/// Arguments with `--set` for each of `sets`.
fn with<'a>(args: &[&'a str], sets: &[&'a str]) -> Vec<&'a str> {
    let sets = sets.iter().flat_map(|set| ["--set", *set]);
    args.iter().copied().chain(sets).collect()
}

#[test]
fn neighbours_are_left_out_with_a_word_where_there_is_one_class() {
    let room = Room::new();
    pictures(&room, "one", &[("train", "cats", 4), ("val", "cats", 2)]);
    let said = trained_on(&room, "one", &[]);
    assert!(said.contains("knn is left out") && said.contains("only cats"), "{said}");
    assert_eq!(
        said.matches("knn is left out").count(),
        1,
        "said once, before training: {said}"
    );
    let all = metrics(&room);
    let taken = all.values().next().unwrap();
    assert_eq!(taken.get("knn_accuracy"), None, "{taken}");
    assert_eq!(taken.get("chance_accuracy"), None, "{taken}");
    assert!(taken["eval_mse"].is_number());
}

#[test]
fn a_class_that_nothing_is_held_out_of_is_named() {
    let room = Room::new();
    let two = [
        ("train", "cats", 4),
        ("train", "dogs", 4),
        ("val", "cats", 2),
        ("val", "dogs", 2),
    ];
    pictures(&room, "three", &[&two[..], &[("train", "owls", 3)]].concat());
    let said = trained_on(&room, "three", &[]);
    assert!(said.contains("no held-out picture of three is of class owls"), "{said}");
    let said = room.ok_stderr(&["eval", "latest", "--task", "retrieval"]);
    assert!(said.contains("no held-out picture of three is of class owls"), "{said}");
    let said = room.ok_stderr(&["eval", "latest", "--task", "reconstruction"]);
    assert!(!said.contains("owls"), "no class is asked for: {said}");
    let late = ["eval.linear.epochs=2", "eval.linear.warmup_epochs=3"];
    let said = room.ok_stderr(&with(&["eval", "latest", "--task", "linear"], &late));
    assert!(said.contains("eval.linear.warmup_epochs = 3 is not below"), "{said}");
    assert!(metrics(&room).values().next().unwrap()["knn_accuracy"].is_number());
}

/// The encoder is what it is, whatever becomes of what is trained on top.
#[test]
fn a_task_that_diverges_costs_its_own_figure_alone() {
    let room = Room::new();
    run(
        &room,
        &[
            "--set",
            "eval.tasks=[\"knn\",\"linear\",\"attentive\",\"finetune\"]",
            "--set",
            "eval.linear.blrs=[1e38]",
            "--set",
            "eval.attentive.lrs=[1e30]",
            "--set",
            "eval.attentive.batch_size=8",
            "--set",
            "eval.finetune.blr=1e30",
            "--set",
            "eval.finetune.batch_size=8",
        ],
    );
    let all = metrics(&room);
    let taken = all.values().next().unwrap();
    assert!(taken["knn_accuracy"].is_number(), "{taken}");
    for name in ["linear_accuracy", "attentive_accuracy", "finetune_accuracy"] {
        assert_eq!(taken[name], "NaN", "{name}: {taken}");
    }
    let why = "SELECT parameters FROM protocols WHERE task = 'finetune'";
    let why = room.json(&["query", why, "--json"]).to_string();
    assert!(why.contains("lower eval.finetune.blr"), "{why}");
    assert!(why.contains("layer_decay"), "settings are told all the same: {why}");
    // The last step spoils the weights after its loss was taken.
    let last = [
        "eval.attentive.lrs=[1e30]",
        "eval.attentive.epochs=1",
        "eval.attentive.batch_size=16",
        "eval.finetune.blr=1e30",
        "eval.finetune.epochs=1",
        "eval.finetune.warmup_epochs=0",
        "eval.finetune.batch_size=32",
    ];
    let both = ["eval", "latest", "--task", "attentive,finetune", "--json"];
    let found = room.json(&with(&both, &last));
    for (place, name) in ["attentive", "finetune"].into_iter().enumerate() {
        let task = &found["evaluations"][0]["tasks"][place];
        assert_eq!(task["figures"][format!("{name}_accuracy")], "NaN", "{task}");
        let why = task["parameters"]["found"]["diverged"].to_string();
        assert!(why.contains("scores of held-out pictures are no numbers"), "{why}");
    }
}

#[test]
fn reconstruction_is_a_task_of_runs_and_of_weights() {
    let room = Room::new();
    run(&room, &[]);
    let found = room.json(&["eval", "latest", "--task", "reconstruction", "--json"]);
    let all = metrics(&room);
    let taken = all.values().next().unwrap();
    let found = figures(&found);
    assert!(found.iter().any(|(name, _)| name == "eval_ssim"), "{found:?}");
    for (name, value) in found {
        assert_eq!(Some(value), taken[&name].as_f64(), "{name}");
    }
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
