//! Going on with a trained network on other pictures: parts held as they are, blocks added, a decoder of another depth; and
//! trials that train nothing.

use std::collections::BTreeMap;

use mae_exp::model::names::Named;
use serde_json::Value as Json;

use crate::reference::Case;
use crate::support::{Room, SMALL, experiment, metrics_in};

type Tensors = BTreeMap<String, Named>;

/// A network of three blocks, trained for two epochs, in the folder `w`.
fn room() -> Room {
    let room = Room::new();
    room.write("x.toml", &experiment(1).replace("[0.5, 0.75]", "[0.75]"));
    room.ok(&small(&["sweep", "x.toml"], &[]));
    room.ok(&["model", "convert", "--from", "latest", "--to", "w", "--format", "fb"]);
    room
}

fn small<'a>(args: &[&'a str], sets: &[&'a str]) -> Vec<&'a str> {
    let sets = ["model.encoder_depth=3"]
        .iter()
        .chain(sets)
        .flat_map(|set| ["--set", *set]);
    args.iter().chain(SMALL.iter()).copied().chain(sets).collect()
}

/// Goes on from `w` in a store of its own; returns what was said on the way.
fn go_on(room: &Room, store: &str, sets: &[&str]) -> String {
    let sets = [&["model.init=w"][..], sets].concat();
    room.ok_stderr(&small(&["sweep", "x.toml", "--store", store], &sets))
}

fn tensors(room: &Room, file: &str) -> Tensors {
    Case::of(&std::fs::read(room.path().join(file)).unwrap()).0
}

/// The weights of the newest run of a store, exported.
fn exported(room: &Room, store: &str) -> Tensors {
    let to = format!("{store}-out");
    room.ok(&[
        "model", "convert", "--from", "latest", "--to", &to, "--format", "fb", "--store", store,
    ]);
    tensors(room, &format!("{to}/model.safetensors"))
}

/// Names in `one` whose values are other in `other`.
fn changed<'a>(one: &'a Tensors, other: &Tensors) -> Vec<&'a str> {
    let differs = one.iter().filter(|(name, tensor)| other.get(*name) != Some(tensor));
    differs.map(|(name, _)| name.as_str()).collect()
}

/// The optimiser's file of the one run in a store.
fn moments(room: &Room, store: &str) -> Tensors {
    let runs = room.path().join(store.replace(".db", "-checkpoints"));
    let files = std::fs::read_dir(runs)
        .unwrap()
        .flat_map(|run| std::fs::read_dir(run.unwrap().path()).unwrap());
    let newest = files
        .map(|step| step.unwrap().path().join("optimiser.safetensors"))
        .max()
        .unwrap();
    Case::of(&std::fs::read(newest).unwrap()).0
}

#[test]
fn what_is_held_is_the_same_before_and_after_and_extra_blocks_are_blocks_like_the_others() {
    let room = room();
    let before = tensors(&room, "w/model.safetensors");
    let said = go_on(&room, "held.db", &["model.freeze=encoder", "model.extra_blocks=2"]);
    assert!(said.contains("2 extra blocks after its 3 blocks"), "{said}");
    let after = exported(&room, "held.db");
    let of_encoder = |name: &str| {
        ["cls_token", "patch_embed.", "blocks.", "pos_embed"]
            .iter()
            .any(|part| name.starts_with(part))
    };
    let moved = changed(&before, &after);
    assert!(moved.iter().all(|name| !of_encoder(name)), "{moved:?}");
    let rest = before
        .keys()
        .filter(|name| !of_encoder(name) && *name != "decoder_pos_embed");
    assert_eq!(
        moved,
        rest.map(String::as_str).collect::<Vec<_>>(),
        "the rest was trained, final norm included"
    );
    let new: Vec<&String> = after.keys().filter(|name| !before.contains_key(*name)).collect();
    assert_eq!(new.len(), 24);
    assert!(
        new.iter()
            .all(|name| name.starts_with("blocks.3.") || name.starts_with("blocks.4.")),
        "{new:?}"
    );
    let zeros = |tensor: &Named| tensor.values.iter().all(|value| *value == 0.0);
    assert!(
        new.iter().all(|name| !zeros(&after[*name])),
        "every extra block was trained"
    );

    let names = moments(&room, "held.db");
    assert!(names.keys().any(|name| name == "exp_avg.blocks.4.attn.proj.weight"));
    let held = names
        .keys()
        .find(|name| name.contains(".blocks.0.") || name.contains("patch_embed"));
    assert_eq!(held, None, "no moments of what is held");
    assert_eq!(
        names.len(),
        2 * (after.len() - 2 - before.keys().filter(|name| of_encoder(name)).count() + 1)
    );

    // Written out it is an ordinary model of five blocks.
    let config = std::fs::read_to_string(room.path().join("held.db-out/config.json")).unwrap();
    let config: Json = serde_json::from_str(&config).unwrap();
    assert_eq!(config["model"]["encoder_depth"], 5);
    assert!(config["model"].get("extra_blocks").is_none() && config["model"].get("freeze").is_none());
    let picture = image::RgbImage::from_fn(20, 20, |x, y| image::Rgb([x as u8 * 9, y as u8 * 9, 40]));
    picture.save(room.path().join("a.png")).unwrap();
    room.ok(&["reconstruct", "--weights", "held.db-out", "a.png", "--out", "drawn"]);
    for format in ["hf", "timm"] {
        room.ok(&[
            "model",
            "convert",
            "--from",
            "held.db-out",
            "--to",
            format,
            "--format",
            format,
        ]);
    }
    let depth = |file: &str| -> Json {
        serde_json::from_str(&std::fs::read_to_string(room.path().join(file)).unwrap()).unwrap()
    };
    assert_eq!(depth("hf/config.json")["num_hidden_layers"], 5);
    assert_eq!(depth("timm/config.json")["model_args"]["depth"], 5);
}

