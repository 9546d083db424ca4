//! A trial's identity: a hash of what can change its results and of nothing else.
//! Two trials with one identity are the same experiment, wherever and however often they run; resuming and
//! skipping rest on it. It must not depend on device, worker count, log cadence, paths or names.

use serde_json::{Number, Value};

use super::column::CROSS;
use super::resolve::flatten;
use super::{schema, scripts};

/// Changes when the program's meaning of a configuration changes, so that older trials are not taken for new ones.
const MEANING: &str = "mae-exp trial 1";

/// Keys that came later, each with the value at which a trial is what it was before the key existed: left out there, so
/// that trials recorded earlier keep their identity.
const LATER: [(&str, Before); 44] = [
    ("model.norm_eps", Before::Number(1e-6)),
    ("train.accum_steps", Before::Number(1.0)),
    ("train.precision", Before::Word("f32")),
    ("model.decoder", Before::Word("self")),
    ("train.decode_ratio", Before::Number(1.0)),
    ("train.secondary_ratio", Before::Number(0.0)),
    ("train.teacher_momentum", Before::Number(0.999)),
    ("train.predictor_depth", Before::Number(2.0)),
    ("eval.cross", Before::NoList),
    ("eval.tune_fraction", Before::Number(0.2)),
    ("eval.linear.feature", Before::Word("cls_norm")),
    ("eval.linear.optimiser", Before::Word("lars")),
    ("eval.linear.epochs", Before::Number(90.0)),
    ("eval.linear.batch_size", Before::Number(256.0)),
    ("eval.linear.warmup_epochs", Before::Number(10.0)),
    ("eval.linear.blrs", Before::Numbers(&[0.1, 0.3, 1.0, 3.0, 10.0, 30.0])),
    ("eval.linear.weight_decay", Before::Number(0.0)),
    ("eval.logistic.feature", Before::Word("cls_norm")),
    (
        "eval.logistic.penalties",
        Before::Numbers(&[0.01, 0.1, 1.0, 10.0, 100.0]),
    ),
    ("eval.retrieval.feature", Before::Word("cls")),
    ("eval.clustering.feature", Before::Word("cls")),
    ("eval.clustering.restarts", Before::Number(10.0)),
    ("eval.finetune.epochs", Before::Number(20.0)),
    ("eval.finetune.batch_size", Before::Number(64.0)),
    ("eval.finetune.blr", Before::Number(8e-3)),
    ("eval.finetune.min_lr", Before::Number(1e-6)),
    ("eval.finetune.warmup_epochs", Before::Number(2.0)),
    ("eval.finetune.layer_decay", Before::Number(0.65)),
    ("eval.finetune.drop_path", Before::Number(0.1)),
    ("eval.finetune.weight_decay", Before::Number(0.05)),
    ("eval.finetune.mixup", Before::Number(0.8)),
    ("eval.finetune.cutmix", Before::Number(1.0)),
    ("eval.finetune.smoothing", Before::Number(0.1)),
    ("eval.finetune.randaugment", Before::Number(9.0)),
    ("eval.finetune.erasing", Before::Number(0.25)),
    ("eval.finetune.crop_scale", Before::Numbers(&[0.08, 1.0])),
    ("eval.attentive.epochs", Before::Number(30.0)),
    ("eval.attentive.batch_size", Before::Number(64.0)),
    ("eval.attentive.heads", Before::Number(0.0)),
    ("eval.attentive.lrs", Before::Numbers(&[3e-4, 1e-3, 3e-3, 1e-2])),
    ("eval.attentive.weight_decay", Before::Number(0.05)),
    ("model.freeze", Before::Word("")),
    ("model.extra_blocks", Before::Number(0.0)),
    ("eval.lpips_net", Before::Word("alex")),
];

