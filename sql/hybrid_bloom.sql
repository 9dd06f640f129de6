-- Bloom filters: what they exclude, that they never exclude a row that is there, and how the option goes along

SET omendb.load_row_groups = on;
SET max_parallel_workers_per_gather = 0;
SET extra_float_digits = 1;
-- chance that is the same everywhere
CREATE FUNCTION hb_chance(i bigint, n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT abs(hashint8extended(i, n) % 1000000007) $$;
CREATE DOMAIN hb_domain AS text;
-- a server without ICU has none in which different strings are equal
DO $$ BEGIN
	CREATE COLLATION hb_loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
EXCEPTION WHEN feature_not_supported THEN
	CREATE COLLATION hb_loose FROM "C";
END $$;

-- 16 groups of 128 rows, of values by chance: zone maps exclude next to nothing
CREATE TABLE hb_heap (id int, s smallint, i int, l bigint, o oid, d date, t time, ts timestamp, tz timestamptz, m money, f4 real, f8 double precision,
	n2 numeric(12,2), n numeric, u uuid, b bytea, x text, v varchar(40), dom hb_domain, c text COLLATE "C", bp char(12), loose text COLLATE hb_loose, sparse int) USING heap;
INSERT INTO hb_heap SELECT i, hb_chance(i, 1) % 65536 - 32768, hb_chance(i, 2) - 500000000, (hb_chance(i, 3) - 500000000) * 4294967311, hb_chance(i, 4) * 4,
	date '2000-01-01' + (hb_chance(i, 5) % 100000)::int, time '00:00' + hb_chance(i, 6) * interval '80 us', timestamp '2000-01-01' + hb_chance(i, 7) * interval '0.7 s',
	timestamptz '2000-01-01 00:00Z' + hb_chance(i, 8) * interval '0.7 s', (hb_chance(i, 9) / 100.0)::numeric::money, (hb_chance(i, 10) - 500000000) / 1e5, (hb_chance(i, 11) - 500000000) / 7e3,
	hb_chance(i, 12) / 100.0, CASE WHEN i <= 1024 THEN round(hb_chance(i, 13) / 1000.0, 3) ELSE round(hb_chance(i, 13) / 1000.0, (i % 5)::int) END,
	md5(i::text)::uuid, decode(md5((-i)::text), 'hex'), 'text ' || md5(i || 'x'), left(md5(i || 'v'), 3 + i % 20), md5(i || 'd'), md5(i || 'c'), left(md5(i || 'b'), 5 + i % 8), md5(i || 'l'),
	CASE WHEN i % 20 = 0 THEN hb_chance(i, 14)::int END
	FROM generate_series(1, 2048) i;
-- what equals what, though its bytes differ, and what is at the end of its type: here and there
UPDATE hb_heap SET f4 = '-0', f8 = '-0', x = '', b = '', v = '', i = 2147483647, l = 9223372036854775807, s = 32767, d = 'infinity', ts = '-infinity', n2 = 0.1, n = 7 WHERE id = 100;
UPDATE hb_heap SET f4 = '0', f8 = '0', x = 'Text', loose = 'Text', c = 'Text', i = -2147483648, l = -9223372036854775808, s = -32768, d = '-infinity', tz = 'infinity', n2 = 0.10, n = 7.00 WHERE id = 900;
UPDATE hb_heap SET f4 = 'NaN', f8 = 'NaN', x = 'text', loose = 'text', i = 5, l = 5, s = 5, bp = 'ab', n2 = NULL, n = 'NaN' WHERE id = 1000;
UPDATE hb_heap SET f4 = - 'NaN'::float4, f8 = - 'NaN'::float8, x = 'text ', i = 70000, l = 70000, bp = 'ab  ', n2 = NULL, n = 'Infinity' WHERE id = 1500;
UPDATE hb_heap SET f4 = 0.1, f8 = '-infinity', x = NULL, i = NULL, u = NULL, n = NULL WHERE id = 2000;
UPDATE hb_heap SET f4 = 0.5, f8 = 0.5, n2 = 1, n = 1.0, d = '2024-02-29', ts = '2024-02-29', o = 4294967295 WHERE id = 2001;
UPDATE hb_heap SET i = NULL, x = NULL WHERE id BETWEEN 513 AND 640;
CREATE TABLE hb (LIKE hb_heap) USING omendb WITH (autovacuum_enabled = off);
CREATE TABLE hb_zones (LIKE hb_heap) USING omendb WITH (autovacuum_enabled = off);
SELECT omendb.set_options('hb_zones', row_group_rows => 128);
SELECT omendb.set_options('hb', row_group_rows => 128, bloom_columns => '{s,i,l,o,d,t,ts,tz,m,f4,f8,n2,n,u,b,x,v,dom,c,loose,sparse}');
SELECT current_setting('data_directory') || '/hybrid_bloom.copy' AS file \gset
COPY (SELECT * FROM hb_heap ORDER BY id) TO :'file' (FORMAT binary);
COPY hb FROM :'file' (FORMAT binary);
COPY hb_zones FROM :'file' (FORMAT binary);
SELECT * FROM omendb.check('hb');
-- of which columns there is one, and in how many groups
CREATE FUNCTION hb_filters(tab regclass) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s', key, n), ', ' ORDER BY key COLLATE "C") FROM (SELECT key, count(*) FILTER (WHERE value ? 'bloom_bytes') AS n
		FROM omendb.row_groups(tab), jsonb_each(encodings) WHERE state = 'visible' GROUP BY key) f WHERE n > 0 $$;
