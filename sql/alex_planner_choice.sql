-- Which of alex, btree and the sequential scan the planner takes.
--
-- choice_t has the same values in four columns: in the order of the rows, shuffled, shuffled with equal
-- ones, and shuffled in another way.  Indexes of both kinds are on three of them, the btree first.

CREATE TABLE choice_t AS
	SELECT g AS c, (g::int8 * 7919 % 29009)::int4 AS u, (g::int8 * 7919 % 29009)::int4 / 100 AS d, g % 2 = 0 AS even,
		(g::int8 * 104729 % 29009)::int4 AS w, repeat('row ' || g || ' ', 20) AS s
	FROM generate_series(1, 29000) g;
CREATE TABLE choice_few AS SELECT g * 2900 + 1 AS i FROM generate_series(0, 9) g;
CREATE INDEX choice_btree_c ON choice_t (c);
CREATE INDEX choice_alex_c ON choice_t USING alex (c);
CREATE INDEX choice_btree_u ON choice_t (u);
CREATE INDEX choice_alex_u ON choice_t USING alex (u);
CREATE INDEX choice_btree_d ON choice_t (d);
CREATE INDEX choice_alex_d ON choice_t USING alex (d);
VACUUM ANALYZE choice_t;
VACUUM ANALYZE choice_few;
SET max_parallel_workers_per_gather = 0;