#[test]
fn blocks_by_number_and_a_decoder_of_another_depth() {
    let room = room();
    let before = tensors(&room, "w/model.safetensors");
    let said = go_on(
        &room,
        "part.db",
        &["model.freeze=patch_embed,encoder[..2]", "model.decoder_depth=2"],
    );
    assert!(
        said.contains("its decoder (1 block of width 48) is left out: one of 2 blocks of width 48 is drawn"),
        "{said}"
    );
    let after = exported(&room, "part.db");
    let same = |name: &str| {
        ["cls_token", "patch_embed.", "blocks.0.", "blocks.1."]
            .iter()
            .any(|p| name.starts_with(p))
    };
    for (name, tensor) in before.iter().filter(|(name, _)| !name.contains("pos_embed")) {
        assert_eq!(after[name] == *tensor, same(name), "{name}");
    }
    assert!(after.contains_key("decoder_blocks.1.mlp.fc2.weight"));
    let metrics = metrics_in(&room, "part.db").into_values().next().unwrap();
    assert!(metrics["val_loss"].as_f64().unwrap().is_finite());
}

#[test]
fn weights_with_the_extra_blocks_in_them_load_whole_and_others_do_not() {
    let room = room();
    go_on(&room, "first.db", &["model.freeze=encoder", "model.extra_blocks=1"]);
    exported(&room, "first.db");
    let judged = room.json(&["eval", "latest", "--store", "first.db", "--task", "retrieval", "--json"]);
    assert_eq!(
        judged["evaluations"][0]["own"], true,
        "an extra block is a block of the run's own"
    );
    let from = |init: &str, sets: &[&str]| {
        let init = format!("model.init={init}");
        let sets = [&[init.as_str(), "train.epochs=0"][..], sets].concat();
        room.run(&small(&["sweep", "x.toml", "--store", "second.db"], &sets))
    };
    let output = from("first.db-out", &["model.extra_blocks=1"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("the last 1 of its 4 blocks are taken for model.extra_blocks"),
        "{said}"
    );
    assert_eq!(
        changed(
            &tensors(&room, "first.db-out/model.safetensors"),
            &exported(&room, "second.db")
        ),
        [""; 0]
    );
    for (init, sets) in [
        ("first.db-out", &["model.extra_blocks=2"][..]),
        ("w", &["model.encoder_depth=4"][..]),
    ] {
        let output = from(init, sets);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{init} {sets:?}: {said}");
        assert!(said.contains("missing") || said.contains("unexpected"), "{said}");
    }
}

#[test]
fn a_trial_of_no_epochs_judges_its_start_and_can_be_used() {
    let room = room();
    room.write(
        "epochs.toml",
        "name = \"epochs\"\nquestion = \"Does training help?\"\nbase = [\"model/nano\", \"data/synthetic\", \"train/quick\"]\n\
         [sweep]\n\"train.epochs\" = [0, 2]\nseeds = 2\n",
    );
    let store = "zero.db";
    let sets = ["model.init=w", "train.warmup_epochs=1"];
    let args = small(&["sweep", "epochs.toml", "--store", store], &sets);
    // The file's own axis stands above --set.
    let said = room.ok_stderr(&args);
    assert!(said.contains("4 finished"), "{said}");
    let all = metrics_in(&room, store);
    for seed in [0, 1] {
        let [none, two] = [0, 2].map(|epochs| all[&format!("train.epochs={epochs} seed={seed}")].clone());
        for name in ["eval_mse", "eval_loss", "knn_accuracy"] {
            let untrained = format!("untrained_{name}");
            assert_eq!(none[name], none[&untrained], "{name}");
            assert_eq!(none[name], two[&untrained], "the same start: {name}");
        }
        assert_ne!(none["eval_mse"], two["eval_mse"]);
        assert!(none.get("train_loss").is_none() && none.get("lr").is_none());
    }
    let runs = room.json(&["runs", "--json", "--store", store]);
    let none = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|run| run["label"] == "train.epochs=0 seed=0")
        .unwrap();
    let id = none["id"].as_str().unwrap();
    let points = room.json(&["show", id, "--json", "--store", store])["points"]
        .as_array()
        .unwrap()
        .clone();
    let mut names: Vec<&str> = points.iter().map(|point| point["name"].as_str().unwrap()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "each figure once: {points:?}");
    assert!(
        points.iter().all(|point| point["step"] == 0 && point["epoch"] == 0.0),
        "{points:?}"
    );
    // Its checkpoint holds the weights as they were.
    room.ok(&[
        "model", "convert", "--from", id, "--to", "same", "--format", "fb", "--store", store,
    ]);
    assert_eq!(
        changed(
            &tensors(&room, "w/model.safetensors"),
            &tensors(&room, "same/model.safetensors")
        ),
        [""; 0]
    );
    assert_eq!(moments_of(&room, id, store), 0.0, "moments of nothing");
    assert!(
        room.ok_stderr(&["resume", "epochs", "--store", store])
            .contains("0 finished, 4 skipped")
    );
    let report = std::fs::read_to_string(room.path().join("reports/epochs/index.html")).unwrap();
    assert!(!report.contains(">NaN") && report.contains("train.epochs"));
}

