//! What can go wrong with a store, each in one line that names the store and the cure. SQL errors become text here,
//! so that no other module needs to know which database is behind.

use std::path::{Path, PathBuf};

/// An error of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The target is neither a path nor a `sqlite://` URL.
    #[error("{scheme} is not supported yet; give a path or sqlite:// URL instead of {target}")]
    Scheme {
        /// What was asked for.
        target: String,
        /// Its scheme.
        scheme: String,
    },
    /// A reading command found no store.
    #[error("no store at {}: run `mae-exp sweep FILE` first or give --store", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The store cannot be opened, read or written.
    #[error("store {} {problem}: {cure}", path.display())]
    Unusable {
        /// Which store.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        cure: String,
    },
    /// The store was written by a later version of the program.
    #[error(
        "store {} was written by a newer mae-exp (schema {found}, this program knows {known}): \
         update mae-exp or give another --store", path.display()
    )]
    Newer {
        /// Which store.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest schema version of this program.
        known: i64,
    },
    /// A finished run was to be changed.
    #[error("run {run} is finished and never changes: start a new run instead")]
    Finished {
        /// Which run.
        run: String,
    },
    /// A selector fits nothing.
    #[error("no {what} called {selector}: {hint}")]
    Unknown {
        /// `run` or `sweep`.
        what: &'static str,
        /// What was asked for.
        selector: String,
        /// The nearest names, or how to see them all.
        hint: String,
    },
    /// A selector fits several.
    #[error("{selector} fits {count} {what}s: give more of the id: {candidates}")]
    Ambiguous {
        /// `run` or `sweep`.
        what: &'static str,
        /// What was asked for.
        selector: String,
        /// How many it fits.
        count: usize,
        /// Some of them.
        candidates: String,
    },
    /// What was asked for cannot be done with what is there.
    #[error("{problem}")]
    Refused {
        /// What stands in the way, with the cure.
        problem: String,
    },
    /// A row holds something this program cannot read.
    #[error("cannot read {what} from the store: {problem}; see `mae-exp doctor`")]
    Data {
        /// Which value.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The database refused.
    #[error("cannot {doing} in the store: {problem}")]
    Sql {
        /// What was being done.
        doing: String,
        /// What the database said, with the cure where one is known.
        problem: String,
        /// Whether the same may work later: the disk is full, or another program keeps the file locked.
        passing: bool,
    },
    /// The file holds something else than was written.
    #[error(
        "cannot {doing}: the store is damaged ({problem}); restore a copy of it, `mae-exp doctor` says what is wrong"
    )]
    Damaged {
        /// What was being done.
        doing: String,
        /// What the database said.
        problem: String,
    },
    /// Another process has claimed the run since.
    #[error("run {run} was taken over by another process: nothing more is recorded here")]
    Fenced {
        /// Which run.
        run: String,
    },
    /// The background writer is gone.
    #[error("the store's writer has stopped: {problem}")]
    Writer {
        /// Why.
        problem: String,
    },
}

/// Text of the triggers that keep finished rows as they are.
const FINISHED: &str = "a finished run never changes";

