//! Recording what was measured: curves and pictures, many at a time, within the transaction of the writer's thread.

use std::ffi::CStr;
use std::sync::{Arc, LazyLock};

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use super::bulk;
use super::error::{Doing, StoreError};
use super::inbox::{CurveName, Point};
use super::rows::Picture;
use super::write::unknown;

/// Points per statement: five values each, far below SQLite's limit of 32766.
const ROWS: usize = 200;
/// Points from which on the driver is passed by.
const MANY: usize = 1000;

/// What waits to be written of one curve.
#[derive(Debug)]
pub(super) struct Curve {
    run: String,
    name: String,
    points: Vec<Point>,
}

impl Curve {
    pub(super) fn new((run, name): CurveName) -> Self {
        let points = Vec::new();
        Self { run, name, points }
    }

    pub(super) fn push(&mut self, point: Point) {
        self.points.push(point);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    pub(super) const fn len(&self) -> usize {
        self.points.len()
    }

    pub(super) fn clear(&mut self) {
        self.points.clear();
    }

    /// Brings the points into the order of their steps; of several at one step, the last one stays.
    fn tidy(&mut self) {
        if self.points.is_sorted_by(|a, b| a.step < b.step) {
            return;
        }
        self.points.reverse();
        self.points.sort_by_key(|point| point.step);
        self.points.dedup_by_key(|point| point.step);
    }
}

/// Records points and pictures of any runs. A point at the same step replaces the earlier one.
pub(super) async fn record(
    conn: &mut SqliteConnection,
    curves: &mut [Curve],
    pictures: &[(String, Picture)],
) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    let mut run = "";
    for curve in curves.iter_mut().filter(|curve| !curve.is_empty()) {
        curve.tidy();
        let id = series_id(&mut *conn, &curve.run, &curve.name).await?;
        rows.extend(curve.points.iter().map(|point| (id, *point)));
        run = &curve.run;
    }
    let mut rest = rows.as_slice();
    if rows.len() >= MANY {
        let many;
        (many, rest) = rows.as_chunks();
        bulk::insert(&mut *conn, many).await?;
    }
    for chunk in rest.chunks(ROWS) {
        insert_points(&mut *conn, chunk).await.doing_to("record metrics", run)?;
    }
    for (run, picture) in pictures {
        let made = insert_picture(&mut *conn, run, picture).await;
        if made.doing_to("record a picture", run)? == 0 {
            return Err(unknown(run));
        }
    }
    Ok(())
}

/// Number of a curve, which is made if there is none; a finished run refuses.
async fn series_id(conn: &mut SqliteConnection, run: &str, name: &str) -> Result<i64, StoreError> {
    let found: Option<(i64, i64)> = sqlx::query_as("SELECT id, closed FROM series WHERE run_id = $1 AND name = $2")
        .bind(run)
        .bind(name)
        .fetch_optional(&mut *conn)
        .await
        .doing_to("find a metric", run)?;
    match found {
        Some((id, 0)) => return Ok(id),
        Some(_) => return Err(StoreError::Finished { run: run.to_owned() }),
        None => {}
    }
    let made =
        sqlx::query_scalar("INSERT INTO series (run_id, name) SELECT id, $2 FROM runs WHERE id = $1 RETURNING id")
            .bind(run)
            .bind(name)
            .fetch_optional(conn)
            .await
            .doing_to("record metrics", run)?;
    made.ok_or_else(|| unknown(run))
}

/// The statement for a number of rows. Bare question marks: looking numbered ones up takes SQLite longer, the more there
/// are.
pub(super) fn statement(rows: usize) -> String {
    let mut sql = String::from("INSERT INTO points (series_id, step, epoch, value, special) VALUES (?, ?, ?, ?, ?)");
    sql.push_str(&", (?, ?, ?, ?, ?)".repeat(rows - 1));
    sql.push_str(
        " ON CONFLICT (series_id, step) DO UPDATE SET epoch = excluded.epoch, value = excluded.value, \
         special = excluded.special",
    );
    sql
}

/// The statement for a full chunk, the only one worth keeping prepared.
static FULL: LazyLock<Arc<str>> = LazyLock::new(|| statement(ROWS).into());

async fn insert_points(conn: &mut SqliteConnection, rows: &[(i64, Point)]) -> Result<(), sqlx::Error> {
    let full = rows.len() == ROWS;
    let sql = if full {
        Arc::clone(&FULL)
    } else {
        statement(rows.len()).into()
    };
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(full);
    for (series, point) in rows {
        let (value, special) = split(point.value);
        let special = special.and_then(|word| word.to_str().ok());
        query = query
            .bind(series)
            .bind(point.step)
            .bind(point.epoch)
            .bind(value)
            .bind(special);
    }
    query.execute(conn).await?;
    Ok(())
}

/// A finite value, or the name of one that is not: SQLite would turn NaN into NULL.
pub(super) fn split(value: f64) -> (Option<f64>, Option<&'static CStr>) {
    if value.is_nan() {
        (None, Some(c"nan"))
    } else if value.is_infinite() {
        (None, Some(if value > 0.0 { c"inf" } else { c"-inf" }))
    } else {
        (Some(value), None)
    }
}

/// Rows made: none when there is no such run.
async fn insert_picture(conn: &mut SqliteConnection, run: &str, picture: &Picture) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "INSERT INTO pictures (run_id, epoch, item, kind, caption, width, height, png) \
         SELECT id, $2, $3, $4, $5, $6, $7, $8 FROM runs WHERE id = $1 \
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
    Ok(done.rows_affected())
}
