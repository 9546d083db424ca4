//! Recording what was measured: points and pictures, many at a time. Used by the background writer alone.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};

use super::error::{Doing, StoreError};
use super::rows::{MetricPoint, Picture};
use super::write::begin;

/// Points per statement: five values each, far below SQLite's limit of 32766.
const ROWS: usize = 200;

/// Records points and pictures of any runs in one transaction. A point at the same step replaces the earlier one.
pub(super) async fn record(
    conn: &mut SqliteConnection,
    points: &[(String, MetricPoint)],
    pictures: &[(String, Picture)],
) -> Result<(), StoreError> {
    let mut tx = begin(conn).await?;
    let series = find_series(&mut tx, points).await?;
    for chunk in points.chunks(ROWS) {
        insert_points(&mut tx, &series, chunk).await?;
    }
    for (run, picture) in pictures {
        insert_picture(&mut tx, run, picture)
            .await
            .doing_to("record a picture", run)?;
    }
    tx.commit().await.doing("record metrics")
}

/// Numbers of the curves that the points belong to.
type Series<'a> = HashMap<(&'a str, &'a str), i64>;

async fn find_series<'a>(
    conn: &mut SqliteConnection,
    points: &'a [(String, MetricPoint)],
) -> Result<Series<'a>, StoreError> {
    let mut series = Series::new();
    for (run, point) in points {
        let key = (run.as_str(), point.name.as_str());
        if let Entry::Vacant(place) = series.entry(key) {
            place.insert(
                series_id(&mut *conn, run, &point.name)
                    .await
                    .doing_to("record metrics", run)?,
            );
        }
    }
    Ok(series)
}

async fn series_id(conn: &mut SqliteConnection, run: &str, name: &str) -> Result<i64, sqlx::Error> {
    let found: Option<i64> = sqlx::query_scalar("SELECT id FROM series WHERE run_id = $1 AND name = $2")
        .bind(run)
        .bind(name)
        .fetch_optional(&mut *conn)
        .await?;
    if let Some(id) = found {
        return Ok(id);
    }
    sqlx::query_scalar("INSERT INTO series (run_id, name) VALUES ($1, $2) RETURNING id")
        .bind(run)
        .bind(name)
        .fetch_one(conn)
        .await
}

async fn insert_points(
    conn: &mut SqliteConnection,
    series: &Series<'_>,
    points: &[(String, MetricPoint)],
) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO points (series_id, step, epoch, value, special) ");
    query.push_values(points, |mut row, (run, point)| {
        let (value, special) = split(point.value);
        row.push_bind(series[&(run.as_str(), point.name.as_str())])
            .push_bind(point.step)
            .push_bind(point.epoch)
            .push_bind(value)
            .push_bind(special);
    });
    query.push(
        " ON CONFLICT (series_id, step) DO UPDATE SET epoch = excluded.epoch, value = excluded.value, \
         special = excluded.special",
    );
    let run = points.first().map_or("", |(run, _)| run);
    // Only a full statement is worth keeping prepared: the others differ in length.
    query
        .build()
        .persistent(points.len() == ROWS)
        .execute(conn)
        .await
        .doing_to("record metrics", run)?;
    Ok(())
}

/// A finite value, or the name of one that is not: SQLite would turn NaN into NULL.
fn split(value: f64) -> (Option<f64>, Option<&'static str>) {
    if value.is_nan() {
        (None, Some("nan"))
    } else if value.is_infinite() {
        (None, Some(if value > 0.0 { "inf" } else { "-inf" }))
    } else {
        (Some(value), None)
    }
}

async fn insert_picture(conn: &mut SqliteConnection, run: &str, picture: &Picture) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO pictures (run_id, epoch, item, kind, caption, width, height, png) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (run_id, epoch, item, kind) DO UPDATE SET caption = excluded.caption, \
         width = excluded.width, height = excluded.height, png = excluded.png",
    )
    .bind(run)
    .bind(picture.epoch)
    .bind(picture.item)
    .bind(&picture.kind)
    .bind(&picture.caption)
    .bind(picture.width)
    .bind(picture.height)
    .bind(&picture.png)
    .execute(conn)
    .await?;
    Ok(())
}
