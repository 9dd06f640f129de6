-- Unique alex indexes: what they refuse, what they let through, and what PostgreSQL builds on them.
\set VERBOSITY default
SET enable_bitmapscan = off;

CREATE TABLE unique_t (id int8, note text);
CREATE UNIQUE INDEX unique_t_id ON unique_t USING alex (id) WITH (leaf_entries = 256);
\d unique_t_id

-- duplicates
INSERT INTO unique_t VALUES (1, 'one'), (2, 'two');
INSERT INTO unique_t VALUES (1, 'again');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO unique_t VALUES (3, 'three'), (4, 'four'), (3, 'again');
UPDATE unique_t SET id = 2 WHERE id = 1;
COPY unique_t FROM stdin;
5	five
2	again
\.
SELECT * FROM unique_t ORDER BY id;

-- what is not one
INSERT INTO unique_t VALUES (NULL, 'a'), (NULL, 'b');
UPDATE unique_t SET id = id WHERE id = 1;
UPDATE unique_t SET id = NULL WHERE id = 2;
INSERT INTO unique_t VALUES (2, 'two');
DELETE FROM unique_t WHERE id = 2;
INSERT INTO unique_t VALUES (2, 'two');
BEGIN;
DELETE FROM unique_t WHERE id = 2;
INSERT INTO unique_t VALUES (2, 'in the same transaction');
ROLLBACK;
BEGIN;
SAVEPOINT s;
INSERT INTO unique_t VALUES (3, 'in a subtransaction');
ROLLBACK TO s;
INSERT INTO unique_t VALUES (3, 'after it');
COMMIT;
SELECT * FROM unique_t ORDER BY id, note;
-- the values change places: like btree, checked row by row
UPDATE unique_t SET id = 5 - id WHERE id IN (2, 3);

-- base, tail and gap run of a leaf, and splits
TRUNCATE unique_t;
INSERT INTO unique_t SELECT i * 10, 'base' FROM generate_series(1, 3000) i;
INSERT INTO unique_t SELECT i * 10 + 5, 'gap' FROM generate_series(1, 3000, 70) i;
INSERT INTO unique_t VALUES (100000, 'tail');
CREATE FUNCTION unique_refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN unique_violation THEN
	RETURN 'refused';
END $$;
SELECT unique_refused(format('INSERT INTO unique_t VALUES (%s)', id)), count(*), count(DISTINCT note) AS places
FROM (SELECT id, note FROM unique_t ORDER BY id) t GROUP BY 1;
SELECT unique_refused(format('INSERT INTO unique_t VALUES (%s)', i)), count(*)
FROM generate_series(1, 30000, 7) i GROUP BY 1 ORDER BY 1;
SELECT count(*), count(DISTINCT id) FROM unique_t;
SELECT omendb.alex_check('unique_t_id', true, true);

-- a key over many leaves: dead rows of it, then one that lives
TRUNCATE unique_t;
INSERT INTO unique_t VALUES (6, 'below'), (8, 'above');
DO $$
BEGIN
	FOR i IN 1 .. 1500 LOOP
		INSERT INTO unique_t VALUES (7, i);
		DELETE FROM unique_t WHERE id = 7;
	END LOOP;
END $$;
INSERT INTO unique_t VALUES (7, 'lives');
SELECT pages > 3 AS many_leaves FROM omendb.alex_stats('unique_t_id') WHERE level = 0;
INSERT INTO unique_t VALUES (7, 'not');
SELECT omendb.alex_check('unique_t_id', true, true);
VACUUM unique_t;
INSERT INTO unique_t VALUES (7, 'not');
INSERT INTO unique_t VALUES (6, 'not');
INSERT INTO unique_t VALUES (8, 'not');
SELECT * FROM unique_t ORDER BY id;