/// The largest moment in the checkpoint of a run.
fn moments_of(room: &Room, id: &str, store: &str) -> f32 {
    let run = room.path().join(store.replace(".db", "-checkpoints")).join(id);
    let step = std::fs::read_dir(run).unwrap().next().unwrap().unwrap().path();
    let all = Case::of(&std::fs::read(step.join("optimiser.safetensors")).unwrap()).0;
    all.values()
        .flat_map(|tensor| tensor.values.clone())
        .fold(0.0, f32::max)
}

#[test]
fn a_trial_of_no_epochs_needs_no_whole_group_of_batches() {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    let sets = ["train.epochs=0", "train.accum_steps=64", "train.warmup_epochs=9"];
    let said = room.ok_stderr(&small(&["sweep", "x.toml"], &sets));
    assert!(said.contains("2 finished") && !said.contains("warmup"), "{said}");
}

#[test]
fn parts_that_are_none_are_refused_with_their_cure() {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    for (freeze, part) in [
        ("encodr", "did you mean encoder?"),
        ("encoder[0..4]", "encoder[0..3] in all"),
        ("encoder[2]", "encoder[0..2] for the first two"),
        ("encoder, decoder", "leaves nothing to train"),
    ] {
        let set = format!("model.freeze={freeze}");
        let error = room.refused(&small(&["sweep", "x.toml"], &[&set]));
        assert!(
            error.contains("model.freeze") && error.contains(part),
            "{freeze}: {error}"
        );
    }
    let error = room.refused(&small(&["sweep", "x.toml"], &["model.extra_blocks=1001"]));
    assert!(error.contains("model.extra_blocks"), "{error}");
}

#[test]
fn parts_can_be_swept_and_have_one_spelling() {
    let room = Room::new();
    room.write(
        "x.toml",
        "name = \"parts\"\nquestion = \"Which parts?\"\nbase = [\"model/nano\", \"data/synthetic\", \"train/quick\"]\n\
         [sweep]\n\"model.freeze\" = [\"\", \"encoder\", [\"encoder[..2]\", \"patch_embed\"]]\n\"model.extra_blocks\" = [0, 1]\n",
    );
    let document = room.json(&["config", "x.toml", "--json"]);
    let trials = document["trials"].as_array().unwrap();
    let freeze = |trial: &Json| trial["config"]["model"]["freeze"].as_str().unwrap().to_string();
    let all: Vec<String> = trials.iter().map(freeze).collect();
    assert_eq!(all.len(), 6);
    for wanted in ["", "encoder", "patch_embed, encoder[0..2]"] {
        assert_eq!(all.iter().filter(|text| *text == wanted).count(), 2, "{all:?}");
    }
}
