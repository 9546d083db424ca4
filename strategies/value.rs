//! Parameters of strategies: the values users write, and the declarations that they are checked against. `params` brings
//! both together.
//! Declarations are data, so that help, documentation and error messages are generated from them and cannot drift.

use std::fmt;

use crate::Error;
use crate::error::nearest;

/// A value as written in a configuration.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
    /// Several values.
    List(Vec<Value>),
}

impl Value {
    fn found(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
        }
    }
}

impl fmt::Display for Value {
    /// As TOML writes it: texts quoted, a `Float` always with a point or an exponent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(v) => write!(f, "{v}"),
            Self::Int(v) => write!(f, "{v}"),
            Self::Float(v) => write!(f, "{v:?}"),
            Self::Text(v) => write!(f, "{v:?}"),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
        }
    }
}

macro_rules! value_from {
    ($($from:ty => $make:expr),+ $(,)?) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                $make(value)
            }
        })+
    };
}
value_from!(bool => Self::Bool, i64 => Self::Int, f64 => Self::Float, String => Self::Text,
    &str => |text: &str| Self::Text(text.to_owned()));

/// The type and range of a parameter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number in `min..=max`.
    Int {
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
    /// A number in `min..=max`; whole numbers are accepted.
    Float {
        /// Least value.
        min: f64,
        /// Greatest value.
        max: f64,
    },
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// Any text, such as a path.
    Text,
    /// A list, each item of one kind.
    List(&'static Kind),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("a boolean (true or false)"),
            Self::Int { min, max } => write!(f, "an integer from {min} to {max}"),
            Self::Float { min, max } => write!(f, "a number from {min} to {max}"),
            Self::Choice(options) => write!(f, "one of {}", options.join(", ")),
            Self::Text => f.write_str("a text"),
            Self::List(item) => write!(f, "a list, each item {item}"),
        }
    }
}

impl Kind {
    /// Whole numbers as numbers where numbers are wanted.
    #[expect(clippy::cast_precision_loss, reason = "a whole number given for a share is small")]
    fn coerced(self, value: Value) -> Value {
        match (self, value) {
            (Self::Float { .. }, Value::Int(v)) => Value::Float(v as f64),
            (Self::List(item), Value::List(items)) => {
                Value::List(items.into_iter().map(|value| item.coerced(value)).collect())
            }
            (_, value) => value,
        }
    }

    /// Whether a value of the right type can be used; `None` where the type is wrong.
    fn takes(self, value: &Value) -> Option<bool> {
        Some(match (self, value) {
            (Self::Bool, Value::Bool(_)) | (Self::Text, Value::Text(_)) => true,
            (Self::Int { min, max }, Value::Int(v)) => (min..=max).contains(v),
            (Self::Float { min, max }, Value::Float(v)) => (min..=max).contains(v),
            (Self::Choice(options), Value::Text(v)) => options.contains(&v.as_str()),
            (Self::List(item), Value::List(items)) => {
                let each: Option<Vec<bool>> = items.iter().map(|value| item.takes(value)).collect();
                each?.into_iter().all(|usable| usable)
            }
            _ => return None,
        })
    }
}

/// A default value that can stand in a `static`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Literal {
    /// See [`Value::Bool`].
    Bool(bool),
    /// See [`Value::Int`].
    Int(i64),
    /// See [`Value::Float`].
    Float(f64),
    /// See [`Value::Text`].
    Text(&'static str),
    /// See [`Value::List`].
    List(&'static [Literal]),
}

impl Literal {
    fn value(self) -> Value {
        match self {
            Self::Bool(v) => Value::Bool(v),
            Self::Int(v) => Value::Int(v),
            Self::Float(v) => Value::Float(v),
            Self::Text(v) => Value::Text(v.to_owned()),
            Self::List(items) => Value::List(items.iter().map(|item| item.value()).collect()),
        }
    }
}

/// Declaration of one parameter of a strategy.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Param {
    /// Key under `[mask]`.
    pub name: &'static str,
    /// Accepted values.
    pub kind: Kind,
    /// Value when the key is absent; `None` leaves it unset, and `doc` says what happens then.
    pub default: Option<Literal>,
    /// One or two sentences for users.
    pub doc: &'static str,
}

