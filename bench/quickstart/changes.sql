-- Changes of rows that stand in columns, beside the same ones in heap: corrections, upserts, locks and a foreign key.
-- Each turn has row numbers of its own, from all over the table and in no order.
SET client_min_messages = warning;
SELECT count(*) AS rows FROM flights_heap \gset
SELECT format('id = ANY (ARRAY(SELECT (hashint8($1 * 2000 + g)::bigint + 2147483648) %% %s + 1 FROM generate_series(1, 2000) g))', :rows)
	AS some_rows \gset

\echo
\echo 'Corrections: 2,000 rows in one statement; then the same rows once more'
SELECT quickstart.answers('SELECT sum(delay) FROM flights_@');
\set statement 'UPDATE flights_@ SET delay = delay + 60 WHERE ' :some_rows
\echo ' ' :statement
CALL quickstart.measure_change('update a row', 'us', :'statement', 1000 / 2000.0);
CALL quickstart.measure_change('update it again', 'us', :'statement', 1000 / 2000.0);
SELECT quickstart.answers('SELECT sum(delay) FROM flights_@');

\echo
\echo 'A row for each number: upserts of 2,000 rows, half of them new'
-- foreign keys need btree
SELECT quickstart.of_side('ALTER TABLE flights_@ ADD CONSTRAINT @_key PRIMARY KEY (id)', side) FROM unnest(ARRAY['heap', 'omendb']) side \gexec
SELECT format('INSERT INTO flights_@
    SELECT CASE WHEN g <= 1000 THEN %s * g - $1 ELSE %s + $1 * 1000 + g END, timestamp ''2008-12-31'', -5, 100, ''AAA'', ''BBB''
    FROM generate_series(1, 2000) g
    ON CONFLICT (id) DO UPDATE SET delay = excluded.delay', :rows / 1000, :rows - 2000) AS statement \gset
\echo ' ' :statement
CALL quickstart.measure_change('upsert a row', 'us', :'statement', 1000 / 2000.0);
SELECT quickstart.answers('SELECT count(*), sum(delay), max(id) FROM flights_@');

\echo
\echo 'A foreign key: each insert locks the row that it refers to'
SELECT quickstart.of_side('CREATE TABLE notes_@ (flight bigint REFERENCES flights_@, note text)', side) FROM unnest(ARRAY['heap', 'omendb']) side \gexec
\echo '  CREATE TABLE notes_@ (flight bigint REFERENCES flights_@, note text)'
SELECT format('INSERT INTO notes_@ SELECT (hashint8(-$1 * 2000 - g)::bigint + 2147483648) %% %s + 1, ''late'' FROM generate_series(1, 2000) g', :rows)
	AS statement \gset
\echo ' ' :statement
CALL quickstart.measure_change('insert a row that refers to another', 'us', :'statement', 1000 / 2000.0);
CREATE FUNCTION quickstart.refused(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	side text;
BEGIN
	FOREACH side IN ARRAY ARRAY['heap', 'omendb'] LOOP
		BEGIN
			EXECUTE quickstart.of_side(query, side);
			RAISE 'done by %: %', side, query;
		EXCEPTION WHEN foreign_key_violation THEN
			RETURN NEXT format('  %-7s ERROR:  %s', side, SQLERRM);
		END;
	END LOOP;
END $$;
\echo '  INSERT INTO notes_@ VALUES (-1, ''no such flight'')'
SELECT quickstart.refused('INSERT INTO notes_@ VALUES (-1, ''no such flight'')');
\echo '  DELETE FROM flights_@ WHERE id = (SELECT min(flight) FROM notes_@)'
SELECT quickstart.refused('DELETE FROM flights_@ WHERE id = (SELECT min(flight) FROM notes_@)');

-- the inserts that follow are of any numbers
SELECT quickstart.of_side('DROP TABLE notes_@; ALTER TABLE flights_@ DROP CONSTRAINT @_key', side) FROM unnest(ARRAY['heap', 'omendb']) side \gexec
VACUUM ANALYZE flights_heap;
VACUUM ANALYZE flights_omendb;
