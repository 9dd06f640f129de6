-- What is done to an omendb table as a whole: columns, types, rewrites, VACUUM, CLUSTER, indexes,
-- partitions, tablespaces, other access methods, statistics.

SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET DateStyle = ISO;
SELECT omendb.version() IS NOT NULL AS loaded;
SET omendb.row_group_rows = 100;

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
CREATE FUNCTION hybrid_differ(a regclass, b regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM ((SELECT x::text FROM %1$s x EXCEPT ALL SELECT x::text FROM %2$s x)
		UNION ALL (SELECT x::text FROM %2$s x EXCEPT ALL SELECT x::text FROM %1$s x)) d', a, b) INTO n;
	RETURN n;
END $$;
-- the same on a table and on its copy in heap, told as %T; then whether they are the same
CREATE FUNCTION hybrid_both(statement text, t text DEFAULT 'hybrid_t', OUT differ bigint, OUT cold bigint, OUT hot bigint,
	OUT problems text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE replace(statement, '%T', t);
	EXECUTE replace(statement, '%T', t || '_h');
	differ := hybrid_differ(t::regclass, (t || '_h')::regclass);
	SELECT l.cold, l.hot, l.problems INTO cold, hot, problems FROM hybrid_look(t::regclass) l;
END $$;

-- Until nobody else has a snapshot, as autovacuum might: what VACUUM finds dead or old depends on it.
CREATE PROCEDURE hybrid_quiet() LANGUAGE plpgsql AS $$
BEGIN
	LOOP
		PERFORM pg_stat_clear_snapshot();
		EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid()
			AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL));
	END LOOP;
END $$;

-- columns come and go over existing groups
CREATE TABLE hybrid_t_h AS SELECT i AS id, i % 10 AS k, CASE WHEN i % 3 > 0 THEN 'text ' || i END AS t, (i / 8.0)::numeric(10,2) AS n,
	timestamp '2024-01-01' + i * interval '1 min' AS ts FROM generate_series(1, 250) i;
CREATE TABLE hybrid_t USING omendb AS TABLE hybrid_t_h;
SELECT * FROM hybrid_both('ALTER TABLE %T ADD COLUMN a int DEFAULT 7');
SELECT id, a FROM hybrid_t WHERE id IN (1, 250) ORDER BY id;
SELECT count(*), sum(a), count(DISTINCT a) FROM hybrid_t WHERE a = 7;
SELECT * FROM hybrid_both('ALTER TABLE %T ADD COLUMN b text, ADD COLUMN c text DEFAULT ''a long default''');
SELECT count(*), count(b), max(length(c)) FROM hybrid_t WHERE b IS NULL AND c = 'a long default';
SELECT * FROM hybrid_both('ALTER TABLE %T ALTER a SET DEFAULT 8');
SELECT * FROM hybrid_both('INSERT INTO %T (id) SELECT i FROM generate_series(251, 260) i');
SELECT * FROM hybrid_both('COPY %T (id, b) FROM PROGRAM ''seq 261 480 | awk "{ print \$1 \"\tb\" \$1 }"''');
SELECT a, c, count(*), count(b) FROM hybrid_t GROUP BY a, c ORDER BY a;
SELECT * FROM hybrid_both('ALTER TABLE %T DROP COLUMN k');
SELECT * FROM hybrid_both('ALTER TABLE %T ADD COLUMN k text DEFAULT ''k again''');
SELECT id, k, t, n, a, b FROM hybrid_t WHERE id IN (5, 205, 255, 275, 475) ORDER BY id;
SELECT * FROM hybrid_both('ALTER TABLE %T DROP COLUMN ts, DROP COLUMN t, ADD COLUMN t int');
SELECT * FROM hybrid_both('COPY %T (id, t) FROM PROGRAM ''seq 500 720 | awk "{ print \$1 \"\t\" \$1 % 9 }"''');
SELECT count(*), sum(t), sum(a) FROM hybrid_t;
BEGIN;
ALTER TABLE hybrid_t DROP COLUMN n, ADD COLUMN z int DEFAULT 1;
SELECT sum(z), count(*) FROM hybrid_t;
COPY hybrid_t (id) FROM PROGRAM 'seq 1000 1150';
SELECT sum(z), count(*) FROM hybrid_t;
ROLLBACK;
SELECT hybrid_differ('hybrid_t', 'hybrid_t_h');
-- insert, then a column with a default, then insert, in one transaction
BEGIN;
COPY hybrid_t (id) FROM PROGRAM 'seq 801 950';
ALTER TABLE hybrid_t ADD COLUMN d int DEFAULT 5;
COPY hybrid_t (id) FROM PROGRAM 'seq 951 1100';
ALTER TABLE hybrid_t ALTER d SET DEFAULT 6;
COPY hybrid_t (id) FROM PROGRAM 'seq 1101 1250';
SELECT d, count(*), min(id), max(id) FROM hybrid_t GROUP BY d ORDER BY d;
COMMIT;
SELECT d, count(*), sum(a) FROM hybrid_t GROUP BY d ORDER BY d;
SELECT problems FROM hybrid_look('hybrid_t');

