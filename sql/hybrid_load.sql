-- How rows come into omendb tables: what goes cold and what hot, transactions and savepoints around
-- loads, who sees what of a load meanwhile, triggers, partitions, and the kinds of table.

SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET DateStyle = ISO;
SELECT omendb.version() IS NOT NULL AS loaded;
SET omendb.row_group_rows = 100;
SELECT current_setting('data_directory') || '/hybrid_load.copy' AS file,
	current_setting('data_directory') || '/hybrid_load_small.copy' AS small,
	current_setting('data_directory') || '/hybrid_load_bad.copy' AS bad \gset
COPY (SELECT i, 'v' || i FROM generate_series(1, 250) i) TO :'file';
COPY (SELECT i, 'v' || i FROM generate_series(1, 30) i) TO :'small';
-- 2000 rows of it have come to the table when COPY meets the one that the table does not take
COPY (SELECT i, CASE i WHEN 2300 THEN 'bad' || E'\x01' ELSE 'v' || i END FROM generate_series(1, 2500) i) TO :'bad';

-- visible groups and those that are not; rows that a scan sees, by region; what omendb.check says
CREATE FUNCTION hybrid_look(t regclass, OUT groups text, OUT cold bigint, OUT hot bigint, OUT ids bigint, OUT problems text)
LANGUAGE plpgsql AS $$
BEGIN
	SELECT string_agg(format('%s %s', n, state), ', ' ORDER BY state) INTO groups
	FROM (SELECT state, count(*) AS n FROM omendb.row_groups(t) WHERE state NOT IN ('free', 'directory') GROUP BY state) s;
	EXECUTE format('SELECT count(*) FILTER (WHERE (ctid::text::point)[0] >= 2147483648),
		count(*) FILTER (WHERE (ctid::text::point)[0] < 2147483648), count(DISTINCT id) FROM %s', t) INTO cold, hot, ids;
	SELECT string_agg(format('%s: %s', block, problem), '; ' ORDER BY block, problem) INTO problems
	FROM omendb.check(t);
END $$;

-- what makes a load cold, and what does not
CREATE TABLE hybrid_l (id int, v text) USING omendb;
COPY hybrid_l FROM :'file';
SELECT 'COPY' AS load, * FROM hybrid_look('hybrid_l');
COPY hybrid_l FROM :'small';
SELECT 'less than a group' AS load, * FROM hybrid_look('hybrid_l');
TRUNCATE hybrid_l;
INSERT INTO hybrid_l SELECT i, 'v' FROM generate_series(1, 250) i;
SELECT 'INSERT SELECT' AS load, * FROM hybrid_look('hybrid_l');
TRUNCATE hybrid_l;
COPY hybrid_l FROM :'file' WHERE id % 2 = 0 OR id > 100;
SELECT 'COPY WHERE' AS load, * FROM hybrid_look('hybrid_l');
TRUNCATE hybrid_l;
COPY hybrid_l (v, id) FROM PROGRAM 'seq 1 250 | awk ''{ print "v" $1 "\t" $1 }''';
SELECT 'other order of columns' AS load, * FROM hybrid_look('hybrid_l');
SELECT id, v FROM hybrid_l WHERE id IN (1, 250) ORDER BY id;
COPY hybrid_l (id) FROM PROGRAM 'seq 251 350';
SELECT 'fewer columns' AS load, count(v), count(*) FROM hybrid_l;
COPY hybrid_l FROM PROGRAM 'true';
SELECT 'nothing' AS load, * FROM hybrid_look('hybrid_l');
TRUNCATE hybrid_l;
CREATE INDEX hybrid_l_id ON hybrid_l (id);
COPY hybrid_l FROM :'file';
SELECT 'with an index' AS load, * FROM hybrid_look('hybrid_l');
DROP INDEX hybrid_l_id;
COPY hybrid_l FROM :'file';
SELECT 'without it again' AS load, * FROM hybrid_look('hybrid_l');
DROP TABLE hybrid_l;
CREATE TABLE hybrid_l USING omendb AS SELECT i AS id FROM generate_series(1, 250) i;
SELECT 'CREATE TABLE AS' AS load, * FROM hybrid_look('hybrid_l');
CREATE TABLE hybrid_l2 USING omendb AS SELECT i AS id FROM generate_series(1, 250) i WITH NO DATA;
SELECT 'WITH NO DATA' AS load, * FROM hybrid_look('hybrid_l2');
DROP TABLE hybrid_l2;
PREPARE hybrid_p AS SELECT i AS id FROM generate_series(1, $1) i;
CREATE TABLE hybrid_l2 USING omendb AS EXECUTE hybrid_p(220);
SELECT 'EXECUTE' AS load, * FROM hybrid_look('hybrid_l2');
DROP TABLE hybrid_l2;
DEALLOCATE hybrid_p;
CREATE FUNCTION hybrid_explain() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) CREATE TABLE hybrid_l2 USING omendb AS
		SELECT i AS id FROM generate_series(1, 220) i';
