-- Reading only: what a cold row says of itself, cursors, samples, copies, and cold rows on the referring side of a foreign key.
CREATE TABLE r AS SELECT i AS id, i % 5 AS k, 'row ' || i AS t, CASE WHEN i % 3 > 0 THEN i * 1.5 END AS x FROM generate_series(1, 48) i;
CALL must_be_cold('r');
CREATE TABLE before AS SELECT id, xmin AS x, ctid AS c FROM r;
ALTER TABLE r ADD PRIMARY KEY (id);
CREATE INDEX ON r (k);

-- system columns
SELECT count(*) FROM r JOIN before b USING (id) WHERE r.xmin = b.x AND r.ctid = b.c;
SELECT count(DISTINCT xmin::text), count(DISTINCT ctid), count(DISTINCT tableoid), min(tableoid::regclass::text) FROM r;
SELECT id FROM r WHERE xmax = 0 AND id < 4 ORDER BY id;
SELECT r.id FROM r JOIN before b ON r.ctid = b.c WHERE b.id IN (7, 33) ORDER BY 1;
SELECT count(*) FROM r WHERE ctid IN (SELECT c FROM before WHERE id <= 20);
SELECT count(*) FROM r WHERE ctid >= (SELECT min(c) FROM before) AND ctid <= (SELECT max(c) FROM before);
SELECT r, r.t FROM r WHERE id = 3;
SELECT id FROM r WHERE r IS NULL OR x IS NULL ORDER BY id LIMIT 4;

-- cursors
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id, t FROM r WHERE id BETWEEN 10 AND 15 ORDER BY id;
FETCH 2 FROM c;
FETCH LAST FROM c;
FETCH BACKWARD 2 FROM c;
FETCH ABSOLUTE 1 FROM c;
FETCH RELATIVE 3 FROM c;
MOVE BACKWARD ALL FROM c;
FETCH 1 FROM c;
DECLARE h CURSOR WITH HOLD FOR SELECT sum(id) OVER (ORDER BY id) FROM r WHERE k = 2 ORDER BY id;
COMMIT;
FETCH 3 FROM h;
CLOSE h;

SELECT count(*) FROM r TABLESAMPLE BERNOULLI (100);
SELECT count(*) FROM r TABLESAMPLE SYSTEM (100);
COPY (SELECT * FROM r WHERE id % 12 = 0 ORDER BY id) TO STDOUT;
SELECT k, count(*), sum(x), max(t) FROM r GROUP BY k ORDER BY k;

-- from a cold table to others
CREATE TABLE parent (k int PRIMARY KEY, t text);
INSERT INTO parent SELECT i, 'p' || i FROM generate_series(0, 3) i;
ALTER TABLE r ADD FOREIGN KEY (k) REFERENCES parent;
INSERT INTO parent VALUES (4, 'p4');
ALTER TABLE r ADD FOREIGN KEY (k) REFERENCES parent;
INSERT INTO parent VALUES (5, 'p5');
DELETE FROM parent WHERE k = 5 RETURNING *;
INSERT INTO r VALUES (49, 7);
INSERT INTO r VALUES (49, 4) RETURNING *;
INSERT INTO r VALUES (5, 4);
INSERT INTO r SELECT 50, k FROM r WHERE id = 1 RETURNING id, k;
ALTER TABLE r ADD CHECK (id < 50);
ALTER TABLE r ADD CHECK (id < 51), ALTER t SET DEFAULT 'none', ADD y int DEFAULT 9;
SELECT id, y, t FROM r WHERE id IN (1, 16, 17, 50) ORDER BY id;
DROP TABLE r, parent, before;
