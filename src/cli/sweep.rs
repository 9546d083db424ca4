//! `mae-exp sweep FILE`: train every trial of an experiment, then render its report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mae_strategies::Registry;

use crate::model::Device;
use crate::spec::{Experiment, TrialSpec};
use crate::store::Store;
use crate::sweep::{Action, Outside, Runner, Summary, SweepPlan};

use super::failure::Failure;
use super::options::{DeviceOption, ReportsOption, SetOption, StoreOption, checkpoints};
use super::{outside as world, progress, report};

/// Arguments of `sweep`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Experiment file, such as experiments/mask_ratio.toml.
    file: String,
    #[command(flatten)]
    sets: SetOption,
    #[command(flatten)]
    options: TrainOptions,
    /// Train in this many processes at once, which share the processor's cores.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
}

/// Options of every command that trains.
#[derive(Debug, clap::Args)]
pub(super) struct TrainOptions {
    #[command(flatten)]
    pub(super) device: DeviceOption,
    #[command(flatten)]
    pub(super) store: StoreOption,
    #[command(flatten)]
    pub(super) reports: ReportsOption,
    /// Print what would be done with every trial, and do nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Train finished trials again, as another sweep of the same name.
    #[arg(long)]
    pub(super) fresh: bool,
    /// Take up runs that ended in these states: failed, interrupted, crashed, diverged, pruned, or none.
    #[arg(long, value_name = "STATES", value_delimiter = ',', value_parser = retried, default_value = "failed,interrupted,crashed")]
    pub(super) retry: Vec<Option<Status>>,
    /// One of the processes of a sweep with --jobs: trains, and leaves the report to the one that started it.
    #[arg(long, hide = true)]
    pub(super) worker: bool,
}

impl TrainOptions {
    fn policy(&self) -> Policy {
        Policy {
            retry: self.retry.iter().flatten().copied().collect(),
        }
    }
}

/// A state that may be taken up again; `none` for none.
fn retried(text: &str) -> Result<Option<Status>, String> {
    let states = [Status::Failed, Status::Interrupted, Status::Crashed, Status::Diverged, Status::Pruned];
    match (text, Status::parse(text).filter(|status| states.contains(status))) {
        ("none", _) => Ok(None),
        (_, Some(status)) => Ok(Some(status)),
        _ => Err("use failed, interrupted, crashed, diverged, pruned or none".into()),
    }
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    let experiment = crate::spec::load(&args.sets.request(vec![args.file]), registry)?;
    train(&experiment, &args.options, registry)
}

/// Plans and trains an experiment and renders its report: the body of `sweep` and `run`.
pub(super) fn train(experiment: &Experiment, options: &TrainOptions, registry: &Registry) -> Result<(), Failure> {
    for warning in &experiment.warnings {
        eprintln!("warning: {warning}");
    }
    let (device, outside) = (options.device.resolve()?, outside(options));
    computable(options, experiment.trials.iter().map(|trial| &trial.spec))?;
    if options.dry_run && !options.store.exists() {
        let nowhere = std::path::Path::new("");
        return dry_run(&SweepPlan::new(experiment, None, nowhere, &outside, options.fresh)?);
    }
    let store = options.store.create()?;
    let plan = SweepPlan::new(experiment, Some(&store), &checkpoints(&store), &outside, options.fresh)?;
    execute(plan, &store, device, &outside, options, registry)
}

/// That the device computes in the numbers that trials ask for: said before anything is made.
pub(super) fn computable<'a>(
    options: &TrainOptions,
    mut trials: impl Iterator<Item = &'a TrialSpec>,
) -> Result<(), Failure> {
    trials.try_for_each(|spec| options.device.computes_in(spec.train.precision))
}

/// Trains what a plan says and renders the report.
pub(super) fn execute(
    mut plan: SweepPlan,
    store: &Store,
    device: Device,
    outside: &Outside<'_>,
    options: &TrainOptions,
    registry: &Registry,
) -> Result<(), Failure> {
    if options.dry_run {
        return dry_run(&plan);
    }
    let stop = stop_on_signal()?;
    announce(&plan, options);
    let folder = checkpoints(store);
    let runner = Runner {
        store,
        registry,
        device,
        checkpoints: &folder,
        outside,
        stop: &stop,
    };
    let mut display = progress::Display::new(&plan);
    let summary = runner.run(&mut plan, &mut display)?;
    display.finish();
    let page = report::render(store, &plan.sweep.id, &options.reports.reports, registry)?;
    conclude(&plan, &summary, &page)
}

/// The world as a training command sees it.
pub(super) fn outside(options: &TrainOptions) -> Outside<'static> {
    Outside {
        now: &world::now,
        new_id: &world::new_id,
        process: &world::process,
        environment: world::environment(&options.device.device),
    }
}

fn announce(plan: &SweepPlan, options: &TrainOptions) {
    let open = plan
        .trials
        .iter()
        .filter(|t| !matches!(t.action, Action::Skip(_)))
        .count();
    let skipped = plan.trials.len() - open;
    eprintln!(
        "sweep {} ({}): {open} trials to train, {skipped} to skip",
        plan.sweep.name, plan.sweep.id
    );
    if !plan.sweep.question.is_empty() {
        eprintln!("  question: {}", plan.sweep.question);
    }
    if !plan.sweep.cost.is_empty() {
        eprintln!("  cost:     {}", plan.sweep.cost);
    }
    if let Some(first) = plan.trials.first() {
        eprintln!("  pictures: {}", first.set.describe());
    }
    eprintln!("  device:   {}, store {}", options.device.device, options.store.store);
}

fn dry_run(plan: &SweepPlan) -> Result<(), Failure> {
    println!(
        "sweep {} ({}): {} trials",
        plan.sweep.name,
        plan.sweep.id,
        plan.trials.len()
    );
    for planned in &plan.trials {
        let (what, why) = match &planned.action {
            Action::Run => ("run", String::new()),
            Action::Resume(path) => ("resume", format!(" from {}", path.display())),
            Action::Retry(why) => ("retry", format!(" ({why})")),
            Action::Skip(why) => ("skip", format!(" ({why})")),
        };
        println!("{what:>7}  {}{why}", planned.row.label);
    }
    Ok(())
}

/// The first Ctrl-C (or SIGTERM) stops after the current step; a second one ends the process at once.
fn stop_on_signal() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    let set = ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nstopping at the next training step, with a checkpoint; once more to stop at once");
    });
    set.map_err(|error| Failure::Failed(anyhow::Error::new(error).context("watch for Ctrl-C")))?;
    Ok(stop)
}

fn conclude(plan: &SweepPlan, summary: &Summary, page: &std::path::Path) -> Result<(), Failure> {
    let Summary {
        finished,
        skipped,
        failed,
        interrupted,
    } = summary;
    eprintln!(
        "{finished} finished, {skipped} skipped, {failed} failed; report: {}",
        page.display()
    );
    if *interrupted {
        let again = format!("interrupted; go on with: mae-exp resume {}", plan.sweep.id);
        return Err(Failure::Interrupted(again));
    }
    if *failed > 0 {
        let text = format!(
            "{failed} of {} trials failed: see the report or mae-exp runs",
            plan.trials.len()
        );
        return Err(Failure::Failed(anyhow::anyhow!(text)));
    }
    Ok(())
}