impl StoreError {
    /// Whether the user's choice of store or selector is at fault (exit code 2), rather than the program or the disk.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        !matches!(
            self,
            Self::Finished { .. }
                | Self::Data { .. }
                | Self::Sql { .. }
                | Self::Damaged { .. }
                | Self::Fenced { .. }
                | Self::Writer { .. }
        )
    }

    /// Whether the same may work later, once there is space or the file is free.
    pub(super) const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Sql { passing: true, .. } | Self::Unusable { .. } | Self::Missing { .. }
        )
    }

    /// SQLite refused, with one of its primary result codes and its words.
    pub(super) fn failed(code: Option<i64>, said: String, doing: &str) -> Self {
        let doing = doing.to_owned();
        let cure = match code {
            Some(SQLITE_CORRUPT | SQLITE_NOTADB) => return Self::Damaged { doing, problem: said },
            Some(SQLITE_FULL) => "; free some space",
            Some(SQLITE_BUSY | SQLITE_LOCKED) => "; another program keeps it locked",
            Some(SQLITE_IOERR) => "; check the disk",
            Some(SQLITE_READONLY) => "; make the file and its folder writable",
            _ => "",
        };
        Self::Sql {
            doing,
            problem: said + cure,
            passing: is_passing(code),
        }
    }

    /// A store that cannot be used, with problem and cure.
    pub(super) fn unusable(path: &Path, problem: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::Unusable {
            path: path.to_owned(),
            problem: problem.into(),
            cure: cure.into(),
        }
    }

    fn read_only(path: &Path) -> Self {
        let cure = "make the file and its folder writable or give another --store";
        Self::unusable(path, "is read-only", cure)
    }

    /// An error met while opening `path`.
    pub(super) fn opening(path: &Path, error: &sqlx::Error) -> Self {
        match code(error) {
            Some(SQLITE_NOTADB) => Self::unusable(path, "is not a SQLite database", "give another file with --store"),
            Some(SQLITE_CORRUPT) => {
                Self::unusable(path, "is damaged", "restore a copy, or give another file with --store")
            }
            Some(SQLITE_READONLY) => Self::read_only(path),
            Some(SQLITE_CANTOPEN) if super::connect::is_sealed(path) => Self::read_only(path),
            Some(SQLITE_CANTOPEN | SQLITE_PERM | SQLITE_AUTH) => Self::unusable(
                path,
                "cannot be opened",
                "check the permissions of the file and its folder or give another --store",
            ),
            Some(SQLITE_BUSY | SQLITE_LOCKED) => Self::unusable(
                path,
                "is locked by another program",
                "wait for it to end or give another --store",
            ),
            _ => Self::unusable(
                path,
                format!("cannot be opened ({})", text(error)),
                "give another --store",
            ),
        }
    }
}

const SQLITE_PERM: i64 = 3;
const SQLITE_BUSY: i64 = 5;
const SQLITE_LOCKED: i64 = 6;
const SQLITE_NOMEM: i64 = 7;
const SQLITE_READONLY: i64 = 8;
const SQLITE_IOERR: i64 = 10;
const SQLITE_CORRUPT: i64 = 11;
const SQLITE_FULL: i64 = 13;
const SQLITE_CANTOPEN: i64 = 14;
const SQLITE_AUTH: i64 = 23;
const SQLITE_NOTADB: i64 = 26;

/// SQLite's primary result code of an error, if the database reported it.
fn code(error: &sqlx::Error) -> Option<i64> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i64>().ok().map(|extended| extended & 0xff)
}

/// Whether another connection held the lock for too long.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(SQLITE_BUSY | SQLITE_LOCKED))
}

/// Whether the same may work later.
fn is_passing(code: Option<i64>) -> bool {
    let passing = [
        SQLITE_FULL,
        SQLITE_IOERR,
        SQLITE_BUSY,
        SQLITE_LOCKED,
        SQLITE_READONLY,
        SQLITE_CANTOPEN,
        SQLITE_NOMEM,
    ];
    code.is_some_and(|code| passing.contains(&code))
}

/// The database's words, on one line.
pub(super) fn text(error: &sqlx::Error) -> String {
    let said = error
        .as_database_error()
        .map_or_else(|| error.to_string(), |e| e.message().to_owned());
    said.replace('\n', " ")
}

/// Says what was being done when SQL failed.
pub(super) trait Doing<T> {
    /// Completes "cannot … in the store".
    fn doing(self, doing: &str) -> Result<T, StoreError>;

    /// The same for work on one run, where a finished one refuses.
    fn doing_to(self, doing: &str, run: &str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for Result<T, sqlx::Error> {
    fn doing(self, doing: &str) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::failed(code(&error), text(&error), doing))
    }

    fn doing_to(self, doing: &str, run: &str) -> Result<T, StoreError> {
        match &self {
            Err(error) if text(error).contains(FINISHED) => Err(StoreError::Finished { run: run.to_owned() }),
            _ => self.doing(&format!("{doing} of run {run}")),
        }
    }
}
