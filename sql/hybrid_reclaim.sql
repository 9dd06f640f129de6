-- VACUUM and deleted cold rows: index entries go, groups without any other row are freed

SET omendb.row_group_rows = 1000;
CREATE TABLE hr (id int, v text) USING omendb WITH (autovacuum_enabled = off, vacuum_truncate = off);
COPY hr FROM PROGRAM 'seq -f "%g	x" 1 10000';
CREATE INDEX hr_btree ON hr (id);
CREATE INDEX hr_alex ON hr USING alex (id);
CREATE INDEX hr_hash ON hr USING hash (id);
CREATE INDEX hr_gin ON hr USING gin ((ARRAY[id]));
CREATE FUNCTION hr_entries() RETURNS TABLE (name text, entries bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT 'alex', sum(s.entries)::bigint FROM omendb.alex_stats('hr_alex') s WHERE level = 0;
END $$;

-- too few to be worth a walk through the indexes
DELETE FROM hr WHERE id BETWEEN 5001 AND 5100;
VACUUM hr;
SELECT row_groups, cold_rows, dead_rows FROM omendb.table_stats('hr');
SELECT * FROM hr_entries();
-- three whole groups, and half of one
DELETE FROM hr WHERE id <= 3500;
VACUUM (INDEX_CLEANUP off) hr;
SELECT row_groups, cold_rows, dead_rows FROM omendb.table_stats('hr');
VACUUM hr;
SELECT row_groups, cold_rows, dead_rows FROM omendb.table_stats('hr');
SELECT * FROM hr_entries();
VACUUM hr;
SELECT count(*), min(id) FROM hr;
SET enable_seqscan = off;
SELECT count(*) FROM hr WHERE id < 4000;
SELECT count(*) FROM hr WHERE id IN (100, 3600);
SELECT count(*) FROM hr WHERE ARRAY[id] @> '{3600}';
RESET enable_seqscan;
SELECT omendb.alex_check('hr_alex', true);
SELECT * FROM omendb.check('hr');
-- the pages are used again
SELECT sum(pages) AS free_pages FROM omendb.row_groups('hr') WHERE state = 'free' \gset
INSERT INTO hr SELECT i, 'new' FROM generate_series(20001, 23000) i;
CALL omendb.compact('hr');
SELECT sum(pages) < :free_pages AS reused FROM omendb.row_groups('hr') WHERE state = 'free';
SELECT count(*), min(id), max(id) FROM hr;
-- all of it
DELETE FROM hr;
VACUUM hr;
SELECT row_groups, cold_rows, dead_rows FROM omendb.table_stats('hr');
SELECT count(*) FROM hr;
SELECT * FROM hr_entries();
SELECT * FROM omendb.check('hr');
-- without indexes
DROP INDEX hr_btree, hr_alex, hr_hash, hr_gin;
COPY hr FROM PROGRAM 'seq -f "%g	x" 1 2000';
DELETE FROM hr WHERE id <= 1000;
VACUUM hr;
SELECT row_groups, cold_rows, dead_rows FROM omendb.table_stats('hr');
SELECT count(*), min(id) FROM hr;
DROP TABLE hr;
DROP FUNCTION hr_entries;

-- headers of rows that were only locked, or whose change was rolled back, go with VACUUM; then the group is as if nobody had touched it
SET omendb.row_group_rows = 4096;
CREATE TABLE hr (id int, v text) USING omendb WITH (autovacuum_enabled = off);
COPY hr FROM PROGRAM 'seq -f "%g	x" 1 8192';
CREATE UNIQUE INDEX hr_id ON hr (id);
CREATE TABLE hr_child (parent int) USING heap;
ALTER TABLE hr_child ADD FOREIGN KEY (parent) REFERENCES hr (id);
INSERT INTO hr_child SELECT i FROM generate_series(1, 500) i;
BEGIN;
UPDATE hr SET v = 'lost' WHERE id BETWEEN 5001 AND 5100;
DELETE FROM hr WHERE id BETWEEN 5101 AND 5200;
ROLLBACK;
UPDATE hr SET v = 'new' WHERE id = 400;
VACUUM hr;
SELECT headers, dead_rows FROM omendb.table_stats('hr');
SELECT count(*), sum(id), count(DISTINCT v) FROM hr;
SELECT * FROM omendb.check('hr');
-- once more the same rows, and more than a map's list holds
SELECT count(*) FROM (SELECT FROM hr WHERE id <= 2000 FOR SHARE) x;
VACUUM hr;
SELECT headers, dead_rows FROM omendb.table_stats('hr');
SELECT * FROM omendb.check('hr');
DELETE FROM hr WHERE id BETWEEN 1500 AND 1600;
UPDATE hr SET v = 'newer' WHERE id BETWEEN 1601 AND 1700;
SELECT count(*) FROM (SELECT FROM hr WHERE id <= 2000 FOR UPDATE) x;
VACUUM hr;
SELECT headers, dead_rows FROM omendb.table_stats('hr');
SELECT count(*), sum(id), count(DISTINCT v) FROM hr;
SELECT * FROM omendb.check('hr');
-- the space of headers comes back each time
DO $$ BEGIN PERFORM FROM hr WHERE id > 2000 FOR SHARE; END $$;
VACUUM hr;
SELECT pg_relation_size('hr') AS bytes \gset
DO $$ BEGIN PERFORM FROM hr WHERE id > 2000 FOR SHARE; END $$;
VACUUM hr;
DO $$ BEGIN PERFORM FROM hr WHERE id > 2000 FOR SHARE; END $$;
VACUUM hr;
DO $$ BEGIN PERFORM FROM hr WHERE id > 2000 FOR SHARE; END $$;
VACUUM hr;
SELECT pg_relation_size('hr') - :bytes AS growth;
-- an index that is not built yet
DELETE FROM hr WHERE id > 4096;
CREATE INDEX hr_unready ON hr (v);
UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid = 'hr_unready'::regclass;
VACUUM hr;
SELECT row_groups, cold_rows FROM omendb.table_stats('hr');
DROP TABLE hr_child, hr;
