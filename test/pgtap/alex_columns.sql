-- Keys of several columns and of 16 bytes: alex + heap against btree + heap.
--
-- For each shape of key there are two tables with the same rows, one with an alex index and one with a
-- btree index.  Between bulk build, inserts, updates, deletes, VACUUM and REINDEX, conditions on any of
-- the columns have to give the same rows, and in the same order where one is asked for.
\set QUIET on
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET synchronous_commit = off;

CREATE TABLE cols_shapes (n int, types text[], forward text, back text, options text);
INSERT INTO cols_shapes VALUES
	(1, '{int4,timestamptz}', 'a ASC NULLS LAST, b ASC NULLS LAST', 'a DESC NULLS FIRST, b DESC NULLS FIRST', 'leaf_entries = 256'),
	(2, '{int4,int4}', 'a DESC NULLS LAST, b ASC NULLS FIRST', 'a ASC NULLS FIRST, b DESC NULLS LAST', 'leaf_entries = 300, fillfactor = 100'),
	(3, '{int8,int8}', 'a ASC NULLS FIRST, b DESC NULLS LAST', 'a DESC NULLS LAST, b ASC NULLS FIRST', 'leaf_entries = 256, fillfactor = 10'),
	(4, '{uuid,"\"char\""}', 'a ASC NULLS LAST', 'a DESC NULLS FIRST', 'leaf_entries = 1000'),
	(5, '{float8,date}', 'b DESC NULLS FIRST, a ASC NULLS LAST', 'b ASC NULLS LAST, a DESC NULLS FIRST', 'leaf_entries = 256');

