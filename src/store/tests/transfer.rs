//! Runs on their way between stores.

use std::path::Path;

use super::*;
use crate::store::rows::CheckpointRow;
use crate::store::{Copied, ReadOnly, RunFilter, StoreError};

const END: &str = "2026-01-02T07:00:00Z";

fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}

/// Sweep `s1` with `r0` finished and `r1` failed, measured, tagged and noted; `r2` running, `r3` planned.
fn source() -> (TempDir, Store) {
    let (dir, store) = store_with(4);
    let writer = store.writer().unwrap();
    for id in ["r1", "r0"] {
        for (step, value) in [(0, 1.5), (10, f64::INFINITY), (20, 0.1 + 0.2)] {
            writer.metric(id, point("val_loss", step, value));
            writer.metric(id, point("lr", step, f64::NAN));
        }
        writer.picture(id, picture("masked", 0, 1.0));
        writer.picture(id, picture("original", 1, 0.0));
        writer
            .set_status(id, Status::Running, "2026-01-02T06:00:00Z", "", "")
            .unwrap();
        store
            .add_checkpoint(id, &checkpoint(&format!("/far/away/{id}/step-00000020")))
            .unwrap();
    }
    store.set_warnings("r0", &json!(["one picture skipped"])).unwrap();
    writer.set_status("r0", Status::Finished, END, "", "").unwrap();
    writer.set_status("r1", Status::Failed, END, "out of luck", "").unwrap();
    writer.set_status("r2", Status::Running, END, "", "").unwrap();
    writer.close().unwrap();
    store.change_tags(&words(&["r0"]), &words(&["a", "b"]), &[]).unwrap();
    store.add_note("r0", END, "first").unwrap();
    store.add_note("r0", END, "second").unwrap();
    (dir, store)
}

fn checkpoint(path: &str) -> CheckpointRow {
    CheckpointRow {
        path: path.into(),
        step: 20,
        epoch: 2.0,
        hash: "h".into(),
        created_at: END.into(),
    }
}

fn copy(from: &Store, to: &Store, runs: &[&str], folder: Option<&Path>) -> Result<Copied, StoreError> {
    let mut from = ReadOnly::open(from.path().to_str().unwrap()).unwrap();
    to.copy_from(&mut from, &words(runs), folder)
}

/// Everything kept of a run but its checkpoints, as text: not a number equals itself.
fn whole(store: &Store, id: &str) -> String {
    let run = store.run(id).unwrap();
    let measured = (
        store.metrics(id).unwrap(),
        store.pictures(id).unwrap(),
        store.events(id).unwrap(),
    );
    let said = (store.tags(&words(&[id])).unwrap(), store.notes(id).unwrap());
    format!("{run:?}\n{measured:?}\n{said:?}")
}

#[test]
fn runs_arrive_as_they_were_and_finished_ones_are_guarded() {
    let ((_a, from), (_b, to)) = (source(), store());
    let copied = copy(&from, &to, &["r0", "r1", "r2", "r3"], None).unwrap();
    assert_eq!(
        (copied.runs, copied.unfinished),
        (words(&["r0", "r1"]), words(&["r2", "r3"]))
    );
    assert_eq!((copied.points, copied.pictures), (12, 4));
    for id in ["r0", "r1"] {
        assert_eq!(whole(&to, id), whole(&from, id));
        assert_eq!(to.checkpoints(id).unwrap(), [], "the files were not copied");
    }
    assert_eq!(to.sweeps().unwrap(), from.sweeps().unwrap());
    assert_eq!(to.runs(&RunFilter::default()).unwrap().len(), 2);
    assert_eq!(to.problems().unwrap(), Vec::<String>::new());
    assert!(matches!(
        to.set_status("r0", Status::Running, END, "").unwrap_err(),
        StoreError::Finished { .. }
    ));
    assert!(execute(&to, "DELETE FROM points").is_err());
}

#[test]
fn a_second_time_nothing_happens_and_new_runs_join() {
    let ((_a, from), (_b, to)) = (source(), store());
    copy(&from, &to, &["r0"], None).unwrap();
    to.change_tags(&words(&["r0"]), &words(&["here"]), &words(&["a"]))
        .unwrap();
    let before = whole(&to, "r0");
    let again = copy(&from, &to, &["r0", "r1"], None).unwrap();
    assert_eq!((again.same, again.runs), (words(&["r0"]), words(&["r1"])));
    assert_eq!(again.points, 6, "of r1");
    assert_eq!(whole(&to, "r0"), before, "tags and notes may differ, and stay");
    let back = copy(&to, &from, &["r0", "r1"], None).unwrap();
    assert_eq!(back.same, words(&["r0", "r1"]));
}

