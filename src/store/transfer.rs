//! Copying runs with everything measured from one store into another: the one way in which both export and import go.
//!
//! The source is attached for reading alone, and all rows arrive in one transaction. A run comes as a queued one, gets its
//! points, pictures and the rest, and enters its state last, so that the guards of finished runs hold here too. States,
//! times, events, tags and notes arrive as they were. What is still queued or running stays behind.

use std::path::Path;

use serde_json::Value as Json;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use super::error::{Doing, StoreError};
use super::query::ReadOnly;
use super::write::begin;
use super::{Store, gone};

/// What became of the runs that were to be copied, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// Those that arrived.
    pub runs: Vec<String>,
    /// Those that were there already, the same in everything measured.
    pub same: Vec<String>,
    /// Those whose trial the same sweep had trained here already, under another id.
    pub twins: Vec<String>,
    /// Those that were not over yet.
    pub unfinished: Vec<String>,
    /// Points that arrived.
    pub points: u64,
    /// Pictures that arrived.
    pub pictures: u64,
}

/// What two rows of the same id are compared by: `{db}` stands for the store, `$1` for the run.
const CONTENT: [&str; 4] = [
    "SELECT sweep_id, position, label, identity, status, seed, config, origins, point, environment, error, trace, \
     warnings, created_at, started_at, finished_at FROM {db}.runs WHERE id = $1",
    "SELECT s.name, p.step, p.epoch, p.value, p.special FROM {db}.series s JOIN {db}.points p ON p.series_id = s.id \
     WHERE s.run_id = $1",
    "SELECT epoch, item, kind, caption, width, height, png FROM {db}.pictures WHERE run_id = $1",
    "SELECT time, status, detail FROM {db}.events WHERE run_id = $1",
];

/// What copies the runs of the list `$1`, in the order that their references ask for.
const COPY: [(&str, &str); 11] = [
    (
        "sweeps",
        "INSERT INTO main.sweeps (id, name, question, expect, cost, analysis, file, axes, settings, created_at) \
         SELECT id, name, question, expect, cost, analysis, file, axes, settings, created_at FROM source.sweeps \
         WHERE id IN (SELECT sweep_id FROM source.runs WHERE id IN (SELECT value FROM json_each($1))) \
         ON CONFLICT (id) DO NOTHING",
    ),
    (
        "runs",
        "INSERT INTO main.runs (id, sweep_id, position, label, identity, status, seed, config, origins, point, \
         environment, error, trace, warnings, created_at, started_at, finished_at) \
         SELECT id, sweep_id, position, label, identity, 'queued', seed, config, origins, point, \
         environment, error, trace, warnings, created_at, started_at, finished_at FROM source.runs \
         WHERE id IN (SELECT value FROM json_each($1))",
    ),
    (
        "series",
        "INSERT INTO main.series (run_id, name) SELECT run_id, name FROM source.series \
         WHERE run_id IN (SELECT value FROM json_each($1)) ORDER BY id",
    ),
    (
        "points",
        "INSERT INTO main.points (series_id, step, epoch, value, special) \
         SELECT here.id, p.step, p.epoch, p.value, p.special FROM source.series there \
         JOIN source.points p ON p.series_id = there.id \
         JOIN main.series here ON here.run_id = there.run_id AND here.name = there.name \
         WHERE there.run_id IN (SELECT value FROM json_each($1)) ORDER BY here.id, p.step",
    ),
    (
        "pictures",
        "INSERT INTO main.pictures (run_id, epoch, item, kind, caption, width, height, png) \
         SELECT run_id, epoch, item, kind, caption, width, height, png FROM source.pictures \
         WHERE run_id IN (SELECT value FROM json_each($1)) ORDER BY id",
    ),
    (
        "protocols",
        "INSERT INTO main.protocols (run_id, task, version, parameters) SELECT run_id, task, version, parameters \
         FROM source.protocols WHERE run_id IN (SELECT value FROM json_each($1))",
    ),
    (
        "evaluations",
        "INSERT INTO main.evaluations (run_id, task, version, parameters, figures, data, place, own, weights, program, \
         created_at) SELECT run_id, task, version, parameters, figures, data, place, own, weights, program, created_at \
         FROM source.evaluations WHERE run_id IN (SELECT value FROM json_each($1)) ORDER BY id",
    ),
    (
        // A run that has just arrived has the same evaluations in the same order.
        "pictures of evaluations",
        "INSERT INTO main.evaluation_pictures (evaluation_id, item, kind, caption, width, height, png) \
         SELECT here.id, p.item, p.kind, p.caption, p.width, p.height, p.png FROM source.evaluation_pictures p \
         JOIN (SELECT id, run_id, ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY id) AS place FROM source.evaluations) \
         there ON there.id = p.evaluation_id \
         JOIN (SELECT id, run_id, ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY id) AS place FROM main.evaluations) \
         here ON here.run_id = there.run_id AND here.place = there.place \
         WHERE there.run_id IN (SELECT value FROM json_each($1))",
    ),
    (
        "events",
        "INSERT INTO main.events (run_id, time, status, detail) SELECT run_id, time, status, detail \
         FROM source.events WHERE run_id IN (SELECT value FROM json_each($1)) ORDER BY id",
    ),
    (
        "tags",
        "INSERT INTO main.tags (run_id, tag) SELECT run_id, tag FROM source.tags \
         WHERE run_id IN (SELECT value FROM json_each($1))",
    ),
    (
        "notes",
        "INSERT INTO main.notes (run_id, time, text) SELECT run_id, time, text FROM source.notes \
         WHERE run_id IN (SELECT value FROM json_each($1)) ORDER BY id",
    ),
];

