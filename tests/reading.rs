//! Commands that read: their JSON documents and their words.

use crate::support::{Room, experiment, project, small};

#[test]
fn strategies_are_listed_and_shown() {
    let room = Room::new();
    let document = room.json(&["strategies", "list", "--json"]);
    let names: Vec<&str> = document["strategies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    for name in ["random", "grid", "block", "combined"] {
        assert!(names.contains(&name), "{names:?}");
        assert!(room.ok(&["strategies", "show", name]).contains("source:"));
    }
    assert!(room.refused(&["strategies", "show", "blok"]).contains("block"));
}

#[test]
fn previews_hide_exactly_what_they_say() {
    let room = Room::new();
    for grid in ["14x14", "7x13", "16x4"] {
        for name in ["random", "grid", "block", "combined"] {
            let args = [
                "strategies",
                "preview",
                name,
                "--grid",
                grid,
                "--ratio",
                "0.6",
                "--samples",
                "50",
                "--json",
            ];
            let document = room.json(&args);
            assert_eq!(document["strategy"], name);
            let (rows, cols) = grid.split_once('x').unwrap();
            assert_eq!(document["grid"][0].to_string(), rows);
            let patches: usize = rows.parse::<usize>().unwrap() * cols.parse::<usize>().unwrap();
            let masks = document["masks"].as_array().unwrap();
            assert_eq!(masks.len(), 50);
            for mask in masks {
                let bits: Vec<u64> = mask.as_array().unwrap().iter().map(|b| b.as_u64().unwrap()).collect();
                assert_eq!(bits.len(), patches);
                assert_eq!(bits.iter().sum::<u64>(), document["hidden"].as_u64().unwrap());
            }
        }
    }
}

#[test]
fn model_sizes_equal_the_reference() {
    let room = Room::new();
    let cases = [
        ("base", 85_798_656, 111_907_840, 111_655_680),
        ("large", 303_301_632, 329_541_888, 329_239_296),
        ("huge", 630_764_800, 657_074_508, 656_613_964),
    ];
    for (name, encoder, total, trainable) in cases {
        let document = room.json(&["model", "info", name, "--json"]);
        assert_eq!(document["variant"], name);
        assert_eq!(document["encoder_params"], encoder);
        assert_eq!(document["total_params"], total);
        assert_eq!(document["trainable_params"], trainable);
        assert_eq!(document["model"]["patch_size"], if name == "huge" { 14 } else { 16 });
    }
    assert_eq!(
        room.json(&["model", "info", "large_decoder12", "--json"])["total_params"],
        342_151_424
    );
    assert_eq!(
        room.json(&["model", "info", "small", "--json"])["total_params"],
        47_578_240
    );
    assert_eq!(
        room.json(&["model", "info", "small", "--json"])["encoder_params"],
        21_665_664
    );
    assert_eq!(
        room.json(&["model", "info", "tiny", "--json"])["encoder_params"],
        5_524_416
    );
}

#[test]
fn configuration_says_where_every_key_comes_from() {
    let room = Room::new();
    room.write(
        "x.toml",
        &experiment(1).replace("[sweep]", "[set]\ntrain.epochs = 3\n[sweep]"),
    );
    let output = room
        .command(&["config", "x.toml", "--set", "train.blr=0.01", "--json"])
        .env("MAE_EXP_TRAIN__WARMUP_EPOCHS", "0.5")
        .output()
        .unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let (config, origins) = (&document["trials"][0]["config"], &document["trials"][0]["origins"]);
    assert_eq!(config["train"]["epochs"], 3);
    assert_eq!(config["train"]["warmup_epochs"], 0.5);
    let origin = |key: &str| origins[key].as_str().unwrap().to_string();
    assert!(origin("train.epochs").contains("x.toml"), "{}", origin("train.epochs"));
    assert!(origin("train.blr").contains("--set"), "{}", origin("train.blr"));
    assert!(origin("train.warmup_epochs").contains("MAE_EXP_TRAIN__WARMUP_EPOCHS"));
    assert!(
        origin("model.patch_size").contains("model/nano"),
        "{}",
        origin("model.patch_size")
    );
    assert!(origin("mask.ratio").contains("sweep"), "{}", origin("mask.ratio"));
}

#[test]
fn the_flat_yaml_form_is_one_trial() {
    let room = Room::new();
    let yaml = "model_name: mae\nimg_size: 32\npatch_size: 8\nin_chans: 3\nembed_dim: 24\nencoder_depth: 1\n\
                encoder_num_heads: 2\ndecoder_embed_dim: 16\ndecoder_depth: 1\ndecoder_num_heads: 2\nmlp_ratio: 4\n\
                norm_pix_loss: true\nmask_ratio: 0.6\n";
    room.write("mae.yaml", yaml);
    let document = room.json(&["config", "mae.yaml", "--json"]);
    assert_eq!(document["trials"][0]["config"]["mask"]["ratio"], 0.6);
    assert_eq!(document["trials"][0]["config"]["model"]["embed_dim"], 24);
}

