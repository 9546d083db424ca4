//! How much each swept key matters: the share of the variance of the results that its main effect explains.

use super::groups::Groups;
use super::metrics::{EVAL_MSE, KNN, Metric};

/// What a key explains.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Importance {
    /// The key.
    pub(super) key: String,
    /// Share of the variance, 0 to 1.
    pub(super) share: f64,
}

/// What the definition is, for captions.
pub(super) const MEANING: &str = "With m(p) the mean of a point over its seeds and m(k = v) the mean of m over all points at which \
    key k has value v, the share of k is the variance of m(k = v) over the points divided by the variance of m: the main \
    effects of a functional ANOVA on the grid of points. What is left to 100 % is interaction of keys; where points are \
    missing, shares overlap.";

/// The metric that figures over several keys are about: k-NN accuracy where it may be compared, else the common error.
pub(super) fn objective(groups: &Groups) -> Option<Metric> {
    [KNN, EVAL_MSE]
        .into_iter()
        .find(|m| groups.comparable(m) && !groups.ranked(m).is_empty())
}

/// The share of each key with more than one value; empty below two such keys or where results do not vary.
pub(super) fn of(groups: &Groups, metric: &Metric) -> Vec<Importance> {
    let points: Vec<(Vec<String>, f64)> = groups
        .all
        .iter()
        .filter_map(|g| {
            Some((
                g.point.iter().map(ToString::to_string).collect(),
                g.summary(metric.name).mean?,
            ))
        })
        .collect();
    let total = variance(&points.iter().map(|p| p.1).collect::<Vec<_>>());
    let keys: Vec<usize> = (0..groups.keys.len())
        .filter(|i| points.windows(2).any(|w| w[0].0[*i] != w[1].0[*i]))
        .collect();
    if keys.len() < 2 || total.is_nan() || total <= 0.0 {
        return vec![];
    }
    let share = |i: usize| {
        let level = |p: &(Vec<String>, f64)| {
            let same = points.iter().filter(|q| q.0[i] == p.0[i]).map(|q| q.1);
            mean(&same.collect::<Vec<_>>())
        };
        variance(&points.iter().map(level).collect::<Vec<_>>()) / total
    };
    let of_key = |i: usize| Importance {
        key: groups.keys[i].name.clone(),
        share: share(i),
    };
    let mut all: Vec<Importance> = keys.into_iter().map(of_key).collect();
    all.sort_by(|a, b| b.share.total_cmp(&a.share));
    all
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Population variance.
fn variance(values: &[f64]) -> f64 {
    let middle = mean(values);
    mean(&values.iter().map(|v| (v - middle).powi(2)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::data::ReportData;
    use super::super::testing::{report, run};
    use super::*;

    fn sweep(value: impl Fn(f64, f64) -> f64) -> ReportData {
        let (a, b) = ([0.25, 0.5, 0.75], [1e-4, 1e-3]);
        let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (*a, *b)));
        let runs = pairs.enumerate().map(|(i, (a, b))| {
            let point = json!({"mask.ratio": a, "train.blr": b});
            run(i as i64, point, 0, &[("knn_accuracy", value(a, b))])
        });
        report(
            json!([{"key": "mask.ratio", "values": a}, {"key": "train.blr", "values": b}]),
            runs.collect(),
        )
    }

    fn shares(data: &ReportData) -> Vec<(String, f64)> {
        let groups = Groups::of(data);
        let found = of(&groups, &objective(&groups).unwrap());
        found
            .into_iter()
            .map(|i| (i.key, (i.share * 1e9).round() / 1e9))
            .collect()
    }

    #[test]
    fn additive_effects_share_the_variance() {
        // Variances by hand: ratio takes 0, 1, 2 (2/3), rate 0, 3 (9/4).
        let data = sweep(|a, b| (a - 0.25) * 4.0 + if b > 5e-4 { 3.0 } else { 0.0 });
        let all = 2.0 / 3.0 + 2.25;
        let expected = [("train.blr", 2.25 / all), ("mask.ratio", 2.0 / 3.0 / all)];
        let expected = expected.map(|(key, share): (&str, f64)| (key.to_owned(), (share * 1e9).round() / 1e9));
        assert_eq!(shares(&data), expected);
    }

    #[test]
    fn interactions_belong_to_no_key() {
        let data = sweep(|a, b| {
            if a == 0.5 {
                0.5
            } else if (a > 0.5) == (b > 5e-4) {
                1.0
            } else {
                0.0
            }
        });
        assert!(shares(&data).iter().all(|s| s.1.abs() < 1e-9), "{:?}", shares(&data));
    }

    #[test]
    fn nothing_is_said_where_results_do_not_vary() {
        assert!(shares(&sweep(|_, _| 0.5)).is_empty());
    }
}
