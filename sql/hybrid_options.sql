-- options of a table: what they do, that they are a security label, and every error

CREATE TABLE ho (id int, device int, name text COLLATE "C", gone int, u uuid, n numeric, j json, t text) USING omendb WITH (autovacuum_enabled = off);
SELECT * FROM omendb.table_options('ho');
SELECT omendb.set_options('ho', auto_freeze => false, keep_hot_rows => 1000, row_group_rows => 4096, sort_key => '{device,id}');
SELECT * FROM omendb.options WHERE table_name = 'ho'::regclass;
SELECT provider, label FROM pg_seclabels WHERE objname = 'ho';
-- what is not named stays
SELECT omendb.set_options('ho', row_group_rows => 64);
SELECT omendb.set_options('ho', auto_freeze => true), omendb.set_options('ho', keep_hot_rows => 5);
SELECT label FROM pg_seclabels WHERE objname = 'ho';
SELECT omendb.reset_options('ho', 'sort_key', 'auto_freeze');
SELECT label FROM pg_seclabels WHERE objname = 'ho';
-- transactional, and gone with the table
BEGIN;
SELECT omendb.reset_options('ho');
SELECT count(*) FROM pg_seclabels WHERE provider = 'omendb';
ROLLBACK;
SELECT count(*) FROM pg_seclabels WHERE provider = 'omendb';
CREATE TABLE ho_other () USING omendb;
SELECT omendb.set_options('ho_other', auto_freeze => false);
DROP TABLE ho_other;
SELECT count(*) FROM pg_seclabel WHERE provider = 'omendb';
SELECT omendb.reset_options('ho');
SELECT count(*) FROM pg_seclabel WHERE provider = 'omendb';
-- a factor
SELECT omendb.set_options('ho', reindex_above => 1.5);
SELECT reindex_above, row_group_rows FROM omendb.options WHERE table_name = 'ho'::regclass;
SELECT omendb.set_options('ho', row_group_rows => 64, reindex_above => 1.2);
SELECT label FROM pg_seclabels WHERE objname = 'ho';
SELECT omendb.set_options('ho', reindex_above => 100);
SELECT omendb.reset_options('ho', 'reindex_above');
SELECT label FROM pg_seclabels WHERE objname = 'ho';
SELECT omendb.reset_options('ho');
-- the label by hand
SECURITY LABEL FOR omendb ON TABLE ho IS '  sort_key="device" , id';
SECURITY LABEL FOR omendb ON TABLE ho IS '  sort_key="device",ID   auto_freeze=no ';
SELECT auto_freeze, sort_key FROM omendb.table_options('ho');
SECURITY LABEL FOR omendb ON TABLE ho IS '';
SELECT auto_freeze, sort_key FROM omendb.table_options('ho');
SECURITY LABEL FOR omendb ON TABLE ho IS NULL;
SELECT count(*) FROM pg_seclabel WHERE provider = 'omendb';

-- groups of their own size: freezing, loads, rewrites
SELECT omendb.set_options('ho', row_group_rows => 100);
INSERT INTO ho SELECT i FROM generate_series(1, 250) i;
CALL omendb.compact('ho', verbose => true);
CREATE TABLE ho_load (id int) USING omendb WITH (autovacuum_enabled = off);
SELECT omendb.set_options('ho_load', row_group_rows => 20);
COPY ho_load FROM PROGRAM 'seq 1 50';
SELECT rows FROM omendb.row_groups('ho_load') WHERE state = 'visible' ORDER BY first_row;
SELECT omendb.set_options('ho_load', row_group_rows => 30);
VACUUM FULL ho_load;
SELECT rows FROM omendb.row_groups('ho_load') WHERE state = 'visible' ORDER BY first_row;
SELECT omendb.set_options('ho_load', row_group_rows => 25);
ALTER TABLE ho_load ALTER id TYPE bigint;
SELECT rows FROM omendb.row_groups('ho_load') WHERE state = 'visible' ORDER BY first_row;
DROP TABLE ho_load;

