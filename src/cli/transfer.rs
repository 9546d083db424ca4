//! `mae-exp export --format db` and `mae-exp import`: runs on their way from one store to another.

use std::path::Path;

use serde_json::json;

use crate::store::{Copied, ReadOnly, Store};

use super::failure::Failure;
use super::options::{StoreOption, checkpoints, checkpoints_beside};
use super::{folders, table};

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The store to take runs from, such as one that `export --format db` wrote. It is only read.
    #[arg(value_name = "FILE.db")]
    file: String,
    /// Runs or whole sweeps: name, id, unique prefix of an id, or latest; all that are over when none is named.
    #[arg(value_name = "RUN|SWEEP")]
    which: Vec<String>,
    /// Copy the checkpoints, too.
    #[arg(long)]
    checkpoints: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOption,
}

/// What was copied, rows and files.
pub(super) struct Parcel {
    rows: Copied,
    checkpoint_bytes: u64,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let mut source = ReadOnly::open(&args.file)?;
    source.must_be_current()?;
    let ids = source.choose(&args.which)?.ids();
    let store = args.store.create()?;
    let parcel = send(&mut source, &store, &ids, args.checkpoints)?;
    if args.json {
        return table::json(&json!({
            "copied": parcel.rows.runs,
            "same": parcel.rows.same,
            "twins": parcel.rows.twins,
            "unfinished": parcel.rows.unfinished,
            "points": parcel.rows.points,
            "pictures": parcel.rows.pictures,
            "checkpoint_bytes": parcel.checkpoint_bytes,
        }));
    }
    parcel.say(store.path());
    Ok(())
}

/// Copies runs, and their checkpoints if asked for: what both directions do.
pub(super) fn send(source: &mut ReadOnly, target: &Store, runs: &[String], files: bool) -> Result<Parcel, Failure> {
    let (from, to) = (checkpoints_beside(source.path()), checkpoints(target));
    let place = std::path::absolute(&to)?;
    let rows = target.copy_from(source, runs, files.then_some(place.as_path()))?;
    let mut checkpoint_bytes = 0;
    if files {
        // Those that were there already may have come without their files.
        for run in rows.runs.iter().chain(&rows.same) {
            checkpoint_bytes += folders::copy(&from.join(run), &to.join(run))?;
        }
    }
    Ok(Parcel { rows, checkpoint_bytes })
}

impl Parcel {
    /// Says what became of the runs.
    pub(super) fn say(&self, target: &Path) {
        let rows = &self.rows;
        let runs = table::counted(rows.runs.len() as u64, "run");
        let points = table::counted(rows.points, "point");
        let pictures = table::counted(rows.pictures, "picture");
        let checkpoints = match self.checkpoint_bytes {
            0 => String::new(),
            bytes => format!(" and {} of checkpoints", folders::readable(bytes)),
        };
        println!(
            "copied {runs} with {points}, {pictures}{checkpoints} to {}",
            target.display()
        );
        let left = |runs: &[String], why: &str| {
            if !runs.is_empty() {
                println!("{why}: {}", runs.join(", "));
            }
        };
        left(&rows.same, "there already");
        left(
            &rows.twins,
            "left out, since the same sweep has their trials there under other ids",
        );
        left(&rows.unfinished, "left out, since they are not over yet");
    }
}
