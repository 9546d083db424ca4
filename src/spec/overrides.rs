//! Values from outside the files: environment variables and `--set`.
//! It is handed the environment as pairs and must not read it.

use mae_strategies::Registry;
use serde_json::Value;

use super::document::{self, Entries};
use super::error::{SpecError, nearest};
use super::layer::{Layer, Origin};
use super::parts::Library;
use super::schema::{SECTIONS, Schema};

/// What every variable of this program begins with.
const PREFIX: &str = "MAE_EXP_";

/// Variables of this program that are not keys of a configuration.
const OTHERS: [&str; 4] = ["MAE_EXP_STORE", "MAE_EXP_DEVICE", "MAE_EXP_REPORTS", "MAE_EXP_LOG"];

/// The layers from outside the files, and the `seeds` that replace the sweep's.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    pub(super) layers: Vec<Layer>,
    pub(super) seeds: Option<(Value, Origin)>,
}

impl Overrides {
    /// The environment, then `--set`, which wins.
    pub(super) fn read(
        env: &[(String, String)],
        sets: &[String],
        library: &Library,
        schema: &Schema,
    ) -> Result<Self, SpecError> {
        let mut overrides = Self::default();
        let mut env: Vec<_> = env
            .iter()
            .filter(|(name, _)| name.starts_with(PREFIX) && !OTHERS.contains(&name.as_str()))
            .collect();
        env.sort_by_key(|(name, _)| (name.contains("__"), name.clone()));
        for (name, text) in env {
            let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
            if !is_known(&key, schema) {
                return Err(unknown_variable(name, &key, schema));
            }
            overrides.push(&key, text, &Origin::environment(name), library, schema)?;
        }
        for set in sets {
            let (key, text) = set
                .split_once('=')
                .ok_or_else(|| SpecError::Invalid(format!("--set {set} has no value: write --set {set}=VALUE")))?;
            overrides.push(key.trim(), text.trim(), &Origin::option(), library, schema)?;
        }
        Ok(overrides)
    }

    fn push(
        &mut self,
        key: &str,
        text: &str,
        origin: &Origin,
        library: &Library,
        schema: &Schema,
    ) -> Result<(), SpecError> {
        if key == "seeds" {
            self.seeds = Some((document::scalar(text), origin.clone()));
            return Ok(());
        }
        let layers = library.layers(entries(key, text, origin, schema)?, origin, schema)?;
        self.layers
            .extend(layers.into_iter().filter(|layer| layer.keys().next().is_some()));
        Ok(())
    }
}

/// What text outside a file gives a key: one value, or each key of an inline table.
fn entries(key: &str, text: &str, origin: &Origin, schema: &Schema) -> Result<Entries, SpecError> {
    let value = value_of(key, text, schema);
    let Value::Object(table) = &value else {
        return Ok(Entries::from([(key.to_owned(), value)]));
    };
    let leaves = document::flatten(table, &origin.place)?.into_iter();
    Ok(leaves.map(|(leaf, value)| (format!("{key}.{leaf}"), value)).collect())
}

/// The value that text outside a file gives a key.
fn value_of(key: &str, text: &str, schema: &Schema) -> Value {
    let parsed = document::scalar(text);
    if schema.takes_text(key) && !parsed.is_string() && !parsed.is_object() {
        Value::from(text)
    } else {
        parsed
    }
}

/// A condition such as `mask.ratio=0.75` on recorded configurations: key and value, read and checked as `--set` reads them.
/// `option` is what it was given with.
///
/// # Errors
/// When there is no value, no such key, or the value is of another type.
pub fn condition(option: &str, text: &str, registry: &Registry) -> Result<(String, Value), SpecError> {
    let schema = Schema::new(registry);
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| SpecError::Invalid(format!("{option} {text} has no value: write {option} {text}=VALUE")))?;
    let (key, value) = (key.trim(), value.trim());
    let value = schema.check(key, value_of(key, value, &schema), option)?;
    Ok((key.to_owned(), value))
}

fn is_known(key: &str, schema: &Schema) -> bool {
    key == "seeds" || SECTIONS.contains(&key) || schema.names().any(|name| name == key)
}

fn unknown_variable(name: &str, key: &str, schema: &Schema) -> SpecError {
    let variable = |key: &str| format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"));
    let near = nearest(key, schema.names()).map(variable);
    let near = near.or_else(|| nearest(name, OTHERS).map(str::to_owned));
    let cure = near.map_or("unset it".into(), |near| format!("did you mean {near}?"));
    SpecError::Invalid(format!("unknown environment variable {name}: {cure}"))
}
