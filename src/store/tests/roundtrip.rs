//! What is written is read back, also by the next process.

use super::*;
use crate::store::rows::{CheckpointRow, EventRow};
use crate::store::{RunFilter, StoreError, connect};

#[test]
fn sweeps_and_runs_come_back_as_they_went_in() {
    let (_dir, store) = store_with(2);
    let mut full = run("r9", "s1", 9);
    full.warnings = json!(["data/cat.jpg could not be read"]);
    full.status = Status::Failed;
    full.error = "out of memory; it's \"gone\"\nsecond line".into();
    full.started_at = Some("2026-01-02T03:05:00Z".into());
    full.finished_at = Some("2026-01-02T03:06:00Z".into());
    store.insert_run(&full).unwrap();

    let target = format!("sqlite://{}", store.path().display());
    drop(store);
    let again = Store::open_existing(&target).unwrap();
    assert_eq!(again.sweeps().unwrap(), [sweep("s1", "mask_ratio")]);
    let all = [run("r0", "s1", 0), run("r1", "s1", 1), full.clone()];
    assert_eq!(again.runs(&RunFilter::default()).unwrap(), all);
    let failed = RunFilter {
        status: Some(Status::Failed),
        sweep: Some("s1".into()),
        ..RunFilter::default()
    };
    assert_eq!(again.runs(&failed).unwrap(), [full]);
    let elsewhere = RunFilter {
        sweep: Some("s2".into()),
        ..RunFilter::default()
    };
    assert_eq!(again.runs(&elsewhere).unwrap(), []);
    assert_eq!(again.problems().unwrap(), Vec::<String>::new());
    let newest = connect::MIGRATOR.iter().map(|step| step.version).max();
    assert_eq!(again.schema_version().ok(), newest);
}

#[test]
fn a_sweep_is_changed_in_place_and_keeps_its_age() {
    let (_dir, store) = store_with(1);
    let mut changed = sweep("s1", "mask_ratio");
    changed.analysis = "0.75 it is".into();
    changed.created_at = "2027-01-01T00:00:00Z".into();
    store.upsert_sweep(&changed).unwrap();
    changed.created_at = sweep("s1", "mask_ratio").created_at;
    assert_eq!(store.sweeps().unwrap(), [changed]);
}

#[test]
fn numbers_survive_whatever_they_are() {
    let (_dir, store) = store_with(1);
    let values = [
        0.1,
        0.0,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        3.0,
    ];
    let writer = store.writer().unwrap();
    for (step, value) in (1..).zip(values) {
        writer.metric("r0", point("train_loss", step, value));
    }
    writer.close().unwrap();
    let read = store.metrics("r0").unwrap();
    let bits = |value: f64| {
        if value.is_nan() {
            f64::NAN.to_bits()
        } else {
            value.to_bits()
        }
    };
    let found: Vec<(i64, u64)> = read.iter().map(|p| (p.step, bits(p.value))).collect();
    let wanted: Vec<(i64, u64)> = (1..).zip(values.map(bits)).collect();
    assert_eq!(found, wanted);
    assert_eq!(read[2].epoch.to_bits(), 0.3_f64.to_bits());
}

#[test]
fn the_last_value_is_the_one_of_the_highest_step() {
    let (_dir, store) = store_with(3);
    let writer = store.writer().unwrap();
    writer.metric("r0", point("val_loss", 30, 0.3));
    writer.metric("r0", point("val_loss", 10, 0.9));
    writer.metric("r0", point("val_loss", 30, 0.25));
    writer.metric("r0", point("train_loss", 40, f64::NAN));
    writer.metric("r1", point("val_loss", 20, 0.5));
    writer.flush().unwrap();
    let last = store.last_metrics(&["r0".into(), "r2".into()]).unwrap();
    assert_eq!(last.keys().collect::<Vec<_>>(), ["r0", "r2"]);
    assert_eq!(
        last["r0"]["val_loss"], 0.25,
        "a point at the same step replaces the earlier one"
    );
    assert!(last["r0"]["train_loss"].is_nan());
    assert!(last["r2"].is_empty());
    assert!(store.last_metrics(&[]).unwrap().is_empty());
    writer.metric("r2", point("lr", 5, f64::NEG_INFINITY));
    writer.flush().unwrap();
    let asked = ["val_loss", "train_loss", "lr", "nothing"];
    let short = store.list(&RunFilter::default(), &asked).unwrap();
    let ids: Vec<&str> = short.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(ids, ["r0", "r1", "r2"]);
    assert_eq!((short[0].metrics[0], short[0].metrics[2]), (Some(0.25), None));
    assert!(short[0].metrics[1].unwrap().is_nan());
    assert_eq!(short[1].metrics, [Some(0.5), None, None, None]);
    assert_eq!(short[2].metrics[2], Some(f64::NEG_INFINITY));
    let whole = store.run("r0").unwrap().unwrap();
    assert_eq!((&short[0].label, &short[0].sweep), (&whole.label, &whole.sweep));
    assert_eq!(
        (short[0].status.as_str(), &short[0].started_at),
        (whole.status.as_str(), &whole.started_at)
    );
    let none = RunFilter {
        status: Some(Status::Failed),
        ..RunFilter::default()
    };
    assert!(store.list(&none, &asked).unwrap().is_empty());
}

