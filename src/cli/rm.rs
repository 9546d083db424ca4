//! `mae-exp rm RUN|SWEEP…`: removes runs with everything measured; without `--yes` it says what that would be.

use mae_strategies::Registry;
use serde_json::json;

use crate::store::rows::RunRow;
use crate::store::{Chosen, Holdings, Store};

use super::failure::Failure;
use super::filter::ChoiceOption;
use super::options::{StoreOption, checkpoints};
use super::{folders, outside, table};

/// Arguments of `rm`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    choice: ChoiceOption,
    /// Remove them. Without this, only what would go is printed.
    #[arg(long)]
    yes: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOption,
}

/// What goes, or would go.
struct Loss {
    chosen: Chosen,
    holdings: Holdings,
    checkpoint_bytes: u64,
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    let store = args.store.existing()?;
    let loss = weigh(&store, args.choice.choose(&store, registry)?)?;
    if args.yes {
        remove(&store, &loss)?;
    }
    if args.json {
        return table::json(&json!({
            "removed": args.yes,
            "runs": loss.chosen.ids(),
            "points": loss.holdings.points,
            "pictures": loss.holdings.pictures,
            "picture_bytes": loss.holdings.picture_bytes,
            "checkpoint_bytes": loss.checkpoint_bytes,
        }));
    }
    if !args.yes {
        list(&loss.chosen.runs);
    }
    println!(
        "{}{}",
        if args.yes { "removed " } else { "would remove " },
        loss.words()
    );
    if !args.yes {
        println!("nothing was removed: add --yes to remove them for good");
    }
    Ok(())
}

fn weigh(store: &Store, chosen: Chosen) -> Result<Loss, Failure> {
    let holdings = store.holdings(&chosen.ids())?;
    for run in &chosen.runs {
        if let Some(place) = outside::training(store, run)? {
            let (id, label) = (&run.id, &run.label);
            return Err(Failure::usage(format!(
                "run {id} ({label}) is being trained {place}: stop it before it is removed"
            )));
        }
    }
    let folder = checkpoints(store);
    let checkpoint_bytes = chosen
        .runs
        .iter()
        .map(|run| folders::bytes(&folder.join(&run.id)))
        .sum();
    Ok(Loss {
        chosen,
        holdings,
        checkpoint_bytes,
    })
}

/// Rows first: a folder without a row is found by `gc`, a row without its folder is not.
fn remove(store: &Store, loss: &Loss) -> Result<(), Failure> {
    store.remove_runs(&loss.chosen.runs, &loss.chosen.sweeps)?;
    let folder = checkpoints(store);
    loss.chosen
        .runs
        .iter()
        .try_for_each(|run| folders::remove(&folder.join(&run.id)))
}

fn list(runs: &[RunRow]) {
    let row = |run: &RunRow| {
        vec![
            run.id.clone(),
            run.sweep.clone(),
            run.label.clone(),
            run.status.to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    table::print(&["id", "sweep", "trial", "status"], &rows);
}

impl Loss {
    fn words(&self) -> String {
        format!(
            "{} with {}, {} ({}) and {} of checkpoints",
            table::counted(self.chosen.runs.len() as u64, "run"),
            table::counted(self.holdings.points, "point"),
            table::counted(self.holdings.pictures, "picture"),
            folders::readable(self.holdings.picture_bytes),
            folders::readable(self.checkpoint_bytes)
        )
    }
}
