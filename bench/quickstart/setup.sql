-- The extension, two tables that hold the same rows in two ways, and what measures them.
CREATE EXTENSION omendb;

-- autovacuum would come between the measurements; report.sql turns it on
CREATE TABLE flights_heap (
	id bigint,		-- number of the row in the file
	ts timestamp,
	delay int,
	distance int,
	origin text,
	destination text
) USING heap WITH (autovacuum_enabled = off);
CREATE TABLE flights_omendb (LIKE flights_heap) USING omendb WITH (autovacuum_enabled = off);

CREATE SCHEMA quickstart;

-- every single measurement; the median of those of one kind counts
CREATE TABLE quickstart.figures (
	seq int GENERATED ALWAYS AS IDENTITY,
	what text,
	unit text,
	side text,
	value float8
);

-- In queries given to these functions @ stands for the side, heap or omendb, and @index for its kind of index.

CREATE FUNCTION quickstart.of_side(query text, side text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
	SELECT replace(replace(query, '@index', CASE side WHEN 'heap' THEN 'btree' ELSE 'alex' END), '@', side)
$$;

CREATE FUNCTION quickstart.note(what text, unit text, side text, value float8) RETURNS void
LANGUAGE sql AS 'INSERT INTO quickstart.figures (what, unit, side, value) VALUES (what, unit, side, value)';

-- the plan of each side as EXPLAIN shows it
CREATE FUNCTION quickstart.show(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	side text;
	line text;
BEGIN
	FOREACH side IN ARRAY ARRAY['heap', 'omendb'] LOOP
		-- once for the caches
		EXECUTE quickstart.of_side(query, side);
		FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, BUFFERS, SUMMARY OFF) ' || quickstart.of_side(query, side) LOOP
			EXIT WHEN line LIKE 'Planning%';
			RETURN NEXT '  ' || line;
		END LOOP;
	END LOOP;
END $$;

-- the answer of each side, which must be the same
CREATE FUNCTION quickstart.answers(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	side text;
	answer text;
	first_answer text;
BEGIN
	FOREACH side IN ARRAY ARRAY['heap', 'omendb'] LOOP
		EXECUTE 'SELECT x::text FROM (' || quickstart.of_side(query, side) || ') x' INTO answer;
		RETURN NEXT format('  %-7s %s', side, answer);
		IF side = 'heap' THEN
			first_answer := answer;
		ELSIF answer IS DISTINCT FROM first_answer THEN
			RAISE EXCEPTION 'omendb answers %, heap %: %', answer, first_answer, query;
		END IF;
	END LOOP;
END $$;

-- Execution time, as EXPLAIN ANALYZE has it, times "factor" (milliseconds are 1): once
-- to warm up and to compare the answers, then three times, in turns.
CREATE FUNCTION quickstart.measure(what text, unit text, query text, factor float8 DEFAULT 1) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	side text;
	answer text;
	first_answer text;
	plan json;
BEGIN
	EXECUTE quickstart.of_side(query, 'heap') INTO first_answer;
	EXECUTE quickstart.of_side(query, 'omendb') INTO answer;
	IF answer IS DISTINCT FROM first_answer THEN
		RAISE EXCEPTION '%: omendb answers %, heap %', what, answer, first_answer;
	END IF;
	FOR i IN 1..3 LOOP
		FOREACH side IN ARRAY ARRAY['heap', 'omendb'] LOOP
			EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ' || quickstart.of_side(query, side) INTO plan;
			PERFORM quickstart.note(what, unit, side, (plan -> 0 ->> 'Execution Time')::float8 * factor);
		END LOOP;
	END LOOP;
END $$;

-- Time of one statement with its commit, in turns on both sides, three times.  $1 in it is the number of
-- the turn.  "before", if given, runs first and is not counted.
CREATE PROCEDURE quickstart.measure_change(what text, unit text, statement text, factor float8, before text DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
	side text;
	started timestamptz;
BEGIN
	FOR i IN 1..3 LOOP
		FOREACH side IN ARRAY ARRAY['heap', 'omendb'] LOOP
			IF before IS NOT NULL THEN
				EXECUTE quickstart.of_side(before, side);
				COMMIT;
			END IF;
			started := clock_timestamp();
			EXECUTE replace(quickstart.of_side(statement, side), '$1', i::text);
			COMMIT;
			PERFORM quickstart.note(what, unit, side,
				extract(epoch FROM clock_timestamp() - started)::float8 * 1000 * factor);
			COMMIT;
		END LOOP;
	END LOOP;
END $$;

-- sizes of both tables, or of an index of each (relation has @ for the side)
CREATE FUNCTION quickstart.measure_size(what text, relation text) RETURNS void LANGUAGE sql AS $$
	SELECT quickstart.note(what, 'MB', side, pg_table_size(quickstart.of_side(relation, side)::regclass) / 1e6)
	FROM unnest(ARRAY['heap', 'omendb']) side;
	SELECT quickstart.note(what || ', per row', 'bytes', side,
		pg_table_size(quickstart.of_side(relation, side)::regclass)::float8 / (SELECT count(*) FROM flights_heap))
	FROM unnest(ARRAY['heap', 'omendb']) side;
$$;

-- a value that every row, and nothing but the rows, goes into
CREATE FUNCTION quickstart.fingerprint(tab regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE format('SELECT count(*) || '' '' || sum(hashtextextended(t::text, 0)) FROM %s t', tab) INTO answer;
	RETURN answer;
END $$;

-- every row group, page, checksum and counter of the omendb table, every page of its indexes, and that each row is in them
CREATE FUNCTION quickstart.verify() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	found record;
BEGIN
	FOR found IN SELECT block, problem FROM omendb."check"('flights_omendb') LOOP
		RAISE EXCEPTION 'omendb.check: block %: %', found.block, found.problem;
	END LOOP;
	PERFORM omendb.alex_check('omendb_ts', heapallindexed => true);
	PERFORM omendb.alex_check('omendb_id', heapallindexed => true);
END $$;