/// Gives the runs that have just arrived the states that they had.
const SETTLE: &str = "UPDATE main.runs SET status = (SELECT there.status FROM source.runs there \
                      WHERE there.id = main.runs.id) WHERE id IN (SELECT value FROM json_each($1))";

impl Store {
    /// Copies runs of another store into this one, all or none. Those that are here already are left as they are, as are
    /// trials that the same sweep has trained here under another id; a row here that is merely planned gives way. With
    /// `folder`, checkpoints are noted as lying there, under the run's id; without, they are left out. No files are copied.
    ///
    /// # Errors
    /// When a run of the same id is here that is not the same, the source is this store, or of an older schema.
    pub fn copy_from(
        &self,
        source: &mut ReadOnly,
        runs: &[String],
        folder: Option<&Path>,
    ) -> Result<Copied, StoreError> {
        source.must_be_current()?;
        if let Some(odd) = runs.iter().find(|id| !is_plain(id)) {
            return Err(StoreError::Refused {
                problem: format!("run {odd:?} of the other store has an id that cannot name a folder: leave it out"),
            });
        }
        let here = |path: &Path| path.canonicalize().ok();
        if here(source.path()).is_some() && here(source.path()) == here(self.path()) {
            let path = self.path().display();
            return Err(StoreError::Refused {
                problem: format!("{path} cannot be copied into itself: name another file"),
            });
        }
        let uri = uri(source.path())?;
        let checkpoints = folder.map(|folder| moved(source, runs, folder)).transpose()?;
        self.with(async |conn| {
            attach(conn, &uri).await?;
            let copied = copy(conn, runs, checkpoints.as_deref().unwrap_or_default()).await;
            let detached = sqlx::query("DETACH DATABASE source").execute(conn).await;
            let copied = copied?;
            detached.doing("let go of the other store")?;
            Ok(copied)
        })
    }
}