#[test]
fn what_differs_is_refused_by_name_and_nothing_arrives() {
    for change in [
        "UPDATE runs SET identity = 'another' WHERE id = 'r1'",
        "UPDATE points SET value = 2 WHERE step = 0 AND series_id IN (SELECT id FROM series WHERE run_id = 'r1' AND name = 'val_loss')",
        "DELETE FROM points WHERE step = 20 AND series_id IN (SELECT id FROM series WHERE run_id = 'r1')",
        "UPDATE pictures SET caption = 'a dog' WHERE run_id = 'r1'",
        "UPDATE runs SET status = 'diverged' WHERE id = 'r1'",
        "DELETE FROM events WHERE run_id = 'r1' AND status = 'queued'",
    ] {
        let ((_a, from), (_b, to)) = (source(), store());
        copy(&from, &to, &["r1"], None).unwrap();
        execute(&to, change).unwrap();
        let error = copy(&from, &to, &["r0", "r1"], None).unwrap_err();
        assert!(
            error.is_usage() && error.to_string().contains("run r1"),
            "{change}: {error}"
        );
        assert_eq!(to.run("r0").unwrap(), None, "all or none");
        let after = copy(&from, &to, &["r0"], None).unwrap();
        assert_eq!(after.runs, words(&["r0"]), "the store is in order after a refusal");
    }
}

#[test]
fn the_same_trial_is_not_there_twice_and_a_plan_gives_way() {
    let ((_a, from), (_b, to)) = (source(), store());
    to.upsert_sweep(&sweep("s1", "mask_ratio")).unwrap();
    to.insert_runs(&[run("mine0", "s1", 0), run("mine1", "s1", 1)]).unwrap();
    to.set_status("mine1", Status::Diverged, END, "too fast").unwrap();
    let copied = copy(&from, &to, &["r0", "r1"], None).unwrap();
    assert_eq!((copied.runs, copied.twins), (words(&["r0"]), words(&["r1"])));
    let ids: Vec<String> = to
        .runs(&RunFilter::default())
        .unwrap()
        .into_iter()
        .map(|run| run.id)
        .collect();
    assert_eq!(ids, ["r0", "mine1"], "the planned trial was trained elsewhere");
}

#[test]
fn checkpoints_are_noted_in_their_new_place() {
    let ((_a, from), (_b, to)) = (source(), store());
    copy(&from, &to, &["r0"], Some(Path::new("/new/place"))).unwrap();
    let path = to.checkpoints("r0").unwrap()[0].path.clone();
    assert_eq!(to.checkpoints("r0").unwrap(), [checkpoint(&path)]);
    assert_eq!(Path::new(&path), Path::new("/new/place/r0/step-00000020"));
    assert_eq!(
        from.checkpoints("r0").unwrap(),
        [checkpoint("/far/away/r0/step-00000020")]
    );
}

#[test]
fn a_store_is_not_copied_into_itself_nor_from_an_older_schema() {
    let ((_a, from), (_b, to)) = (source(), store());
    let error = copy(&from, &from, &["r0"], None).unwrap_err().to_string();
    assert!(error.contains("cannot be copied into itself"), "{error}");
    execute(&from, "DELETE FROM _sqlx_migrations WHERE version > 1").unwrap();
    let error = copy(&from, &to, &["r0"], None).unwrap_err().to_string();
    assert!(
        error.contains("has schema 1") && error.contains("open it once"),
        "{error}"
    );
}

#[test]
fn a_store_is_copied_while_another_program_writes_to_it() {
    let ((_a, from), (_b, to)) = (source(), store());
    let copied = outside(from.path(), async |conn| {
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let change = sqlx::query("UPDATE runs SET error = 'not yet' WHERE id = 'r1'");
        change.execute(&mut *tx).await.unwrap();
        let (from, to) = (from.path().to_owned(), to.path().to_owned());
        let copied = std::thread::spawn(move || {
            let mut from = ReadOnly::open(from.to_str().unwrap()).unwrap();
            let to = Store::open(to.to_str().unwrap()).unwrap();
            to.copy_from(&mut from, &words(&["r1"]), None).unwrap()
        });
        let copied = copied.join().unwrap();
        tx.commit().await.unwrap();
        copied
    });
    assert_eq!(copied.runs, ["r1"]);
    assert_eq!(to.run("r1").unwrap().unwrap().error, "out of luck");
}

#[test]
fn words_name_runs_and_sweeps() {
    let (_dir, store) = source();
    store.upsert_sweep(&sweep("q1", "other")).unwrap();
    store.insert_runs(&[run("s1x", "q1", 0), run("q9", "q1", 1)]).unwrap();
    let ids = |all: &[&str]| store.choose(&words(all)).map(|chosen| chosen.ids());
    assert_eq!(ids(&["mask_ratio"]).unwrap(), ["r0", "r1", "r2", "r3"]);
    assert_eq!(ids(&["r2", "s1", "r2"]).unwrap(), ["r2", "r0", "r1", "r3"]);
    assert_eq!(ids(&["s1x"]).unwrap(), ["s1x"]);
    assert_eq!(ids(&["s1"]).unwrap().len(), 4, "a full id is not a beginning");
    let error = ids(&["q"]).unwrap_err().to_string();
    assert_eq!(error, "q fits sweep q1 and run q9: give more of the id");
    let error = ids(&["mask_rato"]).unwrap_err().to_string();
    assert_eq!(error, "no run or sweep called mask_rato: did you mean mask_ratio?");
    assert_eq!(store.choose(&words(&["other"])).unwrap().sweeps, ["q1"]);
}
