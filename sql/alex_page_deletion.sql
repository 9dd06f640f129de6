-- Empty pages leave the tree, are found by VACUUM and used again.
CREATE FUNCTION shape(i regclass, OUT level int, OUT pages bigint, OUT entries bigint) RETURNS SETOF record
LANGUAGE sql AS 'SELECT level, pages, entries FROM omendb.alex_stats(i)';
CREATE TABLE del (id bigint, k bigint) WITH (autovacuum_enabled = off);
INSERT INTO del SELECT i, i FROM generate_series(1, 20000) i;
CREATE INDEX del_k ON del USING alex (k) WITH (leaf_entries = 256, fillfactor = 100);
SELECT * FROM shape('del_k');
SET enable_seqscan = off;
SET enable_bitmapscan = off;

-- in the middle, at the left end, at the right end (the last leaf stays), all
DELETE FROM del WHERE k BETWEEN 5000 AND 10000;
VACUUM (INDEX_CLEANUP ON) del;
SELECT * FROM shape('del_k');
SELECT omendb.alex_check('del_k', true);
SELECT count(*), sum(id), min(k), max(k) FROM del WHERE k > 0;
SELECT k FROM del WHERE k > 4990 ORDER BY k OFFSET 8 LIMIT 3;
SELECT k FROM del WHERE k < 10010 ORDER BY k DESC OFFSET 8 LIMIT 3;
DELETE FROM del WHERE k < 3000;
VACUUM (INDEX_CLEANUP ON) del;
SELECT * FROM shape('del_k');
SELECT omendb.alex_check('del_k', true);
DELETE FROM del WHERE k > 15000;
VACUUM (INDEX_CLEANUP ON) del;
SELECT * FROM shape('del_k');
SELECT omendb.alex_check('del_k', true);
SELECT count(*), sum(id), min(k), max(k) FROM del WHERE k > 0;
-- into the ranges of deleted pages
INSERT INTO del SELECT i, i FROM generate_series(1, 20000, 3) i;
SELECT omendb.alex_check('del_k', true);
SELECT count(*), sum(id) FROM (SELECT id FROM del WHERE k > 0 ORDER BY k) s;
SELECT count(*), sum(id) FROM (SELECT id FROM del WHERE k > 0 ORDER BY k DESC) s;
DELETE FROM del;
VACUUM (INDEX_CLEANUP ON) del;
SELECT level, pages, entries FROM omendb.alex_stats('del_k') WHERE level IS NOT NULL;
SELECT omendb.alex_check('del_k', true);
INSERT INTO del SELECT i, -i FROM generate_series(1, 3000) i;
SELECT omendb.alex_check('del_k', true);
SELECT count(*), sum(id), min(k), max(k) FROM del WHERE k < 0;

-- deleted pages are used before the file grows, once a later VACUUM has found them
DELETE FROM del WHERE k = -1;
SELECT pg_relation_size('del_k') AS size \gset
VACUUM (INDEX_CLEANUP ON) del;
INSERT INTO del SELECT i, i FROM generate_series(1, 4000) i;
SELECT pg_relation_size('del_k') = :size AS same_size;
SELECT omendb.alex_check('del_k', true);
DROP TABLE del;

-- inner pages: the last leaf of a parent takes the parent with it
CREATE TABLE deep (id bigint, k bigint, PRIMARY KEY (id)) WITH (autovacuum_enabled = off);
INSERT INTO deep SELECT i, hashint8extended(i, 0) FROM generate_series(1, 60000) i;
CREATE INDEX deep_k ON deep USING alex (k) WITH (leaf_entries = 256, fillfactor = 10);
SELECT level, pages FROM shape('deep_k');
DELETE FROM deep WHERE k < 3000000000000000000;
VACUUM (INDEX_CLEANUP ON) deep;
SELECT level, pages FROM shape('deep_k') WHERE level > 0;
SELECT omendb.alex_check('deep_k', true);
SELECT count(*) = (SELECT count(*) FROM (SELECT k FROM deep ORDER BY id) s) AS same FROM deep WHERE k IS NOT NULL;
INSERT INTO deep SELECT i, hashint8extended(i, 0) FROM generate_series(60001, 63000) i;
SELECT omendb.alex_check('deep_k', true);
SELECT count(*), sum(id) FROM (SELECT id FROM deep WHERE id > 60000 AND k IS NOT NULL ORDER BY k DESC) s;
DROP TABLE deep;

-- a queue: in at one end, out at the other
CREATE TABLE queue (id bigint) WITH (autovacuum_enabled = off);
CREATE INDEX queue_id ON queue USING alex (id) WITH (leaf_entries = 256);
\set ECHO none
SELECT format('INSERT INTO queue SELECT i FROM generate_series(%s, %s) i', r * 1000 + 1, r * 1000 + 1000),
	format('DELETE FROM queue WHERE id <= %s', r * 1000), 'VACUUM (INDEX_CLEANUP ON) queue'
FROM generate_series(0, 39) r \gexec
\set ECHO all
-- 40,000 entries have passed through: 156 leaves of them
SELECT pages < 8 AS tree_small FROM shape('queue_id') WHERE level = 0;
SELECT pg_relation_size('queue_id') / 8192 < 30 AS file_small;
SELECT omendb.alex_check('queue_id', true);
SELECT count(*), min(id), max(id) FROM queue WHERE id > 0;
DROP TABLE queue;
DROP FUNCTION shape;
