//! Weighted k-nearest-neighbour classification on frozen features: the cosine's exponential votes. Pure arithmetic.

use rayon::prelude::*;

/// Rows of features with their classes.
#[derive(Debug, Clone, Copy)]
pub struct Labelled<'a> {
    /// Row-major features, `labels.len()` rows of `width`.
    pub features: &'a [f32],
    /// Class of each row.
    pub labels: &'a [usize],
    /// Values of a row.
    pub width: usize,
}

/// The vote for one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Vote {
    /// Class with the highest score (the lowest number among equals).
    pub class: usize,
    /// Score of every class: sum of `exp(cosine / temperature)` over its neighbours.
    pub scores: Vec<f64>,
    /// Rows of the bank that voted, nearest first (the lower row among equals).
    pub neighbours: Vec<usize>,
}

/// Votes of the `k` nearest rows of `bank` for every row of `queries`.
///
/// Zero rows have cosine 0 with everything.
#[must_use]
pub fn votes(bank: Labelled<'_>, queries: &[f32], classes: usize, k: usize, temperature: f64) -> Vec<Vote> {
    let bank_rows = normalised(bank.features, bank.width);
    let query_rows = normalised(queries, bank.width);
    query_rows
        .par_chunks_exact(bank.width)
        .map(|query| vote(&bank_rows, bank.labels, query, classes, k, temperature))
        .collect()
}

/// Share of the queries whose class is voted for, in [0, 1].
#[must_use]
pub fn accuracy(bank: Labelled<'_>, queries: Labelled<'_>, classes: usize, k: usize, temperature: f64) -> f64 {
    let votes = votes(bank, queries.features, classes, k, temperature);
    let right = votes
        .iter()
        .zip(queries.labels)
        .filter(|(vote, label)| vote.class == **label)
        .count();
    right as f64 / queries.labels.len() as f64
}

/// Rows of length 1; zero rows stay zero.
pub(super) fn normalised(rows: &[f32], width: usize) -> Vec<f32> {
    let unit = |row: &[f32]| {
        let norm = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt().max(1e-12);
        row.iter().map(|v| (f64::from(*v) / norm) as f32).collect::<Vec<_>>()
    };
    rows.chunks_exact(width).flat_map(unit).collect()
}

fn vote(bank: &[f32], labels: &[usize], query: &[f32], classes: usize, k: usize, temperature: f64) -> Vote {
    let dot = |row: &[f32]| row.iter().zip(query).map(|(a, b)| a * b).sum::<f32>();
    let cosines: Vec<f32> = bank.chunks_exact(query.len()).map(dot).collect();
    let mut order: Vec<usize> = (0..cosines.len()).collect();
    let nearer = |a: &usize, b: &usize| cosines[*b].total_cmp(&cosines[*a]).then(a.cmp(b));
    let k = k.min(order.len());
    if k < order.len() {
        order.select_nth_unstable_by(k, nearer);
    }
    order.truncate(k);
    order.sort_unstable_by(nearer);
    let mut scores = vec![0.0; classes];
    // Told against the nearest, so that no temperature is too low for the exponential.
    let most = order.first().map_or(0.0, |row| f64::from(cosines[*row]));
    for row in &order {
        scores[labels[*row]] += ((f64::from(cosines[*row]) - most) / temperature).exp();
    }
    let best = (0..classes)
        .max_by(|a, b| scores[*a].total_cmp(&scores[*b]).then(b.cmp(a)))
        .unwrap_or(0);
    let whole = (most / temperature).exp();
    Vote {
        class: best,
        scores: scores.into_iter().map(|score| score * whole).collect(),
        neighbours: order,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_decides_at_any_low_temperature() {
        let bank = [1.0, 0.0, 0.9, 0.1, 0.0, 1.0];
        let bank = Labelled {
            features: &bank,
            labels: &[2, 0, 1],
            width: 2,
        };
        for temperature in [0.07, 1e-3, 1e-9] {
            let votes = votes(bank, &[1.0, 0.0], 3, 3, temperature);
            assert_eq!(votes[0].neighbours, [0, 1, 2]);
            assert_eq!(votes[0].class, 2, "{temperature}");
        }
    }
}