END $$;
SELECT hybrid_explain();
SELECT 'EXPLAIN ANALYZE' AS load, * FROM hybrid_look('hybrid_l2');
DROP TABLE hybrid_l2;
DROP FUNCTION hybrid_explain;
SET default_table_access_method = omendb;
SELECT i AS id, 'v' || i AS v INTO hybrid_l2 FROM generate_series(1, 250) i;
SELECT 'SELECT INTO' AS load, * FROM hybrid_look('hybrid_l2');
CREATE MATERIALIZED VIEW hybrid_m AS SELECT id, id % 7 AS k FROM hybrid_l2;
RESET default_table_access_method;
SELECT 'materialized view' AS load, * FROM hybrid_look('hybrid_m');
DELETE FROM hybrid_l2 WHERE id > 240;
REFRESH MATERIALIZED VIEW hybrid_m;
SELECT 'REFRESH' AS load, * FROM hybrid_look('hybrid_m');
CREATE UNIQUE INDEX hybrid_m_id ON hybrid_m (id);
CREATE INDEX hybrid_m_k ON hybrid_m USING alex (k);
REFRESH MATERIALIZED VIEW hybrid_m;
SELECT 'REFRESH with indexes' AS load, * FROM hybrid_look('hybrid_m');
SELECT omendb.alex_check('hybrid_m_k', true);
INSERT INTO hybrid_l2 VALUES (400), (401);
REFRESH MATERIALIZED VIEW CONCURRENTLY hybrid_m;
SELECT 'REFRESH CONCURRENTLY, rows added' AS load, * FROM hybrid_look('hybrid_m');
DELETE FROM hybrid_l2 WHERE id BETWEEN 201 AND 205;
REFRESH MATERIALIZED VIEW CONCURRENTLY hybrid_m;
SELECT 'REFRESH CONCURRENTLY, rows gone' AS load, * FROM hybrid_look('hybrid_m');
CREATE OR REPLACE FUNCTION hybrid_hide() RETURNS int LANGUAGE sql AS 'SELECT 5';
ALTER TABLE hybrid_l2 RENAME TO hybrid_l3;
CREATE VIEW hybrid_l2 AS SELECT * FROM hybrid_l3 WHERE id <> hybrid_hide();
DROP MATERIALIZED VIEW hybrid_m;
CREATE MATERIALIZED VIEW hybrid_m USING omendb AS SELECT id FROM hybrid_l2;
CREATE UNIQUE INDEX hybrid_m_id ON hybrid_m (id);
CREATE OR REPLACE FUNCTION hybrid_hide() RETURNS int LANGUAGE sql AS 'SELECT 6';
REFRESH MATERIALIZED VIEW CONCURRENTLY hybrid_m;
SELECT count(*) FILTER (WHERE id = 5) AS five, count(*) FILTER (WHERE id = 6) AS six FROM hybrid_m;
REFRESH MATERIALIZED VIEW hybrid_m WITH NO DATA;
REFRESH MATERIALIZED VIEW hybrid_m;
SELECT count(*) FILTER (WHERE id = 5) AS five, count(*) FILTER (WHERE id = 6) AS six, count(*) FROM hybrid_m;
DROP MATERIALIZED VIEW hybrid_m;
DROP VIEW hybrid_l2;
DROP FUNCTION hybrid_hide;
DROP TABLE hybrid_l, hybrid_l3;

