//! `mae-exp runs`: list recorded runs.

use serde_json::{Map, Value as Json, json};

use crate::store::rows::{RunRow, Status};
use crate::store::{LastMetrics, RunFilter};

use super::failure::Failure;
use super::options::StoreOption;
use super::table;

/// Arguments of `runs`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only runs of this sweep: name, id, unique prefix of an id, or latest.
    #[arg(long)]
    sweep: Option<String>,
    /// Only runs in this state: queued, running, finished, pruned, failed, diverged, interrupted or crashed.
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOption,
}

fn status(text: &str) -> Result<Status, String> {
    serde_json::from_value(Json::String(text.into()))
        .map_err(|_| "use queued, running, finished, pruned, failed, diverged, interrupted or crashed".into())
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let store = args.store.existing()?;
    let sweep = args.sweep.map(|s| store.find_sweep(&s)).transpose()?.map(|s| s.id);
    let runs = store.runs(&RunFilter {
        sweep,
        status: args.status,
    })?;
    let ids: Vec<String> = runs.iter().map(|run| run.id.clone()).collect();
    let last = store.last_metrics(&ids)?;
    if args.json {
        let list: Vec<Json> = runs.iter().map(|run| document(run, &last)).collect();
        return table::json(&json!({ "runs": list }));
    }
    if runs.is_empty() {
        println!("no runs");
        return Ok(());
    }
    let shown = ["val_loss", "eval_mse", "knn_accuracy"];
    let mut header = vec!["id", "sweep", "trial", "status", "minutes"];
    header.extend(shown);
    let rows: Vec<Vec<String>> = runs.iter().map(|run| row(run, &last, &shown)).collect();
    table::print(&header, &rows);
    Ok(())
}

/// One run as `runs --json` and `show --json` print it; numbers that are not finite become text.
pub(super) fn document(run: &RunRow, last: &LastMetrics) -> Json {
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

fn row(run: &RunRow, last: &LastMetrics, shown: &[&str]) -> Vec<String> {
    let status = serde_json::to_value(run.status)
        .ok()
        .and_then(|s| s.as_str().map(str::to_string));
    let mut row = vec![
        run.id.clone(),
        run.sweep.clone(),
        run.label.clone(),
        status.unwrap_or_default(),
        minutes(run).map_or_else(|| "-".into(), |m| format!("{m:.1}")),
    ];
    let value = |name: &&str| last.get(&run.id).and_then(|metrics| metrics.get(*name)).copied();
    row.extend(
        shown
            .iter()
            .map(|name| value(name).map_or_else(|| "-".into(), table::number)),
    );
    row
}

/// Minutes between start and end, once both are known.
fn minutes(run: &RunRow) -> Option<f64> {
    let parse = |time: &Option<String>| time.as_ref()?.parse::<jiff::Timestamp>().ok();
    let span = parse(&run.finished_at)?.duration_since(parse(&run.started_at)?);
    Some(span.as_secs_f64() / 60.0)
}
