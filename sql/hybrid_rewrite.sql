-- VACUUM FULL and CLUSTER after cold rows have been updated, deleted and locked, beside a heap table.
-- (Rows that an older snapshot still sees: isolation spec hybrid_rewrite.)
SET client_min_messages = warning;
SET jit = off;
CREATE EXTENSION IF NOT EXISTS omendb;
SET omendb.row_group_rows = 100;

-- the same to both tables
CREATE PROCEDURE rw_both(what text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE replace(what, '$t', 'rw_t');
	EXECUTE replace(what, '$t', 'rw_c');
END $$;
CREATE PROCEDURE rw_make() LANGUAGE plpgsql AS $$
BEGIN
	DROP TABLE IF EXISTS rw_t, rw_c;
	CREATE TABLE rw_t USING omendb AS SELECT i AS id, i * 7 % 101 AS k, CASE WHEN i % 9 > 0 THEN repeat(i || 'x', i % 40) END AS v
		FROM generate_series(1, 1050) i;
	CREATE TABLE rw_c USING heap AS TABLE rw_t;
	CREATE UNIQUE INDEX rw_t_id ON rw_t (id);
	CREATE INDEX rw_t_k ON rw_t (k);
END $$;
-- rows changed in all ways, those of a whole group deleted
CREATE PROCEDURE rw_change() LANGUAGE plpgsql AS $$
BEGIN
	CALL rw_both('UPDATE $t SET k = k + 200 WHERE id % 3 = 0');
	CALL rw_both('UPDATE $t SET id = id + 10000, v = NULL WHERE id % 50 = 1');
	CALL rw_both('DELETE FROM $t WHERE id % 7 = 0 OR id BETWEEN 201 AND 300');
	BEGIN
		CALL rw_both('UPDATE $t SET k = -1 WHERE id % 5 = 0');
		CALL rw_both('DELETE FROM $t WHERE id % 5 = 1');
		RAISE EXCEPTION 'back';
	EXCEPTION WHEN raise_exception THEN
	END;
	PERFORM id FROM rw_t WHERE id % 11 = 0 FOR UPDATE;
	PERFORM id FROM rw_t WHERE id % 13 = 0 FOR KEY SHARE;
	CALL rw_both('UPDATE $t SET k = k + 1 WHERE id % 22 = 0');
END $$;
-- rows that differ, what omendb.check says, whether each index finds every row
CREATE FUNCTION rw_wrong() RETURNS TABLE (what text) LANGUAGE plpgsql
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_indexonlyscan = off AS $$
BEGIN
	RETURN QUERY (SELECT 'extra ' || x::text FROM (TABLE rw_t EXCEPT ALL TABLE rw_c) x);
	RETURN QUERY (SELECT 'missing ' || x::text FROM (TABLE rw_c EXCEPT ALL TABLE rw_t) x);
	RETURN QUERY SELECT 'check ' || c::text FROM omendb.check('rw_t') c;
	RETURN QUERY SELECT 'lost by ' || q FROM (SELECT 'id' WHERE (SELECT count(*) FROM rw_t WHERE id > 0) <> (SELECT count(*) FROM rw_c)
		UNION ALL SELECT 'k' WHERE (SELECT count(*) FROM rw_t WHERE k > -10) <> (SELECT count(*) FROM rw_c)) s (q);
END $$;
CREATE FUNCTION rw_out_of_order() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT count(*) FROM (SELECT k, lag(k) OVER (ORDER BY ctid) AS p FROM rw_t WHERE ctid > '(2147483648,0)') s WHERE k < p);
END $$;

-- plain
CALL rw_make();
CALL rw_change();
SELECT * FROM rw_wrong();
VACUUM FULL rw_t;
SELECT * FROM rw_wrong();
SELECT count(*) AS groups FROM omendb.row_groups('rw_t') WHERE state = 'visible';
-- again: rows of the new groups, and nothing to do
CALL rw_change();
VACUUM FULL rw_t;
VACUUM FULL rw_t;
SELECT * FROM rw_wrong();

-- headers that VACUUM has pruned
CALL rw_make();
CALL rw_change();
VACUUM rw_t;
SELECT * FROM rw_wrong();
SELECT reltuples = (SELECT count(*) FROM rw_c) AS right FROM pg_class WHERE relname = 'rw_t';
SELECT reltuples = (SELECT count(*) FROM rw_c) AS right FROM pg_class WHERE relname = 'rw_t_k';
VACUUM FULL rw_t;
SELECT * FROM rw_wrong();

-- in the order of an index, by sorting and by scanning it
SET enable_indexscan = off;
CALL rw_make();
CALL rw_change();
CLUSTER rw_t USING rw_t_k;
SELECT * FROM rw_wrong();
SELECT rw_out_of_order();
RESET enable_indexscan;
SET enable_sort = off;
CALL rw_make();
CALL rw_change();
CLUSTER rw_t USING rw_t_k;
SELECT * FROM rw_wrong();
RESET enable_sort;
SELECT rw_out_of_order();