-- a load that fails leaves nothing
CREATE TABLE hybrid_f (id int, v text CHECK (v !~ '\x01')) USING omendb WITH (autovacuum_enabled = off);
COPY hybrid_f FROM :'small';
\set VERBOSITY terse
COPY hybrid_f FROM :'bad';
COPY hybrid_f (id) FROM PROGRAM 'seq 1 2300; echo x';
\set VERBOSITY default
SELECT count(*), count(DISTINCT id) FROM hybrid_f;
SELECT state, count(*), sum(rows) FROM omendb.row_groups('hybrid_f') WHERE state NOT IN ('free', 'directory') GROUP BY state ORDER BY state;
SELECT * FROM omendb.check('hybrid_f');
-- VACUUM frees what it left, and the next load takes it
SELECT pg_relation_size('hybrid_f') AS size \gset
VACUUM (TRUNCATE off) hybrid_f;
SELECT state, count(*) > 0 AS some, sum(pages) >= 40 AS pages FROM omendb.row_groups('hybrid_f')
WHERE state <> 'directory' GROUP BY state ORDER BY state;
COPY hybrid_f FROM :'file';
SELECT * FROM hybrid_look('hybrid_f');
SELECT pg_relation_size('hybrid_f') <= :size + 8192 AS reused;
DROP TABLE hybrid_f;

-- transactions and savepoints
CREATE TABLE hybrid_x (id int, v text) USING omendb;
BEGIN;
COPY hybrid_x FROM :'file';
SELECT count(*) FROM hybrid_x;
ROLLBACK;
SELECT count(*) FROM hybrid_x;
BEGIN;
COPY hybrid_x FROM :'file';
SAVEPOINT a;
COPY hybrid_x FROM :'file';
SAVEPOINT b;
COPY hybrid_x FROM :'small';
COPY hybrid_x FROM :'file';
SELECT count(*), count(DISTINCT id), sum(id) FROM hybrid_x;
ROLLBACK TO b;
SELECT count(*), count(DISTINCT id), sum(id) FROM hybrid_x;
COPY hybrid_x FROM :'small';
SELECT count(*), count(DISTINCT id), sum(id) FROM hybrid_x;
RELEASE b;
SELECT count(*), count(DISTINCT id), sum(id) FROM hybrid_x;
ROLLBACK TO a;
SELECT count(*), count(DISTINCT id), sum(id) FROM hybrid_x;
COPY hybrid_x FROM :'file';
INSERT INTO hybrid_x VALUES (1000);
SELECT count(*), count(DISTINCT id), sum(id) FROM hybrid_x;
RELEASE a;
COMMIT;
SELECT * FROM hybrid_look('hybrid_x');
-- the groups of the savepoints that went
SELECT state, count(*), sum(rows) FROM omendb.row_groups('hybrid_x') WHERE state NOT IN ('free', 'directory') GROUP BY state ORDER BY state;
VACUUM hybrid_x;
SELECT state, count(*), sum(rows) FROM omendb.row_groups('hybrid_x') WHERE state NOT IN ('free', 'directory') GROUP BY state ORDER BY state;
SELECT * FROM hybrid_look('hybrid_x');
TRUNCATE hybrid_x;
-- nested blocks of a function, inner ones failing
DO $$
BEGIN
	FOR i IN 1 .. 6 LOOP
		BEGIN
			COPY hybrid_x (id) FROM PROGRAM 'seq 1 130';
			BEGIN
				COPY hybrid_x (id) FROM PROGRAM 'seq 131 260';
				IF i % 2 = 0 THEN RAISE 'inner'; END IF;
			EXCEPTION WHEN raise_exception THEN
				NULL;
			END;
			IF i % 3 = 0 THEN RAISE 'outer'; END IF;
		EXCEPTION WHEN raise_exception THEN
			NULL;
		END;
	END LOOP;
END $$;
SELECT count(*) FILTER (WHERE id <= 130) AS outer_rows, count(*) FILTER (WHERE id > 130) AS inner_rows FROM hybrid_x;
SELECT * FROM hybrid_look('hybrid_x');
-- a procedure that commits and rolls back between loads
TRUNCATE hybrid_x;
CREATE PROCEDURE hybrid_steps() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 5 LOOP
		COPY hybrid_x (id) FROM PROGRAM 'seq 1 210';
		IF i % 2 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
	END LOOP;
