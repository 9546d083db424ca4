//! Every key a configuration may hold, what it takes, and whether it belongs to a trial's identity.
//! One table, so that unknown keys, wrong types, the order of printing and identity cannot disagree.
//! It must not know where values come from, nor which combinations make sense (`validate` does).

use std::collections::BTreeMap;

use mae_strategies::{Error as MaskError, Kind as ParamKind, Params, Registry};
use serde_json::Value;

use super::error::{SpecError, did_you_mean};
use super::range;
use super::render::{quote, render_one};
use super::resolve::mask_value;

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// A whole number, 0 or more.
    Whole,
    /// A number.
    Real,
    /// `true` or `false`.
    Flag,
    /// Text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of these words.
    Words(&'static [&'static str]),
    /// A list of exactly so many numbers.
    Reals(usize),
    /// Pixels: one number or `[height, width]`.
    Size,
}

/// Which single numbers a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Whole ones.
    Whole,
    /// Any.
    Real,
    /// None: flags, text, words, lists.
    Other,
}

/// One key of a configuration.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether a different value makes a different trial.
    pub(super) identity: bool,
    /// Whether it may be absent.
    pub(super) optional: bool,
}

const fn key(name: &'static str, kind: Kind) -> Key {
    Key {
        name,
        kind,
        identity: true,
        optional: false,
    }
}

impl Key {
    const fn outside_identity(self) -> Self {
        Self {
            identity: false,
            ..self
        }
    }

    const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
}

use Kind::{Flag, Real, Reals, Size, Text, Whole, Word, Words};

/// The keys, in the order in which a resolved configuration is printed.
pub(super) static KEYS: &[Key] = &[
    key("model.variant", Text).outside_identity(),
    key("model.img_size", Size),
    key("model.patch_size", Whole),
    key("model.in_chans", Whole),
    key("model.embed_dim", Whole),
    key("model.encoder_depth", Whole),
    key("model.encoder_num_heads", Whole),
    key("model.decoder_embed_dim", Whole),
    key("model.decoder_depth", Whole),
    key("model.decoder_num_heads", Whole),
    key("model.mlp_ratio", Real),
    key("model.norm_pix_loss", Flag),
    key("model.norm_eps", Real),
    key("model.init", Text).outside_identity().optional(),
    key("mask.strategy", Text),
    key("mask.ratio", Real),
    key("data.kind", Word(&["folder", "photos", "synthetic"])),
    key("data.path", Text).outside_identity().optional(),
    key("data.val_fraction", Real),
    key("data.train_limit", Whole).optional(),
    key("data.val_limit", Whole).optional(),
    key("data.crop_scale", Reals(2)),
    key("data.crop_aspect", Reals(2)),
    key("data.hflip", Real),
    key("data.mean", Reals(3)),
    key("data.std", Reals(3)),
    key("data.synthetic_classes", Whole),
    key("data.synthetic_train", Whole),
    key("data.synthetic_val", Whole),
    key("data.workers", Whole).outside_identity(),
    key("train.epochs", Whole),
    key("train.batch_size", Whole),
    key("train.accum_steps", Whole),
    key("train.blr", Real),
    key("train.lr", Real).optional(),
    key("train.min_lr", Real),
    key("train.warmup_epochs", Real),
    key("train.weight_decay", Real),
    key("train.beta1", Real),
    key("train.beta2", Real),
    key("train.eps", Real),
    key("train.precision", Word(&["f32", "bf16"])),
    key("train.clip_grad", Real).optional(),
    key("train.max_steps", Whole).optional(),
    key("train.val_every", Whole),
    key("train.log_every", Whole).outside_identity(),
    key("train.checkpoint_every", Whole).outside_identity(),
    key("train.checkpoint_steps", Whole).outside_identity().optional(),
    key("train.keep_checkpoints", Whole).outside_identity(),
    key("train.keep_best", Flag).outside_identity(),
    key("eval.tasks", Words(&["reconstruction", "knn"])),
    key("eval.mask_strategy", Text),
    key("eval.mask_ratio", Real),
    key("eval.mask_seed", Whole),
    key("eval.knn_k", Whole),
    key("eval.knn_temperature", Real),
    key("eval.knn_feature", Word(&["cls", "cls_norm", "mean", "mean_norm"])),
    key("eval.pictures", Whole),
    key("eval.picture_every", Whole),
    key("eval.batch_size", Whole),
    key("seed", Whole),
];

/// The sections, which are also the folders that parts live in.
pub(super) const SECTIONS: [&str; 5] = ["model", "mask", "data", "train", "eval"];

/// The key of that name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The table above, with the parameters of the registered strategies as further keys of `[mask]`.
#[derive(Debug)]
pub(super) struct Schema {
    /// Their keys, and whether they take text.
    mask_params: BTreeMap<String, bool>,
    registry: Registry,
}

impl Schema {
    pub(super) fn new(registry: &Registry) -> Self {
        let params = registry.iter().flat_map(|strategy| strategy.params());
        let takes_text = |kind| matches!(kind, ParamKind::Choice(_) | ParamKind::Text);
        let mask_params = params
            .map(|param| (format!("mask.{}", param.name), takes_text(param.kind)))
            .collect();
        Self {
            mask_params,
            registry: registry.clone(),
        }
    }

