//! What an experiment may say and probably does not mean, one line each.
//! It must not refuse anything.

use super::figures::figure;
use super::file::Source;
use super::grid::Grid;
use super::limits::EarlyStop;
use super::load::Trial;
use super::overrides::Overrides;
use super::seeds::Seeds;
use super::trial::{EvalSpec, EvalTask};

/// All warnings about the trials of an experiment.
pub(super) fn all(
    source: &Source,
    overrides: &Overrides,
    grids: &[Grid],
    seeds: &[Seeds],
    trials: &[Trial],
) -> Vec<String> {
    let mut warnings = shadowed(source, overrides, grids, seeds, trials);
    warnings.extend(warmups(trials));
    if let Some(stop) = &source.early_stop {
        warnings.extend(stopping(stop, &source.sweep_file, trials));
    }
    warnings
}

/// Values that no trial has because the sweep decides their key in all of them.
fn shadowed(source: &Source, overrides: &Overrides, grids: &[Grid], seeds: &[Seeds], trials: &[Trial]) -> Vec<String> {
    let mut warnings = Vec::new();
    let own = source.blocks.iter().flat_map(|block| &block.set);
    let from_set = source
        .layers
        .iter()
        .chain(own)
        .filter(|layer| layer.origin.is_set_section());
    let factors = || grids.iter().flat_map(|grid| &grid.factors);
    for layer in from_set.chain(&overrides.layers) {
        let origin = &layer.origin.name;
        for key in layer.keys() {
            let counts = |trial: &Trial| trial.origins.get(key).is_some_and(|from| from == origin);
            let listed = key == "seed" && seeds.iter().all(|seeds| matches!(seeds, Seeds::List(_)));
            let swept = factors().find(|factor| factor.given().any(|given| given == key));
            let swept = swept
                .map(|factor| factor.name_for(key))
                .filter(|_| !trials.iter().any(counts));
            if let Some(axis) = swept.or(listed.then_some("seeds")) {
                let file = &source.sweep_file;
                warnings.push(format!("{key} from {origin} has no effect: {file} sweeps {axis}"));
            }
        }
    }
    warnings
}

/// A warm-up and what it warms up: place, warm-up and whole, in epochs.
type WarmUp = (&'static str, f64, usize);

/// Warm-ups of the protocols of these tasks that last as long as what they warm up, one line each.
#[must_use]
pub fn late_warmups(eval: &EvalSpec, tasks: &[EvalTask]) -> Vec<String> {
    of_tasks(eval, tasks)
        .into_iter()
        .filter(is_late)
        .map(say_late)
        .collect()
}

/// Warm-ups that last as long as what they warm up, of each place the first.
fn warmups(trials: &[Trial]) -> Vec<String> {
    let of = |trial: &Trial| {
        let (train, eval) = (&trial.spec.train, &trial.spec.eval);
        let training = ("train", train.warmup_epochs, train.epochs);
        [training].into_iter().chain(of_tasks(eval, &eval.tasks))
    };
    let mut found: Vec<WarmUp> = Vec::new();
    for late in trials.iter().flat_map(of).filter(is_late) {
        if found.iter().all(|known| known.0 != late.0) {
            found.push(late);
        }
    }
    found.into_iter().map(say_late).collect()
}

fn of_tasks(eval: &EvalSpec, tasks: &[EvalTask]) -> Vec<WarmUp> {
    let (linear, finetune) = (&eval.linear, &eval.finetune);
    let all = [
        (EvalTask::Linear, ("eval.linear", linear.warmup_epochs, linear.epochs)),
        (
            EvalTask::Finetune,
            ("eval.finetune", finetune.warmup_epochs, finetune.epochs),
        ),
    ];
    let asked = all.into_iter().filter(|(task, _)| tasks.contains(task));
    asked.map(|(_, warmup)| warmup).collect()
}

fn is_late((_, warmup, epochs): &WarmUp) -> bool {
    *epochs > 0 && *warmup >= *epochs as f64
}

fn say_late((place, warmup, epochs): WarmUp) -> String {
    format!(
        "{place}.warmup_epochs = {warmup} is not below {place}.epochs = {epochs}: the learning rate ends before its peak"
    )
}

/// Rules that never act, or that compare what is not comparable.
fn stopping(stop: &EarlyStop, file: &str, trials: &[Trial]) -> Vec<String> {
    let mut warnings = Vec::new();
    let metric = &stop.metric;
    if let Some(longest) = trials.iter().map(|trial| trial.spec.train.epochs).max()
        && stop.min_epochs >= longest as f64
    {
        let least = stop.min_epochs;
        warnings.push(format!(
            "[early_stop] in {file} never acts: min_epochs = {least} is not below train.epochs = {longest}"
        ));
    }
    let unmeasured = |trial: &Trial| figure(metric).is_some_and(|figure| !figure.taken_by(trial));
    if trials.iter().any(unmeasured) {
        warnings.push(format!(
            "[early_stop] in {file} reads {metric}, which eval.tasks without reconstruction does not measure: such trials are \
             never stopped"
        ));
    }
    let masks = |trial: &Trial| trial.config["mask"].clone();
    if metric == "val_loss" && trials.iter().any(|trial| masks(trial) != masks(&trials[0])) {
        warnings.push(format!(
            "[early_stop] in {file} compares val_loss, which each trial takes under its own masks, across different masks: \
             metric = \"eval_mse\" is the same for all"
        ));
    }
    warnings
}
