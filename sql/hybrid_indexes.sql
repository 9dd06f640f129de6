-- Indexes of every kind over hot and cold rows together, by every kind of scan: each answer is compared
-- with that of a heap copy.

SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET enable_seqscan = off;
SET effective_io_concurrency = 100;
SET DateStyle = ISO;
SET TimeZone = 'UTC';
SET omendb.row_group_rows = 700;
\a
\t

-- The query on the omendb table as it is planned, the rows it has, and how many of these the query on heap has
-- not or the other way round.  %s or %1$s stands for the table.
CREATE FUNCTION hybrid_compare(query text, plan bool DEFAULT true) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
	wrong bigint;
BEGIN
	IF plan THEN
		RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || format(query, 'hybrid_k');
	END IF;
	EXECUTE format('WITH a AS MATERIALIZED (SELECT q::text FROM (%s) q), b AS MATERIALIZED (SELECT q::text FROM (%s) q)
		SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM (TABLE a EXCEPT ALL TABLE b) d) +
			(SELECT count(*) FROM (TABLE b EXCEPT ALL TABLE a) d)', format(query, 'hybrid_k'), format(query, 'hybrid_h'))
		INTO n, wrong;
	RETURN NEXT format('%s rows, %s wrong', n, wrong);
END $$;

-- cold, hot, cold, hot; then rows that come in when there are indexes
CREATE TABLE hybrid_h (id int, n int, t text COLLATE "C", tags int[], r int4range, p point, d jsonb, x text) WITH (autovacuum_enabled = off);
CREATE TABLE hybrid_k (LIKE hybrid_h) USING omendb WITH (autovacuum_enabled = off);
INSERT INTO hybrid_h SELECT i, CASE WHEN i % 11 > 0 THEN i * 7919 % 1000 END, CASE WHEN i % 13 > 0 THEN 'name' || i % 300 END,
		CASE WHEN i % 17 > 0 THEN ARRAY[i % 50, i % 71, 100 + i % 3] END,
		CASE WHEN i % 19 > 0 THEN int4range(i, i + i % 40) END,
		CASE WHEN i % 23 > 0 THEN point(i * 31 % 977, i * 57 % 991) END,
		jsonb_build_object('k', i % 90, 's', ARRAY['a' || i % 7, 'b' || i % 31]), repeat('x', i % 100)
	FROM generate_series(1, 6000) i;
SELECT current_setting('data_directory') || '/hybrid_indexes.copy' AS file \gset
COPY (SELECT * FROM hybrid_h WHERE id BETWEEN 1 AND 2100) TO :'file';
COPY hybrid_k FROM :'file';
INSERT INTO hybrid_k SELECT * FROM hybrid_h WHERE id BETWEEN 2101 AND 2500;
COPY (SELECT * FROM hybrid_h WHERE id BETWEEN 2501 AND 5000) TO :'file';
COPY hybrid_k FROM :'file';
INSERT INTO hybrid_k SELECT * FROM hybrid_h WHERE id BETWEEN 5001 AND 5400;
CREATE INDEX hybrid_btree ON hybrid_k (n, id) INCLUDE (t);
CREATE INDEX hybrid_alex ON hybrid_k USING alex (id);
CREATE INDEX hybrid_hash ON hybrid_k USING hash (t);
CREATE INDEX hybrid_gin ON hybrid_k USING gin (tags);
CREATE INDEX hybrid_json ON hybrid_k USING gin (d jsonb_path_ops);
CREATE INDEX hybrid_gist ON hybrid_k USING gist (r);
CREATE INDEX hybrid_quad ON hybrid_k USING spgist (p);
CREATE INDEX CONCURRENTLY hybrid_radix ON hybrid_k USING spgist (t);
CREATE INDEX CONCURRENTLY hybrid_expression ON hybrid_k ((id % 100), upper(t));
CREATE INDEX hybrid_partial ON hybrid_k (n) WHERE id % 5 = 0;
INSERT INTO hybrid_k SELECT * FROM hybrid_h WHERE id > 5400;
UPDATE hybrid_k SET n = n + 1, tags = tags || 7 WHERE id BETWEEN 4900 AND 5600 AND id % 3 = 0;
UPDATE hybrid_h SET n = n + 1, tags = tags || 7 WHERE id BETWEEN 4900 AND 5600 AND id % 3 = 0;
DELETE FROM hybrid_k WHERE id > 1900 AND id < 2500 AND id % 4 = 0;
DELETE FROM hybrid_h WHERE id > 1900 AND id < 2500 AND id % 4 = 0;
VACUUM ANALYZE hybrid_k;
UPDATE hybrid_k SET t = 'later', x = 'y' WHERE id IN (7, 2101, 4001, 5999);
DELETE FROM hybrid_k WHERE id IN (107, 2111);
UPDATE hybrid_h SET t = 'later', x = 'y' WHERE id IN (7, 2101, 4001, 5999);
DELETE FROM hybrid_h WHERE id IN (107, 2111);
SELECT count(*) FILTER (WHERE (ctid::text::point)[0] >= 2147483648) AS cold,
	count(*) FILTER (WHERE (ctid::text::point)[0] < 2147483648) AS hot FROM hybrid_k;
