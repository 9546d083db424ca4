//! `mae-exp resume SWEEP|RUN`: go on where it stopped, from what the store holds; the experiment file is not read again.

use mae_strategies::Registry;
use serde_json::Value as Json;

use crate::spec::{Axis, Experiment, Trial, TrialSpec};
use crate::store::rows::{RunRow, SweepRow};
use crate::store::{RunFilter, Store};

use super::failure::Failure;
use super::sweep::{TrainOptions, train};

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
    let store = args.options.store.existing()?;
    let (sweep, runs) = selected(&store, &args.which)?;
    drop(store);
    let trials = runs.iter().map(trial).collect::<Result<Vec<_>, Failure>>()?;
    train(&experiment(sweep, trials)?, &args.options, registry)
}

/// The sweep and those of its runs that are meant.
fn selected(store: &Store, which: &str) -> Result<(SweepRow, Vec<RunRow>), Failure> {
    let of = |id: &str| {
        store.runs(&RunFilter {
            sweep: Some(id.to_string()),
            status: None,
        })
    };
    match store.find_sweep(which) {
        Ok(sweep) => {
            let runs = of(&sweep.id)?;
            Ok((sweep, runs))
        }
        Err(no_sweep) => {
            let run = store.find_run(which).map_err(|_| no_sweep)?;
            Ok((store.find_sweep(&run.sweep_id)?, vec![run]))
        }
    }
}

fn trial(row: &RunRow) -> Result<Trial, Failure> {
    let origins = serde_json::from_value(row.origins.clone()).unwrap_or_default();
    Ok(Trial {
        position: row.position as usize,
        spec: TrialSpec::from_config(&row.config)?,
        config: row.config.clone(),
        origins,
        point: row.point.as_object().cloned().unwrap_or_default(),
        label: row.label.clone(),
    })
}

fn experiment(sweep: SweepRow, trials: Vec<Trial>) -> Result<Experiment, Failure> {
    let axis = |axis: &Json| Axis {
        key: axis["key"].as_str().unwrap_or_default().to_string(),
        values: axis["values"].as_array().cloned().unwrap_or_default(),
    };
    let axes = sweep
        .axes
        .as_array()
        .map(|axes| axes.iter().map(axis).collect())
        .unwrap_or_default();
    let SweepRow {
        name,
        question,
        expect,
        cost,
        analysis,
        file,
        ..
    } = sweep;
    Ok(Experiment {
        name,
        question,
        expect,
        cost,
        analysis,
        file,
        axes,
        trials,
        warnings: Vec::new(),
    })
}
