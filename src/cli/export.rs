//! `mae-exp export`: a sweep's table for other programs and for papers, or whole runs as another store.

use std::path::PathBuf;

use anyhow::Context;
use mae_strategies::Registry;

use crate::report::paper::{Form, table};
use crate::store::{ReadOnly, Store};

use super::failure::Failure;
use super::options::StoreOption;
use super::{report, transfer};

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Sweeps, joined to one table where there are several: name, id, unique prefix of an id, or latest. With --format db,
    /// runs, too.
    #[arg(default_value = "latest", value_name = "SWEEP")]
    which: Vec<String>,
    /// Form of the table, or db for a store with everything measured.
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// File to write; standard output when absent. With --format db, a store, which may be there already.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Copy the checkpoints, too (--format db).
    #[arg(long)]
    checkpoints: bool,
    #[command(flatten)]
    store: StoreOption,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// One row a trial, all last metrics.
    Csv,
    /// One row a swept point and metric: n, mean, sd, ends of the 95 % interval.
    Summary,
    /// Groups and trials as one document.
    Json,
    /// A booktabs table, mean ± half-width of the 95 % interval over seeds.
    Latex,
    /// The same as a pipe table.
    Markdown,
    /// A store with everything measured, for `mae-exp import` and every command's --store.
    Db,
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    if let Format::Db = args.format {
        return database(&args);
    }
    if args.checkpoints {
        return Err(Failure::usage("--checkpoints goes with --format db only"));
    }
    let store = args.store.existing()?;
    let data = report::gather_all(&store, &args.which, registry)?;
    let form = match args.format {
        Format::Summary => Form::Summary,
        Format::Latex => Form::Latex,
        Format::Markdown => Form::Markdown,
        Format::Json => Form::Json,
        Format::Csv | Format::Db => Form::Csv,
    };
    let text = table(&data, form, &args.store.store);
    match args.out {
        None => print!("{text}"),
        Some(path) => std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?,
    }
    Ok(())
}

/// Copies runs into another store.
fn database(args: &Args) -> Result<(), Failure> {
    let Some(out) = &args.out else {
        return Err(Failure::usage("--format db writes a file: name it with --out FILE.db"));
    };
    let store = args.store.existing()?;
    let ids = store.choose(&args.which)?.ids();
    let mut source = ReadOnly::open(&args.store.store)?;
    let target = Store::open(&out.to_string_lossy())?;
    transfer::send(&mut source, &target, &ids, args.checkpoints)?.say(target.path());
    Ok(())
}