/// What a trial was before a key existed.
#[derive(Clone, Copy)]
enum Before {
    Number(f64),
    Word(&'static str),
    NoList,
    Numbers(&'static [f64]),
}

impl Before {
    fn is(self, value: &Value) -> bool {
        match self {
            Self::Number(number) => value.as_f64() == Some(number),
            Self::Word(word) => value.as_str() == Some(word),
            Self::NoList => value.as_array().is_some_and(Vec::is_empty),
            Self::Numbers(numbers) => value
                .as_array()
                .is_some_and(|items| items.iter().map(Value::as_f64).eq(numbers.iter().copied().map(Some))),
        }
    }
}

/// Hexadecimal BLAKE3 of the result-affecting keys of `config` and the digest of the pictures.
pub fn identity(config: &Value, data_digest: &str) -> String {
    let counts = |key: &str| schema::find(key).is_none_or(|key| key.identity) && !scripts::is_path(config, key);
    let as_before = |key: &str, value: &Value| LATER.iter().any(|(k, before)| *k == key && before.is(value));
    let kept: serde_json::Map<String, Value> = flatten(config)
        .into_iter()
        .filter(|(key, value)| counts(key) && !as_before(key, value))
        .map(|(key, value)| {
            let value = if key == CROSS {
                scripts::without_paths(value)
            } else {
                value
            };
            (key, plain(value))
        })
        .collect();
    let mut hasher = blake3::Hasher::new();
    for field in [MEANING, data_digest, &Value::Object(kept).to_string()] {
        hasher.update(&(field.len() as u64).to_le_bytes());
        hasher.update(field.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Numbers in one spelling: 4.0 is 4, -0.0 is 0.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(plain_number(number)),
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Object(table) => Value::Object(table.into_iter().map(|(key, value)| (key, plain(value))).collect()),
        other => other,
    }
}

fn plain_number(number: Number) -> Number {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => Number::from(float as i64),
        _ => number,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config() -> Value {
        json!({
            "model": { "variant": "nano", "embed_dim": 96, "mlp_ratio": 4.0 },
            "mask": { "strategy": "block", "ratio": 0.75, "flipped": true },
            "data": { "workers": 2, "path": "a", "crop_scale": [0.2, 1.0] },
            "train": { "epochs": 8, "log_every": 10, "checkpoint_every": 2 },
            "seed": 0
        })
    }

    #[test]
    fn what_cannot_change_results_is_outside() {
        let first = identity(&config(), "digest");
        for (section, key) in [
            ("data", "workers"),
            ("data", "path"),
            ("train", "log_every"),
            ("train", "checkpoint_every"),
            ("train", "checkpoint_steps"),
            ("train", "keep_checkpoints"),
            ("train", "keep_best"),
            ("model", "variant"),
            ("model", "init"),
            ("eval", "lpips_weights"),
        ] {
            let mut other = config();
            other[section][key] = json!("else");
            assert_eq!(identity(&other, "digest"), first, "{section}.{key}");
        }
    }

    #[test]
    fn files_count_by_their_content() {
        let with = |strategy: &str, key: &str, path: &str| {
            let mut config = config();
            config["mask"] = json!({ "strategy": strategy, "ratio": 0.75, "source": "fn score(p) { 1 }" });
            match key.split_once('.') {
                Some((member, key)) => config["mask"][member] = json!({ key: path }),
                None => config["mask"][key] = json!(path),
            }
            identity(&config, "digest")
        };
        for (strategy, key) in [
            ("script", "path"),
            ("file", "path"),
            ("mixture", "script.path"),
            ("mixture", "file.path"),
        ] {
            assert_eq!(with(strategy, key, "a"), with(strategy, key, "b"), "{strategy} {key}");
        }
        assert_ne!(
            with("mine", "path", "a"),
            with("mine", "path", "b"),
            "what a path means elsewhere is not known"
        );
        assert_ne!(with("script", "source", "a"), with("script", "source", "b"));
    }

    #[test]
    fn what_can_is_inside() {
        let first = identity(&config(), "digest");
        assert_ne!(identity(&config(), "other"), first);
        for (section, key) in [
            ("model", "embed_dim"),
            ("mask", "ratio"),
            ("mask", "flipped"),
            ("data", "crop_scale"),
            ("train", "epochs"),
        ] {
            let mut other = config();
            other[section][key] = json!(5);
            assert_ne!(identity(&other, "digest"), first, "{section}.{key}");
        }
        let mut other = config();
        other["seed"] = json!(1);
        assert_ne!(identity(&other, "digest"), first);
    }

    #[test]
    fn keys_that_came_later_count_only_when_they_change_something() {
        let first = identity(&config(), "digest");
        for (section, key, before, after) in [
            ("model", "norm_eps", json!(1e-6), json!(1e-12)),
            ("train", "accum_steps", json!(1.0), json!(4.0)),
            ("train", "precision", json!("f32"), json!("bf16")),
            ("model", "decoder", json!("self"), json!("cross")),
            ("train", "decode_ratio", json!(1), json!(0.25)),
            ("train", "secondary_ratio", json!(0.0), json!(0.25)),
            ("train", "teacher_momentum", json!(0.999), json!(0.996)),
            ("train", "predictor_depth", json!(2), json!(1)),
            ("eval", "cross", json!([]), json!(["grid"])),
            ("model", "freeze", json!(""), json!("encoder")),
            ("model", "extra_blocks", json!(0), json!(2)),
            ("eval", "lpips_net", json!("alex"), json!("vgg")),
        ] {
            let mut other = config();
            other[section][key] = before;
            assert_eq!(identity(&other, "digest"), first, "{section}.{key}");
            other[section][key] = after;
            assert_ne!(identity(&other, "digest"), first, "{section}.{key}");
        }
    }

    #[test]
    fn spelling_and_order_do_not_matter() {
        let reordered: Value = serde_json::from_str(
            r#"{"seed": 0, "train": {"log_every": 1, "epochs": 8.0}, "data": {"crop_scale": [0.2, 1]},
                "mask": {"flipped": true, "ratio": 0.75, "strategy": "block"}, "model": {"mlp_ratio": 4, "embed_dim": 96}}"#,
        )
        .unwrap();
        assert_eq!(identity(&reordered, "digest"), identity(&config(), "digest"));
        assert_eq!(
            identity(&config(), "digest"),
            "3139bf64be0bb279c4a4f28e151a54196df48ab17b2486171a518e2a328cb5df"
        );
    }
}
