-- COPY into tables without indexes: load time with commit, and what the tables take.
SET client_min_messages = warning;
CALL quickstart.measure_change('load by COPY, without indexes', 'ms', format('COPY flights_@ FROM %L (FORMAT csv, HEADER)', :'file'), 1,
	'TRUNCATE flights_@');
VACUUM ANALYZE flights_heap;
VACUUM ANALYZE flights_omendb;
SELECT quickstart.measure_size('table', 'flights_@') \g /dev/null

-- 100,000 row numbers from all over the table, in no order
CREATE TABLE probes USING heap AS
	SELECT (hashint8(g)::bigint + 2147483648) % (SELECT count(*) FROM flights_heap) + 1 AS id
	FROM generate_series(1, 100000) g;
VACUUM ANALYZE probes;

SELECT to_char(count(*), 'FM999,999,999') || ' rows from ' || min(ts) || ' to ' || max(ts) FROM flights_heap;
\echo
\echo 'The same rows?'
SELECT quickstart.answers('SELECT quickstart.fingerprint(''flights_@'') AS "rows and hash of all"');
\echo
\echo 'What is in the table USING omendb'
SELECT format('  %s row groups  %9s rows  %8s  compressed columns', count(*), to_char(sum(rows), 'FM999,999,999'),
	pg_size_pretty(sum(pages) * current_setting('block_size')::int)) FROM omendb.row_groups('flights_omendb') WHERE state = 'visible';
SELECT format('  the rest      %9s rows  %8s  as heap has them, until they fill a group', to_char(t.rows - g.rows, 'FM999,999,999'),
	pg_size_pretty(pg_table_size('flights_omendb') - g.bytes))
FROM (SELECT count(*) AS rows FROM flights_omendb) t,
	(SELECT coalesce(sum(rows) FILTER (WHERE state = 'visible'), 0) AS rows,
		coalesce(sum(pages), 0) * current_setting('block_size')::int AS bytes
	FROM omendb.row_groups('flights_omendb')) g;
SELECT format('  in all        %9s rows  %8s; flights_heap: %s', to_char(count(*), 'FM999,999,999'),
	pg_size_pretty(pg_table_size('flights_omendb')), pg_size_pretty(pg_table_size('flights_heap'))) FROM flights_omendb;
