//! Opening the database file: where it is, how it is set up, and bringing its schema up to date. A [`Link`] is one
//! connection with the small runtime that drives it; it must not be used from inside another async runtime.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use tokio::runtime::{Builder, Runtime};

use super::error::{Doing, StoreError, is_busy};

/// The schema, version by version.
pub(super) static MIGRATOR: Migrator = sqlx::migrate!("src/store/migrations");

/// How long a statement waits for another writer.
const BUSY: Duration = Duration::from_secs(30);
/// Pause between attempts to open while another process creates the same store.
const PAUSE: Duration = Duration::from_millis(50);

/// The file a target names: a path, `sqlite:///abs/path.db` or `sqlite://relative.db`.
pub(super) fn locate(target: &str) -> Result<PathBuf, StoreError> {
    let path = match target.split_once("://") {
        Some(("sqlite", rest)) => rest,
        Some((scheme, _)) => {
            let scheme = if scheme == "postgresql" { "postgres" } else { scheme };
            return Err(StoreError::Scheme {
                target: target.to_owned(),
                scheme: scheme.to_owned(),
            });
        }
        None => target.strip_prefix("sqlite:").unwrap_or(target),
    };
    if path != target && path.contains('?') {
        return Err(StoreError::unusable(
            Path::new(path),
            format!("options after ? are not understood in \"{target}\""),
            "give the file alone, such as sqlite:///data/mae-exp.db",
        ));
    }
    if path.is_empty() || path == ":memory:" {
        let problem = format!("\"{target}\" names no file");
        return Err(StoreError::unusable(
            Path::new(path),
            problem,
            "give a path such as runs/mae-exp.db",
        ));
    }
    Ok(PathBuf::from(path))
}

/// What a caller expects of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Create what is missing, and make sure that it can be written.
    Create,
    /// The store must be there.
    Existing,
    /// Likewise, for the writer's thread: it makes sure itself that what points refer to is there, in the transaction
    /// that writes them, because to have every one of very many checked again costs more than to write it.
    Record,
    /// The store must be there, with the newest schema, and is read alone: nothing about it can be changed.
    Reading,
}

/// One connection and its runtime.
#[derive(Debug)]
pub(super) struct Link {
    runtime: Runtime,
    path: PathBuf,
    mode: Mode,
    /// None only after a failure, until the next work.
    conn: Option<SqliteConnection>,
}

impl Link {
    /// Opens the file, with the schema brought up to date.
    pub(super) fn open(path: &Path, mode: Mode) -> Result<Self, StoreError> {
        prepare(path, mode)?;
        let runtime = Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| StoreError::Writer {
                problem: error.to_string(),
            })?;
        let conn = runtime.block_on(connect(path, mode))?;
        Ok(Self {
            runtime,
            path: path.to_owned(),
            mode,
            conn: Some(conn),
        })
    }

    /// Runs work on the connection to its end.
    pub(super) fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => {
                prepare(&self.path, self.mode)?;
                self.runtime.block_on(connect(&self.path, self.mode))?
            }
        };
        let done = self.runtime.block_on(work(&mut conn));
        // SQLite ends a transaction by itself when the disk fails or is full. The driver, whose own end of it then fails,
        // goes on believing in it: such a connection is of no more use.
        if !done.as_ref().is_err_and(StoreError::is_passing) {
            self.conn = Some(conn);
        }
        done
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take()
            && let Err(error) = self.runtime.block_on(conn.close())
        {
            tracing::warn!("the store was not closed cleanly: {error}");
        }
    }
}

/// Checks what the file system can tell before SQLite is asked, and makes the folder.
pub(super) fn prepare(path: &Path, mode: Mode) -> Result<(), StoreError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let cure = format!("give a file, such as {}", path.join("mae-exp.db").display());
            Err(StoreError::unusable(path, "is a folder", cure))
        }
        Ok(found) if mode != Mode::Create && found.len() == 0 => Err(StoreError::Missing { path: path.to_owned() }),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && mode != Mode::Create => {
            Err(StoreError::Missing { path: path.to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_folder(path),
        Err(error) => Err(unreachable_file(path, &error)),
    }
}

/// Creates the folders above the file.
fn make_folder(path: &Path) -> Result<(), StoreError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    fs::create_dir_all(folder).map_err(|error| unreachable_file(path, &error))
}

/// A file that the system does not let us reach.
fn unreachable_file(path: &Path, error: &io::Error) -> StoreError {
    StoreError::unusable(
        path,
        format!("cannot be opened ({error})"),
        "check its folder or give another --store",
    )
}

/// Connects and migrates, again while another process is creating the same file.
async fn connect(path: &Path, mode: Mode) -> Result<SqliteConnection, StoreError> {
    let begun = Instant::now();
    loop {
        match try_connect(path, mode).await {
            Err(Trouble::Busy(_)) if begun.elapsed() < BUSY => tokio::time::sleep(PAUSE).await,
            other => return other.map_err(Trouble::told),
        }
    }
}

/// Why one attempt failed: worth another, or final.
enum Trouble {
    Busy(StoreError),
    Final(StoreError),
}

impl Trouble {
    fn told(self) -> StoreError {
        match self {
            Self::Busy(error) | Self::Final(error) => error,
        }
    }

