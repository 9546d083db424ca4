//! `mae-exp run FILE|PART…`: one trial.

use mae_strategies::Registry;

use super::failure::Failure;
use super::options::SetOption;
use super::sweep::{TrainOptions, train};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A configuration file (TOML, or flat YAML), or parts such as model/nano data/photos train/quick.
    #[arg(required = true, value_name = "FILE|PART")]
    inputs: Vec<String>,
    #[command(flatten)]
    sets: SetOption,
    #[command(flatten)]
    pub(super) options: TrainOptions,
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    let first = args.inputs[0].clone();
    let experiment = crate::spec::load(&args.sets.request(args.inputs), registry)?;
    if experiment.trials.len() > 1 {
        let trials = experiment.trials.len();
        return Err(Failure::usage(format!(
            "{first} describes {trials} trials: train them with mae-exp sweep {first}"
        )));
    }
    train(&experiment, &args.options, registry)
}
