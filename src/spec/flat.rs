//! The flat YAML form in circulation among MAE users: `model_name: mae`, the model's keys and `mask_ratio`,
//! all at the top level. It becomes ordinary dotted keys here and nowhere else.
//! It must not give defaults: those are the layers beneath.

use serde_json::Value;

use super::document::Entries;
use super::error::SpecError;
use super::parts::parts;
use super::schema::{KEYS, SECTIONS};

/// Flat names that differ from the last word of their key.
const ALIASES: [(&str, &str); 6] = [
    ("model_name", "model"),
    ("mask_ratio", "mask.ratio"),
    ("mask_strategy", "mask.strategy"),
    ("depth", "model.encoder_depth"),
    ("num_heads", "model.encoder_num_heads"),
    ("data_path", "data.path"),
];

/// Whether a YAML file is of the flat form: it opens no section.
pub(super) fn is_flat(entries: &Entries) -> bool {
    entries
        .iter()
        .any(|(key, _)| key == "model_name" || (!key.contains('.') && target(key).is_some()))
}

/// The same entries under their dotted keys.
pub(super) fn expand(entries: Entries, path: &str) -> Result<Entries, SpecError> {
    let mut expanded = Entries::new();
    for (key, value) in entries {
        if key == "model_name" {
            expanded.extend(model(&value, path)?);
        } else if key.contains('.') || key == "seed" {
            expanded.push((key, value));
        } else {
            let target = target(&key).ok_or_else(|| SpecError::unknown_key(&key, path, names()))?;
            expanded.push((target.into(), value));
        }
    }
    let given = |name: &str| expanded.iter().any(|(key, _)| key == name);
    if given("data.path") && !given("data.kind") {
        expanded.push(("data.kind".into(), "folder".into()));
    }
    Ok(expanded)
}

/// `mae_vit_large_patch16` names the part `model/large`; `mae` alone is the reference architecture.
fn model(value: &Value, path: &str) -> Result<Entries, SpecError> {
    let name = value
        .as_str()
        .ok_or_else(|| SpecError::wrong_type("model_name", path, "text", value))?;
    let known: Vec<String> = parts()
        .into_iter()
        .filter_map(|part| part.name.strip_prefix("model/").map(str::to_owned))
        .collect();
    let mut words = name
        .split(['_', '-'])
        .filter(|word| !["mae", "vit", "facebook"].contains(word));
    let Some(size) = words.next() else {
        return Ok(Entries::new());
    };
    if known.iter().any(|part| part == size) {
        return Ok(vec![("model".into(), size.into())]);
    }
    let known = known.join(", ");
    Err(SpecError::Invalid(format!(
        "unknown model_name {value} in {path}: use mae, or mae_vit_ before one of {known}"
    )))
}

fn target(name: &str) -> Option<&'static str> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, key)| *key);
    alias.or_else(|| {
        let sections = SECTIONS.iter().filter(|section| **section != "eval");
        let of = |section: &&str| {
            KEYS.iter()
                .map(|key| key.name)
                .find(|key| *key == format!("{section}.{name}"))
        };
        sections.into_iter().find_map(of)
    })
}

fn names() -> impl Iterator<Item = &'static str> {
    let leaves = KEYS
        .iter()
        .filter(|key| !key.name.starts_with("eval."))
        .filter_map(|key| key.name.split('.').next_back());
    ALIASES.iter().map(|(alias, _)| *alias).chain(leaves)
}
