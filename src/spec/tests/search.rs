//! Searches: lists that move together, draws, conditions, points left out and added.

use serde_json::json;

use super::{Bench, NANO, error_of, labels};
use crate::spec::Experiment;

fn sweep(text: &str) -> Experiment {
    Bench::new(&format!("{NANO}[sweep]\n{text}")).load()
}

fn axis<'e>(experiment: &'e Experiment, key: &str) -> &'e [serde_json::Value] {
    let axis = experiment.axes.iter().find(|axis| axis.key == key);
    axis.map_or(&[], |axis| &axis.values)
}

#[test]
fn zipped_lists_move_together_at_the_place_of_the_first() {
    let experiment = sweep(
        "train.epochs = [4, 8]\nmask.ratio = [0.5, 0.75]\ntrain.blr = [0.02, 0.01]\nzip = [[\"train.epochs\", \"train.blr\"]]\n",
    );
    let expected = [
        "train.epochs=4 train.blr=0.02 mask.ratio=0.5 seed=0",
        "train.epochs=4 train.blr=0.02 mask.ratio=0.75 seed=0",
        "train.epochs=8 train.blr=0.01 mask.ratio=0.5 seed=0",
        "train.epochs=8 train.blr=0.01 mask.ratio=0.75 seed=0",
    ];
    assert_eq!(labels(&experiment), expected);
    let keys: Vec<&str> = experiment.axes.iter().map(|axis| axis.key.as_str()).collect();
    assert_eq!(keys, ["train.epochs", "train.blr", "mask.ratio"]);
    let (train, common) = (&experiment.trials[2].spec.train, &experiment.common["train"]);
    assert_eq!((train.epochs, train.blr), (8, 0.01));
    assert!(common.get("epochs").is_none() && common.get("blr").is_none());
    let repeated =
        sweep("model = [\"nano\", \"tiny\"]\ntrain.epochs = [3, 3]\nzip = [[\"train.epochs\", \"model\"]]\n");
    let expected = ["train.epochs=3 model=nano seed=0", "train.epochs=3 model=tiny seed=0"];
    assert_eq!(labels(&repeated), expected);
    assert_eq!(axis(&repeated, "train.epochs"), [json!(3)]);
}

#[test]
fn draws_make_points_that_listed_keys_multiply() {
    let text = "mask.ratio = [0.5, 0.75]\nsamples = 3\ntrain.blr = { log_uniform = [1e-3, 1e-1] }\n\
                train.epochs = { int_uniform = [2, 9] }\nseeds = 2\n";
    let experiment = sweep(text);
    assert_eq!(experiment.trials.len(), 12);
    assert_eq!(
        (
            axis(&experiment, "train.blr").len(),
            axis(&experiment, "mask.ratio").len()
        ),
        (3, 2)
    );
    for (place, trial) in experiment.trials.iter().enumerate() {
        let (train, draw) = (&trial.spec.train, &experiment.trials[place / 4 * 4].spec.train);
        assert_eq!(
            (train.blr, train.epochs),
            (draw.blr, draw.epochs),
            "draws are outermost"
        );
        assert!((1e-3..=1e-1).contains(&train.blr) && (2..=9).contains(&train.epochs));
        assert_eq!(trial.spec.mask.ratio, [0.5, 0.75][place / 2 % 2]);
        assert!(
            trial.label.contains(&format!("train.blr={} ", train.blr)),
            "{}",
            trial.label
        );
        assert_eq!(trial.origins["train.blr"], "sweep");
    }
    let drawn = |experiment: &Experiment| -> Vec<(u64, usize)> {
        let trials = experiment.trials.iter().map(|trial| &trial.spec.train);
        trials.map(|train| (train.blr.to_bits(), train.epochs)).collect()
    };
    let lines: Vec<&str> = text.lines().rev().collect();
    let turned = sweep(&lines.join("\n"));
    let sorted = |mut values: Vec<(u64, usize)>| {
        values.sort_unstable();
        values
    };
    assert_eq!(sorted(drawn(&turned)), sorted(drawn(&experiment)), "the order of keys");
    let other = sweep(&format!("{text}search_seed = 1\n"));
    assert_ne!(drawn(&other), drawn(&experiment));
    assert_eq!(drawn(&sweep(&format!("{text}search_seed = 0\n"))), drawn(&experiment));
    assert_eq!(other.common, experiment.common);
}

