//! Disks that are full and files that are damaged: nothing is lost in silence, and nothing wrong is believed.

use std::fs;
use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::*;
use crate::store::connect::{Link, Mode};
use crate::store::error::{Doing, StoreError};
use crate::store::rows::CheckpointRow;
use crate::store::writer::Writer;

/// Lets the file grow by so many pages only, as far as this connection goes.
async fn limit(conn: &mut SqliteConnection, more: i64) -> Result<(), StoreError> {
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
        .fetch_one(&mut *conn)
        .await
        .doing("count")?;
    let sql = format!("PRAGMA max_page_count = {}", pages + more);
    sqlx::query(AssertSqlSafe(sql)).execute(conn).await.doing("limit")?;
    Ok(())
}

#[test]
fn what_a_full_disk_refuses_is_kept_and_written_later() {
    let (_dir, store) = store_with(1);
    let mut link = Link::open(store.path(), Mode::Record).unwrap();
    link.run(async |conn| limit(conn, 2).await).unwrap();
    // The next connection, made after the first failure, has no limit: by then there is space.
    let writer = Writer::start_on(link, None).unwrap();
    for step in 0..20_000 {
        writer.metric("r0", point("train_loss", step, 1.5));
    }
    writer.picture("r0", picture("masked", 0, 1.0));
    let mut told = 0;
    while let Err(error) = writer.flush() {
        assert!(error.to_string().ends_with("; free some space"), "{error}");
        told += 1;
        assert!(told < 5, "{error}");
    }
    writer.metric("r0", point("train_loss", 20_000, 1.5));
    writer
        .set_status("r0", Status::Finished, "2026-01-02T07:00:00Z", "", "")
        .unwrap();
    writer.close().unwrap();
    assert_eq!(store.metrics("r0").unwrap().len(), 20_001);
    assert_eq!(store.pictures("r0").unwrap().len(), 1);
}

#[test]
fn a_store_that_stays_out_of_reach_is_an_error_at_every_question_and_at_the_end() {
    let (dir, store) = store_with(1);
    let writer = store.writer().unwrap();
    let hidden = dir.path().join("hidden");
    let folder = store.path().parent().unwrap().to_owned();
    let mut link = Link::open(store.path(), Mode::Record).unwrap();
    link.run(async |conn| limit(conn, 2).await).unwrap();
    let full = Writer::start_on(link, None).unwrap();
    drop(writer);
    let path = store.path().to_owned();
    drop(store);
    fs::rename(&folder, &hidden).unwrap();
    for step in 0..20_000 {
        full.metric("r0", point("train_loss", step, 1.5));
    }
    assert!(full.flush().unwrap_err().to_string().ends_with("; free some space"));
    for _ in 0..2 {
        assert!(matches!(full.flush().unwrap_err(), StoreError::Missing { .. }));
    }
    let end = "2026-01-02T07:00:00Z";
    let error = full.set_status("r0", Status::Finished, end, "", "").unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    assert!(matches!(full.close().unwrap_err(), StoreError::Missing { .. }));
    fs::rename(&hidden, &folder).unwrap();
    let store = Store::open_existing(path.to_str().unwrap()).unwrap();
    assert_eq!(
        store.run("r0").unwrap().unwrap().status,
        Status::Queued,
        "not with points missing"
    );
    assert!(store.metrics("r0").unwrap().is_empty());
}

#[test]
fn a_store_survives_a_full_disk() {
    let (_dir, store) = store_with(1);
    store.with(async |conn| limit(conn, 0).await).unwrap();
    let long = json!(["x".repeat(1 << 20)]);
    let error = store.set_warnings("r0", &long).unwrap_err();
    assert!(error.to_string().ends_with("; free some space"), "{error}");
    store.set_warnings("r0", &long).unwrap();
    store
        .set_status("r0", Status::Running, "2026-01-02T07:00:00Z", "")
        .unwrap();
    assert_eq!(store.run("r0").unwrap().unwrap().warnings, long);
}

