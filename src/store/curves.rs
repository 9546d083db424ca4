//! One metric of all runs of a sweep, epoch by epoch.

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::error::{Doing, StoreError};
use super::read::{get, status, value};
use super::rows::Curve;

/// Curves by position of their runs; a run without any point of that name has none.
pub(super) async fn curves(conn: &mut SqliteConnection, sweep: &str, metric: &str) -> Result<Vec<Curve>, StoreError> {
    let rows = sqlx::query(
        "SELECT r.id, r.status, p.epoch, p.value, p.special FROM runs r JOIN series s ON s.run_id = r.id \
         JOIN points p ON p.series_id = s.id WHERE r.sweep_id = $1 AND s.name = $2 AND p.step > 0 \
         ORDER BY r.position, r.id, p.step",
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
        let point = (get(row, "epoch")?, value(row)?);
        curves.last_mut().expect("one was just pushed").points.push(point);
    }
    Ok(curves)
}
