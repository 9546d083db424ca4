//! Sweeps from end to end: what is recorded, what is repeated, what survives.

use serde_json::Value as Json;

use crate::support::{Room, experiment, metrics, metrics_in, small};

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
    let all = metrics(&room);
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
        metrics_in(&room, store)
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

/// Checkpoints are written beside training; what goes wrong there still reaches the trial's row.
#[test]
fn a_checkpoint_that_cannot_be_written_fails_the_trial() {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    room.write("runs/mae-exp-checkpoints", "a file where a folder should be");
    let output = room.run(&small(&["sweep", "x.toml"]));
    assert_eq!(output.status.code(), Some(1));
    let document = room.json(&["runs", "--json"]);
    for run in document["runs"].as_array().unwrap() {
        assert_eq!(run["status"], "failed");
        let error = run["error"].as_str().unwrap();
        assert!(
            error.contains("checkpoint") && error.contains("mae-exp-checkpoints"),
            "{error}"
        );
    }
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

#[test]
fn grey_pictures_train_and_are_drawn_in_their_own_grey() {
    use base64::Engine;
    let room = Room::new();
    room.write("x.toml", &experiment(1).replace("[0.5, 0.75]", "[0.75]"));
    let mut args = small(&["sweep", "x.toml"]);
    args.extend([
        "--set",
        "model.in_chans=1",
        "--set",
        "data.mean=[0.2, 0.5, 0.8]",
        "--set",
        "data.std=[0.1, 0.2, 0.6]",
    ]);
    room.ok(&args);
    let page = std::fs::read_to_string(room.path().join("reports/tiny/index.html")).unwrap();
    let mut drawn = 0;
    // Error maps have colours of their own.
    let images = page
        .split("<img ")
        .skip(1)
        .filter(|img| !img.starts_with("class=\"map\""));
    for encoded in images.filter_map(|img| img.split("data:image/png;base64,").nth(1)?.split('"').next()) {
        let png = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
        let picture = image::load_from_memory(&png).unwrap().to_rgb8();
        assert!(picture.pixels().all(|p| p[0] == p[1] && p[1] == p[2]));
        drawn += 1;
    }
    assert!(drawn > 0);
    let mse = room.json(&["runs", "--json"])["runs"][0]["metrics"]["untrained_eval_mse"]
        .as_f64()
        .unwrap();
    assert!((1e-4..1.0).contains(&mse), "{mse} is an error of pixels in [0, 1]");
}

#[test]
fn weights_that_are_lost_in_the_last_step_are_a_divergence() {
    let room = Room::new();
    room.write("x.toml", &experiment(1).replace("[0.5, 0.75]", "[0.75]"));
    let mut args = small(&["sweep", "x.toml"]);
    args.extend([
        "--set",
        "train.lr=1e30",
        "--set",
        "train.warmup_epochs=0",
        "--set",
        "train.max_steps=1",
    ]);
    assert_eq!(room.run(&args).status.code(), Some(1));
    assert_eq!(room.json(&["runs", "--json"])["runs"][0]["status"], "diverged");
}

#[test]
fn more_values_extend_a_sweep_and_another_fixed_key_starts_one() {
    let room = Room::new();
    room.write("x.toml", &experiment(1).replace("[0.5, 0.75]", "[0.5]"));
    room.ok(&small(&["sweep", "x.toml"]));
    room.write("x.toml", &experiment(1));
    let log = room.ok_stderr(&small(&["sweep", "x.toml"]));
    assert!(log.contains("1 finished, 1 skipped"), "{log}");
    let mut args = small(&["sweep", "x.toml"]);
    args.extend(["--set", "train.weight_decay=0.1"]);
    let log = room.ok_stderr(&args);
    assert!(log.contains("2 finished, 0 skipped"), "{log}");
}
