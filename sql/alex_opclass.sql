-- The operator families of alex are btree's.
--
-- PostgreSQL 18 derives conditions and sorts by the families of any ordered access method: a family
-- with fewer operators than btree's would change plans of tables that have no alex index.  Members
-- are compared by number up to 4; btree has a support function 6 (skip support) from 18 on, and alex
-- has none.

CREATE TEMP VIEW members AS
	SELECT am.amname, f.opfname, m.kind, m.number, m.lefttype, m.righttype, m.object
	FROM pg_opfamily f
	JOIN pg_am am ON am.oid = f.opfmethod
	JOIN (SELECT amopfamily AS family, 'operator' AS kind, amopstrategy AS number,
			amoplefttype::regtype AS lefttype, amoprighttype::regtype AS righttype,
			concat(amopopr::regoperator, ' ', amoppurpose, ' ', amopsortfamily) AS object
		FROM pg_amop
		UNION ALL
		SELECT amprocfamily, 'function', amprocnum, amproclefttype::regtype,
			amprocrighttype::regtype, amproc::regprocedure::text
		FROM pg_amproc
		WHERE amprocnum <= 4) m ON m.family = f.oid
	WHERE am.amname IN ('alex', 'btree')
		AND f.opfname IN (SELECT f2.opfname FROM pg_opfamily f2 JOIN pg_am a ON a.oid = f2.opfmethod
			WHERE a.amname = 'alex');

SELECT opfname, kind, number,
	count(*) FILTER (WHERE amname = 'btree') AS btree,
	count(*) FILTER (WHERE amname = 'alex') AS alex
FROM members
GROUP BY opfname, kind, number
ORDER BY opfname DESC, kind, number;

-- what only one of them has: nothing
SELECT 'missing' AS fault, opfname, kind, number, lefttype, righttype, object
FROM (SELECT opfname, kind, number, lefttype, righttype, object FROM members WHERE amname = 'btree'
	EXCEPT ALL
	SELECT opfname, kind, number, lefttype, righttype, object FROM members WHERE amname = 'alex') m
UNION ALL
SELECT 'foreign', opfname, kind, number, lefttype, righttype, object
FROM (SELECT opfname, kind, number, lefttype, righttype, object FROM members WHERE amname = 'alex'
	EXCEPT ALL
	SELECT opfname, kind, number, lefttype, righttype, object FROM members WHERE amname = 'btree') m;

-- classes: one for each type, the default, of the family btree has the type in, and valid
SELECT c.opcname, c.opcintype::regtype, c.opcdefault, c.opckeytype = 0 AS stores_type,
	n.nspname AS schema, f.opfname AS family, bf.opfname AS btree_family, amvalidate(c.oid)
FROM pg_opclass c
JOIN pg_am am ON am.oid = c.opcmethod AND am.amname = 'alex'
JOIN pg_opfamily f ON f.oid = c.opcfamily
JOIN pg_namespace n ON n.oid = c.opcnamespace
LEFT JOIN (pg_opclass bc JOIN pg_opfamily bf ON bf.oid = bc.opcfamily AND bc.opcdefault
	JOIN pg_am bam ON bam.oid = bc.opcmethod AND bam.amname = 'btree') ON bc.opcintype = c.opcintype
ORDER BY f.opfname DESC, c.opcname;

-- members across types are loose, those of one type belong to their class, as DDL makes them
SELECT f.opfname, refclassid::regclass AS depends_on, deptype, count(*)
FROM pg_depend d
JOIN (SELECT 'pg_amop'::regclass AS class, oid, amopfamily AS family FROM pg_amop
	UNION ALL
	SELECT 'pg_amproc'::regclass, oid, amprocfamily FROM pg_amproc) m
	ON d.classid = m.class AND d.objid = m.oid
JOIN pg_opfamily f ON f.oid = m.family
JOIN pg_am am ON am.oid = f.opfmethod AND am.amname = 'alex'
WHERE d.refclassid IN ('pg_opclass'::regclass, 'pg_opfamily'::regclass)
GROUP BY 1, 2, 3
ORDER BY f.opfname DESC, refclassid::regclass::text, deptype;

-- everything has its comment
SELECT pg_describe_object(classid, objid, 0) AS without_comment
FROM pg_depend d
WHERE refclassid = 'pg_extension'::regclass
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'omendb')
	AND deptype = 'e'
	AND classid <> 'pg_type'::regclass -- row types of views
	AND obj_description(objid, classid::regclass::text::name) IS NULL;

