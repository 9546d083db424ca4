//! `mae-exp config FILE`: the resolved configuration, with the origin of every key.

use mae_strategies::Registry;
use serde_json::{Value as Json, json};

use super::failure::Failure;
use super::options::SetOption;
use super::{show, table};

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Experiment, configuration file, or parts such as model/nano train/quick.
    #[arg(required = true, value_name = "FILE|PART")]
    inputs: Vec<String>,
    #[command(flatten)]
    sets: SetOption,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    let experiment = crate::spec::load(&args.sets.request(args.inputs), registry)?;
    for warning in &experiment.warnings {
        eprintln!("warning: {warning}");
    }
    if args.json {
        let trials: Vec<Json> = experiment
            .trials
            .iter()
            .map(|t| json!({ "label": t.label, "config": t.config, "origins": t.origins }))
            .collect();
        let axes: Vec<Json> = experiment
            .axes
            .iter()
            .map(|a| json!({ "key": a.key, "values": a.values }))
            .collect();
        return table::json(&json!({
            "name": experiment.name,
            "axes": axes,
            "budget": experiment.budget,
            "early_stop": experiment.early_stop,
            "trials": trials,
        }));
    }
    let Some(first) = experiment.trials.first() else {
        return Ok(());
    };
    println!(
        "# {}: {} trials; this is the first ({})",
        experiment.name,
        experiment.trials.len(),
        first.label
    );
    for axis in &experiment.axes {
        let values: Vec<String> = axis.values.iter().map(Json::to_string).collect();
        println!("# sweep {} = [{}]", axis.key, values.join(", "));
    }
    for (name, table) in [
        ("budget", json!(experiment.budget)),
        ("early_stop", json!(experiment.early_stop)),
    ] {
        let given = table
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null());
        given.for_each(|(key, value)| println!("# {name}.{key} = {value}"));
    }
    print_leaves(&first.config, |key| first.origins.get(key).cloned().unwrap_or_default());
    Ok(())
}

/// Prints `section.key = value  # origin` for every leaf.
pub(super) fn print_leaves(config: &Json, origin: impl Fn(&str) -> String) {
    let lines: Vec<(String, String)> = leaves(config)
        .iter()
        .map(|(key, value)| (format!("{key} = {value}"), origin(key)))
        .collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0);
    for (line, origin) in lines {
        println!(
            "{}",
            format!("{line:<width$}  # {}", show::text(&Json::String(origin))).trim_end()
        );
    }
}

/// Every dotted key of a configuration and its value, in order.
pub(super) fn leaves(config: &Json) -> Vec<(String, Json)> {
    let mut leaves = Vec::new();
    collect("", config, &mut leaves);
    leaves
}

fn collect(prefix: &str, value: &Json, leaves: &mut Vec<(String, Json)>) {
    match value {
        Json::Object(table) => {
            for (key, value) in table {
                let key = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}.{key}")
                };
                collect(&key, value, leaves);
            }
        }
        value => leaves.push((prefix.to_string(), value.clone())),
    }
}
