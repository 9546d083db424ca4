//! Masks of one's own as a user meets them: scripts, mixtures, schedules and files, checked, trained and resumed.

use crate::support::{Room, metrics, project, small};

const SCRIPTED: &str = "name = \"mine\"\nbase = [\"model/nano\", \"data/synthetic\", \"train/quick\"]\n[set]\nmask.strategy = \"script\"\n";

#[test]
fn a_script_is_checked_against_the_laws() {
    let room = Room::new();
    for name in ["diagonal", "growing"] {
        let file = project().join(format!("experiments/masks/{name}.rhai"));
        let shown = room.ok(&["strategies", "check", file.to_str().unwrap()]);
        assert!(
            shown.contains("keeps every law") && shown.contains("masks vary with the seed"),
            "{shown}"
        );
    }
    let check = |text: &str| {
        room.write("mine.rhai", text);
        let output = room.run(&["strategies", "check", "mine.rhai", "--json"]);
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), document)
    };
    let (code, document) = check("fn score(p) { p.row * p.cols + p.col }");
    assert_eq!(
        (code, &document["passes"], &document["varies"]),
        (Some(0), &true.into(), &false.into())
    );
    for (text, expected) in [
        (
            "fn score(p) {\n  loop { }\n}",
            "script mine.rhai, line 1: score stopped after",
        ),
        (
            "// Goes on.\nfn f(n) { f(n) }\n\nfn score(p) {\n  f(1)\n}",
            "script mine.rhai, line 2, column 13: score stopped at 32 functions",
        ),
        (
            "fn score(p) { let s = \"x\"; loop { s += s } }",
            "a string grows beyond",
        ),
        ("fn score(p) { open_file(\"/etc/passwd\") }", "no access to files"),
        ("fn score(p) { 1 +", "script mine.rhai, line 1, column"),
        (
            "fn score(p) { if p.cols == 13 { 0.0 / 0.0 } else { 1 } }",
            "returned NaN",
        ),
        (
            "fn score(p) { p.noise * 0 + p.row * p.cols + p.col }",
            "16 seeds gave one mask",
        ),
    ] {
        let (code, document) = check(text);
        let problem = document["problems"][0].as_str().unwrap();
        assert_eq!((code, &document["passes"]), (Some(1), &false.into()));
        assert!(problem.contains(expected), "{problem}");
    }
    assert!(
        room.refused(&["strategies", "check", "none.rhai"])
            .contains("script none.rhai names no file")
    );
    let shown = room.ok(&[
        "strategies",
        "preview",
        "script",
        "--set",
        "path=mine.rhai",
        "--grid",
        "2x4",
        "--ratio",
        "0.5",
    ]);
    assert!(shown.starts_with("script: 4 of 8 patches hidden"), "{shown}");
}

