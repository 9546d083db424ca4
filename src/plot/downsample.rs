//! Fewer points without losing an extreme: each bucket of consecutive points keeps its lowest and its highest.

/// At most about `limit` of `points`: the ends, and of each of equally long stretches the lowest and the highest.
/// A stretch with a value that is not finite keeps one such point, so that a line drawn through the result still breaks there.
pub fn min_max(points: &[(f64, f64)], limit: usize) -> Vec<(f64, f64)> {
    if points.len() <= limit.max(4) {
        return points.to_vec();
    }
    let buckets = (limit.max(4) - 2) / 2;
    let inner = &points[1..points.len() - 1];
    let mut kept = vec![points[0]];
    for bucket in 0..buckets {
        let (from, to) = (bucket * inner.len() / buckets, (bucket + 1) * inner.len() / buckets);
        kept.extend(extremes(&inner[from..to]));
    }
    kept.extend(points.last());
    kept
}

/// Lowest, highest and first non-finite point of a stretch, in their order.
fn extremes(stretch: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let finite = || stretch.iter().enumerate().filter(|(_, p)| p.1.is_finite());
    let mut at: Vec<usize> = [
        finite().min_by(|a, b| a.1.1.total_cmp(&b.1.1)).map(|(i, _)| i),
        finite().max_by(|a, b| a.1.1.total_cmp(&b.1.1)).map(|(i, _)| i),
        stretch.iter().position(|p| !p.1.is_finite()),
    ]
    .into_iter()
    .flatten()
    .collect();
    at.sort_unstable();
    at.dedup();
    at.into_iter().map(|i| stretch[i]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_every_extreme_and_both_ends() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|i| (f64::from(i), f64::from(i % 7))).collect();
        points[4321].1 = 99.0;
        points[77].1 = -99.0;
        let few = min_max(&points, 200);
        assert!(few.len() <= 200, "{}", few.len());
        assert!(few.contains(&(4321.0, 99.0)) && few.contains(&(77.0, -99.0)));
        assert_eq!((few.first(), few.last()), (points.first(), points.last()));
        assert!(few.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn short_series_are_untouched() {
        let points = [(0.0, 1.0), (1.0, f64::NAN), (2.0, 3.0)];
        assert_eq!(min_max(&points, 100).len(), 3);
    }

    #[test]
    fn a_break_survives() {
        let mut points: Vec<(f64, f64)> = (0..1000).map(|i| (f64::from(i), 1.0)).collect();
        points[500].1 = f64::NAN;
        assert!(min_max(&points, 50).iter().any(|p| p.1.is_nan()));
    }
}
