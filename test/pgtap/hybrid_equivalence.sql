-- omendb against heap: the same statements on two tables, then the same queries along every path.
--
-- For each distribution and size of group there are a heap table eq_h_N and an omendb table eq_o_N with
-- the same rows: what COPY and CREATE TABLE AS loaded is cold, the rest hot.  Between loads, inserts,
-- updates, deletes and locks of rows of both kinds, aborted transactions, VACUUM, VACUUM FULL, CLUSTER and ALTER TABLE,
-- generated queries have to give the same.  Where the order of rows is not asked for, sums are compared
-- that do not depend on it.
--
-- The test does not run in a transaction, because VACUUM cannot.
\set QUIET on
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET synchronous_commit = off;
SET extra_float_digits = 1;

-- A row by its number and a seed of the distribution.  Kinds: 0 in order, 1 shuffled, 2 few values,
-- 3 many NULLs, 4 all NULL or one value, 5 extremes.
CREATE TYPE eq_mood AS ENUM ('low', 'mid', 'high');
CREATE FUNCTION eq_rows(kind int, a int, b int) RETURNS TABLE (id int, k int4, l int8, s int2, f float8, n numeric(12,2),
	x numeric, d date, ts timestamptz, t text, c char(4), u uuid, y bytea, b bool, e eq_mood, j jsonb, g int[], w text)
LANGUAGE sql IMMUTABLE AS $$
	SELECT i,
		CASE kind WHEN 0 THEN i WHEN 1 THEN i * 7919 % 10007 WHEN 2 THEN h % 5 WHEN 3 THEN CASE WHEN h % 3 = 0 THEN h % 100 END
			WHEN 4 THEN 42 ELSE (ARRAY[-2147483648, -1, 0, 1, 2147483647, NULL])[1 + h % 6] END,
		CASE kind WHEN 0 THEN i * 1000000007::int8 WHEN 1 THEN hashint8extended(i, 3) WHEN 2 THEN h % 3 - 1 WHEN 3 THEN NULLIF(h % 4, 0)
			WHEN 4 THEN NULL ELSE (ARRAY[-9223372036854775808, 9223372036854775807, 0, NULL])[1 + h % 4] END,
		CASE WHEN kind = 5 THEN (ARRAY[-32768, 32767, 0])[1 + h % 3] ELSE i % 1000 END::int2,
		CASE kind WHEN 0 THEN i / 7.0 WHEN 1 THEN h / 3.0 WHEN 2 THEN h % 4 * 0.25 WHEN 3 THEN CASE WHEN h % 3 > 0 THEN -h END WHEN 4 THEN NULL
			ELSE (ARRAY['NaN', 'Infinity', '-Infinity', '0', '-0', '1e308', '5e-324', NULL])[1 + h % 8]::float8 END::float8,
		CASE kind WHEN 0 THEN i * 0.01 WHEN 2 THEN h % 3 WHEN 5 THEN (ARRAY['NaN', '9999999999.99', '-9999999999.99', '0', NULL])[1 + h % 5]::numeric
			ELSE h % 100000 / 100.0 END::numeric(12,2),
		CASE kind WHEN 5 THEN (ARRAY['NaN', '1e100', '-1e-50', '0.000', NULL, '12345678901234567890.123'])[1 + h % 6]::numeric ELSE h / 8.0 END,
		CASE kind WHEN 0 THEN date '2000-01-01' + i / 10 WHEN 5 THEN (ARRAY['-infinity', 'infinity', '4714-11-24 BC', '5874897-12-31', NULL])[1 + h % 5]::date
			ELSE date '2010-01-01' + h % 3000 END,
		CASE kind WHEN 0 THEN timestamptz '2024-01-01 00:00+00' + i * interval '17 s' WHEN 3 THEN CASE WHEN h % 5 = 0 THEN timestamptz '2024-01-01 00:00+00' + h * interval '1 ms' END
			WHEN 5 THEN (ARRAY['-infinity', 'infinity', NULL, '2024-02-29 12:00+00'])[1 + h % 4]::timestamptz
			ELSE timestamptz '2020-01-01 00:00+00' + h % 100000 * interval '1 min' END,
		CASE kind WHEN 0 THEN 'row ' || lpad(i::text, 8, '0') WHEN 2 THEN (ARRAY['red', 'green', 'blue', ''])[1 + h % 4]
			WHEN 3 THEN CASE WHEN h % 2 = 0 THEN repeat('x', h % 30) END WHEN 4 THEN 'same' ELSE md5(h::text) END,
		CASE WHEN h % 7 > 0 THEN 'c' || h % 50 END::char(4),
		CASE WHEN kind <> 3 THEN md5((h % 1000)::text)::uuid END,
		decode(md5(h::text), 'hex'),
		CASE WHEN kind = 4 THEN true WHEN h % 10 > 0 THEN h % 2 = 0 END,
		(ARRAY['low', 'mid', 'high'])[1 + h % 3]::eq_mood,
		CASE WHEN h % 6 > 0 THEN jsonb_build_object('h', h, 'a', ARRAY[1, h % 4]) END,
		CASE WHEN h % 5 > 0 THEN ARRAY[h % 9, NULL, i] END,
		-- some of it is stored out of line in heap
		CASE WHEN i % 200 = 0 THEN (SELECT string_agg(md5((i * 97 + q)::text), '') FROM generate_series(1, 150) q) WHEN i % 3 = 0 THEN 'w' || h % 30 END
	FROM (SELECT i, abs(hashint8(i * 31 + kind)) % 1000000 AS h FROM generate_series(a, b) i) r
$$;