END $$;
CALL hybrid_steps();
SELECT * FROM hybrid_look('hybrid_x');
DROP PROCEDURE hybrid_steps;
-- created, filled, truncated and dropped in one transaction, with savepoints
BEGIN;
CREATE TABLE hybrid_y (id int) USING omendb;
COPY hybrid_y FROM PROGRAM 'seq 1 150';
SAVEPOINT a;
TRUNCATE hybrid_y;
COPY hybrid_y FROM PROGRAM 'seq 1 120';
SELECT count(*) FROM hybrid_y;
ROLLBACK TO a;
SELECT count(*) FROM hybrid_y;
SAVEPOINT b;
DROP TABLE hybrid_y;
ROLLBACK TO b;
COPY hybrid_y FROM PROGRAM 'seq 151 300';
SELECT count(*), sum(id) FROM hybrid_y;
COMMIT;
SELECT * FROM hybrid_look('hybrid_y');
BEGIN;
TRUNCATE hybrid_y;
COPY hybrid_y FROM PROGRAM 'seq 1 333';
SELECT count(*) FROM hybrid_y;
ROLLBACK;
SELECT * FROM hybrid_look('hybrid_y');
BEGIN;
TRUNCATE hybrid_y;
COPY hybrid_y FROM PROGRAM 'seq 1 333';
TRUNCATE hybrid_y;
COPY hybrid_y FROM PROGRAM 'seq 1 222';
COMMIT;
SELECT * FROM hybrid_look('hybrid_y');
DROP TABLE hybrid_y;

-- a statement does not see what is loaded during it, nor a cursor what is loaded after it was opened
TRUNCATE hybrid_x;
COPY hybrid_x FROM :'file';
BEGIN;
DECLARE before SCROLL CURSOR FOR SELECT count(*) OVER (), id FROM hybrid_x ORDER BY id;
DECLARE plain SCROLL CURSOR FOR SELECT id FROM hybrid_x;
DECLARE late SCROLL CURSOR FOR SELECT count(*) FROM hybrid_x;
FETCH 1 FROM before;
MOVE 120 FROM plain;
COPY hybrid_x FROM :'file';
COPY hybrid_x FROM :'small';
FETCH 1 FROM before;
FETCH LAST FROM before;
FETCH late;
CREATE FUNCTION hybrid_rest(c refcursor) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := 0;
	r record;
BEGIN
	LOOP
		FETCH NEXT FROM c INTO r;
		EXIT WHEN NOT FOUND;
		n := n + 1;
	END LOOP;
	RETURN n;
END $$;
SELECT hybrid_rest('plain');
MOVE BACKWARD ALL FROM plain;
SELECT hybrid_rest('plain');
SELECT count(*) FROM hybrid_x;
DECLARE after CURSOR FOR SELECT count(*) FROM hybrid_x;
FETCH after;
COMMIT;
-- a stable function sees the snapshot of the query that calls it, a volatile one its own
CREATE FUNCTION hybrid_load_one() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	COPY hybrid_x (id) FROM PROGRAM 'seq 1001 1150';
	RETURN 1;
END $$;
CREATE FUNCTION hybrid_stable() RETURNS bigint STABLE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM hybrid_x); END';
CREATE FUNCTION hybrid_volatile() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM hybrid_x); END';
TRUNCATE hybrid_x;
COPY hybrid_x FROM :'small';
SELECT hybrid_stable() AS before, hybrid_load_one() AS loaded, hybrid_stable() AS stable, hybrid_volatile() AS volatile
FROM generate_series(1, 3);
-- a scan that goes on while rows are loaded into its table sees the old ones only
TRUNCATE hybrid_x;
COPY hybrid_x FROM :'file';
SELECT count(*), count(DISTINCT id), max(id), sum(CASE WHEN id % 100 = 0 THEN hybrid_load_one() END) AS loads FROM hybrid_x;
SELECT * FROM hybrid_look('hybrid_x');
DROP FUNCTION hybrid_load_one, hybrid_stable, hybrid_volatile;

-- a constraint that reads the table during COPY, in a subtransaction of its own; and in heap
CREATE TABLE hybrid_seen (t text, id int, n bigint);
CREATE FUNCTION hybrid_constraint(t text, id int) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	IF id % 700 = 0 THEN
		BEGIN
			EXECUTE format('SELECT count(*) FROM %I', t) INTO n;
			INSERT INTO hybrid_seen VALUES (t, id, n);
		EXCEPTION WHEN division_by_zero THEN
			NULL;
		END;
	END IF;
	RETURN true;
END $$;
CREATE TABLE hybrid_check (id int, CHECK (hybrid_constraint('hybrid_check', id))) USING omendb;
CREATE TABLE hybrid_check_h (id int, CHECK (hybrid_constraint('hybrid_check_h', id)));
COPY hybrid_check FROM PROGRAM 'seq 1 5000';
COPY hybrid_check_h FROM PROGRAM 'seq 1 5000';
SELECT id, a.n = b.n AS same, a.n FROM hybrid_seen a JOIN hybrid_seen b USING (id)
WHERE a.t = 'hybrid_check' AND b.t = 'hybrid_check_h' ORDER BY id;
SELECT cold + hot, ids, problems FROM hybrid_look('hybrid_check');
-- what the subtransaction wrote stays when it fails later, and so do the rows of the load
TRUNCATE hybrid_check, hybrid_check_h, hybrid_seen;
CREATE OR REPLACE FUNCTION hybrid_constraint(t text, id int) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	IF id % 700 = 0 THEN
		BEGIN
			EXECUTE format('SELECT count(*) FROM %I', t) INTO n;
			RAISE division_by_zero;
		EXCEPTION WHEN division_by_zero THEN
			INSERT INTO hybrid_seen VALUES (t, id, n);
		END;
	END IF;
	RETURN true;
