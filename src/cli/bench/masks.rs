//! `mae-exp bench masks`: how fast each strategy draws masks, on one thread, as training draws them for every batch.

use std::time::Instant;

use mae_strategies::{Grid, Registry, Sight};
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::table;
use crate::seed::{Purpose, rng};

/// Arguments of `bench masks`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Patches of a side of the square grid.
    #[arg(long, default_value_t = 14)]
    grid: usize,
    /// Share of the patches hidden.
    #[arg(long, default_value_t = 0.75)]
    ratio: f64,
    /// Masks drawn together.
    #[arg(long, default_value_t = 256)]
    batch: usize,
    /// Batches measured; the median counts.
    #[arg(long, default_value_t = 20)]
    batches: usize,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, registry: &Registry) -> Result<(), Failure> {
    if [args.grid, args.batch, args.batches].contains(&0) {
        return Err(Failure::usage("--grid, --batch and --batches must be at least 1"));
    }
    let grid = Grid::new(args.grid, args.grid);
    let sight = Sight::made_up(grid, 0);
    let mut measured = Vec::new();
    for strategy in registry.iter() {
        let plan = registry.plan(strategy.id(), grid, args.ratio, Default::default())?;
        let mut seconds: Vec<f64> = (0..args.batches as u64)
            .map(|number| {
                let begun = Instant::now();
                for index in 0..args.batch {
                    let mut rng = rng(0, Purpose::Mask, number, index as u64);
                    std::hint::black_box(plan.sample(&sight.context(), &mut rng)?);
                }
                Ok(begun.elapsed().as_secs_f64())
            })
            .collect::<Result<_, mae_strategies::Error>>()?;
        seconds.sort_by(f64::total_cmp);
        measured.push((strategy.id(), args.batch as f64 / seconds[args.batches / 2]));
    }
    if args.json {
        let masks: Vec<_> = measured
            .iter()
            .map(|(strategy, rate)| json!({ "strategy": strategy, "masks_per_s": rate }))
            .collect();
        return table::json(&json!({
            "grid": [args.grid, args.grid],
            "ratio": args.ratio,
            "batch": args.batch,
            "masks": masks,
        }));
    }
    let rows: Vec<Vec<String>> = measured
        .iter()
        .map(|(strategy, rate)| vec![(*strategy).to_owned(), format!("{rate:.0}")])
        .collect();
    table::print(&["strategy", "masks a second"], &rows);
    Ok(())
}
