-- What alex refuses, and how it says so.
CREATE TABLE errors_t (i int4, j int4, l int8, t text, n numeric, u uuid, b bool, f float8, o oid, a int4[],
	r int4range, d date, ts timestamp, tz timestamptz,
	iv interval, tt timetz);
INSERT INTO errors_t (i, j, l) SELECT g, g, g FROM generate_series(1, 1000) g;

-- types
CREATE INDEX ON errors_t USING alex (t);
\echo :LAST_ERROR_SQLSTATE
CREATE INDEX ON errors_t USING alex (n);
CREATE INDEX ON errors_t USING alex (u, i);
CREATE INDEX ON errors_t USING alex (b);
CREATE INDEX ON errors_t USING alex (tt);
CREATE INDEX ON errors_t USING alex (iv);
\echo :LAST_ERROR_SQLSTATE
CREATE INDEX ON errors_t USING alex ((extract(epoch FROM iv)::float8));
CREATE INDEX ON errors_t USING alex (a);
CREATE INDEX ON errors_t USING alex (r);
CREATE INDEX ON errors_t USING alex ((i::text));
CREATE INDEX ON errors_t USING alex (i omendb.int8_ops);
\echo :LAST_ERROR_SQLSTATE
CREATE INDEX ON errors_t USING alex (i omendb.int4_ops (siglen = 1));
\echo :LAST_ERROR_SQLSTATE
CREATE INDEX ON errors_t USING alex (i COLLATE "C");
\echo :LAST_ERROR_SQLSTATE

-- kinds of index
CREATE INDEX ON errors_t USING alex (i, j);
\echo :LAST_ERROR_SQLSTATE
CREATE INDEX ON errors_t USING alex (i) INCLUDE (j);
\echo :LAST_ERROR_SQLSTATE
CREATE INDEX errors_i ON errors_t USING alex (i);
ALTER TABLE errors_t ADD PRIMARY KEY USING INDEX errors_i;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE errors_t ADD UNIQUE USING INDEX errors_i;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE errors_t REPLICA IDENTITY USING INDEX errors_i;
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE errors_ref (i int4 REFERENCES errors_t (i));
\echo :LAST_ERROR_SQLSTATE
INSERT INTO errors_t (i) VALUES (1) ON CONFLICT (i) DO NOTHING;
\echo :LAST_ERROR_SQLSTATE
DROP INDEX errors_i;

-- options: both sides of each limit
CREATE INDEX ON errors_t USING alex (i) WITH (fillfactor = 9);
\echo :LAST_ERROR_SQLSTATE
CREATE INDEX ON errors_t USING alex (i) WITH (fillfactor = 101);
CREATE INDEX ON errors_t USING alex (i) WITH (leaf_entries = 255);
\echo :LAST_ERROR_SQLSTATE
CREATE INDEX ON errors_t USING alex (i) WITH (leaf_entries = 8193);
CREATE INDEX ON errors_t USING alex (i) WITH (leaf_entries = many);
\echo :LAST_ERROR_SQLSTATE
CREATE INDEX ON errors_t USING alex (i) WITH (deduplicate_items = off);
\echo :LAST_ERROR_SQLSTATE
CREATE INDEX errors_low ON errors_t USING alex (i) WITH (fillfactor = 10, leaf_entries = 256);
CREATE INDEX errors_high ON errors_t USING alex (i) WITH (fillfactor = 100, leaf_entries = 8192);
ALTER INDEX errors_low SET (fillfactor = 5);
\echo :LAST_ERROR_SQLSTATE
ALTER INDEX errors_low SET (leaf_entries = 1000000);
ALTER INDEX errors_low SET (leaf_entries = 512);
ALTER INDEX errors_low RESET (fillfactor);
SELECT relname, reloptions FROM pg_class WHERE relname ~ '^errors_(low|high)$' ORDER BY relname;
SELECT omendb.alex_check('errors_low', true), omendb.alex_check('errors_high', true);
DROP INDEX errors_low;
ALTER INDEX errors_high RENAME TO errors_i;

