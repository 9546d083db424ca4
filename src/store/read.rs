//! Every statement that reads rows, and the translation of SQL rows into plain ones. Nothing here changes the store.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::bulk_read;
use super::error::{Doing, StoreError};
use super::filter::{self, RunFilter};
use super::rows::{CheckpointRow, EventRow, MetricPoint, Picture, RunRow, Status, SweepRow};
use super::select::Candidate;

/// The last value of every metric of some runs: run id → metric name → value.
pub type LastMetrics = BTreeMap<String, BTreeMap<String, f64>>;

const RUNS: &str = "SELECT r.*, w.name AS sweep FROM runs r JOIN sweeps w ON w.id = r.sweep_id WHERE 1 = 1";

pub(super) async fn sweeps(conn: &mut SqliteConnection, id: Option<&str>) -> Result<Vec<SweepRow>, StoreError> {
    let rows = sqlx::query("SELECT * FROM sweeps WHERE $1 IS NULL OR id = $1 ORDER BY created_at, id")
        .bind(id)
        .fetch_all(conn)
        .await
        .doing("list the sweeps")?;
    rows.iter().map(sweep_row).collect()
}

pub(super) async fn runs(conn: &mut SqliteConnection, filter: &RunFilter) -> Result<Vec<RunRow>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(RUNS);
    filter::push(&mut query, filter);
    collect_runs(conn, query).await
}

pub(super) async fn run(conn: &mut SqliteConnection, id: &str) -> Result<Option<RunRow>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(RUNS);
    query.push(" AND r.id = ").push_bind(id);
    Ok(collect_runs(conn, query).await?.pop())
}

pub(super) async fn run_by_identity(
    conn: &mut SqliteConnection,
    sweep: &str,
    identity: &str,
) -> Result<Option<RunRow>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(RUNS);
    query.push(" AND r.sweep_id = ").push_bind(sweep);
    query.push(" AND r.identity = ").push_bind(identity);
    query.push(" ORDER BY CASE r.status WHEN 'finished' THEN 0 ELSE 1 END, r.created_at DESC, r.id LIMIT 1");
    Ok(collect_runs(conn, query).await?.pop())
}

async fn collect_runs(conn: &mut SqliteConnection, mut query: QueryBuilder<Sqlite>) -> Result<Vec<RunRow>, StoreError> {
    let rows = query.build().fetch_all(conn).await.doing("list the runs")?;
    rows.iter().map(run_row).collect()
}

pub(super) async fn metrics(conn: &mut SqliteConnection, run: &str) -> Result<Vec<MetricPoint>, StoreError> {
    let rows = sqlx::query("SELECT id, name FROM series WHERE run_id = $1 ORDER BY name")
        .bind(run)
        .fetch_all(&mut *conn)
        .await
        .doing("read the metrics")?;
    let curves: Result<Vec<(i64, String)>, StoreError> = rows
        .iter()
        .map(|row| Ok((get(row, "id")?, get(row, "name")?)))
        .collect();
    bulk_read::points(conn, curves?).await
}

pub(super) async fn last_metrics(conn: &mut SqliteConnection, runs: &[String]) -> Result<LastMetrics, StoreError> {
    let mut last: LastMetrics = runs.iter().map(|run| (run.clone(), BTreeMap::new())).collect();
    if runs.is_empty() {
        return Ok(last);
    }
    // One JSON list keeps the number of bound values at one, however many runs there are.
    let ids = Json::from(runs).to_string();
    let rows = sqlx::query(
        "SELECT run_id, name, value, special FROM last_metrics WHERE run_id IN (SELECT value FROM json_each($1))",
    )
    .bind(ids)
    .fetch_all(conn)
    .await
    .doing("read the last metrics")?;
    for row in &rows {
        last.entry(get(row, "run_id")?)
            .or_default()
            .insert(get(row, "name")?, value(row)?);
    }
    Ok(last)
}

pub(super) async fn pictures(conn: &mut SqliteConnection, run: &str) -> Result<Vec<Picture>, StoreError> {
    let rows = sqlx::query(
        "SELECT kind, item, caption, epoch, width, height, png FROM pictures WHERE run_id = $1 \
         ORDER BY epoch, item, CASE kind WHEN 'original' THEN 0 WHEN 'masked' THEN 1 WHEN 'reconstruction' THEN 2 \
         WHEN 'pasted' THEN 3 ELSE 4 END, kind",
    )
    .bind(run)
    .fetch_all(conn)
    .await
    .doing("read the pictures")?;
    rows.iter()
        .map(|row| {
            Ok(Picture {
                kind: get(row, "kind")?,
                item: get(row, "item")?,
                caption: get(row, "caption")?,
                epoch: get(row, "epoch")?,
                width: get(row, "width")?,
                height: get(row, "height")?,
                png: get(row, "png")?,
            })
        })
        .collect()
}