#[test]
fn a_recorded_run_is_shown_and_exported() {
    let room = Room::new();
    room.write("x.toml", &experiment(2));
    room.ok(&small(&["sweep", "x.toml"]));
    let id = room.json(&["runs", "--json"])["runs"][0]["id"]
        .as_str()
        .unwrap()
        .to_string();
    let shown = room.ok(&["show", &id[..6]]);
    assert!(
        shown.contains("mask.ratio = 0.5") && shown.contains("environment"),
        "{shown}"
    );
    let document = room.json(&["show", &id, "--json"]);
    let points = document["points"].as_array().unwrap();
    assert!(points.iter().any(|p| p["name"] == "val_loss" && p["epoch"] == 0.0));
    assert!(document["environment"]["burn"].is_string());
    assert_eq!(room.ok(&["export", "tiny"]).lines().count(), 5);
    assert!(room.ok(&["export", "tiny", "--format", "latex"]).contains("\\toprule"));
    assert!(room.json(&["export", "tiny", "--format", "json"]).is_object());
    assert!(room.ok(&["report", "tiny", "--out", "page"]).contains("index.html"));
    assert!(room.path().join("page/index.html").is_file());
    let table = room.ok(&["runs", "--sweep", "tiny", "--status", "finished"]);
    assert_eq!(table.lines().count(), 5, "{table}");
    let doctor = room.json(&["doctor", "--json"]);
    assert_eq!(doctor["store"]["state"], "sound");
    assert!(doctor["devices"].as_array().unwrap().iter().any(|d| d["ready"] == true));
}

#[test]
fn a_step_is_measured() {
    let room = Room::new();
    let model = "[model]\nvariant = \"mite\"\nimg_size = 16\npatch_size = 4\nembed_dim = 16\nencoder_depth = 1\n\
                 encoder_num_heads = 2\ndecoder_embed_dim = 16\ndecoder_depth = 1\ndecoder_num_heads = 2\n";
    room.write("mite.toml", model);
    let args = [
        "bench",
        "train-step",
        "--model",
        "mite.toml",
        "--batch",
        "4",
        "--steps",
        "3",
        "--json",
    ];
    let document = room.json(&args);
    assert_eq!(document["batch"], 4);
    assert_eq!(document["precision"], "f32");
    assert_eq!(
        document["wait_share"],
        serde_json::Value::Null,
        "noise is not waited for"
    );
    let document = room.json(&[&args[..], &["--data", "synthetic"]].concat());
    assert!((0.0..1.0).contains(&document["wait_share"].as_f64().unwrap()));
    assert!(document["median_s"].as_f64().unwrap() > 0.0);
    assert!(document["images_per_s"].as_f64().unwrap() > 0.0);
}

#[test]
fn masks_recording_and_pictures_are_measured() {
    let room = Room::new();
    let document = room.json(&[
        "bench",
        "masks",
        "--grid",
        "4",
        "--batch",
        "4",
        "--batches",
        "2",
        "--json",
    ]);
    let masks = document["masks"].as_array().unwrap();
    assert!(masks.iter().any(|mask| mask["strategy"] == "block"));
    assert!(masks.iter().all(|mask| mask["masks_per_s"].as_f64().unwrap() > 0.0));
    let document = room.json(&["bench", "store", "--writers", "3", "--points", "505", "--json"]);
    assert_eq!((&document["rows"], &document["errors"]), (&1515.into(), &0.into()));
    for key in [
        "points_per_s",
        "call_p50_us",
        "call_p99_us",
        "seconds",
        "create_ms",
        "close_ms",
    ] {
        assert!(document[key].as_f64().unwrap() > 0.0, "{key}");
    }
    let folder = room.path().join("pictures");
    std::fs::create_dir(&folder).unwrap();
    for i in 0..4u8 {
        let picture = image::RgbImage::from_pixel(40, 30, image::Rgb([i * 60, 9, 200]));
        picture.save(folder.join(format!("{i}.png"))).unwrap();
    }
    let args = [
        "bench", "input", "--data", "pictures", "--size", "16", "--images", "6", "--warmup", "1",
    ];
    let document = room.json(&[&args[..], &["--threads", "2", "--json"]].concat());
    assert_eq!(document["threads"], 2);
    assert!(document["images_per_s"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_readme_s_questions_to_the_store_are_answered() {
    let room = Room::new();
    room.write("x.toml", &experiment(1));
    let mut args = small(&["sweep", "x.toml"]);
    args.extend(["--set", "train.epochs=3"]);
    room.ok(&args);
    let readme = std::fs::read_to_string(project().join("README.md")).unwrap();
    let queries: Vec<&str> = readme
        .split("sqlite3 runs/mae-exp.db \"")
        .skip(1)
        .filter_map(|q| q.split('"').next())
        .collect();
    assert!(queries.len() >= 2, "the README asks the store something");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use sqlx::{Connection, SqliteConnection};
        let path = room.path().join("runs/mae-exp.db");
        let mut connection = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
        for query in queries {
            let rows = sqlx::query(sqlx::AssertSqlSafe(query))
                .fetch_all(&mut connection)
                .await
                .unwrap();
            assert!(!rows.is_empty(), "nothing answers {query}");
        }
    });
}
