//! `mae-exp query "SELECT …"`: any question to the store; nothing in it can be changed this way.

use serde_json::{Value as Json, json};

use crate::store::ReadOnly;

use super::failure::Failure;
use super::options::StoreOption;
use super::{show, table};

/// Arguments of `query`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One statement that reads, such as "SELECT label, value FROM last_metrics WHERE name = 'val_loss'"; tables and views
    /// are described in src/store/schema.md.
    #[arg(value_name = "SQL", allow_hyphen_values = true)]
    sql: String,
    /// Print one JSON document: columns, and rows as lists.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOption,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let answer = ReadOnly::open(&args.store.store)?.query(&args.sql)?;
    if args.json {
        return table::json(&json!({ "columns": answer.columns, "rows": answer.rows }));
    }
    let cell = |value: &Json| match value {
        Json::Null => "-".to_owned(),
        value => show::text(value).replace(['\n', '\r'], " "),
    };
    let row = |row: &Vec<Json>| row.iter().map(cell).collect();
    let header: Vec<&str> = answer.columns.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = answer.rows.iter().map(row).collect();
    table::print(&header, &rows);
    Ok(())
}
