-- How the figures of tasks came about, and what later evaluations of a run found.

CREATE TABLE protocols (
    run_id     TEXT   NOT NULL REFERENCES runs (id),
    task       TEXT   NOT NULL,
    version    BIGINT NOT NULL,
    parameters TEXT   NOT NULL,
    PRIMARY KEY (run_id, task)
) WITHOUT ROWID;
CREATE TRIGGER finished_protocols_insert BEFORE INSERT ON protocols
WHEN (SELECT status FROM runs WHERE id = NEW.run_id) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
CREATE TRIGGER finished_protocols_update BEFORE UPDATE ON protocols
WHEN (SELECT status FROM runs WHERE id = OLD.run_id) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
CREATE TRIGGER finished_protocols_delete BEFORE DELETE ON protocols
WHEN (SELECT status FROM runs WHERE id = OLD.run_id) = 'finished'
    AND NOT EXISTS (SELECT 1 FROM removals WHERE run_id = OLD.run_id)
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;

-- About a run rather than of it, so that a finished one may have further ones; none of them ever changes.
CREATE TABLE evaluations (
    id         INTEGER PRIMARY KEY,
    run_id     TEXT    NOT NULL REFERENCES runs (id),
    task       TEXT    NOT NULL,
    version    BIGINT  NOT NULL,
    parameters TEXT    NOT NULL,
    figures    TEXT    NOT NULL,
    data       TEXT    NOT NULL,
    place      TEXT    NOT NULL,
    own        BIGINT  NOT NULL CHECK (own IN (0, 1)),
    weights    TEXT    NOT NULL,
    program    TEXT    NOT NULL,
    created_at TEXT    NOT NULL
);
CREATE INDEX evaluations_by_run ON evaluations (run_id, id);
CREATE TRIGGER evaluations_update BEFORE UPDATE ON evaluations
BEGIN SELECT RAISE(ABORT, 'an evaluation never changes'); END;
CREATE TRIGGER evaluations_delete BEFORE DELETE ON evaluations
WHEN (SELECT status FROM runs WHERE id = OLD.run_id) = 'finished'
    AND NOT EXISTS (SELECT 1 FROM removals WHERE run_id = OLD.run_id)
BEGIN SELECT RAISE(ABORT, 'an evaluation never changes'); END;
