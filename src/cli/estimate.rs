//! How long a sweep will take, said before it starts: a few steps of its first trial are timed, and the rest follows from
//! how much each trial has to compute.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mae_strategies::Registry;

use crate::model::Device;
use crate::sweep::{Planned, SweepPlan, work};
use crate::train::bench::{TrainStep, noise};

use super::progress::clock;

/// Steps before the timed ones, and timed ones.
const STEPS: (usize, usize) = (2, 3);

/// Share of training whose masks are timed, where a schedule moves them.
const MIDDLE: f64 = 0.5;

/// Trials that will be trained.
pub(super) fn open(plan: &SweepPlan) -> impl Iterator<Item = &Planned> {
    plan.trials.iter().filter(|planned| planned.action.is_open())
}

/// A line that says how long the open trials of a plan may take in so many processes with as many threads as this one; none
/// when there are no such trials.
pub(super) fn line(plan: &SweepPlan, device: &Device, registry: &Registry, jobs: u16) -> Option<String> {
    let first = open(plan).next()?;
    // What fails here fails in the trial as well, which is the one to tell of it.
    let timed = catch_unwind(AssertUnwindSafe(|| time_step(first, device, registry)));
    let Ok(Ok(step)) = timed else { return None };
    let all: f64 = open(plan)
        .map(|planned| work::of_trial(&planned.spec, &planned.set))
        .sum();
    let whole = step.mul_f64(all / work::of_step(&first.spec).max(f64::MIN_POSITIVE));
    let (milliseconds, left) = (step.as_secs_f64() * 1e3, clock(whole / u32::from(jobs)));
    Some(format!(
        "about {left} (a step of the first trial takes {milliseconds:.0} ms; refined on the way)"
    ))
}

fn time_step(planned: &Planned, device: &Device, registry: &Registry) -> Result<Duration, mae_strategies::Error> {
    let spec = &planned.spec;
    let plan = spec.mask.plan(registry, spec.model.grid(), MIDDLE)?;
    let mut step = TrainStep::new(spec, plan, device);
    let mut one = || -> Result<Duration, mae_strategies::Error> {
        let batches: Vec<_> = (0..spec.train.accum_steps).map(|_| noise(spec)).collect();
        let begun = Instant::now();
        batches.into_iter().try_for_each(|batch| step.step(batch))?;
        Ok(begun.elapsed())
    };
    // The shortest one: the others may still wait for memory or for another program.
    let timed: Vec<Duration> = (0..STEPS.0 + STEPS.1).map(|_| one()).collect::<Result<_, _>>()?;
    Ok(timed.into_iter().skip(STEPS.0).min().unwrap_or_default())
}
