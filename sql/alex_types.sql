-- Every type, in every order, against the same values in a table without an index: extreme values,
-- infinities, NULLs, constants of the other types of the family, time zones.
--
-- types_check() makes an index in each order, runs each operator with each constant as a scan in index
-- order, backwards and through a bitmap, and two operators at once over all pairs of constants.  Its
-- result says how many scans were compared, how many rows those in index order had to return, and how
-- many scans were wrong.

SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET enable_seqscan = off;
SET enable_sort = off;
SET jit = off;

-- types_index and types_plain get the same values, types_constants_TYPE what they are compared with
CREATE FUNCTION types_fill(type text, vals text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	DROP TABLE IF EXISTS types_index, types_plain;
	EXECUTE format('CREATE TABLE types_plain AS SELECT v::%s AS v, row_number() OVER ()::int AS id'
		' FROM (%s) s(v), generate_series(1, 2)', type, vals);
	EXECUTE 'CREATE TABLE types_index AS SELECT * FROM types_plain';
	RETURN (SELECT count(*) FROM types_index);
END $$;

CREATE FUNCTION types_constants(type text, vals text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('DROP TABLE IF EXISTS types_constants_%s', type);
	EXECUTE format('CREATE TABLE types_constants_%1$s AS SELECT x::%1$s AS x FROM (%2$s) s(x)',
		type, vals);
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
END $$;

-- run a query on alex; it must have a plan with these nodes
CREATE FUNCTION types_run(query text, VARIADIC nodes text[],
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
		IF strpos(replace(plan, 'Index Only', 'Index'), node) = 0 THEN	-- NULL asks nothing
			RAISE EXCEPTION 'no % in the plan of %', node, query USING DETAIL = plan;
		END IF;
	END LOOP;
	EXECUTE query INTO scans, matches, faults;
END $$;

-- index order, back and forth; where values are equal to a constant the planner asks for none, even
-- if two local times are the same instant
CREATE FUNCTION types_ordered(condition text, constants text, forward text, back text) RETURNS text
LANGUAGE sql AS $$
	SELECT format('SELECT count(*), sum(cardinality(expect_f)), count(*) FILTER (WHERE'
		' f IS DISTINCT FROM expect_f OR b IS DISTINCT FROM expect_b) FROM (SELECT'
		' ARRAY(SELECT v FROM types_index WHERE %1$s ORDER BY v %3$s%5$s) AS f,'
		' ARRAY(SELECT v FROM types_index WHERE %1$s ORDER BY v %4$s%5$s) AS b,'
		' ARRAY(SELECT v FROM types_plain WHERE %1$s ORDER BY v %3$s%5$s) AS expect_f,'
		' ARRAY(SELECT v FROM types_plain WHERE %1$s ORDER BY v %4$s%5$s) AS expect_b'
		' FROM %2$s OFFSET 0) s', condition, constants, forward, back,
		CASE WHEN condition ~ 'v = ' THEN ', id' END)
$$;

CREATE FUNCTION types_bitmap(condition text, constants text) RETURNS text
LANGUAGE sql AS $$
	SELECT format('SELECT count(*), sum(cardinality(expect)), count(*) FILTER (WHERE'
		' i IS DISTINCT FROM expect) FROM (SELECT'
		' ARRAY(SELECT id FROM types_index WHERE %1$s) AS i,'
		' ARRAY(SELECT id FROM types_plain WHERE %1$s) AS expect'
		' FROM %2$s OFFSET 0) s', condition, constants)
$$;

CREATE FUNCTION types_check(rhs text[], pairs boolean DEFAULT true, orders text[] DEFAULT
		ARRAY['ASC NULLS LAST', 'ASC NULLS FIRST', 'DESC NULLS LAST', 'DESC NULLS FIRST'],
	OUT index_order text, OUT constants text, OUT scans bigint, OUT matches bigint, OUT faults bigint)
RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	back text;
	conditions text[];
	condition text;
	one record;
BEGIN
	FOREACH index_order IN ARRAY orders LOOP
		EXECUTE 'CREATE INDEX types_i ON types_index USING alex (v ' || index_order || ')';
		back := CASE index_order WHEN 'ASC NULLS LAST' THEN 'DESC NULLS FIRST'
			WHEN 'ASC NULLS FIRST' THEN 'DESC NULLS LAST'
			WHEN 'DESC NULLS LAST' THEN 'ASC NULLS FIRST' ELSE 'ASC NULLS LAST' END;
		FOREACH constants IN ARRAY rhs LOOP
			scans := 0;
			matches := 0;
			faults := 0;
			conditions := ARRAY['v < c.x', 'v <= c.x', 'v = c.x', 'v >= c.x', 'v > c.x'];
			IF pairs THEN
				conditions := conditions || ARRAY['v >= c.x AND v < d.x', 'v > c.x AND v <= d.x',
					'v = c.x AND v >= d.x', 'v IS NOT NULL AND v > c.x AND v < d.x',
					'v IS NULL AND v <= c.x'];
			END IF;
			FOREACH condition IN ARRAY conditions LOOP
				SET LOCAL enable_indexscan = on;
				SET LOCAL enable_bitmapscan = off;
				SELECT * INTO one FROM types_run(types_ordered(condition,
					format('types_constants_%1$s c, (SELECT x FROM types_constants_%1$s %2$s) d',
						constants, CASE WHEN condition !~ 'd\.x' THEN 'LIMIT 1' END),
					index_order, back),
					'Index Scan using types_i',
					-- equal values have no order
					CASE WHEN condition !~ 'v = ' THEN 'Index Scan Backward using types_i' END);
				scans := scans + 2 * one.scans;
				matches := matches + one.matches;
				faults := faults + one.faults;
				SET LOCAL enable_indexscan = off;
				SET LOCAL enable_bitmapscan = on;
				SELECT * INTO one FROM types_run(types_bitmap(condition,
					format('types_constants_%1$s c, (SELECT x FROM types_constants_%1$s %2$s) d',
						constants, CASE WHEN condition !~ 'd\.x' THEN 'LIMIT 1' END)),
					'Bitmap Index Scan on types_i');
				scans := scans + one.scans;
				faults := faults + one.faults;
			END LOOP;
			RETURN NEXT;
		END LOOP;

		-- without a constant
		constants := 'none';
		scans := 0;
		matches := 0;
		faults := 0;
		FOREACH condition IN ARRAY ARRAY['v IS NULL', 'v IS NOT NULL',
				'v IS NULL AND v IS NOT NULL', 'true'] LOOP
			SET LOCAL enable_indexscan = on;
			SET LOCAL enable_bitmapscan = off;
			SELECT * INTO one FROM types_run(types_ordered(condition, '(VALUES (1)) c', index_order,
				back), 'Index Scan using types_i', 'Index Scan Backward using types_i');
			scans := scans + 2 * one.scans;
			matches := matches + one.matches;
			faults := faults + one.faults;
			CONTINUE WHEN condition = 'true';
			SET LOCAL enable_indexscan = off;
			SET LOCAL enable_bitmapscan = on;
			SELECT * INTO one FROM types_run(types_bitmap(condition, '(VALUES (1)) c'),
				'Bitmap Index Scan on types_i');
			scans := scans + one.scans;
			faults := faults + one.faults;
		END LOOP;
		RETURN NEXT;
		PERFORM omendb.alex_check('types_i', true);
		DROP INDEX types_i;
	END LOOP;
END $$;

--
-- Integers
--
SELECT types_constants('int2', $$VALUES (NULL), (-32768), (-32767), (-1), (0), (1), (32766), (32767)$$);
SELECT types_constants('int4', $$VALUES (NULL), (-2147483648), (-32769), (-32768), (-1), (0), (1),
	(32767), (32768), (2147483647)$$);
SELECT types_constants('int8', $$VALUES (NULL), (-9223372036854775808), (-9223372036854775807),
	(-2147483649), (-2147483648), (-32769), (-1), (0), (1), (32768), (2147483647), (2147483648),
	(9223372036854775806), (9223372036854775807)$$);

SELECT types_fill('int2', $$VALUES (NULL), (-32768), (-32767), (-2), (-1), (0), (1), (2), (300), (32766),
	(32767)$$);
SELECT * FROM types_check(ARRAY['int2', 'int4', 'int8']);

SELECT types_fill('int4', $$VALUES (NULL), (-2147483648), (-2147483647), (-32769), (-32768), (-1), (0),
	(1), (7), (32767), (32768), (2147483646), (2147483647)$$);
SELECT * FROM types_check(ARRAY['int2', 'int4', 'int8']);

SELECT types_fill('int8', $$VALUES (NULL), (-9223372036854775808), (-9223372036854775807), (-2147483649),
	(-2147483648), (-32769), (-32768), (-1), (0), (1), (32767), (32768), (2147483647), (2147483648),
	(9223372036854775806), (9223372036854775807)$$);
SELECT * FROM types_check(ARRAY['int2', 'int4', 'int8']);

--
-- Dates and times: infinities, the ends of each type, dates that no timestamp reaches
--
SELECT types_constants('date', $$VALUES (NULL), ('-infinity'), ('4714-11-24 BC'), ('1999-12-31'),
	('2000-01-01'), ('2000-01-02'), ('294276-12-31'), ('294277-01-01'), ('5874897-12-31'),
	('infinity')$$);
SELECT types_constants('timestamp', $$VALUES (NULL), ('-infinity'), ('4714-11-24 00:00 BC'),
	('4714-11-24 00:00:00.000001 BC'), ('1999-12-31 00:00'), ('1999-12-31 23:59:59.999999'),
	('2000-01-01 00:00'), ('2000-01-01 00:00:00.000001'), ('294276-12-31 00:00'),
	('294276-12-31 23:59:59.999999'), ('infinity')$$);
SELECT types_constants('timestamptz', $$VALUES (NULL), ('-infinity'), ('4714-11-24 00:00+00 BC'),
	('4714-11-24 13:00:00.000001+00 BC'), ('1999-12-31 00:00+00'), ('1999-12-31 23:59:59.999999+00'),
	('2000-01-01 00:00+00'), ('2000-01-01 00:00:00.000001+00'), ('294276-12-31 13:00+00'),
	('294276-12-31 23:59:59.999999+00'), ('infinity')$$);

SELECT types_fill('date', $$VALUES (NULL), ('-infinity'), ('4714-11-24 BC'), ('4714-11-25 BC'),
	('1999-12-30'), ('1999-12-31'), ('2000-01-01'), ('2000-01-02'), ('294276-12-30'), ('294276-12-31'),
	('294277-01-01'), ('294277-01-02'), ('5874897-12-31'), ('infinity')$$);
SELECT * FROM types_check(ARRAY['date', 'timestamp', 'timestamptz']);

SELECT types_fill('timestamp', $$VALUES (NULL), ('-infinity'), ('4714-11-24 00:00 BC'),
	('4714-11-24 13:00 BC'), ('1999-12-31 00:00'), ('1999-12-31 23:59:59.999999'), ('2000-01-01 00:00'),
	('2000-01-01 00:00:00.000001'), ('2000-01-02 00:00'), ('294276-12-31 00:00'),
	('294276-12-31 23:59:59.999999'), ('infinity')$$);
SELECT * FROM types_check(ARRAY['date', 'timestamp', 'timestamptz']);

SELECT types_fill('timestamptz', $$VALUES (NULL), ('-infinity'), ('4714-11-24 00:00+00 BC'),
	('4714-11-24 13:00+00 BC'), ('1999-12-31 00:00+00'), ('1999-12-31 23:59:59.999999+00'),
	('2000-01-01 00:00+00'), ('2000-01-01 00:00:00.000001+00'), ('2000-01-02 00:00+00'),
	('294276-12-31 13:00+00'), ('294276-12-31 23:59:59.999999+00'), ('infinity')$$);
SELECT * FROM types_check(ARRAY['date', 'timestamp', 'timestamptz']);

-- the same where midnight of the first and last days is no valid instant, and as far from UTC as
-- a zone can be
CREATE FUNCTION types_check_extremes(zones text[],
	OUT zone text, OUT index_order text, OUT constants text, OUT scans bigint, OUT matches bigint,
	OUT faults bigint) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	FOREACH zone IN ARRAY zones LOOP
		PERFORM set_config('TimeZone', zone, false);
		FOR index_order, constants, scans, matches, faults IN
			SELECT * FROM types_check(ARRAY['date', 'timestamp', 'timestamptz'], false,
				ARRAY['ASC NULLS LAST', 'DESC NULLS FIRST'])
		LOOP
			CONTINUE WHEN constants = 'none';
			RETURN NEXT;
		END LOOP;
	END LOOP;
	SET TimeZone = 'UTC';
END $$;

SELECT * FROM types_check_extremes(ARRAY['XYZ12', 'XYZ-14', 'XYZ167', 'XYZ-167:59']);
SELECT types_fill('date', $$VALUES (NULL), ('-infinity'), ('4714-11-24 BC'), ('4714-11-25 BC'),
	('4714-12-02 BC'), ('1999-12-31'), ('2000-01-01'), ('294276-12-24'), ('294276-12-31'),
	('294277-01-01'), ('5874897-12-31'), ('infinity')$$);
SELECT * FROM types_check_extremes(ARRAY['XYZ12', 'XYZ-14', 'XYZ167', 'XYZ-167:59']);
SELECT types_fill('timestamp', $$VALUES (NULL), ('-infinity'), ('4714-11-24 00:00 BC'),
	('4714-11-24 14:00 BC'), ('4714-12-01 00:00 BC'), ('1999-12-31 23:59:59.999999'),
	('2000-01-01 00:00'), ('294276-12-24 23:59:59.999999'), ('294276-12-31 12:00'),
	('294276-12-31 23:59:59.999999'), ('infinity')$$);
SELECT * FROM types_check_extremes(ARRAY['XYZ12', 'XYZ-14', 'XYZ167', 'XYZ-167:59']);

--
-- Floats: the two zeroes are equal, NaN is above infinity; a constant need not have a float4 of its own
--
SELECT types_constants('float4', $$VALUES (NULL), ('-Infinity'), ('-3.4028235e38'), ('-1e-45'), ('-0'), ('0'),
	('1e-45'), ('0.1'), ('16777216'), ('3.4028235e38'), ('Infinity'), ('NaN')$$);
SELECT types_constants('float8', $$VALUES (NULL), ('-Infinity'), ('-1.7976931348623157e308'), ('-3.5e38'),
	('-3.4028235677973366e38'), ('-1e-300'), ('-0'), ('0'), ('5e-324'), ('0.1'), ('16777217'),
	('3.4028235e38'), ('3.5e38'), ('1.7976931348623157e308'), ('Infinity'), ('NaN')$$);

SELECT types_fill('float4', $$VALUES (NULL), ('-Infinity'), ('-3.4028235e38'), ('-1'), ('-1e-45'), ('-0'), ('0'),
	('1e-45'), ('0.1'), ('0.10000001'), ('16777216'), ('16777218'), ('3.4028235e38'), ('Infinity'), ('NaN')$$);
SELECT * FROM types_check(ARRAY['float4', 'float8'], true, ARRAY['ASC NULLS LAST', 'DESC NULLS LAST']);

SELECT types_fill('float8', $$VALUES (NULL), ('-Infinity'), ('-1.7976931348623157e308'), ('-3.5e38'), ('-1'),
	('-5e-324'), ('-0'), ('0'), ('5e-324'), ('0.1'), ('0.10000000149011612'), ('16777217'), ('3.5e38'),
	('Infinity'), ('NaN')$$);
SELECT * FROM types_check(ARRAY['float4', 'float8'], true, ARRAY['ASC NULLS FIRST', 'DESC NULLS FIRST']);

--
-- Types with no other in their family.  A domain gives "char" a name that can be part of others.
--
CREATE DOMAIN types_char AS "char";
SELECT types_constants('types_char', $$VALUES (NULL), (-128), (-1), (0), (1), (127)$$);
SELECT types_fill('types_char', $$VALUES (NULL), (-128), (-127), (-1), (0), (1), (65), (126), (127)$$);
SELECT * FROM types_check(ARRAY['types_char']);

SELECT types_constants('oid', $$VALUES (NULL), ('0'), ('1'), ('2147483647'), ('2147483648'), ('4294967295')$$);
SELECT types_fill('oid', $$VALUES (NULL), ('0'), ('1'), ('2'), ('2147483647'), ('2147483648'), ('4294967294'),
	('4294967295')$$);
SELECT * FROM types_check(ARRAY['oid']);

SELECT types_constants('money', $$VALUES (NULL), ('-92233720368547758.08'), ('-0.01'), ('0'), ('92233720368547758.07')$$);
SELECT types_fill('money', $$VALUES (NULL), ('-92233720368547758.08'), ('-92233720368547758.07'), ('-1'), ('-0.01'),
	('0'), ('0.01'), ('92233720368547758.06'), ('92233720368547758.07')$$);
SELECT * FROM types_check(ARRAY['money']);

SELECT types_constants('time', $$VALUES (NULL), ('00:00'), ('00:00:00.000001'), ('23:59:59.999999'), ('24:00')$$);
SELECT types_fill('time', $$VALUES (NULL), ('00:00'), ('00:00:00.000001'), ('12:00'), ('23:59:59.999999'), ('24:00')$$);
SELECT * FROM types_check(ARRAY['time']);

--
-- Time zones: local times around a change of the clock, where the order of local times is not that of
-- their instants.  Local times every 20 minutes for 2 hours, every 12 hours for 8 days, back and forth.
--
CREATE FUNCTION types_check_zones(zones text[], changes timestamp[],
	OUT zone text, OUT change timestamp, OUT type text, OUT constants text, OUT scans bigint,
	OUT matches bigint, OUT faults bigint) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	times text;
BEGIN
	FOR i IN 1 .. array_length(zones, 1) LOOP
		zone := zones[i];
		change := changes[i];
		PERFORM set_config('TimeZone', zone, false);
		times := format('SELECT timestamp %1$L + i * interval ''20 min'' FROM generate_series(-6, 6) i'
			' UNION SELECT timestamp %1$L + i * interval ''12 h'' FROM generate_series(-17, 17) i'
			' UNION SELECT NULL', change);
		PERFORM types_constants('date', times);
		PERFORM types_constants('timestamp', times);
		PERFORM types_constants('timestamptz', times);
		FOREACH type IN ARRAY ARRAY['date', 'timestamp', 'timestamptz'] LOOP
			PERFORM types_fill(type, times);
			FOR constants, scans, matches, faults IN
				SELECT c.constants, c.scans, c.matches, c.faults
				FROM types_check(CASE type WHEN 'timestamptz' THEN ARRAY['date', 'timestamp']
					ELSE ARRAY['timestamptz'] END, false,
					ARRAY[CASE WHEN i % 2 = 0 THEN 'ASC NULLS FIRST' ELSE 'DESC NULLS LAST' END]) c
			LOOP
				CONTINUE WHEN constants = 'none';
				RETURN NEXT;
			END LOOP;
		END LOOP;
	END LOOP;
	SET TimeZone = 'UTC';
END $$;

SET DateStyle = 'ISO';
SELECT * FROM types_check_zones(
	ARRAY['America/New_York', 'America/New_York', 'Europe/Berlin', 'Europe/Berlin',
		'Australia/Lord_Howe', 'Australia/Lord_Howe', 'America/Sao_Paulo', 'Pacific/Apia',
		'XYZ167', 'XYZ-167', 'XYZ-160ABC-167,M3.2.0,M11.1.0'],
	ARRAY['2024-03-10 02:00', '2024-11-03 02:00', '2024-03-31 02:00', '2024-10-27 03:00',
		'2024-10-06 02:00', '2024-04-07 02:00', '2018-11-04 00:00', '2011-12-30 00:00',
		'2024-03-10 02:00', '2024-03-10 02:00', '2024-03-10 02:00']::timestamp[]);
RESET DateStyle;

-- one of them in full: 02:30 on the day it did not exist is later than 03:00
SET TimeZone = 'Europe/Berlin';
SET DateStyle = 'ISO';
CREATE TABLE types_gap (t timestamp);
INSERT INTO types_gap VALUES ('2024-03-31 01:59'), ('2024-03-31 02:30'), ('2024-03-31 03:00'),
	('2024-03-31 03:29'), ('2024-03-31 03:30');
CREATE INDEX ON types_gap USING alex (t);
EXPLAIN (COSTS OFF) SELECT t FROM types_gap WHERE t <= timestamptz '2024-03-31 03:15' ORDER BY t;
SELECT t FROM types_gap WHERE t <= timestamptz '2024-03-31 03:15' ORDER BY t;
SELECT t FROM types_gap WHERE t = timestamptz '2024-03-31 03:30' ORDER BY t;

-- the bounds of a running scan do not depend on TimeZone, only the rows it then returns do
BEGIN;
DECLARE c CURSOR FOR SELECT t FROM types_gap WHERE t >= timestamptz '2024-03-31 01:00+00' ORDER BY t;
FETCH 1 FROM c;
SET LOCAL TimeZone = 'UTC';
FETCH ALL FROM c;
COMMIT;

-- columns that are not of the type itself, and columns that change their type under the index
SET TimeZone = 'America/Los_Angeles';
CREATE DOMAIN types_domain AS int4 CHECK (VALUE <> 13);
CREATE TABLE types_other (d types_domain, i int4, ts timestamp);
INSERT INTO types_other
	SELECT g, g, timestamp '2024-01-01 00:00' + g * interval '1 h' FROM generate_series(20, 2000) g;
CREATE INDEX types_other_d ON types_other USING alex (d);
CREATE INDEX types_other_i ON types_other USING alex (i);
CREATE INDEX types_other_x ON types_other USING alex ((i % 7));
CREATE INDEX types_other_ts ON types_other USING alex (ts DESC);
ANALYZE types_other;
SELECT d FROM types_other WHERE d = 100::types_domain;
SELECT d FROM types_other WHERE d > 1998 ORDER BY d;
SELECT count(*) FROM types_other WHERE i % 7 = 3;
SELECT count(*) FROM types_other WHERE i < 100;
SELECT count(*) FROM types_other WHERE ts >= timestamptz '2024-03-01 00:00+00';

SET TimeZone = 'UTC';
ALTER TABLE types_other ALTER ts TYPE timestamptz;	-- does not rewrite the table
ALTER TABLE types_other ALTER i TYPE int8 USING i * 10000000000;
ALTER TABLE types_other ALTER d TYPE int4;
SELECT count(*) FROM types_other WHERE ts >= timestamptz '2024-03-01 00:00+00';
SELECT count(*) FROM types_other WHERE ts >= timestamp '2024-03-01 00:00';
SELECT count(*) FROM types_other WHERE i < 1000000000000;
SELECT count(*) FROM types_other WHERE i % 7 = 3;
SELECT d FROM types_other WHERE d > 1998::int8 ORDER BY d DESC;
SELECT omendb.alex_check(indexrelid, true) FROM pg_index WHERE indrelid = 'types_other'::regclass;
DROP TABLE types_other;
DROP DOMAIN types_domain;

DROP TABLE types_gap, types_index, types_plain, types_constants_int2, types_constants_int4,
	types_constants_int8, types_constants_date, types_constants_timestamp, types_constants_timestamptz,
	types_constants_float4, types_constants_float8, types_constants_types_char, types_constants_oid,
	types_constants_money, types_constants_time;
DROP DOMAIN types_char;
DROP FUNCTION types_fill, types_constants, types_run, types_ordered, types_bitmap, types_check,
	types_check_extremes, types_check_zones;
