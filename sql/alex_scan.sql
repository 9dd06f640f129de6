-- Scans beyond a single range and a visit to the table: IN lists, mark and restore, index-only, parallel.
--
-- Whatever an alex index returns is compared with a sequential scan's rows, and the plan is shown or looked
-- at, so that an index that is not used fails the test.

CREATE TABLE scan_t AS
	SELECT g AS id, CASE WHEN g % 50 <> 0 THEN (g * 7919 % 4001)::int4 END AS k, (g % 20)::int2 AS few,
		date '2024-01-01' + g % 100 AS d, timestamp '2024-01-01 00:00' + g % 500 * interval '6 h' AS ts
	FROM generate_series(1, 12000) g;
CREATE INDEX scan_k ON scan_t USING alex (k) WITH (leaf_entries = 256);
CREATE INDEX scan_few ON scan_t USING alex (few DESC NULLS LAST) WITH (leaf_entries = 256);
CREATE INDEX scan_d ON scan_t USING alex (d) WITH (leaf_entries = 256);
CREATE INDEX scan_ts ON scan_t USING alex (ts DESC) WITH (leaf_entries = 256);
-- some of the entries lie in gap runs
INSERT INTO scan_t SELECT 20000 + g, g * 13 % 4001, g % 20, date '2024-02-01' + g % 10, timestamp '2024-03-01 01:00'
	FROM generate_series(1, 300) g;
VACUUM ANALYZE scan_t;
SET max_parallel_workers_per_gather = 0;
SET TimeZone = 'Asia/Kolkata';

CREATE FUNCTION scan_paths(path text) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('enable_' || s, CASE WHEN s = ANY (CASE path
			WHEN 'seq' THEN '{seqscan,sort}'::text[]
			WHEN 'index' THEN '{indexscan,indexonlyscan,nestloop}'
			WHEN 'bitmap' THEN '{bitmapscan,sort}'
			WHEN 'merge' THEN '{indexscan,mergejoin}'
			WHEN 'hash' THEN '{seqscan,hashjoin}' END) THEN 'on' ELSE 'off' END, false)
	FROM unnest('{seqscan,indexscan,indexonlyscan,bitmapscan,sort,incremental_sort,nestloop,hashjoin,mergejoin,material,memoize,hashagg}'::text[]) s
$$;

-- the plan's lines that name scans, and conditions on the index
CREATE FUNCTION scan_plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Scan|Index Cond|Join|Sort|Materialize|Gather' AND line !~ 'Filter:' THEN
			RETURN NEXT regexp_replace(line, '^[ >-]*', '');
		END IF;
	END LOOP;
END $$;