CREATE TABLE eq_combos (n int, kind int, group_rows int);
INSERT INTO eq_combos VALUES (0, 0, 1000), (1, 1, 700), (2, 2, 1100), (3, 3, 333), (4, 4, 1024), (5, 5, 1500);

-- Run a statement on both tables of every pair: %T is the table, %O the one of omendb, %K the kind.
CREATE PROCEDURE eq_do(statement text, one int DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
	c eq_combos;
	side text;
BEGIN
	FOR c IN SELECT * FROM eq_combos WHERE n = coalesce(one, n) ORDER BY n LOOP
		PERFORM set_config('omendb.row_group_rows', c.group_rows::text, true);
		FOREACH side IN ARRAY '{h,o}'::text[] LOOP
			EXECUTE replace(replace(replace(statement, '%T', format('eq_%s_%s', side, c.n)), '%K', c.kind::text), '%O', 'eq_o_' || c.n);
		END LOOP;
	END LOOP;
END $$;
-- rows a to b by COPY
CREATE PROCEDURE eq_load(a int, b int, cut int DEFAULT 1) LANGUAGE plpgsql AS $$
DECLARE
	c eq_combos;
	file text := current_setting('data_directory') || '/hybrid_equivalence.copy';
BEGIN
	FOR c IN SELECT * FROM eq_combos ORDER BY n LOOP
		EXECUTE format('COPY (SELECT * FROM eq_rows(%s, %s, %s) WHERE id %% %s = 0) TO %L (FORMAT binary)', c.kind, a, b, cut, file);
		CALL eq_do(format('COPY %%T FROM %L (FORMAT binary)', file), c.n);
	END LOOP;
	EXECUTE format('COPY (SELECT) TO %L', file);
END $$;

-- which paths the next queries may take
CREATE PROCEDURE eq_paths(path text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('enable_' || s, CASE WHEN s = ANY (CASE path
			WHEN 'seq' THEN '{seqscan,sort,hashagg,hashjoin,nestloop,material}'::text[]
			WHEN 'parallel' THEN '{seqscan,sort,hashagg,hashjoin,nestloop,material,gathermerge,parallel_append,parallel_hash}'
			WHEN 'index' THEN '{indexscan,nestloop,sort}'
			WHEN 'only' THEN '{indexonlyscan,nestloop,sort}'
			WHEN 'bitmap' THEN '{bitmapscan,nestloop,sort,hashagg}'
			WHEN 'merge' THEN '{indexscan,mergejoin,material}'
			WHEN 'tid' THEN '{tidscan,nestloop,sort}' END) THEN 'on' ELSE 'off' END, false)
	FROM unnest('{seqscan,indexscan,indexonlyscan,bitmapscan,tidscan,sort,incremental_sort,nestloop,hashjoin,mergejoin,material,memoize,hashagg,gathermerge,parallel_append,parallel_hash}'::text[]) s;
	PERFORM set_config('max_parallel_workers_per_gather', CASE path WHEN 'parallel' THEN '2' ELSE '0' END, false);
	PERFORM set_config('parallel_setup_cost', CASE path WHEN 'parallel' THEN '0' ELSE '1000' END, false),
		set_config('parallel_tuple_cost', CASE path WHEN 'parallel' THEN '0' ELSE '0.1' END, false),
		set_config('min_parallel_table_scan_size', CASE path WHEN 'parallel' THEN '0' ELSE '8MB' END, false);
	IF path = 'parallel' THEN
		PERFORM set_config('enable_seqscan', 'on', false);
	END IF;
END $$;

-- a constant that stands in a row of the table, beside one, or in none
CREATE FUNCTION eq_constant(c eq_combos, col text, seed int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v text;
	type text;
BEGIN
	SELECT format_type(atttypid, atttypmod) INTO type FROM pg_attribute WHERE attrelid = 'eq_h_0'::regclass AND attname = col;
	EXECUTE format('SELECT (eq_rows(%s, %s, %2$s)).%I::text', c.kind, 1 + seed * 7919 % 4000, col) INTO v;
	RETURN coalesce(quote_literal(v), 'NULL') || '::' || type;
END $$;

-- conditions on columns of all types: between vectors and groups, at their bounds, of everything and nothing
CREATE FUNCTION eq_conditions(c eq_combos, seed int) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	result text[] := '{true,false,"k IS NULL","l IS NOT NULL","f = ''NaN''","f > ''NaN''","f < ''-Infinity''","f >= ''Infinity''","f = 0","f = ''-0''",
		"n = ''NaN''","n > 9999999999","x = 0.0","d = ''infinity''","d < ''infinity''","ts = ''-infinity''","ts > ''infinity''","t = ''''","t > ''zzz''",
		"t < ''''","NOT b","b IS NULL","b IS NOT TRUE","k IN (1, 2, NULL)","k <> ALL (ARRAY[0, 1])","k = 2147483647","k > 2147483646","l < -9223372036854775807",
		"k = 2.0","k < 0.5","l = 1.5","s = 100000","k = 9000000000","d >= ''2024-01-01 00:00+00''::timestamptz","ts < ''2024-06-01''::date","id % 7 = 3",
		"k = l","k < s","t LIKE ''row 0000%''","t ~ ''^[ab]''","lower(t) = ''red''","w IS NULL","length(w) > 1000","e > ''low''","j @> ''{\"a\": [3]}''","g[1] = 5",
		"u = md5(''7'')::uuid","c = ''c7''","y > ''\\x80''","(k, l) IS NULL","(k, s) > (3, 100)","k BETWEEN 10 AND 5","f IS DISTINCT FROM 0.25","coalesce(k, -7) = -7"}';
	col text;
	i int := 0;
BEGIN
	FOREACH col IN ARRAY '{id,k,l,s,f,n,x,d,ts,t,c,u,y,e}'::text[] LOOP
		FOR r IN 1 .. 3 LOOP
			i := i + 1;
			result := result || format('%I %s %s', col, (ARRAY['=', '<', '<=', '>', '>=', '<>', '='])[1 + (seed + i) % 7], eq_constant(c, col, seed * 50 + i));
		END LOOP;
		result := result || format('%I >= %s AND %1$I < %3$s', col, eq_constant(c, col, seed * 50 + i), eq_constant(c, col, seed * 90 + i))
			|| format('%I BETWEEN %s AND %s AND id %% 3 <> 1', col, eq_constant(c, col, seed * 70 + i), eq_constant(c, col, seed * 30 + i));
	END LOOP;
	RETURN result;
END $$;

-- all columns of rows in one number
CREATE FUNCTION eq_sum(rows text) RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT concat(count(*), '' '', sum(hashtextextended(r::text, 0)::numeric)) FROM (%s) r', rows)
$$;

CREATE FUNCTION eq_queries(c eq_combos, seed int, OUT path text, OUT query text) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	condition text;
	shape int := seed;
	col text;
	dir text;
BEGIN
	FOREACH condition IN ARRAY eq_conditions(c, seed) LOOP
		shape := shape + 1;
		-- half of them at each stage
		CONTINUE WHEN shape % 2 = 0;
		path := 'seq';
		query := CASE shape % 12 / 2
			WHEN 0 THEN eq_sum(format('SELECT * FROM %%T WHERE %s', condition))
			WHEN 1 THEN eq_sum(format('SELECT id, t FROM %%T WHERE %s', condition))
			WHEN 2 THEN format('SELECT concat(count(*), '' '', count(k), '' '', sum(l::numeric), '' '', min(s), '' '', max(f)) FROM %%T WHERE %s', condition)
			WHEN 3 THEN format('SELECT array_agg(id ORDER BY id)::text FROM %%T WHERE %s', condition)
			WHEN 4 THEN format('SELECT concat(count(*) FILTER (WHERE %s), '' '', count(DISTINCT k), '' '', max(id)) FROM %%T', condition)
			ELSE eq_sum(format('SELECT w, g, j FROM %%T WHERE %s', condition)) END;
		RETURN NEXT;
		path := CASE shape / 2 % 5 WHEN 0 THEN 'parallel' WHEN 1 THEN 'index' ELSE 'bitmap' END;
		query := CASE shape / 2 % 3 WHEN 0 THEN format('SELECT concat(count(*), '' '', sum(id), '' '', sum(s)) FROM %%T WHERE %s', condition)
			ELSE eq_sum(format('SELECT id, f, t, w FROM %%T WHERE %s', condition)) END;
		RETURN NEXT;
	END LOOP;

	-- aggregates, groups, windows, joins
	FOREACH path IN ARRAY '{seq,parallel}'::text[] LOOP
		query := eq_sum('SELECT * FROM %T');
		RETURN NEXT;
		query := 'SELECT concat(count(*), '' '', sum(k), '' '', avg(k), '' '', stddev(s), '' '', min(l), '' '', max(l), '' '', sum(n), '' '', bool_and(b), '' '',
			min(d), '' '', max(ts), '' '', min(t COLLATE "C"), '' '', max(t COLLATE "C"), '' '', count(DISTINCT u), '' '', max(e), '' '', count(w)) FROM %T';
		RETURN NEXT;
		query := 'SELECT count(*)::text FROM %T';
		RETURN NEXT;
		query := 'SELECT string_agg(concat(k % 50, '' '', n, '' '', i), '','' ORDER BY k % 50, n) FROM (SELECT k % 50 AS k, count(*) AS n, sum(id) AS i FROM %T GROUP BY k % 50) s';
		RETURN NEXT;
		query := 'SELECT string_agg(concat(b, '' '', e, '' '', n), '','' ORDER BY b, e, n) FROM (SELECT b, e, count(*) AS n FROM %T GROUP BY GROUPING SETS ((b, e), (b), (e), ())) s';
		RETURN NEXT;
		query := 'SELECT string_agg(concat(f, '' '', n), '','' ORDER BY f, n) FROM (SELECT CASE WHEN f = 0 THEN 0 ELSE f END AS f, count(*) AS n FROM %T GROUP BY 1 HAVING count(*) > 3) s';
		RETURN NEXT;
		query := 'SELECT concat(count(*), '' '', sum(a.id)) FROM %T a WHERE EXISTS (SELECT FROM %T b WHERE b.k = a.s AND b.id % 3 = 0)';
		RETURN NEXT;
		query := 'SELECT concat(count(*), '' '', sum(a.id)) FROM %T a WHERE NOT EXISTS (SELECT FROM %T b WHERE b.k = a.s AND b.id % 3 = 0)';
		RETURN NEXT;
		query := 'SELECT concat(count(*), '' '', sum(a.id), '' '', sum(b.s)) FROM %T a LEFT JOIN %T b ON b.id = a.id + 500 AND b.t = b.t WHERE a.id % 2 = 0';
		RETURN NEXT;
		query := 'SELECT concat(count(*), '' '', sum(a.id)) FROM %T a WHERE a.k NOT IN (SELECT b.s FROM %T b WHERE b.id > 1500)';
		RETURN NEXT;
		query := 'SELECT concat(count(*), '' '', sum(q)) FROM (SELECT sum(s) OVER (PARTITION BY e ORDER BY id ROWS 5 PRECEDING) AS q FROM %T) w';
		RETURN NEXT;
		query := 'SELECT array_agg(id)::text FROM (SELECT id FROM %T ORDER BY n DESC NULLS LAST, id LIMIT 50) s';
		RETURN NEXT;
		query := eq_sum('(SELECT * FROM %T WHERE id < 1800 UNION ALL SELECT * FROM %T WHERE id >= 1800)');
		RETURN NEXT;
	END LOOP;
	path := 'seq';
	query := eq_sum('SELECT * FROM %T TABLESAMPLE BERNOULLI (100)');
	RETURN NEXT;
	query := eq_sum('SELECT * FROM %T TABLESAMPLE SYSTEM (100)');
	RETURN NEXT;
	query := 'SELECT (count(*) = count(DISTINCT id))::text FROM %T TABLESAMPLE BERNOULLI (40) REPEATABLE (1)';
	RETURN NEXT;
	query := 'SELECT (count(*) = count(DISTINCT id))::text FROM %T TABLESAMPLE SYSTEM (40) REPEATABLE (1)';
	RETURN NEXT;
	-- the same file by COPY TO, in order of id
	query := 'SELECT eq_copy(''%T'')';
	RETURN NEXT;

	-- TIDs: each row finds itself, and ranges of TIDs tell the rows apart
	path := 'tid';
	query := 'SELECT concat(count(*), '' '', sum(id)) FROM %T WHERE ctid = ANY (ARRAY(SELECT ctid FROM %T WHERE id % 5 = 0))';
	RETURN NEXT;
	query := 'SELECT concat(count(*), '' '', sum(b.id)) FROM (SELECT ctid AS place, id FROM %T WHERE id % 3 = 0 OFFSET 0) a JOIN %T b ON b.ctid = a.place AND b.id = a.id';
	RETURN NEXT;
	query := 'SELECT (SELECT count(*) FROM %T WHERE ctid < t.ctid) + (SELECT count(*) FROM %T WHERE ctid > t.ctid) FROM %T t WHERE id = ' || 1 + seed * 997 % 1500;
	RETURN NEXT;
	query := 'SELECT concat(count(*), '' '', sum(id), '' '', count(DISTINCT ctid)) FROM %T WHERE ctid >= ''(0,0)''';
	RETURN NEXT;

	-- indexes of both kinds and in both directions
	FOREACH col IN ARRAY '{id,k,l,d,ts,t}'::text[] LOOP
		FOREACH dir IN ARRAY '{ASC,DESC}'::text[] LOOP
			shape := shape + 1;
			path := 'index';
			query := format('SELECT array_agg(v)::text FROM (SELECT %I::text AS v FROM %%T ORDER BY %1$I %s OFFSET %s LIMIT 400) s', col, dir, shape * 131 % 3000);
			RETURN NEXT;
			query := format('SELECT array_agg(v)::text FROM (SELECT %I::text AS v FROM %%T WHERE %1$I > %2$s ORDER BY %1$I %3$s LIMIT 200) s', col, eq_constant(c, col, shape), dir);
			RETURN NEXT;
		END LOOP;
		query := format('SELECT concat(count(*), '' '', sum(a.id), '' '', sum(b.id)) FROM (SELECT * FROM %%T WHERE id %% 23 = 0) a JOIN %%T b ON b.%I = a.%1$I AND b.id < 1500', col);
		RETURN NEXT;
		path := 'only';
		query := format('SELECT array_agg(v)::text FROM (SELECT %I::text AS v FROM %%T WHERE %1$I IS NOT NULL ORDER BY %1$I LIMIT 500) s', col);
		RETURN NEXT;
		path := 'bitmap';
		query := format('SELECT concat(count(*), '' '', sum(id)) FROM %%T WHERE %I IN (%s, %s, %s) OR id BETWEEN 990 AND 1010', col, eq_constant(c, col, shape),
			eq_constant(c, col, shape + 1), eq_constant(c, col, shape + 2));
		RETURN NEXT;
	END LOOP;
	path := 'merge';
	query := 'SELECT concat(count(*), '' '', sum(a.id), '' '', sum(b.s)) FROM %T a JOIN %T b USING (id) WHERE a.s % 2 = 0';
	RETURN NEXT;
END $$;

-- what COPY TO writes, without the order of its lines
CREATE FUNCTION eq_copy(t text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	file text := current_setting('data_directory') || '/hybrid_equivalence_out.copy';
	result text;
BEGIN
	EXECUTE format('COPY %s TO %L', t, file);
	SELECT concat(count(*), ' ', sum(hashtextextended(line, 0)::numeric)) INTO result FROM regexp_split_to_table(pg_read_file(file), E'\n') line;
	RETURN result;
END $$;

-- A walk with a scrollable cursor, its steps drawn from a seed: the rows met.  Each must be the one a
-- plain run of the query has at that place.
CREATE FUNCTION eq_walk(query text, seed bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	c refcursor;
	h bigint := seed * 7919 + 17;
	all_rows text[];
	n int;
	far int;
	at int := 0;
	v record;
BEGIN
	EXECUTE format('SELECT coalesce(array_agg(r::text), ''{}'') FROM (%s) r', query) INTO all_rows;
	n := cardinality(all_rows);
	OPEN c SCROLL FOR EXECUTE query;
	FOR i IN 1 .. 80 LOOP
		h := (h * 1103515245 + 12345) & 2147483647;
		far := (h >> 20) % (n / 3 + 2);
		CASE (h >> 8) % 16
			WHEN 0, 1, 2, 3 THEN FETCH NEXT FROM c INTO v; at := least(at + 1, n + 1);
			WHEN 4, 5, 6 THEN FETCH PRIOR FROM c INTO v; at := greatest(at - 1, 0);
			WHEN 7, 8, 9 THEN MOVE FORWARD far IN c; FETCH NEXT FROM c INTO v; at := least(at + far + 1, n + 1);
			WHEN 10, 11 THEN MOVE BACKWARD far IN c; FETCH PRIOR FROM c INTO v; at := greatest(at - far - 1, 0);
			WHEN 12 THEN FETCH LAST FROM c INTO v; at := n;
			WHEN 13 THEN FETCH FIRST FROM c INTO v; at := least(1, n + 1);
			WHEN 14 THEN FETCH ABSOLUTE far * 2 FROM c INTO v; at := least(far * 2, n + 1);
			ELSE MOVE FORWARD ALL IN c; FETCH PRIOR FROM c INTO v; at := n;
		END CASE;
		IF FOUND <> (at BETWEEN 1 AND n) OR (FOUND AND v::text IS DISTINCT FROM all_rows[at]) THEN
			RETURN format('step %s: %s of %s: %s for %s', i, at, n, left(v::text, 60), left(all_rows[at], 60));
		END IF;
	END LOOP;
	CLOSE c;
	RETURN NULL;
END $$;

-- the nodes of a plan that scan tables
CREATE FUNCTION eq_scans(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	result text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		result := result || coalesce(substring(line FROM '((?:Parallel |Bitmap |Index |Index Only |Tid |Tid Range |Seq |Sample )+(?:Heap )?Scan)'), '') || ' ';
	END LOOP;
	RETURN result;
END $$;

CREATE TABLE eq_count (queries int8, results int8);
INSERT INTO eq_count VALUES (0, 0);
CREATE TABLE eq_seen (path text, scans text);

-- all that differs between the two tables of a pair
CREATE FUNCTION eq_faults(c eq_combos, seed int) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	faults text[] := '{}';
	one record;
	current_path text := '';
	o text;
	h text;
	n int8 := 0;
	bytes int8 := 0;
	query text;
BEGIN
	FOR one IN SELECT * FROM eq_queries(c, seed + c.n) ORDER BY path LOOP
		IF one.path <> current_path THEN
			current_path := one.path;
			CALL eq_paths(current_path);
		END IF;
		o := replace(one.query, '%T', 'eq_o_' || c.n);
		IF seed IN (1, 3) THEN
			INSERT INTO eq_seen VALUES (current_path, eq_scans(o));
		END IF;
		BEGIN
			EXECUTE o INTO o;
		EXCEPTION WHEN OTHERS THEN
			o := SQLSTATE || ' ' || SQLERRM;
		END;
		BEGIN
			EXECUTE replace(one.query, '%T', 'eq_h_' || c.n) INTO h;
		EXCEPTION WHEN OTHERS THEN
			h := SQLSTATE || ' ' || SQLERRM;
		END;
		IF o IS DISTINCT FROM h THEN
			faults := faults || format('%s: %s: %s instead of %s', current_path, replace(one.query, '%T', 'eq_o_' || c.n), left(o, 200), left(h, 200));
		END IF;
		n := n + 1;
		bytes := bytes + coalesce(length(h), 0);
	END LOOP;

	CALL eq_paths('seq');
	FOREACH query IN ARRAY ARRAY['SELECT id, k, t FROM %T', 'SELECT * FROM %T WHERE id % 5 = 2', 'SELECT ctid, id FROM %T WHERE k IS NULL',
		'SELECT id, w FROM %T WHERE id BETWEEN 900 AND 1300'] LOOP
		o := eq_walk(replace(query, '%T', 'eq_o_' || c.n), seed * 10 + n);
		IF o IS NOT NULL THEN
			faults := faults || format('cursor: %s: %s', query, o);
		END IF;
		n := n + 1;
	END LOOP;
	CALL eq_paths('index');
	FOREACH query IN ARRAY ARRAY['SELECT id, k, t FROM %T WHERE id > 100 ORDER BY id', 'SELECT id, w FROM %T WHERE id < 4000 ORDER BY id DESC'] LOOP
		o := eq_walk(replace(query, '%T', 'eq_o_' || c.n), seed * 10 + n);
		h := eq_walk(replace(query, '%T', 'eq_h_' || c.n), seed * 10 + n);
		IF o IS DISTINCT FROM h THEN
			faults := faults || format('cursor: %s: %s', query, o);
		END IF;
		n := n + 1;
	END LOOP;
	CALL eq_paths('tid');
	o := eq_walk(format('SELECT ctid, id FROM eq_o_%s WHERE ctid > (SELECT ctid FROM eq_o_%1$s WHERE id = 700) OR ctid IS NULL', c.n), seed);
	IF o IS NOT NULL THEN
		faults := faults || ('cursor over TIDs: ' || o);
	END IF;
	CALL eq_paths('seq');

	FOR one IN EXECUTE format('SELECT block, problem FROM omendb.check(%L)', 'eq_o_' || c.n) LOOP
		faults := faults || format('check: %s: %s', one.block, one.problem);
	END LOOP;
	FOR one IN SELECT indexrelid::regclass AS i FROM pg_index JOIN pg_class x ON x.oid = indexrelid JOIN pg_am a ON a.oid = x.relam
		WHERE indrelid = ('eq_o_' || c.n)::regclass AND amname = 'alex' LOOP
		BEGIN
			PERFORM omendb.alex_check(one.i, true);
		EXCEPTION WHEN OTHERS THEN
			faults := faults || format('alex_check of %s: %s', one.i, SQLERRM);
		END;
	END LOOP;
	UPDATE eq_count SET queries = queries + n, results = results + bytes;
	RETURN faults;
END $$;

CREATE FUNCTION eq_stage(stage text, seed int) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT is(eq_faults(c, seed), '{}', format('kind %s, groups of %s: %s', c.kind, c.group_rows, stage)) FROM eq_combos c ORDER BY n
$$;

-- Statements that change or lock rows, drawn from a seed, on both tables of a pair: what each says of itself has
-- to be the same, and every few statements the rows of the tables.  Some are rolled back in a subtransaction,
-- and the transaction ends now and then.  Row 77 stays.
CREATE TABLE eq_changed (n int, statements int, fault text);
CREATE PROCEDURE eq_change(seed int, steps int, keyed bool) LANGUAGE plpgsql AS $$
DECLARE
	c eq_combos;
	conditions text[];
	h int8;
	a int;
	kind int;
	rows text;
	few text;
	statement text;
	side text;
	result text;
	results text[];
	r record;
	cur refcursor;
BEGIN
	FOR c IN SELECT * FROM eq_combos ORDER BY n LOOP
		conditions := eq_conditions(c, seed);
		FOR i IN 1 .. steps LOOP
			h := hashint8extended(seed * 1000003::int8 + c.n * 1009 + i, 7) & 1152921504606846975;
			a := 1 + (h >> 8) % CASE WHEN keyed THEN 3400 ELSE 2900 END;
			rows := format('(id BETWEEN %s AND %s OR id BETWEEN -%2$s AND -%1$s) AND id <> 77', a, a + (h >> 24) % 50);
			few := format('(%s) AND id %% 31 = %s AND id <> 77', conditions[1 + (h >> 32) % cardinality(conditions)], (h >> 48) % 31);
			kind := (ARRAY[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 11, 11, 12, 13])[1 + h % 16];
			statement := CASE kind
				WHEN 0 THEN format('WITH q AS (UPDATE %%T SET k = id %% 97, t = t || ''u'' WHERE %s RETURNING *) ', rows)
				WHEN 1 THEN format('WITH q AS (UPDATE %%T SET l = NULL, f = -f, w = NULL WHERE %s RETURNING *) ', few)
				WHEN 2 THEN format('WITH q AS (UPDATE %%T SET d = d, n = n WHERE %s RETURNING id, d, n, w) ', rows)
				WHEN 3 THEN format('WITH q AS (DELETE FROM %%T WHERE %s RETURNING *) ', rows)
				WHEN 4 THEN format('WITH q AS (DELETE FROM %%T WHERE %s RETURNING id, t, w) ', few)
				WHEN 5 THEN format('WITH q AS (SELECT * FROM %%T WHERE %s %s) ', rows,
					(ARRAY['FOR UPDATE', 'FOR NO KEY UPDATE', 'FOR SHARE NOWAIT', 'FOR KEY SHARE', 'FOR UPDATE SKIP LOCKED'])[1 + (h >> 20) % 5])
				WHEN 6 THEN format('WITH q AS (SELECT id, w FROM %%T WHERE %s FOR UPDATE) ', few)
				WHEN 7 THEN format('WITH q AS (UPDATE %%T a SET t = b.t, g = b.g FROM %%T b WHERE b.id = a.id + 9 AND a.%s RETURNING a.*, b.j) ', substr(rows, 2, strpos(rows, ' OR') - 2))
				WHEN 8 THEN format('WITH q AS (UPDATE %%T SET w = (SELECT string_agg(md5((id * 7 + i)::text), '''') FROM generate_series(1, 90) i), j = NULL WHERE %s AND id %% 5 = 0 RETURNING *) ', rows)
				WHEN 9 THEN format('WITH q AS (UPDATE %%T SET id = -id WHERE %s RETURNING *) ', rows)
				WHEN 10 THEN format('MERGE INTO %%T m USING (SELECT i, i %% 4 AS what FROM generate_series(%s, %s) i WHERE i <> 77) v ON m.id = v.i
					WHEN MATCHED AND what = 0 THEN DELETE WHEN MATCHED AND what = 1 THEN DO NOTHING
					WHEN MATCHED THEN UPDATE SET k = what, t = coalesce(t, ''m'') || what WHEN NOT MATCHED AND what < 3 THEN INSERT (id, k, t) VALUES (i, what, ''merged'')', a, a + 30)
				WHEN 11 THEN format('WITH q AS (INSERT INTO %%T (id, k, t, w) SELECT id, k, t, w FROM eq_rows(%%K, %s, %s) %s RETURNING *) ', a, a + 20,
					(ARRAY['ON CONFLICT DO NOTHING', 'ON CONFLICT (id) DO UPDATE SET k = EXCLUDED.k + 1, w = NULL', 'ON CONFLICT (id) DO UPDATE SET t = ''upsert'' WHERE %T.id % 3 > 0'])[1 + (h >> 20) % 3])
				WHEN 12 THEN format('SELECT * FROM %%T WHERE %s', rows)
				ELSE format('WITH q AS (UPDATE %%T SET s = s %% 100 - 7, u = md5(id::text)::uuid, e = ''low'' WHERE %s RETURNING *) ', few) END;
			CONTINUE WHEN NOT keyed AND kind = 11;
			IF statement LIKE 'WITH %' THEN
				statement := statement || 'SELECT concat(count(*), '' '', sum(hashtextextended(q::text, 0)::numeric)) FROM q';
			END IF;
			statement := replace(statement, '%K', c.kind::text);
			results := '{}';
			FOREACH side IN ARRAY '{h,o}'::text[] LOOP
				result := NULL;
				IF kind = 12 THEN
					-- the rows of a cursor, one by one
					OPEN cur FOR EXECUTE replace(statement, '%T', format('eq_%s_%s', side, c.n)) || CASE WHEN (h >> 20) % 2 = 0 THEN ' FOR UPDATE' ELSE '' END;
					LOOP
						FETCH cur INTO r;
						EXIT WHEN NOT FOUND;
						EXECUTE format(CASE r.id % 3 WHEN 0 THEN 'DELETE FROM eq_%s_%s WHERE CURRENT OF %I' ELSE 'UPDATE eq_%s_%s SET k = 55 WHERE CURRENT OF %I' END, side, c.n, cur);
						result := coalesce(result::numeric, 0) + hashtextextended(r::text, 0);
					END LOOP;
					CLOSE cur;
				ELSIF kind IN (9, 11) OR (h >> 40) % 4 = 0 THEN
					-- may fail, or is undone
					BEGIN
						EXECUTE replace(statement, '%T', format('eq_%s_%s', side, c.n)) INTO result;
						IF (h >> 40) % 4 = 0 THEN
							RAISE EXCEPTION USING ERRCODE = 'EQ000', MESSAGE = 'undone: ' || coalesce(result, '');
						END IF;
					EXCEPTION WHEN OTHERS THEN
						result := SQLSTATE || CASE SQLSTATE WHEN 'EQ000' THEN SQLERRM ELSE '' END;
					END;
				ELSIF statement LIKE 'MERGE%' THEN
					EXECUTE replace(statement, '%T', format('eq_%s_%s', side, c.n));
					GET DIAGNOSTICS result = ROW_COUNT;
				ELSE
					EXECUTE replace(statement, '%T', format('eq_%s_%s', side, c.n)) INTO result;
				END IF;
				IF i % 6 = 0 OR i = steps THEN
					EXECUTE replace(eq_sum('SELECT * FROM %T'), '%T', format('eq_%s_%s', side, c.n)) INTO few;
					result := concat(result, '; ', few);
				END IF;
				results := results || result;
			END LOOP;
			INSERT INTO eq_changed VALUES (c.n, 1, CASE WHEN results[1] IS DISTINCT FROM results[2] THEN
				format('seed %s, step %s: %s: %s instead of %s', seed, i, statement, results[2], results[1]) END);
			IF (h >> 44) % 5 = 0 THEN
				COMMIT;
			END IF;
		END LOOP;
	END LOOP;
END $$;
CREATE FUNCTION eq_change_faults(stage text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT is((SELECT array_agg(fault) FROM eq_changed x WHERE x.n = c.n AND fault IS NOT NULL), NULL, format('kind %s, groups of %s: changed, %s', c.kind, c.group_rows, stage))
	FROM eq_combos c ORDER BY n
$$;

SELECT plan(6 * 7 + 6 + 6 + 6 + 6 * 5 + 1);

-- loaded cold, before there are indexes; rows in between by INSERT
CREATE TABLE eq_t AS SELECT * FROM eq_rows(0, 1, 0);
SELECT format('CREATE TABLE eq_%s_%s (LIKE eq_t) USING %s WITH (autovacuum_enabled = off)', side, n, CASE side WHEN 'h' THEN 'heap' ELSE 'omendb' END)
FROM eq_combos, unnest('{h,o}'::text[]) side \gexec
CALL eq_load(1, 1600);
CALL eq_do($$INSERT INTO %T SELECT * FROM eq_rows(%K, 1601, 2000)$$);
CALL eq_load(2001, 3000);
SELECT eq_stage('loaded', 1);
CREATE TABLE eq_cold AS SELECT n, (SELECT sum(rows) FROM omendb.row_groups(format('eq_o_%s', n)::regclass) WHERE state = 'visible') AS rows FROM eq_combos;

-- cold rows changed and locked, when there is no index yet
CALL eq_change(1, 16, false);
SELECT eq_change_faults('no index');
-- hot rows as usual, and what was rolled back
CALL eq_do($$UPDATE %T SET t = t || '!', k = k / 2 + 1 WHERE id BETWEEN 1701 AND 2000 AND id % 4 = 0$$);
CALL eq_do($$DELETE FROM %T WHERE id BETWEEN 1701 AND 2000 AND id % 9 = 0$$);
BEGIN;
CALL eq_load(8001, 10000);
SAVEPOINT a;
CALL eq_do($$DELETE FROM %T WHERE id BETWEEN 1701 AND 2000$$);
CALL eq_load(6001, 8000);
ROLLBACK TO a;
CALL eq_load(5001, 6000);
SAVEPOINT b;
CALL eq_load(8001, 10000);
ROLLBACK;
BEGIN;
CALL eq_load(3001, 3400);
SAVEPOINT a;
CALL eq_load(6001, 8000);
ROLLBACK TO a;
COMMIT;
SELECT eq_stage('rows changed, loads rolled back', 2);

-- indexes and statistics
SELECT format('CREATE INDEX eq_%s_%s_%s ON eq_%1$s_%2$s USING %4$s (%3$I)', side, n, col, CASE WHEN side = 'o' THEN how ELSE 'btree' END)
FROM eq_combos, unnest('{h,o}'::text[]) side, (VALUES ('k', 'alex'), ('l', 'alex'), ('d', 'alex'), ('ts', 'alex'), ('t', 'btree'), ('f', 'btree')) v(col, how) \gexec
SELECT format('CREATE UNIQUE INDEX eq_%s_%s_id ON eq_%1$s_%2$s (id)', side, n) FROM eq_combos, unnest('{h,o}'::text[]) side \gexec
CALL eq_do('ANALYZE %T');
SELECT is((SELECT string_agg(format('%s %s %s', attname, n_distinct, null_frac), ', ' ORDER BY attname) FROM pg_stats WHERE tablename = 'eq_o_' || n),
	(SELECT string_agg(format('%s %s %s', attname, n_distinct, null_frac), ', ' ORDER BY attname) FROM pg_stats WHERE tablename = 'eq_h_' || n),
	format('kind %s: statistics', kind))
FROM eq_combos ORDER BY n;
SELECT eq_stage('indexed', 3);
CALL eq_do($$INSERT INTO %T SELECT * FROM eq_rows(%K, 6001, 6300)$$);
CALL eq_do($$UPDATE %T SET k = 7, t = NULL WHERE id > 6200$$);
CALL eq_do($$DELETE FROM %T WHERE id > 6050 AND id <= 6100$$);
CALL eq_change(2, 16, true);
SELECT eq_change_faults('with indexes');
SELECT 'VACUUM ' || string_agg(format('eq_h_%1$s, eq_o_%1$s', n), ', ') FROM eq_combos \gexec
CALL eq_change(3, 16, true);
SELECT eq_change_faults('vacuumed');
SELECT 'VACUUM ' || string_agg(format('eq_h_%1$s, eq_o_%1$s', n), ', ') FROM eq_combos \gexec
SELECT eq_stage('vacuumed', 4);

-- a duplicate of a cold row is found
SELECT throws_ok(format('INSERT INTO eq_o_%s SELECT * FROM eq_rows(%s, 77, 77)', n, kind), '23505', NULL, format('kind %s: a duplicate of a cold row', kind))
FROM eq_combos ORDER BY n;

-- rewritten: in order of an index, without order, by ALTER TABLE
SELECT format('SET omendb.row_group_rows = %s', group_rows), CASE n % 3 WHEN 0 THEN format('CLUSTER eq_o_%s USING eq_o_%1$s_t', n)
	WHEN 1 THEN format('VACUUM FULL eq_o_%s', n) ELSE format('ALTER TABLE eq_o_%s ALTER s TYPE int4', n) END FROM eq_combos \gexec
SELECT format('ALTER TABLE eq_h_%s ALTER s TYPE int4', n) FROM eq_combos WHERE n % 3 = 2 \gexec
SELECT eq_stage('rewritten', 5);

-- columns come and go; whatever is hot now changes
CALL eq_do($$ALTER TABLE %T ADD COLUMN a1 int DEFAULT 11, ADD COLUMN a2 text DEFAULT 'a default', DROP COLUMN y, ADD COLUMN z int$$);
CALL eq_do($$ALTER TABLE %T ADD COLUMN y text$$);
CALL eq_do($$UPDATE %T SET a1 = 12, y = 'y', z = id WHERE id IN (SELECT id FROM %O WHERE (ctid::text::point)[0] < 2147483648) AND id % 3 > 0$$);
CALL eq_do($$DELETE FROM %T WHERE id IN (SELECT id FROM %O WHERE (ctid::text::point)[0] < 2147483648) AND id % 3 = 0$$);
CALL eq_change(4, 16, true);
SELECT eq_change_faults('columns added and dropped');
SELECT eq_stage('columns added and dropped', 6);

-- loaded again: hot, for there are indexes; then rewritten
CALL eq_do('TRUNCATE %T');
CALL eq_do('ALTER TABLE %T DROP COLUMN a1, DROP COLUMN a2, DROP COLUMN z, DROP COLUMN y');
CALL eq_do($$ALTER TABLE %T ADD COLUMN y bytea$$);
CALL eq_do($$INSERT INTO %T (id, k, l, s, f, n, x, d, ts, t, c, u, y, b, e, j, g, w) SELECT * FROM eq_rows(%K, 1, 2500)$$);
CALL eq_do('ANALYZE %T');
SELECT format('SET omendb.row_group_rows = %s', group_rows), format('VACUUM FULL eq_o_%s', n) FROM eq_combos \gexec
CALL eq_do($$INSERT INTO %T (id, k, l, s, f, n, x, d, ts, t, c, u, y, b, e, j, g, w) SELECT * FROM eq_rows(%K, 2501, 2600)$$);
CALL eq_change(5, 16, true);
SELECT eq_change_faults('truncated, filled and rewritten');
SELECT eq_stage('truncated, filled and rewritten', 7);

-- that all this was no test of nothing
SELECT cmp_ok(queries, '>', 8000::int8, 'number of queries') FROM eq_count;
SELECT cmp_ok(results, '>', 5000000::int8, 'bytes of results') FROM eq_count;
SELECT cmp_ok(sum(statements), '>', 400::int8, 'statements that change rows') FROM eq_changed;
SELECT cmp_ok(min(rows), '>', 1000::numeric, 'cold rows of each pair') FROM eq_cold;
SELECT cmp_ok((SELECT count(*) FROM eq_seen WHERE path = 'parallel' AND scans LIKE '%Parallel Seq Scan%'), '>', 100::int8, 'parallel scans');
SELECT cmp_ok((SELECT count(*) FROM eq_seen WHERE path = 'tid' AND scans LIKE '%Tid%'), '>', 10::int8, 'TID scans');
SELECT cmp_ok((SELECT count(*) FROM eq_seen WHERE path IN ('index', 'only', 'merge') AND scans ~ 'Index (Only )?Scan'), '>', 200::int8, 'index scans');

SELECT * FROM finish();
