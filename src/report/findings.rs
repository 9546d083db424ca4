//! What the numbers say, in sentences that claim no more than the seeds allow.

use super::compare::{Comparison, Lead, lead_of};
use super::cross;
use super::data::{ReportData, RunReport};
use super::figures::lower;
use super::format::{self, count, fixed, list};
use super::groups::{Group, Groups};
use super::metrics::{EVAL_MSE, EVAL_PSNR, Metric};
use super::relation;
use super::table::scaled;
use crate::stats::{Summary, caution};
use crate::store::rows::Status;

/// The summary, sentence by sentence.
pub(super) fn build(data: &ReportData, groups: &Groups) -> Vec<String> {
    if data.runs.is_empty() {
        return vec!["No trial of this sweep has been recorded yet.".to_owned()];
    }
    let mut said = vec![states(data)];
    let headline = groups.headline();
    if headline.iter().all(|m| groups.ranked(m).is_empty()) {
        said.push("No finished trial has an evaluation on common ground yet, so nothing can be compared.".to_owned());
    }
    said.extend(unmeasured(data, groups));
    let gained = headline.iter().position(Metric::of_task);
    for (i, metric) in headline.iter().enumerate() {
        said.extend(best(groups, metric));
        said.extend(if gained == Some(i) {
            training_gain(groups, metric)
        } else {
            None
        });
    }
    said.extend(relation::finding(groups));
    said.extend(few_seeds(groups));
    said.extend(cross::build(groups).and_then(|table| table.finding()));
    said.iter().map(|sentence| unbroken(sentence)).collect()
}

/// Says that there is nothing yet of what the experiment is about.
fn unmeasured(data: &ReportData, groups: &Groups) -> Option<String> {
    let named = data.sweep.settings["objective"]
        .as_str()
        .filter(|name| !name.is_empty())?;
    let known = groups.objective.is_some_and(|m| !groups.ranked(&m).is_empty());
    (!known).then(|| format!("No finished trial has the objective, {named}, so what follows is about other figures."))
}

/// Keeps `a = b`, `a ± b` and numbers with their units on one line.
fn unbroken(text: &str) -> String {
    [" = ", " < ", " ± ", " %", " dB", " points"]
        .iter()
        .fold(text.to_owned(), |t, gap| t.replace(gap, &gap.replace(' ', "\u{a0}")))
}

/// How many trials ended how.
pub(super) fn states(data: &ReportData) -> String {
    let names = [
        (Status::Finished, "finished"),
        (Status::Running, "running"),
        (Status::Queued, "queued"),
        (Status::Crashed, "crashed"),
        (Status::Interrupted, "interrupted"),
        (Status::Pruned, "stopped early"),
        (Status::Diverged, "diverged"),
        (Status::Failed, "failed"),
    ];
    let total = data.runs.len();
    let counts: Vec<(usize, &str)> = names
        .into_iter()
        .map(|(status, name)| (data.runs.iter().filter(|r| r.run.status == status).count(), name))
        .filter(|c| c.0 > 0)
        .collect();
    match counts.as_slice() {
        [(_, name)] if total == 1 => format!("The only trial is {name}."),
        [(_, name)] => format!("All {total} trials are {name}."),
        _ => format!(
            "Of {total} trials, {}.",
            list(&counts.iter().map(|(n, name)| format!("{n} {name}")).collect::<Vec<_>>())
        ),
    }
}

/// The best group by a metric, and whether its lead over the next is more than the seeds' spread.
fn best(groups: &Groups, metric: &Metric) -> Option<String> {
    let ranked = groups.ranked(metric);
    let first = &groups.all[*ranked.first()?];
    let what = if metric.name == EVAL_MSE.name {
        "Reconstruction error at the common masks"
    } else {
        metric.title
    };
    let what = match groups.objective {
        Some(objective) if objective.name == metric.name => format!("The objective, {},", lower(what)),
        _ => what.to_owned(),
    };
    let Some(lead) = Lead::of(groups, metric) else {
        return Some(format!(
            "{what} is not compared: what differs between the trials changes what it measures."
        ));
    };
    let value = with_n(&first.summary(metric.name), metric) + psnr(metric, first).as_str();
    let Some(next) = lead.next else {
        return Some(format!("{what} is {value}."));
    };
    let second = &groups.all[next.group];
    let most = if metric.more_is_better { "highest" } else { "lowest" };
    Some(format!(
        "{what} has its {most} mean at {}, {value}; next is {} with {}. {}",
        first.label_with_key(groups),
        second.label_with_key(groups),
        plain(&second.summary(metric.name), metric),
        verdict(&next, lead.all.tested(), metric)
    ))
}

