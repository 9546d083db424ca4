//! By simulation: intervals cover and tests err as often as they say, within three standard errors of the simulation.

use rand_distr::{Distribution, StandardNormal};

use super::*;
use crate::seed::{ChaCha8Rng, Purpose, rng};

fn generator(index: u64) -> ChaCha8Rng {
    rng(20, Purpose::Bench, 0, index)
}

fn normal(generator: &mut ChaCha8Rng, n: usize) -> Vec<f64> {
    (0..n).map(|_| StandardNormal.sample(generator)).collect()
}

/// `hits` of `trials` is `share` but for sampling error.
#[track_caller]
fn about(hits: usize, trials: usize, share: f64) {
    let error = (share * (1.0 - share) / trials as f64).sqrt();
    let seen = hits as f64 / trials as f64;
    assert!(
        (seen - share).abs() < 3.0 * error,
        "{seen} of {trials} is not {share} ± {error}"
    );
}

#[test]
fn t_intervals_cover_the_mean_19_times_in_20() {
    for n in [2, 3, 5, 12] {
        let trials = 6000;
        let mut generator = generator(n as u64);
        let covered = (0..trials).filter(|_| {
            let values = normal(&mut generator, n).into_iter().map(|v| 3.0 + 2.0 * v);
            Summary::of(values).interval_contains(3.0) == Some(true)
        });
        about(covered.count(), trials, 1.0 - ALPHA);
    }
}

#[test]
fn bca_intervals_cover_the_mean_19_times_in_20() {
    let (trials, n) = (1500, 60);
    let mut generator = generator(100);
    let covered = (0..trials).filter(|trial| {
        let draws = Draws {
            seed: *trial as u64,
            name: "coverage",
            resamples: 1000,
        };
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (low, high) = bca(&normal(&mut generator, n), mean, draws).unwrap();
        low <= 0.0 && 0.0 <= high
    });
    about(covered.count(), trials, 1.0 - ALPHA);
}

#[test]
fn paired_tests_reject_1_time_in_20_where_nothing_differs() {
    let (trials, n) = (6000, 4);
    let mut generator = generator(200);
    let wrong = (0..trials).filter(|_| {
        let shared = normal(&mut generator, n);
        let mut group = |spread: f64| -> Vec<(usize, f64)> {
            let own = normal(&mut generator, n)
                .into_iter()
                .zip(&shared)
                .map(|(v, s)| 5.0 * s + spread * v);
            own.enumerate().collect()
        };
        let (a, b) = (group(1.0), group(0.5));
        Paired::of(&a, &b).p.unwrap() < ALPHA
    });
    about(wrong.count(), trials, ALPHA);
}

#[test]
fn holm_keeps_the_errors_of_all_comparisons_together_below_1_in_20() {
    let (trials, n, groups) = (3000, 5, 6);
    let mut generator = generator(300);
    let (mut corrected, mut plain) = (0, 0);
    for _ in 0..trials {
        let mut group = || normal(&mut generator, n).into_iter().enumerate().collect::<Vec<_>>();
        let baseline = group();
        let p: Vec<f64> = (0..groups)
            .map(|_| Paired::of(&group(), &baseline).p.unwrap())
            .collect();
        plain += i32::from(p.iter().any(|p| *p < ALPHA));
        corrected += i32::from(holm(&p).iter().any(|p| *p < ALPHA));
    }
    let allowed = ALPHA + 3.0 * (ALPHA * (1.0 - ALPHA) / f64::from(trials)).sqrt();
    let share = |count: i32| f64::from(count) / f64::from(trials);
    assert!(share(corrected) < allowed, "{}", share(corrected));
    assert!(
        share(plain) > 0.1,
        "without the correction it is far more: {}",
        share(plain)
    );
}

#[test]
fn intervals_of_rank_correlations_cover_19_times_in_20_and_permutations_err_1_in_20() {
    let (trials, n, r) = (2000, 25, 0.6_f64);
    let truth = 6.0 / std::f64::consts::PI * (r / 2.0).asin();
    let mut generator = generator(400);
    let (mut covered, mut wrong) = (0, 0);
    for trial in 0..trials {
        let draws = Draws {
            seed: trial as u64,
            name: "correlation",
            resamples: 199,
        };
        let (x, own) = (normal(&mut generator, n), normal(&mut generator, n));
        let mixed = |(x, own): (&f64, &f64)| (*x, r * x + (1.0 - r * r).sqrt() * own);
        let related: Vec<(f64, f64)> = x.iter().zip(&own).map(mixed).collect();
        let (low, high) = Correlation::of(&related, draws).interval.unwrap();
        covered += usize::from(low <= truth && truth <= high);
        let unrelated: Vec<(f64, f64)> = x.into_iter().zip(own).collect();
        wrong += usize::from(Correlation::of(&unrelated, draws).p.unwrap() <= ALPHA);
    }
    about(covered, trials, 1.0 - ALPHA);
    about(wrong, trials, ALPHA);
}
