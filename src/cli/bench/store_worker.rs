//! One writer of `bench store`, a process of its own: creates its run, waits for the word, records, closes the run, and
//! reports in JSON. Also the starting of all of them, and their common word.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};

use super::store::run_row;
use crate::cli::failure::Failure;
use crate::cli::outside;
use crate::store::rows::{MetricPoint, Status};
use crate::store::{Store, StoreError, Writer};

/// What is recorded.
pub(super) const METRICS: [&str; 10] = [
    "train_loss",
    "val_loss",
    "eval_mse",
    "eval_psnr",
    "knn_accuracy",
    "lr",
    "grad_norm",
    "images_per_s",
    "weight_norm",
    "temperature",
];

/// The number of index `i`.
pub(super) fn value(i: u64) -> f64 {
    1.0 / (i + 1) as f64
}

/// The value below which a share of sorted values lies.
pub(super) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * share).round() as usize).copied()
}

/// Runs the writers, which begin together once all are ready; the report of each, or what went wrong with it.
pub(super) fn start_all(writers: u16, points: u64, file: &Path) -> Result<Vec<Result<Json, String>>, Failure> {
    let program = std::env::current_exe()?;
    let start = |writer: u16| {
        Command::new(&program)
            .args([
                "bench",
                "store",
                "--writer",
                &writer.to_string(),
                "--points",
                &points.to_string(),
            ])
            .arg("--file")
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
    };
    let mut children = (0..writers).map(start).collect::<Result<Vec<_>, _>>()?;
    let mut voices: Vec<_> = children
        .iter_mut()
        .map(|child| child.stdout.take().map(BufReader::new))
        .collect();
    for voice in voices.iter_mut().flatten() {
        // One that failed says nothing, and is found out by its end.
        let _ = voice.read_line(&mut String::new());
    }
    for child in &mut children {
        if let Some(mut ear) = child.stdin.take() {
            let _ = ear.write_all(b"go\n");
        }
    }
    Ok(children
        .into_iter()
        .zip(voices)
        .map(|(child, voice)| report(child, voice))
        .collect())
}

fn report(mut child: Child, voice: Option<impl BufRead>) -> Result<Json, String> {
    let mut said = String::new();
    if let Some(mut voice) = voice {
        voice.read_to_string(&mut said).map_err(|error| error.to_string())?;
    }
    let end = child.wait().map_err(|error| error.to_string())?;
    if !end.success() {
        return Err(end.to_string());
    }
    serde_json::from_str(&said).map_err(|error| error.to_string())
}

/// Records as one of the writers.
pub(super) fn record(writer: u16, points: u64, file: &Path) -> Result<(), Failure> {
    let store = Store::open_existing(&file.display().to_string())?;
    let row = run_row(writer);
    let create = Instant::now();
    store.insert_run(&row)?;
    let lease = store.claim_run(&row, &row, &outside::now(), now_ms(), None)?;
    let create = create.elapsed();
    let Some(lease) = lease else {
        return Err(StoreError::Fenced { run: row.id }.into());
    };
    let hand = store.writer_for(&lease, now_ms)?;
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;
    let begun = now();
    let mut calls = hand_over(&hand, &row.id, points);
    hand.flush()?;
    let ended = now();
    let close = Instant::now();
    hand.set_status(&row.id, Status::Finished, &outside::now(), "", "")?;
    let close = close.elapsed();
    hand.close()?;
    calls.sort_by(f64::total_cmp);
    let calls: Vec<Option<f64>> = (0..=1000).map(|i| quantile(&calls, f64::from(i) / 1000.0)).collect();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{}",
        json!({
            "begun": begun.as_secs_f64(),
            "ended": ended.as_secs_f64(),
            "calls_ns": calls,
            "create_ms": ms(create),
            "close_ms": ms(close),
        })
    );
    Ok(())
}

/// Hands the numbers over, and how many nanoseconds each call took.
fn hand_over(hand: &Writer, run: &str, points: u64) -> Vec<f64> {
    let mut calls = Vec::with_capacity(points as usize);
    for i in 0..points {
        let step = i / METRICS.len() as u64;
        let point = MetricPoint {
            name: METRICS[i as usize % METRICS.len()].to_owned(),
            step: step as i64,
            epoch: step as f64 / 100.0,
            value: value(i),
        };
        let call = Instant::now();
        hand.metric(run, point);
        calls.push(call.elapsed().as_nanos() as f64);
    }
    calls
}

/// Time since 1970, comparable between processes.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn now_ms() -> i64 {
    i64::try_from(now().as_millis()).unwrap_or(i64::MAX)
}
