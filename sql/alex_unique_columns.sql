-- Unique alex indexes on several columns, with keys of up to 16 bytes: what is a duplicate, and the same
-- statements against btree's.
\set VERBOSITY default
SET TimeZone = 'UTC';
SET enable_bitmapscan = off;

CREATE TABLE uniqcol_t (device int, at timestamptz, v int);
CREATE UNIQUE INDEX uniqcol_t_i ON uniqcol_t USING alex (device, at DESC) WITH (leaf_entries = 256);
INSERT INTO uniqcol_t VALUES (1, '2024-01-01', 1), (1, '2024-01-02', 2), (2, '2024-01-01', 3);
INSERT INTO uniqcol_t VALUES (1, '2024-01-02', 4);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO uniqcol_t VALUES (3, '2024-01-01', 5), (3, '2024-01-01', 6);
UPDATE uniqcol_t SET device = 1 WHERE device = 2;
UPDATE uniqcol_t SET device = 1, at = at + interval '5 days' WHERE device = 2;
-- a NULL in any column, the extremes whose codes are those of NULLs
INSERT INTO uniqcol_t VALUES (NULL, '2024-01-01', 7), (NULL, '2024-01-01', 8), (1, NULL, 9), (1, NULL, 10), (NULL, NULL, 11),
	(NULL, NULL, 12), (2147483647, 'infinity', 13), (2147483647, '-infinity', 14), (2147483647, NULL, 15), (NULL, 'infinity', 16),
	(NULL, '-infinity', 17), (-2147483648, '-infinity', 18), (-2147483648, 'infinity', 19);
INSERT INTO uniqcol_t VALUES (2147483647, 'infinity', 20);
INSERT INTO uniqcol_t VALUES (2147483647, '-infinity', 20);
INSERT INTO uniqcol_t VALUES (-2147483648, '-infinity', 20);
SELECT v, device, at FROM uniqcol_t ORDER BY device, at DESC, v;
-- all forms of ON CONFLICT
INSERT INTO uniqcol_t VALUES (1, '2024-01-02', 100) ON CONFLICT (device, at) DO NOTHING RETURNING v;
INSERT INTO uniqcol_t VALUES (1, '2024-01-02', 100) ON CONFLICT (at, device) DO UPDATE SET v = uniqcol_t.v + excluded.v RETURNING v;
INSERT INTO uniqcol_t VALUES (1, NULL, 100) ON CONFLICT (device, at) DO UPDATE SET v = -1 RETURNING v;
INSERT INTO uniqcol_t VALUES (1, '2024-01-02', 100) ON CONFLICT (device) DO NOTHING;
INSERT INTO uniqcol_t VALUES (1, '2024-01-02', 100), (1, '2024-01-02', 101) ON CONFLICT DO NOTHING;

-- NULLs that are equal
CREATE UNIQUE INDEX uniqcol_nulls ON uniqcol_t USING alex (device, at) NULLS NOT DISTINCT;
DELETE FROM uniqcol_t WHERE v IN (100, 8, 10, 12);
CREATE UNIQUE INDEX uniqcol_nulls ON uniqcol_t USING alex (device, at) NULLS NOT DISTINCT;
INSERT INTO uniqcol_t VALUES (NULL, '2024-01-01', 21);
INSERT INTO uniqcol_t VALUES (1, NULL, 21);
INSERT INTO uniqcol_t VALUES (NULL, NULL, 21);
INSERT INTO uniqcol_t VALUES (2147483646, NULL, 22), (NULL, '2024-01-03', 23);
INSERT INTO uniqcol_t VALUES (NULL, NULL, 24) ON CONFLICT (device, at) DO UPDATE SET v = 24 RETURNING v;
SELECT omendb.alex_check('uniqcol_t_i', true, true), omendb.alex_check('uniqcol_nulls', true, true);
DROP TABLE uniqcol_t;

-- builds: duplicates among many rows, dead ones, one that is equal in all columns but the last
CREATE TABLE uniqcol_b AS SELECT g % 7 AS a, g / 7 AS b, g AS c FROM generate_series(0, 8000) g;
INSERT INTO uniqcol_b VALUES (3, 1000, -1);
CREATE UNIQUE INDEX uniqcol_b_ab ON uniqcol_b USING alex (a, b);
CREATE UNIQUE INDEX uniqcol_b_abc ON uniqcol_b USING alex (a, b, c);
DELETE FROM uniqcol_b WHERE c = -1;
CREATE UNIQUE INDEX uniqcol_b_ab ON uniqcol_b USING alex (a, b);
INSERT INTO uniqcol_b VALUES (3, 1000, -1);
REINDEX INDEX uniqcol_b_ab;
CREATE UNIQUE INDEX CONCURRENTLY uniqcol_b_ba ON uniqcol_b USING alex (b DESC, a);
UPDATE uniqcol_b SET c = c + 1;
INSERT INTO uniqcol_b VALUES (3, 1000, -1);
SELECT omendb.alex_check(i::regclass, true, true) FROM unnest('{uniqcol_b_ab,uniqcol_b_abc,uniqcol_b_ba}'::text[]) i;
DROP TABLE uniqcol_b;

