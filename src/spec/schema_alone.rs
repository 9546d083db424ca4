//! Whether one value can make sense, whatever the other keys are: what a strategy says of its parameter, what the ranges
//! say of the rest. It must not look at combinations: `validate` does.

use std::collections::BTreeMap;

use mae_strategies::{Error as MaskError, Params};
use serde_json::Value;

use super::{Schema, find};
use crate::spec::column::{self, CROSS};
use crate::spec::error::SpecError;
use crate::spec::range;
use crate::spec::render::{quote, render_one};
use crate::spec::resolve::mask_value;

impl Schema {
    /// Whether a checked value can make sense at all, whatever the other keys are.
    pub(in crate::spec) fn check_alone(&self, name: &str, value: &Value, place: &str) -> Result<(), SpecError> {
        if name == CROSS {
            column::check_alone(self, value, place)?;
        }
        let strategy = |word: &Value| self.registry.get(word.as_str().unwrap_or_default()).err();
        let verdict = match name {
            "mask.strategy" => strategy(value).map(|error| quote(&error)),
            "eval.mask_strategy" => {
                strategy(value).map(|error| quote(&error).replace("{mask.strategy}", "{eval.mask_strategy}"))
            }
            CROSS => self.cross_problem(value),
            _ if self.ramps.contains_key(name) => ramp_problem(name, value),
            _ if find(name).is_none() => self.param_problem(name, value).map(|error| quote(&error)),
            _ => range::check(name, value).err(),
        };
        verdict.map_or(Ok(()), |message| Err(render_one(&message, name, value, place)))
    }

    /// Why these cannot be the strategies of the cross table.
    fn cross_problem(&self, value: &Value) -> Option<String> {
        let names = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut unknown = names.filter_map(|name| Some((name, self.registry.get(name).err()?)));
        let problem = unknown.next().map(|(name, error)| {
            let among = format!("{} in {{eval.cross}}", Value::from(name));
            quote(&error).replace("{mask.strategy}", &among)
        });
        problem.or_else(|| range::check(CROSS, value).err())
    }

    /// Why no strategy takes this value of its parameter `name`.
    fn param_problem(&self, name: &str, value: &Value) -> Option<MaskError> {
        let value = mask_value(value)?;
        let of_member = name.matches('.').count() > 1;
        let mut problem = None;
        for (strategy, param) in self.params(name) {
            let given = BTreeMap::from([(param.name.to_owned(), value.clone())]);
            match Params::resolve(strategy.id(), &[*param], given) {
                Ok(_) => return None,
                Err(error) if of_member => problem = problem.or(Some(error.of_member(strategy.id()))),
                Err(error) => problem = problem.or(Some(error)),
            }
        }
        problem
    }
}

/// What is wrong with a field of a schedule, whatever it moves.
fn ramp_problem(name: &str, value: &Value) -> Option<String> {
    let field = name.rsplit('.').next().unwrap_or_default();
    let number = value.as_f64().unwrap_or_default();
    let problem = match field {
        "steps" => (!(2.0..=1000.0).contains(&number)).then_some("must be from 2 to 1000"),
        "start" | "end" => (!(0.0..=1.0).contains(&number)).then_some("must be from 0 to 1, a share of training"),
        _ => None,
    };
    problem.map(|problem| format!("{{{name}}} {problem}"))
}
