//! Law 6: a finished row never changes, whoever asks.

use super::*;
use crate::store::StoreError;
use crate::store::rows::CheckpointRow;

const END: &str = "2026-01-02T07:00:00Z";

/// A store with run `r0` finished with one of everything, and `r1` unfinished likewise.
fn finished() -> (TempDir, Store) {
    let (dir, store) = store_with(2);
    let writer = store.writer().unwrap();
    for id in ["r0", "r1"] {
        writer.metric(id, point("val_loss", 10, 0.5));
        writer.picture(id, picture("masked", 0, 1.0));
        writer.flush().unwrap();
        store.add_checkpoint(id, &checkpoint("a")).unwrap();
    }
    writer.set_status("r0", Status::Finished, END, "", "").unwrap();
    (dir, store)
}

fn checkpoint(path: &str) -> CheckpointRow {
    CheckpointRow {
        path: path.into(),
        step: 10,
        epoch: 1.0,
        hash: "h".into(),
        created_at: END.into(),
    }
}

#[test]
fn no_call_changes_it() {
    let (_dir, store) = finished();
    let before = (
        store.run("r0").unwrap(),
        store.metrics("r0").unwrap(),
        store.events("r0").unwrap(),
    );
    let row = store.run("r0").unwrap().unwrap();
    assert_eq!(store.claim_run(&run("r0", "s1", 3), &row, END, 0, None).unwrap(), None);
    assert!(!store.mark_crashed(&row, None, END, "gone").unwrap());
    let attempts = [
        store.set_status("r0", Status::Running, END, ""),
        store.set_status("r0", Status::Finished, END, "again"),
        store.set_warnings("r0", &json!(["late"])),
        store.add_checkpoint("r0", &checkpoint("b")),
        store.add_checkpoint("r0", &checkpoint("a")),
        store.remove_checkpoint("r0", "a"),
    ];
    for (i, attempt) in attempts.into_iter().enumerate() {
        let error = attempt.unwrap_err();
        assert!(
            matches!(&error, StoreError::Finished { run } if run == "r0"),
            "{i}: {error}"
        );
        assert!(!error.is_usage());
    }
    let after = (
        store.run("r0").unwrap(),
        store.metrics("r0").unwrap(),
        store.events("r0").unwrap(),
    );
    assert_eq!(after, before);
    assert_eq!(
        (
            store.pictures("r0").unwrap().len(),
            store.checkpoints("r0").unwrap().len()
        ),
        (1, 1)
    );
}

#[test]
fn no_writer_changes_it_and_says_so_once() {
    let (_dir, store) = finished();
    let writer = store.writer().unwrap();
    for late in [
        point("val_loss", 10, 0.1),
        point("val_loss", 20, 0.1),
        point("knn_accuracy", 20, 0.1),
    ] {
        writer.metric("r0", late);
        let error = writer.flush().unwrap_err();
        assert_eq!(
            error.to_string(),
            "run r0 is finished and never changes: start a new run instead"
        );
        writer.flush().unwrap();
    }
    writer.picture("r0", picture("masked", 0, 2.0));
    assert!(matches!(
        writer.set_status("r1", Status::Finished, END, "", "").unwrap_err(),
        StoreError::Finished { .. }
    ));
    assert_eq!(store.run("r1").unwrap().unwrap().status, Status::Queued);
    writer.picture("r0", picture("masked", 0, 1.0));
    assert!(matches!(writer.close().unwrap_err(), StoreError::Finished { .. }));
    assert_eq!(store.metrics("r0").unwrap(), [point("val_loss", 10, 0.5)]);
    assert_eq!(store.pictures("r0").unwrap(), [picture("masked", 0, 1.0)]);
}

#[test]
fn no_other_program_changes_it() {
    let (_dir, store) = finished();
    for sql in [
        "UPDATE runs SET error = 'x' WHERE id = 'r0'",
        "DELETE FROM runs WHERE id = 'r0'",
        "INSERT OR REPLACE INTO runs SELECT * FROM runs WHERE id = 'r0'",
        "UPDATE points SET value = 1 WHERE series_id = (SELECT id FROM series WHERE run_id = 'r0')",
        "DELETE FROM points WHERE series_id = (SELECT id FROM series WHERE run_id = 'r0')",
        "INSERT INTO points (series_id, step, epoch, value) SELECT id, 99, 9.9, 1 FROM series WHERE run_id = 'r0'",
        "INSERT OR REPLACE INTO points (series_id, step, epoch, value) SELECT id, 10, 1, 1 FROM series WHERE run_id = 'r0'",
        "INSERT INTO series (run_id, name) VALUES ('r0', 'late')",
        "UPDATE points SET step = 11, series_id = (SELECT id FROM series WHERE run_id = 'r0') \
         WHERE series_id = (SELECT id FROM series WHERE run_id = 'r1')",
        "UPDATE series SET closed = 0 WHERE run_id = 'r0'",
        "UPDATE series SET name = 'x' WHERE run_id = 'r0'",
        "DELETE FROM series WHERE run_id = 'r0'",
        "UPDATE pictures SET caption = 'x' WHERE run_id = 'r0'",
        "DELETE FROM pictures WHERE run_id = 'r0'",
        "UPDATE checkpoints SET path = 'x' WHERE run_id = 'r0'",
    ] {
        let error = execute(&store, sql).expect_err(sql).to_string();
        assert!(error.contains("a finished run never changes"), "{sql}: {error}");
    }
    let nowhere = execute(
        &store,
        "INSERT INTO points (series_id, step, epoch, value) VALUES (99, 1, 1, 1)",
    );
    assert!(nowhere.unwrap_err().to_string().contains("there is no such series"));
    let free = execute(&store, "UPDATE runs SET error = 'x' WHERE id = 'r1'").unwrap();
    assert_eq!(free, 1, "an unfinished run may change");
    let free = execute(
        &store,
        "DELETE FROM points WHERE series_id IN (SELECT id FROM series WHERE run_id = 'r1')",
    );
    assert_eq!(free.unwrap(), 1);
}