-- builds: duplicates are found among rows that live, dead ones may be any number
CREATE TABLE unique_b (id int4, t timestamptz, n int2);
INSERT INTO unique_b SELECT i, timestamptz '2024-01-01 UTC' + i * interval '1 s', i % 100 FROM generate_series(1, 5000) i;
CREATE UNIQUE INDEX unique_b_id ON unique_b USING alex (id);
CREATE UNIQUE INDEX unique_b_t ON unique_b USING alex (t DESC);
CREATE UNIQUE INDEX unique_b_n ON unique_b USING alex (n);
\echo :LAST_ERROR_SQLSTATE
CREATE UNIQUE INDEX unique_b_n ON unique_b USING alex (n) WHERE id <= 100;
UPDATE unique_b SET id = id + 10000;
UPDATE unique_b SET id = id - 10000;
DELETE FROM unique_b WHERE id % 3 = 0;
INSERT INTO unique_b SELECT id + 3, t - interval '1 ms' FROM unique_b WHERE id % 3 = 0;
INSERT INTO unique_b SELECT i, timestamptz '2023-01-01 UTC' + i * interval '1 s' FROM generate_series(3, 5000, 3) i;
REINDEX TABLE unique_b;
SELECT omendb.alex_check('unique_b_id', true, true), omendb.alex_check('unique_b_t', true, true),
	omendb.alex_check('unique_b_n', true, true);
INSERT INTO unique_b SELECT id, t + interval '1 y', n FROM unique_b WHERE id = 4000;
SET max_parallel_maintenance_workers = 2;
SET min_parallel_table_scan_size = 0;
REINDEX INDEX unique_b_id;
SELECT omendb.alex_check('unique_b_id', true, true);
CREATE UNIQUE INDEX unique_b_parallel ON unique_b USING alex (n);
RESET max_parallel_maintenance_workers;
RESET min_parallel_table_scan_size;
CREATE UNIQUE INDEX unique_b_first ON unique_b USING alex (n NULLS FIRST);
CREATE UNIQUE INDEX unique_b_desc ON unique_b USING alex (n DESC NULLS LAST);
DROP INDEX unique_b_id;
INSERT INTO unique_b SELECT id, t + interval '1 y', n FROM unique_b WHERE id = 4000;
CREATE UNIQUE INDEX unique_b_id ON unique_b USING alex (id DESC);
SET TimeZone = 'UTC';
INSERT INTO unique_b VALUES (9999, '2024-01-01 00:00:01+00');
RESET TimeZone;
-- NULLs
CREATE TABLE unique_n (id int4);
INSERT INTO unique_n VALUES (1), (NULL), (2147483647), (-2147483648), (NULL);
CREATE UNIQUE INDEX unique_n_distinct ON unique_n USING alex (id);
CREATE UNIQUE INDEX unique_n_one ON unique_n USING alex (id) NULLS NOT DISTINCT;
DELETE FROM unique_n WHERE id IS NULL;
CREATE UNIQUE INDEX unique_n_one ON unique_n USING alex (id NULLS FIRST) NULLS NOT DISTINCT;
INSERT INTO unique_n VALUES (NULL);
INSERT INTO unique_n VALUES (NULL);
INSERT INTO unique_n VALUES (NULL) ON CONFLICT DO NOTHING;
INSERT INTO unique_n VALUES (2147483647);
INSERT INTO unique_n VALUES (-2147483648);
SELECT * FROM unique_n ORDER BY 1;
-- a code that a NULL has, too: the greatest and the least bigint
CREATE TABLE unique_x (id int8);
CREATE UNIQUE INDEX unique_x_last ON unique_x USING alex (id) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX unique_x_first ON unique_x USING alex (id NULLS FIRST) NULLS NOT DISTINCT;
INSERT INTO unique_x VALUES (NULL), (9223372036854775807), (-9223372036854775808);
INSERT INTO unique_x VALUES (9223372036854775807);
INSERT INTO unique_x VALUES (-9223372036854775808);
INSERT INTO unique_x VALUES (NULL);
REINDEX TABLE unique_x;
SELECT count(*) FROM unique_x;

-- floats: -0 is 0, and NaN is equal to NaN
CREATE TABLE unique_g (f float8);
CREATE UNIQUE INDEX unique_g_f ON unique_g USING alex (f);
INSERT INTO unique_g VALUES ('0'), ('NaN'), ('-Infinity'), (NULL), (NULL);
INSERT INTO unique_g VALUES ('-0');
INSERT INTO unique_g VALUES ('NaN');
INSERT INTO unique_g VALUES ('-Infinity'), ('Infinity') ON CONFLICT (f) DO UPDATE SET f = 42 RETURNING f;
DROP INDEX unique_g_f;
INSERT INTO unique_g VALUES ('-0');
CREATE UNIQUE INDEX unique_g_f ON unique_g USING alex (f);

