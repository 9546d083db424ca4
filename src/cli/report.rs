//! `mae-exp report SWEEP…`: the HTML page of a sweep or of several, from what the store holds; files for a paper beside it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use mae_strategies::Registry;

use crate::report::{
    ReportData, RunReport, StrategyNote, html, join, of_last_weights, protocols_with_later, with_later,
};
use crate::store::{RunFilter, Store};

use super::failure::Failure;
use super::options::{ReportsOption, StoreOption};
use super::{check, masks, outside, paper, watch};

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Sweeps, joined to one page where there are several: name, id, unique prefix of an id, or latest.
    #[arg(default_value = "latest", value_name = "SWEEP")]
    sweeps: Vec<String>,
    /// Write figures (SVG, PDF) and tables (LaTeX, Markdown, CSV, JSON) for a paper into DIR, or beside the page.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    paper: Option<Option<PathBuf>>,
    /// Say whether tables in these files (tables of `export` or `--paper`, or papers that hold them) still match the store;
    /// nothing is written.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["sweeps", "paper", "out"])]
    check: Vec<PathBuf>,
    /// Folder of the page; by default a folder of the sweep's name under the reports folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the page anew whenever something changed, until the sweep has ended or Ctrl-C.
    #[arg(long, conflicts_with_all = ["paper", "check"])]
    watch: bool,
    #[command(flatten)]
    reports: ReportsOption,
    #[command(flatten)]
    store: StoreOption,
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    let store = args.store.existing()?;
    if !args.check.is_empty() {
        return check::run(&args.check, &store, registry);
    }
    if args.watch {
        return follow(&args, &store, registry);
    }
    let data = gather_all(&store, &args.sweeps, registry)?;
    let folder = folder(&args, &data.sweep.name);
    println!("{}", write(&data, &folder)?.display());
    if let Some(other) = args.paper {
        let made = paper::write(&data, &other.unwrap_or(folder), &args.store.store)?;
        made.iter().for_each(|file| println!("{}", file.display()));
    }
    Ok(())
}

/// Where the page of a sweep of this name goes.
fn folder(args: &Args, sweep: &str) -> PathBuf {
    let beside = || args.reports.reports.join(folder_name(sweep));
    args.out.clone().unwrap_or_else(beside)
}

fn follow(args: &Args, store: &Store, registry: &Registry) -> Result<(), Failure> {
    let [word] = args.sweeps.as_slice() else {
        return Err(Failure::usage("--watch follows one sweep: name one"));
    };
    let sweep = store.find_sweep(word)?;
    watch::run(&args.store.store, &sweep.id, &folder(args, &sweep.name), registry)
}

/// Everything a report of these sweeps is made of, each of them once.
pub(super) fn gather_all(store: &Store, words: &[String], registry: &Registry) -> Result<ReportData, Failure> {
    let mut ids: Vec<String> = Vec::new();
    for word in words {
        let id = store.find_sweep(word)?.id;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let parts: Result<Vec<ReportData>, Failure> = ids.iter().map(|id| gather(store, id, registry)).collect();
    let mut data = join(parts?).ok_or_else(|| Failure::usage("no sweep is named: name one, or latest"))?;
    if ids.len() > 1 {
        data.masks = masks::measured(&data.runs, registry);
    }
    Ok(data)
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
        let evaluations = of_last_weights(&run, store.evaluations(&run.id)?);
        let metrics = with_later(store.metrics(&run.id)?, &evaluations);
        let protocols = protocols_with_later(store.protocols(&run.id)?, &evaluations);
        let pictures = store.pictures(&run.id)?;
        runs.push(RunReport {
            run,
            metrics,
            pictures,
            protocols,
            evaluations,
        });
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
