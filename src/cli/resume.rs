//! `mae-exp resume SWEEP|RUN`: go on where it stopped, from what the store holds; the experiment file is not read again.

use mae_strategies::Registry;

use crate::store::rows::{RunRow, SweepRow};
use crate::store::{RunFilter, Store};
use crate::sweep::{Action, SweepPlan};

use super::failure::Failure;
use super::options::checkpoints;
use super::sweep::{TrainOptions, computable, execute, outside};

/// Arguments of `resume`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Sweep or run: name, id, unique prefix of an id, or latest.
    #[arg(value_name = "SWEEP|RUN")]
    which: String,
    #[command(flatten)]
    options: TrainOptions,
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
    let plan = SweepPlan::resume(sweep, runs, &checkpoints(&store), &outside)?;
    let open = plan
        .trials
        .iter()
        .filter(|trial| !matches!(trial.action, Action::Skip(_)));
    computable(&args.options, open.map(|trial| &trial.spec))?;
    execute(plan, &store, device, &outside, &args.options, registry)
}

/// The sweep and those of its runs that are meant.
fn selected(store: &Store, which: &str) -> Result<(SweepRow, Vec<RunRow>), Failure> {
    match store.find_sweep(which) {
        Ok(sweep) => {
            let runs = store.runs(&RunFilter {
                sweep: Some(sweep.id.clone()),
                ..RunFilter::default()
            })?;
            Ok((sweep, runs))
        }
        Err(no_sweep) => {
            let run = store.find_run(which).map_err(|_| no_sweep)?;
            Ok((store.find_sweep(&run.sweep_id)?, vec![run]))
        }
    }
}
