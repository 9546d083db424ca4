//! `mae-exp eval`: judges weights by one task.

mod anomaly;
mod anomaly_files;

use std::path::PathBuf;

use mae_strategies::Registry;

use super::failure::Failure;
use super::weights::RunOption;

/// Arguments of `eval`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to judge by.
    #[arg(long, value_name = "TASK")]
    task: Task,
    /// Folder of pictures.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder to write pictures, tables and the page to.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    anomaly: anomaly::AnomalyArgs,
    #[command(flatten)]
    on: RunOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Task {
    /// Maps of what the model does not expect; with labels, how well they tell defective pictures.
    Anomaly,
}

pub(super) fn run(args: &Args, registry: &Registry) -> Result<(), Failure> {
    match args.task {
        Task::Anomaly => {
            let place = anomaly::Place {
                data: &args.data,
                out: args.out.as_deref(),
            };
            anomaly::run(&args.anomaly, place, &args.on, registry)
        }
    }
}