SELECT hb_filters('hb');
SELECT hb_filters('hb_zones');

-- row groups that a query reads: all of their rows are returned, or removed by the filter
CREATE FUNCTION hb_groups(tab text, condition text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	line text;
	rows bigint := 0;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT FROM %s WHERE %s', tab, condition) LOOP
		IF line ~ 'Seq Scan' THEN rows := rows + substring(line FROM 'rows=(\d+)')::bigint; END IF;
		IF line ~ 'Rows Removed by Filter' THEN rows := rows + substring(line FROM '\d+$')::bigint; END IF;
	END LOOP;
	RETURN (rows + 127) / 128;
END $$;
-- keys that are in none of the 16 groups, 25 of each column: groups of 400 that are read, without filters and with them
CREATE TABLE hb_missing (col text, missing text);
INSERT INTO hb_missing VALUES ('s', '(hb_chance(%1$s, 21) % 30000)::smallint'), ('i', '(hb_chance(%1$s, 22) - 500000000)::int'), ('l', '(hb_chance(%1$s, 23) - 500000000) * 4294967311 + 1'),
	('o', '(hb_chance(%1$s, 24) * 3)::oid'), ('d', 'date ''2000-01-01'' + (hb_chance(%1$s, 25) % 90000)::int'), ('t', 'time ''00:10'' + hb_chance(%1$s, 26) * interval ''79 us'''),
	('ts', 'timestamp ''2001-01-01'' + hb_chance(%1$s, 27) * interval ''0.6 s'''), ('tz', 'timestamptz ''2001-01-01 00:00Z'' + hb_chance(%1$s, 28) * interval ''0.6 s'''),
	('m', '(hb_chance(%1$s, 29) / 101.0)::numeric::money'), ('f4', '((hb_chance(%1$s, 30) - 500000000) / 2e5)::real'), ('f8', '((hb_chance(%1$s, 31) - 500000000) / 9e3)::float8'),
	('n2', 'round(hb_chance(%1$s, 32) / 101.0, 2)'), ('u', 'md5(''missing '' || %1$s)::uuid'), ('b', 'decode(md5(''missing '' || %1$s), ''hex'')'), ('x', '''text '' || md5(''missing '' || %1$s)'),
	('v', 'left(md5(''missing '' || %1$s), 20)::varchar'), ('dom', 'md5(''missing '' || %1$s)'), ('c', 'md5(''missing '' || %1$s)'), ('sparse', 'hb_chance(%1$s, 33)::int');
UPDATE hb_missing SET missing = replace(missing, '% ', '%% ');
CREATE FUNCTION hb_missing_groups(tab text, col text, missing text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	value text;
	total bigint := 0;
	there boolean;
BEGIN
	FOR k IN 1 .. 25 LOOP
		EXECUTE format('SELECT format(''%%L::%%s'', x.v, pg_typeof(x.v)), EXISTS (SELECT FROM hb_heap h WHERE h.%I = x.v) FROM (SELECT %s AS v) x', col, format(missing, k)) INTO value, there;
		IF NOT there THEN total := total + hb_groups(tab, format('%I = %s', col, value)); END IF;
	END LOOP;
	RETURN total;
END $$;
SELECT col, hb_missing_groups('hb_zones', col, missing) > 200 AS read_without, hb_missing_groups('hb', col, missing) <= 8 AS skipped_with FROM hb_missing;
SELECT sum(hb_missing_groups('hb', col, missing)) * 100 <= 25 * 16 * count(*) AS at_most_a_hundredth FROM hb_missing;
-- those that are there: their own group, and hardly another one
SELECT sum(hb_groups('hb', format('u = %L', u))) <= 52 AS u, sum(hb_groups('hb', format('l = %s', l))) <= 52 AS l, sum(hb_groups('hb', format('x = %L', x))) <= 52 AS x FROM hb_heap WHERE id % 50 = 25;
-- zeroes of both signs are one value, and so are all NaNs: in two groups each (and a third one seems to have a real one)
SELECT hb_groups('hb', 'f8 = 0') AS zero, hb_groups('hb', 'f4 = ''-0''::real') AS minus_zero, hb_groups('hb', 'f8 = ''NaN''::float8') AS nan, hb_groups('hb', 'f4 = - ''NaN''::real') AS minus_nan;
-- several values: groups that may have one of them
SELECT hb_groups('hb_zones', 'u IN (md5(''missing 1'')::uuid, md5(''missing 2'')::uuid)') AS read_without, hb_groups('hb', 'u IN (md5(''missing 1'')::uuid, md5(''missing 2'')::uuid)') AS read_with;
SELECT hb_groups('hb', format('l = ANY (%L)', array_agg(l))) AS of_16 FROM hb_heap WHERE id IN (5, 6, 700);
SELECT hb_groups('hb', 'l = ANY (''{}''::bigint[])') AS empty, hb_groups('hb', 'l = ANY (''{NULL}''::bigint[])') AS nulls, hb_groups('hb', 'l = ALL (''{1,2}''::bigint[])') AS of_all,
	hb_groups('hb', 'l <> ANY (''{1,2}''::bigint[])') AS other_operator, hb_groups('hb', format('l = ANY (%L)', (SELECT array_agg(i * 3) FROM generate_series(1, 129) i))) AS too_long,
	hb_groups('hb', format('l = ANY (%L)', (SELECT array_agg(i * 3) FROM generate_series(1, 128) i))) < 16 AS not_too_long;
PREPARE hb_prepared(uuid) AS SELECT FROM hb WHERE u = $1;
SET plan_cache_mode = force_generic_plan;
CREATE FUNCTION hb_prepared_rows() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE hb_prepared(md5(''missing 1'')::uuid)' LOOP
		IF line ~ 'Rows Removed by Filter' THEN RETURN line; END IF;
	END LOOP;
	RETURN 'no row was read';
END $$;
SELECT hb_prepared_rows();
RESET plan_cache_mode;
DEALLOCATE hb_prepared;

-- the same rows as of heap: each value of some rows, those that are not there, those of other types
CREATE FUNCTION hb_compare(conditions text[]) RETURNS TABLE (compared bigint, matched bigint, wrong text) LANGUAGE plpgsql AS $$
DECLARE
	condition text;
	want bigint[];
	got bigint[];
BEGIN
	compared := 0;
	matched := 0;
	FOREACH condition IN ARRAY conditions LOOP
		EXECUTE format('SELECT array_agg(id ORDER BY id) FROM hb_heap WHERE %s', condition) INTO want;
		EXECUTE format('SELECT array_agg(id ORDER BY id) FROM hb WHERE %s', condition) INTO got;
		compared := compared + 1;
		matched := matched + coalesce(cardinality(want), 0);
		IF want IS DISTINCT FROM got THEN wrong := concat_ws('; ', wrong, condition); END IF;
	END LOOP;
	RETURN NEXT;
END $$;
SELECT attname, compared, CASE WHEN attname <> 'loose' THEN matched END AS matched, wrong
FROM (SELECT a.attname, array_agg(format('%I = %L', a.attname, j.value)) || array_agg(format('%I IN (%L, %L)', a.attname, j.value, j.value)) AS conditions
	FROM hb_heap h, jsonb_each_text(to_jsonb(h)) j JOIN pg_attribute a ON a.attrelid = 'hb_heap'::regclass AND a.attname = j.key
	WHERE j.value IS NOT NULL AND (h.id % 60 = 0 OR h.id IN (100, 900, 1000, 1500, 2000, 2001)) GROUP BY a.attname, a.attnum ORDER BY a.attnum) c, hb_compare(conditions);
SELECT * FROM hb_compare(ARRAY['f4 = 0', 'f4 = ''-0''::real', 'f8 = 0', 'f8 = ''-0''::float8', 'f4 = ''NaN''::real', 'f8 = ''NaN''::float8', 'f4 = - ''NaN''::real', 'f8 = - ''NaN''::float8', 'f4 IN (''-0'', ''NaN'')']);
SELECT * FROM hb_compare(ARRAY['f4 = 0.1', 'f4 = 0.1::real', 'f4 = 0.1::float8', 'f4 = 0.1::real::float8', 'f4 = 0.5::float8', 'f8 = 0.5::real', 'f8 = 0.1::real', 'f4 IN (0.1::real, 0.5)']);
SELECT * FROM hb_compare(ARRAY['n2 = 0.1', 'n2 = 0.10', 'n2 = 0.100', 'n2 = 0.1001', 'n2 = 1', 'n2 = 1.0000', 'n2 = ''NaN''', 'n2 = ''Infinity''', 'n2 = 1e30', 'n2 = -1e30', 'n2 IN (0.1, 1.000)', 'n2 = 1::bigint']);
SELECT * FROM hb_compare(ARRAY['n = 7', 'n = 7.0', 'n = 7.000', 'n = 7.00000', 'n = 1', 'n = ''NaN''', 'n = ''Infinity''', 'n = ''-Infinity''', 'n IN (7, 1.00, ''NaN'')']);
SELECT * FROM hb_compare(ARRAY['s = 5', 's = 5::bigint', 's = 5::smallint', 's = 70000', 's = 32767', 's = -32768::bigint', 'i = 5::smallint', 'i = 5::bigint', 'i = 70000', 'i = 2147483647', 'i = 4294967301', 'l = 5::smallint', 'l = 70000',
	'l = 9223372036854775807', 'l = -9223372036854775808', 'i = ANY (ARRAY[5::bigint, 4294967301])', 'l = ANY (ARRAY[5::smallint])', 'o = 4294967295', 'i = 5.0', 'l = 5.0::float8', '5 = i', '5::bigint = s']);
