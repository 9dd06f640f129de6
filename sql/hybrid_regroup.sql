-- Row groups with many dead rows are written anew without them, and small neighbours joined, under the same row numbers.
SET omendb.row_group_rows = 4096;
CREATE TABLE hg (id int, k int, v text, n numeric(12,2), a int[]) USING omendb WITH (autovacuum_enabled = off);
COPY hg FROM PROGRAM 'seq -f "%g	1	row	1.50	{1,2}" 1 16384';
CREATE TABLE hg_heap USING heap AS TABLE hg;
CREATE UNIQUE INDEX hg_id ON hg (id);
CREATE INDEX hg_k ON hg USING alex (k);
CREATE INDEX hg_a ON hg USING gin (a);
-- does hg have the rows of hg_heap, whichever way it is read, and is it sound?
CREATE FUNCTION hg_look() RETURNS TABLE (rows bigint, differ bigint, by_index bigint, by_bitmap bigint, by_tid bigint, problems text) LANGUAGE plpgsql AS $$
BEGIN
	SELECT count(*) INTO rows FROM hg;
	SELECT count(*) INTO differ FROM ((TABLE hg EXCEPT TABLE hg_heap) UNION ALL (TABLE hg_heap EXCEPT TABLE hg)) x;
	SELECT count(*) INTO by_tid FROM (SELECT ctid AS c FROM hg) x, hg WHERE hg.ctid = x.c;
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_bitmapscan = off;
	SELECT count(*) INTO by_index FROM hg WHERE id >= 0;
	SET LOCAL enable_bitmapscan = on;
	SET LOCAL enable_indexscan = off;
	SELECT count(*) INTO by_bitmap FROM hg WHERE a @> '{1}';
	SET LOCAL enable_indexscan = on;
	SET LOCAL enable_seqscan = on;
	SELECT string_agg(problem, '; ') INTO problems FROM omendb.check('hg');
	RETURN NEXT;
END $$;
CREATE VIEW hg_groups AS SELECT first_row, rows, dead_rows, headers FROM omendb.row_groups('hg') WHERE state = 'visible' ORDER BY 1;

-- a tenth is not worth it, a third is
DELETE FROM hg WHERE id <= 4096 AND id % 10 = 0;
DELETE FROM hg WHERE id BETWEEN 4097 AND 8192 AND id % 3 = 0;
DELETE FROM hg_heap WHERE (id <= 4096 AND id % 10 = 0) OR (id BETWEEN 4097 AND 8192 AND id % 3 = 0);
SELECT ctid AS kept FROM hg WHERE id = 8000 \gset
-- not before VACUUM knows that they are dead to everybody
CALL omendb.compact('hg');
SELECT rows FROM hg_groups;
VACUUM (FREEZE) hg;
CALL omendb.compact('hg');
SELECT * FROM hg_groups;
SELECT * FROM hg_look();
SELECT id, ctid = :'kept' AS same FROM hg WHERE id = 8000;
-- a row that was left out
SELECT id FROM hg WHERE ctid = '(2147483664,3)';
SELECT count(*) FROM hg WHERE ctid BETWEEN '(2147483664,1)' AND '(2147483664,256)';

-- what is done to rows that live
UPDATE hg SET v = 'new', k = 2 WHERE id BETWEEN 4100 AND 4200;
UPDATE hg_heap SET v = 'new', k = 2 WHERE id BETWEEN 4100 AND 4200;
DELETE FROM hg WHERE id BETWEEN 8000 AND 8010;
DELETE FROM hg_heap WHERE id BETWEEN 8000 AND 8010;
INSERT INTO hg VALUES (4100, 3, 'other', 0, '{1}') ON CONFLICT (id) DO UPDATE SET v = 'conflict';
INSERT INTO hg VALUES (4098, 3, 'other', 0, '{1}') ON CONFLICT (id) DO UPDATE SET v = 'conflict';
UPDATE hg_heap SET v = 'conflict' WHERE id = 4100;
INSERT INTO hg_heap VALUES (4098, 3, 'other', 0, '{1}');
SELECT count(*) FROM (SELECT FROM hg WHERE id BETWEEN 5000 AND 5100 FOR UPDATE) x;
SELECT * FROM hg_look();
VACUUM hg;
SELECT * FROM hg_look();