impl Param {
    /// A boolean parameter.
    #[must_use]
    pub const fn flag(name: &'static str, default: bool, doc: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Bool,
            default: Some(Literal::Bool(default)),
            doc,
        }
    }

    /// An optional share from 0 to 1.
    #[must_use]
    pub const fn share(name: &'static str, doc: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Float { min: 0.0, max: 1.0 },
            default: None,
            doc,
        }
    }

    /// One of several texts.
    #[must_use]
    pub const fn choice(
        name: &'static str,
        options: &'static [&'static str],
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self {
            name,
            kind: Kind::Choice(options),
            default: Some(Literal::Text(default)),
            doc,
        }
    }

    /// The default as a value.
    #[must_use]
    pub fn default_value(&self) -> Option<Value> {
        self.default.map(Literal::value)
    }

    /// The value in this parameter's type.
    ///
    /// # Errors
    /// When the type is wrong or the value outside the range or the choices.
    pub fn check(&self, strategy: &str, value: Value) -> Result<Value, Error> {
        let value = self.kind.coerced(value);
        match self.kind.takes(&value) {
            Some(true) => Ok(value),
            Some(false) => Err(self.bad_value(&value)),
            None => Err(self.wrong_kind(strategy, &value)),
        }
    }

    fn wrong_kind(&self, strategy: &str, value: &Value) -> Error {
        Error::WrongKind {
            strategy: strategy.to_owned(),
            name: self.name.to_owned(),
            value: value.to_string(),
            found: value.found(),
            needed: self.kind.to_string(),
        }
    }

    fn bad_value(&self, value: &Value) -> Error {
        let alike = match (self.kind, value) {
            (Kind::Choice(options), Value::Text(v)) => nearest(v, options.iter().copied()),
            _ => None,
        };
        Error::BadValue {
            name: self.name.to_owned(),
            value: value.to_string(),
            needed: self.kind.to_string(),
            nearest: alike,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Params;

    static SPECS: &[Param] = &[
        Param::flag("flipped", false, "A flag."),
        Param::share("block_ratio", "A share."),
        Param::choice("shape", &["rows", "square"], "rows", "A choice."),
        Param {
            name: "size",
            kind: Kind::Int { min: 1, max: 4 },
            default: Some(Literal::Int(2)),
            doc: "A size.",
        },
    ];

    fn resolve(name: &str, value: impl Into<Value>) -> Result<Params, Error> {
        Params::resolve("mine", SPECS, BTreeMap::from([(name.to_owned(), value.into())]))
    }

    #[test]
    fn defaults_are_filled_and_whole_numbers_are_shares() {
        let params = resolve("block_ratio", 1i64).unwrap();
        assert_eq!(
            (params.bool("flipped"), params.text("shape")),
            (Some(false), Some("rows"))
        );
        assert_eq!((params.float("block_ratio"), params.int("size")), (Some(1.0), Some(2)));
        assert_eq!(params.iter().count(), 4);
    }

    #[test]
    fn errors_name_thing_and_cure() {
        let message = |r: Result<Params, Error>| r.unwrap_err().to_string();
        assert_eq!(
            message(resolve("fliped", true)),
            "unknown parameter mask.fliped of strategy mine: did you mean flipped?; it takes flipped, block_ratio, shape, size"
        );
        assert_eq!(
            message(resolve("flipped", 3i64)),
            "mask.flipped = 3 is an integer: strategy mine needs a boolean (true or false)"
        );
        assert_eq!(
            message(resolve("shape", "sqare")),
            "mask.shape = \"sqare\" is not one of rows, square: did you mean square?"
        );
        assert_eq!(
            message(resolve("block_ratio", 1.5)),
            "mask.block_ratio = 1.5 is not a number from 0 to 1"
        );
        assert_eq!(
            message(resolve("block_ratio", f64::NAN)),
            "mask.block_ratio = NaN is not a number from 0 to 1"
        );
        assert_eq!(
            message(resolve("size", 5i64)),
            "mask.size = 5 is not an integer from 1 to 4"
        );
    }

    #[test]
    fn lists_are_checked_item_by_item() {
        static SHARE: Kind = Kind::Float { min: 0.0, max: 9.0 };
        let weights = Param {
            name: "weights",
            kind: Kind::List(&SHARE),
            default: Some(Literal::List(&[Literal::Float(1.0)])),
            doc: "Weights.",
        };
        let list = |items: &[Value]| Value::List(items.to_vec());
        assert_eq!(weights.default_value(), Some(list(&[1.0.into()])));
        assert_eq!(
            weights.check("mine", list(&[2i64.into(), 0.5.into()])),
            Ok(list(&[2.0.into(), 0.5.into()]))
        );
        let message = |value: Value| weights.check("mine", value).unwrap_err().to_string();
        assert_eq!(
            message(list(&[1.0.into(), 10i64.into()])),
            "mask.weights = [1.0, 10.0] is not a list, each item a number from 0 to 9"
        );
        assert_eq!(
            message(list(&["a".into()])),
            "mask.weights = [\"a\"] is a list: strategy mine needs a list, each item a number from 0 to 9"
        );
        assert!(message(1.0.into()).starts_with("mask.weights = 1.0 is a number: "));
    }

    #[test]
    fn values_print_as_toml() {
        let list = Value::List(vec![1i64.into(), "rows".into()]);
        let shown: Vec<String> = [Value::from(true), 3i64.into(), 1.0.into(), "rows".into(), list]
            .iter()
            .map(Value::to_string)
            .collect();
        assert_eq!(shown, ["true", "3", "1.0", "\"rows\"", "[1, \"rows\"]"]);
    }
}