SELECT compared, wrong FROM hb_compare(ARRAY['x = ''''', 'x = ''text''', 'x = ''Text''', 'x = ''text ''', 'x = ''text''::char(10)', 'x = ''text''::varchar', 'x = ''text''::name', 'v = ''''', 'v = ''''::text', 'b = ''''', 'x = ''text'' COLLATE "C"', 'c = ''Text''',
	'x = ''TEXT'' COLLATE hb_loose', 'c = ''text'' COLLATE hb_loose', 'loose = ''TEXT''', 'loose = ''Text''', 'loose = ''text'' COLLATE "C"', 'loose = ''TEXT'' COLLATE "C"', 'loose IN (''TEXT'', ''x'')', 'x IN (''TEXT'' COLLATE hb_loose, ''x'')', 'dom = ''x''']);
SELECT * FROM hb_compare(ARRAY['bp = ''ab''', 'bp = ''ab    ''', 'bp = ''ab''::text', 'bp IN (''ab '')', 'bp::text = ''ab''']);
SELECT * FROM hb_compare(ARRAY['d = ''infinity''', 'd = ''-infinity''', 'd = timestamp ''2024-02-29''', 'ts = date ''2024-02-29''', 'ts = ''-infinity''', 'tz = ''infinity''', 'ts = timestamptz ''2024-02-29 00:00Z''', 'd IN (timestamp ''2024-02-29'', ''infinity'')']);
SELECT * FROM hb_compare(ARRAY['i IS NULL', 'x IS NULL AND i IS NULL', 'i = 5 AND x = ''text''', 'i = 5 AND x = ''nothing''', 'i = 5 OR x = ''nothing''', 'NOT (i = 5)', 'i <> 5', 'i >= 5 AND i <= 5', 'sparse = 0', 'sparse IS NOT NULL AND sparse = 1']);

