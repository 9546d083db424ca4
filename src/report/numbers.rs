//! Summaries and comparisons for other programs: every number in stored units and in full precision.

use serde_json::{Map, Value as Json, json as object};

use super::compare::{self, Comparison, Comparisons};
use super::data::ReportData;
use super::export::{line, names, plain};
use super::groups::{Group, Groups};
use super::relation;
use super::table;
use crate::eval::cross::CROSS;
use crate::stats::{Draws, Resample, Summary, bca, iqm, iqm_interval};

/// Values from which on a bootstrap interval is given; it is too narrow for fewer.
const BOOTSTRAP_FROM: usize = 8;

/// Resamples of a bootstrap interval.
const RESAMPLES: usize = 2000;

/// Columns of the summary after the swept keys.
pub(super) const SUMMARY_COLUMNS: &str = "metric,n,non_finite,mean,sd,ci_low,ci_high,runs";

/// One row per swept point and metric: swept keys, metric, n, non_finite, mean, sd, and the ends of the 95 % Student-t interval
/// of the mean, ci_low and ci_high, empty where there is no such number; and the ids of the trials behind them.
pub fn csv(data: &ReportData) -> String {
    let groups = Groups::of(data);
    let names = names(data);
    let keys = groups.keys.iter().map(|k| k.name.clone());
    let columns = SUMMARY_COLUMNS.split(',');
    let mut out = line(keys.chain(columns.map(str::to_owned)));
    for group in &groups.all {
        for name in &names {
            let s = group.summary(name);
            if s.n + s.non_finite > 0 {
                let ends = s.interval();
                let values = [s.mean, s.sd, ends.map(|e| e.0), ends.map(|e| e.1)];
                let values = values.map(|v| v.map_or_else(String::new, |v| v.to_string()));
                let counts = [name.clone(), s.n.to_string(), s.non_finite.to_string()];
                let runs = group.behind(name).collect::<Vec<_>>().join(" ");
                let row = group.point.iter().map(plain).chain(counts).chain(values).chain([runs]);
                out.push_str(&line(row));
            }
        }
    }
    out
}

/// Summary of a group's metric, if anything was measured: with the Student-t interval, and from 8 values on with the BCa
/// bootstrap interval.
pub(super) fn summary(group: &Group, name: &str) -> Option<Json> {
    let s = group.summary(name);
    let mut fields = object!({
        "n": s.n, "non_finite": s.non_finite, "mean": s.mean, "sd": s.sd, "ci95": s.ci95,
        "ci_low": s.interval().map(|i| i.0), "ci_high": s.interval().map(|i| i.1),
    });
    if s.n >= BOOTSTRAP_FROM {
        let values: Vec<f64> = group.values(name).into_iter().map(|v| v.1).collect();
        let mean = |values: &[f64]| Summary::of(values.iter().copied()).mean.unwrap_or(f64::NAN);
        let ends = bca(&values, mean, draws(name));
        fields["bca_low"] = ends.map(|e| e.0).into();
        fields["bca_high"] = ends.map(|e| e.1).into();
    }
    (s.n + s.non_finite > 0).then_some(fields)
}

fn draws(name: &str) -> Draws<'_> {
    Draws {
        seed: 0,
        name,
        resamples: RESAMPLES,
    }
}

/// The interquartile mean error over all kinds of masks of the cross table, with the interval of a bootstrap over whole runs;
/// for groups of which every finished run was judged under four kinds or more.
pub(super) fn over_masks(group: &Group) -> Option<Json> {
    let runs: Vec<_> = group.runs.iter().filter(|r| r.finished()).collect();
    let prefix = format!("{CROSS}/");
    let points = runs.iter().flat_map(|r| &r.metrics);
    let mut masks: Vec<&str> = points
        .map(|m| m.name.as_str())
        .filter(|n| n.starts_with(&prefix))
        .collect();
    masks.sort_unstable();
    masks.dedup();
    let of_mask = |name: &&str| -> Option<Vec<f64>> {
        let values = runs.iter().map(|r| r.last(name).filter(|v| v.is_finite()));
        values.collect()
    };
    let tasks: Vec<Vec<f64>> = masks.iter().map(of_mask).collect::<Option<_>>()?;
    if tasks.len() < 4 {
        return None;
    }
    let ends = iqm_interval(&tasks, Resample::WholeRuns, draws(CROSS)).filter(|_| runs.len() >= BOOTSTRAP_FROM);
    Some(object!({
        "masks": tasks.len(), "n": runs.len(), "iqm": iqm(&tasks.concat()),
        "ci_low": ends.map(|e| e.0), "ci_high": ends.map(|e| e.1),
    }))
}

/// Every point against the baseline, metric by metric, as in the table of differences.
pub(super) fn comparisons(groups: &Groups) -> Vec<Json> {
    let metrics = table::shown(groups).into_iter().filter(|m| groups.comparable(m));
    let against = metrics.filter_map(|m| Some((m, compare::baseline(groups, &m)?)));
    let all = against.flat_map(|(m, reference)| {
        let all = Comparisons::with(groups, &m, reference);
        let tested = all.tested();
        all.others.into_iter().map(move |c| (m.name, reference, tested, c))
    });
    all.map(|(metric, reference, tested, c)| {
        let ends = [reference, c.group].map(|i| point(groups, i));
        comparison(metric, ends, tested, &c)
    })
    .collect()
}

