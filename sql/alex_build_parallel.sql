-- Parallel builds: the index is the one that a single process makes.  That workers take part is
-- tested by test/t/alex_parallel_build.pl.

SET client_min_messages = warning;
SET max_parallel_maintenance_workers = 2;

CREATE TABLE par (id bigint, v bigint) WITH (parallel_workers = 2);
INSERT INTO par SELECT i, CASE WHEN i % 11 = 0 THEN NULL ELSE hashint8extended(i, 1) END
	FROM generate_series(1, 20000) i;
DELETE FROM par WHERE id % 13 = 0;

CREATE FUNCTION par_safe(x bigint) RETURNS bigint IMMUTABLE PARALLEL SAFE LANGUAGE sql AS 'SELECT x % 1000';
CREATE FUNCTION par_unsafe(x bigint) RETURNS bigint IMMUTABLE PARALLEL UNSAFE LANGUAGE plpgsql AS 'BEGIN RETURN -x; END';

-- builds by definition, and by one process; the pages and what is in them must be alike
CREATE FUNCTION par_check(t text, definition text, OUT entries bigint, OUT rows real, OUT same bool)
LANGUAGE plpgsql AS $$
DECLARE
	found text[];
	workers int;
BEGIN
	FOREACH workers IN ARRAY ARRAY[2, 0] LOOP
		EXECUTE format('ALTER TABLE %s SET (parallel_workers = %s)', t, workers);
		EXECUTE format('CREATE INDEX par_index ON %s USING alex %s', t, definition);
		PERFORM omendb.alex_check('par_index', true);
		SELECT s.entries INTO entries FROM omendb.alex_stats('par_index') s WHERE level = 0;
		SELECT reltuples INTO rows FROM pg_class WHERE oid = 'par_index'::regclass;
		found := found || (SELECT string_agg(s::text, ' ' ORDER BY level) || ' ' || pg_relation_size('par_index')
			FROM omendb.alex_stats('par_index') s);
		DROP INDEX par_index;
	END LOOP;
	same := found[1] = found[2];
END $$;

SELECT * FROM par_check('par', '(id)');
SELECT * FROM par_check('par', '(v)');
SELECT * FROM par_check('par', '(v DESC NULLS LAST) WITH (leaf_entries = 256, fillfactor = 50)');
SELECT * FROM par_check('par', '(par_safe(id))');
SELECT * FROM par_check('par', '(par_unsafe(id))');
SELECT * FROM par_check('par', '(v) WHERE id % 2 = 0 AND par_safe(id) > 100');
-- runs of each process and several passes of merging
SET maintenance_work_mem = '1MB';
INSERT INTO par SELECT i, hashint8extended(i, 2) FROM generate_series(20001, 60000) i;
SELECT * FROM par_check('par', '(v)');
SELECT * FROM par_check('par', '(id)');
-- not even the shared files may be larger than allowed; nothing stays behind
ALTER TABLE par SET (parallel_workers = 2);
SET temp_file_limit = '100kB';
\set VERBOSITY sqlstate
CREATE INDEX par_v ON par USING alex (v);
\set VERBOSITY default
RESET temp_file_limit;
RESET maintenance_work_mem;
SELECT count(*) AS files FROM pg_ls_tmpdir();
-- an error of a worker, or of the leader
CREATE FUNCTION par_fails(x bigint) RETURNS bigint IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
	IF x > 59990 THEN
		RAISE EXCEPTION 'row %', x / 100;
	END IF;
	RETURN x;
END $$;
\set VERBOSITY terse
CREATE INDEX par_v ON par USING alex (par_fails(id));
\set VERBOSITY default
SELECT to_regclass('par_v'), count(*) AS files FROM pg_ls_tmpdir();

-- concurrently; in a transaction that is serializable; rows of this very transaction
CREATE INDEX CONCURRENTLY par_v ON par USING alex (v);
REINDEX INDEX CONCURRENTLY par_v;
SELECT omendb.alex_check('par_v', true);
SELECT entries FROM omendb.alex_stats('par_v') WHERE level = 0;
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE par SET v = v + 1 WHERE id % 17 = 0;
DELETE FROM par WHERE id % 19 = 0;
REINDEX INDEX par_v;
CREATE INDEX par_id ON par USING alex (id);
SELECT count(*) FROM par WHERE id BETWEEN 100 AND 200;
COMMIT;
SELECT omendb.alex_check('par_v', true), omendb.alex_check('par_id', true);
BEGIN;
SAVEPOINT s;
REINDEX INDEX par_v;
ROLLBACK TO s;
INSERT INTO par VALUES (1, 1);
TRUNCATE par;
COMMIT;
SELECT omendb.alex_check('par_v', true);
DROP TABLE par;

-- others: partitions, unlogged, temporary (one process), omendb
CREATE TABLE par (id bigint, v bigint) PARTITION BY RANGE (id);
CREATE TABLE par_1 PARTITION OF par FOR VALUES FROM (0) TO (20000) WITH (parallel_workers = 1);
CREATE UNLOGGED TABLE par_2 PARTITION OF par FOR VALUES FROM (20000) TO (40000) WITH (parallel_workers = 1);
INSERT INTO par SELECT i, hashint8extended(i, 1) FROM generate_series(1, 39999) i;
CREATE INDEX par_v ON par USING alex (v);
SELECT omendb.alex_check('par_1_v_idx', true), omendb.alex_check('par_2_v_idx', true);
DROP TABLE par;
CREATE TEMPORARY TABLE par (id bigint, v bigint) WITH (parallel_workers = 2);
INSERT INTO par SELECT i, hashint8extended(i, 1) FROM generate_series(1, 20000) i;
SELECT * FROM par_check('par', '(v)');
DROP TABLE par;
CREATE TABLE par USING omendb AS SELECT i AS id, hashint8extended(i, 1) AS v FROM generate_series(1, 135000) i;
SELECT * FROM par_check('par', '(v)');
ALTER TABLE par SET (parallel_workers = 2);
CREATE INDEX CONCURRENTLY par_v ON par USING alex (v);
SELECT omendb.alex_check('par_v', true);
DROP TABLE par;
DROP FUNCTION par_check, par_safe, par_unsafe, par_fails;
