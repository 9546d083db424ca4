//! The part of the training pictures on which tasks choose their rates and penalties. Held-out pictures are never chosen on.

use rand::Rng;

use crate::seed::{Purpose, rng};

/// Rows to learn from and rows to choose on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) fit: Vec<usize>,
    pub(crate) choose: Vec<usize>,
}

/// Divides rows by class: of each class the share `fraction`, at least one row and not all of them, is there to choose on. A
/// function of the labels and the seed alone.
pub(crate) fn split(labels: &[usize], classes: usize, fraction: f64, seed: u64) -> Split {
    let mut split = Split::default();
    for class in 0..classes {
        let rows = labels.iter().enumerate().filter(|(_, label)| **label == class);
        let mut keyed: Vec<(u64, usize)> = rows
            .map(|(row, _)| (rng(seed, Purpose::Tune, 0, row as u64).next_u64(), row))
            .collect();
        keyed.sort_unstable();
        let most = keyed.len().saturating_sub(1);
        let count = ((keyed.len() as f64 * fraction).round() as usize).clamp(1.min(most), most);
        let (choose, fit) = keyed.split_at(count);
        split.choose.extend(choose.iter().map(|(_, row)| *row));
        split.fit.extend(fit.iter().map(|(_, row)| *row));
    }
    split.fit.sort_unstable();
    split.choose.sort_unstable();
    split
}

/// The best of `candidates` by what `score` says of each (more is better, NaN is worst; the first among equals), and all scores.
pub(crate) fn best<E>(candidates: &[f64], mut score: impl FnMut(f64) -> Result<f64, E>) -> Result<(f64, Vec<f64>), E> {
    let scores: Vec<f64> = candidates.iter().map(|value| score(*value)).collect::<Result<_, E>>()?;
    let mut chosen = 0;
    for (place, value) in scores.iter().enumerate() {
        if *value > scores[chosen] || (scores[chosen].is_nan() && !value.is_nan()) {
            chosen = place;
        }
    }
    Ok((candidates[chosen], scores))
}

/// Rows in the order of an epoch, a function of the seed and the epoch.
pub(crate) fn shuffled(rows: &[usize], seed: u64, epoch: u64) -> Vec<usize> {
    let mut rng = rng(seed, Purpose::Probe, epoch, 0);
    let mut keyed: Vec<(u64, usize)> = rows.iter().map(|row| (rng.next_u64(), *row)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_on_both_sides_and_no_row_is_on_two() {
        let labels: Vec<usize> = (0..97).map(|i| i % 7).chain([7, 7]).collect();
        let split = split(&labels, 8, 0.2, 3);
        let mut all: Vec<usize> = split.fit.iter().chain(&split.choose).copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
        for class in 0..8 {
            let count = |rows: &[usize]| rows.iter().filter(|row| labels[**row] == class).count();
            assert!(count(&split.fit) > 0 && count(&split.choose) > 0, "class {class}");
        }
        assert_eq!(
            split.choose.len(),
            7 * 3 + 1,
            "a fifth of 13 or 14 rows is 3, of 2 rows 1"
        );
        assert_eq!(super::split(&labels, 8, 0.2, 3), split);
        assert_ne!(super::split(&labels, 8, 0.2, 4), split);
    }

    #[test]
    fn the_first_of_equals_is_chosen() {
        let score = |value: f64| Ok::<f64, ()>(if value > 1.0 { 0.5 } else { 0.4 });
        assert_eq!(best(&[1.0, 2.0, 3.0], score).unwrap().0, 2.0);
        let broken = |value: f64| Ok::<f64, ()>(if value > 2.5 { 0.1 } else { f64::NAN });
        assert_eq!(best(&[1.0, 2.0, 3.0], broken).unwrap().0, 3.0);
    }
}
