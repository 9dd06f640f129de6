-- omendb tables: hot and cold rows side by side in every way of reading and changing them.
-- hybrid_load has the ways in which rows come in, hybrid_ddl what is done to a table as a whole.

SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET DateStyle = ISO;
SET TimeZone = 'UTC';
SELECT omendb.version() IS NOT NULL AS loaded;
SELECT current_setting('data_directory') || '/hybrid_basic.copy' AS file \gset

-- groups but free ones, by state; rows that a scan sees, by region; what omendb.check says
CREATE FUNCTION hybrid_look(t regclass, OUT groups text, OUT cold bigint, OUT hot bigint, OUT problems text)
LANGUAGE plpgsql AS $$
BEGIN
	SELECT string_agg(format('%s %s', n, state), ', ' ORDER BY state) INTO groups
	FROM (SELECT state, count(*) AS n FROM omendb.row_groups(t) WHERE state NOT IN ('free', 'directory') GROUP BY state) s;
	EXECUTE format('SELECT count(*) FILTER (WHERE (ctid::text::point)[0] >= 2147483648),
		count(*) FILTER (WHERE (ctid::text::point)[0] < 2147483648) FROM %s', t) INTO cold, hot;
	SELECT string_agg(format('%s: %s', block, problem), '; ' ORDER BY block, problem) INTO problems
	FROM omendb.check(t);
END $$;

-- rows that are in one of two tables only
CREATE FUNCTION hybrid_differ(a regclass, b regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM ((SELECT x::text FROM %1$s x EXCEPT ALL SELECT x::text FROM %2$s x)
		UNION ALL (SELECT x::text FROM %2$s x EXCEPT ALL SELECT x::text FROM %1$s x)) d', a, b) INTO n;
	RETURN n;
END $$;

-- A walk with a scrollable cursor, its steps drawn from a seed: NULL, or where it was not on the row that
-- a plain run of the query has there.
CREATE FUNCTION hybrid_walk(query text, seed bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	c refcursor;
	h bigint := seed * 7919 + 17;
	all_rows text[];
	n int;
	far int;
	at int := 0;
	v record;
	moves text := '';
BEGIN
	EXECUTE format('SELECT coalesce(array_agg(r::text), ''{}'') FROM (%s) r', query) INTO all_rows;
	n := cardinality(all_rows);
	OPEN c SCROLL FOR EXECUTE query;
	FOR i IN 1 .. 120 LOOP
		h := (h * 1103515245 + 12345) & 2147483647;
		far := (h >> 20) % (n / 3 + 2);
		CASE (h >> 8) % 16
			WHEN 0, 1, 2, 3 THEN FETCH NEXT FROM c INTO v; at := least(at + 1, n + 1);
			WHEN 4, 5, 6 THEN FETCH PRIOR FROM c INTO v; at := greatest(at - 1, 0);
			WHEN 7, 8, 9 THEN MOVE FORWARD far IN c; FETCH NEXT FROM c INTO v; at := least(at + far + 1, n + 1);
			WHEN 10, 11 THEN MOVE BACKWARD far IN c; FETCH PRIOR FROM c INTO v; at := greatest(at - far - 1, 0);
			WHEN 12 THEN FETCH LAST FROM c INTO v; at := n;
			WHEN 13 THEN FETCH FIRST FROM c INTO v; at := least(1, n + 1);
			WHEN 14 THEN FETCH ABSOLUTE far * 2 FROM c INTO v; at := least(far * 2, n + 1);
			ELSE MOVE FORWARD ALL IN c; FETCH PRIOR FROM c INTO v; at := n;
		END CASE;
		moves := moves || ' ' || at;
		IF FOUND <> (at BETWEEN 1 AND n) THEN
			RETURN format('%s of %s:%s: %s', at, n, moves, CASE WHEN FOUND THEN v::text ELSE 'no row' END);
		ELSIF FOUND AND v::text IS DISTINCT FROM all_rows[at] THEN
			RETURN format('%s of %s:%s: %s, not %s', at, n, moves, v, all_rows[at]);
		END IF;
	END LOOP;
	CLOSE c;
	RETURN NULL;
END $$;

-- the setting
SHOW omendb.row_group_rows;
SET omendb.row_group_rows = 15;
\echo :LAST_ERROR_SQLSTATE
SET omendb.row_group_rows = 131073;
SET omendb.row_group_rows = 131072;
SET omendb.row_group_rows = 16;

-- an empty table
CREATE TABLE hybrid_t (id int, v text) USING omendb;
SELECT * FROM hybrid_look('hybrid_t');
SELECT * FROM hybrid_t;
SELECT count(*), max(id) FROM hybrid_t;
VACUUM hybrid_t;
ANALYZE hybrid_t;
SELECT * FROM omendb.row_groups('hybrid_t');

-- 20 rows: a group of 16, and 4 hot ones
COPY hybrid_t FROM stdin;
1	one
2	two
3	\N
4	four
\N	five
6	
7	seven
8	eight
9	nine
10	ten
11	\N
12	twelve
\N	\N
14	fourteen
15	fifteen
16	sixteen
17	seventeen
18	\N
19	nineteen
\N	twenty
\.
SELECT * FROM hybrid_t ORDER BY id, v;
SELECT * FROM hybrid_look('hybrid_t');
SELECT group_id, first_row, rows, state, xmin::text::bigint > 2 AS xmin, pages, start_block > 0 AS start_block,
	stream_bytes BETWEEN 1 AND 8136 AS stream_bytes, raw_bytes > 100 AS raw_bytes,
	encodings IS NOT NULL AS encodings
FROM omendb.row_groups('hybrid_t') ORDER BY first_row;
-- the next group starts at the next multiple of 256
COPY hybrid_t FROM stdin;
21	a
22	a
23	a
24	a
25	a
26	a
27	a
28	a
29	a
30	a
31	a
32	a
33	a
34	a
35	a
36	a
\.
SELECT group_id, first_row, rows, state FROM omendb.row_groups('hybrid_t') ORDER BY first_row;
SELECT ctid FROM hybrid_t WHERE id IN (1, 16, 21, 36) ORDER BY id;
SELECT * FROM hybrid_look('hybrid_t');
-- less than a group: all hot
COPY hybrid_t FROM stdin;
41	b
42	b
\.
INSERT INTO hybrid_t VALUES (43, 'c'), (44, NULL);
SELECT * FROM hybrid_look('hybrid_t');
SELECT count(*), count(id), count(v), sum(id), min(v), max(v) FROM hybrid_t;

-- 250 rows: two groups of 100, 50 hot ones.  And the same in heap.
SET omendb.row_group_rows = 100;
CREATE TABLE hybrid_h AS
	SELECT i AS id, i * 7 % 50 AS k, CASE WHEN i % 11 > 0 THEN i / 4.0::float8 END AS f,
		(i * 37 % 1000 / 100.0)::numeric(10,2) AS n, CASE WHEN i % 5 > 0 THEN 'row ' || i END AS t,
		date '2024-01-01' + i AS d, CASE WHEN i > 120 THEN i % 2 = 0 END AS b
	FROM generate_series(1, 250) i;
CREATE TABLE hybrid_c USING omendb AS TABLE hybrid_h;
SELECT * FROM hybrid_look('hybrid_c');
SELECT hybrid_differ('hybrid_c', 'hybrid_h');
-- some more that are hot: updated, deleted, aborted
INSERT INTO hybrid_c SELECT i, i % 50, NULL, 1, 'hot ' || i, NULL, true FROM generate_series(251, 300) i;
INSERT INTO hybrid_h SELECT i, i % 50, NULL, 1, 'hot ' || i, NULL, true FROM generate_series(251, 300) i;
UPDATE hybrid_c SET k = k + 100, t = t || '!' WHERE id BETWEEN 215 AND 280 AND id % 3 = 0;
UPDATE hybrid_h SET k = k + 100, t = t || '!' WHERE id BETWEEN 215 AND 280 AND id % 3 = 0;
DELETE FROM hybrid_c WHERE id > 200 AND id % 7 = 0;
DELETE FROM hybrid_h WHERE id > 200 AND id % 7 = 0;
BEGIN;
DELETE FROM hybrid_c WHERE id > 220;
INSERT INTO hybrid_c SELECT 1000 + i FROM generate_series(1, 100) i;
ROLLBACK;
SELECT * FROM hybrid_look('hybrid_c');
SELECT hybrid_differ('hybrid_c', 'hybrid_h');

-- projections, filters, orders, groups, joins
SELECT count(*), count(f), sum(f), sum(n), count(t), min(d), max(d), bool_or(b), count(b) FROM hybrid_c;
SELECT count(*) FROM hybrid_c WHERE f IS NULL;
SELECT count(*) FROM hybrid_c WHERE t IS NULL AND k > 25;
SELECT id, t FROM hybrid_c WHERE id IN (1, 100, 101, 200, 201, 250, 251, 300) ORDER BY id;
SELECT id, n FROM hybrid_c WHERE n = 9.99 OR d = '2024-03-01' ORDER BY id;
SELECT k, count(*), sum(id) FROM hybrid_c GROUP BY k HAVING count(*) > 6 ORDER BY k;
SELECT id FROM hybrid_c ORDER BY n DESC, id LIMIT 5;
SELECT id FROM hybrid_c ORDER BY id DESC OFFSET 95 LIMIT 3;
SELECT count(*) FROM hybrid_c c JOIN hybrid_h h USING (id, k) WHERE c.t IS NOT DISTINCT FROM h.t;
SELECT count(*), sum(c.id) FROM hybrid_c c WHERE EXISTS (SELECT FROM hybrid_c d WHERE d.k = c.id AND d.id > 200);
SELECT count(*) FROM hybrid_c c WHERE NOT EXISTS (SELECT FROM hybrid_c d WHERE d.k = c.id);
SELECT count(DISTINCT k), count(DISTINCT t), count(DISTINCT b) FROM hybrid_c;
SELECT max(s) FROM (SELECT sum(id) OVER (PARTITION BY k ORDER BY id) AS s FROM hybrid_c) w;
SELECT (SELECT t FROM hybrid_c c WHERE c.id = g), (SELECT h.* IS NOT DISTINCT FROM c.* FROM hybrid_h h, hybrid_c c
	WHERE h.id = g AND c.id = g) AS same FROM generate_series(98, 103) g;
SELECT c FROM hybrid_c c WHERE id IN (120, 121, 297) ORDER BY id;
SELECT 1 AS one FROM hybrid_c WHERE id = 7;
SELECT count(*) FROM hybrid_c WHERE false;
-- a column that only the filter needs, columns only behind it, a rescan
SELECT count(*) FROM hybrid_c WHERE b;
SELECT b, d FROM hybrid_c WHERE id = 150;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SET enable_memoize = off;
SELECT count(*), sum(a.id) FROM (SELECT * FROM hybrid_c WHERE id % 50 = 0) a JOIN hybrid_c b ON b.k = a.k;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
RESET enable_memoize;
COPY (SELECT id, k, t FROM hybrid_c WHERE id BETWEEN 99 AND 102 ORDER BY id) TO stdout;
CREATE TABLE hybrid_back (LIKE hybrid_h);
COPY hybrid_c TO :'file';
COPY hybrid_back FROM :'file';
SELECT hybrid_differ('hybrid_back', 'hybrid_h');
TRUNCATE hybrid_back;
COPY hybrid_c (id, t) TO :'file' (FORMAT binary);
COPY hybrid_back (id, t) FROM :'file' (FORMAT binary);
SELECT count(*) FROM hybrid_back JOIN hybrid_h USING (id) WHERE hybrid_back.t IS NOT DISTINCT FROM hybrid_h.t;
DROP TABLE hybrid_back;

-- system columns
SELECT (ctid::text::point)[0] >= 2147483648 AS cold, count(*), count(DISTINCT ctid) AS ctids, min(ctid) AS first,
	count(DISTINCT tableoid) AS tableoids, bool_and(tableoid = 'hybrid_c'::regclass) AS tableoid,
	bool_and(cmin IS NOT NULL AND cmax IS NOT NULL) AS cids
FROM hybrid_c GROUP BY 1 ORDER BY 1 DESC;
SELECT count(*) FROM hybrid_c c WHERE (ctid::text::point)[0] >= 2147483648 AND xmax <> 0;
BEGIN;
CREATE TABLE hybrid_x USING omendb AS SELECT i AS id FROM generate_series(1, 150) i;
SELECT count(*), count(DISTINCT xmin::text) AS xmins, bool_and(xmin::text = pg_current_xact_id()::xid::text) AS mine FROM hybrid_x;
COMMIT;
DROP TABLE hybrid_x;

-- by TID: of each row its own, none where there is none
SELECT count(*) FROM (SELECT ctid AS place, id FROM hybrid_c) a,
	LATERAL (SELECT id FROM hybrid_c b WHERE b.ctid = a.place) b WHERE a.id = b.id;
EXPLAIN (COSTS OFF) SELECT id FROM hybrid_c WHERE ctid = '(2147483648,3)';
SELECT id, k FROM hybrid_c WHERE ctid = '(2147483648,3)';
SELECT id FROM hybrid_c WHERE ctid = '(2147483648,100)';
SELECT id FROM hybrid_c WHERE ctid = '(2147483648,101)';
SELECT id FROM hybrid_c WHERE ctid = '(2147483648,256)';
SELECT id FROM hybrid_c WHERE ctid = '(2147483648,257)';
SELECT id FROM hybrid_c WHERE ctid = '(2147483648,0)';
SELECT id FROM hybrid_c WHERE ctid = '(2147483649,1)';
SELECT id FROM hybrid_c WHERE ctid = '(2147483650,1)';
SELECT id FROM hybrid_c WHERE ctid = '(4294967294,1)';
SELECT id FROM hybrid_c WHERE ctid = '(4294967295,1)';
SELECT id FROM hybrid_c WHERE ctid = '(2147483647,1)';
-- the metapage and the pages of groups hold no row
SELECT count(*) FROM hybrid_c WHERE ctid = ANY (ARRAY(SELECT format('(%s,%s)', b, o)::tid
	FROM generate_series(0, 20) b, generate_series(1, 291) o));
SELECT id FROM hybrid_c WHERE ctid = ANY ('{"(2147483649,99)","(2147483649,100)","(2147483649,101)","(2147483648,1)"}')
	ORDER BY id;
-- ranges of TIDs
EXPLAIN (COSTS OFF) SELECT id FROM hybrid_c WHERE ctid >= '(2147483648,0)';
SELECT count(*), min(id), max(id) FROM hybrid_c WHERE ctid >= '(2147483648,0)';
SELECT count(*), min(id), max(id) FROM hybrid_c WHERE ctid < '(2147483648,0)';
SELECT count(*), min(id), max(id) FROM hybrid_c WHERE ctid <= '(2147483648,5)' AND ctid > '(2147483648,1)';
SELECT count(*), min(id), max(id) FROM hybrid_c WHERE ctid > '(2147483648,90)' AND ctid < '(2147483649,10)';
SELECT count(*), min(id), max(id) FROM hybrid_c WHERE ctid > '(2147483648,100)' AND ctid < '(2147483649,1)';
SELECT count(*), min(id), max(id) FROM hybrid_c WHERE ctid > '(2147483649,100)';
SELECT count(*), min(id), max(id) FROM hybrid_c WHERE ctid > '(4294967294,0)';
SELECT count(*), min(id), max(id) FROM hybrid_c WHERE ctid >= '(0,0)' AND ctid <= '(4294967295,65535)';
SELECT count(*), min(id), max(id) FROM hybrid_c WHERE ctid < '(0,1)';
SELECT count(*) FROM hybrid_c a, LATERAL (SELECT min(id) AS least FROM hybrid_c b WHERE b.ctid >= a.ctid
	AND b.ctid <= a.ctid) b WHERE b.least = a.id;

-- samples
SELECT count(*), sum(id) FROM hybrid_c TABLESAMPLE BERNOULLI (100);
SELECT count(*), sum(id) FROM hybrid_c TABLESAMPLE SYSTEM (100);
SELECT count(*) FROM hybrid_c TABLESAMPLE BERNOULLI (0);
SELECT count(*) FROM hybrid_c TABLESAMPLE SYSTEM (0);
SELECT count(*) BETWEEN 60 AND 220 AS half, count(*) = count(DISTINCT id) AS once
	FROM hybrid_c TABLESAMPLE BERNOULLI (50) REPEATABLE (3);
SELECT (SELECT array_agg(id) FROM hybrid_c TABLESAMPLE BERNOULLI (30) REPEATABLE (7))
	= (SELECT array_agg(id) FROM hybrid_c TABLESAMPLE BERNOULLI (30) REPEATABLE (7)) AS again;
SELECT bool_or(cold) AS cold, bool_or(NOT cold) AS hot FROM (SELECT (ctid::text::point)[0] >= 2147483648 AS cold
	FROM hybrid_c TABLESAMPLE BERNOULLI (50) REPEATABLE (3)) s;

-- cursors
SELECT hybrid_walk(q, seed) FROM generate_series(1, 12) seed, unnest(ARRAY[
	'SELECT id, t FROM hybrid_c',
	'SELECT * FROM hybrid_c WHERE k < 20',
	'SELECT ctid, id FROM hybrid_c WHERE b OR t IS NULL',
	'SELECT id FROM hybrid_c WHERE ctid > ''(2147483648,80)'' AND ctid < ''(2147483649,20)''',
	'SELECT id FROM hybrid_c WHERE ctid >= ''(0,1)''',
	'SELECT id FROM hybrid_c WHERE ctid < ''(2147483648,3)''',
	'SELECT id FROM hybrid_c WHERE false',
	'SELECT id FROM hybrid_t']) q WHERE hybrid_walk(q, seed) IS NOT NULL;
-- held beyond the transaction; only forward; the row last fetched
BEGIN;
DECLARE held SCROLL CURSOR WITH HOLD FOR SELECT id FROM hybrid_c ORDER BY id;
FETCH 2 FROM held;
COMMIT;
MOVE 97 FROM held;
FETCH 3 FROM held;
FETCH BACKWARD 2 FROM held;
FETCH LAST FROM held;
CLOSE held;
BEGIN;
DECLARE ahead NO SCROLL CURSOR FOR SELECT id FROM hybrid_c;
MOVE 250 FROM ahead;
FETCH BACKWARD 1 FROM ahead;
ROLLBACK;

-- Row locks, UPDATE, DELETE and MERGE of hot and cold rows: a statement on both tables, HYBRID stands for
-- them, and how many rows it said it had to do with.
CREATE FUNCTION hybrid_both(statement text, OUT omendb bigint, OUT heap bigint) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE replace(statement, 'HYBRID', 'hybrid_c');
	GET DIAGNOSTICS omendb = ROW_COUNT;
	EXECUTE replace(statement, 'HYBRID', 'hybrid_h');
	GET DIAGNOSTICS heap = ROW_COUNT;
END $$;
SELECT id FROM hybrid_c WHERE id = 205 FOR UPDATE;
SELECT id FROM hybrid_c WHERE id = 5 FOR UPDATE;
SELECT id FROM hybrid_c WHERE id = 5 FOR NO KEY UPDATE;
SELECT id FROM hybrid_c WHERE id = 5 FOR SHARE;
SELECT id FROM hybrid_c WHERE id = 5 FOR KEY SHARE NOWAIT;
SELECT id FROM hybrid_c WHERE id = 5 FOR UPDATE SKIP LOCKED;
SELECT * FROM hybrid_look('hybrid_c');
BEGIN;
SELECT hybrid_both('UPDATE HYBRID SET k = 0 WHERE id = 5');
UPDATE hybrid_c SET t = t || '!', id = -6 WHERE id = 6 RETURNING *;
DELETE FROM hybrid_c WHERE id = 7 RETURNING *;
UPDATE hybrid_h SET t = t || '!', id = -6 WHERE id = 6;
DELETE FROM hybrid_h WHERE id = 7;
SELECT id, k, t FROM hybrid_c WHERE id BETWEEN -10 AND 8 ORDER BY id;
SELECT hybrid_differ('hybrid_c', 'hybrid_h'), * FROM hybrid_look('hybrid_c');
-- once more what is hot now
SELECT hybrid_both('UPDATE HYBRID SET k = k + 1 WHERE id IN (-6, 5, 8)');
SELECT hybrid_both('DELETE FROM HYBRID WHERE id IN (-6, 7, 9)');
SELECT hybrid_differ('hybrid_c', 'hybrid_h');
SAVEPOINT s;
SELECT hybrid_both('UPDATE HYBRID SET k = 0'), hybrid_both('DELETE FROM HYBRID');
SELECT hybrid_differ('hybrid_c', 'hybrid_h'), * FROM hybrid_look('hybrid_c');
ROLLBACK TO s;
SELECT hybrid_both('UPDATE HYBRID SET t = ''changed'' WHERE id BETWEEN 195 AND 205');
SELECT hybrid_both('DELETE FROM HYBRID WHERE id BETWEEN 199 AND 206');
SELECT hybrid_both('SELECT FROM HYBRID WHERE id > 180 FOR UPDATE');
SELECT hybrid_differ('hybrid_c', 'hybrid_h'), * FROM hybrid_look('hybrid_c');
ROLLBACK;
SELECT hybrid_differ('hybrid_c', 'hybrid_h'), * FROM hybrid_look('hybrid_c');
-- MERGE, and the row a cursor is on
BEGIN;
SELECT hybrid_both('MERGE INTO HYBRID c USING (VALUES (5), (6), (7), (205), (-5)) v(i) ON c.id = v.i
	WHEN MATCHED AND v.i = 7 THEN DO NOTHING WHEN MATCHED AND v.i = 6 THEN DELETE
	WHEN MATCHED THEN UPDATE SET k = -k - 1 WHEN NOT MATCHED THEN INSERT VALUES (v.i)');
SELECT id, k, t FROM hybrid_c WHERE k < 0 OR id < 8 ORDER BY id;
SELECT hybrid_differ('hybrid_c', 'hybrid_h');
SAVEPOINT s;
MERGE INTO hybrid_c c USING (VALUES (9), (9)) v(i) ON c.id = v.i WHEN MATCHED THEN UPDATE SET k = 0;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
DECLARE c CURSOR FOR SELECT id FROM hybrid_c WHERE id BETWEEN 98 AND 101;
MOVE 2 FROM c;
UPDATE hybrid_c SET k = 1000 WHERE CURRENT OF c RETURNING id, k, t;
UPDATE hybrid_c SET k = 1001 WHERE CURRENT OF c;
FETCH 1 FROM c;
DELETE FROM hybrid_c WHERE CURRENT OF c RETURNING id, k, t;
FETCH 1 FROM c;
SELECT id, k FROM hybrid_c WHERE id BETWEEN 98 AND 101 ORDER BY id;
ROLLBACK;
-- what stays: rows of each kind changed, locked and gone
SELECT hybrid_both('UPDATE HYBRID SET t = t || ''?'' WHERE id % 20 = 9');
SELECT hybrid_both('UPDATE HYBRID SET k = k WHERE id % 40 = 9');
SELECT hybrid_both('DELETE FROM HYBRID WHERE id % 20 = 11');
SELECT hybrid_both('SELECT FROM HYBRID WHERE id % 20 = 13 FOR UPDATE');
SELECT hybrid_differ('hybrid_c', 'hybrid_h'), * FROM hybrid_look('hybrid_c');
VACUUM hybrid_c;
SELECT hybrid_differ('hybrid_c', 'hybrid_h'), * FROM hybrid_look('hybrid_c');

-- a unique index over both
CREATE UNIQUE INDEX hybrid_c_id ON hybrid_c (id);
INSERT INTO hybrid_c (id) VALUES (5);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO hybrid_c (id) VALUES (205);
UPDATE hybrid_c SET id = 205 WHERE id = 5;
UPDATE hybrid_c SET id = 5 WHERE id = 6;
INSERT INTO hybrid_c (id) VALUES (5), (205) ON CONFLICT DO NOTHING;
BEGIN;
INSERT INTO hybrid_c (id) VALUES (5), (11), (29), (205) ON CONFLICT (id) DO UPDATE SET k = -1 RETURNING id, k, t;
INSERT INTO hybrid_c (id) VALUES (6), (6) ON CONFLICT (id) DO UPDATE SET k = -1;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
DELETE FROM hybrid_c WHERE id = 5;
INSERT INTO hybrid_c (id) VALUES (5), (999);
UPDATE hybrid_c SET id = 7 WHERE id = 999;
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO hybrid_c (id) VALUES (5), (205) ON CONFLICT DO NOTHING;
COMMIT;
SELECT hybrid_differ('hybrid_c', 'hybrid_h');
-- foreign keys that refer to the table, and of the table
ALTER TABLE hybrid_c ADD PRIMARY KEY USING INDEX hybrid_c_id;
CREATE TABLE hybrid_ref (id int REFERENCES hybrid_c ON UPDATE CASCADE) USING omendb;
INSERT INTO hybrid_ref VALUES (5);
INSERT INTO hybrid_ref VALUES (205), (NULL);
INSERT INTO hybrid_ref VALUES (-5);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO hybrid_ref VALUES (11);
DELETE FROM hybrid_c WHERE id = 205;
DELETE FROM hybrid_c WHERE id = 5;
\echo :LAST_ERROR_SQLSTATE
BEGIN;
UPDATE hybrid_c SET id = -5 WHERE id = 5;
SELECT * FROM hybrid_ref ORDER BY id;
ROLLBACK;
DROP TABLE hybrid_ref;
ALTER TABLE hybrid_h ADD PRIMARY KEY (id);
ALTER TABLE hybrid_c ADD CONSTRAINT hybrid_c_fk FOREIGN KEY (id) REFERENCES hybrid_h ON DELETE CASCADE;
INSERT INTO hybrid_c (id) VALUES (-5);
UPDATE hybrid_c SET id = -5 WHERE id = 8;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM hybrid_h WHERE id IN (8, 29, 205);
SELECT id FROM hybrid_c WHERE id IN (8, 29, 205);
SELECT hybrid_differ('hybrid_c', 'hybrid_h'), * FROM hybrid_look('hybrid_c');
ALTER TABLE hybrid_c DROP CONSTRAINT hybrid_c_fk;

-- index scans: one row, ranges, in order, backwards, of all kinds of index
CREATE INDEX hybrid_c_k ON hybrid_c USING alex (k);
CREATE INDEX hybrid_c_d ON hybrid_c USING btree (d DESC NULLS LAST, t);
CREATE INDEX hybrid_c_t ON hybrid_c USING hash (t);
CREATE INDEX hybrid_c_f ON hybrid_c USING btree ((f * 2)) WHERE f IS NOT NULL;
SELECT omendb.alex_check('hybrid_c_k', true);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
SELECT id, t FROM hybrid_c WHERE id = 5;
SELECT id, t FROM hybrid_c WHERE id = 203;
SELECT count(*), sum(id) FROM hybrid_c WHERE k = 7;
SELECT id FROM hybrid_c WHERE t = 'row 99';
SELECT id FROM hybrid_c WHERE f * 2 = 60;
SELECT id FROM hybrid_c WHERE id BETWEEN 98 AND 102 ORDER BY id;
SELECT id FROM hybrid_c WHERE id BETWEEN 198 AND 202 ORDER BY id DESC;
SELECT id, k FROM hybrid_c WHERE k BETWEEN 3 AND 4 ORDER BY k DESC, id;
EXPLAIN (COSTS OFF) SELECT id FROM hybrid_c WHERE id > 190 ORDER BY id;
SELECT count(*), count(*) FILTER (WHERE id <= p) AS out_of_order FROM
	(SELECT id, lag(id) OVER () AS p FROM (SELECT id FROM hybrid_c ORDER BY id OFFSET 0) s) s;
SELECT count(*), count(*) FILTER (WHERE k > p) AS out_of_order FROM
	(SELECT k, lag(k) OVER () AS p FROM (SELECT k FROM hybrid_c ORDER BY k DESC OFFSET 0) s) s;
SELECT d, t FROM hybrid_c ORDER BY d DESC NULLS LAST, t LIMIT 3;
SELECT hybrid_walk(q, seed) FROM generate_series(1, 8) seed, unnest(ARRAY[
	'SELECT id, t FROM hybrid_c WHERE id > 50 ORDER BY id',
	'SELECT id, k FROM hybrid_c WHERE k < 20 ORDER BY k DESC',
	'SELECT id FROM hybrid_c ORDER BY id DESC',
	'SELECT d, t, f FROM hybrid_c ORDER BY d DESC NULLS LAST, t']) q WHERE hybrid_walk(q, seed) IS NOT NULL;
-- bitmaps, where there are any
SET enable_bitmapscan = on;
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SELECT count(*), sum(id) FROM hybrid_c WHERE k BETWEEN 7 AND 10;
SELECT count(*), sum(id) FROM hybrid_c WHERE id < 20 OR k = 3 OR t = 'row 101';
SELECT count(*), sum(id) FROM hybrid_c WHERE id > 60 AND d < '2024-06-01';
RESET enable_seqscan;
RESET enable_bitmapscan;
RESET enable_indexscan;
RESET enable_indexonlyscan;
RESET enable_sort;

-- values: all types at once, cold rows beside their heap copies
CREATE TYPE hybrid_mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE hybrid_pair AS (a int, b text);
CREATE DOMAIN hybrid_positive AS int CHECK (VALUE > 0);
CREATE TABLE hybrid_types_h AS SELECT
	CASE WHEN i % 7 > 0 THEN i END AS i4, i::int2 AS i2, CASE WHEN i % 3 > 0 THEN i * 10000000000 END AS i8,
	i % 2 = 0 AS b, (32 + i % 90)::"char" AS c1, (i / 3.0)::float4 AS f4,
	(ARRAY['0', '-0', 'NaN', 'Infinity', '-Infinity', '1e300', '-1e-300', '0.1'])[1 + i % 8]::float8 AS f8,
	(i * 1.5)::numeric AS n1, (i - 100.25)::numeric(12,3) AS n2,
	(ARRAY['NaN', '0', '0.000', '-1.10', '1e40', '1e-30', '99999999999999999999.5'])[1 + i % 7]::numeric AS n3,
	CASE WHEN i % 9 = 0 THEN 'NaN' ELSE i % 100 / 10.0 END::numeric(15,2) AS n4,
	repeat('ab', i % 20) AS t, CASE WHEN i % 4 > 0 THEN 'v' || i % 6 END::varchar(10) AS vc, ('c' || i % 3)::char(5) AS bp,
	('n' || i)::name AS nm, decode(lpad(to_hex(i), 8, '0'), 'hex') AS ba,
	CASE i % 50 WHEN 0 THEN date '-infinity' WHEN 1 THEN 'infinity' ELSE date '2000-01-01' + i * 100 END AS d,
	time '00:00' + i * interval '7 min' AS ti, (time '00:00' + i * interval '1 s')::timetz AS tz,
	timestamp '1999-12-31 23:59' + i * interval '1 h' AS ts,
	CASE WHEN i % 20 = 0 THEN timestamptz 'infinity' ELSE timestamptz '2024-01-01 00:00+00' - i * interval '1 d' END AS tstz,
	i * interval '1 mon 2 d 3 us' AS iv, md5(i::text)::uuid AS u, json_build_object('a', i, 'b', NULL) AS j,
	jsonb_build_object('a', i, 'b', ARRAY[1, i]) AS jb, ('10.0.0.' || i % 256)::inet AS ip, '10.1.0.0/16'::cidr AS ci,
	macaddr '08:00:2b:01:02:03' AS mac, point(i, -i) AS p, box(point(i, i), point(0, 0)) AS bx,
	ARRAY[i, NULL, i * 2] AS ia, ARRAY['x', NULL, repeat('y', i % 5)] AS ta, ARRAY[[1, i], [2, 3]] AS mda,
	int4range(i, i + 10) AS r, i::bit(12) AS bi, B'101'::varbit AS vb, i::money AS m, i::oid AS o,
	format('(%s,%s)', i, 1)::tid AS td, i::text::xid8 AS x8, format('0/%s', to_hex(i))::pg_lsn AS lsn,
	to_tsvector('simple', 'word' || i || ' rest') AS tsv, (ARRAY['sad', 'ok', 'happy'])[1 + i % 3]::hybrid_mood AS en,
	ROW(i, 'p' || i)::hybrid_pair AS pr, i::hybrid_positive AS dm, ARRAY[ROW(i, NULL)::hybrid_pair] AS pa,
	NULL::int AS nul, NULL::text AS nut, 7 AS con, 'constant' AS cot, 'int4'::regtype AS rt
FROM generate_series(1, 230) i;
CREATE TABLE hybrid_types_c USING omendb AS TABLE hybrid_types_h;
SELECT * FROM hybrid_look('hybrid_types_c');
SELECT hybrid_differ('hybrid_types_c', 'hybrid_types_h');
-- each column alone, from both regions
SELECT column_name FROM information_schema.columns c, LATERAL (SELECT count(*) AS n FROM query_to_xml(format(
	'(SELECT i2, %1$I::text FROM hybrid_types_c EXCEPT ALL SELECT i2, %1$I::text FROM hybrid_types_h) LIMIT 1', column_name),
	false, false, '') x WHERE x::text LIKE '%<row>%') d
WHERE table_name = 'hybrid_types_c' AND d.n > 0;
-- bit for bit
SELECT count(*) FROM hybrid_types_c c JOIN hybrid_types_h h USING (i2) WHERE c.* *= h.*;
COPY hybrid_types_c TO :'file' (FORMAT binary);
CREATE TABLE hybrid_types_b (LIKE hybrid_types_c) USING omendb;
COPY hybrid_types_b FROM :'file' (FORMAT binary);
SELECT hybrid_differ('hybrid_types_b', 'hybrid_types_h');
SELECT * FROM hybrid_look('hybrid_types_b');
SELECT f8::text, count(*) FROM hybrid_types_c GROUP BY f8::text ORDER BY f8::text COLLATE "C";
SELECT count(*) FROM hybrid_types_c WHERE f8 = 0;
SELECT count(*) FROM hybrid_types_c WHERE f8 = 'NaN';
SELECT count(*) FROM hybrid_types_c WHERE f8 > 1;
SELECT n3::text, count(*) FROM hybrid_types_c GROUP BY n3::text ORDER BY n3::text COLLATE "C";
SELECT count(*), sum(n4) FROM hybrid_types_c WHERE n4 <> 'NaN';
SELECT en, count(*) FROM hybrid_types_c GROUP BY en ORDER BY en;
SELECT min(d), max(d), min(tstz), max(tstz) FROM hybrid_types_c;
SELECT (pr).b, (pa[1]).a, ia[3], jb->'b'->>1, lower(r) FROM hybrid_types_c WHERE i2 = 42;
DROP TABLE hybrid_types_b, hybrid_types_c, hybrid_types_h;
DROP TYPE hybrid_mood, hybrid_pair;
DROP DOMAIN hybrid_positive;

-- long values: compressible, not compressible, not toastable as a whole, null, empty; a row too long for a group
CREATE TABLE hybrid_long_h (id int, a text, b text, c bytea, d int[], e text);
ALTER TABLE hybrid_long_h ALTER a SET STORAGE EXTERNAL, ALTER e SET STORAGE MAIN;
INSERT INTO hybrid_long_h SELECT i, CASE WHEN i % 3 > 0 THEN repeat('long ', i * 100) END,
	(SELECT string_agg(md5((i * 1000 + j)::text), '') FROM generate_series(1, i * 3) j), decode(repeat('00ff', i * 37), 'hex'),
	ARRAY(SELECT j * i FROM generate_series(1, i * 10) j), CASE WHEN i % 2 = 0 THEN '' ELSE repeat('e', i) END
FROM generate_series(1, 130) i;
CREATE TABLE hybrid_long_c USING omendb AS TABLE hybrid_long_h;
SELECT * FROM hybrid_look('hybrid_long_c');
SELECT hybrid_differ('hybrid_long_c', 'hybrid_long_h');
SELECT id, length(a), length(b), length(c), cardinality(d), substr(b, 50, 10) = (SELECT substr(b, 50, 10) FROM hybrid_long_h h
	WHERE h.id = c.id) AS part FROM hybrid_long_c c WHERE id IN (1, 99, 100, 101, 130) ORDER BY id;
COPY hybrid_long_h TO :'file';
COPY hybrid_long_c FROM :'file';
SELECT * FROM hybrid_look('hybrid_long_c');
SELECT count(*), count(DISTINCT (id, a, b, c, d, e)) FROM hybrid_long_c;
DROP TABLE hybrid_long_c, hybrid_long_h;
CREATE TABLE hybrid_huge USING omendb AS SELECT i AS id, CASE i WHEN 50 THEN repeat('x', 9000000) WHEN 51 THEN repeat('y', 3000000)
	ELSE 'z' END AS v FROM generate_series(1, 101) i;
SELECT (ctid::text::point)[0] >= 2147483648 AS cold, count(*), max(length(v)), sum(length(v)) FROM hybrid_huge GROUP BY 1 ORDER BY 1;
SELECT id, md5(v) = md5(repeat('x', 9000000)) AS x, md5(v) = md5(repeat('y', 3000000)) AS y FROM hybrid_huge WHERE id IN (50, 51) ORDER BY id;
SELECT problems FROM hybrid_look('hybrid_huge');
DROP TABLE hybrid_huge;

-- no columns, one NULL column, very many columns
CREATE TABLE hybrid_none USING omendb AS SELECT FROM generate_series(1, 150);
SELECT * FROM hybrid_look('hybrid_none');
SELECT count(*) FROM hybrid_none;
SELECT count(*) FROM (SELECT FROM hybrid_none OFFSET 0) s;
ALTER TABLE hybrid_none ADD COLUMN v int DEFAULT 3;
SELECT sum(v), count(*) FROM hybrid_none;
CREATE TABLE hybrid_null USING omendb AS SELECT NULL::text AS v FROM generate_series(1, 150);
SELECT count(*), count(v) FROM hybrid_null;
SELECT count(*) FROM hybrid_null WHERE v IS NULL;
SELECT count(*) FROM hybrid_null WHERE v = '';
SELECT 'CREATE TABLE hybrid_wide USING omendb AS SELECT i AS id, ' || string_agg(CASE n % 4 WHEN 0 THEN format('(i + %s)::int2 AS c%1$s', n)
	WHEN 1 THEN format('i %% %s = 0 AS c%1$s', n) WHEN 2 THEN format('NULL::%s AS c%s', CASE n % 8 WHEN 2 THEN 'text' ELSE 'bool' END, n) ELSE format('%s::int2 AS c%1$s', n) END, ', ')
	|| ' FROM generate_series(1, 110) i' FROM generate_series(1, 1599) n \gexec
SELECT * FROM hybrid_look('hybrid_wide');
SELECT sum(c1596), sum(c1599), count(*) FILTER (WHERE c5), count(c1598) FROM hybrid_wide;
SELECT id, c4, c1596, c1597 FROM hybrid_wide WHERE id IN (1, 100, 101) ORDER BY id;
UPDATE hybrid_wide SET c1596 = -1, c2 = 'new' WHERE id = 100;
DELETE FROM hybrid_wide WHERE id IN (99, 110);
SELECT id, c2, c4, c1596, c1597 FROM hybrid_wide WHERE id > 97 ORDER BY id LIMIT 4;
-- rows that might not fit a heap page when they are changed stay hot
SELECT 'CREATE TABLE hybrid_wider USING omendb AS SELECT i AS id, ' || string_agg(format('NULL::text AS c%s', n), ', ')
	|| ' FROM generate_series(1, 110) i' FROM generate_series(1, 460) n \gexec
SELECT * FROM hybrid_look('hybrid_wider');
DROP TABLE hybrid_none, hybrid_null, hybrid_wide, hybrid_wider;

-- more rows than a vector and than a virtual block; the largest group, and one row more
SET omendb.row_group_rows = 3000;
CREATE TABLE hybrid_vectors USING omendb AS SELECT i AS id, i / 1000 AS k, CASE WHEN i BETWEEN 1000 AND 2100 THEN NULL ELSE 'v' || i END AS t
	FROM generate_series(1, 7000) i;
SELECT * FROM hybrid_look('hybrid_vectors');
SELECT count(*), sum(id), count(t), count(DISTINCT k) FROM hybrid_vectors;
SELECT ctid, id FROM hybrid_vectors WHERE id IN (1, 256, 257, 1024, 1025, 2048, 2049, 3000, 3001, 6000) ORDER BY id;
SELECT id, t FROM hybrid_vectors WHERE ctid IN ('(2147483648,256)', '(2147483649,1)', '(2147483652,1)', '(2147483659,184)',
	'(2147483659,185)', '(2147483660,1)') ORDER BY id;
SELECT k, count(t) FROM hybrid_vectors GROUP BY k ORDER BY k;
SELECT hybrid_walk('SELECT id, t FROM hybrid_vectors', seed) FROM generate_series(1, 3) seed;
RESET omendb.row_group_rows;
CREATE TABLE hybrid_full USING omendb AS SELECT i AS id FROM generate_series(1, 131073) i;
SELECT * FROM hybrid_look('hybrid_full');
SELECT count(*), sum(id), min(id), max(id) FROM hybrid_full;
SELECT rows, raw_bytes >= 4 * rows AS raw, stream_bytes < raw_bytes AS smaller, pages < 100 AS pages FROM omendb.row_groups('hybrid_full') WHERE state = 'visible';
DROP TABLE hybrid_vectors, hybrid_full;

-- the functions: wrong objects, and who may call them
SELECT * FROM omendb.row_groups('hybrid_h');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM omendb.check('hybrid_h');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM omendb.row_groups('hybrid_c_k');
SELECT * FROM omendb.check('hybrid_c_k');
SELECT * FROM omendb.row_groups(1);
SELECT * FROM omendb.check(1);
CREATE VIEW hybrid_view AS SELECT 1 AS one;
SELECT * FROM omendb.row_groups('hybrid_view');
SELECT * FROM omendb.check('hybrid_view');
DROP VIEW hybrid_view;
SELECT count(*) FROM omendb.row_groups(NULL);
SELECT count(*) FROM omendb.check(NULL);
-- sums: before VACUUM hot rows are not known; deleted rows are VACUUM's to count
SET omendb.row_group_rows = 100;
CREATE TABLE hybrid_sums (id int, t text) USING omendb WITH (autovacuum_enabled = off);
SELECT * FROM omendb.table_stats('hybrid_sums');
INSERT INTO hybrid_sums SELECT i, 'hot ' || i FROM generate_series(1, 1000) i;
SELECT row_groups, cold_rows, hot_rows, cold_bytes, hot_bytes > 40000 AS hot, free_bytes FROM omendb.table_stats('hybrid_sums');
VACUUM (TRUNCATE off) hybrid_sums;
SELECT hot_rows FROM omendb.table_stats('hybrid_sums');
COPY hybrid_sums TO :'file';
COPY hybrid_sums FROM :'file';
DELETE FROM hybrid_sums WHERE id <= 10;
SELECT row_groups, cold_rows, dead_rows, headers FROM omendb.table_stats('hybrid_sums');
VACUUM (TRUNCATE off) hybrid_sums;
SELECT row_groups, cold_rows, dead_rows, headers, hot_rows, cold_bytes / current_setting('block_size')::int > 4 AS cold, raw_bytes > 10000 AS raw
FROM omendb.table_stats('hybrid_sums');
BEGIN;
COPY hybrid_sums FROM :'file';
SELECT row_groups FROM omendb.table_stats('hybrid_sums');
ROLLBACK;
SELECT row_groups, free_bytes > 0 AS free FROM omendb.table_stats('hybrid_sums');
VACUUM (TRUNCATE off) hybrid_sums;
SELECT row_groups, free_bytes > 0 AS free FROM omendb.table_stats('hybrid_sums');
SELECT table_name, row_groups, cold_rows, ratio > 0 AS ratio FROM omendb.tables WHERE table_name::text LIKE 'hybrid%' ORDER BY table_name::text;
SELECT * FROM omendb.table_stats('hybrid_h');
SELECT * FROM omendb.table_stats(NULL);
CREATE ROLE regress_hybrid_nobody;
SET ROLE regress_hybrid_nobody;
SELECT * FROM omendb.table_stats('hybrid_sums');
SELECT * FROM omendb.tables;
RESET ROLE;
GRANT pg_stat_scan_tables TO regress_hybrid_nobody;
SET ROLE regress_hybrid_nobody;
SELECT count(*) > 0 AS some FROM omendb.tables;
RESET ROLE;
REVOKE pg_stat_scan_tables FROM regress_hybrid_nobody;
DROP TABLE hybrid_sums;
RESET omendb.row_group_rows;
SET ROLE regress_hybrid_nobody;
SELECT count(*) FROM omendb.check('hybrid_c');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DROP ROLE regress_hybrid_nobody;

COPY (SELECT) TO :'file';
DROP TABLE hybrid_t, hybrid_c, hybrid_h;
DROP FUNCTION hybrid_look, hybrid_differ, hybrid_walk, hybrid_both;
