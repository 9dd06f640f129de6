-- omendb.compact: hot rows become row groups

SET omendb.row_group_rows = 64;
CREATE TABLE hf (id int PRIMARY KEY, gone text, t text, n numeric, d date, a int[]) USING omendb WITH (autovacuum_enabled = off);
INSERT INTO hf SELECT i, 'x', CASE WHEN i % 9 = 0 THEN NULL ELSE 'text ' || i % 10 END, i * 1.25, date '2026-01-01' + i, ARRAY[i, NULL, i * 2] FROM generate_series(1, 300) i;
ALTER TABLE hf DROP COLUMN gone;
ALTER TABLE hf ADD COLUMN later int DEFAULT 7;
CREATE INDEX hf_expression ON hf (upper(t)) WHERE id % 2 = 0;
CREATE INDEX hf_alex ON hf USING alex (d);
CREATE INDEX hf_gin ON hf USING gin (a);
-- too large for its page
INSERT INTO hf SELECT 1000 + i, repeat('wide ' || i, 3000), i, '2027-01-01', NULL, i FROM generate_series(1, 5) i;
ALTER TABLE hf ALTER t SET STORAGE EXTERNAL;
INSERT INTO hf SELECT 2000 + i, repeat('out of line ' || i, 1000), i, '2027-01-01', NULL, i FROM generate_series(1, 5) i;
UPDATE hf SET n = n + 1 WHERE id % 50 = 0;
DELETE FROM hf WHERE id = 13;
CREATE TABLE hf_before AS SELECT id, xmin::text AS x, hf::text AS whole FROM hf;

-- full groups only; what is left stays hot
CALL omendb.compact('hf', verbose => true);
SELECT row_groups, cold_rows, dead_rows FROM omendb.table_stats('hf');
SELECT count(*) FROM hf JOIN hf_before b USING (id) WHERE b.whole = hf::text AND b.x = hf.xmin::text;
-- all rows
CALL omendb.compact('hf', true, true);
CALL omendb.compact('hf', true, true);
SELECT row_groups, cold_rows, dead_rows FROM omendb.table_stats('hf');
SELECT count(*), count(*) FILTER (WHERE b.whole = hf::text AND b.x = hf.xmin::text) AS same FROM hf FULL JOIN hf_before b USING (id);
SELECT * FROM omendb.check('hf');
-- through indexes
SET enable_seqscan = off;
SELECT id, length(t), n FROM hf WHERE id IN (13, 100, 1003, 2003) ORDER BY id;
SELECT id FROM hf WHERE upper(t) = 'TEXT 4' AND id % 2 = 0 AND id < 50 ORDER BY id;
SELECT id FROM hf WHERE d BETWEEN '2026-01-10' AND '2026-01-15' ORDER BY d;
SELECT id FROM hf WHERE a @> '{10}' ORDER BY id;
SELECT count(*) FROM hf WHERE id > 0;
RESET enable_seqscan;
-- hot copies go, and their entries
VACUUM hf;
SELECT hot_rows, cold_rows FROM omendb.table_stats('hf');
SELECT omendb.alex_check('hf_alex', true, true);
SELECT count(*), count(*) FILTER (WHERE b.whole = hf::text) AS same FROM hf FULL JOIN hf_before b USING (id);
-- toast chunks of the hot copies, too
SELECT count(*) > 0 AS toasted FROM hf_before WHERE length(whole) > 3000;
DO $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM %s', (SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'hf'::regclass)) INTO n;
	RAISE NOTICE '% chunks', n;
END $$;
-- cold rows are changed as ever, and the new versions frozen again
UPDATE hf SET n = n + 1 WHERE id <= 150;
DELETE FROM hf WHERE id > 2000;
INSERT INTO hf VALUES (5, 'again') ON CONFLICT (id) DO UPDATE SET t = excluded.t RETURNING id, t, n;
CALL omendb.compact('hf', true, true);
SELECT cold_rows, headers, hot_rows FROM omendb.table_stats('hf');
SELECT count(*), sum(n), max(t) FILTER (WHERE id = 5) FROM hf;
SELECT * FROM omendb.check('hf');
INSERT INTO hf VALUES (5, 'third time');
VACUUM hf;
SELECT count(*), sum(n) FROM hf;
-- another table that takes the rows
VACUUM FULL hf;
SELECT cold_rows, headers, hot_rows FROM omendb.table_stats('hf');
SELECT count(*), sum(n) FROM hf;
DROP TABLE hf, hf_before;

-- temporary and unlogged ones, materialized views, partitions
CREATE TEMPORARY TABLE hf_temp (id int, t text) USING omendb;
INSERT INTO hf_temp SELECT i, 'r' || i FROM generate_series(1, 100) i;
CALL omendb.compact('hf_temp', true, true);
SELECT count(*), min(t) FROM hf_temp;
DROP TABLE hf_temp;
CREATE UNLOGGED TABLE hf_unlogged (id int PRIMARY KEY) USING omendb WITH (autovacuum_enabled = off);
INSERT INTO hf_unlogged SELECT generate_series(1, 100);
CALL omendb.compact('hf_unlogged', true, true);
UPDATE hf_unlogged SET id = -id WHERE id < 10;
SELECT count(*), sum(id) FROM hf_unlogged;
DROP TABLE hf_unlogged;
CREATE TABLE hf_parts (id int, t text) PARTITION BY RANGE (id);
CREATE TABLE hf_part1 PARTITION OF hf_parts FOR VALUES FROM (0) TO (100) USING omendb WITH (autovacuum_enabled = off);
CREATE TABLE hf_part2 PARTITION OF hf_parts FOR VALUES FROM (100) TO (200) USING heap;
INSERT INTO hf_parts SELECT i, i FROM generate_series(0, 199) i;
CALL omendb.compact('hf_part1', true, true);
UPDATE hf_parts SET id = id + 100 WHERE id < 10;
UPDATE hf_parts SET id = id - 100 WHERE id >= 190;
SELECT tableoid::regclass, count(*), sum(id) FROM hf_parts GROUP BY 1 ORDER BY 1;
CALL omendb.compact('hf_parts');
DROP TABLE hf_parts;