-- a group with more headers than the root of its map can list
SET omendb.row_group_rows = 3000;
DROP TABLE rw_t, rw_c;
CREATE TABLE rw_t USING omendb AS SELECT i AS id, i % 100 AS k, 'v' || i AS v FROM generate_series(1, 3000) i;
CREATE TABLE rw_c USING heap AS TABLE rw_t;
CREATE INDEX rw_t_k ON rw_t (k);
CALL rw_both('UPDATE $t SET k = k + 1 WHERE id % 3 > 0');
CALL rw_both('DELETE FROM $t WHERE id % 5 = 0');
SELECT * FROM rw_wrong();
SELECT state FROM omendb.row_groups('rw_t') WHERE state = 'row map';
VACUUM rw_t;
SELECT * FROM rw_wrong();
CLUSTER rw_t USING rw_t_k;
SELECT * FROM rw_wrong();
SELECT rw_out_of_order();
SET omendb.row_group_rows = 100;

-- all in one transaction, whose group nobody else sees
BEGIN;
CALL rw_make();
CALL rw_change();
CLUSTER rw_t USING rw_t_k;
SELECT * FROM rw_wrong();
CALL rw_change();
SELECT * FROM rw_wrong();
SAVEPOINT a;
CLUSTER rw_t USING rw_t_k;
CALL rw_both('DELETE FROM $t WHERE id < 500');
SELECT * FROM rw_wrong();
ROLLBACK TO a;
SELECT * FROM rw_wrong();
SAVEPOINT b;
CALL rw_both('DELETE FROM $t WHERE id < 500');
ROLLBACK TO b;
CLUSTER rw_t USING rw_t_k;
COMMIT;
SELECT * FROM rw_wrong();
-- loaded and changed in different subtransactions
BEGIN;
SAVEPOINT a;
CALL rw_make();
RELEASE a;
SAVEPOINT b;
CALL rw_change();
RELEASE b;
SAVEPOINT c;
CALL rw_both('DELETE FROM $t');
ROLLBACK TO c;
CLUSTER rw_t USING rw_t_k;
SELECT * FROM rw_wrong();
COMMIT;
SELECT * FROM rw_wrong();

-- a snapshot of the same transaction from before the change
CREATE FUNCTION rw_count() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN RETURN (SELECT count(*) || ' ' || sum(k) FROM rw_t) || ', ' || (SELECT count(*) || ' ' || sum(k) FROM rw_c); END $$;
BEGIN;
CALL rw_make();
SAVEPOINT a;
DECLARE c CURSOR FOR SELECT rw_count() FROM generate_series(1, 2);
FETCH c;
CALL rw_both('DELETE FROM $t WHERE id < 100');
CALL rw_both('UPDATE $t SET k = k + 200 WHERE id < 300');
CLUSTER rw_t USING rw_t_k;
FETCH c;
SELECT rw_count();
COMMIT;
SELECT * FROM rw_wrong();

-- rows that this transaction has locked
BEGIN;
SELECT count(*) FROM (SELECT FROM rw_t WHERE id % 4 = 0 FOR UPDATE) s;
CLUSTER rw_t USING rw_t_k;
CALL rw_both('UPDATE $t SET k = 7 WHERE id % 8 = 0');
COMMIT;
SELECT * FROM rw_wrong();

-- other columns than there were
CALL rw_make();
CALL rw_both('ALTER TABLE $t ADD w int DEFAULT 5');
CALL rw_both('UPDATE $t SET w = id WHERE id % 3 = 0');
BEGIN;
CALL rw_both('ALTER TABLE $t DROP v');
CALL rw_both('DELETE FROM $t WHERE id % 4 = 0');
CLUSTER rw_t USING rw_t_k;
SELECT * FROM rw_wrong();
COMMIT;
SELECT * FROM rw_wrong();
-- a rewrite by ALTER TABLE reads what its snapshot sees
CALL rw_both('ALTER TABLE $t ALTER k TYPE bigint');
SELECT * FROM rw_wrong();

-- cold rows that are to be hot again
SET omendb.load_row_groups = off;
VACUUM FULL rw_t;
SELECT * FROM rw_wrong();
SELECT count(*) FROM omendb.row_groups('rw_t');
RESET omendb.load_row_groups;
CALL rw_make();
CALL rw_change();
SET omendb.load_row_groups = off;
SET enable_sort = off;
CLUSTER rw_t USING rw_t_k;
RESET enable_sort;
SELECT * FROM rw_wrong();
SELECT count(*) FROM omendb.row_groups('rw_t');
SELECT count(*) FROM (SELECT k, lag(k) OVER (ORDER BY ctid) AS p FROM rw_t) s WHERE k < p;
BEGIN;
SET LOCAL omendb.load_row_groups = on;
CALL rw_make();
CALL rw_change();
SET LOCAL omendb.load_row_groups = off;
SET LOCAL enable_indexscan = off;
CLUSTER rw_t USING rw_t_k;
SELECT * FROM rw_wrong();
COMMIT;
SELECT * FROM rw_wrong();
SELECT count(*) FROM omendb.row_groups('rw_t');
SELECT count(*) FROM (SELECT k, lag(k) OVER (ORDER BY ctid) AS p FROM rw_t) s WHERE k < p;
RESET omendb.load_row_groups;

DROP TABLE rw_t, rw_c;
DROP FUNCTION rw_wrong, rw_out_of_order, rw_count;
DROP PROCEDURE rw_both, rw_make, rw_change;
