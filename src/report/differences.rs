//! The table of paired differences: every point against the baseline, metric by metric, with interval, corrected p value and
//! effect size, and what must be said where the seeds are few.

use super::compare::{self, Comparison, Comparisons};
use super::format::{self, NONE, fixed};
use super::groups::Groups;
use super::metrics::Metric;
use super::table;
use crate::stats::caution;

/// The table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Differences {
    /// One for each comparable metric.
    pub(super) blocks: Vec<Block>,
    /// How to read it, and warnings.
    pub(super) notes: Vec<String>,
}

/// The rows of a metric.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    /// Metric with unit.
    pub(super) metric: String,
    /// The point that the others are compared with, and its mean.
    pub(super) baseline: String,
    /// The other points.
    pub(super) rows: Vec<Row>,
}

/// A point against the baseline.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// The point.
    pub(super) label: String,
    /// Shared seeds.
    pub(super) n: usize,
    /// Mean difference.
    pub(super) difference: String,
    /// Its 95 % interval.
    pub(super) interval: String,
    /// p value, corrected.
    pub(super) p: String,
    /// Effect size.
    pub(super) effect: String,
    /// What may be said: better, worse or not separated.
    pub(super) verdict: &'static str,
}

/// The table of `groups`; `None` where no two points share two seeds.
pub(super) fn build(groups: &Groups) -> Option<Differences> {
    let metrics = table::shown(groups).into_iter().filter(|m| groups.comparable(m));
    let compared: Vec<(Metric, Comparisons)> = metrics
        .filter_map(|m| Some((m, Comparisons::with(groups, &m, compare::baseline(groups, &m)?))))
        .filter(|(_, all)| all.others.iter().any(|c| c.paired.difference.n > 1))
        .collect();
    (!compared.is_empty()).then(|| Differences {
        blocks: compared.iter().map(|(m, all)| block(groups, m, all)).collect(),
        notes: notes(groups, &compared),
    })
}

fn block(groups: &Groups, metric: &Metric, all: &Comparisons) -> Block {
    let decimals = table::decimals(groups, metric);
    let reference = &groups.all[all.reference];
    let mean = table::scaled(&reference.summary(metric.name), metric).mean;
    Block {
        metric: metric.heading(),
        baseline: format!(
            "{} ({})",
            reference.label_with_key(groups),
            mean.map_or_else(|| NONE.to_owned(), |mean| fixed(mean, decimals))
        ),
        rows: all
            .others
            .iter()
            .map(|c| row(groups, metric, c, decimals + 1))
            .collect(),
    }
}

fn row(groups: &Groups, metric: &Metric, comparison: &Comparison, decimals: usize) -> Row {
    let difference = table::scaled(&comparison.paired.difference, metric);
    let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
    Row {
        label: groups.all[comparison.group].label.clone(),
        n: difference.n,
        difference: or_none(difference.mean.map(|mean| signed(mean, decimals))),
        interval: format::interval(&difference, decimals),
        p: or_none(comparison.holm.map(format::probability)),
        effect: or_none(comparison.paired.g_z.map(|g| signed(g, 2))),
        verdict: verdict(metric, comparison),
    }
}

/// What the corrected test lets one say.
fn verdict(metric: &Metric, comparison: &Comparison) -> &'static str {
    let more = comparison.paired.difference.mean.is_some_and(|mean| mean > 0.0);
    match (comparison.paired.p, comparison.holds()) {
        (None, _) => "not tested",
        (_, false) => "not separated",
        _ if more == metric.more_is_better => "better",
        _ => "worse",
    }
}

fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    let zero = text.chars().all(|c| c == '0' || c == '.');
    if value > 0.0 && !zero { format!("+{text}") } else { text }
}

fn notes(groups: &Groups, compared: &[(Metric, Comparisons)]) -> Vec<String> {
    let mut notes = vec![];
    if let (Some(named), None) = (&groups.baseline, compare::named_group(groups)) {
        notes.push(format!(
            "No swept point is called {named}, which [analysis] names as the baseline."
        ));
    }
    let untested = |c: &Comparison| c.paired.p.is_none() && c.paired.difference.n > 1;
    if compared.iter().flat_map(|(_, all)| &all.others).any(untested) {
        notes.push(
            "Not tested: the difference is the same with every seed, so the seeds show nothing of its spread."
                .to_owned(),
        );
    }
    let weakest = compared.iter().filter(|(_, all)| all.tested() > 0);
    let weakest = weakest.min_by_key(|(_, all)| (all.fewest(), usize::MAX - all.tested()));
    notes.extend(weakest.and_then(|(_, all)| caution(all.fewest(), all.tested())));
    notes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ratios, report, run};
    use super::*;

    fn table(data: &super::super::ReportData) -> Option<Differences> {
        build(&Groups::of(data))
    }

    #[test]
    fn points_stand_against_the_first_with_interval_p_and_effect() {
        let table = table(&ratios(0.1)).unwrap();
        let knn = table.blocks.iter().find(|b| b.metric.starts_with("k-NN")).unwrap();
        assert_eq!(knn.baseline, "mask.ratio = 0.5 (31.0)");
        // Differences of 11, 10 and 9 points: t = 10 √3, half-width 4.3027 / √3, Hedges' factor 0.5642 for two degrees.
        let row = Row {
            label: "0.75".into(),
            n: 3,
            difference: "+10.00".into(),
            interval: "7.52 to 12.48".into(),
            p: "0.003".into(),
            effect: "+5.64".into(),
            verdict: "better",
        };
        assert_eq!(knn.rows, [row]);
        assert!(
            table
                .notes
                .iter()
                .any(|n| n.starts_with("Few seeds: with 3 shared ones,")),
            "{:?}",
            table.notes
        );
    }

    #[test]
    fn what_the_seeds_do_not_separate_is_called_so() {
        let table = table(&ratios(0.005)).unwrap();
        let verdicts: Vec<_> = table
            .blocks
            .iter()
            .map(|b| (b.metric.as_str(), b.rows[0].verdict))
            .collect();
        assert!(
            verdicts.contains(&("k-NN accuracy (%)", "not separated")),
            "{verdicts:?}"
        );
        assert!(verdicts.contains(&("MSE", "better")), "less is better: {verdicts:?}");
        assert!(verdicts.contains(&("PSNR (dB)", "not tested")), "{verdicts:?}");
        assert!(!verdicts.iter().any(|v| v.0 == "Validation loss"), "not comparable");
        assert!(
            table
                .notes
                .iter()
                .any(|n| n.starts_with("Not tested: the difference is the same"))
        );
    }

    #[test]
    fn a_baseline_that_is_no_point_is_said() {
        let mut data = ratios(0.1);
        data.sweep.settings = json!({"baseline": "0.99"});
        let notes = table(&data).unwrap().notes;
        assert!(notes[0].contains("No swept point is called 0.99"), "{notes:?}");
        for named in ["0.75", "mask.ratio=0.75", "mask.ratio = 0.75"] {
            data.sweep.settings = json!({"baseline": named});
            let found = table(&data).unwrap();
            let unknown = found.notes.iter().any(|note| note.contains("No swept point"));
            assert!(!unknown, "{named}: {:?}", found.notes);
        }
    }

    #[test]
    fn points_that_share_no_two_seeds_have_no_table() {
        let metrics = [("knn_accuracy", 0.4)];
        let runs = (0..4).map(|i| run(i, json!({"case": i / 2}), i, &metrics)).collect();
        assert_eq!(table(&report(json!([{"key": "case", "values": [0, 1]}]), runs)), None);
        assert_eq!(table(&report(json!([]), vec![])), None);
    }
}
