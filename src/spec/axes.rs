//! What the report is told of a sweep: every swept key with the values that its trials have.
//! It must not decide which values those are: it reads them off the points.

use std::collections::HashSet;

use serde_json::Value;

use super::grid::Grid;

/// One swept key and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The dotted key; `model`, `data`, … for parts, `case` for coupled values, `sweep` for nested sweeps (always first),
    /// `seed` for seeds (always last). Zipped keys have an axis each.
    pub key: String,
    /// Those of its values that some trial has, in the order written or drawn; names of parts, cases and sweeps as text. A
    /// key under a condition, or of one nested sweep, has none of them in the other trials.
    pub values: Vec<Value>,
}

/// Axes that grow value by value.
#[derive(Debug, Default)]
pub(super) struct Axes {
    axes: Vec<Axis>,
    seen: HashSet<(String, String)>,
}

impl Axes {
    /// Adds a value of a key, unless it is known.
    pub(super) fn add(&mut self, key: &str, value: &Value) {
        if !self.seen.insert((key.into(), value.to_string())) {
            return;
        }
        match self.axes.iter_mut().find(|axis| axis.key == key) {
            Some(axis) => axis.values.push(value.clone()),
            None => self.axes.push(Axis {
                key: key.into(),
                values: vec![value.clone()],
            }),
        }
    }

    /// Adds all that a sweep lists, draws or includes.
    pub(super) fn grid(&mut self, grid: &Grid) {
        for factor in &grid.factors {
            for (at, key) in factor.keys.iter().enumerate() {
                factor
                    .choices
                    .iter()
                    .for_each(|choice| self.add(key, &choice.values[at]));
            }
        }
        for (key, value) in grid.include.iter().flat_map(|point| &point.values) {
            self.add(key, value);
        }
    }

    /// The axes, with only those values that `trials` have.
    pub(super) fn of<'a>(self, trials: impl Iterator<Item = (&'a String, &'a Value)>) -> Vec<Axis> {
        let there: HashSet<(&String, String)> = trials.map(|(key, value)| (key, value.to_string())).collect();
        let mut axes = self.axes;
        for axis in &mut axes {
            axis.values
                .retain(|value| there.contains(&(&axis.key, value.to_string())));
        }
        axes.retain(|axis| !axis.values.is_empty());
        axes
    }
}
