//! Several sweeps as one report: what tells their trials apart beside the swept keys is the sweep, a swept key of its own.

use serde_json::{Value as Json, json};

use super::data::{ReportData, RunReport};
use crate::store::rows::SweepRow;

/// What stands between the ids of joined sweeps.
pub(super) const AND: &str = " + ";
/// The key that tells sweeps apart.
const KEY: &str = "sweep";

/// Joins sweeps, in their order. A trial that several of them trained, equal in all that can change its results, appears once
/// and belongs to all of them. Masks and notes on strategies are those of the parts; whoever can measure masks of all trials
/// may do so again. One part is returned as it is; `None` without any.
pub fn join(mut parts: Vec<ReportData>) -> Option<ReportData> {
    if parts.len() < 2 {
        return parts.pop();
    }
    let names = names(&parts);
    let sweep = sweep(&parts, &names);
    let mut joined = ReportData {
        runs: runs(&parts, &names),
        sweep,
        generated_at: parts[0].generated_at.clone(),
        version: parts[0].version.clone(),
        strategies: vec![],
        masks: vec![],
    };
    joined.sweep.axes = axes(&parts, &joined.runs);
    for part in parts {
        for note in part.strategies {
            if joined.strategies.iter().all(|s| s.id != note.id) {
                joined.strategies.push(note);
            }
        }
        joined.masks.extend(part.masks);
    }
    Some(joined)
}

/// Names of the sweeps; where two are equal, with the ids.
fn names(parts: &[ReportData]) -> Vec<String> {
    let twice = |name: &str| parts.iter().filter(|p| p.sweep.name == name).count() > 1;
    let name = |p: &ReportData| {
        if twice(&p.sweep.name) {
            format!("{} ({})", p.sweep.name, p.sweep.id)
        } else {
            p.sweep.name.clone()
        }
    };
    parts.iter().map(name).collect()
}

/// What the joined sweep asks, expects and found: that of each, under its name.
fn sweep(parts: &[ReportData], names: &[String]) -> SweepRow {
    let each = |text: fn(&SweepRow) -> String| {
        let said = parts.iter().zip(names).map(|(p, name)| (name, text(&p.sweep)));
        let said = said.filter(|(_, text)| !text.trim().is_empty());
        said.map(|(name, text)| format!("{name}: {}", text.trim()))
            .collect::<Vec<_>>()
            .join("\n\n")
    };
    let all = |text: fn(&SweepRow) -> &str| parts.iter().map(|p| text(&p.sweep)).collect::<Vec<_>>();
    let asked = |s: &SweepRow| match s.expect.as_str() {
        "" => s.question.clone(),
        expect => format!("{} Expected: {expect}", s.question),
    };
    let different: Vec<&str> = parts.iter().map(|p| p.sweep.name.as_str()).collect();
    SweepRow {
        id: all(|s| s.id.as_str()).join(AND),
        name: if different.iter().all(|n| *n == different[0]) {
            different[0].to_owned()
        } else {
            different.join(" and ")
        },
        question: String::new(),
        expect: each(asked),
        cost: each(|s| s.cost.clone()),
        analysis: each(|s| s.analysis.clone()),
        file: all(|s| s.file.as_str()).join(" "),
        axes: json!([]),
        settings: json!({}),
        created_at: all(|s| s.created_at.as_str())
            .into_iter()
            .min()
            .unwrap_or_default()
            .to_owned(),
    }
}

/// Every trial once, with the sweeps that it belongs to in its point.
fn runs(parts: &[ReportData], names: &[String]) -> Vec<RunReport> {
    let mut kept: Vec<(RunReport, Vec<&str>)> = vec![];
    for (part, name) in parts.iter().zip(names) {
        for run in &part.runs {
            match kept.iter_mut().find(|k| k.0.run.identity == run.run.identity) {
                Some((_, of)) if of.contains(&name.as_str()) => {}
                Some((other, of)) => {
                    of.push(name);
                    if run.finished() && !other.finished() {
                        *other = run.clone();
                    }
                }
                None => kept.push((run.clone(), vec![name])),
            }
        }
    }
    let place = |(i, (mut run, of)): (usize, (RunReport, Vec<&str>))| {
        run.run.position = i as i64;
        let mut point = json!({ KEY: of.join(" and ") });
        for (key, value) in run.run.point.as_object().into_iter().flatten() {
            point[key] = value.clone();
        }
        run.run.point = point;
        run
    };
    kept.into_iter().enumerate().map(place).collect()
}

