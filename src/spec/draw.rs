//! Values drawn at random for a key of a sweep: each is a function of the search seed, the key and the number of the draw,
//! so that more draws extend a sweep and the order of keys in the file does not matter.
//! Drawn numbers have four significant digits: what a label shows is exactly what the trial computes with.

use rand::Rng;
use serde_json::Value;

use super::error::SpecError;
use super::schema::{Schema, Takes};
use crate::seed::{Purpose, rng};

/// Decimals of the mantissa that a drawn number keeps: four significant digits.
const DECIMALS: usize = 3;

/// How one key is drawn; bounds are inside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Draw {
    /// Evenly.
    Uniform(f64, f64),
    /// Evenly in the logarithm.
    LogUniform(f64, f64),
    /// Whole numbers, evenly.
    Whole(i64, i64),
    /// One of so many listed values.
    Choice(usize),
}

/// What was drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Drawn {
    Value(Value),
    /// A place in the list of choices.
    Place(usize),
}

impl Draw {
    /// Reads `word = given` of `key`; both bounds must be values that the key takes.
    pub(super) fn read(word: &str, key: &str, given: &Value, file: &str, schema: &Schema) -> Result<Self, SpecError> {
        if word == "choice" {
            let items = given.as_array().filter(|items| !items.is_empty());
            let wrong = || SpecError::wrong_type(&format!("choice of {key}"), file, "a list of values", given);
            return items.map(|items| Self::Choice(items.len())).ok_or_else(wrong);
        }
        suits(word, key, file, schema)?;
        let ends = given.as_array().map_or(&[][..], Vec::as_slice);
        let draw = if word == "int_uniform" {
            let whole = |end: &Value| end.as_i64();
            two(ends, whole).map(|[least, most]| Self::Whole(least, most))
        } else {
            two(ends, Value::as_f64).map(|[least, most]| match word {
                "uniform" => Self::Uniform(least, most),
                _ => Self::LogUniform(least, most),
            })
        };
        let numbers = if word == "int_uniform" {
            "two whole numbers"
        } else {
            "two numbers"
        };
        let wrong = || {
            SpecError::wrong_type(
                &format!("{word} of {key}"),
                file,
                format!("[least, most], {numbers}"),
                given,
            )
        };
        let draw = draw.ok_or_else(wrong)?;
        if let Some(problem) = draw.problem() {
            return Err(SpecError::Invalid(format!(
                "{word} of {key} in {file} {problem}, found {given}"
            )));
        }
        for end in ends {
            let end = schema.check(key, end.clone(), file)?;
            schema.check_alone(key, &end, file)?;
        }
        Ok(draw)
    }

    fn problem(self) -> Option<&'static str> {
        let rising = match self {
            Self::Uniform(least, most) => least < most,
            Self::LogUniform(least, _) if least <= 0.0 => {
                return Some("must begin above 0, where logarithms do: use a first bound such as 1e-6");
            }
            Self::LogUniform(least, most) => least < most,
            Self::Whole(least, most) => least < most,
            Self::Choice(_) => true,
        };
        (!rising).then_some("must be [least, most] with least < most")
    }

    /// Draw number `index` of `key` under a search seed.
    pub(super) fn draw(self, key: &str, search_seed: u64, index: usize) -> Drawn {
        let share = share(rng(search_seed, Purpose::Search(key), 0, index as u64).next_u64());
        match self {
            Self::Uniform(least, most) => real(least + share * (most - least), least, most),
            Self::LogUniform(least, most) => {
                let (low, high) = (least.ln(), most.ln());
                real((low + share * (high - low)).exp(), least, most)
            }
            Self::Whole(least, most) => {
                let span = most as f64 - least as f64 + 1.0;
                let offset = (share * span).floor() as i64;
                Drawn::Value(Value::from(least.saturating_add(offset).min(most)))
            }
            Self::Choice(count) => Drawn::Place(((share * count as f64) as usize).min(count - 1)),
        }
    }
}

