-- FOR UPDATE and its kin, in one session.
CREATE TABLE a AS SELECT i AS id, i % 4 AS k, 'a' || i AS t FROM generate_series(1, 32) i;
CREATE TABLE b AS SELECT i AS id, i % 8 AS a, 'b' || i AS t FROM generate_series(1, 32) i;
CALL must_be_cold('a', 'b');
ALTER TABLE a ADD PRIMARY KEY (id);
ALTER TABLE b ADD PRIMARY KEY (id);
CREATE TABLE before AS SELECT id, xmin AS x, ctid AS c FROM a;

BEGIN;
SELECT a.*, b.* FROM a JOIN b ON b.a = a.id WHERE a.id < 4 ORDER BY a.id, b.id FOR UPDATE;
SELECT a.*, b.* FROM a JOIN b ON b.a = a.id WHERE a.id < 4 ORDER BY a.id, b.id FOR SHARE OF b FOR NO KEY UPDATE OF a;
SELECT a.id, b.id FROM a LEFT JOIN b ON b.a = a.id WHERE a.id IN (7, 8) ORDER BY 1, 2 FOR UPDATE OF a;
SELECT a.id, b.id FROM a LEFT JOIN b ON b.a = a.id WHERE a.id IN (7, 8) ORDER BY 1, 2 FOR UPDATE;
ROLLBACK;
SELECT id FROM a WHERE k = 1 ORDER BY id DESC LIMIT 2 FOR UPDATE;
SELECT id FROM a WHERE k = 1 ORDER BY id OFFSET 6 FOR KEY SHARE NOWAIT;
SELECT k, count(*) FROM a GROUP BY k FOR UPDATE;
SELECT DISTINCT k FROM a FOR UPDATE;
SELECT s.id FROM (SELECT * FROM a WHERE id < 3 FOR UPDATE) s ORDER BY 1;
SELECT s.id FROM (SELECT * FROM a WHERE id < 3) s ORDER BY 1 FOR UPDATE OF s;
WITH x AS (SELECT id FROM a WHERE id < 4 ORDER BY id FOR UPDATE) SELECT * FROM x WHERE id > 1 ORDER BY id;
SELECT id, (SELECT t FROM b WHERE b.id = a.id FOR SHARE) FROM a WHERE id < 4 ORDER BY id;
SELECT x.id, y.id FROM a x JOIN a y ON y.id = x.id + 1 WHERE x.id < 4 ORDER BY 1 FOR UPDATE;
SELECT id FROM a WHERE id = 5 AND ctid = (SELECT c FROM before WHERE id = 5) FOR UPDATE;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT id FROM a WHERE id = 5 FOR UPDATE;
UPDATE a SET t = 'x' WHERE id = 5 RETURNING *;
SELECT id FROM a WHERE id = 5 FOR KEY SHARE;
DELETE FROM a WHERE id = 5;
SELECT id FROM a WHERE id = 5 FOR UPDATE;
ROLLBACK;
BEGIN READ ONLY;
SELECT id FROM a WHERE id = 5 FOR UPDATE;
ROLLBACK;

-- strength after strength, in subtransactions
BEGIN;
SELECT id FROM a WHERE id = 6 FOR KEY SHARE;
SAVEPOINT s;
SELECT id FROM a WHERE id = 6 FOR SHARE;
SELECT id FROM a WHERE id = 6 FOR UPDATE;
ROLLBACK TO s;
SELECT id FROM a WHERE id = 6 FOR NO KEY UPDATE;
SAVEPOINT t;
UPDATE a SET t = t || '!' WHERE id = 6 RETURNING *;
UPDATE a SET id = 106 WHERE id = 6 RETURNING *;
ROLLBACK TO t;
SELECT * FROM a WHERE id IN (6, 106) FOR UPDATE;
COMMIT;
SELECT count(*) FROM a JOIN before b USING (id) WHERE a.xmin = b.x AND a.ctid = b.c;

