//! What a sweep is known by: the same when it grows, another when something fixed changes.

use serde_json::Value;

use super::{Bench, NANO};
use crate::spec::identity;

fn common_with(text: &str, sets: &[&str]) -> Value {
    Bench::new(&format!("{NANO}{text}"))
        .load_with(sets, &[])
        .unwrap()
        .common
}

#[track_caller]
fn same(text: &str, grown: &str) {
    let (first, second) = (common_with(text, &[]), common_with(grown, &[]));
    assert_eq!(first, second);
    assert_eq!(identity(&first, ""), identity(&second, ""));
    for set in ["train.weight_decay=0.01", "model.patch_size=16", "data.hflip=0.25"] {
        let section = set.split('.').next().unwrap();
        if first.get(section).is_some() {
            assert_ne!(identity(&first, ""), identity(&common_with(grown, &[set]), ""), "{set}");
        }
    }
}

#[test]
fn a_sweep_keeps_its_name_when_it_grows() {
    same(
        "[sweep]\nmask.ratio = [0.5]\n",
        "[sweep]\nmask.ratio = [0.5, 0.75]\nseeds = 3\n",
    );
    same(
        "[sweep]\nmodel = [\"nano\"]\n",
        "[sweep]\nmodel = [\"tiny\", \"nano\"]\nseeds = [4, 5]\n",
    );
    same(
        "[sweep]\ntrain = [\"pretrain\"]\n",
        "[sweep]\ntrain = [\"pretrain\", \"quick\"]\n",
    );
    let rows = "[[sweep.cases]]\nname = \"rows\"\nmask.strategy = \"block\"\nmask.shape = \"rows\"\n";
    same(
        rows,
        &format!("{rows}[[sweep.cases]]\nname = \"grid\"\nmask.strategy = \"grid\"\n"),
    );
    let sized = "[[sweep.cases]]\nname = \"n\"\nmodel = \"nano\"\ntrain.epochs = 3\n";
    same(
        sized,
        &format!("{sized}[[sweep.cases]]\nname = \"t\"\nmodel = \"tiny\"\ntrain.epochs = 5\n"),
    );
}

#[test]
fn what_the_sweep_decides_is_left_out_and_nothing_else() {
    let sweep = "[sweep]\nmask.ratio = [0.5]\nseeds = 2\n";
    let common = common_with(sweep, &[]);
    assert_eq!(common.get("seed"), None);
    assert_eq!(common["mask"], serde_json::json!({ "strategy": "random" }));
    assert_eq!(common["train"]["epochs"], 8);
    assert_eq!(common_with(sweep, &["mask.ratio=0.9", "seed=7", "seeds=1"]), common);
    let plain = Bench::new(NANO).load();
    let mut config = plain.trials[0].config.clone();
    config.as_object_mut().unwrap().shift_remove("seed");
    assert_eq!(plain.common, config);
    assert_eq!(identity(&plain.common, ""), identity(&config, ""));
    let parts = common_with("[sweep]\nmodel = [\"nano\"]\n", &[]);
    assert_eq!(
        (parts.get("model"), parts["mask"]["ratio"].as_f64()),
        (None, Some(0.75))
    );
    let train = common_with("[sweep]\ntrain = [\"quick\"]\n", &[]);
    assert_eq!((train.get("train"), train.get("eval")), (None, None));
    assert!(train["data"].is_object() && train["model"].is_object());
}
