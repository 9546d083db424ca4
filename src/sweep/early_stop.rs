//! Whether a trial should be given up, decided from its curve and those of the other trials.
//!
//! Two families of rules. The halving rules judge at rungs, `min_epochs`·`eta`^k epochs: of all trials measured there, one in
//! `eta` goes on. `asha` does so on what is known when a trial arrives (Li et al. 2020, "A System for Massively Parallel
//! Hyperparameter Tuning", arXiv:1810.05934, algorithm 2, with promotion turned round: a trial that would not be promoted
//! stops, and so none has to be paused); `successive_halving` (Jamieson & Talwalkar 2016, arXiv:1502.07943) waits until every
//! other trial has come to the rung or has ended, and lets a trial run meanwhile. The median rule (Golovin et al. 2017,
//! "Google Vizier: A Service for Black-Box Optimization") compares a trial's best value so far with the median
//! of the others' running averages.
//!
//! What is measured before training (epoch 0) counts for nothing. Values that are not finite are the worst of all. Ties never
//! stop a trial. This module must not read the store or the clock, and keeps no state: equal curves, equal verdict.

use std::cmp::Ordering;

use crate::spec::{EarlyStop, Goal, StopKind};

/// Another trial of the same sweep.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Peer {
    /// Epoch and value of every measurement of the rule's metric, in any order.
    pub values: Vec<(f64, f64)>,
    /// Whether it has ended, in whatever state; one that is still to begin has not.
    pub done: bool,
}

/// Why the trial with the curve `mine` (epoch, value) should stop now, as a sentence without a full stop; `None`: it goes on.
/// Asked after each of its measurements; `epochs` is its full length, at which nothing is stopped any more.
#[must_use]
pub fn verdict(rule: &EarlyStop, epochs: f64, mine: &[(f64, f64)], peers: &[Peer]) -> Option<String> {
    let now = mine.iter().map(|(epoch, _)| *epoch).max_by(f64::total_cmp)?;
    if now >= epochs || now < rule.min_epochs || now <= 0.0 {
        return None;
    }
    match rule.kind {
        StopKind::Asha => halved(rule, now, mine, peers, Wait::Never),
        StopKind::SuccessiveHalving => halved(rule, now, mine, peers, Wait::ForAll),
        StopKind::Median => median_rule(rule, now, mine, peers),
    }
}

/// Whether a rung is judged before all trials have come to it.
#[derive(Clone, Copy, PartialEq)]
enum Wait {
    /// Once, when the trial comes to it.
    Never,
    /// Whenever asked, once the others have come to it or ended.
    ForAll,
}

/// The halving rules, at the last rung that the trial has come to.
fn halved(rule: &EarlyStop, now: f64, mine: &[(f64, f64)], peers: &[Peer], wait: Wait) -> Option<String> {
    let rung = rung(rule, now);
    let (arrived, value) = first_from(mine, rung)?;
    if wait == Wait::Never && arrived < now {
        return None;
    }
    if wait == Wait::ForAll
        && peers
            .iter()
            .any(|peer| !peer.done && first_from(&peer.values, rung).is_none())
    {
        return None;
    }
    let others = peers.iter().filter_map(|peer| first_from(&peer.values, rung));
    let mut costs: Vec<f64> = others.map(|(_, value)| cost(rule, value)).collect();
    costs.push(cost(rule, value));
    let count = costs.len();
    if (count as f64) < rule.eta {
        return None;
    }
    costs.sort_by(f64::total_cmp);
    let kept = ((count as f64 / rule.eta).floor() as usize).max(1);
    let last_kept = costs[kept - 1];
    (cost(rule, value) > last_kept).then(|| {
        let (value, bound) = apart(value, shown(rule, last_kept));
        format!(
            "{} {value} at epoch {} is worse than the best {} of {count} trials at that epoch ({bound}): stopped by {}",
            rule.metric,
            short(arrived),
            share(rule.eta),
            rule.kind
        )
    })
}

