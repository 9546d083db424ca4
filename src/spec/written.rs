//! The `[sweep]` table as it is written, taken apart: swept keys in file order, each listed or drawn and perhaps under a
//! condition, and what stands beside them. It must not judge values: `factor`, `draw` and `condition` do.

use serde_json::{Map, Value};

use super::document::Entries;
use super::error::{SpecError, did_you_mean};
use super::schema::{SECTIONS, Schema};

/// What `[sweep]` holds besides the keys that it sweeps.
pub(super) const BESIDE: [&str; 7] = ["seeds", "cases", "zip", "samples", "search_seed", "exclude", "include"];

/// The words of a swept key that is written as a table; the first lists, the last is a condition, the others draw.
const WORDS: [&str; 6] = ["values", "uniform", "log_uniform", "int_uniform", "choice", "when"];

/// `[sweep]`, taken apart.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Swept keys and `cases`, in file order.
    pub(super) items: Vec<Item>,
    /// What `seeds` or `seed` says.
    pub(super) seeds: Option<Value>,
    pub(super) zip: Option<Value>,
    pub(super) samples: Option<Value>,
    pub(super) search_seed: Option<Value>,
    pub(super) exclude: Option<Value>,
    pub(super) include: Option<Value>,
}

/// One swept key.
#[derive(Debug)]
pub(super) struct Item {
    /// The dotted key, a section or `cases`.
    pub(super) key: String,
    /// `values` or the word of a draw, and what it is given; nothing yet where only a condition was read.
    how: Option<(&'static str, Value)>,
    /// The condition's keys and values.
    pub(super) when: Entries,
}

impl Item {
    /// `values` or the word of a draw, and what it is given.
    pub(super) fn how(&self, file: &str) -> Result<(&'static str, &Value), SpecError> {
        let how = self.how.as_ref().map(|(word, value)| (*word, value));
        how.ok_or_else(|| {
            SpecError::Invalid(format!(
                "{} in {file} has a condition and no values: add values = [...]",
                self.key
            ))
        })
    }
}

impl Written {
    /// Takes the entries of a `[sweep]` in `file` apart.
    pub(super) fn read(entries: &Entries, file: &str, schema: &Schema) -> Result<Self, SpecError> {
        let mut written = Self::default();
        for (key, value) in entries {
            let root = key.split('.').next().unwrap_or_default();
            if root == "seed" || (BESIDE.contains(&root) && root != "cases") {
                let whole = root == key;
                let value = if whole { value.clone() } else { Map::new().into() };
                written.beside(root, value, file)?;
                continue;
            }
            let (name, rest) = split(key, schema);
            written.item(name, rest, value, file)?;
        }
        Ok(written)
    }

    fn beside(&mut self, name: &str, value: Value, file: &str) -> Result<(), SpecError> {
        let slot = match name {
            "zip" => &mut self.zip,
            "samples" => &mut self.samples,
            "search_seed" => &mut self.search_seed,
            "exclude" => &mut self.exclude,
            "include" => &mut self.include,
            _ if self.seeds.is_some() => {
                let message = format!("[sweep] in {file} gives both seed and seeds: keep seeds");
                return Err(SpecError::Invalid(message));
            }
            _ => &mut self.seeds,
        };
        *slot = Some(value);
        Ok(())
    }

    fn item(&mut self, key: &str, rest: Option<&str>, value: &Value, file: &str) -> Result<(), SpecError> {
        let at = self.items.iter().position(|item| item.key == key).unwrap_or_else(|| {
            self.items.push(Item {
                key: key.into(),
                how: None,
                when: Entries::new(),
            });
            self.items.len() - 1
        });
        let item = &mut self.items[at];
        if let Some(of) = rest.and_then(|rest| rest.strip_prefix("when.")) {
            item.when.push((of.into(), value.clone()));
            return Ok(());
        }
        let word = rest.unwrap_or(WORDS[0]);
        if word == "when" {
            let expected = "a table such as { \"mask.strategy\" = \"block\" }";
            return Err(SpecError::wrong_type(&format!("when of {key}"), file, expected, value));
        }
        let Some(word) = WORDS.into_iter().find(|known| *known == word) else {
            if key == "cases" {
                let expected = "a list of tables, each with a name and the keys it sets";
                return Err(SpecError::wrong_type(key, file, expected, &Map::new().into()));
            }
            return Err(SpecError::UnknownKey {
                key: word.into(),
                place: format!("{key} of {file}"),
                hint: did_you_mean(word, WORDS),
            });
        };
        if let Some((other, _)) = &item.how {
            let message = format!("{key} in {file} gives both {other} and {word}: keep one");
            return Err(SpecError::Invalid(message));
        }
        item.how = Some((word, value.clone()));
        Ok(())
    }
}

/// `train.blr.log_uniform` as the key and the word; an unknown key is left for others to refuse.
fn split<'k>(key: &'k str, schema: &Schema) -> (&'k str, Option<&'k str>) {
    let known = |name: &str| name == "cases" || schema.names().any(|known| known == name);
    if known(key) || SECTIONS.contains(&key) {
        return (key, None);
    }
    for (at, _) in key.match_indices('.') {
        let (name, rest) = (&key[..at], &key[at + 1..]);
        let word = rest.split('.').next().unwrap_or_default();
        if known(name) || WORDS.contains(&word) {
            return (name, Some(rest));
        }
    }
    (key, None)
}
