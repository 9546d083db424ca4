//! `mae-exp bench masks`: how fast each strategy draws masks, on one thread, as training draws them for every batch.

use std::collections::BTreeMap;
use std::time::Instant;

use mae_strategies::{Grid, MaskContext, Pixels, Registry, Sight, Value};
use rand_distr::{Distribution, StandardNormal};
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::table;
use crate::seed::{Purpose, rng};

/// The script that every strategy stands beside, which is interpreted for every mask: its name here, and its text.
const VARYING: (&str, &str) = ("script that varies", "fn score(p) { p.noise }");

/// Pictures shown in turn to strategies that look at them: more than the processor's caches hold.
const PICTURES: usize = 16;
/// Their channels.
const CHANNELS: usize = 3;

/// Arguments of `bench masks`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Patches of a side of the square grid.
    #[arg(long, default_value_t = 14)]
    grid: usize,
    /// Pixels of a side of a patch, for strategies that look at the picture.
    #[arg(long, default_value_t = 16)]
    patch: usize,
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
    if [args.grid, args.patch, args.batch, args.batches].contains(&0) {
        return Err(Failure::usage(
            "--grid, --patch, --batch and --batches must be at least 1",
        ));
    }
    let grid = Grid::new(args.grid, args.grid);
    let sight = Sight::made_up(grid, 0);
    let pictures = pictures(args.grid * args.patch);
    let mut measured = Vec::new();
    let strategies = registry
        .iter()
        .map(|strategy| (strategy.id(), strategy.id(), BTreeMap::new()));
    let script = BTreeMap::from([("source".to_owned(), Value::from(VARYING.1))]);
    for (name, strategy, params) in strategies.chain([(VARYING.0, "script", script)]) {
        let plan = registry.plan(strategy, grid, args.ratio, params)?;
        let mut seconds: Vec<f64> = (0..args.batches as u64)
            .map(|number| {
                let begun = Instant::now();
                for index in 0..args.batch {
                    let mut rng = rng(0, Purpose::Mask, number, index as u64);
                    let context = shown(sight.context(), &pictures[index % PICTURES]);
                    std::hint::black_box(plan.sample(&context, &mut rng)?);
                }
                Ok(begun.elapsed().as_secs_f64())
            })
            .collect::<Result<_, mae_strategies::Error>>()?;
        seconds.sort_by(f64::total_cmp);
        measured.push((name, args.batch as f64 / seconds[args.batches / 2]));
    }
    if args.json {
        let masks: Vec<_> = measured
            .iter()
            .map(|(strategy, rate)| json!({ "strategy": strategy, "masks_per_s": rate }))
            .collect();
        return table::json(&json!({
            "grid": [args.grid, args.grid],
            "patch": args.patch,
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

/// Noise with the sides of a picture.
fn pictures(side: usize) -> Vec<Vec<f32>> {
    let noise = |number| {
        let mut rng = rng(0, Purpose::Bench, 0, number);
        let values = 0..CHANNELS * side * side;
        values.map(|_| StandardNormal.sample(&mut rng)).collect()
    };
    (0..PICTURES as u64).map(noise).collect()
}

/// A context with this square picture in place of its own.
fn shown<'a>(context: MaskContext<'a>, values: &'a [f32]) -> MaskContext<'a> {
    let side = (values.len() / CHANNELS).isqrt();
    context.with_pixels(Pixels {
        values,
        channels: CHANNELS,
        height: side,
        width: side,
    })
}