-- names, defaults, constraints: they look at all rows
ALTER TABLE hybrid_t RENAME COLUMN id TO ident;
ALTER TABLE hybrid_t ALTER ident SET NOT NULL;
ALTER TABLE hybrid_t ALTER b SET NOT NULL;
ALTER TABLE hybrid_t ADD CHECK (ident > 0);
ALTER TABLE hybrid_t ADD CONSTRAINT small CHECK (ident < 100);
ALTER TABLE hybrid_t ADD CONSTRAINT small CHECK (ident < 100) NOT VALID;
ALTER TABLE hybrid_t VALIDATE CONSTRAINT small;
ALTER TABLE hybrid_t DROP CONSTRAINT small;
ALTER TABLE hybrid_t ADD UNIQUE (a);
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE hybrid_t ADD EXCLUDE USING btree (ident WITH =);
DROP TABLE hybrid_t, hybrid_t_h;

-- types, with and without a rewrite
CREATE TABLE hybrid_t_h AS SELECT i AS id, i % 10 AS k, ('v' || i)::varchar(10) AS v, (i / 8.0)::numeric(10,2) AS n,
	CASE WHEN i % 4 > 0 THEN i / 3.0::float8 END AS f, date '2024-01-01' + i AS d FROM generate_series(1, 250) i;
CREATE TABLE hybrid_t USING omendb AS TABLE hybrid_t_h;
SELECT * FROM hybrid_both('ALTER TABLE %T ALTER v TYPE varchar(20)');
SELECT * FROM hybrid_both('ALTER TABLE %T ALTER v TYPE text');
SELECT * FROM hybrid_both('ALTER TABLE %T ALTER n TYPE numeric(12,2)');
SELECT * FROM hybrid_both('ALTER TABLE %T ALTER n TYPE numeric');
SELECT * FROM hybrid_both('ALTER TABLE %T ALTER n TYPE numeric(12,4)');
SELECT * FROM hybrid_both('ALTER TABLE %T ALTER k TYPE bigint');
SELECT * FROM hybrid_both('ALTER TABLE %T ALTER k TYPE text USING ''k'' || k, ALTER d TYPE timestamp');
SELECT * FROM hybrid_both('ALTER TABLE %T ALTER f TYPE int USING round(f)');
SELECT * FROM hybrid_both('ALTER TABLE %T ADD COLUMN g int GENERATED ALWAYS AS (id * 2) STORED');
SELECT * FROM hybrid_both('ALTER TABLE %T ADD COLUMN s bigserial');
SELECT count(*), count(DISTINCT s), max(s), sum(g) FROM hybrid_t;
ALTER TABLE hybrid_t ALTER v TYPE int USING v::int;
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM hybrid_both('ALTER TABLE %T DROP COLUMN g');
BEGIN;
ALTER TABLE hybrid_t ALTER id TYPE bigint;
SELECT count(*), sum(id) FROM hybrid_t;
COPY hybrid_t (id) FROM PROGRAM 'seq 301 450';
SELECT count(*), sum(id) FROM hybrid_t;
SAVEPOINT a;
ALTER TABLE hybrid_t ALTER id TYPE text;
SELECT count(*), max(id COLLATE "C") FROM hybrid_t;
ROLLBACK TO a;
SELECT count(*), sum(id) FROM hybrid_t;
ROLLBACK;
SELECT hybrid_differ('hybrid_t', 'hybrid_t_h');
CREATE DOMAIN hybrid_dom AS int;
ALTER TABLE hybrid_t ALTER f TYPE hybrid_dom;
ALTER DOMAIN hybrid_dom ADD CHECK (VALUE < 80);
ALTER DOMAIN hybrid_dom ADD CHECK (VALUE < 90);
SELECT * FROM hybrid_both('UPDATE %T SET f = f WHERE id > 240');
DROP TABLE hybrid_t, hybrid_t_h;
DROP DOMAIN hybrid_dom;