END $$;
COPY hybrid_check FROM PROGRAM 'seq 1 5000';
COPY hybrid_check_h FROM PROGRAM 'seq 1 5000';
SELECT count(*), bool_and(a.n = b.n) AS same FROM hybrid_seen a JOIN hybrid_seen b USING (id)
WHERE a.t = 'hybrid_check' AND b.t = 'hybrid_check_h';
SELECT cold + hot, ids, problems FROM hybrid_look('hybrid_check');
SELECT count(*), sum(id) FROM hybrid_check;
DROP TABLE hybrid_check, hybrid_check_h, hybrid_seen;
DROP FUNCTION hybrid_constraint;
-- a volatile default that reads the table: each row sees those before it, as in heap
CREATE FUNCTION hybrid_count() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM hybrid_d); END';
CREATE TABLE hybrid_d (id int, n bigint DEFAULT hybrid_count()) USING omendb;
COPY hybrid_d (id) FROM PROGRAM 'seq 1 250';
SELECT count(*), count(DISTINCT n), min(n), max(n), bool_and(n = id - 1) FROM hybrid_d;
SELECT cold + hot AS rows, ids, problems FROM hybrid_look('hybrid_d');
DROP TABLE hybrid_d;
DROP FUNCTION hybrid_count;

-- serial and identity columns, generated ones, defaults
CREATE TABLE hybrid_g (id serial, i int GENERATED ALWAYS AS IDENTITY, v int, w int GENERATED ALWAYS AS (v * 2) STORED,
	d text DEFAULT 'default', CHECK (v < 1000)) USING omendb;
COPY hybrid_g (v) FROM PROGRAM 'seq 1 250';
SELECT * FROM hybrid_look('hybrid_g');
SELECT count(DISTINCT id), min(id), max(id), count(DISTINCT i), max(i), sum(w) = 2 * sum(v) AS w, count(*) FILTER (WHERE d = 'default') FROM hybrid_g;
INSERT INTO hybrid_g (v) VALUES (500) RETURNING *;
COPY hybrid_g (v) FROM PROGRAM 'seq 998 1000';
SELECT count(*) FROM hybrid_g;
DROP TABLE hybrid_g;

-- triggers: those of rows make a load hot, those of statements do not
CREATE TABLE hybrid_log (what text, n bigint);
CREATE TABLE hybrid_tr (id int, v text) USING omendb;
CREATE FUNCTION hybrid_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_WHEN = 'BEFORE' THEN
		IF NEW.id = 7 THEN RETURN NULL; END IF;
		NEW.v := 'trigger';
	END IF;
	RETURN NEW;
