//! One layer of a configuration as a figment provider whose metadata says where its values come from.
//! Values are checked against the schema on the way in, so that a mistake is reported where it stands.
//! It must not decide the order of layers: `load` stacks them.

use figment::value::{Dict, Map, Value as FigmentValue};
use figment::{Error, Figment, Metadata, Profile, Provider, Source};
use serde_json::Value;

use super::document::Entries;
use super::error::SpecError;
use super::schema::Schema;

/// How values of a sweep are named.
const SWEEP: &str = "sweep";

/// How fixed values of nested sweeps are named.
const NESTED_SET: &str = "[sweeps.set]";

type Table = serde_json::Map<String, Value>;

/// Where values come from: in the words of `config`, and in the words of an error ("… in PLACE").
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) name: String,
    pub(super) place: String,
}

impl Origin {
    pub(super) fn defaults() -> Self {
        Self {
            name: "built-in default".into(),
            place: "the built-in defaults".into(),
        }
    }

    pub(super) fn built_in(part: &str) -> Self {
        Self {
            name: format!("built-in part {part}"),
            place: format!("built-in part {part}"),
        }
    }

    pub(super) fn file(path: &str) -> Self {
        Self {
            name: path.into(),
            place: path.into(),
        }
    }

    pub(super) fn set_section(path: &str) -> Self {
        Self {
            name: format!("{path} [set]"),
            place: path.into(),
        }
    }

    pub(super) fn nested_set(path: &str) -> Self {
        Self {
            name: format!("{path} {NESTED_SET}"),
            place: path.into(),
        }
    }

    /// Whether these are values written under `[set]` of a file, or of one of its nested sweeps.
    pub(super) fn is_set_section(&self) -> bool {
        self.name.ends_with(" [set]") || self.is_nested_set()
    }

    /// Whether these are values written under `[sweeps.set]` itself, not those of a part that it names.
    pub(super) fn is_nested_set(&self) -> bool {
        self.name.ends_with(NESTED_SET)
    }

    pub(super) fn sweep_section(path: &str) -> Self {
        Self {
            name: SWEEP.into(),
            place: path.into(),
        }
    }

    /// Whether these are values written under `[sweep]` itself, not those of a part that it names.
    pub(super) fn is_sweep_section(&self) -> bool {
        self.name == SWEEP
    }

    pub(super) fn environment(variable: &str) -> Self {
        Self {
            name: format!("environment {variable}"),
            place: format!("environment variable {variable}"),
        }
    }

    pub(super) fn option() -> Self {
        Self {
            name: "--set".into(),
            place: "--set".into(),
        }
    }

    /// The origin of `key` among the layers of `figment`.
    pub(super) fn of(figment: &Figment, key: &str) -> Option<Self> {
        let metadata = figment.find_metadata(key)?;
        let place = metadata
            .source
            .as_ref()
            .and_then(Source::custom)
            .unwrap_or(&metadata.name);
        Some(Self {
            name: metadata.name.to_string(),
            place: place.into(),
        })
    }
}

/// Checked values with one origin.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) origin: Origin,
    entries: Entries,
}

impl Layer {
    /// Checks every entry against the schema, and whether it can make sense whatever the other keys are.
    pub(super) fn new(entries: Entries, origin: Origin, schema: &Schema) -> Result<Self, SpecError> {
        let layer = Self::typed(entries, origin, schema)?;
        for (key, value) in &layer.entries {
            schema.check_alone(key, value, &layer.origin.place)?;
        }
        Ok(layer)
    }

    /// Checks every entry's name and type only: a registry need not have the strategies of the built-in defaults.
    pub(super) fn typed(entries: Entries, origin: Origin, schema: &Schema) -> Result<Self, SpecError> {
        let checked = entries.into_iter().map(|(key, value)| {
            let value = schema.check(&key, value, &origin.place)?;
            Ok((key, value))
        });
        Ok(Self {
            entries: checked.collect::<Result<_, SpecError>>()?,
            origin,
        })
    }

    /// The keys that this layer gives.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(key, _)| key.as_str())
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::from(self.origin.name.clone(), Source::Custom(self.origin.place.clone()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let nested = FigmentValue::serialize(nest(self.entries.iter().cloned()))?;
        Ok(Profile::Default.collect(nested.into_dict().unwrap_or_default()))
    }
}

/// Dotted entries as a table of sections, which may hold tables of their own.
pub(super) fn nest(entries: impl IntoIterator<Item = (String, Value)>) -> Table {
    let mut root = Table::new();
    for (key, value) in entries {
        insert(&mut root, &key, value);
    }
    root
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => _ = table.insert(key.into(), value),
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| Table::new().into());
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// The values of all layers, nested by section.
pub(super) fn merged(figment: &Figment) -> Result<Value, SpecError> {
    figment
        .extract()
        .map_err(|error| SpecError::Invalid(super::error::one_line(&error.to_string())))
}
