-- Deleting entries of dead rows on the fly: updates that do not change a key must not make its index grow.
CREATE TABLE churn (id int, k int, v int) WITH (autovacuum_enabled = off);
INSERT INTO churn SELECT i, i * 10, 0 FROM generate_series(1, 2000) i;
CREATE INDEX churn_k ON churn USING alex (k) WITH (leaf_entries = 256);
-- no update is HOT
CREATE INDEX churn_v ON churn USING btree (v);
SELECT pages AS leaves FROM omendb.alex_stats('churn_k') WHERE level = 0;

DO $$ BEGIN
	FOR round IN 1..60 LOOP
		UPDATE churn SET v = round WHERE id % 4 = round % 4;
		COMMIT;
	END LOOP;
END $$;
-- 30,000 versions came and went: 125 full leaves of them
SELECT pages < 90 AS small, entries < 18000 AS few FROM omendb.alex_stats('churn_k') WHERE level = 0;
SELECT omendb.alex_check('churn_k', true);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id, v FROM churn WHERE k >= 0 ORDER BY k;
SELECT count(*), sum(id), sum(v) FROM (SELECT id, v FROM churn WHERE k >= 0 ORDER BY k) s;

-- where the key changes, nothing says that its old versions are dead: as many entries as versions
CREATE TABLE moved (k int) WITH (autovacuum_enabled = off);
INSERT INTO moved SELECT i FROM generate_series(1, 300) i;
CREATE INDEX moved_k ON moved USING alex (k) WITH (leaf_entries = 256);
DO $$ BEGIN
	FOR round IN 1..10 LOOP
		UPDATE moved SET k = k + 1000;
		COMMIT;
	END LOOP;
END $$;
SELECT entries FROM omendb.alex_stats('moved_k') WHERE level = 0;
SELECT omendb.alex_check('moved_k', true);
DROP TABLE moved;

-- blocks of nothing but dead entries are passed by, in both directions, with live ones and later keys between
CREATE TABLE gone (k int) WITH (autovacuum_enabled = off);
INSERT INTO gone SELECT i * 10 FROM generate_series(1, 3000) i;
CREATE INDEX gone_k ON gone USING alex (k);
DELETE FROM gone WHERE k <= 7000 OR (k BETWEEN 10000 AND 25000 AND k NOT IN (10010, 16400, 25000));
INSERT INTO gone SELECT i * 100 + 5 FROM generate_series(1, 40) i;
-- the first scan marks, the others pass by
SELECT count(k), sum(k), min(k), max(k) FROM (SELECT k FROM gone WHERE k > 0 ORDER BY k OFFSET 0) x;
SELECT count(k), sum(k), min(k), max(k) FROM (SELECT k FROM gone WHERE k > 0 ORDER BY k OFFSET 0) x;
SELECT count(k), sum(k), min(k), max(k) FROM (SELECT k FROM gone WHERE k > 0 ORDER BY k DESC OFFSET 0) x;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT k FROM gone WHERE k > 0 ORDER BY k;
FETCH 2 FROM c;
MOVE 37 FROM c;
FETCH 2 FROM c;
FETCH BACKWARD 2 FROM c;
MOVE 300 FROM c;
FETCH 4 FROM c;
FETCH BACKWARD 4 FROM c;
FETCH LAST FROM c;
MOVE BACKWARD 500 FROM c;
FETCH BACKWARD 3 FROM c;
FETCH FIRST FROM c;
COMMIT;
DROP TABLE gone;

-- a scroll cursor sees its snapshot whatever goes meanwhile
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT k FROM churn WHERE k >= 0 ORDER BY k;
FETCH 2 FROM c;
UPDATE churn SET v = v + 1;
UPDATE churn SET v = v + 1;
DELETE FROM churn WHERE id > 1000;
FETCH ABSOLUTE 1999 FROM c;
FETCH NEXT FROM c;
FETCH NEXT FROM c;
FETCH ABSOLUTE 1 FROM c;
COMMIT;
SELECT omendb.alex_check('churn_k', true);

-- versions of rows of an omendb table
CREATE TABLE hybrid (id int, k int, v int) USING omendb WITH (autovacuum_enabled = off);
INSERT INTO hybrid SELECT i, i, 0 FROM generate_series(1, 500) i;
CREATE INDEX hybrid_k ON hybrid USING alex (k) WITH (leaf_entries = 256);
CREATE INDEX hybrid_v ON hybrid USING btree (v);
INSERT INTO hybrid SELECT i, i, 0 FROM generate_series(501, 1000) i;
DO $$ BEGIN
	FOR round IN 1..20 LOOP
		UPDATE hybrid SET v = round WHERE id > 500;
		COMMIT;
	END LOOP;
END $$;
SELECT entries < 6000 AS few FROM omendb.alex_stats('hybrid_k') WHERE level = 0;
SELECT omendb.alex_check('hybrid_k', true);
SELECT count(*), sum(id), sum(v) FROM hybrid WHERE k > 0;
DROP TABLE churn, hybrid;
