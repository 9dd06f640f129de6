-- One line a figure: median of each side, and how alex compares.
\pset format aligned
\pset border 1
\pset footer off
\pset tuples_only off
WITH medians AS (
	SELECT min(seq) AS seq, what, unit,
		(percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FILTER (WHERE side = 'heap')) AS heap,
		(percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FILTER (WHERE side = 'omendb')) AS omendb
	FROM quickstart.figures
	GROUP BY what, unit
)
SELECT what AS "median of",
	to_char(heap, CASE WHEN heap < 100 THEN 'FM99,990.00' ELSE 'FM9,999,990' END) || ' ' || unit AS "heap + btree",
	to_char(omendb, CASE WHEN omendb < 100 THEN 'FM99,990.00' ELSE 'FM9,999,990' END) || ' ' || unit AS "omendb + alex",
	CASE
		WHEN heap / omendb BETWEEN 0.95 AND 1.05 THEN 'the same within 5 %'
		ELSE to_char(greatest(heap / omendb, omendb / heap), 'FM999,990.00') || ' x ' ||
			CASE
				WHEN unit IN ('MB', 'bytes') THEN CASE WHEN omendb < heap THEN 'smaller' ELSE 'LARGER' END
				ELSE CASE WHEN omendb < heap THEN 'faster' ELSE 'SLOWER' END
			END
	END AS "omendb + alex is"
FROM medians
ORDER BY seq;
\echo 'Where omendb + alex loses, 0.1.0: a single cold row costs more to fetch through an index than one of heap, and to'
\echo 'count a range the rows are read: index-only scans of both indexes visit every cold row.  The first change or lock of a'
\echo 'cold row, be it for a foreign key, writes a header for it; a changed row is as one of heap then.  A table takes in single rows as heap'
\echo 'does, so inserts differ by the indexes alone; those of random keys into very regular ones cost more than in btree.'
\echo 'btree stores equal keys once, which helps its index on ts: about 14 rows share a time.'
\echo 'The join is a nested loop on both sides because hash and merge joins were switched off.'
\echo 'Every measurement: SELECT * FROM quickstart.figures'

ALTER TABLE flights_heap RESET (autovacuum_enabled);
ALTER TABLE flights_omendb RESET (autovacuum_enabled);
