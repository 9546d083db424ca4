//! The statements that change the store, but for measurements (`record.rs`) and claims (`lease.rs`). Functions that call
//! [`begin`] are a transaction each; the others are part of their caller's. Changes of a run's state leave an event.
//! Finished runs are guarded by triggers in the schema, not here.

use serde_json::Value as Json;
use sqlx::sqlite::SqliteConnection;

use super::error::{Doing, StoreError};
use super::rows::{CheckpointRow, RunRow, Status, SweepRow};
pub(super) use super::turn::begin;

/// Slack when epochs are compared.
const EPOCH: f64 = 1e-9;

pub(super) async fn upsert_sweep(conn: &mut SqliteConnection, sweep: &SweepRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO sweeps (id, name, question, expect, cost, analysis, file, axes, settings, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, question = excluded.question, \
         expect = excluded.expect, cost = excluded.cost, analysis = excluded.analysis, \
         file = excluded.file, axes = excluded.axes, settings = excluded.settings",
    )
    .bind(&sweep.id)
    .bind(&sweep.name)
    .bind(&sweep.question)
    .bind(&sweep.expect)
    .bind(&sweep.cost)
    .bind(&sweep.analysis)
    .bind(&sweep.file)
    .bind(sweep.axes.to_string())
    .bind(sweep.settings.to_string())
    .bind(&sweep.created_at)
    .execute(conn)
    .await
    .doing(&format!("record sweep {}", sweep.id))?;
    Ok(())
}

pub(super) async fn insert_runs(conn: &mut SqliteConnection, runs: &[RunRow]) -> Result<(), StoreError> {
    let mut tx = begin(conn).await?;
    for run in runs {
        insert_run(&mut tx, run)
            .await
            .doing(&format!("record run {}", run.id))?;
        add_event(&mut tx, &run.id, &run.created_at, run.status, &run.error).await?;
    }
    tx.commit().await.doing("record runs")
}

async fn insert_run(conn: &mut SqliteConnection, run: &RunRow) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO runs (id, sweep_id, position, label, identity, status, seed, config, origins, point, \
         environment, error, trace, warnings, created_at, started_at, finished_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    )
    .bind(&run.id)
    .bind(&run.sweep_id)
    .bind(run.position)
    .bind(&run.label)
    .bind(&run.identity)
    .bind(run.status.as_str())
    .bind(run.seed)
    .bind(run.config.to_string())
    .bind(run.origins.to_string())
    .bind(run.point.to_string())
    .bind(run.environment.to_string())
    .bind(&run.error)
    .bind(&run.trace)
    .bind(run.warnings.to_string())
    .bind(&run.created_at)
    .bind(&run.started_at)
    .bind(&run.finished_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Finds the runs of the same sweep and identity, or records these: several processes may try at once. Returns their ids.
pub(super) async fn adopt_runs(conn: &mut SqliteConnection, runs: &[RunRow]) -> Result<Vec<String>, StoreError> {
    let mut tx = begin(conn).await?;
    let mut ids = Vec::new();
    for run in runs {
        if let Some(known) = super::read::run_by_identity(&mut tx, &run.sweep_id, &run.identity).await? {
            ids.push(known.id);
            continue;
        }
        let done = insert_run(&mut tx, run).await;
        done.doing(&format!("record run {}", run.id))?;
        add_event(&mut tx, &run.id, &run.created_at, run.status, &run.error).await?;
        ids.push(run.id.clone());
    }
    tx.commit().await.doing("record runs")?;
    Ok(ids)
}

/// A state to enter.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Which run.
    pub(super) run: String,
    /// The state.
    pub(super) status: Status,
    /// When.
    pub(super) time: String,
    /// Why, where it is an end other than the planned one.
    pub(super) error: String,
    /// Backtrace, likewise.
    pub(super) trace: String,
}

/// Enters a state, and lets go of the lease when the run is over.
pub(super) async fn set_status(conn: &mut SqliteConnection, to: &Entry) -> Result<(), StoreError> {
    let mut tx = begin(conn).await?;
    enter(&mut tx, to).await?;
    if to.status.is_over() {
        let freed = sqlx::query("UPDATE leases SET held = 0 WHERE run_id = $1").bind(&to.run);
        freed.execute(&mut *tx).await.doing_to("free the lease", &to.run)?;
    }
    tx.commit().await.doing_to("change the state", &to.run)
}

