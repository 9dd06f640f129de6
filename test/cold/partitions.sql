-- Partitions and inheritance: cold partitions beside heap ones, rows that move between them, triggers, foreign keys, ON CONFLICT and MERGE.
CREATE TABLE p (id int, n int, t text) PARTITION BY RANGE (n);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
CREATE TABLE p2 (t text, dropped int, n int, id int);
ALTER TABLE p2 DROP dropped;
ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (100) TO (200);
CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (200) TO (300) USING heap;
CREATE TABLE p4 PARTITION OF p FOR VALUES FROM (300) TO (400) PARTITION BY HASH (id);
CREATE TABLE p40 PARTITION OF p4 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE p41 PARTITION OF p4 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CALL fill('p', 'SELECT i, i % 4 * 100 + 1, ''row '' || i FROM generate_series(1, 128) i');
CALL must_be_cold('p1', 'p2');
ALTER TABLE p ADD PRIMARY KEY (id, n);
CREATE INDEX ON p (t);
CREATE FUNCTION look() RETURNS TABLE (part regclass, n bigint, ids bigint, ns bigint) LANGUAGE sql AS
	$$ SELECT tableoid::regclass, count(*), sum(id), sum(n) FROM p GROUP BY tableoid ORDER BY tableoid $$;
SELECT * FROM look();
UPDATE p SET t = t || '!' WHERE id IN (1, 2, 3, 4);
UPDATE p SET n = n + 100 WHERE id = 5 RETURNING tableoid::regclass, *;
UPDATE p SET n = n + 100 WHERE id = 5 RETURNING tableoid::regclass, *;
UPDATE p SET n = n + 100 WHERE id = 5 RETURNING tableoid::regclass, *;
UPDATE p SET n = n - 300 WHERE id = 5 RETURNING tableoid::regclass, *;
UPDATE p SET n = 1 WHERE id = 6 RETURNING tableoid::regclass, *;
UPDATE p SET n = 101 WHERE id = 8 RETURNING tableoid::regclass, *;
UPDATE p SET n = 1000 WHERE id = 9;
UPDATE p1 SET n = 101 WHERE id = 12;
UPDATE p1 SET n = 2 WHERE id = 12 RETURNING *;
DELETE FROM p WHERE id IN (13, 14, 15, 16);
WITH u AS (UPDATE p SET n = (n + 100) % 400 WHERE id BETWEEN 20 AND 40 RETURNING tableoid::regclass AS part, id, n)
	SELECT part, count(*), sum(id) FROM u GROUP BY part ORDER BY part::oid;
SELECT * FROM look();
BEGIN;
UPDATE p SET n = (n + 200) % 400;
SELECT * FROM look();
SAVEPOINT a;
DELETE FROM p WHERE id % 2 = 0;
SELECT * FROM look();
ROLLBACK TO a;
UPDATE p SET n = (n + 200) % 400;
SELECT * FROM look();
ROLLBACK;
SELECT * FROM look();
INSERT INTO p VALUES (41, 101, 'conflict') ON CONFLICT (id, n) DO UPDATE SET t = p.t || excluded.t RETURNING tableoid::regclass, *;
INSERT INTO p VALUES (42, 201, 'conflict') ON CONFLICT (id, n) DO UPDATE SET t = p.t || excluded.t RETURNING tableoid::regclass, *;
INSERT INTO p VALUES (43, 1, 'conflict') ON CONFLICT (id, n) DO UPDATE SET n = 101;
INSERT INTO p VALUES (44, 1, 'conflict') ON CONFLICT (id, n) DO UPDATE SET n = 101;
MERGE INTO p USING (VALUES (45), (46), (47), (48), (49)) v (id) ON p.id = v.id
	WHEN MATCHED AND p.id = 45 THEN DELETE WHEN MATCHED AND p.id < 48 THEN UPDATE SET n = 50 WHEN MATCHED THEN UPDATE SET t = 'merged';
SELECT tableoid::regclass, * FROM p WHERE id BETWEEN 40 AND 49 ORDER BY id;
BEGIN;
SELECT id, tableoid::regclass FROM p WHERE id BETWEEN 50 AND 53 ORDER BY id FOR UPDATE;
DECLARE c CURSOR FOR SELECT id FROM p WHERE id BETWEEN 54 AND 57 ORDER BY id FOR UPDATE;
FETCH 2 FROM c;
UPDATE p SET n = 60 WHERE CURRENT OF c RETURNING tableoid::regclass, *;
COMMIT;

-- triggers on moving rows
CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE '% % % on %: % %', TG_NAME, TG_WHEN, TG_OP, TG_TABLE_NAME, CASE WHEN TG_OP <> 'INSERT' THEN OLD.n END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.n END;
	RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON p FOR EACH ROW EXECUTE FUNCTION say();
CREATE TRIGGER b AFTER INSERT OR UPDATE OR DELETE ON p FOR EACH ROW EXECUTE FUNCTION say();
UPDATE p SET n = n + 1 WHERE id = 60;
UPDATE p SET n = n + 100 WHERE id = 60;
UPDATE p SET n = n + 100 WHERE id = 61;
DELETE FROM p WHERE id = 61;
DROP TRIGGER a ON p;
DROP TRIGGER b ON p;

-- foreign keys to and from a partitioned table
CREATE TABLE c AS SELECT i AS id, i AS p, i % 4 * 100 + 1 AS n FROM generate_series(65, 96) i;
CALL must_be_cold('c');
ALTER TABLE c ADD FOREIGN KEY (p, n) REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE;
DELETE FROM p WHERE id = 65;
UPDATE p SET n = n + 1 WHERE id = 66;
UPDATE p SET n = n + 100 WHERE id = 68;
SELECT * FROM c WHERE id < 69 ORDER BY id;
UPDATE c SET n = 999 WHERE id = 69;
INSERT INTO c VALUES (200, 70, 201);
DELETE FROM c WHERE id = 70;
DELETE FROM p WHERE id = 70 RETURNING *;
SELECT count(*) FROM c;

-- attach, detach, foreign keys meanwhile gone
ALTER TABLE c DROP CONSTRAINT c_p_n_fkey;
ALTER TABLE p DETACH PARTITION p2;
UPDATE p2 SET n = n + 1000 WHERE id = 73;
DELETE FROM p2 WHERE id = 77;
ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (100) TO (200);
UPDATE p2 SET n = n - 1000 WHERE id = 73;
ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (100) TO (200);
SELECT * FROM look();
VACUUM p;
SELECT * FROM look();

-- inheritance
CREATE TABLE i0 AS SELECT i AS id, 'parent'::text AS t FROM generate_series(1, 16) i;
CREATE TABLE i1 AS SELECT i AS id, 'child'::text AS t, i AS extra FROM generate_series(11, 26) i;
CALL must_be_cold('i0', 'i1');
ALTER TABLE i1 INHERIT i0;
UPDATE i0 SET t = t || '!' WHERE id BETWEEN 10 AND 12;
UPDATE ONLY i0 SET t = t || '?' WHERE id BETWEEN 12 AND 14;
DELETE FROM i0 WHERE id = 15;
SELECT tableoid::regclass, * FROM i0 WHERE id BETWEEN 9 AND 17 ORDER BY id, 1;
SELECT count(*) FROM (SELECT 1 FROM i0 FOR UPDATE) x;
SELECT count(*), sum(extra) FROM i1;
