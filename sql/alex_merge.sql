-- VACUUM merges leaves that it leaves nearly empty; what scans return stays the same.
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;

-- pages in the tree
CREATE FUNCTION leaves(i regclass) RETURNS bigint LANGUAGE sql
AS $$SELECT pages FROM omendb.alex_stats(i) WHERE level = 0$$;

CREATE TABLE merge_t (id int8, u uuid, n int4, w int8, v float8) WITH (autovacuum_enabled = off);
INSERT INTO merge_t
SELECT g, md5(g::text)::uuid, CASE WHEN g % 7 <> 0 THEN g / 50 END, hashint8extended(g, 0), sin(g)
FROM generate_series(1, 60000) g;
CREATE INDEX merge_id ON merge_t USING alex (id);
CREATE INDEX merge_desc ON merge_t USING alex (id DESC NULLS LAST) WITH (leaf_entries = 256);
CREATE INDEX merge_u ON merge_t USING alex (u);
CREATE INDEX merge_n ON merge_t USING alex (n NULLS FIRST);
CREATE INDEX merge_wide ON merge_t USING alex (n, w) WITH (fillfactor = 70);
CREATE INDEX merge_v ON merge_t USING alex (v);
CREATE TABLE merge_before AS
	SELECT c.oid::regclass AS index, leaves(c.oid) FROM pg_class c WHERE relname LIKE 'merge\__%' AND relkind = 'i';
DELETE FROM merge_t WHERE id % 20 <> 3;
VACUUM (INDEX_CLEANUP ON) merge_t;
SELECT index, omendb.alex_check(index, true), leaves(index) < leaves / 8.0 + 2 AS merged
FROM merge_before ORDER BY index::text COLLATE "C";

-- the same rows in the same order by each index as from the table
CREATE FUNCTION sums(cond text, by text) RETURNS TABLE (rows bigint, sum_id numeric, hash bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE 'SELECT count(*), sum(id), bit_xor(hashint8extended(id, p)) FROM (SELECT id, row_number() OVER () AS p
		FROM (SELECT id FROM merge_t WHERE ' || cond || ' ORDER BY ' || by || ' OFFSET 0) s) s';
END $$;
CREATE TABLE merge_asked (cond text, by text);
INSERT INTO merge_asked VALUES ('id > 0', 'id'), ('id > 0', 'id DESC'), ('id BETWEEN 10000 AND 50000', 'id'),
	('u > md5(''3'')::uuid', 'u'), ('u < md5(''1'')::uuid', 'u DESC'), ('v > -0.5', 'v'), ('v < 0.9', 'v DESC'),
	('n > 100', 'n, w'), ('n > 100', 'n DESC, w DESC'), ('n IS NULL', 'n NULLS FIRST, w NULLS FIRST');
CREATE FUNCTION differing() RETURNS TABLE (cond text, by text) LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE by_index ON COMMIT DROP AS SELECT a.*, s.* FROM merge_asked a, sums(a.cond, a.by) s;
	SET LOCAL enable_indexscan = off;
	SET LOCAL enable_indexonlyscan = off;
	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_sort = on;
	RETURN QUERY SELECT a.cond, a.by FROM merge_asked a, sums(a.cond, a.by) s
		WHERE (a.cond, a.by, s.rows, s.sum_id, s.hash) NOT IN (SELECT * FROM by_index);
END $$;
SELECT * FROM differing();
EXPLAIN (COSTS OFF) SELECT id FROM merge_t WHERE n > 100 ORDER BY n, w;

-- inserts go into what was merged, and are deleted in part
INSERT INTO merge_t
SELECT g, md5(g::text)::uuid, CASE WHEN g % 7 <> 0 THEN g / 50 END, hashint8extended(g, 0), sin(g)
FROM generate_series(1, 40000) g WHERE g % 20 <> 3;
SELECT * FROM differing();
DELETE FROM merge_t WHERE id % 3 = 0 OR id BETWEEN 5000 AND 7000;
VACUUM (INDEX_CLEANUP ON) merge_t;
SELECT * FROM differing();
SELECT index, omendb.alex_check(index, true) FROM merge_before ORDER BY index::text COLLATE "C";

