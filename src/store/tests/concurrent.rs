//! The background writer under load, and several writers at once.

use std::env;
use std::process::{Child, Command};
use std::thread;

use super::*;
use crate::store::{RunFilter, StoreError};

/// Environment variable by which a child process learns the store and its run.
const CHILD: &str = "MAE_EXP_TEST_STORE_CHILD";

#[test]
fn fifty_thousand_points_arrive_in_order() {
    let (_dir, store) = store_with(1);
    let writer = store.writer().unwrap();
    for step in 0..25_000_u32 {
        writer.metric("r0", point("train_loss", step.into(), f64::from(step)));
        writer.metric("r0", point("lr", step.into(), 0.5));
    }
    writer
        .set_status("r0", Status::Finished, "2026-01-02T07:00:00Z", "", "")
        .unwrap();
    let points = store.metrics("r0").unwrap();
    assert_eq!(points.len(), 50_000);
    assert!(
        points[25_000..]
            .iter()
            .zip(0..25_000_u32)
            .all(|(p, i)| p.value.to_bits() == f64::from(i).to_bits())
    );
}

#[test]
fn very_many_points_are_guarded_like_few() {
    let (_dir, store) = store_with(2);
    let writer = store.writer().unwrap();
    for step in 0..5000 {
        let value = [0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        writer.metric(
            "r0",
            point("train_loss", step, value[usize::try_from(step % 4).unwrap()]),
        );
    }
    writer.metric("r0", point("train_loss", 10, 7.0));
    writer.flush().unwrap();
    let points = store.metrics("r0").unwrap();
    assert_eq!(points.len(), 5000);
    assert_eq!(
        (points[10].value, points[4].value, points[6].value),
        (7.0, 0.5, f64::INFINITY)
    );
    assert!(points[5].value.is_nan() && points[7].value == f64::NEG_INFINITY);
    for step in 0..5000 {
        writer.metric("r0", point("train_loss", step, 2.0));
    }
    writer
        .set_status("r0", Status::Finished, "2026-01-02T07:00:00Z", "", "")
        .unwrap();
    let before = store.metrics("r0").unwrap();
    assert!(before.len() == 5000 && before.iter().all(|p| p.value == 2.0));
    for (run, name) in [("r0", "train_loss"), ("r0", "late"), ("nobody", "late")] {
        for step in 0..5000 {
            writer.metric(run, point(name, step, 3.0));
        }
        let error = writer.flush().unwrap_err();
        let right = matches!(error, StoreError::Finished { .. } | StoreError::Unknown { .. });
        assert!(right, "{error}");
    }
    assert_eq!(store.metrics("r0").unwrap(), before);
    // The writer's own connection is guarded again.
    let error = writer.set_warnings("r0", &json!(["late"])).unwrap_err();
    assert!(matches!(error, StoreError::Finished { .. }), "{error}");
    writer.metric("r0", point("train_loss", 1, 3.0));
    assert!(matches!(writer.flush().unwrap_err(), StoreError::Finished { .. }));
    assert_eq!(store.problems().unwrap(), Vec::<String>::new());
}

#[test]
fn points_appear_without_a_flush() {
    let (_dir, store) = store_with(1);
    let writer = store.writer().unwrap();
    writer.metric("r0", point("train_loss", 1, 1.0));
    let appeared = (0..200).any(|_| {
        thread::sleep(std::time::Duration::from_millis(50));
        !store.metrics("r0").unwrap().is_empty()
    });
    assert!(appeared, "a point waits 200 ms at most, and a watcher can follow a run");
    writer.metric("r0", point("train_loss", 2, 1.0));
    drop(writer);
    assert_eq!(
        store.metrics("r0").unwrap().len(),
        2,
        "dropping a writer writes what is queued"
    );
}

#[test]
fn an_unknown_run_is_reported() {
    let (_dir, store) = store_with(1);
    let writer = store.writer().unwrap();
    writer.metric("nobody", point("train_loss", 1, 1.0));
    let error = writer.flush().unwrap_err();
    let wanted = "no run called nobody: `mae-exp runs` lists what there is";
    assert_eq!(error.to_string(), wanted);
    writer.picture("nobody", picture("masked", 0, 1.0));
    assert_eq!(writer.flush().unwrap_err().to_string(), wanted);
    writer.metric("r0", point("train_loss", 1, 1.0));
    writer.close().unwrap();
    assert_eq!(
        store.metrics("r0").unwrap().len(),
        1,
        "the writer goes on after an error"
    );
}

#[test]
fn a_run_id_is_taken_once() {
    let (_dir, store) = store_with(1);
    let error = store
        .insert_runs(&[run("new", "s1", 1), run("r0", "s1", 2)])
        .unwrap_err();
    assert!(matches!(&error, StoreError::Sql { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("cannot record run r0 in the store: UNIQUE"),
        "{error}"
    );
    assert_eq!(store.runs(&RunFilter::default()).unwrap().len(), 1, "all or none");
}

#[test]
fn threads_write_at_once() {
    let (_dir, store) = store_with(4);
    thread::scope(|scope| {
        for id in ["r0", "r1", "r2", "r3"] {
            let store = &store;
            scope.spawn(move || {
                let writer = store.writer().unwrap();
                for step in 0..2000 {
                    writer.metric(id, point("train_loss", step, 1.0));
                    if step % 500 == 0 {
                        store.set_warnings(id, &json!([step.to_string()])).unwrap();
                    }
                }
                writer
                    .set_status(id, Status::Finished, "2026-01-02T07:00:00Z", "", "")
                    .unwrap();
            });
        }
    });
    for row in store.runs(&RunFilter::default()).unwrap() {
        assert_eq!(
            (row.status, store.metrics(&row.id).unwrap().len()),
            (Status::Finished, 2000)
        );
    }
}

#[test]
fn processes_create_and_write_one_store_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("shared.db");
    let mut children: Vec<Child> = (0..3).map(|i| child(&format!("{i}|{}", target.display()))).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let store = Store::open_existing(target.to_str().unwrap()).unwrap();
    assert_eq!(store.sweeps().unwrap().len(), 3);
    for row in store.runs(&RunFilter::default()).unwrap() {
        assert_eq!(
            (row.status, store.metrics(&row.id).unwrap().len()),
            (Status::Finished, 3000)
        );
    }
    assert_eq!(store.problems().unwrap(), Vec::<String>::new());
}

/// Starts this test program again for `one_process` alone.
fn child(task: &str) -> Child {
    let module = module_path!().split_once("::").unwrap().1;
    Command::new(env::current_exe().unwrap())
        .args([&format!("{module}::one_process"), "--exact", "--ignored"])
        .env(CHILD, task)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "run by processes_create_and_write_one_store_at_once, in processes of its own"]
fn one_process() {
    let Ok(task) = env::var(CHILD) else { return };
    let (number, target) = task.split_once('|').unwrap();
    let store = Store::open(target).unwrap();
    let (sweep_id, id) = (format!("s{number}"), format!("r{number}"));
    store.upsert_sweep(&sweep(&sweep_id, "mask_ratio")).unwrap();
    store.insert_run(&run(&id, &sweep_id, 0)).unwrap();
    let writer = store.writer().unwrap();
    for step in 0..3000 {
        writer.metric(&id, point("train_loss", step, 1.0));
        if step % 300 == 0 {
            writer.flush().unwrap();
        }
    }
    writer
        .set_status(&id, Status::Finished, "2026-01-02T07:00:00Z", "", "")
        .unwrap();
}
