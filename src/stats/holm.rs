//! Holm's correction for several comparisons (Holm 1979, Scandinavian Journal of Statistics 6).

/// Corrected p values, in the order of `p`: the share of wrong rejections among all comparisons stays below the level at
/// which they are judged, whatever depends on what.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut corrected = vec![1.0; p.len()];
    let mut highest: f64 = 0.0;
    for (rank, place) in order.into_iter().enumerate() {
        highest = highest.max((p.len() - rank) as f64 * p[place]).min(1.0);
        corrected[place] = highest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_comparison_stays_as_it_is() {
        assert_eq!(holm(&[0.03]), [0.03]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn the_order_of_corrected_values_is_that_of_the_plain_ones() {
        assert_eq!(holm(&[0.5, 0.01, 0.02]), [0.5, 0.03, 0.04]);
        assert_eq!(
            holm(&[0.015, 0.01, 0.9]),
            [0.03, 0.03, 0.9],
            "never below a smaller one"
        );
        assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
    }
}
