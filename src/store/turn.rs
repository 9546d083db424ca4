//! Taking turns: a transaction that may write at once, begun with patience, so that many processes on one file wait for
//! each other and none of them ever shows a lock.

use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Sqlite, Transaction};

use super::error::{Doing, StoreError, is_busy};

/// How long a writer waits for its turn, all in all.
const PATIENCE: Duration = Duration::from_secs(300);

/// Begins a transaction that may write at once; waits for other writers.
///
/// `IMMEDIATE` takes the lock before anything is read: a transaction that read first and wrote later would be refused
/// for good where another wrote in between.
pub(super) async fn begin(conn: &mut SqliteConnection) -> Result<Transaction<'_, Sqlite>, StoreError> {
    let begun = Instant::now();
    loop {
        match sqlx::query("BEGIN IMMEDIATE").execute(&mut *conn).await {
            Ok(_) => break,
            Err(error) if is_busy(&error) && begun.elapsed() < PATIENCE => tokio::time::sleep(pause(begun)).await,
            Err(error) => return Err(error).doing("begin to write"),
        }
    }
    // It has begun. This statement does nothing but hand it to a guard, which rolls it back when dropped.
    conn.begin_with("SELECT 1").await.doing("begin to write")
}

/// Up to 32 ms, different for each: the clock's last digits are chance enough.
fn pause(begun: Instant) -> Duration {
    Duration::from_micros(1 + u64::from(begun.elapsed().subsec_nanos() / 100) % 32_000)
}

/// Does work in a transaction of its own.
pub(super) async fn alone<T>(
    conn: &mut SqliteConnection,
    work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut tx = begin(conn).await?;
    let done = work(&mut tx).await?;
    tx.commit().await.doing("commit")?;
    Ok(done)
}
