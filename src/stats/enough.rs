//! A plain warning where there are too few seeds for what is asked of them.

use super::ALPHA;
use super::summary::t_quantile;

/// Seeds from which on the number of seeds alone is no reason to warn.
const ENOUGH: usize = 5;

/// A difference of this many standard deviations over seeds is large; tests that find nothing smaller are worth a warning.
const LARGE: f64 = 2.0;

/// The smallest |d_z| (mean difference over the sd of the differences, no unit) that a paired t test with `n` pairs can tell
/// from chance at 5 %, for the smallest of `comparisons` p values under Holm's correction. `None` below two pairs.
pub fn least_effect(n: usize, comparisons: usize) -> Option<f64> {
    let tail = ALPHA / (2.0 * comparisons.max(1) as f64);
    (n > 1).then(|| t_quantile(n - 1, 1.0 - tail) / (n as f64).sqrt())
}

/// What must be said where `n` shared seeds are too few to tell that many comparisons apart; `None` where they are enough.
pub fn caution(n: usize, comparisons: usize) -> Option<String> {
    let Some(least) = least_effect(n, comparisons) else {
        let text = match n {
            0 => "No seed is shared, so the difference cannot be told from that between seeds.",
            _ => "With one shared seed the spread is unknown, and the order may be chance.",
        };
        return Some(text.to_owned());
    };
    if n >= ENOUGH && least <= LARGE {
        return None;
    }
    let comparing = match comparisons {
        0 | 1 => String::new(),
        several => format!(" and {several} comparisons"),
    };
    let corrected = match n {
        2 => String::new(),
        _ => format!(
            " (an effect size of {:.1} after Hedges’ correction)",
            least * super::paired::hedges(n - 1)
        ),
    };
    Some(format!(
        "Few seeds: with {n} shared ones{comparing}, only a mean difference of at least {least:.1} times its standard deviation \
         over seeds{corrected} can be told from chance, so what is not separated here may still differ."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewer_the_seeds_and_the_more_comparisons_the_larger_the_effect_must_be() {
        assert!((least_effect(3, 1).unwrap() - 4.302_653 / 3.0_f64.sqrt()).abs() < 1e-5);
        assert!(least_effect(3, 4) > least_effect(3, 1) && least_effect(10, 4) < least_effect(5, 4));
        assert_eq!(least_effect(1, 1), None);
    }

    #[test]
    fn few_seeds_are_warned_of_and_enough_are_not() {
        assert!(caution(0, 1).unwrap().starts_with("No seed is shared"));
        assert!(caution(1, 1).unwrap().contains("spread is unknown"));
        assert!(
            caution(3, 4)
                .unwrap()
                .contains("with 3 shared ones and 4 comparisons, only a mean difference of at least 5.1 times")
        );
        assert!(caution(4, 1).unwrap().contains("with 4 shared ones, only"));
        assert_eq!(caution(10, 4), None);
        assert!(caution(5, 40).is_some(), "many comparisons ask for more seeds");
    }
}
