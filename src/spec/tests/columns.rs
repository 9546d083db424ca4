//! Columns of the cross table: names and tables under `eval.cross`.

use serde_json::json;

use super::{Bench, NANO, error_of};
use crate::spec::{TrialSpec, identity};

fn set(line: &str) -> String {
    format!("{NANO}[set]\n{line}\n")
}

#[test]
fn names_and_tables_stand_side_by_side() {
    let bench = Bench::new(&set(
        "eval.cross = [\"grid\", { strategy = \"block\", random_offset = true }, { strategy = \"random\" },\n\
         { name = \"both\", strategy = \"mixture\", of = [\"random\", \"block\"], block.flipped = true }]",
    ));
    let trial = bench.load().trials.remove(0);
    let labels: Vec<String> = trial.spec.eval.cross.iter().map(|column| column.label()).collect();
    assert_eq!(labels, ["grid", "block(random_offset=true)", "random", "both"]);
    assert_eq!(
        trial.config["eval"]["cross"],
        json!([
            "grid",
            { "strategy": "block", "random_offset": true },
            "random",
            { "name": "both", "strategy": "mixture", "of": ["random", "block"], "block": { "flipped": true } }
        ])
    );
    assert_eq!(TrialSpec::from_config(&trial.config).unwrap(), trial.spec);
    assert_eq!(TrialSpec::from_config(&trial.spec.to_config()).unwrap(), trial.spec);
    let option = Bench::new(NANO).load_with(&["eval.cross=[{strategy=\"block\", random_offset=true}]"], &[]);
    assert_eq!(option.unwrap().trials[0].spec.eval.cross, trial.spec.eval.cross[1..2]);
}

#[test]
fn parameters_are_checked_as_those_of_mask_and_named_where_they_stand() {
    for (table, expected) in [
        (
            "random_offst = true",
            "unknown key eval.cross[1].random_offst in x.toml: did you mean eval.cross[1].random_offset?",
        ),
        (
            "random_offset = \"yes\"",
            "eval.cross[1].random_offset = \"yes\" in x.toml is a text: strategy block needs a boolean",
        ),
        (
            "shape = \"sqare\"",
            "eval.cross[1].shape = \"sqare\" in x.toml is not one of rows, square: did you mean square?",
        ),
        (
            "cell = 3",
            "unknown parameter eval.cross[1].cell = 3 in x.toml of strategy block; it takes shape",
        ),
        (
            "ratio = 0.5",
            "eval.cross[1].ratio in x.toml is that of all columns: set eval.mask_ratio",
        ),
        (
            "schedule.ratio.to = 0.5",
            "eval.cross[1].schedule.ratio.to in x.toml moves nothing",
        ),
        (
            "name = \"a/b\"",
            "eval.cross[1].name in x.toml must be a name of 1 to 60 characters",
        ),
        (
            "name = \"grid\"",
            "in x.toml has two columns called grid: keep one, or give each a name",
        ),
        ("block_ratio = 0.001", "strategy block at eval.mask_ratio = 0.75 in "),
    ] {
        let error = error_of(&set(&format!(
            "eval.cross = [\"grid\", {{ strategy = \"block\", {table} }}]"
        )));
        assert!(
            error.contains(expected),
            "{table}\n  expected {expected}\n  found    {error}"
        );
    }
    for (column, expected) in [
        (
            "{ random_offset = true }",
            "eval.cross[0] in x.toml names no strategy: write ",
        ),
        (
            "{ strategy = \"blok\" }",
            "unknown masking strategy \"blok\" in eval.cross = ",
        ),
        (
            "{ strategy = \"blok\", cell = 2 }",
            "eval.cross[0].strategy = \"blok\" in x.toml: did you mean block?",
        ),
        (
            "{ strategy = \"file\", path = \"a.png\" }",
            "names file(path=a.png), which needs marked regions",
        ),
        (
            "{ strategy = \"mixture\", of = [\"random\", \"attention\"] }",
            "which needs a teacher's attention",
        ),
        (
            "{ strategy = \"script\", path = \"no.rhai\" }",
            "eval.cross[0].path = \"no.rhai\" in x.toml names no file",
        ),
        (
            "{ strategy = \"script\", source = \"fn score(p) {\" }",
            "script eval.cross[0].source, line 1, column ",
        ),
    ] {
        let error = error_of(&set(&format!("eval.cross = [{column}]")));
        assert!(
            error.contains(expected),
            "{column}\n  expected {expected}\n  found    {error}"
        );
    }
}

#[test]
fn tables_count_in_a_trials_identity_and_the_paths_of_scripts_do_not() {
    let id = |columns: &str| identity(&Bench::new(&set(columns)).load().trials[0].config, "pictures");
    let plain = id("eval.cross = [\"grid\", \"block\"]");
    assert_eq!(plain, id("eval.cross = [\"grid\", { strategy = \"block\" }]"));
    let moved = id("eval.cross = [\"grid\", { strategy = \"block\", random_offset = true }]");
    assert_ne!(plain, moved);
    assert_ne!(
        moved,
        id("eval.cross = [\"grid\", { strategy = \"block\", random_offset = false }]")
    );
    let script = |file: &str, text: &str| {
        let bench = Bench::new("");
        bench.write(file, text);
        let column = format!(
            "eval.cross = [{{ name = \"mine\", strategy = \"script\", path = \"{}\" }}]",
            bench.path(file)
        );
        bench.write("x.toml", &set(&column));
        let trial = bench.load().trials.remove(0);
        assert_eq!(trial.config["eval"]["cross"][0]["source"], text);
        identity(&trial.config, "pictures")
    };
    let first = script("a.rhai", "fn score(p) { p.row }");
    assert_eq!(first, script("b.rhai", "fn score(p) { p.row }"));
    assert_ne!(first, script("a.rhai", "fn score(p) { p.col }"));
}
