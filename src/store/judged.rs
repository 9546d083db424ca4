//! How the figures of tasks came about (`protocols`), and what later evaluations of a run found (`evaluations`).

use serde_json::Value as Json;
use sqlx::sqlite::SqliteConnection;

use super::Store;
use super::error::{Doing, StoreError};
use super::read::{get, json};
use super::rows::{EvaluationRow, ProtocolRow};

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
        "SELECT task, version, parameters, figures, data, place, own, weights, program, created_at FROM evaluations \
         WHERE run_id = $1 ORDER BY id",
    )
    .bind(run)
    .fetch_all(conn)
    .await
    .doing("read the evaluations")?;
    rows.iter()
        .map(|row| {
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
            })
        })
        .collect()
}

async fn add_evaluation(conn: &mut SqliteConnection, run: &str, row: &EvaluationRow) -> Result<(), StoreError> {
    let figures: serde_json::Map<String, Json> = row
        .figures
        .iter()
        .map(|(name, value)| (name.clone(), spelled(*value)))
        .collect();
    sqlx::query(
        "INSERT INTO evaluations (run_id, task, version, parameters, figures, data, place, own, weights, program, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
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
    .execute(conn)
    .await
    .doing_to("record an evaluation", run)?;
    Ok(())
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
