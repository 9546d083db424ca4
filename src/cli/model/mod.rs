//! `mae-exp model info|forward|convert|features`: sizes of models, and what is done with weights.

mod convert;
mod features;
mod forward;
mod info;

use mae_strategies::Registry;

use super::failure::Failure;

/// Arguments of `model`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Parameter counts and cost; of all built-in models when none is named
    Info(info::Args),
    /// Run given pictures and noise through given weights: latent, predictions, mask, loss
    Forward(forward::Args),
    /// Write weights in official, timm or Hugging Face naming
    Convert(convert::Args),
    /// Write frozen features of pictures
    Features(features::Args),
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    match args.command {
        Command::Info(args) => info::run(args),
        Command::Forward(args) => forward::run(&args, registry),
        Command::Convert(args) => convert::run(&args, registry),
        Command::Features(args) => features::run(&args, registry),
    }
}
