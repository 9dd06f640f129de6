-- Builds read heap's pages themselves: each state a row can be in, and what a btree built beside makes of it.
CREATE FUNCTION states_same(cond text) RETURNS TABLE (alex bigint, same_as_btree boolean, same_as_table boolean) LANGUAGE plpgsql AS $$
DECLARE
	by_alex text;
	by_btree text;
	by_table text;
	ask text := format('SELECT count(*) || '' '' || coalesce(string_agg(row_to_json(t)::text, '','' ORDER BY id), '''') FROM states t WHERE %s', cond);
BEGIN
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_bitmapscan = off;
	EXECUTE ask INTO by_alex;
	EXECUTE replace(ask, 'k ', 'b ') INTO by_btree;
	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_indexscan = off;
	EXECUTE ask INTO by_table;
	SET LOCAL enable_indexscan = on;
	RETURN QUERY SELECT split_part(by_alex, ' ', 1)::bigint, by_alex = by_btree, by_alex = by_table;
END
$$;
-- build both; alex's is sound and complete
CREATE FUNCTION states_built() RETURNS TABLE (index regclass, tuples real) LANGUAGE plpgsql AS $$
BEGIN
	DROP INDEX IF EXISTS states_alex, states_btree;
	CREATE INDEX states_alex ON states USING alex (k);
	CREATE INDEX states_btree ON states (b);
	PERFORM omendb.alex_check('states_alex', heapallindexed => true);
	RETURN QUERY SELECT i.indexrelid::regclass, c.reltuples FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE i.indrelid = 'states'::regclass ORDER BY 1::text;
END
$$;

CREATE TABLE states (dropped text, id int, k bigint, b bigint, n int DEFAULT 0, filler text) WITH (fillfactor = 40, autovacuum_enabled = off);
ALTER TABLE states DROP COLUMN dropped;
-- nothing, then rows without hint bits
SELECT * FROM states_built();
INSERT INTO states SELECT i, i * 7919 % 1009, i * 7919 % 1009, 0, repeat('x', i % 50) FROM generate_series(1, 3000) i;
SELECT * FROM states_built();
SELECT * FROM states_same('k >= 0');
-- ends of HOT chains, before and behind pruning; deleted and rolled back rows; NULLs
UPDATE states SET n = n + 1 WHERE id % 3 = 0;
UPDATE states SET n = n + 1 WHERE id % 6 = 0;
DELETE FROM states WHERE id % 10 = 1;
BEGIN;
INSERT INTO states SELECT i, i, i FROM generate_series(5000, 5500) i;
UPDATE states SET n = -1, k = 0, b = 0 WHERE id % 4 = 0;
DELETE FROM states WHERE id % 4 = 2;
ROLLBACK;
UPDATE states SET k = NULL, b = NULL WHERE id % 100 = 50;
SELECT * FROM states_built();
SELECT * FROM states_same('k >= 0');
SELECT * FROM states_same('k IS NULL');
VACUUM states;
UPDATE states SET n = n + 1 WHERE id % 9 = 0;
VACUUM states;
SELECT * FROM states_built();
SELECT * FROM states_same('k BETWEEN 100 AND 600');
-- changes of the transaction that builds: HOT and other updates, deletions, insertions, each also taken back
BEGIN;
INSERT INTO states SELECT i, i % 1009, i % 1009 FROM generate_series(6000, 7000) i;
UPDATE states SET k = k + 1, b = b + 1 WHERE id % 5 = 0;
DELETE FROM states WHERE id % 7 = 0;
SAVEPOINT s;
INSERT INTO states SELECT i, i % 1009, i % 1009 FROM generate_series(8000, 8100) i;
DELETE FROM states WHERE id % 7 = 1;
ROLLBACK TO s;
SELECT * FROM states_built();
SELECT * FROM states_same('k >= 0');
UPDATE states SET filler = 'hot' WHERE id % 11 = 0;
SELECT * FROM states_built();
SELECT * FROM states_same('k >= 0');
COMMIT;
SELECT * FROM states_same('k >= 0');
-- a column that most rows do not have
ALTER TABLE states ADD COLUMN later bigint DEFAULT 42;
INSERT INTO states (id, k, b, later) VALUES (9001, 1, 1, 43), (9002, 1, 1, NULL);
CREATE INDEX states_later ON states USING alex (later, id);
SELECT omendb.alex_check('states_later', heapallindexed => true);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT count(*) FROM states WHERE later = 42;
SELECT id, later FROM states WHERE later = 43 OR later IS NULL ORDER BY id;
RESET enable_seqscan;
RESET enable_bitmapscan;
-- statistics count the rows that were read, with an entry or not, as btree's builds do
CREATE TABLE states_read (k int) WITH (autovacuum_enabled = off);
INSERT INTO states_read SELECT i FROM generate_series(1, 1000) i;
DELETE FROM states_read WHERE k % 4 = 0;
BEGIN;
SELECT pg_stat_get_xact_numscans('states_read'::regclass) AS scans, pg_stat_get_xact_tuples_returned('states_read'::regclass) AS rows \gset
CREATE INDEX ON states_read USING alex (k);
SELECT pg_stat_get_xact_numscans('states_read'::regclass) - :scans AS scans, pg_stat_get_xact_tuples_returned('states_read'::regclass) - :rows AS rows;
CREATE INDEX ON states_read (k);
SELECT pg_stat_get_xact_numscans('states_read'::regclass) - :scans AS scans, pg_stat_get_xact_tuples_returned('states_read'::regclass) - :rows AS rows;
COMMIT;
DROP TABLE states_read;
-- duplicates among rows that are alive only
CREATE TABLE states_unique (k int, n int) WITH (autovacuum_enabled = off);
INSERT INTO states_unique SELECT i, 0 FROM generate_series(1, 2000) i;
UPDATE states_unique SET n = 1 WHERE k % 2 = 0;
BEGIN;
DELETE FROM states_unique WHERE k = 1000;
INSERT INTO states_unique VALUES (1000, 2);
CREATE UNIQUE INDEX states_unique_k ON states_unique USING alex (k);
COMMIT;
DROP INDEX states_unique_k;
INSERT INTO states_unique VALUES (1001, 3);
CREATE UNIQUE INDEX states_unique_k ON states_unique USING alex (k);
DROP TABLE states, states_unique;
DROP FUNCTION states_same, states_built;
