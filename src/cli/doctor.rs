//! `mae-exp doctor`: devices, store, versions; runs left over by dead processes are found and marked.

use serde_json::{Value as Json, json};

use crate::model::device;
use crate::store::rows::{RunRow, Status};
use crate::store::{RunFilter, Store, StoreError};
use crate::sweep::Process;
use crate::sweep::crash::{self, Found};
use crate::sweep::plan::shelf_of;
use crate::train::Keep;

use super::failure::Failure;
use super::options::StoreOption;
use super::{options, outside, show, table};

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOption,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let devices: Vec<Json> = ["flex", "tch", "tch:0", "cuda:0", "vulkan"]
        .iter()
        .map(|name| check(name))
        .collect();
    let store = store(&args.store);
    let environment = outside::environment(device::default_name());
    if args.json {
        return table::json(&json!({ "devices": devices, "store": store, "environment": environment }));
    }
    println!("devices (default {})", device::default_name());
    for device in &devices {
        println!("  {:<7} {}", show::text(&device["name"]), show::text(&device["state"]));
    }
    println!("\nstore {}", args.store.store);
    for (key, value) in store.as_object().into_iter().flatten() {
        match value.as_array() {
            Some(lines) if lines.is_empty() => println!("  {key}: none"),
            Some(lines) => lines.iter().for_each(|line| println!("  {key}: {}", show::text(line))),
            None => println!("  {key}: {}", show::text(value)),
        }
    }
    println!("\nenvironment");
    for (key, value) in environment.as_object().into_iter().flatten() {
        println!("  {key}: {}", show::text(value));
    }
    Ok(())
}

/// Whether a device can be used. GPU back ends of CubeCL are only looked for, since making one may take the whole GPU.
fn check(name: &str) -> Json {
    let state = match device::resolve(name) {
        Ok(_) => "ready".to_string(),
        Err(error) => error.to_string(),
    };
    json!({ "name": name, "ready": state == "ready", "state": state })
}

fn store(option: &StoreOption) -> Json {
    match Store::open_existing(&option.store).and_then(|store| examine(&store, option)) {
        Ok(found) => found,
        Err(error) => json!({ "state": error.to_string() }),
    }
}

fn examine(store: &Store, option: &StoreOption) -> Result<Json, StoreError> {
    let problems = store.problems()?;
    let (repaired, elsewhere) = if problems.is_empty() {
        repair(store)?
    } else {
        Default::default()
    };
    let runs = store.runs(&RunFilter::default())?;
    let bytes = std::fs::metadata(store.path()).map(|m| m.len()).unwrap_or(0);
    Ok(json!({
        "state": if problems.is_empty() { "sound" } else { "damaged: restore a copy, or give another file with --store" },
        "schema_version": store.schema_version()?,
        "bytes": bytes,
        "free_bytes": outside::free_bytes(store.path()),
        "sweeps": store.sweeps()?.len(),
        "runs": runs.len(),
        "problems": problems,
        "repaired_runs": repaired,
        "runs_elsewhere": elsewhere,
        "open_runs": open(&runs),
        "damaged_checkpoints": damaged(&runs, &options::checkpoints(store)),
        "store": option.store,
    }))
}

/// Runs whose process is gone become crashed; returns what was done, and runs of other machines, of which nothing is known.
fn repair(store: &Store) -> Result<(Vec<String>, Vec<String>), StoreError> {
    let running = store.runs(&RunFilter {
        status: Some(Status::Running),
        ..RunFilter::default()
    })?;
    let (mut repaired, mut elsewhere) = (Vec::new(), Vec::new());
    for run in &running {
        let what = format!("{} ({})", run.id, run.label);
        let process = outside::process(&run.environment);
        let far = matches!(process, Process::Elsewhere(_));
        match crash::look(store, run, process, (&outside::now(), outside::now_ms()))? {
            Found::Held(place) if far => elsewhere.push(format!("{what} {place}")),
            Found::Held(_) | Found::Changed => {}
            Found::Crashed(why) => {
                repaired.push(format!("{what}: {why}; go on with mae-exp resume {}", run.sweep_id));
            }
        }
    }
    Ok((repaired, elsewhere))
}

/// Sweeps with runs that can be taken up again, and how many.
fn open(runs: &[RunRow]) -> Vec<String> {
    let can = |run: &&RunRow| matches!(run.status, Status::Queued | Status::Interrupted | Status::Crashed);
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for run in runs.iter().filter(can) {
        *counts.entry(&run.sweep_id).or_default() += 1;
    }
    let line = |(sweep, count)| format!("{count} of {sweep}: go on with mae-exp resume {sweep}");
    counts.into_iter().map(line).collect()
}

/// Checkpoints that unfinished runs would go on from, and that are not what was written.
fn damaged(runs: &[RunRow], folder: &std::path::Path) -> Vec<String> {
    let unfinished = runs
        .iter()
        .filter(|run| !matches!(run.status, Status::Finished | Status::Running));
    let keep = Keep { last: 1, best: false };
    unfinished
        .flat_map(|run| shelf_of(folder, &run.id, keep).sound().1)
        .collect()
}
