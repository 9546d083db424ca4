-- Pictures that a later evaluation drew. They come with it and, as it, never change.
CREATE TABLE evaluation_pictures (
    evaluation_id INTEGER NOT NULL REFERENCES evaluations (id),
    item          BIGINT  NOT NULL,
    kind          TEXT    NOT NULL,
    caption       TEXT    NOT NULL,
    width         BIGINT  NOT NULL,
    height        BIGINT  NOT NULL,
    png           BLOB    NOT NULL,
    PRIMARY KEY (evaluation_id, item, kind)
);
CREATE TRIGGER evaluation_pictures_replace BEFORE INSERT ON evaluation_pictures
WHEN EXISTS (SELECT 1 FROM evaluation_pictures
             WHERE evaluation_id = NEW.evaluation_id AND item = NEW.item AND kind = NEW.kind)
BEGIN SELECT RAISE(ABORT, 'an evaluation never changes'); END;
CREATE TRIGGER evaluation_pictures_update BEFORE UPDATE ON evaluation_pictures
BEGIN SELECT RAISE(ABORT, 'an evaluation never changes'); END;
CREATE TRIGGER evaluation_pictures_delete BEFORE DELETE ON evaluation_pictures
WHEN (SELECT r.status FROM evaluations e JOIN runs r ON r.id = e.run_id WHERE e.id = OLD.evaluation_id) = 'finished'
    AND NOT EXISTS (SELECT 1 FROM evaluations e JOIN removals m ON m.run_id = e.run_id WHERE e.id = OLD.evaluation_id)
BEGIN SELECT RAISE(ABORT, 'an evaluation never changes'); END;

-- A replaced row fires no trigger of deletion. SQLite gives an id that it draws itself as NULL or -1 here.
CREATE TRIGGER evaluations_replace BEFORE INSERT ON evaluations
WHEN EXISTS (SELECT 1 FROM evaluations WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'an evaluation never changes'); END;
