-- The model cache over pages that were deleted and used again elsewhere: a copy of an inner page names the
-- block of a leaf that has another range by now, further left or further right.
SET max_parallel_workers_per_gather = 0;
SET enable_bitmapscan = off;
SET enable_seqscan = off;

CREATE TABLE recycled_t (id int, k int) WITH (autovacuum_enabled = off);
INSERT INTO recycled_t SELECT i, i * 10 FROM generate_series(1, 20000) i;
CREATE INDEX recycled_k ON recycled_t USING alex (k) WITH (leaf_entries = 256, fillfactor = 100);

-- lookups of single keys, each by a route of its own
CREATE FUNCTION recycled_find(lo int, hi int, step int, OUT found int8, OUT sum int8) LANGUAGE sql AS $$
	SELECT count(*), sum(id) FROM generate_series(lo, hi, step) q, LATERAL (SELECT id FROM recycled_t WHERE k = q OFFSET 0) t $$;
-- pages taken from the free space map since the last call: the file does not grow
CREATE FUNCTION recycled_pages(OUT leaves int8, OUT unused int8, OUT total int8) LANGUAGE sql AS $$
	SELECT sum(pages) FILTER (WHERE level = 0), coalesce(sum(pages) FILTER (WHERE level IS NULL), 0),
		pg_relation_size('recycled_k') / 8192 FROM omendb.alex_stats('recycled_k') $$;
SELECT * FROM recycled_find(10, 200000, 50);
SELECT hits > 3900 AS by_cache FROM omendb.alex_cache_stats() WHERE index = 'recycled_k'::regclass;
SELECT total FROM recycled_pages() \gset

-- the leaves of small keys go, and come back as those of large ones
DELETE FROM recycled_t WHERE k BETWEEN 5000 AND 60000;
VACUUM recycled_t;
SELECT unused > 15 AS deleted FROM recycled_pages();
-- the next VACUUM that removes something finds them old enough
DELETE FROM recycled_t WHERE k = 100000;
VACUUM (INDEX_CLEANUP ON) recycled_t;
INSERT INTO recycled_t SELECT 100000 + i, 200000 + i FROM generate_series(1, 4500) i;
SELECT unused < 10 AS reused, total = :total AS no_growth FROM recycled_pages();
-- by the copies of before: few, lest they be made anew
INSERT INTO recycled_t SELECT 200000 + i, 4990 + i * 2500 FROM generate_series(1, 20) i;
SELECT * FROM recycled_find(7490, 55000, 2500);
SELECT * FROM recycled_find(10000, 50000, 10000);
SELECT count(*), min(k), max(k) FROM recycled_t WHERE k BETWEEN 20000 AND 30000;
SELECT k FROM recycled_t WHERE k <= 42490 ORDER BY k DESC LIMIT 2;
SELECT k FROM recycled_t WHERE k < 33000 ORDER BY k DESC LIMIT 1;
SELECT k FROM recycled_t WHERE k > 33000 ORDER BY k LIMIT 1;
SELECT omendb.alex_check('recycled_k', true, true);
SELECT * FROM recycled_find(10, 204500, 10);

-- the leaves of large keys come back as those of small ones
VACUUM recycled_t;
SELECT total FROM recycled_pages() \gset
DELETE FROM recycled_t WHERE k BETWEEN 150000 AND 203000;
VACUUM recycled_t;
SELECT unused > 15 AS deleted FROM recycled_pages();
DELETE FROM recycled_t WHERE k = 100010;
VACUUM (INDEX_CLEANUP ON) recycled_t;
INSERT INTO recycled_t SELECT 300000 + i, (i * 7919) % 40000 FROM generate_series(1, 4000) i;
SELECT total = :total AS no_growth FROM recycled_pages();
INSERT INTO recycled_t SELECT 400000 + i, 150005 + i * 2500 FROM generate_series(1, 20) i;
SELECT * FROM recycled_find(152505, 200005, 2500);
SELECT * FROM recycled_find(160000, 200000, 10000);
SELECT k FROM recycled_t WHERE k <= 180005 ORDER BY k DESC LIMIT 2;
SELECT k FROM recycled_t WHERE k > 181000 ORDER BY k LIMIT 1;
SELECT omendb.alex_check('recycled_k', true, true);
SELECT * FROM recycled_find(10, 204500, 10);
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SET enable_seqscan = on;
SELECT count(*), sum(id) FROM recycled_t WHERE k % 10 = 0 AND k BETWEEN 10 AND 204500;

DROP TABLE recycled_t;
DROP FUNCTION recycled_find, recycled_pages;
