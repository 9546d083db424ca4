//! `mae-exp resume SWEEP|RUN`: go on where it stopped, from what the store holds; the experiment file is not read again.

use mae_strategies::Registry;

use crate::store::rows::{RunRow, SweepRow};
use crate::store::{RunFilter, Store};
use crate::sweep::SweepPlan;

use super::failure::Failure;
use super::options::checkpoints;
use super::sweep::{TrainOptions, computable, execute, outside};

/// Arguments of `resume`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Sweep, or runs of one sweep: name, id, unique prefix of an id, or latest.
    #[arg(value_name = "SWEEP|RUN", required = true)]
    which: Vec<String>,
    #[command(flatten)]
    pub(super) options: TrainOptions,
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    let (store, device) = (args.options.store.existing()?, args.options.device.resolve()?);
    if args.options.fresh {
        return Err(Failure::usage(
            "resume goes on with recorded runs: use mae-exp sweep FILE --fresh to train again",
        ));
    }
    let (sweep, runs) = selected(&store, &args.which)?;
    let outside = outside(&args.options);
    let place = (checkpoints(&store), args.options.policy());
    let plan = SweepPlan::resume(&store, sweep, runs, (&place.0, place.1), &outside)?;
    let open = plan.trials.iter().filter(|trial| trial.action.is_open());
    computable(&args.options, open.map(|trial| &trial.spec))?;
    execute(plan, &store, device, &outside, &args.options, registry)
}

/// The sweep and those of its runs that are meant.
fn selected(store: &Store, which: &[String]) -> Result<(SweepRow, Vec<RunRow>), Failure> {
    let mut no_sweep = None;
    if let [one] = which {
        match store.find_sweep(one) {
            Ok(sweep) => {
                let runs = store.runs(&RunFilter {
                    sweep: Some(sweep.id.clone()),
                    ..RunFilter::default()
                })?;
                return Ok((sweep, runs));
            }
            Err(error) => no_sweep = Some(error),
        }
    }
    let runs = which.iter().map(|one| match store.run(one)? {
        Some(run) => Ok(run),
        None => store.find_run(one).map_err(|error| no_sweep.take().unwrap_or(error)),
    });
    let runs: Vec<RunRow> = runs.collect::<Result<_, _>>()?;
    let sweep = &runs[0].sweep_id;
    if let Some(other) = runs.iter().find(|run| run.sweep_id != *sweep) {
        let text = format!(
            "{} and {} belong to different sweeps: resume them one by one",
            runs[0].id, other.id
        );
        return Err(Failure::usage(text));
    }
    Ok((store.find_sweep(sweep)?, runs))
}
