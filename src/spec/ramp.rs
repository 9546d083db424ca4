//! Schedules: how a number of `[mask]` moves from one value to another while a trial trains, and the settings of its masks
//! at any moment. A schedule is a function of the share of training done, so that resumption needs no state; it moves in
//! hundredths of its stretch, so that masks need not be prepared anew at every step. It must not draw masks.

use std::collections::BTreeMap;

use mae_strategies::{Error as MaskError, Grid, Kind, Plan, Registry};
use serde::{Deserialize, Serialize};

use super::trial::{MaskSpec, MaskValue};

/// A smooth schedule takes so many steps over its stretch.
const LEVELS: f64 = 100.0;

/// Values of a schedule in steps, where `steps` is not given.
const STEPS: usize = 4;

/// Where training ends, as a share of it: masks of validation and of finished models are those of this moment.
pub const END: f64 = 1.0;

/// `[mask.schedule.KEY]`: the way of one number over training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// First value; the value of the key itself when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// Last value.
    pub to: f64,
    /// How it gets there.
    #[serde(default)]
    pub shape: Shape,
    /// Number of values of a schedule in steps, both ends included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Share of training before which the first value stands.
    #[serde(default)]
    pub start: f64,
    /// Share of training from which on the last value stands.
    #[serde(default = "end")]
    pub end: f64,
}

/// The shape of a schedule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Evenly.
    #[default]
    Linear,
    /// Half a cosine: slowly at both ends.
    Cosine,
    /// In equal steps at equal distances.
    Steps,
}

fn end() -> f64 {
    END
}

impl Ramp {
    /// The value after this share of training, where the key itself has the value `own`.
    #[must_use]
    pub fn at(&self, own: f64, progress: f64) -> f64 {
        let (from, to) = (self.from.unwrap_or(own), self.to);
        let way = ((progress - self.start) / (self.end - self.start)).clamp(0.0, 1.0);
        let part = match self.shape {
            Shape::Linear => (way * LEVELS).floor() / LEVELS,
            Shape::Cosine => (1.0 - (std::f64::consts::PI * (way * LEVELS).floor() / LEVELS).cos()) / 2.0,
            Shape::Steps => {
                let last = self.steps() - 1.0;
                (way * self.steps()).floor().min(last) / last
            }
        };
        // Exact at both ends, whatever the rounding between.
        if part >= 1.0 { to } else { from + (to - from) * part }
    }

    fn steps(&self) -> f64 {
        self.steps.unwrap_or(STEPS).max(2) as f64
    }

    /// The shares of training at which its value changes, and both ends.
    fn moments(&self) -> impl Iterator<Item = f64> {
        let pieces = if self.shape == Shape::Steps {
            self.steps()
        } else {
            LEVELS
        };
        let (start, length) = (self.start, self.end - self.start);
        (0..=pieces as usize).map(move |piece| start + length * piece as f64 / pieces)
    }

    /// What is wrong with the schedule of `key` itself, quoting keys in braces.
    fn problem(&self, key: &str) -> Option<String> {
        let name = |field: &str| format!("{{mask.schedule.{key}.{field}}}");
        if self.start >= self.end {
            return Some(format!(
                "{} is not below mask.schedule.{key}.end = {}: give it a stretch",
                name("start"),
                self.end
            ));
        }
        (self.steps.is_some() && self.shape != Shape::Steps).then(|| {
            format!(
                "{} counts only with mask.schedule.{key}.shape = \"steps\"",
                name("steps")
            )
        })
    }
}

/// The settings of masks at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Share of the patches hidden.
    pub ratio: f64,
    /// Parameters of the strategy.
    pub params: BTreeMap<String, MaskValue>,
}

impl MaskSpec {
    /// The ratio after this share of training.
    #[must_use]
    pub fn ratio_at(&self, progress: f64) -> f64 {
        let ramp = self.schedule.get("ratio");
        ramp.map_or(self.ratio, |ramp| ramp.at(self.ratio, progress))
    }

    /// The numbers that schedules move, after this share of training.
    ///
    /// # Errors
    /// When a scheduled key is no number of the strategy, or has no first value.
    pub fn moved(&self, registry: &Registry, progress: f64) -> Result<Vec<(String, f64)>, MaskError> {
        let value = |(key, ramp): (&String, &Ramp)| {
            let (_, own) = self.own(key, registry)?;
            let first = ramp.from.or(own).ok_or_else(|| {
                MaskError::Refused(format!(
                    "mask.schedule.{key} has no first value: give mask.schedule.{key}.from"
                ))
            })?;
            Ok((key.clone(), ramp.at(first, progress)))
        };
        self.schedule.iter().map(value).collect()
    }

    /// The settings of masks after this share of training.
    ///
    /// # Errors
    /// When a scheduled key is no number of the strategy, or has no first value.
    pub fn settings(&self, registry: &Registry, progress: f64) -> Result<Settings, MaskError> {
        let mut settings = Settings {
            ratio: self.ratio,
            params: self.params.clone(),
        };
        for (key, value) in self.moved(registry, progress)? {
            if key == "ratio" {
                settings.ratio = value;
                continue;
            }
            let (whole, _) = self.own(&key, registry)?;
            let value = if whole {
                MaskValue::Int(value.round() as i64)
            } else {
                MaskValue::Float(value)
            };
            settings.params.insert(key, value);
        }
        Ok(settings)
    }

