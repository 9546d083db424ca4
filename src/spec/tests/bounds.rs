//! What no plan can mean: values out of range that a sweep shadows, seeds that cannot be kept, networks beyond reason.

use mae_strategies::Registry;

use super::{Bench, NANO, request};
use crate::spec::{model_part, validate};

#[test]
fn values_without_effect_are_held_to_their_range() {
    let text = format!("{NANO}[sweep]\nmask.ratio = [0.5, 0.75]\n\"mask.strategy\" = [\"random\", \"grid\"]\n");
    let bench = Bench::new(&text);
    let cases = [
        (
            "mask.ratio=1.5",
            "mask.ratio = 1.5 in --set is outside (0, 1): it is the share",
        ),
        (
            "mask.strategy=blok",
            "unknown masking strategy mask.strategy = \"blok\" in --set: did you mean block?",
        ),
    ];
    for (set, expected) in cases {
        let error = bench.error(&[set], &[]);
        assert!(error.starts_with(expected), "{error}");
    }
    let error = bench.error(&[], &[("MAE_EXP_MASK__RATIO", "0")]);
    assert!(
        error.starts_with("mask.ratio = 0.0 in environment variable MAE_EXP_MASK__RATIO is outside (0, 1)"),
        "{error}"
    );
    let error = Bench::new(&text.replace("[sweep]", "[set]\nmask.ratio = 2\n[sweep]")).error(&[], &[]);
    assert!(
        error.starts_with("mask.ratio = 2.0 in x.toml is outside (0, 1)"),
        "{error}"
    );
    assert!(
        bench.load_with(&["mask.ratio=0.9"], &[]).unwrap().warnings[0].contains("mask.ratio from --set has no effect")
    );
    let parts = Bench::new(&format!(
        "{NANO}[sweep]\nmodel = [\"nano\", \"tiny\"]\ntrain.epochs = [2]\n"
    ));
    for (set, expected) in [
        (
            "model.encoder_depth=0",
            "model.encoder_depth = 0 in --set must be 1 or more",
        ),
        ("train.val_every=0", "train.val_every = 0 in --set must be 1 or more"),
        (
            "train.epochs=3000000",
            "train.epochs = 3000000 in --set must be at most 1000000",
        ),
    ] {
        assert_eq!(parts.error(&[set], &[]), expected);
    }
}

#[test]
fn a_base_may_lack_what_the_sweep_supplies() {
    let text = format!(
        "{NANO}[set]\ndata.kind = \"folder\"\n[[sweep.cases]]\nname = \"a\"\ndata.path = \"p\"\n\
         [[sweep.cases]]\nname = \"b\"\ndata.path = \"q\"\nmask.strategy = \"block\"\n"
    );
    let bench = Bench::new(&text);
    assert_eq!(bench.load().trials.len(), 2);
    let shaped = Bench::new(&format!(
        "{NANO}[set]\nmask.shape = \"square\"\n[sweep]\n\"mask.strategy\" = [\"block\"]\n"
    ));
    assert_eq!(shaped.load().trials.len(), 1);
    let error = shaped.error(&["mask.shape=sqare"], &[]);
    assert!(
        error.starts_with("mask.shape = \"sqare\" in --set is not one of rows, square"),
        "{error}"
    );
}

#[test]
fn seeds_fit_the_store() {
    let bench = Bench::new(&format!("{NANO}[sweep]\nseeds = 3\n"));
    let keeps = "the largest number that the store keeps";
    let cases: [(&[&str], String); 4] = [
        (
            &["seed=9223372036854775808"],
            format!("seed = 9223372036854775808 in --set must be at most 9223372036854775807, {keeps}"),
        ),
        (
            &["seeds=[1, 18446744073709551615]"],
            format!("seed = 18446744073709551615 in --set must be at most 9223372036854775807, {keeps}"),
        ),
        (
            &["seed=9223372036854775806"],
            format!(
                "seeds = 3 counts up from seed = 9223372036854775806 beyond 9223372036854775807, {keeps}: use a smaller seed"
            ),
        ),
        (
            &["seeds=[-1]"],
            "seeds in --set must be a whole number from 1 to 1000, or a list of seeds, found list [-1]".into(),
        ),
    ];
    for (sets, expected) in cases {
        assert_eq!(bench.error(sets, &[]), expected);
    }
    let last = bench.load_with(&["seed=9223372036854775805"], &[]).unwrap();
    assert_eq!(last.trials[2].spec.seed, i64::MAX as u64);
}