-- the last rows of the file stay hot, exactly so many, whichever page they are on
TRUNCATE ho;
INSERT INTO ho (id) SELECT i FROM generate_series(1, 1000) i;
DELETE FROM ho WHERE id % 10 = 0;
SELECT omendb.set_options('ho', keep_hot_rows => 333);
CALL omendb.compact('ho', verbose => true);
CALL omendb.compact('ho', true, true);
SELECT count(*), max(id) FROM ho WHERE ctid >= '(2147483648,0)';
CALL omendb.compact('ho', true, true);
SELECT omendb.set_options('ho', keep_hot_rows => 332);
CALL omendb.compact('ho', true, true);
SELECT count(*), min(id) FROM ho WHERE ctid < '(2147483648,0)';
SELECT omendb.set_options('ho', keep_hot_rows => 9223372036854775807);
CALL omendb.compact('ho', true, true);
SELECT omendb.set_options('ho', keep_hot_rows => 0);
CALL omendb.compact('ho', true, true);
SELECT count(*), sum(id) FROM ho;
SELECT * FROM omendb.check('ho');

-- sorted groups: all kinds of columns go along, indexes and marks lead to where the rows are
TRUNCATE ho;
SELECT omendb.reset_options('ho');
SELECT omendb.set_options('ho', row_group_rows => 8192, sort_key => '{device,name}');
ALTER TABLE ho DROP COLUMN gone;
INSERT INTO ho SELECT i, CASE WHEN i % 100 <> 7 THEN i * 7919 % 10 END, CASE WHEN i % 3 > 0 THEN 'n' || lpad((i * 31 % 8192)::text, 4, '0') END,
	md5(i::text)::uuid, i * 0.5, json_build_object('i', i), CASE WHEN i = 77 THEN repeat('wide ', 5000) END FROM generate_series(1, 10000) i;
ALTER TABLE ho ADD PRIMARY KEY (id);
CREATE TABLE ho_before AS SELECT id, ho::text AS whole, xmin::text AS x FROM ho;
CALL omendb.compact('ho', verbose => true);
SELECT count(*), count(*) FILTER (WHERE whole = ho::text AND x = ho.xmin::text) AS same FROM ho FULL JOIN ho_before USING (id);
SELECT count(*) FROM (SELECT (device, name) < lag((device, name)) OVER (ORDER BY ctid) AS wrong FROM ho WHERE ctid >= '(2147483648,0)') x WHERE wrong;
SELECT count(*) FROM (SELECT id < lag(id) OVER (ORDER BY ctid) AS wrong, device IS NOT DISTINCT FROM lag(device) OVER (ORDER BY ctid)
	AND name IS NOT DISTINCT FROM lag(name) OVER (ORDER BY ctid) AS equal FROM ho WHERE ctid >= '(2147483648,0)') x WHERE equal AND wrong;
