//! Which value wins, where it came from, and the forms in which files come.

use serde_json::{Value, json};

use super::{Bench, NANO, request};
use crate::spec::TrialSpec;
use crate::spec::trial::{DataKind, ImgSize, MaskValue};

#[test]
fn later_layers_win_and_are_remembered() {
    let bench = Bench::new(
        "base = [\"model/nano\", \"mine\"]\n[set]\ntrain.epochs = 3\nmask.ratio = 0.5\n[sweep]\ndata.hflip = [0.1]\n",
    );
    bench.write("mine.toml", "[train]\nepochs = 2\nbatch_size = 9\nweight_decay = 1\n");
    let env = [
        ("MAE_EXP_MASK__RATIO", "0.6"),
        ("MAE_EXP_TRAIN__BLR", "1e-3"),
        ("MAE_EXP_STORE", "x.db"),
        ("PATH", "/"),
    ];
    let experiment = bench.load_with(&["train.blr=2e-3", "data.hflip=0.9"], &env).unwrap();
    let trial = &experiment.trials[0];
    let origin = |key: &str| trial.origins[key].replace(&format!("{}/", bench.0.path().display()), "");
    let expected = [
        ("seed", json!(0), "built-in default"),
        ("model.embed_dim", json!(64), "model/nano"),
        ("train.batch_size", json!(9), "mine.toml"),
        ("train.weight_decay", json!(1.0), "mine.toml"),
        ("train.epochs", json!(3), "x.toml [set]"),
        ("mask.ratio", json!(0.6), "environment MAE_EXP_MASK__RATIO"),
        ("train.blr", json!(2e-3), "--set"),
        ("data.hflip", json!(0.1), "sweep"),
    ];
    for (key, value, from) in expected {
        let (section, leaf) = key.split_once('.').unwrap_or((key, ""));
        let found = if leaf.is_empty() {
            &trial.config[section]
        } else {
            &trial.config[section][leaf]
        };
        assert_eq!(found, &value, "{key}");
        assert!(origin(key).contains(from), "{key}: {}", origin(key));
    }
    assert_eq!(trial.spec.train.weight_decay, 1.0);
    assert_eq!(experiment.warnings.len(), 2, "{:?}", experiment.warnings);
    assert!(experiment.warnings[0].starts_with("data.hflip from --set has no effect: "));
    assert!(experiment.warnings[1].starts_with("train.warmup_epochs = 5 is not below train.epochs = 3"));
}

#[test]
fn a_part_beside_the_experiment_hides_the_built_in_one() {
    let bench = Bench::new("base = [\"model/nano\", \"train/quick\"]");
    bench.write("model/nano.toml", "[model]\nembed_dim = 32\nencoder_num_heads = 4\n");
    let trial = bench.load().trials.remove(0);
    assert_eq!(trial.spec.model.embed_dim, 32);
    assert_eq!(trial.origins["model.embed_dim"], bench.path("model/nano.toml"));
}

#[test]
fn text_from_outside_needs_no_quotes() {
    let sets = [
        "mask.strategy=block",
        "mask.shape=square",
        "mask.flipped=true",
        "data.kind=folder",
        "data.path=2024",
        "model.img_size=[48, 96]",
    ];
    let spec = Bench::new(NANO).load_with(&sets, &[]).unwrap().trials.remove(0).spec;
    assert_eq!(spec.mask.params["shape"], MaskValue::Text("square".into()));
    assert_eq!(spec.mask.params["flipped"], MaskValue::Bool(true));
    assert_eq!(
        (spec.data.kind, spec.data.path.as_deref()),
        (DataKind::Folder, Some("2024"))
    );
    assert_eq!(spec.model.img_size, ImgSize { height: 48, width: 96 });
}

#[test]
fn the_flat_yaml_form_loads() {
    let bench = Bench::new("");
    bench.write("mae.yaml", "model_name: mae\nimg_size: 96\npatch_size: 8\nembed_dim: 192\nencoder_depth: 3\nencoder_num_heads: 3\nmask_ratio: 0.6\nnorm_pix_loss: false\nepochs: 5\n");
    let experiment = request(&[&bench.path("mae.yaml")], &[], &[]).unwrap();
    let trial = &experiment.trials[0];
    assert_eq!((experiment.name.as_str(), experiment.trials.len()), ("mae", 1));
    assert_eq!(
        (
            trial.spec.model.embed_dim,
            trial.spec.model.decoder_depth,
            trial.spec.model.norm_pix_loss
        ),
        (192, 8, false)
    );
    assert_eq!((trial.spec.mask.ratio, trial.spec.train.epochs), (0.6, 5));
    assert_eq!(trial.origins["mask.ratio"], bench.path("mae.yaml"));
    bench.write("large.yaml", "model_name: mae_vit_large_patch16\nmask_ratio: 0.8\n");
    let large = request(&[&bench.path("large.yaml")], &[], &[])
        .unwrap()
        .trials
        .remove(0)
        .spec;
    assert_eq!((large.model.variant.as_str(), large.model.embed_dim), ("large", 1024));
    let error = |text: &str| {
        bench.write("bad.yaml", text);
        let error = request(&[&bench.path("bad.yaml")], &[], &[]).unwrap_err().to_string();
        error.replace(&format!("{}/", bench.0.path().display()), "")
    };
    assert_eq!(
        error("model_name: mae\nmask_ratoi: 0.5"),
        "unknown key mask_ratoi in bad.yaml: did you mean mask_ratio?"
    );
    assert_eq!(
        error("model_name: mae\nmask_ratio: high"),
        "mask.ratio in bad.yaml must be a number, found string \"high\""
    );
    assert!(error("model_name: resnet").starts_with("unknown model_name \"resnet\" in bad.yaml: use mae, or "));
    assert!(error("model_name: [mae\nx: 1").starts_with("bad.yaml:"));
}

#[test]
fn parts_alone_make_one_trial() {
    let bench = Bench::new("[train]\nepochs = 4\n");
    let experiment = request(
        &["model/nano", "data/synthetic.toml", &bench.path("x.toml")],
        &["train.max_steps=1"],
        &[],
    )
    .unwrap();
    assert_eq!(
        (experiment.name.as_str(), experiment.trials.len()),
        ("nano-synthetic-x", 1)
    );
    let spec = &experiment.trials[0].spec;
    assert_eq!(
        (spec.train.epochs, spec.train.max_steps, spec.model.embed_dim),
        (4, Some(1), 64)
    );
}

#[test]
fn a_configuration_and_its_typed_form_are_one() {
    let sets = [
        "mask.strategy=block",
        "mask.block_ratio=0.5",
        "data.train_limit=9",
        "train.lr=1",
    ];
    let trial = Bench::new(NANO).load_with(&sets, &[]).unwrap().trials.remove(0);
    assert_eq!(trial.spec.to_config(), trial.config);
    assert_eq!(TrialSpec::from_config(&trial.config).unwrap(), trial.spec);
    let stored: Value = serde_json::from_str(&trial.config.to_string()).unwrap();
    assert_eq!(TrialSpec::from_config(&stored).unwrap(), trial.spec);
}
