-- Unique alex indexes against unique btree indexes: the same statements on two tables, one after the other, must
-- each have the same outcome (rows touched, rows returned, or SQLSTATE and detail), and leave the same rows.
--
-- For each kind of key there are ue_a_N with a unique alex index and ue_b_N with a btree one.  Statements follow from
-- their number by arithmetic: inserts of one and of many rows, all forms of ON CONFLICT, updates that move keys,
-- deletes, MERGE, rolled back subtransactions, between REINDEX and VACUUM.
\set QUIET on
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET jit = off;
SET synchronous_commit = off;

CREATE TABLE ue_kinds (n int, type text, index_of text, nulls text, conflict text);
INSERT INTO ue_kinds VALUES
	(1, 'int4', '(k)', '', '(k)'),
	(2, 'int8', '(k DESC)', 'NULLS NOT DISTINCT', '(k)'),
	(3, 'int2', '(k NULLS FIRST)', '', '(k)'),
	(4, 'int8', '(k DESC NULLS LAST)', 'NULLS NOT DISTINCT', '(k)'),
	(5, 'date', '(k NULLS FIRST)', 'NULLS NOT DISTINCT', '(k)'),
	(6, 'timestamptz', '(k)', '', '(k)'),
	(7, 'float8', '(k DESC)', '', '(k)'),
	(8, 'int4', '((k / 2))', '', '((k / 2))');

-- few keys and many, extremes that share a code with NULL, NULLs
CREATE FUNCTION ue_key(type text, i int8) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	h int8 := (i * 2654435761 + 1013904223) & 4294967295;
	kind int8 := (h >> 7) % 50;
	k int8 := CASE WHEN kind < 30 THEN (h >> 13) % 60 ELSE (h >> 13) % 3000 - 100 END;
BEGIN
	IF kind = 0 THEN
		RETURN 'NULL';
	ELSIF kind IN (1, 2) THEN
		RETURN quote_literal((CASE type WHEN 'int2' THEN '{-32768,32767}'::text[] WHEN 'int4' THEN '{-2147483648,2147483647}'
			WHEN 'int8' THEN '{-9223372036854775808,9223372036854775807}' WHEN 'float8' THEN '{-0,NaN}'
			ELSE '{-infinity,infinity}' END)[kind]);
	END IF;
	RETURN CASE WHEN type IN ('date', 'timestamptz') THEN quote_literal(date '2024-01-01' + k::int) ELSE k::text END;
END $$;

CREATE FUNCTION ue_statement(kind ue_kinds, i int8) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	h int8 := (i * 40503 + 12345) & 65535;
	a text := ue_key(kind.type, i * 7 + 1) || '::' || kind.type;
	b text := ue_key(kind.type, i * 7 + 2) || '::' || kind.type;
	c text := ue_key(kind.type, i * 7 + 3) || '::' || kind.type;
