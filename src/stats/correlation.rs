//! Rank correlation of two quantities over points: Spearman's ρ and Kendall's τ_b, with an interval for ρ and p values by
//! permutation.
//!
//! Values of the points must be independent of each other. Trials of one point that differ in their seed are not: take the
//! mean of each point, else the seeds' noise counts as points.

use rand::seq::SliceRandom;
use statrs::distribution::{ContinuousCDF, Normal};

use super::ALPHA;
use super::bootstrap::Draws;

/// Points below which nothing is said: with four, even a perfect order comes about by chance in 1 of 12 cases.
pub const FEWEST: usize = 5;

/// Points up to which every permutation is tried: 40,320 for eight.
const EXACT: usize = 8;

/// Points up to which the permutations are judged by Kendall's coefficient, too; beyond them its normal approximation is as
/// good, and much faster.
const KENDALL: usize = 40;

/// How two quantities go together over points.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Correlation {
    /// Points at which both are finite.
    pub n: usize,
    /// Spearman's ρ, the correlation of mid-ranks; `None` below [`FEWEST`] points and where one quantity is constant.
    pub rho: Option<f64>,
    /// 95 % interval of ρ by Fisher's z with the standard error √((1 + ρ²/2) / (n − 3)) (Bonett & Wright 2000, Psychometrika
    /// 65). `None` where ρ is 1 or −1, at which z is infinite.
    pub interval: Option<(f64, f64)>,
    /// Two-sided p of ρ over permutations: all of them up to eight points, else as many as `draws` says, the order that was
    /// seen among them.
    pub p: Option<f64>,
    /// Kendall's τ_b, corrected for ties (Kendall 1945, Biometrika 33).
    pub tau: Option<f64>,
    /// Two-sided p of τ_b: by the same permutations up to 40 points, else by its normal approximation with ties.
    pub tau_p: Option<f64>,
}

impl Correlation {
    /// Correlates pairs; those with a value that is not finite are left out.
    pub fn of(pairs: &[(f64, f64)], draws: Draws<'_>) -> Self {
        let finite = pairs.iter().filter(|p| p.0.is_finite() && p.1.is_finite());
        let (x, y): (Vec<f64>, Vec<f64>) = finite.copied().unzip();
        let n = x.len();
        let known = Self { n, ..Self::default() };
        let (Some(rho), Some(tau)) = (spearman(&x, &y), kendall(&x, &y)) else {
            return known;
        };
        if n < FEWEST {
            return known;
        }
        let [p, by_order] = permuted(&x, &y, draws);
        Self {
            rho: Some(rho),
            interval: interval(rho, n),
            p: Some(p),
            tau: Some(tau),
            tau_p: Some(if n <= KENDALL { by_order } else { asymptotic(&x, &y) }),
            ..known
        }
    }
}

/// Spearman's ρ: Pearson's correlation of mid-ranks. `None` where either is constant or empty.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    let (x, y) = (centred(x), centred(y));
    let size = (dot(&x, &x) * dot(&y, &y)).sqrt();
    (size > 0.0).then(|| (dot(&x, &y) / size).clamp(-1.0, 1.0))
}

/// Kendall's τ_b: concordant less discordant pairs over the geometric mean of the pairs that either quantity does not tie.
/// `None` where either is constant or empty.
pub fn kendall(x: &[f64], y: &[f64]) -> Option<f64> {
    let pairs = || (0..x.len()).flat_map(move |i| (0..i).map(move |j| (i, j)));
    let untied = |v: &[f64]| pairs().filter(|(i, j)| v[*i] != v[*j]).count() as f64;
    let size = (untied(x) * untied(y)).sqrt();
    (size > 0.0).then(|| (concordance(x, y) / size).clamp(-1.0, 1.0))
}

/// Concordant less discordant pairs.
fn concordance(x: &[f64], y: &[f64]) -> f64 {
    let sign = |a: f64, b: f64| i64::from(a > b) - i64::from(a < b);
    let of = |i: usize| (0..i).map(move |j| sign(x[i], x[j]) * sign(y[i], y[j])).sum::<i64>();
    (0..x.len()).map(of).sum::<i64>() as f64
}

fn interval(rho: f64, n: usize) -> Option<(f64, f64)> {
    let normal = Normal::new(0.0, 1.0).expect("mean 0 and sd 1 are always valid");
    let error = ((1.0 + rho * rho / 2.0) / (n as f64 - 3.0)).sqrt();
    let (z, half) = (rho.atanh(), normal.inverse_cdf(1.0 - ALPHA / 2.0) * error);
    z.is_finite().then(|| ((z - half).tanh(), (z + half).tanh()))
}

/// Ranks from 1, ties at their mean, less the mean rank.
fn centred(values: &[f64]) -> Vec<f64> {
    let middle = (values.len() as f64 + 1.0) / 2.0;
    let rank = |v: &f64| {
        let below = values.iter().filter(|other| *other < v).count() as f64;
        let same = values.iter().filter(|other| *other == v).count() as f64;
        below + (same + 1.0) / 2.0 - middle
    };
    values.iter().map(rank).collect()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(a, b)| a * b).sum()
}