END $$;
CREATE FUNCTION hybrid_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_WHEN = 'AFTER' AND TG_OP = 'INSERT' AND TG_NAME = 'with_table' THEN
		INSERT INTO hybrid_log SELECT TG_NAME || ' ' || TG_TABLE_NAME || ' ' || coalesce(min(id), 0) || ' ' || coalesce(max(id), 0), count(*) FROM new_rows;
	ELSE
		EXECUTE format('INSERT INTO hybrid_log SELECT %L, count(*) FROM %I', lower(TG_WHEN) || ' ' || TG_TABLE_NAME, TG_TABLE_NAME);
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER b BEFORE INSERT ON hybrid_tr FOR EACH ROW EXECUTE FUNCTION hybrid_row();
COPY hybrid_tr FROM :'file';
SELECT * FROM hybrid_look('hybrid_tr');
SELECT DISTINCT v FROM hybrid_tr;
DROP TRIGGER b ON hybrid_tr;
TRUNCATE hybrid_tr;
CREATE TRIGGER a AFTER INSERT ON hybrid_tr FOR EACH ROW EXECUTE FUNCTION hybrid_row();
COPY hybrid_tr FROM :'file';
SELECT * FROM hybrid_look('hybrid_tr');
DROP TRIGGER a ON hybrid_tr;
TRUNCATE hybrid_tr;
CREATE TRIGGER before BEFORE INSERT ON hybrid_tr EXECUTE FUNCTION hybrid_statement();
CREATE TRIGGER after AFTER INSERT ON hybrid_tr EXECUTE FUNCTION hybrid_statement();
COPY hybrid_tr FROM :'file';
SELECT * FROM hybrid_look('hybrid_tr');
SELECT * FROM hybrid_log;
CREATE TRIGGER with_table AFTER INSERT ON hybrid_tr REFERENCING NEW TABLE AS new_rows EXECUTE FUNCTION hybrid_statement();
TRUNCATE hybrid_tr, hybrid_log;
COPY hybrid_tr FROM :'file';
SELECT * FROM hybrid_look('hybrid_tr');
SELECT * FROM hybrid_log ORDER BY what;
-- a foreign key is a row trigger; of update and delete triggers COPY knows nothing
DROP TRIGGER before ON hybrid_tr;
DROP TRIGGER after ON hybrid_tr;
DROP TRIGGER with_table ON hybrid_tr;
CREATE TABLE hybrid_parent (id int PRIMARY KEY);
INSERT INTO hybrid_parent SELECT generate_series(1, 250);
ALTER TABLE hybrid_tr ADD CONSTRAINT hybrid_tr_fk FOREIGN KEY (id) REFERENCES hybrid_parent;
TRUNCATE hybrid_tr;
COPY hybrid_tr FROM :'file';
SELECT * FROM hybrid_look('hybrid_tr');
ALTER TABLE hybrid_tr DROP CONSTRAINT hybrid_tr_fk;
CREATE TRIGGER u BEFORE UPDATE OR DELETE ON hybrid_tr FOR EACH ROW EXECUTE FUNCTION hybrid_row();
TRUNCATE hybrid_tr;
COPY hybrid_tr FROM :'file';
SELECT cold + hot AS rows, ids, problems FROM hybrid_look('hybrid_tr');
-- disabled triggers are triggers
DROP TRIGGER u ON hybrid_tr;
CREATE TRIGGER b BEFORE INSERT ON hybrid_tr FOR EACH ROW EXECUTE FUNCTION hybrid_row();
ALTER TABLE hybrid_tr DISABLE TRIGGER b;
TRUNCATE hybrid_tr;
COPY hybrid_tr FROM :'file';
SELECT cold + hot AS rows, ids, problems FROM hybrid_look('hybrid_tr');
DROP TABLE hybrid_tr, hybrid_parent;

-- a trigger that loads another table, and its own
CREATE TABLE hybrid_one (id int) USING omendb;
CREATE TABLE hybrid_two (id int) USING omendb;
CREATE FUNCTION hybrid_spread() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	COPY hybrid_two FROM PROGRAM 'seq 1 150';
	IF (SELECT count(*) FROM hybrid_one) < 700 THEN
		COPY hybrid_one FROM PROGRAM 'seq 1 150';
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER spread AFTER INSERT ON hybrid_one EXECUTE FUNCTION hybrid_spread();
COPY hybrid_one FROM PROGRAM 'seq 1 330';
SELECT * FROM hybrid_look('hybrid_one');
SELECT * FROM hybrid_look('hybrid_two');
DROP TABLE hybrid_one, hybrid_two;
DROP FUNCTION hybrid_spread, hybrid_row;

