//! Nested sweeps: `[[sweeps]]`, each with its own fixed values and its own `[sweep]`, united into one experiment.
//! A plain `[sweep]` is one of them without a name. It must not read what is swept.

use serde_json::Value;

use super::document::{self, Entries};
use super::error::SpecError;
use super::layer::{Layer, Origin};
use super::parts::Library;
use super::schema::Schema;

/// One sweep of a file.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Its name; `None` for a plain `[sweep]`.
    pub(super) name: Option<String>,
    /// Its own fixed values, above those of the file.
    pub(super) set: Vec<Layer>,
    /// The entries of its `[sweep]`.
    pub(super) sweep: Entries,
}

/// The sweeps of a file: `[sweep]`, or each of `[[sweeps]]`.
pub(super) fn blocks(
    sweep: Entries,
    sweeps: Option<Value>,
    path: &str,
    library: &Library,
    schema: &Schema,
) -> Result<Vec<Block>, SpecError> {
    let Some(sweeps) = sweeps else {
        return Ok(vec![Block {
            sweep,
            ..Block::default()
        }]);
    };
    if !sweep.is_empty() {
        return Err(SpecError::Invalid(format!(
            "{path} holds both [sweep] and [[sweeps]]: move what stands under [sweep] to [sweeps.sweep] of each"
        )));
    }
    let expected = "a list of tables, each opened by [[sweeps]], with name, [sweeps.set] and [sweeps.sweep]";
    let wrong = || SpecError::wrong_type("sweeps", path, expected, &sweeps);
    let mut blocks: Vec<Block> = Vec::new();
    for item in sweeps.as_array().filter(|items| !items.is_empty()).ok_or_else(wrong)? {
        let entries = document::flatten(item.as_object().ok_or_else(wrong)?, path)?;
        let block = one(entries, blocks.len() + 1, path, library, schema)?;
        if let Some(name) = block
            .name
            .as_ref()
            .filter(|_| blocks.iter().any(|b| b.name == block.name))
        {
            return Err(SpecError::Invalid(format!(
                "two of [[sweeps]] in {path} are called {name}: give each a name of its own"
            )));
        }
        blocks.push(block);
    }
    Ok(blocks)
}

/// One table of `[[sweeps]]`; its place, from 1, is its name where it has none.
fn one(entries: Entries, place: usize, path: &str, library: &Library, schema: &Schema) -> Result<Block, SpecError> {
    let mut block = Block {
        name: Some(place.to_string()),
        ..Block::default()
    };
    let mut set = Entries::new();
    for (key, value) in entries {
        if let Some(key) = key.strip_prefix("set.") {
            set.push((key.into(), value));
        } else if let Some(key) = key.strip_prefix("sweep.") {
            block.sweep.push((key.into(), value));
        } else if key == "set" || key == "sweep" {
            return Err(SpecError::wrong_type(&format!("sweeps.{key}"), path, "a table", &value));
        } else if key == "name" {
            let name = value.as_str().map(str::trim).filter(|name| !name.is_empty());
            let wrong = || SpecError::wrong_type("sweeps.name", path, "text", &value);
            block.name = Some(name.ok_or_else(wrong)?.into());
        } else {
            let place = format!("[[sweeps]] of {path}");
            let root = key.split('.').next().unwrap_or_default();
            return Err(SpecError::unknown_key(root, &place, ["name", "set", "sweep"]));
        }
    }
    block.set = library.layers(set, &Origin::nested_set(path), schema)?;
    Ok(block)
}
