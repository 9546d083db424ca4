//! What a key of a configuration takes, and the one spelling of each value.
//! It must not know which keys there are.

use serde_json::Value;

use super::error::{SpecError, did_you_mean};
use super::freeze::Freeze;

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// A whole number, 0 or more.
    Whole,
    /// A number.
    Real,
    /// `true` or `false`.
    Flag,
    /// Text.
    Text,
    /// Parts of a network: text with commas, or a list.
    Parts,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of these words.
    Words(&'static [&'static str]),
    /// A list of names, or of tables with a strategy and parameters.
    Columns,
    /// A list of exactly so many numbers.
    Reals(usize),
    /// A list of numbers, one at least.
    Numbers,
    /// Pixels: one number or `[height, width]`.
    Size,
}

use Kind::{Columns, Flag, Numbers, Parts, Real, Reals, Size, Text, Whole, Word, Words};

impl Kind {
    /// The value in its one spelling, or why it is none of this kind.
    pub(super) fn check(self, name: &str, value: Value, place: &str) -> Result<Value, SpecError> {
        let wrong = |value: &Value| SpecError::wrong_type(name, place, self.expected(), value);
        match (self, &value) {
            (Whole, Value::Number(number)) if number.is_u64() => Ok(value),
            (Flag, Value::Bool(_)) | (Text, Value::String(_)) => Ok(value),
            (Real, Value::Number(_)) => real(&value).ok_or_else(|| wrong(&value)),
            (Word(words), Value::String(word)) => known_word(words, word, name, place).map(|()| value),
            (Words(words), Value::Array(items)) => {
                for item in items {
                    known_word(words, item.as_str().ok_or_else(|| wrong(&value))?, name, place)?;
                }
                Ok(value)
            }
            (Parts, Value::String(text)) => parts(text, name, place),
            (Parts, Value::Array(items)) => {
                let words: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                parts(&words.ok_or_else(|| wrong(&value))?.join(","), name, place)
            }
            (Columns, Value::Array(items)) if items.iter().all(|item| item.is_string() || item.is_object()) => {
                Ok(value)
            }
            (Reals(length), Value::Array(items)) if items.len() == length => items
                .iter()
                .map(real)
                .collect::<Option<Vec<_>>>()
                .map(Value::from)
                .ok_or_else(|| wrong(&value)),
            (Numbers, Value::Array(items)) if !items.is_empty() => items
                .iter()
                .map(real)
                .collect::<Option<Vec<_>>>()
                .map(Value::from)
                .ok_or_else(|| wrong(&value)),
            (Size, Value::Number(number)) if number.is_u64() => Ok(value),
            (Size, Value::Array(sides)) if sides.len() == 2 && sides.iter().all(Value::is_u64) => {
                Ok(if sides[0] == sides[1] { sides[0].clone() } else { value })
            }
            _ => Err(wrong(&value)),
        }
    }

    fn expected(self) -> String {
        match self {
            Whole => "a whole number".into(),
            Real => "a number".into(),
            Flag => "true or false".into(),
            Text => "text".into(),
            Parts => "parts such as \"encoder\" or \"patch_embed, encoder[0..2]\"".into(),
            Word(words) => format!("one of {}", words.join(", ")),
            Words(words) => format!("a list of {}", words.join(", ")),
            Columns => "a list of names or tables".into(),
            Reals(length) => format!("a list of {length} numbers"),
            Numbers => "a list of numbers".into(),
            Size => "a whole number of pixels or [height, width]".into(),
        }
    }
}

fn real(value: &Value) -> Option<Value> {
    value.as_f64().filter(|number| number.is_finite()).map(Value::from)
}

fn parts(text: &str, name: &str, place: &str) -> Result<Value, SpecError> {
    let parts = Freeze::parse(text).map(|parts| Value::from(parts.to_string()));
    parts.map_err(|why| SpecError::Invalid(format!("{name} = {} in {place}: {why}", Value::from(text))))
}

fn known_word(words: &[&str], word: &str, name: &str, place: &str) -> Result<(), SpecError> {
    if words.contains(&word) {
        return Ok(());
    }
    let hint = did_you_mean(word, words.iter().copied());
    let hint = if hint.is_empty() {
        format!(": use one of {}", words.join(", "))
    } else {
        hint
    };
    Err(SpecError::Invalid(format!(
        "unknown word {} for {name} in {place}{hint}",
        Value::from(word)
    )))
}