-- through views and functions, with row security
CREATE VIEW v AS SELECT id, t FROM a WHERE k = 2;
SELECT * FROM v WHERE id < 8 ORDER BY id FOR UPDATE;
UPDATE v SET t = 'view' WHERE id = 6 RETURNING *;
DELETE FROM v WHERE id = 10 RETURNING *;
CREATE VIEW vc AS SELECT * FROM a WHERE k = 3 WITH CHECK OPTION;
UPDATE vc SET k = 2 WHERE id = 7;
UPDATE vc SET t = 'checked' WHERE id = 7 RETURNING *;
INSERT INTO vc VALUES (107, 2, 'no');
CREATE VIEW vj AS SELECT a.id, b.t FROM a JOIN b USING (id);
CREATE FUNCTION vj_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'DELETE' THEN
		DELETE FROM a WHERE id = OLD.id;
		RETURN OLD;
	END IF;
	UPDATE b SET t = NEW.t WHERE id = OLD.id;
	RETURN NEW;
END $$;
CREATE TRIGGER vj_write INSTEAD OF UPDATE OR DELETE ON vj FOR EACH ROW EXECUTE FUNCTION vj_write();
WITH u AS (UPDATE vj SET t = t || ' instead' WHERE id IN (11, 12) RETURNING *) SELECT * FROM u ORDER BY id;
DELETE FROM vj WHERE id = 13 RETURNING *;
SELECT * FROM vj WHERE id BETWEEN 10 AND 14 ORDER BY id;
CREATE ROLE cold_reader;
GRANT USAGE ON SCHEMA locks TO cold_reader;
GRANT ALL ON a TO cold_reader;
ALTER TABLE a ENABLE ROW LEVEL SECURITY;
CREATE POLICY a_even ON a USING (id % 2 = 0) WITH CHECK (k < 4);
SET ROLE cold_reader;
UPDATE a SET t = 'mine' WHERE id BETWEEN 20 AND 23;
UPDATE a SET k = 9 WHERE id = 20;
DELETE FROM a WHERE id IN (24, 25);
SELECT id, t FROM a WHERE id BETWEEN 18 AND 26 ORDER BY id FOR UPDATE;
RESET ROLE;
SELECT id, k, t FROM a WHERE id BETWEEN 18 AND 26 ORDER BY id;
ALTER TABLE a DISABLE ROW LEVEL SECURITY;

-- rules
CREATE TABLE log (id int, t text);
CREATE RULE a_log AS ON UPDATE TO a WHERE OLD.t <> NEW.t DO ALSO INSERT INTO log VALUES (OLD.id, OLD.t || ' -> ' || NEW.t);
CREATE RULE a_keep AS ON DELETE TO a WHERE OLD.id = 1 DO INSTEAD NOTHING;
UPDATE a SET t = 'ruled' WHERE id IN (1, 2);
DELETE FROM a WHERE id IN (1, 2);
SELECT * FROM log ORDER BY id, t;
SELECT * FROM a WHERE id < 4 ORDER BY id;
SELECT count(*), sum(id), string_agg(t, ',' ORDER BY id) FROM a;

-- xmax: who has locked or changed a row last, be that undone or not
CREATE TABLE c AS SELECT i AS id, 'c' || i AS t FROM generate_series(1, 32) i;
CALL must_be_cold('c');
ALTER TABLE c ADD PRIMARY KEY (id);
SELECT count(*) FROM c WHERE xmax = 0;
BEGIN;
SELECT pg_current_xact_id() AS mine \gset
SELECT id, xmax FROM c WHERE id = 2 FOR UPDATE;
SELECT id FROM c WHERE id = 3 FOR KEY SHARE;
DELETE FROM c WHERE id IN (4, 5) RETURNING id, t, xmax = :'mine' AS mine;
DELETE FROM c x USING c y WHERE x.id = 6 AND y.id IN (3, 4) RETURNING x.id, y.id, x.xmax = :'mine' AS mine, y.xmax = :'mine' AS locked;
UPDATE c SET t = 'x' WHERE id IN (2, 7) RETURNING id, xmax = :'mine' AS mine;
SELECT id, t, xmax = :'mine' AS mine FROM c WHERE id < 8 ORDER BY id;
ROLLBACK;
SELECT id, t, xmax = :'mine' AS mine FROM c WHERE id < 8 ORDER BY id;
SELECT xmax <> :'mine' AS other FROM c WHERE id = 2 FOR SHARE;
SELECT count(*) FROM c WHERE xmax = 0;

REVOKE ALL ON a FROM cold_reader;
REVOKE ALL ON SCHEMA locks FROM cold_reader;
DROP ROLE cold_reader;
