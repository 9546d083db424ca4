//! The curve of true over false positives as a threshold falls, and the area under it: how well scores separate what is
//! anomalous from what is not. Equal scores count half, so the area is the share of pairs that are in order.
//! Source: Fawcett, An introduction to ROC analysis, 2006.

/// The area under the curve; `None` where there is no positive or no negative, or a score is NaN.
///
/// The same as `roc_auc_score` of scikit-learn: by average ranks, after Mann and Whitney.
#[must_use]
pub fn auroc(scores: &[f32], positive: &[bool]) -> Option<f64> {
    let sorted = sorted(scores, positive)?;
    let positives = sorted.iter().filter(|(_, positive)| *positive).count();
    let negatives = sorted.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    // Falling scores: how many negatives lie below each positive, half of those at its own score.
    let (mut above, mut pairs) = (0usize, 0.0);
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        let hits = equal.iter().filter(|(_, positive)| *positive).count();
        let misses = equal.len() - hits;
        pairs += hits as f64 * ((negatives - above - misses) as f64 + misses as f64 / 2.0);
        above += misses;
    }
    Some(pairs / positives as f64 / negatives as f64)
}

/// Corners of the curve as (false positive rate, true positive rate), from (0, 0) to (1, 1); empty where [`auroc`] is `None`.
#[must_use]
pub fn curve(scores: &[f32], positive: &[bool]) -> Vec<(f64, f64)> {
    let Some(sorted) = sorted(scores, positive).filter(|_| auroc(scores, positive).is_some()) else {
        return Vec::new();
    };
    let positives = positive.iter().filter(|positive| **positive).count();
    let negatives = positive.len() - positives;
    let (mut hits, mut misses) = (0, 0);
    let mut corners = vec![(0.0, 0.0)];
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        let more = equal.iter().filter(|(_, positive)| *positive).count();
        hits += more;
        misses += equal.len() - more;
        corners.push((misses as f64 / negatives as f64, hits as f64 / positives as f64));
    }
    corners
}

/// Falling scores with their labels; `None` where one is NaN.
fn sorted(scores: &[f32], positive: &[bool]) -> Option<Vec<(f32, bool)>> {
    assert_eq!(scores.len(), positive.len(), "one label for each score");
    if scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    // Adding 0 makes -0 a 0.
    let mut sorted: Vec<(f32, bool)> = scores
        .iter()
        .map(|score| score + 0.0)
        .zip(positive.iter().copied())
        .collect();
    sorted.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    Some(sorted)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Numbers of scikit-learn and scipy, made by `reference/make.py`.
    pub(in super::super) fn reference() -> serde_json::Value {
        serde_json::from_str(include_str!("reference/numbers.json")).unwrap()
    }

    #[test]
    fn areas_and_corners_are_those_of_scikit_learn() {
        let reference = reference();
        let cases = reference["roc"].as_array().unwrap();
        assert!(cases.len() >= 5);
        for case in cases {
            let scores: Vec<f32> = serde_json::from_value(case["scores"].clone()).unwrap();
            let positive: Vec<bool> = serde_json::from_value(case["positive"].clone()).unwrap();
            let want = case["auroc"].as_f64().unwrap();
            let got = auroc(&scores, &positive).unwrap();
            assert!((got - want).abs() < 1e-9, "{got} for {want}");
            let corners: Vec<(f64, f64)> = serde_json::from_value(case["curve"].clone()).unwrap();
            let got = curve(&scores, &positive);
            assert_eq!(got.len(), corners.len());
            for (got, want) in got.iter().zip(corners) {
                assert!((got.0 - want.0).abs() < 1e-12 && (got.1 - want.1).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn without_both_kinds_there_is_no_area() {
        assert_eq!(auroc(&[0.1, 0.2], &[true, true]), None);
        assert_eq!(auroc(&[0.1, 0.2], &[false, false]), None);
        assert_eq!(auroc(&[], &[]), None);
        assert_eq!(auroc(&[f32::NAN, 0.2], &[true, false]), None);
        assert!(curve(&[0.1], &[true]).is_empty());
        assert_eq!(auroc(&[0.0, -0.0], &[true, false]), Some(0.5), "zeros are equal");
    }
}
