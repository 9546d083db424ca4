//! Several sweeps in one file.

use serde_json::json;

use super::{Bench, NANO, error_of, labels};

const TWO: &str = "[[sweeps]]\nname = \"short\"\n[sweeps.set]\ntrain.epochs = 3\n[sweeps.sweep]\nmask.ratio = [0.5, 0.75]\nseeds = 2\n\
                   [[sweeps]]\n[sweeps.set]\ntrain = \"pretrain\"\n\"train.epochs\" = 4\n[sweeps.sweep]\nmask.ratio = [0.75, 0.9]\n\
                   train.blr = [0.1]\n";

#[test]
fn nested_sweeps_are_united() {
    let experiment = Bench::new(&format!("{NANO}{TWO}")).load();
    let expected = [
        "sweep=short mask.ratio=0.5 seed=0",
        "sweep=short mask.ratio=0.5 seed=1",
        "sweep=short mask.ratio=0.75 seed=0",
        "sweep=short mask.ratio=0.75 seed=1",
        "sweep=2 mask.ratio=0.75 train.blr=0.1 seed=0",
        "sweep=2 mask.ratio=0.9 train.blr=0.1 seed=0",
    ];
    assert_eq!(labels(&experiment), expected);
    let axes: Vec<_> = experiment
        .axes
        .iter()
        .map(|axis| (axis.key.as_str(), json!(axis.values)))
        .collect();
    assert_eq!(
        axes,
        [
            ("sweep", json!(["short", "2"])),
            ("mask.ratio", json!([0.5, 0.75, 0.9])),
            ("train.blr", json!([0.1])),
            ("seed", json!([0, 1])),
        ]
    );
    let epochs: Vec<usize> = experiment.trials.iter().map(|trial| trial.spec.train.epochs).collect();
    assert_eq!(epochs, [3, 3, 3, 3, 4, 4]);
    assert!(experiment.trials[0].origins["train.epochs"].ends_with("x.toml [sweeps.set]"));
    assert!(experiment.common.get("train").is_none(), "a part decides its section");
    assert!(experiment.common["mask"].get("ratio").is_none() && experiment.common["model"].is_object());
    let positions: Vec<usize> = experiment.trials.iter().map(|trial| trial.position).collect();
    assert_eq!(positions, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn what_stands_outside_the_file_wins_over_nested_fixed_values() {
    let bench = Bench::new(&format!("{NANO}{TWO}"));
    let experiment = bench.load_with(&["train.epochs=7", "seeds=1"], &[]).unwrap();
    assert!(
        experiment
            .trials
            .iter()
            .all(|trial| trial.spec.train.epochs == 7 && trial.spec.seed == 0)
    );
    assert_eq!(experiment.trials.len(), 4);
    let shadowed = bench.load_with(&["mask.ratio=0.6"], &[]).unwrap();
    assert!(
        shadowed.warnings[0].starts_with("mask.ratio from --set has no effect: "),
        "{:?}",
        shadowed.warnings
    );
}

#[test]
fn what_two_sweeps_share_runs_once() {
    let text = "[[sweeps]]\n[sweeps.sweep]\nmask.ratio = [0.5, 0.75]\n[[sweeps]]\n[sweeps.sweep]\nmask.ratio = [0.75, 0.9]\n\
                [[sweeps]]\nname = \"as it is\"\n";
    let experiment = Bench::new(&format!("{NANO}{text}")).load();
    assert_eq!(
        labels(&experiment),
        [
            "sweep=1 mask.ratio=0.5 seed=0",
            "sweep=1 mask.ratio=0.75 seed=0",
            "sweep=2 mask.ratio=0.9 seed=0"
        ]
    );
    assert_eq!(
        experiment.warnings,
        [
            "2 trials are configured as earlier ones and are left out: sweep=2 mask.ratio=0.75 seed=0 is sweep=1 \
             mask.ratio=0.75 seed=0"
        ]
    );
    assert_eq!(
        experiment.axes[0].values,
        [json!("1"), json!("2")],
        "no trial has the third"
    );
}

#[test]
fn nested_sweeps_search_as_others_do() {
    let text = "[[sweeps]]\nname = \"a\"\n[sweeps.sweep]\nsamples = 3\n\"train.blr\" = { log_uniform = [1e-3, 1e-1] }\n\
                [[sweeps]]\nname = \"b\"\n[sweeps.set]\ntrain.epochs = 2\n[sweeps.sweep]\nsamples = 3\n\
                [sweeps.sweep.\"train.blr\"]\nlog_uniform = [1e-3, 1e-1]\n";
    let experiment = Bench::new(&format!("{NANO}{text}")).load();
    let rates: Vec<f64> = experiment.trials.iter().map(|trial| trial.spec.train.blr).collect();
    assert_eq!(
        (rates.len(), &rates[..3]),
        (6, &rates[3..]),
        "the same draws under one search seed"
    );
    let yaml = "base: [model/nano, data/synthetic, train/quick]\nsweeps:\n- name: y\n  set:\n    train.epochs: 2\n  sweep:\n    \
                mask.ratio: [0.5]\n    train.blr: {uniform: [0.1, 0.2]}\n    samples: 2\n    exclude: [{mask.ratio: 0.4}]\n";
    let bench = Bench::new("");
    bench.write("y.yaml", yaml);
    let found = super::request(&[&bench.path("y.yaml")], &[], &[]).unwrap();
    assert_eq!((found.trials.len(), found.warnings.len()), (2, 1));
    let label = &found.trials[0].label;
    assert!(label.starts_with("sweep=y mask.ratio=0.5 train.blr=0.1"), "{label}");
}

#[test]
fn mistakes_in_nested_sweeps() {
    let cases = [
        (
            "[sweep]\nseeds = 2\n[[sweeps]]\nname = \"a\"",
            "x.toml holds both [sweep] and [[sweeps]]: move what stands under [sweep] to [sweeps.sweep] of each",
        ),
        (
            "[sweeps]\nname = \"a\"",
            "sweeps in x.toml must be a list of tables, each opened by [[sweeps]], with name, [sweeps.set] and [sweeps.sweep], \
             found a table",
        ),
        (
            "[[sweeps]]\nname = \"2\"\n[[sweeps]]\nset.train.epochs = 3",
            "two of [[sweeps]] in x.toml are called 2: give each a name of its own",
        ),
        (
            "[[sweeps]]\nnam = \"a\"",
            "unknown key nam in [[sweeps]] of x.toml: did you mean name?",
        ),
        (
            "[[sweeps]]\nname = 3",
            "sweeps.name in x.toml must be text, found number 3",
        ),
        (
            "[[sweeps]]\nset = 3",
            "sweeps.set in x.toml must be a table, found number 3",
        ),
        (
            "[[sweeps]]\n[sweeps.set]\ntrain.epoch = 3",
            "unknown key train.epoch in x.toml: did you mean train.epochs?",
        ),
        (
            "[[sweeps]]\n[sweeps.sweep]\nmask.ratio = 3",
            "mask.ratio in x.toml must be a list of the values to try, found number 3",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(error_of(&format!("{NANO}{text}")), expected, "{text}");
    }
}
