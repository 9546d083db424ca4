//! Which later evaluations may be compared: those of one protocol, that is of one version of the code under equal settings.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::data::RunReport;
use super::format;
use super::metrics_tasks::Task;
use crate::store::rows::EvaluationRow;

/// What keys of the model begin with.
pub(super) const MODEL: &str = "model.";
/// The parameters of a protocol that are of one trial: its seed, what was chosen and seen.
pub(super) const FOUND: &str = "found";
/// Settings that are null where nothing uses them, which makes no other protocol: what they belong to is not there then.
const OPTIONAL: [&str; 2] = ["lpips", "statistics"];

/// Evaluations of a task that may be compared, on one set of pictures.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Alike<'a> {
    pub(super) task: &'a Task,
    /// By the place of its trial, the latest of each.
    pub(super) latest: BTreeMap<usize, &'a EvaluationRow>,
    /// The version and the settings, for readers.
    pub(super) text: String,
    /// Settings with one value.
    common: Vec<String>,
    /// Settings that mirror each trial's model.
    mirrored: Vec<String>,
}

/// A trial and an evaluation of it by the task.
type Judged<'a> = (usize, &'a RunReport, &'a EvaluationRow);

/// Divides evaluations, oldest first, by protocol. What a setting mirrors of each trial's own model makes no other protocol: each
/// figure knows which keys of the model it bears. Nor does an evaluation without a figure: a task that diverged has no settings to
/// tell.
pub(super) fn alike<'a>(task: &'a Task, judged: &[Judged<'a>]) -> Vec<Alike<'a>> {
    let counts = |(_, _, e): &Judged| e.figures.iter().any(|(_, value)| value.is_finite());
    let (mut telling, mut silent): (Vec<Judged>, Vec<Judged>) = judged.iter().copied().partition(counts);
    if telling.is_empty() {
        std::mem::swap(&mut telling, &mut silent);
    }
    let names = names(&telling);
    let mut all: Vec<Alike> = Vec::new();
    for one in &telling {
        let alike = Alike::of(task, *one, &names, &telling);
        match all.iter_mut().find(|known| known.text == alike.text) {
            Some(known) => known.latest.extend(alike.latest),
            None => all.push(alike),
        }
    }
    if let Some(first) = all.first_mut() {
        for (place, _, e) in silent {
            first.latest.entry(place).or_insert(e);
        }
    }
    all
}

/// Names of settings, in the order in which they are met.
fn names(judged: &[Judged]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let settings = judged.iter().filter_map(|(_, _, e)| e.protocol.parameters.as_object());
    for (name, _) in settings.flatten().filter(|(name, _)| *name != FOUND) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

impl<'a> Alike<'a> {
    fn of(task: &'a Task, (place, run, e): Judged<'a>, names: &[String], all: &[Judged]) -> Self {
        let mut words = vec![format!("protocol {}", e.protocol.version)];
        let (mut common, mut mirrored) = (Vec::new(), Vec::new());
        for name in names {
            let of = |e: &EvaluationRow| e.protocol.parameters.get(name).cloned().unwrap_or_default();
            let mut values: Vec<Json> = Vec::new();
            for value in all.iter().map(|(_, _, e)| of(e)) {
                let unused = value.is_null() && OPTIONAL.contains(&name.as_str());
                if !unused && !values.contains(&value) {
                    values.push(value);
                }
            }
            let value = match values.as_slice() {
                [] => continue,
                [one] => one.clone(),
                _ => of(e),
            };
            if values.len() > 1 && run.config(&format!("{MODEL}{name}")) == Some(&value) {
                words.push(format!("{name} = that of each model"));
                mirrored.push(name.clone());
            } else {
                words.push(format!("{name} = {}", format::value(&value)));
                common.push(name.clone());
            }
        }
        Self {
            task,
            latest: BTreeMap::from([(place, e)]),
            text: words.join("; "),
            common,
            mirrored,
        }
    }
}

/// Whether a key of the model in which trials differ is no difference to these evaluations, which all had the same value.
pub(super) fn overruled(key: &str, together: &[Alike]) -> bool {
    let name = key.strip_prefix(MODEL).unwrap_or(key);
    let in_it = |names: &[String]| names.iter().any(|known| known == name);
    together.iter().any(|alike| in_it(&alike.common)) && !together.iter().any(|alike| in_it(&alike.mirrored))
}