CREATE INDEX ON hybrid_k USING brin (id);

-- index scans
SET enable_bitmapscan = off;
SET enable_indexonlyscan = off;
SELECT hybrid_compare('SELECT * FROM %s WHERE n = 343');
SELECT hybrid_compare('SELECT * FROM %s WHERE n IN (1, 500, 777) AND id < 4000');
SELECT hybrid_compare('SELECT id, n FROM %s WHERE n IS NULL AND id > 2000 ORDER BY n, id');
SELECT hybrid_compare('SELECT id, n, x FROM %s WHERE n BETWEEN 100 AND 200 ORDER BY n DESC, id DESC LIMIT 100');
SELECT hybrid_compare('SELECT * FROM %s WHERE t = ''name17''');
SELECT hybrid_compare('SELECT * FROM %s WHERE t ^@ ''name29''', false);
SELECT hybrid_compare('SELECT * FROM %s WHERE r @> 2101');
SELECT hybrid_compare('SELECT id, r FROM %s WHERE r && int4range(2090, 2110)');
SELECT hybrid_compare('SELECT id, p FROM %s WHERE p <@ box ''((100,100),(200,200))''');
SELECT hybrid_compare('SELECT id, p <-> point ''(500,500)'' AS far FROM %s ORDER BY p <-> point ''(500,500)'' LIMIT 50');
SELECT hybrid_compare('SELECT id, t FROM %s WHERE id %% 100 = 42 AND upper(t) = ''NAME42''');
SELECT hybrid_compare('SELECT id, n FROM %s WHERE n > 990 AND id %% 5 = 0');
SELECT hybrid_compare('SELECT * FROM %s WHERE id BETWEEN 2480 AND 2520');
SELECT hybrid_compare('SELECT id FROM %s WHERE id > 4990 ORDER BY id LIMIT 20');

-- index-only scans
SET enable_indexonlyscan = on;
SELECT hybrid_compare('SELECT id, n, t FROM %s WHERE n = 343');
SELECT hybrid_compare('SELECT id FROM %s WHERE id BETWEEN 2480 AND 5120');
SELECT hybrid_compare('SELECT r FROM %s WHERE r && int4range(2090, 2110)');
SELECT hybrid_compare('SELECT p FROM %s WHERE p <@ box ''((100,100),(200,200))''');
SELECT hybrid_compare('SELECT n FROM %s WHERE n > 990 AND id %% 5 = 0');

-- bitmap scans
SET enable_indexscan = off;
SET enable_bitmapscan = on;
SELECT hybrid_compare('SELECT * FROM %s WHERE n BETWEEN 300 AND 343');
SELECT hybrid_compare('SELECT * FROM %s WHERE id > 1000');
SELECT hybrid_compare('SELECT * FROM %s WHERE t = ''name17''');
SELECT hybrid_compare('SELECT * FROM %s WHERE t IS NULL', false);
SELECT hybrid_compare('SELECT * FROM %s WHERE tags @> ''{7}''');
SELECT hybrid_compare('SELECT * FROM %s WHERE tags && ''{7, 11, 100}''');
SELECT hybrid_compare('SELECT * FROM %s WHERE tags <@ ''{7, 36, 100, 101, 102}''');
SELECT hybrid_compare('SELECT * FROM %s WHERE d @> ''{"k": 5}''');
SELECT hybrid_compare('SELECT * FROM %s WHERE d @@ ''$.s[*] == "a3" && $.k > 80''');
SELECT hybrid_compare('SELECT * FROM %s WHERE r && int4range(2000, 2600)');
SELECT hybrid_compare('SELECT * FROM %s WHERE p <@ box ''((100,100),(300,300))''');
SELECT hybrid_compare('SELECT * FROM %s WHERE id %% 100 = 42');
SELECT hybrid_compare('SELECT * FROM %s WHERE n > 900 AND id %% 5 = 0');
SELECT hybrid_compare('SELECT * FROM %s WHERE tags @> ''{7}'' AND t = ''name57''');
SELECT hybrid_compare('SELECT * FROM %s WHERE tags @> ''{7}'' OR r @> 2510 OR n = 5');
SELECT hybrid_compare('SELECT count(*), sum(n), min(x) FROM %s WHERE tags @> ''{7}'' OR d @> ''{"k": 5}''');
SELECT hybrid_compare('SELECT 1 FROM %s WHERE tags @> ''{7, 100}''');

