//! Scripts, lists, members of mixtures and schedules under `[mask]`.

use mae_strategies::{Grid, Registry};
use serde_json::json;

use super::{Bench, NANO, error_of, labels};
use crate::spec::ramp::{END, Shape};
use crate::spec::trial::MaskValue;
use crate::spec::{TrialSpec, identity};

/// A bench whose experiment sets or sweeps two scripts, whose paths take the place of `<A>` and `<B>`.
fn scripts(text: &str) -> Bench {
    let bench = Bench::new("");
    bench.write("a.rhai", "fn score(p) { p.row }");
    bench.write("b.rhai", "fn score(p) { p.col }");
    let text = text
        .replace("<A>", &bench.path("a.rhai"))
        .replace("<B>", &bench.path("b.rhai"));
    bench.write("x.toml", &format!("{NANO}{text}"));
    bench
}

#[test]
fn the_text_of_a_script_is_recorded_and_counts() {
    let fixed = scripts("[set]\nmask.strategy = \"script\"\nmask.path = \"<A>\"\n[sweep]\nseeds = 2\n").load();
    let swept = scripts("[set]\nmask.strategy = \"script\"\n[sweep]\n\"mask.path\" = [\"<A>\", \"<B>\"]\n").load();
    let first = &fixed.trials[0];
    assert_eq!(
        first.spec.mask.params["source"],
        MaskValue::Text("fn score(p) { p.row }".into())
    );
    assert!(first.origins["mask.source"].ends_with("a.rhai"), "{:?}", first.origins);
    assert_eq!(fixed.common["mask"]["source"], "fn score(p) { p.row }");
    let id = |trial: &crate::spec::Trial| identity(&trial.config, "pictures");
    let [row, column] = &swept.trials[..] else {
        panic!("two trials")
    };
    assert_eq!(id(first), id(row), "one script in two folders is one script");
    assert_ne!(id(row), id(column));
    assert!(labels(&swept)[1].ends_with("b.rhai seed=0"), "{}", labels(&swept)[1]);
    assert!(swept.common["mask"].get("source").is_none());
    // What is kept in the store is enough to go on: the file is not read again.
    let again = TrialSpec::from_config(&row.config).unwrap();
    assert_eq!(again, row.spec);
    assert_eq!(TrialSpec::from_config(&again.to_config()).unwrap(), again);
    let member =
        scripts("[set]\nmask.strategy = \"mixture\"\nmask.of = [\"random\", \"script\"]\nmask.script.path = \"<B>\"\n");
    let params = &member.load().trials[0].spec.mask.params;
    assert_eq!(params["script.source"], MaskValue::Text("fn score(p) { p.col }".into()));
}

#[test]
fn a_script_that_cannot_be_used_is_refused_with_its_path() {
    let message = |text: &str| scripts(&format!("[set]\nmask.strategy = \"script\"\n{text}")).error(&[], &[]);
    let missing = message("mask.path = \"nowhere.rhai\"");
    assert_eq!(
        missing,
        "mask.path = \"nowhere.rhai\" in x.toml names no file; relative paths start at the working directory"
    );
    let both = message("mask.path = \"<A>\"\nmask.source = \"fn score(p) { 1 }\"");
    assert!(
        both.ends_with("and mask.source are both given: keep one of them"),
        "{both}"
    );
    for (text, expected) in [
        ("fn score(p) {\n  p.row +\n}", "c.rhai, line 3, column 1: "),
        ("fn score(p) {\n  loop { }\n}", "operations: a loop has no end"),
        (
            "fn score(p) {\n\n  open(\"x\")\n}",
            "c.rhai, line 3, column 3: there is no function open",
        ),
    ] {
        let bench = Bench::new("");
        bench.write("c.rhai", text);
        let set = format!(
            "[set]\nmask.strategy = \"script\"\nmask.path = \"{}\"\n",
            bench.path("c.rhai")
        );
        bench.write("x.toml", &format!("{NANO}{set}"));
        let error = bench.error(&[], &[]);
        assert!(
            error.starts_with("script c.rhai, line ") && error.contains(expected),
            "{error}"
        );
    }
    let folder = Bench::new("");
    folder.write(
        "x.toml",
        &format!(
            "{NANO}[set]\nmask.strategy = \"script\"\nmask.path = \"{}\"\n",
            folder.path("")
        ),
    );
    assert!(folder.error(&[], &[]).contains("is no file: name a script"));
    let large = Bench::new("");
    large.write("c.rhai", &"/".repeat(70_000));
    large.write(
        "x.toml",
        &format!(
            "{NANO}[set]\nmask.strategy = \"script\"\nmask.path = \"{}\"\n",
            large.path("c.rhai")
        ),
    );
    assert!(large.error(&[], &[]).contains("has more than 65536 bytes"));
}