#[test]
fn seeds_count_as_trials() {
    let ratios = |count: usize| (1..=count).map(|n| format!("0.{n:03}")).collect::<Vec<_>>().join(", ");
    let sweep = |count: usize| {
        let base = "base = [\"model/tiny\", \"data/synthetic\"]\n[set]\ntrain.epochs = 9";
        Bench::new(&format!(
            "{base}\n[sweep]\nseeds = 1000\ntrain.blr = [{}]\n",
            ratios(count)
        ))
    };
    let refused = "the sweep makes more than 10000 trials, seeds included: sweep fewer values or seeds";
    assert_eq!(sweep(11).error(&[], &[]), refused);
    assert_eq!(sweep(11).load_with(&["seeds=2"], &[]).unwrap().trials.len(), 22);
}

#[test]
fn slips_of_size_are_refused_before_anything_is_allocated() {
    let cases = [
        (
            "model.embed_dim=4000000000",
            "model.embed_dim = 4000000000 in --set must be at most 65536",
        ),
        (
            "model.encoder_num_heads=4000000000",
            "model.encoder_num_heads = 4000000000 in --set must be at most 65536",
        ),
        (
            "model.encoder_depth=1001",
            "model.encoder_depth = 1001 in --set must be at most 1000",
        ),
        (
            "model.img_size=8200",
            "model.img_size = 8200 in --set must be from 1 to 8192 pixels a side",
        ),
        (
            "model.img_size=[48, 0]",
            "model.img_size = [48,0] in --set must be from 1 to 8192 pixels a side",
        ),
        (
            "train.batch_size=2000000",
            "train.batch_size = 2000000 in --set must be at most 1000000",
        ),
        (
            "eval.batch_size=2000000",
            "eval.batch_size = 2000000 in --set must be at most 1000000",
        ),
        ("data.workers=5000", "data.workers = 5000 in --set must be at most 1024"),
    ];
    let bench = Bench::new(NANO);
    for (set, expected) in cases {
        assert_eq!(bench.error(&[set], &[]), expected);
    }
    let together: [(&[&str], &[&str]); 4] = [
        (
            &["model.embed_dim=65536", "model.encoder_depth=1000"],
            &[
                "model.embed_dim = 65536 in --set with model.encoder_depth = 1000 in --set",
                "more than 20 billion",
            ],
        ),
        (
            &["model.mlp_ratio=1e300"],
            &["model.mlp_ratio = 1e+300 in --set makes ", "more than 20 billion"],
        ),
        (
            &["model.mlp_ratio=1e-9"],
            &["model.mlp_ratio = 1e-9 in --set leaves no width"],
        ),
        (
            &["model.img_size=4096"],
            &[
                "model.img_size = 4096 in --set with model.patch_size = 8 in ",
                "262144 patches, more than 65536",
            ],
        ),
    ];
    for (sets, expected) in together {
        let error = bench.error(sets, &[]);
        assert!(expected.iter().all(|text| error.contains(text)), "{error}");
    }
    assert!(
        bench
            .load_with(&["model.img_size=2048", "train.batch_size=1000000"], &[])
            .is_ok()
    );
    let wide = Bench::new("");
    wide.write(
        "wide.toml",
        "[model]\nembed_dim = 65536\nencoder_num_heads = 16\nencoder_depth = 48\n",
    );
    let error = model_part(&wide.path("wide.toml")).unwrap_err().to_string();
    assert!(error.contains("more than 20 billion"), "{error}");
}

#[test]
fn a_trial_made_in_code_is_held_to_the_same_ranges() {
    let made = || {
        request(&["model/nano", "data/synthetic"], &[], &[])
            .unwrap()
            .trials
            .remove(0)
            .spec
    };
    let refused = |change: fn(&mut crate::spec::TrialSpec)| {
        let mut trial = made();
        change(&mut trial);
        validate(&trial, &Registry::builtin()).unwrap_err().to_string()
    };
    assert!(validate(&made(), &Registry::builtin()).is_ok());
    assert_eq!(
        refused(|trial| trial.model.patch_size = 0),
        "model.patch_size = 0 must be 1 or more"
    );
    assert_eq!(
        refused(|trial| trial.train.blr = f64::NAN),
        "train.blr must be a finite number"
    );
    assert!(refused(|trial| trial.mask.ratio = f64::NAN).contains("is outside (0, 1)"));
    assert!(refused(|trial| trial.seed = u64::MAX).starts_with("seed = 18446744073709551615 must be at most"));
}