#[test]
fn choices_draw_words_and_parts_and_repeats_are_left_out() {
    let experiment =
        sweep("samples = 40\nmodel = { choice = [\"nano\", \"tiny\"] }\ndata.hflip = { choice = [0.0, 0.5] }\n");
    assert_eq!(experiment.trials.len(), 4);
    assert_eq!(experiment.warnings.len(), 1, "{:?}", experiment.warnings);
    let warning = &experiment.warnings[0];
    assert!(
        warning.starts_with("36 of the 40 draws in ") && warning.ends_with(" repeat earlier ones and are left out"),
        "{warning}"
    );
    let mut models: Vec<&str> = experiment
        .trials
        .iter()
        .map(|t| t.spec.model.variant.as_str())
        .collect();
    models.sort_unstable();
    assert_eq!(models, ["nano", "nano", "tiny", "tiny"]);
}

#[test]
fn conditional_keys_count_only_where_the_condition_holds() {
    let text = "mask.shape = { values = [\"rows\", \"square\"], when = { \"mask.strategy\" = \"block\" } }\n\
                mask.strategy = [\"random\", \"block\", \"grid\"]\n";
    let experiment = sweep(text);
    let expected = [
        "mask.strategy=random seed=0",
        "mask.strategy=block mask.shape=rows seed=0",
        "mask.strategy=block mask.shape=square seed=0",
        "mask.strategy=grid seed=0",
    ];
    assert_eq!(labels(&experiment), expected);
    assert_eq!(axis(&experiment, "mask.shape"), [json!("rows"), json!("square")]);
    let several = sweep(
        "mask.strategy = [\"random\", \"block\", \"combined\"]\n\
         mask.random_offset.values = [true, false]\nmask.random_offset.when.mask.strategy = [\"block\", \"combined\"]\n\
         data.hflip = { values = [0.0, 0.5], when = { \"mask.random_offset\" = true } }\n",
    );
    assert_eq!(several.trials.len(), 1 + 2 * (2 + 1), "{:?}", labels(&several));
    assert_eq!(labels(&several)[0], "mask.strategy=random seed=0");
    assert_eq!(several.trials[0].spec.data.hflip, 0.5, "its fixed value");
}

#[test]
fn conditions_on_cases_draws_and_fixed_values() {
    let cases = sweep(
        "train.epochs = { values = [2, 3], when = { case = \"long\" } }\n\
         [[sweep.cases]]\nname = \"short\"\ntrain.blr = 0.1\n[[sweep.cases]]\nname = \"long\"\ntrain.blr = 0.2\n",
    );
    assert_eq!(
        labels(&cases),
        [
            "case=short seed=0",
            "case=long train.epochs=2 seed=0",
            "case=long train.epochs=3 seed=0"
        ]
    );
    let conditional = sweep(
        "train.epochs = [2, 3]\ncases = { values = [{ name = \"a\", mask.ratio = 0.5 }, { name = \"b\", mask.ratio = 0.6 }], \
         when = { train.epochs = 3 } }\n",
    );
    let expected = [
        "train.epochs=2 seed=0",
        "train.epochs=3 case=a seed=0",
        "train.epochs=3 case=b seed=0",
    ];
    assert_eq!(labels(&conditional), expected);
    let text = "samples = 5\nmask.strategy = [\"random\", \"block\"]\nmask.ratio = { uniform = [0.4, 0.6], \
                when = { \"mask.strategy\" = \"block\" } }\n";
    let drawn = sweep(text);
    assert_eq!(drawn.trials.len(), 6, "{:?}", labels(&drawn));
    assert_eq!(
        labels(&drawn).iter().filter(|label| label.contains("random")).count(),
        1
    );
    assert!(drawn.warnings.is_empty(), "{:?}", drawn.warnings);
    let fixed = Bench::new(&format!("{NANO}[set]\nmask.ratio = 0.9\n[sweep]\n{text}")).load();
    assert_eq!(fixed.trials[0].spec.mask.ratio, 0.9);
    assert!(
        fixed.warnings.is_empty(),
        "the fixed value has an effect: {:?}",
        fixed.warnings
    );
}

