//! `mae-exp report SWEEP`: the HTML page of a sweep, from what the store holds.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use mae_strategies::Registry;

use crate::report::{ReportData, RunReport, StrategyNote, html};
use crate::store::{RunFilter, Store};

use super::failure::Failure;
use super::masks;
use super::options::{ReportsOption, StoreOption};
use super::{outside, watch};

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Sweep: name, id, unique prefix of an id, or latest.
    #[arg(default_value = "latest")]
    sweep: String,
    /// Folder of the page; by default a folder of the sweep's name under the reports folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the page anew whenever something changed, until the sweep has ended or Ctrl-C.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    reports: ReportsOption,
    #[command(flatten)]
    store: StoreOption,
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    let store = args.store.existing()?;
    let sweep = store.find_sweep(&args.sweep)?;
    let folder = args
        .out
        .unwrap_or_else(|| args.reports.reports.join(folder_name(&sweep.name)));
    if args.watch {
        return watch::run(&args.store.store, &sweep.id, &folder, registry);
    }
    let page = write(&gather(&store, &sweep.id, registry)?, &folder)?;
    println!("{}", page.display());
    Ok(())
}

/// Renders the page of a sweep under the reports folder.
pub(super) fn render(store: &Store, sweep: &str, reports: &Path, registry: &Registry) -> Result<PathBuf, Failure> {
    let data = gather(store, sweep, registry)?;
    write(&data, &reports.join(folder_name(&data.sweep.name)))
}

/// Everything a report is made of.
pub(super) fn gather(store: &Store, sweep: &str, registry: &Registry) -> Result<ReportData, Failure> {
    let sweep = store.find_sweep(sweep)?;
    let mut runs = Vec::new();
    for run in store.runs(&RunFilter {
        sweep: Some(sweep.id.clone()),
        ..RunFilter::default()
    })? {
        let (metrics, pictures) = (store.metrics(&run.id)?, store.pictures(&run.id)?);
        runs.push(RunReport { run, metrics, pictures });
    }
    let used: BTreeSet<&str> = runs
        .iter()
        .filter_map(|r| r.run.config["mask"]["strategy"].as_str())
        .collect();
    let note = |s: &'static dyn mae_strategies::MaskingStrategy| StrategyNote {
        id: s.id().into(),
        summary: s.summary().into(),
        source: s.source().into(),
    };
    let strategies = registry.iter().filter(|s| used.contains(s.id())).map(note).collect();
    let masks = masks::measured(&runs, registry);
    let version = env!("CARGO_PKG_VERSION").to_string();
    Ok(ReportData {
        sweep,
        runs,
        generated_at: outside::now(),
        version,
        strategies,
        masks,
    })
}

fn write(data: &ReportData, folder: &Path) -> Result<PathBuf, Failure> {
    let page = folder.join("index.html");
    let text = html(data).map_err(anyhow::Error::new)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(&page, text).with_context(|| format!("cannot write {}", page.display()))?;
    Ok(page)
}

/// A sweep's name as a folder: characters that a file name should not have become `_`.
fn folder_name(name: &str) -> String {
    let safe = |c: char| {
        if c.is_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(safe).collect();
    if name.trim_matches('.').is_empty() {
        "sweep".into()
    } else {
        name
    }
}
