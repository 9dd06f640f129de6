-- The model cache: right answers whatever happens to the index, and proof that it was used.
CREATE TABLE cache_keys AS SELECT i AS k FROM generate_series(-15, 21000, 15) i;
VACUUM ANALYZE cache_keys;

-- each key looked up by the index, and by way of the heap
CREATE FUNCTION cache_by_index(tab text, OUT n bigint, OUT ids bigint) LANGUAGE plpgsql
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
	SET enable_mergejoin = off SET enable_material = off SET plan_cache_mode = force_custom_plan AS $$
BEGIN
	EXECUTE format('SELECT count(*), sum(t.id) FROM (SELECT k FROM cache_keys ORDER BY hashint4(k) OFFSET 0) p
		JOIN %I t ON t.k = p.k', tab) INTO n, ids;
END $$;
CREATE FUNCTION cache_by_heap(tab text, OUT n bigint, OUT ids bigint) LANGUAGE plpgsql
	SET enable_nestloop = off SET enable_indexscan = off SET enable_bitmapscan = off AS $$
BEGIN
	EXECUTE format('SELECT count(*), sum(t.id) FROM cache_keys p JOIN %I t ON t.k = p.k', tab) INTO n, ids;
END $$;
-- are they the same, and how was the way to the leaves found?  At most one lookup in twenty may go through
-- the pages above the leaf.
CREATE FUNCTION cache_check(tab text, OUT n bigint, OUT same boolean, OUT by_cache boolean)
LANGUAGE plpgsql AS $$
DECLARE
	i record;
	h record;
	before record;
	after record;
BEGIN
	SELECT * INTO h FROM cache_by_heap(tab);
	SELECT hits, steps_right, descents INTO before FROM omendb.alex_cache_stats() WHERE index IS NULL;
	SELECT * INTO i FROM cache_by_index(tab);
	SELECT hits, steps_right, descents INTO after FROM omendb.alex_cache_stats() WHERE index IS NULL;
	n := i.n;
	same := i.n = h.n AND i.ids IS NOT DISTINCT FROM h.ids;
	by_cache := after.hits - before.hits > 1300
		AND (after.steps_right + after.descents) - (before.steps_right + before.descents) < 70;
END $$;
-- index blocks that a lookup of a key that is not there reads
CREATE FUNCTION cache_blocks(query text) RETURNS int LANGUAGE plpgsql
	SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, FORMAT JSON) ' || query INTO plan;
	IF plan->0->'Plan'->>'Node Type' <> 'Index Scan' THEN
		RAISE EXCEPTION 'plan is %', plan;
	END IF;
	RETURN (plan->0->'Plan'->>'Shared Hit Blocks')::int + (plan->0->'Plan'->>'Shared Read Blocks')::int
		+ (plan->0->'Plan'->>'Local Hit Blocks')::int + (plan->0->'Plan'->>'Local Read Blocks')::int;
END $$;

CREATE TABLE cache_t (id int, k int) WITH (autovacuum_enabled = off);
INSERT INTO cache_t SELECT i, i * 2 FROM generate_series(1, 10000) i;
CREATE INDEX cache_t_k ON cache_t USING alex (k) WITH (leaf_entries = 256);
SHOW omendb.alex_cache_size;
SELECT count(*) > 1 AS high, min(pages) FROM omendb.alex_stats('cache_t_k');

-- one buffer a lookup
SELECT * FROM cache_check('cache_t');
SELECT cache_blocks('SELECT id FROM cache_t WHERE k = 1001');
SELECT cache_blocks('SELECT id FROM cache_t WHERE k > 10000 AND k < 10002');
SELECT cache_blocks('SELECT id FROM cache_t WHERE k > 10000 AND k < 10002 ORDER BY k DESC');
SELECT cache_blocks('SELECT id FROM cache_t WHERE k IS NULL');
SET omendb.alex_cache_size = 0;
SELECT cache_blocks('SELECT id FROM cache_t WHERE k = 1001');
SELECT * FROM cache_check('cache_t');
SELECT pages, bytes FROM omendb.alex_cache_stats();
RESET omendb.alex_cache_size;
SELECT * FROM cache_check('cache_t');
SELECT index, pages, bytes BETWEEN 1000 AND 10000 AS bytes, hits > 1300 AS hits, steps_right, descents, refreshes, evictions
	FROM omendb.alex_cache_stats() WHERE index IS NOT NULL;

