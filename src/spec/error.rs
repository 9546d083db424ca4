//! Everything that can be wrong with a configuration, each as one line naming the thing and its cure.
//! All of these are the user's to mend: the command line answers every one with exit code 2.
//! It must not print, and no variant carries more than one line.

use serde_json::Value;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// A file that is not there.
    #[error("no file {path}{hint}")]
    Missing {
        /// The path asked for.
        path: String,
        /// `: did you mean …?`, or what there is in its place.
        hint: String,
    },
    /// A file that is there but cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The path asked for.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Text that is not TOML or YAML.
    #[error("{path}:{line}:{column}: {message}")]
    Syntax {
        /// The file.
        path: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The parser's words, on one line.
        message: String,
    },
    /// A key nobody reads.
    #[error("unknown key {key} in {place}{hint}")]
    UnknownKey {
        /// The key as written.
        key: String,
        /// The file, `--set` or environment variable it stands in.
        place: String,
        /// `: did you mean …?`, or empty.
        hint: String,
    },
    /// A value of the wrong type.
    #[error("{key} in {place} must be {expected}, found {found}")]
    WrongType {
        /// The dotted key.
        key: String,
        /// Where it stands.
        place: String,
        /// What the key takes, with its article.
        expected: String,
        /// What was written, with its type.
        found: String,
    },
    /// A part that is nowhere.
    #[error("unknown part {part} in {place}{hint} (available: {available})")]
    UnknownPart {
        /// The name asked for.
        part: String,
        /// Where it was asked for.
        place: String,
        /// `: did you mean …?`, or empty.
        hint: String,
        /// Every part that could have been named.
        available: String,
    },
    /// A value of the right type that makes no sense.
    #[error("{0}")]
    Invalid(String),
}

impl SpecError {
    pub(super) fn wrong_type(key: &str, place: &str, expected: impl Into<String>, found: &Value) -> Self {
        Self::WrongType {
            key: key.into(),
            place: place.into(),
            expected: expected.into(),
            found: describe(found),
        }
    }

    pub(super) fn unknown_key<'a>(key: &str, place: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        Self::UnknownKey {
            key: key.into(),
            place: place.into(),
            hint: did_you_mean(key, known),
        }
    }
}

/// A value with its type, for "found …".
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(flag) => format!("boolean {flag}"),
        Value::Number(number) => format!("number {number}"),
        Value::String(text) => format!("string {}", Value::from(text.as_str())),
        Value::Array(_) => format!("list {value}"),
        Value::Object(_) => "a table".into(),
    }
}

/// `: did you mean NAME?` for the nearest of `known`, or nothing when none is near.
pub(super) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known)
        .map(|near| format!(": did you mean {near}?"))
        .unwrap_or_default()
}

/// The name of `known` that a slip of the fingers, or of the section, most likely meant.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let leaf = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let wanted = leaf(name);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let spelled = strsim::damerau_levenshtein(name, candidate);
        let tail = leaf(candidate);
        let (distance, length) = if tail == wanted && tail != candidate {
            (1, name.len().max(3))
        } else if !name.contains('.') && candidate.contains('.') {
            (strsim::damerau_levenshtein(name, &tail) + 1, tail.len())
        } else {
            (spelled, candidate.len())
        };
        if distance <= (length / 3).clamp(1, 4) && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Text of several lines as one, for messages that come from other libraries.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["mask.strategy", "mask.ratio", "train.epochs", "seed"];

    #[test]
    fn slips_find_their_key() {
        assert_eq!(nearest("mask.strtegy", KNOWN), Some("mask.strategy"));
        assert_eq!(nearest("trian.epochs", KNOWN), Some("train.epochs"));
        assert_eq!(nearest("epochs", KNOWN), Some("train.epochs"));
        assert_eq!(nearest("epoch", KNOWN), Some("train.epochs"));
        assert_eq!(nearest("sed", KNOWN), Some("seed"));
        assert_eq!(nearest("quite.another", KNOWN), None);
    }
}
