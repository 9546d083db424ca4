//! The queries that schema.md promises, run as they stand there, and the selection of rows by words.

use sqlx::Row;

use super::*;

/// The SQL statements of schema.md, without those of the shell.
fn promised() -> Vec<String> {
    let text = include_str!("../schema.md");
    let block = text.split("```sql").nth(1).unwrap().split("```").next().unwrap();
    block
        .split(';')
        .map(|s| s.trim().to_owned())
        .filter(|s| !s.is_empty() && !s.contains("writefile"))
        .collect()
}

/// The first rows' text, columns joined by a bar.
fn ask(store: &Store, sql: &str) -> Vec<String> {
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    outside(store.path(), async |conn| {
        let rows = sqlx::query(sql).fetch_all(conn).await.unwrap();
        rows.iter()
            .map(|row| (0..row.len()).map(|i| cell(row, i)).collect::<Vec<_>>().join("|"))
            .collect()
    })
}

fn cell(row: &sqlx::sqlite::SqliteRow, i: usize) -> String {
    row.try_get::<String, _>(i)
        .or_else(|_| row.try_get::<f64, _>(i).map(|v| v.to_string()))
        .or_else(|_| row.try_get::<i64, _>(i).map(|v| v.to_string()))
        .unwrap()
}

/// Three trials with loss at epochs 1 to 3 and accuracy at the end; the third is worst at the end though once best,
/// and has diverged.
fn measured() -> (TempDir, Store) {
    let (dir, store) = store_with(3);
    let writer = store.writer().unwrap();
    for (id, accuracy) in [("r0", [0.3, 0.4]), ("r1", [0.2, 0.6]), ("r2", [0.9, 0.1])] {
        for (step, value) in [(10, 0.9), (20, 0.8), (30, 0.7)] {
            writer.metric(id, point("val_loss", step, value));
        }
        writer.metric(id, point("knn_accuracy", 0, accuracy[0]));
        writer.metric(id, point("knn_accuracy", 30, accuracy[1]));
    }
    writer.metric("r2", point("train_loss", 30, f64::NAN));
    writer
        .set_status("r2", Status::Diverged, "2026-01-02T07:00:00Z", "loss is NaN", "")
        .unwrap();
    (dir, store)
}

#[test]
fn the_promised_questions_are_answered() {
    let (_dir, store) = measured();
    store.change_tags(&["r1".into()], &["best".into()], &[]).unwrap();
    store.add_note("r1", "2026-01-03T00:00:00Z", "sharp").unwrap();
    let answers: Vec<Vec<String>> = promised().iter().map(|sql| ask(&store, sql)).collect();
    assert_eq!(answers.len(), 6);
    assert_eq!(answers[5], ["best|mask.ratio=0.5|2026-01-03T00:00:00Z|sharp"]);
    assert_eq!(answers[0], ["r1|mask.ratio=0.5|0.6"]);
    assert_eq!(
        answers[1],
        ["mask.ratio=0.25|0.7", "mask.ratio=0.5|0.7", "mask.ratio=0.75|0.7"]
    );
    assert_eq!(answers[2], ["0.25|1|0.4", "0.5|1|0.6", "0.75|1|0.1"]);
    assert_eq!(answers[3], ["r2|mask.ratio=0.75|diverged|loss is NaN"]);
    assert_eq!(
        answers[4].last().unwrap(),
        "r2|2026-01-02T07:00:00Z|diverged|loss is NaN"
    );
    assert_eq!(
        ask(
            &store,
            "SELECT run_id, special FROM metric_points WHERE special IS NOT NULL"
        ),
        ["r2|nan"]
    );
}

#[test]
fn last_metrics_seeks_and_does_not_scan_points() {
    let (_dir, store) = measured();
    let plan = outside(store.path(), async |conn| {
        let rows = sqlx::query("EXPLAIN QUERY PLAN SELECT * FROM last_metrics WHERE name = 'val_loss'");
        let rows = rows.fetch_all(conn).await.unwrap();
        rows.iter()
            .map(|row| row.get::<String, _>("detail"))
            .collect::<Vec<_>>()
            .join("\n")
    });
    assert!(!plan.contains("SCAN p") && !plan.contains("SCAN q"), "{plan}");
}

#[test]
fn words_select_sweeps_and_runs() {
    let (_dir, store) = store_with(2);
    let mut later = sweep("s2", "mask_ratio");
    later.created_at = "2027-01-01T00:00:00Z".into();
    store.upsert_sweep(&later).unwrap();
    let mut other = run("x5", "s2", 0);
    other.created_at = "2027-01-01T00:00:01Z".into();
    store.insert_run(&other).unwrap();

    for (selector, id) in [("s1", "s1"), ("latest", "s2"), ("mask_ratio", "s2")] {
        assert_eq!(store.find_sweep(selector).unwrap().id, id, "{selector}");
    }
    for (selector, id) in [
        ("r1", "r1"),
        ("latest", "x5"),
        ("mask_ratio", "x5"),
        ("x", "x5"),
        ("mask.ratio=0.5", "r1"),
    ] {
        assert_eq!(store.find_run(selector).unwrap().id, id, "{selector}");
    }
    store
        .set_status("r0", Status::Running, "2028-01-01T00:00:00Z", "")
        .unwrap();
    assert_eq!(store.find_run("latest").unwrap().id, "r0", "the last started");
    let said = store.find_run("r").unwrap_err().to_string();
    let wanted = "r fits 2 runs: give more of the id: r0 (mask_ratio mask.ratio=0.25), r1 (mask_ratio mask.ratio=0.5)";
    assert_eq!(said, wanted);
    let said = store.find_sweep("mask_rtaio").unwrap_err();
    assert_eq!(said.to_string(), "no sweep called mask_rtaio: did you mean mask_ratio?");
    assert!(said.is_usage());
}