#[test]
fn a_panic_in_a_transaction_leaves_the_connection_usable() {
    let (_dir, store) = store_with(1);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.alone::<()>(async |conn| {
            sqlx::query("UPDATE runs SET error = 'half'")
                .execute(conn)
                .await
                .unwrap();
            panic!("on purpose");
        })
    }));
    assert!(panicked.is_err());
    store.set_warnings("r0", &json!(["one"])).unwrap();
    let row = store.run("r0").unwrap().unwrap();
    assert_eq!((row.error.as_str(), row.warnings), ("", json!(["one"])));
}

#[test]
fn writers_wait_for_one_that_holds_the_lock() {
    let (_dir, store) = store_with(1);
    let mut link = Link::open(store.path(), Mode::Existing).unwrap();
    std::thread::scope(|scope| {
        let (held, begun) = std::sync::mpsc::channel();
        scope.spawn(move || {
            link.run(async |conn| {
                sqlx::query("BEGIN IMMEDIATE").execute(&mut *conn).await.unwrap();
                held.send(()).unwrap();
                tokio::time::sleep(Duration::from_millis(300)).await;
                sqlx::query("COMMIT").execute(conn).await.doing("commit")
            })
            .unwrap();
        });
        begun.recv().unwrap();
        assert!(store.run("r0").unwrap().is_some(), "readers do not wait");
        store.set_warnings("r0", &json!(["late"])).unwrap();
    });
    assert_eq!(store.run("r0").unwrap().unwrap().warnings, json!(["late"]));
}

type Everything = Vec<Result<String, StoreError>>;

fn everything(store: &Store) -> Everything {
    vec![
        store.sweeps().map(|found| format!("{found:?}")),
        store.run("r0").map(|found| format!("{found:?}")),
        store.metrics("r0").map(|found| format!("{found:?}")),
        store.last_metrics(&["r0".into()]).map(|found| format!("{found:?}")),
        store.pictures("r0").map(|found| format!("{found:?}")),
        store.checkpoints("r0").map(|found| format!("{found:?}")),
        store.events("r0").map(|found| format!("{found:?}")),
        store.lease("r0").map(|found| format!("{found:?}")),
    ]
}

#[test]
fn whichever_page_is_damaged_it_is_said_and_nothing_wrong_is_read() {
    const PAGE: usize = 4096;
    let (_dir, store) = store_with(2);
    let writer = store.writer().unwrap();
    for step in 0..1000 {
        writer.metric("r0", point("train_loss", step, 1.5));
        writer.metric("r0", point("lr", step, 0.5));
    }
    writer.picture("r0", picture("masked", 0, 1.0));
    writer.close().unwrap();
    let checkpoint = CheckpointRow {
        path: "a".into(),
        step: 1,
        epoch: 0.1,
        hash: "h".into(),
        created_at: "t".into(),
    };
    store.add_checkpoint("r0", &checkpoint).unwrap();
    let seen = store.run("r1").unwrap().unwrap();
    store.claim_run(&seen, &seen, "t", 1, None).unwrap();
    execute(&store, "VACUUM").unwrap();
    let truth = everything(&store);
    let path = store.path().to_owned();
    drop(store);
    let sound = fs::read(&path).unwrap();
    assert!(sound.len() > 20 * PAGE);
    for page in 0..sound.len() / PAGE {
        let mut bytes = sound.clone();
        bytes[page * PAGE..(page + 1) * PAGE].fill(0xAB);
        fs::write(&path, &bytes).unwrap();
        told(&path, page, &truth);
    }
}

/// The damage is found by whoever looks, and reading tells either the truth or that it cannot.
fn told(path: &Path, page: usize, truth: &Everything) {
    let store = match Store::open_existing(path.to_str().unwrap()) {
        Ok(store) => store,
        Err(error) => {
            let said = error.to_string();
            assert!(
                said.contains("is damaged") || said.contains("is not a SQLite database"),
                "{page}: {said}"
            );
            return;
        }
    };
    for (found, truth) in everything(&store).into_iter().zip(truth) {
        match found {
            Ok(found) => assert_eq!(&found, truth.as_ref().unwrap(), "{page}"),
            Err(error) => {
                let said = error.to_string();
                assert!(
                    said.contains("the store is damaged") && said.contains("restore a copy"),
                    "{page}: {said}"
                );
            }
        }
    }
    let problems = store.problems();
    assert!(
        !matches!(&problems, Ok(found) if found.is_empty()),
        "{page}: {problems:?}"
    );
}
