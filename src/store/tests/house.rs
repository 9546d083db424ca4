//! Housekeeping: tags, notes, filters, removal on purpose, questions in SQL.

use serde_json::Value as Json;

use super::*;
use crate::store::rows::CheckpointRow;
use crate::store::{Order, ReadOnly, RunFilter, StoreError};

const END: &str = "2026-01-02T07:00:00Z";

fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}

/// Sweep `s1` with finished runs `r0` and `r1` that have one of everything, and `r2` that is planned.
fn furnished() -> (TempDir, Store) {
    let (dir, store) = store_with(3);
    let writer = store.writer().unwrap();
    for (id, loss) in [("r0", 0.5), ("r1", 0.25)] {
        writer.metric(id, point("val_loss", 0, 1.0));
        writer.metric(id, point("val_loss", 10, loss));
        writer.metric(id, point("train_loss", 10, f64::NAN));
        writer.picture(id, picture("masked", 0, 1.0));
        writer.flush().unwrap();
        store.add_checkpoint(id, &checkpoint(id)).unwrap();
        writer
            .set_status(id, Status::Running, "2026-01-02T06:00:00Z", "", "")
            .unwrap();
        writer.set_status(id, Status::Finished, END, "", "").unwrap();
    }
    writer.close().unwrap();
    store.change_tags(&words(&["r0", "r1"]), &words(&["old"]), &[]).unwrap();
    store.add_note("r0", END, "looks good").unwrap();
    (dir, store)
}

fn checkpoint(run: &str) -> CheckpointRow {
    CheckpointRow {
        path: format!("/far/away/{run}/step-00000010"),
        step: 10,
        epoch: 1.0,
        hash: "h".into(),
        created_at: END.into(),
    }
}

/// Ids of the runs that a filter admits.
fn listed(store: &Store, filter: RunFilter) -> Vec<String> {
    store.runs(&filter).unwrap().into_iter().map(|run| run.id).collect()
}

#[test]
fn tags_and_notes_are_for_finished_runs_too() {
    let (_dir, store) = furnished();
    let both = words(&["r0", "r2"]);
    store.change_tags(&both, &words(&["best", "old"]), &[]).unwrap();
    store.change_tags(&both, &[], &words(&["old", "never there"])).unwrap();
    let tags = store.tags(&words(&["r0", "r1", "r2"])).unwrap();
    assert_eq!(tags["r0"], ["best"]);
    assert_eq!(
        (tags["r1"].clone(), tags["r2"].clone()),
        (words(&["old"]), words(&["best"]))
    );
    store.add_note("r0", "2026-01-03T00:00:00Z", "and again").unwrap();
    let notes: Vec<String> = store.notes("r0").unwrap().into_iter().map(|note| note.text).collect();
    assert_eq!(notes, ["looks good", "and again"]);
    assert_eq!(store.notes("r1").unwrap(), []);
    assert!(matches!(
        store.add_note("zz", END, "x").unwrap_err(),
        StoreError::Unknown { .. }
    ));
}

#[test]
fn a_removed_run_leaves_nothing_and_the_others_whole() {
    let (_dir, store) = furnished();
    let kept = (
        store.metrics("r1").unwrap(),
        store.pictures("r1").unwrap(),
        store.events("r1").unwrap(),
    );
    let seen = store.run("r0").unwrap().unwrap();
    assert_eq!(store.holdings(&words(&["r0"])).unwrap().points, 3);
    store.remove_runs(&[seen], &[]).unwrap();
    assert_eq!(store.run("r0").unwrap(), None);
    let now = (
        store.metrics("r1").unwrap(),
        store.pictures("r1").unwrap(),
        store.events("r1").unwrap(),
    );
    assert_eq!(format!("{now:?}"), format!("{kept:?}"));
    assert_eq!(store.problems().unwrap(), Vec::<String>::new());
    for table in ["series", "pictures", "checkpoints", "events", "tags", "notes", "leases"] {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE run_id = 'r0'");
        assert_eq!(ask(&store, &sql), [[json!(0)]], "{table}");
    }
    assert_eq!(ask(&store, "SELECT COUNT(*) FROM removals"), [[json!(0)]]);
    assert_eq!(ask(&store, "SELECT COUNT(*) FROM points"), [[json!(3)]]);
    for guarded in [
        "DELETE FROM runs WHERE id = 'r1'",
        "DELETE FROM points",
        "DELETE FROM pictures",
    ] {
        let error = execute(&store, guarded).expect_err(guarded).to_string();
        assert!(error.contains("a finished run never changes"), "{error}");
    }
}

#[test]
fn a_sweep_goes_with_its_last_run() {
    let (_dir, store) = furnished();
    store.upsert_sweep(&sweep("s2", "empty")).unwrap();
    let all = store.choose(&words(&["s1"])).unwrap();
    store.remove_runs(&all.runs[..2], &all.sweeps).unwrap();
    assert_eq!(store.sweeps().unwrap().len(), 2, "one run is left in s1");
    store.remove_runs(&all.runs[2..], &[]).unwrap();
    assert_eq!(store.sweeps().unwrap(), [sweep("s2", "empty")]);
    store.remove_runs(&[], &words(&["s2"])).unwrap();
    assert_eq!(store.sweeps().unwrap(), []);
    let size = || {
        let journal = store.path().with_extension("db-wal");
        let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |about| about.len());
        bytes(store.path()) + bytes(&journal)
    };
    let before = size();
    store.compact().unwrap();
    assert!(size() < before, "{} bytes of {before}", size());
    assert_eq!(store.problems().unwrap(), Vec::<String>::new());
}

