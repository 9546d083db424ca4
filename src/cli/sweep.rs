//! `mae-exp sweep FILE`: train every trial of an experiment, then render its report.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mae_strategies::Registry;

use crate::model::Device;
use crate::spec::{Experiment, TrialSpec};
use crate::store::Store;
use crate::store::rows::Status;
use crate::sweep::{Action, Outside, Policy, Runner, Summary, SweepPlan, Wishes};

use super::failure::Failure;
use super::options::{DeviceOption, ReportsOption, SetOption, StoreOption, checkpoints};
use super::{estimate, jobs, outside as world, progress, report, table};

/// Arguments of `sweep`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Experiment file, such as experiments/mask_ratio.toml.
    file: String,
    #[command(flatten)]
    sets: SetOption,
    #[command(flatten)]
    pub(super) options: TrainOptions,
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
    /// When the sweep's time is over, in milliseconds since 1970; by its budget, counted from now, where this is not given.
    #[arg(long, hide = true, value_name = "MS")]
    pub(super) until: Option<i64>,
    /// Print how long it may take in so many processes like this one, and do nothing.
    #[arg(long, hide = true, value_name = "N")]
    pub(super) estimate: Option<u16>,
}

impl TrainOptions {
    /// Whether anything is to be trained, and not merely said.
    pub(super) fn trains(&self) -> bool {
        !self.dry_run
    }

    /// Which runs that are over are taken up again.
    pub(super) fn policy(&self) -> Policy {
        Policy {
            retry: self.retry.iter().flatten().copied().collect(),
        }
    }

    fn wishes(&self) -> Wishes {
        Wishes {
            fresh: self.fresh,
            policy: self.policy(),
        }
    }
}

/// A state that may be taken up again; `none` for none.
fn retried(text: &str) -> Result<Option<Status>, String> {
    let states = [
        Status::Failed,
        Status::Interrupted,
        Status::Crashed,
        Status::Diverged,
        Status::Pruned,
    ];
    match (text, Status::parse(text).filter(|status| states.contains(status))) {
        ("none", _) => Ok(None),
        (_, Some(status)) => Ok(Some(status)),
        _ => Err("use failed, interrupted, crashed, diverged, pruned or none".into()),
    }
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    let experiment = crate::spec::load(&args.sets.request(vec![args.file]), registry)?;
    match args.jobs {
        1 => train(&experiment, &args.options, registry),
        jobs => jobs::train(&experiment, &args.options, registry, usize::from(jobs)),
    }
}

/// Plans and trains an experiment and renders its report: the body of `sweep` and `run`.
pub(super) fn train(experiment: &Experiment, options: &TrainOptions, registry: &Registry) -> Result<(), Failure> {
    let Some((store, plan, outside)) = planned(experiment, options)? else {
        return Ok(());
    };
    execute(plan, &store, options.device.resolve()?, &outside, options, registry)
}

/// Store, plan and world of an experiment; nothing where only the plan was wanted, which is then printed.
pub(super) fn planned(
    experiment: &Experiment,
    options: &TrainOptions,
) -> Result<Option<(Store, SweepPlan, Outside<'static>)>, Failure> {
    for warning in experiment.warnings.iter().filter(|_| !options.worker) {
        eprintln!("warning: {warning}");
    }
    options.device.resolve()?;
    computable(options, experiment.trials.iter().map(|trial| &trial.spec))?;
    let (outside, wishes) = (outside(options), options.wishes());
    if options.dry_run && !options.store.exists() {
        let nowhere = std::path::Path::new("");
        dry_run(&SweepPlan::new(experiment, None, nowhere, &outside, &wishes)?);
        return Ok(None);
    }
    let store = options.store.create()?;
    let plan = SweepPlan::new(experiment, Some(&store), &checkpoints(&store), &outside, &wishes)?;
    if options.dry_run {
        dry_run(&plan);
        return Ok(None);
    }
    Ok(Some((store, plan, outside)))
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
        dry_run(&plan);
        return Ok(());
    }
    if let Some(jobs) = options.estimate {
        estimate::line(&plan, &device, registry, jobs)
            .iter()
            .for_each(|line| println!("{line}"));
        return Ok(());
    }
    let stop = stop_on_signal()?;
    if options.worker {
        stop_with_parent(stop.clone());
    } else {
        announce(&plan, options, estimate::line(&plan, &device, registry, 1));
    }
    let folder = checkpoints(store);
    let runner = Runner {
        store,
        registry,
        device,
        checkpoints: &folder,
        outside,
        stop: &stop,
        until: options.until,
        train: &crate::train::train,
    };
    let mut display = progress::Display::new(&plan);
    let summary = runner.run(&mut plan, &mut display)?;
    display.finish();
    let page = match options.worker {
        true => None,
        false => Some(report::render(
            store,
            &plan.sweep.id,
            &options.reports.reports,
            registry,
        )?),
    };
    conclude(&plan, &summary, page.as_deref())
}

