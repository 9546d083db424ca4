//! The parameters of one request: what the user gave, checked against a strategy's declarations, with defaults filled in.
//! For a mixture the plans of its members are among them, because a strategy knows no registry.

use std::collections::BTreeMap;

use crate::error::nearest;
use crate::{Error, Param, Plan, Value};

/// Checked parameters of one strategy, defaults filled in. `None` means: declared without default and not given.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Params {
    values: BTreeMap<String, Value>,
    members: Vec<Plan>,
}

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

    /// The items of a list parameter.
    #[must_use]
    pub fn list(&self, name: &str) -> Option<&[Value]> {
        if let Some(Value::List(items)) = self.get(name) {
            Some(items)
        } else {
            None
        }
    }

    /// The value of any parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// All parameters that have a value, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Plans of the strategies that a mixture draws from, in its order; empty for every other strategy.
    #[must_use]
    pub fn members(&self) -> &[Plan] {
        &self.members
    }

    pub(crate) fn with_members(self, members: Vec<Plan>) -> Self {
        Self { members, ..self }
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
        let members = Vec::new();
        Ok(Self { values, members })
    }
}
