//! `mae-exp gc`: removes checkpoints that nothing needs and makes the store's file smaller. Folders of runs that are being
//! trained are never touched; checkpoints of finished runs stay unless asked for, since other commands take weights from
//! them.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::store::rows::{RunRow, Status};
use crate::store::{RunFilter, Store};

use super::failure::Failure;
use super::options::{StoreOption, checkpoints, features_beside};
use super::{folders, outside, table};

/// What a SQLite file begins with.
const SQLITE: &[u8; 15] = b"SQLite format 3";

/// Arguments of `gc`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print what would be removed, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Remove the checkpoints of finished, pruned and diverged runs, too: no weights can be taken from them any more.
    #[arg(long)]
    finished: bool,
    /// Remove the features that eval has kept, too: they are read anew when a task asks for them.
    #[arg(long)]
    features: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOption,
}

/// A folder that can go.
struct Waste {
    path: PathBuf,
    run: String,
    why: &'static str,
    bytes: u64,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let store = args.store.existing()?;
    let waste = find(&store, args.finished)?;
    let before = file_bytes(store.path());
    let training = training(&store)?;
    let kept = args.features.then(|| features_beside(&args.store.store));
    let kept = kept.filter(|folder| folder.exists());
    let kept_bytes = kept.as_deref().map_or(0, folders::bytes);
    if !args.dry_run {
        clear(&store, &waste)?;
        kept.as_deref().map_or(Ok(()), folders::remove)?;
        if training.is_none() {
            store.compact()?;
        }
    }
    let won = before.saturating_sub(file_bytes(store.path()));
    if args.json {
        let mut document = document(&args, &waste, won, training.as_deref());
        document["feature_bytes"] = kept_bytes.into();
        return table::json(&document);
    }
    if let Some(folder) = &kept {
        println!("{}  {}  kept features", folder.display(), folders::readable(kept_bytes));
    }
    let features = kept.map(|_| kept_bytes);
    print(&args, (&waste, features), won, training.as_deref());
    Ok(())
}

/// Folders of runs that are gone, halves of checkpoints, and with `finished` all of runs that need none.
fn find(store: &Store, finished: bool) -> Result<Vec<Waste>, Failure> {
    let folder = checkpoints(store);
    // Listed before the rows are read: a run has its row before it has its folder.
    let listed: Vec<(PathBuf, Vec<PathBuf>)> = folders::entries(&folder)
        .into_iter()
        .filter(|path| folders::is_of_a_run(path))
        .map(|path| {
            let inside = folders::entries(&path);
            (path, inside)
        })
        .collect();
    let shared = shared(store.path());
    let mut waste = Vec::new();
    for (path, inside) in listed {
        let run = store.run(&folders::name(&path))?;
        match &run {
            None if shared.is_some() => {}
            None => waste.push(Waste::new(path, "its run is not in the store")),
            Some(run) if outside::training(store, run)?.is_some() => {}
            Some(run) if finished && needs_none(run) => waste.push(Waste::new(path, "its run is over")),
            Some(run) => {
                let halves = inside.into_iter().filter(|path| folders::is_part(path));
                waste.extend(halves.map(|path| Waste {
                    run: run.id.clone(),
                    ..Waste::new(path, "it was left half-written")
                }));
            }
        }
    }
    if let Some(other) = shared {
        let (other, folder) = (other.display(), folder.display());
        eprintln!("note: {folder} is also that of {other}: folders of runs that are not in this store stay");
    }
    Ok(waste)
}

impl Waste {
    fn new(path: PathBuf, why: &'static str) -> Self {
        Self {
            run: folders::name(&path),
            bytes: folders::bytes(&path),
            path,
            why,
        }
    }
}

/// Whether no command goes on with training from a run's checkpoints.
fn needs_none(run: &RunRow) -> bool {
    matches!(run.status, Status::Finished | Status::Pruned | Status::Diverged)
}

/// Another database whose checkpoints lie in the same folder, because only the end of its name differs.
fn shared(path: &Path) -> Option<PathBuf> {
    let is_database = |path: &Path| {
        let mut head = [0; SQLITE.len()];
        let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
        read.is_ok() && head == *SQLITE
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let beside = folders::entries(parent.unwrap_or(Path::new(".")));
    beside.into_iter().find(|other| {
        other.file_stem() == path.file_stem() && other.file_name() != path.file_name() && is_database(other)
    })
}

/// Removes folders, each after another look at its run: it may have been taken up meanwhile.
fn clear(store: &Store, waste: &[Waste]) -> Result<(), Failure> {
    let mut over = Vec::new();
    for item in waste {
        let run = store.run(&item.run)?;
        if let Some(run) = &run
            && outside::training(store, run)?.is_some()
        {
            continue;
        }
        folders::remove(&item.path)?;
        if run.is_some() && !folders::is_part(&item.path) {
            over.push(item.run.clone());
        }
    }
    Ok(store.forget_checkpoints(&over)?)
}

/// The first run that is being trained, and where.
fn training(store: &Store) -> Result<Option<String>, Failure> {
    let running = store.runs(&RunFilter {
        status: Some(Status::Running),
        ..RunFilter::default()
    })?;
    for run in &running {
        if let Some(place) = outside::training(store, run)? {
            return Ok(Some(format!("run {} is being trained {place}", run.id)));
        }
    }
    Ok(None)
}

/// Bytes of the file and its journal.
fn file_bytes(path: &Path) -> u64 {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-wal");
    folders::bytes(path) + folders::bytes(Path::new(&journal))
}

fn total(waste: &[Waste]) -> u64 {
    waste.iter().map(|item| item.bytes).sum()
}

fn document(args: &Args, waste: &[Waste], won: u64, training: Option<&str>) -> Json {
    let folder = |item: &Waste| json!({ "path": item.path, "run": item.run, "bytes": item.bytes, "why": item.why });
    json!({
        "removed": !args.dry_run,
        "folders": waste.iter().map(folder).collect::<Vec<_>>(),
        "checkpoint_bytes": total(waste),
        "store_bytes": won,
        "compacted": !args.dry_run && training.is_none(),
        "training": training,
    })
}

fn print(args: &Args, (waste, features): (&[Waste], Option<u64>), won: u64, training: Option<&str>) {
    for item in waste {
        let (path, why, bytes) = (item.path.display(), item.why, folders::readable(item.bytes));
        println!("{path}  {bytes}  {why}");
    }
    let count = table::counted(waste.len() as u64, "folder");
    let bytes = folders::readable(total(waste));
    let features = features.map(|bytes| format!(", and {} of kept features", folders::readable(bytes)));
    let what = format!("{count} with {bytes} of checkpoints{}", features.unwrap_or_default());
    if args.dry_run {
        println!("would remove {what}; nothing was done");
        return;
    }
    println!("removed {what}");
    match training {
        Some(who) => println!("the store stays as large as it is: {who}"),
        None => println!("the store is smaller by {}", folders::readable(won)),
    }
}
