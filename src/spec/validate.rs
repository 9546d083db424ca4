//! Whether the values of one trial make sense, alone and together.
//! Messages quote keys as `{section.key}`; `render` puts value and origin in their place, so that each
//! error says where to mend it. It must not change a value, nor look at files.

use std::collections::BTreeMap;

use mae_strategies::{Error as MaskError, Grid, Registry};
use serde_json::Value;

use super::error::{SpecError, one_line};
use super::layer::Origin;
use super::resolve::flatten;
use super::trial::{DataKind, DataSpec, EvalSpec, MaskValue, ModelSpec, TrainSpec, TrialSpec};

/// The first thing wrong, quoting keys in braces.
type Verdict = Result<(), String>;

/// Checks one trial.
///
/// # Errors
/// The first value that makes no sense, with its cure.
pub fn validate(trial: &TrialSpec, registry: &Registry) -> Result<(), SpecError> {
    check(trial, registry).map_err(|message| render(&message, &trial.to_config(), &BTreeMap::new()))
}

/// As `validate`, with the message still to be rendered.
pub(super) fn check(trial: &TrialSpec, registry: &Registry) -> Verdict {
    check_model(&trial.model)?;
    check_masks(trial, registry)?;
    check_data(&trial.data)?;
    check_train(&trial.train)?;
    check_eval(&trial.eval)
}

/// `{section.key}` as `section.key = value in place`.
pub(super) fn render(message: &str, config: &Value, origins: &BTreeMap<String, Origin>) -> SpecError {
    let mut text = message.to_owned();
    for (key, value) in flatten(config) {
        let place = origins
            .get(&key)
            .map(|origin| format!(" in {}", origin.place))
            .unwrap_or_default();
        text = text.replace(&format!("{{{key}}}"), &format!("{key} = {value}{place}"));
    }
    SpecError::Invalid(one_line(&text))
}

/// Checks the network alone.
pub(super) fn check_model(model: &ModelSpec) -> Verdict {
    at_least_one(
        "model",
        &[
            ("patch_size", model.patch_size),
            ("embed_dim", model.embed_dim),
            ("encoder_depth", model.encoder_depth),
            ("encoder_num_heads", model.encoder_num_heads),
            ("decoder_embed_dim", model.decoder_embed_dim),
            ("decoder_depth", model.decoder_depth),
            ("decoder_num_heads", model.decoder_num_heads),
        ],
    )?;
    ensure(matches!(model.in_chans, 1 | 3), || {
        "{model.in_chans} must be 1 (grey) or 3 (RGB)".into()
    })?;
    for side in [model.img_size.height, model.img_size.width] {
        let patch = model.patch_size;
        ensure(side > 0 && side.is_multiple_of(patch), || {
            let below = side / patch * patch;
            let near = if below == 0 {
                format!("{patch}")
            } else {
                format!("{below} or {}", below + patch)
            };
            format!("{{model.img_size}} is not divisible by {{model.patch_size}}: use {near} for {side}")
        })?;
    }
    check_width(
        "embed_dim",
        model.embed_dim,
        "encoder_num_heads",
        model.encoder_num_heads,
    )?;
    check_width(
        "decoder_embed_dim",
        model.decoder_embed_dim,
        "decoder_num_heads",
        model.decoder_num_heads,
    )?;
    within("model.mlp_ratio", model.mlp_ratio, |ratio| ratio > 0.0, "above 0")
}

fn check_width(width_key: &str, width: usize, heads_key: &str, heads: usize) -> Verdict {
    ensure(width.is_multiple_of(4), || {
        let below = (width / 4 * 4).max(4);
        let near = if width < 4 {
            "4".into()
        } else {
            format!("{below} or {}", below + 4)
        };
        format!("{{model.{width_key}}} is not a multiple of 4, which the position table needs: use {near}")
    })?;
    ensure(width.is_multiple_of(heads), || {
        let below = (1..heads).rev().find(|heads| width.is_multiple_of(*heads));
        let above = (heads..=width).find(|heads| width.is_multiple_of(*heads));
        let near = below
            .into_iter()
            .chain(above)
            .map(|heads| heads.to_string())
            .collect::<Vec<_>>()
            .join(" or ");
        format!("{{model.{heads_key}}} does not divide {{model.{width_key}}}: use {near} heads")
    })
}

fn check_masks(trial: &TrialSpec, registry: &Registry) -> Verdict {
    let model = &trial.model;
    let grid = Grid::new(
        model.img_size.height / model.patch_size,
        model.img_size.width / model.patch_size,
    );
    let mask = &trial.mask;
    let plan = registry.plan(&mask.strategy, grid, mask.ratio, mask.params.clone());
    plan.map_err(|error| quote(&error))?;
    let eval = &trial.eval;
    let plan = registry.plan(&eval.mask_strategy, grid, eval.mask_ratio, BTreeMap::new());
    plan.map_err(|error| {
        quote(&error)
            .replace("{mask.strategy}", "{eval.mask_strategy}")
            .replace("{mask.ratio}", "{eval.mask_ratio}")
    })?;
    Ok(())
}

