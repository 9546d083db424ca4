//! Differences of two groups over the seeds that both have: what a seed does to both cancels out.

use statrs::function::gamma::ln_gamma;

use super::summary::{Summary, mean, t_two_sided};

/// Differences `a - b` of one group from another over shared seeds, and what can be said about their mean.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Paired {
    /// Mean, sample sd and 95 % Student-t interval of the differences; `n` is the number of shared seeds with finite values.
    pub difference: Summary,
    /// Student's t of the mean difference, `n - 1` degrees of freedom. `None` below two pairs, and where all differences
    /// are equal but for rounding: then the seeds vary nothing that a test could go by.
    pub t: Option<f64>,
    /// Two-sided p value of `t`, for one comparison.
    pub p: Option<f64>,
    /// Cohen's d_z: mean difference over the sd of the differences (no unit).
    pub d_z: Option<f64>,
    /// d_z times Hedges' exact correction for small n, Γ(m/2) / (√(m/2) Γ((m-1)/2)) with m = n - 1; `None` below three
    /// pairs, where the correction is zero (Hedges 1981, Journal of Educational Statistics 6).
    pub g_z: Option<f64>,
}

impl Paired {
    /// Compares by key. Several values of one key are averaged first: runs of one seed are not independent.
    pub fn of<K: PartialEq + Copy>(a: &[(K, f64)], b: &[(K, f64)]) -> Self {
        let pairs = pairs(a, b);
        let difference = Summary::of(pairs.iter().map(|(a, b)| a - b));
        let known = Self {
            difference,
            ..Self::default()
        };
        let (Some(mean), Some(sd)) = (difference.mean, difference.sd) else {
            return known;
        };
        let values = pairs.iter().flat_map(|(a, b)| [a.abs(), b.abs()]);
        let largest = values.filter(|v| v.is_finite()).fold(0.0, f64::max);
        if sd <= ROUNDING * largest {
            return known;
        }
        let (d_z, n) = (mean / sd, difference.n);
        let t = d_z * (n as f64).sqrt();
        Self {
            difference,
            t: Some(t),
            p: Some(t_two_sided(n - 1, t)),
            d_z: Some(d_z),
            g_z: (n > 2).then(|| d_z * hedges(n - 1)),
        }
    }
}

/// Spread, relative to the values compared, that rounding alone can make.
const ROUNDING: f64 = 1e-12;

/// Summary of `a - b` over the keys (seeds) that both have; a key with a value that is not finite is counted, not used.
pub fn paired<K: PartialEq + Copy>(a: &[(K, f64)], b: &[(K, f64)]) -> Summary {
    Summary::of(pairs(a, b).into_iter().map(|(a, b)| a - b))
}

fn pairs<K: PartialEq + Copy>(a: &[(K, f64)], b: &[(K, f64)]) -> Vec<(f64, f64)> {
    let (a, b) = (by_key(a), by_key(b));
    let partner = |key: &K| b.iter().find(|other| other.0 == *key).map(|other| other.1);
    a.iter()
        .filter_map(|(key, value)| Some((*value, partner(key)?)))
        .collect()
}

/// One value for each key, the mean of all that it has.
fn by_key<K: PartialEq + Copy>(values: &[(K, f64)]) -> Vec<(K, f64)> {
    let mut keys: Vec<(K, Vec<f64>)> = vec![];
    for (key, value) in values {
        match keys.iter_mut().find(|known| known.0 == *key) {
            Some(known) => known.1.push(*value),
            None => keys.push((*key, vec![*value])),
        }
    }
    keys.into_iter()
        .map(|(key, values)| (key, mean(&values).unwrap_or(f64::NAN)))
        .collect()
}

/// Hedges' exact correction for `freedom` degrees of freedom (at least 2).
pub(super) fn hedges(freedom: usize) -> f64 {
    let m = freedom as f64;
    (ln_gamma(m / 2.0) - ln_gamma((m - 1.0) / 2.0)).exp() / (m / 2.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairing_is_by_key_and_removes_what_the_seed_shares() {
        let a = [(1, 10.0), (2, 20.0), (3, 30.0)];
        let b = [(3, 29.0), (1, 9.0), (4, 0.0)];
        let d = paired(&a, &b);
        assert_eq!((d.n, d.mean, d.sd), (2, Some(1.0), Some(0.0)));
    }

    #[test]
    fn equal_differences_leave_nothing_to_test() {
        let a = [(1, 0.41), (2, 0.42), (3, 0.43)];
        let b = a.map(|(seed, value)| (seed, value - 0.1));
        let same = Paired::of(&a, &b);
        assert_eq!((same.difference.n, same.t, same.p, same.d_z), (3, None, None, None));
        assert!((same.difference.mean.unwrap() - 0.1).abs() < 1e-12);
        assert_eq!(Paired::of(&a, &a).p, None, "nor do equal values");
    }

    #[test]
    fn one_shared_seed_has_a_difference_and_no_test() {
        let one = Paired::of(&[(1, 3.0), (2, 5.0)], &[(2, 4.0)]);
        assert_eq!((one.difference.n, one.difference.mean), (1, Some(1.0)));
        assert_eq!((one.p, one.g_z, one.difference.interval()), (None, None, None));
        assert_eq!(Paired::of::<i64>(&[], &[]), Paired::default());
    }

    #[test]
    fn runs_of_one_seed_count_once() {
        let twice = Paired::of(&[(1, 3.0), (1, 5.0), (2, 5.0)], &[(1, 1.0), (2, 3.5)]);
        assert_eq!((twice.difference.n, twice.difference.mean), (2, Some(2.25)));
    }

    #[test]
    fn values_that_are_not_finite_are_counted() {
        let broken = Paired::of(&[(1, f64::NAN), (2, 5.0), (3, 1.0)], &[(1, 1.0), (2, 3.0), (3, 0.0)]);
        assert_eq!((broken.difference.n, broken.difference.non_finite), (2, 1));
        assert!(broken.p.is_some());
    }

    #[test]
    fn two_pairs_have_no_corrected_effect() {
        let two = Paired::of(&[(1, 3.0), (2, 5.0)], &[(1, 1.0), (2, 2.0)]);
        assert!(two.d_z.is_some() && two.g_z.is_none());
    }
}
