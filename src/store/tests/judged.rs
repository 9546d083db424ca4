//! Protocols are a run's own and are kept as it is; evaluations are about it, may come later, and never change.

use super::*;
use crate::store::rows::{EvaluationRow, Picture, ProtocolRow};
use crate::store::{ReadOnly, StoreError};

const END: &str = "2026-01-02T07:00:00Z";

fn protocol(task: &str, k: i64) -> ProtocolRow {
    ProtocolRow {
        task: task.into(),
        version: 1,
        parameters: json!({"k": k, "feature": "cls"}),
    }
}

fn evaluation(value: f64) -> EvaluationRow {
    EvaluationRow {
        protocol: protocol("linear", 1),
        figures: vec![("linear_accuracy".into(), value), ("worst".into(), f64::NEG_INFINITY)],
        data: "content-abc".into(),
        place: "photos".into(),
        own: true,
        weights: "def".into(),
        program: "0.1.0".into(),
        created_at: END.into(),
        pictures: vec![picture("original"), picture("overlay")],
    }
}

fn picture(kind: &str) -> Picture {
    Picture {
        kind: kind.into(),
        item: 3,
        caption: "cut/a.png".into(),
        epoch: 0.0,
        width: 4,
        height: 2,
        png: kind.as_bytes().to_vec(),
    }
}

/// Run `r0` finished with one protocol.
fn judged() -> (TempDir, Store) {
    let (dir, store) = store_with(2);
    let writer = store.writer().unwrap();
    writer.protocol("r0", protocol("knn", 5));
    writer.protocol("r0", protocol("linear", 1));
    writer.protocol("r0", protocol("knn", 20));
    writer.set_status("r0", Status::Finished, END, "", "").unwrap();
    writer.close().unwrap();
    (dir, store)
}

#[test]
fn the_latest_protocol_of_a_task_counts_until_the_run_is_finished() {
    let (_dir, store) = judged();
    let both = [protocol("knn", 20), protocol("linear", 1)];
    assert_eq!(store.protocols("r0").unwrap(), both);
    let writer = store.writer().unwrap();
    writer.protocol("r0", protocol("knn", 1));
    assert!(writer.flush().is_err(), "a finished run takes no protocol");
    for sql in [
        "INSERT INTO protocols (run_id, task, version, parameters) VALUES ('r0', 'finetune', 1, '{}')",
        "UPDATE protocols SET version = 9",
        "DELETE FROM protocols",
    ] {
        let error = execute(&store, sql).unwrap_err().to_string();
        assert!(error.contains("a finished run never changes"), "{sql}: {error}");
    }
    assert_eq!(store.protocols("r0").unwrap(), both);
}

#[test]
fn evaluations_come_after_the_end_and_never_change() {
    let (_dir, store) = judged();
    for value in [0.25, f64::NAN] {
        store.add_evaluation("r0", &evaluation(value)).unwrap();
    }
    let found = store.evaluations("r0").unwrap();
    assert_eq!(found[0], evaluation(0.25));
    assert!(found[1].figures[0].1.is_nan());
    assert_eq!(found[1].figures[1].1, f64::NEG_INFINITY);
    assert_eq!(store.evaluations("r1").unwrap(), []);
    for sql in [
        "UPDATE evaluations SET own = 0",
        "DELETE FROM evaluations",
        "UPDATE evaluation_pictures SET caption = 'x'",
        "DELETE FROM evaluation_pictures",
        "INSERT OR REPLACE INTO evaluations SELECT * FROM evaluations",
        "INSERT OR REPLACE INTO evaluation_pictures SELECT * FROM evaluation_pictures",
    ] {
        let error = execute(&store, sql).unwrap_err().to_string();
        assert!(error.contains("an evaluation never changes"), "{sql}: {error}");
    }
    assert!(matches!(
        store.add_evaluation("nobody", &evaluation(1.0)),
        Err(StoreError::Unknown { .. } | StoreError::Sql { .. })
    ));
}

#[test]
fn both_go_and_travel_with_their_run() {
    let (dir, store) = judged();
    store.add_evaluation("r1", &evaluation(0.5)).unwrap();
    let bare = EvaluationRow {
        pictures: vec![],
        ..evaluation(0.75)
    };
    for row in [&bare, &evaluation(0.25)] {
        store.add_evaluation("r0", row).unwrap();
    }
    let other = Store::open(dir.path().join("other.db").to_str().unwrap()).unwrap();
    let mut source = ReadOnly::open(store.path().to_str().unwrap()).unwrap();
    other.copy_from(&mut source, &["r0".to_string()], None).unwrap();
    assert_eq!(other.protocols("r0").unwrap(), store.protocols("r0").unwrap());
    assert_eq!(other.evaluations("r0").unwrap(), [bare, evaluation(0.25)]);
    assert_eq!(store.holdings(&["r0".to_string()]).unwrap().pictures, 2);
    let row = store.run("r0").unwrap().unwrap();
    store.remove_runs(&[row], &[]).unwrap();
    assert_eq!(
        store.evaluations("r1").unwrap(),
        [evaluation(0.5)],
        "another run's stay"
    );
    for table in [
        "SELECT 1 FROM protocols",
        "SELECT 1 FROM evaluations WHERE run_id = 'r0'",
        "SELECT 1 FROM evaluation_pictures LIMIT -1 OFFSET 2",
    ] {
        let left = outside(store.path(), async |conn| {
            sqlx::query(table).fetch_all(conn).await.unwrap().len()
        });
        assert_eq!(left, 0, "{table}");
    }
}

#[test]
fn a_new_evaluation_is_news_to_who_watches() {
    let (_dir, store) = judged();
    let before = store.sign("s1").unwrap();
    store.add_evaluation("r0", &evaluation(0.25)).unwrap();
    assert_ne!(store.sign("s1").unwrap(), before);
}
