-- Reads.  Both sides get the same plan, so that tables and indexes alone make the difference: no workers; for
-- the lookups no bitmaps, and for the join a nested loop, which at this size the planner would not choose itself.
SET max_parallel_workers_per_gather = 0;

\echo
\echo 'Aggregates over the whole table'
\set query 'SELECT sum(delay) FROM flights_@'
\echo ' ' :query
SELECT quickstart.answers(:'query');
SELECT quickstart.show(:'query');
SELECT quickstart.measure('sum of a column', 'ms', :'query') \g /dev/null
\set query 'SELECT count(*) FROM flights_@'
SELECT quickstart.measure('count(*)', 'ms', :'query') \g /dev/null
\set query 'SELECT max(n || '' '' || origin) FROM (SELECT origin, count(*) AS n, avg(delay) FROM flights_@ GROUP BY origin) x'
SELECT quickstart.measure('count and average for each origin', 'ms', :'query') \g /dev/null

\echo
\echo 'A day, by reading the table: where the times are, omendb knows for each 1,024 rows'
SELECT format('SELECT count(*), max(delay) FROM flights_@ WHERE ts >= %L::timestamp AND ts < %L::timestamp',
	date_trunc('day', ts), date_trunc('day', ts) + interval '1 day') AS query
FROM flights_heap WHERE id = (SELECT count(*) / 2 FROM flights_heap) \gset
\echo ' ' :query
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SET enable_bitmapscan = off;
SELECT quickstart.answers(:'query');
SELECT quickstart.show(:'query');
SELECT quickstart.measure('a day, by reading the table', 'ms', :'query') \g /dev/null
RESET enable_indexscan;
RESET enable_indexonlyscan;

SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_memoize = off;

SELECT count(*) AS rows, count(*) / 2 AS middle FROM flights_heap \gset
SELECT ts AS from_ts FROM flights_heap WHERE id = :rows / 2 \gset
SELECT ts AS to_ts FROM flights_heap WHERE id = :rows / 2 + :rows / 50 \gset

\echo
\echo 'A row by its number'
\set query 'SELECT * FROM flights_@ WHERE id = ' :middle
\echo ' ' :query
SELECT quickstart.show(:'query');

-- one lookup is too short to be timed: many, by a plan made once
SELECT format($create$
	CREATE FUNCTION quickstart.lookups_%1$s(times int) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE
		total bigint := 0;
		found_distance int;
		wanted bigint;
	BEGIN
		FOR i IN 1..times LOOP
			wanted := (hashint8(i)::bigint + 2147483648) %% %2$s + 1;
			SELECT distance INTO found_distance FROM flights_%1$s WHERE id = wanted;
			total := total + found_distance;
		END LOOP;
		RETURN total;
	END $$
$create$, side, :rows) FROM unnest(ARRAY['heap', 'omendb']) side \gexec
SELECT quickstart.measure('point lookup, id', 'us', 'SELECT quickstart.lookups_@(20000)', 1000 / 20000.0) \g /dev/null

\echo
\echo 'A range of time, 2 % of the rows'
SELECT format('SELECT sum(delay) FROM flights_@ WHERE ts BETWEEN %L AND %L', :'from_ts', :'to_ts') AS query \gset
\echo ' ' :query
SELECT quickstart.show(:'query');
SELECT quickstart.measure('range of ts, 2 % of the rows', 'ms', :'query') \g /dev/null

\echo
\echo 'The same range, rows only counted: btree can do without the table'
SELECT format('SELECT count(*) FROM flights_@ WHERE ts BETWEEN %L AND %L', :'from_ts', :'to_ts') AS query \gset
\echo ' ' :query
SELECT quickstart.show(:'query');
SELECT quickstart.measure('count of that range', 'ms', :'query') \g /dev/null

\echo
\echo 'A nested-loop join, 100,000 probes'
\set query 'SELECT sum(f.distance) FROM probes JOIN flights_@ f USING (id)'
\echo ' ' :query
SELECT quickstart.show(:'query');
SELECT quickstart.measure('join, 100,000 probes by id', 'ms', :'query') \g /dev/null
