//! Which points differ: differences paired by seed from one reference point, with Holm's correction over all comparisons of
//! a metric. What is bold, the table of differences and the summary sentences all rest on these.

use super::data::ReportData;
use super::format;
use super::groups::{Group, Groups};
use super::metrics::Metric;
use crate::stats::{ALPHA, Paired, Summary, holm};

/// One group against the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Comparison {
    /// Index of the group.
    pub(super) group: usize,
    /// Group less reference, in stored units.
    pub(super) paired: Paired,
    /// p value corrected for all comparisons with the reference; `None` where none could be tested.
    pub(super) holm: Option<f64>,
}

impl Comparison {
    /// Whether the difference can be told from chance.
    pub(super) fn holds(&self) -> bool {
        self.holm.is_some_and(|p| p < ALPHA)
    }
}

/// All groups with a value against one of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparisons {
    /// Index of the reference.
    pub(super) reference: usize,
    /// The others, in the order of the groups.
    pub(super) others: Vec<Comparison>,
}

impl Comparisons {
    /// Compares every other group that has the metric with the one at `reference`.
    pub(super) fn with(groups: &Groups, metric: &Metric, reference: usize) -> Self {
        Self::of(groups, metric.name, reference)
    }

    /// The same for a metric by its name in the store.
    pub(super) fn of(groups: &Groups, name: &str, reference: usize) -> Self {
        let values: Vec<Vec<(i64, f64)>> = groups.all.iter().map(|g| g.values(name)).collect();
        let measured = |group: &usize| values[*group].iter().any(|v| v.1.is_finite());
        let others = (0..values.len()).filter(|group| *group != reference && measured(group));
        let mut others: Vec<Comparison> = others
            .map(|group| Comparison {
                group,
                paired: Paired::of(&values[group], &values[reference]),
                holm: None,
            })
            .collect();
        let tested: Vec<f64> = others.iter().filter_map(|c| c.paired.p).collect();
        let with_p = others.iter_mut().filter(|c| c.paired.p.is_some());
        with_p.zip(holm(&tested)).for_each(|(c, p)| c.holm = Some(p));
        Self { reference, others }
    }

    /// Comparisons for which there is a p value.
    pub(super) fn tested(&self) -> usize {
        self.others.iter().filter(|c| c.paired.p.is_some()).count()
    }

    /// Fewest seeds that any tested comparison rests on; where none is tested, the most that any could have.
    pub(super) fn fewest(&self) -> usize {
        let n = |tested: bool| {
            self.others
                .iter()
                .filter(move |c| c.paired.p.is_some() == tested)
                .map(|c| c.paired.difference.n)
        };
        n(true).min().or_else(|| n(false).max()).unwrap_or(0)
    }
}

/// The best point of a comparable metric, the next, and how far they are apart.
pub(super) struct Lead {
    /// Index of the best group.
    pub(super) best: usize,
    /// The runner-up against the best.
    pub(super) next: Option<Comparison>,
    /// Every point against the best.
    pub(super) all: Comparisons,
}

impl Lead {
    /// Finds the best; `None` where the metric is not comparable or no group has it.
    pub(super) fn of(groups: &Groups, metric: &Metric) -> Option<Self> {
        let ranked = groups.ranked(metric);
        let best = *ranked.first()?;
        if !groups.comparable(metric) && ranked.len() > 1 {
            return None;
        }
        let all = Comparisons::with(groups, metric, best);
        let next = ranked
            .get(1)
            .and_then(|i| all.others.iter().find(|c| c.group == *i))
            .copied();
        Some(Self { best, next, all })
    }

    /// Whether the lead over the next holds: only then is the best marked.
    pub(super) fn holds(&self) -> bool {
        self.next.is_some_and(|next| next.holds())
    }
}

/// What `[analysis] baseline` of the experiment says; `None` where it says nothing.
pub(super) fn named_baseline(data: &ReportData) -> Option<String> {
    let named = data.sweep.settings.get("baseline")?.as_str()?.trim();
    (!named.is_empty()).then(|| named.to_owned())
}

