//! Mean, sample standard deviation and Student-t interval of one quantity in one group of runs.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::ALPHA;

/// What is known about one quantity in one group of runs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Summary {
    /// Finite values.
    pub n: usize,
    /// Values left out because they were NaN or infinite.
    pub non_finite: usize,
    /// Arithmetic mean of the finite values; `None` when there are none.
    pub mean: Option<f64>,
    /// Sample standard deviation (divisor `n - 1`); `None` below two values.
    pub sd: Option<f64>,
    /// Half-width of the 95 % Student-t interval of the mean; `None` below two values.
    pub ci95: Option<f64>,
}

impl Summary {
    /// Summarises `values`.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let (finite, other): (Vec<f64>, Vec<f64>) = values.into_iter().partition(|v| v.is_finite());
        let mean = mean(&finite);
        let sd = sample_sd(&finite);
        let ci95 = sd.map(|sd| t_quantile(finite.len() - 1, 1.0 - ALPHA / 2.0) * sd / (finite.len() as f64).sqrt());
        Self {
            n: finite.len(),
            non_finite: other.len(),
            mean,
            sd,
            ci95,
        }
    }

    /// The 95 % interval of the mean as (low, high).
    pub fn interval(&self) -> Option<(f64, f64)> {
        Some((self.mean? - self.ci95?, self.mean? + self.ci95?))
    }

    /// Whether the 95 % interval contains `value`; `None` when there is no interval.
    pub fn interval_contains(&self, value: f64) -> Option<bool> {
        self.interval().map(|(low, high)| (low..=high).contains(&value))
    }
}

/// Arithmetic mean, centred on the first value so that huge values do not overflow.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    let first = values.first()?;
    Some(first + values.iter().map(|v| (v - first) / n).sum::<f64>())
}

/// Sample standard deviation, two passes.
fn sample_sd(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let centre = mean(values)?;
    let squares: f64 = values.iter().map(|v| (v - centre).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Student's t with `freedom` degrees of freedom (at least 1).
fn student(freedom: usize) -> StudentsT {
    StudentsT::new(0.0, 1.0, freedom as f64).expect("location 0, scale 1 and positive freedom are always valid")
}

/// Quantile of Student's t with `freedom` degrees of freedom (at least 1).
pub(super) fn t_quantile(freedom: usize, probability: f64) -> f64 {
    student(freedom).inverse_cdf(probability)
}

/// Two-sided p value of `t` with `freedom` degrees of freedom (at least 1).
pub(super) fn t_two_sided(freedom: usize, t: f64) -> f64 {
    (2.0 * student(freedom).sf(t.abs())).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() < tolerance, "{a} is not {b}");
    }

    #[test]
    fn known_mean_sd_and_interval() {
        let s = Summary::of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((s.n, s.non_finite), (8, 0));
        close(s.mean.unwrap(), 5.0, 1e-12);
        close(s.sd.unwrap(), (32.0_f64 / 7.0).sqrt(), 1e-12);
        // t(0.975, 7) = 2.364624
        close(
            s.ci95.unwrap(),
            2.364_624 * (32.0_f64 / 7.0).sqrt() / 8.0_f64.sqrt(),
            1e-5,
        );
    }

    #[test]
    fn three_seeds_use_two_degrees_of_freedom() {
        let s = Summary::of([1.0, 2.0, 3.0]);
        close(s.ci95.unwrap(), 4.302_653 / 3.0_f64.sqrt(), 1e-5);
        assert_eq!(s.interval_contains(0.0), Some(true));
        assert_eq!(s.interval_contains(-1.0), Some(false));
    }

    #[test]
    fn non_finite_values_are_counted_not_used() {
        let s = Summary::of([1.0, f64::NAN, 3.0, f64::INFINITY]);
        assert_eq!((s.n, s.non_finite), (2, 2));
        close(s.mean.unwrap(), 2.0, 1e-12);
    }

    #[test]
    fn one_value_has_no_spread_and_none_has_no_mean() {
        let one = Summary::of([3.0]);
        assert_eq!(
            (one.mean, one.sd, one.ci95, one.interval()),
            (Some(3.0), None, None, None)
        );
        assert_eq!(Summary::of([f64::NAN]).mean, None);
        assert_eq!(Summary::of([]), Summary::default());
    }

    #[test]
    fn huge_values_do_not_overflow_the_mean() {
        assert!(Summary::of([1e308, 1e308, 1e308]).mean.unwrap().is_finite());
    }
}
