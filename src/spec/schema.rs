//! Every key a configuration may hold, what it takes, and whether it belongs to a trial's identity.
//! One table, so that unknown keys, wrong types, the order of printing and identity cannot disagree.
//! It must not know where values come from, nor which combinations make sense (`validate` does).

#[path = "schema_alone.rs"]
mod alone;

use std::collections::BTreeMap;

use mae_strategies::{Kind as ParamKind, MaskingStrategy, Param, Registry};
use serde_json::Value;

use super::column::{self, CROSS};
use super::error::{SpecError, nearest};
use super::kind::Kind;
use super::resolve::mask_value;

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

use Kind::{Columns, Flag, Numbers, Parts, Real, Reals, Size, Text, Whole, Word, Words};

/// Features of the encoder.
const FEATURES: &[&str] = &["cls", "cls_norm", "mean", "mean_norm"];

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
    key("model.decoder", Word(&["self", "cross"])),
    key("model.mlp_ratio", Real),
    key("model.norm_pix_loss", Flag),
    key("model.norm_eps", Real),
    key("model.init", Text).outside_identity().optional(),
    key("model.freeze", Parts),
    key("model.extra_blocks", Whole),
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
    key("train.decode_ratio", Real),
    key("train.secondary_ratio", Real),
    key("train.teacher_momentum", Real),
    key("train.predictor_depth", Whole),
    key("train.max_steps", Whole).optional(),
    key("train.val_every", Whole),
    key("train.log_every", Whole).outside_identity(),
    key("train.checkpoint_every", Whole).outside_identity(),
    key("train.checkpoint_steps", Whole).outside_identity().optional(),
    key("train.keep_checkpoints", Whole).outside_identity(),
    key("train.keep_best", Flag).outside_identity(),
    key(
        "eval.tasks",
        Words(&[
            "reconstruction",
            "knn",
            "linear",
            "logistic",
            "attentive",
            "finetune",
            "retrieval",
            "clustering",
        ]),
    ),
    key("eval.mask_strategy", Text),
    key("eval.mask_ratio", Real),
    key(CROSS, Columns),
    key("eval.mask_seed", Whole),
    key("eval.knn_k", Whole),
    key("eval.knn_temperature", Real),
    key("eval.knn_feature", Word(FEATURES)),
    key("eval.pictures", Whole),
    key("eval.picture_every", Whole),
    key("eval.batch_size", Whole),
    key("eval.tune_fraction", Real),
    key("eval.linear.feature", Word(FEATURES)),
    key("eval.linear.optimiser", Word(&["lars", "sgd"])),
    key("eval.linear.epochs", Whole),
    key("eval.linear.batch_size", Whole),
    key("eval.linear.warmup_epochs", Real),
    key("eval.linear.blrs", Numbers),
    key("eval.linear.weight_decay", Real),
    key("eval.logistic.feature", Word(FEATURES)),
    key("eval.logistic.penalties", Numbers),
    key("eval.retrieval.feature", Word(FEATURES)),
    key("eval.clustering.feature", Word(FEATURES)),
    key("eval.clustering.restarts", Whole),
    key("eval.finetune.epochs", Whole),
    key("eval.finetune.batch_size", Whole),
    key("eval.finetune.blr", Real),
    key("eval.finetune.min_lr", Real),
    key("eval.finetune.warmup_epochs", Real),
    key("eval.finetune.layer_decay", Real),
    key("eval.finetune.drop_path", Real),
    key("eval.finetune.weight_decay", Real),
    key("eval.finetune.mixup", Real),
    key("eval.finetune.cutmix", Real),
    key("eval.finetune.smoothing", Real),
    key("eval.finetune.randaugment", Real),
    key("eval.finetune.erasing", Real),
    key("eval.finetune.crop_scale", Reals(2)),
    key("eval.attentive.epochs", Whole),
    key("eval.attentive.batch_size", Whole),
    key("eval.attentive.heads", Whole),
    key("eval.attentive.lrs", Numbers),
    key("eval.attentive.weight_decay", Real),
    key("eval.lpips_weights", Text).outside_identity().optional(),
    key("eval.lpips_net", Word(&["alex", "vgg"])),
    key("seed", Whole),
];

/// The sections, which are also the folders that parts live in.
pub(super) const SECTIONS: [&str; 5] = ["model", "mask", "data", "train", "eval"];

/// The key of that name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The table above, with the parameters of the registered strategies as further keys of `[mask]`: alone, under the name of a
/// mixture's member, and where they are numbers with a schedule each.
#[derive(Debug)]
pub(super) struct Schema {
    /// Parameters under their own names, and whether they take text.
    mask_params: BTreeMap<String, bool>,
    /// Parameters of members, and whether they take text.
    members: BTreeMap<String, bool>,
    /// Fields of schedules.
    ramps: BTreeMap<String, Kind>,
    registry: Registry,
}

/// What the keys of schedules begin with.
const SCHEDULE: &str = "mask.schedule.";

/// Fields of `[mask.schedule.KEY]`.
const RAMP: [(&str, Kind); 6] = [
    ("from", Real),
    ("to", Real),
    ("shape", Word(&["linear", "cosine", "steps"])),
    ("steps", Whole),
    ("start", Real),
    ("end", Real),
];

