//! Bias-corrected and accelerated bootstrap intervals (Efron 1987, JASA 82): no normality assumed, but many values wanted.
//! Below about ten values they are too narrow; the Student-t interval is the better one there.

use rand::RngExt;
use statrs::distribution::{ContinuousCDF, Normal};

use super::ALPHA;
use crate::seed::{ChaCha8Rng, Purpose, rng};

/// How a bootstrap draws. Equal fields give equal intervals, on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draws<'a> {
    /// Seed.
    pub seed: u64,
    /// What the interval is of; other names draw otherwise.
    pub name: &'a str,
    /// Number of resamples; 2,000 or more for the ends of a 95 % interval.
    pub resamples: usize,
}

impl Draws<'_> {
    pub(super) fn generator(&self) -> ChaCha8Rng {
        rng(self.seed, Purpose::Bootstrap(self.name), 0, 0)
    }
}

/// The 95 % BCa interval (low, high) of `statistic` over `values`; values that are not finite are left out. `None` below two
/// values, and where all resamples or all samples less one value agree.
pub fn bca(values: &[f64], statistic: impl Fn(&[f64]) -> f64, draws: Draws<'_>) -> Option<(f64, f64)> {
    let values: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if values.len() < 2 {
        return None;
    }
    let mut generator = draws.generator();
    let mut sample = values.clone();
    let mut replicate = |_| {
        let drawn = sample.iter_mut();
        drawn.for_each(|slot| *slot = values[generator.random_range(0..values.len())]);
        statistic(&sample)
    };
    let replicates: Vec<f64> = (0..draws.resamples).map(&mut replicate).collect();
    let without = |out: usize| {
        let mut rest = values.clone();
        rest.remove(out);
        statistic(&rest)
    };
    let left_out: Vec<f64> = (0..values.len()).map(without).collect();
    bca_from(statistic(&values), &replicates, &left_out)
}

/// The 95 % BCa interval from an estimate, its bootstrap replicates, and the estimates with each value left out.
pub fn bca_from(estimate: f64, replicates: &[f64], left_out: &[f64]) -> Option<(f64, f64)> {
    let acceleration = acceleration(left_out);
    if replicates.is_empty() || !acceleration.is_finite() {
        return None;
    }
    let normal = Normal::new(0.0, 1.0).expect("mean 0 and sd 1 are always valid");
    let mut sorted = replicates.to_vec();
    sorted.sort_by(f64::total_cmp);
    let below = sorted.partition_point(|r| *r < estimate) + sorted.partition_point(|r| *r <= estimate);
    let bias = normal.inverse_cdf(below as f64 / (2 * sorted.len()) as f64);
    let end = |tail: f64| {
        let shifted = bias + normal.inverse_cdf(tail);
        quantile(&sorted, normal.cdf(bias + shifted / (1.0 - acceleration * shifted)))
    };
    let ends = (end(ALPHA / 2.0)?, end(1.0 - ALPHA / 2.0)?);
    bias.is_finite().then_some(ends)
}

/// Acceleration by the jackknife; not a number where all estimates agree.
fn acceleration(left_out: &[f64]) -> f64 {
    let centre = left_out.iter().sum::<f64>() / left_out.len() as f64;
    let power = |exponent| left_out.iter().map(|v| (centre - v).powi(exponent)).sum::<f64>();
    power(3) / (6.0 * power(2).powf(1.5))
}

/// Quantile of sorted values, linear between neighbours; `None` of no values.
pub(super) fn quantile(sorted: &[f64], probability: f64) -> Option<f64> {
    let place = probability.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(low + (high - low) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: Draws = Draws {
        seed: 0,
        name: "test",
        resamples: 500,
    };

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn the_same_draws_give_the_same_interval_and_others_another() {
        let values = [1.0, 4.0, 2.0, 8.0, 5.0, 7.0];
        let first = bca(&values, mean, DRAWS).unwrap();
        assert_eq!(Some(first), bca(&values, mean, DRAWS));
        assert_ne!(Some(first), bca(&values, mean, Draws { seed: 1, ..DRAWS }));
        assert_ne!(Some(first), bca(&values, mean, Draws { name: "other", ..DRAWS }));
        assert!(first.0 < 4.5 && 4.5 < first.1);
    }

    #[test]
    fn what_cannot_vary_has_no_interval() {
        assert_eq!(bca(&[1.0], mean, DRAWS), None);
        assert_eq!(bca(&[1.0, f64::NAN], mean, DRAWS), None);
        assert_eq!(bca(&[2.0; 6], mean, DRAWS), None);
        assert_eq!(bca_from(1.0, &[], &[1.0, 2.0]), None);
    }

    #[test]
    fn quantiles_are_linear_between_neighbours() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), Some(3.0));
        assert_eq!(quantile(&[1.0], 0.975), Some(1.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