-- rows that change: the filter is of the group as it was written, changed rows are hot
UPDATE hb SET u = md5('moved' || id)::uuid WHERE id % 100 = 7;
UPDATE hb_heap SET u = md5('moved' || id)::uuid WHERE id % 100 = 7;
DELETE FROM hb WHERE u = md5('8')::uuid;
DELETE FROM hb_heap WHERE u = md5('8')::uuid;
SELECT * FROM hb_compare(ARRAY['u = md5(''moved107'')::uuid', 'u = md5(''107'')::uuid', 'u = md5(''8'')::uuid', 'u = md5(''9'')::uuid']);

-- made in all ways: frozen, rewritten, sorted, with another type, of another access method
CREATE TABLE hb_ways (id int, k text, gone int, e int) USING omendb WITH (autovacuum_enabled = off);
SELECT omendb.set_options('hb_ways', row_group_rows => 128, bloom_columns => '{e,k}');
ALTER TABLE hb_ways DROP COLUMN gone;
INSERT INTO hb_ways SELECT i, md5(i::text), hb_chance(i, 1) FROM generate_series(1, 512) i;
SELECT hb_filters('hb_ways');
CALL omendb.compact('hb_ways');
SELECT hb_filters('hb_ways');
SELECT hb_groups('hb_ways', 'k = md5(''missing'')') AS k, hb_groups('hb_ways', 'e = 500000003') AS e;
SELECT omendb.reset_options('hb_ways', 'bloom_columns');
VACUUM FULL hb_ways;
SELECT hb_filters('hb_ways');
SELECT omendb.set_options('hb_ways', bloom_columns => '{k}');
SELECT hb_filters('hb_ways');
VACUUM FULL hb_ways;
SELECT hb_filters('hb_ways');
CREATE INDEX hb_ways_k ON hb_ways (k);
SELECT omendb.set_options('hb_ways', bloom_columns => '{e}');
CLUSTER hb_ways USING hb_ways_k;
SELECT hb_filters('hb_ways');
DROP INDEX hb_ways_k;
ALTER TABLE hb_ways ALTER e TYPE numeric(15,2);
SELECT hb_filters('hb_ways');
SELECT hb_groups('hb_ways', 'e = 500000003.5') AS e;
SELECT count(*) FROM hb_ways WHERE e = (SELECT e FROM hb_ways WHERE id = 77);
ALTER TABLE hb_ways ADD volatile timestamptz DEFAULT clock_timestamp();
SELECT hb_filters('hb_ways');
-- an added column is in no group: its value is in the catalog
ALTER TABLE hb_ways ADD later int DEFAULT 7;
SELECT omendb.set_options('hb_ways', bloom_columns => '{e,later}');
SELECT count(*) FROM hb_ways WHERE later = 7;
SELECT count(*) FROM hb_ways WHERE later = 8;
SELECT * FROM omendb.check('hb_ways');
DROP TABLE hb_ways;
CREATE MATERIALIZED VIEW hb_view USING omendb AS SELECT md5(i::text) AS k FROM generate_series(1, 256) i;
SELECT omendb.set_options('hb_view', row_group_rows => 128, bloom_columns => '{k}');
REFRESH MATERIALIZED VIEW hb_view;
SELECT hb_filters('hb_view'), hb_groups('hb_view', 'k = md5(''missing'')');
DROP MATERIALIZED VIEW hb_view;

