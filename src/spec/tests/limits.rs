//! Budgets and rules of early stopping: read, held to their range, and outside every identity.

use super::{Bench, NANO, error_of};
use crate::spec::{Budget, EarlyStop, Goal, StopKind, identity};

#[test]
fn both_are_read_and_change_no_trial() {
    let plain = Bench::new(&format!("{NANO}[sweep]\ntrain.blr = [0.1]\n")).load();
    assert_eq!((&plain.budget, &plain.early_stop), (&Budget::default(), &None));
    let text =
        "[budget]\nmax_trials = 5\nmax_hours = 1\n[early_stop]\nkind = \"asha\"\nmetric = \"eval_psnr\"\neta = 2\n";
    let bench = Bench::new(&format!("{NANO}{text}[sweep]\ntrain.blr = [0.1]\n"));
    let experiment = bench.load();
    let budget = Budget {
        max_trials: Some(5),
        max_hours: Some(1.0),
    };
    assert_eq!(experiment.budget, budget);
    let stop = EarlyStop {
        kind: StopKind::Asha,
        metric: "eval_psnr".into(),
        goal: Goal::Max,
        eta: 2.0,
        min_epochs: 1.0,
        warmup_trials: 4,
    };
    assert_eq!(experiment.early_stop.as_ref(), Some(&stop));
    assert!(experiment.warnings.is_empty(), "{:?}", experiment.warnings);
    assert_eq!(experiment.trials[0].config, plain.trials[0].config);
    assert_eq!(identity(&experiment.common, ""), identity(&plain.common, ""));
    let json = serde_json::to_value(&stop).unwrap();
    let expected = serde_json::json!({
        "kind": "asha", "metric": "eval_psnr", "goal": "max", "eta": 2.0, "min_epochs": 1.0, "warmup_trials": 4
    });
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<EarlyStop>(json).unwrap(), stop);
}

#[test]
fn what_has_no_effect_or_is_not_comparable_is_a_warning() {
    let cases = [
        (
            "[early_stop]\nkind = \"median\"\neta = 2\n",
            "early_stop.eta in x.toml has no effect: kind = \"median\" does not read it",
        ),
        (
            "[early_stop]\nkind = \"asha\"\nwarmup_trials = 2\n",
            "early_stop.warmup_trials in x.toml has no effect: kind = \"asha\" does not read it",
        ),
        (
            "[early_stop]\nkind = \"asha\"\nmin_epochs = 8\n",
            "[early_stop] in x.toml never acts: min_epochs = 8 is not below train.epochs = 8",
        ),
        (
            "[early_stop]\nkind = \"asha\"\n[sweep]\nmask.ratio = [0.5, 0.75]\n",
            "[early_stop] in x.toml compares val_loss, which each trial takes under its own masks, across different masks: \
             metric = \"eval_mse\" is the same for all",
        ),
        (
            "[early_stop]\nkind = \"asha\"\nmetric = \"eval_mse\"\n[sweep]\neval.tasks = [[\"knn\"], [\"reconstruction\"]]\n",
            "[early_stop] in x.toml reads eval_mse, which eval.tasks without reconstruction does not measure: such trials are \
             never stopped",
        ),
    ];
    for (text, expected) in cases {
        let bench = Bench::new(&format!("{NANO}{text}"));
        let warnings = bench.load().warnings;
        let folder = format!("{}/", bench.0.path().display());
        let found: Vec<String> = warnings.iter().map(|warning| warning.replace(&folder, "")).collect();
        assert_eq!(found, [expected], "{text}");
    }
}

#[test]
fn mistakes_name_key_and_cure() {
    let stop = |line: &str| format!("[early_stop]\nkind = \"asha\"\n{line}");
    let cases: [(String, &str); 17] = [
        (
            "[budget]\nmax_trails = 3".into(),
            "unknown key budget.max_trails in x.toml: did you mean budget.max_trials?",
        ),
        (
            "[budget]\nmax_trials = 0".into(),
            "budget.max_trials in x.toml must be a whole number, 1 or more, found number 0",
        ),
        (
            "[budget]\nmax_hours = 0".into(),
            "budget.max_hours in x.toml must be a number above 0, found number 0",
        ),
        ("budget = 3".into(), "budget in x.toml must be a table, found number 3"),
        (
            "[budgt]\nmax_hours = 1".into(),
            "unknown key budgt in x.toml: did you mean budget?",
        ),
        (
            "[early_stop]\neta = 3".into(),
            "[early_stop] in x.toml has no kind: add kind = \"asha\", \"successive_halving\" or \"median\"",
        ),
        (
            "[early_stop]\nkind = \"ahsa\"".into(),
            "unknown word \"ahsa\" for early_stop.kind in x.toml: did you mean asha?",
        ),
        (
            stop("metrc = \"val_loss\""),
            "unknown key early_stop.metrc in x.toml: did you mean early_stop.metric?",
        ),
        (
            stop("metric = \"val_los\""),
            "early_stop.metric = \"val_los\" in x.toml is not measured at every validation: did you mean val_loss?",
        ),
        (
            stop("metric = \"knn_accuracy\""),
            "early_stop.metric = \"knn_accuracy\" in x.toml is not measured at every validation: use one of val_loss, eval_loss, eval_mse, eval_psnr, eval_image_mse, eval_image_psnr; knn_accuracy is taken at a trial's end, and can be the objective of [analysis]",
        ),
        (
            format!("{}\n[set]\neval.tasks = [\"knn\"]", stop("metric = \"eval_mse\"")),
            "early_stop.metric = \"eval_mse\" in x.toml is a figure that no trial takes: add \"reconstruction\" to eval.tasks",
        ),
        (
            "[analysis]\nobjective = \"knn_acuracy\"".into(),
            "analysis.objective = \"knn_acuracy\" in x.toml is no figure of a task: did you mean knn_accuracy?",
        ),
        (
            "[analysis]\nobjective = \"linear_accuracy\"\n[set]\neval.tasks = [\"knn\"]".into(),
            "analysis.objective = \"linear_accuracy\" in x.toml is a figure that no trial takes: add \"linear\" to eval.tasks",
        ),
        (
            "[analysis]\nobjective = 3".into(),
            "analysis.objective in x.toml must be text, found number 3",
        ),
        (
            stop("goal = \"max\""),
            "early_stop.goal = \"max\" in x.toml keeps the worst trials: val_loss has the goal min, leave goal out",
        ),
        (
            stop("eta = 1"),
            "early_stop.eta in x.toml must be a number above 1, found number 1",
        ),
        (
            stop("min_epochs = \"two\""),
            "early_stop.min_epochs in x.toml must be a number above 0, found string \"two\"",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(error_of(&format!("{NANO}{text}")), expected, "{text}");
    }
}

#[test]
fn an_objective_is_any_figure_that_every_trial_takes() {
    let tasks = "[set]\neval.tasks = [\"reconstruction\", \"knn\"]\n";
    for name in ["knn_accuracy", "eval_mse", "val_loss", "eval_psnr"] {
        let text = format!("{NANO}[analysis]\nobjective = \"{name}\"\n{tasks}");
        assert_eq!(Bench::new(&text).load().objective, name);
    }
    assert_eq!(Bench::new(NANO).load().objective, "");
    let some = "[analysis]\nobjective = \"eval_mse\"\n[sweep]\neval.tasks = [[\"reconstruction\"], [\"knn\"]]\n";
    let refused = error_of(&format!("{NANO}{some}"));
    assert!(
        refused.contains("does not take: add \"reconstruction\" to eval.tasks"),
        "{refused}"
    );
}