-- a wrong object for the functions
CREATE INDEX errors_btree ON errors_t (j);
CREATE VIEW errors_view AS SELECT 1 AS one;
CREATE SEQUENCE errors_seq;
SELECT omendb.alex_check('errors_btree');
\echo :LAST_ERROR_SQLSTATE
SELECT omendb.alex_check('errors_t');
\echo :LAST_ERROR_SQLSTATE
SELECT omendb.alex_check('errors_view');
\echo :LAST_ERROR_SQLSTATE
SELECT omendb.alex_check('errors_seq');
\echo :LAST_ERROR_SQLSTATE
SELECT omendb.alex_check('errors_none');
\echo :LAST_ERROR_SQLSTATE
SELECT omendb.alex_check(1);
\echo :LAST_ERROR_SQLSTATE
SELECT omendb.alex_check(NULL) IS NULL AS strict;
SELECT omendb.alex_check('errors_i', NULL) IS NULL AS strict;
SELECT * FROM omendb.alex_stats('errors_btree');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM omendb.alex_stats('errors_t');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM omendb.alex_stats('errors_view');
SELECT * FROM omendb.alex_stats(1);

-- a partitioned index has no pages
CREATE TABLE errors_parts (i int4) PARTITION BY RANGE (i);
CREATE TABLE errors_part PARTITION OF errors_parts FOR VALUES FROM (0) TO (10);
CREATE INDEX errors_parts_i ON errors_parts USING alex (i);
SELECT omendb.alex_check('errors_parts_i');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM omendb.alex_stats('errors_parts_i');
SELECT omendb.alex_check('errors_part_i_idx', true);

-- an index that is not valid
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'errors_i'::regclass;
SELECT omendb.alex_check('errors_i');
\echo :LAST_ERROR_SQLSTATE
UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'errors_i'::regclass;

-- privileges
CREATE ROLE regress_omendb_nobody;
CREATE ROLE regress_omendb_monitor IN ROLE pg_stat_scan_tables;
SET ROLE regress_omendb_nobody;
SELECT omendb.alex_check('errors_i');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM omendb.alex_stats('errors_i');
\echo :LAST_ERROR_SQLSTATE
SELECT omendb.version() = extversion AS version, omendb.wal_mode() IN ('resource manager', 'generic') AS wal_mode
FROM pg_extension
WHERE extname = 'omendb';
CREATE TEMP TABLE errors_own (i int4);
CREATE INDEX errors_own_i ON errors_own USING alex (i);
INSERT INTO errors_own VALUES (1), (2), (NULL);
SET enable_seqscan = off;
SELECT i FROM errors_own WHERE i > 1;
RESET enable_seqscan;
DROP TABLE errors_own;
CREATE ACCESS METHOD errors_am TYPE INDEX HANDLER omendb.alex_handler;
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_omendb_monitor;
SELECT omendb.alex_check('errors_i');
SELECT sum(entries) FROM omendb.alex_stats('errors_i') WHERE level = 0;
RESET ROLE;
GRANT EXECUTE ON FUNCTION omendb.alex_check(regclass, boolean, boolean) TO regress_omendb_nobody;
SET ROLE regress_omendb_nobody;
SELECT omendb.alex_check('errors_i', true);
RESET ROLE;
REVOKE EXECUTE ON FUNCTION omendb.alex_check(regclass, boolean, boolean) FROM regress_omendb_nobody;
DROP ROLE regress_omendb_nobody, regress_omendb_monitor;

-- an exclusion constraint needs no unique index
ALTER TABLE errors_t ADD CONSTRAINT errors_excl EXCLUDE USING alex (l WITH =);
INSERT INTO errors_t (l) VALUES (1001), (NULL), (NULL);
INSERT INTO errors_t (l) VALUES (1000);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO errors_t (l) VALUES (1000) ON CONFLICT ON CONSTRAINT errors_excl DO NOTHING;
DELETE FROM errors_t WHERE l = 1000;
INSERT INTO errors_t (l) VALUES (1000);
ALTER TABLE errors_t ADD EXCLUDE USING alex (i WITH <>);
\echo :LAST_ERROR_SQLSTATE

DROP VIEW errors_view;
DROP SEQUENCE errors_seq;
DROP TABLE errors_t, errors_parts;
