//! Conditions on recorded configurations, as `runs --where` takes them.

use mae_strategies::Registry;
use serde_json::json;

use crate::spec::condition;

fn said(text: &str) -> Result<(String, serde_json::Value), String> {
    condition("--where", text, &Registry::builtin()).map_err(|error| error.to_string())
}

#[test]
fn a_condition_is_read_as_set_reads_it() {
    for (text, key, value) in [
        ("mask.ratio=0.75", "mask.ratio", json!(0.75)),
        (" train.blr = 1 ", "train.blr", json!(1.0)),
        ("seed=3", "seed", json!(3)),
        ("mask.strategy=block", "mask.strategy", json!("block")),
        ("data.path=123", "data.path", json!("123")),
        ("data.path=a=b", "data.path", json!("a=b")),
        ("model.img_size=[48, 64]", "model.img_size", json!([48, 64])),
        ("model.img_size=[48, 48]", "model.img_size", json!(48)),
        ("model.norm_pix_loss=true", "model.norm_pix_loss", json!(true)),
    ] {
        assert_eq!(said(text), Ok((key.to_owned(), value)), "{text}");
    }
}

#[test]
fn a_condition_that_can_never_hold_is_refused() {
    for (text, words) in [
        (
            "mask.ration=0.5",
            "unknown key mask.ration in --where: did you mean mask.ratio?",
        ),
        (
            "mask.ratio",
            "--where mask.ratio has no value: write --where mask.ratio=VALUE",
        ),
        ("train.epochs=many", "train.epochs in --where must be a whole number"),
        ("model=base", "model in --where must be"),
    ] {
        let error = said(text).expect_err(text);
        assert!(error.contains(words), "{error}");
    }
}
