//! Very many points at once, past the driver: a statement of fifty rows, prepared once and bound again and again on
//! SQLite's own handle. Here and in `bulk_read` is the only unsafe code of the store; it is here because the driver and the trigger that guards
//! finished runs take as long as SQLite itself does to write a point.
//!
//! Trigger and checks are off meanwhile, for this connection alone. The caller has looked up, in the same transaction, that
//! every curve is there and that none is closed: since the transaction holds the lock, this stays so until it ends. What the
//! table checks of a row, either a number or a word for one that is none, `split` gives by its type.

use std::ffi::{CStr, c_int};
use std::ptr;

use libsqlite3_sys as ffi;
use sqlx::sqlite::SqliteConnection;

use super::error::{Doing, StoreError};
use super::inbox::Point;
use super::record::{split, statement};

/// Points per statement: with more, its program no longer fits the processor's first cache.
pub(super) const ROWS: usize = 50;
/// Values of a point.
const VALUES: usize = 5;

/// Writes points to curves that are there and open, in the transaction that is open.
///
/// # Errors
/// When SQLite refuses; the transaction must then be rolled back.
pub(super) async fn insert(conn: &mut SqliteConnection, rows: &[[(i64, Point); ROWS]]) -> Result<(), StoreError> {
    let mut handle = conn.lock_handle().await.doing("record metrics")?;
    let db = handle.as_raw_handle().as_ptr();
    let sql = statement(ROWS) + "\0";
    // SAFETY: `handle` keeps everyone else away from the connection, and the pen is dropped before it is.
    let mut pen = unsafe { Pen::new(db, &sql)? };
    rows.iter().try_for_each(|rows| pen.write(rows))
}

/// A prepared statement on a connection whose triggers and checks are off while it lives.
struct Pen {
    db: *mut ffi::sqlite3,
    statement: *mut ffi::sqlite3_stmt,
}

impl Pen {
    /// # Safety
    /// `db` must be an open connection that nobody else uses before the pen is dropped.
    unsafe fn new(db: *mut ffi::sqlite3, sql: &str) -> Result<Self, StoreError> {
        let statement = ptr::null_mut();
        let mut pen = Self { db, statement };
        pen.guards(false);
        // SAFETY: the text ends with a zero, and SQLite keeps no pointer to it.
        let code =
            unsafe { ffi::sqlite3_prepare_v2(db, sql.as_ptr().cast(), -1, &raw mut pen.statement, ptr::null_mut()) };
        pen.check(code, ffi::SQLITE_OK).map(|()| pen)
    }

    /// Writes as many points as the statement has rows.
    fn write(&mut self, rows: &[(i64, Point); ROWS]) -> Result<(), StoreError> {
        for (row, (series, point)) in rows.iter().enumerate() {
            self.bind(row, *series, point)?;
        }
        // SAFETY: the statement is prepared and all its values are bound.
        let (done, reset) = unsafe { (ffi::sqlite3_step(self.statement), ffi::sqlite3_reset(self.statement)) };
        self.check(done, ffi::SQLITE_DONE)?;
        self.check(reset, ffi::SQLITE_OK)
    }

    fn bind(&self, row: usize, series: i64, point: &Point) -> Result<(), StoreError> {
        let first = c_int::try_from(row * VALUES + 1).expect("a few hundred values");
        let (value, special) = split(point.value);
        let special = special.map_or(ptr::null(), |word: &'static CStr| word.as_ptr());
        // SAFETY: the statement is prepared and has these values; the words live for ever, so SQLite need not copy them
        // (no destructor), and a null pointer is bound as NULL.
        let codes = unsafe {
            [
                ffi::sqlite3_bind_int64(self.statement, first, series),
                ffi::sqlite3_bind_int64(self.statement, first + 1, point.step),
                ffi::sqlite3_bind_double(self.statement, first + 2, point.epoch),
                value.map_or_else(
                    || ffi::sqlite3_bind_null(self.statement, first + 3),
                    |value| ffi::sqlite3_bind_double(self.statement, first + 3, value),
                ),
                ffi::sqlite3_bind_text(self.statement, first + 4, special, -1, None),
            ]
        };
        codes.into_iter().try_for_each(|code| self.check(code, ffi::SQLITE_OK))
    }

    /// Turns the triggers and checks of this connection on or off.
    fn guards(&self, on: bool) {
        let checks = if on {
            c"PRAGMA ignore_check_constraints = OFF"
        } else {
            c"PRAGMA ignore_check_constraints = ON"
        };
        // SAFETY: the connection is open; this option takes a number and where to put the answer, which may be nowhere; the
        // text of the statement lives for ever, and it returns no rows that anybody could be called with.
        let codes = unsafe {
            [
                ffi::sqlite3_db_config(
                    self.db,
                    ffi::SQLITE_DBCONFIG_ENABLE_TRIGGER,
                    c_int::from(on),
                    ptr::null_mut::<c_int>(),
                ),
                ffi::sqlite3_exec(self.db, checks.as_ptr(), None, ptr::null_mut(), ptr::null_mut()),
            ]
        };
        debug_assert_eq!(codes, [ffi::SQLITE_OK; 2], "both options are known");
    }

    fn check(&self, code: c_int, wanted: c_int) -> Result<(), StoreError> {
        if code == wanted {
            return Ok(());
        }
        // SAFETY: the connection is open; its message stays until the next call on it, and is copied before.
        let said = unsafe { CStr::from_ptr(ffi::sqlite3_errmsg(self.db)) };
        let said = said.to_string_lossy().replace('\n', " ");
        Err(StoreError::failed(Some(i64::from(code & 0xff)), said, "record metrics"))
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        // SAFETY: the statement was prepared on this connection, or is null, and nobody else has it.
        unsafe { ffi::sqlite3_finalize(self.statement) };
        self.guards(true);
    }
}