pub(super) async fn checkpoints(conn: &mut SqliteConnection, run: &str) -> Result<Vec<CheckpointRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT path, step, epoch, hash, created_at FROM checkpoints WHERE run_id = $1 ORDER BY step, path",
    )
    .bind(run)
    .fetch_all(conn)
    .await
    .doing("read the checkpoints")?;
    rows.iter()
        .map(|row| {
            Ok(CheckpointRow {
                path: get(row, "path")?,
                step: get(row, "step")?,
                epoch: get(row, "epoch")?,
                hash: get(row, "hash")?,
                created_at: get(row, "created_at")?,
            })
        })
        .collect()
}

pub(super) async fn events(conn: &mut SqliteConnection, run: &str) -> Result<Vec<EventRow>, StoreError> {
    let rows = sqlx::query("SELECT time, status, detail FROM events WHERE run_id = $1 ORDER BY id")
        .bind(run)
        .fetch_all(conn)
        .await
        .doing("read the events")?;
    rows.iter()
        .map(|row| {
            Ok(EventRow {
                time: get(row, "time")?,
                status: status(row)?,
                detail: get(row, "detail")?,
            })
        })
        .collect()
}

/// What a sweep can be selected by, newest first.
pub(super) async fn sweep_candidates(conn: &mut SqliteConnection) -> Result<Vec<Candidate>, StoreError> {
    let rows = sqlx::query("SELECT id, name FROM sweeps ORDER BY created_at DESC, id")
        .fetch_all(conn)
        .await
        .doing("list the sweeps")?;
    rows.iter()
        .map(|row| {
            let name: String = get(row, "name")?;
            Ok(Candidate {
                id: get(row, "id")?,
                note: name.clone(),
                names: vec![name],
            })
        })
        .collect()
}

/// What a run can be selected by, newest first.
pub(super) async fn run_candidates(conn: &mut SqliteConnection) -> Result<Vec<Candidate>, StoreError> {
    let rows = sqlx::query(
        "SELECT r.id, r.label, w.name FROM runs r JOIN sweeps w ON w.id = r.sweep_id \
         ORDER BY COALESCE(r.started_at, r.created_at) DESC, r.created_at DESC, r.position DESC, r.id",
    )
    .fetch_all(conn)
    .await
    .doing("list the runs")?;
    rows.iter()
        .map(|row| {
            let (name, label): (String, String) = (get(row, "name")?, get(row, "label")?);
            Ok(Candidate {
                id: get(row, "id")?,
                note: format!("{name} {label}"),
                names: vec![name, label],
            })
        })
        .collect()
}

fn sweep_row(row: &SqliteRow) -> Result<SweepRow, StoreError> {
    Ok(SweepRow {
        id: get(row, "id")?,
        name: get(row, "name")?,
        question: get(row, "question")?,
        expect: get(row, "expect")?,
        cost: get(row, "cost")?,
        analysis: get(row, "analysis")?,
        file: get(row, "file")?,
        axes: json(row, "axes")?,
        settings: json(row, "settings")?,
        created_at: get(row, "created_at")?,
    })
}

fn run_row(row: &SqliteRow) -> Result<RunRow, StoreError> {
    Ok(RunRow {
        id: get(row, "id")?,
        sweep_id: get(row, "sweep_id")?,
        sweep: get(row, "sweep")?,
        position: get(row, "position")?,
        label: get(row, "label")?,
        identity: get(row, "identity")?,
        status: status(row)?,
        seed: get(row, "seed")?,
        config: json(row, "config")?,
        origins: json(row, "origins")?,
        point: json(row, "point")?,
        environment: json(row, "environment")?,
        error: get(row, "error")?,
        trace: get(row, "trace")?,
        warnings: json(row, "warnings")?,
        created_at: get(row, "created_at")?,
        started_at: get(row, "started_at")?,
        finished_at: get(row, "finished_at")?,
    })
}

/// A column's value.
pub(super) fn get<'r, T>(row: &'r SqliteRow, column: &str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
{
    row.try_get(column).map_err(|error| data(column, &error))
}

pub(super) fn json(row: &SqliteRow, column: &str) -> Result<Json, StoreError> {
    serde_json::from_str(get::<&str>(row, column)?).map_err(|error| data(column, &error))
}

pub(super) fn status(row: &SqliteRow) -> Result<Status, StoreError> {
    let word: &str = get(row, "status")?;
    Status::parse(word).ok_or_else(|| data("status", &format!("unknown state {word}")))
}

/// The number, put together again from its two columns.
pub(super) fn value(row: &SqliteRow) -> Result<f64, StoreError> {
    match (get::<Option<f64>>(row, "value")?, get::<Option<&str>>(row, "special")?) {
        (Some(value), None) => Ok(value),
        (None, Some("nan")) => Ok(f64::NAN),
        (None, Some("inf")) => Ok(f64::INFINITY),
        (None, Some("-inf")) => Ok(f64::NEG_INFINITY),
        (value, special) => Err(data("value", &format!("{value:?} with special {special:?}"))),
    }
}

pub(super) fn data(what: &str, problem: &dyn std::fmt::Display) -> StoreError {
    StoreError::Data {
        what: what.to_owned(),
        problem: problem.to_string(),
    }
}
