//! One metric of all runs of a sweep, epoch by epoch.

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::error::{Doing, StoreError};
use super::read::{get, status, value};
use super::rows::Curve;

/// Curves by position of their runs; that of a run without any point of that name is empty.
pub(super) async fn curves(conn: &mut SqliteConnection, sweep: &str, metric: &str) -> Result<Vec<Curve>, StoreError> {
    let rows = sqlx::query(
        "SELECT r.id, r.status, p.step, p.epoch, p.value, p.special FROM runs r \
         LEFT JOIN series s ON s.run_id = r.id AND s.name = $2 \
         LEFT JOIN points p ON p.series_id = s.id AND p.step > 0 \
         WHERE r.sweep_id = $1 ORDER BY r.position, r.id, p.step",
    )
    .bind(sweep)
    .bind(metric)
    .fetch_all(conn)
    .await
    .doing("read the curves")?;
    let mut curves: Vec<Curve> = Vec::new();
    for row in &rows {
        let run: &str = row.try_get("id").doing("read the curves")?;
        if curves.last().is_none_or(|curve| curve.run != run) {
            curves.push(Curve {
                run: run.to_owned(),
                status: status(row)?,
                points: Vec::new(),
            });
        }
        if get::<Option<i64>>(row, "step")?.is_some() {
            let point = (get(row, "epoch")?, value(row)?);
            curves.last_mut().expect("one was just pushed").points.push(point);
        }
    }
    Ok(curves)
}
