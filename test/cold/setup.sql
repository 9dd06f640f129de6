-- What the files of this folder may call.  The same in the database whose tables are heap and in that whose tables are omendb.

-- All rows of these tables are cold, but for what is left below a row group of 16; nothing to say of heap tables.
CREATE PROCEDURE must_be_cold(VARIADIC tables regclass[]) LANGUAGE plpgsql AS $$
DECLARE
	t regclass;
	rows_all bigint;
	rows_cold bigint;
BEGIN
	IF current_setting('omendb.load_row_groups', true) = 'off' THEN
		RETURN;
	END IF;
	FOREACH t IN ARRAY tables LOOP
		IF (SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE c.oid = t) = 'omendb' THEN
			EXECUTE format('SELECT count(*) FROM %s', t) INTO rows_all;
			EXECUTE format('SELECT coalesce(sum(rows), 0) FROM omendb.row_groups(%L) WHERE state = ''visible''', t) INTO rows_cold;
			IF rows_cold = 0 OR rows_cold < rows_all - rows_all % 16 THEN
				RAISE EXCEPTION '% of % rows of % are cold', rows_cold, rows_all, t;
			END IF;
		END IF;
	END LOOP;
END $$;

-- COPY of a query's rows into a table, for tables that CREATE TABLE AS cannot make
CREATE PROCEDURE fill(t regclass, query text) LANGUAGE plpgsql AS $$
DECLARE
	file text := format('%s/cold_fill_%s.copy', current_setting('data_directory'), pg_backend_pid());
	columns text := (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = t AND attnum > 0 AND NOT attisdropped AND attgenerated = '');
BEGIN
	EXECUTE format('COPY (%s) TO %L', query, file);
	EXECUTE format('COPY %s (%s) FROM %L', t, columns, file);
END $$;

-- Freeze all rows of the omendb tables of the present schema that can be frozen, if nobody's lock is in the way; nothing to do for heap tables.
CREATE PROCEDURE freeze_all() LANGUAGE plpgsql AS $$
DECLARE
	t regclass;
BEGIN
	FOR t IN SELECT c.oid FROM pg_class c JOIN pg_am a ON a.oid = relam
		WHERE relnamespace = current_schema()::regnamespace AND amname = 'omendb' AND relkind IN ('r', 'm')
		AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_class x ON x.oid = indexrelid JOIN pg_am b ON b.oid = x.relam WHERE indrelid = c.oid AND b.amname = 'brin')
		ORDER BY c.oid
	LOOP
		CONTINUE WHEN EXISTS (SELECT FROM pg_locks WHERE locktype = 'relation' AND relation = t AND pid <> pg_backend_pid()
			AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'SIReadLock'));
		CALL omendb.compact(t, true);
	END LOOP;
END $$;
