//! Every mistake a user can make, and the one line that answers it.

use mae_strategies::Registry;

use super::{Bench, NANO, error_of, request};
use crate::spec::validate;

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
            "model.img_size = 50 in x.toml is not divisible by model.patch_size = 8 in ",
        ),
        ("model.img_size = 50", ": use 48 or 56 for 50"),
        (
            "model.img_size = [48, 20]",
            "model.img_size = [48,20] in x.toml is not divisible",
        ),
        ("model.img_size = 5", ": use 8 for 5"),
        (
            "model.encoder_num_heads = 5",
            "model.encoder_num_heads = 5 in x.toml does not divide model.embed_dim = 64 in ",
        ),
        ("model.encoder_num_heads = 5", ": use 4 or 8 heads"),
        ("model.decoder_num_heads = 5", "use 4 or 6 heads"),
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
        ("eval.cross = [\"grid\", \"grid\"]", "names a strategy twice: keep one"),
        (
            "eval.cross = [\"random\", \"gird\"]",
            "unknown masking strategy \"gird\" in eval.cross = [\"random\",\"gird\"] in x.toml: did you mean grid?",
        ),
        ("eval.cross = [3]", "eval.cross in x.toml must be a list of names"),
        ("eval.cross = \"grid\"", "eval.cross in x.toml must be a list of names"),
        ("train.val_every = 0", "train.val_every = 0 in x.toml must be 1 or more"),
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
        "model.encoder_num_heads = 7 does not divide model.embed_dim = 64: use 4 or 8 heads"
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
    let folder = bench.0.path().display();
    let there = format!("no file something.toml: in {folder} there is x.toml");
    assert_eq!(missing("something.toml"), there);
    let here = request(&["nothing_like_it.toml"], &[], &[]).unwrap_err().to_string();
    assert!(
        here.starts_with("no file nothing_like_it.toml here: there ") && here.contains("Cargo.toml"),
        "{here}"
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
    assert!(error_of("# nothing yet").starts_with("x.toml holds no key"));
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
