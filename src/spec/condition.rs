//! Conditions on a point of a sweep: what it must hold for a key to be swept in it, or for it to be left out.
//! It must not know where points come from.

use serde_json::{Map, Value};

use super::document::Entries;
use super::error::{SpecError, did_you_mean};
use super::schema::{SECTIONS, Schema};

/// Keys that must all have one of their values; nothing is asked where there is none.
#[derive(Debug, Clone, Default)]
pub(super) struct Condition {
    entries: Vec<(String, Vec<Value>)>,
}

impl Condition {
    /// Reads keys and the value, or the list of values, that each must have; `what` names the condition in messages and
    /// `swept` is what it may be about.
    pub(super) fn read(
        entries: &Entries,
        what: &str,
        swept: &[&str],
        file: &str,
        schema: &Schema,
    ) -> Result<Self, SpecError> {
        let read = entries.iter().map(|(key, value)| {
            if !swept.contains(&key.as_str()) {
                let near = did_you_mean(key, swept.iter().copied());
                let cure = if near.is_empty() {
                    ": name a swept key, or sweep this one".into()
                } else {
                    near
                };
                let message = format!("{what} in {file} names {key}, which is not swept{cure}");
                return Err(SpecError::Invalid(message));
            }
            Ok((key.clone(), values(key, value, file, schema)?))
        });
        Ok(Self {
            entries: read.collect::<Result<_, _>>()?,
        })
    }

    /// Whether a point with these values meets it; a key that the point does not have meets nothing.
    pub(super) fn holds(&self, point: &Map<String, Value>) -> bool {
        let met = |(key, values): &(String, Vec<Value>)| point.get(key).is_some_and(|value| values.contains(value));
        self.entries.iter().all(met)
    }

    /// The keys that it is about.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(key, _)| key.as_str())
    }

    /// `mask.strategy = "block", mask.ratio = 0.9`.
    pub(super) fn text(&self) -> String {
        let one = |(key, values): &(String, Vec<Value>)| match &values[..] {
            [value] => format!("{key} = {value}"),
            values => format!("{key} = {}", Value::from(values)),
        };
        self.entries.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// The values meant: the one written where the key takes it, else each of the list.
fn values(key: &str, value: &Value, file: &str, schema: &Schema) -> Result<Vec<Value>, SpecError> {
    let one = |value: &Value| -> Result<Value, SpecError> {
        if key == "case" || SECTIONS.contains(&key) {
            let name = value.as_str().map(Value::from);
            return name.ok_or_else(|| SpecError::wrong_type(key, file, "a name", value));
        }
        let value = schema.check(key, value.clone(), file)?;
        schema.check_alone(key, &value, file)?;
        Ok(value)
    };
    match (one(value), value) {
        (Ok(value), _) => Ok(vec![value]),
        (Err(_), Value::Array(items)) if !items.is_empty() => items.iter().map(one).collect(),
        (Err(error), _) => Err(error),
    }
}
