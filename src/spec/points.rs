//! The points of a sweep: every combination of its factors' choices under their conditions, without those left out and with
//! those added. Draws are the outermost loop, so that more of them come last. It must not resolve what a point gives.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::error::SpecError;
use super::factor::Factor;
use super::grid::Grid;
use super::layer::Layer;

/// More trials than this are a slip, not a plan.
const MOST_TRIALS: usize = 10_000;

/// One point: its label without the seed, and its layers.
#[derive(Debug, Clone, Default)]
pub(super) struct Point {
    pub(super) values: Map<String, Value>,
    pub(super) layers: Vec<Layer>,
}

/// Refuses more trials than anybody means, seeds included.
pub(super) fn limit(trials: usize) -> Result<(), SpecError> {
    if trials > MOST_TRIALS {
        return Err(SpecError::Invalid(format!(
            "the sweep makes more than {MOST_TRIALS} trials, seeds included: sweep fewer values or seeds"
        )));
    }
    Ok(())
}

impl Grid {
    /// The points in order, with `seeds` seeds each, and what is probably not meant.
    pub(super) fn points(&self, seeds: usize) -> Result<(Vec<Point>, Vec<String>), SpecError> {
        let (draws, mut warnings) = self.draws();
        let mut matched = vec![false; self.exclude.len()];
        let mut seen = HashSet::new();
        let mut points: Vec<Point> = Vec::new();
        for draw in draws {
            for point in self.of_draw(draw)? {
                if !self.excluded(&point, &mut matched) && seen.insert(Value::from(point.values.clone()).to_string()) {
                    points.push(point);
                }
            }
            limit(points.len().saturating_mul(seeds))?;
        }
        for (condition, _) in self.exclude.iter().zip(&matched).filter(|(_, matched)| !**matched) {
            let (text, file) = (condition.text(), &self.file);
            warnings.push(format!("exclude in {file} has an entry that matches no point: {text}"));
        }
        points.extend(self.include.iter().cloned());
        limit(points.len().saturating_mul(seeds))?;
        if points.is_empty() {
            return Err(SpecError::Invalid(format!(
                "exclude in {} leaves no point: take an entry away",
                self.file
            )));
        }
        let swept = |key: &String| points.iter().any(|point| point.values.contains_key(key));
        for key in self
            .factors
            .iter()
            .flat_map(|factor| &factor.keys)
            .filter(|key| !swept(key))
        {
            warnings.push(format!(
                "{key} in {} is swept in no point: its condition never holds, or exclude leaves out all its points",
                self.file
            ));
        }
        Ok((points, warnings))
    }

    /// The numbers of the draws to make: those that repeat an earlier one are left out.
    fn draws(&self) -> (Vec<usize>, Vec<String>) {
        let Some(samples) = self.samples else {
            return (vec![0], Vec::new());
        };
        let mut seen = HashSet::new();
        let drawn: Vec<&Factor> = self.factors.iter().filter(|factor| factor.drawn).collect();
        let text = |index: usize| -> String {
            let values = drawn.iter().map(|factor| factor.choices[index].values[0].to_string());
            values.collect::<Vec<_>>().join(" ")
        };
        let draws: Vec<usize> = (0..samples).filter(|index| seen.insert(text(*index))).collect();
        let repeated = samples - draws.len();
        let warning = format!(
            "{repeated} of the {samples} draws in {} repeat earlier ones and are left out",
            self.file
        );
        (draws, Vec::from_iter((repeated > 0).then_some(warning)))
    }

    /// The points of one draw.
    fn of_draw(&self, draw: usize) -> Result<Vec<Point>, SpecError> {
        let mut points = vec![Point::default()];
        for factor in &self.factors {
            points = points
                .into_iter()
                .flat_map(|point| factor.applied(point, draw))
                .collect();
            limit(points.len())?;
        }
        Ok(points)
    }

    fn excluded(&self, point: &Point, matched: &mut [bool]) -> bool {
        let mut any = false;
        for (condition, matched) in self.exclude.iter().zip(matched) {
            if condition.holds(&point.values) {
                (any, *matched) = (true, true);
            }
        }
        any
    }
}

impl Factor {
    /// A point with each of the choices; as it is where the condition does not hold.
    fn applied(&self, point: Point, draw: usize) -> Vec<Point> {
        if !self.when.holds(&point.values) {
            return vec![point];
        }
        let choices = if self.drawn {
            &self.choices[draw..=draw]
        } else {
            &self.choices[..]
        };
        let with = |choice: &super::factor::Choice| {
            let mut point = point.clone();
            point
                .values
                .extend(self.keys.iter().cloned().zip(choice.values.iter().cloned()));
            point.layers.extend_from_slice(&choice.layers);
            point
        };
        choices.iter().map(with).collect()
    }
}
