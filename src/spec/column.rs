//! A column of the cross table: a strategy whose masks every model is judged under, by its name or as a table with parameters.
//! A table is held to what holds for `[mask]`, and messages name its keys `eval.cross[2].random_offset`, counted from 0.
//! It must not decide which strategies can be columns: `validate` does.

use std::collections::BTreeMap;

use mae_strategies::Registry;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::document;
use super::error::SpecError;
use super::layer::nest;
use super::resolve::{flatten, json, mask_value};
use super::schema::Schema;
use super::trial::MaskValue;

/// The key that holds the columns.
pub const CROSS: &str = "eval.cross";

/// What the key takes.
const EXPECTED: &str =
    "a list of names of strategies, or of tables such as { strategy = \"block\", random_offset = true }";

/// The text of a script is no part of a label.
const SOURCE: &str = "source";

/// One entry of `eval.cross`; a strategy without parameters is written as its name alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Column {
    /// What it is called; drawn up from strategy and parameters where none is given.
    pub name: Option<String>,
    /// Registry id.
    pub strategy: String,
    /// The strategy's own parameters; those not given take the strategy's defaults. Those of a mixture's member are called
    /// `member.parameter`.
    pub params: BTreeMap<String, MaskValue>,
}

impl Column {
    /// What its figures are recorded under, such as `block` or `block(random_offset=true)`; no two of a trial are alike.
    #[must_use]
    pub fn label(&self) -> String {
        let told = self.params.iter().filter(|(key, _)| !is_source(key));
        let told: Vec<String> = told
            .map(|(key, value)| format!("{key}={}", plain(&json(value))))
            .collect();
        match &self.name {
            Some(name) => name.clone(),
            None if told.is_empty() => self.strategy.clone(),
            None => format!("{}({})", self.strategy, told.join(", ")),
        }
    }

    /// Whether masks of a configuration's `[mask]` are drawn as those of the column, but for their ratio. A script is known by
    /// its text, and what is given as a built-in default counts as not given; masks with a schedule are of no column.
    #[must_use]
    pub fn is_of(&self, mask: &Value) -> bool {
        let mut mask = mask.clone();
        let Some(_) = mask.as_object_mut().and_then(|keys| keys.remove("ratio")) else {
            return false;
        };
        let of = |mask| Self::try_from(mask).ok();
        mask.get("schedule").is_none() && of(mask).is_some_and(|other| self.is_alike(&other))
    }

    /// Whether another column has the same masks, whatever it is called.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        self.strategy == other.strategy && self.own() == other.own()
    }

    /// The parameters that tell its masks from others.
    fn own(&self) -> Vec<(&String, &MaskValue)> {
        let strategy = Registry::builtin().get(&self.strategy).ok();
        let declared = |key: &str| {
            strategy?
                .params()
                .iter()
                .find(|param| param.name == key)?
                .default_value()
        };
        let of_script = |key: &str| key.strip_suffix("path").map(|head| format!("{head}{SOURCE}"));
        let counts = |(key, value): &(&String, &MaskValue)| {
            declared(key).as_ref() != Some(*value)
                && of_script(key).is_none_or(|source| !self.params.contains_key(&source))
        };
        self.params.iter().filter(counts).collect()
    }
}

fn is_source(key: &str) -> bool {
    key == SOURCE || key.ends_with(".source")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl TryFrom<Value> for Column {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        if let Value::String(strategy) = value {
            return Ok(Self {
                name: None,
                strategy,
                params: BTreeMap::new(),
            });
        }
        let mut leaves = flatten(&value);
        let mut text = |key: &str| leaves.remove(key).and_then(|value| value.as_str().map(str::to_owned));
        let (name, strategy) = (text("name"), text("strategy"));
        let param = |(key, value): (String, Value)| {
            let value = mask_value(&value).ok_or_else(|| format!("{key} is no parameter"))?;
            Ok((key, value))
        };
        Ok(Self {
            name,
            strategy: strategy.ok_or("a column names no strategy")?,
            params: leaves.into_iter().map(param).collect::<Result<_, String>>()?,
        })
    }
}

impl From<Column> for Value {
    fn from(column: Column) -> Self {
        if column.name.is_none() && column.params.is_empty() {
            return column.strategy.into();
        }
        let own = [("name", column.name), ("strategy", Some(column.strategy))];
        let own = own
            .into_iter()
            .filter_map(|(key, text)| Some((key.to_owned(), text?.into())));
        let params = column.params.iter().map(|(key, value)| (key.clone(), json(value)));
        nest(own.chain(params)).into()
    }
}

/// The list in its one spelling, or why it cannot stand at `place`.
pub(super) fn check(schema: &Schema, value: &Value, place: &str) -> Result<Value, SpecError> {
    let wrong = || SpecError::wrong_type(CROSS, place, EXPECTED, value);
    let column = |(index, item): (usize, &Value)| match item {
        Value::String(_) => Ok(item.clone()),
        Value::Object(table) => one(schema, index, table, place),
        _ => Err(wrong()),
    };
    let items = value.as_array().ok_or_else(wrong)?;
    items.iter().enumerate().map(column).collect()
}

