-- Floats stored as decimals: every bit comes back, by scans, by single rows, and by filters

SET omendb.load_row_groups = on;
SET max_parallel_workers_per_gather = 0;
-- chance that is the same everywhere
CREATE FUNCTION hx_chance(i bigint, n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT abs(hashint8extended(i, n) % 1000000007) $$;
CREATE TABLE hx_heap (id int, reading float8, narrow real, price float8, whole float8, noise float8, odd float8, odd_narrow real, sparse float8) USING heap;
INSERT INTO hx_heap SELECT i, (2000 + i / 10 + hx_chance(i, 1) % 50) / 100.0::float8, (2000 + i / 10 + hx_chance(i, 2) % 50) / 100.0::float8,
	(hx_chance(i, 3) % 100000) / 100.0::float8, hx_chance(i, 4), sqrt(hx_chance(i, 5)),
	CASE hx_chance(i, 6) % 50 WHEN 0 THEN '-0' WHEN 1 THEN 'NaN' WHEN 2 THEN 'infinity' WHEN 3 THEN '-infinity' WHEN 4 THEN i / 7.0::float8 WHEN 5 THEN 5e-324 WHEN 6 THEN 0
		ELSE (hx_chance(i, 7) % 2000 - 1000) / 1000.0::float8 END,
	CASE hx_chance(i, 8) % 50 WHEN 0 THEN '-0' WHEN 1 THEN 'NaN' WHEN 2 THEN 'infinity' WHEN 3 THEN '-infinity' WHEN 4 THEN i / 7.0::real WHEN 5 THEN 1e-45 WHEN 6 THEN 0
		ELSE (hx_chance(i, 9) % 2000 - 1000) / 1000.0::real END,
	CASE WHEN i % 3 > 0 THEN hx_chance(i, 10) % 300 / 8.0::float8 END
	FROM generate_series(1, 5000) i;
CREATE TABLE hx (LIKE hx_heap) USING omendb WITH (autovacuum_enabled = off);
SELECT omendb.set_options('hx', row_group_rows => 2500);
SELECT current_setting('data_directory') || '/hybrid_decimal.copy' AS file \gset
COPY (SELECT * FROM hx_heap ORDER BY id) TO :'file' (FORMAT binary);
COPY hx FROM :'file' (FORMAT binary);
SELECT * FROM omendb.check('hx');
-- all of it but the noise, in two fifths of 8 bytes a value
SELECT column_name, string_agg(encoding, ', ' ORDER BY encoding COLLATE "C") AS encodings FROM omendb.column_stats('hx') WHERE encoding IS NOT NULL AND column_name <> 'id' GROUP BY column_name ORDER BY column_name COLLATE "C";
SELECT column_name, bytes < 5000 * 3.2 AS little FROM omendb.column_stats('hx') WHERE encoding IS NULL AND column_name IN ('reading', 'narrow', 'price', 'odd', 'odd_narrow', 'sparse') ORDER BY column_name COLLATE "C";
-- every value bit by bit
CREATE VIEW hx_bits AS SELECT id, float8send(reading) AS reading, float4send(narrow) AS narrow, float8send(price) AS price, float8send(whole) AS whole, float8send(noise) AS noise, float8send(odd) AS odd,
	float4send(odd_narrow) AS odd_narrow, float8send(sparse) AS sparse FROM hx;
CREATE VIEW hx_heap_bits AS SELECT id, float8send(reading) AS reading, float4send(narrow) AS narrow, float8send(price) AS price, float8send(whole) AS whole, float8send(noise) AS noise, float8send(odd) AS odd,
	float4send(odd_narrow) AS odd_narrow, float8send(sparse) AS sparse FROM hx_heap;
SELECT count(*) AS differ FROM (SELECT * FROM hx_bits EXCEPT ALL SELECT * FROM hx_heap_bits) d;
-- the same by an index: value by value
CREATE INDEX hx_id ON hx (id);
CREATE FUNCTION hx_row(id int) RETURNS SETOF hx_bits LANGUAGE sql SET enable_seqscan = off SET enable_bitmapscan = off AS $$ SELECT * FROM hx_bits b WHERE b.id = hx_row.id $$;
SELECT count(*) AS rows, count(*) FILTER (WHERE r = h) AS same FROM hx_heap_bits h, LATERAL hx_row(h.id) r;
-- filters: as heap answers them, and vectors that no row of is read
CREATE FUNCTION hx_compare(conditions text[]) RETURNS TABLE (condition text, rows bigint, as_heap bool) LANGUAGE plpgsql AS $$
DECLARE
	heap bigint;
BEGIN
	FOREACH condition IN ARRAY conditions LOOP
		EXECUTE format('SELECT count(*) FROM hx WHERE %s', condition) INTO rows;
		EXECUTE format('SELECT count(*) FROM hx_heap WHERE %s', condition) INTO heap;
		as_heap := rows = heap;
		RETURN NEXT;
	END LOOP;
END $$;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT * FROM hx_compare(ARRAY['reading < 21.35', 'reading = 21.35', 'reading BETWEEN 22.1 AND 22.2', 'narrow > 24.5', 'narrow = 21.35::real', 'narrow = 21.35', 'odd = 0', 'odd = ''-0''', 'odd > 0.5', 'odd = ''NaN''', 'odd < ''-infinity''',
	'odd <= ''-infinity''', 'odd = 5e-324', 'odd_narrow = 0', 'odd_narrow = ''NaN''', 'odd_narrow < -0.999', 'odd_narrow = 1e-45::real', 'sparse IS NULL', 'sparse >= 37.25', 'price IN (1, 2.5, 999.99)']);
-- rewritten from cold rows: the same again
VACUUM FULL hx;
SELECT * FROM omendb.check('hx');
SELECT count(*) AS differ FROM (SELECT * FROM hx_bits EXCEPT ALL SELECT * FROM hx_heap_bits) d;
DROP FUNCTION hx_row;
DROP VIEW hx_bits, hx_heap_bits;
DROP TABLE hx, hx_heap;
DROP FUNCTION hx_chance, hx_compare;
