//! `mae-exp bench sweep`: what managing a trial costs, with a trainer that does nothing but record some numbers.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use mae_strategies::Registry;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::{outside, table};
use crate::model::device;
use crate::spec::{Request, load};
use crate::store::Store;
use crate::store::rows::MetricPoint;
use crate::sweep::{Outside, Planned, Report, Reporter, Runner, SweepPlan, Wishes};
use crate::train::{Job, Observer, Outcome, Progress, TrainError};

/// Arguments of `bench sweep`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Trials of the sweep.
    #[arg(long, default_value_t = 200)]
    trials: u32,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Numbers that each trial records.
const NUMBERS: i64 = 10;

pub(super) fn run(args: &Args, registry: &Registry) -> Result<(), Failure> {
    if args.trials == 0 {
        return Err(Failure::usage("--trials must be at least 1"));
    }
    let folder = std::env::temp_dir().join(format!("mae-exp-bench-{}", outside::new_id()));
    std::fs::create_dir_all(&folder)?;
    let measured = measure(args.trials, &folder, registry);
    // A temporary folder left behind harms nobody.
    let _ = std::fs::remove_dir_all(&folder);
    let [planning, training, again] = measured?.map(|seconds| seconds / f64::from(args.trials) * 1e3);
    if args.json {
        return table::json(&json!({
            "trials": args.trials,
            "plan_ms_per_trial": planning,
            "run_ms_per_trial": training,
            "ms_per_trial": planning + training,
            "skip_ms_per_trial": again,
        }));
    }
    println!(
        "{} trials that do nothing: {:.2} ms a trial ({planning:.2} to plan, {training:.2} to run); {again:.2} ms when all are done",
        args.trials,
        planning + training
    );
    Ok(())
}

/// Seconds to plan, to run, and to plan and skip again.
fn measure(trials: u32, folder: &Path, registry: &Registry) -> Result<[f64; 3], Failure> {
    let file = folder.join("bench.toml");
    let text = format!("base = [\"model/nano\", \"data/synthetic\", \"train/quick\"]\n[sweep]\nseeds = {trials}\n");
    std::fs::write(&file, text)?;
    let inputs = vec![file.display().to_string()];
    let request = Request {
        inputs,
        sets: vec![
            "data.synthetic_train=32".into(),
            "data.synthetic_val=8".into(),
            "train.batch_size=8".into(),
        ],
        env: Vec::new(),
    };
    let experiment = load(&request, registry)?;
    let outside = Outside {
        now: &outside::now,
        now_ms: outside::now_ms,
        new_id: &outside::new_id,
        process: &outside::process,
        trace: &outside::trace,
        environment: outside::environment(device::default_name()),
    };
    let store = Store::open(&folder.join("store.db").display().to_string())?;
    let stop = AtomicBool::new(false);
    let runner = Runner {
        store: &store,
        registry,
        device: device::resolve(device::default_name())?,
        checkpoints: folder,
        outside: &outside,
        stop: &stop,
        until: None,
        train: &idle,
    };
    let plan = || SweepPlan::new(&experiment, Some(&store), folder, &outside, &Wishes::default());
    let begun = Instant::now();
    let mut first = plan()?;
    let planned = begun.elapsed().as_secs_f64();
    runner.run(&mut first, &mut Silent)?;
    let ran = begun.elapsed().as_secs_f64();
    runner.run(&mut plan()?, &mut Silent)?;
    Ok([planned, ran - planned, begun.elapsed().as_secs_f64() - ran])
}

/// A trainer that trains nothing.
fn idle(_: &Job<'_>, observer: &mut dyn Observer) -> Result<Outcome, TrainError> {
    for step in 1..=NUMBERS {
        observer.metric(MetricPoint {
            name: "train_loss".into(),
            step,
            epoch: step as f64,
            value: 1.0,
        });
    }
    Ok(Outcome::Finished)
}

/// Shows nothing.
struct Silent;

impl Reporter for Silent {
    fn started(&mut self, _: usize, _: usize, _: &Planned) {}
    fn metric(&mut self, _: &MetricPoint) {}
    fn progress(&mut self, _: Progress) {}
    fn ended(&mut self, _: &Planned, _: &Report) {}
}
