//! What single values may be, whatever the others are: one table of ranges by key.
//! Every layer is held to it where it is read, so that a value with no effect is refused as well; bounds from above are
//! far beyond any sensible plan and turn a slip into a message instead of an exhausted machine.
//! It must not know which combinations make sense: `validate` does.

use mae_strategies::Error as MaskError;
use serde_json::Value;

use super::column;
use super::render::quote;
use super::resolve::flatten;
use super::schema::KEYS;

/// The largest whole number that the store keeps.
pub(super) const MOST_STORED: u64 = i64::MAX as u64;

/// What a value may be.
#[derive(Debug, Clone, Copy)]
enum Range {
    /// A whole number from the first to the second.
    Whole(u64, u64),
    /// Pixels, each side from 1 to this.
    Sides(u64),
    /// 1 or 3.
    Channels,
    /// Above 0.
    Positive,
    /// 0 or more.
    NotNegative,
    /// From 0 to 1.
    Share,
    /// Above 0 to 1.
    Part,
    /// From 0 to below 1.
    Decay,
    /// Between 0 and 1, both excluded.
    Inside,
    /// The same, in the words of the masking strategies.
    MaskRatio,
    /// Shares, least and most.
    Shares,
    /// Positive numbers, least and most.
    Span,
    /// Each above 0.
    EachPositive,
    /// From 0 to 10.
    Magnitude,
    /// No word twice.
    Distinct,
    /// No column twice.
    Columns,
}

use Range::{
    Channels, Columns, Decay, Distinct, EachPositive, Inside, Magnitude, MaskRatio, NotNegative, Part, Positive, Share,
    Shares, Sides, Span, Whole,
};

static RANGES: &[(&str, Range)] = &[
    ("model.img_size", Sides(8192)),
    ("model.patch_size", Whole(1, 8192)),
    ("model.in_chans", Channels),
    ("model.embed_dim", Whole(1, 65_536)),
    ("model.encoder_depth", Whole(1, 1000)),
    ("model.encoder_num_heads", Whole(1, 65_536)),
    ("model.decoder_embed_dim", Whole(1, 65_536)),
    ("model.decoder_depth", Whole(1, 1000)),
    ("model.decoder_num_heads", Whole(1, 65_536)),
    ("model.extra_blocks", Whole(0, 1000)),
    ("model.mlp_ratio", Positive),
    ("model.norm_eps", Positive),
    ("mask.ratio", MaskRatio),
    ("data.val_fraction", Inside),
    ("data.train_limit", Whole(1, MOST_STORED)),
    ("data.val_limit", Whole(1, MOST_STORED)),
    ("data.crop_scale", Shares),
    ("data.crop_aspect", Span),
    ("data.hflip", Share),
    ("data.std", EachPositive),
    ("data.synthetic_classes", Whole(2, 1_000_000)),
    ("data.synthetic_train", Whole(1, 10_000_000)),
    ("data.synthetic_val", Whole(1, 10_000_000)),
    ("data.workers", Whole(1, 1024)),
    ("train.epochs", Whole(0, 1_000_000)),
    ("train.batch_size", Whole(1, 1_000_000)),
    ("train.accum_steps", Whole(1, 1_000_000)),
    ("train.blr", Positive),
    ("train.lr", Positive),
    ("train.min_lr", NotNegative),
    ("train.warmup_epochs", NotNegative),
    ("train.weight_decay", NotNegative),
    ("train.beta1", Decay),
    ("train.beta2", Decay),
    ("train.eps", Positive),
    ("train.clip_grad", Positive),
    ("train.decode_ratio", Part),
    ("train.secondary_ratio", Decay),
    ("train.teacher_momentum", Decay),
    ("train.predictor_depth", Whole(1, 1000)),
    ("train.max_steps", Whole(1, MOST_STORED)),
    ("train.val_every", Whole(1, MOST_STORED)),
    ("train.log_every", Whole(1, MOST_STORED)),
    ("train.checkpoint_every", Whole(1, MOST_STORED)),
    ("train.checkpoint_steps", Whole(1, MOST_STORED)),
    ("train.keep_checkpoints", Whole(1, MOST_STORED)),
    ("eval.tasks", Distinct),
    ("eval.cross", Columns),
    ("eval.mask_ratio", MaskRatio),
    ("eval.mask_seed", Whole(0, MOST_STORED)),
    ("eval.knn_k", Whole(1, 1_000_000)),
    ("eval.knn_temperature", Positive),
    ("eval.pictures", Whole(0, 10_000)),
    ("eval.picture_every", Whole(0, MOST_STORED)),
    ("eval.batch_size", Whole(1, 1_000_000)),
    ("eval.tune_fraction", Inside),
    ("eval.linear.epochs", Whole(1, 100_000)),
    ("eval.linear.batch_size", Whole(2, 1_000_000)),
    ("eval.linear.warmup_epochs", NotNegative),
    ("eval.linear.blrs", EachPositive),
    ("eval.linear.weight_decay", NotNegative),
    ("eval.logistic.penalties", EachPositive),
    ("eval.clustering.restarts", Whole(1, 10_000)),
    ("eval.finetune.epochs", Whole(1, MOST_STORED)),
    ("eval.finetune.batch_size", Whole(1, 1_000_000)),
    ("eval.finetune.blr", Positive),
    ("eval.finetune.min_lr", NotNegative),
    ("eval.finetune.warmup_epochs", NotNegative),
    ("eval.finetune.layer_decay", Part),
    ("eval.finetune.drop_path", Decay),
    ("eval.finetune.weight_decay", NotNegative),
    ("eval.finetune.mixup", NotNegative),
    ("eval.finetune.cutmix", NotNegative),
    ("eval.finetune.smoothing", Decay),
    ("eval.finetune.randaugment", Magnitude),
    ("eval.finetune.erasing", Share),
    ("eval.finetune.crop_scale", Shares),
    ("eval.attentive.epochs", Whole(1, MOST_STORED)),
    ("eval.attentive.batch_size", Whole(1, 1_000_000)),
    ("eval.attentive.heads", Whole(0, 65_536)),
    ("eval.attentive.lrs", EachPositive),
    ("eval.attentive.weight_decay", NotNegative),
    ("seed", Whole(0, MOST_STORED)),
];