/// Enters a state: running sets the start (once), an end sets the end, anything earlier clears it.
pub(super) async fn enter(conn: &mut SqliteConnection, to: &Entry) -> Result<(), StoreError> {
    add_event_of_known(&mut *conn, &to.run, &to.time, to.status, &to.error).await?;
    let started = (to.status == Status::Running).then_some(&to.time);
    let finished = to.status.is_over().then_some(&to.time);
    sqlx::query(
        "UPDATE runs SET status = $2, error = $3, trace = $4, started_at = COALESCE(started_at, $5), \
         finished_at = $6 WHERE id = $1",
    )
    .bind(&to.run)
    .bind(to.status.as_str())
    .bind(&to.error)
    .bind(&to.trace)
    .bind(started)
    .bind(finished)
    .execute(conn)
    .await
    .doing_to("change the state", &to.run)?;
    Ok(())
}

async fn add_event_of_known(
    conn: &mut SqliteConnection,
    run: &str,
    time: &str,
    status: Status,
    detail: &str,
) -> Result<(), StoreError> {
    let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM runs WHERE id = $1")
        .bind(run)
        .fetch_one(&mut *conn)
        .await
        .doing_to("find the row", run)?;
    found(known.unsigned_abs(), run)?;
    add_event(conn, run, time, status, detail).await
}

pub(super) async fn add_event(
    conn: &mut SqliteConnection,
    run: &str,
    time: &str,
    status: Status,
    detail: &str,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO events (run_id, time, status, detail) VALUES ($1, $2, $3, $4)")
        .bind(run)
        .bind(time)
        .bind(status.as_str())
        .bind(detail)
        .execute(conn)
        .await
        .doing_to("note the state", run)?;
    Ok(())
}

/// Replaces the warnings.
pub(super) async fn set_warnings(conn: &mut SqliteConnection, run: &str, warnings: &Json) -> Result<(), StoreError> {
    let done = sqlx::query("UPDATE runs SET warnings = $2 WHERE id = $1")
        .bind(run)
        .bind(warnings.to_string())
        .execute(conn)
        .await
        .doing_to("note the warnings", run)?;
    found(done.rows_affected(), run)
}

/// Notes a checkpoint, or what became of the one of that path.
pub(super) async fn add_checkpoint(
    conn: &mut SqliteConnection,
    run: &str,
    checkpoint: &CheckpointRow,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO checkpoints (run_id, path, step, epoch, hash, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (run_id, path) DO UPDATE SET step = excluded.step, epoch = excluded.epoch, \
         hash = excluded.hash, created_at = excluded.created_at",
    )
    .bind(run)
    .bind(&checkpoint.path)
    .bind(checkpoint.step)
    .bind(checkpoint.epoch)
    .bind(&checkpoint.hash)
    .bind(&checkpoint.created_at)
    .execute(conn)
    .await
    .doing_to("note the checkpoint", run)?;
    Ok(())
}

/// Forgets a checkpoint.
pub(super) async fn remove_checkpoint(conn: &mut SqliteConnection, run: &str, path: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM checkpoints WHERE run_id = $1 AND path = $2")
        .bind(run)
        .bind(path)
        .execute(conn)
        .await
        .doing_to("forget the checkpoint", run)?;
    Ok(())
}

/// What was measured, drawn or saved after a step and epoch is removed.
pub(super) async fn truncate_run(
    conn: &mut SqliteConnection,
    run: &str,
    step: i64,
    epoch: f64,
) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM points WHERE series_id IN (SELECT id FROM series WHERE run_id = $1) AND step > $2",
        "DELETE FROM checkpoints WHERE run_id = $1 AND step > $2",
    ] {
        let done = sqlx::query(statement).bind(run).bind(step).execute(&mut *conn).await;
        done.doing_to("remove later results", run)?;
    }
    let empty = "DELETE FROM series WHERE run_id = $1 AND NOT EXISTS \
                 (SELECT 1 FROM points WHERE points.series_id = series.id)";
    let done = sqlx::query(empty).bind(run).execute(&mut *conn).await;
    done.doing_to("remove empty series", run)?;
    let pictures = sqlx::query("DELETE FROM pictures WHERE run_id = $1 AND epoch > $2");
    let done = pictures.bind(run).bind(epoch + EPOCH).execute(conn).await;
    done.doing_to("remove later pictures", run)?;
    Ok(())
}

/// A run that is not there is an error, not a change of nothing.
fn found(rows: u64, run: &str) -> Result<(), StoreError> {
    if rows > 0 { Ok(()) } else { Err(unknown(run)) }
}

/// There is no such run.
pub(super) fn unknown(run: &str) -> StoreError {
    StoreError::Unknown {
        what: "run",
        selector: run.to_owned(),
        hint: "`mae-exp runs` lists what there is".to_owned(),
    }
}
