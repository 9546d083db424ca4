//! A store that an older program wrote is brought up to date with all that it holds; every step is tried.

use std::path::Path;

use sqlx::Row;
use sqlx::migrate::Migrator;

use super::*;
use crate::store::connect::MIGRATOR;

/// One row or more in every table of the first schema; run `r0` is finished.
const ROWS: &[&str] = &[
    "INSERT INTO sweeps (id, name, question, expect, cost, analysis, file, axes, created_at) VALUES ('s1', 'mask_ratio', 'Which?', '0.75', 'little', '', 'x.toml', '[]', '2026-01-01T00:00:00Z')",
    "INSERT INTO runs (id, sweep_id, position, label, identity, status, seed, config, origins, point, environment, error, \
     warnings, created_at, started_at) VALUES \
     ('r0', 's1', 0, 'a', 'i0', 'running', 7, '{\"mask\":{\"ratio\":0.5}}', '{}', '{}', '{\"pid\":1}', '', '[]', 't0', 't1'), \
     ('r1', 's1', 1, 'b', 'i1', 'running', 7, '{}', '{}', '{}', '{\"pid\":2}', '', '[\"w\"]', 't0', 't1')",
    "INSERT INTO events (run_id, time, status, detail) VALUES ('r0', 't0', 'queued', ''), ('r0', 't2', 'finished', '')",
    "INSERT INTO series (id, run_id, name) VALUES (1, 'r0', 'val_loss'), (2, 'r1', 'val_loss')",
    "INSERT INTO points (series_id, step, epoch, value, special) VALUES (1, 10, 1.0, 0.1, NULL), (1, 20, 2.0, NULL, 'nan'), \
     (2, 10, 1.0, 0.3, NULL)",
    "INSERT INTO pictures (run_id, epoch, item, kind, caption, width, height, png) VALUES \
     ('r0', 1.0, 0, 'masked', 'cat', 4, 3, x'89504E47'), ('r1', 1.0, 0, 'masked', 'cat', 4, 3, x'89504E47')",
    "INSERT INTO checkpoints (run_id, path, step, epoch, hash, created_at) VALUES ('r0', 'a', 10, 1.0, 'h', 't1'), \
     ('r1', 'b', 10, 1.0, 'h', 't1')",
    "UPDATE runs SET status = 'finished', finished_at = 't2' WHERE id = 'r0'",
];

/// What else there is from the second schema on.
const ROWS_OF_2: &[&str] = &[
    "INSERT INTO leases VALUES ('r0', 3, 17, 1000, 0), ('r1', 1, 2, 2000, 1)",
    "INSERT INTO tags VALUES ('r0', 'best')",
    "INSERT INTO notes (run_id, time, text) VALUES ('r0', 't3', 'for the paper')",
];

/// What else there is from the fourth schema on.
const ROWS_OF_4: &[&str] = &[
    "INSERT INTO protocols VALUES ('r1', 'knn', 1, '{\"k\":20}')",
    "INSERT INTO evaluations (run_id, task, version, parameters, figures, data, place, own, weights, program, created_at) VALUES \
     ('r0', 'linear', 1, '{}', '{\"linear_accuracy\":0.5}', 'd', 'photos', 1, 'w', '0.1.0', 't3')",
];

/// And from the fifth.
const ROWS_OF_5: &[&str] =
    &["INSERT INTO evaluation_pictures VALUES (1, 0, 'overlay', 'cut/a.png', 4, 3, x'89504E47')"];

/// Everything that is asked before and after; columns by name, because later schemas have more.
const QUESTIONS: &[&str] = &[
    "SELECT id || name || question || expect || cost || analysis || file || axes || created_at FROM sweeps",
    "SELECT id || sweep_id || position || label || identity || status || seed || config || origins || point \
     || environment || error || warnings || created_at || started_at || COALESCE(finished_at, '-') FROM runs ORDER BY id",
    "SELECT id || run_id || time || status || detail FROM events ORDER BY id",
    "SELECT id || run_id || name FROM series ORDER BY id",
    "SELECT series_id || '|' || step || '|' || epoch || '|' || COALESCE(value, special) FROM points ORDER BY series_id, step",
    "SELECT id || run_id || epoch || item || kind || caption || width || height || hex(png) FROM pictures ORDER BY id",
    "SELECT run_id || path || step || epoch || hash || created_at FROM checkpoints ORDER BY run_id",
    "SELECT run_id || sweep || label || name || step FROM metric_points ORDER BY run_id, step",
];
const QUESTIONS_OF_2: &[&str] = &[
    "SELECT run_id || '|' || fence || '|' || beat || '|' || beat_at || '|' || held FROM leases ORDER BY run_id",
    "SELECT run_id || tag FROM tags",
    "SELECT id || run_id || time || text FROM notes",
];