-- with little memory batches are of one leaf: it waits for the next
SET maintenance_work_mem = '1MB';
CREATE TABLE merge_small (k int4) WITH (autovacuum_enabled = off);
INSERT INTO merge_small SELECT g FROM generate_series(1, 30000) g;
CREATE INDEX merge_small_k ON merge_small USING alex (k) WITH (leaf_entries = 1000);
SELECT leaves('merge_small_k');
DELETE FROM merge_small WHERE k % 10 <> 0;
VACUUM (INDEX_CLEANUP ON) merge_small;
SELECT leaves('merge_small_k'), omendb.alex_check('merge_small_k', true);
RESET maintenance_work_mem;

-- not beyond what the options let a leaf have
CREATE TABLE merge_fill (k int4) WITH (autovacuum_enabled = off);
INSERT INTO merge_fill SELECT g FROM generate_series(1, 20000) g;
CREATE INDEX merge_fill_cap ON merge_fill USING alex (k) WITH (leaf_entries = 500);
CREATE INDEX merge_fill_bytes ON merge_fill USING alex ((hashint4extended(k, 0))) WITH (fillfactor = 20);
DELETE FROM merge_fill WHERE k % 4 <> 0;
VACUUM (INDEX_CLEANUP ON) merge_fill;
SELECT leaves('merge_fill_cap'), leaves('merge_fill_bytes') BETWEEN 5000 * 8 / 8192 * 5 AND 60 AS bytes;
SELECT omendb.alex_check('merge_fill_cap', true), omendb.alex_check('merge_fill_bytes', true);

-- entries that are marked, not removed, are not brought along; their rows come back into the same places
CREATE TABLE merge_marked (k int8) WITH (autovacuum_enabled = off);
INSERT INTO merge_marked SELECT g FROM generate_series(1, 20000) g;
CREATE INDEX merge_marked_k ON merge_marked USING alex (k) WITH (leaf_entries = 500);
DELETE FROM merge_marked WHERE k % 20 = 0;
VACUUM (INDEX_CLEANUP ON) merge_marked;
SELECT leaves('merge_marked_k'), entries, removed FROM omendb.alex_stats('merge_marked_k') WHERE level = 0;
ALTER INDEX merge_marked_k SET (leaf_entries = 4000);
DELETE FROM merge_marked WHERE k = 1;
VACUUM (INDEX_CLEANUP ON) merge_marked;
SELECT leaves('merge_marked_k'), entries, removed FROM omendb.alex_stats('merge_marked_k') WHERE level = 0;
INSERT INTO merge_marked SELECT g FROM generate_series(20, 20000, 20) g;
SELECT omendb.alex_check('merge_marked_k', true);
SELECT count(*), sum(k) FROM (SELECT k FROM merge_marked WHERE k > 0 ORDER BY k OFFSET 0) s;

-- temporary and unlogged tables, whose pages have no LSN
CREATE TEMP TABLE merge_temp (k int8);
CREATE UNLOGGED TABLE merge_unlogged (k int8) WITH (autovacuum_enabled = off);
INSERT INTO merge_temp SELECT g FROM generate_series(1, 50000) g;
INSERT INTO merge_unlogged SELECT * FROM merge_temp;
CREATE UNIQUE INDEX merge_temp_k ON merge_temp USING alex (k);
CREATE UNIQUE INDEX merge_unlogged_k ON merge_unlogged USING alex (k);
DELETE FROM merge_temp WHERE k % 10 <> 0;
DELETE FROM merge_unlogged WHERE k % 10 <> 0;
VACUUM (INDEX_CLEANUP ON) merge_temp, merge_unlogged;
SELECT leaves('merge_temp_k'), omendb.alex_check('merge_temp_k', true);
SELECT leaves('merge_unlogged_k'), omendb.alex_check('merge_unlogged_k', true);
SELECT count(*), sum(k) FROM (SELECT k FROM merge_temp WHERE k > 0 ORDER BY k OFFSET 0) s;
SELECT count(*), sum(k) FROM (SELECT k FROM merge_unlogged WHERE k > 0 ORDER BY k DESC OFFSET 0) s;
INSERT INTO merge_temp VALUES (31);
INSERT INTO merge_temp VALUES (30);
INSERT INTO merge_unlogged VALUES (49990);

DROP TABLE merge_t, merge_before, merge_asked, merge_small, merge_fill, merge_marked, merge_unlogged;
DROP FUNCTION leaves, sums, differing;