-- an index scan that ends at a row that is not there any more, of a smaller group than the one before it
CREATE TABLE hf (id int PRIMARY KEY, t text) USING omendb WITH (autovacuum_enabled = off);
INSERT INTO hf SELECT i, i FROM generate_series(1, 64) i;
CALL omendb.compact('hf', true);
INSERT INTO hf SELECT i, i FROM generate_series(65, 70) i;
CALL omendb.compact('hf', true);
DELETE FROM hf WHERE id > 64;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT id, t, xmin <> '0' AS has_xmin FROM hf WHERE id >= 64 ORDER BY id;
RESET enable_seqscan;
RESET enable_bitmapscan;
DROP TABLE hf;

-- rows of running and of failed transactions stay as they are
CREATE TABLE hf (id int PRIMARY KEY, t text) USING omendb WITH (autovacuum_enabled = off);
BEGIN;
INSERT INTO hf SELECT i, i FROM generate_series(1, 64) i;
ROLLBACK;
INSERT INTO hf SELECT i, i FROM generate_series(101, 170) i;
CALL omendb.compact('hf', true, true);
SELECT count(*), min(id) FROM hf;

-- an index's expression and predicate are evaluated as the owner of the table
CREATE ROLE regress_hf_owner;
CREATE FUNCTION hf_who(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN current_user; END $$;
ALTER TABLE hf OWNER TO regress_hf_owner;
CREATE INDEX hf_owner ON hf (hf_who(id));
INSERT INTO hf SELECT i, i FROM generate_series(201, 210) i;
SET enable_seqscan = off;
SELECT count(*) FROM hf WHERE hf_who(id) = 'regress_hf_owner' AND id > 200;
CALL omendb.compact('hf', true, true);
SELECT count(*) FROM hf WHERE hf_who(id) = 'regress_hf_owner' AND id > 200;
RESET enable_seqscan;

-- the entries of hot copies make room for those of cold rows, wherever they stand: an index in random order does not grow
SET omendb.row_group_rows = 512;
CREATE TABLE hf_index (id int, k bigint) USING omendb WITH (autovacuum_enabled = off);
INSERT INTO hf_index SELECT i, hashint8extended(i, 1) FROM generate_series(1, 40000) i;
CREATE INDEX hf_btree ON hf_index (k);
CREATE INDEX hf_alex ON hf_index USING alex (k);
SELECT pg_relation_size('hf_btree') AS btree, pg_relation_size('hf_alex') AS alex \gset
CALL omendb.compact('hf_index', true);
SELECT pg_relation_size('hf_btree') < 1.3 * :btree AS btree, pg_relation_size('hf_alex') < 2.3 * :alex AS alex;
VACUUM hf_index;
SET enable_seqscan = off;
SELECT count(*), sum(id) FROM hf_index WHERE k > 0 OR k <= 0;
DROP INDEX hf_btree;
SELECT count(*), sum(id) FROM hf_index WHERE k > 0 OR k <= 0;
RESET enable_seqscan;
SELECT omendb.alex_check('hf_alex', true);
DROP TABLE hf_index;
RESET omendb.row_group_rows;

-- who may, and where
CREATE ROLE regress_hf_other;
SET ROLE regress_hf_other;
CALL omendb.compact('hf');
RESET ROLE;
BEGIN;
CALL omendb.compact('hf');
ROLLBACK;
-- what comes behind it is in another transaction
INSERT INTO hf SELECT i, i FROM generate_series(301, 340) i;
CREATE TEMPORARY TABLE hf_copy (id int, t text) USING heap;
DO $$ BEGIN CALL omendb.compact('hf', true); INSERT INTO hf_copy SELECT * FROM hf; UPDATE hf SET t = 'y' WHERE id = 301; END $$;
SELECT count(*), count(DISTINCT id) FROM hf_copy;
SET default_transaction_read_only = on;
CALL omendb.compact('hf');
RESET default_transaction_read_only;
SET default_transaction_isolation = 'repeatable read';
CALL omendb.compact('hf');
RESET default_transaction_isolation;
CALL omendb.compact('hf', NULL);
CALL omendb.compact('pg_class');
CREATE TABLE hf_heap (id int) USING heap;
CALL omendb.compact('hf_heap');
CREATE TABLE hf_brin (id int) USING omendb;
CREATE INDEX ON hf_brin USING brin (id);
CALL omendb.compact('hf_brin');
CREATE VIEW hf_view AS SELECT 1;
CALL omendb.compact('hf_view');
DROP VIEW hf_view;
DROP TABLE hf, hf_heap, hf_brin;
DROP FUNCTION hf_who;
DROP ROLE regress_hf_owner, regress_hf_other;
