//! The command line: one file per command. Clock, environment, ids and randomness of ids enter the program here, and
//! only here does it print.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command line is where the program prints"
)]

mod bench;
mod check;
mod compare;
mod config;
mod doctor;
mod estimate;
mod eval;
mod export;
mod failure;
mod files;
mod filter;
mod folders;
mod gc;
mod jobs;
mod masks;
mod model;
mod options;
mod outside;
mod paper;
mod progress;
mod query;
mod reconstruct;
mod report;
mod resume;
mod rm;
mod run;
mod runs;
mod serve;
mod show;
mod strategies;
mod sweep;
mod table;
mod tag;
mod transfer;
mod watch;
mod weights;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mae_strategies::Registry;

use failure::Failure;

/// Experiment manager for masked autoencoders.
#[derive(Debug, Parser)]
#[command(name = "mae-exp", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    /// Change to this directory first.
    #[arg(short = 'C', value_name = "DIR", global = true)]
    directory: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train every trial of an experiment and render its report
    Sweep(sweep::Args),
    /// Train one trial
    Run(run::Args),
    /// Go on with a sweep or run where it stopped
    Resume(resume::Args),
    /// List recorded runs
    Runs(runs::Args),
    /// Show one run: configuration, metrics, environment
    Show(show::Args),
    /// Render the HTML report of sweeps, their figures and tables for a paper, or check a paper's tables
    Report(report::Args),
    /// Show reports in a browser while sweeps run
    Serve(serve::Args),
    /// Write the table of sweeps as CSV, JSON, LaTeX or Markdown, or runs as another store
    Export(export::Args),
    /// Copy runs of another store into this one
    Import(transfer::Args),
    /// Say what differs between runs: configuration, environment, metrics
    Compare(compare::Args),
    /// Ask the store a question in SQL
    Query(query::Args),
    /// Tag runs, or list their tags
    Tag(tag::Args),
    /// Add a note to a run, or list its notes
    Note(tag::NoteArgs),
    /// Remove runs with everything measured
    Rm(rm::Args),
    /// Remove checkpoints that nothing needs and make the store smaller
    Gc(gc::Args),
    /// Masking strategies: list, show, preview, stats, check
    Strategies(strategies::Args),
    /// Models: sizes and cost; weights in and out
    Model(model::Args),
    /// Draw what a model makes of pictures whose patches are hidden
    Reconstruct(reconstruct::Args),
    /// Judge weights by a task: anomaly maps
    Eval(eval::Args),
    /// Print the resolved configuration with the origin of every key
    Config(config::Args),
    /// Check devices, store and versions
    Doctor(doctor::Args),
    /// The program's own measurements
    Bench(bench::Args),
}

impl Command {
    /// Whether it goes on for long, and writes what it finds to the store.
    fn trains(&self) -> bool {
        match self {
            Self::Sweep(args) => args.options.trains(),
            Self::Run(args) => args.options.trains(),
            Self::Resume(args) => args.options.trains(),
            _ => false,
        }
    }
}

/// Runs the program with the built-in strategies.
#[must_use]
pub fn main() -> ExitCode {
    main_with(&Registry::builtin())
}

/// Runs the program with a registry of one's own: how a user's crate adds masking strategies.
#[must_use]
pub fn main_with(registry: &Registry) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    start_logging();
    outside::keep_traces();
    match dispatch(cli, registry) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(text) = failure.text() {
                progress::tell(&format!("error: {text}"));
            }
            failure.exit_code()
        }
    }
}

fn dispatch(cli: Cli, registry: &Registry) -> Result<(), Failure> {
    if let Some(directory) = &cli.directory {
        let enter = std::env::set_current_dir(directory);
        enter.map_err(|error| Failure::usage(format!("cannot enter {}: {error}", directory.display())))?;
    }
    // A reader that stops early (`mae-exp runs | head`) ends the program quietly, but no training and no server.
    if !cli.command.trains() && !matches!(cli.command, Command::Serve(_)) {
        sigpipe::reset();
    }
    match cli.command {
        Command::Sweep(args) => sweep::run(args, registry),
        Command::Run(args) => run::run(args, registry),
        Command::Resume(args) => resume::run(args, registry),
        Command::Runs(args) => runs::run(args, registry),
        Command::Show(args) => show::run(args),
        Command::Report(args) => report::run(args, registry),
        Command::Serve(args) => serve::run(&args, registry),
        Command::Export(args) => export::run(args, registry),
        Command::Import(args) => transfer::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Query(args) => query::run(args),
        Command::Tag(args) => tag::run(args, registry),
        Command::Note(args) => tag::note(args),
        Command::Rm(args) => rm::run(args, registry),
        Command::Gc(args) => gc::run(args),
        Command::Strategies(args) => strategies::run(args, registry),
        Command::Model(args) => model::run(args, registry),
        Command::Reconstruct(args) => reconstruct::run(&args, registry),
        Command::Eval(args) => eval::run(&args, registry),
        Command::Config(args) => config::run(args, registry),
        Command::Doctor(args) => doctor::run(args),
        Command::Bench(args) => bench::run(args, registry),
    }
}

/// Logs go to stderr, warnings and worse unless `MAE_EXP_LOG` says otherwise.
fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("MAE_EXP_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let logger = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time();
    // A program that has its own subscriber keeps it.
    let _ = logger.with_ansi(std::io::stderr().is_terminal()).try_init();
}
