//! The parts and experiments of the repository load, and the table of keys fits the types.

use std::path::PathBuf;

use super::{Bench, NANO, request};
use crate::spec::resolve::flatten;
use crate::spec::schema::KEYS;
use crate::spec::{model_part, parts};

#[test]
fn the_table_of_keys_is_that_of_the_types() {
    let sets = [
        "data.kind=folder",
        "data.path=p",
        "data.train_limit=1",
        "data.val_limit=1",
        "eval.lpips_weights=w.safetensors",
        "model.init=w.pth",
        "train.checkpoint_steps=1",
        "train.clip_grad=1",
        "train.lr=1",
        "train.max_steps=1",
    ];
    let trial = Bench::new(NANO).load_with(&sets, &[]).unwrap().trials.remove(0);
    let typed: Vec<String> = flatten(&trial.spec.to_config()).into_keys().collect();
    let mut table: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    table.sort_unstable();
    assert_eq!(typed, table);
}

#[test]
fn every_shipped_part_loads() {
    let names: Vec<String> = parts().into_iter().map(|part| part.name).collect();
    let expected = [
        "data/folder",
        "data/photos",
        "data/synthetic",
        "model/base",
        "model/huge",
        "model/large",
        "model/large_decoder12",
        "model/nano",
        "model/small",
        "model/tiny",
        "train/pretrain",
        "train/quick",
    ];
    assert_eq!(names, expected);
    assert!(
        parts().iter().all(|part| part.summary.ends_with(['.', '`'])),
        "{:?}",
        parts()
    );
    for name in &names {
        let sets: &[&str] = if name == "data/folder" { &["data.path=p"] } else { &[] };
        let trial = request(&[name], sets, &[]).unwrap().trials.remove(0);
        let section = name.split('/').next().unwrap();
        assert!(
            trial
                .origins
                .iter()
                .any(|(key, origin)| key.starts_with(section) && origin.contains(name.as_str())),
            "{name}"
        );
    }
    for variant in names.iter().filter_map(|name| name.strip_prefix("model/")) {
        assert_eq!(model_part(variant).unwrap().variant, variant);
        assert_eq!(model_part(&format!("model/{variant}")).unwrap().variant, variant);
    }
    let huge = model_part("huge").unwrap();
    assert_eq!(
        (
            huge.embed_dim,
            huge.encoder_depth,
            huge.encoder_num_heads,
            huge.patch_size
        ),
        (1280, 32, 16, 14)
    );
    assert!(
        model_part("hueg")
            .unwrap_err()
            .to_string()
            .contains("did you mean model/huge?")
    );
}

#[test]
fn parts_of_one_section_leave_the_pictures_alone() {
    for (data, least) in [("data/photos", 0.3), ("data/synthetic", 0.5)] {
        let trial = request(&["model/nano", data, "train/quick"], &[], &[])
            .unwrap()
            .trials
            .remove(0);
        assert_eq!(trial.spec.data.crop_scale, [least, 1.0], "{data}");
        assert!(trial.origins["data.crop_scale"].contains(data));
    }
}

#[test]
fn the_examples_of_the_guide_load() {
    let guide = include_str!("../../../configs/README.md");
    let blocks = |language: &str| -> Vec<String> {
        let fenced = guide.split("```").skip(1).step_by(2);
        fenced
            .filter_map(|block| block.strip_prefix(language))
            .map(str::to_owned)
            .collect()
    };
    let [experiment, cases, search, nested, stopping] = &blocks("toml\n")[..] else {
        panic!("five examples in TOML")
    };
    let bench = Bench::new(experiment);
    let found = bench.load();
    assert_eq!((found.trials.len(), found.name.as_str()), (12, "mine"));
    assert_eq!(found.trials[3].label, "mask.ratio=0.5 model=tiny seed=0");
    assert_eq!(found.trials[0].spec.data.synthetic_train, 512);
    assert_eq!(found.trials[0].spec.train.epochs, 3);
    bench.write("x.toml", &format!("{NANO}{cases}"));
    assert_eq!(bench.load().trials.len(), 2);
    bench.write("x.toml", &format!("{NANO}{search}"));
    let found = bench.load();
    assert_eq!(
        (found.trials.len(), found.warnings.len()),
        (5 * (4 * 2 - 1) + 1, 0),
        "{:?}",
        found.warnings
    );
    bench.write("x.toml", &format!("{NANO}{nested}"));
    assert_eq!(bench.load().trials.len(), 6);
    bench.write("x.toml", &format!("{NANO}{stopping}"));
    let found = bench.load();
    assert_eq!(
        (found.budget.max_trials, found.early_stop.map(|stop| stop.min_epochs)),
        (Some(20), Some(2.0))
    );
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    let [flat] = &blocks("yaml\n")[..] else {
        panic!("one example in YAML")
    };
    bench.write("flat.yaml", &format!("{flat}eval.batch_size: 32\n"));
    let sets = ["data=photos", "model.img_size=[96, 128]", "seeds=[0, 7]"];
    let env = [("MAE_EXP_TRAIN__BATCH_SIZE", "12"), ("MAE_EXP_SEED", "3")];
    let found = request(&[&bench.path("flat.yaml")], &sets, &env).unwrap();
    let spec = &found.trials[1].spec;
    assert_eq!(
        (spec.model.encoder_num_heads, spec.model.img_size.width, spec.seed),
        (3, 128, 7)
    );
    assert_eq!((spec.train.batch_size, spec.eval.batch_size), (12, 32));
    let yaml = "base: [model/nano, data/synthetic]\nsweep:\n  train.epochs: [9, 8]\n  mask.ratio: [0.5]\n  cases:\n  - {name: a, data.hflip: 0}\n";
    bench.write("sweep.yaml", yaml);
    let found = request(&[&bench.path("sweep.yaml")], &[], &[("MAE_EXP_MODEL", "tiny")]).unwrap();
    assert_eq!(found.trials[0].label, "train.epochs=9 mask.ratio=0.5 case=a seed=0");
    assert_eq!(found.trials[0].spec.model.variant, "tiny");
}

#[test]
fn every_shipped_experiment_loads() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let expected = [("mask_ratio", 15), ("search", 24), ("sizes", 3), ("strategies", 75)];
    for (name, trials) in expected {
        let experiment = request(&[&folder.join(format!("{name}.toml")).display().to_string()], &[], &[]).unwrap();
        assert_eq!((experiment.name.as_str(), experiment.trials.len()), (name, trials));
        assert!(experiment.warnings.is_empty(), "{:?}", experiment.warnings);
        assert!(!experiment.question.is_empty() && !experiment.expect.is_empty() && !experiment.cost.is_empty());
    }
    let files = folder
        .read_dir()
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    for file in files.filter(|file| file.ends_with(".toml")) {
        let path = folder.join(&file).display().to_string();
        assert!(!request(&[&path], &[], &[]).unwrap().trials.is_empty(), "{file}");
    }
}