/// Whether an id can name a folder and nothing else, whoever made it up.
fn is_plain(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A checkpoint's row in its new place.
struct Moved {
    run: String,
    path: String,
    row: super::rows::CheckpointRow,
}

/// The checkpoints of runs as they will lie below `folder`.
fn moved(source: &mut ReadOnly, runs: &[String], folder: &Path) -> Result<Vec<Moved>, StoreError> {
    let mut moved = Vec::new();
    for run in runs {
        for row in source.checkpoints(run)? {
            let Some(name) = Path::new(&row.path).file_name() else {
                continue;
            };
            let path = folder.join(run).join(name).to_string_lossy().into_owned();
            let run = run.clone();
            moved.push(Moved { run, path, row });
        }
    }
    Ok(moved)
}

/// The file as SQLite is to open it: for reading alone.
fn uri(path: &Path) -> Result<String, StoreError> {
    let unreadable = |problem: &dyn std::fmt::Display| {
        StoreError::unusable(path, format!("cannot be opened ({problem})"), "give another file")
    };
    let full = std::path::absolute(path).map_err(|error| unreadable(&error))?;
    let full = full.to_str().ok_or_else(|| unreadable(&"its path is not UTF-8"))?;
    let mut uri = String::from("file:");
    for c in full.chars() {
        match c {
            '%' => uri.push_str("%25"),
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            plain => uri.push(plain),
        }
    }
    Ok(uri + "?mode=ro")
}

async fn attach(conn: &mut SqliteConnection, uri: &str) -> Result<(), StoreError> {
    let attached = sqlx::query("ATTACH DATABASE $1 AS source")
        .bind(uri)
        .execute(conn)
        .await;
    attached.doing("open the other store").map(|_| ())
}

async fn copy(conn: &mut SqliteConnection, runs: &[String], checkpoints: &[Moved]) -> Result<Copied, StoreError> {
    let mut tx = begin(conn).await?;
    let mut copied = sort_out(&mut tx, runs).await?;
    let ids = Json::from(copied.runs.as_slice()).to_string();
    for (what, statement) in COPY {
        let done = sqlx::query(statement).bind(&ids).execute(&mut *tx).await;
        let rows = done.doing(&format!("copy {what}"))?.rows_affected();
        match what {
            "points" => copied.points = rows,
            "pictures" | "pictures of evaluations" => copied.pictures += rows,
            _ => {}
        }
    }
    for moved in checkpoints.iter().filter(|moved| copied.runs.contains(&moved.run)) {
        let row = super::rows::CheckpointRow {
            path: moved.path.clone(),
            ..moved.row.clone()
        };
        super::write::add_checkpoint(&mut tx, &moved.run, &row).await?;
    }
    let settled = sqlx::query(SETTLE).bind(&ids).execute(&mut *tx).await;
    settled.doing("copy the states")?;
    tx.commit().await.doing("copy runs")?;
    Ok(copied)
}

/// What is to become of each run; those of the same id that are not the same are an error.
async fn sort_out(conn: &mut SqliteConnection, runs: &[String]) -> Result<Copied, StoreError> {
    let (mut copied, mut conflicts) = (Copied::default(), Vec::new());
    for run in runs {
        let list = if !is_over(conn, run).await? {
            &mut copied.unfinished
        } else if exists(conn, "SELECT 1 FROM main.runs WHERE id = $1", run).await? {
            if differs(conn, run).await? {
                &mut conflicts
            } else {
                &mut copied.same
            }
        } else if has_twin(conn, run).await? {
            &mut copied.twins
        } else {
            &mut copied.runs
        };
        list.push(run.clone());
    }
    match conflicts.as_slice() {
        [] => Ok(copied),
        [first, ..] => Err(StoreError::Refused {
            problem: format!(
                "not the same here and there: run {}: remove it in one of the stores (mae-exp rm {first}) or leave it out",
                conflicts.join(", run ")
            ),
        }),
    }
}

async fn is_over(conn: &mut SqliteConnection, run: &str) -> Result<bool, StoreError> {
    let status: Option<String> = sqlx::query_scalar("SELECT status FROM source.runs WHERE id = $1")
        .bind(run)
        .fetch_optional(conn)
        .await
        .doing("read the other store")?;
    let status = status.ok_or_else(|| gone("run", run))?;
    Ok(!matches!(status.as_str(), "queued" | "running"))
}

/// Whether a run of that id differs between the stores in anything but tags, notes and the place of its checkpoints.
async fn differs(conn: &mut SqliteConnection, run: &str) -> Result<bool, StoreError> {
    for content in CONTENT {
        let (here, there) = (content.replace("{db}", "main"), content.replace("{db}", "source"));
        let query = format!(
            "SELECT 1 FROM (SELECT 1 FROM ({here} EXCEPT {there}) LIMIT 1) \
             UNION ALL SELECT 1 FROM (SELECT 1 FROM ({there} EXCEPT {here}) LIMIT 1)"
        );
        if exists(conn, &query, run).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the same sweep has this trial here under another id. One that is merely planned is taken away instead.
async fn has_twin(conn: &mut SqliteConnection, run: &str) -> Result<bool, StoreError> {
    const TWINS: &str = "SELECT here.id FROM main.runs here JOIN source.runs there \
                         ON there.sweep_id = here.sweep_id AND there.identity = here.identity WHERE there.id = $1";
    let planned = format!(
        "{TWINS} AND here.status = 'queued' AND NOT EXISTS (SELECT 1 FROM main.series s WHERE s.run_id = here.id) \
         AND NOT EXISTS (SELECT 1 FROM main.tags t WHERE t.run_id = here.id) \
         AND NOT EXISTS (SELECT 1 FROM main.notes n WHERE n.run_id = here.id) \
         AND NOT EXISTS (SELECT 1 FROM main.leases l WHERE l.run_id = here.id)"
    );
    let planned: Vec<String> = sqlx::query_scalar(AssertSqlSafe(planned))
        .bind(run)
        .fetch_all(&mut *conn)
        .await
        .doing("look for the same trial")?;
    for id in &planned {
        for statement in [
            "DELETE FROM main.events WHERE run_id = $1",
            "DELETE FROM main.runs WHERE id = $1",
        ] {
            let done = sqlx::query(statement).bind(id).execute(&mut *conn).await;
            done.doing("make way for a trained run")?;
        }
    }
    exists(conn, TWINS, run).await
}

/// Whether a statement about one run has an answer.
async fn exists(conn: &mut SqliteConnection, statement: &str, run: &str) -> Result<bool, StoreError> {
    let found = sqlx::query(AssertSqlSafe(statement.to_owned()))
        .bind(run)
        .fetch_optional(conn)
        .await;
    Ok(found.doing_to("compare what is there", run)?.is_some())
}
