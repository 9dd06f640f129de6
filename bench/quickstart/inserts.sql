-- Writes: the time of the table and of both indexes together, per row.  First rows that come after all
-- others, then such with keys from all over.  A table with indexes takes them in as heap does, and the next
-- query sees old and new rows together.  Each turn has keys of its own, the same on both sides.
SELECT count(*) AS rows, max(ts) AS last_ts, min(ts) AS first_ts,
	extract(epoch FROM max(ts) - min(ts))::bigint AS seconds
FROM flights_heap \gset

\echo
\echo 'Appends'
SELECT format('INSERT INTO flights_@
    SELECT %s + $1 * 20000 + g, %L::timestamp + ($1 * 20000 + g) * interval ''1 second'', 0, 100, ''AAA'', ''BBB''
    FROM generate_series(1, 20000) g', :rows, :'last_ts') AS statement \gset
\echo ' ' :statement
CALL quickstart.measure_change('insert a row, appends', 'us', :'statement', 1000 / 20000.0);

\echo
\echo 'Random keys'
SELECT format('INSERT INTO flights_@
    SELECT (hashint8($1 * 20000 + g)::bigint + 2147483648) %% %s + 1,
           %L::timestamp + (hashint8(-$1 * 20000 - g)::bigint + 2147483648) %% %s * interval ''1 second'', 0, 100, ''AAA'', ''BBB''
    FROM generate_series(1, 20000) g', :rows, :'first_ts', :seconds) AS statement \gset
\echo ' ' :statement
CALL quickstart.measure_change('insert a row, random keys', 'us', :'statement', 1000 / 20000.0);
\set random :statement
SELECT quickstart.measure_size('index on ts after inserts', '@_ts') \g /dev/null
SELECT quickstart.measure_size('index on id after inserts', '@_id') \g /dev/null

\echo
\echo 'Does the next aggregate see a new row?'
\set query 'SELECT count(*), sum(delay), max(ts) FROM flights_@'
\echo ' ' :query
SELECT quickstart.answers(:'query');
SELECT format('INSERT INTO flights_@ SELECT count(*) + 1, max(ts) + interval ''1 minute'', 1000000, 100, ''AAA'', ''BBB'' FROM flights_@')
	AS statement \gset
\echo ' ' :statement
SELECT quickstart.of_side(:'statement', side) FROM unnest(ARRAY['heap', 'omendb']) side \gexec
SELECT quickstart.answers(:'query');

\echo
\echo 'What EXPLAIN says to one of them (rolled back)'
BEGIN;
SELECT quickstart.show(replace(replace(:'random', '$1', '9'), '20000)', '1000)'));
ROLLBACK;
