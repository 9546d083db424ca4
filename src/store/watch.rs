//! What is asked again and again while a sweep runs: whether anything changed, how many trials are in which state, how far
//! one has come. Every question is answered without going through the points of finished runs.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::Store;
use super::error::{Doing, StoreError};
use super::read::{get, status, value};
use super::rows::Status;

/// Runs of one sweep by state.
pub type Tally = BTreeMap<&'static str, u64>;

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progressed {
    /// Optimiser steps done at the newest point.
    pub step: i64,
    /// Passes over the data done then.
    pub epoch: f64,
    /// The newest training loss; none before the first one.
    pub loss: Option<f64>,
}

/// What a report follows from, as questions by the sweep's id. The points of a finished run never change, and its pictures
/// neither; of the others, new ones have higher steps and numbers.
const SIGNS: [&str; 5] = [
    "SELECT QUOTE(name) || QUOTE(question) || QUOTE(expect) || QUOTE(cost) || QUOTE(analysis) || QUOTE(axes) || QUOTE(settings) \
     FROM sweeps WHERE id = $1",
    "SELECT QUOTE(id) || QUOTE(status) || position || QUOTE(label) || QUOTE(error) || QUOTE(warnings) \
     || (SELECT COALESCE(MAX(e.id), 0) FROM events e WHERE e.run_id = r.id) \
     FROM runs r WHERE sweep_id = $1 ORDER BY position, id",
    "SELECT s.id || ' ' || (SELECT COALESCE(MAX(p.step), -1) FROM points p WHERE p.series_id = s.id) \
     FROM series s JOIN runs r ON r.id = s.run_id WHERE r.sweep_id = $1 AND s.closed = 0 ORDER BY s.id",
    "SELECT r.id || ' ' || COUNT(p.id) || ' ' || MAX(p.id) FROM runs r JOIN pictures p ON p.run_id = r.id \
     WHERE r.sweep_id = $1 AND r.status <> 'finished' GROUP BY r.id ORDER BY r.id",
    "SELECT QUOTE(t.run_id) || QUOTE(t.tag) FROM tags t JOIN runs r ON r.id = t.run_id WHERE r.sweep_id = $1 \
     UNION ALL SELECT n.run_id || ' ' || n.id FROM notes n JOIN runs r ON r.id = n.run_id WHERE r.sweep_id = $1 \
     UNION ALL SELECT v.run_id || ' ' || v.id FROM evaluations v JOIN runs r ON r.id = v.run_id WHERE r.sweep_id = $1 \
     ORDER BY 1",
];

/// Watching.
impl Store {
    /// A word that changes with everything a sweep's report is made from; equal words mean that there is nothing new.
    pub fn sign(&self, sweep: &str) -> Result<String, StoreError> {
        self.with(async |conn| sign(conn, sweep).await)
    }

    /// How many runs of each sweep are in which state, by the sweep's id.
    pub fn tallies(&self) -> Result<BTreeMap<String, Tally>, StoreError> {
        self.with(async |conn| tallies(conn).await)
    }

    /// How far a run has come; none before its first point.
    pub fn progressed(&self, run: &str) -> Result<Option<Progressed>, StoreError> {
        self.with(async |conn| progressed(conn, run).await)
    }

    /// Does some reading with everything as it is at one moment, whatever is written meanwhile; to be short, since the file
    /// cannot be tidied up until it is over. `E` is the reader's own kind of error.
    pub fn at_one_moment<T, E: From<StoreError>>(&self, read: impl FnOnce(&Self) -> Result<T, E>) -> Result<T, E> {
        self.with(async |conn| say(conn, "BEGIN").await)?;
        let found = read(self);
        let ended = self.with(async |conn| say(conn, "ROLLBACK").await);
        let found = found?;
        ended?;
        Ok(found)
    }
}

async fn say(conn: &mut SqliteConnection, statement: &'static str) -> Result<(), StoreError> {
    let said = sqlx::query(statement).execute(conn).await;
    said.doing("read at one moment")?;
    Ok(())
}

async fn sign(conn: &mut SqliteConnection, sweep: &str) -> Result<String, StoreError> {
    let mut hasher = blake3::Hasher::new();
    for question in SIGNS {
        let asked = sqlx::query_scalar(question).bind(sweep).fetch_all(&mut *conn).await;
        let lines: Vec<Option<String>> = asked.doing("look for changes")?;
        for line in lines.iter().flatten() {
            hasher.update(line.as_bytes()).update(b"\n");
        }
        hasher.update(b"\0");
    }
    Ok(hasher.finalize().to_hex()[..16].to_owned())
}

async fn tallies(conn: &mut SqliteConnection) -> Result<BTreeMap<String, Tally>, StoreError> {
    let rows = sqlx::query("SELECT sweep_id, status, COUNT(*) AS runs FROM runs GROUP BY sweep_id, status")
        .fetch_all(conn)
        .await
        .doing("count the runs")?;
    let mut found: BTreeMap<String, Tally> = BTreeMap::new();
    for row in &rows {
        let state: Status = status(row)?;
        let runs: i64 = get(row, "runs")?;
        let tally = found.entry(get(row, "sweep_id")?).or_default();
        tally.insert(state.as_str(), runs.unsigned_abs());
    }
    Ok(found)
}

async fn progressed(conn: &mut SqliteConnection, run: &str) -> Result<Option<Progressed>, StoreError> {
    let last = |name: Option<&'static str>| {
        sqlx::query(
            "SELECT p.step, p.epoch, p.value, p.special FROM series s JOIN points p ON p.series_id = s.id \
             AND p.step = (SELECT MAX(q.step) FROM points q WHERE q.series_id = s.id) \
             WHERE s.run_id = $1 AND ($2 IS NULL OR s.name = $2) ORDER BY p.step DESC LIMIT 1",
        )
        .bind(run.to_owned())
        .bind(name)
    };
    let newest: Option<SqliteRow> = last(None)
        .fetch_optional(&mut *conn)
        .await
        .doing("read how far it is")?;
    let loss = last(Some("train_loss")).fetch_optional(conn).await;
    let loss = loss.doing("read how far it is")?.as_ref().map(value).transpose()?;
    let at = |row: SqliteRow| -> Result<Progressed, sqlx::Error> {
        let (step, epoch) = (row.try_get("step")?, row.try_get("epoch")?);
        Ok(Progressed { step, epoch, loss })
    };
    newest.map(at).transpose().doing("read how far it is")
}
