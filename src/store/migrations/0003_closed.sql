-- A curve knows by itself whether its run is finished, so that a point is let in after one look-up by number instead of a
-- join by text: this is asked for every single point.

DROP TRIGGER finished_series_update;
ALTER TABLE series ADD COLUMN closed BIGINT NOT NULL DEFAULT 0;
UPDATE series SET closed = 1 WHERE run_id IN (SELECT id FROM runs WHERE status = 'finished');

CREATE TRIGGER finished_run_closes AFTER UPDATE OF status ON runs
WHEN NEW.status = 'finished' AND OLD.status <> 'finished'
BEGIN UPDATE series SET closed = 1 WHERE run_id = NEW.id; END;
CREATE TRIGGER finished_series_update BEFORE UPDATE ON series WHEN OLD.closed = 1
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;

-- The writer's connection leaves foreign keys to this look-up, which finds a missing curve as well.
DROP TRIGGER finished_points_insert;
CREATE TRIGGER finished_points_insert BEFORE INSERT ON points
WHEN (SELECT closed FROM series WHERE id = NEW.series_id) IS NOT 0
BEGIN SELECT CASE WHEN EXISTS (SELECT 1 FROM series WHERE id = NEW.series_id)
    THEN RAISE(ABORT, 'a finished run never changes') ELSE RAISE(ABORT, 'there is no such series') END; END;
DROP TRIGGER finished_points_update;
CREATE TRIGGER finished_points_update BEFORE UPDATE ON points
WHEN (SELECT closed FROM series WHERE id = OLD.series_id) = 1
    OR (SELECT closed FROM series WHERE id = NEW.series_id) = 1
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
DROP TRIGGER finished_points_delete;
CREATE TRIGGER finished_points_delete BEFORE DELETE ON points
WHEN (SELECT closed FROM series WHERE id = OLD.series_id) = 1
    AND NOT EXISTS (SELECT 1 FROM removals m JOIN series s ON s.run_id = m.run_id WHERE s.id = OLD.series_id)
BEGIN SELECT RAISE(ABORT, 'a finished run never changes'); END;
