//! A run has one holder: who claims it fences out all earlier ones.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::*;
use crate::store::rows::CheckpointRow;
use crate::store::writer::{Holder, PAUSE, Writer};
use crate::store::{Lease, StoreError};

const TIME: &str = "2026-01-02T04:00:00Z";
const END: &str = "2026-01-02T07:00:00Z";

/// The clock of these tests.
fn now_ms() -> i64 {
    77
}

/// Claims the run as it is now, for a process of that number.
fn claim(store: &Store, id: &str, pid: u32) -> Option<Lease> {
    let seen = store.run(id).unwrap().unwrap();
    let mut mine = seen.clone();
    mine.environment = json!({ "pid": pid });
    store.claim_run(&mine, &seen, TIME, 42, Some((100, 10.0))).unwrap()
}

#[test]
fn of_many_claimants_one_wins() {
    let (_dir, store) = store_with(1);
    let seen = store.run("r0").unwrap().unwrap();
    let (path, together) = (store.path().to_str().unwrap().to_owned(), Barrier::new(8));
    let won: Vec<Lease> = thread::scope(|scope| {
        let claimants: Vec<_> = (0..8)
            .map(|pid| {
                let (path, seen, together) = (&path, &seen, &together);
                scope.spawn(move || {
                    let store = Store::open_existing(path).unwrap();
                    let mut mine = seen.clone();
                    mine.environment = json!({ "pid": pid });
                    together.wait();
                    store.claim_run(&mine, seen, TIME, 42, None).unwrap()
                })
            })
            .collect();
        claimants.into_iter().filter_map(|one| one.join().unwrap()).collect()
    });
    let run = "r0".to_owned();
    assert_eq!(won, [Lease { run, fence: 1 }]);
    let lease = store.lease("r0").unwrap().unwrap();
    assert_eq!((lease.fence, lease.beat, lease.beat_at, lease.held), (1, 0, 42, true));
}

#[test]
fn an_old_holder_writes_nothing() {
    let (_dir, store) = store_with(2);
    let old = claim(&store, "r0", 1).unwrap();
    let mut writer = store.writer_for(&old, now_ms).unwrap();
    writer.metric("r0", point("val_loss", 1, 1.0));
    writer.flush().unwrap();
    assert!(!writer.lost());
    assert_eq!(
        store.lease("r0").unwrap().unwrap().beat_at,
        77,
        "a batch is a sign of life"
    );

    let seen = store.run("r0").unwrap().unwrap();
    assert!(
        !store.mark_crashed(&seen, Some(9), END, "gone").unwrap(),
        "not that lease"
    );
    assert!(!store.mark_crashed(&seen, None, END, "gone").unwrap(), "nor none");
    assert!(store.mark_crashed(&seen, Some(1), END, "gone").unwrap());
    assert!(!store.mark_crashed(&seen, Some(2), END, "gone").unwrap(), "only once");
    let row = store.run("r0").unwrap().unwrap();
    assert_eq!((row.status, row.error.as_str()), (Status::Crashed, "gone"));
    assert_eq!(row.finished_at.as_deref(), Some(END));
    assert!(!store.lease("r0").unwrap().unwrap().held);
    refused(&store, &writer);

    let new = claim(&store, "r0", 2).unwrap();
    assert_eq!(new.fence, 3, "the crash raised it once, the claim again");
    let heir = store.writer_for(&new, now_ms).unwrap();
    heir.metric("r0", point("val_loss", 2, 2.0));
    refused(&store, &writer);
    writer = store.writer_for(&old, now_ms).unwrap();
    refused(&store, &writer);
    heir.set_status("r0", Status::Failed, END, "too hot", "at oven.rs:1")
        .unwrap();
    let row = store.run("r0").unwrap().unwrap();
    assert_eq!(
        (row.status, row.error.as_str(), row.trace.as_str()),
        (Status::Failed, "too hot", "at oven.rs:1")
    );
    assert_eq!(
        store.metrics("r0").unwrap(),
        [point("val_loss", 1, 1.0), point("val_loss", 2, 2.0)]
    );
    assert!(!store.lease("r0").unwrap().unwrap().held, "who is done lets go");
    let states: Vec<&str> = store
        .events("r0")
        .unwrap()
        .iter()
        .map(|event| event.status.as_str())
        .collect();
    assert_eq!(states, ["queued", "running", "crashed", "running", "failed"]);
}