-- partitions of several kinds in one COPY, with and without transition tables, and very many of them
TRUNCATE hybrid_log;
CREATE TABLE hybrid_part (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE hybrid_part1 PARTITION OF hybrid_part FOR VALUES FROM (1) TO (110) USING omendb;
CREATE TABLE hybrid_part2 PARTITION OF hybrid_part FOR VALUES FROM (110) TO (120) USING heap;
CREATE TABLE hybrid_part3 (v text, gone int, id int) USING omendb;
ALTER TABLE hybrid_part3 DROP COLUMN gone;
ALTER TABLE hybrid_part ATTACH PARTITION hybrid_part3 FOR VALUES FROM (120) TO (230);
CREATE TABLE hybrid_part4 PARTITION OF hybrid_part DEFAULT USING omendb;
CREATE INDEX ON hybrid_part4 (id);
COPY hybrid_part FROM :'file';
SELECT t, l.* FROM unnest('{hybrid_part1,hybrid_part3,hybrid_part4}'::text[]) t, hybrid_look(t::regclass) l ORDER BY t;
SELECT tableoid::regclass, count(*), min(id), max(id), min(v) FROM hybrid_part GROUP BY tableoid ORDER BY 1;
CREATE TRIGGER with_table AFTER INSERT ON hybrid_part REFERENCING NEW TABLE AS new_rows EXECUTE FUNCTION hybrid_statement();
CREATE TRIGGER before BEFORE INSERT ON hybrid_part EXECUTE FUNCTION hybrid_statement();
TRUNCATE hybrid_part;
COPY hybrid_part FROM :'file';
SELECT * FROM hybrid_log ORDER BY what;
SELECT t, l.cold + l.hot AS rows, ids, problems FROM unnest('{hybrid_part1,hybrid_part3,hybrid_part4}'::text[]) t, hybrid_look(t::regclass) l ORDER BY t;
SELECT count(*), count(DISTINCT id), sum(id) FROM hybrid_part WHERE id BETWEEN 100 AND 240;
DROP TABLE hybrid_part;
CREATE TABLE hybrid_many (id int) PARTITION BY HASH (id);
SELECT format('CREATE TABLE hybrid_many%s PARTITION OF hybrid_many FOR VALUES WITH (MODULUS 50, REMAINDER %1$s) USING omendb', i)
FROM generate_series(0, 49) i \gexec
COPY hybrid_many FROM PROGRAM 'seq 1 20000';
SELECT count(*), count(DISTINCT id), sum(id) FROM hybrid_many;
SELECT sum(cold) AS cold, sum(hot) AS hot, sum(ids) AS ids, max(problems) AS problems, count(*) FILTER (WHERE hot < 100) AS tails
FROM generate_series(0, 49) i, hybrid_look(('hybrid_many' || i)::regclass);
BEGIN;
COPY hybrid_many FROM PROGRAM 'seq 1 20000';
SELECT count(*), count(DISTINCT id) FROM hybrid_many;
ROLLBACK;
SELECT count(*), count(DISTINCT id) FROM hybrid_many;
DROP TABLE hybrid_many;
DROP TABLE hybrid_log;
DROP FUNCTION hybrid_statement;

-- COPY FREEZE
BEGIN;
CREATE TABLE hybrid_fr (id int, v text) USING omendb;
COPY hybrid_fr FROM :'file' (FREEZE);
SELECT count(*) FROM hybrid_fr;
COMMIT;
SELECT * FROM hybrid_look('hybrid_fr');
SELECT xmin::text::bigint > 2 AS kept, count(*) FROM omendb.row_groups('hybrid_fr') WHERE state = 'visible' GROUP BY xmin::text::bigint ORDER BY 2;
COPY hybrid_fr FROM :'file' (FREEZE);
BEGIN;
TRUNCATE hybrid_fr;
COPY hybrid_fr FROM :'file' (FREEZE);
ROLLBACK;
SELECT * FROM hybrid_look('hybrid_fr');
BEGIN;
TRUNCATE hybrid_fr;
SAVEPOINT a;
COPY hybrid_fr FROM :'file' (FREEZE);
ROLLBACK TO a;
COMMIT;
BEGIN;
SAVEPOINT a;
TRUNCATE hybrid_fr;
COPY hybrid_fr FROM :'file' (FREEZE);
RELEASE a;
SAVEPOINT b;
COPY hybrid_fr FROM :'small';
ROLLBACK TO b;
COMMIT;
SELECT * FROM hybrid_look('hybrid_fr');
DROP TABLE hybrid_fr;

-- temporary tables, with each kind of end; unlogged ones; both from one to the other
CREATE TEMP TABLE hybrid_t1 (id int) USING omendb ON COMMIT DELETE ROWS;
BEGIN;
COPY hybrid_t1 FROM PROGRAM 'seq 1 250';
SELECT * FROM hybrid_look('hybrid_t1');
COMMIT;
SELECT * FROM hybrid_look('hybrid_t1');
BEGIN;
COPY hybrid_t1 FROM PROGRAM 'seq 1 350';
SAVEPOINT a;
COPY hybrid_t1 FROM PROGRAM 'seq 1 350';
ROLLBACK TO a;
SELECT * FROM hybrid_look('hybrid_t1');
COMMIT;
COPY hybrid_t1 FROM PROGRAM 'seq 1 350';
SELECT count(*) FROM hybrid_t1;
CREATE TEMP TABLE hybrid_t2 USING omendb ON COMMIT PRESERVE ROWS AS SELECT i AS id FROM generate_series(1, 250) i;
SELECT * FROM hybrid_look('hybrid_t2');
INSERT INTO hybrid_t2 SELECT id FROM hybrid_t2 WHERE id > 80;
VACUUM hybrid_t2;
SELECT * FROM hybrid_look('hybrid_t2');
BEGIN;
CREATE TEMP TABLE hybrid_t3 USING omendb ON COMMIT DROP AS SELECT i AS id FROM generate_series(1, 250) i;
SELECT count(*) FROM hybrid_t3;
COMMIT;
SELECT to_regclass('hybrid_t3');
CREATE UNLOGGED TABLE hybrid_u (id int, v text) USING omendb;
COPY hybrid_u FROM :'file';
SELECT * FROM hybrid_look('hybrid_u');
ALTER TABLE hybrid_u SET LOGGED;
SELECT * FROM hybrid_look('hybrid_u');
ALTER TABLE hybrid_u SET UNLOGGED;
COPY hybrid_u FROM :'file';
SELECT * FROM hybrid_look('hybrid_u');
VACUUM hybrid_u;
SELECT * FROM hybrid_look('hybrid_u');
DROP TABLE hybrid_t1, hybrid_t2, hybrid_u;

-- large loads: several groups of a statement, narrow and wide
SET omendb.row_group_rows = 4096;
CREATE TABLE hybrid_big USING omendb AS SELECT i AS id, i % 10 AS k, md5(i::text) AS v FROM generate_series(1, 50000) i;
SELECT * FROM hybrid_look('hybrid_big');
SELECT k, count(*), sum(id), count(DISTINCT v) FROM hybrid_big GROUP BY k ORDER BY k;
COPY hybrid_big TO :'file';
COPY hybrid_big FROM :'file';
SELECT * FROM hybrid_look('hybrid_big');
SELECT count(DISTINCT first_row) = count(*) AS distinct_rows, bool_and(first_row % 256 = 0) AS aligned,
	count(*) FILTER (WHERE first_row < p) AS overlaps
FROM (SELECT first_row, lag(first_row + rows) OVER (ORDER BY first_row) AS p FROM omendb.row_groups('hybrid_big') WHERE state = 'visible') s;
DROP TABLE hybrid_big;

-- values that are copied in different ways on their way: short and long ones, arrays that a function has built, numerics
-- of one scale and others among them
SET omendb.row_group_rows = 1000;
CREATE FUNCTION hybrid_array() RETURNS int[] STABLE LANGUAGE plpgsql AS $$
DECLARE
	a int[] := '{}';
BEGIN
	FOR i IN 1..5 LOOP
		a := a || i;
	END LOOP;
	a[3] := 7;
	RETURN a;
END $$;
CREATE TABLE hybrid_v (id int, v text, one numeric, few numeric, none numeric, u uuid, a int[] DEFAULT hybrid_array()) USING omendb;
CREATE TABLE hybrid_w (LIKE hybrid_v INCLUDING DEFAULTS);
COPY (SELECT i, repeat(chr(97 + i % 26), CASE WHEN i % 50 = 0 THEN 3000 WHEN i % 7 = 0 THEN 0 ELSE i % 60 END),
	CASE WHEN i % 5 > 0 THEN round(i / 8.0, 2) END,
	CASE WHEN i % 1000 = 777 THEN 'NaN' WHEN i > 3000 AND i % 3 = 0 THEN round(i / 8.0, 3) ELSE round(-i / 8.0, 2) END,
	CASE WHEN i % 2 = 0 THEN '1e-20'::numeric * i END,
	CASE WHEN i % 4 > 0 THEN md5(i::text)::uuid END
	FROM generate_series(1, 5500) i) TO :'file';
COPY hybrid_v (id, v, one, few, none, u) FROM :'file';
COPY hybrid_w (id, v, one, few, none, u) FROM :'file';
SELECT * FROM hybrid_look('hybrid_v');
SELECT count(*) AS others FROM ((TABLE hybrid_v EXCEPT TABLE hybrid_w) UNION ALL (TABLE hybrid_w EXCEPT TABLE hybrid_v)) x;
SELECT count(*), sum(one), sum(few) FILTER (WHERE few <> 'NaN'), sum(none), count(u), min(a), max(a) FROM hybrid_v;
DROP TABLE hybrid_v, hybrid_w;
DROP FUNCTION hybrid_array;

COPY (SELECT) TO :'file';
COPY (SELECT) TO :'small';
COPY (SELECT) TO :'bad';
DROP TABLE hybrid_x;
DROP FUNCTION hybrid_look, hybrid_rest;