#[test]
fn points_are_left_out_and_added() {
    let text = "mask.strategy = [\"random\", \"block\"]\nmask.ratio = [0.5, 0.75, 0.9]\n\
                exclude = [{ \"mask.strategy\" = \"block\", mask.ratio = [0.75, 0.9] }, { mask.ratio = 0.6 }]\n\
                include = [{ mask.strategy = \"grid\", train.epochs = 3 }, { mask.strategy = \"random\", mask.ratio = 0.5 }]\n";
    let experiment = sweep(text);
    let expected = [
        "mask.strategy=random mask.ratio=0.5 seed=0",
        "mask.strategy=random mask.ratio=0.75 seed=0",
        "mask.strategy=random mask.ratio=0.9 seed=0",
        "mask.strategy=block mask.ratio=0.5 seed=0",
        "mask.strategy=grid train.epochs=3 seed=0",
    ];
    assert_eq!(labels(&experiment), expected);
    assert_eq!(
        axis(&experiment, "mask.strategy"),
        [json!("random"), json!("block"), json!("grid")]
    );
    assert_eq!(axis(&experiment, "train.epochs"), [json!(3)]);
    assert!(experiment.common["train"].get("epochs").is_none());
    let [unmatched, repeated] = &experiment.warnings[..] else {
        panic!("{:?}", experiment.warnings)
    };
    assert!(
        unmatched.starts_with("exclude in ")
            && unmatched.ends_with(" has an entry that matches no point: mask.ratio = 0.6"),
        "{unmatched}"
    );
    assert_eq!(
        repeated,
        "1 trial is configured as an earlier one and is left out: mask.strategy=random mask.ratio=0.5 seed=0 is \
         mask.strategy=random mask.ratio=0.5 seed=0"
    );
    let cases = sweep(
        "mask.ratio = [0.5]\ninclude = [{ case = \"b\", mask.ratio = 0.6 }]\nexclude = [{ case = \"b\" }]\nseeds = 2\n\
         [[sweep.cases]]\nname = \"a\"\ntrain.epochs = 2\n[[sweep.cases]]\nname = \"b\"\ntrain.epochs = 3\n",
    );
    let epochs: Vec<usize> = cases.trials.iter().map(|trial| trial.spec.train.epochs).collect();
    assert_eq!((epochs, cases.trials[2].spec.mask.ratio), (vec![2, 2, 3, 3], 0.6));
    let only = sweep("mask.ratio = [0.5]\nexclude = [{ mask.ratio = 0.5 }]\ninclude = [{ mask.ratio = 0.6 }]\n");
    assert_eq!(labels(&only), ["mask.ratio=0.6 seed=0"]);
    assert_eq!(axis(&only, "mask.ratio"), [json!(0.6)]);
    let never = sweep("mask.ratio = [0.5]\ntrain.epochs = { values = [2, 3], when = { mask.ratio = 0.7 } }\n");
    assert!(never.warnings[0].contains("train.epochs in ") && never.warnings[0].contains(" is swept in no point"));
}