-- a constraint on several columns
CREATE TABLE uniqcol_x (a int2, b int8, EXCLUDE USING alex (a WITH =, b WITH =) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO uniqcol_x SELECT i % 5, i FROM generate_series(1, 500) i;
BEGIN;
UPDATE uniqcol_x SET b = b + 5;
COMMIT;
BEGIN;
INSERT INTO uniqcol_x VALUES (1, 11);
COMMIT;
DROP TABLE uniqcol_x;

-- The same statements on a table with an alex index and on one with a btree: outcomes and rows.
CREATE FUNCTION uniqcol_run(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n int8;
	d text;
BEGIN
	EXECUTE statement;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
EXCEPTION WHEN unique_violation OR cardinality_violation THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || d;
END $$;
CREATE FUNCTION uniqcol_compare(types text[], index text, target text, rounds int,
	OUT same int8, OUT refused int8, OUT other text, OUT rows_differ int8) LANGUAGE plpgsql AS $$
DECLARE
	i int;
	h int8;
	k text[];
	statement text;
	a text;
	b text;
BEGIN
	same := 0;
	refused := 0;
	FOREACH a IN ARRAY '{uniqcol_a,uniqcol_e}'::text[] LOOP
		EXECUTE format('CREATE TABLE %s (x %s, y %s, z %s, v int)', a, types[1], types[2], types[3]);
	END LOOP;
	EXECUTE format('CREATE UNIQUE INDEX ON uniqcol_a USING alex %s', replace(index, 'WITH', 'WITH (leaf_entries = 256)'));
	EXECUTE format('CREATE UNIQUE INDEX ON uniqcol_e USING btree %s', replace(index, 'WITH', ''));
	FOR i IN 1..rounds LOOP
		h := (i::int8 * 2654435761 + 97) & 4294967295;
		-- few different values in each column, NULL and the extremes among them
		k := ARRAY(SELECT CASE WHEN (h >> 3 * j) % 11 = 0 THEN 'NULL'
				WHEN (h >> 3 * j) % 11 = 1 AND types[j] = 'int8' THEN '9223372036854775807'
				WHEN (h >> 3 * j) % 11 = 2 AND types[j] = 'int4' THEN '(-2147483648)'
				WHEN types[j] = 'date' THEN format('(date ''2024-01-01'' + %s)', (h >> 3 * j) % 5)
				ELSE ((h >> 3 * j) % 7)::text END || '::' || types[j] FROM generate_series(1, 3) j);
		statement := CASE h % 8
			WHEN 0 THEN format('DELETE FROM %%1$s WHERE y = %s AND x IS NOT NULL', k[2])
			WHEN 1 THEN format('UPDATE %%1$s SET x = %s WHERE y = %s', k[1], k[2])
			WHEN 2 THEN format('INSERT INTO %%1$s VALUES (%s, %s, %s, %s) ON CONFLICT %s DO UPDATE SET v = %%1$s.v + 1, z = %%1$s.z',
				k[1], k[2], k[3], i, target)
			WHEN 3 THEN format('INSERT INTO %%1$s VALUES (%s, %s, %s, %s), (%s, %s, %s, %s) ON CONFLICT DO NOTHING',
				k[1], k[2], k[3], i, k[1], k[2], k[3], i)
			WHEN 4 THEN format('UPDATE %%1$s SET v = v + 1 WHERE x = %s', k[1])
			ELSE format('INSERT INTO %%1$s VALUES (%s, %s, %s, %s)', k[1], k[2], k[3], i) END;
		a := uniqcol_run(format(statement, 'uniqcol_a'));
		b := uniqcol_run(format(statement, 'uniqcol_e'));
		IF a = b THEN
			same := same + 1;
		ELSE
			other := coalesce(other, '') || format('%s: alex %s, btree %s; ', statement, a, b);
		END IF;
		refused := refused + (a LIKE '23505%')::int;
	END LOOP;
	SELECT count(*) FROM ((TABLE uniqcol_a EXCEPT ALL TABLE uniqcol_e) UNION ALL (TABLE uniqcol_e EXCEPT ALL TABLE uniqcol_a)) d
	INTO rows_differ;
	PERFORM omendb.alex_check(indexrelid, true, true) FROM pg_index WHERE indrelid = 'uniqcol_a'::regclass;
	DROP TABLE uniqcol_a, uniqcol_e;
END $$;
SELECT same, refused > 20 AS refused, other, rows_differ FROM uniqcol_compare('{int4,date,int8}', '(x, y) WITH', '(x, y)', 300);
SELECT same, refused > 0 AS refused, other, rows_differ
FROM uniqcol_compare('{int4,int2,int8}', '(x DESC, y NULLS FIRST, z DESC NULLS LAST) WITH', '(x, y, z)', 300);
SELECT same, refused > 3 AS refused, other, rows_differ
FROM uniqcol_compare('{int8,int8,int4}', '(y, x DESC) NULLS NOT DISTINCT WITH', '(x, y)', 300);
SELECT same, refused > 3 AS refused, other, rows_differ
FROM uniqcol_compare('{oid,date,int4}', '(z, x, y NULLS FIRST) NULLS NOT DISTINCT WITH', '(z, y, x)', 300);
DROP FUNCTION uniqcol_run, uniqcol_compare;
