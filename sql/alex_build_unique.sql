-- CREATE UNIQUE INDEX: equal keys are found among rows streamed, taken back, in runs on disk, of several
-- processes.
SET client_min_messages = warning;
SET max_parallel_maintenance_workers = 0;
CREATE TABLE build_unique (id int, v bigint);
INSERT INTO build_unique SELECT i, i FROM generate_series(1, 60000) i;
SET maintenance_work_mem = '1MB';
BEGIN;
INSERT INTO build_unique VALUES (60001, 60000);
CREATE UNIQUE INDEX build_unique_v ON build_unique USING alex (v);
ROLLBACK;
BEGIN;
INSERT INTO build_unique VALUES (60001, 30000);
SAVEPOINT s;
CREATE UNIQUE INDEX build_unique_v ON build_unique USING alex (v);
ROLLBACK TO s;
CREATE UNIQUE INDEX build_unique_v ON build_unique USING alex (hashint8extended(v, 1));
ROLLBACK TO s;
SET LOCAL max_parallel_maintenance_workers = 2;
ALTER TABLE build_unique SET (parallel_workers = 2);
CREATE UNIQUE INDEX build_unique_v ON build_unique USING alex (v);
ROLLBACK TO s;
INSERT INTO build_unique VALUES (60002, NULL), (60003, NULL);
CREATE UNIQUE INDEX build_unique_v ON build_unique USING alex (nullif(v, 30000)) NULLS NOT DISTINCT;
ROLLBACK TO s;
CREATE UNIQUE INDEX build_unique_v ON build_unique USING alex (nullif(v, 30000));
SELECT omendb.alex_check('build_unique_v', true);
ROLLBACK;
-- rows deleted are in the index, for others may see them, and equal nothing: one that comes early, one when
-- much has been streamed, many
CREATE FUNCTION build_unique_check(condition text, workers int, OUT entries bigint) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('max_parallel_maintenance_workers', workers::text, true);
	EXECUTE format('ALTER TABLE build_unique SET (parallel_workers = %s)', workers);
	EXECUTE 'UPDATE build_unique SET id = id WHERE ' || condition;
	CREATE UNIQUE INDEX build_unique_v ON build_unique USING alex (v);
	PERFORM omendb.alex_check('build_unique_v', true);
	SELECT s.entries INTO entries FROM omendb.alex_stats('build_unique_v') s WHERE level = 0;
	RAISE SQLSTATE 'UNDO1' USING MESSAGE = entries;
EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
	entries := SQLERRM;
END $$;
SELECT condition, workers, build_unique_check(condition, workers)
	FROM unnest(ARRAY['id = 100', 'id = 59000', 'id % 3 = 0']) condition, unnest(ARRAY[0, 2]) workers;
DROP TABLE build_unique;
DROP FUNCTION build_unique_check;