/// Vizier's rule: the best so far against the median of the others' running averages.
fn median_rule(rule: &EarlyStop, now: f64, mine: &[(f64, f64)], peers: &[Peer]) -> Option<String> {
    let reached = peers.iter().filter(|peer| first_from(&peer.values, now).is_some());
    let mut averages: Vec<f64> = reached
        .filter_map(|peer| running_average(rule, &peer.values, now))
        .collect();
    let count = averages.len();
    if count == 0 || count < rule.warmup_trials {
        return None;
    }
    averages.sort_by(f64::total_cmp);
    let median = middle(averages[(count - 1) / 2], averages[count / 2]);
    let costs = costs(rule, mine, now);
    let best = costs.into_iter().min_by(f64::total_cmp)?;
    (best > median).then(|| {
        let (best, median) = apart(shown(rule, best), shown(rule, median));
        format!(
            "{} {best}, the best up to epoch {}, is worse than the median of the running averages of {count} other trials \
             ({median}): stopped by {}",
            rule.metric,
            short(now),
            rule.kind
        )
    })
}

/// The last rung at or before an epoch that is not before the first.
fn rung(rule: &EarlyStop, now: f64) -> f64 {
    let mut rung = rule.min_epochs;
    while rung * rule.eta <= now {
        rung *= rule.eta;
    }
    rung
}

/// The first measurement at or past an epoch.
fn first_from(values: &[(f64, f64)], epoch: f64) -> Option<(f64, f64)> {
    let reached = values.iter().filter(|(at, _)| *at >= epoch);
    reached.min_by(|a, b| earlier(a, b)).copied()
}

fn earlier(a: &(f64, f64), b: &(f64, f64)) -> Ordering {
    a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
}

/// A value as a cost: less is better, and what is not finite is worst.
fn cost(rule: &EarlyStop, value: f64) -> f64 {
    match rule.goal {
        _ if !value.is_finite() => f64::INFINITY,
        Goal::Min => value,
        Goal::Max => -value,
    }
}

/// A cost as the value that it was.
fn shown(rule: &EarlyStop, cost: f64) -> f64 {
    match rule.goal {
        _ if !cost.is_finite() => f64::NAN,
        Goal::Min => cost,
        Goal::Max => -cost,
    }
}

/// Costs up to an epoch, in the order of epochs.
fn costs(rule: &EarlyStop, values: &[(f64, f64)], until: f64) -> Vec<f64> {
    let counts = |(epoch, _): &&(f64, f64)| *epoch > 0.0 && *epoch <= until;
    let mut there: Vec<(f64, f64)> = values.iter().filter(counts).copied().collect();
    there.sort_by(earlier);
    there.into_iter().map(|(_, value)| cost(rule, value)).collect()
}

/// Mean cost up to an epoch, never outside of what it is the mean of; `None` where nothing was measured.
fn running_average(rule: &EarlyStop, values: &[(f64, f64)], until: f64) -> Option<f64> {
    let costs = costs(rule, values, until);
    let least = costs.iter().copied().min_by(f64::total_cmp)?;
    let most = costs.iter().copied().max_by(f64::total_cmp)?;
    let above: f64 = costs.iter().map(|cost| (cost - least) / costs.len() as f64).sum();
    Some(if most.is_finite() {
        (least + above).clamp(least, most)
    } else {
        most
    })
}

fn middle(lower: f64, upper: f64) -> f64 {
    if lower == upper {
        return lower;
    }
    (lower / 2.0 + upper / 2.0).clamp(lower, upper)
}

/// The kept share in words.
fn share(eta: f64) -> String {
    match eta {
        2.0 => "half".into(),
        3.0 => "third".into(),
        4.0 => "quarter".into(),
        _ => format!("1/{}", short(eta)),
    }
}

/// An epoch or a factor, to three decimals where it is not whole.
fn short(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Two different numbers with as many digits as tell them apart, three at least.
fn apart(a: f64, b: f64) -> (String, String) {
    let plain = [a, b]
        .iter()
        .all(|x| !x.is_finite() || (0.01..10_000.0).contains(&x.abs()));
    let text = |x: f64, digits: usize| match x {
        _ if !x.is_finite() => "not finite".to_owned(),
        _ if plain => format!("{x:.digits$}"),
        _ => format!("{x:.digits$e}"),
    };
    let enough = (3..17).find(|digits| text(a, *digits) != text(b, *digits));
    let digits = enough.unwrap_or(17);
    (text(a, digits), text(b, digits))
}

#[cfg(test)]
#[path = "early_stop_tests.rs"]
mod tests;
