//! From stacked layers to one trial's configuration, its origins and its typed form.
//! It must not judge whether the values make sense together: `validate` does.

use std::collections::BTreeMap;

use figment::Figment;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::{SpecError, one_line};
use super::layer::{self, Origin};
use super::schema::{KEYS, SECTIONS};
use super::trial::{MaskSpec, MaskValue, TrialSpec};

/// The resolved configuration nested by section, in the schema's order, and the origin of each dotted key.
pub(super) fn resolve(figment: &Figment) -> Result<(Value, BTreeMap<String, Origin>), SpecError> {
    let mut given = flatten(&layer::merged(figment)?);
    let mut entries = Vec::new();
    for key in KEYS {
        match given.remove(key.name) {
            Some(value) => entries.push((key.name.to_owned(), value)),
            None if key.optional => {}
            None => return Err(SpecError::Invalid(format!("no value for {}", key.name))),
        }
    }
    entries.extend(given);
    let origin = |key: &String| Origin::of(figment, key).map(|origin| (key.clone(), origin));
    let origins = entries.iter().filter_map(|(key, _)| origin(key)).collect();
    Ok((layer::nest(entries).into(), origins))
}

/// A configuration's leaves by dotted key.
pub(super) fn flatten(config: &Value) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    for (section, value) in config.as_object().into_iter().flatten() {
        match value {
            Value::Object(inner) => {
                leaves.extend(
                    inner
                        .iter()
                        .map(|(key, value)| (format!("{section}.{key}"), value.clone())),
                );
            }
            leaf => _ = leaves.insert(section.clone(), leaf.clone()),
        }
    }
    leaves
}

impl TrialSpec {
    /// The typed form of a resolved configuration, such as one kept in the store.
    ///
    /// # Errors
    /// A key that is missing, unknown or of the wrong type.
    pub fn from_config(config: &Value) -> Result<Self, SpecError> {
        let seed = config["seed"]
            .as_u64()
            .ok_or_else(|| broken("seed", "must be a whole number"))?;
        Ok(Self {
            model: section(config, "model")?,
            mask: mask(config["mask"].as_object().cloned().unwrap_or_default())?,
            data: section(config, "data")?,
            train: section(config, "train")?,
            eval: section(config, "eval")?,
            seed,
        })
    }

    /// The configuration that this trial comes from, nested by section; keys without a value are left out.
    pub fn to_config(&self) -> Value {
        let mut mask = Map::from_iter([
            ("strategy".to_owned(), Value::from(self.mask.strategy.as_str())),
            ("ratio".to_owned(), Value::from(self.mask.ratio)),
        ]);
        mask.extend(self.mask.params.iter().map(|(name, value)| (name.clone(), json(value))));
        let sections = [
            table(&self.model),
            mask.into(),
            table(&self.data),
            table(&self.train),
            table(&self.eval),
        ];
        let mut config: Map<String, Value> = SECTIONS.into_iter().map(String::from).zip(sections).collect();
        config.insert("seed".into(), self.seed.into());
        config.into()
    }
}

fn table(section: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(section).unwrap_or_default();
    if let Value::Object(keys) = &mut value {
        keys.retain(|_, value| !value.is_null());
    }
    value
}

fn json(value: &MaskValue) -> Value {
    match value {
        MaskValue::Bool(flag) => Value::from(*flag),
        MaskValue::Int(number) => Value::from(*number),
        MaskValue::Float(number) => Value::from(*number),
        MaskValue::Text(text) => Value::from(text.as_str()),
    }
}

pub(super) fn section<T: DeserializeOwned>(config: &Value, name: &str) -> Result<T, SpecError> {
    serde_json::from_value(config[name].clone()).map_err(|error| broken(name, &one_line(&error.to_string())))
}

fn mask(mut table: Map<String, Value>) -> Result<MaskSpec, SpecError> {
    let strategy = table
        .shift_remove("strategy")
        .and_then(|value| value.as_str().map(str::to_owned));
    let ratio = table.shift_remove("ratio").and_then(|value| value.as_f64());
    let params = table.into_iter().map(|(name, value)| {
        let value =
            mask_value(&value).ok_or_else(|| broken("mask", &format!("{name} must be a boolean, a number or text")))?;
        Ok((name, value))
    });
    Ok(MaskSpec {
        strategy: strategy.ok_or_else(|| broken("mask", "strategy must be text"))?,
        ratio: ratio.ok_or_else(|| broken("mask", "ratio must be a number"))?,
        params: params.collect::<Result<_, SpecError>>()?,
    })
}

pub(super) fn mask_value(value: &Value) -> Option<MaskValue> {
    match value {
        Value::Bool(flag) => Some(MaskValue::Bool(*flag)),
        Value::Number(number) => number
            .as_i64()
            .map(MaskValue::Int)
            .or_else(|| number.as_f64().map(MaskValue::Float)),
        Value::String(text) => Some(MaskValue::Text(text.clone())),
        _ => None,
    }
}

fn broken(section: &str, message: &str) -> SpecError {
    SpecError::Invalid(format!("configuration, section {section}: {message}"))
}
