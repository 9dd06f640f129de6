-- CREATE INDEX of every size and order of input, in memory, with sorted runs on disk and with several
-- merge passes.  build_check() fills a table, builds, has the index checked against the heap, and
-- compares it with a sequential scan.

SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET max_parallel_maintenance_workers = 0;

CREATE TABLE build_table (id bigint, v bigint);

-- the values in index order, forwards or backwards: by the index, or by a sort
CREATE FUNCTION build_values(direction text, by_index bool) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
	query text := 'SELECT v, id FROM build_table ORDER BY v ' || direction;
	line text;
	result bigint[];
BEGIN
	PERFORM set_config('enable_seqscan', (NOT by_index)::text, true),
		set_config('enable_bitmapscan', 'off', true),
		set_config('enable_indexscan', by_index::text, true),
		set_config('enable_sort', (NOT by_index)::text, true);
	EXECUTE 'EXPLAIN (COSTS OFF) ' || query INTO line;
	IF by_index AND line NOT LIKE 'Index Scan%build_table_v%' THEN
		RAISE EXCEPTION 'not the plan to test: %', line;
	END IF;
	EXECUTE format('SELECT array_agg(v) FROM (%s) x', query) INTO result;
	RETURN result;
END $$;

-- expression: the value of row i, of n in all
CREATE FUNCTION build_check(n bigint, expression text, options text DEFAULT 'fillfactor = 90',
	OUT entries bigint, OUT same bool) LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE build_table;
	EXECUTE format('INSERT INTO build_table SELECT i, %s FROM generate_series(1, $1) i', expression)
		USING n;
	EXECUTE format('CREATE INDEX build_table_v ON build_table USING alex (v) WITH (%s)', options);
	PERFORM omendb.alex_check('build_table_v', true);
	SELECT s.entries INTO entries FROM omendb.alex_stats('build_table_v') s WHERE level = 0;
	same := build_values('ASC', true) IS NOT DISTINCT FROM build_values('ASC', false)
		AND build_values('DESC', true) IS NOT DISTINCT FROM build_values('DESC', false);
	DROP INDEX build_table_v;
END $$;

-- around the entries of a block and of a page
SELECT n, c.*
	FROM unnest(ARRAY[0, 1, 2, 127, 128, 129, 255, 256, 257, 3685, 3686, 3687, 4095, 4096, 4097]) n,
		build_check(n, 'i') c;
SELECT n, c.*
	FROM unnest(ARRAY[2, 127, 128, 129, 4095, 4096, 4097]) n,
		build_check(n, 'hashint8extended(i, 1)') c;

-- orders and distributions
CREATE TABLE build_orders (o int, expression text);
INSERT INTO build_orders VALUES
	(1, 'i'),
	(2, '$1 - i'),
	(3, 'hashint8extended(i, 1)'),
	(4, '42'),
	(5, 'NULL::bigint'),
	(6, 'CASE WHEN i % 3 = 0 THEN NULL ELSE hashint8extended(i, 2) % 1000 END'),
	(7, '(i + $1 / 3) % $1'),
	(8, 'CASE WHEN i % 1000 = 0 THEN 9223372036854775807 - i ELSE i END'),
	(9, 'CASE i % 3 WHEN 0 THEN -9223372036854775808 WHEN 1 THEN 9223372036854775807 ELSE i END'),
	-- streamed, and taken back: a row that is late by a little, by much, at the end, and no order any more
	(10, 'i * 10 + hashint8(i) % 2000'),
	(11, 'i * 10 + hashint8(i) % 60000'),
	(12, 'CASE WHEN i = $1 THEN 0 ELSE i END'),
	(13, 'CASE WHEN i < $1 * 3 / 4 THEN i * 1000 ELSE hashint8(i) END'),
	-- the first window is in order by parts only
	(14, 'i / 4096 * 4096 + 4095 - i % 4096');
SELECT o, c.* FROM build_orders, build_check(20000, expression) c ORDER BY o;
SELECT o, c.* FROM build_orders,
		build_check(20000, expression, 'fillfactor = 50, leaf_entries = 256') c
	WHERE o <= 9 OR o = 13 ORDER BY o;

-- 3 MB of entries
SET maintenance_work_mem = '1MB';
SELECT o, c.* FROM build_orders, build_check(200000, expression) c
	WHERE o IN (1, 2, 3, 12) ORDER BY o;

-- runs on disk obey temp_file_limit, whether they are merged or not; nothing stays behind
TRUNCATE build_table;
INSERT INTO build_table SELECT i, i FROM generate_series(1, 200000) i;
SET temp_file_limit = '1MB';
\set VERBOSITY sqlstate
CREATE INDEX build_table_id ON build_table USING alex (id DESC);
CREATE INDEX build_table_v ON build_table USING alex ((hashint8extended(id, 1)));
-- rows that come in order, or nearly so, need none; a scan that the last one left in the middle of the
-- table would not deliver them so
SET synchronize_seqscans = off;
SET temp_file_limit = 0;
CREATE INDEX build_table_v ON build_table USING alex ((hashint8extended(id, 1)));
CREATE INDEX build_table_id ON build_table USING alex (id);
CREATE INDEX build_table_near ON build_table USING alex ((id * 10 + hashint8(id) % 2000));
-- until one comes too late
CREATE INDEX build_table_late ON build_table USING alex ((CASE WHEN id = 200000 THEN 7 ELSE id END));
\set VERBOSITY default
RESET temp_file_limit;
CREATE INDEX build_table_late ON build_table USING alex ((CASE WHEN id = 200000 THEN 7 ELSE id END));
SELECT omendb.alex_check('build_table_id', true), omendb.alex_check('build_table_near', true),
	omendb.alex_check('build_table_late', true);
-- what was taken back leaves no page behind
SELECT pg_relation_size('build_table_late') = pg_relation_size('build_table_id') AS same_size;
DROP INDEX build_table_id, build_table_near, build_table_late;
SELECT count(*) AS files FROM pg_ls_tmpdir();

-- neither does a cancelled build
SET statement_timeout = '1ms';
CREATE INDEX build_table_v ON build_table USING alex ((hashint8extended(id, 1)));
SET statement_timeout = '10ms';
CREATE INDEX build_table_v ON build_table USING alex ((hashint8extended(id, 1)));
RESET statement_timeout;
SELECT count(*) AS files FROM pg_ls_tmpdir();
SELECT to_regclass('build_table_v');
RESET maintenance_work_mem;

-- rebuilt in place, and by TRUNCATE in the transaction that made it
CREATE INDEX build_table_v ON build_table USING alex (v);
REINDEX INDEX build_table_v;
SELECT omendb.alex_check('build_table_v', true);
BEGIN;
TRUNCATE build_table;
INSERT INTO build_table VALUES (1, 2), (2, 1), (3, NULL);
TRUNCATE build_table;
INSERT INTO build_table VALUES (3, 4), (4, 3), (5, NULL);
SELECT omendb.alex_check('build_table_v', true);
SELECT build_values('ASC', true), build_values('DESC', true);
COMMIT;

-- expressions and predicates; deleted rows are not indexed
DELETE FROM build_table WHERE id = 5;
CREATE INDEX build_table_part ON build_table USING alex ((id * 2 + v)) WHERE v > 3;
SELECT omendb.alex_check('build_table_part', true);
SELECT entries FROM omendb.alex_stats('build_table_part');

DROP TABLE build_table, build_orders;
DROP FUNCTION build_check, build_values;
