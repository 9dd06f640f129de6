-- Several key columns, and keys of 16 bytes: every order, extreme values beside NULLs, conditions on any
-- columns, against the same rows in a table without an index.
--
-- columns_check() runs each condition, for each row of constants, as a scan in index order, backwards and
-- through a bitmap.  Its result says how many scans were compared, how many rows those in index order had
-- to return, and how many scans were wrong.

SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_indexonlyscan = off;
SET jit = off;

-- the rows: every combination of the values, twice; the constants: all of them, but for `odd`
CREATE FUNCTION columns_fill(types text[], vals text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	cols text := '';
	lists text := '';
	name text;
BEGIN
	FOR i IN 1 .. array_length(types, 1) LOOP
		name := chr(96 + i);
		cols := cols || format(', %1$s.v::%2$s AS %1$s', name, types[i]);
		lists := lists || format(', (VALUES %2$s) %1$s(v)', name, vals[i]);
	END LOOP;
	DROP TABLE IF EXISTS columns_index, columns_plain, columns_constants;
	EXECUTE 'CREATE TABLE columns_constants AS SELECT ' || substr(cols, 3) || ' FROM ' || substr(lists, 3);
	CREATE TABLE columns_plain AS
		SELECT c.*, row_number() OVER ()::int AS id FROM columns_constants c, generate_series(1, 2);
	CREATE TABLE columns_index AS SELECT * FROM columns_plain;
	RETURN (SELECT count(*) FROM columns_index);
END $$;

CREATE FUNCTION columns_run(query text, VARIADIC nodes text[],
	OUT scans bigint, OUT matches bigint, OUT faults bigint) LANGUAGE plpgsql AS $$
DECLARE
	node text;
	line text;
	plan text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		plan := plan || line || E'\n';
	END LOOP;
	FOREACH node IN ARRAY nodes LOOP
		IF strpos(plan, node) = 0 THEN
			RAISE EXCEPTION 'no % in the plan of %', node, query USING DETAIL = plan;
		END IF;
	END LOOP;
	EXECUTE query INTO scans, matches, faults;
END $$;

CREATE FUNCTION columns_check(index_order text, conditions text[], every int DEFAULT 1,
	OUT scans bigint, OUT matches bigint, OUT faults bigint) LANGUAGE plpgsql AS $$
DECLARE
	back text := translate(replace(replace(replace(replace(index_order, 'ASC', '<'), 'DESC', '>'),
		'FIRST', '['), 'LAST', ']'), '<>[]', '><][');
	keys text := regexp_replace(index_order, '(\w) \w+ NULLS \w+', '\1', 'g');
	condition text;
	constants text := format('(SELECT * FROM columns_constants WHERE hashtext(columns_constants::text) %% %s = 0'
		' LIMIT 70) k', every);
	one record;
BEGIN
	back := replace(replace(replace(replace(back, '<', 'ASC'), '>', 'DESC'), '[', 'FIRST'), ']', 'LAST');
	scans := 0;
	matches := 0;
	faults := 0;
	EXECUTE format('CREATE INDEX columns_i ON columns_index USING alex (%s)', index_order);
	FOREACH condition IN ARRAY conditions LOOP
		SET LOCAL enable_indexscan = on;
		SET LOCAL enable_bitmapscan = off;
		SELECT * INTO one FROM columns_run(format('SELECT count(*), sum(cardinality(expect_f)), count(*) FILTER'
			' (WHERE f IS DISTINCT FROM expect_f OR b IS DISTINCT FROM expect_b) FROM (SELECT'
			' ARRAY(SELECT ROW(%5$s)::text FROM columns_index WHERE %1$s ORDER BY %3$s) AS f,'
			' ARRAY(SELECT ROW(%5$s)::text FROM columns_index WHERE %1$s ORDER BY %4$s) AS b,'
			' ARRAY(SELECT ROW(%5$s)::text FROM columns_plain WHERE %1$s ORDER BY %3$s) AS expect_f,'
			' ARRAY(SELECT ROW(%5$s)::text FROM columns_plain WHERE %1$s ORDER BY %4$s) AS expect_b'
			' FROM %2$s OFFSET 0) s', condition, constants, index_order, back, keys),
			'Index Scan using columns_i');
		scans := scans + 2 * one.scans;
		matches := matches + coalesce(one.matches, 0);
		faults := faults + one.faults;
		SET LOCAL enable_indexscan = off;
		SET LOCAL enable_bitmapscan = on;
		SELECT * INTO one FROM columns_run(format('SELECT count(*), 0, count(*) FILTER'
			' (WHERE f IS DISTINCT FROM expect_f) FROM (SELECT'
			' ARRAY(SELECT id FROM columns_index WHERE %1$s) AS f,'
			' ARRAY(SELECT id FROM columns_plain WHERE %1$s) AS expect_f'
			' FROM %2$s OFFSET 0) s', condition, constants), 'Bitmap Index Scan on columns_i');
		scans := scans + one.scans;
		faults := faults + one.faults;
	END LOOP;
	PERFORM omendb.alex_check('columns_i', true);
	DROP INDEX columns_i;
END $$;

CREATE FUNCTION columns_two() RETURNS text[] LANGUAGE sql AS $$
	SELECT ARRAY['a = k.a', 'b = k.b', 'a = k.a AND b = k.b', 'a = k.a AND b < k.b', 'a = k.a AND b >= k.b',
		'a > k.a AND b = k.b', 'a <= k.a AND b > k.b', 'a >= k.a AND b >= k.b', 'a < k.a AND b <= k.b',
		'a IS NULL AND b >= k.b', 'a = k.a AND b IS NULL', 'a IS NULL AND b IS NULL', 'a IS NOT NULL AND b < k.b',
		'a > k.a AND b IS NULL', 'a <= k.a AND b IS NOT NULL', 'a > k.a AND a < k.a', 'b IS NULL', 'a IS NOT NULL',
		'a = ANY (ARRAY[k.a, (SELECT max(a) FROM columns_constants)]) AND b > k.b']
$$;

-- two integers: 8-byte keys, whose null flags move down
SELECT columns_fill(ARRAY['int4', 'int4'], ARRAY[
	'(NULL), (-2147483648), (-2147483647), (-1), (0), (2147483646), (2147483647)',
	'(NULL), (-2147483648), (-2147483647), (0), (7), (2147483646), (2147483647)']);
SELECT o AS index_order, c.* FROM unnest(ARRAY['a ASC NULLS LAST, b ASC NULLS LAST',
	'a ASC NULLS FIRST, b DESC NULLS LAST', 'a DESC NULLS LAST, b ASC NULLS FIRST',
	'a DESC NULLS FIRST, b DESC NULLS FIRST', 'b ASC NULLS LAST, a DESC NULLS LAST']) o,
	columns_check(o, columns_two()) c;
-- constants of another type, of which some are no value of the column's
SELECT c.* FROM columns_check('a ASC NULLS LAST, b DESC NULLS FIRST', ARRAY[
	'a = k.a::int8 AND b < 3000000000', 'a = k.a::int8 AND b > 3000000000', 'a > -3000000000 AND b = k.b::int8',
	'a >= 3000000000', 'a < k.a::int8 + 1 AND b >= k.b::int8 - 1', 'a = k.a AND b = k.b::int8 + 1']) c;

-- two bigints take all 128 bits
SELECT columns_fill(ARRAY['int8', 'int8'], ARRAY[
	'(NULL), (-9223372036854775808), (-9223372036854775807), (0), (9223372036854775806), (9223372036854775807)',
	'(NULL), (-9223372036854775808), (-1), (0), (9223372036854775806), (9223372036854775807)']);
SELECT o AS index_order, c.* FROM unnest(ARRAY['a ASC NULLS LAST, b ASC NULLS LAST',
	'a DESC NULLS LAST, b ASC NULLS FIRST', 'a ASC NULLS FIRST, b DESC NULLS FIRST']) o,
	columns_check(o, columns_two()) c;

-- a device and a time, compared with dates too
SELECT columns_fill(ARRAY['int4', 'timestamptz'], ARRAY[
	'(NULL), (-2147483648), (1), (2), (2147483647)',
	'(NULL), (''-infinity''), (''4714-11-24 00:00+00 BC''), (''1999-12-31 23:59:59.999999+00''), (''2000-01-01 00:00+00''),'
	' (''294276-12-31 23:59:59.999999+00''), (''infinity'')']);
SELECT o AS index_order, c.* FROM unnest(ARRAY['a ASC NULLS LAST, b ASC NULLS LAST',
	'a DESC NULLS FIRST, b ASC NULLS LAST']) o, columns_check(o, columns_two() || ARRAY[
	'a = k.a AND b > date ''2000-01-01''', 'a = k.a AND b = timestamp ''2000-01-01 00:00''']) c;

-- three columns of other types, and one whose bounds are rechecked
SELECT columns_fill(ARRAY['float4', '"char"', 'timestamp'], ARRAY[
	'(NULL), (''-Infinity''::float4), (-0.0), (0), (0.1), (''NaN'')', '(NULL), (-128), (0), (1), (-1)',
	'(NULL), (''-infinity''), (''2000-01-01 00:00''::timestamp), (''2000-01-01 00:00:00.000001''), (''infinity'')']);
SELECT o AS index_order, c.* FROM unnest(ARRAY['a ASC NULLS LAST, b ASC NULLS LAST, c ASC NULLS LAST',
	'a DESC NULLS LAST, b ASC NULLS FIRST, c DESC NULLS FIRST']) o, columns_check(o, ARRAY[
	'a = k.a AND b = k.b AND c >= k.c', 'a = k.a AND c < k.c', 'b = k.b AND c = k.c', 'c IS NULL', 'a > k.a AND b < k.b AND c > k.c',
	'a < 0.1::float8 AND b >= k.b', 'a = k.a AND b IS NULL AND c IS NOT NULL',
	'a = k.a AND b > k.b AND c <= k.c::timestamptz', 'a = 0.1::float8 AND c = k.c'], 3) c;

-- uuid alone, three small columns in 8 bytes
SELECT columns_fill(ARRAY['uuid'], ARRAY[$$(NULL), ('00000000-0000-0000-0000-000000000000'),
	('00000000-0000-0000-0000-000000000001'), ('7fffffff-ffff-ffff-ffff-ffffffffffff'),
	('80000000-0000-0000-0000-000000000000'), ('80000000-0000-0001-0000-000000000000'),
	('ffffffff-ffff-ffff-ffff-fffffffffffe'), ('ffffffff-ffff-ffff-ffff-ffffffffffff')$$]);
SELECT o AS index_order, c.* FROM unnest(ARRAY['a ASC NULLS LAST', 'a ASC NULLS FIRST', 'a DESC NULLS LAST',
	'a DESC NULLS FIRST']) o, columns_check(o, ARRAY['a = k.a', 'a < k.a', 'a <= k.a', 'a > k.a', 'a >= k.a',
	'a IS NULL', 'a IS NOT NULL', 'a IN (k.a, ''80000000-0000-0000-0000-000000000000'')']) c;
SELECT columns_fill(ARRAY['int2', 'date', 'int2'], ARRAY['(NULL), (-32768), (0), (32767)',
	$$(NULL), ('-infinity'), ('2000-01-01'), ('infinity')$$, '(NULL), (-32768), (1), (32767)']);
SELECT c.* FROM columns_check('a DESC NULLS LAST, b ASC NULLS FIRST, c ASC NULLS LAST', ARRAY[
	'a = k.a AND b = k.b AND c > k.c', 'a >= k.a AND c = k.c', 'b = k.b', 'a = k.a AND b > timestamp ''1999-12-31 12:00''',
	'a IS NULL AND b IS NULL AND c IS NULL']) c;

-- many rows: inserts, splits and deletions of 16-byte keys, order on a prefix
CREATE TABLE columns_many (device int, ts timestamptz, u uuid);
CREATE INDEX columns_many_dt ON columns_many USING alex (device, ts DESC) WITH (leaf_entries = 256);
CREATE INDEX columns_many_u ON columns_many USING alex (u);
INSERT INTO columns_many SELECT g * 7919 % 50, timestamptz '2025-01-01' + (g * 104729 % 100003) * interval '1 s', md5(g::text)::uuid
	FROM generate_series(1, 6000) g;
INSERT INTO columns_many SELECT 3, timestamptz '2026-01-01' + g * interval '1 s', md5((-g)::text)::uuid FROM generate_series(1, 1500) g;
DELETE FROM columns_many WHERE device % 5 = 2;
VACUUM columns_many;
INSERT INTO columns_many SELECT 2, timestamptz '2025-06-01' - g * interval '1 min', md5(g::text || 'x')::uuid FROM generate_series(1, 1000) g;
SELECT omendb.alex_check('columns_many_dt', true), omendb.alex_check('columns_many_u', true);
SELECT level, pages > 1 AS several FROM omendb.alex_stats('columns_many_dt') WHERE level IS NOT NULL;
ANALYZE columns_many;
EXPLAIN (COSTS OFF) SELECT ts FROM columns_many WHERE device = 3 AND ts < '2026-01-01 00:10:00+00' ORDER BY ts DESC LIMIT 3;
SELECT ts FROM columns_many WHERE device = 3 AND ts < '2026-01-01 00:10:00+00' ORDER BY ts DESC LIMIT 3;
EXPLAIN (COSTS OFF) SELECT device, ts FROM columns_many ORDER BY device DESC, ts LIMIT 3;
SELECT count(*), count(DISTINCT device) FROM (SELECT device FROM columns_many ORDER BY device, ts DESC) s;
SELECT device FROM columns_many WHERE u = md5('5')::uuid;
SELECT count(*) FROM columns_many WHERE u BETWEEN '10000000-0000-0000-0000-000000000000' AND '2fffffff-ffff-ffff-ffff-ffffffffffff';
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT count(*) FROM columns_many WHERE u BETWEEN '10000000-0000-0000-0000-000000000000' AND '2fffffff-ffff-ffff-ffff-ffffffffffff';
RESET enable_indexscan;
RESET enable_bitmapscan;

-- expressions and a predicate
CREATE INDEX columns_many_x ON columns_many USING alex ((device % 10), ts) WHERE device > 10;
EXPLAIN (COSTS OFF) SELECT count(*) FROM columns_many WHERE device > 10 AND device % 10 = 4 AND ts >= '2025-01-02';
SELECT count(*) FROM columns_many WHERE device > 10 AND device % 10 = 4 AND ts >= '2025-01-02';
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT count(*) FROM columns_many WHERE device > 10 AND device % 10 = 4 AND ts >= '2025-01-02';
RESET enable_indexscan;
RESET enable_bitmapscan;

-- a condition on the second column alone does not bound the scan: the planner knows
RESET enable_seqscan;
RESET enable_sort;
CREATE TABLE columns_cost AS SELECT g % 100 AS a, g AS b FROM generate_series(1, 20000) g;
CREATE INDEX columns_cost_i ON columns_cost USING alex (a, b);
ANALYZE columns_cost;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT * FROM columns_cost WHERE a = 5 AND b < 1000;
EXPLAIN (COSTS OFF) SELECT * FROM columns_cost WHERE b BETWEEN 500 AND 600;
RESET enable_bitmapscan;

-- what does not fit, and included columns
CREATE TABLE columns_errors (l int8, m int8, i int4, u uuid, iv interval);
CREATE INDEX ON columns_errors USING alex (l, m, i);
\echo :LAST_ERROR_SQLSTATE
CREATE INDEX ON columns_errors USING alex (u, i);
CREATE INDEX ON columns_errors USING alex (i, iv);
CREATE INDEX ON columns_errors USING alex (i) INCLUDE (l);
\echo :LAST_ERROR_SQLSTATE
SELECT pg_indexam_has_property(oid, 'can_include'), pg_indexam_has_property(oid, 'can_multi_col') FROM pg_am WHERE amname = 'alex';

DROP TABLE columns_index, columns_plain, columns_constants, columns_many, columns_cost, columns_errors;
DROP FUNCTION columns_fill, columns_run, columns_check, columns_two;
