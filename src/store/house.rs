//! Keeping house: tags and notes, what is kept of runs, and removing it on purpose.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::error::{Doing, StoreError};
use super::rows::{NoteRow, RunRow};
use super::select::{self, Candidate};
use super::write::begin;
use super::{Store, gone};

/// The runs of a bound JSON list of ids.
const THESE: &str = "(SELECT value FROM json_each($1))";

/// What everything kept of a run is removed with, in the order that its references ask for.
const REMOVE: [&str; 12] = [
    "DELETE FROM points WHERE series_id IN (SELECT id FROM series WHERE run_id = $1)",
    "DELETE FROM series WHERE run_id = $1",
    "DELETE FROM pictures WHERE run_id = $1",
    "DELETE FROM checkpoints WHERE run_id = $1",
    "DELETE FROM protocols WHERE run_id = $1",
    "DELETE FROM evaluation_pictures WHERE evaluation_id IN (SELECT id FROM evaluations WHERE run_id = $1)",
    "DELETE FROM evaluations WHERE run_id = $1",
    "DELETE FROM events WHERE run_id = $1",
    "DELETE FROM tags WHERE run_id = $1",
    "DELETE FROM notes WHERE run_id = $1",
    "DELETE FROM leases WHERE run_id = $1",
    "DELETE FROM runs WHERE id = $1",
];

/// How much was measured by some runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Points of their curves.
    pub points: u64,
    /// Pictures.
    pub pictures: u64,
    /// Bytes of these pictures.
    pub picture_bytes: u64,
}

/// Tags of some runs: run id → tags in alphabetical order.
pub type Tags = BTreeMap<String, Vec<String>>;

/// Keeping house. Tags and notes are what people say about runs: they may change when a run is finished.
impl Store {
    /// Adds tags to runs and takes others away, all or none.
    pub fn change_tags(&self, runs: &[String], add: &[String], remove: &[String]) -> Result<(), StoreError> {
        self.with(async |conn| change_tags(conn, runs, add, remove).await)
    }

    /// The tags of runs; one without any has an empty list.
    pub fn tags(&self, runs: &[String]) -> Result<Tags, StoreError> {
        self.with(async |conn| tags(conn, runs).await)
    }

    /// Adds a note to a run.
    pub fn add_note(&self, run: &str, time: &str, text: &str) -> Result<(), StoreError> {
        self.with(async |conn| add_note(conn, run, time, text).await)
    }

    /// The notes on a run, oldest first.
    pub fn notes(&self, run: &str) -> Result<Vec<NoteRow>, StoreError> {
        self.with(async |conn| notes(conn, run).await)
    }

    /// The metric a word means: its name, or a unique beginning of it.
    pub fn find_metric(&self, selector: &str) -> Result<String, StoreError> {
        self.with(async |conn| {
            let names: Vec<String> = sqlx::query_scalar("SELECT DISTINCT name FROM series ORDER BY name")
                .fetch_all(conn)
                .await
                .doing("list the metrics")?;
            let candidate = |id: String| Candidate {
                id,
                names: Vec::new(),
                note: "a metric".to_owned(),
            };
            let all: Vec<Candidate> = names.into_iter().map(candidate).collect();
            select::pick("metric", selector, &all).map(str::to_owned)
        })
    }

    /// How much was measured by runs.
    pub fn holdings(&self, runs: &[String]) -> Result<Holdings, StoreError> {
        self.with(async |conn| holdings(conn, runs).await)
    }

    /// Removes runs with everything kept of them, finished ones included, and those of the sweeps that are then empty.
    /// Each run goes in a transaction of its own, so that writers wait for one run at most. A run whose state or process
    /// is no longer as `seen` stays, and is an error. Files of checkpoints are not touched.
    pub fn remove_runs(&self, seen: &[RunRow], sweeps: &[String]) -> Result<(), StoreError> {
        self.with(async |conn| {
            for run in seen {
                remove_run(conn, run).await?;
            }
            let mut sweeps: Vec<&str> = sweeps.iter().map(String::as_str).collect();
            sweeps.extend(seen.iter().map(|run| run.sweep_id.as_str()));
            remove_empty(conn, &sweeps).await
        })
    }

    /// Forgets the checkpoints of runs whose files were removed on purpose, finished ones included.
    pub fn forget_checkpoints(&self, runs: &[String]) -> Result<(), StoreError> {
        self.with(async |conn| forget_checkpoints(conn, runs).await)
    }

    /// Writes the journal into the file and makes the file as small as it can be. Writers wait meanwhile.
    pub fn compact(&self) -> Result<(), StoreError> {
        self.with(async |conn| {
            for statement in [
                "PRAGMA wal_checkpoint(TRUNCATE)",
                "VACUUM",
                "PRAGMA wal_checkpoint(TRUNCATE)",
            ] {
                sqlx::query(statement)
                    .execute(&mut *conn)
                    .await
                    .doing("make the file smaller")?;
            }
            Ok(())
        })
    }
}

async fn change_tags(
    conn: &mut SqliteConnection,
    runs: &[String],
    add: &[String],
    remove: &[String],
) -> Result<(), StoreError> {
    let add_one =
        format!("INSERT INTO tags (run_id, tag) SELECT id, $2 FROM runs WHERE id IN {THESE} ON CONFLICT DO NOTHING");
    let remove_one = format!("DELETE FROM tags WHERE run_id IN {THESE} AND tag = $2");
    let ids = Json::from(runs).to_string();
    let mut tx = begin(conn).await?;
    let added = add.iter().map(|tag| (&add_one, tag));
    let removed = remove.iter().map(|tag| (&remove_one, tag));
    for (statement, tag) in added.chain(removed) {
        sqlx::query(sqlx::AssertSqlSafe(statement.as_str()))
            .bind(&ids)
            .bind(tag)
            .execute(&mut *tx)
            .await
            .doing("change the tags")?;
    }
    tx.commit().await.doing("change the tags")
}