/// The group that `[analysis] baseline` names by its label, its key and value as in file or table, or by one of its values.
pub(super) fn named_group(groups: &Groups) -> Option<usize> {
    let named = groups.baseline.as_deref()?;
    let by_value = |g: &Group| g.point.iter().any(|v| format::value(v) == named);
    let mut all = groups.all.iter();
    let same = |text: &str| text == named || text.replace(" = ", "=") == named.replace(" = ", "=");
    let label = all.position(|g| same(&g.label) || same(&g.label_with_key(groups)));
    label.or_else(|| groups.all.iter().position(by_value))
}

/// The reference of the table of differences: the named point, else the first, else the best, whichever has the metric.
pub(super) fn baseline(groups: &Groups, metric: &Metric) -> Option<usize> {
    let measured = |i: &usize| groups.all[*i].summary(metric.name).mean.is_some();
    let first = (!groups.all.is_empty()).then_some(0);
    let listed = named_group(groups).filter(measured).or(first.filter(measured));
    listed.or_else(|| groups.best(metric))
}

/// A difference in shown units, with the sign turned where that makes a lead positive.
pub(super) fn lead_of(difference: &Summary, metric: &Metric) -> Summary {
    let turn = if metric.more_is_better {
        -metric.factor
    } else {
        metric.factor
    };
    Summary {
        mean: difference.mean.map(|m| m * turn),
        sd: difference.sd.map(|sd| sd * metric.factor),
        ci95: difference.ci95.map(|half| half * metric.factor),
        ..*difference
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::metrics::{EVAL_MSE, EVAL_PSNR, KNN, VAL_LOSS};
    use super::super::testing::{ratios, report, run};
    use super::*;

    #[test]
    fn the_best_is_held_against_all_others_with_holms_correction() {
        let data = ratios(0.1);
        let groups = Groups::of(&data);
        let lead = Lead::of(&groups, &KNN).unwrap();
        assert_eq!((lead.best, lead.next.unwrap().group, lead.all.tested()), (1, 0, 1));
        assert_eq!(lead.next.unwrap().paired.difference.n, 3);
        assert!(lead.holds());
        assert!(!Lead::of(&Groups::of(&ratios(0.005)), &KNN).unwrap().holds());
        assert!(Lead::of(&groups, &VAL_LOSS).is_none(), "not comparable");
        assert!(!Lead::of(&groups, &EVAL_PSNR).unwrap().holds(), "no spread, no test");
    }

    #[test]
    fn a_difference_that_holds_alone_need_not_hold_among_many() {
        let points = |others: usize| {
            let mut runs = vec![];
            for group in 0..=others {
                for seed in 0..4 {
                    let turn = if group == 0 { 0 } else { 1 + (group - 1) % 3 };
                    let noise = [0.0, 0.01, 0.03, 0.02][(seed + turn) % 4];
                    let lead = [0.04, 0.001].get(group).copied().unwrap_or(0.0);
                    let metrics = [("knn_accuracy", 0.3 + lead + noise)];
                    runs.push(run(0, json!({"case": group}), seed as i64, &metrics));
                }
            }
            report(
                json!([{"key": "case", "values": (0..=others).collect::<Vec<_>>()}]),
                runs,
            )
        };
        let (one, many) = (points(1), points(12));
        let alone = Lead::of(&Groups::of(&one), &KNN).unwrap();
        let among = Lead::of(&Groups::of(&many), &KNN).unwrap();
        assert!(alone.holds(), "{alone:?}", alone = alone.next);
        assert!(!among.holds() && among.next.unwrap().paired.p.unwrap() < ALPHA);
        assert_eq!((among.all.tested(), among.all.fewest()), (12, 4));
    }

    #[test]
    fn the_baseline_is_the_named_point_else_the_first_else_the_best() {
        let mut data = ratios(0.1);
        let chosen = |data: &ReportData| baseline(&Groups::of(data), &EVAL_MSE);
        assert_eq!(chosen(&data), Some(0));
        data.sweep.settings = json!({"baseline": "0.75"});
        assert_eq!(chosen(&data), Some(1));
        data.sweep.settings = json!({"baseline": "mask.ratio = 0.75"});
        assert_eq!(chosen(&data), Some(1));
        data.sweep.settings = json!({"baseline": "0.99"});
        assert_eq!(chosen(&data), Some(0), "a name that is no point");
        data.runs[..3].iter_mut().for_each(|r| r.metrics.clear());
        assert_eq!(chosen(&data), Some(1), "the first has no value");
    }
}