#[test]
fn a_run_that_was_taken_up_meanwhile_stays() {
    let (_dir, store) = furnished();
    let seen = store.run("r2").unwrap().unwrap();
    assert!(store.claim_run(&seen, &seen, END, 0, None).unwrap().is_some());
    let error = store.remove_runs(std::slice::from_ref(&seen), &[]).unwrap_err();
    assert!(error.to_string().contains("run r2 has just become running"), "{error}");
    assert!(store.run("r2").unwrap().is_some());
    store.set_status("r2", Status::Failed, END, "out of luck").unwrap();
    let failed = store.run("r2").unwrap().unwrap();
    store.remove_runs(&[failed], &[]).unwrap();
    assert!(matches!(
        store.remove_runs(&[seen], &[]).unwrap_err(),
        StoreError::Unknown { .. }
    ));
}

#[test]
fn checkpoints_of_a_finished_run_are_forgotten_on_purpose_only() {
    let (_dir, store) = furnished();
    assert!(matches!(
        store.remove_checkpoint("r0", "/far/away/r0/step-00000010").unwrap_err(),
        StoreError::Finished { .. }
    ));
    store.forget_checkpoints(&words(&["r0"])).unwrap();
    assert_eq!(store.checkpoints("r0").unwrap(), []);
    assert_eq!(store.checkpoints("r1").unwrap(), [checkpoint("r1")]);
    assert!(execute(&store, "DELETE FROM checkpoints").is_err());
}

#[test]
fn filters_admit_what_they_say() {
    let (_dir, store) = furnished();
    let mut other = run("r3", "s1", 3);
    other.config =
        json!({"model": {"img_size": [48, 64], "norm_pix_loss": true}, "mask": {"strategy": "block", "ratio": 1}});
    other.created_at = "2026-02-01T00:00:00Z".into();
    store.insert_run(&other).unwrap();
    store.change_tags(&words(&["r1"]), &words(&["best"]), &[]).unwrap();
    let value = |key: &str, value: Json| RunFilter {
        values: vec![(key.into(), value)],
        ..RunFilter::default()
    };
    for (filter, ids) in [
        (value("mask.ratio", json!(0.5)), vec!["r1"]),
        (value("mask.ratio", json!(1.0)), vec!["r3"]),
        (value("mask.strategy", json!("random")), vec!["r0", "r1", "r2"]),
        (value("mask.ratio", json!("0.5")), vec![]),
        (value("model.norm_pix_loss", json!(true)), vec!["r3"]),
        (value("model.norm_pix_loss", json!(1)), vec!["r3"]),
        (value("model.norm_pix_loss", json!(false)), vec![]),
        (value("model.img_size", json!([48, 64])), vec!["r3"]),
        (value("model.img_size", json!(48)), vec![]),
        (value("no.such", json!(1)), vec![]),
    ] {
        let said = format!("{:?}", filter.values);
        assert_eq!(listed(&store, filter), ids, "{said}");
    }
    let tagged = |tags: &[&str]| RunFilter {
        tags: words(tags),
        ..RunFilter::default()
    };
    assert_eq!(listed(&store, tagged(&["old"])), ["r0", "r1"]);
    assert_eq!(listed(&store, tagged(&["old", "best"])), ["r1"]);
    let since = RunFilter {
        since: Some("2026-01-02T05:00:00Z".into()),
        ..RunFilter::default()
    };
    assert_eq!(listed(&store, since), ["r0", "r1", "r3"]);
}

#[test]
fn listings_are_ordered_and_limited() {
    let (_dir, store) = furnished();
    let ordered = |order: Order, limit: Option<usize>| RunFilter {
        order,
        limit,
        ..RunFilter::default()
    };
    let metric = |ascending| Order::Metric {
        name: "val_loss".into(),
        ascending,
    };
    assert_eq!(listed(&store, ordered(metric(false), None)), ["r0", "r1", "r2"]);
    assert_eq!(listed(&store, ordered(metric(true), None)), ["r1", "r0", "r2"]);
    assert_eq!(listed(&store, ordered(metric(true), Some(1))), ["r1"]);
    assert_eq!(
        listed(&store, ordered(Order::Started { ascending: true }, Some(1))),
        ["r2"]
    );
    assert_eq!(listed(&store, ordered(Order::Sweep, Some(2))), ["r0", "r1"]);
    assert_eq!(store.find_metric("val").unwrap(), "val_loss");
    let error = store.find_metric("vall_loss").unwrap_err().to_string();
    assert_eq!(error, "no metric called vall_loss: did you mean val_loss?");
}

