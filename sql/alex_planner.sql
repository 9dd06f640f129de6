-- Plans with alex indexes.
--
-- planner_n and planner_r hold the same values in a column, in order and shuffled.

CREATE TABLE planner_t AS
	SELECT g AS n, (g::int8 * 7919 % 20011)::int4 AS r, CASE WHEN g % 1000 <> 0 THEN g::int8 END AS l,
		timestamptz '2024-01-01 00:00+00' + g * interval '1 min' AS t, 'row ' || g AS s
	FROM generate_series(1, 20010) g;
CREATE INDEX planner_n ON planner_t USING alex (n);
CREATE INDEX planner_r ON planner_t USING alex (r DESC);
CREATE INDEX planner_l ON planner_t USING alex (l NULLS FIRST);
CREATE INDEX planner_t_i ON planner_t USING alex (t);
CREATE INDEX planner_x ON planner_t USING alex ((n + r));
CREATE INDEX planner_p ON planner_t USING alex (r) WHERE n < 100;
CREATE TABLE planner_small AS SELECT g * 100 AS i, (g * 100)::int8 AS l FROM generate_series(1, 50) g;
VACUUM ANALYZE planner_t;
VACUUM ANALYZE planner_small;
SET max_parallel_workers_per_gather = 0;

-- equality, also with another integer type
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE n = 42;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE r = 42::int8;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE l = 42::int2;

-- index-only: of the column, but not of others
EXPLAIN (COSTS OFF) SELECT n FROM planner_t WHERE n = 42;
EXPLAIN (COSTS OFF) SELECT n, r FROM planner_t WHERE n = 42;

-- ranges; a wide one of rows in order, a wide one of shuffled rows, almost everything
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE n > 42 AND n <= 50;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE n BETWEEN 1000 AND 3000;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE r BETWEEN 1000 AND 1500;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE r > 10;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE t >= '2024-01-02 00:00+00' AND t < '2024-01-02 01:00+00';

-- order, in the direction of the index and against it
EXPLAIN (COSTS OFF) SELECT * FROM planner_t ORDER BY n LIMIT 10;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t ORDER BY n DESC LIMIT 10;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t ORDER BY r DESC LIMIT 10;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t ORDER BY r LIMIT 10;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE n > 500 ORDER BY n LIMIT 10;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t ORDER BY l NULLS FIRST LIMIT 10;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t ORDER BY l DESC NULLS LAST LIMIT 10;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t ORDER BY l NULLS LAST LIMIT 10;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t ORDER BY n, s LIMIT 10;

-- least and greatest; what is around the scans differs between versions
CREATE FUNCTION planner_scans(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Scan|Cond|Filter' THEN
			RETURN NEXT regexp_replace(line, '^[ >-]*', '');
		END IF;
	END LOOP;
END $$;
SELECT planner_scans('SELECT min(n), max(r) FROM planner_t');

-- NULLs
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE l IS NULL;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE l IS NOT NULL ORDER BY l NULLS FIRST LIMIT 1;

-- bitmaps: arrays, OR, AND
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE r = ANY ('{1,2,3}');
SET enable_indexscan = off;
SELECT planner_scans('SELECT * FROM planner_t WHERE n = 5 OR r = 7');
SELECT planner_scans('SELECT * FROM planner_t WHERE n BETWEEN 1 AND 1000 AND r BETWEEN 1 AND 1000');
RESET enable_indexscan;

-- the inner side of a nested loop
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
EXPLAIN (COSTS OFF) SELECT * FROM planner_small p JOIN planner_t t ON t.r = p.i;
EXPLAIN (COSTS OFF) SELECT * FROM planner_small p JOIN planner_t t ON t.n = p.l;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;

-- an expression, a predicate
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE n + r = 42;
DROP INDEX planner_r, planner_n;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE r = 42 AND n < 100;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE r = 42 AND n < 200;
CREATE INDEX planner_n ON planner_t USING alex (n);

-- no index: not a type of the family, not a condition on the column, a row
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE n::text = '42';
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE n = 42.0;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE n + 1 = 42;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE n <> 42;
EXPLAIN (COSTS OFF) SELECT * FROM planner_t WHERE (n, r) > (20000, 1);

-- estimates: rows of the scan as of the statistics, costs that grow with what is read
CREATE FUNCTION planner_estimate(query text, OUT rows float8, OUT cost float8) LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	rows := plan -> 0 -> 'Plan' ->> 'Plan Rows';
	cost := plan -> 0 -> 'Plan' ->> 'Total Cost';
END $$;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT one.rows AS one_row, ten.rows BETWEEN 5 AND 20 AS ten_rows, half.rows BETWEEN 9000 AND 11000 AS half,
	nulls.rows BETWEEN 10 AND 30 AS nulls,
	one.cost < ten.cost AND ten.cost < half.cost AND half.cost < everything.cost AS ascending,
	one.cost < 15 AS one_leaf_and_one_row
FROM planner_estimate('SELECT * FROM planner_t WHERE n = 42') one,
	planner_estimate('SELECT * FROM planner_t WHERE n > 42 AND n <= 52') ten,
	planner_estimate('SELECT * FROM planner_t WHERE n > 10000') half,
	planner_estimate('SELECT * FROM planner_t WHERE n > 0') everything,
	planner_estimate('SELECT * FROM planner_t WHERE l IS NULL') nulls;

-- the correlation counts: the same range of the shuffled column costs several times as much
CREATE INDEX planner_r ON planner_t USING alex (r);
SELECT shuffled.cost > 3 * ordered.cost AS shuffled_costs_more
FROM planner_estimate('SELECT * FROM planner_t WHERE n BETWEEN 1000 AND 3000') ordered,
	planner_estimate('SELECT * FROM planner_t WHERE r BETWEEN 1000 AND 3000') shuffled;

-- an index as large as btree's would cost what btree's costs
DROP INDEX planner_n;
CREATE INDEX planner_n ON planner_t (n);
SELECT cost AS btree FROM planner_estimate('SELECT * FROM planner_t WHERE n BETWEEN 1000 AND 3000') \gset
DROP INDEX planner_n;
CREATE INDEX planner_n ON planner_t USING alex (n);
SELECT cost <= :btree AS not_more_than_btree, cost > :btree * 0.5 AS not_much_less
FROM planner_estimate('SELECT * FROM planner_t WHERE n BETWEEN 1000 AND 3000');
RESET enable_seqscan;
RESET enable_bitmapscan;

-- tables without any alex index: what the planner derives from equalities across types needs complete
-- operator families of every ordered access method (PostgreSQL 18)
CREATE TABLE planner_a (i4 int4, d date);
CREATE TABLE planner_b (i8 int8, ts timestamp);
SELECT planner_scans('SELECT * FROM planner_a a, planner_b b WHERE a.i4 = b.i8 AND a.i4 = 5');
SELECT planner_scans($$SELECT * FROM planner_a a, planner_b b WHERE a.d = b.ts AND a.d = '2024-01-01'$$);

-- queries that need no column: index-only
SET enable_seqscan = off;
SET enable_bitmapscan = off;
VACUUM planner_t;
SELECT planner_scans('SELECT count(*) FROM planner_t WHERE n > 0');
SELECT count(*) FROM planner_t;
SELECT EXISTS (SELECT 1 FROM planner_t);
RESET enable_seqscan;
RESET enable_bitmapscan;

DROP FUNCTION planner_scans, planner_estimate;
DROP TABLE planner_t, planner_small, planner_a, planner_b;