/// Checks one value; the message quotes the key in braces, for `render`.
pub(super) fn check(key: &str, value: &Value) -> Result<(), String> {
    let Some((_, range)) = RANGES.iter().find(|(name, _)| *name == key) else {
        return Ok(());
    };
    range
        .problem(key, value)
        .map_or(Ok(()), |problem| Err(format!("{{{key}}} {problem}")))
}

/// Checks every value of a configuration.
pub(super) fn check_all(config: &Value) -> Result<(), String> {
    let given = flatten(config);
    // A number that is not finite has no value in JSON.
    let missing = KEYS.iter().find(|key| !key.optional && !given.contains_key(key.name));
    if let Some(key) = missing {
        return Err(format!("{} must be a finite number", key.name));
    }
    given.iter().try_for_each(|(key, value)| check(key, value))
}

impl Range {
    /// What is wrong with the value, to be said after "key = value in place".
    fn problem(self, key: &str, value: &Value) -> Option<String> {
        let real = value.as_f64().unwrap_or(f64::NAN);
        let unless = |holds: bool, text: &str| (!holds).then(|| text.to_owned());
        match self {
            Whole(least, most) => whole(value, least, most),
            Sides(most) => {
                let fits = |side: &Value| side.as_u64().is_some_and(|side| (1..=most).contains(&side));
                let sides = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                (!sides.iter().all(fits)).then(|| format!("must be from 1 to {most} pixels a side"))
            }
            Channels => unless(matches!(value.as_u64(), Some(1 | 3)), "must be 1 (grey) or 3 (RGB)"),
            Positive => unless(real > 0.0, "must be above 0"),
            NotNegative => unless(real >= 0.0, "must be 0 or more"),
            Share => unless((0.0..=1.0).contains(&real), "must be from 0 to 1"),
            Part => unless(real > 0.0 && real <= 1.0, "must be above 0, and 1 at most"),
            Decay => unless((0.0..1.0).contains(&real), "must be from 0 to below 1"),
            Inside => unless(real > 0.0 && real < 1.0, "must lie between 0 and 1, both excluded"),
            MaskRatio => (!(real > 0.0 && real < 1.0)).then(|| ratio_problem(key, real)),
            Shares => unless(
                span(value).is_some_and(|[_, most]| most <= 1.0),
                "must be [least, most] with 0 < least <= most <= 1",
            ),
            Span => unless(span(value).is_some(), "must be [least, most] with 0 < least <= most"),
            EachPositive => unless(reals(value).iter().all(|number| *number > 0.0), "must be above 0, each"),
            Magnitude => unless((0.0..=10.0).contains(&real), "must be from 0 (none) to 10"),
            Distinct => {
                let words = value.as_array().map_or(&[][..], Vec::as_slice);
                let twice = (1..words.len()).any(|index| words[..index].contains(&words[index]));
                unless(!twice, "names a task twice: keep one")
            }
            Columns => column::doubled(value),
        }
    }
}