#[test]
fn lists_and_members_are_swept_like_anything_else() {
    let text = "[set]\nmask.strategy = \"mixture\"\nmask.of = [\"random\", \"block\"]\n[set.mask.block]\nshape = \"square\"\n\
                [sweep]\n\"mask.weights\" = [[1, 1], [2, 1]]\n\"mask.block.random_offset\" = [true, false]\n";
    let experiment = Bench::new(&format!("{NANO}{text}")).load();
    assert_eq!(
        labels(&experiment)[3],
        "mask.weights=[2,1] mask.block.random_offset=false seed=0"
    );
    let trial = &experiment.trials[3];
    assert_eq!(
        trial.config["mask"]["block"],
        json!({ "shape": "square", "random_offset": false })
    );
    assert!(trial.origins.contains_key("mask.block.shape"));
    assert_eq!(
        trial.spec.mask.params["weights"],
        MaskValue::List(vec![2i64.into(), 1i64.into()])
    );
    let set = |line: &str| error_of(&format!("{NANO}[set]\nmask.strategy = \"mixture\"\n{line}"));
    for (line, expected) in [
        (
            "mask.of = [\"blok\"]",
            "mask.of names \"blok\", which is no masking strategy: did you mean block?",
        ),
        (
            "mask.of = \"block\"",
            "mask.of = \"block\" in x.toml is a text: strategy mixture needs a list",
        ),
        (
            "mask.weights = [1, \"a\"]",
            "mask.weights = [1,\"a\"] in x.toml is a list: strategy mixture needs",
        ),
        (
            "mask.weights = [{ a = 1 }]",
            "mask.weights in x.toml must be a boolean, a number or text, found list",
        ),
        (
            "mask.ratio = [0.5]",
            "mask.ratio in x.toml must be a number, found list [0.5]",
        ),
        (
            "mask.shape = [\"rows\"]",
            "mask.shape in x.toml must be a boolean, a number or text, found list",
        ),
        (
            "mask.block.shap = \"rows\"",
            "unknown key mask.block.shap in x.toml: did you mean mask.block.shape?",
        ),
        (
            "mask.block.shape = \"round\"",
            "mask.block.shape = \"round\" in x.toml is not one of rows, square",
        ),
        (
            "mask.grid.random_offset = true",
            "which is not in mask.of = [random, block]",
        ),
    ] {
        let error = set(line);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn schedules_are_read_swept_and_checked_at_every_value() {
    let text = "[set.mask.schedule.ratio]\nfrom = 0.5\nshape = \"cosine\"\n[sweep]\n\"mask.schedule.ratio.to\" = [0.75, 0.9]\n";
    let experiment = Bench::new(&format!("{NANO}{text}")).load();
    assert_eq!(labels(&experiment)[1], "mask.schedule.ratio.to=0.9 seed=0");
    let mask = &experiment.trials[1].spec.mask;
    assert_eq!(
        (mask.schedule["ratio"].shape, mask.schedule["ratio"].end),
        (Shape::Cosine, 1.0)
    );
    assert_eq!((mask.ratio_at(0.0), mask.ratio_at(END), mask.ratio), (0.5, 0.9, 0.75));
    let spec = &experiment.trials[1].spec;
    assert_eq!(&TrialSpec::from_config(&spec.to_config()).unwrap(), spec);
    let still = Bench::new(NANO).load().trials.remove(0);
    assert_ne!(identity(&experiment.trials[1].config, ""), identity(&still.config, ""));
    let set = |lines: &str| error_of(&format!("{NANO}[set]\n{lines}"));
    for (lines, expected) in [
        (
            "mask.schedule.ratio.from = 0.5",
            "missing field `to`; it takes from, to, shape, steps, start and end",
        ),
        (
            "mask.schedule.ratio.to = 1.5",
            "is outside (0, 1): it is the share of patches to hide",
        ),
        ("mask.schedule.ratio.to = 0.999", "(as [mask.schedule] has it after "),
        (
            "mask.schedule.ratio = { to = 0.9, start = 2 }",
            "mask.schedule.ratio.start = 2.0 in x.toml must be from 0 to 1",
        ),
        (
            "mask.schedule.ratio = { to = 0.9, start = 0.5, end = 0.5 }",
            "mask.schedule.ratio.start = 0.5 in x.toml is not below",
        ),
        (
            "mask.schedule.ratio = { to = 0.9, steps = 3 }",
            "counts only with mask.schedule.ratio.shape = \"steps\"",
        ),
        (
            "mask.schedule.ratio = { to = 0.9, shape = \"step\" }",
            "unknown word \"step\" for mask.schedule.ratio.shape in x.toml: did you mean steps?",
        ),
        (
            "mask.schedule.ratio.too = 0.9",
            "unknown key mask.schedule.ratio.too in x.toml: did you mean mask.schedule.ratio.to?",
        ),
        (
            "mask.schedule.nosuch.to = 0.9",
            "unknown key mask.schedule.nosuch.to in x.toml: a schedule moves ratio or a number of the strategy",
        ),
        (
            "mask.schedule.blok_ratio.from = 0.9",
            "unknown key mask.schedule.blok_ratio.from in x.toml: did you mean mask.schedule.block_ratio.from?",
        ),
        (
            "mask.schedule.ratio = 0.9",
            "mask.schedule.ratio in x.toml must be a table such as { to = 0.9 }, found number 0.9",
        ),
        (
            "mask.schedule.block_ratio.to = 0.5",
            "mask.schedule.block_ratio is no number of strategy random: it can move ratio",
        ),
        (
            "mask.strategy = \"block\"\nmask.schedule.block_ratio.to = 0.5",
            "mask.schedule.block_ratio has no first value",
        ),
        (
            "mask.strategy = \"block\"\nmask.schedule.block_ratio = { from = 0.3, to = 0.0 }",
            "hides 0 of the 36 patches",
        ),
    ] {
        let error = set(lines);
        assert!(error.contains(expected), "{lines}\n{error}");
    }
    let falling = "mask.strategy = \"combined\"\nmask.block_ratio = 0.2\nmask.schedule.block_ratio.to = 0.1\n";
    let mask = &Bench::new(&format!("{NANO}[set]\n{falling}")).load().trials[0]
        .spec
        .mask
        .clone();
    let settings = mask.settings(&Registry::builtin(), 0.5).unwrap();
    let MaskValue::Float(half) = settings.params["block_ratio"] else {
        panic!("a number")
    };
    assert!((half - 0.15).abs() < 1e-12);
    assert!(mask.plan(&Registry::builtin(), Grid::new(14, 14), 0.5).is_ok());
}

#[test]
fn inline_tables_may_stand_outside_files() {
    let load = |sets: &[&str], env: &[(&str, &str)]| {
        Bench::new(NANO)
            .load_with(sets, env)
            .map(|x| x.trials[0].spec.mask.clone())
    };
    let keys = ["mask.schedule.ratio.from=0.5", "mask.schedule.ratio.to=0.9"];
    let expected = load(&keys, &[]).unwrap();
    assert_eq!(
        load(&["mask.schedule.ratio={ from = 0.5, to = 0.9 }"], &[]).unwrap(),
        expected
    );
    assert_eq!(
        load(&["mask={ schedule.ratio = { from = 0.5, to = 0.9 } }"], &[]).unwrap(),
        expected
    );
    let variable = [
        ("MAE_EXP_MASK__SCHEDULE__RATIO__TO", "0.9"),
        ("MAE_EXP_MASK", "{ schedule.ratio.from = 0.5 }"),
    ];
    assert_eq!(load(&[], &variable).unwrap(), expected);
    let error = load(&["mask.schedule.ratio={ too = 0.9 }"], &[])
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "unknown key mask.schedule.ratio.too in --set: did you mean mask.schedule.ratio.to?"
    );
}

#[test]
fn a_strategy_of_files_needs_a_path() {
    let error = error_of(&format!("{NANO}[set]\nmask.strategy = \"file\"\n"));
    assert!(
        error.starts_with("mask.strategy = \"file\" in x.toml needs mask.path"),
        "{error}"
    );
    let error = error_of(&format!("{NANO}[set]\neval.mask_strategy = \"file\"\n"));
    assert!(
        error.starts_with("eval.mask_strategy = \"file\" in x.toml needs a file of marked regions"),
        "{error}"
    );
    let member = "mask.strategy = \"mixture\"\nmask.of = [\"random\", \"file\"]\n";
    assert!(error_of(&format!("{NANO}[set]\n{member}")).contains("needs mask.path"));
    let given = Bench::new(&format!("{NANO}[set]\n{member}mask.file.path = \"marks\"\n")).load();
    assert_eq!(given.trials[0].spec.mask.regions_path(), Some("marks"));
}