-- where there is none: a dictionary tells as much, and so does a range of which every value is there
CREATE TABLE hb_none (few text, sequence int, same int, nothing text, other int) USING omendb WITH (autovacuum_enabled = off);
SELECT omendb.set_options('hb_none', row_group_rows => 1024, bloom_columns => '{few,sequence,same,nothing,other}');
COPY hb_none FROM PROGRAM 'awk ''BEGIN { for (i = 0; i < 2048; i++) printf "value number %d\t%d\t5\t\\N\t%d\n", i % 20, i, i * 7 }''' (NULL '\N');
SELECT hb_filters('hb_none');
SELECT DISTINCT value->'encodings' AS few FROM omendb.row_groups('hb_none'), jsonb_each(encodings) WHERE key = 'few';
SELECT hb_groups('hb_none', 'few = ''value number 11a''') AS few, hb_groups('hb_none', 'sequence = 5000') AS sequence, hb_groups('hb_none', 'same = 6') AS same,
	hb_groups('hb_none', 'nothing = ''x''') AS nothing, hb_groups('hb_none', 'other = 701') AS other, hb_groups('hb_none', 'few = ''value number 11''') > 0 AS there;
DROP TABLE hb_none;

-- the option: validated, renamed, dropped, of a type that has none
\set VERBOSITY default
CREATE TABLE hb_option (k text, other int, js json, bp char(5), gone int) USING omendb;
SELECT omendb.set_options('hb_option', bloom_columns => '{nothing}');
SELECT omendb.set_options('hb_option', bloom_columns => '{k,js}');
SELECT omendb.set_options('hb_option', bloom_columns => '{bp}');
SELECT omendb.set_options('hb_option', bloom_columns => '{k,k}');
SECURITY LABEL FOR omendb ON TABLE hb_option IS 'bloom_columns=nothing';
SECURITY LABEL FOR omendb ON TABLE hb_option IS 'bloom_columns=js';
SELECT omendb.set_options('hb_option', sort_key => '{gone,k}', bloom_columns => '{gone,k,other}');
SELECT label FROM pg_seclabels WHERE objname = 'hb_option';
ALTER TABLE hb_option RENAME k TO "A ""key""";
SELECT sort_key, bloom_columns FROM omendb.table_options('hb_option');
ALTER TABLE hb_option DROP gone;
SELECT sort_key, bloom_columns FROM omendb.table_options('hb_option');
ALTER TABLE hb_option ALTER other TYPE bigint;
SELECT sort_key, bloom_columns FROM omendb.table_options('hb_option');
ALTER TABLE hb_option ALTER "A ""key""" TYPE char(10);
SELECT sort_key, bloom_columns FROM omendb.table_options('hb_option');
SELECT omendb.set_options('hb_option', bloom_columns => '{}');
SELECT label FROM pg_seclabels WHERE objname = 'hb_option';
SELECT omendb.set_options('hb_option', bloom_columns => '{other}');
SELECT omendb.reset_options('hb_option', 'bloom_columns', 'sort_key');
SELECT count(*) FROM pg_seclabels WHERE objname = 'hb_option';
DROP TABLE hb_option;

DROP TABLE hb, hb_zones, hb_heap, hb_missing;
DROP FUNCTION hb_groups, hb_filters, hb_missing_groups, hb_prepared_rows, hb_compare;
DROP FUNCTION hb_chance;
DROP DOMAIN hb_domain;
DROP COLLATION hb_loose;