async fn tags(conn: &mut SqliteConnection, runs: &[String]) -> Result<Tags, StoreError> {
    let mut found: Tags = runs.iter().map(|run| (run.clone(), Vec::new())).collect();
    let query = "SELECT run_id, tag FROM tags WHERE run_id IN (SELECT value FROM json_each($1)) ORDER BY run_id, tag";
    let rows: Vec<(String, String)> = sqlx::query_as(query)
        .bind(Json::from(runs).to_string())
        .fetch_all(conn)
        .await
        .doing("read the tags")?;
    for (run, tag) in rows {
        found.entry(run).or_default().push(tag);
    }
    Ok(found)
}

async fn add_note(conn: &mut SqliteConnection, run: &str, time: &str, text: &str) -> Result<(), StoreError> {
    let added = sqlx::query("INSERT INTO notes (run_id, time, text) SELECT id, $2, $3 FROM runs WHERE id = $1")
        .bind(run)
        .bind(time)
        .bind(text)
        .execute(conn)
        .await
        .doing("add a note")?;
    if added.rows_affected() == 0 {
        return Err(gone("run", run));
    }
    Ok(())
}

async fn notes(conn: &mut SqliteConnection, run: &str) -> Result<Vec<NoteRow>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as("SELECT time, text FROM notes WHERE run_id = $1 ORDER BY id")
        .bind(run)
        .fetch_all(conn)
        .await
        .doing("read the notes")?;
    Ok(rows.into_iter().map(|(time, text)| NoteRow { time, text }).collect())
}

async fn holdings(conn: &mut SqliteConnection, runs: &[String]) -> Result<Holdings, StoreError> {
    let ids = Json::from(runs).to_string();
    let query = "SELECT (SELECT COUNT(*) FROM points WHERE series_id IN \
                 (SELECT id FROM series WHERE run_id IN (SELECT value FROM json_each($1)))), \
                 COUNT(*), COALESCE(SUM(size), 0) FROM (\
                 SELECT LENGTH(png) AS size FROM pictures WHERE run_id IN (SELECT value FROM json_each($1)) UNION ALL \
                 SELECT LENGTH(p.png) FROM evaluation_pictures p JOIN evaluations e ON e.id = p.evaluation_id \
                 WHERE e.run_id IN (SELECT value FROM json_each($1)))";
    let row = sqlx::query(query)
        .bind(ids)
        .fetch_one(conn)
        .await
        .doing("count what is kept")?;
    let count = |i: usize| {
        row.try_get::<i64, _>(i)
            .doing("count what is kept")
            .map(i64::unsigned_abs)
    };
    Ok(Holdings {
        points: count(0)?,
        pictures: count(1)?,
        picture_bytes: count(2)?,
    })
}

async fn remove_run(conn: &mut SqliteConnection, seen: &RunRow) -> Result<(), StoreError> {
    let id = seen.id.as_str();
    let mut tx = begin(conn).await?;
    let now = super::read::run(&mut tx, id).await?.ok_or_else(|| gone("run", id))?;
    if (now.status, &now.environment) != (seen.status, &seen.environment) {
        let now = now.status;
        return Err(StoreError::Refused {
            problem: format!("run {id} has just become {now}: look at it again before it is removed"),
        });
    }
    allow_removal(&mut tx, id).await?;
    for statement in REMOVE {
        let done = sqlx::query(statement).bind(id).execute(&mut *tx).await;
        done.doing(&format!("remove run {id}"))?;
    }
    end_removal(&mut tx).await?;
    tx.commit().await.doing(&format!("remove run {id}"))
}

/// Opens the triggers that guard finished runs for one of them, within the transaction under way.
async fn allow_removal(conn: &mut SqliteConnection, run: &str) -> Result<(), StoreError> {
    let allow = sqlx::query("INSERT INTO removals (run_id) VALUES ($1)").bind(run);
    allow.execute(conn).await.doing("begin to remove")?;
    Ok(())
}

async fn end_removal(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let end = sqlx::query("DELETE FROM removals").execute(conn).await;
    end.doing("end to remove")?;
    Ok(())
}

async fn remove_empty(conn: &mut SqliteConnection, sweeps: &[&str]) -> Result<(), StoreError> {
    let query = "DELETE FROM sweeps WHERE id IN (SELECT value FROM json_each($1)) \
                 AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.sweep_id = sweeps.id)";
    let done = sqlx::query(query)
        .bind(Json::from(sweeps.to_vec()).to_string())
        .execute(conn)
        .await;
    done.doing("remove empty sweeps")?;
    Ok(())
}

async fn forget_checkpoints(conn: &mut SqliteConnection, runs: &[String]) -> Result<(), StoreError> {
    let mut tx = begin(conn).await?;
    for run in runs {
        allow_removal(&mut tx, run).await?;
        let forget = sqlx::query("DELETE FROM checkpoints WHERE run_id = $1").bind(run);
        forget.execute(&mut *tx).await.doing_to("forget the checkpoints", run)?;
    }
    end_removal(&mut tx).await?;
    tx.commit().await.doing("forget checkpoints")
}
