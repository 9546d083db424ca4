//! Runs as lines of a table: only what is shown of them is read, so that a store of many thousand runs is listed at once.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::Store;
use super::error::{Doing, StoreError};
use super::filter::{self, RunFilter};

/// What a table shows of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Name of its sweep.
    pub sweep: String,
    /// Its label.
    pub label: String,
    /// The word for its state.
    pub status: String,
    /// When training began, if it did.
    pub started_at: Option<String>,
    /// When it ended, if it did.
    pub finished_at: Option<String>,
    /// Its tags, with spaces between them.
    pub tags: String,
    /// Last values of the metrics asked for; none where nothing was measured.
    pub metrics: Vec<Option<f64>>,
}

impl Store {
    /// The runs a filter admits, with the last values of some metrics.
    pub fn list(&self, filter: &RunFilter, metrics: &[&str]) -> Result<Vec<Listed>, StoreError> {
        self.with(async |conn| {
            // The cells of every page that is read are gone through otherwise, which takes a quarter of the time; a damaged
            // page is an error all the same where it cannot be read, and nothing that is trained or drawn comes from here.
            look(conn, false).await?;
            let listed = list(conn, filter, metrics).await;
            look(conn, true).await.and(listed)
        })
    }
}

/// Whether SQLite looks at the cells of pages before it believes them.
async fn look(conn: &mut SqliteConnection, on: bool) -> Result<(), StoreError> {
    let pragma = if on {
        "PRAGMA cell_size_check = ON"
    } else {
        "PRAGMA cell_size_check = OFF"
    };
    sqlx::query(pragma).execute(conn).await.doing("list the runs").map(drop)
}

async fn list(conn: &mut SqliteConnection, filter: &RunFilter, metrics: &[&str]) -> Result<Vec<Listed>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT r.id, w.name, r.label, r.status, r.started_at, r.finished_at, \
         COALESCE((SELECT GROUP_CONCAT(tag, ' ') FROM (SELECT tag FROM tags WHERE run_id = r.id ORDER BY tag)), '')",
    );
    for metric in metrics {
        query.push(", (SELECT COALESCE(p.value, p.special) FROM series s JOIN points p ON p.series_id = s.id ");
        query
            .push("WHERE s.run_id = r.id AND s.name = ")
            .push_bind((*metric).to_owned());
        query.push(" ORDER BY p.step DESC LIMIT 1)");
    }
    query.push(" FROM runs r JOIN sweeps w ON w.id = r.sweep_id WHERE 1 = 1");
    filter::push(&mut query, filter);
    let rows = query.build().fetch_all(conn).await.doing("list the runs")?;
    rows.iter()
        .map(|row| listed(row, metrics.len()).doing("list the runs"))
        .collect()
}

fn listed(row: &SqliteRow, metrics: usize) -> Result<Listed, sqlx::Error> {
    const FIRST: usize = 7;
    // A number, or the name of one that is not finite.
    let number = |i: usize| -> Result<Option<f64>, sqlx::Error> {
        let value = super::query::cell(row.try_get_raw(FIRST + i)?)?;
        Ok(value.as_f64().or_else(|| value.as_str()?.parse().ok()))
    };
    Ok(Listed {
        id: row.try_get(0)?,
        sweep: row.try_get(1)?,
        label: row.try_get(2)?,
        status: row.try_get(3)?,
        started_at: row.try_get(4)?,
        finished_at: row.try_get(5)?,
        tags: row.try_get(6)?,
        metrics: (0..metrics).map(number).collect::<Result<_, _>>()?,
    })
}
