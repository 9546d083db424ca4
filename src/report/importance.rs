//! How much each swept key matters: the share of the variance of the results that its main effect explains.

use std::collections::BTreeSet;

use super::groups::Groups;
use super::metrics::Metric;

/// What a key explains.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Importance {
    /// The key.
    pub(super) key: String,
    /// Share of the variance, 0 to 1.
    pub(super) share: f64,
}

/// Values of a numeric key that are taken as they are; more are put into [`BINS`] of as many points each.
const LEVELS: usize = 8;
const BINS: usize = 4;
/// Points for each level below which nothing is said of a key where points are not a whole grid.
const ENOUGH: usize = 3;

/// What the share is where the points are a whole grid, for captions.
const GRID: &str = "With m(p) the mean of a point over its seeds and m(k = v) the mean of m over all points at which \
    key k has value v, the share of k is the variance of m(k = v) over the points divided by the variance of m: the main \
    effects of a functional ANOVA on the grid of points. What is left to 100 % is interaction of keys.";

/// What the share is elsewhere.
const SAMPLE: &str = "Share of the variance of the points' means over seeds that a key explains alone, less what chance would \
    explain (epsilon squared of a one-way analysis of variance); more than 8 numbers are put into 4 classes of as many points \
    each. The points are no whole grid, so shares of keys may overlap, and keys with fewer than 3 points for a value are left \
    out.";

/// What the shares are.
pub(super) fn meaning(groups: &Groups) -> &'static str {
    if whole(groups) { GRID } else { SAMPLE }
}

/// Whether the points with results are every combination of their values.
fn whole(groups: &Groups) -> bool {
    let Some(metric) = objective(groups) else { return false };
    let measured = groups.all.iter().filter(|g| g.summary(metric.name).mean.is_some());
    let points: Vec<&Vec<serde_json::Value>> = measured.map(|g| &g.point).collect();
    let levels = |i: usize| {
        let mut found: Vec<String> = points.iter().map(|p| p[i].to_string()).collect();
        found.sort_unstable();
        found.dedup();
        found.len()
    };
    points.len() == (0..groups.keys.len()).map(levels).product::<usize>()
}

/// The metric that figures over several keys are about: the objective where one is named, else k-NN accuracy or another task,
/// else the common error; the first that may be compared.
pub(super) fn objective(groups: &Groups) -> Option<Metric> {
    groups
        .headline()
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
    let whole = whole(groups);
    let share = |i: usize| {
        let levels = if whole {
            plain(&points, i)
        } else {
            classes(groups, &points, i)
        };
        let count = levels.iter().collect::<BTreeSet<_>>().len();
        let level = |at: &usize| {
            let same = levels.iter().zip(&points).filter(|(l, _)| *l == at).map(|(_, p)| p.1);
            mean(&same.collect::<Vec<_>>())
        };
        let explained = variance(&levels.iter().map(level).collect::<Vec<_>>()) / total;
        if whole {
            return Some(explained);
        }
        let (n, k) = (points.len() as f64, count as f64);
        let size = |at: &usize| levels.iter().filter(|l| *l == at).count();
        let enough = count > 1 && levels.iter().all(|l| size(l) >= ENOUGH);
        enough.then(|| (1.0 - (1.0 - explained) * (n - 1.0) / (n - k)).max(0.0))
    };
    let of_key = |i: usize| {
        Some(Importance {
            key: groups.keys[i].name.clone(),
            share: share(i)?,
        })
    };
    let mut all: Vec<Importance> = keys.into_iter().filter_map(of_key).collect();
    all.sort_by(|a, b| b.share.total_cmp(&a.share));
    all
}

/// The level of each point: one for each value of the key.
fn plain(points: &[(Vec<String>, f64)], key: usize) -> Vec<usize> {
    let mut values: Vec<&String> = points.iter().map(|p| &p.0[key]).collect();
    values.sort_unstable();
    values.dedup();
    let level = |p: &(Vec<String>, f64)| values.partition_point(|v| **v < p.0[key]);
    points.iter().map(level).collect()
}

/// The same, with many numbers in classes of as many points each.
fn classes(groups: &Groups, points: &[(Vec<String>, f64)], key: usize) -> Vec<usize> {
    let levels = plain(points, key);
    let many = levels.iter().collect::<BTreeSet<_>>().len() > LEVELS;
    let numbers: Option<Vec<f64>> = points.iter().map(|p| p.0[key].parse().ok()).collect();
    let Some(numbers) = numbers.filter(|_| many && groups.keys[key].numeric()) else {
        return levels;
    };
    let below = |v: &f64| numbers.iter().filter(|other| *other < v).count();
    numbers.iter().map(|v| below(v) * BINS / numbers.len()).collect()
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

    /// As many points as wanted whose keys do not go together; the first makes the result, nearly alone.
    fn drawn(count: i64) -> ReportData {
        let place = |i: i64| ((i * 37 % 101) as f64 / 101.0, (i * 53 % 97) as f64 / 97.0);
        let one = |i: i64| {
            let (a, b) = place(i);
            run(
                i,
                json!({"mask.ratio": a, "train.blr": b}),
                0,
                &[("knn_accuracy", a + 0.01 * b)],
            )
        };
        let (a, b): (Vec<f64>, Vec<f64>) = (0..count).map(place).unzip();
        let axes = json!([{"key": "mask.ratio", "values": a}, {"key": "train.blr", "values": b}]);
        report(axes, (0..count).map(one).collect())
    }

    #[test]
    fn few_random_points_say_nothing_and_many_say_what_they_follow() {
        assert!(shares(&drawn(4)).is_empty(), "every value has one point");
        let many = shares(&drawn(60));
        assert_eq!(many[0].0, "mask.ratio");
        assert!(many[0].1 > 0.85 && many[1].1 < 0.15, "{many:?}");
    }

    #[test]
    fn nothing_is_said_where_results_do_not_vary() {
        assert!(shares(&sweep(|_, _| 0.5)).is_empty());
    }
}
