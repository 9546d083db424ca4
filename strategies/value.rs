//! Parameters of strategies: the values users write, and the declarations that they are checked against.
//! Declarations are data, so that help, documentation and error messages are generated from them and cannot drift.

use std::collections::BTreeMap;
use std::fmt;

use crate::Error;
use crate::error::nearest;

/// A scalar as written in a configuration.
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
}

impl Value {
    fn found(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Text(_) => "a text",
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

/// Checked parameters of one strategy, defaults filled in. `None` means: declared without default and not given.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Params(BTreeMap<String, Value>);

impl Params {
    /// The value of a boolean parameter.
    #[must_use]
    pub fn bool(&self, name: &str) -> Option<bool> {
        if let Some(Value::Bool(v)) = self.get(name) {
            Some(*v)
        } else {
            None
        }
    }

    /// The value of an integer parameter.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i64> {
        if let Some(Value::Int(v)) = self.get(name) {
            Some(*v)
        } else {
            None
        }
    }

    /// The value of a number parameter.
    #[must_use]
    pub fn float(&self, name: &str) -> Option<f64> {
        if let Some(Value::Float(v)) = self.get(name) {
            Some(*v)
        } else {
            None
        }
    }

    /// The value of a text or choice parameter.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        if let Some(Value::Text(v)) = self.get(name) {
            Some(v)
        } else {
            None
        }
    }

    /// The value of any parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All parameters that have a value, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Checks `given` against the declarations `specs` of `strategy` and fills in defaults.
    ///
    /// # Errors
    /// On an unknown name, a wrong type or a value outside what is declared.
    pub fn resolve(strategy: &str, specs: &[Param], given: BTreeMap<String, Value>) -> Result<Self, Error> {
        let mut values: BTreeMap<String, Value> = specs
            .iter()
            .filter_map(|p| Some((p.name.to_owned(), p.default_value()?)))
            .collect();
        for (name, value) in given {
            let Some(spec) = specs.iter().find(|p| p.name == name) else {
                let names = specs.iter().map(|p| p.name);
                return Err(Error::UnknownParam {
                    strategy: strategy.to_owned(),
                    nearest: nearest(&name, names.clone().chain(["ratio", "strategy"])),
                    known: names.map(str::to_owned).collect(),
                    name,
                });
            };
            values.insert(name, spec.check(strategy, value)?);
        }
        Ok(Self(values))
    }
}

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
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("a boolean (true or false)"),
            Self::Int { min, max } => write!(f, "an integer from {min} to {max}"),
            Self::Float { min, max } => write!(f, "a number from {min} to {max}"),
            Self::Choice(options) => write!(f, "one of {}", options.join(", ")),
            Self::Text => f.write_str("a text"),
        }
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
        self.default.map(|literal| match literal {
            Literal::Bool(v) => Value::Bool(v),
            Literal::Int(v) => Value::Int(v),
            Literal::Float(v) => Value::Float(v),
            Literal::Text(v) => Value::Text(v.to_owned()),
        })
    }

    /// The value in this parameter's type.
    ///
    /// # Errors
    /// When the type is wrong or the value outside the range or the choices.
    pub fn check(&self, strategy: &str, value: Value) -> Result<Value, Error> {
        #[expect(clippy::cast_precision_loss, reason = "a whole number given for a share is small")]
        let value = match (self.kind, value) {
            (Kind::Float { .. }, Value::Int(v)) => Value::Float(v as f64),
            (_, value) => value,
        };
        let usable = match (self.kind, &value) {
            (Kind::Bool, Value::Bool(_)) | (Kind::Text, Value::Text(_)) => true,
            (Kind::Int { min, max }, Value::Int(v)) => (min..=max).contains(v),
            (Kind::Float { min, max }, Value::Float(v)) => (min..=max).contains(v),
            (Kind::Choice(options), Value::Text(v)) => options.contains(&v.as_str()),
            _ => return Err(self.wrong_kind(strategy, &value)),
        };
        if usable { Ok(value) } else { Err(self.bad_value(&value)) }
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
    use super::*;

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
    fn values_print_as_toml() {
        let shown: Vec<String> = [Value::from(true), 3i64.into(), 1.0.into(), "rows".into()]
            .iter()
            .map(Value::to_string)
            .collect();
        assert_eq!(shown, ["true", "3", "1.0", "\"rows\""]);
    }
}
