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
fn every_shipped_experiment_loads() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let expected = [("mask_ratio", 15), ("sizes", 3), ("strategies", 12)];
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
