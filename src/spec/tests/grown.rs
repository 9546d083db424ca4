//! Searches that grow: more samples extend a sweep, and no two trials share a label.

use std::collections::HashSet;

use proptest::prelude::*;

use super::{Bench, NANO};
use crate::spec::{Experiment, identity};

fn search(samples: usize, seed: u64, turned: bool, listed: usize, seeds: u64) -> Experiment {
    let ratios = ["0.5", "0.75", "0.9"][..listed].join(", ");
    let mut lines = vec![
        format!("samples = {samples}"),
        format!("search_seed = {seed}"),
        format!("seeds = {seeds}"),
        "\"mask.strategy\" = { choice = [\"random\", \"block\", \"grid\"] }".into(),
        "\"mask.shape\" = { values = [\"rows\", \"square\"], when = { \"mask.strategy\" = \"block\" } }".into(),
        "\"train.blr\" = { log_uniform = [1e-3, 1e-1] }".into(),
        "\"train.weight_decay\" = { uniform = [0, 0.1], when = { \"mask.strategy\" = [\"random\", \"grid\"] } }".into(),
        "\"train.epochs\" = { int_uniform = [2, 4] }".into(),
        format!("\"mask.ratio\" = [{ratios}]"),
    ];
    if turned {
        lines.reverse();
    }
    Bench::new(&format!("{NANO}[sweep]\n{}\n", lines.join("\n"))).load()
}

fn identities(experiment: &Experiment) -> Vec<String> {
    experiment
        .trials
        .iter()
        .map(|trial| identity(&trial.config, ""))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn more_samples_extend_a_sweep(
        samples in 1..6_usize, more in 1..5_usize, seed in 0..1000_u64, listed in 1..=3_usize, seeds in 1..=2_u64
    ) {
        let first = search(samples, seed, false, listed, seeds);
        let grown = search(samples + more, seed, false, listed, seeds);
        let labels = |experiment: &Experiment| -> Vec<String> {
            experiment.trials.iter().map(|trial| trial.label.clone()).collect()
        };
        prop_assert!(labels(&grown).starts_with(&labels(&first)));
        prop_assert!(identities(&grown).starts_with(&identities(&first)));
        prop_assert_eq!(identity(&grown.common, ""), identity(&first.common, ""));
        for experiment in [&first, &grown] {
            let unique: HashSet<String> = labels(experiment).into_iter().collect();
            prop_assert_eq!(unique.len(), experiment.trials.len());
            let unique: HashSet<String> = identities(experiment).into_iter().collect();
            prop_assert_eq!(unique.len(), experiment.trials.len());
        }
        let turned = search(samples, seed, true, listed, seeds);
        let set = |experiment: &Experiment| identities(experiment).into_iter().collect::<HashSet<_>>();
        prop_assert_eq!(set(&turned), set(&first));
    }
}
