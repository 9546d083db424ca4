//! `mae-exp export SWEEP`: a sweep's table for other programs and for papers.

use std::path::PathBuf;

use anyhow::Context;
use mae_strategies::Registry;

use super::failure::Failure;
use super::options::StoreOption;
use super::report;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Sweep: name, id, unique prefix of an id, or latest.
    #[arg(default_value = "latest")]
    sweep: String,
    /// Form of the table.
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// File to write; standard output when absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    store: StoreOption,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// One row a trial, all last metrics.
    Csv,
    /// Groups and trials as one document.
    Json,
    /// A booktabs table, mean ± sd over seeds.
    Latex,
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    let store = args.store.existing()?;
    let data = report::gather(&store, &store.find_sweep(&args.sweep)?.id, registry)?;
    let text = match args.format {
        Format::Csv => crate::report::csv(&data),
        Format::Json => serde_json::to_string_pretty(&crate::report::json(&data)).map_err(anyhow::Error::new)? + "\n",
        Format::Latex => crate::report::latex(&data),
    };
    match args.out {
        None => print!("{text}"),
        Some(path) => std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?,
    }
    Ok(())
}
