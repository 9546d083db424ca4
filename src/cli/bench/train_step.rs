//! `mae-exp bench train-step`: full training steps.

use std::time::Instant;

use mae_strategies::Registry;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::options::DeviceOption;
use crate::cli::{outside, table};
use crate::spec::trial::Precision;
use crate::spec::{Request, TrialSpec, load};
use crate::train::bench::TrainStep;

use super::source::Source;

/// Arguments of `bench train-step`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Model part: a name such as nano, or a file.
    #[arg(long, default_value = "nano")]
    model: String,
    /// Pictures a step.
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Steps measured, after the warm-up.
    #[arg(long, default_value_t = 10)]
    steps: usize,
    /// Steps before the measurement.
    #[arg(long, default_value_t = 2)]
    warmup: usize,
    /// Share of the patches hidden (random masks).
    #[arg(long, default_value_t = 0.75)]
    ratio: f64,
    /// Numbers that forward and backward passes compute in, as train.precision.
    #[arg(long, value_enum, default_value = "f32")]
    precision: Precision,
    /// Data part whose pictures come through the training loader, such as photos; noise in memory when absent.
    #[arg(long, value_name = "PART")]
    data: Option<String>,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, registry: &Registry) -> Result<(), Failure> {
    if args.steps == 0 || args.batch == 0 {
        return Err(Failure::usage("--steps and --batch must be at least 1"));
    }
    args.device.computes_in(args.precision)?;
    let mut spec = trial(args, registry)?;
    spec.train.precision = args.precision;
    let plan = registry.plan("random", spec.model.grid(), args.ratio, Default::default())?;
    let mut bench = TrainStep::new(&spec, plan, &args.device.resolve()?);
    let mut source = match args.data {
        Some(_) => Source::loader(&spec)?,
        None => Source::memory(&spec),
    };
    for _ in 0..args.warmup {
        bench.step(source.next()?)?;
    }
    let (mut seconds, mut waited) = (Vec::with_capacity(args.steps), 0.0);
    for _ in 0..args.steps {
        let begun = Instant::now();
        let batch = source.next()?;
        waited += begun.elapsed().as_secs_f64();
        bench.step(batch)?;
        seconds.push(begun.elapsed().as_secs_f64());
    }
    let wait_share = waited / seconds.iter().sum::<f64>();
    seconds.sort_by(f64::total_cmp);
    let median = (seconds[(args.steps - 1) / 2] + seconds[args.steps / 2]) / 2.0;
    let document = json!({
        "model": spec.model.variant,
        "device": args.device.device,
        "precision": args.precision,
        "batch": args.batch,
        "steps": args.steps,
        "threads": rayon::current_num_threads(),
        "median_s": median,
        "min_s": seconds[0],
        "max_s": seconds[args.steps - 1],
        "images_per_s": args.batch as f64 / median,
        "peak_memory_bytes": outside::peak_memory(),
        "last_loss": bench.last_loss(),
        "data": args.data,
        "wait_share": args.data.as_ref().map(|_| wait_share),
    });
    if args.json {
        return table::json(&document);
    }
    println!(
        "{} on {}, batch {}, {} threads: {:.1} ms a step (median of {}, {:.1} to {:.1}), {:.1} pictures/s",
        spec.model.variant,
        args.device.device,
        args.batch,
        rayon::current_num_threads(),
        median * 1e3,
        args.steps,
        seconds[0] * 1e3,
        seconds[args.steps - 1] * 1e3,
        args.batch as f64 / median
    );
    if args.data.is_some() {
        println!("{:.2} % of the time was spent waiting for pictures", 100.0 * wait_share);
    }
    Ok(())
}

/// The model with the default recipe and the batch that was asked for.
fn trial(args: &Args, registry: &Registry) -> Result<TrialSpec, Failure> {
    let part = |section: &str, name: &str| match name.contains(['/', '.']) {
        true => name.to_owned(),
        false => format!("{section}/{name}"),
    };
    let mut inputs = vec![part("model", &args.model)];
    inputs.extend(args.data.as_ref().map(|data| part("data", data)));
    let sets = vec![format!("train.batch_size={}", args.batch)];
    let experiment = load(
        &Request {
            inputs,
            sets,
            env: Vec::new(),
        },
        registry,
    )?;
    let first = experiment.trials.into_iter().next();
    first
        .map(|trial| trial.spec)
        .ok_or_else(|| Failure::usage("the model part describes no trial"))
}