/// Rank correlations of each task's figure with the error of reconstruction, over the means of points.
pub(super) fn correlations(groups: &Groups) -> Vec<Json> {
    let Some(relations) = relation::build(groups) else {
        return vec![];
    };
    let error = relations.error.name;
    let one = |task: &relation::Related| {
        let f = &task.found;
        object!({
            "label": format!("{} with {error}", task.metric.name), "metric": task.metric.name, "error": error, "n": f.n,
            "spearman": f.rho, "ci_low": f.interval.map(|i| i.0), "ci_high": f.interval.map(|i| i.1), "p": f.p,
            "p_holm": task.holm, "kendall_tau_b": f.tau, "kendall_p": f.tau_p, "holds": task.holds(),
        })
    };
    relations.tasks.iter().map(one).collect()
}

fn point(groups: &Groups, index: usize) -> Json {
    let keys = groups.keys.iter().map(|k| k.name.clone());
    let point: Map<String, Json> = keys.zip(groups.all[index].point.iter().cloned()).collect();
    point.into()
}

fn comparison(metric: &str, [baseline, point]: [Json; 2], comparisons: usize, c: &Comparison) -> Json {
    let d = c.paired.difference;
    object!({
        "metric": metric, "baseline": baseline, "point": point, "n": d.n, "difference": d.mean, "sd": d.sd,
        "ci_low": d.interval().map(|i| i.0), "ci_high": d.interval().map(|i| i.1),
        "t": c.paired.t, "p": c.paired.p, "p_holm": c.holm, "comparisons": comparisons,
        "d_z": c.paired.d_z, "g_z": c.paired.g_z, "holds": c.holds(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ratios, report, run};
    use super::*;

    #[test]
    fn the_summary_has_a_row_for_each_point_and_metric() {
        let table = csv(&ratios(0.1));
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "mask.ratio,metric,n,non_finite,mean,sd,ci_low,ci_high,runs");
        assert_eq!(lines.len(), 1 + 2 * 6);
        assert_eq!(lines[1], "0.5,chance_accuracy,3,0,0.1,0,0.1,0.1,run0 run1 run2");
        let knn = lines
            .iter()
            .find(|l| l.starts_with("0.5,knn_accuracy,3,0,0.31"))
            .unwrap();
        let ends: Vec<f64> = knn.rsplit(',').skip(1).take(2).map(|v| v.parse().unwrap()).collect();
        assert!((ends[0] - ends[1] - 2.0 * 0.024_841_377).abs() < 1e-6, "{knn}");
    }

    #[test]
    fn comparisons_carry_exact_numbers_and_their_points() {
        let data = ratios(0.1);
        let all = comparisons(&Groups::of(&data));
        let knn = all.iter().find(|c| c["metric"] == "knn_accuracy").unwrap();
        assert_eq!(
            (&knn["n"], &knn["comparisons"], &knn["holds"]),
            (&object!(3), &object!(1), &object!(true))
        );
        assert_eq!(
            (&knn["baseline"], &knn["point"]),
            (&object!({"mask.ratio": 0.5}), &object!({"mask.ratio": 0.75}))
        );
        assert!((knn["difference"].as_f64().unwrap() - 0.1).abs() < 1e-12);
        assert_eq!(knn["p"], knn["p_holm"]);
        assert!(!all.iter().any(|c| c["metric"] == "val_loss"), "not comparable");
    }

    fn one_group(runs: i64) -> ReportData {
        let run = |seed: i64| {
            let error = |mask: i64| 0.02 * mask as f64 + 0.001 * (seed * 3 % 8) as f64;
            let masks: Vec<(String, f64)> = (1..=4).map(|m| (format!("{CROSS}/m{m}"), error(m))).collect();
            let masks: Vec<(&str, f64)> = masks.iter().map(|(n, v)| (n.as_str(), *v)).collect();
            run(seed, object!({"case": "a"}), seed, &masks)
        };
        report(
            object!([{"key": "case", "values": ["a"]}]),
            (0..runs).map(run).collect(),
        )
    }

    #[test]
    fn bootstrap_intervals_stand_where_there_are_values_enough() {
        let (few, many) = (one_group(3), one_group(8));
        let name = format!("{CROSS}/m1");
        let few = Groups::of(&few);
        assert!(summary(&few.all[0], &name).unwrap().get("bca_low").is_none());
        assert_eq!(over_masks(&few.all[0]).unwrap()["ci_low"], Json::Null);
        let many = Groups::of(&many);
        let interval = summary(&many.all[0], &name).unwrap();
        let number = |json: &Json, key: &str| json[key].as_f64().unwrap();
        assert!(number(&interval, "bca_low") < 0.0235 && 0.0235 < number(&interval, "bca_high"));
        let over = over_masks(&many.all[0]).unwrap();
        assert_eq!((&over["masks"], &over["n"]), (&object!(4), &object!(8)));
        assert!(number(&over, "ci_low") < number(&over, "iqm") && number(&over, "iqm") < number(&over, "ci_high"));
    }
}