-- VACUUM FULL and CLUSTER: what is dead goes, what is left over below a group is hot
CREATE TABLE hybrid_t_h AS SELECT i AS id, i * 37 % 250 AS k, 'v' || i AS v FROM generate_series(1, 250) i;
CREATE TABLE hybrid_t USING omendb AS TABLE hybrid_t_h;
SELECT * FROM hybrid_both('INSERT INTO %T SELECT i, i * 37 % 250, ''hot '' || i FROM generate_series(251, 400) i');
SELECT * FROM hybrid_both('DELETE FROM %T WHERE id > 200 AND id % 10 = 0');
SELECT * FROM hybrid_both('UPDATE %T SET v = v || ''!'' WHERE id > 200 AND id % 7 = 0');
CALL hybrid_quiet();
VACUUM FULL hybrid_t;
SELECT hybrid_differ('hybrid_t', 'hybrid_t_h'), * FROM hybrid_look('hybrid_t');
SELECT count(DISTINCT xmin::text) AS xmins, min(xmin::text::bigint) > 2 AS kept FROM omendb.row_groups('hybrid_t') WHERE state = 'visible';
VACUUM FULL hybrid_t;
SELECT hybrid_differ('hybrid_t', 'hybrid_t_h'), * FROM hybrid_look('hybrid_t');
-- rows keep the xmin they had
CREATE TABLE hybrid_xmin (id int) USING omendb;
INSERT INTO hybrid_xmin SELECT i FROM generate_series(1, 150) i;
COPY hybrid_xmin FROM PROGRAM 'seq 151 300';
CALL hybrid_quiet();
CREATE TABLE hybrid_before AS SELECT id, xmin AS was FROM hybrid_xmin;
VACUUM FULL hybrid_xmin;
SELECT count(*) FROM hybrid_xmin x JOIN hybrid_before b USING (id) WHERE x.xmin = b.was AND (x.ctid::text::point)[0] >= 2147483648;
DROP TABLE hybrid_xmin, hybrid_before;
-- indexes are made anew; sorted
CREATE INDEX hybrid_t_k ON hybrid_t (k);
CREATE INDEX hybrid_t_id ON hybrid_t USING alex (id);
CALL hybrid_quiet();
CLUSTER hybrid_t USING hybrid_t_k;
SELECT hybrid_differ('hybrid_t', 'hybrid_t_h'), * FROM hybrid_look('hybrid_t');
SELECT omendb.alex_check('hybrid_t_id', true);
SELECT count(*) FILTER (WHERE k < p) AS out_of_order, count(*) FROM (SELECT k, lag(k) OVER () AS p FROM
	(SELECT k FROM hybrid_t WHERE (ctid::text::point)[0] >= 2147483648 ORDER BY ctid) s) s;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
