//! How the figures of tasks came about (`protocols`), and what later evaluations of a run found and drew (`evaluations`).

use std::collections::BTreeMap;

use serde_json::Value as Json;
use sqlx::sqlite::SqliteConnection;

use super::Store;
use super::error::{Doing, StoreError};
use super::read::{get, json};
use super::rows::{EvaluationRow, Picture, ProtocolRow};
use super::write::begin;

/// Tasks.
impl Store {
    /// The protocols by which a run was judged, by task.
    pub fn protocols(&self, run: &str) -> Result<Vec<ProtocolRow>, StoreError> {
        self.with(async |conn| protocols(conn, run).await)
    }

    /// Later evaluations of a run, oldest first.
    pub fn evaluations(&self, run: &str) -> Result<Vec<EvaluationRow>, StoreError> {
        self.with(async |conn| evaluations(conn, run).await)
    }

    /// Adds an evaluation of a run, which may be finished.
    pub fn add_evaluation(&self, run: &str, row: &EvaluationRow) -> Result<(), StoreError> {
        self.with(async |conn| add_evaluation(conn, run, row).await)
    }
}

/// Notes the protocol of a task; a later one of the same task takes its place.
pub(super) async fn set_protocol(conn: &mut SqliteConnection, run: &str, row: &ProtocolRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO protocols (run_id, task, version, parameters) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (run_id, task) DO UPDATE SET version = excluded.version, parameters = excluded.parameters",
    )
    .bind(run)
    .bind(&row.task)
    .bind(row.version)
    .bind(row.parameters.to_string())
    .execute(conn)
    .await
    .doing_to("note the protocol of a task", run)?;
    Ok(())
}

async fn protocols(conn: &mut SqliteConnection, run: &str) -> Result<Vec<ProtocolRow>, StoreError> {
    let rows = sqlx::query("SELECT task, version, parameters FROM protocols WHERE run_id = $1 ORDER BY task")
        .bind(run)
        .fetch_all(conn)
        .await
        .doing("read the protocols")?;
    rows.iter()
        .map(|row| {
            Ok(ProtocolRow {
                task: get(row, "task")?,
                version: get(row, "version")?,
                parameters: json(row, "parameters")?,
            })
        })
        .collect()
}

async fn evaluations(conn: &mut SqliteConnection, run: &str) -> Result<Vec<EvaluationRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, task, version, parameters, figures, data, place, own, weights, program, created_at FROM evaluations \
         WHERE run_id = $1 ORDER BY id",
    )
    .bind(run)
    .fetch_all(&mut *conn)
    .await
    .doing("read the evaluations")?;
    let mut drawn = pictures(conn, run).await?;
    rows.iter()
        .map(|row| {
            let id: i64 = get(row, "id")?;
            Ok(EvaluationRow {
                protocol: ProtocolRow {
                    task: get(row, "task")?,
                    version: get(row, "version")?,
                    parameters: json(row, "parameters")?,
                },
                figures: figures(&json(row, "figures")?),
                data: get(row, "data")?,
                place: get(row, "place")?,
                own: get::<i64>(row, "own")? == 1,
                weights: get(row, "weights")?,
                program: get(row, "program")?,
                created_at: get(row, "created_at")?,
                pictures: drawn.remove(&id).unwrap_or_default(),
            })
        })
        .collect()
}

/// What the evaluations of a run drew, by their ids.
async fn pictures(conn: &mut SqliteConnection, run: &str) -> Result<BTreeMap<i64, Vec<Picture>>, StoreError> {
    let rows = sqlx::query(
        "SELECT evaluation_id, item, kind, caption, width, height, png FROM evaluation_pictures \
         WHERE evaluation_id IN (SELECT id FROM evaluations WHERE run_id = $1) ORDER BY evaluation_id, item, kind",
    )
    .bind(run)
    .fetch_all(conn)
    .await
    .doing("read the pictures of evaluations")?;
    let mut all: BTreeMap<i64, Vec<Picture>> = BTreeMap::new();
    for row in &rows {
        all.entry(get(row, "evaluation_id")?).or_default().push(Picture {
            kind: get(row, "kind")?,
            item: get(row, "item")?,
            caption: get(row, "caption")?,
            epoch: 0.0,
            width: get(row, "width")?,
            height: get(row, "height")?,
            png: get(row, "png")?,
        });
    }
    Ok(all)
}

/// All of it or nothing.
async fn add_evaluation(conn: &mut SqliteConnection, run: &str, row: &EvaluationRow) -> Result<(), StoreError> {
    let figures: serde_json::Map<String, Json> = row
        .figures
        .iter()
        .map(|(name, value)| (name.clone(), spelled(*value)))
        .collect();
    let mut tx = begin(conn).await?;
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO evaluations (run_id, task, version, parameters, figures, data, place, own, weights, program, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
    )
    .bind(run)
    .bind(&row.protocol.task)
    .bind(row.protocol.version)
    .bind(row.protocol.parameters.to_string())
    .bind(Json::from(figures).to_string())
    .bind(&row.data)
    .bind(&row.place)
    .bind(i64::from(row.own))
    .bind(&row.weights)
    .bind(&row.program)
    .bind(&row.created_at)
    .fetch_one(&mut *tx)
    .await
    .doing_to("record an evaluation", run)?;
    for picture in &row.pictures {
        sqlx::query(
            "INSERT INTO evaluation_pictures (evaluation_id, item, kind, caption, width, height, png) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id)
        .bind(picture.item)
        .bind(&picture.kind)
        .bind(&picture.caption)
        .bind(picture.width)
        .bind(picture.height)
        .bind(&picture.png)
        .execute(&mut *tx)
        .await
        .doing_to("record the pictures of an evaluation", run)?;
    }
    tx.commit().await.doing_to("record an evaluation", run)
}

/// JSON has no NaN and no infinity: they are written as text.
fn spelled(value: f64) -> Json {
    serde_json::Number::from_f64(value).map_or_else(|| Json::from(value.to_string()), Json::Number)
}

fn figures(json: &Json) -> Vec<(String, f64)> {
    let value = |value: &Json| {
        value
            .as_f64()
            .or_else(|| value.as_str()?.parse().ok())
            .unwrap_or(f64::NAN)
    };
    let table = json.as_object().into_iter().flatten();
    table.map(|(name, figure)| (name.clone(), value(figure))).collect()
}