-- the executor's ways in: partial and expression indexes, LIKE, CLUSTER, TRUNCATE, SET ACCESS METHOD
CREATE TABLE unique_p (id int4, active bool);
CREATE UNIQUE INDEX unique_p_active ON unique_p USING alex (id) WHERE active;
CREATE UNIQUE INDEX unique_p_mod ON unique_p USING alex ((id % 1000));
INSERT INTO unique_p VALUES (1, true), (2, false);
INSERT INTO unique_p VALUES (1001, false);
DROP INDEX unique_p_mod;
INSERT INTO unique_p VALUES (2, true);
INSERT INTO unique_p VALUES (1, true);
UPDATE unique_p SET active = true;
CREATE TABLE unique_l (LIKE unique_p INCLUDING INDEXES);
\d unique_l
INSERT INTO unique_l TABLE unique_p;
INSERT INTO unique_l VALUES (1, true);
CLUSTER unique_t USING unique_t_id;
INSERT INTO unique_t VALUES (7, 'not');
ALTER TABLE unique_t SET ACCESS METHOD omendb;
INSERT INTO unique_t VALUES (7, 'not');
INSERT INTO unique_t VALUES (7, 'not') ON CONFLICT (id) DO NOTHING;
INSERT INTO unique_t VALUES (77, 'hot');
INSERT INTO unique_t VALUES (77, 'hot');
SELECT * FROM unique_t ORDER BY id;

-- ON CONFLICT
CREATE TABLE unique_c (id int4 NOT NULL, b int4, hits int4 DEFAULT 1);
CREATE UNIQUE INDEX unique_c_id ON unique_c USING alex (id);
CREATE UNIQUE INDEX unique_c_b ON unique_c (b);
INSERT INTO unique_c SELECT i, i FROM generate_series(1, 1000) i;
ANALYZE unique_c;
EXPLAIN (COSTS OFF) INSERT INTO unique_c VALUES (1) ON CONFLICT (id) DO UPDATE SET hits = unique_c.hits + 1;
INSERT INTO unique_c VALUES (1) ON CONFLICT DO NOTHING;
INSERT INTO unique_c VALUES (1) ON CONFLICT (id) DO NOTHING;
INSERT INTO unique_c VALUES (1), (1001) ON CONFLICT (id) DO UPDATE SET hits = unique_c.hits + 1 RETURNING *;
INSERT INTO unique_c VALUES (2, NULL, 7) ON CONFLICT (id) DO UPDATE SET hits = excluded.hits
	WHERE unique_c.hits > 100 RETURNING *;
INSERT INTO unique_c VALUES (5000), (5000) ON CONFLICT (id) DO UPDATE SET hits = unique_c.hits + 1;
\echo :LAST_ERROR_SQLSTATE
-- another index arbitrates, alex's or btree's
INSERT INTO unique_c VALUES (3, 5000) ON CONFLICT (b) DO NOTHING;
INSERT INTO unique_c VALUES (5000, 3) ON CONFLICT (id) DO NOTHING;
INSERT INTO unique_c VALUES (5000, 3) ON CONFLICT (b) DO UPDATE SET hits = -1 RETURNING *;
INSERT INTO unique_c VALUES (4, 3) ON CONFLICT DO NOTHING;
-- in WITH, in a function, prepared, by a rule, through a view, in one statement with the key it makes
WITH x AS (INSERT INTO unique_c VALUES (4) ON CONFLICT (id) DO UPDATE SET hits = 44 RETURNING id, hits)
SELECT * FROM x;
WITH x AS (INSERT INTO unique_c VALUES (4) ON CONFLICT (id) DO UPDATE SET hits = 45 RETURNING id, hits)
INSERT INTO unique_c SELECT id + 1 FROM x ON CONFLICT (id) DO UPDATE SET hits = 46 RETURNING id, hits;
CREATE FUNCTION unique_upsert(int4) RETURNS int4 LANGUAGE sql AS $$
	INSERT INTO unique_c VALUES ($1) ON CONFLICT (id) DO UPDATE SET hits = unique_c.hits + 1 RETURNING hits
$$;
SELECT unique_upsert(6), unique_upsert(6), unique_upsert(6666);
PREPARE upsert(int4) AS INSERT INTO unique_c VALUES ($1) ON CONFLICT (id) DO UPDATE SET hits = unique_c.hits + 1
	RETURNING hits;