CLUSTER hybrid_t;
RESET enable_indexscan;
RESET enable_bitmapscan;
SELECT hybrid_differ('hybrid_t', 'hybrid_t_h'), * FROM hybrid_look('hybrid_t');
SET enable_seqscan = off;
SELECT count(*), sum(id), sum(k) FROM hybrid_t WHERE k >= 0;
SELECT count(*), sum(id), sum(k) FROM hybrid_t WHERE id > 0;
RESET enable_seqscan;
VACUUM hybrid_t;
REINDEX TABLE hybrid_t;
SELECT hybrid_differ('hybrid_t', 'hybrid_t_h'), * FROM hybrid_look('hybrid_t');
CREATE TABLE hybrid_e (id int, v text) USING omendb;
VACUUM FULL hybrid_e;
SELECT * FROM hybrid_look('hybrid_e');
COPY hybrid_e (id) FROM PROGRAM 'seq 1 100';
VACUUM FULL hybrid_e;
SELECT * FROM hybrid_look('hybrid_e');
-- dropped columns and old defaults do not outlive a rewrite
ALTER TABLE hybrid_e DROP COLUMN v, ADD COLUMN w text DEFAULT 'w', ADD COLUMN x int;
VACUUM FULL hybrid_e;
ALTER TABLE hybrid_e ALTER w DROP DEFAULT;
SELECT count(*), count(w), min(w), count(x) FROM hybrid_e;
SELECT * FROM hybrid_look('hybrid_e');
DROP TABLE hybrid_e;

-- VACUUM of a table whose last pages are those of a group keeps them
CREATE TABLE hybrid_v (id int) USING omendb;
INSERT INTO hybrid_v SELECT generate_series(1, 5000);
COPY hybrid_v FROM PROGRAM 'seq 5001 5100';
DELETE FROM hybrid_v WHERE id <= 5000;
CALL hybrid_quiet();
VACUUM hybrid_v;
SELECT * FROM hybrid_look('hybrid_v');
INSERT INTO hybrid_v SELECT generate_series(1, 5000);
SELECT * FROM hybrid_look('hybrid_v');
DELETE FROM hybrid_v WHERE id <= 5000;
VACUUM (FREEZE) hybrid_v;
VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) hybrid_v;
SELECT * FROM hybrid_look('hybrid_v');
SELECT xmin::text::bigint > 2 AS kept, rows FROM omendb.row_groups('hybrid_v') WHERE state = 'visible';
SELECT relfrozenxid::text::bigint > 2 AS frozen, age(relfrozenxid) < 100 AS young, reltuples, relpages * 8192 = pg_relation_size(oid) AS relpages
FROM pg_class WHERE oid = 'hybrid_v'::regclass;
DROP TABLE hybrid_v;

-- statistics
CREATE TABLE hybrid_s_h AS SELECT i AS id, i % 20 AS k, CASE WHEN i % 4 > 0 THEN i / 10 END AS half, 'const' AS c FROM generate_series(1, 3050) i;
CREATE TABLE hybrid_s USING omendb AS TABLE hybrid_s_h;
ANALYZE hybrid_s;
ANALYZE hybrid_s_h;
SELECT relname, reltuples FROM pg_class WHERE relname ~ '^hybrid_s(_h)?$' ORDER BY relname;
SELECT attname, a.n_distinct = b.n_distinct AS n_distinct, a.null_frac = b.null_frac AS null_frac, a.avg_width = b.avg_width AS avg_width,
	a.most_common_vals::text IS NOT DISTINCT FROM b.most_common_vals::text AS mcv,
	a.histogram_bounds::text IS NOT DISTINCT FROM b.histogram_bounds::text AS histogram