const QUESTIONS_OF_4: &[&str] = &[
    "SELECT run_id || task || version || parameters FROM protocols",
    "SELECT id || run_id || task || version || parameters || figures || data || place || own || weights || program || created_at \
     FROM evaluations",
];
const QUESTIONS_OF_5: &[&str] =
    &["SELECT evaluation_id || item || kind || caption || width || height || hex(png) FROM evaluation_pictures"];

/// What there is from each version on, up to this one.
fn since(version: i64, all: [(i64, &[&'static str]); 4]) -> Vec<&'static str> {
    let known = all.into_iter().filter(|(first, _)| *first <= version);
    known.flat_map(|(_, part)| part.iter().copied()).collect()
}

/// A store as the program with schema `version` left it.
fn old_store(path: &Path, version: i64) {
    let steps = MIGRATOR
        .iter()
        .filter(|step| step.version <= version)
        .cloned()
        .collect();
    let steps = Migrator::with_migrations(steps);
    outside(path, async |conn| {
        sqlx::query("PRAGMA journal_mode = WAL")
            .execute(&mut *conn)
            .await
            .unwrap();
        steps.run(&mut *conn).await.unwrap();
        for sql in since(version, [(1, ROWS), (2, ROWS_OF_2), (4, ROWS_OF_4), (5, ROWS_OF_5)]) {
            sqlx::query(sql).execute(&mut *conn).await.expect(sql);
        }
    });
}

fn answers(path: &Path, version: i64) -> Vec<Vec<String>> {
    outside(path, async |conn| {
        let mut all = Vec::new();
        let questions = [
            (1, QUESTIONS),
            (2, QUESTIONS_OF_2),
            (4, QUESTIONS_OF_4),
            (5, QUESTIONS_OF_5),
        ];
        for sql in since(version, questions) {
            let rows = sqlx::query(sql).fetch_all(&mut *conn).await.expect(sql);
            assert!(!rows.is_empty(), "{sql}");
            all.push(rows.iter().map(|row| row.get(0)).collect());
        }
        all
    })
}

#[test]
fn every_older_schema_is_brought_up_to_date_with_all_its_rows() {
    let newest = MIGRATOR.iter().map(|step| step.version).max().unwrap();
    assert!(newest >= 2);
    for version in 1..=newest {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("old.db");
        old_store(&path, version);
        let before = answers(&path, version);
        let store = Store::open(path.to_str().unwrap()).unwrap();
        assert_eq!(answers(&path, version), before, "from {version}");
        assert_eq!(store.schema_version().unwrap(), newest);
        assert_eq!(store.problems().unwrap(), Vec::<String>::new());
        assert_eq!(store.metrics("r0").unwrap().len(), 2);
        guarded(&store, version);
        assert_eq!(
            answers(&path, version)[2..QUESTIONS.len()],
            before[2..QUESTIONS.len()],
            "from {version}"
        );
    }
}

/// The finished run stays as it is; the other may go on and may end.
fn guarded(store: &Store, version: i64) {
    for sql in [
        "UPDATE runs SET error = 'x' WHERE id = 'r0'",
        "DELETE FROM runs WHERE id = 'r0'",
        "INSERT OR REPLACE INTO runs SELECT * FROM runs WHERE id = 'r0'",
        "INSERT INTO series (run_id, name) VALUES ('r0', 'late')",
        "UPDATE series SET name = 'x' WHERE run_id = 'r0'",
        "INSERT INTO points (series_id, step, epoch, value) VALUES (1, 30, 3, 1)",
        "UPDATE points SET value = 1, special = NULL WHERE series_id = 1",
        "DELETE FROM points WHERE series_id = 1",
        "DELETE FROM series WHERE id = 1",
        "UPDATE pictures SET caption = 'x' WHERE run_id = 'r0'",
        "DELETE FROM pictures WHERE run_id = 'r0'",
        "DELETE FROM checkpoints WHERE run_id = 'r0'",
    ] {
        let error = execute(store, sql).expect_err(sql).to_string();
        assert!(
            error.contains("a finished run never changes"),
            "from {version}: {sql}: {error}"
        );
    }
    assert_eq!(
        execute(store, "UPDATE runs SET error = 'x' WHERE id = 'r1'").unwrap(),
        1
    );
    let late = "INSERT INTO points (series_id, step, epoch, value) VALUES (2, 30, 3, 1)";
    assert_eq!(execute(store, late).unwrap(), 1, "from {version}");
    assert_eq!(
        execute(store, "DELETE FROM points WHERE series_id = 2 AND step = 30").unwrap(),
        1
    );
    store
        .set_status("r1", Status::Finished, "2026-01-02T07:00:00Z", "")
        .unwrap();
    let error = execute(store, late).unwrap_err().to_string();
    assert!(
        error.contains("a finished run never changes"),
        "from {version}: {error}"
    );
    assert_eq!(
        execute(store, "DELETE FROM events WHERE status = 'finished' AND run_id = 'r1'").unwrap(),
        1
    );
}
