# old_snapshot_threshold, which 15 and 16 have: VACUUM may remove rows that an old snapshot still needs. The
# scan must say so when it comes to a leaf that has changed since, not return what is left.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('old_snapshot', 'preload');
plan skip_all => 'there is no such setting' if $node->pg_version >= 17;

# Zero is for testing: VACUUM moves the threshold up to five seconds before now, and removes nothing early.
$node->append_conf('postgresql.conf', "old_snapshot_threshold = 0\n");
$node->start;
install($node);
for my $am (qw(btree alex))
{
	$node->safe_psql('postgres', <<SQL);
CREATE TABLE t_$am (k int);
INSERT INTO t_$am SELECT i * 10 FROM generate_series(1, 1000) i;
CREATE INDEX ON t_$am USING $am (k) @{[$am eq 'alex' ? 'WITH (leaf_entries = 256)' : '']};
VACUUM ANALYZE t_$am;
SQL
}

# a session for each question: an error ends its transaction; keys that are missing, so that no row can be too old
my %session;
for my $am (qw(btree alex))
{
	for my $order ('ASC', 'DESC', 'unchanged')
	{
		my $session = $session{"$am $order"} = $node->background_psql('postgres', on_error_stop => 0);
		$session->query_safe("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
			BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t_$am WHERE k = 15");
	}
}
$node->safe_psql('postgres', "INSERT INTO t_$_ VALUES (16)") for qw(btree alex);
my $threshold = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
$node->poll_query_until('postgres', "SELECT clock_timestamp() > timestamptz '$threshold' + interval '6 s'");
$node->safe_psql('postgres', "VACUUM t_$_") for qw(btree alex);

for my $am (qw(btree alex))
{
	for my $order ('ASC', 'DESC')
	{
		my $session = $session{"$am $order"};
		$session->query("SELECT k FROM t_$am WHERE k BETWEEN 14 AND 15 ORDER BY k $order");
		like($session->{stderr}, qr/snapshot too old/, "$am, $order: a changed leaf is refused");
		$session->{stderr} = '';
		$session->quit;
	}
	my $session = $session{"$am unchanged"};
	is($session->query("SELECT count(*) FROM t_$am WHERE k = 9995"), '0', "$am: another leaf is not");
	is($session->{stderr}, '', "$am: without a word");
	$session->quit;
}
$node->stop;

done_testing();
