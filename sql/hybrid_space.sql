-- Space that hot rows, deleted rows and freed groups leave behind: row groups move into it, and the end of the file is given back.
SET omendb.row_group_rows = 4096;
CREATE TABLE hs (id int, k int, v text) USING omendb WITH (autovacuum_enabled = off);
CREATE TABLE hs_heap (LIKE hs) USING heap;
CREATE UNIQUE INDEX hs_id ON hs (id);
CREATE INDEX hs_k ON hs USING alex (k);
-- does hs have the rows of hs_heap, whichever way it is read, and is it sound?
CREATE FUNCTION hs_look() RETURNS TABLE (rows bigint, differ bigint, by_index bigint, problems bigint) LANGUAGE plpgsql AS $$
BEGIN
	SELECT count(*) INTO rows FROM hs;
	SELECT count(*) INTO differ FROM ((TABLE hs EXCEPT TABLE hs_heap) UNION ALL (TABLE hs_heap EXCEPT TABLE hs)) x;
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_bitmapscan = off;
	SELECT count(*) INTO by_index FROM hs WHERE id >= 0;
	SET LOCAL enable_seqscan = on;
	SELECT count(*) INTO problems FROM omendb.check('hs');
	RETURN NEXT;
END $$;
CREATE FUNCTION hs_pages() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN pg_relation_size('hs') / current_setting('block_size')::int; END $$;

INSERT INTO hs SELECT i, i % 100, 'row ' || i % 50 FROM generate_series(1, 20480) i;
INSERT INTO hs_heap TABLE hs;
SELECT hs_pages() AS full \gset
CALL omendb.compact('hs');
-- hot copies leave nothing behind that anybody could take before VACUUM
SELECT hs_pages() >= :full AS kept;
VACUUM (TRUNCATE off) hs;
SELECT hs_pages() >= :full AS kept;
CALL omendb.compact('hs');
SELECT hs_pages() < :full / 3 AS shrunk;
SELECT * FROM hs_look();
SELECT state, count(*) FROM omendb.row_groups('hs') GROUP BY state ORDER BY state;
-- once more there is nothing to do
SELECT hs_pages() AS small \gset
CALL omendb.compact('hs');
SELECT hs_pages() = :small AS same;

-- headers move with their group: a list, and a dense map
UPDATE hs SET v = 'changed' WHERE id BETWEEN 100 AND 200;
UPDATE hs_heap SET v = 'changed' WHERE id BETWEEN 100 AND 200;
DELETE FROM hs WHERE id BETWEEN 5000 AND 6500;
DELETE FROM hs_heap WHERE id BETWEEN 5000 AND 6500;
SELECT count(*) > 0 AS dense FROM omendb.row_groups('hs') WHERE state = 'row map';
INSERT INTO hs SELECT i, i % 100, 'more' FROM generate_series(30001, 50480) i;
INSERT INTO hs_heap SELECT * FROM hs WHERE id > 30000;
SELECT count(*) FROM (SELECT FROM hs WHERE id BETWEEN 9000 AND 9100 FOR SHARE) x;
CALL omendb.compact('hs', true);
SELECT hs_pages() AS full \gset
VACUUM (TRUNCATE off) hs;
CALL omendb.compact('hs');
SELECT hs_pages() < :full / 2 AS shrunk;
SELECT * FROM hs_look();
SELECT count(*) FROM (SELECT FROM hs WHERE id BETWEEN 9000 AND 9200 FOR UPDATE) x;
UPDATE hs SET k = k + 1 WHERE id % 10 = 0;
UPDATE hs_heap SET k = k + 1 WHERE id % 10 = 0;
DELETE FROM hs WHERE id % 10 = 1;
DELETE FROM hs_heap WHERE id % 10 = 1;
SELECT * FROM hs_look();
VACUUM hs;
SELECT * FROM hs_look();
SELECT omendb.alex_check('hs_k', true);

-- not if that is forbidden
INSERT INTO hs SELECT i, i % 100, 'last' FROM generate_series(60001, 80480) i;
INSERT INTO hs_heap SELECT * FROM hs WHERE id > 60000;
ALTER TABLE hs SET (vacuum_truncate = off);
CALL omendb.compact('hs', true);
VACUUM hs;
SELECT hs_pages() AS full \gset
CALL omendb.compact('hs');
SELECT hs_pages() = :full AS kept;
ALTER TABLE hs RESET (vacuum_truncate);
CALL omendb.compact('hs');
SELECT hs_pages() < :full / 2 AS shrunk;
SELECT * FROM hs_look();
DROP TABLE hs;

-- VACUUM cuts off what is empty at the end, with row groups and without
CREATE TABLE hs (id int, k int, v text) USING omendb WITH (autovacuum_enabled = off);
TRUNCATE hs_heap;
INSERT INTO hs SELECT i, 1, 'x' FROM generate_series(1, 10000) i;
DELETE FROM hs;
SELECT hs_pages() AS full \gset
VACUUM (TRUNCATE off) hs;
SELECT hs_pages() = :full AS kept;
VACUUM hs;
SELECT hs_pages() < :full / 10 AS shrunk;
INSERT INTO hs SELECT i, 1, 'x' FROM generate_series(1, 100) i;
COPY hs FROM PROGRAM 'seq -f "%g	2	y" 10001 18192';
DELETE FROM hs WHERE k = 2;
SELECT hs_pages() AS full \gset
VACUUM hs;
SELECT hs_pages() < :full AS shrunk;
INSERT INTO hs_heap SELECT i, 1, 'x' FROM generate_series(1, 100) i;
SELECT rows, differ, problems FROM hs_look();

DROP TABLE hs, hs_heap;
DROP FUNCTION hs_look, hs_pages;
RESET omendb.row_group_rows;