-- splits everywhere, in the middle of the keys and at the ends
INSERT INTO cache_t SELECT 10000 + i, (i * 7919) % 20000 FROM generate_series(1, 5000) i;
SELECT * FROM cache_check('cache_t');
INSERT INTO cache_t SELECT 30000 + i, -i FROM generate_series(1, 1000) i;
INSERT INTO cache_t SELECT 31000 + i, 20000 + i FROM generate_series(1, 1000) i;
SELECT * FROM cache_check('cache_t');
SELECT refreshes > 0 AS refreshed FROM omendb.alex_cache_stats() WHERE index = 'cache_t_k'::regclass;

-- inserts find their leaf by the cache, too; appends need not even ask it
SELECT hits FROM omendb.alex_cache_stats() WHERE index = 'cache_t_k'::regclass \gset
INSERT INTO cache_t SELECT 50000 + i, (i * 7919) % 20000 FROM generate_series(1, 2000) i;
SELECT hits - :hits > 1800 AS by_cache, hits FROM omendb.alex_cache_stats() WHERE index = 'cache_t_k'::regclass \gset
SELECT :'by_cache' AS by_cache;
INSERT INTO cache_t SELECT 52000 + i, 21000 + i FROM generate_series(1, 2000) i;
SELECT hits - :hits < 200 AS by_the_end FROM omendb.alex_cache_stats() WHERE index = 'cache_t_k'::regclass;
SELECT * FROM cache_check('cache_t');
SELECT omendb.alex_check('cache_t_k', true);

-- the tree grows a level between two lookups
CREATE TABLE cache_grow (id int, k int) WITH (autovacuum_enabled = off);
CREATE INDEX cache_grow_k ON cache_grow USING alex (k) WITH (leaf_entries = 256);
DO $$
DECLARE
	c record;
BEGIN
	FOR i IN 0..15 LOOP
		INSERT INTO cache_grow SELECT i * 300 + j, ((i * 300 + j) * 7) % 16000 FROM generate_series(1, 300) j;
		SELECT * INTO c FROM cache_check('cache_grow');
		IF NOT c.same THEN
			RAISE EXCEPTION 'round %: %', i, c;
		END IF;
	END LOOP;
END $$;
SELECT * FROM cache_check('cache_grow');
SELECT omendb.alex_check('cache_grow_k', true);
-- both ends of ranges, forward and backward
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
SELECT count(*), sum(d), bool_and(f = b) AS same FROM (
	SELECT lo, (SELECT array_agg(k) FROM (SELECT k FROM cache_grow WHERE k BETWEEN lo AND lo + 40 ORDER BY k) s) AS f,
		(SELECT array_agg(k ORDER BY k) FROM (SELECT k FROM cache_grow WHERE k BETWEEN lo AND lo + 40 ORDER BY k DESC) s) AS b,
		(SELECT count(*) FROM cache_grow WHERE k BETWEEN lo AND lo + 40) AS d
	FROM generate_series(0, 15000, 77) lo) s;
RESET enable_seqscan;
RESET enable_bitmapscan;
RESET enable_sort;

-- deletion and VACUUM
DELETE FROM cache_t WHERE k BETWEEN 3000 AND 12000;
SELECT * FROM cache_check('cache_t');
VACUUM cache_t;
SELECT * FROM cache_check('cache_t');
INSERT INTO cache_t SELECT 40000 + i, 1000 + i * 3 FROM generate_series(1, 4000) i;
VACUUM cache_t;
SELECT * FROM cache_check('cache_t');

