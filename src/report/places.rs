//! Places of swept values on an axis of parallel coordinates.

use super::groups::Groups;
use super::{format, landscape};

/// Where the values of a key stand on its axis: names at equal distances, numbers by their size, over decades by its logarithm.
pub(super) enum Places {
    Names(Vec<String>),
    Numbers { sorted: Vec<f64>, log: bool },
}

impl Places {
    /// Room between two ticks, as a share of the axis.
    const APART: f64 = 0.08;

    pub(super) fn of(groups: &Groups, key: usize) -> Self {
        let numbers: Option<Vec<f64>> = groups.all.iter().map(|g| g.point[key].as_f64()).collect();
        let Some(mut sorted) = numbers.filter(|n| !n.is_empty()) else {
            return Self::Names(landscape::values(groups, key));
        };
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        let log = sorted[0] > 0.0 && sorted[sorted.len() - 1] / sorted[0] >= 30.0;
        Self::Numbers { sorted, log }
    }

    /// The place of a value, from 0 to 1.
    pub(super) fn at(&self, value: &serde_json::Value) -> f64 {
        match self {
            Self::Names(list) => {
                let text = format::value(value);
                let index = list.iter().position(|v| *v == text).unwrap_or_default();
                share(index as f64, 0.0, (list.len() - 1) as f64)
            }
            Self::Numbers { sorted, log } => {
                let scale = |v: f64| if *log { v.ln() } else { v };
                let value = value.as_f64().unwrap_or(f64::NAN);
                share(scale(value), scale(sorted[0]), scale(sorted[sorted.len() - 1]))
            }
        }
    }

    /// Every name; of the numbers the ends, and between them those that are apart.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let place = |value: serde_json::Value| (self.at(&value), format::value(&value));
        let Self::Numbers { sorted, .. } = self else {
            let Self::Names(list) = self else { return vec![] };
            let spaced = list.iter().enumerate();
            return spaced
                .map(|(i, text)| (share(i as f64, 0.0, (list.len() - 1) as f64), text.clone()))
                .collect();
        };
        let all: Vec<(f64, String)> = sorted.iter().map(|v| place((*v).into())).collect();
        let end = all[all.len() - 1].clone();
        let mut kept: Vec<(f64, String)> = vec![];
        for tick in all {
            let free = kept.last().is_none_or(|last| tick.0 - last.0 >= Self::APART);
            if free && (end.0 - tick.0 >= Self::APART || kept.is_empty()) {
                kept.push(tick);
            }
        }
        kept.extend((kept.last() != Some(&end)).then_some(end));
        kept
    }
}

/// Where a value lies between two others; in the middle where they are the same.
fn share(value: f64, low: f64, high: f64) -> f64 {
    if high > low { (value - low) / (high - low) } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{report, run};
    use super::*;

    #[test]
    fn numbers_lie_by_their_size_and_crowded_ones_are_not_written() {
        let rates = [1e-4, 1.01e-4, 1e-3, 1e-2];
        let one = |(i, rate): (usize, &f64)| run(i as i64, json!({"train.blr": rate}), 0, &[]);
        let data = report(
            json!([{"key": "train.blr", "values": rates}]),
            rates.iter().enumerate().map(one).collect(),
        );
        let places = Places::of(&Groups::of(&data), 0);
        assert!(
            (places.at(&json!(1e-3)) - 0.5).abs() < 1e-9,
            "over decades by the logarithm"
        );
        let written: Vec<String> = places.ticks().into_iter().map(|t| t.1).collect();
        assert_eq!(written, ["0.0001", "0.001", "0.01"]);
    }

    #[test]
    fn names_have_equal_distances() {
        let names = ["random", "grid", "block"];
        let one = |(i, name): (usize, &&str)| run(i as i64, json!({"mask.strategy": name}), 0, &[]);
        let data = report(
            json!([{"key": "mask.strategy", "values": names}]),
            names.iter().enumerate().map(one).collect(),
        );
        let places = Places::of(&Groups::of(&data), 0);
        assert_eq!(places.at(&json!("grid")), 0.5);
        assert_eq!(places.ticks().len(), 3);
    }
}