-- a bitmap under each number of prefetched pages; parallel; anew for each row of a join, a cursor, a function
SET effective_io_concurrency = 0;
SELECT hybrid_compare('SELECT * FROM %s WHERE tags @> ''{7}''', false);
SET effective_io_concurrency = 1;
SELECT hybrid_compare('SELECT * FROM %s WHERE tags @> ''{7}''', false);
SET effective_io_concurrency = 1000;
SELECT hybrid_compare('SELECT * FROM %s WHERE tags @> ''{7}''', false);
SELECT count(*) FROM (SELECT * FROM hybrid_k WHERE id > 0 LIMIT 3) few;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT hybrid_compare('SELECT count(*), sum(n), max(t) FROM %s WHERE tags && ''{7, 11, 100}''');
SELECT count(*) FROM hybrid_k WHERE tags && '{7, 11, 100}';
SELECT count(*), sum(id) FROM hybrid_k WHERE d @> '{"k": 5}' OR tags @> '{7}';
SELECT count(*), sum(id) FROM hybrid_h WHERE d @> '{"k": 5}' OR tags @> '{7}';
SET max_parallel_workers_per_gather = 0;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SET enable_memoize = off;
SELECT hybrid_compare('SELECT v, k.* FROM generate_series(1, 40, 3) v JOIN %s k ON k.tags @> ARRAY[v, 100]');
SELECT hybrid_compare('SELECT v, (SELECT count(*) FROM %s k WHERE k.tags @> ARRAY[v, 101]) FROM generate_series(1, 40, 3) v');
SELECT hybrid_compare('WITH c AS MATERIALIZED (SELECT id, n FROM %1$s WHERE n < 20)
	SELECT c.id, k.x FROM c JOIN %1$s k ON k.r @> c.id WHERE k.n > 500');
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM hybrid_k WHERE tags @> '{7, 102}' AND id > 2000;
FETCH 2 FROM c;
DECLARE h CURSOR WITH HOLD FOR SELECT id FROM hybrid_k WHERE tags @> '{7, 102}' AND id > 4000;
MOVE 150 FROM c;
COMMIT;
FETCH 2 FROM h;
CLOSE h;
CREATE FUNCTION hybrid_tagged(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM hybrid_k WHERE tags @> ARRAY[$1, 100]';
CREATE FUNCTION hybrid_loop(int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	total bigint := 0;
	r record;
BEGIN
	FOR r IN SELECT id, x FROM hybrid_k WHERE tags @> ARRAY[$1, 100] LOOP
		total := total + 1;
	END LOOP;
	RETURN total;
END $$;
SET plan_cache_mode = force_generic_plan;
PREPARE q(int) AS SELECT count(*) FROM hybrid_k WHERE tags @> ARRAY[$1, 100];
EXECUTE q(7);
EXECUTE q(8);
SELECT hybrid_tagged(7), hybrid_loop(7), hybrid_tagged(8), hybrid_loop(8);
COPY (SELECT count(*) FROM hybrid_k WHERE tags @> '{7, 100}') TO STDOUT;
RESET plan_cache_mode;

-- changes that find their rows by bitmaps, and that ask for others by them
RESET enable_hashjoin;
CREATE FUNCTION hybrid_change(t text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	CREATE TEMP TABLE log (id int, n bigint) ON COMMIT DROP;
	EXECUTE format('UPDATE %s SET x = ''z'' WHERE tags @> ''{7}'' AND id > 1000', t);
	EXECUTE format('WITH gone AS (DELETE FROM %s WHERE tags @> ''{9, 100}'' AND id > 1000 RETURNING id)
		INSERT INTO log SELECT id FROM gone', t);
	EXECUTE format('INSERT INTO log SELECT id, n FROM %s WHERE tags @> ''{7}''', t);
	EXECUTE format('UPDATE log l SET n = (SELECT count(*) FROM %s k WHERE k.tags @> ARRAY[l.id %% 40, 100]) WHERE id %% 64 = 1', t);
	EXECUTE format('UPDATE log l SET n = 1 FROM %s k WHERE k.r @> l.id AND k.id = l.id - 1', t);
	EXECUTE format('DELETE FROM log l USING (SELECT id FROM %1$s WHERE tags @> ''{8}'' UNION ALL
		SELECT id FROM %1$s WHERE tags @> ''{7}'') k WHERE l.id = k.id AND l.id %% 2 = 0', t);
	EXECUTE format('MERGE INTO log l USING (SELECT id, n FROM %s WHERE tags @> ''{8}'') k ON l.id = k.id
		WHEN MATCHED THEN UPDATE SET n = 0 WHEN NOT MATCHED THEN INSERT VALUES (k.id, k.n)', t);
	EXECUTE format('SELECT count(*) FROM (SELECT id FROM %s WHERE tags @> ''{7, 100}'' AND id > 1000 FOR UPDATE) l', t)
		INTO result;
	SELECT format('%s %s %s %s', result, count(*), sum(id), sum(n)) INTO result FROM log;
	DROP TABLE log;
	RETURN result;
END $$;
BEGIN;
EXPLAIN (COSTS OFF) UPDATE hybrid_k SET x = 'z' WHERE tags @> '{7}' AND id > 1000;
SELECT hybrid_change('hybrid_k');
SELECT hybrid_change('hybrid_h');
SELECT hybrid_compare('SELECT * FROM %s', false);
ROLLBACK;
SELECT hybrid_compare('SELECT * FROM %s WHERE tags @> ''{7}''', false);

-- built anew, and after a rewrite
REINDEX INDEX CONCURRENTLY hybrid_gin;
REINDEX INDEX CONCURRENTLY hybrid_quad;
REINDEX INDEX hybrid_alex;
SELECT hybrid_compare('SELECT * FROM %s WHERE tags @> ''{7}'' OR r @> 2510 OR n = 5 OR t = ''later''', false);
SELECT * FROM omendb.check('hybrid_k');
CLUSTER hybrid_k USING hybrid_btree;
SELECT hybrid_compare('SELECT * FROM %s WHERE tags @> ''{7}'' OR r @> 2510 OR n = 5 OR t = ''later''', false);

-- a bitmap too large for work_mem: whole blocks, real and virtual, whose rows are checked again
CREATE TABLE hybrid_l (id int) USING omendb WITH (autovacuum_enabled = off);
RESET omendb.row_group_rows;
COPY hybrid_l FROM PROGRAM 'seq 1 250000';
INSERT INTO hybrid_l SELECT generate_series(250001, 260000);
CREATE INDEX hybrid_mod ON hybrid_l ((id % 200)) WHERE id % 200 < 10;
VACUUM ANALYZE hybrid_l;
DELETE FROM hybrid_l WHERE id > 249000 AND id % 3 = 0;
SET work_mem = '64kB';
CREATE FUNCTION hybrid_lossy(query text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line ~ 'lossy=[0-9]' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;
SELECT hybrid_lossy('SELECT * FROM hybrid_l WHERE id % 200 = 7');
SELECT count(*), sum(id), max(ctid) FROM hybrid_l WHERE id % 200 = 7;
SELECT count(*), sum(id) FROM hybrid_l WHERE id % 200 = 7 OR id % 200 = 9;
SET max_parallel_workers_per_gather = 2;
SELECT count(*), sum(id), max(ctid) FROM hybrid_l WHERE id % 200 = 7;
RESET enable_seqscan;
SET enable_bitmapscan = off;
SELECT count(*), sum(id), max(ctid) FROM hybrid_l WHERE id % 200 = 7;
SELECT count(*), sum(id) FROM hybrid_l WHERE id % 200 IN (7, 9);

DROP TABLE hybrid_k, hybrid_h, hybrid_l;
