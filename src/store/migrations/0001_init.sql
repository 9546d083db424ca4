-- The first schema. Tables, columns and example queries are explained in ../schema.md.
-- Times are RFC 3339 text in UTC; JSON is text, so that json_extract(config, '$.mask.ratio') works.

CREATE TABLE sweeps (
    id         TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    question   TEXT NOT NULL,
    expect     TEXT NOT NULL,
    cost       TEXT NOT NULL,
    analysis   TEXT NOT NULL,
    file       TEXT NOT NULL,
    axes       TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX sweeps_by_name ON sweeps (name, created_at);

CREATE TABLE runs (
    id          TEXT    NOT NULL PRIMARY KEY,
    sweep_id    TEXT    NOT NULL REFERENCES sweeps (id),
    position    BIGINT  NOT NULL,
    label       TEXT    NOT NULL,
    identity    TEXT    NOT NULL,
    status      TEXT    NOT NULL
        CHECK (status IN ('queued', 'running', 'finished', 'failed', 'diverged', 'interrupted')),
    seed        BIGINT  NOT NULL,
    config      TEXT    NOT NULL,
    origins     TEXT    NOT NULL,
    point       TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    error       TEXT    NOT NULL,
    warnings    TEXT    NOT NULL,
    created_at  TEXT    NOT NULL,
    started_at  TEXT,
    finished_at TEXT
);
CREATE INDEX runs_by_sweep ON runs (sweep_id, position);
CREATE INDEX runs_by_identity ON runs (identity, status);

CREATE TABLE events (
    id     INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs (id),
    time   TEXT NOT NULL,
    status TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX events_by_run ON events (run_id, id);

-- One curve of one run. Points carry its small number instead of a run id and a name, which halves the file
-- and makes "the last value of every curve" one look-up per curve.
CREATE TABLE series (
    id     INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs (id),
    name   TEXT NOT NULL,
    UNIQUE (run_id, name)
);

-- SQLite turns NaN into NULL, so numbers that are not finite are spelled out in `special`.
CREATE TABLE points (
    series_id INTEGER          NOT NULL REFERENCES series (id),
    step      BIGINT           NOT NULL,
    epoch     DOUBLE PRECISION NOT NULL,
    value     DOUBLE PRECISION,
    special   TEXT CHECK (special IN ('nan', 'inf', '-inf')),
    PRIMARY KEY (series_id, step),
    CHECK ((value IS NULL) <> (special IS NULL))
) WITHOUT ROWID;

CREATE TABLE pictures (
    id      INTEGER PRIMARY KEY,
    run_id  TEXT             NOT NULL REFERENCES runs (id),
    epoch   DOUBLE PRECISION NOT NULL,
    item    BIGINT           NOT NULL,
    kind    TEXT             NOT NULL,
    caption TEXT             NOT NULL,
    width   BIGINT           NOT NULL,
    height  BIGINT           NOT NULL,
    png     BLOB             NOT NULL,
    UNIQUE (run_id, epoch, item, kind)
);

CREATE TABLE checkpoints (
    run_id     TEXT             NOT NULL REFERENCES runs (id),
    path       TEXT             NOT NULL,
    step       BIGINT           NOT NULL,
    epoch      DOUBLE PRECISION NOT NULL,
    hash       TEXT             NOT NULL,
    created_at TEXT             NOT NULL,
    PRIMARY KEY (run_id, path)
) WITHOUT ROWID;

CREATE VIEW metric_points AS
SELECT r.id AS run_id, w.name AS sweep, r.sweep_id, r.label, r.seed, r.status,
       s.name, p.step, p.epoch, p.value, p.special
FROM points p
JOIN series s ON s.id = p.series_id
JOIN runs r ON r.id = s.run_id
JOIN sweeps w ON w.id = r.sweep_id;

CREATE VIEW last_metrics AS
SELECT r.id AS run_id, w.name AS sweep, r.sweep_id, r.label, r.seed, r.status,
       s.name, p.step, p.epoch, p.value, p.special
FROM series s
JOIN points p ON p.series_id = s.id
    AND p.step = (SELECT MAX(q.step) FROM points q WHERE q.series_id = s.id)
JOIN runs r ON r.id = s.run_id
JOIN sweeps w ON w.id = r.sweep_id;

-- A finished row never changes, nor does what was measured under it, whoever writes.
CREATE TRIGGER finished_run_replace BEFORE INSERT ON runs
WHEN EXISTS (SELECT 1 FROM runs WHERE id = NEW.id AND status = 'finished')
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
CREATE TRIGGER finished_run_update BEFORE UPDATE ON runs WHEN OLD.status = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
CREATE TRIGGER finished_run_delete BEFORE DELETE ON runs WHEN OLD.status = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;

CREATE TRIGGER finished_series_insert BEFORE INSERT ON series
WHEN (SELECT status FROM runs WHERE id = NEW.run_id) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
CREATE TRIGGER finished_series_update BEFORE UPDATE ON series
WHEN (SELECT status FROM runs WHERE id = OLD.run_id) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
CREATE TRIGGER finished_series_delete BEFORE DELETE ON series
WHEN (SELECT status FROM runs WHERE id = OLD.run_id) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;

CREATE TRIGGER finished_points_insert BEFORE INSERT ON points
WHEN (SELECT r.status FROM series s JOIN runs r ON r.id = s.run_id WHERE s.id = NEW.series_id) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
CREATE TRIGGER finished_points_update BEFORE UPDATE ON points
WHEN (SELECT r.status FROM series s JOIN runs r ON r.id = s.run_id WHERE s.id = OLD.series_id) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
CREATE TRIGGER finished_points_delete BEFORE DELETE ON points
WHEN (SELECT r.status FROM series s JOIN runs r ON r.id = s.run_id WHERE s.id = OLD.series_id) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;

CREATE TRIGGER finished_pictures_insert BEFORE INSERT ON pictures
WHEN (SELECT status FROM runs WHERE id = NEW.run_id) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
CREATE TRIGGER finished_pictures_update BEFORE UPDATE ON pictures
WHEN (SELECT status FROM runs WHERE id = OLD.run_id) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
CREATE TRIGGER finished_pictures_delete BEFORE DELETE ON pictures
WHEN (SELECT status FROM runs WHERE id = OLD.run_id) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;

CREATE TRIGGER finished_checkpoints_insert BEFORE INSERT ON checkpoints
WHEN (SELECT status FROM runs WHERE id = NEW.run_id) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
CREATE TRIGGER finished_checkpoints_update BEFORE UPDATE ON checkpoints
WHEN (SELECT status FROM runs WHERE id = OLD.run_id) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
CREATE TRIGGER finished_checkpoints_delete BEFORE DELETE ON checkpoints
WHEN (SELECT status FROM runs WHERE id = OLD.run_id) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
