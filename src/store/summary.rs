//! The short list of runs: few columns, no JSON, one row for each run with the last values of the metrics that are shown,
//! so that thousands of runs with millions of points are listed at once. Nothing here changes the store.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite, TypeInfo, ValueRef};

use super::error::{Doing, StoreError};
use super::filter::{self, RunFilter};
use super::read::{data, get, status};
use super::rows::RunSummary;

/// Columns before those of the metrics.
const FIRST: usize = 6;

pub(super) async fn run_summaries(
    conn: &mut SqliteConnection,
    filter: &RunFilter,
    metrics: &[&str],
) -> Result<Vec<RunSummary>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT r.id AS id, w.name AS sweep, r.label AS label, r.status AS status, r.started_at AS started_at, \
         r.finished_at AS finished_at",
    );
    for metric in metrics {
        // One descent to the end of one curve.
        query
            .push(
                ", (SELECT COALESCE(p.value, p.special) FROM points p WHERE p.series_id = \
                 (SELECT s.id FROM series s WHERE s.run_id = r.id AND s.name = ",
            )
            .push_bind((*metric).to_owned())
            .push(") ORDER BY p.step DESC LIMIT 1)");
    }
    query.push(" FROM runs r JOIN sweeps w ON w.id = r.sweep_id WHERE 1 = 1");
    filter::push(&mut query, filter);
    let rows = query.build().fetch_all(conn).await.doing("list the runs")?;
    rows.iter().map(|row| summary(row, metrics.len())).collect()
}

fn summary(row: &SqliteRow, metrics: usize) -> Result<RunSummary, StoreError> {
    Ok(RunSummary {
        id: get(row, "id")?,
        sweep: get(row, "sweep")?,
        label: get(row, "label")?,
        status: status(row)?,
        started_at: get(row, "started_at")?,
        finished_at: get(row, "finished_at")?,
        last: (FIRST..FIRST + metrics)
            .map(|i| last(row, i))
            .collect::<Result<_, _>>()?,
    })
}

/// A number, or the name of one that is not finite, or nothing.
fn last(row: &SqliteRow, column: usize) -> Result<Option<f64>, StoreError> {
    let wrong = |error: sqlx::Error| data("value", &error);
    let found = row.try_get_raw(column).map_err(wrong)?;
    if found.is_null() {
        return Ok(None);
    }
    if found.type_info().name() != "TEXT" {
        return row.try_get(column).map_err(wrong);
    }
    match row.try_get::<&str, _>(column).map_err(wrong)? {
        "nan" => Ok(Some(f64::NAN)),
        "inf" => Ok(Some(f64::INFINITY)),
        "-inf" => Ok(Some(f64::NEG_INFINITY)),
        other => Err(data("value", &format!("unknown number {other}"))),
    }
}