#[test]
fn pictures_checkpoints_and_descriptions() {
    let (_dir, store) = store_with(1);
    let writer = store.writer().unwrap();
    for (kind, epoch) in [("pasted", 3.0), ("original", 3.0), ("reconstruction", 0.0)] {
        writer.picture("r0", picture(kind, 1, epoch));
    }
    writer.flush().unwrap();
    let wanted = [
        picture("reconstruction", 1, 0.0),
        picture("original", 1, 3.0),
        picture("pasted", 1, 3.0),
    ];
    assert_eq!(store.pictures("r0").unwrap(), wanted);

    let first = checkpoint("a.ckpt", 10);
    let mut second = checkpoint("b.ckpt", 20);
    store.add_checkpoint("r0", &second).unwrap();
    store.add_checkpoint("r0", &first).unwrap();
    second.hash = "changed".into();
    store.add_checkpoint("r0", &second).unwrap();
    assert_eq!(store.checkpoints("r0").unwrap(), [first, second.clone()]);
    store.remove_checkpoint("r0", "a.ckpt").unwrap();
    assert_eq!(store.checkpoints("r0").unwrap(), [second]);

    store.set_warnings("r0", &json!(["one"])).unwrap();
    assert_eq!(store.run("r0").unwrap().unwrap().warnings, json!(["one"]));
}

#[test]
fn one_process_takes_a_run_and_describes_it_anew() {
    let (_dir, store) = store_with(1);
    let seen = store.run("r0").unwrap().unwrap();
    let mut mine = run("r0", "s1", 5);
    mine.environment = json!({"pid": 5});
    let lease = store
        .claim_run(&mine, &seen, "2026-01-02T04:00:00Z", 4000, None)
        .unwrap();
    assert_eq!((lease.unwrap().fence, store.lease("r1").unwrap()), (1, None));
    let mut theirs = mine.clone();
    theirs.environment = json!({"pid": 6});
    let late = store.claim_run(&theirs, &seen, "2026-01-02T04:00:01Z", 4001, None);
    assert_eq!(late.unwrap(), None, "it was taken before");
    mine.identity = seen.identity;
    mine.created_at = seen.created_at;
    mine.seed = seen.seed;
    mine.status = Status::Running;
    mine.started_at = Some("2026-01-02T04:00:00Z".into());
    assert_eq!(store.run("r0").unwrap().unwrap(), mine);
    let mut twin = run("r9", "s1", 0);
    twin.identity = mine.identity.clone();
    assert_eq!(
        store.adopt_runs(std::slice::from_ref(&twin)).unwrap()[0],
        "r0",
        "the same trial is recorded once"
    );
    twin.identity = "another".into();
    assert_eq!(store.adopt_runs(std::slice::from_ref(&twin)).unwrap()[0], "r9");
}

fn checkpoint(path: &str, step: i64) -> CheckpointRow {
    #[expect(clippy::cast_precision_loss, reason = "steps are small")]
    let epoch = step as f64 / 10.0;
    CheckpointRow {
        path: path.into(),
        step,
        epoch,
        hash: "abc".into(),
        created_at: "2026-01-02T03:04:05Z".into(),
    }
}

