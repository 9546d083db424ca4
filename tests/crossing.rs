//! The cross table: every model judged under every strategy's masks, from the experiment file to the page.

use serde_json::Value as Json;

use crate::support::{Room, metrics, small};

const EXPERIMENT: &str = "name = \"crossed\"\nquestion = \"Which masks?\"\n\
     base = [\"model/nano\", \"data/synthetic\", \"train/quick\"]\n\
     [set]\neval.cross = [\"random\", \"block\", \"grid\"]\n\
     [sweep]\n\"mask.strategy\" = [\"random\", \"block\"]\nseeds = 2\n";

fn trained() -> Room {
    let room = Room::new();
    room.write("x.toml", EXPERIMENT);
    room.ok(&small(&["sweep", "x.toml"]));
    room
}

#[test]
fn every_model_is_judged_under_every_strategys_masks() {
    let room = trained();
    let runs = metrics(&room);
    assert_eq!(runs.len(), 4);
    let number = |run: &Json, name: &str| run[name].as_f64().unwrap_or_else(|| panic!("no {name}: {run}"));
    for (label, run) in &runs {
        for strategy in ["random", "block", "grid"] {
            let error = number(run, &format!("cross_mse/{strategy}"));
            assert!(error > 0.0 && error.is_finite(), "{label}: {error}");
        }
        // The masks of eval.mask_strategy are among them.
        assert_eq!(run["cross_mse/random"], run["eval_mse"], "{label}");
        assert_eq!(run["fill_own_mean_mse/random"], run["mean_fill_mse"], "{label}");
        for figure in ["psnr", "image_mse", "image_psnr", "ssim", "masked_ssim"] {
            let under = format!("cross_{figure}/random");
            assert_eq!(run[&under], run[format!("eval_{figure}")], "{label}: {figure}");
            number(run, &format!("cross_{figure}/grid"));
        }
        for fill in ["mean", "nearest"] {
            for figure in ["mse", "image_psnr", "ssim"] {
                let under = number(run, &format!("fill_{fill}_{figure}/random"));
                let common = number(run, &format!("fill_{fill}_eval_{figure}"));
                assert_eq!(under, common, "{label}: {fill}, {figure}");
            }
        }
    }
    // Judged anew, under the columns of the run: the same figures, fills included.
    let again = room.json(&["eval", "latest", "--task", "reconstruction", "--json"])["evaluations"][0].clone();
    assert_eq!(again["own"], true, "{again}");
    let figures = again["tasks"][0]["figures"].as_object().unwrap();
    let name = again["name"].as_str().unwrap();
    let (_, recorded) = runs.iter().find(|(label, _)| name.contains(label.as_str())).unwrap();
    let crossed = figures.iter().filter(|(name, _)| name.contains('/'));
    assert_eq!(crossed.clone().count(), 3 * (7 + 12), "{figures:?}");
    for (name, value) in crossed {
        assert_eq!(recorded[name], *value, "{name}");
    }
    let printed = |more: &[&str]| room.ok(&[&["eval", "latest", "--task", "reconstruction"], more].concat());
    let with = printed(&[]);
    assert!(
        with.contains("under the masks of") && !with.contains("cross_ssim/"),
        "{with}"
    );
    let without = printed(&["--set", "eval.cross=[]"]);
    assert!(!without.contains("under the masks of"), "{without}");
    let first = runs.values().next().unwrap();
    for fill in ["fill_mean_mse", "fill_nearest_mse", "fill_own_mean_mse"] {
        for strategy in ["random", "block", "grid"] {
            let name = format!("{fill}/{strategy}");
            assert!(
                runs.values().all(|run| run[&name] == first[&name]),
                "{name} depends on the model"
            );
        }
    }
    assert_ne!(first["fill_nearest_mse/grid"], first["fill_nearest_mse/block"]);
    let page = std::fs::read_to_string(room.path().join("reports/crossed/index.html")).unwrap();
    for words in [
        "judged under the masks of",
        "nearest visible patch",
        "The same in numbers",
        "cross_mse/…",
        "By other figures: PSNR; ",
        "cross_ssim/…",
        "Masks of these trials",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn without_the_key_nothing_of_it_is_measured_or_shown() {
    let room = Room::new();
    room.write(
        "x.toml",
        &EXPERIMENT.replace("eval.cross = [\"random\", \"block\", \"grid\"]", ""),
    );
    room.ok(&small(&["sweep", "x.toml", "--set", "train.epochs=1"]));
    let runs = metrics(&room);
    let crossed = |run: &Json| run.as_object().unwrap().keys().any(|name| name.contains('/'));
    assert!(runs.values().all(|run| !crossed(run)), "{runs:?}");
    let page = std::fs::read_to_string(room.path().join("reports/crossed/index.html")).unwrap();
    assert!(!page.contains("judged under the masks of"));

    // Finished runs can be judged so, and the report has it.
    room.ok(&[
        "eval",
        "crossed",
        "--task",
        "reconstruction",
        "--set",
        "eval.cross=[\"grid\", { name = \"moved\", strategy = \"grid\", random_offset = true }]",
    ]);
    room.ok(&["report", "crossed"]);
    let page = std::fs::read_to_string(room.path().join("reports/crossed/index.html")).unwrap();
    for words in [
        "judged under the masks of",
        ">moved</th>",
        "By other figures: PSNR; ",
        "cross_ssim/…",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("Later evaluations"), "they are the runs' own");
}

#[test]
fn masks_that_would_differ_between_trials_are_refused() {
    let room = Room::new();
    room.write("x.toml", EXPERIMENT);
    let names = room.json(&["strategies", "list", "--json"]);
    let has = |name: &str| {
        names["strategies"]
            .as_array()
            .unwrap()
            .iter()
            .any(|s| s["name"] == name)
    };
    assert!(has("attention"));
    let error = room.refused(&["sweep", "x.toml", "--set", "eval.cross=[\"attention\"]"]);
    assert!(
        error.contains("needs a teacher's attention") && error.contains("leave attention out"),
        "{error}"
    );
}
