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

/// A setting, and the values that evaluations have of it.
struct Setting<'a> {
    name: &'a str,
    values: Vec<&'a Json>,
}

/// Divides evaluations, oldest first, by protocol. What a setting mirrors of each trial's own model makes no other protocol: each
/// figure knows which keys of the model it bears.
pub(super) fn alike<'a>(task: &'a Task, judged: &[Judged<'a>]) -> Vec<Alike<'a>> {
    let settings = settings(judged);
    let mut all: Vec<Alike> = Vec::new();
    for one in judged {
        let alike = Alike::of(task, *one, &settings);
        match all.iter_mut().find(|known| known.text == alike.text) {
            Some(known) => known.latest.extend(alike.latest),
            None => all.push(alike),
        }
    }
    all
}

/// Settings in the order in which they are met, with their distinct values.
fn settings<'a>(judged: &[Judged<'a>]) -> Vec<Setting<'a>> {
    let mut settings: Vec<Setting> = Vec::new();
    let all = judged.iter().filter_map(|(_, _, e)| e.protocol.parameters.as_object());
    for (name, value) in all.flatten().filter(|(name, _)| *name != FOUND) {
        let place = settings.iter().position(|known| known.name == name);
        let place = place.unwrap_or_else(|| {
            let values = Vec::new();
            settings.push(Setting { name, values });
            settings.len() - 1
        });
        let unused = value.is_null() && OPTIONAL.contains(&name.as_str());
        if !unused && !settings[place].values.contains(&value) {
            settings[place].values.push(value);
        }
    }
    settings
}

impl<'a> Alike<'a> {
    fn of(task: &'a Task, (place, run, e): Judged<'a>, settings: &[Setting]) -> Self {
        let mut words = vec![format!("protocol {}", e.protocol.version)];
        let (mut common, mut mirrored) = (Vec::new(), Vec::new());
        for Setting { name, values } in settings {
            let value = match values.as_slice() {
                [] => continue,
                [one] => *one,
                _ => &e.protocol.parameters[*name],
            };
            if values.len() > 1 && run.config(&format!("{MODEL}{name}")) == Some(value) {
                words.push(format!("{name} = that of each model"));
                mirrored.push((*name).to_owned());
            } else {
                words.push(format!("{name} = {}", format::value(value)));
                common.push((*name).to_owned());
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