-- another file under the same name, and the old one back
BEGIN;
TRUNCATE cache_t;
SELECT * FROM cache_check('cache_t');
INSERT INTO cache_t SELECT i, 20000 - i * 3 FROM generate_series(1, 4000) i;
SELECT * FROM cache_check('cache_t');
ROLLBACK;
SELECT * FROM cache_check('cache_t');
TRUNCATE cache_t;
SELECT * FROM cache_check('cache_t');
INSERT INTO cache_t SELECT i, i % 2000 FROM generate_series(1, 4000) i;
SELECT * FROM cache_check('cache_t');
REINDEX INDEX cache_t_k;
SELECT * FROM cache_check('cache_t');
BEGIN;
REINDEX INDEX cache_t_k;
SELECT * FROM cache_check('cache_t');
ROLLBACK;
SELECT * FROM cache_check('cache_t');
REINDEX INDEX CONCURRENTLY cache_t_k;
SELECT * FROM cache_check('cache_t');
VACUUM FULL cache_t;
SELECT * FROM cache_check('cache_t');
DROP INDEX cache_t_k;
CREATE INDEX cache_t_k ON cache_t USING alex (k DESC) WITH (leaf_entries = 256);
SELECT * FROM cache_check('cache_t');
DROP TABLE cache_t;
CREATE TABLE cache_t (id int, k int) WITH (autovacuum_enabled = off);
CREATE INDEX cache_t_k ON cache_t USING alex (k NULLS FIRST) WITH (leaf_entries = 256);
INSERT INTO cache_t SELECT i, nullif(i % 3000, 5) FROM generate_series(1, 4000) i;
SELECT * FROM cache_check('cache_t');
SELECT omendb.alex_check('cache_t_k', true);

-- the same file, emptied in place
BEGIN;
CREATE TABLE cache_new (id int, k int);
CREATE INDEX cache_new_k ON cache_new USING alex (k) WITH (leaf_entries = 256);
INSERT INTO cache_new SELECT i, i * 3 FROM generate_series(1, 4000) i;
SELECT * FROM cache_check('cache_new');
TRUNCATE cache_new;
SELECT * FROM cache_check('cache_new');
INSERT INTO cache_new SELECT i, 20000 - i FROM generate_series(1, 2000) i;
SELECT * FROM cache_check('cache_new');
COMMIT;
CREATE TEMP TABLE cache_temp (id int, k int) ON COMMIT DELETE ROWS;
CREATE INDEX cache_temp_k ON cache_temp USING alex (k) WITH (leaf_entries = 256);
BEGIN;
INSERT INTO cache_temp SELECT i, i * 3 FROM generate_series(1, 4000) i;
SELECT * FROM cache_check('cache_temp');
SELECT cache_blocks('SELECT id FROM cache_temp WHERE k = 15000');
COMMIT;
BEGIN;
SELECT * FROM cache_check('cache_temp');
INSERT INTO cache_temp SELECT i, 3 * i FROM generate_series(1, 2000) i;
SELECT * FROM cache_check('cache_temp');
COMMIT;

-- many indexes and little room: the limit holds, the answers too
CREATE TABLE cache_parts (id int, k int) PARTITION BY RANGE (k);
DO $$
BEGIN
	FOR i IN 0..19 LOOP
		EXECUTE format('CREATE TABLE cache_part_%s PARTITION OF cache_parts FOR VALUES FROM (%s) TO (%s)', i, i * 1000, (i + 1) * 1000);
	END LOOP;
END $$;
INSERT INTO cache_parts SELECT i, i FROM generate_series(0, 19999) i;
CREATE INDEX cache_parts_k ON cache_parts USING alex (k) WITH (leaf_entries = 256);
SELECT * FROM cache_check('cache_parts');
SELECT count(*) FROM omendb.alex_cache_stats() WHERE index::text LIKE 'cache_part_%_k_idx';
SELECT pages, evictions FROM omendb.alex_cache_stats() WHERE index IS NULL \gset
SET omendb.alex_cache_size = '6kB';
SELECT n, same FROM cache_check('cache_parts');
SELECT bytes <= 6 * 1024 AS within, pages > 1 AS used, evictions > :evictions + 20 AS evicted
	FROM omendb.alex_cache_stats() WHERE index IS NULL;
-- room for nothing at all
SET omendb.alex_cache_size = '1kB';
SELECT n, same FROM cache_check('cache_t');
SELECT n, same FROM cache_check('cache_parts');
SELECT bytes <= 1024 AS within FROM omendb.alex_cache_stats() WHERE index IS NULL;
RESET omendb.alex_cache_size;
SELECT * FROM cache_check('cache_t');

-- what the setting refuses
DO $$
BEGIN
	SET omendb.alex_cache_size = -1;
EXCEPTION WHEN invalid_parameter_value THEN
	RAISE NOTICE 'refused: %', SQLSTATE;
END $$;
DO $$
BEGIN
	SET omendb.alex_cache_size = '2GB';
EXCEPTION WHEN invalid_parameter_value THEN
	RAISE NOTICE 'refused: %', SQLSTATE;