    /// Every key that may be written.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        KEYS.iter()
            .map(|key| key.name)
            .chain(self.mask_params.keys().map(String::as_str))
    }

    /// Whether text given for `name` outside a file is to be taken as it stands.
    pub(super) fn takes_text(&self, name: &str) -> bool {
        let param = self.mask_params.get(name).copied().unwrap_or(false);
        param || SECTIONS.contains(&name) || find(name).is_some_and(|key| matches!(key.kind, Text | Word(_)))
    }

    /// What numbers `name` takes.
    pub(super) fn takes(&self, name: &str) -> Takes {
        if let Some(key) = find(name) {
            return match key.kind {
                Whole => Takes::Whole,
                Real => Takes::Real,
                _ => Takes::Other,
            };
        }
        let leaf = name.strip_prefix("mask.").unwrap_or_default();
        let mut params = self.registry.iter().flat_map(|strategy| strategy.params());
        match params.find(|param| param.name == leaf).map(|param| param.kind) {
            Some(ParamKind::Int { .. }) => Takes::Whole,
            Some(ParamKind::Float { .. }) => Takes::Real,
            _ => Takes::Other,
        }
    }

    /// The value of `name` in its one spelling, or why it cannot stand at `place`.
    pub(super) fn check(&self, name: &str, value: Value, place: &str) -> Result<Value, SpecError> {
        if let Some(key) = find(name) {
            return key.kind.check(name, value, place);
        }
        if SECTIONS.contains(&name) {
            return Err(SpecError::wrong_type(
                name,
                place,
                "a table of keys or the name of a part",
                &value,
            ));
        }
        if !self.mask_params.contains_key(name) {
            return Err(SpecError::unknown_key(name, place, self.names()));
        }
        if matches!(value, Value::Array(_) | Value::Object(_) | Value::Null) {
            return Err(SpecError::wrong_type(
                name,
                place,
                "a boolean, a number or text",
                &value,
            ));
        }
        Ok(value)
    }

    /// Whether a checked value can make sense at all, whatever the other keys are.
    pub(super) fn check_alone(&self, name: &str, value: &Value, place: &str) -> Result<(), SpecError> {
        let strategy = |word: &Value| self.registry.get(word.as_str().unwrap_or_default()).err();
        let verdict = match name {
            "mask.strategy" => strategy(value).map(|error| quote(&error)),
            "eval.mask_strategy" => {
                strategy(value).map(|error| quote(&error).replace("{mask.strategy}", "{eval.mask_strategy}"))
            }
            _ if self.mask_params.contains_key(name) => self.param_problem(name, value).map(|error| quote(&error)),
            _ => range::check(name, value).err(),
        };
        verdict.map_or(Ok(()), |message| Err(render_one(&message, name, value, place)))
    }

    /// Why no strategy takes this value of its parameter `name`.
    fn param_problem(&self, name: &str, value: &Value) -> Option<MaskError> {
        let leaf = name.strip_prefix("mask.")?;
        let value = mask_value(value)?;
        let mut problem = None;
        for strategy in self.registry.iter() {
            for param in strategy.params().iter().filter(|param| param.name == leaf) {
                let given = BTreeMap::from([(leaf.to_owned(), value.clone())]);
                match Params::resolve(strategy.id(), &[*param], given) {
                    Ok(_) => return None,
                    Err(error) => problem = problem.or(Some(error)),
                }
            }
        }
        problem
    }
}

impl Kind {
    /// The value in its one spelling, or why it is none of this kind.
    pub(super) fn check(self, name: &str, value: Value, place: &str) -> Result<Value, SpecError> {
        let wrong = |value: &Value| SpecError::wrong_type(name, place, self.expected(), value);
        match (self, &value) {
            (Whole, Value::Number(number)) if number.is_u64() => Ok(value),
            (Flag, Value::Bool(_)) | (Text, Value::String(_)) => Ok(value),
            (Real, Value::Number(_)) => real(&value).ok_or_else(|| wrong(&value)),
            (Word(words), Value::String(word)) => known_word(words, word, name, place).map(|()| value),
            (Words(words), Value::Array(items)) => {
                for item in items {
                    known_word(words, item.as_str().ok_or_else(|| wrong(&value))?, name, place)?;
                }
                Ok(value)
            }
            (Reals(length), Value::Array(items)) if items.len() == length => items
                .iter()
                .map(real)
                .collect::<Option<Vec<_>>>()
                .map(Value::from)
                .ok_or_else(|| wrong(&value)),
            (Size, Value::Number(number)) if number.is_u64() => Ok(value),
            (Size, Value::Array(sides)) if sides.len() == 2 && sides.iter().all(Value::is_u64) => {
                Ok(if sides[0] == sides[1] { sides[0].clone() } else { value })
            }
            _ => Err(wrong(&value)),
        }
    }

    fn expected(self) -> String {
        match self {
            Whole => "a whole number".into(),
            Real => "a number".into(),
            Flag => "true or false".into(),
            Text => "text".into(),
            Word(words) => format!("one of {}", words.join(", ")),
            Words(words) => format!("a list of {}", words.join(", ")),
            Reals(length) => format!("a list of {length} numbers"),
            Size => "a whole number of pixels or [height, width]".into(),
        }
    }
}

fn real(value: &Value) -> Option<Value> {
    value.as_f64().filter(|number| number.is_finite()).map(Value::from)
}

fn known_word(words: &[&str], word: &str, name: &str, place: &str) -> Result<(), SpecError> {
    if words.contains(&word) {
        return Ok(());
    }
    let hint = did_you_mean(word, words.iter().copied());
    let hint = if hint.is_empty() {
        format!(": use one of {}", words.join(", "))
    } else {
        hint
    };
    Err(SpecError::Invalid(format!(
        "unknown word {} for {name} in {place}{hint}",
        Value::from(word)
    )))
}
