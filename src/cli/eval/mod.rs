//! `mae-exp eval`: judges the encoders of runs, or of any weights, by tasks, on their own pictures or on others. What is found
//! about a run is recorded beside it.

mod found;
mod subject;

use std::path::PathBuf;
use std::time::Instant;

use mae_strategies::Registry;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::options::DeviceOption;
use crate::cli::table;
use crate::cli::weights::ModelOption;
use crate::spec::trial::EvalTask;

use found::Found;
use subject::Subject;

/// Arguments of `eval`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Runs, or sweeps for all of their runs that are finished: name, id, unique prefix of an id, or latest.
    #[arg(value_name = "RUN", required_unless_present = "weights", conflicts_with = "weights")]
    runs: Vec<String>,
    /// Weights instead of a run: a .pth or .safetensors file, or a folder that holds one.
    #[arg(long, value_name = "WEIGHTS", requires = "data")]
    weights: Option<String>,
    /// Tasks; those of the run's eval.tasks where none is named.
    #[arg(long = "task", value_name = "TASK", value_delimiter = ',', required_unless_present = "runs")]
    tasks: Vec<EvalTask>,
    /// Folder of pictures in place of the run's own: train/ and val/, or one folder that is divided; sub-folders are classes.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Read features anew, and keep none.
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    model: ModelOption,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, registry: &Registry) -> Result<(), Failure> {
    let device = args.device.resolve()?;
    let mut documents = Vec::new();
    for subject in Subject::all(args, registry)? {
        let begun = Instant::now();
        eprintln!("{}: {}", subject.name, subject.set.describe());
        let found = Found::by(args, subject, registry, &device)?;
        if !args.json {
            found.print();
        }
        found.record(args)?;
        eprintln!("{} s", table::number(begun.elapsed().as_secs_f64()));
        documents.push(found.document());
    }
    if args.json {
        return table::json(&json!({ "evaluations": documents }));
    }
    Ok(())
}