/// Shares of the permutations of `y` that go with `x` at least as well as it does itself, either way: by ranks and, where
/// there are few points, by the order of pairs.
fn permuted(x: &[f64], y: &[f64], draws: Draws<'_>) -> [f64; 2] {
    let (a, mut b) = (centred(x), centred(y));
    let few = x.len() <= KENDALL;
    let score = |b: &[f64]| [dot(&a, b).abs(), if few { concordance(&a, b).abs() } else { 0.0 }];
    let seen = score(&b);
    let (mut hits, mut all) = ([0_usize; 2], 0_usize);
    let mut count = |b: &[f64]| {
        let now = score(b);
        all += 1;
        (0..2).for_each(|i| hits[i] += usize::from(now[i] >= seen[i] - 1e-9));
    };
    if x.len() <= EXACT {
        every_order(&mut b, &mut count);
    } else {
        count(&b);
        let mut generator = draws.generator();
        for _ in 0..draws.resamples {
            b.shuffle(&mut generator);
            count(&b);
        }
    }
    hits.map(|h| h as f64 / all as f64)
}

/// Calls `each` with every permutation of `values` (Heap 1963, The Computer Journal 6).
fn every_order(values: &mut [f64], each: &mut impl FnMut(&[f64])) {
    let mut turns = vec![0; values.len()];
    each(values);
    let mut i = 1;
    while i < values.len() {
        if turns[i] < i {
            values.swap(i, if i % 2 == 0 { 0 } else { turns[i] });
            each(values);
            turns[i] += 1;
            i = 1;
        } else {
            turns[i] = 0;
            i += 1;
        }
    }
}

/// Two-sided p of τ_b by the normal approximation of concordant less discordant pairs, with the variance under ties.
fn asymptotic(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let (a, b) = (ties(x), ties(y));
    let sum = |sizes: &[f64], of: fn(f64) -> f64| sizes.iter().map(|t| of(*t)).sum::<f64>();
    let cubic = |t: f64| t * (t - 1.0) * (2.0 * t + 5.0);
    let (pairs, triples) = (|t: f64| t * (t - 1.0), |t: f64| t * (t - 1.0) * (t - 2.0));
    let variance = (cubic(n) - sum(&a, cubic) - sum(&b, cubic)) / 18.0
        + sum(&a, pairs) * sum(&b, pairs) / (2.0 * n * (n - 1.0))
        + sum(&a, triples) * sum(&b, triples) / (9.0 * n * (n - 1.0) * (n - 2.0));
    let normal = Normal::new(0.0, 1.0).expect("mean 0 and sd 1 are always valid");
    2.0 * normal.sf(concordance(x, y).abs() / variance.sqrt())
}

/// How many values share each value.
fn ties(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a == b).map(|same| same.len() as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: Draws = Draws {
        seed: 0,
        name: "test",
        resamples: 999,
    };

    fn pairs(y: &[f64]) -> Vec<(f64, f64)> {
        (0..).map(f64::from).zip(y.iter().copied()).collect()
    }

    #[test]
    fn a_perfect_order_of_five_is_two_of_120() {
        let up = Correlation::of(&pairs(&[1.0, 2.0, 4.0, 8.0, 9.0]), DRAWS);
        assert_eq!((up.rho, up.tau, up.interval), (Some(1.0), Some(1.0), None));
        assert!((up.p.unwrap() - 2.0 / 120.0).abs() < 1e-12 && up.tau_p == up.p);
        let down = Correlation::of(&pairs(&[5.0, 4.0, 3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0]), DRAWS);
        assert_eq!((down.rho, down.tau), (Some(-1.0), Some(-1.0)));
        assert_eq!(down.p, Some(1.0 / 1000.0), "the order seen is one of them");
    }

    #[test]
    fn nothing_is_said_of_few_or_constant_points() {
        let few = Correlation::of(&pairs(&[1.0, 2.0, 3.0, f64::NAN, 4.0]), DRAWS);
        assert_eq!((few.n, few.rho, few.tau, few.p), (4, None, None, None));
        let flat = Correlation::of(&pairs(&[1.0; 8]), DRAWS);
        assert_eq!((flat.n, flat.rho, flat.interval), (8, None, None));
        assert_eq!(Correlation::of(&[], DRAWS), Correlation::default());
    }

    #[test]
    fn it_hangs_on_the_order_alone_and_draws_repeat() {
        let y = [3.0, 1.0, 4.0, 1.5, 5.0, 9.0, 2.0, 6.0, 5.5, 3.5];
        let stretched: Vec<f64> = y.iter().map(|v: &f64| v.exp()).collect();
        let (a, b) = (
            Correlation::of(&pairs(&y), DRAWS),
            Correlation::of(&pairs(&stretched), DRAWS),
        );
        assert_eq!(a, b);
        assert!(
            a.interval
                .is_some_and(|(low, high)| low < a.rho.unwrap() && a.rho.unwrap() < high)
        );
        let turned: Vec<f64> = y.iter().map(|v| -v).collect();
        assert_eq!(Correlation::of(&pairs(&turned), DRAWS).rho, a.rho.map(|r| -r));
    }
}