FROM pg_stats a JOIN pg_stats b USING (attname) WHERE a.tablename = 'hybrid_s' AND b.tablename = 'hybrid_s_h' ORDER BY attname;
VACUUM hybrid_s;
SELECT reltuples FROM pg_class WHERE relname = 'hybrid_s';
INSERT INTO hybrid_s SELECT * FROM hybrid_s_h WHERE id <= 500;
DELETE FROM hybrid_s WHERE id > 3040;
VACUUM ANALYZE hybrid_s;
SELECT reltuples, relpages * 8192 = pg_relation_size(oid) AS relpages FROM pg_class WHERE relname = 'hybrid_s';
CREATE INDEX hybrid_s_id ON hybrid_s (id);
SELECT reltuples FROM pg_class WHERE relname IN ('hybrid_s', 'hybrid_s_id');
CREATE STATISTICS hybrid_st ON k, id FROM hybrid_s;
ANALYZE hybrid_s;
SELECT count(*) FROM pg_stats_ext WHERE statistics_name = 'hybrid_st';
TRUNCATE hybrid_s;
VACUUM ANALYZE hybrid_s;
SELECT reltuples FROM pg_class WHERE relname IN ('hybrid_s', 'hybrid_s_id');
DROP TABLE hybrid_s, hybrid_s_h;

-- indexes over hot and cold rows: all ways to make them
CREATE INDEX hybrid_i1 ON hybrid_t (v, id);
CREATE INDEX hybrid_i2 ON hybrid_t ((id * 2)) WHERE id % 2 = 0;
CREATE INDEX CONCURRENTLY hybrid_i3 ON hybrid_t (id) INCLUDE (v);
CREATE UNIQUE INDEX CONCURRENTLY hybrid_i4 ON hybrid_t (id, v);
CREATE INDEX CONCURRENTLY hybrid_i5 ON hybrid_t USING alex (k DESC);
CREATE INDEX hybrid_i6 ON hybrid_t USING hash (k);
CREATE INDEX hybrid_i7 ON hybrid_t USING spgist (v);
CREATE INDEX hybrid_i8 ON hybrid_t USING gist (box(point(id, k), point(id, k)));
CREATE INDEX hybrid_i9 ON hybrid_t USING gin ((ARRAY[id, k]));
SELECT c.relname, indisvalid, indisready, CASE WHEN c.relname <> 'hybrid_i9' THEN reltuples END AS reltuples FROM pg_index i JOIN pg_class c ON c.oid = indexrelid
WHERE indrelid = 'hybrid_t'::regclass ORDER BY 1;
SELECT omendb.alex_check('hybrid_i5', true);
REINDEX TABLE CONCURRENTLY hybrid_t;
SELECT omendb.alex_check('hybrid_i5', true);
SET enable_seqscan = off;
SELECT count(*), sum(id) FROM hybrid_t WHERE v LIKE 'v1%' AND v >= 'v1' AND v < 'v2';
SELECT count(*), sum(id) FROM hybrid_t WHERE id * 2 BETWEEN 100 AND 600 AND id % 2 = 0;
SELECT count(*), sum(id) FROM hybrid_t WHERE k = 37;
SELECT count(*), sum(id) FROM hybrid_t WHERE v ^@ 'v1';
SELECT count(*), sum(id) FROM hybrid_t WHERE box(point(id, k), point(id, k)) && box(point(10, 0), point(220, 100));
SELECT count(*), sum(id) FROM hybrid_t WHERE ARRAY[id, k] && ARRAY[5, 205];
RESET enable_seqscan;
SELECT count(*), sum(id) FROM hybrid_t WHERE id BETWEEN 10 AND 220 AND k <= 100;
SELECT count(*), sum(id) FROM hybrid_t WHERE 5 IN (id, k) OR 205 IN (id, k);
-- an index only scan looks at the rows
VACUUM hybrid_t;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT count(*), count(v) FROM (SELECT id, v FROM hybrid_t WHERE id BETWEEN 100 AND 300) s;
BEGIN;
DELETE FROM hybrid_t WHERE (ctid::text::point)[0] < 2147483648;
SELECT count(*), count(v) FROM (SELECT id, v FROM hybrid_t WHERE id BETWEEN 100 AND 400) s;
ROLLBACK;
RESET enable_seqscan;
RESET enable_bitmapscan;
-- deleted hot rows go from the indexes, cold ones stay
DELETE FROM hybrid_t WHERE (ctid::text::point)[0] < 2147483648;
VACUUM (INDEX_CLEANUP ON) hybrid_t;
SELECT omendb.alex_check('hybrid_i5', true);
SELECT c.relname, reltuples = (SELECT count(*) FROM hybrid_t) AS all_rows FROM pg_index i JOIN pg_class c ON c.oid = indexrelid
WHERE indrelid = 'hybrid_t'::regclass AND c.relname IN ('hybrid_i3', 'hybrid_i5', 'hybrid_t_k') ORDER BY 1;
SELECT problems FROM hybrid_look('hybrid_t');
-- an index by ranges of blocks
SET statement_timeout = '10s';
CREATE INDEX hybrid_brin ON hybrid_t USING brin (id);
SET enable_seqscan = off;
SET enable_indexscan = off;
SELECT count(*) = (SELECT count(*) FROM hybrid_t WHERE id + 0 BETWEEN 50 AND 150) AS same FROM hybrid_t WHERE id BETWEEN 50 AND 150;
RESET enable_seqscan;
RESET enable_indexscan;
RESET statement_timeout;
DROP TABLE hybrid_t, hybrid_t_h;