BEGIN
	RETURN CASE (h >> 3) % 16
		WHEN 0 THEN format('INSERT INTO %%T VALUES (%s, %s)', a, i)
		WHEN 1 THEN format('INSERT INTO %%T VALUES (%s, %s), (%s, %s), (%s, %s)', a, i, b, i, c, i)
		WHEN 2 THEN format('INSERT INTO %%T VALUES (%s, %s), (%s, %s) ON CONFLICT DO NOTHING', a, i, b, i)
		WHEN 3 THEN format('INSERT INTO %%T VALUES (%s, %s) ON CONFLICT %s DO NOTHING', a, i, kind.conflict)
		WHEN 4 THEN format('INSERT INTO %%T VALUES (%s, %s), (%s, %s) ON CONFLICT %s DO UPDATE SET v = %%T.v + excluded.v',
			a, i, b, i, kind.conflict)
		WHEN 5 THEN format('INSERT INTO %%T VALUES (%s, %s) ON CONFLICT %s DO UPDATE SET k = %s', a, i, kind.conflict, b)
		WHEN 6 THEN format('INSERT INTO %%T VALUES (%s, %s) ON CONFLICT %s DO UPDATE SET v = -1 WHERE %%T.v %% 2 = 0',
			a, i, kind.conflict)
		WHEN 7 THEN format('UPDATE %%T SET k = %s WHERE k = %s', a, b)
		WHEN 8 THEN format('UPDATE %%T SET v = v + 1 WHERE k >= %s', a)
		WHEN 9 THEN format('DELETE FROM %%T WHERE k = %s', a)
		WHEN 10 THEN format('DELETE FROM %%T WHERE k BETWEEN least(%s, %s) AND greatest(%1$s, %2$s) AND v %% 5 = 0', a, b)
		WHEN 11 THEN format('MERGE INTO %%T t USING (VALUES (%s), (%s)) s (k) ON t.k = s.k WHEN MATCHED AND t.v %% 3 = 0 THEN
			DELETE WHEN MATCHED THEN UPDATE SET k = %s, v = %s WHEN NOT MATCHED THEN INSERT VALUES (s.k, %4$s)', a, b, c, i)
		WHEN 12 THEN format('WITH x AS (INSERT INTO %%T VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING k)
			INSERT INTO %%T SELECT %s, %2$s FROM x ON CONFLICT %4$s DO UPDATE SET v = 7', a, i, b, kind.conflict)
		WHEN 13 THEN format('UPDATE %%T SET k = NULL WHERE k = %s', a)
		WHEN 14 THEN format('WITH x AS (DELETE FROM %%T WHERE k = %s RETURNING k) INSERT INTO %%T SELECT k, %s FROM x', a, i)
		ELSE format('DO $x$ BEGIN INSERT INTO %%T VALUES (%s, %s); INSERT INTO %%T VALUES (%s, %2$s);
			RAISE EXCEPTION ''back''; EXCEPTION WHEN raise_exception THEN END $x$', a, i, b) END;
END $$;

CREATE FUNCTION ue_run(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n int8;
	detail text;
BEGIN
	EXECUTE statement;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n || ' rows';
EXCEPTION WHEN others THEN
	IF SQLSTATE LIKE '42%' THEN
		RAISE;		-- a statement that tests nothing
	END IF;
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || detail;
END $$;

-- the statements of a range; NULL, or the first that differs
CREATE FUNCTION ue_all(kind ue_kinds, from_i int8, to_i int8, OUT differs text, OUT refused int8) LANGUAGE plpgsql AS $$
DECLARE
	statement text;
	a text;
	b text;
BEGIN
	refused := 0;
	FOR i IN from_i .. to_i LOOP
		statement := ue_statement(kind, i);
		a := ue_run(replace(statement, '%T', 'ue_a_' || kind.n));
		b := ue_run(replace(statement, '%T', 'ue_b_' || kind.n));
		IF a IS DISTINCT FROM b THEN
			differs := format('%s: alex %s, btree %s', statement, a, b);
			RETURN;
		END IF;
		refused := refused + (a LIKE '23505%')::int;
	END LOOP;
	EXECUTE format('SELECT ''rows'' WHERE EXISTS (TABLE ue_a_%s EXCEPT ALL TABLE ue_b_%1$s)
		OR EXISTS (TABLE ue_b_%1$s EXCEPT ALL TABLE ue_a_%1$s)', kind.n) INTO differs;
	PERFORM omendb.alex_check(format('ue_a_%s_k', kind.n)::regclass, true, true);
END $$;

SELECT format('CREATE TABLE ue_%s_%s (k %s, v int8)', side, n, type),
	format('CREATE UNIQUE INDEX ue_%s_%s_k ON ue_%1$s_%2$s USING %s %s %s', side, n,
		CASE side WHEN 'a' THEN 'alex' ELSE 'btree' END, index_of, nulls),
	CASE side WHEN 'a' THEN format('ALTER INDEX ue_a_%s_k SET (leaf_entries = 256)', n) END
FROM ue_kinds, (VALUES ('a'), ('b')) s (side) \gexec

SELECT plan((SELECT 4 * count(*) FROM ue_kinds)::int + 1);
SELECT is(differs, NULL, format('%s %s %s: statements 1 to 800', type, index_of, nulls))
FROM ue_kinds k, ue_all(k, 1, 800) ORDER BY n;
SELECT format('VACUUM ue_%s_%s', side, n) FROM ue_kinds, (VALUES ('a'), ('b')) s (side) \gexec
SELECT is(differs, NULL, format('%s %s %s: after VACUUM', type, index_of, nulls))
FROM ue_kinds k, ue_all(k, 801, 1200) ORDER BY n;
SELECT format('REINDEX INDEX CONCURRENTLY ue_a_%s_k', n) FROM ue_kinds \gexec
SELECT is(differs, NULL, format('%s %s %s: after REINDEX CONCURRENTLY', type, index_of, nulls))
FROM ue_kinds k, ue_all(k, 1201, 1400) ORDER BY n;
SELECT format('ALTER TABLE ue_%s_%s SET ACCESS METHOD heap', side, n), format('VACUUM FULL ue_%s_%s', side, n)
FROM ue_kinds, (VALUES ('a'), ('b')) s (side) \gexec
CREATE TEMP TABLE ue_refused AS SELECT n, type, index_of, nulls, (r).* FROM (SELECT *, ue_all(k, 1401, 1700) r FROM ue_kinds k) s;
SELECT is(differs, NULL, format('%s %s %s: after VACUUM FULL', type, index_of, nulls)) FROM ue_refused ORDER BY n;
SELECT cmp_ok(min(refused), '>', 10::int8, 'both refused duplicates') FROM ue_refused;
SELECT * FROM finish();
