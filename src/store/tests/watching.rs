//! What is asked while a sweep runs: changes are noticed, and only changes; readers see one moment and stop no writer.

use serde_json::json;

use super::super::{Progressed, Store, StoreError};
use super::*;

fn point(name: &str, step: i64, value: f64) -> MetricPoint {
    #[expect(clippy::cast_precision_loss, reason = "steps are small")]
    let epoch = step as f64 / 4.0;
    MetricPoint {
        name: name.into(),
        step,
        epoch,
        value,
    }
}

fn reading(store: &Store) -> Store {
    Store::open_reading(store.path().to_str().unwrap()).unwrap()
}

#[test]
fn every_change_that_a_report_shows_changes_the_sign_and_nothing_else_does() {
    let (_dir, store) = store_with(2);
    let sign = || reading(&store).sign("s1").unwrap();
    let mut seen = vec![sign()];
    let changed = |what: &str, seen: &mut Vec<String>| {
        let now = sign();
        assert!(!seen.contains(&now), "{what} is noticed");
        assert_eq!(sign(), now, "{what} is noticed once");
        seen.push(now);
    };
    store
        .set_status("r0", Status::Running, "2026-01-02T03:04:06Z", "")
        .unwrap();
    changed("a state", &mut seen);
    let writer = store.writer().unwrap();
    for step in [0, 4] {
        writer.metric("r0", point("train_loss", step, 0.5));
        writer.flush().unwrap();
        changed("a point", &mut seen);
    }
    writer.flush().unwrap();
    store.set_warnings("r0", &json!(["a picture is damaged"])).unwrap();
    changed("a warning", &mut seen);
    store.add_note("r1", "2026-01-02T03:04:06Z", "look again").unwrap();
    changed("a note", &mut seen);
    store.change_tags(&["r1".into()], &["good".into()], &[]).unwrap();
    changed("a tag", &mut seen);
    let mut other = sweep("s1", "mask_ratio");
    other.analysis = "0.75 it is".into();
    store.upsert_sweep(&other).unwrap();
    changed("an analysis", &mut seen);

    let now = sign();
    store.upsert_sweep(&sweep("s2", "another")).unwrap();
    store.insert_run(&run("x0", "s2", 0)).unwrap();
    assert_eq!(sign(), now, "another sweep is no news");
}

#[test]
fn progress_is_the_newest_point_and_tallies_count_states() {
    let (_dir, store) = store_with(3);
    assert_eq!(store.progressed("r0").unwrap(), None);
    let writer = store.writer().unwrap();
    for (name, step, value) in [
        ("train_loss", 4, 0.9),
        ("train_loss", 8, f64::INFINITY),
        ("val_loss", 0, 1.5),
        ("lr", 10, 0.1),
    ] {
        writer.metric("r0", point(name, step, value));
    }
    writer.flush().unwrap();
    let (step, epoch, loss) = (10, 2.5, Some(f64::INFINITY));
    assert_eq!(store.progressed("r0").unwrap(), Some(Progressed { step, epoch, loss }));
    store
        .set_status("r0", Status::Failed, "2026-01-02T03:04:06Z", "no")
        .unwrap();
    let tallies = store.tallies().unwrap();
    assert_eq!(tallies.len(), 1);
    assert_eq!(tallies["s1"], [("failed", 1), ("queued", 2)].into());
}

#[test]
fn a_reading_store_changes_nothing_sees_one_moment_and_stops_no_writer() {
    let (dir, store) = store_with(1);
    let reader = reading(&store);
    assert!(matches!(
        reader.add_note("r0", "2026-01-02T03:04:06Z", "no"),
        Err(StoreError::Sql { .. })
    ));
    assert!(store.notes("r0").unwrap().is_empty());
    let seen: Result<_, StoreError> = reader.at_one_moment(|reader| {
        let before = reader.sign("s1")?;
        store.set_status("r0", Status::Running, "2026-01-02T03:04:06Z", "")?;
        Ok((before, reader.sign("s1")?))
    });
    let (before, within) = seen.unwrap();
    assert_eq!(before, within, "what was written meanwhile is not seen yet");
    assert_ne!(reader.sign("s1").unwrap(), before, "it is seen afterwards");

    let failed: Result<(), StoreError> = reader.at_one_moment(|reader| reader.find_sweep("nothing").map(drop));
    assert!(failed.is_err());
    assert!(reader.sign("s1").is_ok(), "a failure within leaves the reader usable");

    let missing = dir.path().join("none.db");
    let refused = Store::open_reading(missing.to_str().unwrap()).unwrap_err();
    assert!(matches!(refused, StoreError::Missing { .. }));
    assert!(!missing.exists());
}
