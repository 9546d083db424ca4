//! `mae-exp show RUN`: everything recorded about one run.

use serde_json::{Value as Json, json};

use super::failure::Failure;
use super::options::StoreOption;
use super::{runs, table, tag};

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run: id, unique prefix of an id, or latest.
    run: String,
    /// Print one JSON document, with every metric point.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOption,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let store = args.store.existing()?;
    let run = store.find_run(&args.run)?;
    let ids = std::slice::from_ref(&run.id);
    let (last, tags) = (store.last_metrics(ids)?, store.tags(ids)?);
    if args.json {
        let mut document = runs::document(&run, &last, &tags);
        document["notes"] = json!(tag::notes(&store, &run.id)?);
        let points = store.metrics(&run.id)?;
        let point = |p: &crate::store::rows::MetricPoint| json!({ "name": p.name, "step": p.step, "epoch": p.epoch, "value": runs::number(p.value) });
        document["points"] = points.iter().map(point).collect();
        document["origins"] = run.origins;
        document["environment"] = run.environment;
        return table::json(&document);
    }
    println!("run {} of sweep {}: {}", run.id, run.sweep, run.label);
    println!(
        "state: {}{}",
        text(&json!(run.status)),
        if run.error.is_empty() {
            String::new()
        } else {
            format!(" ({})", run.error)
        }
    );
    for warning in run.warnings.as_array().into_iter().flatten() {
        println!("warning: {}", text(warning));
    }
    if tags.values().any(|tags| !tags.is_empty()) {
        println!("tags: {}", runs::words(&tags, &run.id));
    }
    for note in store.notes(&run.id)? {
        println!("note: {} ({})", note.text, note.time);
    }
    println!("\nlast metrics");
    for (name, value) in last.get(&run.id).into_iter().flatten() {
        println!("  {name} = {}", table::number(*value));
    }
    println!("\nconfiguration");
    super::config::print_leaves(&run.config, |key| text(&run.origins[key]));
    println!("\nenvironment");
    for (key, value) in run.environment.as_object().into_iter().flatten() {
        println!("  {key} = {}", text(value));
    }
    Ok(())
}

/// Text without quotes, other values as JSON.
pub(super) fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}
