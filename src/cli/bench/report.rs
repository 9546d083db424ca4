//! `mae-exp bench report`: how long the page of a large sweep takes to build and how large it is, on a store made up for it.

use std::path::Path;
use std::time::Instant;

use mae_strategies::Registry;
use serde_json::{Value as Json, json};

use super::store_worker::METRICS;
use crate::cli::failure::Failure;
use crate::cli::{outside, report, table};
use crate::report::html;
use crate::spec::{Request, load};
use crate::store::rows::{MetricPoint, RunRow, Status, SweepRow};
use crate::store::{Store, StoreError};

/// Arguments of `bench report`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Trials of the sweep: strategies, ratios, learning rates and seeds.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    trials: u32,
    /// Numbers that each of them has, of 10 metrics.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    points: u32,
    /// Keep the page as this file.
    #[arg(long, value_name = "FILE")]
    out: Option<std::path::PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

const STRATEGIES: [&str; 5] = ["random", "grid", "block", "combined", "checkerboard"];
const RATIOS: [f64; 10] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9];
const RATES: [f64; 4] = [1e-4, 3e-4, 1e-3, 3e-3];

pub(super) fn run(args: &Args, registry: &Registry) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("mae-exp-bench-{}", outside::new_id()));
    let measured = measure(args, &folder.join("store.db"), registry);
    // A temporary folder left behind harms nobody.
    let _ = std::fs::remove_dir_all(&folder);
    let (document, page) = measured?;
    if let Some(file) = &args.out {
        std::fs::write(file, page)?;
    }
    if args.json {
        return table::json(&document);
    }
    let number = |key: &str| document[key].as_f64().unwrap_or(f64::NAN);
    println!(
        "{} trials with {} numbers each: the store is read in {:.2} s, the page built in {:.2} s; {:.2} s and {:.1} MB in all",
        args.trials,
        args.points,
        number("read_s"),
        number("build_s"),
        number("seconds"),
        number("bytes") / 1e6,
    );
    Ok(())
}

fn measure(args: &Args, file: &Path, registry: &Registry) -> Result<(Json, String), Failure> {
    let store = Store::open(&file.display().to_string())?;
    store.upsert_sweep(&sweep())?;
    let config = configuration(registry)?;
    for trial in 0..args.trials {
        record(&store, &run_row(trial, &config), args.points)?;
    }
    let begun = Instant::now();
    let data = report::gather(&store, "bench", registry)?;
    let read = begun.elapsed().as_secs_f64();
    let page = html(&data).map_err(anyhow::Error::new)?;
    let seconds = begun.elapsed().as_secs_f64();
    let document = json!({
        "trials": args.trials,
        "points": args.points,
        "read_s": read,
        "build_s": seconds - read,
        "seconds": seconds,
        "bytes": page.len(),
    });
    Ok((document, page))
}

/// Records a finished trial.
fn record(store: &Store, row: &RunRow, points: u32) -> Result<(), Failure> {
    store.insert_run(row)?;
    let lease = store.claim_run(row, row, &outside::now(), outside::now_ms(), None)?;
    let Some(lease) = lease else {
        return Err(StoreError::Fenced { run: row.id.clone() }.into());
    };
    let hand = store.writer_for(&lease, outside::now_ms)?;
    for i in 0..points {
        hand.metric(&row.id, point(row.position as u32, i, points));
    }
    hand.flush()?;
    hand.set_status(&row.id, Status::Finished, &outside::now(), "", "")?;
    Ok(hand.close()?)
}

/// A falling curve with ripples, whose end depends on the trial.
fn point(trial: u32, i: u32, points: u32) -> MetricPoint {
    let metrics = METRICS.len() as u32;
    let (step, metric) = (i / metrics, i % metrics);
    let time = f64::from(step) / f64::from((points / metrics).max(1));
    let end = 0.2 + f64::from(trial % 200) / 1000.0;
    let ripple = 0.02 * (f64::from(step * 7 + metric + trial)).sin();
    MetricPoint {
        name: METRICS[metric as usize].to_owned(),
        step: i64::from(step),
        epoch: time * 10.0,
        value: end + 0.5 * (-4.0 * time).exp() + ripple,
    }
}

fn sweep() -> SweepRow {
    let axis = |key: &str, values: Json| json!({ "key": key, "values": values });
    SweepRow {
        id: "bench".into(),
        name: "bench".into(),
        question: String::new(),
        expect: String::new(),
        cost: String::new(),
        analysis: String::new(),
        file: String::new(),
        axes: json!([
            axis("mask.strategy", json!(STRATEGIES)),
            axis("mask.ratio", json!(RATIOS)),
            axis("train.blr", json!(RATES)),
        ]),
        settings: json!({}),
        created_at: outside::now(),
    }
}

/// A configuration as a trial has it.
fn configuration(registry: &Registry) -> Result<Json, Failure> {
    let inputs = ["model/nano", "data/synthetic", "train/quick"]
        .map(String::from)
        .to_vec();
    let request = Request {
        inputs,
        sets: vec![],
        env: vec![],
    };
    let first = load(&request, registry)?.trials.into_iter().next();
    Ok(first.map_or(Json::Null, |trial| trial.config))
}

/// The row of a trial: its swept values in the configuration.
fn run_row(trial: u32, config: &Json) -> RunRow {
    let (index, seed) = ((trial / 5) as usize, trial % 5);
    let strategy = STRATEGIES[index % 5];
    let ratio = RATIOS[index / 5 % 10];
    let rate = RATES[index / 50 % 4];
    let mut config = config.clone();
    config["mask"]["strategy"] = json!(strategy);
    config["mask"]["ratio"] = json!(ratio);
    config["train"]["blr"] = json!(rate);
    config["seed"] = json!(seed);
    let id = format!("trial{trial:05}");
    RunRow {
        sweep_id: "bench".into(),
        sweep: "bench".into(),
        position: i64::from(trial),
        label: format!("mask.strategy={strategy} mask.ratio={ratio} train.blr={rate} seed={seed}"),
        identity: id.clone(),
        id,
        status: Status::Queued,
        seed: i64::from(seed),
        config,
        origins: json!({}),
        point: json!({ "mask.strategy": strategy, "mask.ratio": ratio, "train.blr": rate }),
        environment: json!({ "pid": std::process::id(), "command": "mae-exp sweep bench.toml" }),
        error: String::new(),
        trace: String::new(),
        warnings: json!([]),
        created_at: outside::now(),
        started_at: None,
        finished_at: None,
    }
}