/// The registry's words with `mask.key = value` in braces, so that the origin can be put in.
fn quote(error: &MaskError) -> String {
    let text = error.to_string();
    let (key, written) = match error {
        MaskError::UnknownStrategy { name, .. } => ("strategy", format!(" = {}", MaskValue::from(name.as_str()))),
        MaskError::Ratio(ratio) | MaskError::Count { ratio, .. } => ("ratio", format!(" = {ratio}")),
        MaskError::WrongKind { name, value, .. } | MaskError::BadValue { name, value, .. } => {
            (name.as_str(), format!(" = {value}"))
        }
        MaskError::UnknownParam { name, .. } => (name.as_str(), String::new()),
        _ => return text,
    };
    text.replacen(&format!("mask.{key}{written}"), &format!("{{mask.{key}}}"), 1)
}

fn check_data(data: &DataSpec) -> Verdict {
    let folder = data.kind == DataKind::Folder;
    ensure(
        !folder || data.path.as_ref().is_some_and(|path| !path.is_empty()),
        || "{data.kind} needs data.path: --set data.path=FOLDER".into(),
    )?;
    ensure(folder || data.path.is_none(), || {
        "{data.path} is read only with data.kind = \"folder\", but {data.kind}".into()
    })?;
    ensure(data.val_fraction > 0.0 && data.val_fraction < 1.0, || {
        "{data.val_fraction} must lie between 0 and 1, both excluded".into()
    })?;
    at_least_one(
        "data",
        &[
            ("train_limit", data.train_limit.unwrap_or(1)),
            ("val_limit", data.val_limit.unwrap_or(1)),
            ("synthetic_train", data.synthetic_train),
            ("synthetic_val", data.synthetic_val),
            ("workers", data.workers),
        ],
    )?;
    ensure(data.synthetic_classes >= 2, || {
        "{data.synthetic_classes} must be 2 or more".into()
    })?;
    ensure(range(data.crop_scale) && data.crop_scale[1] <= 1.0, || {
        "{data.crop_scale} must be [least, most] with 0 < least <= most <= 1".into()
    })?;
    ensure(range(data.crop_aspect), || {
        "{data.crop_aspect} must be [least, most] with 0 < least <= most".into()
    })?;
    within(
        "data.hflip",
        data.hflip,
        |share| (0.0..=1.0).contains(&share),
        "from 0 to 1",
    )?;
    data.std
        .iter()
        .try_for_each(|std| within("data.std", *std, |std| std > 0.0, "above 0, each"))
}

fn range([least, most]: [f64; 2]) -> bool {
    0.0 < least && least <= most && most.is_finite()
}

fn check_train(train: &TrainSpec) -> Verdict {
    at_least_one(
        "train",
        &[
            ("epochs", train.epochs),
            ("batch_size", train.batch_size),
            ("max_steps", train.max_steps.unwrap_or(1)),
            ("val_every", train.val_every),
            ("log_every", train.log_every),
            ("checkpoint_every", train.checkpoint_every),
        ],
    )?;
    let positive = |number: f64| number > 0.0;
    let share = |number: f64| (0.0..1.0).contains(&number);
    within("train.blr", train.blr, positive, "above 0")?;
    within("train.lr", train.lr.unwrap_or(1.0), positive, "above 0")?;
    within("train.eps", train.eps, positive, "above 0")?;
    within("train.beta1", train.beta1, share, "from 0 to below 1")?;
    within("train.beta2", train.beta2, share, "from 0 to below 1")?;
    for (key, number) in [
        ("train.min_lr", train.min_lr),
        ("train.warmup_epochs", train.warmup_epochs),
        ("train.weight_decay", train.weight_decay),
    ] {
        within(key, number, |number| number >= 0.0, "0 or more")?;
    }
    Ok(())
}

fn check_eval(eval: &EvalSpec) -> Verdict {
    at_least_one("eval", &[("knn_k", eval.knn_k), ("batch_size", eval.batch_size)])?;
    let twice = eval
        .tasks
        .iter()
        .enumerate()
        .any(|(index, task)| eval.tasks[..index].contains(task));
    ensure(!twice, || "{eval.tasks} names a task twice: keep one".into())?;
    within(
        "eval.knn_temperature",
        eval.knn_temperature,
        |number| number > 0.0,
        "above 0",
    )
}

fn at_least_one(section: &str, keys: &[(&str, usize)]) -> Verdict {
    let zero = keys.iter().find(|(_, value)| *value == 0);
    zero.map_or(Ok(()), |(key, _)| Err(format!("{{{section}.{key}}} must be 1 or more")))
}

fn within(key: &str, value: f64, fits: impl Fn(f64) -> bool, range: &str) -> Verdict {
    ensure(value.is_finite() && fits(value), || {
        format!("{{{key}}} must be {range}")
    })
}

fn ensure(holds: bool, message: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(message()) }
}