#[test]
fn a_broken_script_fails_before_training_and_a_late_failure_is_one_trials() {
    let room = Room::new();
    room.write("good.rhai", "fn score(p) { p.row + p.noise }");
    room.write("bad.rhai", "\nfn score(p) {\n    loop { }\n}");
    let sweep = |paths: &str| format!("{SCRIPTED}[sweep]\n\"mask.path\" = [{paths}]\n");
    room.write("x.toml", &sweep("\"good.rhai\", \"bad.rhai\""));
    let error = room.refused(&small(&["sweep", "x.toml"]));
    assert!(
        error.contains("script bad.rhai, line 2") && error.contains("a loop has no end"),
        "{error}"
    );
    assert!(!room.path().join("runs").exists(), "nothing may be trained");
    room.write(
        "bad.rhai",
        "fn score(p) {\n    while p.progress > 0.3 && p.progress < 0.9 { }\n    p.noise\n}",
    );
    let error = room.refused(&small(&["sweep", "x.toml"]));
    assert!(
        error.contains("script bad.rhai, line 2, column 11: score stopped"),
        "{error}"
    );
    // Only for some pictures does it go wrong: the other trial is as it would be alone.
    room.write(
        "late.rhai",
        "fn score(p) {\n    while p.draw(0) < 0.1 { }\n    p.noise\n}",
    );
    room.write("x.toml", &sweep("\"late.rhai\", \"good.rhai\""));
    let output = room.run(&small(&["sweep", "x.toml"]));
    assert_eq!(output.status.code(), Some(1));
    let document = room.json(&["runs", "--json"]);
    let runs = document["runs"].as_array().unwrap();
    let states: Vec<&str> = runs.iter().map(|run| run["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["failed", "finished"]);
    let error = runs[0]["error"].as_str().unwrap();
    assert!(
        error.contains("script late.rhai, line 2") && error.contains("a loop has no end"),
        "{error}"
    );
    assert_eq!(runs[1]["config"]["mask"]["source"], "fn score(p) { p.row + p.noise }");
    // The store holds the script: the file is not needed to know the trial again.
    std::fs::remove_file(room.path().join("good.rhai")).unwrap();
    let log = room.ok_stderr(&["resume", runs[1]["id"].as_str().unwrap()]);
    assert!(log.contains("1 skipped"), "{log}");
}

#[test]
fn mixtures_and_schedules_train_and_go_on_exactly() {
    let text = "name = \"moving\"\nbase = [\"model/nano\", \"data/synthetic\", \"train/quick\"]\n[set]\n\
                mask.strategy = \"mixture\"\nmask.of = [\"random\", \"block\", \"script\"]\nmask.weights = [2, 1, 1]\n\
                mask.block.random_offset = true\n[set.mask.schedule.ratio]\nfrom = 0.5\nshape = \"steps\"\nsteps = 3\n\
                [sweep]\n\"mask.schedule.ratio.to\" = [0.75, 0.9]\n";
    let train = |room: &Room, extra: &[&str]| {
        room.write("x.toml", text);
        let args = [
            &[
                "sweep",
                "x.toml",
                "--set",
                "train.log_every=1",
                "--set",
                "train.checkpoint_steps=1",
            ],
            extra,
        ]
        .concat();
        room.run(&small(&args))
    };
    let whole = Room::new();
    assert!(train(&whole, &[]).status.success());
    let points = |room: &Room, name: &str| -> Vec<(u64, f64)> {
        let runs = room.json(&["runs", "--json"])["runs"].clone();
        let id = runs[1]["id"].as_str().unwrap().to_owned();
        let shown = room.json(&["show", &id, "--json"]);
        let all = shown["points"].as_array().unwrap().iter();
        all.filter(|point| point["name"] == name)
            .map(|point| (point["step"].as_u64().unwrap(), point["value"].as_f64().unwrap()))
            .collect()
    };
    let ratios = points(&whole, "mask_ratio");
    let values: Vec<f64> = ratios.iter().map(|(_, value)| *value).collect();
    assert_eq!(values.len(), 8, "{ratios:?}");
    assert_eq!((values[0], values[7]), (0.5, 0.9), "{ratios:?}");
    assert!(
        values.is_sorted() && values.chunk_by(|a, b| a == b).count() == 3,
        "{ratios:?}"
    );
    let last = metrics(&whole)["mask.schedule.ratio.to=0.9 seed=0"].clone();
    assert_eq!(last["mask_ratio"], 0.9);
    // With other worker counts every number is the same.
    let other = Room::new();
    assert!(train(&other, &["--set", "data.workers=1"]).status.success());
    assert_eq!(points(&other, "train_loss"), points(&whole, "train_loss"));
}

#[test]
fn masks_from_files_follow_their_pictures() {
    let room = Room::new();
    let picture = |name: &str, level: &dyn Fn(u32, u32) -> u8| {
        let path = room.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_fn(32, 32, |x, y| image::Rgb([level(x, y); 3]))
            .save(path)
            .unwrap();
    };
    for n in 0..12u32 {
        picture(&format!("pictures/{}/{n}.png", n % 2), &|x, y| {
            (x * 7 + y * 5 + n * 20) as u8
        });
        picture(&format!("marks/{}/{n}.png", n % 2), &|x, _| {
            if x < 16 { 255 } else { 0 }
        });
    }
    let args = |marks: &'static str| {
        let sets = ["data.path=pictures", "data.kind=folder", "mask.strategy=file", marks];
        let mut args = small(&["run", "model/nano", "train/quick"]);
        sets.iter().for_each(|set| args.extend(["--set", set]));
        args
    };
    room.ok(&args("mask.path=marks"));
    let run = room.json(&["runs", "--json"])["runs"][0].clone();
    assert_eq!(run["status"], "finished");
    // Other marks make another trial; the same marks elsewhere do not.
    let renamed = room.path().join("elsewhere");
    std::fs::rename(room.path().join("marks"), &renamed).unwrap();
    let log = room.ok_stderr(&args("mask.path=elsewhere"));
    assert!(log.contains("1 skipped"), "{log}");
    picture("elsewhere/0/0.png", &|_, y| if y < 16 { 255 } else { 0 });
    let log = room.ok_stderr(&args("mask.path=elsewhere"));
    assert!(log.contains("1 finished"), "{log}");
    std::fs::remove_file(renamed.join("1/1.png")).unwrap();
    let error = room.refused(&args("mask.path=elsewhere"));
    assert!(
        error.contains("picture 1/1.png") && error.contains("elsewhere/1/1.png"),
        "{error}"
    );
}
