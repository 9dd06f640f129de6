-- UPDATE, DELETE and locks of cold rows in one session: what they return, what is seen after, in every way to look.
CREATE TABLE w AS SELECT i AS id, i % 7 AS n, 'row ' || i AS t, CASE WHEN i % 3 > 0 THEN i * 1.5 END AS x,
	repeat(md5(i::text), i % 200) AS wide FROM generate_series(1, 640) i;
CALL must_be_cold('w');
CREATE TABLE before AS SELECT id, xmin AS x, ctid AS c, tableoid AS o FROM w;
ALTER TABLE w ADD PRIMARY KEY (id);
CREATE INDEX ON w (n);
CREATE INDEX ON w USING hash (t);
CREATE INDEX w_half ON w (x) WHERE id % 2 = 0;
CREATE INDEX ON w (lower(t));
-- along every path: an index-only scan gives what is in the index
CREATE FUNCTION look() RETURNS TABLE (path text, n bigint, ids bigint, ns bigint, widths bigint) LANGUAGE plpgsql
SET parallel_setup_cost = 0 SET parallel_tuple_cost = 0 SET min_parallel_table_scan_size = 0 AS $$
BEGIN
	FOREACH path IN ARRAY '{seqscan,indexscan,bitmapscan,indexonlyscan,parallel}'::text[] LOOP
		PERFORM set_config('enable_' || s, CASE WHEN s = path OR path = 'parallel' AND s = 'seqscan' OR path = 'indexonlyscan' AND s = 'indexscan' THEN 'on' ELSE 'off' END, true)
			FROM unnest('{seqscan,indexscan,bitmapscan,indexonlyscan}'::text[]) s;
		PERFORM set_config('max_parallel_workers_per_gather', CASE path WHEN 'parallel' THEN '2' ELSE '0' END, true);
		RETURN QUERY EXECUTE format('SELECT %L, count(*), %s, sum(n)::bigint, %s FROM w WHERE n >= -1000', path,
			CASE path WHEN 'indexonlyscan' THEN '0::bigint' ELSE 'sum(id)' END, CASE path WHEN 'indexonlyscan' THEN '0::bigint' ELSE 'sum(length(wide))::bigint' END);
	END LOOP;
	RESET enable_seqscan;
	RESET enable_indexscan;
	RESET enable_bitmapscan;
	RESET enable_indexonlyscan;
END $$;

-- returning
UPDATE w SET n = n + 100 WHERE id = 5 RETURNING *, x IS NULL AS none;
UPDATE w SET id = 1005, t = upper(t) WHERE id = 6 RETURNING id, t, tableoid::regclass;
UPDATE w SET wide = 'short' WHERE id = 199 RETURNING length(wide);
UPDATE w SET wide = repeat('long ', 5000) WHERE id = 200 RETURNING length(wide);
UPDATE w SET n = n WHERE id = 201 RETURNING length(wide), n;
UPDATE w SET (n, x) = (SELECT n + 1, sum(b.id) FROM before b WHERE b.id < 10) WHERE id = 7 RETURNING n, x;
UPDATE w SET t = DEFAULT, x = DEFAULT WHERE id = 8 RETURNING t, x;
DELETE FROM w WHERE id = 9 RETURNING w, *;
DELETE FROM w WHERE id = 9 RETURNING id;
UPDATE w SET n = 0 WHERE id = 9 RETURNING id;
WITH d AS (DELETE FROM w WHERE id BETWEEN 30 AND 40 RETURNING id, length(wide) AS l) SELECT count(*), sum(id), sum(l) FROM d;
WITH u AS (UPDATE w SET n = w.n + b.id FROM before b WHERE b.id = w.id AND b.id BETWEEN 41 AND 50 RETURNING w.id, w.n, b.id AS other)
	SELECT * FROM u ORDER BY id;
SELECT * FROM look();
SELECT * FROM w WHERE id IN (5, 1005, 6, 7, 8, 9) ORDER BY id;
SELECT id FROM w WHERE t = 'row 5' UNION ALL SELECT id FROM w WHERE t = 'ROW 6' UNION ALL SELECT id FROM w WHERE lower(t) = 'row 6';