EXECUTE upsert(7);
EXECUTE upsert(7);
EXPLAIN (COSTS OFF) EXECUTE upsert(8);
CREATE VIEW unique_v AS SELECT id, hits FROM unique_c WHERE id > 0;
INSERT INTO unique_v VALUES (9) ON CONFLICT (id) DO UPDATE SET hits = 99 RETURNING *;
CREATE TABLE unique_r (id int4);
CREATE RULE unique_r_insert AS ON INSERT TO unique_r DO INSTEAD
	INSERT INTO unique_c VALUES (NEW.id) ON CONFLICT (id) DO UPDATE SET hits = 1000;
INSERT INTO unique_r VALUES (10), (11), (7777);
SELECT id, hits FROM unique_c WHERE id IN (10, 11, 7777) ORDER BY id;
-- partial, expression, NULLs
INSERT INTO unique_p VALUES (1, true) ON CONFLICT (id) WHERE active DO UPDATE SET active = false RETURNING *;
DELETE FROM unique_p WHERE id = 2;
CREATE UNIQUE INDEX unique_p_expr ON unique_p USING alex ((id + 0));
INSERT INTO unique_p VALUES (1, false) ON CONFLICT ((id + 0)) DO UPDATE SET id = 111 RETURNING *;
INSERT INTO unique_n VALUES (NULL) ON CONFLICT (id) DO UPDATE SET id = 42 RETURNING id;
-- what is no arbiter, and what PostgreSQL looks up in btree's operator classes
INSERT INTO unique_c VALUES (1) ON CONFLICT (hits) DO NOTHING;
INSERT INTO unique_c VALUES (1) ON CONFLICT (id omendb.int4_ops) DO NOTHING;
\echo :LAST_ERROR_SQLSTATE
SELECT omendb.alex_check('unique_c_id', true, true), omendb.alex_check('unique_n_one', true, true);

-- MERGE
CREATE TABLE unique_m (id int4, v int4);
INSERT INTO unique_m SELECT i, i FROM generate_series(900, 1100, 5) i;
MERGE INTO unique_c c USING unique_m m ON c.id = m.id
WHEN MATCHED AND m.id % 2 = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET hits = m.v
WHEN NOT MATCHED THEN INSERT (id, hits) VALUES (m.id, m.v);
SELECT count(*), sum(id), sum(hits) FROM unique_c WHERE id BETWEEN 900 AND 1100;
MERGE INTO unique_c c USING unique_m m ON false WHEN NOT MATCHED THEN INSERT (id) VALUES (905);

-- EXCLUDE
ALTER TABLE unique_m ADD CONSTRAINT unique_m_excl EXCLUDE USING alex (id WITH =) DEFERRABLE;
INSERT INTO unique_m VALUES (900, 0);
\echo :LAST_ERROR_SQLSTATE
BEGIN;
SET CONSTRAINTS unique_m_excl DEFERRED;
UPDATE unique_m SET id = CASE id WHEN 900 THEN 905 ELSE 900 END WHERE id IN (900, 905);
COMMIT;
SELECT * FROM unique_m WHERE id IN (900, 905) ORDER BY id;

-- replica identity
ALTER TABLE unique_c REPLICA IDENTITY USING INDEX unique_c_id;
SELECT relreplident, (SELECT indisreplident FROM pg_index WHERE indexrelid = 'unique_c_id'::regclass) FROM pg_class
WHERE oid = 'unique_c'::regclass;
ALTER TABLE unique_t REPLICA IDENTITY USING INDEX unique_t_id;

-- A row deferred: PostgreSQL makes deferrable unique constraints with btree only, so the catalog has to be bent
-- to see what the index does for one.
CREATE TABLE unique_d (id int4);
CREATE UNIQUE INDEX unique_d_id ON unique_d USING alex (id);
INSERT INTO unique_d SELECT i FROM generate_series(1, 10) i;
CREATE CONSTRAINT TRIGGER unique_d_recheck AFTER INSERT OR UPDATE ON unique_d
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION unique_key_recheck();
UPDATE pg_trigger SET tgconstrindid = 'unique_d_id'::regclass WHERE tgname = 'unique_d_recheck';
UPDATE pg_index SET indimmediate = false WHERE indexrelid = 'unique_d_id'::regclass;
UPDATE unique_d SET id = 11 - id;
BEGIN;
INSERT INTO unique_d VALUES (1), (11), (NULL), (NULL);
DELETE FROM unique_d WHERE ctid = (SELECT min(ctid) FROM unique_d WHERE id = 1);
COMMIT;
BEGIN;
INSERT INTO unique_d VALUES (2);
COMMIT;
\echo :LAST_ERROR_SQLSTATE
SELECT count(*), count(DISTINCT id) FROM unique_d;
INSERT INTO unique_d VALUES (2) ON CONFLICT (id) DO NOTHING;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO unique_d VALUES (2) ON CONFLICT DO NOTHING;
\echo :LAST_ERROR_SQLSTATE

