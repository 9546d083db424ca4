//! `mae-exp doctor`: devices, store, runs left over by dead processes, versions.

use serde_json::{Value as Json, json};

use crate::model::device;
use crate::store::rows::{RunRow, Status};
use crate::store::{RunFilter, Store};
use crate::sweep::Process;

use super::failure::Failure;
use super::options::StoreOption;
use super::{outside, show, table};

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
    match Store::open_existing(&option.store).and_then(|store| examine(&store)) {
        Ok(found) => found,
        Err(error) => json!({ "state": error.to_string() }),
    }
}

fn examine(store: &Store) -> Result<Json, crate::store::StoreError> {
    let problems = store.problems()?;
    let running = store.runs(&RunFilter {
        status: Some(Status::Running),
        ..RunFilter::default()
    })?;
    let gone = |run: &&RunRow| outside::process(&run.environment) == Process::Gone;
    let stale: Vec<String> = running
        .iter()
        .filter(gone)
        .map(|run| {
            format!(
                "{} ({}): its process is gone; go on with mae-exp resume {}",
                run.id, run.label, run.sweep_id
            )
        })
        .collect();
    let bytes = std::fs::metadata(store.path()).map(|m| m.len()).unwrap_or(0);
    Ok(json!({
        "state": if problems.is_empty() { "sound" } else { "damaged" },
        "schema_version": store.schema_version()?,
        "bytes": bytes,
        "sweeps": store.sweeps()?.len(),
        "runs": store.runs(&RunFilter::default())?.len(),
        "problems": problems,
        "stale_runs": stale,
    }))
}
