//! `mae-exp bench store`: how fast measured numbers are recorded, and what that costs the thread that trains.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::{outside, table};
use crate::store::rows::{MetricPoint, RunRow, Status, SweepRow};
use crate::store::{Store, StoreError};

/// Arguments of `bench store`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Numbers recorded.
    #[arg(long, default_value_t = 100_000)]
    metrics: usize,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if args.metrics == 0 {
        return Err(Failure::usage("--metrics must be at least 1"));
    }
    let file = std::env::temp_dir().join(format!("mae-exp-bench-{}.db", outside::new_id()));
    let measured = measure(args.metrics, &file);
    let files = ["", "-wal", "-shm", "-journal"].map(|end| PathBuf::from(format!("{}{end}", file.display())));
    files.iter().for_each(|file| {
        // Those that there are; a temporary file left behind harms nobody.
        let _ = std::fs::remove_file(file);
    });
    let (handed, safe) = measured?;
    let (per_second, microseconds) = (args.metrics as f64 / safe, handed / args.metrics as f64 * 1e6);
    if args.json {
        return table::json(&json!({
            "rows": args.metrics,
            "seconds": safe,
            "metrics_per_s": per_second,
            "training_thread_us_per_metric": microseconds,
        }));
    }
    println!(
        "{} numbers on the disk in {safe:.2} s: {per_second:.0} a second; each holds training up for {microseconds:.2} µs",
        args.metrics
    );
    Ok(())
}

/// Seconds until the numbers were handed to the writer, and until they were on the disk.
fn measure(metrics: usize, file: &std::path::Path) -> Result<(f64, f64), StoreError> {
    let store = Store::open(&file.display().to_string())?;
    let (sweep, run) = rows();
    store.upsert_sweep(&sweep)?;
    store.insert_run(&run)?;
    let writer = store.writer()?;
    let begun = Instant::now();
    for step in 0..metrics {
        let point = MetricPoint {
            name: "train_loss".into(),
            step: step as i64,
            epoch: step as f64 / 100.0,
            value: 1.0 / (step + 1) as f64,
        };
        writer.metric(&run.id, point);
    }
    let handed = begun.elapsed().as_secs_f64();
    writer.flush()?;
    let safe = begun.elapsed().as_secs_f64();
    writer.close()?;
    Ok((handed, safe))
}

fn rows() -> (SweepRow, RunRow) {
    let (name, now) = (String::from("bench"), outside::now());
    let sweep = SweepRow {
        id: name.clone(),
        name: name.clone(),
        question: String::new(),
        expect: String::new(),
        cost: String::new(),
        analysis: String::new(),
        file: String::new(),
        axes: json!([]),
        settings: json!({}),
        created_at: now.clone(),
    };
    let run = RunRow {
        id: name.clone(),
        sweep_id: name.clone(),
        sweep: name.clone(),
        position: 0,
        label: name.clone(),
        identity: name,
        status: Status::Running,
        seed: 0,
        config: json!({}),
        origins: json!({}),
        point: json!({}),
        environment: json!({}),
        error: String::new(),
        trace: String::new(),
        warnings: json!([]),
        created_at: now.clone(),
        started_at: Some(now),
        finished_at: None,
    };
    (sweep, run)
}