-- what PostgreSQL keeps for btree, in every version
ALTER TABLE unique_c ADD PRIMARY KEY USING INDEX unique_c_id;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE unique_c ADD UNIQUE USING INDEX unique_c_id;
CREATE UNIQUE INDEX ON unique_c USING alex (id) INCLUDE (b);
\echo :LAST_ERROR_SQLSTATE
-- and what it does before 18
CREATE FUNCTION unique_since_18(refusal text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	can bool := current_setting('server_version_num')::int >= 180000;
	message text;
BEGIN
	BEGIN
		EXECUTE statement;
		RETURN CASE WHEN can THEN 'as expected' ELSE 'done, unexpectedly' END;
	EXCEPTION WHEN others THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
		RETURN CASE WHEN NOT can AND SQLSTATE = refusal THEN 'as expected' ELSE SQLSTATE || ' ' || message END;
	END;
END $$;
CREATE TABLE unique_k (id int4 PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE unique_k1 PARTITION OF unique_k FOR VALUES FROM (0) TO (100);
CREATE TABLE unique_k2 PARTITION OF unique_k FOR VALUES FROM (100) TO (200);
SELECT unique_since_18('0A000', 'CREATE UNIQUE INDEX ON unique_k USING alex (id)');
CREATE TABLE unique_f (id int4);
SELECT unique_since_18('XX000', 'ALTER TABLE unique_f ADD FOREIGN KEY (id) REFERENCES unique_c (id)');
CREATE UNIQUE INDEX unique_k1_id ON unique_k1 USING alex (id);
SELECT unique_since_18('0A000', 'INSERT INTO unique_k VALUES (50) ON CONFLICT (id) DO NOTHING');
SELECT unique_since_18('0A000', 'WITH x AS (INSERT INTO unique_k VALUES (50) ON CONFLICT DO NOTHING RETURNING id) SELECT * FROM x');
INSERT INTO unique_k VALUES (150, 'one') ON CONFLICT (id) DO NOTHING;
INSERT INTO unique_k VALUES (150) ON CONFLICT (id) DO UPDATE SET v = 'two' RETURNING *;
INSERT INTO unique_k1 VALUES (51, 'one') ON CONFLICT (id) DO NOTHING;
INSERT INTO unique_k1 VALUES (51, 'two') ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING *;
INSERT INTO unique_k VALUES (51);

-- alex_check finds two rows with one key, if there are any: made here behind the index's back
CREATE TABLE unique_w (id int8, t timestamp);
CREATE UNIQUE INDEX unique_w_id ON unique_w USING alex (id) WITH (leaf_entries = 256);
CREATE UNIQUE INDEX unique_w_t ON unique_w USING alex (t) NULLS NOT DISTINCT;
INSERT INTO unique_w SELECT i, timestamp '2024-01-01' + i * interval '1 s' FROM generate_series(1, 1000) i;
UPDATE pg_index SET indisunique = false WHERE indrelid = 'unique_w'::regclass;
INSERT INTO unique_w VALUES (500, NULL), (NULL, NULL), (NULL, '2025-01-01');
UPDATE pg_index SET indisunique = true WHERE indrelid = 'unique_w'::regclass;
SELECT omendb.alex_check('unique_w_id', true);
SELECT omendb.alex_check('unique_w_id', checkunique => true);
\echo :LAST_ERROR_SQLSTATE
SELECT omendb.alex_check('unique_w_t', checkunique => true);
DELETE FROM unique_w WHERE ctid = (SELECT max(ctid) FROM unique_w WHERE id = 500);
SELECT omendb.alex_check('unique_w_id', true, true), omendb.alex_check('unique_w_t', checkunique => true);

DROP VIEW unique_v;
DROP FUNCTION unique_refused, unique_since_18, unique_upsert;
DEALLOCATE upsert;
DROP TABLE unique_t, unique_b, unique_n, unique_x, unique_g, unique_p, unique_l, unique_c, unique_r, unique_m, unique_d, unique_f,
	unique_k, unique_w;
