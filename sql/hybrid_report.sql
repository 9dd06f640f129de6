-- What freezing says of itself: omendb.freeze_stats, omendb.tables, omendb.column_stats

SET omendb.row_group_rows = 64;
CREATE FUNCTION hr_stats(tab regclass, OUT frozen boolean, OUT ran boolean, OUT rows_frozen bigint, OUT left_hot jsonb, OUT held_back_by text, OUT not_frozen text)
LANGUAGE SQL AS $$
	SELECT last_freeze BETWEEN now() - interval '1 minute' AND clock_timestamp(), last_run >= coalesce(last_freeze, last_run), f.rows_frozen, f.left_hot, f.held_back_by, f.not_frozen FROM omendb.freeze_stats(tab) f
$$;
CREATE TABLE hr (id int PRIMARY KEY, t text) USING omendb WITH (autovacuum_enabled = off);
SELECT * FROM hr_stats('hr');
INSERT INTO hr SELECT i, 'row ' || i FROM generate_series(1, 200) i;
SELECT * FROM hr_stats('hr');
-- by hand: full groups, then all; what a run before it froze is not forgotten
CALL omendb.compact('hr');
SELECT * FROM hr_stats('hr');
CALL omendb.compact('hr', true);
SELECT * FROM hr_stats('hr');
SELECT last_freeze AS first FROM omendb.freeze_stats('hr') \gset
CALL omendb.compact('hr', true);
SELECT * FROM hr_stats('hr');
SELECT last_freeze = :'first' AS same, last_run > last_freeze AS later FROM omendb.freeze_stats('hr');
-- options
SELECT omendb.set_options('hr', keep_hot_rows => 30);
INSERT INTO hr SELECT i, 'row ' || i FROM generate_series(201, 300) i;
CALL omendb.compact('hr', verbose => true);
SELECT * FROM hr_stats('hr');
-- what VACUUM has counted, and what is in the way
SET omendb.auto_freeze = off;
VACUUM hr;
SELECT not_frozen FROM omendb.freeze_stats('hr');
RESET omendb.auto_freeze;
SELECT not_frozen FROM omendb.freeze_stats('hr');
SELECT omendb.set_options('hr', auto_freeze => false);
SELECT not_frozen FROM omendb.freeze_stats('hr');
SELECT omendb.reset_options('hr');
SELECT omendb.set_options('hr', row_group_rows => 16);
SELECT not_frozen FROM omendb.freeze_stats('hr');
SELECT omendb.reset_options('hr');
CREATE INDEX hr_brin ON hr USING brin (id);
CREATE TABLE hr_brin (id int) USING omendb;
CREATE INDEX ON hr_brin USING brin (id);
SELECT not_frozen FROM omendb.freeze_stats('hr_brin');
CREATE TEMPORARY TABLE hr_temp (id int) USING omendb;
SELECT not_frozen FROM omendb.freeze_stats('hr_temp');
-- rows that are too large for a group: 8 MB as they come, whatever they compress to
CREATE TABLE hr_large (id int, t text) USING omendb WITH (autovacuum_enabled = off);
INSERT INTO hr_large SELECT i, repeat('x', CASE WHEN i = 3 THEN 9000000 ELSE 1 END) FROM generate_series(1, 5) i;
CALL omendb.compact('hr_large', true, true);
SELECT * FROM hr_stats('hr_large');
-- dead rows of groups
DELETE FROM hr WHERE id IN (1, 2, 70);
VACUUM hr;
SELECT rows, dead_rows, headers FROM omendb.row_groups('hr') WHERE state = 'visible' ORDER BY first_row;
-- bytes by column and encoding
SELECT column_name, encoding, vectors, bytes > 0 AS bytes FROM omendb.column_stats('hr') WHERE encoding IS NULL OR column_name = 'id';
SELECT bool_and(total >= parts) AS fit FROM (SELECT sum(bytes) FILTER (WHERE encoding IS NULL) AS total, sum(bytes) FILTER (WHERE encoding IS NOT NULL) AS parts
	FROM omendb.column_stats('hr') GROUP BY column_name) c;
-- all of it in one place
SELECT table_name, cold_rows, dead_rows, hot_rows, ratio IS NOT NULL AS ratio, last_freeze IS NOT NULL AS frozen, rows_frozen, left_hot FROM omendb.tables WHERE table_name = 'hr'::regclass;
SELECT * FROM omendb.check('hr');
-- a new file has no past
TRUNCATE hr;
SELECT * FROM hr_stats('hr');
-- who may
CREATE ROLE regress_hr_nobody;
SET ROLE regress_hr_nobody;
SELECT * FROM omendb.freeze_stats('hr');
SELECT * FROM omendb.column_stats('hr');
RESET ROLE;
GRANT pg_stat_scan_tables TO regress_hr_nobody;
SET ROLE regress_hr_nobody;
SELECT not_frozen FROM omendb.freeze_stats('hr');
SELECT * FROM omendb.column_stats('hr');
RESET ROLE;
SELECT * FROM omendb.freeze_stats('pg_class');
SELECT * FROM omendb.freeze_stats(NULL);
DROP TABLE hr, hr_brin, hr_temp, hr_large;
DROP FUNCTION hr_stats;
DROP ROLE regress_hr_nobody;
