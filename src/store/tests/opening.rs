//! Where a store may lie, and what is said when it cannot be used.

use std::fs;
use std::path::Path;

use super::*;
use crate::store::connect::{self, MIGRATOR};
use crate::store::error::StoreError;

fn refusal(path: &Path) -> String {
    let target = path.to_str().unwrap();
    let error = Store::open(target).expect_err(target);
    assert!(error.is_usage(), "{error}");
    assert_eq!(error.to_string().lines().count(), 1, "{error}");
    error.to_string()
}

#[test]
fn targets_are_paths_or_sqlite_urls() {
    for (target, path) in [
        ("runs/a.db", "runs/a.db"),
        ("/abs/a.db", "/abs/a.db"),
        ("sqlite:///abs/a.db", "/abs/a.db"),
        ("sqlite://rel/a.db", "rel/a.db"),
        ("sqlite:rel/a.db", "rel/a.db"),
        (r"C:\runs\a.db", r"C:\runs\a.db"),
    ] {
        assert_eq!(connect::locate(target).unwrap(), Path::new(path), "{target}");
    }
    for (target, said) in [
        (
            "postgres://h/db",
            "postgres is not supported yet; give a path or sqlite:// URL instead of postgres://h/db",
        ),
        (
            "mysql://h/db",
            "mysql is not supported yet; give a path or sqlite:// URL instead of mysql://h/db",
        ),
    ] {
        assert_eq!(connect::locate(target).unwrap_err().to_string(), said);
    }
    for target in ["", "sqlite://", ":memory:", "sqlite::memory:"] {
        let said = connect::locate(target).unwrap_err().to_string();
        assert!(
            said.ends_with("names no file: give a path such as runs/mae-exp.db"),
            "{said}"
        );
    }
}

#[test]
fn folders_are_made_for_writing_but_not_for_reading() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b/store.db");
    let target = path.to_str().unwrap();
    let said = Store::open_existing(target).unwrap_err().to_string();
    assert_eq!(
        said,
        format!("no store at {target}: run `mae-exp sweep FILE` first or give --store")
    );
    assert!(!dir.path().join("a").exists());
    drop(Store::open(target).unwrap());
    assert!(Store::open_existing(target).is_ok());
    let files: Vec<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|f| f.unwrap().file_name())
        .collect();
    assert_eq!(files, ["store.db"], "closed cleanly: no -wal and no -shm stay behind");
}

#[test]
fn unusable_stores_are_named_with_a_cure() {
    let dir = tempfile::tempdir().unwrap();
    let said = refusal(dir.path());
    let folder = dir.path().display();
    assert_eq!(
        said,
        format!("store {folder} is a folder: give a file, such as {folder}/mae-exp.db")
    );

    let text = dir.path().join("notes.txt");
    fs::write(
        &text,
        "this is no database, however long one makes the text of it\n".repeat(20),
    )
    .unwrap();
    let wanted = format!(
        "store {} is not a SQLite database: give another file with --store",
        text.display()
    );
    assert_eq!(refusal(&text), wanted);

    let below = text.join("store.db");
    let said = refusal(&below);
    assert!(
        said.starts_with(&format!("store {} cannot be opened (", below.display())),
        "{said}"
    );
    assert!(said.ends_with("): check its folder or give another --store"), "{said}");

    let empty = dir.path().join("empty.db");
    fs::write(&empty, "").unwrap();
    let error = Store::open_existing(empty.to_str().unwrap()).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
}

#[test]
fn a_read_only_store_is_called_so() {
    let (_dir, store) = store();
    let path = store.path().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let error = runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(&path).read_only(true);
        let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("UPDATE sweeps SET name = name WHERE 1 = 0")
            .execute(&mut conn)
            .await
            .unwrap_err()
    });
    let wanted = format!(
        "store {} is read-only: make the file and its folder writable or give another --store",
        path.display()
    );
    assert_eq!(StoreError::opening(&path, &error).to_string(), wanted);
}

#[test]
fn another_programs_database_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("other.db");
    outside(&other, async |conn| {
        sqlx::query("CREATE TABLE songs (title TEXT)")
            .execute(conn)
            .await
            .unwrap();
    });
    let before = fs::read(&other).unwrap();
    let said = refusal(&other);
    let wanted = format!(
        "store {} holds the tables of another program: give another file with --store",
        other.display()
    );
    assert_eq!(said, wanted);
    assert!(
        fs::read(&other).unwrap() == before,
        "not a byte is changed, not even the journal mode"
    );
}

#[test]
fn the_file_is_in_wal_mode() {
    let (_dir, store) = store();
    let mode: String = outside(store.path(), async |conn| {
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(conn).await.unwrap()
    });
    assert_eq!(mode, "wal");
}

#[test]
fn a_newer_schema_is_refused_both_ways() {
    let (_dir, store) = store();
    execute(
        &store,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'later', TRUE, x'00', 0)",
    )
    .unwrap();
    let path = store.path().to_owned();
    drop(store);
    let known = MIGRATOR.iter().last().unwrap().version;
    let wanted = format!(
        "store {} was written by a newer mae-exp (schema 99, this program knows {known}): \
         update mae-exp or give another --store",
        path.display()
    );
    assert_eq!(refusal(&path), wanted);
    let error = Store::open_existing(path.to_str().unwrap()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
}

#[test]
fn the_check_finds_rows_without_their_run() {
    let (_dir, store) = store_with(1);
    outside(store.path(), async |conn| {
        sqlx::query("PRAGMA foreign_keys = OFF")
            .execute(&mut *conn)
            .await
            .unwrap();
        sqlx::query("INSERT INTO series (run_id, name) VALUES ('nobody', 'x')")
            .execute(conn)
            .await
            .unwrap();
    });
    assert_eq!(store.problems().unwrap(), ["1 rows refer to rows that are gone"]);
}

#[test]
fn the_check_finds_damaged_pages() {
    let (_dir, store) = store_with(1);
    let writer = store.writer().unwrap();
    for step in 0..5000 {
        writer.metric("r0", point("train_loss", step, 1.5));
    }
    writer.close().unwrap();
    let path = store.path().to_owned();
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 3 * 4096..].fill(0xAB);
    fs::write(&path, bytes).unwrap();
    let store = Store::open_existing(path.to_str().unwrap()).unwrap();
    let found = store.problems();
    assert!(!matches!(&found, Ok(problems) if problems.is_empty()), "{found:?}");
}
