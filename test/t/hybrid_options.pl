# Options of omendb tables: they are dumped and restored, rows wait for freeze_after, and the background worker goes by them.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('hybrid_options', 'plain');

$node->append_conf('postgresql.conf', <<'CONF');
omendb.auto_freeze = on
omendb.row_group_rows = 1000
CONF
$node->start;
install($node);
my $query = sub { return $node->safe_psql($_[1] // 'postgres', $_[0]) };
my $cold = sub { return $query->("SELECT cold_rows FROM omendb.table_stats('$_[0]')") };

# Rows from before track_commit_timestamp are old, whatever their age; the others are as old as they are.
$query->('CREATE TABLE aged (id int) USING omendb WITH (autovacuum_enabled = off); INSERT INTO aged SELECT generate_series(1, 100)');
$node->append_conf('postgresql.conf', 'track_commit_timestamp = on');
$node->restart;
$query->('INSERT INTO aged SELECT generate_series(101, 250)');
$query->(q{SELECT omendb.set_options('aged', freeze_after => '1 day 2 hours 3 minutes 4.5 seconds')});
is($query->(q{SELECT label FROM pg_seclabels WHERE objname = 'aged'}), 'freeze_after=P1DT2H3M4.5S', 'an interval in a label');
$query->(q{CALL omendb.compact('aged', true)});
is($cold->('aged'), 100, 'young rows stay hot');
is($query->(q{SELECT count(*) FROM aged WHERE ctid < '(2147483648,0)' AND id > 100}), 150, 'and these are the young ones');
$query->(q{SELECT omendb.set_options('aged', freeze_after => '0')});
$query->(q{CALL omendb.compact('aged', true)});
is($cold->('aged'), 250, 'rows of any age');

# what the worker is asked for
my $idle = sub {
	$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'omendb freezer'});
};
for my $one ([ 'off', 'auto_freeze => false', 0 ], [ 'less', 'keep_hot_rows => 950', 0 ], [ 'smaller', 'row_group_rows => 64, keep_hot_rows => 10', 1408 ],
	[ 'young', q{freeze_after => '1 year', row_group_rows => 64}, 0 ])
{
	my ($name, $options, $rows) = @$one;
	$query->("CREATE TABLE w_$name (id int) USING omendb WITH (autovacuum_enabled = off); SELECT omendb.set_options('w_$name', $options);
		INSERT INTO w_$name SELECT generate_series(1, " . ($rows > 0 ? 1450 : 1900) . ')');
	$query->("VACUUM w_$name");
	$idle->();
	is($cold->("w_$name"), $rows, "worker: $options");
}

# dump and restore
$query->(<<'SQL');
CREATE SCHEMA "a schema";
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE "a schema"."a ""table""" ("the key" mood, b int, UNIQUE ("the key", b)) USING omendb;
INSERT INTO "a schema"."a ""table""" VALUES ('happy', 1), ('sad', 2);
SELECT omendb.set_options('"a schema"."a ""table"""', false, 7, '1 month', 64, 1.5, '{the key,b}', '{b}');
CREATE MATERIALIZED VIEW mv USING omendb AS SELECT 1 AS one;
SELECT omendb.set_options('mv', sort_key => '{one}');
CREATE TABLE parts (i int) PARTITION BY LIST (i);
CREATE TABLE part PARTITION OF parts DEFAULT USING omendb;
SELECT omendb.set_options('part', row_group_rows => 16);
CREATE TABLE renamed (a int, b int, c int) USING omendb;
SELECT omendb.set_options('renamed', sort_key => '{a,b,c}', bloom_columns => '{b,a}', plain_columns => '{c,b}');
ALTER TABLE renamed RENAME a TO z;
ALTER TABLE renamed DROP b;
CREATE TABLE was_ours (a int) USING omendb;
SELECT omendb.set_options('was_ours', sort_key => '{a}');
ALTER TABLE was_ours SET ACCESS METHOD heap;
SQL
# a column goes in a session that has not loaded the library, and stays in the label
$query->(q{CREATE TYPE passing AS ENUM ('a'); CREATE TABLE stale (p passing, i int) USING omendb; INSERT INTO stale (i) SELECT 100 - i FROM generate_series(1, 100) i});
$query->(q{SELECT omendb.set_options('stale', sort_key => '{p,i}')});
$query->('DROP TYPE passing CASCADE');
is($query->(q{SELECT label FROM pg_seclabels WHERE objname = 'stale'}), 'sort_key=p,i', 'a label names a column that is gone');
my $all = q{SELECT * FROM omendb.options ORDER BY table_name::text};
my $before = $query->($all);
like($before, qr/^"a schema"."a ""table"""\|f\|7\|1 mon\|64\|1.5\|\{"the key",b\}\|\{b\}\|$/m, 'all of them are set');
like($before, qr/^renamed\|t\|0\|\|\|\|\{z,c\}\|\{z\}\|\{c\}$/m, 'a column that was renamed, and one that was dropped');
my $dump = $node->basedir . '/dump';
my @to = ('-h', $node->host, '-p', $node->port);
command_ok([ 'pg_dump', @to, '-Fp', '-f', "$dump.sql", 'postgres' ], 'pg_dump');
command_ok([ 'pg_dump', @to, '-Fd', '-f', $dump, 'postgres' ], 'pg_dump of a directory');
$query->('CREATE DATABASE by_psql');
command_ok([ 'psql', '-XAtq', @to, '-v', 'ON_ERROR_STOP=1', '-d', 'by_psql', '-o', '/dev/null', '-f', "$dump.sql" ], 'psql takes it, without preloading');
is($query->($all, 'by_psql'), $before, 'the options are there');
$query->('CREATE DATABASE by_jobs');
command_ok([ 'pg_restore', @to, '-e', '-j', '2', '-d', 'by_jobs', $dump ], 'pg_restore in parallel');
is($query->($all, 'by_jobs'), $before, 'the options are there');

my ($done, undef, $warning) = $node->psql('by_jobs', q{CALL omendb.compact('stale', true)});
is($done, 0, 'rows are frozen where a label names a column that is gone');
like($warning, qr/WARNING: .*"p"/, 'with a warning');
is($query->(q{SELECT i FROM stale LIMIT 1}, 'by_jobs'), 0, 'sorted by the rest of the key');

# where commit timestamps are off a dump can be restored all the same
$node->append_conf('postgresql.conf', 'track_commit_timestamp = off');
$node->restart;
$query->('CREATE DATABASE by_off');
command_ok([ 'psql', '-XAtq', @to, '-v', 'ON_ERROR_STOP=1', '-d', 'by_off', '-o', '/dev/null', '-f', "$dump.sql" ], 'without commit timestamps');
is($query->($all, 'by_off'), $before, 'the options are there');
my ($status, undef, $error) = $node->psql('by_off', q{CALL omendb.compact('"a schema"."a ""table"""', true)});
like($error, qr/option freeze_after needs track_commit_timestamp, which is off/, 'and freezing says what it misses');
$query->(q{INSERT INTO w_young SELECT generate_series(1, 1000); VACUUM w_young});
$idle->();
is($cold->('w_young'), 0, 'the worker does not come');

done_testing();
