//! `mae-exp tag RUN|SWEEP…` and `mae-exp note RUN [TEXT]`: what people say about runs, finished ones included.

use mae_strategies::Registry;
use serde_json::{Value as Json, json};

use crate::store::Store;
use crate::store::rows::RunRow;

use super::failure::Failure;
use super::filter::ChoiceOption;
use super::options::StoreOption;
use super::{outside, runs, table};

/// Arguments of `tag`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    choice: ChoiceOption,
    /// Tags to add: words without spaces and commas.
    #[arg(long, value_name = "TAG", num_args = 1.., value_delimiter = ',', value_parser = tag)]
    add: Vec<String>,
    /// Tags to take away.
    #[arg(long, value_name = "TAG", num_args = 1.., value_delimiter = ',')]
    remove: Vec<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOption,
}

/// Arguments of `note`.
#[derive(Debug, clap::Args)]
pub(super) struct NoteArgs {
    /// Run: id, unique prefix of an id, or latest.
    run: String,
    /// What to note; without it, the notes there are.
    text: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOption,
}

fn tag(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err("a tag is a word without spaces, such as baseline".into());
    }
    Ok(text.into())
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    if let Some(both) = args.add.iter().find(|tag| args.remove.contains(tag)) {
        return Err(Failure::usage(format!(
            "tag {both} cannot be added and removed at once"
        )));
    }
    let store = args.store.existing()?;
    let chosen = args.choice.choose(&store, registry)?;
    store.change_tags(&chosen.ids(), &args.add, &args.remove)?;
    let tags = store.tags(&chosen.ids())?;
    if args.json {
        let list = chosen.runs.iter().map(|run| {
            let tags = &tags[&run.id];
            json!({ "id": run.id, "sweep": run.sweep, "label": run.label, "tags": tags })
        });
        return table::json(&json!({ "runs": list.collect::<Vec<_>>() }));
    }
    let row = |run: &RunRow| {
        let words = runs::words(&tags, &run.id);
        vec![run.id.clone(), run.sweep.clone(), run.label.clone(), words]
    };
    let rows: Vec<Vec<String>> = chosen.runs.iter().map(row).collect();
    table::print(&["id", "sweep", "trial", "tags"], &rows);
    Ok(())
}

pub(super) fn note(args: NoteArgs) -> Result<(), Failure> {
    let store = args.store.existing()?;
    let run = store.find_run(&args.run)?;
    if let Some(text) = &args.text {
        let text = text.trim();
        if text.is_empty() {
            return Err(Failure::usage(
                "the note is empty: give some words, or none to list the notes",
            ));
        }
        store.add_note(&run.id, &outside::now(), text)?;
    }
    if args.json {
        return table::json(&json!({ "id": run.id, "label": run.label, "notes": notes(&store, &run.id)? }));
    }
    let notes = store.notes(&run.id)?;
    if notes.is_empty() {
        println!("no notes on run {} ({})", run.id, run.label);
    }
    for note in notes {
        println!("{}  {}", note.time, note.text);
    }
    Ok(())
}

/// The notes on a run as JSON.
pub(super) fn notes(store: &Store, run: &str) -> Result<Vec<Json>, Failure> {
    let notes = store.notes(run)?;
    Ok(notes
        .iter()
        .map(|note| json!({ "time": note.time, "text": note.text }))
        .collect())
}