/// One table, every key of which is one of `[mask]`, or its name.
fn one(schema: &Schema, index: usize, table: &Map<String, Value>, place: &str) -> Result<Value, SpecError> {
    let at = format!("{CROSS}[{index}]");
    let invalid = |text: String| Err(SpecError::Invalid(format!("{at}{text}")));
    let mut checked = Vec::new();
    for (key, value) in document::flatten(table, &format!("{at} in {place}"))? {
        let value = match key.as_str() {
            "name" if is_name(&value) => value,
            "name" => {
                let wanted = "a name of 1 to 60 characters without / or line breaks";
                return Err(SpecError::wrong_type(&format!("{at}.name"), place, wanted, &value));
            }
            "ratio" => return invalid(format!(".ratio in {place} is that of all columns: set eval.mask_ratio")),
            _ if key.starts_with("schedule") => {
                return invalid(format!(
                    ".{key} in {place} moves nothing: models are judged after training; give the parameter its value"
                ));
            }
            _ => schema
                .check(&format!("mask.{key}"), value, place)
                .map_err(|error| within(index, &error))?,
        };
        checked.push((key, value));
    }
    if !checked.iter().any(|(key, _)| key == "strategy") {
        return invalid(format!(
            " in {place} names no strategy: write {{ strategy = \"block\", random_offset = true }}"
        ));
    }
    Column::try_from(Value::Object(nest(checked)))
        .map(Value::from)
        .map_err(|problem| SpecError::Invalid(format!("{at} in {place}: {problem}")))
}

fn is_name(value: &Value) -> bool {
    let fits = |name: &str| {
        !name.trim().is_empty() && name.chars().count() <= 60 && !name.contains(|c: char| c == '/' || c.is_control())
    };
    value.as_str().is_some_and(fits)
}

/// Whether the strategies of checked tables exist; `validate` holds their parameters to them.
pub(super) fn check_alone(schema: &Schema, value: &Value, place: &str) -> Result<(), SpecError> {
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(strategy) = item.get("strategy") {
            schema
                .check_alone("mask.strategy", strategy, place)
                .map_err(|error| within(index, &error))?;
        }
    }
    Ok(())
}

/// What is wrong with the labels of a checked list, to be said after "key = value in place".
pub(super) fn doubled(value: &Value) -> Option<String> {
    let columns = value.as_array().into_iter().flatten();
    let columns: Vec<Column> = columns.filter_map(|item| Column::try_from(item.clone()).ok()).collect();
    let labels: Vec<String> = columns.iter().map(Column::label).collect();
    let twice = (1..labels.len()).find(|index| labels[..*index].contains(&labels[*index]))?;
    let plain = columns
        .iter()
        .all(|column| column.name.is_none() && column.params.is_empty());
    Some(if plain {
        "names a strategy twice: keep one".into()
    } else {
        format!(
            "has two columns called {}: keep one, or give each a name",
            labels[twice]
        )
    })
}

/// A message about `[mask]` as one about a column.
fn within(index: usize, error: &SpecError) -> SpecError {
    SpecError::Invalid(renamed(&error.to_string(), index))
}

/// `mask.` at the beginning of keys as `eval.cross[index].`.
pub(super) fn renamed(message: &str, index: usize) -> String {
    let mut parts = message.split("mask.");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let key = text.chars().next_back().is_none_or(|before| " {(".contains(before));
        text += &if key {
            format!("{CROSS}[{index}].")
        } else {
            "mask.".to_owned()
        };
        text += part;
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn column(value: Value) -> Column {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_column_is_written_as_it_was_and_named_after_what_it_draws() {
        for (value, label) in [
            (json!("grid"), "grid"),
            (
                json!({ "strategy": "block", "random_offset": true }),
                "block(random_offset=true)",
            ),
            (
                json!({ "strategy": "block", "name": "slabs", "random_offset": true }),
                "slabs",
            ),
            (
                json!({ "strategy": "script", "path": "a.rhai", "source": "fn score(p) { 1 }" }),
                "script(path=a.rhai)",
            ),
            (
                json!({ "strategy": "mixture", "of": ["grid"], "block": { "flipped": true } }),
                "mixture(block.flipped=true, of=[\"grid\"])",
            ),
        ] {
            let column = column(value.clone());
            assert_eq!(column.label(), label);
            assert_eq!(Value::from(column), value);
        }
        assert_eq!(Value::from(column(json!({ "strategy": "grid" }))), "grid");
        assert!(serde_json::from_value::<Column>(json!({ "random_offset": true })).is_err());
        assert!(serde_json::from_value::<Column>(json!(3)).is_err());
    }

    #[test]
    fn it_draws_what_the_same_parameters_draw_and_a_script_is_its_text() {
        let block = column(json!({ "strategy": "block", "random_offset": true, "name": "slabs" }));
        let on = |mask: Value| {
            let mut mask = mask;
            mask["ratio"] = json!(0.5);
            block.is_of(&mask)
        };
        assert!(on(json!({ "strategy": "block", "random_offset": true })));
        assert!(on(
            json!({ "strategy": "block", "random_offset": true, "flipped": false })
        ));
        assert!(!on(
            json!({ "strategy": "block", "random_offset": true, "flipped": true })
        ));
        assert!(!on(json!({ "strategy": "block" })));
        assert!(!on(json!({ "strategy": "combined", "random_offset": true })));
        assert!(!on(
            json!({ "strategy": "block", "random_offset": true, "schedule": { "ratio": { "to": 0.9 } } })
        ));
        let script =
            |path: &str, text: &str| json!({ "strategy": "script", "path": path, "source": text, "ratio": 0.5 });
        let own = column(json!({ "strategy": "script", "source": "x" }));
        assert!(own.is_of(&script("b", "x")));
        assert!(!own.is_of(&script("a", "y")));
    }

    #[test]
    fn keys_are_renamed_and_values_are_not() {
        assert_eq!(
            renamed("mask.path = \"mymask.png\" as {mask.path}: did you mean mask.of?", 2),
            "eval.cross[2].path = \"mymask.png\" as {eval.cross[2].path}: did you mean eval.cross[2].of?"
        );
    }
}
