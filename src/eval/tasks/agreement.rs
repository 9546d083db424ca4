//! How well two divisions of the same things agree, whatever their parts are called. Pure arithmetic, as scikit-learn defines
//! `normalized_mutual_info_score` (arithmetic mean) and `adjusted_rand_score`.

use std::collections::BTreeMap;

/// How often each pair of parts meets, and the sizes of the parts of either division.
struct Table {
    cells: BTreeMap<(usize, usize), f64>,
    first: BTreeMap<usize, f64>,
    second: BTreeMap<usize, f64>,
    total: f64,
}

impl Table {
    fn of(first: &[usize], second: &[usize]) -> Self {
        assert_eq!(first.len(), second.len(), "both divide the same things");
        let mut table = Self {
            cells: BTreeMap::new(),
            first: BTreeMap::new(),
            second: BTreeMap::new(),
            total: first.len() as f64,
        };
        for (a, b) in first.iter().zip(second) {
            *table.cells.entry((*a, *b)).or_default() += 1.0;
            *table.first.entry(*a).or_default() += 1.0;
            *table.second.entry(*b).or_default() += 1.0;
        }
        table
    }
}

/// Mutual information over the mean of the two entropies: 0 for independent divisions, 1 for equal ones. Two divisions of one
/// part each are equal.
///
/// # Panics
/// When the lengths differ.
#[must_use]
pub fn normalised_mutual_information(first: &[usize], second: &[usize]) -> f64 {
    let table = Table::of(first, second);
    let entropy = |parts: &BTreeMap<usize, f64>| -> f64 {
        let shares = parts.values().map(|size| size / table.total);
        shares.map(|share| -share * share.ln()).sum()
    };
    let mean = f64::midpoint(entropy(&table.first), entropy(&table.second));
    if mean == 0.0 {
        return 1.0;
    }
    let information: f64 = table
        .cells
        .iter()
        .map(|((a, b), count)| count / table.total * (count * table.total / (table.first[a] * table.second[b])).ln())
        .sum();
    (information / mean).clamp(0.0, 1.0)
}

/// Rand index corrected for chance (Hubert and Arabie 1985): 0 on average for divisions at random, 1 for equal ones.
///
/// # Panics
/// When the lengths differ.
#[must_use]
pub fn adjusted_rand(first: &[usize], second: &[usize]) -> f64 {
    let table = Table::of(first, second);
    let pairs = |count: &f64| count * (count - 1.0) / 2.0;
    let both: f64 = table.cells.values().map(pairs).sum();
    let [a, b] = [&table.first, &table.second].map(|parts| parts.values().map(pairs).sum::<f64>());
    let all = pairs(&table.total);
    let expected = a * b / all;
    let most = f64::midpoint(a, b);
    // All in one part, or each in one of its own, on both sides: equal.
    if all == 0.0 || most == expected {
        return 1.0;
    }
    (both - expected) / (most - expected)
}
