//! Leases: which process trains a run. A claim raises the lease's fence and hands it to the new holder; whatever an
//! earlier holder still writes carries a lower fence and is refused, in the transaction that would have written it.
//! Beats show the others that the holder lives. Nothing here reads a clock.

use serde_json::Value as Json;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::error::{Doing, StoreError};
use super::rows::{LeaseRow, RunRow, Status};
use super::turn::begin;
use super::write::{add_event, truncate_run};

/// The right to write to a run, won by [`Store::claim_run`](super::Store::claim_run).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Which run.
    pub run: String,
    /// Number of the claim: higher than that of every earlier holder.
    pub fence: i64,
}

/// Makes a run the running one of this process, if it still is as it was `seen`: state and process unchanged.
/// It is described anew, and its results are removed from the place on where training goes on.
pub(super) async fn claim_run(
    conn: &mut SqliteConnection,
    run: &RunRow,
    seen: &RunRow,
    (time, now_ms): (&str, i64),
    keep: Option<(i64, f64)>,
) -> Result<Option<Lease>, StoreError> {
    let mut tx = begin(conn).await?;
    let started = keep.is_none().then_some(time);
    let taken = match take(&mut tx, run, seen, started, time).await {
        Ok(rows) => rows == 1,
        Err(StoreError::Finished { .. }) => false,
        Err(error) => return Err(error),
    };
    if !taken {
        return Ok(None);
    }
    let (step, epoch) = keep.unwrap_or((-1, -1.0));
    truncate_run(&mut tx, &run.id, step, epoch).await?;
    add_event(&mut tx, &run.id, time, Status::Running, "").await?;
    let fence = raise(&mut tx, &run.id, Some(now_ms)).await?;
    tx.commit().await.doing_to("take", &run.id)?;
    let run = run.id.clone();
    Ok(Some(Lease { run, fence }))
}

/// Rows changed: one, or none when the run is no longer as `seen`.
async fn take(
    conn: &mut SqliteConnection,
    run: &RunRow,
    seen: &RunRow,
    started: Option<&str>,
    time: &str,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "UPDATE runs SET position = $2, label = $3, config = $4, origins = $5, point = $6, environment = $7, \
         warnings = '[]', error = '', trace = '', status = 'running', finished_at = NULL, \
         started_at = COALESCE($8, started_at, $9) WHERE id = $1 AND status = $10 AND environment = $11",
    )
    .bind(&run.id)
    .bind(run.position)
    .bind(&run.label)
    .bind(run.config.to_string())
    .bind(run.origins.to_string())
    .bind(run.point.to_string())
    .bind(run.environment.to_string())
    .bind(started)
    .bind(time)
    .bind(seen.status.as_str())
    .bind(seen.environment.to_string())
    .execute(conn)
    .await;
    Ok(done.doing_to("take", &run.id)?.rows_affected())
}

/// Raises the fence, for a holder that starts now or for none.
async fn raise(conn: &mut SqliteConnection, run: &str, now_ms: Option<i64>) -> Result<i64, StoreError> {
    sqlx::query_scalar(
        "INSERT INTO leases (run_id, fence, beat, beat_at, held) VALUES ($1, 1, 0, COALESCE($2, 0), $3) \
         ON CONFLICT (run_id) DO UPDATE SET fence = leases.fence + 1, beat = 0, \
         beat_at = COALESCE($2, leases.beat_at), held = excluded.held RETURNING fence",
    )
    .bind(run)
    .bind(now_ms)
    .bind(i64::from(now_ms.is_some()))
    .fetch_one(conn)
    .await
    .doing_to("take the lease", run)
}

/// The lease of a run, if it was ever claimed.
pub(super) async fn lease(conn: &mut SqliteConnection, run: &str) -> Result<Option<LeaseRow>, StoreError> {
    let row = sqlx::query("SELECT fence, beat, beat_at, held FROM leases WHERE run_id = $1")
        .bind(run)
        .fetch_optional(conn)
        .await
        .doing_to("read the lease", run)?;
    Ok(row.map(|row| LeaseRow {
        fence: row.get("fence"),
        beat: row.get("beat"),
        beat_at: row.get("beat_at"),
        held: row.get::<i64, _>("held") == 1,
    }))
}

/// Running becomes crashed, if state, process and fence still are as they were seen; false when they are not.
pub(super) async fn mark_crashed(
    conn: &mut SqliteConnection,
    run: &str,
    (environment, fence): (&Json, Option<i64>),
    time: &str,
    why: &str,
) -> Result<bool, StoreError> {
    let mut tx = begin(conn).await?;
    let done = sqlx::query(
        "UPDATE runs SET status = 'crashed', error = $2, trace = '', finished_at = $3 \
         WHERE id = $1 AND status = 'running' AND environment = $4 \
         AND (SELECT fence FROM leases WHERE run_id = $1) IS NOT DISTINCT FROM $5",
    )
    .bind(run)
    .bind(why)
    .bind(time)
    .bind(environment.to_string())
    .bind(fence)
    .execute(&mut *tx)
    .await
    .doing_to("mark the crash", run)?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    add_event(&mut tx, run, time, Status::Crashed, why).await?;
    raise(&mut tx, run, None).await?;
    tx.commit().await.doing_to("mark the crash", run)?;
    Ok(true)
}

/// Beats, and lets go where `held` is false. To be called first in every transaction of a holder.
///
/// # Errors
/// [`StoreError::Fenced`] when another has the lease by now: the transaction must then write nothing.
pub(super) async fn beat(
    conn: &mut SqliteConnection,
    lease: &Lease,
    now_ms: i64,
    held: bool,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE leases SET beat = beat + 1, beat_at = $3, held = $4 WHERE run_id = $1 AND fence = $2 AND held = 1",
    )
    .bind(&lease.run)
    .bind(lease.fence)
    .bind(now_ms)
    .bind(i64::from(held))
    .execute(conn)
    .await
    .doing_to("renew the lease", &lease.run)?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    let run = lease.run.clone();
    Err(StoreError::Fenced { run })
}
