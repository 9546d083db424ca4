//! `mae-exp strategies check FILE`: a script of one's own against the laws that every masking strategy keeps.

use std::path::PathBuf;

use mae_strategies::conformance::{self, Failure as Broken, Setting};
use mae_strategies::{Grid, Registry, Value};
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::table;
use crate::spec::script_text;

/// Where a script is tried first: an error here is told alone.
const FIRST: (Grid, f64) = (Grid::new(14, 14), 0.75);

/// Arguments of `strategies check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The script.
    #[arg(value_name = "FILE.rhai")]
    file: PathBuf,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, registry: &Registry, json: bool) -> Result<(), Failure> {
    let path = args.file.display().to_string();
    let source = script_text(&path).map_err(|problem| Failure::usage(format!("script {path} {problem}")))?;
    let fixed = Setting::from([
        ("path".to_owned(), Value::from(path.as_str())),
        ("source".to_owned(), Value::from(source)),
    ]);
    let script = registry.get("script")?;
    let tried = registry.plan(script.id(), FIRST.0, FIRST.1, fixed.clone());
    let problems: Vec<String> = match &tried {
        Err(error) => vec![error.to_string()],
        Ok(_) => {
            let broken = conformance::check_with(script, &fixed).err().unwrap_or_default();
            broken.iter().map(Broken::to_string).collect()
        }
    };
    let varies = tried.is_ok_and(|plan| script.is_random(plan.request()));
    if json || args.json {
        let document = json!({ "script": path, "passes": problems.is_empty(), "varies": varies, "problems": problems });
        table::json(&document)?;
    } else if problems.is_empty() {
        let masks = if varies {
            "masks vary with the seed"
        } else {
            "all masks are one"
        };
        println!("{path}: keeps every law on all grids and ratios tried; {masks}");
    } else {
        problems.iter().for_each(|problem| println!("{problem}"));
    }
    match problems.len() {
        0 => Ok(()),
        1 => Err(anyhow::anyhow!("{path} cannot be used as a masking strategy").into()),
        count => Err(anyhow::anyhow!("{path} breaks laws of masking strategies in {count} cases").into()),
    }
}