/// Whether the lead over the runner-up can be told from chance, after correction for all comparisons with the best.
fn verdict(next: &Comparison, comparisons: usize, metric: &Metric) -> String {
    let decimals = metric.decimals + 1;
    let gap = lead_of(&next.paired.difference, metric);
    let unit = metric.points();
    let lead = gap.mean.map_or_else(String::new, |mean| fixed(mean, decimals));
    let lead = format!("The lead of {}", format!("{lead} {unit}").trim_end());
    let n = gap.n;
    let (Some(p), Some(zero)) = (next.holm, gap.interval_contains(0.0)) else {
        return match n {
            0 | 1 => caution(n, 1).unwrap_or_default(),
            _ => format!(
                "{lead} is the same with each of {n} shared seeds: they do not show its spread, so it is not tested."
            ),
        };
    };
    let p = match format::probability(p) {
        small if small.starts_with('<') => format!("p {small}"),
        p => format!("p = {p}"),
    };
    let corrected = match comparisons {
        1 => p,
        several => format!("{p} after Holm’s correction for {several} comparisons"),
    };
    let conclusion = match (next.holds(), zero) {
        (true, _) => format!("excludes zero ({corrected}): the seeds separate the two"),
        (false, true) => format!("includes zero ({corrected}), so the seeds do not separate the two"),
        (false, false) => {
            format!(
                "excludes zero by itself, but not among all comparisons ({corrected}): the seeds do not separate the two"
            )
        }
    };
    let interval = format::interval(&gap, decimals);
    format!("{lead}, paired by seed (n = {n}), has a 95 % interval of {interval}, which {conclusion}.")
}

/// What must be said where the seeds are too few for these comparisons.
fn few_seeds(groups: &Groups) -> Option<String> {
    let leads = groups.headline().into_iter().filter_map(|m| Lead::of(groups, &m));
    let tested = leads.filter(|lead| lead.all.tested() > 0);
    let weakest = tested.min_by_key(|lead| (lead.all.fewest(), usize::MAX - lead.all.tested()))?;
    caution(weakest.all.fewest(), weakest.all.tested())
}

/// Trained against untrained, and against chance.
fn training_gain(groups: &Groups, metric: &Metric) -> Option<String> {
    let best = groups.best(metric)?;
    let gain = scaled(&groups.all[best].gain(metric), metric);
    let mean = gain.mean?;
    let untrained = if groups.baseline_varies() {
        groups.all[best].untrained(metric)
    } else {
        groups.untrained(metric)
    };
    let mut text = format!("The {} encoder reaches {}", groups.start, plain(&untrained, metric));
    if let (Some(_), Some(chance)) = (metric.chance(), groups.chance()) {
        text.push_str(&format!(" and chance is {} %", fixed(chance * 100.0, 1)));
    }
    let number = |value: f64| fixed(value, metric.decimals);
    let amount = format!("{} {}", number(mean), metric.points());
    let amount = amount.trim_end();
    let there = if groups.all.len() > 1 { " there" } else { "" };
    let adds = format!("training adds {amount}{there}");
    text.push_str("; ");
    text.push_str(&match gain.interval().map(|(low, high)| {
        (
            low,
            format!("95 % interval {} to {}, n = {}", number(low), number(high), gain.n),
        )
    }) {
        _ if mean <= 0.0 => format!("training did not help even at the best point ({amount})."),
        None => format!("{adds} (one seed)."),
        Some((low, interval)) if low <= 0.0 => {
            format!("{adds}, but its interval includes zero ({interval}): it cannot be said to have helped.")
        }
        Some((_, interval)) => format!("{adds} ({interval})."),
    });
    text.push_str(&below_baseline(groups, metric));
    Some(text)
}

/// Trials that ended no better than they began.
fn below_baseline(groups: &Groups, metric: &Metric) -> String {
    let pairs: Vec<(f64, f64)> = groups
        .all
        .iter()
        .flat_map(|g| &g.runs)
        .filter(|r| r.finished() && r.trained())
        .filter_map(|r| Some((r.last(metric.name)?, r.last(metric.untrained?)?)))
        .collect();
    let below = pairs
        .iter()
        .filter(|(after, before)| after.is_finite() && before.is_finite() && after <= before)
        .count();
    match below {
        0 => String::new(),
        n if n == pairs.len() => format!(" No trial ended above its own {} encoder.", groups.start),
        n => format!(
            " {} of {} ended no higher than its own {} encoder.",
            n,
            count(pairs.len(), "trial"),
            groups.start
        ),
    }
}

/// The error as a signal-to-noise ratio, in brackets.
fn psnr(metric: &Metric, group: &Group) -> String {
    let mean = group
        .summary(EVAL_PSNR.name)
        .mean
        .filter(|_| metric.name == EVAL_MSE.name);
    mean.map_or_else(String::new, |mean| {
        format!(", PSNR {} dB", fixed(mean, EVAL_PSNR.decimals))
    })
}

fn plain(summary: &Summary, metric: &Metric) -> String {
    let shown = scaled(summary, metric);
    let text = format::mean_ci(&shown, metric.decimals_for(summary.mean.into_iter()));
    if metric.unit.is_empty() {
        text
    } else {
        format!("{text} {}", metric.unit)
    }
}

fn with_n(summary: &Summary, metric: &Metric) -> String {
    match summary.n {
        1 => format!("{} (one seed)", plain(summary, metric)),
        n => format!(
            "{} (mean ± half-width of its 95 % interval, n = {n} seeds)",
            plain(summary, metric)
        ),
    }
}

/// Wall-clock time of all trials together, when known.
pub(super) fn total_time(runs: &[RunReport]) -> Option<String> {
    let known: Vec<f64> = runs.iter().filter_map(RunReport::seconds).collect();
    (!known.is_empty()).then(|| format::duration(known.iter().sum()))
}