/// The world as a training command sees it.
pub(super) fn outside(options: &TrainOptions) -> Outside<'static> {
    Outside {
        now: &world::now,
        now_ms: world::now_ms,
        new_id: &world::new_id,
        process: &world::process,
        trace: &world::trace,
        environment: world::environment(&options.device.device),
    }
}

pub(super) fn announce(plan: &SweepPlan, options: &TrainOptions, estimate: Option<String>) {
    let open = plan.trials.iter().filter(|t| t.action.is_open()).count();
    let skipped = plan.trials.len() - open;
    progress::tell(&format!(
        "sweep {} ({}): {} to train, {skipped} to skip",
        plan.sweep.name,
        plan.sweep.id,
        table::counted(open as u64, "trial")
    ));
    if !plan.sweep.question.is_empty() {
        progress::tell(&format!("  question: {}", plan.sweep.question));
    }
    if !plan.sweep.cost.is_empty() {
        progress::tell(&format!("  cost:     {}", plan.sweep.cost));
    }
    if let Some(first) = plan.trials.first() {
        progress::tell(&format!("  pictures: {}", first.set.describe()));
    }
    progress::tell(&format!(
        "  device:   {}, store {}",
        options.device.device, options.store.store
    ));
    if let Some(estimate) = estimate {
        progress::tell(&format!("  time:     {estimate}"));
    }
    say_notes(plan);
}

/// What is known of the trials before they are trained, each thing once.
fn say_notes(plan: &SweepPlan) {
    // Those of trials that are trained elsewhere, too: they may be taken over.
    let open = plan.trials.iter().filter(|t| !matches!(t.action, Action::Skip(_)));
    let notes: BTreeSet<&str> = open.flat_map(|t| &t.start.notes).map(String::as_str).collect();
    for note in notes {
        progress::tell(&format!("note: {note}"));
    }
}

fn dry_run(plan: &SweepPlan) {
    println!(
        "sweep {} ({}): {}",
        plan.sweep.name,
        plan.sweep.id,
        table::counted(plan.trials.len() as u64, "trial")
    );
    for planned in &plan.trials {
        let (what, why) = match &planned.action {
            Action::Run => ("run", String::new()),
            Action::Resume(path) => ("resume", format!(" from {}", path.display())),
            Action::Retry(why) => ("retry", format!(" ({why})")),
            Action::Busy(why) | Action::Skip(why) => ("skip", format!(" ({why})")),
        };
        println!("{what:>7}  {}{why}", planned.row.label);
    }
    say_notes(plan);
}

/// The first Ctrl-C (or SIGTERM) stops after the current step; a second one ends the process at once.
pub(super) fn stop_on_signal() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    let set = ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        progress::tell("\nstopping at the next training step, with a checkpoint; once more to stop at once");
    });
    set.map_err(|error| Failure::Failed(anyhow::Error::new(error).context("watch for Ctrl-C")))?;
    Ok(stop)
}

/// Stops, with a checkpoint, when the process that started this one is gone: its end closes our standard input.
fn stop_with_parent(stop: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        // Whatever ends the reading means that nobody is at the other end.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        stop.store(true, Ordering::Relaxed);
    });
}

/// Says how a sweep ended, and makes the exit code of it.
pub(super) fn conclude(plan: &SweepPlan, summary: &Summary, page: Option<&std::path::Path>) -> Result<(), Failure> {
    let counts = [
        (summary.finished, "finished"),
        (summary.skipped, "skipped"),
        (summary.pruned, "stopped early"),
        (summary.lost, "taken over by another process"),
        (summary.failed, "failed"),
    ];
    let always = ["finished", "skipped", "failed"];
    let said = counts
        .iter()
        .filter(|(count, what)| *count > 0 || always.contains(what));
    let said: Vec<String> = said.map(|(count, what)| format!("{count} {what}")).collect();
    let page = page
        .map(|page| format!("; report: {}", page.display()))
        .unwrap_or_default();
    progress::tell(&format!("{}{page}", said.join(", ")));
    if let Some(why) = &summary.budget {
        progress::tell(&format!("the sweep's budget ends it: {why}"));
    } else if summary.interrupted {
        let again = format!("interrupted; go on with: mae-exp resume {}", plan.sweep.id);
        return Err(Failure::Interrupted(again));
    }
    if summary.failed > 0 {
        let (failed, all) = (summary.failed, plan.trials.len());
        let text = format!("{failed} of {all} trials failed: see the report or mae-exp runs");
        return Err(Failure::Failed(anyhow::anyhow!(text)));
    }
    Ok(())
}