-- a condition, in the order of a column's index, both ways, and by a bitmap: all as a sequential scan has it
CREATE FUNCTION scan_same(col text, condition text, OUT plan text, OUT n int8, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE
	ordered text := format('SELECT array_agg(%1$s)::text FROM (SELECT %1$s FROM scan_t WHERE %2$s ORDER BY %1$s ', col, condition);
	rows text := 'SELECT array_agg(id ORDER BY id)::text FROM scan_t WHERE ' || condition;
	nulls text;
	expected text;
	result text;
BEGIN
	SELECT CASE WHEN pg_get_indexdef(i.indexrelid) ~ 'DESC NULLS LAST' THEN 'LAST' ELSE 'FIRST' END INTO nulls
		FROM pg_index i JOIN pg_class c ON c.oid = indexrelid WHERE c.relname = 'scan_' || col;
	PERFORM scan_paths('seq');
	EXECUTE 'SELECT count(*) FROM scan_t WHERE ' || condition INTO n;
	same := true;
	FOR i IN 0 .. 3 LOOP
		PERFORM scan_paths('seq');
		EXECUTE CASE i WHEN 0 THEN ordered || 'NULLS LAST) s' WHEN 1 THEN ordered || 'DESC NULLS FIRST) s' ELSE rows END INTO expected;
		PERFORM scan_paths(CASE WHEN i = 3 THEN 'bitmap' ELSE 'index' END);
		EXECUTE CASE i WHEN 0 THEN ordered || CASE nulls WHEN 'LAST' THEN 'NULLS FIRST' ELSE 'NULLS LAST' END || ') s'
			WHEN 1 THEN ordered || 'DESC NULLS ' || nulls || ') s' ELSE rows END INTO result;
		same := same AND result IS NOT DISTINCT FROM expected;
	END LOOP;
	PERFORM scan_paths('index');
	SELECT string_agg(p, '; ') INTO plan FROM scan_plan(format('SELECT id, %1$s FROM scan_t WHERE %2$s ORDER BY %1$s %3$s', col, condition,
		CASE nulls WHEN 'LAST' THEN 'NULLS FIRST' ELSE '' END)) p;
END $$;

-- IN and = ANY: sorted, without duplicates, NULL elements
\pset format unaligned
SELECT * FROM scan_same('k', 'k IN (17, 3999, 4, 5, 4, 3)');
SELECT * FROM scan_same('k', 'k = ANY (ARRAY[5, NULL, -7, 5, 4000, 100000])');
SELECT * FROM scan_same('k', 'k = ANY (ARRAY[NULL, NULL]::int4[])');
SELECT * FROM scan_same('k', 'k = ANY (''{}''::int4[])');
SELECT * FROM scan_same('k', 'k = ANY (NULL::int4[])');
SELECT * FROM scan_same('k', 'k = ANY (ARRAY[[1, 2], [3, 4]])');
-- elements of other types, some without a counterpart in the column
SELECT * FROM scan_same('k', 'k = ANY (ARRAY[5, 9000000000, -9000000000, 6]::int8[])');
SELECT * FROM scan_same('few', 'few = ANY (ARRAY[3, 100000, 19, 0, 3])');
SELECT * FROM scan_same('d', 'd = ANY (ARRAY[''2024-01-05 00:00'', ''2024-01-06 12:00'', ''infinity'', ''2024-02-03 00:00'']::timestamp[])');
SELECT * FROM scan_same('ts', 'ts = ANY (ARRAY[''2024-01-05'', ''-infinity'', ''2024-01-04'']::date[])');
-- bounds wider than the condition, and overlapping
SELECT * FROM scan_same('d', 'd = ANY (ARRAY[''2024-01-05 00:00'', ''2024-01-06 00:00'', ''2024-01-06 12:00'', ''2024-02-03 00:00'']::timestamptz[])');
SELECT * FROM scan_same('ts', 'ts = ANY (ARRAY[''2024-01-05 06:00'', ''2024-01-05 06:00'', ''2024-01-06 00:00'', ''infinity'']::timestamptz[])');
-- together with other conditions on the column
SELECT * FROM scan_same('k', 'k = ANY (ARRAY[1, 5, 10, 50, 100, 500]) AND k > 5 AND k <= 100');
SELECT * FROM scan_same('k', 'k = ANY (ARRAY[1, 5, 10, 50, 100, 500]) AND k = ANY (ARRAY[10, 500, 20, 1]::int8[])');
SELECT * FROM scan_same('k', 'k = ANY (ARRAY[1, 5, 10, 50]) AND k = 10');
SELECT * FROM scan_same('k', 'k = ANY (ARRAY[1, 5]) AND k > 100');
-- other operators: as good as one element
SELECT * FROM scan_same('k', 'k < ANY (ARRAY[5, NULL, 20, 1])');
SELECT * FROM scan_same('few', 'few >= ANY (ARRAY[18, NULL, 19]) AND few < ANY (ARRAY[19, 0])');
-- elements that lie on few leaves, and many that lie on all
SELECT n, same FROM scan_same('k', 'k = ANY (ARRAY(SELECT g FROM generate_series(1, 4000, 3) g))');
SELECT n, same FROM scan_same('k', 'k = ANY (ARRAY(SELECT 1000 + g FROM generate_series(0, 99) g) || ARRAY[1, 3000])');
\pset format aligned

-- both ways in one scan
SELECT scan_paths('index') \g /dev/null
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT k FROM scan_t WHERE k IN (1000, 10, 1001, 3500) ORDER BY k;
FETCH 5 FROM c;
FETCH BACKWARD 3 FROM c;
MOVE ALL FROM c;
FETCH BACKWARD 8 FROM c;
MOVE BACKWARD ALL FROM c;
FETCH 1 FROM c;
COMMIT;

-- arrays that differ with each rescan
SELECT scan_plan('SELECT p.i, t.k FROM generate_series(1, 5) p(i), scan_t t WHERE t.k = ANY (ARRAY[p.i, p.i * 100, p.i * 1000])');
SELECT p.i, count(*), sum(t.k) FROM generate_series(0, 5) p(i), scan_t t
	WHERE t.k = ANY (CASE p.i WHEN 0 THEN NULL WHEN 1 THEN '{}' ELSE ARRAY[p.i, p.i * 100, p.i * 1000] END)
	GROUP BY p.i ORDER BY p.i;

-- index-only scans: NULLs, both directions, a column twice, rechecks, rows that are not visible to all
CREATE TABLE scan_o (i int4, l int8, s int2, d date, ts timestamp, tz timestamptz) WITH (autovacuum_enabled = off);
INSERT INTO scan_o SELECT CASE WHEN g % 9 <> 0 THEN g * 7 % 1000 END, g * 10000000000, g % 100 - 50, date '2024-01-01' + g % 60,
	timestamp '2024-01-01' + g % 90 * interval '7 h', timestamptz '2024-01-01 00:00+00' + g * interval '1 min' FROM generate_series(1, 3000) g;
INSERT INTO scan_o VALUES (-2147483648, -9223372036854775808, -32768, '-infinity', '-infinity', '-infinity'),
	(2147483647, 9223372036854775807, 32767, 'infinity', 'infinity', 'infinity'), (NULL, NULL, NULL, NULL, NULL, NULL);
SELECT format('CREATE INDEX ON scan_o USING alex (%s) WITH (leaf_entries = 256)', c)
	FROM unnest('{i DESC,l,s NULLS FIRST,d,ts DESC NULLS LAST,tz}'::text[]) c \gexec
VACUUM ANALYZE scan_o;
DELETE FROM scan_o WHERE i % 10 = 3;
CREATE FUNCTION scan_only(col text, condition text, OUT plan text, OUT n int8, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT %1$s FROM scan_o WHERE %2$s', col, condition);
	expected text;
	found text;
BEGIN
	PERFORM scan_paths('seq');
	EXECUTE format('SELECT count(*), array_agg(%1$s ORDER BY %1$s)::text FROM (%2$s) s', col, query) INTO n, expected;
	PERFORM scan_paths('index');
	SELECT string_agg(p, '; ') INTO plan FROM scan_plan(query) p;
	EXECUTE format('SELECT array_agg(%1$s ORDER BY %1$s)::text FROM (%2$s OFFSET 0) s', col, query) INTO found;
	same := found IS NOT DISTINCT FROM expected;
END $$;
\pset format unaligned
SELECT * FROM scan_only('i', 'i > 500 OR i IS NULL');
SELECT c, s.* FROM unnest('{i,l,s,d,ts,tz}'::text[]) c, scan_only(c, c || ' IS NOT NULL') s;
SELECT c, s.* FROM unnest('{i,l,s,d,ts,tz}'::text[]) c, scan_only(c, c || ' IS NULL') s;
SELECT * FROM scan_only('l', 'l IN (40000000000, 10000000000, -9223372036854775808, 5)');
SELECT * FROM scan_only('ts', 'ts > ''2024-01-20 00:00''::timestamptz');
SELECT * FROM scan_only('d', 'd = ANY (ARRAY[''2024-01-05 00:00'', ''2024-01-06 00:00'']::timestamptz[])');
\pset format aligned
SELECT scan_paths('index') \g /dev/null
SELECT regexp_replace(p, 'scan_o_\w+', 'scan_o_?') AS plan FROM scan_plan('SELECT count(*) FROM scan_o') p;
SELECT count(*), (SELECT count(*) FROM scan_o WHERE i::text IS NULL OR i::text <> '') FROM scan_o;
SELECT scan_plan('SELECT i + 1, i FROM scan_o WHERE i < 5 ORDER BY i DESC');
SELECT i + 1, i FROM scan_o WHERE i BETWEEN 0 AND 5 ORDER BY i DESC LIMIT 6;
SELECT min(i), max(i), min(s), max(tz), max(d) FROM scan_o;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT i FROM scan_o ORDER BY i NULLS LAST;
MOVE 700 FROM c;
FETCH 2 FROM c;
FETCH BACKWARD 2 FROM c;
FETCH LAST FROM c;
COMMIT;
-- joins that restore a mark of an index-only scan
SELECT scan_paths('merge'), set_config('enable_indexonlyscan', 'on', false) \g /dev/null
SELECT scan_plan('SELECT count(*) FROM scan_o a JOIN scan_o b USING (s)') AS line ORDER BY line;
SELECT count(*), sum(a.s::int * b.s) FROM scan_o a JOIN scan_o b USING (s);
SELECT scan_paths('hash') \g /dev/null
SELECT count(*), sum(a.s::int * b.s) FROM scan_o a JOIN scan_o b USING (s);
DROP FUNCTION scan_only;
DROP TABLE scan_o;

-- merge joins without Materialize: the index scan restores its mark; equal keys stretch over several leaves
CREATE TABLE scan_m AS SELECT g AS id, CASE WHEN g % 3 = 0 THEN g ELSE g / 400 * 400 END AS k FROM generate_series(1, 2000) g;
CREATE INDEX scan_m_k ON scan_m USING alex (k) WITH (leaf_entries = 256);
ANALYZE scan_m;
SELECT scan_paths('merge') \g /dev/null
SELECT scan_plan('SELECT count(*) FROM scan_m a JOIN scan_m b USING (k)') AS line ORDER BY line;
SELECT count(*), sum(a.id * b.id) FROM scan_m a JOIN scan_m b USING (k);
SELECT scan_plan('SELECT count(*) FROM scan_m a JOIN scan_m b ON a.k = b.k AND a.k IN (400, 1200, 3) AND b.k IN (400, 1200, 3)') AS line ORDER BY line;
SELECT count(*), sum(a.id * b.id) FROM scan_m a JOIN scan_m b ON a.k = b.k AND b.k IN (400, 1200, 1201, 3);
SELECT count(*), sum(a.id * b.id) FROM scan_m a LEFT JOIN scan_m b ON a.k = b.k AND b.k IN (400, 1200, 1201, 3) AND b.id % 2 = 0;
SELECT scan_paths('hash') \g /dev/null
SELECT count(*), sum(a.id * b.id) FROM scan_m a JOIN scan_m b USING (k);
SELECT count(*), sum(a.id * b.id) FROM scan_m a JOIN scan_m b ON a.k = b.k AND b.k IN (400, 1200, 1201, 3);
SELECT count(*), sum(a.id * b.id) FROM scan_m a LEFT JOIN scan_m b ON a.k = b.k AND b.k IN (400, 1200, 1201, 3) AND b.id % 2 = 0;

-- parallel scans: by page, both ways, index-only, by range of an array; the leader lets two workers do it
CREATE TABLE scan_p (id int, k int, few int2, d date) WITH (parallel_workers = 2, autovacuum_enabled = off);
INSERT INTO scan_p SELECT g, CASE WHEN g % 97 <> 0 THEN g * 7919 % 10007 END, g % 30, date '2024-01-01' + g % 200 FROM generate_series(1, 15000) g;
CREATE INDEX scan_p_k ON scan_p USING alex (k) WITH (leaf_entries = 256);
CREATE INDEX scan_p_few ON scan_p USING alex (few DESC) WITH (leaf_entries = 256);
CREATE INDEX scan_p_d ON scan_p USING alex (d) WITH (leaf_entries = 256);
VACUUM ANALYZE scan_p;
CREATE FUNCTION scan_dear(anyelement) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 100000 AS 'BEGIN RETURN true; END';
CREATE FUNCTION scan_parallel(condition text, cols text, ordered text, OUT plan text, OUT n int8, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT %1$s FROM scan_p WHERE %2$s AND scan_dear(%1$s) %3$s', cols, condition, ordered);
	expected text;
	found text;
BEGIN
	PERFORM scan_paths('seq'), set_config('max_parallel_workers_per_gather', '0', false);
	EXECUTE format('SELECT count(*), array_agg(%1$s ORDER BY %1$s)::text FROM (%2$s) s', cols, query) INTO n, expected;
	PERFORM scan_paths('index'), set_config('max_parallel_workers_per_gather', '2', false);
	SELECT string_agg(p, '; ') INTO plan FROM scan_plan(query) p;
	-- in order, if one is asked for
	EXECUTE format('SELECT array_agg(%1$s %3$s)::text FROM (%2$s) s', cols, query,
		CASE WHEN ordered = '' THEN 'ORDER BY ' || cols END) INTO found;
	IF ordered LIKE '%DESC' THEN
		EXECUTE format('SELECT array_agg(c ORDER BY n DESC)::text FROM unnest(%L::int[]) WITH ORDINALITY u(c, n)', found) INTO found;
	END IF;
	same := found IS NOT DISTINCT FROM expected;
END $$;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET parallel_leader_participation = off;
\pset format unaligned
SELECT * FROM scan_parallel('k > 1000', 'id', '');
SELECT * FROM scan_parallel('k BETWEEN 1000 AND 6000', 'k', '');
SELECT * FROM scan_parallel('k < 9000', 'k', 'ORDER BY k');
SELECT * FROM scan_parallel('k > 77', 'k', 'ORDER BY k DESC');
SELECT * FROM scan_parallel('k IS NULL', 'id', '');
SELECT * FROM scan_parallel('k = 4242', 'id', '');
SELECT * FROM scan_parallel('k > 4242 AND k < 4242', 'id', '');
SELECT * FROM scan_parallel('few IN (1, 5, 5, 29, 17, 40)', 'id', '');
SELECT * FROM scan_parallel('few IN (1, 5, 5, 29, 17, 40)', 'few', 'ORDER BY few DESC');
SELECT * FROM scan_parallel('few IN (1, 5, 5, 29, 17, 40)', 'few', 'ORDER BY few');
SELECT * FROM scan_parallel('k IN (1, 5, 9, 10, 11, 12, 13, 2000, 3000, NULL)', 'id', '');
SELECT * FROM scan_parallel('d = ANY (ARRAY[''2024-01-05 00:00'', ''2024-01-06 00:00'', ''2024-03-01 00:00'']::timestamptz[])', 'id', '');
\pset format aligned
-- rescans
SELECT scan_paths('index'), set_config('max_parallel_workers_per_gather', '2', false) \g /dev/null
SELECT scan_plan('SELECT v, s.* FROM (VALUES (1), (2), (3)) v(v) LEFT JOIN (SELECT count(*) AS n, sum(id) FROM scan_p WHERE k > 5000 AND scan_dear(k)) s ON v < n');
SELECT v, s.* FROM (VALUES (1), (2), (3)) v(v) LEFT JOIN (SELECT count(*) AS n, sum(id) FROM scan_p WHERE k > 5000 AND scan_dear(k)) s ON v < n;
RESET parallel_leader_participation;
SELECT count(*), sum(id) FROM scan_p WHERE k > 5000 AND scan_dear(k);
DROP FUNCTION scan_parallel, scan_dear;
DROP TABLE scan_p;

DROP FUNCTION scan_paths, scan_plan, scan_same;
DROP TABLE scan_t, scan_m;
