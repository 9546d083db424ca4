//! Figures that a run was given after it was finished stand in where it has none of its own.

use std::collections::BTreeMap;

use crate::store::rows::{EvaluationRow, MetricPoint, ProtocolRow, RunRow, Status};

/// Those evaluations that were made of the run's last weights: after it was finished. Times that cannot be read count as later.
#[must_use]
pub fn of_last_weights(run: &RunRow, evaluations: Vec<EvaluationRow>) -> Vec<EvaluationRow> {
    let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let finished = run.finished_at.as_deref().and_then(time);
    let later = |evaluation: &EvaluationRow| match (finished, time(&evaluation.created_at)) {
        (Some(finished), Some(made)) => made >= finished,
        _ => true,
    };
    let finished = run.status == Status::Finished;
    evaluations.into_iter().filter(|one| finished && later(one)).collect()
}

/// The points of a run, and what later evaluations on its own pictures, under its own settings, add: the latest of each figure
/// that it did not take itself, at its last step.
#[must_use]
pub fn with_later(mut metrics: Vec<MetricPoint>, evaluations: &[EvaluationRow]) -> Vec<MetricPoint> {
    let mut latest: BTreeMap<&str, f64> = BTreeMap::new();
    for evaluation in evaluations.iter().filter(|evaluation| evaluation.own) {
        latest.extend(evaluation.figures.iter().map(|(name, value)| (name.as_str(), *value)));
    }
    latest.retain(|name, _| metrics.iter().all(|point| point.name != *name));
    let last = metrics.iter().max_by_key(|point| point.step);
    let (step, epoch) = last.map_or((0, 0.0), |point| (point.step, point.epoch));
    metrics.extend(latest.into_iter().map(|(name, value)| MetricPoint {
        name: name.into(),
        step,
        epoch,
        value,
    }));
    metrics
}

/// The protocols of a run, and those of later evaluations of tasks that it did not run itself: the latest of each.
#[must_use]
pub fn protocols_with_later(own: Vec<ProtocolRow>, evaluations: &[EvaluationRow]) -> Vec<ProtocolRow> {
    let later = evaluations.iter().filter(|evaluation| evaluation.own);
    let mut latest: BTreeMap<String, ProtocolRow> = BTreeMap::new();
    latest.extend(later.map(|evaluation| (evaluation.protocol.task.clone(), evaluation.protocol.clone())));
    latest.extend(own.into_iter().map(|protocol| (protocol.task.clone(), protocol)));
    latest.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing;

    fn evaluation(own: bool, figures: &[(&str, f64)]) -> EvaluationRow {
        testing::evaluation("linear", own, figures, serde_json::json!({}))
    }

    #[test]
    fn the_latest_of_its_own_stands_in_and_nothing_else() {
        let point = |name: &str, step, value| MetricPoint {
            name: name.into(),
            step,
            epoch: step as f64,
            value,
        };
        let metrics = vec![point("knn_accuracy", 4, 0.5), point("val_loss", 8, 0.1)];
        let later = [
            evaluation(true, &[("linear_accuracy", 0.6), ("knn_accuracy", 0.9)]),
            evaluation(true, &[("linear_accuracy", 0.7)]),
            evaluation(false, &[("linear_accuracy", 0.8), ("retrieval_map", 0.2)]),
        ];
        let found = with_later(metrics.clone(), &later);
        assert_eq!(found[..2], metrics);
        assert_eq!(found[2..], [point("linear_accuracy", 8, 0.7)]);
        assert_eq!(with_later(metrics.clone(), &[]), metrics);
    }

    #[test]
    fn what_was_found_of_earlier_weights_is_left_out() {
        let mut run = crate::report::testing::run(0, serde_json::json!({}), 0, &[]).run;
        run.status = Status::Finished;
        run.finished_at = Some("2026-11-22T10:00:00Z".into());
        let at = |time: &str| EvaluationRow {
            created_at: time.into(),
            ..evaluation(true, &[])
        };
        let all = vec![
            at("2026-11-22T09:59:59Z"),
            at("2026-11-22T11:30:00+01:00"),
            at("2026-11-23T00:00:00Z"),
        ];
        assert_eq!(of_last_weights(&run, all.clone()), all[1..]);
        run.status = Status::Interrupted;
        assert!(of_last_weights(&run, all).is_empty());
    }

    #[test]
    fn a_runs_own_protocol_stands_before_later_ones() {
        let of = |task: &str, version| ProtocolRow {
            task: task.into(),
            version,
            parameters: serde_json::json!({}),
        };
        let later = |own, protocol| EvaluationRow {
            protocol,
            ..evaluation(own, &[])
        };
        let evaluations = vec![
            later(true, of("knn", 2)),
            later(true, of("linear", 3)),
            later(true, of("linear", 4)),
            later(false, of("retrieval", 5)),
        ];
        let found = protocols_with_later(vec![of("knn", 1)], &evaluations);
        assert_eq!(found, [of("knn", 1), of("linear", 4)]);
    }
}