-- more headers than a list holds: the rows that live keep theirs
SELECT count(*) FROM (SELECT FROM hg WHERE id BETWEEN 4097 AND 8192 FOR SHARE) x;
DELETE FROM hg WHERE id BETWEEN 4097 AND 8192 AND id % 2 = 0;
DELETE FROM hg_heap WHERE id BETWEEN 4097 AND 8192 AND id % 2 = 0;
VACUUM hg;
CALL omendb.compact('hg');
SELECT first_row, rows < 1500 AS fewer FROM hg_groups WHERE first_row = 4096;
SELECT * FROM hg_look();

-- columns that came and went meanwhile
ALTER TABLE hg ADD d int DEFAULT 7, DROP n;
ALTER TABLE hg_heap ADD d int DEFAULT 7, DROP n;
DELETE FROM hg WHERE id > 12288 AND id % 4 <> 0;
DELETE FROM hg_heap WHERE id > 12288 AND id % 4 <> 0;
VACUUM hg;
CALL omendb.compact('hg');
SELECT * FROM hg_groups;
SELECT * FROM hg_look();

-- joined: backward, by cursor, by parallel workers, in samples
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM hg;
MOVE FORWARD ALL IN c;
MOVE BACKWARD ALL IN c;
FETCH ABSOLUTE 3000 FROM c;
MOVE 500 IN c;
FETCH BACKWARD 1 FROM c;
COMMIT;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(*), sum(id), sum(d) FROM hg;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
SELECT count(*), sum(id), sum(d) FROM hg_heap;
SELECT count(*) = (SELECT count(*) FROM hg) AS all_rows FROM hg TABLESAMPLE SYSTEM (100);
SELECT count(*) = (SELECT count(*) FROM hg) AS all_rows FROM hg TABLESAMPLE BERNOULLI (100);
ANALYZE hg;
SELECT abs(reltuples - (SELECT count(*) FROM hg)) < 200 AS near FROM pg_class WHERE relname = 'hg';
CREATE INDEX hg_d ON hg (d, id);
SET enable_seqscan = off;
SELECT count(*), sum(id) FROM hg WHERE d = 7;
RESET enable_seqscan;
SELECT omendb.alex_check('hg_k', true);
-- small groups of single calls
INSERT INTO hg SELECT 20000 + i, 5, 'trickle', '{1}', 7 FROM generate_series(1, 100) i;
CALL omendb.compact('hg', true);
INSERT INTO hg SELECT 21000 + i, 5, 'trickle', '{1}', 7 FROM generate_series(1, 100) i;
CALL omendb.compact('hg', true);
INSERT INTO hg_heap SELECT * FROM hg WHERE id > 20000;
VACUUM (FREEZE) hg;
CALL omendb.compact('hg');
SELECT count(*) AS groups, sum(rows) AS rows FROM hg_groups;
SELECT * FROM hg_look();
-- all of it
VACUUM FULL hg;
SELECT * FROM hg_look();
DELETE FROM hg WHERE id % 2 = 0;
DELETE FROM hg_heap WHERE id % 2 = 0;
VACUUM (FREEZE) hg;
CALL omendb.compact('hg');
CLUSTER hg USING hg_id;
SELECT * FROM hg_look();
DELETE FROM hg WHERE id % 3 = 0;
VACUUM (FREEZE) hg;
CALL omendb.compact('hg');
DELETE FROM hg;
VACUUM hg;
SELECT * FROM hg_groups;
SELECT count(*), (SELECT count(*) FROM omendb.check('hg')) FROM hg;
DROP VIEW hg_groups;
DROP FUNCTION hg_look;
DROP TABLE hg, hg_heap;
RESET omendb.row_group_rows;