-- what the access method says of itself
SELECT p.name, pg_indexam_has_property(am.oid, p.name)
FROM pg_am am,
	unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include'])
		WITH ORDINALITY AS p(name, ord)
WHERE am.amname = 'alex'
ORDER BY p.ord;

CREATE TABLE opclass_test (i int4, t text, n numeric);
CREATE INDEX opclass_test_i ON opclass_test USING alex (i DESC);

SELECT p.name, pg_index_has_property('opclass_test_i'::regclass, p.name)
FROM unnest(ARRAY['clusterable', 'index_scan', 'bitmap_scan', 'backward_scan'])
		WITH ORDINALITY AS p(name, ord)
ORDER BY p.ord;

SELECT p.name, pg_index_column_has_property('opclass_test_i'::regclass, 1, p.name)
FROM unnest(ARRAY['asc', 'desc', 'nulls_first', 'nulls_last', 'orderable', 'distance_orderable',
		'returnable', 'search_array', 'search_nulls'])
		WITH ORDINALITY AS p(name, ord)
ORDER BY p.ord;

-- an operator class over a type alex cannot order: not valid, and refused at CREATE INDEX
CREATE OPERATOR CLASS alex_text_ops FOR TYPE text USING alex AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
	FUNCTION 1 bttextcmp(text, text);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'alex_text_ops';
CREATE INDEX ON opclass_test USING alex (t alex_text_ops);
DROP OPERATOR FAMILY alex_text_ops USING alex;

-- over a type it can, but in another order
CREATE FUNCTION alex_int4_reverse(int4, int4) RETURNS int4
	LANGUAGE sql IMMUTABLE STRICT AS 'SELECT btint4cmp($2, $1)';
CREATE OPERATOR CLASS alex_reverse_ops FOR TYPE int4 USING alex AS
	OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <,
	FUNCTION 1 alex_int4_reverse(int4, int4);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'alex_reverse_ops';
CREATE INDEX ON opclass_test USING alex (i alex_reverse_ops);
DROP OPERATOR FAMILY alex_reverse_ops USING alex;
DROP FUNCTION alex_int4_reverse;

-- incomplete ones are not valid, but what is there works
CREATE OPERATOR CLASS alex_partial_ops FOR TYPE int4 USING alex AS
	OPERATOR 1 <, OPERATOR 3 =,
	FUNCTION 1 btint4cmp(int4, int4);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'alex_partial_ops';
ALTER OPERATOR FAMILY alex_partial_ops USING alex ADD
	OPERATOR 1 < (int4, int8),
	FUNCTION 1 (int4, int8) btint48cmp(int4, int8);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'alex_partial_ops';
CREATE INDEX opclass_test_partial ON opclass_test USING alex (i alex_partial_ops);
DROP INDEX opclass_test_partial;
DROP OPERATOR FAMILY alex_partial_ops USING alex;

-- no functions: not even a comparison
CREATE OPERATOR CLASS alex_empty_ops FOR TYPE int4 USING alex AS STORAGE int4;
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'alex_empty_ops';
CREATE INDEX ON opclass_test USING alex (i alex_empty_ops);
DROP OPERATOR FAMILY alex_empty_ops USING alex;

-- an operator alex cannot answer, put into a family of ours by hand
CREATE FUNCTION alex_int4_lt_numeric(int4, numeric) RETURNS boolean
	LANGUAGE plpgsql IMMUTABLE STRICT AS 'BEGIN RETURN $1::numeric < $2; END';
CREATE OPERATOR <<< (FUNCTION = alex_int4_lt_numeric, LEFTARG = int4, RIGHTARG = numeric);
ALTER OPERATOR FAMILY omendb.integer_ops USING alex ADD OPERATOR 1 <<< (int4, numeric);
SELECT DISTINCT amvalidate(c.oid)
FROM pg_opclass c
JOIN pg_opfamily f ON f.oid = c.opcfamily
JOIN pg_am am ON am.oid = f.opfmethod AND am.amname = 'alex'
WHERE f.opfname = 'integer_ops' AND c.opcname = 'int4_ops';
SET enable_seqscan = off;
SELECT * FROM opclass_test WHERE i <<< 1.5;
RESET enable_seqscan;
ALTER OPERATOR FAMILY omendb.integer_ops USING alex DROP OPERATOR 1 (int4, numeric);
DROP OPERATOR <<< (int4, numeric);
DROP FUNCTION alex_int4_lt_numeric;

DROP VIEW members;
DROP TABLE opclass_test;
