//! From stacked layers to one trial's configuration, its origins and its typed form.
//! It must not judge whether the values make sense together: `validate` does.

use std::collections::BTreeMap;

use figment::Figment;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::{SpecError, one_line};
use super::layer::{self, Origin};
use super::ramp::Ramp;
use super::schema::{KEYS, SECTIONS};
use super::trial::{MaskSpec, MaskValue, TrialSpec};

/// Beneath `[mask]`, where its schedules stand.
const SCHEDULE: &str = "schedule.";

type Leaves = BTreeMap<String, Value>;

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
    collect(config, "", &mut leaves);
    leaves
}

fn collect(table: &Value, prefix: &str, leaves: &mut BTreeMap<String, Value>) {
    for (key, value) in table.as_object().into_iter().flatten() {
        let key = format!("{prefix}{key}");
        if value.is_object() {
            collect(value, &format!("{key}."), leaves);
        } else {
            leaves.insert(key, value.clone());
        }
    }
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
        let sections = [
            table(&self.model),
            mask_table(&self.mask),
            table(&self.data),
            table(&self.train),
            table(&self.eval),
        ];
        let mut config: Map<String, Value> = SECTIONS.into_iter().map(String::from).zip(sections).collect();
        config.insert("seed".into(), self.seed.into());
        config.into()
    }
}

fn mask_table(mask: &MaskSpec) -> Value {
    let mut entries = vec![
        ("strategy".to_owned(), Value::from(mask.strategy.as_str())),
        ("ratio".to_owned(), Value::from(mask.ratio)),
    ];
    entries.extend(mask.params.iter().map(|(name, value)| (name.clone(), json(value))));
    let ramps = mask.schedule.iter();
    entries.extend(ramps.map(|(key, ramp)| (format!("{SCHEDULE}{key}"), table(ramp))));
    layer::nest(entries).into()
}

fn table(section: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(section).unwrap_or_default();
    if let Value::Object(keys) = &mut value {
        keys.retain(|_, value| !value.is_null());
    }
    value
}

pub(super) fn json(value: &MaskValue) -> Value {
    match value {
        MaskValue::Bool(flag) => Value::from(*flag),
        MaskValue::Int(number) => Value::from(*number),
        MaskValue::Float(number) => Value::from(*number),
        MaskValue::Text(text) => Value::from(text.as_str()),
        MaskValue::List(items) => items.iter().map(json).collect(),
    }
}

pub(super) fn section<T: DeserializeOwned>(config: &Value, name: &str) -> Result<T, SpecError> {
    serde_json::from_value(config[name].clone()).map_err(|error| broken(name, &one_line(&error.to_string())))
}

fn mask(table: Map<String, Value>) -> Result<MaskSpec, SpecError> {
    let mut leaves = flatten(&table.into());
    let strategy = leaves
        .remove("strategy")
        .and_then(|value| value.as_str().map(str::to_owned));
    let ratio = leaves.remove("ratio").and_then(|value| value.as_f64());
    let (ramps, params): (Leaves, Leaves) = leaves.into_iter().partition(|(key, _)| key.starts_with(SCHEDULE));
    let params = params.into_iter().map(|(name, value)| {
        let wrong = || {
            broken(
                "mask",
                &format!("{name} must be a boolean, a number, text or a list of these"),
            )
        };
        let value = mask_value(&value).ok_or_else(wrong)?;
        Ok((name, value))
    });
    Ok(MaskSpec {
        strategy: strategy.ok_or_else(|| broken("mask", "strategy must be text"))?,
        ratio: ratio.ok_or_else(|| broken("mask", "ratio must be a number"))?,
        params: params.collect::<Result<_, SpecError>>()?,
        schedule: schedule(ramps)?,
    })
}

/// The schedules of `schedule.KEY.field` and its value.
fn schedule(leaves: Leaves) -> Result<BTreeMap<String, Ramp>, SpecError> {
    let mut tables: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for (name, value) in leaves {
        let path = name.trim_start_matches(SCHEDULE);
        let (key, field) = path
            .rsplit_once('.')
            .ok_or_else(|| broken("mask", &format!("{name} must be a table")))?;
        tables.entry(key.into()).or_default().insert(field.into(), value);
    }
    let ramp = |(key, table): (String, Map<String, Value>)| {
        let ramp = serde_json::from_value(table.into());
        let wrong = |error: serde_json::Error| {
            let why = one_line(&error.to_string());
            SpecError::Invalid(format!(
                "mask.{SCHEDULE}{key}: {why}; it takes from, to, shape, steps, start and end"
            ))
        };
        let ramp = ramp.map_err(wrong)?;
        Ok((key, ramp))
    };
    tables.into_iter().map(ramp).collect()
}

pub(super) fn mask_value(value: &Value) -> Option<MaskValue> {
    match value {
        Value::Bool(flag) => Some(MaskValue::Bool(*flag)),
        Value::Number(number) => number
            .as_i64()
            .map(MaskValue::Int)
            .or_else(|| number.as_f64().map(MaskValue::Float)),
        Value::String(text) => Some(MaskValue::Text(text.clone())),
        Value::Array(items) => items.iter().map(mask_value).collect::<Option<_>>().map(MaskValue::List),
        _ => None,
    }
}

fn broken(section: &str, message: &str) -> SpecError {
    SpecError::Invalid(format!("configuration, section {section}: {message}"))
}