SET enable_seqscan = off;
SELECT count(*) FROM generate_series(1, 10000) i JOIN LATERAL (SELECT id, ho::text AS now FROM ho WHERE ho.id = i) h ON true JOIN ho_before b ON b.id = h.id AND whole = now;
RESET enable_seqscan;
-- zone maps: device 3 is in two of eight vectors, and in every one of the hot rows
CREATE FUNCTION ho_removed(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line LIKE '%Rows Removed by Filter%' THEN RETURN CASE WHEN substring(line FROM '\d+')::int < 3072 THEN 'few' ELSE 'many' END; END IF;
	END LOOP;
	RETURN 'none';
END $$;
SELECT ho_removed('SELECT count(*) FROM ho WHERE device = 3');
-- rows changed and locked meanwhile, and born dead, are told by their places, too: see hybrid_freeze_sorted.spec
UPDATE ho SET t = 'changed' WHERE id % 1000 = 5;
DELETE FROM ho WHERE id % 1000 = 6;
SELECT count(*), count(*) FILTER (WHERE t = 'changed') AS changed, sum(id) FROM ho;
CALL omendb.compact('ho', true, true);
SELECT count(*), count(*) FILTER (WHERE t = 'changed') AS changed, sum(id) FROM ho;
SELECT * FROM omendb.check('ho');
VACUUM ho;
SELECT count(*), count(*) FILTER (WHERE t = 'changed') AS changed, sum(id) FROM ho;
-- little memory: the sort goes to disk
TRUNCATE ho;
SELECT omendb.set_options('ho', row_group_rows => 131072, sort_key => '{name}');
INSERT INTO ho SELECT i, 1, repeat('n' || (i * 7919 % 30011), 10), NULL, 1, NULL, 'x' FROM generate_series(1, 30000) i;
SET maintenance_work_mem = '1MB';
CALL omendb.compact('ho', true, true);
RESET maintenance_work_mem;
SELECT count(*), sum(id) FROM ho;
SELECT count(*) FROM (SELECT g.group_id, name < lag(name) OVER (PARTITION BY g.group_id ORDER BY ho.ctid) AS wrong
	FROM ho JOIN omendb.row_groups('ho') g ON split_part(trim('()' FROM ho.ctid::text), ',', 1)::bigint - 2147483648 BETWEEN g.first_row / 256 AND (g.first_row + g.rows) / 256
		AND (split_part(trim('()' FROM ho.ctid::text), ',', 1)::bigint - 2147483648) * 256 + split_part(trim('()' FROM ho.ctid::text), ',', 2)::int - 1 BETWEEN g.first_row AND g.first_row + g.rows - 1) x WHERE wrong;

-- columns renamed and dropped, types changed
TRUNCATE ho;
SELECT omendb.set_options('ho', sort_key => '{device,id,name}');
ALTER TABLE ho RENAME device TO "The ""Device"", new";
SELECT label FROM pg_seclabel WHERE provider = 'omendb';
SELECT sort_key FROM omendb.table_options('ho');
ALTER TABLE ho DROP COLUMN id;
SELECT sort_key FROM omendb.table_options('ho');
ALTER TABLE ho ALTER name TYPE varchar(500);
SELECT sort_key FROM omendb.table_options('ho');
ALTER TABLE ho ALTER name TYPE json USING NULL;
SELECT sort_key FROM omendb.table_options('ho');
INSERT INTO ho ("The ""Device"", new") VALUES (2), (1);
CALL omendb.compact('ho', true, true);
SELECT "The ""Device"", new" FROM ho;
ALTER TABLE ho DROP COLUMN "The ""Device"", new";
SELECT label FROM pg_seclabel WHERE provider = 'omendb';
-- a label that is wrong all the same: a WARNING, once; one that cannot be read at all means nothing
UPDATE pg_seclabel SET label = 'sort_key=n,id,j row_group_rows=16' WHERE provider = 'omendb';
INSERT INTO ho (n) SELECT 100 - i FROM generate_series(1, 40) i;
CALL omendb.compact('ho', true, true);
UPDATE pg_seclabel SET label = 'row_group_rows=7' WHERE provider = 'omendb';
SELECT * FROM omendb.table_options('ho');
INSERT INTO ho (n) SELECT 100 - i FROM generate_series(1, 40) i;
CALL omendb.compact('ho', true, true);
-- another access method has no options
SELECT omendb.set_options('ho', row_group_rows => 64);
BEGIN;
ALTER TABLE ho SET ACCESS METHOD heap;
SELECT count(*) FROM pg_seclabel WHERE provider = 'omendb';
SELECT omendb.table_options('ho');
ROLLBACK;
VACUUM FULL ho;
ALTER TABLE ho ALTER t TYPE varchar(20);
SELECT label FROM pg_seclabel WHERE provider = 'omendb';

-- materialized views and partitions
CREATE MATERIALIZED VIEW ho_view USING omendb AS SELECT generate_series(1, 40) AS i;
SELECT omendb.set_options('ho_view', row_group_rows => 16);
SECURITY LABEL FOR omendb ON MATERIALIZED VIEW ho_view IS 'row_group_rows=20';
REFRESH MATERIALIZED VIEW ho_view;
SELECT rows FROM omendb.row_groups('ho_view') WHERE state = 'visible' ORDER BY first_row;
DROP MATERIALIZED VIEW ho_view;
CREATE TABLE ho_parts (i int) PARTITION BY RANGE (i);
CREATE TABLE ho_part PARTITION OF ho_parts DEFAULT USING omendb;
SELECT omendb.set_options('ho_part', sort_key => '{i}');
ALTER TABLE ho_parts RENAME i TO k;
SELECT table_name, sort_key FROM omendb.options WHERE sort_key IS NOT NULL;
SELECT omendb.set_options('ho_parts', sort_key => '{i}');
SECURITY LABEL FOR omendb ON TABLE ho_parts IS 'auto_freeze=off';
DROP TABLE ho_parts;

-- errors
\set VERBOSITY default
SELECT omendb.set_options(NULL);
SELECT omendb.set_options('ho', keep_hot_rows => -1);
SELECT omendb.set_options('ho', row_group_rows => 15);
SELECT omendb.set_options('ho', row_group_rows => 131073);
SELECT omendb.set_options('ho', reindex_above => 1.1999);
SELECT omendb.set_options('ho', reindex_above => 100.5);
SELECT omendb.set_options('ho', reindex_above => 'NaN');
SELECT omendb.set_options('ho', freeze_after => '-1 second');
SELECT omendb.set_options('ho', freeze_after => '101 years');
SELECT omendb.set_options('ho', freeze_after => '1 day');
SELECT omendb.set_options('ho', sort_key => '{nothing}');
SELECT omendb.set_options('ho', sort_key => '{ctid}');
SELECT omendb.set_options('ho', sort_key => '{n,j}');
SELECT omendb.set_options('ho', sort_key => '{n,n}');
SELECT omendb.set_options('ho', sort_key => '{n,NULL}');
SELECT omendb.set_options('ho', sort_key => '{""}');
SELECT omendb.set_options('ho', sort_key => array_agg('c' || i)) FROM generate_series(1, 33) i;
SELECT omendb.set_options('pg_class', auto_freeze => false);
SELECT omendb.set_options('pg_class_oid_index', auto_freeze => false);
SELECT omendb.reset_options('ho', 'nothing');
SELECT omendb.reset_options('ho', NULL);
SELECT omendb.table_options('pg_class');
SECURITY LABEL FOR omendb ON TABLE ho IS 'nothing=1';
SECURITY LABEL FOR omendb ON TABLE ho IS 'auto_freeze';
SECURITY LABEL FOR omendb ON TABLE ho IS '=on';
SECURITY LABEL FOR omendb ON TABLE ho IS 'auto_freeze=perhaps';
SECURITY LABEL FOR omendb ON TABLE ho IS 'auto_freeze=on auto_freeze=off';
SECURITY LABEL FOR omendb ON TABLE ho IS 'keep_hot_rows=';
SECURITY LABEL FOR omendb ON TABLE ho IS 'keep_hot_rows=9223372036854775808';
SECURITY LABEL FOR omendb ON TABLE ho IS 'row_group_rows=64rows';
SECURITY LABEL FOR omendb ON TABLE ho IS 'reindex_above=2e0';
SECURITY LABEL FOR omendb ON TABLE ho IS 'reindex_above=1.5.1';
SECURITY LABEL FOR omendb ON TABLE ho IS 'freeze_after=1 day';
SECURITY LABEL FOR omendb ON TABLE ho IS 'sort_key="n';
SECURITY LABEL FOR omendb ON TABLE ho IS 'sort_key=n,,u';
SECURITY LABEL FOR omendb ON TABLE ho IS 'sort_key=nothing';
SECURITY LABEL FOR omendb ON TABLE ho IS 'sort_key=j';
SECURITY LABEL FOR omendb ON COLUMN ho.n IS 'auto_freeze=off';
SECURITY LABEL FOR omendb ON SCHEMA public IS 'auto_freeze=off';
SECURITY LABEL FOR omendb ON ROLE pg_monitor IS 'auto_freeze=off';
CREATE TABLE ho_heap (i int) USING heap;
SECURITY LABEL FOR omendb ON TABLE ho_heap IS 'auto_freeze=off';
DROP TABLE ho_heap;
CREATE VIEW ho_query AS SELECT 1;
SECURITY LABEL FOR omendb ON VIEW ho_query IS 'auto_freeze=off';
DROP VIEW ho_query;
BEGIN READ ONLY;
SELECT omendb.set_options('ho', auto_freeze => false);
ROLLBACK;
-- commit timestamps, which a dump need not wait for
SHOW track_commit_timestamp;
SECURITY LABEL FOR omendb ON TABLE ho IS 'freeze_after=P1DT12H';
SELECT freeze_after FROM omendb.table_options('ho');
CALL omendb.compact('ho');
SELECT omendb.reset_options('ho', 'freeze_after');
-- the owner only
CREATE ROLE regress_ho_other;
SET ROLE regress_ho_other;
SELECT omendb.set_options('ho', auto_freeze => false);
SELECT omendb.reset_options('ho');
SECURITY LABEL FOR omendb ON TABLE ho IS 'auto_freeze=off';
SELECT count(*) FROM omendb.options WHERE table_name = 'ho'::regclass;
RESET ROLE;
ALTER TABLE ho OWNER TO regress_ho_other;
SET ROLE regress_ho_other;
SELECT omendb.set_options('ho', auto_freeze => false);
SELECT omendb.reset_options('ho');
RESET ROLE;
DROP TABLE ho, ho_before;
DROP FUNCTION ho_removed;
DROP ROLE regress_ho_other;
SELECT count(*) FROM pg_seclabel WHERE provider = 'omendb';

-- what is neither encoded by symbols nor compressed: for those who read single rows
CREATE TABLE ho (id int, note text, long text) USING omendb;
SELECT omendb.set_options('ho', row_group_rows => 1024);
INSERT INTO ho SELECT i, 'a note about number ' || i, repeat('long text ' || i, 100) FROM generate_series(1, 1024) i;
VACUUM FULL ho;
SELECT column_name, encodings FROM (SELECT key AS column_name, value -> 'encodings' AS encodings FROM omendb.row_groups('ho'), jsonb_each(encodings) WHERE state = 'visible') x ORDER BY 1;
SELECT omendb.set_options('ho', plain_columns => '{note,long}');
SELECT label FROM pg_seclabels WHERE objname = 'ho';
VACUUM FULL ho;
SELECT column_name, encodings FROM (SELECT key AS column_name, value -> 'encodings' AS encodings FROM omendb.row_groups('ho'), jsonb_each(encodings) WHERE state = 'visible') x ORDER BY 1;
SELECT count(*), sum(hashtext(note)) = sum(hashtext('a note about number ' || id)) AS notes, bool_and(long = repeat('long text ' || id, 100)) AS long FROM ho;
ALTER TABLE ho RENAME note TO remark;
SELECT plain_columns FROM omendb.table_options('ho');
ALTER TABLE ho ALTER remark TYPE varchar(100), DROP long;
SELECT plain_columns FROM omendb.table_options('ho');
SELECT omendb.set_options('ho', plain_columns => '{nothing}');
SELECT omendb.set_options('ho', plain_columns => '{id,id}');
SELECT omendb.reset_options('ho', 'plain_columns');
SELECT count(*) FROM pg_seclabels WHERE objname = 'ho' AND label ~ 'plain';
DROP TABLE ho;

-- what reindex_above goes by: sizes of indexes beside new ones
CREATE TABLE ho (id int PRIMARY KEY, note text, u uuid) USING omendb WITH (autovacuum_enabled = off);
SELECT omendb.set_options('ho', row_group_rows => 8192);
SELECT omendb.index_bloat('ho_pkey');
INSERT INTO ho SELECT i, 'note ' || i / 10, md5(i::text)::uuid FROM generate_series(1, 16384) i;
CREATE INDEX ho_few ON ho (id) WITH (fillfactor = 50);
CREATE INDEX ho_note ON ho (note);
CREATE INDEX ho_large ON ho (repeat(md5(id::text), 75));
CREATE INDEX ho_alex ON ho USING alex (id);
CREATE INDEX ho_alex_few ON ho USING alex (id) WITH (leaf_entries = 256, fillfactor = 60);
CREATE INDEX ho_alex_u ON ho USING alex (u);
CREATE INDEX ho_hash ON ho USING hash (id);
SELECT c.indexrelid::regclass AS index, round(omendb.index_bloat(c.indexrelid)::numeric, 1) AS bloat FROM pg_index c WHERE indrelid = 'ho'::regclass AND indexrelid <> 'ho_pkey'::regclass ORDER BY 1;
REINDEX INDEX ho_pkey;
SELECT round(omendb.index_bloat('ho_pkey')::numeric, 1);
CALL omendb.compact('ho');
VACUUM ho;
SELECT c.indexrelid::regclass AS index, round(omendb.index_bloat(c.indexrelid)::numeric) AS bloat FROM pg_index c WHERE indrelid = 'ho'::regclass AND indexrelid IN ('ho_pkey'::regclass, 'ho_alex_few'::regclass) ORDER BY 1;
-- all entries are gone
DELETE FROM ho;
VACUUM ho;
SELECT omendb.index_bloat('ho_pkey') > 30 AS all;
SELECT omendb.index_bloat('ho');
SELECT omendb.index_bloat(NULL);
CREATE TABLE ho_parts (i int) PARTITION BY RANGE (i);
CREATE INDEX ho_parts_i ON ho_parts (i);
SELECT omendb.index_bloat('ho_parts_i');
CREATE ROLE regress_ho_other;
SET ROLE regress_ho_other;
SELECT omendb.index_bloat('ho_pkey');
RESET ROLE;
DROP ROLE regress_ho_other;
DROP TABLE ho, ho_parts;