impl Schema {
    pub(super) fn new(registry: &Registry) -> Self {
        let mut schema = Self {
            mask_params: BTreeMap::new(),
            members: BTreeMap::new(),
            ramps: BTreeMap::new(),
            registry: registry.clone(),
        };
        schema.ramp("ratio");
        let mixes = registry.iter().any(|strategy| strategy.mixes());
        for strategy in registry.iter() {
            for param in strategy.params() {
                let takes_text = matches!(param.kind, ParamKind::Choice(_) | ParamKind::Text);
                let number = matches!(param.kind, ParamKind::Int { .. } | ParamKind::Float { .. });
                let member = format!("{}.{}", strategy.id(), param.name);
                schema.mask_params.insert(format!("mask.{}", param.name), takes_text);
                if number {
                    schema.ramp(param.name);
                }
                if mixes && !strategy.mixes() {
                    schema.members.insert(format!("mask.{member}"), takes_text);
                    if number {
                        schema.ramp(&member);
                    }
                }
            }
        }
        schema
    }

    fn ramp(&mut self, key: &str) {
        let fields = RAMP.map(|(field, kind)| (format!("{SCHEDULE}{key}.{field}"), kind));
        self.ramps.extend(fields);
    }

    /// Every key that may be written.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let params = self.mask_params.keys().chain(self.members.keys());
        KEYS.iter()
            .map(|key| key.name)
            .chain(params.chain(self.ramps.keys()).map(String::as_str))
    }

    /// The keys that a wrong `name` may have meant: schedules only where it speaks of one.
    fn likely(&self, name: &str) -> impl Iterator<Item = &str> {
        let scheduled = name.contains("sched");
        self.names()
            .filter(move |key| scheduled || !self.ramps.contains_key(*key))
    }

    /// Whether text given for `name` outside a file is to be taken as it stands.
    pub(super) fn takes_text(&self, name: &str) -> bool {
        let param = self.mask_params.get(name).or_else(|| self.members.get(name));
        let wordy = |kind: Kind| matches!(kind, Text | Word(_) | Parts);
        param.copied().unwrap_or(false)
            || SECTIONS.contains(&name)
            || find(name).is_some_and(|key| wordy(key.kind))
            || self.ramps.get(name).is_some_and(|kind| wordy(*kind))
    }

    /// What numbers `name` takes.
    pub(super) fn takes(&self, name: &str) -> Takes {
        let kind = find(name).map(|key| key.kind).or_else(|| self.ramps.get(name).copied());
        if let Some(kind) = kind {
            return match kind {
                Whole => Takes::Whole,
                Real => Takes::Real,
                _ => Takes::Other,
            };
        }
        match self.params(name).first().map(|(_, param)| param.kind) {
            Some(ParamKind::Int { .. }) => Takes::Whole,
            Some(ParamKind::Float { .. }) => Takes::Real,
            _ => Takes::Other,
        }
    }

    /// The parameters that a key of `[mask]` may be, each with its strategy.
    fn params(&self, name: &str) -> Vec<(&'static dyn MaskingStrategy, &'static Param)> {
        let path = name.strip_prefix("mask.").unwrap_or_default();
        let (member, leaf) = path.split_once('.').map_or((None, path), |(id, leaf)| (Some(id), leaf));
        let strategies = self.registry.iter();
        let strategies = strategies.filter(|strategy| member.is_none_or(|id| strategy.id() == id));
        let found = strategies.filter_map(|strategy| {
            let param = strategy.params().iter().find(|param| param.name == leaf)?;
            Some((strategy, param))
        });
        found.collect()
    }

    /// The value of `name` in its one spelling, or why it cannot stand at `place`.
    pub(super) fn check(&self, name: &str, value: Value, place: &str) -> Result<Value, SpecError> {
        if name == CROSS {
            return column::check(self, &value, place);
        }
        if let Some(key) = find(name) {
            return key.kind.check(name, value, place);
        }
        if let Some(kind) = self.ramps.get(name) {
            return kind.check(name, value, place);
        }
        if SECTIONS.contains(&name) {
            return Err(SpecError::wrong_type(
                name,
                place,
                "a table of keys or the name of a part",
                &value,
            ));
        }
        if !self.mask_params.contains_key(name) && !self.members.contains_key(name) {
            return Err(self.unknown(name, value, place));
        }
        let takes_lists = || {
            let mut kinds = self.params(name).into_iter().map(|(_, param)| param.kind);
            kinds.any(|kind| matches!(kind, ParamKind::List(_)))
        };
        let plain = match &value {
            Value::Array(_) => takes_lists() && mask_value(&value).is_some(),
            value => mask_value(value).is_some(),
        };
        if plain {
            Ok(value)
        } else {
            Err(SpecError::wrong_type(
                name,
                place,
                "a boolean, a number or text",
                &value,
            ))
        }
    }

    /// What to say about a key that is none, and its value.
    fn unknown(&self, name: &str, value: Value, place: &str) -> SpecError {
        let Some(path) = name.strip_prefix(SCHEDULE) else {
            return SpecError::unknown_key(name, place, self.likely(name));
        };
        let fields = |key: &str| RAMP.map(|(field, _)| format!("{SCHEDULE}{key}.{field}"));
        let moves = |key: &str| self.ramps.contains_key(&format!("{SCHEDULE}{key}.to"));
        if moves(path) {
            return SpecError::wrong_type(name, place, "a table such as { to = 0.9 }", &value);
        }
        let (key, field) = path.rsplit_once('.').unwrap_or((path, "to"));
        if moves(key) {
            return SpecError::unknown_key(name, place, fields(key).iter().map(String::as_str));
        }
        let keys = self
            .ramps
            .keys()
            .filter_map(|name| name.strip_prefix(SCHEDULE)?.strip_suffix(".to"));
        let hint = nearest(key, keys).map_or_else(
            || ": a schedule moves ratio or a number of the strategy, such as mask.schedule.ratio.to".to_owned(),
            |near| format!(": did you mean {SCHEDULE}{near}.{field}?"),
        );
        SpecError::UnknownKey {
            key: name.into(),
            place: place.into(),
            hint,
        }
    }
}
