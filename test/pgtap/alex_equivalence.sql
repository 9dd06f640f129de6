-- alex + heap against btree + heap: the same statements on two tables, then the same queries.
--
-- For each type and each order of an index there are two tables with the same rows, eq_a_N with an alex
-- index and eq_b_N with a btree index.  Between bulk build, inserts, updates, deletes, an aborted
-- transaction, VACUUM and REINDEX, generated queries have to give the same rows, and in the same order
-- where an order is asked for.  Among equal keys none is, so only keys are compared where it matters.
--
-- The test does not run in a transaction, because VACUUM cannot.
\set QUIET on
SET client_min_messages = warning;
-- No clock changes in the years used here: where local times are skipped, btree's own answers about
-- timestamp against timestamp with time zone are not those of a sequential scan (alex_types has these).
SET TimeZone = 'Asia/Kolkata';
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET synchronous_commit = off;

-- shown: equal keys that look different are made to look the same.  Each order for each width and kind of key, once at
-- least for each type.
CREATE TABLE eq_combos AS
	SELECT row_number() OVER (ORDER BY t.i, o.i)::int AS n, t.type, t.rhs, o.forward, o.back,
		(ARRAY['leaf_entries = 256', 'leaf_entries = 256, fillfactor = 10', 'leaf_entries = 1000',
			'leaf_entries = 300, fillfactor = 100'])[1 + (t.i + o.i) % 4] AS options,
		CASE WHEN t.type LIKE 'float%' THEN '(v + 0)' ELSE 'v' END AS shown
	FROM (VALUES (1, 'int2', '{int2,int4,int8}'::text[], '{1,4}'::int[]), (2, 'int4', '{int4,int8,int2}', '{1,2,3,4}'),
			(3, 'int8', '{int8,int2,int4}', '{1,2,3,4}'), (4, 'date', '{date,timestamp,timestamptz}', '{2,3}'),
			(5, 'timestamp', '{timestamp,date,timestamptz}', '{1,4}'),
			(6, 'timestamptz', '{timestamptz,timestamp,date}', '{1,2,3,4}'),
			(7, 'float8', '{float8,float4,float8}', '{1,3}'), (8, 'float4', '{float4,float8,float4}', '{4}'),
			(9, 'money', '{money,money,money}', '{2}'), (10, '"char"', '{"\"char\"","\"char\"","\"char\""}', '{3}'),
			(11, 'oid', '{oid,oid,oid}', '{4}'), (12, 'time', '{time,time,time}', '{2}'),
			(13, 'uuid', '{uuid,uuid,uuid}', '{3}')) t(i, type, rhs, orders),
		(VALUES (1, 'ASC NULLS LAST', 'DESC NULLS FIRST'), (2, 'ASC NULLS FIRST', 'DESC NULLS LAST'),
			(3, 'DESC NULLS LAST', 'ASC NULLS FIRST'), (4, 'DESC NULLS FIRST', 'ASC NULLS LAST'))
			o(i, forward, back)
	WHERE o.i = ANY (t.orders);