/// Refuses a draw of numbers for a key that takes none of the kind.
fn suits(word: &str, key: &str, file: &str, schema: &Schema) -> Result<(), SpecError> {
    let cure = match (schema.takes(key), word) {
        (Takes::Whole, "int_uniform") | (Takes::Real, "uniform" | "log_uniform") => return Ok(()),
        (Takes::Whole, _) => "takes whole numbers: use int_uniform",
        (Takes::Real, _) => "takes any number: use uniform or log_uniform",
        (Takes::Other, _) => "takes no single number: use choice",
    };
    Err(SpecError::Invalid(format!("{word} of {key} in {file}: {key} {cure}")))
}

fn two<T: Copy>(ends: &[Value], read: impl Fn(&Value) -> Option<T>) -> Option<[T; 2]> {
    let [least, most] = ends else { return None };
    Some([read(least)?, read(most)?])
}

/// The 53 upper bits as a number from 0 to below 1.
fn share(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number of four significant digits, inside its bounds even after rounding.
fn real(number: f64, least: f64, most: f64) -> Drawn {
    let rounded = format!("{number:.DECIMALS$e}").parse().unwrap_or(number);
    Drawn::Value(Value::from(f64::clamp(rounded, least, most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_inside_and_fill_their_range() {
        let all = |draw: Draw| -> Vec<f64> {
            let one = |index| match draw.draw("train.blr", 0, index) {
                Drawn::Value(value) => value.as_f64().unwrap(),
                Drawn::Place(place) => place as f64,
            };
            (0..2000).map(one).collect()
        };
        for (draw, least, most) in [
            (Draw::Uniform(-1.0, 3.0), -1.0, 3.0),
            (Draw::LogUniform(1e-5, 1.0), 1e-5, 1.0),
            (Draw::Uniform(0.999_95, 0.999_99), 0.999_95, 0.999_99),
            (Draw::Whole(-2, 5), -2.0, 5.0),
            (Draw::Choice(3), 0.0, 2.0),
        ] {
            let drawn = all(draw);
            assert!(drawn.iter().all(|x| (least..=most).contains(x)), "{draw:?}");
            let middle = match draw {
                Draw::LogUniform(..) => 10_f64.powf(-2.5),
                _ => f64::midpoint(least, most),
            };
            let below = drawn.iter().filter(|x| **x < middle).count();
            let share = if draw == Draw::Choice(3) { 1.0 / 3.0 } else { 0.5 };
            if most - least > 1e-3 {
                assert!((below as f64 / 2000.0 - share).abs() < 0.05, "{draw:?} {below}");
            }
        }
        let mut dice = all(Draw::Whole(1, 6));
        dice.sort_by(f64::total_cmp);
        dice.dedup();
        assert_eq!(dice, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn drawn_numbers_are_short_and_never_change_between_releases() {
        for index in 0..200 {
            let Drawn::Value(value) = Draw::LogUniform(1e-5, 1e5).draw("k", 7, index) else {
                panic!("a number")
            };
            let digits = format!("{:e}", value.as_f64().unwrap());
            let mantissa = digits.split('e').next().unwrap();
            assert!(mantissa.replace('.', "").len() <= 4, "{digits}");
        }
        let first = |key: &str, seed: u64, index| Draw::Uniform(0.0, 1.0).draw(key, seed, index);
        assert_ne!(first("a", 0, 0), first("b", 0, 0));
        assert_ne!(first("a", 0, 0), first("a", 1, 0));
        assert_ne!(first("a", 0, 0), first("a", 0, 1));
        let golden = (0..3).map(|index| Draw::LogUniform(1e-3, 1e-1).draw("train.blr", 0, index));
        let expected = [0.01539, 0.001164, 0.01343].map(|number| Drawn::Value(Value::from(number)));
        assert!(golden.eq(expected), "draws changed: recorded searches would not go on");
    }
}