END $$;
SELECT unit, min_val, max_val, boot_val, context FROM pg_settings WHERE name = 'omendb.alex_cache_size';

DROP TABLE cache_keys, cache_t, cache_grow, cache_new, cache_temp, cache_parts;
DROP FUNCTION cache_by_index, cache_by_heap, cache_check, cache_blocks;

-- the pages of heap's rows are pinned by remembered buffers: the right rows after the buffers have changed hands, also beside a
-- temporary table's, and pages pruned by the scan as if heap had come to them
SET enable_seqscan = off;
SET enable_bitmapscan = off;
CREATE TABLE heap_pin (k bigint, n int, filler text) WITH (autovacuum_enabled = off);
CREATE TEMPORARY TABLE heap_pin_temp (k bigint, n int, filler text);
INSERT INTO heap_pin SELECT i, i, repeat('x', 500) FROM generate_series(1, 2000) i;
INSERT INTO heap_pin_temp SELECT i, -i, repeat('x', 500) FROM generate_series(1, 2000) i;
CREATE INDEX heap_pin_k ON heap_pin USING alex (k);
CREATE INDEX heap_pin_temp_k ON heap_pin_temp USING alex (k);
DO $$
BEGIN
	FOR turn IN 1..2 LOOP
		FOR i IN 1..2000 LOOP
			IF (SELECT n FROM heap_pin WHERE k = i) <> i OR (SELECT n FROM heap_pin_temp WHERE k = i) <> -i THEN
				RAISE EXCEPTION 'wrong row for key %', i;
			END IF;
		END LOOP;
		TRUNCATE heap_pin;
		INSERT INTO heap_pin SELECT i, i, repeat('x', 700) FROM generate_series(1, 2000) i;
	END LOOP;
END
$$;
TRUNCATE heap_pin;
INSERT INTO heap_pin VALUES (1, 0, repeat('x', 700));
VACUUM heap_pin;
\set ECHO errors
SELECT 'UPDATE heap_pin SET n = n + 1 WHERE k = 1' FROM generate_series(1, 100) \gexec
\set ECHO all
SELECT n, pg_relation_size('heap_pin') / current_setting('block_size')::int AS pages FROM heap_pin WHERE k = 1;
-- counted as any page that is found in shared buffers, also in pg_stat_io, which came in 16: two a lookup
CREATE FUNCTION heap_pin_hits(OUT by_table bigint, OUT by_io bigint) LANGUAGE plpgsql AS $$
BEGIN
	SELECT heap_blks_hit + idx_blks_hit INTO by_table FROM pg_statio_user_tables WHERE relname = 'heap_pin';
	by_io := by_table;
	IF current_setting('server_version_num')::int >= 160000 THEN
		EXECUTE 'SELECT sum(hits) FROM pg_stat_io WHERE backend_type = ''client backend'' AND object = ''relation''' INTO by_io;
	END IF;
END $$;
SELECT pg_stat_force_next_flush();
SELECT by_table AS table_before, by_io AS io_before FROM heap_pin_hits() \gset
DO $$
BEGIN
	FOR i IN 1..2000 LOOP
		PERFORM n FROM heap_pin WHERE k = 1;
	END LOOP;
END $$;
SELECT pg_stat_force_next_flush();
SELECT by_table - :table_before BETWEEN 4000 AND 4100 AS by_table, by_io - :io_before >= 4000 AS by_io FROM heap_pin_hits();
DROP FUNCTION heap_pin_hits;
-- the setting holds for what is remembered, too, in a session that has remembered some
SELECT count(*), sum(total_bytes) <= 1024 * 1024 + 8192 AS within FROM pg_backend_memory_contexts WHERE name = 'omendb heap pages';
SET omendb.alex_cache_size = '63kB';
SELECT k FROM heap_pin WHERE k = 1 AND n = 100;
SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'omendb heap pages';
SET omendb.alex_cache_size = '64kB';
SELECT k FROM heap_pin WHERE k = 1 AND n = 100;
SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'omendb heap pages';
SET omendb.alex_cache_size = 0;
SELECT k FROM heap_pin WHERE k = 1 AND n = 100;
SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'omendb heap pages';
RESET omendb.alex_cache_size;
RESET enable_seqscan;
RESET enable_bitmapscan;
DROP TABLE heap_pin, heap_pin_temp;