-- A value of a type, as text, from a number: a twelfth NULL, extremes, many duplicates, runs in order,
-- and values all over the place.
CREATE FUNCTION eq_value(type text, n int8) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	h int8 := (n * 2654435761 + 1013904223) & 4294967295;
	kind int8 := (h >> 5) % 100;
	few int8 := (h >> 12) % 20;
	run int8 := n % 5000;
	wide int8 := ((h # (h >> 15)) * 1103515245) - 2300000000000000000;
	extremes text[];
BEGIN
	IF kind < 8 THEN
		RETURN NULL;
	ELSIF kind < 12 THEN
		extremes := CASE type WHEN 'int2' THEN '{-32768,-32767,32766,32767}'::text[]
			WHEN 'int4' THEN '{-2147483648,-2147483647,2147483646,2147483647}'
			WHEN 'int8' THEN '{-9223372036854775808,-9223372036854775807,9223372036854775806,9223372036854775807}'
			WHEN 'date' THEN '{-infinity,4714-11-24 BC,5874897-12-31,infinity}'
			WHEN 'timestamp' THEN '{-infinity,4714-11-24 00:00 BC,294276-12-31 23:59:59.999999,infinity}'
			WHEN 'float8' THEN '{-Infinity,-0,Infinity,NaN,0,5e-324,-1.7976931348623157e308}'
			WHEN 'float4' THEN '{-Infinity,-0,Infinity,NaN,0,1e-45,3.4028235e38}'
			WHEN 'money' THEN '{-92233720368547758.08,-92233720368547758.07,92233720368547758.06,92233720368547758.07}'
			WHEN '"char"' THEN '{"",~}' WHEN 'oid' THEN '{0,1,4294967294,4294967295}'
			WHEN 'time' THEN '{00:00,00:00:00.000001,23:59:59.999999,24:00}'
			WHEN 'uuid' THEN '{00000000-0000-0000-0000-000000000000,00000000-0000-0000-8000-000000000000,7fffffff-ffff-ffff-ffff-ffffffffffff,ffffffff-ffff-ffff-ffff-ffffffffffff}'
			ELSE '{-infinity,4714-11-24 00:00+00 BC,294276-12-31 23:59:59.999999+00,infinity}' END;
		RETURN extremes[1 + (h >> 20) % cardinality(extremes)];
	ELSIF type IN ('int2', 'int4', 'int8') THEN
		RETURN CASE WHEN kind < 45 THEN few - 10 WHEN kind < 70 THEN run
			WHEN type = 'int2' THEN wide % 32768 WHEN type = 'int4' THEN wide % 2147483648 ELSE wide END;
	ELSIF type IN ('float4', 'float8') THEN
		RETURN CASE WHEN kind < 45 THEN few / 4.0 - 2 WHEN kind < 70 THEN run / 8.0 - 300
			WHEN type = 'float4' THEN (wide::float4)::numeric ELSE (wide * 1e-7) END;
	ELSIF type = 'money' THEN
		RETURN CASE WHEN kind < 45 THEN few / 100.0 - 0.1 WHEN kind < 70 THEN run ELSE wide / 100.0 END;
	ELSIF type = 'oid' THEN
		RETURN CASE WHEN kind < 45 THEN few WHEN kind < 70 THEN run ELSE wide & 4294967295 END;
	ELSIF type = '"char"' THEN
		RETURN chr(CASE WHEN kind < 45 THEN 97 + few WHEN kind < 70 THEN 33 + run % 90 ELSE 33 + (wide & 63) END::int);
	ELSIF type = 'time' THEN
		RETURN CASE WHEN kind < 45 THEN time '12:00' + few * interval '1 min' WHEN kind < 70 THEN time '00:00' + run * interval '17 s'
			ELSE time '00:00' + (wide & 68719476735) * interval '1 us' END;
	ELSIF type = 'uuid' THEN
		RETURN CASE WHEN kind < 45 THEN md5(few::text) WHEN kind < 70 THEN lpad(to_hex(run), 32, '0') ELSE md5(wide::text) END::uuid;
	ELSIF type = 'date' THEN
		RETURN CASE WHEN kind < 45 THEN date '2024-01-01' + few::int
			WHEN kind < 70 THEN date '2000-01-01' + run::int ELSE date '2010-01-01' + (wide % 7000)::int END;
	ELSE
		RETURN CASE WHEN kind < 45 THEN timestamp '2024-01-01 00:00' + few * interval '12 h'
			WHEN kind < 70 THEN timestamp '2000-01-01 00:00' + run * interval '1 h'
			ELSE timestamp '2010-01-01 00:00' + wide % 600000000 * interval '1 s' END;
	END IF;
END $$;

CREATE FUNCTION eq_constant(type text, n int8) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT coalesce(quote_literal(eq_value(type, n)), 'NULL') || '::' || type
$$;

-- run a statement on both tables of every pair; %T is the table, %V(x) a value for x
CREATE FUNCTION eq_do(statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	c eq_combos;
	side text;
BEGIN
	FOR c IN SELECT * FROM eq_combos ORDER BY n LOOP
		FOREACH side IN ARRAY '{a,b}'::text[] LOOP
			EXECUTE regexp_replace(replace(statement, '%T', format('eq_%s_%s', side, c.n)), '%V\(([^)]*)\)',
				format('eq_value(%L, \1)::%s', c.type, c.type), 'g');
		END LOOP;
	END LOOP;
END $$;

-- which paths the next queries may take
CREATE FUNCTION eq_paths(path text) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('enable_' || s, CASE WHEN s = ANY (CASE path
			WHEN 'index' THEN '{indexscan,nestloop}'::text[]
			WHEN 'only' THEN '{indexscan,indexonlyscan,nestloop}'
			WHEN 'bitmap' THEN '{bitmapscan,sort,nestloop}'
			WHEN 'merge' THEN '{indexscan,mergejoin}' END) THEN 'on' ELSE 'off' END, false)
	FROM unnest('{seqscan,indexscan,indexonlyscan,bitmapscan,sort,incremental_sort,nestloop,hashjoin,mergejoin,material,memoize,hashagg}'::text[]) s
$$;

-- queries, each with one text for a result, and the paths they are to take
CREATE FUNCTION eq_queries(c eq_combos, seed int8, OUT path text, OUT query text) RETURNS SETOF record
LANGUAGE plpgsql AS $$
DECLARE
	ops text[] := '{<,<=,=,>=,>}';
	conditions text[] := '{v IS NULL,v IS NOT NULL,true}';
	condition text;
	rhs text;
	k int8 := seed * 1000;
	shape int := seed;
BEGIN
	FOREACH rhs IN ARRAY c.rhs LOOP
		FOR i IN 1 .. 5 LOOP
			k := k + 1;
			conditions := conditions || format('v %s %s', ops[i], eq_constant(rhs, k));
		END LOOP;
		conditions := conditions
			|| format('v >= %s AND v < %s', eq_constant(rhs, k + 1), eq_constant(c.type, k + 2))
			|| format('v BETWEEN %s AND %s', least(eq_constant(rhs, k + 3), eq_constant(rhs, k + 4)),
				greatest(eq_constant(rhs, k + 3), eq_constant(rhs, k + 4)))
			|| format('v > %s AND v <= %s AND v IS NOT NULL', eq_constant(rhs, k + 5), eq_constant(rhs, k + 6));
		k := k + 6;
	END LOOP;

	FOREACH condition IN ARRAY conditions LOOP
		shape := shape + 1;
		path := CASE WHEN shape % 3 = 0 THEN 'index' ELSE 'only' END;
		-- two of these for each condition, others at the next stage; equality is no order
		IF condition !~ 'v = ' THEN
			query := format(CASE shape % 4
				WHEN 0 THEN 'SELECT array_agg(%6$s)::text FROM (SELECT v FROM %%T WHERE %1$s ORDER BY v %2$s) s'
				WHEN 1 THEN 'SELECT array_agg(%6$s)::text FROM (SELECT v FROM %%T WHERE %1$s ORDER BY v %3$s) s'
				WHEN 2 THEN 'SELECT array_agg(%6$s)::text FROM (SELECT v FROM %%T WHERE %1$s ORDER BY v %2$s LIMIT %4$s OFFSET %5$s) s'
				ELSE 'SELECT array_agg(%6$s)::text FROM (SELECT v FROM %%T WHERE %1$s ORDER BY v %3$s LIMIT %4$s OFFSET %5$s) s' END,
				condition, c.forward, c.back, 1 + shape * 37 % 300, shape * 11 % 40, c.shown);
			RETURN NEXT;
		END IF;
		IF condition = 'true' THEN
			CONTINUE;
		END IF;
		path := CASE WHEN shape % 2 = 0 THEN 'index' ELSE 'bitmap' END;
		query := format('SELECT concat(count(*), '' '', sum(id), '' '', sum(id * id)) FROM %%T WHERE %s', condition);
		RETURN NEXT;
	END LOOP;

	-- several descents: arrays, also of other types and with ranges; alternatives; both ends of the index
	FOREACH rhs IN ARRAY c.rhs LOOP
		shape := shape + 1;
		condition := format('v = ANY (ARRAY[%s, %s, %s, %s])', eq_constant(rhs, k + 1), eq_constant(rhs, k + 2),
			eq_constant(rhs, k + 3), eq_constant(rhs, k + 2));
		path := CASE WHEN shape % 2 = 0 THEN 'index' ELSE 'bitmap' END;
		query := format('SELECT array_agg(id ORDER BY id)::text FROM %%T WHERE %s', condition);
		RETURN NEXT;
		path := 'index';
		query := format('SELECT array_agg(%s)::text FROM (SELECT v FROM %%T WHERE %s ORDER BY v %s) s', c.shown, condition,
			CASE WHEN shape % 3 = 0 THEN c.back ELSE c.forward END);
		RETURN NEXT;
		query := format('SELECT array_agg(%s)::text FROM (SELECT v FROM %%T WHERE v = ANY (ARRAY(SELECT eq_value(%L, g)::%s'
			' FROM generate_series(%s, %s) g)) AND v %s %s ORDER BY v %s) s', c.shown, rhs, rhs, k, k + 40,
			CASE WHEN shape % 2 = 0 THEN '<' ELSE '>=' END, eq_constant(c.type, k + 4), c.forward);
		RETURN NEXT;
		query := format('SELECT concat(count(*), '' '', sum(id)) FROM %%T WHERE v %s ANY (ARRAY[%s, %s])', ops[1 + shape % 5],
			eq_constant(rhs, k + 5), eq_constant(rhs, k + 6));
		RETURN NEXT;
	END LOOP;
	path := 'bitmap';
	query := format('SELECT array_agg(id ORDER BY id)::text FROM %%T WHERE v = %s OR v > %s OR v IS NULL',
		eq_constant(c.type, k + 4), eq_constant(c.rhs[2], k + 5));
	RETURN NEXT;
	path := 'index';
	-- neither of these types has min() before PostgreSQL 18
	query := CASE WHEN c.type IN ('uuid', '"char"') THEN 'SELECT concat(v) FROM %T WHERE v IS NOT NULL ORDER BY v LIMIT 1'
		ELSE replace('SELECT concat(min(v) + 0, '' '', max(v) + 0) FROM %T', ' + 0', CASE WHEN c.shown <> 'v' THEN ' + 0' ELSE '' END) END;
	RETURN NEXT;
	query := format('SELECT array_agg(%s)::text FROM (SELECT DISTINCT v FROM %%T ORDER BY v %s) s', c.shown, c.forward);
	RETURN NEXT;

	-- the inner side of joins, with NULLs and values of other types outside
	FOREACH rhs IN ARRAY c.rhs LOOP
		shape := shape + 1;
		path := 'index';
		query := format('SELECT array_agg(concat(p.i, '' '', t.id) ORDER BY p.i, t.id)::text'
			' FROM eq_probes p JOIN %%T t ON t.v = p.%s WHERE p.i BETWEEN %s AND %s', rhs,
			shape * 7 % 60, shape * 7 % 60 + 40);
		RETURN NEXT;
		query := format('SELECT array_agg(concat(p.i, '' '', %5$s) ORDER BY p.i, s.r)::text FROM eq_probes p,'
			' LATERAL (SELECT v, row_number() OVER (ORDER BY v %1$s) AS r FROM %%T t WHERE t.v %2$s p.%3$s ORDER BY v %1$s'
			' LIMIT 3) s WHERE p.i BETWEEN %4$s AND %4$s + 20',
			CASE WHEN shape % 2 = 0 THEN c.forward ELSE c.back END, (ARRAY['<', '<=', '>=', '>'])[1 + shape % 4],
			rhs, shape * 13 % 80, replace(c.shown, 'v', 's.v'));
		RETURN NEXT;
		query := format('SELECT array_agg(p.i ORDER BY p.i)::text FROM eq_probes p'
			' WHERE EXISTS (SELECT FROM %%T t WHERE t.v %s p.%s AND t.id %% 3 = 0)', ops[1 + shape % 5], rhs);
		RETURN NEXT;
	END LOOP;
	path := 'merge';
	query := 'SELECT concat(count(*), '' '', sum(a.id * b.id)) FROM %T a JOIN %T b USING (v) WHERE a.id % 4 = 0';
	RETURN NEXT;
END $$;

-- a walk with a scrollable cursor, the steps drawn from a seed; at times something else happens meanwhile
CREATE FUNCTION eq_walk(query text, seed int8, meanwhile text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	c refcursor;
	h int8 := seed * 7919 + 17;
	far int;
	v text;
	path text := '';
BEGIN
	OPEN c SCROLL FOR EXECUTE query;
	FOR i IN 1 .. 60 LOOP
		h := (h * 1103515245 + 12345) & 2147483647;
		far := (h >> 20) % 90;
		IF i % 20 = 0 AND meanwhile IS NOT NULL THEN
			EXECUTE meanwhile USING i;
		END IF;
		CASE (h >> 8) % 16
			WHEN 0, 1, 2, 3 THEN FETCH NEXT FROM c INTO v;
			WHEN 4, 5, 6 THEN FETCH PRIOR FROM c INTO v;
			WHEN 7, 8, 9 THEN MOVE FORWARD far IN c; FETCH NEXT FROM c INTO v;
			WHEN 10, 11 THEN MOVE BACKWARD far IN c; FETCH PRIOR FROM c INTO v;
			WHEN 12 THEN FETCH LAST FROM c INTO v;
			WHEN 13 THEN FETCH FIRST FROM c INTO v;
			WHEN 14 THEN FETCH ABSOLUTE far * 10 FROM c INTO v;
			ELSE MOVE FORWARD ALL IN c; FETCH PRIOR FROM c INTO v;
		END CASE;
		path := path || ' ' || CASE WHEN FOUND THEN coalesce(v, 'null') ELSE '-' END;
	END LOOP;
	CLOSE c;
	RETURN path;
END $$;

-- does the plan scan the index, in the direction asked for?
CREATE FUNCTION eq_uses(query text, node text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF strpos(replace(line, 'Index Only', 'Index'), node) > 0 THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;

CREATE TABLE eq_count (queries int8, results int8);
INSERT INTO eq_count VALUES (0, 0);

-- all that differs between the two tables of a pair, as a list of queries
CREATE FUNCTION eq_faults(c eq_combos, seed int8) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	faults text[] := '{}';
	one record;
	current_path text := '';
	a text;
	b text;
	n int8 := 0;
	bytes int8 := 0;
	query text;
	meanwhile text;
BEGIN
	FOR one IN SELECT * FROM eq_queries(c, seed + c.n) ORDER BY path LOOP
		IF one.path <> current_path THEN
			current_path := one.path;
			PERFORM eq_paths(current_path);
		END IF;
		a := replace(one.query, '%T', 'eq_a_' || c.n);
		-- the paths are forced, so looking once at each shape will do; a comparison with NULL needs no index
		IF seed IN (1, 2, 20) AND strpos(a, 'NULL::') = 0 AND NOT eq_uses(a, format('eq_a_%s_i', c.n)) THEN
			faults := faults || ('no index: ' || a);
		END IF;
		EXECUTE a INTO a;
		EXECUTE replace(one.query, '%T', 'eq_b_' || c.n) INTO b;
		IF a IS DISTINCT FROM b THEN
			faults := faults || format('%s: %s instead of %s', replace(one.query, '%T', 'eq_a_' || c.n),
				left(a, 200), left(b, 200));
		END IF;
		n := n + 1;
		bytes := bytes + coalesce(length(b), 0);
	END LOOP;

	PERFORM eq_paths(CASE WHEN (seed + c.n) % 2 = 0 THEN 'index' ELSE 'only' END);
	FOR i IN 0 .. 5 LOOP
		query := format('SELECT %s FROM %%T %s ORDER BY v %s', c.shown,
			CASE WHEN i < 2 THEN 'WHERE v > ' || eq_constant(c.rhs[1 + (seed + i) % 3], seed * 10 + i)
				WHEN i > 3 THEN format('WHERE v = ANY (ARRAY(SELECT eq_value(%L, g)::%1$s FROM generate_series(%s, %s) g))', c.type, seed, seed + 100) END,
			CASE WHEN i % 2 = 0 THEN c.forward ELSE c.back END);
		a := replace(query, '%T', 'eq_a_' || c.n);
		IF strpos(a, 'NULL::') = 0
			AND NOT eq_uses(a, format('Index Scan %susing eq_a_%s_i', CASE i % 2 WHEN 1 THEN 'Backward ' END, c.n))
		THEN
			faults := faults || ('no index: ' || a);
		END IF;
		meanwhile := NULL;
		IF i >= 2 AND seed IN (2, 21) THEN
			-- pages split under the cursor, which must not see the new rows
			meanwhile := format('INSERT INTO %%T SELECT j, eq_value(%L, j)::%s, ''w'''
				' FROM generate_series(100000 * %s + 500 * $1, 100000 * %3$s + 500 * $1 + 299) j', c.type, c.type, i);
		END IF;
		a := eq_walk(a, seed * 10 + i, replace(meanwhile, '%T', 'eq_a_' || c.n));
		b := eq_walk(replace(query, '%T', 'eq_b_' || c.n), seed * 10 + i, replace(meanwhile, '%T', 'eq_b_' || c.n));
		IF a IS DISTINCT FROM b THEN
			faults := faults || format('cursor %s: %s instead of %s', query, a, b);
		END IF;
		n := n + 1;
		bytes := bytes + length(b);
	END LOOP;

	BEGIN
		PERFORM omendb.alex_check(format('eq_a_%s_i', c.n)::regclass, true);
	EXCEPTION WHEN OTHERS THEN
		faults := faults || ('alex_check: ' || SQLERRM);
	END;
	UPDATE eq_count SET queries = queries + n, results = results + bytes;
	RETURN faults;
END $$;

CREATE FUNCTION eq_stage(stage text, seed int8) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT is(eq_faults(c, seed), '{}', format('%s %s (%s): %s', c.type, c.forward, c.options, stage))
	FROM eq_combos c
	ORDER BY n
$$;

-- what the outside of joins holds
CREATE TABLE eq_probes AS
	SELECT i, eq_value('int2', i * 31)::int2 AS int2, eq_value('int4', i * 31)::int4 AS int4,
		eq_value('int8', i * 31)::int8 AS int8, eq_value('date', i * 31)::date AS date,
		eq_value('timestamp', i * 31)::timestamp AS timestamp,
		eq_value('timestamptz', i * 31)::timestamptz AS timestamptz, eq_value('float8', i * 31)::float8 AS float8,
		eq_value('float4', i * 31)::float4 AS float4, eq_value('money', i * 31)::money AS money,
		eq_value('"char"', i * 31)::"char" AS "char", eq_value('oid', i * 31)::oid AS oid, eq_value('time', i * 31)::time AS time,
		eq_value('uuid', i * 31)::uuid AS uuid
	FROM generate_series(0, 99) i;
VACUUM ANALYZE eq_probes;

SELECT plan(count(*)::int * 9 + 4) FROM eq_combos;

SELECT format('CREATE TABLE eq_%s_%s (id int8, v %s, filler text) WITH (fillfactor = 80, autovacuum_enabled = off)',
	side, n, type) FROM eq_combos, unnest('{a,b}'::text[]) side \gexec
SELECT eq_do($$INSERT INTO %T SELECT i, %V(i), 'x' FROM generate_series(1, 2000) i$$) \g /dev/null
SELECT format('CREATE INDEX eq_a_%1$s_i ON eq_a_%1$s USING alex (v %2$s) WITH (%3$s)', n, forward, options),
	format('CREATE INDEX eq_b_%1$s_i ON eq_b_%1$s USING btree (v %2$s)', n, forward) FROM eq_combos \gexec
SELECT eq_do('ANALYZE %T') \g /dev/null
SELECT eq_stage('bulk build', 1);

-- out of order, in order at the end, many equal ones; one row at a time and many in a statement
SELECT eq_do($$INSERT INTO %T SELECT i, %V(i * 7), 'x' FROM generate_series(2001, 2600) i$$) \g /dev/null
SELECT eq_do($$INSERT INTO %T SELECT i, %V(i), 'x' FROM generate_series(2601, 3200) i ORDER BY 2$$) \g /dev/null
SELECT eq_do($$INSERT INTO %T SELECT i, %V(4 + i % 2), 'x' FROM generate_series(3201, 3800) i$$) \g /dev/null
SELECT eq_stage('inserts', 2);

-- keys that change and keys that do not, with and without room on the page
SELECT eq_do($$UPDATE %T SET v = %V(id * 3 + 1) WHERE id % 7 = 3$$) \g /dev/null
SELECT eq_do($$UPDATE %T SET filler = repeat('y', 40) WHERE id % 5 = 0$$) \g /dev/null
SELECT eq_do($$UPDATE %T SET v = NULL WHERE id % 50 = 1$$) \g /dev/null
SELECT eq_do($$UPDATE %T SET v = %V(id + 9) WHERE v IS NULL AND id % 2 = 0$$) \g /dev/null
SELECT eq_stage('updates', 3);

-- rows that were never committed
BEGIN;
SELECT eq_do($$INSERT INTO %T SELECT i, %V(i * 5), 'x' FROM generate_series(4001, 4400) i$$) \g /dev/null
SAVEPOINT s;
SELECT eq_do($$DELETE FROM %T WHERE id % 3 = 0$$) \g /dev/null
ROLLBACK TO s;
ROLLBACK;
SELECT eq_stage('an aborted transaction', 4);

SELECT eq_do($$DELETE FROM %T WHERE id % 3 = 1$$) \g /dev/null
SELECT eq_do($$DELETE FROM %T WHERE id BETWEEN 3300 AND 3700$$) \g /dev/null
SELECT eq_stage('deletes', 5);

SELECT 'VACUUM ' || string_agg(format('eq_a_%1$s, eq_b_%1$s', n), ', ') FROM eq_combos \gexec
SELECT eq_stage('vacuum', 6);

-- in the places of deleted rows; then most of it goes
SELECT eq_do($$INSERT INTO %T SELECT i, %V(i * 11), 'x' FROM generate_series(5001, 6000) i$$) \g /dev/null
SELECT eq_stage('inserts after vacuum', 7);

SELECT eq_do($$DELETE FROM %T WHERE id % 10 <> 0$$) \g /dev/null
SELECT 'VACUUM ' || string_agg(format('eq_a_%1$s, eq_b_%1$s', n), ', ') FROM eq_combos \gexec
SELECT eq_do($$INSERT INTO %T SELECT i, %V(i * 13), 'x' FROM generate_series(7001, 8000) i$$) \g /dev/null
SELECT eq_stage('almost emptied and filled again', 8);

SELECT format('REINDEX INDEX CONCURRENTLY eq_a_%s_i', n) FROM eq_combos WHERE n % 2 = 0 \gexec
SELECT format('REINDEX TABLE eq_a_%s', n) FROM eq_combos WHERE n % 2 = 1 \gexec
SELECT 'VACUUM FULL eq_b_1, eq_a_1' \gexec
SELECT format('CLUSTER eq_%s_2 USING eq_%1$s_2_i', side) FROM unnest('{a,b}'::text[]) side \gexec
SELECT eq_stage('rebuilt', 9);

-- one larger pair with leaves of the default size, three levels of btree and inner pages of alex
CREATE TABLE eq_a_99 (id int8, v int8, filler text);
INSERT INTO eq_a_99 SELECT i, CASE WHEN i % 2 = 0 THEN i * 1000 ELSE (i * 2654435761) & 4294967295 END, NULL
	FROM generate_series(1, 120000::int8) i;
CREATE TABLE eq_b_99 AS TABLE eq_a_99;
CREATE INDEX eq_a_99_i ON eq_a_99 USING alex (v);
CREATE INDEX eq_b_99_i ON eq_b_99 USING btree (v);
SELECT is(eq_faults((99, 'int8', '{int8,int4,int2}', 'ASC NULLS LAST', 'DESC NULLS FIRST', '', 'v'), 20), '{}',
	'large: bulk build');
INSERT INTO eq_a_99 SELECT i, (i * 40503 * 65537) & 4294967295, NULL FROM generate_series(120001, 150000::int8) i;
INSERT INTO eq_b_99 SELECT i, (i * 40503 * 65537) & 4294967295, NULL FROM generate_series(120001, 150000::int8) i;
DELETE FROM eq_a_99 WHERE v BETWEEN 1000000000 AND 1500000000 OR id % 4 = 0;
DELETE FROM eq_b_99 WHERE v BETWEEN 1000000000 AND 1500000000 OR id % 4 = 0;
VACUUM eq_a_99, eq_b_99;
SELECT is(eq_faults((99, 'int8', '{int8,int4,int2}', 'ASC NULLS LAST', 'DESC NULLS FIRST', '', 'v'), 21), '{}',
	'large: inserts, deletes, vacuum');

-- that all this was no test of nothing
SELECT cmp_ok(queries, '>', 10000::int8, 'number of queries') FROM eq_count;
SELECT cmp_ok(results, '>', 10000000::int8, 'bytes of results') FROM eq_count;

SELECT * FROM finish();
