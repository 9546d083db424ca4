//! `mae-exp bench`: the program's own measurements, for side-by-side scripts.

mod input;
mod masks;
mod report;
mod source;
mod store;
mod store_worker;
mod sweep;
mod train_step;

use mae_strategies::Registry;

use super::failure::Failure;

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Full training steps (masking, forward, backward, AdamW), on noise in memory or on pictures through the loader
    TrainStep(train_step::Args),
    /// Pictures of a folder read, decoded, cropped, resized and normalised by the training loader, uncached
    Input(input::Args),
    /// Masks drawn by every strategy
    Masks(masks::Args),
    /// Numbers recorded in a store of its own
    Store(store::Args),
    /// The page of a large sweep: seconds and bytes
    Report(report::Args),
    /// Trials that train nothing: what managing one costs
    Sweep(sweep::Args),
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    match args.command {
        Command::TrainStep(args) => train_step::run(&args, registry),
        Command::Input(args) => input::run(&args, registry),
        Command::Masks(args) => masks::run(&args, registry),
        Command::Store(args) => store::run(&args),
        Command::Report(args) => report::run(&args, registry),
        Command::Sweep(args) => sweep::run(&args, registry),
    }
}