-- what a row says of itself: as before if nobody has written to it, locks or not
SELECT count(*) FROM w JOIN before b USING (id) WHERE w.xmin = b.x AND w.ctid = b.c AND w.tableoid = b.o;
SELECT count(*), count(*) FILTER (WHERE xmin::text = pg_current_xact_id_if_assigned()::text) FROM w WHERE id BETWEEN 41 AND 50;
BEGIN;
SELECT count(*) FROM (SELECT 1 FROM w WHERE id BETWEEN 100 AND 120 FOR UPDATE) x;
UPDATE w SET n = n + 1 WHERE id BETWEEN 100 AND 105;
DELETE FROM w WHERE id BETWEEN 106 AND 110;
SELECT id, w.xmin::text = pg_current_xact_id()::text AS mine, w.xmin = b.x AS same, w.ctid = b.c AS here FROM w JOIN before b USING (id)
	WHERE id IN (100, 105, 106, 111, 120, 121) ORDER BY id;
SELECT id, xmax = 0 AS free FROM w WHERE id IN (121, 122) ORDER BY id;
ROLLBACK;
SELECT id, w.xmin = b.x AS same, w.ctid = b.c AS here FROM w JOIN before b USING (id) WHERE id IN (100, 105, 106, 111, 120, 121) ORDER BY id;
SELECT count(*) FROM (SELECT 1 FROM w WHERE id BETWEEN 100 AND 120 FOR KEY SHARE) x;
SELECT count(*) FROM w JOIN before b USING (id) WHERE w.xmin = b.x AND w.ctid = b.c;
SELECT * FROM look();

-- twice in one transaction, in one statement, in one command
BEGIN;
UPDATE w SET n = 1 WHERE id = 60;
UPDATE w SET n = n + 1 WHERE id = 60 RETURNING n;
UPDATE w SET id = 1060 WHERE id = 60 RETURNING id;
DELETE FROM w WHERE id = 1060 RETURNING n;
INSERT INTO w SELECT 60, 9, 'again', 1, 'w' RETURNING *;
UPDATE w SET n = n + 1 WHERE id = 60 RETURNING n;
COMMIT;
WITH one AS (UPDATE w SET n = -1 WHERE id = 61 RETURNING id), two AS (UPDATE w SET n = -2 WHERE id IN (61, 62) RETURNING id)
	SELECT (SELECT count(*) FROM one) + (SELECT count(*) FROM two);
SELECT count(*) FROM w WHERE id IN (61, 62) AND n < 0;
WITH one AS (DELETE FROM w WHERE id = 63 RETURNING n) SELECT w.n, one.n FROM w, one WHERE id = 63;
UPDATE w SET n = -3 FROM (VALUES (64, 1), (64, 2)) v (id, k) WHERE w.id = v.id RETURNING w.id;
UPDATE w SET id = id + 1 WHERE id = 639;
UPDATE w SET id = id + 2000 WHERE id BETWEEN 601 AND 620;
SELECT min(id), max(id), count(*) FROM w WHERE id BETWEEN 2000 AND 3000;

-- savepoints
BEGIN;
UPDATE w SET n = 1000 WHERE id = 70;
SAVEPOINT a;
UPDATE w SET n = 2000 WHERE id IN (70, 71);
SAVEPOINT b;
DELETE FROM w WHERE id IN (70, 71, 72);
SELECT id, n FROM w WHERE id BETWEEN 70 AND 72 ORDER BY id;
ROLLBACK TO b;
SELECT id, n FROM w WHERE id BETWEEN 70 AND 72 ORDER BY id;
UPDATE w SET n = n + 1 WHERE id BETWEEN 70 AND 72;
RELEASE b;
SELECT id, n FROM w WHERE id BETWEEN 70 AND 72 ORDER BY id;
ROLLBACK TO a;
SELECT id, n FROM w WHERE id BETWEEN 70 AND 72 ORDER BY id;
DELETE FROM w WHERE id = 71;
UPDATE w SET n = 1 / (n - n) WHERE id = 72;
ROLLBACK TO a;
UPDATE w SET n = 3000 WHERE id = 72;
COMMIT;
SELECT id, n FROM w WHERE id BETWEEN 70 AND 72 ORDER BY id;
BEGIN;
DO $$ BEGIN
	FOR i IN 80 .. 89 LOOP
		BEGIN
			UPDATE w SET n = 100 / (i % 3) WHERE id = i;
		EXCEPTION WHEN division_by_zero THEN
			DELETE FROM w WHERE id = i + 10;
		END;
	END LOOP;
END $$;
COMMIT;
SELECT id, n FROM w WHERE id BETWEEN 80 AND 99 ORDER BY id;
SELECT * FROM look();

