//! Very many points at once, past the driver: one prepared statement for all curves of a run, read on SQLite's own handle. The
//! driver copies every value of every row and hands each row from one thread to another, which takes several times as long as
//! SQLite itself does to find it; a report of a thousand trials reads a million of them.

use std::ffi::{CStr, c_int};
use std::ptr;

use libsqlite3_sys as ffi;
use sqlx::sqlite::SqliteConnection;

use super::error::{Doing, StoreError};
use super::rows::MetricPoint;

const POINTS: &CStr = c"SELECT step, epoch, value, special FROM points WHERE series_id = ?1 ORDER BY step";

/// Every point of these curves (number and name), curve by curve and by step.
///
/// # Errors
/// When SQLite refuses.
pub(super) async fn points(
    conn: &mut SqliteConnection,
    curves: Vec<(i64, String)>,
) -> Result<Vec<MetricPoint>, StoreError> {
    let mut handle = conn.lock_handle().await.doing("read the metrics")?;
    let db = handle.as_raw_handle().as_ptr();
    // SAFETY: `handle` keeps everyone else away from the connection, and the reader is dropped before it is.
    let reader = unsafe { Reader::new(db)? };
    let mut found = Vec::new();
    for (series, name) in curves {
        reader.curve(series, &name, &mut found)?;
    }
    Ok(found)
}

/// A prepared statement on a connection.
struct Reader {
    db: *mut ffi::sqlite3,
    statement: *mut ffi::sqlite3_stmt,
}

impl Reader {
    /// # Safety
    /// `db` must be an open connection that nobody else uses before the reader is dropped.
    unsafe fn new(db: *mut ffi::sqlite3) -> Result<Self, StoreError> {
        let statement = ptr::null_mut();
        let mut reader = Self { db, statement };
        // SAFETY: the text ends with a zero, and SQLite keeps no pointer to it.
        let code =
            unsafe { ffi::sqlite3_prepare_v2(db, POINTS.as_ptr(), -1, &raw mut reader.statement, ptr::null_mut()) };
        reader.check(code, ffi::SQLITE_OK).map(|()| reader)
    }

    fn curve(&self, series: i64, name: &str, found: &mut Vec<MetricPoint>) -> Result<(), StoreError> {
        // SAFETY: the statement is prepared and has this one value.
        let bound = unsafe { ffi::sqlite3_bind_int64(self.statement, 1, series) };
        self.check(bound, ffi::SQLITE_OK)?;
        loop {
            // SAFETY: the statement is prepared and its value is bound.
            match unsafe { ffi::sqlite3_step(self.statement) } {
                ffi::SQLITE_ROW => found.push(self.row(name)?),
                code => {
                    self.check(code, ffi::SQLITE_DONE)?;
                    break;
                }
            }
        }
        // SAFETY: as above.
        let reset = unsafe { ffi::sqlite3_reset(self.statement) };
        self.check(reset, ffi::SQLITE_OK)
    }

    /// The row that the statement stands on.
    fn row(&self, name: &str) -> Result<MetricPoint, StoreError> {
        // SAFETY: the statement stands on a row of these four columns; nothing of it is kept beyond this function.
        let (step, epoch, kind, value, word) = unsafe {
            (
                ffi::sqlite3_column_int64(self.statement, 0),
                ffi::sqlite3_column_double(self.statement, 1),
                ffi::sqlite3_column_type(self.statement, 2),
                ffi::sqlite3_column_double(self.statement, 2),
                ffi::sqlite3_column_text(self.statement, 3),
            )
        };
        let value = if kind != ffi::SQLITE_NULL {
            value
        } else if word.is_null() {
            return Err(super::read::data("value", &"neither a number nor a word for one"));
        } else {
            // SAFETY: SQLite ends texts with a zero, and this one stays until the statement moves on.
            special(unsafe { CStr::from_ptr(word.cast()) })?
        };
        Ok(MetricPoint {
            name: name.to_owned(),
            step,
            epoch,
            value,
        })
    }

    fn check(&self, code: c_int, wanted: c_int) -> Result<(), StoreError> {
        if code == wanted {
            return Ok(());
        }
        // SAFETY: the connection is open; its message stays until the next call on it, and is copied before.
        let said = unsafe { CStr::from_ptr(ffi::sqlite3_errmsg(self.db)) };
        let said = said.to_string_lossy().replace('\n', " ");
        Err(StoreError::failed(
            Some(i64::from(code & 0xff)),
            said,
            "read the metrics",
        ))
    }
}

/// The number that a word stands for.
fn special(word: &CStr) -> Result<f64, StoreError> {
    match word.to_bytes() {
        b"nan" => Ok(f64::NAN),
        b"inf" => Ok(f64::INFINITY),
        b"-inf" => Ok(f64::NEG_INFINITY),
        _ => Err(super::read::data("special", &word.to_string_lossy())),
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // SAFETY: the statement was prepared on this connection, or is null, and nobody else has it.
        unsafe { ffi::sqlite3_finalize(self.statement) };
    }
}
