-- Deletion, reuse of row places, and options changed on an index in use.
SET temp_buffers = 100;

-- VACUUM removes entries; rows with the same keys come back into the same places of the table
CREATE TABLE vacuum_t (k int8) WITH (autovacuum_enabled = off);
INSERT INTO vacuum_t SELECT g FROM generate_series(1, 50000) g;
CREATE INDEX vacuum_k ON vacuum_t USING alex (k);
CREATE TEMP TABLE vacuum_places AS SELECT ctid AS place, k FROM vacuum_t;
DELETE FROM vacuum_t WHERE hashint8(k) % 3 = 0;
VACUUM (INDEX_CLEANUP ON) vacuum_t;
SELECT omendb.alex_check('vacuum_k', true);
SELECT sum(entries) = (SELECT count(*) FROM vacuum_t) AS all_counted, sum(removed) > 0 AS marks_left
FROM omendb.alex_stats('vacuum_k') WHERE level = 0;
-- in the order of the free places, so that most rows return to where they were
INSERT INTO vacuum_t SELECT k FROM vacuum_places p
	WHERE NOT EXISTS (SELECT 1 FROM vacuum_t t WHERE t.k = p.k) ORDER BY place;
SELECT count(*) > 5000 AS same_place
FROM vacuum_t t JOIN vacuum_places p ON t.k = p.k AND t.ctid = p.place WHERE hashint8(t.k) % 3 = 0;
SELECT omendb.alex_check('vacuum_k', true);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT count(*), count(DISTINCT k), sum(k) FROM (SELECT k FROM vacuum_t ORDER BY k OFFSET 0) s;

-- everything goes and comes back, twice
DELETE FROM vacuum_t;
VACUUM (INDEX_CLEANUP ON) vacuum_t;
SELECT omendb.alex_check('vacuum_k', true);
SELECT entries, removed FROM omendb.alex_stats('vacuum_k') WHERE level = 0;
INSERT INTO vacuum_t SELECT g FROM generate_series(1, 50000) g;
DELETE FROM vacuum_t WHERE k % 2 = 0;
VACUUM (INDEX_CLEANUP ON) vacuum_t;
INSERT INTO vacuum_t SELECT g FROM generate_series(2, 50000, 2) g;
SELECT omendb.alex_check('vacuum_k', true);
SELECT count(*), count(DISTINCT k), sum(k) FROM (SELECT k FROM vacuum_t ORDER BY k DESC OFFSET 0) s;

-- a lower cap on a full index: inserts go on, the pages are split as they are met
ALTER INDEX vacuum_k SET (leaf_entries = 256, fillfactor = 60);
INSERT INTO vacuum_t SELECT g FROM generate_series(5, 50000, 1000) g;
INSERT INTO vacuum_t SELECT g FROM generate_series(50001, 60000) g;
SELECT omendb.alex_check('vacuum_k', true);
ALTER INDEX vacuum_k SET (leaf_entries = 8192, fillfactor = 100);
INSERT INTO vacuum_t SELECT g FROM generate_series(60001, 90000) g;
ALTER INDEX vacuum_k RESET (leaf_entries, fillfactor);
INSERT INTO vacuum_t SELECT g FROM generate_series(90001, 95000) g;
SELECT omendb.alex_check('vacuum_k', true);
SELECT count(*), sum(k) FROM (SELECT k FROM vacuum_t ORDER BY k OFFSET 0) s;

-- pages without free bytes: marks take the place of dead bits, scans go on, the rows come back into their places
CREATE TABLE vacuum_full (k int8) WITH (autovacuum_enabled = off);
INSERT INTO vacuum_full SELECT g FROM generate_series(1, 50000) g ORDER BY hashint8(g), g;
CREATE INDEX vacuum_full_k ON vacuum_full USING alex (k) WITH (fillfactor = 100);
CREATE TEMP TABLE vacuum_full_places AS SELECT ctid AS place, k FROM vacuum_full WHERE k % 20 = 0;
DELETE FROM vacuum_full WHERE k % 20 = 0;
VACUUM (INDEX_CLEANUP ON) vacuum_full;
SELECT omendb.alex_check('vacuum_full_k', true);
SELECT sum(entries) AS entries, sum(removed) AS removed FROM omendb.alex_stats('vacuum_full_k') WHERE level = 0;
DELETE FROM vacuum_full WHERE k % 20 = 1;
SELECT count(*), sum(k) FROM (SELECT k FROM vacuum_full ORDER BY k OFFSET 0) s;
SELECT count(*), sum(k) FROM (SELECT k FROM vacuum_full ORDER BY k DESC OFFSET 0) s;
INSERT INTO vacuum_full SELECT k FROM vacuum_full_places ORDER BY place;
SELECT count(*) > 0 AS same_place FROM vacuum_full t JOIN vacuum_full_places p ON t.k = p.k AND t.ctid = p.place;
SELECT omendb.alex_check('vacuum_full_k', true);
VACUUM (INDEX_CLEANUP ON) vacuum_full;
SELECT omendb.alex_check('vacuum_full_k', true);
SELECT count(*), sum(k) FROM (SELECT k FROM vacuum_full ORDER BY k OFFSET 0) s;

-- updates that move rows: duplicates of a key under other places
CREATE TABLE vacuum_u (k int4, v int4) WITH (autovacuum_enabled = off);
INSERT INTO vacuum_u SELECT g % 100, g FROM generate_series(1, 20000) g;
CREATE INDEX vacuum_u_k ON vacuum_u USING alex (k);
CREATE INDEX vacuum_u_v ON vacuum_u USING alex (v DESC);
UPDATE vacuum_u SET v = v + 1 WHERE v % 4 = 0;
VACUUM (INDEX_CLEANUP ON) vacuum_u;
UPDATE vacuum_u SET v = v + 1, k = k + 1 WHERE v % 3 = 0;
SELECT omendb.alex_check('vacuum_u_k', true), omendb.alex_check('vacuum_u_v', true);
SELECT count(*), sum(k), sum(v) FROM (SELECT k, v FROM vacuum_u ORDER BY k OFFSET 0) s;
SELECT count(*), sum(k), sum(v) FROM (SELECT k, v FROM vacuum_u ORDER BY v OFFSET 0) s;
VACUUM (INDEX_CLEANUP ON, PARALLEL 2) vacuum_u;
SELECT omendb.alex_check('vacuum_u_k', true), omendb.alex_check('vacuum_u_v', true);

-- more leaves than a backend has local buffers
CREATE TEMP TABLE vacuum_temp (k int8);
INSERT INTO vacuum_temp SELECT g FROM generate_series(1, 40000) g;
CREATE INDEX vacuum_temp_k ON vacuum_temp USING alex (k) WITH (leaf_entries = 256);
DELETE FROM vacuum_temp WHERE k % 4 = 0 OR k BETWEEN 10000 AND 20000;
VACUUM (INDEX_CLEANUP ON) vacuum_temp;
SELECT sum(pages) > 100 AS many_pages, sum(entries) = (SELECT count(*) FROM vacuum_temp) AS all_gone
FROM omendb.alex_stats('vacuum_temp_k') WHERE level = 0;
SELECT omendb.alex_check('vacuum_temp_k', true);

-- an index that is not valid cannot be inspected
UPDATE pg_catalog.pg_index SET indisvalid = false WHERE indexrelid = 'vacuum_u_v'::regclass;
SELECT omendb.alex_check('vacuum_u_v');
SELECT * FROM omendb.alex_stats('vacuum_u_v');

DROP TABLE vacuum_t, vacuum_full, vacuum_u;
