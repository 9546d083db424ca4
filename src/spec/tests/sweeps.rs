//! Points of a sweep: their order, seeds, parts and coupled values.

use serde_json::{Value, json};

use super::{Bench, NANO, error_of, labels};

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
        .load_with(&["model.embed_dim=32"], &[])
        .unwrap();
    assert_eq!(labels(&experiment), ["model=nano seed=0", "model=tiny seed=0"]);
    let widths: Vec<usize> = experiment
        .trials
        .iter()
        .map(|trial| trial.spec.model.embed_dim)
        .collect();
    assert_eq!(widths, [64, 192]);
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
fn the_baseline_of_the_report_is_a_text_or_a_number() {
    let with = |analysis: &str| Bench::new(&format!("{NANO}[analysis]\n{analysis}\n")).load();
    let experiment = with("text = \"seen\"\nbaseline = \"random\"");
    assert_eq!(
        (experiment.analysis.as_str(), experiment.baseline.as_str()),
        ("seen", "random")
    );
    assert_eq!(with("baseline = 0.75").baseline, "0.75");
    assert_eq!(with("text = \"seen\"").baseline, "");
}