-- many at once, taken back and not
BEGIN;
UPDATE w SET n = n + 1;
SELECT * FROM look();
DELETE FROM w WHERE id % 2 = 0;
SELECT * FROM look();
ROLLBACK;
SELECT * FROM look();
DELETE FROM w WHERE id % 5 = 0;
UPDATE w SET n = n + 10, t = t || '.' WHERE id % 3 = 0;
SELECT count(*) FROM (SELECT 1 FROM w FOR UPDATE) x;
SELECT * FROM look();
SELECT n % 10 AS k, count(*), sum(x), min(t), max(t), avg(id)::numeric(10,3) FROM w GROUP BY 1 ORDER BY 1;
SELECT count(*), count(x), count(DISTINCT n), bool_and(id % 5 <> 0 OR id > 1000 OR id = 640) FROM w;
SELECT sum(id) OVER (ORDER BY id ROWS 2 PRECEDING) FROM w WHERE id BETWEEN 1 AND 12 ORDER BY id;

-- places
SELECT count(*) FROM w a JOIN w b ON a.ctid = b.ctid;
SELECT count(*) FROM w WHERE ctid IN (SELECT ctid FROM w x WHERE x.id < 50);
SELECT count(*) FROM before b JOIN w ON w.ctid = b.c WHERE b.id IN (5, 9, 30) AND w.id NOT IN (5, 9, 30);
UPDATE w SET n = -5 WHERE ctid = (SELECT ctid FROM w x WHERE x.id = 4) RETURNING id, n;
DELETE FROM w WHERE ctid = ANY (ARRAY(SELECT ctid FROM w x WHERE x.id IN (11, 12, 13))) RETURNING n >= 0;
SELECT count(*) FROM w WHERE ctid = (SELECT c FROM before WHERE id = 9);
SELECT count(*) FROM w WHERE ctid >= (SELECT min(ctid) FROM w);
UPDATE w SET n = n + 1 WHERE ctid <= (SELECT max(ctid) FROM w) AND id < 5;

-- samples, copies, statistics
SELECT count(*), sum(id) FROM w TABLESAMPLE BERNOULLI (100);
SELECT count(*), sum(id) FROM w TABLESAMPLE SYSTEM (100);
SELECT (SELECT count(*) FROM w TABLESAMPLE BERNOULLI (50) REPEATABLE (1)) BETWEEN 150 AND 380;
COPY (SELECT id, n, t, x FROM w WHERE id < 20 ORDER BY id) TO STDOUT;
ANALYZE w;
SELECT abs(reltuples / (SELECT count(*) FROM w) - 1) < 0.1 FROM pg_class WHERE oid = 'w'::regclass;
VACUUM w;
SELECT abs(reltuples / (SELECT count(*) FROM w) - 1) < 0.1 FROM pg_class WHERE oid = 'w'::regclass;
SELECT * FROM look();
SELECT n_live_tup >= 0, n_dead_tup >= 0 FROM pg_stat_user_tables WHERE relname = 'w' AND schemaname = current_schema;

-- indexes that are built and rebuilt after
CREATE INDEX ON w (t, n);
CREATE UNIQUE INDEX ON w (id DESC, n);
REINDEX TABLE w;
SELECT * FROM look();
SELECT id, n FROM w WHERE t = 'row 7' OR t = 'row 21.' ORDER BY t, n;
CREATE UNIQUE INDEX ON w ((greatest(id, 2)));
INSERT INTO w (id, n) VALUES (1, 1);
INSERT INTO w (id, n) VALUES (5, 1), (9, 1);
UPDATE w SET id = 2 WHERE id = 3;
UPDATE w SET id = 3 WHERE id = 3;
CLUSTER w USING w_pkey;
SELECT * FROM look();
UPDATE w SET n = n + 1 WHERE id < 100;
VACUUM FULL w;
SELECT * FROM look();
DELETE FROM w;
SELECT * FROM look();
INSERT INTO w SELECT i, i, 'new', i, 'w' FROM generate_series(1, 20) i;
VACUUM w;
SELECT * FROM look();
TRUNCATE w;
SELECT * FROM look();
BEGIN;
INSERT INTO w SELECT i, i, 'new', i, 'w' FROM generate_series(1, 20) i;
DELETE FROM w WHERE id > 10;
ROLLBACK;
SELECT * FROM look();