/// Whatever that writer says is refused, for good, and leaves no trace.
fn refused(store: &Store, writer: &Writer) {
    let before = (
        store.run("r0").unwrap(),
        store.lease("r0").unwrap(),
        store.events("r0").unwrap(),
    );
    let checkpoint = CheckpointRow {
        path: "late".into(),
        step: 9,
        epoch: 0.9,
        hash: "h".into(),
        created_at: END.into(),
    };
    writer.metric("r0", point("late", 3, 3.0));
    writer.picture("r0", picture("masked", 0, 1.0));
    let attempts = [
        writer.flush(),
        writer.set_status("r0", Status::Finished, END, "", ""),
        writer.set_status("r0", Status::Finished, END, "", ""),
        writer.set_warnings("r0", &json!(["late"])),
        writer.checkpoint("r0", Some(checkpoint), &[]),
        writer.flush(),
    ];
    for attempt in attempts {
        let error = attempt.unwrap_err();
        assert_eq!(
            error.to_string(),
            "run r0 was taken over by another process: nothing more is recorded here"
        );
        assert!(!error.is_usage() && matches!(error, StoreError::Fenced { .. }));
    }
    assert!(writer.lost());
    assert!(store.metrics("r0").unwrap().iter().all(|point| point.name != "late"));
    assert!(store.pictures("r0").unwrap().is_empty() && store.checkpoints("r0").unwrap().is_empty());
    let after = (
        store.run("r0").unwrap(),
        store.lease("r0").unwrap(),
        store.events("r0").unwrap(),
    );
    assert_eq!(after, before);
}

#[test]
fn an_idle_holder_beats_until_it_is_fenced_out() {
    let (_dir, store) = store_with(1);
    let lease = claim(&store, "r0", 1).unwrap();
    let pause = Duration::from_millis(5);
    let writer = Writer::start(store.path(), Some(Holder { lease, now_ms, pause })).unwrap();
    let eventually = |what: &dyn Fn() -> bool| {
        (0..2000).any(|_| {
            thread::sleep(Duration::from_millis(5));
            what()
        })
    };
    assert!(eventually(&|| store.lease("r0").unwrap().unwrap().beat > 3));
    let seen = store.run("r0").unwrap().unwrap();
    assert!(store.mark_crashed(&seen, Some(1), END, "gone").unwrap());
    assert!(eventually(&|| writer.lost()), "it learns so without writing anything");
    assert_eq!(store.lease("r0").unwrap().unwrap().beat, 0);
}

#[test]
fn a_holder_that_is_done_no_longer_beats() {
    let (_dir, store) = store_with(1);
    let lease = claim(&store, "r0", 1).unwrap();
    let writer = store.writer_for(&lease, now_ms).unwrap();
    writer.set_warnings("r0", &json!(["one"])).unwrap();
    writer.set_status("r0", Status::Finished, END, "", "").unwrap();
    assert!(!writer.lost());
    writer.close().unwrap();
    let row = store.run("r0").unwrap().unwrap();
    assert_eq!((row.status, row.warnings), (Status::Finished, json!(["one"])));
    assert!(PAUSE >= Duration::from_secs(1), "beats cost the disk little");
}

#[test]
fn runs_of_an_older_schema_have_no_lease_and_may_crash_all_the_same() {
    let (_dir, store) = store_with(1);
    store.set_status("r0", Status::Running, TIME, "").unwrap();
    let seen = store.run("r0").unwrap().unwrap();
    assert!(!store.mark_crashed(&seen, Some(1), END, "gone").unwrap());
    let mut other = seen.clone();
    other.environment = json!({"pid": 3});
    assert!(
        !store.mark_crashed(&other, None, END, "gone").unwrap(),
        "another process has it"
    );
    assert!(store.mark_crashed(&seen, None, END, "gone").unwrap());
    assert_eq!(store.lease("r0").unwrap().unwrap().fence, 1);
    assert_eq!(claim(&store, "r0", 1).unwrap().fence, 2);
}
