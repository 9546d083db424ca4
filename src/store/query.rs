//! Reading a store and no more: it is neither made nor migrated nor changed, and no writer waits. The questions are those of
//! this module's callers, or SQL of the user's own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value as Json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow, SqliteValueRef};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Connection, Decode, Executor, Row, SqlSafeStr, Sqlite, Statement};
use sqlx::{TypeInfo, ValueRef};
use tokio::runtime::{Builder, Runtime};

use super::choose::{self, Chosen};
use super::connect::{self, MIGRATOR, Mode};
use super::error::{Doing, StoreError, text};
use super::filter::RunFilter;
use super::read;
use super::rows::CheckpointRow;

/// How long a question waits while another process changes the file's form.
const BUSY: Duration = Duration::from_secs(10);
/// What a question begins with.
const READING: [&str; 4] = ["SELECT", "WITH", "VALUES", "EXPLAIN"];

/// A store opened for reading alone.
#[derive(Debug)]
pub struct ReadOnly {
    path: PathBuf,
    runtime: Runtime,
    conn: Option<SqliteConnection>,
}

/// Rows as the database gave them: numbers and text as such, `<N bytes>` for what is neither, null.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Json>>,
}

impl ReadOnly {
    /// Opens the store at a path or `sqlite://` URL, which must be there. One of an older schema is taken as it is.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or it belongs to a newer version or another program.
    pub fn open(target: &str) -> Result<Self, StoreError> {
        let path = connect::locate(target)?;
        connect::prepare(&path, Mode::Existing)?;
        let runtime = Builder::new_current_thread().enable_time().build();
        let runtime =
            runtime.map_err(|error| StoreError::unusable(&path, format!("cannot be opened ({error})"), "try again"))?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .read_only(true)
            .immutable(connect::is_sealed(&path))
            .pragma("query_only", "ON")
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let opening = |error: sqlx::Error| StoreError::opening(&path, &error);
        let mut conn = runtime.block_on(options.connect()).map_err(opening)?;
        let found = runtime.block_on(connect::version(&mut conn)).map_err(opening)?;
        let store = Self {
            path,
            runtime,
            conn: Some(conn),
        };
        match found {
            None => Err(StoreError::unusable(
                &store.path,
                "is no store of mae-exp",
                "give another file",
            )),
            Some(found) if found > known() => Err(StoreError::Newer {
                path: store.path.clone(),
                found,
                known: known(),
            }),
            Some(_) => Ok(store),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses a store whose schema is not this program's.
    ///
    /// # Errors
    /// When the schema is an older one.
    pub fn must_be_current(&mut self) -> Result<(), StoreError> {
        let found = self.run(async |conn| connect::version(conn).await.doing("read the schema version"))?;
        let (found, known) = (found.unwrap_or(0), known());
        if found == known {
            return Ok(());
        }
        let path = self.path.display().to_string();
        Err(StoreError::Refused {
            problem: format!(
                "store {path} has schema {found} and this program needs {known}: open it once, with \
                 `mae-exp runs --store {path}`, which brings it up to date"
            ),
        })
    }

    /// The runs that words mean, as for [`super::Store::choose`]; all runs when there are none.
    ///
    /// # Errors
    /// When a word fits nothing or several.
    pub fn choose(&mut self, words: &[String]) -> Result<Chosen, StoreError> {
        self.run(async |conn| {
            if !words.is_empty() {
                return choose::choose(conn, words).await;
            }
            let runs = read::runs(conn, &RunFilter::default()).await?;
            Ok(Chosen {
                runs,
                sweeps: Vec::new(),
            })
        })
    }

    /// The checkpoints of a run, by step.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn checkpoints(&mut self, run: &str) -> Result<Vec<CheckpointRow>, StoreError> {
        self.run(async |conn| read::checkpoints(conn, run).await)
    }

    /// Answers one statement of SQL that only reads.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with SQLite's words, or when the statement is not one that reads.
    pub fn query(&mut self, sql: &str) -> Result<Answer, StoreError> {
        must_read(sql).map_err(|problem| StoreError::Refused { problem })?;
        self.run(async |conn| answer(conn, sql).await)
    }

    fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let conn = self.conn.as_mut().expect("the connection is taken only by drop");
        self.runtime.block_on(work(conn))
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take()
            && let Err(error) = self.runtime.block_on(conn.close())
        {
            tracing::warn!("the store was not closed cleanly: {error}");
        }
    }
}

/// The newest schema of this program.
fn known() -> i64 {
    MIGRATOR.iter().map(|step| step.version).max().unwrap_or(0)
}