    fn opening(path: &Path, error: &sqlx::Error) -> Self {
        let told = StoreError::opening(path, error);
        if is_busy(error) {
            Self::Busy(told)
        } else {
            Self::Final(told)
        }
    }
}

async fn try_connect(path: &Path, mode: Mode) -> Result<SqliteConnection, Trouble> {
    let opening = |error: sqlx::Error| Trouble::opening(path, &error);
    let mut conn = options(path, mode).connect().await.map_err(opening)?;
    let known = MIGRATOR.iter().map(|step| step.version).max().unwrap_or(0);
    let (marked, tables) = tables(&mut conn).await.map_err(opening)?;
    if marked == 0 && tables > 0 {
        let cure = "give another file with --store";
        return Err(Trouble::Final(StoreError::unusable(
            path,
            "holds the tables of another program",
            cure,
        )));
    }
    let found = version(&mut conn).await.map_err(opening)?;
    if found.unwrap_or(0) > known {
        let found = found.unwrap_or(0);
        return Err(Trouble::Final(StoreError::Newer {
            path: path.to_owned(),
            found,
            known,
        }));
    }
    if found.is_none() && mode != Mode::Reading {
        sqlx::query("PRAGMA journal_mode = WAL")
            .execute(&mut conn)
            .await
            .map_err(opening)?;
    }
    if found != Some(known) && mode == Mode::Reading {
        let path = path.display();
        return Err(Trouble::Final(StoreError::Refused {
            problem: format!("store {path} has an older schema: open it once, with `mae-exp runs --store {path}`"),
        }));
    }
    if found != Some(known) {
        migrate(path, &mut conn).await?;
    }
    if mode == Mode::Create {
        // Changes nothing, but needs the right to write: a read-only file is named now and not after the first epoch.
        sqlx::query("UPDATE sweeps SET name = name WHERE 1 = 0")
            .execute(&mut conn)
            .await
            .map_err(opening)?;
    }
    Ok(conn)
}

/// Whether nobody can be writing to the file, because its disk or its folder is for reading alone and all that was written is
/// in it: SQLite can read it then without the files that it would make beside it.
pub(super) fn is_sealed(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let closed = fs::metadata(folder.unwrap_or(Path::new("."))).is_ok_and(|about| about.permissions().readonly());
    let refused = match fs::OpenOptions::new().write(true).open(path) {
        Ok(_) => false,
        Err(error) => error.kind() == io::ErrorKind::ReadOnlyFilesystem || closed && path.exists(),
    };
    refused && fs::metadata(log).map_or(true, |log| log.len() == 0)
}

/// How every connection is set up. The journal mode belongs to the file and is set once, when the file is made.
fn options(path: &Path, mode: Mode) -> SqliteConnectOptions {
    // Readers of large stores take pages where the system holds them instead of having each copied.
    let reads = matches!(mode, Mode::Existing | Mode::Reading);
    let mapped = if reads { "1073741824" } else { "0" };
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(mode == Mode::Create)
        .read_only(mode == Mode::Reading)
        .immutable(reads && is_sealed(path))
        .pragma("mmap_size", mapped)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY)
        .foreign_keys(mode != Mode::Record)
        // Pages are looked at before they are believed: damage is an error and not a number.
        .pragma("cell_size_check", "ON")
        // 16 MiB each: a big batch stays in memory until it is committed, and the log is folded in now and then; what a
        // long reader lets it grow beyond that is given back.
        .pragma("cache_size", "-16384")
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging()
}

/// The newest migration applied; none when the file has never been a store.
pub(super) async fn version(conn: &mut SqliteConnection) -> Result<Option<i64>, sqlx::Error> {
    let marked: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .fetch_one(&mut *conn)
        .await?;
    if marked == 0 {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations")
        .fetch_one(conn)
        .await
}

/// Tables of migrations, and tables of any kind. Asked at once: between two questions another process may make the store.
async fn tables(conn: &mut SqliteConnection) -> Result<(i64, i64), sqlx::Error> {
    sqlx::query_as(
        "SELECT COUNT(*) FILTER (WHERE name = '_sqlx_migrations'), COUNT(*) FROM sqlite_master WHERE type = 'table'",
    )
    .fetch_one(conn)
    .await
}

/// Applies what is missing, in one transaction that waits for its turn: two processes may start at once.
async fn migrate(path: &Path, conn: &mut SqliteConnection) -> Result<(), Trouble> {
    let opening = |error: sqlx::Error| Trouble::opening(path, &error);
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.map_err(opening)?;
    MIGRATOR.run(&mut *tx).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => Trouble::opening(path, &error),
        other => {
            let problem = format!("has a schema that this program cannot bring up to date ({other})");
            Trouble::Final(StoreError::unusable(
                path,
                problem,
                "use the mae-exp that wrote it or another --store",
            ))
        }
    })?;
    tx.commit().await.map_err(opening)
}

/// SQLite's own check; the problems it found.
pub(super) async fn quick_check(conn: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let mut said: Vec<String> = sqlx::query_scalar("PRAGMA quick_check")
        .fetch_all(&mut *conn)
        .await
        .doing("check the pages")?;
    said.retain(|line| line != "ok");
    let orphans = sqlx::query("PRAGMA foreign_key_check")
        .fetch_all(conn)
        .await
        .doing("check the references")?;
    if !orphans.is_empty() {
        said.push(format!("{} rows refer to rows that are gone", orphans.len()));
    }
    Ok(said)
}