-- the scans of a plan and the indexes they use; what is around them differs between versions
CREATE FUNCTION choice(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Scan|Join|Nested|Sort$' THEN
			RETURN NEXT regexp_replace(line, '^[ >-]*', '');
		END IF;
	END LOOP;
END $$;

-- how much larger btree is
SELECT i, pg_relation_size('choice_btree_' || i) / pg_relation_size('choice_alex_' || i) >= least AS smaller
FROM (VALUES ('c', 7), ('u', 4), ('d', 1)) v (i, least);

-- one row, in any order of the rows; a row that is not there
SELECT choice('SELECT * FROM choice_t WHERE c = 777');
SELECT choice('SELECT * FROM choice_t WHERE u = 777');
SELECT choice('SELECT * FROM choice_t WHERE u = 1000000');
SELECT choice('SELECT * FROM choice_t WHERE u = 777::int8');
PREPARE choice_p (int) AS SELECT * FROM choice_t WHERE u = $1;
SET plan_cache_mode = force_generic_plan;
SELECT choice('EXECUTE choice_p (1)');
RESET plan_cache_mode;
DEALLOCATE choice_p;

-- ranges: narrow and wide, of rows that lie together and of rows that do not
SELECT choice('SELECT * FROM choice_t WHERE c BETWEEN 100 AND 110');
SELECT choice('SELECT * FROM choice_t WHERE c BETWEEN 100 AND 8000');
SELECT choice('SELECT * FROM choice_t WHERE u BETWEEN 100 AND 102');
SELECT choice('SELECT * FROM choice_t WHERE u BETWEEN 100 AND 400');

-- most rows match
SELECT choice('SELECT * FROM choice_t WHERE c > 2000');
SELECT choice('SELECT * FROM choice_t WHERE u > 2000');
SELECT choice('SELECT * FROM choice_t WHERE c <> 1');
SELECT choice('SELECT count(s) FROM choice_t');

-- equal keys: about 100 rows each
SELECT choice('SELECT * FROM choice_t WHERE d = 7');
SELECT choice('SELECT * FROM choice_t WHERE d IN (7, 8, 9)');

-- without the table
SELECT choice('SELECT c FROM choice_t WHERE c BETWEEN 100 AND 15000');
SELECT choice('SELECT u FROM choice_t WHERE u BETWEEN 100 AND 15000');
SELECT choice('SELECT count(*) FROM choice_t WHERE u > 100');
SELECT choice('SELECT c, u FROM choice_t WHERE c = 5');

-- bitmaps: of several conditions, of lists
CREATE INDEX choice_alex_w ON choice_t USING alex (w);
SELECT choice('SELECT * FROM choice_t WHERE u < 2000 AND w < 1000');
DROP INDEX choice_alex_w;
SELECT choice('SELECT * FROM choice_t WHERE u BETWEEN 5 AND 50 OR u BETWEEN 5000 AND 5050');
SELECT choice('SELECT * FROM choice_t WHERE u = ANY (ARRAY(SELECT i FROM choice_few))');

-- least, greatest, and first rows
SELECT choice('SELECT min(u) FROM choice_t');
SELECT choice('SELECT max(c) FROM choice_t');
SELECT choice('SELECT * FROM choice_t ORDER BY u LIMIT 5');
SELECT choice('SELECT * FROM choice_t ORDER BY u DESC LIMIT 5');
SELECT choice('SELECT * FROM choice_t WHERE d = 7 ORDER BY c LIMIT 1000');

-- all rows in order, as they lie
SELECT choice('SELECT * FROM choice_t ORDER BY c');

-- joins: few rows of the other table, all of it, and in the order of both
SELECT choice('SELECT * FROM choice_few f JOIN choice_t t ON t.u = f.i');
SELECT choice('SELECT * FROM choice_few f CROSS JOIN LATERAL (SELECT c FROM choice_t t WHERE t.c > f.i ORDER BY c LIMIT 1) l');
SELECT choice('SELECT t.s, f.s FROM choice_t t JOIN choice_t f ON t.u = f.w');
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT choice('SELECT t.c FROM choice_t t JOIN choice_t f ON t.c = f.c');
RESET enable_hashjoin;
RESET enable_nestloop;

-- a predicate
CREATE INDEX choice_btree_p ON choice_t (u) WHERE even;
CREATE INDEX choice_alex_p ON choice_t USING alex (u) WHERE even;
ANALYZE choice_t;
SELECT choice('SELECT u FROM choice_t WHERE u < 4000 AND even');
SELECT choice('SELECT u FROM choice_t WHERE u < 4000 AND NOT even');
-- alex of all rows against btree of some
DROP INDEX choice_alex_p;
SELECT choice('SELECT u FROM choice_t WHERE u < 4000 AND even');
DROP INDEX choice_btree_p;

-- several columns: the range is made by the leading ones
CREATE INDEX choice_btree_dc ON choice_t (d, c);
CREATE INDEX choice_alex_dc ON choice_t USING alex (d, c);
SELECT choice('SELECT d, c FROM choice_t WHERE d = 7 AND c = 5000');
SELECT choice('SELECT d, c FROM choice_t WHERE d = 7 ORDER BY c');
SELECT choice('SELECT d, c FROM choice_t WHERE d BETWEEN 7 AND 9');

-- expressions
CREATE INDEX choice_btree_x ON choice_t ((u % 1000));
CREATE INDEX choice_alex_x ON choice_t USING alex ((u % 1000));
ANALYZE choice_t;
SELECT choice('SELECT * FROM choice_t WHERE u % 1000 = 5');

-- costs.  A lookup visits one page however many levels there are, unless there is no cache.
CREATE FUNCTION choice_cost(query text, what text DEFAULT 'Total Cost') RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> what;
END $$;
DROP INDEX choice_btree_u;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET cpu_operator_cost = 0.01;
SELECT choice_cost('SELECT * FROM choice_t WHERE u = 777', 'Startup Cost') AS cached \gset
SET omendb.alex_cache_size = 0;
SELECT round((choice_cost('SELECT * FROM choice_t WHERE u = 777', 'Startup Cost') - :cached)::numeric, 3) AS one_page_more;
RESET omendb.alex_cache_size;
-- comparisons, and one page of 50
SELECT :cached AS startup, ceil(log(2, 29000)) * 0.01 + 50 * 0.01 AS expected;
RESET cpu_operator_cost;

-- The pages of a range are its share of the leaves: one of eight here, and not of the other pages.
CREATE TABLE choice_leaf AS SELECT g AS k FROM generate_series(1, 2000) g;
CREATE INDEX choice_leaf_k ON choice_leaf USING alex (k) WITH (leaf_entries = 256, fillfactor = 100);
VACUUM ANALYZE choice_leaf;
SET cpu_tuple_cost = 0;
SET cpu_index_tuple_cost = 0;
SET cpu_operator_cost = 0;
SELECT pages, level FROM omendb.alex_stats('choice_leaf_k') ORDER BY level;
SELECT choice_cost('SELECT k FROM choice_leaf') AS all_leaves,
	choice_cost('SELECT k FROM choice_leaf WHERE k <= 250') AS one_leaf;
-- what repeats shares pages
SELECT choice_cost('SELECT k FROM choice_leaf WHERE k = ANY (ARRAY(SELECT generate_series(1, 100)))') <= 32 AS at_most_all;
RESET cpu_tuple_cost;
RESET cpu_index_tuple_cost;
RESET cpu_operator_cost;

-- unique: one row at most, whatever the statistics of the columns say
CREATE TABLE choice_u AS SELECT CASE WHEN g <= 5000 THEN 0 ELSE g END AS a, CASE WHEN g > 5000 THEN 0 ELSE g END AS b
	FROM generate_series(1, 10000) g;
CREATE INDEX choice_u_ab ON choice_u USING alex (a, b);
VACUUM ANALYZE choice_u;
SELECT choice_cost('SELECT a FROM choice_u WHERE a = 0 AND b = 0') AS any \gset
SELECT choice_cost('SELECT a FROM choice_u WHERE a = 0 AND b < 100') AS range \gset
DROP INDEX choice_u_ab;
CREATE UNIQUE INDEX choice_u_ab ON choice_u USING alex (a, b);
SELECT choice_cost('SELECT a FROM choice_u WHERE a = 0 AND b = 0') < :any AS cheaper,
	choice_cost('SELECT a FROM choice_u WHERE a = 0 AND b < 100') = :range AS same;
RESET enable_seqscan;
RESET enable_bitmapscan;

DROP FUNCTION choice, choice_cost;
DROP TABLE choice_t, choice_few, choice_leaf, choice_u;