fn whole(value: &Value, least: u64, most: u64) -> Option<String> {
    match value.as_u64() {
        Some(number) if number > most && most == MOST_STORED => Some(format!(
            "must be at most {most}, the largest number that the store keeps"
        )),
        Some(number) if number > most => Some(format!("must be at most {most}")),
        Some(number) if number >= least => None,
        _ => Some(format!("must be {least} or more")),
    }
}

/// The words of the masking strategies, which name `mask.ratio` whatever the key.
fn ratio_problem(key: &str, ratio: f64) -> String {
    let text = quote(&MaskError::Ratio(ratio)).replace("mask.ratio", key);
    text.trim_start_matches(&format!("{{{key}}}")).trim_start().to_owned()
}

fn reals(value: &Value) -> Vec<f64> {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    items.iter().map(|item| item.as_f64().unwrap_or(f64::NAN)).collect()
}

fn span(value: &Value) -> Option<[f64; 2]> {
    let [least, most] = reals(value)[..] else { return None };
    (0.0 < least && least <= most).then_some([least, most])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_range_is_of_a_key() {
        for (name, _) in RANGES {
            assert!(KEYS.iter().any(|key| key.name == *name), "{name}");
        }
        for key in KEYS.iter().filter(|key| key.name != "data.mean") {
            let numeric = matches!(format!("{:?}", key.kind).get(..4), Some("Whol" | "Real" | "Size"));
            let ranged = RANGES.iter().any(|(name, _)| *name == key.name);
            assert!(ranged || !numeric, "{} has no range", key.name);
        }
    }

    #[test]
    fn bounds_are_inside_and_what_lies_beyond_is_not() {
        for (key, good, bad) in [
            ("train.batch_size", json!(1_000_000), json!(1_000_001)),
            ("model.img_size", json!([8192, 1]), json!([8192, 0])),
            ("seed", json!(MOST_STORED), json!(MOST_STORED + 1)),
            ("train.beta1", json!(0.0), json!(1.0)),
            ("train.decode_ratio", json!(1.0), json!(0.0)),
            ("train.secondary_ratio", json!(0.0), json!(1.0)),
            ("data.hflip", json!(1.0), json!(1.1)),
            ("data.crop_scale", json!([1.0, 1.0]), json!([0.0, 1.0])),
            ("eval.tasks", json!(["knn"]), json!(["knn", "knn"])),
            ("eval.finetune.randaugment", json!(10.0), json!(10.5)),
            ("eval.attentive.lrs", json!([1e-3]), json!([1e-3, 0.0])),
            ("eval.cross", json!(["grid", "block"]), json!(["grid", "grid"])),
            ("mask.ratio", json!(0.999), json!(null)),
        ] {
            assert_eq!(check(key, &good), Ok(()), "{key}");
            assert!(
                check(key, &bad).is_err_and(|text| text.starts_with(&format!("{{{key}}} "))),
                "{key}"
            );
        }
    }
}
