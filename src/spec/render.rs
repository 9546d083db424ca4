//! Messages about values: they quote keys as `{section.key}`, and here value and origin take that place, so that each
//! error says where to mend it. It must not judge anything.

use std::collections::BTreeMap;

use mae_strategies::Error as MaskError;
use serde_json::Value;

use super::error::{SpecError, one_line};
use super::layer::{Origin, nest};
use super::resolve::flatten;
use super::trial::MaskValue;

/// `{section.key}` as `section.key = value in place`.
pub(super) fn render(message: &str, config: &Value, origins: &BTreeMap<String, Origin>) -> SpecError {
    let mut text = message.to_owned();
    for (key, value) in leaves(config) {
        let list = key.split('[').next().unwrap_or_default();
        let place = origins
            .get(list)
            .map(|origin| format!(" in {}", origin.place))
            .unwrap_or_default();
        text = text.replace(&format!("{{{key}}}"), &format!("{key} = {value}{place}"));
    }
    SpecError::Invalid(one_line(&text))
}

/// A configuration's leaves by dotted key, those of tables in lists included: `eval.cross[2].random_offset`.
fn leaves(config: &Value) -> Vec<(String, Value)> {
    let mut leaves = Vec::new();
    for (key, value) in flatten(config) {
        let items = value.as_array().into_iter().flatten().enumerate();
        for (index, item) in items.filter(|(_, item)| item.is_object()) {
            let inner = flatten(item).into_iter();
            leaves.extend(inner.map(|(leaf, value)| (format!("{key}[{index}].{leaf}"), value)));
        }
        leaves.push((key, value));
    }
    leaves
}

/// The same for a message about one value, standing at `place`.
pub(super) fn render_one(message: &str, key: &str, value: &Value, place: &str) -> SpecError {
    let config = nest([(key.to_owned(), value.clone())]).into();
    let origin = Origin {
        name: place.into(),
        place: place.into(),
    };
    render(message, &config, &BTreeMap::from([(key.to_owned(), origin)]))
}

/// The registry's words with `mask.key = value` in braces, so that the origin can be put in.
pub(super) fn quote(error: &MaskError) -> String {
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