-- a value of a type, as text, from a number: NULLs, extremes, few values, many
CREATE FUNCTION cols_value(type text, n int8) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	h int8 := (n * 2654435761 + 1013904223) & 4294967295;
	kind int8 := (h >> 5) % 100;
	few int8 := (h >> 12) % 20;
	wide int8 := ((h # (h >> 15)) * 1103515245) - 2300000000000000000;
	extremes text[];
BEGIN
	IF kind < 8 THEN
		RETURN NULL;
	ELSIF kind < 16 THEN
		extremes := CASE type WHEN 'int4' THEN '{-2147483648,-2147483647,2147483646,2147483647}'::text[]
			WHEN 'int8' THEN '{-9223372036854775808,-9223372036854775807,9223372036854775806,9223372036854775807}'
			WHEN 'timestamptz' THEN '{-infinity,4714-11-24 00:00+00 BC,294276-12-31 23:59:59.999999+00,infinity}'
			WHEN 'uuid' THEN '{00000000-0000-0000-0000-000000000000,00000000-0000-0000-0000-000000000001,ffffffff-ffff-ffff-ffff-fffffffffffe,ffffffff-ffff-ffff-ffff-ffffffffffff}'
			WHEN 'float8' THEN '{-Infinity,-0,Infinity,NaN}' WHEN 'date' THEN '{-infinity,4714-11-24 BC,5874897-12-31,infinity}'
			ELSE '{a,b,c,d}' END;
		RETURN extremes[1 + (kind - 8) / 2];
	END IF;
	RETURN CASE type WHEN 'int4' THEN (CASE WHEN kind < 60 THEN few ELSE wide % 2147483648 END)::text
		WHEN 'int8' THEN (CASE WHEN kind < 60 THEN few ELSE wide END)::text
		WHEN 'float8' THEN (CASE WHEN kind < 60 THEN few / 4.0 - 2 ELSE wide * 1e-9 END)::text
		WHEN 'date' THEN (date '2024-01-01' + (CASE WHEN kind < 60 THEN few ELSE wide % 9000 END)::int)::text
		WHEN 'timestamptz' THEN (timestamp '2024-01-01' + (CASE WHEN kind < 60 THEN few ELSE n END) * interval '1 min')::text || '+00'
		WHEN 'uuid' THEN (CASE WHEN kind < 60 THEN md5(few::text) ELSE md5(n::text) END)::uuid::text
		ELSE chr(97 + few::int % 26) END;
END $$;

CREATE FUNCTION cols_constant(type text, n int8) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT coalesce(quote_literal(cols_value(type, n)), 'NULL') || '::' || type
$$;

CREATE FUNCTION cols_do(statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	c cols_shapes;
	side text;
BEGIN
	FOR c IN SELECT * FROM cols_shapes ORDER BY n LOOP
		FOREACH side IN ARRAY '{a,b}'::text[] LOOP
			EXECUTE regexp_replace(regexp_replace(replace(statement, '%T', format('cols_%s_%s', side, c.n)),
				'%A\(([^)]*)\)', format('cols_value(%L, \1)::%s', c.types[1], c.types[1]), 'g'),
				'%B\(([^)]*)\)', format('cols_value(%L, \1)::%s', c.types[2], c.types[2]), 'g');
		END LOOP;
	END LOOP;
END $$;

CREATE TABLE cols_count (queries int8, results int8);
INSERT INTO cols_count VALUES (0, 0);

-- all that differs between the two tables of a pair
CREATE FUNCTION cols_faults(c cols_shapes, seed int8) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	faults text[] := '{}';
	ops text[] := '{<,<=,=,>=,>}';
	conditions text[] := '{true}';
	lead text := left(c.forward, 1);
	condition text;
	query text;
	line text;
	plan text;
	a text;
	b text;
	k int8 := seed * 1000;
	n int8 := 0;
	bytes int8 := 0;
BEGIN
	PERFORM set_config('enable_' || s, 'off', false) FROM unnest('{seqscan,bitmapscan,sort,incremental_sort,material}'::text[]) s;
	FOR i IN 0 .. 24 LOOP
		k := k + 4;
		conditions := conditions || format('a %s %s AND b %s %s', ops[1 + i % 5], cols_constant(c.types[1], k),
			ops[1 + i / 5], cols_constant(c.types[2], k + 1));
		IF i % 5 = 0 THEN
			conditions := conditions
				|| format('b %s %s', ops[1 + i / 5], cols_constant(c.types[2], k + 2))
				|| format('a %s %s', ops[1 + i / 5], cols_constant(c.types[1], k + 2))
				|| format('a IS NULL AND b %s %s', ops[1 + i / 5], cols_constant(c.types[2], k + 3))
				|| format('a %s %s AND b IS NULL', ops[1 + i / 5], cols_constant(c.types[1], k + 3))
				|| format('a = ANY (ARRAY[%s, %s, %s]) AND b %s %s', cols_constant(c.types[1], k), cols_constant(c.types[1], k + 1),
					cols_constant(c.types[1], k + 2), ops[1 + i / 5], cols_constant(c.types[2], k + 3))
				|| format('a %s %s AND b IN (%s, %s)', ops[1 + i / 5], cols_constant(c.types[1], k), cols_constant(c.types[2], k + 1),
					cols_constant(c.types[2], k + 2));
		END IF;
	END LOOP;

	FOREACH condition IN ARRAY conditions LOOP
		-- a condition on a column that the index does not have is a filter: asked for in index order all the same
		query := format('SELECT array_agg(r)::text FROM (SELECT concat_ws(''/'', %s) AS r FROM %%T WHERE %s ORDER BY %s) s',
			CASE WHEN c.n = 4 THEN 'a' ELSE 'a, b' END, condition, CASE WHEN n % 2 = 0 THEN c.forward ELSE c.back END);
		a := replace(query, '%T', 'cols_a_' || c.n);
		IF seed = 1 AND strpos(a, 'NULL::') = 0 THEN
			plan := '';
			FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || a LOOP
				plan := plan || line || E'\n';
			END LOOP;
			IF plan !~ format('Index (Only )?Scan (Backward )?using cols_a_%s_i', c.n) THEN
				faults := faults || ('no index: ' || a);
			END IF;
		END IF;
		EXECUTE a INTO a;
		EXECUTE replace(query, '%T', 'cols_b_' || c.n) INTO b;
		IF a IS DISTINCT FROM b THEN
			faults := faults || format('%s: %s instead of %s', query, left(a, 200), left(b, 200));
		END IF;
		query := format('SELECT concat(count(*), '' '', sum(id), '' '', sum(id * id)) FROM %%T WHERE %s', condition);
		SET enable_bitmapscan = on;
		SET enable_indexscan = off;
		EXECUTE replace(query, '%T', 'cols_a_' || c.n) INTO a;
		SET enable_bitmapscan = off;
		SET enable_indexscan = on;
		EXECUTE replace(query, '%T', 'cols_b_' || c.n) INTO b;
		IF a IS DISTINCT FROM b THEN
			faults := faults || format('%s: %s instead of %s', query, a, b);
		END IF;
		n := n + 2;
		bytes := bytes + coalesce(length(b), 0);
	END LOOP;

	BEGIN
		PERFORM omendb.alex_check(format('cols_a_%s_i', c.n)::regclass, true);
	EXCEPTION WHEN OTHERS THEN
		faults := faults || ('alex_check: ' || SQLERRM);
	END;
	UPDATE cols_count SET queries = queries + n, results = results + bytes;
	RETURN faults;
END $$;

CREATE FUNCTION cols_stage(stage text, seed int8) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT is(cols_faults(c, seed), '{}', format('%s by %s: %s', c.types, c.forward, stage))
	FROM cols_shapes c
	ORDER BY n
$$;

SELECT plan(5 * 5 + 2);

SELECT format('CREATE TABLE cols_%s_%s (id int8, a %s, b %s) WITH (fillfactor = 80, autovacuum_enabled = off)',
	side, n, types[1], types[2]) FROM cols_shapes, unnest('{a,b}'::text[]) side \gexec
SELECT cols_do($$INSERT INTO %T SELECT i, %A(i), %B(i * 3) FROM generate_series(1, 3000) i$$) \g /dev/null
SELECT format('CREATE INDEX cols_a_%1$s_i ON cols_a_%1$s USING alex (%2$s) WITH (%3$s)', n, forward, options),
	format('CREATE INDEX cols_b_%1$s_i ON cols_b_%1$s USING btree (%2$s)', n, forward) FROM cols_shapes \gexec
SELECT cols_do('ANALYZE %T') \g /dev/null
SELECT cols_stage('bulk build', 1);

SELECT cols_do($$INSERT INTO %T SELECT i, %A(i * 7), %B(i * 5) FROM generate_series(3001, 4500) i$$) \g /dev/null
SELECT cols_do($$INSERT INTO %T SELECT i, %A(i), %B(i) FROM generate_series(4501, 5500) i ORDER BY 2, 3$$) \g /dev/null
SELECT cols_do($$INSERT INTO %T SELECT i, %A(4), %B(i) FROM generate_series(5501, 6000) i$$) \g /dev/null
SELECT cols_stage('inserts', 2);

SELECT cols_do($$UPDATE %T SET a = %A(id * 3 + 1) WHERE id % 7 = 3$$) \g /dev/null
SELECT cols_do($$UPDATE %T SET b = NULL WHERE id % 50 = 1$$) \g /dev/null
SELECT cols_do($$DELETE FROM %T WHERE id % 3 = 1$$) \g /dev/null
SELECT cols_stage('updates and deletes', 3);

SELECT 'VACUUM ' || string_agg(format('cols_a_%1$s, cols_b_%1$s', n), ', ') FROM cols_shapes \gexec
SELECT cols_do($$INSERT INTO %T SELECT i, %A(i * 11), %B(i * 13) FROM generate_series(6001, 7000) i$$) \g /dev/null
SELECT cols_stage('vacuum, inserts after it', 4);

SELECT format('REINDEX INDEX CONCURRENTLY cols_a_%s_i', n) FROM cols_shapes \gexec
SELECT cols_stage('rebuilt', 5);

SELECT cmp_ok(queries, '>', 2000::int8, 'number of queries') FROM cols_count;
SELECT cmp_ok(results, '>', 10000::int8, 'bytes of results') FROM cols_count;

SELECT * FROM finish();