#[test]
fn mistakes_in_searches_are_one_line_that_names_thing_and_cure() {
    let table = |key: &str, rest: &str| format!("samples = 3\n{key} = {{ {rest} }}");
    let cases: Vec<(String, &str)> = vec![
        (table("train.blr", "uniform = [0.1, 0.1]"), "uniform of train.blr in x.toml must be [least, most] with least < most, found [0.1,0.1]"),
        (table("train.blr", "log_uniform = [0, 0.1]"), "log_uniform of train.blr in x.toml must begin above 0, where logarithms do: use a first bound such as 1e-6, found [0,0.1]"),
        (table("train.blr", "log_uniform = [0.1]"), "log_uniform of train.blr in x.toml must be [least, most], two numbers, found list [0.1]"),
        (table("train.epochs", "int_uniform = [1, 2.5]"), "int_uniform of train.epochs in x.toml must be [least, most], two whole numbers, found list [1,2.5]"),
        (table("train.epochs", "int_uniform = 4"), "int_uniform of train.epochs in x.toml must be [least, most], two whole numbers, found number 4"),
        (table("train.epochs", "uniform = [1, 4]"), "uniform of train.epochs in x.toml: train.epochs takes whole numbers: use int_uniform"),
        (table("train.blr", "int_uniform = [1, 4]"), "int_uniform of train.blr in x.toml: train.blr takes any number: use uniform or log_uniform"),
        (table("mask.strategy", "uniform = [0, 1]"), "uniform of mask.strategy in x.toml: mask.strategy takes no single number: use choice"),
        (table("mask.shape", "uniform = [0, 1]"), "uniform of mask.shape in x.toml: mask.shape takes no single number: use choice"),
        (table("train.blr", "uniform = [-1, 0.1]"), "train.blr = -1.0 in x.toml must be above 0"),
        (table("train.epochs", "int_uniform = [1, 2000000]"), "train.epochs = 2000000 in x.toml must be at most 1000000"),
        (table("data.hflip", "uniform = [0, 1.5]"), "data.hflip = 1.5 in x.toml must be from 0 to 1"),
        (table("mask.strategy", "choice = []"), "choice of mask.strategy in x.toml must be a list of values, found list []"),
        (table("mask.strategy", "choice = [\"gird\"]"), "unknown masking strategy mask.strategy = \"gird\" in x.toml: did you mean grid?; there are random, grid, "),
        (table("train.blr", "log_unifrom = [1, 2]"), "unknown key log_unifrom in train.blr of x.toml: did you mean log_uniform?"),
        (table("train.blrr", "uniform = [1, 2]"), "unknown key train.blrr in x.toml: did you mean train.blr?"),
        (table("train.blr", "uniform = [1, 2], choice = [1]"), "train.blr in x.toml gives both uniform and choice: keep one"),
        ("train.blr = { uniform = [1, 2] }".into(), "uniform of train.blr in x.toml draws values: say how many points with samples = N under [sweep]"),
        ("samples = 3\ntrain.blr = [1]".into(), "samples in x.toml has no effect, because no key is drawn: give one as { uniform = [least, most] }, or leave samples out"),
        ("search_seed = 3\ntrain.blr = [1]".into(), "search_seed in x.toml has no effect, because no key is drawn: give one as { uniform = [least, most] }, or leave search_seed out"),
        ("samples = 0".into(), "samples in x.toml must be a whole number from 1 to 10000, found number 0"),
        ("sample = 3\ntrain.blr = [1]".into(), "unknown key sample in x.toml: did you mean samples?"),
        ("search_seed = -1".into(), "search_seed in x.toml must be a whole number from 0 to 9223372036854775807, found number -1"),
        ("train.blr = { when = { mask.ratio = 0.5 } }\nmask.ratio = [0.5]".into(), "train.blr in x.toml has a condition and no values: add values = [...]"),
        ("train.blr = { values = [1], when = 3 }".into(), "when of train.blr in x.toml must be a table such as { \"mask.strategy\" = \"block\" }, found number 3"),
        ("train.blr = { values = [1], when = { mask.ratio = 0.5 } }".into(), "when of train.blr in x.toml names mask.ratio, which is not swept: name a swept key, or sweep this one"),
        ("train.blr = { values = [1], when = { mask.rato = 0.5 } }\nmask.ratio = [0.5]".into(), "when of train.blr in x.toml names mask.rato, which is not swept: did you mean mask.ratio?"),
        ("train.blr = { values = [1], when = { mask.ratio = \"a\" } }\nmask.ratio = [0.5]".into(), "mask.ratio in x.toml must be a number, found string \"a\""),
        ("train.blr = { values = [1], when = { train.blr = 1 } }".into(), "when of train.blr in x.toml is about train.blr itself: name another key"),
        ("data.hflip = [0]\ntrain.blr = { values = [1], when = { mask.ratio = 0.5 } }\nmask.ratio = { values = [0.5], when = { train.blr = 1 } }".into(), "the conditions of train.blr and mask.ratio in x.toml go round in a circle: take one `when` away"),
        ("zip = [\"a\"]".into(), "zip in x.toml must be a list of lists of two keys or more, such as [[\"train.epochs\", \"train.blr\"]], found list [\"a\"]"),
        ("zip = [[\"train.blr\"]]\ntrain.blr = [1]".into(), "zip in x.toml must be a list of lists of two keys or more, such as [[\"train.epochs\", \"train.blr\"]], found list [[\"train.blr\"]]"),
        ("zip = [[\"train.blr\", \"train.epoch\"]]\ntrain.blr = [1]\ntrain.epochs = [2]".into(), "zip in x.toml names train.epoch, which is not swept: did you mean train.epochs?"),
        ("zip = [[\"train.blr\", \"mask.ratio\"]]\ntrain.blr = [1]".into(), "zip in x.toml names mask.ratio, which is not swept: give it a list under [sweep]"),
        ("zip = [[\"train.blr\", \"train.blr\"]]\ntrain.blr = [1]".into(), "zip in x.toml names train.blr twice: keep one"),
        ("zip = [[\"train.blr\", \"mask.ratio\"]]\ntrain.blr = [1, 2]\nmask.ratio = [0.5]".into(), "zip in x.toml needs lists of one length, found train.blr 2, mask.ratio 1: give each as many values"),
        ("zip = [[\"train.blr\", \"mask.ratio\"]]\ntrain.blr = [1, 1]\nmask.ratio = [0.5, 0.5]".into(), "zip of train.blr and mask.ratio in x.toml lists [1.0,0.5] twice: each value makes one trial"),
        ("samples = 2\nzip = [[\"train.blr\", \"mask.ratio\"]]\ntrain.blr = { uniform = [1, 2] }\nmask.ratio = [0.5]".into(), "zip in x.toml names train.blr, which is drawn: drawn keys are one point already, leave it out"),
        ("zip = [[\"train.blr\", \"mask.ratio\"]]\ntrain.blr = { values = [1], when = { data.hflip = 0 } }\ndata.hflip = [0]\nmask.ratio = [0.5]".into(), "zip in x.toml names train.blr, which has a condition: write [[sweep.cases]] instead"),
        ("exclude = [{}]\nmask.ratio = [0.5]".into(), "exclude in x.toml must be a list of tables such as { \"mask.ratio\" = 0.9 }, found list [{}]"),
        ("exclude = { mask.ratio = 0.5 }\nmask.ratio = [0.5]".into(), "exclude in x.toml must be a list of tables such as { \"mask.ratio\" = 0.9 }, found a table"),
        ("exclude = [{ train.blr = 1 }]\nmask.ratio = [0.5]".into(), "exclude in x.toml names train.blr, which is not swept: name a swept key, or sweep this one"),
        ("exclude = [{ mask.ratio = [0.5, 0.6] }]\nmask.ratio = [0.5, 0.6]".into(), "exclude in x.toml leaves no point: take an entry away"),
        ("include = [{ mask.rato = 1 }]".into(), "unknown key mask.rato in x.toml: did you mean mask.ratio?"),
        ("include = [{ seed = 1 }]".into(), "include in x.toml names the seed: every point runs with all seeds, leave it out"),
        ("include = [{ case = \"c\" }]".into(), "include in x.toml names case \"c\", which is not among cases: use the name of one"),
        ("include = 3".into(), "include in x.toml must be a list of tables such as { \"mask.ratio\" = 0.9 }, found number 3"),
    ];
    let of_cases = [
        (
            "samples = 2\ncases = { choice = [{ name = \"a\" }] }",
            "choice of cases in x.toml: cases are not drawn, list them",
        ),
        (
            "cases = { name = \"a\" }",
            "cases in x.toml must be a list of tables, each with a name and the keys it sets, found a table",
        ),
    ];
    for (text, expected) in of_cases {
        assert_eq!(error_of(&format!("{NANO}[sweep]\n{text}")), expected, "{text}");
    }
    for (text, expected) in cases {
        let error = error_of(&format!("{NANO}[sweep]\n{text}"));
        // The list of strategies grows.
        let whole = expected.ends_with(", ") && error.starts_with(expected);
        assert!(whole || error == expected, "{text}\n{error}\n{expected}");
    }
}
