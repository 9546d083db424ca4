//! The spread behind the results table: n, mean, sd and interval of every point and metric.

use super::format::{self, NONE, fixed};
use super::groups::Groups;
use super::table;

/// One point and metric.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spread {
    /// The point.
    pub(super) label: String,
    /// Metric with unit.
    pub(super) metric: String,
    /// Finite values.
    pub(super) n: usize,
    /// Mean.
    pub(super) mean: String,
    /// Sample standard deviation.
    pub(super) sd: String,
    /// 95 % interval of the mean.
    pub(super) interval: String,
}

/// All points with a value, in the order of the results table; nothing where no point has a spread.
pub(super) fn build(groups: &Groups) -> Vec<Spread> {
    let metrics: Vec<_> = table::shown(groups)
        .into_iter()
        .map(|m| (table::decimals(groups, &m), m))
        .collect();
    let mut rows = vec![];
    let mut spread = false;
    for group in &groups.all {
        let measured = metrics
            .iter()
            .map(|(d, m)| (d, m, table::scaled(&group.summary(m.name), m)));
        for (decimals, metric, summary) in measured.filter(|m| m.2.mean.is_some()) {
            let shown = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), |v| fixed(v, *decimals));
            spread |= summary.sd.is_some();
            rows.push(Spread {
                label: group.label.clone(),
                metric: metric.heading(),
                n: summary.n,
                mean: shown(summary.mean),
                sd: shown(summary.sd),
                interval: format::interval(&summary, *decimals),
            });
        }
    }
    if spread { rows } else { vec![] }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ratios, report, run};
    use super::*;

    #[test]
    fn sd_and_n_stand_beside_the_interval() {
        let data = ratios(0.1);
        let rows = build(&Groups::of(&data));
        assert_eq!(rows.len(), 8, "two points by four metrics");
        let first = rows.iter().find(|r| r.metric.starts_with("k-NN")).unwrap();
        assert_eq!((first.n, first.mean.as_str(), first.sd.as_str()), (3, "31.0", "1.0"));
        assert_eq!(first.interval, "28.5 to 33.5");
        assert_eq!(rows.iter().filter(|r| r.label == "0.75").count(), 4);
    }

    #[test]
    fn single_runs_have_no_such_table() {
        let one = report(
            serde_json::Value::Null,
            vec![run(0, serde_json::json!({}), 0, &[("val_loss", 0.5)])],
        );
        assert!(build(&Groups::of(&one)).is_empty());
    }
}
