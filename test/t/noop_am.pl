# The do-nothing index access method that benchmarks use as the floor: builds, installs, answers.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'OMENDB_DESTDIR is not set' unless $ENV{OMENDB_DESTDIR};

my $module = dirname(abs_path($0)) . '/../modules/noop_am';
my $log = "$PostgreSQL::Test::Utils::log_path/noop_am_build.log";
my @make = ('make', '-C', $module, 'PG_CONFIG=' . ($ENV{PG_CONFIG} // 'pg_config'),
	"DESTDIR=$ENV{OMENDB_DESTDIR}", 'COPT=-Werror');
ok(system("@make clean install >$log 2>&1") == 0, 'module builds without warnings')
  or diag(PostgreSQL::Test::Utils::slurp_file($log));

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

sub query { return $node->safe_psql('postgres', shift); }

# 8 + 8 bytes a row: all pages but the last hold the same number
query('CREATE EXTENSION noop_am');
query('CREATE TABLE t (n bigint, v bigint)');
query('INSERT INTO t SELECT i, 3 * i FROM generate_series(0, 9999) i');
my $rows = query(q{SELECT count(*) FROM t WHERE ctid < '(1,0)'});
query("CREATE INDEX t_n ON t USING noop (n) WITH (rows_per_page = $rows)");
query('VACUUM ANALYZE t');

my $force = 'SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off;
	SET enable_mergejoin = off; SET enable_material = off; SET enable_memoize = off;';
my $join = 'FROM generate_series(0, 9999, 7) k JOIN t ON t.n = k::bigint';
like(query("$force EXPLAIN SELECT v $join"), qr/Index Scan using t_n on t/, 'a probe uses it');
is(query("$force SELECT count(*), sum(v - 3 * k) $join"), '1429|0', 'a probe finds its row');

# what an index scan finds; the operator class is for bigint alone
sub scan
{
	my ($what, $where) = @_;

	like(query("$force EXPLAIN SELECT $what FROM t WHERE $where"),
		qr/Index Scan using t_n on t/, "index scan: $where");
	return query("$force SELECT $what FROM t WHERE $where");
}

is(scan('count(*), min(n), max(n)', "n > '99' AND n <= '1100'"), '1001|100|1100', 'a range');
is(scan('count(*), min(n), max(n)', "n >= '9990' AND n < '1000000'"),
	'10|9990|9999', 'a range past the end');
is(scan('count(*)', "n = '-1'"), '0', 'a key before all');
is(scan('count(*)', "n = '1000000'"), '0', 'a key past the last page');
is(scan('count(*)', "n < '-9223372036854775807'"), '0', 'an empty range below');
is(scan('count(*)', "n > '9223372036854775807'"), '0', 'an empty range above');

# index-only: the keys come back, and with them places that need not be looked at
query('VACUUM t');
for my $scattered (qw(off on))
{
	query("ALTER INDEX t_n SET (index_only, scattered = $scattered)");
	like(query("$force EXPLAIN SELECT n FROM t WHERE n >= '17' AND n <= '1016'"),
		qr/Index Only Scan using t_n on t/, "an index-only scan, scattered = $scattered");
	is(query("$force SELECT count(*), min(n), max(n), sum(n) FROM t WHERE n >= '17' AND n <= '1016'"),
		'1000|17|1016|516500', "its keys, scattered = $scattered");
}
query('ALTER INDEX t_n RESET (index_only, scattered)');

query('INSERT INTO t SELECT i, 3 * i FROM generate_series(10000, 10999) i');
is(scan('v', "n = '10998'"), '32994', 'a row inserted later');
query('DELETE FROM t WHERE n % 2 = 0');
query('VACUUM (INDEX_CLEANUP ON) t');
is(scan('count(*)', "n >= '0'"), '5500', 'after a vacuum');
query('REINDEX INDEX t_n');
is(query(q{SELECT pg_relation_size('t_n')}), '0', 'it has no pages');

query('CREATE INDEX t_v ON t USING noop (v)');
my ($status, $out, $err) =
  $node->psql('postgres', q{SET enable_seqscan = off; SELECT * FROM t WHERE v = '3'});
like($err, qr/index "t_v" cannot be scanned/, 'without rows_per_page there are no scans');

$node->stop;
done_testing();
