-- Two more states, error traces, leases, tags and notes, and a way to remove runs on purpose.

-- A CHECK cannot be changed: the table is made anew. Rows of other tables refer to it by name and find it again at the end
-- of the transaction.
PRAGMA defer_foreign_keys = ON;
CREATE TABLE runs_before AS SELECT * FROM runs;
DROP TABLE runs;
CREATE TABLE runs (
    id          TEXT    NOT NULL PRIMARY KEY,
    sweep_id    TEXT    NOT NULL REFERENCES sweeps (id),
    position    BIGINT  NOT NULL,
    label       TEXT    NOT NULL,
    identity    TEXT    NOT NULL,
    status      TEXT    NOT NULL
        CHECK (status IN ('queued', 'running', 'finished', 'pruned', 'failed', 'diverged', 'interrupted', 'crashed')),
    seed        BIGINT  NOT NULL,
    config      TEXT    NOT NULL,
    origins     TEXT    NOT NULL,
    point       TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    error       TEXT    NOT NULL,
    trace       TEXT    NOT NULL DEFAULT '',
    warnings    TEXT    NOT NULL,
    created_at  TEXT    NOT NULL,
    started_at  TEXT,
    finished_at TEXT
);
INSERT INTO runs (id, sweep_id, position, label, identity, status, seed, config, origins, point, environment, error,
                  warnings, created_at, started_at, finished_at)
SELECT id, sweep_id, position, label, identity, status, seed, config, origins, point, environment, error,
       warnings, created_at, started_at, finished_at
FROM runs_before;
DROP TABLE runs_before;
CREATE INDEX runs_by_sweep ON runs (sweep_id, position);
CREATE INDEX runs_by_identity ON runs (identity, status);
CREATE INDEX runs_by_status ON runs (status);

-- Budget and early stopping of a sweep, as JSON.
ALTER TABLE sweeps ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';

-- Who trains a run. `fence` grows with every claim and never falls: what an earlier holder writes is refused. `beat` and
-- `beat_at` (milliseconds since 1970) are renewed while the holder lives; `held` is 0 once it has let go.
CREATE TABLE leases (
    run_id  TEXT   NOT NULL PRIMARY KEY REFERENCES runs (id),
    fence   BIGINT NOT NULL,
    beat    BIGINT NOT NULL,
    beat_at BIGINT NOT NULL,
    held    BIGINT NOT NULL CHECK (held IN (0, 1))
) WITHOUT ROWID;

-- What people say about runs, finished ones included.
CREATE TABLE tags (
    run_id TEXT NOT NULL REFERENCES runs (id),
    tag    TEXT NOT NULL,
    PRIMARY KEY (run_id, tag)
) WITHOUT ROWID;
CREATE INDEX tags_by_tag ON tags (tag);
CREATE TABLE notes (
    id     INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs (id),
    time   TEXT NOT NULL,
    text   TEXT NOT NULL
);
CREATE INDEX notes_by_run ON notes (run_id, id);

-- Runs that are being removed on purpose, within one transaction: the only way past the triggers below.
CREATE TABLE removals (run_id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;

CREATE TRIGGER finished_run_replace BEFORE INSERT ON runs
WHEN EXISTS (SELECT 1 FROM runs WHERE id = NEW.id AND status = 'finished')
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
CREATE TRIGGER finished_run_update BEFORE UPDATE ON runs WHEN OLD.status = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
CREATE TRIGGER finished_run_delete BEFORE DELETE ON runs
WHEN OLD.status = 'finished' AND NOT EXISTS (SELECT 1 FROM removals WHERE run_id = OLD.id)
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;

DROP TRIGGER finished_series_delete;
CREATE TRIGGER finished_series_delete BEFORE DELETE ON series
WHEN (SELECT status FROM runs WHERE id = OLD.run_id) = 'finished'
    AND NOT EXISTS (SELECT 1 FROM removals WHERE run_id = OLD.run_id)
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
DROP TRIGGER finished_points_delete;
CREATE TRIGGER finished_points_delete BEFORE DELETE ON points
WHEN (SELECT r.status FROM series s JOIN runs r ON r.id = s.run_id WHERE s.id = OLD.series_id) = 'finished'
    AND NOT EXISTS (SELECT 1 FROM removals m JOIN series s ON s.run_id = m.run_id WHERE s.id = OLD.series_id)
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
DROP TRIGGER finished_pictures_delete;
CREATE TRIGGER finished_pictures_delete BEFORE DELETE ON pictures
WHEN (SELECT status FROM runs WHERE id = OLD.run_id) = 'finished'
    AND NOT EXISTS (SELECT 1 FROM removals WHERE run_id = OLD.run_id)
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
DROP TRIGGER finished_checkpoints_delete;
CREATE TRIGGER finished_checkpoints_delete BEFORE DELETE ON checkpoints
WHEN (SELECT status FROM runs WHERE id = OLD.run_id) = 'finished'
    AND NOT EXISTS (SELECT 1 FROM removals WHERE run_id = OLD.run_id)
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
