-- Headers of cold rows: what a transaction's own files and maps that grow do to them.
SET omendb.row_group_rows = 1024;

-- groups that a backend keeps open do not outlive their file, though its number and those of its groups come again
BEGIN;
CREATE TABLE hybrid_h (id int, v text) USING omendb;
ALTER TABLE hybrid_h REPLICA IDENTITY FULL;
COPY hybrid_h FROM PROGRAM 'seq 1 1024 | sed "s/.*/&	first &/"';
UPDATE hybrid_h SET v = 'changed' WHERE id = 3 RETURNING *;
TRUNCATE hybrid_h;
SET LOCAL omendb.row_group_rows = 4096;
COPY hybrid_h FROM PROGRAM 'seq 1 4096 | sed "s/.*/&	second &/"';
UPDATE hybrid_h SET v = v || '!' WHERE id IN (4, 4000) RETURNING *;
SELECT count(*), count(*) FILTER (WHERE v = 'second ' || id) FROM hybrid_h;
COMMIT;
SELECT * FROM omendb.check('hybrid_h');

-- the list of a group's map gets full, and it goes on with a dense one; rolled back, done, and once more
CREATE TABLE hybrid_m USING omendb AS SELECT i AS id, i % 10 AS n FROM generate_series(1, 2048) i;
ALTER TABLE hybrid_m ADD PRIMARY KEY (id);
BEGIN;
UPDATE hybrid_m SET n = -1 WHERE id <= 900;
ROLLBACK;
SELECT count(*), sum(n) FROM hybrid_m;
SELECT state, count(*) FROM omendb.row_groups('hybrid_m') GROUP BY state ORDER BY state;
UPDATE hybrid_m SET n = n + 1 WHERE id BETWEEN 800 AND 1000;
DELETE FROM hybrid_m WHERE id BETWEEN 850 AND 1100;
SELECT count(*), sum(n) FROM hybrid_m;
SELECT id, n FROM hybrid_m WHERE id IN (1, 811, 812, 813, 849, 850, 1000, 1024, 1025, 1101) ORDER BY id;
VACUUM hybrid_m;
SELECT count(*), sum(n) FROM hybrid_m;
SELECT * FROM omendb.check('hybrid_m');

-- a map of a group that was rolled back is freed with it
CREATE TABLE hybrid_o (id int, n int) USING omendb;
BEGIN;
COPY hybrid_o FROM PROGRAM 'seq -f "%g	0" 1 1024';
UPDATE hybrid_o SET n = 1;
SELECT state, count(*) FROM omendb.row_groups('hybrid_o') GROUP BY state ORDER BY state;
ROLLBACK;
VACUUM (TRUNCATE off) hybrid_o;
VACUUM (TRUNCATE off) hybrid_o;
SELECT state, count(*) > 0 FROM omendb.row_groups('hybrid_o') GROUP BY state ORDER BY state;
SELECT count(*) FROM hybrid_o;
SELECT * FROM omendb.check('hybrid_o');

-- its rows' numbers do not come again: what is asked of their TIDs is answered as of dead rows of heap, and
-- of lines that a block does not have
COPY hybrid_o FROM PROGRAM 'seq -f "%g	0" 1 1030';
UPDATE hybrid_o SET n = 1 WHERE id = 2;
SELECT tid, currtid2('hybrid_o', tid::tid) FROM unnest(ARRAY['(2147483648,5)', '(2147483652,1)', '(2147483655,257)']) tid;
SELECT id FROM hybrid_o WHERE ctid IN (currtid2('hybrid_o', '(2147483652,2)'), currtid2('hybrid_o', '(2147483655,256)')) ORDER BY id;
BEGIN;
COPY hybrid_o FROM PROGRAM 'seq -f "%g	0" 1 1024';
ROLLBACK;
SELECT currtid2('hybrid_o', '(2147483656,1)');
VACUUM hybrid_o;
SELECT currtid2('hybrid_o', '(2147483656,1)');
SELECT currtid2('hybrid_o', '(2147483659,65535)');
SELECT currtid2('hybrid_o', '(2147483660,1)');
SELECT currtid2('hybrid_o', '(2147483648,0)');
SELECT currtid2('hybrid_o', '(4294967295,1)');
SELECT count(*) FROM hybrid_o WHERE ctid = ANY ('{"(2147483648,5)", "(2147483656,1)", "(2147483659,65535)", "(4294967295,1)"}');
DROP TABLE hybrid_h, hybrid_m, hybrid_o;