#[test]
fn a_listing_reads_what_it_shows() {
    let (_dir, store) = furnished();
    store.change_tags(&words(&["r0"]), &words(&["best"]), &[]).unwrap();
    let tiny = point("tiny", 1, f64::MIN_POSITIVE);
    let writer = store.writer().unwrap();
    writer.metric("r2", tiny.clone());
    writer.close().unwrap();
    let listed = store
        .list(&RunFilter::default(), &["val_loss", "train_loss", "tiny"])
        .unwrap();
    let shown: Vec<String> = listed
        .iter()
        .map(|run| {
            format!(
                "{} {} {} [{}] {:?}",
                run.id, run.label, run.status, run.tags, run.metrics
            )
        })
        .collect();
    let tiny = tiny.value;
    assert_eq!(
        shown,
        [
            "r0 mask.ratio=0.25 finished [best old] [Some(0.5), Some(NaN), None]".to_owned(),
            "r1 mask.ratio=0.5 finished [old] [Some(0.25), Some(NaN), None]".to_owned(),
            format!("r2 mask.ratio=0.75 queued [] [None, None, Some({tiny:?})]"),
        ]
    );
    assert_eq!(listed[0].sweep, "mask_ratio");
    assert_eq!(listed[0].started_at.as_deref(), Some("2026-01-02T06:00:00Z"));
    assert_eq!(listed[0].finished_at.as_deref(), Some(END));
}

/// Rows that a question brings, asked as `mae-exp query` does.
fn ask(store: &Store, sql: &str) -> Vec<Vec<Json>> {
    let path = store.path().to_str().unwrap();
    ReadOnly::open(path).unwrap().query(sql).unwrap().rows
}

#[test]
fn questions_are_answered_by_stored_type() {
    let (_dir, store) = furnished();
    let mut reader = ReadOnly::open(store.path().to_str().unwrap()).unwrap();
    let answer = reader
        .query("SELECT id, position, 0.5 AS half, NULL AS none, x'010203' AS blob, 9e999 AS big FROM runs LIMIT 1")
        .unwrap();
    assert_eq!(answer.columns, ["id", "position", "half", "none", "blob", "big"]);
    assert_eq!(
        answer.rows,
        [[
            json!("r0"),
            json!(0),
            json!(0.5),
            Json::Null,
            json!("<3 bytes>"),
            json!("inf")
        ]]
    );
    let empty = reader.query("SELECT id, label FROM runs WHERE 1 = 0;").unwrap();
    assert_eq!((empty.columns, empty.rows), (words(&["id", "label"]), vec![]));
    let special = reader
        .query("SELECT value, special FROM last_metrics WHERE special IS NOT NULL")
        .unwrap();
    assert_eq!(special.rows, [[Json::Null, json!("nan")], [Json::Null, json!("nan")]]);
}

#[test]
fn questions_change_nothing_and_wait_for_no_writer() {
    let (dir, store) = furnished();
    let mut reader = ReadOnly::open(store.path().to_str().unwrap()).unwrap();
    let mut said = |sql: &str| reader.query(sql).unwrap_err().to_string();
    let error = said("SELECT wrong FROM runs");
    assert!(error.contains("no such column: wrong"), "{error}");
    let error = said("WITH a AS (SELECT 1) DELETE FROM runs");
    assert!(error.contains("readonly"), "{error}");
    let copy = dir.path().join("copy.db");
    for sql in [
        format!("ATTACH '{}' AS x", copy.display()),
        format!("VACUUM INTO '{}'", copy.display()),
        format!("SELECT 1; ATTACH '{}' AS x", copy.display()),
        "PRAGMA query_only = OFF".to_owned(),
    ] {
        let error = reader.query(&sql).unwrap_err();
        assert!(error.is_usage(), "{error}");
    }
    assert!(!copy.exists());
    let writer = sqlx::query("UPDATE runs SET error = 'x' WHERE id = 'r2'");
    outside(store.path(), async |conn| {
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.unwrap();
        writer.execute(&mut *tx).await.unwrap();
        let path = store.path().to_owned();
        let asked = std::thread::spawn(move || {
            let mut reader = ReadOnly::open(path.to_str().unwrap()).unwrap();
            reader.query("SELECT error FROM runs WHERE id = 'r2'").unwrap().rows
        });
        assert_eq!(
            asked.join().unwrap(),
            [[json!("")]],
            "what is not committed is not seen"
        );
        tx.commit().await.unwrap();
    });
    assert_eq!(ask(&store, "SELECT error FROM runs WHERE id = 'r2'"), [[json!("x")]]);
}

#[test]
fn only_stores_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str| ReadOnly::open(dir.path().join(name).to_str().unwrap()).unwrap_err();
    assert!(matches!(open("none.db"), StoreError::Missing { .. }));
    std::fs::write(dir.path().join("text.db"), "words ".repeat(300)).unwrap();
    assert!(open("text.db").to_string().contains("is not a SQLite database"));
    outside(&dir.path().join("other.db"), async |conn| {
        sqlx::query("CREATE TABLE things (id)").execute(conn).await.unwrap();
    });
    assert!(open("other.db").to_string().contains("is no store of mae-exp"));
}
