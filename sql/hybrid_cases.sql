-- Cases that reviews of the code brought up.
SET omendb.row_group_rows = 100;

-- a group of a transaction that also changed the columns, and was rolled back
CREATE TABLE hybrid_a (id int) USING omendb WITH (autovacuum_enabled = off);
COPY hybrid_a FROM PROGRAM 'seq 1 100';
BEGIN;
ALTER TABLE hybrid_a ADD COLUMN x int;
COPY hybrid_a (id) FROM PROGRAM 'seq 101 200';
ROLLBACK;
ALTER TABLE hybrid_a ADD COLUMN x text;
SELECT state, encodings IS NULL AS none FROM omendb.row_groups('hybrid_a') WHERE state <> 'directory' ORDER BY state;
SELECT * FROM omendb.check('hybrid_a');
VACUUM (TRUNCATE off) hybrid_a;
SELECT state FROM omendb.row_groups('hybrid_a') WHERE state <> 'directory' ORDER BY state;
SELECT * FROM omendb.check('hybrid_a');

-- rows keep their xmin when VACUUM freezes their group
CREATE TABLE hybrid_x (id int) USING omendb WITH (autovacuum_enabled = off);
COPY hybrid_x FROM PROGRAM 'seq 1 100';
SELECT xmin AS loaded FROM hybrid_x LIMIT 1 \gset
VACUUM FREEZE hybrid_x;
SELECT count(*) FROM hybrid_x WHERE xmin = :'loaded';

-- a load that calls functions which run queries still fills groups
CREATE FUNCTION hybrid_one(i int) RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM relname FROM pg_class WHERE oid = 1; RETURN i; END';
CREATE TABLE hybrid_q USING omendb AS SELECT hybrid_one(i) AS id FROM generate_series(1, 1000) i;
SELECT count(*), sum(rows) FROM omendb.row_groups('hybrid_q') WHERE state = 'visible';

-- a default that reads the table within a subtransaction, for every row: no groups of single rows
CREATE SEQUENCE hybrid_seq;
CREATE FUNCTION hybrid_count() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	BEGIN
		SELECT count(*) INTO n FROM hybrid_d;
	EXCEPTION WHEN division_by_zero THEN
		n := -1;
	END;
	PERFORM count(*) FROM hybrid_d;
	RETURN n;
END $$;
BEGIN;
CREATE TABLE hybrid_d (id int, n bigint DEFAULT hybrid_count()) USING omendb;
COPY hybrid_d (id) FROM PROGRAM 'seq 1 300';
COMMIT;
SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE n = id - 1) AS counted FROM hybrid_d;
SELECT count(*) < 10 AS few FROM omendb.row_groups('hybrid_d') WHERE state = 'visible';

-- the same with a second load inside, and too little memory for both
CREATE FUNCTION hybrid_nested() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		DROP TABLE IF EXISTS hybrid_inner;
		CREATE TABLE hybrid_inner USING omendb AS SELECT i, repeat('x', 2000) AS x FROM generate_series(1, 1000) i;
		PERFORM count(*) FROM hybrid_n;
	EXCEPTION WHEN division_by_zero THEN
		NULL;
	END;
	RETURN nextval('hybrid_seq');
END $$;
SET client_min_messages = warning;
SET omendb.row_group_rows = 131072;
SET maintenance_work_mem = '1MB';
BEGIN;
CREATE TABLE hybrid_n (id int, n bigint DEFAULT hybrid_nested()) USING omendb;
COPY hybrid_n (id) FROM PROGRAM 'seq 1 20';
COMMIT;
SELECT count(*), sum(id), max(n) FROM hybrid_n;
SELECT * FROM omendb.check('hybrid_n');
RESET maintenance_work_mem;
RESET client_min_messages;
SET omendb.row_group_rows = 100;

-- a table that a foreign key refers to becomes cold like any other
CREATE TABLE hybrid_pk (id int PRIMARY KEY) USING omendb;
INSERT INTO hybrid_pk SELECT generate_series(1, 300);
CREATE TABLE hybrid_fk (id int REFERENCES hybrid_pk) USING omendb;
VACUUM FULL hybrid_pk;
SELECT sum(rows) FROM omendb.row_groups('hybrid_pk') WHERE state = 'visible';
INSERT INTO hybrid_fk VALUES (1);
INSERT INTO hybrid_fk VALUES (301);
DELETE FROM hybrid_pk WHERE id = 1;
ALTER TABLE hybrid_pk ALTER COLUMN id TYPE bigint;
SELECT sum(rows) FROM omendb.row_groups('hybrid_pk') WHERE state = 'visible';
INSERT INTO hybrid_fk VALUES (300);
INSERT INTO hybrid_fk VALUES (302);
DELETE FROM hybrid_pk WHERE id = 300;
-- rows that are gone or have changed are in no new group; a lock leaves nothing
DELETE FROM hybrid_pk WHERE id BETWEEN 101 AND 200;
UPDATE hybrid_pk SET id = id + 1000 WHERE id = 2;
SELECT count(*) FROM (SELECT FROM hybrid_pk FOR UPDATE) s;
VACUUM FULL hybrid_pk;
SELECT count(*), sum(id) FROM hybrid_pk;
SELECT sum(rows) FROM omendb.row_groups('hybrid_pk') WHERE state = 'visible';
SELECT * FROM omendb.check('hybrid_pk');
-- what must not become cold
CREATE TABLE hybrid_brin (id int) USING omendb;
CREATE INDEX ON hybrid_brin USING brin (id);
INSERT INTO hybrid_brin SELECT generate_series(1, 300);
VACUUM FULL hybrid_brin;
SELECT count(*) FROM omendb.row_groups('hybrid_brin');
SET omendb.load_row_groups = off;
CREATE TABLE hybrid_off USING omendb AS SELECT generate_series(1, 300) AS id;
VACUUM FULL hybrid_off;
SELECT count(*) FROM omendb.row_groups('hybrid_off');
RESET omendb.load_row_groups;
VACUUM FULL hybrid_off;
SELECT sum(rows) FROM omendb.row_groups('hybrid_off') WHERE state = 'visible';

DROP TABLE hybrid_a, hybrid_x, hybrid_q, hybrid_d, hybrid_n, hybrid_inner, hybrid_fk, hybrid_pk, hybrid_brin, hybrid_off;
DROP FUNCTION hybrid_one, hybrid_count, hybrid_nested;
DROP SEQUENCE hybrid_seq;
RESET omendb.row_group_rows;
