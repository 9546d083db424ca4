//! The module as its users see it: files in, trials or one line of error out.

use std::path::PathBuf;

use mae_strategies::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::trial::{DataKind, ImgSize};
use super::{Experiment, Request, SpecError, load, model_part, parts, validate};

/// A folder of experiment files.
struct Bench(TempDir);

impl Bench {
    fn new(experiment: &str) -> Self {
        let bench = Self(TempDir::new().unwrap());
        bench.write("x.toml", experiment);
        bench
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn load_with(&self, sets: &[&str], env: &[(&str, &str)]) -> Result<Experiment, SpecError> {
        request(&[&self.path("x.toml")], sets, env)
    }

    fn load(&self) -> Experiment {
        self.load_with(&[], &[]).unwrap()
    }

    /// The error of loading, with the folder cut off its paths.
    fn error(&self, sets: &[&str], env: &[(&str, &str)]) -> String {
        let error = self.load_with(sets, env).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
        error.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn request(inputs: &[&str], sets: &[&str], env: &[(&str, &str)]) -> Result<Experiment, SpecError> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    load(
        &Request {
            inputs: owned(inputs),
            sets: owned(sets),
            env,
        },
        &Registry::builtin(),
    )
}

fn error_of(experiment: &str) -> String {
    Bench::new(experiment).error(&[], &[])
}

fn labels(experiment: &Experiment) -> Vec<&str> {
    experiment.trials.iter().map(|trial| trial.label.as_str()).collect()
}

const NANO: &str = "base = [\"model/nano\", \"data/synthetic\", \"train/quick\"]\n";

#[test]
fn mistakes_are_one_line_that_names_thing_and_cure() {
    let cases = [
        (
            "[set]\nmask.strtegy = \"grid\"",
            "unknown key mask.strtegy in x.toml: did you mean mask.strategy?",
        ),
        (
            "[set]\n\"epochs\" = 3",
            "unknown key epochs in x.toml: did you mean train.epochs?",
        ),
        ("[set]\nmodel.head_count = 3", "unknown key model.head_count in x.toml"),
        (
            "[sweep]\nmask.ration = [0.5]",
            "unknown key mask.ration in x.toml: did you mean mask.ratio?",
        ),
        ("nmae = \"x\"", "unknown key nmae in x.toml: did you mean name?"),
        (
            "name = \"x\"\nqestion = \"y\"",
            "unknown key qestion in x.toml: did you mean question?",
        ),
        (
            "name = \"x\"\n[analysis]\ntxt = \"y\"",
            "unknown key analysis.txt in x.toml: did you mean analysis.text?",
        ),
        (
            "name = \"x\"\n[train]\nepochs = 3",
            "train.epochs in x.toml stands outside [set]: move it to [set] or to [set.train]",
        ),
        (
            "[set]\ntrain.epochs = \"ten\"",
            "train.epochs in x.toml must be a whole number, found string \"ten\"",
        ),
        (
            "[set]\ntrain.epochs = 2.5",
            "train.epochs in x.toml must be a whole number, found number 2.5",
        ),
        (
            "[set]\ntrain.epochs = -1",
            "train.epochs in x.toml must be a whole number, found number -1",
        ),
        (
            "[set]\ntrain.blr = true",
            "train.blr in x.toml must be a number, found boolean true",
        ),
        (
            "[set]\nmodel.img_size = [1, 2, 3]",
            "model.img_size in x.toml must be a whole number of pixels or [height, width], found list [1,2,3]",
        ),
        (
            "[set]\ndata.mean = [0.5]",
            "data.mean in x.toml must be a list of 3 numbers, found list [0.5]",
        ),
        (
            "[set]\ndata.kind = \"foldr\"",
            "unknown word \"foldr\" for data.kind in x.toml: did you mean folder?",
        ),
        (
            "[set]\ntrain = 5",
            "train in x.toml must be a table of keys or the name of a part, found number 5",
        ),
        ("set = 5", "set in x.toml must be a table, found number 5"),
        (
            "[sweep]\nmask.ratio = [0.5, \"x\"]",
            "mask.ratio in x.toml must be a number, found string \"x\"",
        ),
        (
            "[sweep]\nmask.ratio = 0.5",
            "mask.ratio in x.toml must be a list of the values to try, found number 0.5",
        ),
        (
            "[sweep]\nmask.ratio = []",
            "mask.ratio in x.toml must be a list of the values to try, found list []",
        ),
        (
            "[sweep]\nmask.ratio = [0.5, 0.5]",
            "mask.ratio in x.toml lists 0.5 twice: each value makes one trial",
        ),
        (
            "[sweep]\nseeds = 0",
            "seeds in x.toml must be a whole number from 1 to 1000, or a list of seeds, found number 0",
        ),
        (
            "[sweep]\nseeds = [1, 1]",
            "seeds in x.toml lists 1 twice: each seed makes one trial",
        ),
        (
            "[set]\nmask.ratio = 0.5\n\"mask.ratio\" = 0.6",
            "set.mask.ratio is given twice in x.toml: keep one",
        ),
        (
            "name = \"a/b\"",
            "name = \"a/b\" in x.toml names a folder: use letters, digits, _, - and .",
        ),
        ("name = 3", "name in x.toml must be text, found number 3"),
        (
            "base = \"model/nano\"",
            "base in x.toml must be a list of part names such as \"model/nano\", found string \"model/nano\"",
        ),
        (
            "[set]\ntrain.blr = nan",
            "set.train.blr = nan in x.toml must be a finite number",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(error_of(text), expected, "{text}");
    }
}

#[test]
fn values_that_make_no_sense_name_their_origin() {
    let cases = [
        ("mask.ratio = 1.5", "mask.ratio = 1.5 in x.toml is outside (0, 1)"),
        (
            "model.img_size = 50",
            "model.img_size = 50 in x.toml is not divisible by model.patch_size = 6 in ",
        ),
        ("model.img_size = 50", ": use 48 or 54 for 50"),
        (
            "model.img_size = [48, 20]",
            "model.img_size = [48,20] in x.toml is not divisible",
        ),
        ("model.img_size = 5", ": use 6 for 5"),
        (
            "model.encoder_num_heads = 5",
            "model.encoder_num_heads = 5 in x.toml does not divide model.embed_dim = 96 in ",
        ),
        ("model.encoder_num_heads = 5", ": use 4 or 6 heads"),
        ("model.decoder_num_heads = 3", "use 2 or 4 heads"),
        (
            "model.embed_dim = 90",
            "model.embed_dim = 90 in x.toml is not a multiple of 4, which the position table needs: use 88 or 92",
        ),
        (
            "model.in_chans = 2",
            "model.in_chans = 2 in x.toml must be 1 (grey) or 3 (RGB)",
        ),
        (
            "model.patch_size = 0",
            "model.patch_size = 0 in x.toml must be 1 or more",
        ),
        ("model.mlp_ratio = 0", "model.mlp_ratio = 0.0 in x.toml must be above 0"),
        (
            "mask.strategy = \"blok\"",
            "mask.strategy = \"blok\" in x.toml: did you mean block?",
        ),
        (
            "mask.shape = \"square\"",
            "unknown parameter mask.shape = \"square\" in x.toml of strategy random",
        ),
        (
            "mask = { strategy = \"block\", shape = \"sqare\" }",
            "mask.shape = \"sqare\" in x.toml is not one of rows, square",
        ),
        (
            "eval.mask_ratio = 0",
            "eval.mask_ratio = 0.0 in x.toml is outside (0, 1)",
        ),
        (
            "eval.mask_strategy = \"gird\"",
            "eval.mask_strategy = \"gird\" in x.toml: did you mean grid?",
        ),
        ("eval.knn_k = 0", "eval.knn_k = 0 in x.toml must be 1 or more"),
        ("eval.tasks = [\"knn\", \"knn\"]", "names a task twice"),
        ("train.epochs = 0", "train.epochs = 0 in x.toml must be 1 or more"),
        (
            "train.batch_size = 0",
            "train.batch_size = 0 in x.toml must be 1 or more",
        ),
        ("train.lr = 0", "train.lr = 0.0 in x.toml must be above 0"),
        ("train.blr = -1", "train.blr = -1.0 in x.toml must be above 0"),
        (
            "train.beta2 = 1",
            "train.beta2 = 1.0 in x.toml must be from 0 to below 1",
        ),
        ("train.min_lr = -0.1", "train.min_lr = -0.1 in x.toml must be 0 or more"),
        (
            "data.kind = \"folder\"",
            "data.kind = \"folder\" in x.toml needs data.path: --set data.path=FOLDER",
        ),
        (
            "data.path = \"p\"",
            "data.path = \"p\" in x.toml is read only with data.kind = \"folder\", but data.kind = \"synthetic\" in ",
        ),
        (
            "data.crop_scale = [0.5, 0.2]",
            "data.crop_scale = [0.5,0.2] in x.toml must be [least, most]",
        ),
        ("data.crop_scale = [0.5, 1.2]", "least <= most <= 1"),
        (
            "data.std = [0.2, 0, 0.2]",
            "data.std = [0.2,0.0,0.2] in x.toml must be above 0, each",
        ),
        ("data.hflip = 2", "data.hflip = 2.0 in x.toml must be from 0 to 1"),
        (
            "data.val_fraction = 1",
            "data.val_fraction = 1.0 in x.toml must lie between 0 and 1",
        ),
        (
            "data.synthetic_classes = 1",
            "data.synthetic_classes = 1 in x.toml must be 2 or more",
        ),
        (
            "data.train_limit = 0",
            "data.train_limit = 0 in x.toml must be 1 or more",
        ),
    ];
    for (line, expected) in cases {
        let error = error_of(&format!("{NANO}[set]\n{line}"));
        assert!(
            error.contains(expected),
            "{line}\n  expected {expected}\n  found    {error}"
        );
    }
    let error = Bench::new(NANO).error(&["mask.ratio=1.5"], &[]);
    assert!(
        error.starts_with("mask.ratio = 1.5 in --set is outside (0, 1)"),
        "{error}"
    );
    let error = Bench::new(&format!("{NANO}[sweep]\nmask.ratio = [0.5, 1.5]")).error(&[], &[]);
    assert!(
        error.starts_with("mask.ratio = 1.5 in x.toml is outside (0, 1)"),
        "{error}"
    );
    let mut trial = Bench::new(NANO).load().trials.remove(0).spec;
    trial.model.encoder_num_heads = 7;
    let error = validate(&trial, &Registry::builtin()).unwrap_err().to_string();
    assert_eq!(
        error,
        "model.encoder_num_heads = 7 does not divide model.embed_dim = 96: use 6 or 8 heads"
    );
}

#[test]
fn files_and_parts_that_are_not_there() {
    let bench = Bench::new(NANO);
    let missing = |name: &str| {
        let error = request(&[&bench.path(name)], &[], &[]).unwrap_err().to_string();
        error.replace(&format!("{}/", bench.0.path().display()), "")
    };
    assert_eq!(missing("xy.toml"), "no file xy.toml: did you mean x.toml?");
    assert!(
        missing("something.toml").ends_with(" holds x.toml"),
        "{}",
        missing("something.toml")
    );
    assert!(
        missing("nowhere/x.toml").contains(": there is no folder nowhere"),
        "{}",
        missing("nowhere/x.toml")
    );
    let error = error_of("base = [\"model/nanno\"]");
    assert!(
        error.starts_with(
            "unknown part model/nanno in base of x.toml: did you mean model/nano? (available: data/folder, "
        ),
        "{error}"
    );
    let error = request(&["model/bse"], &[], &[]).unwrap_err().to_string();
    assert!(
        error.starts_with("unknown part model/bse in the inputs: did you mean model/base?"),
        "{error}"
    );
    let error = error_of("[sweep]\nmodel = [\"base\", \"bigger\"]");
    assert!(
        error.starts_with("unknown part model/bigger in [sweep] of x.toml"),
        "{error}"
    );
    assert_eq!(error_of("a = 1\nb = = 2").split(": ").next(), Some("x.toml:2:5"));
    assert!(request(&[], &[], &[]).unwrap_err().to_string().starts_with("no input"));
    let error = request(&[&bench.path("x.toml"), "model/nano"], &[], &[])
        .unwrap_err()
        .to_string();
    assert!(error.contains("is an experiment of its own"), "{error}");
}

#[test]
fn mistakes_outside_files() {
    let bench = Bench::new(NANO);
    let cases = [
        (
            "mask.strtegy=x",
            "unknown key mask.strtegy in --set: did you mean mask.strategy?",
        ),
        (
            "train.epochs=ten",
            "train.epochs in --set must be a whole number, found string \"ten\"",
        ),
        (
            "train.epochs",
            "--set train.epochs has no value: write --set train.epochs=VALUE",
        ),
        (
            "seeds=none",
            "seeds in --set must be a whole number from 1 to 1000, or a list of seeds, found string \"none\"",
        ),
    ];
    for (set, expected) in cases {
        assert_eq!(bench.error(&[set], &[]), expected);
    }
    let cases = [
        (
            "MAE_EXP_TRAIN__EPOCHS",
            "ten",
            "train.epochs in environment variable MAE_EXP_TRAIN__EPOCHS must be a whole number, found string \"ten\"",
        ),
        (
            "MAE_EXP_TRAN__EPOCHS",
            "3",
            "unknown environment variable MAE_EXP_TRAN__EPOCHS: did you mean MAE_EXP_TRAIN__EPOCHS?",
        ),
        (
            "MAE_EXP_DEVCE",
            "flex",
            "unknown environment variable MAE_EXP_DEVCE: did you mean MAE_EXP_DEVICE?",
        ),
    ];
    for (name, value, expected) in cases {
        assert_eq!(bench.error(&[], &[(name, value)]), expected);
    }
}

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
        ("model.embed_dim", json!(96), "model/nano"),
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
    bench.write("model/nano.toml", "[model]\nembed_dim = 64\nencoder_num_heads = 4\n");
    let trial = bench.load().trials.remove(0);
    assert_eq!(trial.spec.model.embed_dim, 64);
    assert_eq!(trial.origins["model.embed_dim"], bench.path("model/nano.toml"));
}

#[test]
fn the_grid_nests_in_file_order_with_seeds_innermost() {
    let text =
        format!("{NANO}[sweep]\n\"mask.strategy\" = [\"random\", \"grid\"]\nseeds = 2\nmask.ratio = [0.5, 0.75]\n");
    let experiment = Bench::new(&text).load();
    let expected = [
        "mask.strategy=random mask.ratio=0.5 seed=0",
        "mask.strategy=random mask.ratio=0.5 seed=1",
        "mask.strategy=random mask.ratio=0.75 seed=0",
        "mask.strategy=random mask.ratio=0.75 seed=1",
        "mask.strategy=grid mask.ratio=0.5 seed=0",
        "mask.strategy=grid mask.ratio=0.5 seed=1",
        "mask.strategy=grid mask.ratio=0.75 seed=0",
        "mask.strategy=grid mask.ratio=0.75 seed=1",
    ];
    assert_eq!(labels(&experiment), expected);
    let keys: Vec<&str> = experiment.axes.iter().map(|axis| axis.key.as_str()).collect();
    assert_eq!(keys, ["mask.strategy", "mask.ratio", "seed"]);
    let trial = &experiment.trials[5];
    assert_eq!((trial.position, trial.spec.seed), (5, 1));
    assert_eq!(
        Value::from(trial.point.clone()),
        json!({ "mask.strategy": "grid", "mask.ratio": 0.5 })
    );
    assert_eq!(trial.origins["seed"], "sweep");
}

#[test]
fn seeds_count_up_from_the_seed_and_can_be_replaced() {
    let bench = Bench::new(&format!("{NANO}[sweep]\nseeds = 3\n"));
    let seeds = |sets: &[&str]| -> Vec<u64> {
        bench
            .load_with(sets, &[])
            .unwrap()
            .trials
            .iter()
            .map(|trial| trial.spec.seed)
            .collect()
    };
    assert_eq!(seeds(&[]), [0, 1, 2]);
    assert_eq!(seeds(&["seed=7"]), [7, 8, 9]);
    assert_eq!(seeds(&["seed=7", "seeds=1"]), [7]);
    assert_eq!(seeds(&["seeds=[4, 2]"]), [4, 2]);
    let listed = Bench::new(&format!("{NANO}[sweep]\nseeds = [5, 3]\n"))
        .load_with(&["seed=7"], &[])
        .unwrap();
    assert_eq!(labels(&listed), ["seed=5", "seed=3"]);
    assert!(listed.warnings[0].ends_with(" sweeps seeds"), "{:?}", listed.warnings);
    let plain = Bench::new(NANO)
        .load_with(&["seed=7"], &[("MAE_EXP_SEED", "6")])
        .unwrap();
    assert_eq!((labels(&plain), plain.axes.len()), (vec!["seed=7"], 0));
}

#[test]
fn sections_sweep_over_parts() {
    let experiment = Bench::new(&format!("{NANO}[sweep]\nmodel = [\"nano\", \"tiny\"]\n"))
        .load_with(&["model.embed_dim=64"], &[])
        .unwrap();
    assert_eq!(labels(&experiment), ["model=nano seed=0", "model=tiny seed=0"]);
    let widths: Vec<usize> = experiment
        .trials
        .iter()
        .map(|trial| trial.spec.model.embed_dim)
        .collect();
    assert_eq!(widths, [96, 192]);
    assert!(
        experiment.warnings[0].starts_with("model.embed_dim from --set has no effect: "),
        "{:?}",
        experiment.warnings
    );
    let chosen = Bench::new(NANO)
        .load_with(&["model=tiny", "model.encoder_depth=2"], &[])
        .unwrap();
    assert_eq!(
        (
            chosen.trials[0].spec.model.embed_dim,
            chosen.trials[0].spec.model.encoder_depth
        ),
        (192, 2)
    );
}

#[test]
fn cases_couple_several_keys() {
    let text = format!(
        "{NANO}[[sweep.cases]]\nname = \"rows\"\nmask.strategy = \"block\"\n\
         [[sweep.cases]]\nname = \"square\"\n\"mask.strategy\" = \"block\"\n\"mask.shape\" = \"square\"\n"
    );
    let experiment = Bench::new(&text).load();
    assert_eq!(labels(&experiment), ["case=rows seed=0", "case=square seed=0"]);
    assert!(experiment.trials[0].spec.mask.params.is_empty());
    assert_eq!(experiment.trials[1].config["mask"]["shape"], "square");
    assert_eq!(experiment.trials[1].origins["mask.shape"], "sweep");
    let error = error_of("[[sweep.cases]]\nmask.ratio = 0.5\n");
    assert!(
        error.starts_with("cases in x.toml must be a list of tables, each with a name"),
        "{error}"
    );
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
    assert_eq!(
        spec.mask.params["shape"],
        super::trial::MaskValue::Text("square".into())
    );
    assert_eq!(spec.mask.params["flipped"], super::trial::MaskValue::Bool(true));
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
        (4, Some(1), 96)
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
    assert_eq!(super::TrialSpec::from_config(&trial.config).unwrap(), trial.spec);
    let stored: Value = serde_json::from_str(&trial.config.to_string()).unwrap();
    assert_eq!(super::TrialSpec::from_config(&stored).unwrap(), trial.spec);
}

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
    let typed: Vec<String> = super::resolve::flatten(&trial.spec.to_config()).into_keys().collect();
    let mut table: Vec<&str> = super::schema::KEYS.iter().map(|key| key.name).collect();
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
