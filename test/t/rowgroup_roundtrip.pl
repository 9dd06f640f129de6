# Rows of all types written as row groups in memory and read back: whole vectors, single values, zone
# maps, damage.  The work is in src/rowgroup/rowgroup_selftest.c; which WAL mode is of no matter.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', (modes())[0]);

sub query { return $node->safe_psql('postgres', shift); }

# The self-test of a table says how many values it compared.
sub whole
{
	my ($what, $table, $group_rows, %with) = @_;
	my ($status, $out, $err) = $node->psql('postgres',
		sprintf("SELECT rowgroup_selftest('%s', %d, %d, %d)",
			$table, $group_rows, $with{written} // 0, $with{damages} // 0));

	like($out, qr/^[1-9]\d*$/, "$what, groups of $group_rows") or diag($err);
	return;
}

$node->start;
query(<<'SQL');
CREATE FUNCTION rowgroup_selftest(t regclass, group_rows int, written int, damages int)
	RETURNS bigint STRICT LANGUAGE c AS '$libdir/omendb', 'omendb_rowgroup_selftest';

-- repeatable chance
CREATE FUNCTION chance(i bigint, n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT abs(hashint8extended(i, n) % 1000000007) $$;
CREATE FUNCTION noise(i bigint, bytes int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT left(string_agg(md5(i || '.' || k), ''), bytes) FROM generate_series(0, bytes / 32) k $$;

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN cents AS numeric(12,2) CHECK (VALUE < 1e9);
CREATE DOMAIN tag AS text;
SQL

# ---- numbers, at their limits ----

query(<<'SQL');
CREATE TABLE numbers (b boolean, c "char", s smallint, i int, l bigint, o oid, f real, d double precision,
	m money, xid xid, lsn pg_lsn, rc regclass, rt regtype);
INSERT INTO numbers SELECT i % 3 = 0, (i % 256 - 128)::int::"char", (chance(i, 1) % 65536 - 32768)::smallint,
	chance(i, 2) - 500000000, chance(i, 3) * chance(i, 4) * (1 - i % 2 * 2), chance(i, 5) * 4,
	chance(i, 6) / 1e5 - 5000, (chance(i, 7) - 5e8) / chance(i, 8), (chance(i, 9) / 100.0)::numeric::money,
	(i * 3)::text::xid, '0/0'::pg_lsn + chance(i, 10), 'pg_class', 'int4'
	FROM generate_series(1, 2500) i;
INSERT INTO numbers (s, i, l, o, f, d, m) VALUES
	(-32768, -2147483648, -9223372036854775808, 0, 'NaN', 'NaN', '-92233720368547758.08'),
	(32767, 2147483647, 9223372036854775807, 4294967295, '-infinity', '-infinity', '92233720368547758.07'),
	(0, 0, 0, 1, 'infinity', 'infinity', '0'), (-1, -1, -1, 2147483648, '-0', '-0', '-0.01'),
	(1, 1, 1, 3, '0', '0', '0.01'), (1, 1, 1, 3, '1e-45', '5e-324', '0.01'),
	(1, 1, 1, 3, '-3.4028235e38', '-1.7976931348623157e308', '0.01');
INSERT INTO numbers SELECT FROM generate_series(1, 3);
-- NaNs with a sign: byte for byte they come back, and zone maps know where they belong
INSERT INTO numbers (f, d) SELECT - 'NaN'::float4, - 'NaN'::float8 FROM generate_series(1, 5);

CREATE TABLE floats AS SELECT - 'NaN'::float4 AS f, - 'NaN'::float8 AS d;
INSERT INTO floats SELECT i / 7.0, i / 7.0 FROM generate_series(1, 3000) i;
INSERT INTO floats VALUES ('NaN', 'NaN'), ('-0', '-0'), ('0', '0');
CREATE TABLE few_floats AS
	SELECT (ARRAY['-NaN', '-0', '0', '1.5', 'NaN', '-infinity', 'infinity'])[1 + chance(i, 1) % 7]::float8 AS d,
	(ARRAY['-0', '0', '1.5', '-infinity', '2'])[1 + chance(i, 2) % 5]::float4 AS f
	FROM generate_series(1, 3000) i;
SQL
whole('numbers', 'numbers', $_) for 1, 7, 1000, 1024, 1025, 100000;
whole('floats', 'floats', $_) for 1024, 100000;
whole('few floats', 'few_floats', 100000);

# ---- numerics: as scaled integers, or as they are ----

query(<<'SQL');
CREATE TABLE numerics (scaled numeric(15,2), free numeric, mixed numeric, huge numeric, nan numeric(10,3),
	domain cents, whole numeric(18,0), deep numeric(18,18), coarse numeric(5,-2), few numeric(8,4), inf numeric,
	limits numeric, zero numeric(6,3));
INSERT INTO numerics SELECT chance(i, 1) / 100.0 - 1e6, round(chance(i, 2) / 7.0, 5),
	round(chance(i, 3) / 7.0, (i % 20)::int), (chance(i, 4)::numeric * 10) ^ (i % 30)::int,
	CASE WHEN i % 500 = 499 THEN 'NaN' ELSE i / 8.0 END, i * 1.25, chance(i, 5) * 1000000007::numeric,
	chance(i, 6) / 1e18::numeric, chance(i, 7) % 99000 - 40000, (i % 5) * 0.0625,
	CASE WHEN i > 2000 THEN '-Infinity' WHEN i > 1500 THEN 'Infinity'
		ELSE i::numeric END,
	CASE i % 4 WHEN 0 THEN 9223372036854775807 WHEN 1 THEN -9223372036854775808 ELSE i END, 0
	FROM generate_series(1, 2200) i;
UPDATE numerics SET scaled = NULL, nan = NULL WHERE chance(domain::bigint, 1) % 5 = 0;

CREATE TABLE limits AS SELECT s, round(n::numeric * ('1e-' || s)::numeric, s) AS n
	FROM generate_series(0, 20) s, unnest(ARRAY['9223372036854775807', '-9223372036854775808', '0', '1', '-1',
		'10000', '99999999', '9223372036854775808', '-9223372036854775809', '123456789012345678']) n;
SQL
whole('numerics', 'numerics', $_) for 1, 7, 1000, 1024, 100000;
whole('numerics at the limit', 'limits', $_) for 1, 10, 1000;

# ---- times ----

query(<<'SQL');
CREATE TABLE times (d date, t time, tz timetz, ts timestamp(3), tsz timestamptz, iv interval);
INSERT INTO times SELECT date '2020-01-01' + i::int, time '00:00' + i * interval '7 s',
	timetz '00:00+02' + i * interval '11 s', timestamp '2020-01-01' + i * interval '1 h',
	timestamptz '2020-01-01' + chance(i, 1) * interval '1 s', i * interval '1 month 2 days 3.456 s'
	FROM generate_series(1, 2100) i;
INSERT INTO times VALUES ('infinity', '24:00', '24:00-15:59', 'infinity', 'infinity', '-178000000 years'),
	('-infinity', '00:00', '00:00+15:59', '-infinity', '-infinity', '178000000 years'),
	('4713-01-01 BC', NULL, NULL, '4713-01-01 BC', '4713-01-02 BC', NULL);
SQL
whole('times', 'times', $_) for 7, 1024, 1025, 100000;

# ---- all the others ----

query(<<'SQL');
CREATE TABLE others (u uuid, mac macaddr, mac8 macaddr8, ip inet, net cidr, p point, bx box, ls lseg, ci circle,
	pg polygon, n name, ti tid, em mood, bi bit(11), vb varbit, js json, jb jsonb, tv tsvector, tq tsquery,
	ir int4range, nr numrange, mr int8multirange, co pair, ov oidvector, ia int[], na numeric[], ta text[], fa float8[],
	ua uuid[], cm pair[], dm tag);
INSERT INTO others SELECT md5(i::text)::uuid, ('08:00:2b:01:02:' || lpad(to_hex(i % 256), 2, '0'))::macaddr,
	('08:00:2b:01:02:03:04:' || lpad(to_hex(i % 256), 2, '0'))::macaddr8, ('10.0.' || i % 256 || '.' || i % 7)::inet,
	CASE WHEN i % 2 = 0 THEN '::1/128' ELSE '10.1.0.0/16' END::cidr, point(i, -i), box(point(i, i), point(0, 0)),
	lseg(point(0, i), point(i, 0)), circle(point(i, 0), i), polygon(box(point(i, i), point(0, 0))), 'n' || i % 100,
	format('(%s,%s)', i, i % 100)::tid, (ARRAY['sad', 'ok', 'happy'])[1 + i % 3]::mood, (i % 2048)::int::bit(11),
	repeat('1', (i % 70)::int)::varbit, json_build_object('k', i), jsonb_build_object('k', i, 'v', ARRAY[i, NULL, i / 8.0]),
	to_tsvector('simple', 'a b ' || i), ('x' || i % 9 || ' & y')::tsquery, int4range(i::int, i::int + 5),
	numrange(i / 3.0, NULL), int8multirange(int8range(i, i + 2), int8range(i + 9, i + 10)),
	ROW(i, noise(i, (i % 50)::int))::pair, '1 2 3'::oidvector, ARRAY[i, NULL, i % 5]::int[],
	ARRAY[i / 7.0, 'NaN', NULL, 1e30]::numeric[], ARRAY['a', NULL, '', noise(i, 40)],
	ARRAY[i / 3.0, '-0', 'NaN']::float8[], ARRAY[md5(i::text)::uuid], ARRAY[ROW(1, 'x'), NULL, ROW(i, NULL)]::pair[],
	noise(i % 10, 20)
	FROM generate_series(1, 1500) i;
INSERT INTO others (dm) VALUES (NULL), ('');
DO $$
DECLARE
	c name;
BEGIN
	-- a few NULLs in every column
	FOR c IN SELECT attname FROM pg_attribute WHERE attrelid = 'others'::regclass AND attnum > 0 LOOP
		EXECUTE format('UPDATE others SET %1$I = NULL WHERE hashtext(ctid::text || %1$L) %% 9 = 0', c);
	END LOOP;
END $$;
SQL
whole('other types', 'others', $_) for 1, 7, 1000, 1024, 100000;

# ---- text of all sizes ----

query(<<'SQL');
CREATE TABLE texts (few text, many text, vc varchar(30), bp char(9), ba bytea, empty text, one "char", same text,
	url text COLLATE "C");
INSERT INTO texts SELECT 'v' || i % 17, noise(i, (i % 300)::int), noise(i, 10), left(noise(i, 9), (i % 10)::int),
	decode(noise(i, 2 * (i % 90)::int), 'hex'), '', 'x', 'the same text in all the rows', 'https://example.org/' || i
	FROM generate_series(1, 3000) i;
UPDATE texts SET few = NULL, many = NULL, ba = NULL, same = NULL WHERE length(many) % 4 = 1;
INSERT INTO texts (many, ba) VALUES ('', ''), ('a', '\x00'), ('b', '\xff');

-- out of line, compressed in line, and both; with and without short headers
CREATE TABLE large (k int, t text, b bytea, e text, x text, a int[]);
ALTER TABLE large ALTER e SET STORAGE EXTERNAL, ALTER x SET STORAGE PLAIN;
INSERT INTO large SELECT i, repeat('compressible ', i * 4000), decode(noise(i, 2 * (i * 7000 / 2)), 'hex'), noise(i, i * 3000),
	noise(i, i * 100), array_agg(k) FROM generate_series(0, 8) i, generate_series(1, 1 + i * 2000) k GROUP BY i;
INSERT INTO large (k, t) VALUES (100, repeat('300 kB in all ', 22000)), (101, noise(1, 300000)), (102, NULL), (103, repeat('z', 130)),
	(104, repeat('z', 3000));
SQL
whole('texts', 'texts', $_) for 1, 7, 1000, 1024, 1025, 100000;
whole('large values', 'large', $_) for 1, 3, 1000;

# ---- long text, compressed ----

# words of a language; every third value is NULL; values of all sizes about the length where it starts to pay; what
# does not compress; a dictionary all the same
query(<<'SQL');
CREATE FUNCTION prose(i bigint, words int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT string_agg((ARRAY['the', 'row', 'group', 'holds', 'columns', 'of', 'compressed', 'values', 'and', 'nothing', 'else',
		'whatever', 'they', 'are', 'or', i::text])[1 + chance(i, k) % 16], ' ') FROM generate_series(1, words) k $$;
CREATE TABLE documents AS SELECT prose(i, 300) AS body, CASE WHEN i % 3 > 0 THEN prose(i, 100) END AS sparse,
	jsonb_build_object('title', prose(i, 5), 'words', string_to_array(prose(i, 60), ' ')) AS js,
	prose(i, 20 + (chance(i, 1) % 60)::int) AS around, prose(i % 5, 100) AS same, decode(noise(i, 1200), 'hex') AS random,
	prose(i, 90)::bytea AS bin, CASE WHEN i % 1000 = 7 THEN prose(i, 4000) ELSE '' END AS few
	FROM generate_series(1, 2200) i;
SQL
whole('documents', 'documents', $_) for 1, 7, 1000, 1024, 1025, 100000;

# what the self-test says of these columns
sub self_test
{
	my ($table, $columns) = @_;
	my ($status, $out, $err) = $node->psql('postgres', <<"SQL");
CREATE TEMP TABLE part AS SELECT $columns FROM $table;
SET client_min_messages = debug1;
SELECT rowgroup_selftest('part', 100000, 0, 0)
SQL

	return $err;
}

# how many bytes and compressed vectors the self-test met
sub compressed { return self_test(@_) =~ /(\d+) bytes, \d+ vectors excluded, (\d+) decompressed/ ? ($1, $2) : (0, -1); }

# how many vectors it decoded by symbols
sub by_symbols { return self_test(@_) =~ /(\d+) decoded by symbols/ ? $1 : -1; }

# for how many columns of how many groups it met a Bloom filter
sub filters { return self_test(@_) =~ /(\d+) Bloom filters/ ? $1 : -1; }

my ($bytes, $vectors) = compressed('documents', 'body');
my $raw = query('SELECT sum(length(body)) FROM documents');
cmp_ok($vectors, '>', 0, 'long text is compressed');
cmp_ok($bytes, '<', $raw, "1.5 groups of $raw bytes of text take $bytes");
(undef, $vectors) = compressed('documents', 'js, bin, sparse');
cmp_ok($vectors, '>=', 9, 'so are jsonb, bytea, and text with NULLs');
(undef, $vectors) = compressed('documents', 'random, same');
is($vectors, 0, 'neither noise nor repeated values are');
(undef, $vectors) = compressed('texts', '*');
is($vectors, 0, 'nor is short text');

# ---- short text, by symbols ----

query(<<'SQL');
CREATE TABLE remarks AS SELECT prose(i, 1 + (chance(i, 1) % 12)::int) AS body, CASE WHEN i % 3 > 0 THEN prose(i, 8) END AS sparse,
	prose(i, 6)::bytea AS bin, prose(i, 5)::char(40) AS padded, jsonb_build_object('id', i, 'note', prose(i, 3)) AS js,
	CASE WHEN i % 1500 = 7 THEN prose(i, 4000) ELSE prose(i, 3) END AS few_long, md5(i::text) AS hex,
	decode(noise(i, 40), 'hex') AS random, prose(i % 5, 3) AS same
	FROM generate_series(1, 3300) i;
SQL
whole('remarks', 'remarks', $_) for 1, 7, 1000, 1024, 1025, 100000;
cmp_ok(by_symbols('remarks', $_), '>', 0, "$_ is encoded by symbols") for qw(body sparse bin padded js few_long hex);
is(by_symbols('remarks', $_), 0, "$_ is not") for qw(random same);

# ---- numbers in runs, in order, on a line, in a narrow range but for some ----

query(<<'SQL');
CREATE TABLE orderly AS SELECT i AS id, i * 1000 - 7 AS thousands, timestamp '2026-01-01' + i * interval '1 s' + chance(i, 1) % 40 * interval '1 ms'
	AS sensor, (chance(i / 40, 1) % 100)::int AS series, chance(i / 30, 2) % 20 * 1234567890123 AS wide, 'part ' || chance(i / 50, 3) % 9 AS part,
	chance(i / 50, 4) % 12 / 4.0::numeric(8,2) AS price, (chance(i / 60, 5) % 7)::float8 / 3 AS third,
	timestamptz '2026-01-01 00:00Z' + (i + chance(i, 6) % 2) / 8 * interval '1 min' AS minute, i + i / 900 * 100000 AS gaps,
	CASE chance(i, 7) % 40 WHEN 0 THEN chance(i, 8) WHEN 1 THEN -chance(i, 8) ELSE chance(i, 8) % 100 END AS outliers,
	CASE WHEN i % 5 > 0 THEN i / 3 END AS sparse, CASE WHEN i % 7 > 0 THEN chance(i / 100, 9) % 50 END AS sparse_series,
	CASE WHEN i % 3 > 0 THEN CASE WHEN i % 50 = 7 THEN chance(i, 8) ELSE chance(i, 8) % 20 END END AS sparse_outliers
	FROM generate_series(1, 3300) i;
SQL
whole('orderly numbers', 'orderly', $_) for 1, 7, 1000, 1024, 1025, 100000;

# ---- floats of few digits ----

query(<<'SQL');
CREATE TABLE decimals AS SELECT (chance(i, 1) % 20000 - 3000) / 100.0::float8 AS cents, (chance(i, 2) % 20000 - 3000) / 100.0::real AS narrow,
	(chance(i, 3) % 1000000)::float8 * 1e12 AS great, (chance(i, 4) % 1000000) / 1e18::float8 AS small,
	CASE chance(i, 5) % 40 WHEN 0 THEN i / 7.0::float8 WHEN 1 THEN '-0' WHEN 2 THEN 'NaN' WHEN 3 THEN '-infinity' WHEN 4 THEN 5e-324
		ELSE chance(i, 6) % 1000 / 10.0::float8 END AS mixed,
	CASE chance(i, 7) % 40 WHEN 0 THEN i / 7.0::real WHEN 1 THEN '-0' WHEN 2 THEN - 'NaN'::real WHEN 3 THEN 'infinity' WHEN 4 THEN 1e-45
		ELSE chance(i, 8) % 1000 / 10.0::real END AS narrow_mixed,
	CASE WHEN i % 3 > 0 THEN chance(i, 9) % 300 / 1000.0::float8 END AS sparse
	FROM generate_series(1, 3300) i;
SQL
whole('floats of few digits', 'decimals', $_) for 1, 7, 1000, 1024, 1025, 100000;

# ---- NULLs in vectors ----

query(<<'SQL');
CREATE TABLE nulls AS SELECT NULL::int AS none, NULL::text AS no_text, NULL::uuid AS no_uuid, NULL::numeric AS no_numeric,
	CASE WHEN i > 2048 THEN i END AS late, CASE WHEN i <= 1024 THEN i END::text AS early,
	CASE WHEN i = 1500 THEN 7 END AS single, CASE WHEN i = 1500 THEN 'seven' END AS single_text,
	CASE WHEN i <> 1500 THEN 7.5 END AS all_but, CASE WHEN i % 2 = 0 THEN 'even' END::name AS even,
	CASE WHEN i > 1024 THEN md5((i % 3)::text)::uuid END AS u, CASE WHEN i BETWEEN 1000 AND 1100 THEN i / 10.0 END AS n
	FROM generate_series(1, 3000) i;
SQL
whole('NULLs', 'nulls', $_) for 1, 1000, 1024, 1025, 100000;

# ---- columns that come and go ----

query(<<'SQL');
CREATE TABLE columns (a int, b text, c numeric(6,2), d point);
INSERT INTO columns SELECT i, 't' || i, i / 4.0, point(i, i) FROM generate_series(1, 1100) i;
ALTER TABLE columns DROP b, DROP d;
ALTER TABLE columns ADD e text DEFAULT 'a missing value', ADD f int DEFAULT 7, ADD g numeric, ADD h int[] DEFAULT '{1,2}',
	ADD i uuid DEFAULT '00112233-4455-6677-8899-aabbccddeeff', ADD j timestamptz, ADD k text DEFAULT 'gone';
ALTER TABLE columns DROP k;
CREATE TABLE no_columns ();
INSERT INTO no_columns SELECT FROM generate_series(1, 5);
CREATE TABLE only_dropped (a int);
INSERT INTO only_dropped VALUES (1), (2);
ALTER TABLE only_dropped DROP a;
SQL
whole('dropped and added columns', 'columns', $_) for 7, 1024, 100000;
whole('columns added later', 'columns', $_, written => 4) for 7, 1024, 100000;
whole('some columns added later', 'columns', $_, written => 7) for 1000;
is(query(q{SELECT rowgroup_selftest('no_columns', 3, 0, 0)}), 0, 'a table without columns');
whole('a table with dropped columns only', 'only_dropped', 2);

# ---- Bloom filters, which all of these were asked for ----

cmp_ok(filters('numbers', $_), '>', 0, "$_ has a Bloom filter") for qw(s i l o f d m lsn);
is(filters('numbers', $_), 0, "$_ has none") for qw(b c xid rc rt);
cmp_ok(filters('numerics', $_), '>', 0, "$_ has a Bloom filter") for qw(scaled free domain whole deep few);
is(filters('numerics', $_), 0, "$_ has none") for qw(mixed huge nan inf zero);
cmp_ok(filters('times', $_), '>', 0, "$_ has a Bloom filter") for qw(t ts tsz);
is(filters('times', $_), 0, "$_ has none") for qw(tz iv);
cmp_ok(filters('texts', $_), '>', 0, "$_ has a Bloom filter") for qw(many vc ba url same);
is(filters('texts', $_), 0, "$_ has none") for qw(few bp one);
cmp_ok(filters('others', 'u'), '>', 0, 'u has a Bloom filter');
is(filters('others', $_), 0, "$_ has none") for qw(mac ip p n js ia co ua);

# ---- damage ----

whole("damaged $_", $_, 1100, damages => 150) for qw(numerics times others texts nulls columns documents remarks orderly decimals);
whole('damaged large values', 'large', 5, damages => 40);

# ---- many rows ----

query(<<'SQL');
CREATE TABLE lines AS SELECT i / 4 AS orderkey, chance(i, 1) % 200000 AS partkey, (1 + chance(i, 2) % 50)::numeric(15,2) AS quantity,
	(chance(i, 3) % 10000000 / 100.0)::numeric(15,2) AS price, (ARRAY['A', 'N', 'R'])[1 + chance(i, 4) % 3]::char(1) AS flag,
	date '1992-01-01' + (chance(i, 5) % 2500)::int AS shipped, noise(i, 20 + (chance(i, 6) % 20)::int) AS comment
	FROM generate_series(1, 140000) i;
SQL
whole('many rows', 'lines', 131072);

$node->stop;
done_testing();
