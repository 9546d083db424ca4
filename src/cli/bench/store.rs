//! `mae-exp bench store`: how fast measured numbers are recorded, and what that costs the thread that trains. Every writer
//! is a process of its own (this program again), all of them on one new file; afterwards everything is read back.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::store_worker::{self, METRICS};
use crate::cli::failure::Failure;
use crate::cli::{outside, table};
use crate::store::rows::{RunRow, Status, SweepRow};
use crate::store::{RunFilter, Store, StoreError};

/// Arguments of `bench store`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Processes that record at once.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    writers: u16,
    /// Numbers that each of them records, of 10 metrics.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    points: u64,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// Record as this writer into an existing file: what the processes are started with.
    #[arg(long, hide = true, requires = "file")]
    writer: Option<u16>,
    /// That file.
    #[arg(long, hide = true)]
    file: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if let (Some(writer), Some(file)) = (args.writer, &args.file) {
        return store_worker::record(writer, args.points, file);
    }
    let folder = std::env::temp_dir().join(format!("mae-exp-bench-{}", outside::new_id()));
    let measured = measure(args, &folder.join("store.db"));
    // A temporary folder left behind harms nobody.
    let _ = std::fs::remove_dir_all(&folder);
    let document = measured?;
    if args.json {
        table::json(&document)?;
    } else {
        let number = |key: &str| document[key].as_f64().unwrap_or(f64::NAN);
        println!(
            "{} numbers by {} processes on the disk in {:.2} s: {:.0} a second, {} errors; each held its process up for \
             {:.2} µs at the median, {:.2} µs at the 99th percentile; a run is created in {:.1} ms and closed in {:.1} ms",
            document["rows"],
            args.writers,
            number("seconds"),
            number("points_per_s"),
            document["errors"],
            number("call_p50_us"),
            number("call_p99_us"),
            number("create_ms"),
            number("close_ms"),
        );
    }
    if document["errors"] == 0 {
        return Ok(());
    }
    Err(Failure::from(anyhow::anyhow!(
        "{} errors while recording",
        document["errors"]
    )))
}

fn measure(args: &Args, file: &Path) -> Result<Json, Failure> {
    let store = Store::open(&file.display().to_string())?;
    store.upsert_sweep(&sweep())?;
    let told = store_worker::start_all(args.writers, args.points, file)?;
    let reports: Vec<Json> = told.iter().filter_map(|report| report.as_ref().ok().cloned()).collect();
    for error in told.iter().filter_map(|report| report.as_ref().err()) {
        eprintln!("a writer failed: {error}");
    }
    let begun = Instant::now();
    let (rows, wrong) = read_back(&store, args.points)?;
    let wanted = u64::from(args.writers) * args.points;
    let errors = (told.len() - reports.len()) as u64 + wrong + wanted.abs_diff(rows);
    let ends = |key: &'static str| reports.iter().filter_map(move |report| report[key].as_f64());
    let seconds = (ends("ended").fold(f64::MIN, f64::max) - ends("begun").fold(f64::MAX, f64::min)).max(1e-9);
    let mut calls: Vec<f64> = reports
        .iter()
        .flat_map(|report| report["calls_ns"].as_array().into_iter().flatten())
        .filter_map(Json::as_f64)
        .collect();
    calls.sort_by(f64::total_cmp);
    let call = |share: f64| store_worker::quantile(&calls, share).map(|ns| ns / 1e3);
    let median = |key: &'static str| {
        let mut all: Vec<f64> = ends(key).collect();
        all.sort_by(f64::total_cmp);
        store_worker::quantile(&all, 0.5)
    };
    Ok(json!({
        "writers": args.writers,
        "rows": rows,
        "errors": errors,
        "points_per_s": rows as f64 / seconds,
        "call_p50_us": call(0.5),
        "call_p99_us": call(0.99),
        "seconds": seconds,
        "create_ms": median("create_ms"),
        "close_ms": median("close_ms"),
        "read_back_s": rounded(begun.elapsed()),
    }))
}

fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

/// Numbers found, and those of them that are not what was recorded.
fn read_back(store: &Store, points: u64) -> Result<(u64, u64), StoreError> {
    let (mut rows, mut wrong) = (0, 0);
    for run in store.runs(&RunFilter::default())? {
        wrong += u64::from(run.status != Status::Finished);
        for found in store.metrics(&run.id)? {
            let metric = METRICS.iter().position(|name| *name == found.name);
            let index = metric.map(|metric| found.step as u64 * METRICS.len() as u64 + metric as u64);
            let right = index.is_some_and(|i| i < points && store_worker::value(i).to_bits() == found.value.to_bits());
            wrong += u64::from(!right);
            rows += 1;
        }
    }
    Ok((rows, wrong))
}

fn sweep() -> SweepRow {
    let name = String::from("bench");
    SweepRow {
        id: name.clone(),
        name,
        question: String::new(),
        expect: String::new(),
        cost: String::new(),
        analysis: String::new(),
        file: String::new(),
        axes: json!([]),
        settings: json!({}),
        created_at: outside::now(),
    }
}

/// The run of one writer.
pub(super) fn run_row(writer: u16) -> RunRow {
    let name = format!("writer{writer}");
    RunRow {
        id: name.clone(),
        sweep_id: "bench".into(),
        sweep: "bench".into(),
        position: i64::from(writer),
        label: name.clone(),
        identity: name,
        status: Status::Queued,
        seed: 0,
        config: json!({}),
        origins: json!({}),
        point: json!({}),
        environment: json!({ "pid": std::process::id() }),
        error: String::new(),
        trace: String::new(),
        warnings: json!([]),
        created_at: outside::now(),
        started_at: None,
        finished_at: None,
    }
}
