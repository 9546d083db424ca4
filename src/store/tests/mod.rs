//! Tests of the store, by theme; this file holds what they share.

mod concurrent;
mod damage;
mod finished;
mod house;
mod judged;
mod leases;
mod migrating;
mod opening;
mod questions;
mod roundtrip;
mod transfer;
mod watching;

use std::path::Path;

use serde_json::json;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

use super::Store;
use super::rows::{MetricPoint, Picture, RunRow, Status, SweepRow};

/// An empty store in a folder that goes away.
fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("runs/mae-exp.db").to_str().unwrap()).unwrap();
    (dir, store)
}

/// A store with sweep `s1` and queued runs `r0`, `r1`, ….
fn store_with(runs: usize) -> (TempDir, Store) {
    let (dir, store) = store();
    store.upsert_sweep(&sweep("s1", "mask_ratio")).unwrap();
    let rows: Vec<RunRow> = (0..runs)
        .map(|i| run(&format!("r{i}"), "s1", i64::try_from(i).unwrap()))
        .collect();
    store.insert_runs(&rows).unwrap();
    (dir, store)
}

fn sweep(id: &str, name: &str) -> SweepRow {
    SweepRow {
        id: id.into(),
        name: name.into(),
        question: "Which share?".into(),
        expect: "0.75".into(),
        cost: "little".into(),
        analysis: String::new(),
        file: "experiments/mask_ratio.toml".into(),
        axes: json!([{"key": "mask.ratio", "values": [0.25, 0.5, 0.75]}]),
        settings: json!({}),
        created_at: "2026-01-02T03:04:05Z".into(),
    }
}

/// A queued run whose ratio grows with its position.
fn run(id: &str, sweep: &str, position: i64) -> RunRow {
    #[expect(clippy::cast_precision_loss, reason = "positions are small")]
    let ratio = 0.25 * (position + 1) as f64;
    RunRow {
        id: id.into(),
        sweep_id: sweep.into(),
        sweep: "mask_ratio".into(),
        position,
        label: format!("mask.ratio={ratio}"),
        identity: format!("identity{position}"),
        status: Status::Queued,
        seed: 7,
        config: json!({"mask": {"ratio": ratio, "strategy": "random"}, "train": {"epochs": 3}}),
        origins: json!({"mask.ratio": "experiments/mask_ratio.toml"}),
        point: json!({"mask.ratio": ratio}),
        environment: json!({"device": "flex"}),
        error: String::new(),
        trace: String::new(),
        warnings: json!([]),
        created_at: "2026-01-02T03:04:06Z".into(),
        started_at: None,
        finished_at: None,
    }
}

fn point(name: &str, step: i64, value: f64) -> MetricPoint {
    #[expect(clippy::cast_precision_loss, reason = "steps are small")]
    let epoch = step as f64 / 10.0;
    MetricPoint {
        name: name.into(),
        step,
        epoch,
        value,
    }
}

fn picture(kind: &str, item: i64, epoch: f64) -> Picture {
    let png = vec![0x89, b'P', b'N', b'G', 0, 255, u8::try_from(item).unwrap()];
    Picture {
        kind: kind.into(),
        item,
        caption: format!("cat {item}"),
        epoch,
        width: 4,
        height: 3,
        png,
    }
}

/// Runs work on a connection of its own, as another program would.
fn outside<T>(path: &Path, work: impl AsyncFnOnce(&mut SqliteConnection) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
        let done = work(&mut conn).await;
        conn.close().await.unwrap();
        done
    })
}

/// Executes one statement from outside.
fn execute(store: &Store, sql: &'static str) -> Result<u64, sqlx::Error> {
    outside(store.path(), async |conn| {
        sqlx::query(sql).execute(conn).await.map(|done| done.rows_affected())
    })
}