async fn answer(conn: &mut SqliteConnection, sql: &str) -> Result<Answer, StoreError> {
    let refused = |error: sqlx::Error| StoreError::Refused {
        problem: format!("cannot answer the query: {}", text(&error)),
    };
    let prepared = (&mut *conn).prepare(AssertSqlSafe(sql.to_owned()).into_sql_str());
    let columns = prepared.await.map_err(refused)?;
    let columns = columns
        .columns()
        .iter()
        .map(|column| column.name().to_owned())
        .collect();
    let rows = sqlx::query(AssertSqlSafe(sql.to_owned()))
        .persistent(false)
        .fetch_all(conn)
        .await
        .map_err(refused)?;
    let rows = rows
        .iter()
        .map(|row| cells(row).map_err(refused))
        .collect::<Result<_, _>>()?;
    Ok(Answer { columns, rows })
}

fn cells(row: &SqliteRow) -> Result<Vec<Json>, sqlx::Error> {
    (0..row.len()).map(|i| cell(row.try_get_raw(i)?)).collect()
}

/// A value by the type that it is stored as, whatever its column says.
pub(super) fn cell(value: SqliteValueRef<'_>) -> Result<Json, sqlx::Error> {
    let kind = value.type_info().name().to_owned();
    let decoded = match kind.as_str() {
        _ if value.is_null() => Ok(Json::Null),
        "INTEGER" => <i64 as Decode<Sqlite>>::decode(value).map(Json::from),
        "REAL" => <f64 as Decode<Sqlite>>::decode(value).map(number),
        "TEXT" => <&str as Decode<Sqlite>>::decode(value).map(Json::from),
        _ => <&[u8] as Decode<Sqlite>>::decode(value).map(|bytes| format!("<{} bytes>", bytes.len()).into()),
    };
    decoded.map_err(sqlx::Error::Decode)
}

/// JSON has no infinity: it is written as text.
fn number(value: f64) -> Json {
    serde_json::Number::from_f64(value).map_or_else(|| value.to_string().into(), Json::Number)
}

/// Refuses what is not one statement that reads. The connection could not write, but it could attach other files.
fn must_read(sql: &str) -> Result<(), String> {
    let bare = bare(sql);
    let bare = bare.trim().trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    let first: String = bare.chars().take_while(char::is_ascii_alphabetic).collect();
    if bare.is_empty() {
        return Err("the query is empty: give a statement such as \"SELECT id, status FROM runs\"".into());
    }
    if !READING.contains(&first.to_ascii_uppercase().as_str()) {
        let first = bare.split_whitespace().next().unwrap_or_default();
        return Err(format!(
            "{first} is not allowed: a query begins with {}",
            READING.join(", ")
        ));
    }
    if bare.contains(';') {
        return Err("the query has several statements: give them one at a time".into());
    }
    Ok(())
}

/// SQL without its comments, with nothing between its quotes.
fn bare(sql: &str) -> String {
    let mut bare = String::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            '\'' | '"' | '`' => past(&rest[1..], &c.to_string()) + 1,
            '[' => past(&rest[1..], "]") + 1,
            '-' if rest.starts_with("--") => past(rest, "\n"),
            '/' if rest.starts_with("/*") => past(&rest[2..], "*/") + 2,
            _ => {
                bare.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        bare.push(if matches!(c, '-' | '/') { ' ' } else { '_' });
        rest = &rest[skipped..];
    }
    bare
}

/// Bytes up to and with `end`, or all.
fn past(text: &str, end: &str) -> usize {
    text.find(end).map_or(text.len(), |at| at + end.len())
}

#[cfg(test)]
mod tests {
    use super::must_read;

    #[test]
    fn what_reads_is_let_through() {
        for sql in [
            "SELECT 1",
            "  select ';' AS a, \"x;y\", [p;q] -- and; more\n FROM runs ;  ",
            "/* ATTACH; */ WITH a AS (VALUES (1)) SELECT * FROM a; -- the end; of it",
            "EXPLAIN QUERY PLAN SELECT 1",
            "SELECT 'it''s; fine', 7 - -3",
        ] {
            assert_eq!(must_read(sql), Ok(()), "{sql}");
        }
    }

    #[test]
    fn what_does_not_is_named() {
        let said = |sql| must_read(sql).expect_err(sql);
        assert!(said("ATTACH 'x.db' AS x").starts_with("ATTACH is not allowed"));
        assert!(said("-- SELECT\nVACUUM INTO 'x.db'").starts_with("VACUUM is not allowed"));
        assert!(said("PRAGMA query_only = OFF").starts_with("PRAGMA is not allowed"));
        assert!(said("SELECT 1; ATTACH 'x.db' AS x").contains("several statements"));
        assert!(said(" ; -- nothing").contains("empty"));
    }
}
