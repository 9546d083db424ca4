//! One factor of a sweep: the keys that it decides together and the choices that it offers. A listed key, a list of parts, the
//! cases, several lists zipped, a drawn key: all are factors. It must not resolve or validate what a choice gives.

use serde_json::Value;

use super::condition::Condition;
use super::document::{self, Entries};
use super::draw::{Draw, Drawn};
use super::error::SpecError;
use super::layer::{Layer, Origin};
use super::parts::Library;
use super::schema::{SECTIONS, Schema};
use super::written::{BESIDE, Item};

/// What reading a factor needs to know besides its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    pub(super) library: &'a Library,
    pub(super) schema: &'a Schema,
    /// How many draws, where there are any.
    pub(super) samples: Option<usize>,
    pub(super) search_seed: u64,
}

/// Keys decided together.
#[derive(Debug)]
pub(super) struct Factor {
    /// Their names in a point; `case` for cases, a section for parts.
    pub(super) keys: Vec<String>,
    pub(super) choices: Vec<Choice>,
    /// Where the factor counts at all.
    pub(super) when: Condition,
    /// Whether choice number `i` is draw number `i`, so that only one counts at a time.
    pub(super) drawn: bool,
}

/// One value for each key of a factor.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) values: Vec<Value>,
    pub(super) layers: Vec<Layer>,
}

impl Reader<'_> {
    /// The factor of one swept key, without its condition.
    pub(super) fn factor(&self, item: &Item) -> Result<Factor, SpecError> {
        let key = item.key.as_str();
        let (word, given) = item.how(self.file)?;
        if key == "cases" && word != "values" {
            let message = format!("{word} of cases in {}: cases are not drawn, list them", self.file);
            return Err(SpecError::Invalid(message));
        }
        if key == "cases" {
            return self.cases(given);
        }
        if !SECTIONS.contains(&key) && !self.schema.names().any(|name| name == key) {
            let known = self.schema.names().chain(BESIDE);
            return Err(SpecError::unknown_key(key, self.file, known));
        }
        let drawn = word != "values";
        let choices = if drawn {
            self.draws(key, word, given)?
        } else {
            self.listed(key, given)?
        };
        Ok(Factor {
            keys: vec![key.into()],
            choices,
            when: Condition::default(),
            drawn,
        })
    }

    fn listed(&self, key: &str, given: &Value) -> Result<Vec<Choice>, SpecError> {
        let items = given.as_array().filter(|items| !items.is_empty());
        let wrong = || SpecError::wrong_type(key, self.file, "a list of the values to try", given);
        let choices = items
            .ok_or_else(wrong)?
            .iter()
            .map(|item| self.choice(key, item, given));
        choices.collect()
    }

    fn draws(&self, key: &str, word: &str, given: &Value) -> Result<Vec<Choice>, SpecError> {
        let draw = Draw::read(word, key, given, self.file, self.schema)?;
        let missing = || {
            SpecError::Invalid(format!(
                "{word} of {key} in {} draws values: say how many points with samples = N under [sweep]",
                self.file
            ))
        };
        let listed = match draw {
            Draw::Choice(_) => self.listed(key, given)?,
            _ => Vec::new(),
        };
        let one = |index| match draw.draw(key, self.search_seed, index) {
            Drawn::Value(value) => self.choice(key, &value, given),
            Drawn::Place(place) => Ok(listed[place].clone()),
        };
        (0..self.samples.ok_or_else(missing)?).map(one).collect()
    }

    /// One value of a key, or one part of a section, as a choice.
    fn choice(&self, key: &str, item: &Value, given: &Value) -> Result<Choice, SpecError> {
        let Self {
            file, library, schema, ..
        } = *self;
        if SECTIONS.contains(&key) {
            let wrong = || SpecError::wrong_type(key, file, "a list of part names", given);
            let part = item.as_str().ok_or_else(wrong)?;
            let layer = library.section(key, part, &format!("[sweep] of {file}"), schema)?;
            return Ok(Choice {
                values: vec![item.clone()],
                layers: vec![layer],
            });
        }
        let value = schema.check(key, item.clone(), file)?;
        let layer = Layer::new(vec![(key.into(), value.clone())], Origin::sweep_section(file), schema)?;
        Ok(Choice {
            values: vec![value],
            layers: vec![layer],
        })
    }

    fn cases(&self, given: &Value) -> Result<Factor, SpecError> {
        let expected = "a list of tables, each with a name and the keys it sets";
        let wrong = || SpecError::wrong_type("cases", self.file, expected, given);
        let mut choices = Vec::new();
        for item in given.as_array().filter(|items| !items.is_empty()).ok_or_else(wrong)? {
            let mut entries: Entries = document::flatten(item.as_object().ok_or_else(wrong)?, self.file)?;
            let at = entries.iter().position(|(key, _)| key == "name").ok_or_else(wrong)?;
            let (_, name) = entries.remove(at);
            let origin = Origin::sweep_section(self.file);
            choices.push(Choice {
                values: vec![name.as_str().map(Value::from).ok_or_else(wrong)?],
                layers: self.library.layers(entries, &origin, self.schema)?,
            });
        }
        Ok(Factor {
            keys: vec!["case".into()],
            choices,
            when: Condition::default(),
            drawn: false,
        })
    }
}

impl Factor {
    /// Refuses a listed choice given twice; draws may repeat.
    pub(super) fn distinct(&self, file: &str) -> Result<(), SpecError> {
        for (index, choice) in self.choices.iter().enumerate().filter(|_| !self.drawn) {
            if self.choices[..index]
                .iter()
                .any(|earlier| earlier.values == choice.values)
            {
                let (name, value) = match (&self.keys[..], &choice.values[..]) {
                    ([key], [value]) if key == "case" => ("cases".into(), value.clone()),
                    ([key], [value]) => (key.clone(), value.clone()),
                    (keys, values) => (format!("zip of {}", keys.join(" and ")), Value::from(values)),
                };
                return Err(SpecError::Invalid(format!(
                    "{name} in {file} lists {value} twice: each value makes one trial"
                )));
            }
        }
        Ok(())
    }

    /// Whether this factor may decide `key`: one it gives or, where it names parts, any of a section that they are about.
    pub(super) fn decides(&self, key: &str) -> bool {
        let by = |layer: &Layer| decides(layer, key, layer.origin.is_sweep_section());
        self.keys.iter().any(|own| section(key) == own) || self.choices.iter().flat_map(|choice| &choice.layers).any(by)
    }

    /// What to call this factor where it decides `key`.
    pub(super) fn name_for(&self, key: &str) -> &str {
        let own = self.keys.iter().find(|own| *own == key);
        own.unwrap_or(&self.keys[0])
    }

    /// The keys that its choices give, parts' keys included.
    pub(super) fn given(&self) -> impl Iterator<Item = &str> {
        self.choices
            .iter()
            .flat_map(|choice| &choice.layers)
            .flat_map(Layer::keys)
    }
}

/// Whether a layer decides `key`: it gives it, or is a part that gives another key of the same section.
pub(super) fn decides(layer: &Layer, key: &str, written: bool) -> bool {
    layer
        .keys()
        .any(|given| given == key || (!written && section(given) == section(key)))
}

fn section(key: &str) -> &str {
    key.split('.').next().unwrap_or_default()
}