/// The sweep, then the keys of all sweeps with every value that a trial has; numbers in their order.
fn axes(parts: &[ReportData], runs: &[RunReport]) -> Json {
    let mut axes: Vec<(String, Vec<Json>)> = vec![(KEY.to_owned(), vec![])];
    for axis in parts.iter().filter_map(|p| p.sweep.axes.as_array()).flatten() {
        let (Some(key), Some(values)) = (axis["key"].as_str(), axis["values"].as_array()) else {
            continue;
        };
        match axes.iter_mut().find(|a| a.0 == key) {
            Some(found) => found.1.extend(values.iter().cloned()),
            None => axes.push((key.to_owned(), values.clone())),
        }
    }
    for (key, values) in &mut axes {
        let key = key.as_str();
        values.extend(
            runs.iter()
                .filter_map(|r| r.run.point.get(key).or_else(|| r.config(key)).cloned()),
        );
        let mut distinct: Vec<Json> = vec![];
        values.retain(|v| {
            let new = !distinct.contains(v);
            distinct.extend(new.then(|| v.clone()));
            new
        });
        if values.iter().all(Json::is_number) {
            values.sort_by(|a, b| {
                a.as_f64()
                    .unwrap_or(f64::NAN)
                    .total_cmp(&b.as_f64().unwrap_or(f64::NAN))
            });
        }
    }
    axes.into_iter()
        .map(|(key, values)| json!({"key": key, "values": values}))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::groups::Groups;
    use super::super::testing::{assert_well_formed, ratios, report, run};
    use super::super::{html, repeat};
    use super::*;

    /// Two ratios, and a sweep of two rates at the second of them whose first trial is the other's fourth.
    fn parts() -> Vec<ReportData> {
        let first = ratios(0.1);
        let rates = [0.75, 0.9].into_iter().enumerate().map(|(i, ratio)| {
            let mut run = run(
                10 + i as i64,
                json!({"train.blr": 0.1 * (i + 1) as f64}),
                0,
                &[("knn_accuracy", 0.4)],
            );
            run.run.config["mask"] = json!({"ratio": ratio});
            (run.run.sweep_id, run.run.sweep) = ("s2".into(), "rates".into());
            run
        });
        let mut second = report(json!([{"key": "train.blr", "values": [0.1, 0.2]}]), rates.collect());
        second.runs[0].run.identity = first.runs[3].run.identity.clone();
        (second.sweep.id, second.sweep.name) = ("s2".into(), "rates".into());
        second.sweep.question = "Which rate?".into();
        vec![first, second]
    }

    #[test]
    fn equal_trials_appear_once_and_belong_to_both() {
        let joined = join(parts()).unwrap();
        assert_eq!(joined.runs.len(), 7);
        assert_eq!(joined.runs[3].run.point["sweep"], "test and rates");
        assert_eq!(joined.runs[6].run.point["sweep"], "rates");
        let groups = Groups::of(&joined);
        let keys: Vec<&str> = groups.keys.iter().map(|k| k.name.as_str()).collect();
        assert_eq!(keys, ["sweep", "mask.ratio", "train.blr"]);
        assert_eq!(groups.keys[1].values, [json!(0.5), json!(0.75), json!(0.9)]);
        assert_eq!(groups.all.iter().map(|g| g.runs.len()).sum::<usize>(), 7);
    }

    #[test]
    fn the_page_shows_what_both_ask_and_how_to_repeat_both() {
        let joined = join(parts()).unwrap();
        let page = html(&joined).unwrap();
        assert_well_formed(&page);
        for said in ["test and rates", "Which ratio?", "Which rate?"] {
            assert!(page.contains(said), "{said}");
        }
        let commands: Vec<String> = repeat::commands(&joined).into_iter().map(|c| c.1).collect();
        for command in [
            "mae-exp resume s1",
            "mae-exp resume s2",
            "mae-exp export s1 s2 --format latex",
        ] {
            assert!(commands.iter().any(|c| c == command), "{command}: {commands:?}");
        }
    }

    #[test]
    fn equal_names_are_told_apart_and_one_sweep_stays_as_it_is() {
        let mut same = parts();
        same[1].sweep.name = "test".into();
        let joined = join(same).unwrap();
        assert_eq!(joined.sweep.name, "test");
        assert_eq!(joined.runs[0].run.point["sweep"], "test (s1)");
        assert_eq!(join(vec![ratios(0.1)]), Some(ratios(0.1)));
        assert_eq!(join(vec![]), None);
    }

    #[test]
    fn a_finished_trial_stands_for_one_that_is_not() {
        let mut parts = parts();
        parts[0].runs[3].run.status = crate::store::rows::Status::Failed;
        let joined = join(parts).unwrap();
        assert_eq!(joined.runs[3].run.id, "run10");
        assert!(joined.runs[3].finished());
    }
}