-- partitions attached and detached; inheritance
CREATE TABLE hybrid_p (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE hybrid_p1 USING omendb AS SELECT i AS id, 'v' || i AS v FROM generate_series(1, 150) i;
ALTER TABLE hybrid_p ATTACH PARTITION hybrid_p1 FOR VALUES FROM (1) TO (100);
ALTER TABLE hybrid_p ATTACH PARTITION hybrid_p1 FOR VALUES FROM (1) TO (200);
CREATE INDEX ON hybrid_p (id);
CREATE TABLE hybrid_p2 PARTITION OF hybrid_p FOR VALUES FROM (200) TO (300) USING omendb;
COPY hybrid_p FROM PROGRAM 'seq 151 270 | awk ''{ print $1 "\tv" $1 }''';
SELECT count(*), sum(id) FROM hybrid_p WHERE id BETWEEN 90 AND 220;
UPDATE hybrid_p SET id = 280 WHERE id = 160;
UPDATE hybrid_p SET id = 281 WHERE id = 60;
SELECT * FROM hybrid_p WHERE id IN (60, 160, 280, 281) ORDER BY id;
SELECT tableoid::regclass, count(*) FROM hybrid_p GROUP BY 1 ORDER BY 1;
ALTER TABLE hybrid_p DETACH PARTITION hybrid_p1;
SELECT * FROM hybrid_look('hybrid_p1');
DROP TABLE hybrid_p, hybrid_p1;
CREATE TABLE hybrid_parent (id int) USING omendb;
CREATE TABLE hybrid_child (v text) INHERITS (hybrid_parent) USING omendb;
COPY hybrid_parent FROM PROGRAM 'seq 1 150';
COPY hybrid_child (id) FROM PROGRAM 'seq 151 300';
SELECT count(*), sum(id), count(DISTINCT tableoid) FROM hybrid_parent;
SELECT count(*) FROM ONLY hybrid_parent;
ALTER TABLE hybrid_parent ADD COLUMN w int DEFAULT 4;
SELECT sum(w) FROM hybrid_parent;
DROP TABLE hybrid_parent, hybrid_child;

-- to heap and back; to another tablespace
CREATE TABLE hybrid_t_h AS SELECT i AS id, 'v' || i AS v FROM generate_series(1, 250) i;
CREATE TABLE hybrid_t AS TABLE hybrid_t_h;
CREATE INDEX hybrid_t_id ON hybrid_t USING alex (id);
ALTER TABLE hybrid_t SET ACCESS METHOD omendb;
SELECT hybrid_differ('hybrid_t', 'hybrid_t_h'), * FROM hybrid_look('hybrid_t');
SELECT omendb.alex_check('hybrid_t_id', true);
ALTER TABLE hybrid_t SET ACCESS METHOD heap;
SELECT hybrid_differ('hybrid_t', 'hybrid_t_h'), amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE relname = 'hybrid_t';
UPDATE hybrid_t SET v = v WHERE id < 10;
BEGIN;
ALTER TABLE hybrid_t SET ACCESS METHOD omendb, ADD COLUMN w int DEFAULT 3;
SELECT count(*), sum(w) FROM hybrid_t;
ROLLBACK;
ALTER TABLE hybrid_t SET ACCESS METHOD omendb;
INSERT INTO hybrid_t VALUES (251, 'hot');
INSERT INTO hybrid_t_h VALUES (251, 'hot');
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE regress_hybrid_space LOCATION '';
ALTER TABLE hybrid_t SET TABLESPACE regress_hybrid_space;
SELECT hybrid_differ('hybrid_t', 'hybrid_t_h'), * FROM hybrid_look('hybrid_t');
DROP INDEX hybrid_t_id;
COPY hybrid_t (id) FROM PROGRAM 'seq 301 400';
COPY hybrid_t_h (id) FROM PROGRAM 'seq 301 400';
BEGIN;
ALTER TABLE hybrid_t SET TABLESPACE pg_default;
COPY hybrid_t (id) FROM PROGRAM 'seq 401 500';
SELECT count(*) FROM hybrid_t;
ROLLBACK;
SELECT hybrid_differ('hybrid_t', 'hybrid_t_h'), * FROM hybrid_look('hybrid_t');
ALTER TABLE hybrid_t SET TABLESPACE pg_default;
DROP TABLESPACE regress_hybrid_space;
CREATE UNLOGGED TABLE hybrid_u USING omendb AS TABLE hybrid_t;
SELECT hybrid_differ('hybrid_u', 'hybrid_t_h');
-- a table made like another, rules, views, functions of rows
CREATE TABLE hybrid_like (LIKE hybrid_t INCLUDING ALL) USING omendb;
COPY hybrid_like (id) FROM PROGRAM 'seq 1 120';
CREATE VIEW hybrid_view AS SELECT id, v FROM hybrid_t WHERE id > 90;
SELECT count(*), min(v COLLATE "C") FROM hybrid_view;
CREATE FUNCTION hybrid_row(hybrid_t) RETURNS text LANGUAGE sql AS 'SELECT $1.id || '' '' || coalesce($1.v, ''none'')';
SELECT hybrid_row(t) FROM hybrid_t t WHERE id IN (5, 251, 350) ORDER BY id;
SELECT to_jsonb(t) FROM hybrid_t t WHERE id IN (5, 251) ORDER BY id;
SELECT (SELECT t FROM hybrid_t t WHERE t.id = 7).v;
DROP FUNCTION hybrid_row;
DROP VIEW hybrid_view;
-- what a table may be named and where it may be
CREATE SCHEMA "hybrid S";
CREATE TABLE "hybrid S"."T t" USING omendb AS SELECT i AS "I d" FROM generate_series(1, 150) i;
SELECT * FROM hybrid_look('"hybrid S"."T t"');
DROP SCHEMA "hybrid S" CASCADE;
DROP TABLE hybrid_t, hybrid_t_h, hybrid_u, hybrid_like;
DROP FUNCTION hybrid_look, hybrid_differ, hybrid_both;
DROP PROCEDURE hybrid_quiet;