#[test]
fn states_leave_times_and_events() {
    let (_dir, store) = store_with(1);
    store
        .set_status("r0", Status::Running, "2026-01-02T04:00:00Z", "")
        .unwrap();
    store
        .set_status("r0", Status::Interrupted, "2026-01-02T05:00:00Z", "")
        .unwrap();
    let read = store.run("r0").unwrap().unwrap();
    assert_eq!(read.finished_at.as_deref(), Some("2026-01-02T05:00:00Z"));
    store
        .set_status("r0", Status::Running, "2026-01-02T06:00:00Z", "")
        .unwrap();
    let read = store.run("r0").unwrap().unwrap();
    assert_eq!(
        (read.started_at.as_deref(), read.finished_at),
        (Some("2026-01-02T04:00:00Z"), None)
    );
    store
        .set_status("r0", Status::Diverged, "2026-01-02T07:00:00Z", "loss is NaN at step 3")
        .unwrap();
    assert_eq!(store.run("r0").unwrap().unwrap().error, "loss is NaN at step 3");
    let events = store.events("r0").unwrap();
    let states: Vec<&str> = events.iter().map(|event| event.status.as_str()).collect();
    assert_eq!(states, ["queued", "running", "interrupted", "running", "diverged"]);
    let last = EventRow {
        time: "2026-01-02T07:00:00Z".into(),
        status: Status::Diverged,
        detail: "loss is NaN at step 3".into(),
    };
    assert_eq!(events[4], last);
    let unknown = store.set_status("r7", Status::Running, "t", "").unwrap_err();
    assert!(matches!(unknown, StoreError::Unknown { what: "run", .. }), "{unknown}");
}

#[test]
fn a_run_goes_back_to_a_checkpoint_or_to_the_start() {
    let (_dir, store) = store_with(2);
    let writer = store.writer().unwrap();
    for step in [10, 20, 30] {
        writer.metric("r0", point("val_loss", step, 1.0));
        writer.metric("r1", point("val_loss", step, 1.0));
    }
    for epoch in [1.0, 2.0, 3.0] {
        writer.picture("r0", picture("masked", 0, epoch));
    }
    writer.flush().unwrap();
    for step in [10, 20, 30] {
        store
            .add_checkpoint("r0", &checkpoint(&format!("{step}.ckpt"), step))
            .unwrap();
    }
    store
        .set_status("r0", Status::Failed, "2026-01-02T04:00:00Z", "no space")
        .unwrap();

    let steps = |run: &str| store.metrics(run).unwrap().iter().map(|p| p.step).collect::<Vec<_>>();
    let claim = |keep| {
        let seen = store.run("r0").unwrap().unwrap();
        let lease = store.claim_run(&run("r0", "s1", 0), &seen, "2026-01-02T05:00:00Z", 5000, keep);
        assert!(lease.unwrap().is_some());
    };
    claim(Some((20, 2.0)));
    assert_eq!((steps("r0"), steps("r1")), (vec![10, 20], vec![10, 20, 30]));
    assert_eq!(
        (
            store.pictures("r0").unwrap().len(),
            store.checkpoints("r0").unwrap().len()
        ),
        (2, 2)
    );
    claim(None);
    assert_eq!((steps("r0"), steps("r1").len()), (vec![], 3));
    assert_eq!(
        (
            store.pictures("r0").unwrap().len(),
            store.checkpoints("r0").unwrap().len()
        ),
        (0, 0)
    );
    let row = store.run("r0").unwrap().unwrap();
    assert_eq!(
        (row.status, row.error.as_str(), row.finished_at),
        (Status::Running, "", None)
    );
    let writer = store.writer().unwrap();
    writer.metric("r0", point("val_loss", 1, 2.0));
    writer.flush().unwrap();
    assert_eq!(steps("r0"), [1]);
}

#[test]
fn identities_find_runs() {
    let (_dir, store) = store_with(2);
    store
        .set_status("r1", Status::Finished, "2026-01-02T07:00:00Z", "")
        .unwrap();
    assert_eq!(store.run_by_identity("s1", "identity0").unwrap().unwrap().id, "r0");
    let mut newer = run("r5", "s1", 5);
    newer.identity = "identity1".into();
    newer.created_at = "2028-01-01T00:00:00Z".into();
    store.insert_run(&newer).unwrap();
    assert_eq!(
        store.run_by_identity("s1", "identity1").unwrap().unwrap().id,
        "r1",
        "finished before newer"
    );
    assert_eq!(store.run_by_identity("s2", "identity0").unwrap(), None);
}
