//! The seeds of a sweep: the innermost loop, given by their number or one by one.
//! It must not know where in a file they stand: it is told for its messages.

use serde_json::Value;

use super::error::SpecError;
use super::range::{self, MOST_STORED};
use super::render::render_one;

/// How the seeds of a sweep are given.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Seeds {
    /// The configured seed only.
    One,
    /// So many, counting up from the configured seed.
    Count(u64),
    /// Exactly these.
    List(Vec<u64>),
}

impl Seeds {
    /// Reads `seeds = 3` or `seeds = [0, 7]`, standing at `place`.
    pub(super) fn read(value: &Value, place: &str) -> Result<Self, SpecError> {
        let wrong = || {
            SpecError::wrong_type(
                "seeds",
                place,
                "a whole number from 1 to 1000, or a list of seeds",
                value,
            )
        };
        let Value::Array(items) = value else {
            let count = value
                .as_u64()
                .filter(|count| (1..=1000).contains(count))
                .ok_or_else(wrong)?;
            return Ok(Self::Count(count));
        };
        let seeds = items
            .iter()
            .map(Value::as_u64)
            .collect::<Option<Vec<_>>>()
            .filter(|seeds| !seeds.is_empty());
        let seeds = seeds.ok_or_else(wrong)?;
        for item in items {
            range::check("seed", item).map_err(|message| render_one(&message, "seed", item, place))?;
        }
        for (index, seed) in seeds.iter().enumerate() {
            if seeds[..index].contains(seed) {
                return Err(SpecError::Invalid(format!(
                    "seeds in {place} lists {seed} twice: each seed makes one trial"
                )));
            }
        }
        Ok(Self::List(seeds))
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One => 1,
            Self::Count(count) => *count as usize,
            Self::List(seeds) => seeds.len(),
        }
    }

    /// The seeds, counted from `first` where only their number is given.
    pub(super) fn from(&self, first: u64) -> Result<Vec<u64>, SpecError> {
        match self {
            Self::One => Ok(vec![first]),
            Self::Count(count) => match first.checked_add(*count) {
                Some(end) if end - 1 <= MOST_STORED => Ok((first..end).collect()),
                _ => Err(SpecError::Invalid(format!(
                    "seeds = {count} counts up from seed = {first} beyond {MOST_STORED}, the largest number that the store \
                     keeps: use a smaller seed"
                ))),
            },
            Self::List(seeds) => Ok(seeds.clone()),
        }
    }
}