    /// The plan of masks after this share of training.
    ///
    /// # Errors
    /// When the strategy refuses its settings.
    pub fn plan(&self, registry: &Registry, grid: Grid, progress: f64) -> Result<Plan, MaskError> {
        let Settings { ratio, params } = self.settings(registry, progress)?;
        registry.plan(&self.strategy, grid, ratio, params)
    }

    /// Whether a number of the strategy is a whole one, and the value that it has without a schedule.
    fn own(&self, key: &str, registry: &Registry) -> Result<(bool, Option<f64>), MaskError> {
        if key == "ratio" {
            return Ok((false, Some(self.ratio)));
        }
        let (strategy, leaf) = key.split_once('.').unwrap_or((&self.strategy, key));
        let strategy = registry.get(strategy)?;
        let param = strategy.params().iter().find(|param| param.name == leaf);
        let numeric = |kind: Kind| matches!(kind, Kind::Int { .. } | Kind::Float { .. });
        let Some(param) = param.filter(|param| numeric(param.kind)) else {
            let known = strategy.params().iter().filter(|param| numeric(param.kind));
            let known: Vec<&str> = std::iter::once("ratio").chain(known.map(|param| param.name)).collect();
            return Err(MaskError::Refused(format!(
                "mask.schedule.{key} is no number of strategy {}: it can move {}",
                strategy.id(),
                known.join(", ")
            )));
        };
        let own = match self.params.get(key).cloned().or_else(|| param.default_value()) {
            Some(MaskValue::Int(value)) => Some(value as f64),
            Some(MaskValue::Float(value)) => Some(value),
            _ => None,
        };
        Ok((matches!(param.kind, Kind::Int { .. }), own))
    }

    /// Checks every value that schedules reach: the plans at both ends, the counts at every change. The message quotes keys
    /// in braces where their values are those of the configuration.
    pub(super) fn check_schedule(&self, registry: &Registry, grid: Grid) -> Result<(), String> {
        if let Some(problem) = self.schedule.iter().find_map(|(key, ramp)| ramp.problem(key)) {
            return Err(problem);
        }
        let mut moments: Vec<f64> = self
            .schedule
            .values()
            .flat_map(Ramp::moments)
            .chain([0.0, END])
            .collect();
        moments.sort_by(f64::total_cmp);
        moments.dedup();
        // The end first: a value that is wrong there is told as it was written.
        moments.rotate_right(1);
        for moment in moments {
            let checked = self.settings(registry, moment).and_then(|Settings { ratio, params }| {
                if moment == 0.0 || moment == END {
                    return registry.plan(&self.strategy, grid, ratio, params).map(|_| ());
                }
                registry.hidden(&self.strategy, grid, ratio, params).map(|_| ())
            });
            checked.map_err(|error| {
                let done = (moment * 100.0).round();
                format!("{error} (as [mask.schedule] has it after {done} % of training)")
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(shape: Shape) -> Ramp {
        Ramp {
            from: None,
            to: 0.9,
            shape,
            steps: None,
            start: 0.0,
            end: 1.0,
        }
    }

    #[test]
    fn shapes_begin_and_end_where_they_should() {
        for shape in [Shape::Linear, Shape::Cosine, Shape::Steps] {
            let ramp = ramp(shape);
            assert_eq!((ramp.at(0.5, 0.0), ramp.at(0.5, 1.0)), (0.5, 0.9), "{shape:?}");
            assert!(
                ramp.at(0.5, 0.4999) <= 0.7 + 1e-9 && ramp.at(0.5, 0.51) >= 0.7 - 1e-9,
                "{shape:?}"
            );
            let falling = Ramp {
                from: Some(0.95),
                ..ramp
            };
            assert_eq!((falling.at(0.5, 0.0), falling.at(0.5, 2.0)), (0.95, 0.9));
        }
        assert!((ramp(Shape::Linear).at(0.5, 0.25) - 0.6).abs() < 1e-12);
        assert!((ramp(Shape::Cosine).at(0.5, 0.25) - (0.7 - 0.2 * std::f64::consts::FRAC_1_SQRT_2)).abs() < 1e-12);
    }

    #[test]
    fn steps_are_equal_and_a_stretch_may_be_part_of_training() {
        let steps = Ramp {
            steps: Some(3),
            ..ramp(Shape::Steps)
        };
        let values: Vec<f64> = [0.0, 0.33, 0.34, 0.66, 0.67, 1.0]
            .iter()
            .map(|p| steps.at(0.5, *p))
            .collect();
        for (value, expected) in values.iter().zip([0.5, 0.5, 0.7, 0.7, 0.9, 0.9]) {
            assert!((value - expected).abs() < 1e-12, "{values:?}");
        }
        let late = Ramp {
            start: 0.5,
            end: 0.75,
            ..ramp(Shape::Linear)
        };
        assert_eq!(
            (late.at(0.1, 0.5), late.at(0.1, 0.75), late.at(0.1, 0.8)),
            (0.1, 0.9, 0.9)
        );
        assert_eq!(late.moments().count(), 101);
    }

    #[test]
    fn a_schedule_moves_in_hundredths() {
        let ramp = ramp(Shape::Linear);
        let values: Vec<u64> = (0..=5000)
            .map(|step| ramp.at(0.5, f64::from(step) / 5000.0).to_bits())
            .collect();
        assert_eq!(values.chunk_by(|a, b| a == b).count(), 101);
    }
}
