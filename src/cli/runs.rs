//! `mae-exp runs`: list recorded runs.

use mae_strategies::Registry;
use serde_json::{Map, Value as Json, json};

use crate::store::rows::RunRow;
use crate::store::{LastMetrics, Listed, Order, RunFilter, Store, Tags};

use super::failure::Failure;
use super::filter::FilterOption;
use super::options::StoreOption;
use super::table;

/// Arguments of `runs`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    filter: FilterOption,
    /// Print the ids alone, one a line, for other commands.
    #[arg(long, conflicts_with = "json")]
    ids: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOption,
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    let store = args.store.existing()?;
    let filter = args.filter.filter(&store, registry)?;
    if args.json {
        return print_json(&store, &filter);
    }
    let shown = shown(&filter.order);
    let runs = store.list(&filter, if args.ids { &[] } else { &shown })?;
    if args.ids {
        runs.iter().for_each(|run| println!("{}", run.id));
    } else if runs.is_empty() {
        println!("no runs");
    } else {
        print_table(&runs, &shown);
    }
    Ok(())
}

fn print_json(store: &Store, filter: &RunFilter) -> Result<(), Failure> {
    let runs = store.runs(filter)?;
    let ids: Vec<String> = runs.iter().map(|run| run.id.clone()).collect();
    let (last, tags) = (store.last_metrics(&ids)?, store.tags(&ids)?);
    let list: Vec<Json> = runs.iter().map(|run| document(run, &last, &tags)).collect();
    table::json(&json!({ "runs": list }))
}

/// The metrics of the table: a few, and that of the order.
fn shown(order: &Order) -> Vec<&str> {
    let mut shown = vec!["val_loss", "eval_mse", "knn_accuracy"];
    if let Order::Metric { name, .. } = order
        && !shown.contains(&name.as_str())
    {
        shown.push(name);
    }
    shown
}

/// The table, with tags where there are any.
fn print_table(runs: &[Listed], shown: &[&str]) {
    let tagged = runs.iter().any(|run| !run.tags.is_empty());
    let mut header = vec!["id", "sweep", "trial", "status", "minutes"];
    header.extend(shown);
    header.extend(tagged.then_some("tags"));
    let full = |run: &Listed| {
        let mut row = row(run);
        row.extend(tagged.then(|| run.tags.clone()));
        row
    };
    table::print(&header, &runs.iter().map(full).collect::<Vec<_>>());
}

/// The tags of a run on one line.
pub(super) fn words(tags: &Tags, run: &str) -> String {
    tags.get(run).map(|tags| tags.join(" ")).unwrap_or_default()
}

/// One run as `runs --json` and `show --json` print it; numbers that are not finite become text.
pub(super) fn document(run: &RunRow, last: &LastMetrics, tags: &Tags) -> Json {
    let metrics = last
        .get(&run.id)
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), number(*value)));
    json!({
        "id": run.id,
        "sweep": run.sweep,
        "sweep_id": run.sweep_id,
        "position": run.position,
        "label": run.label,
        "status": run.status,
        "tags": tags.get(&run.id).cloned().unwrap_or_default(),
        "seed": run.seed,
        "point": run.point,
        "config": run.config,
        "metrics": metrics.collect::<Map<_, _>>(),
        "error": run.error,
        "trace": run.trace,
        "warnings": run.warnings,
        "identity": run.identity,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    })
}

/// JSON has no NaN and no infinity: they are written as text.
pub(super) fn number(value: f64) -> Json {
    if value.is_finite() {
        json!(value)
    } else {
        json!(value.to_string())
    }
}

fn row(run: &Listed) -> Vec<String> {
    let mut row = vec![
        run.id.clone(),
        run.sweep.clone(),
        run.label.clone(),
        run.status.clone(),
        minutes(run).map_or_else(|| "-".into(), |m| format!("{m:.1}")),
    ];
    let cell = |value: &Option<f64>| value.map_or_else(|| "-".into(), table::number);
    row.extend(run.metrics.iter().map(cell));
    row
}

/// Minutes between start and end, once both are known.
fn minutes(run: &Listed) -> Option<f64> {
    let parse = |time: &Option<String>| time.as_ref()?.parse::<jiff::Timestamp>().ok();
    let span = parse(&run.finished_at)?.duration_since(parse(&run.started_at)?);
    Some(span.as_secs_f64() / 60.0)
}
