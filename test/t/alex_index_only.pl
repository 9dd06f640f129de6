# Index-only scans on a standby: planned while every change of the index was logged by our resource manager,
# whose redo waits for their pins; not once Generic WAL has changed it (rule W4).
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($primary, $standby);

my $SETTINGS = 'SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;';
my $QUERY = 'SELECT k FROM t WHERE k >= 0 ORDER BY k';
my $SUMS = "SELECT count(*) || ' ' || coalesce(sum(k), 0) FROM ($QUERY) s";

sub query { return $primary->safe_psql('postgres', shift); }

sub plan
{
	my ($node, $query) = @_;
	my $plan = $node->safe_psql('postgres', "$SETTINGS EXPLAIN (COSTS OFF) " . ($query || $QUERY));

	return $plan =~ /(Index Only Scan|Index Scan)/ ? $1 : $plan;
}

sub start_pair
{
	my ($mode) = @_;

	$primary = new_node("primary_$mode", $mode, allows_streaming => 1);
	$primary->append_conf('postgresql.conf', "wal_consistency_checking = 'all'\nmax_standby_streaming_delay = 0\n");
	$primary->start;
	install($primary);
	$primary->backup('base');
	$standby = PostgreSQL::Test::Cluster->new("standby_$mode");
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->start;
	query(q{CREATE TABLE t (id bigint, k bigint);
		INSERT INTO t SELECT i, i * 3 FROM generate_series(1, 3000) i;
		CREATE INDEX t_k ON t USING alex (k) WITH (leaf_entries = 256)});
	query('VACUUM ANALYZE t');
	$primary->wait_for_catchup($standby);
	return;
}

sub same
{
	my ($what) = @_;

	$primary->wait_for_catchup($standby);
	is($standby->safe_psql('postgres', "$SETTINGS $SUMS"), query('SELECT count(*) || \' \' || coalesce(sum(k), 0) FROM t WHERE k >= 0'),
		$what);
	return;
}

# a table whose index has full leaves of 256 entries
sub full_leaves
{
	my ($t, $rows) = @_;

	query("CREATE TABLE $t (id bigint, k bigint);
		INSERT INTO $t SELECT i, i FROM generate_series(1, $rows) i;
		CREATE INDEX ${t}_k ON $t USING alex (k) WITH (leaf_entries = 256, fillfactor = 100)");
	query("VACUUM ANALYZE $t");
	return;
}

# a cursor on the standby that keeps the pin of its leaf
my ($session, $log);

sub cursor
{
	my ($query, $first) = @_;

	$primary->wait_for_catchup($standby);
	$log = -s $standby->logfile;
	$session = $standby->background_psql('postgres', on_error_stop => 0);
	$session->query_safe("$SETTINGS BEGIN; DECLARE c CURSOR FOR $query");
	is($session->query_safe('FETCH 2 FROM c'), $first, "preload: $query: a cursor on the standby");
	return;
}

# which has been cancelled by the replay of what came since
sub in_the_way
{
	my ($what) = @_;

	$primary->wait_for_catchup($standby);
	eval { $session->query('MOVE ALL FROM c') };
	ok($standby->log_contains('(canceling statement|terminating connection) due to conflict with recovery', $log), $what);
	eval { $session->quit };
	return;
}

# ---- always without preload ----
start_pair('plain');
is(plan($primary), 'Index Only Scan', 'plain: the primary has index-only scans');
is(plan($standby), 'Index Scan', 'plain: the standby has none');
like($standby->safe_psql('postgres', 'EXPLAIN (COSTS OFF) SELECT count(*) FROM t'), qr/Seq Scan|Index Scan/,
	'plain: nor for a query that needs no column');
is(plan($standby, 'SELECT count(*) FROM t'), 'Index Scan', 'plain: even if there is no other path');
query('DELETE FROM t WHERE id % 5 = 0; VACUUM (INDEX_CLEANUP ON) t');
same('plain: same rows');
$standby->stop;
$primary->stop;

# ---- with preload, then without ----
start_pair('preload');
is(plan($_), 'Index Only Scan', 'preload: index-only on ' . $_->name) for $primary, $standby;
query('DELETE FROM t WHERE id % 5 = 0; VACUUM (INDEX_CLEANUP ON) t');
same('preload: same rows');

# the replay of a deletion waits for the pin of an index-only scan, and cancels it in the end
cursor($QUERY, "3\n6");
query('DELETE FROM t WHERE id < 20; VACUUM (INDEX_CLEANUP ON) t');
in_the_way('preload: the cursor was in the way of the replay');
same('preload: same rows after that');

# So does that of a deletion instead of a split: the scan's snapshot does not need the rows, but it holds its pin.
full_leaves('room', 250);
query('DELETE FROM room WHERE id > 200');
cursor('SELECT k FROM room WHERE k > 0 ORDER BY k', "1\n2");
query("$SETTINGS SET enable_indexonlyscan = off; SELECT count(*) FROM room WHERE k > 0");
query('INSERT INTO room SELECT 1000 + i, 1000 + i FROM generate_series(1, 20) i');
cmp_ok(stats($primary, 'room_k', 'entries'), '<', 250, 'preload: marked entries have made room');
in_the_way('preload: the cursor was in the way of that, too');

# And that of a merge, which takes entries from the leaf on which the scan stands, all of them of live rows.
full_leaves('merged', 1000);
query('ALTER INDEX merged_k SET (leaf_entries = 1024); DELETE FROM merged WHERE id = 999');
cursor('SELECT k FROM merged WHERE k > 0 ORDER BY k', "1\n2");
my $leaves = query(q{SELECT pages FROM omendb.alex_stats('merged_k') WHERE level = 0});
query('VACUUM (INDEX_CLEANUP ON) merged');
cmp_ok(query(q{SELECT pages FROM omendb.alex_stats('merged_k') WHERE level = 0}), '<', $leaves, 'preload: leaves have been merged');
in_the_way('preload: the cursor was in the way of the merge');
is($standby->safe_psql('postgres', "$SETTINGS SELECT count(*), sum(k) FROM (SELECT k FROM merged WHERE k > 0 ORDER BY k) s"),
	'999|499501', 'preload: same rows after it');

# a prepared plan and a running scan, both older than the first change by Generic WAL
my $prepared = $standby->background_psql('postgres', on_error_stop => 0);
$prepared->query_safe("$SETTINGS SET plan_cache_mode = force_generic_plan; PREPARE p AS $SUMS");
my $before = $prepared->query_safe('EXECUTE p');
like($prepared->query_safe('EXPLAIN (COSTS OFF) EXECUTE p'), qr/Index Only Scan/, 'the prepared plan is index-only');
my $seen = -s $standby->logfile;
$primary->stop;
$primary->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$primary->start;
my $running = $standby->background_psql('postgres', on_error_stop => 0);
$running->query_safe("$SETTINGS BEGIN ISOLATION LEVEL REPEATABLE READ; DECLARE c CURSOR FOR $QUERY");
is($running->query_safe('FETCH 1 FROM c'), '63', 'a scan is running on the standby');
query('INSERT INTO t VALUES (5000, -5)');
$primary->wait_for_catchup($standby);
eval { $running->query('MOVE ALL FROM c') };
like(slurp_file($standby->logfile, $seen), qr/conflict with recovery/, 'the running scan was ended');
eval { $running->quit };
is(plan($standby), 'Index Scan', 'no index-only scan is planned any more');
is(plan($primary), 'Index Only Scan', 'but on the primary');
like($prepared->query_safe('EXPLAIN (COSTS OFF) EXECUTE p'), qr/Index Only Scan/, 'the prepared plan is the old one');
is($prepared->query_safe('EXECUTE p'), $before, 'the prepared plan gives the same rows');
query('DELETE FROM t WHERE id % 7 = 0');
$primary->wait_for_catchup($standby);
is($prepared->query_safe('EXECUTE p'), query($SUMS), 'the prepared plan after deletions');
query('VACUUM (INDEX_CLEANUP ON) t; INSERT INTO t SELECT i, i FROM generate_series(1, 500) i');
same('same rows after VACUUM');
$prepared->quit;

# promoted, it is a primary like others
$primary->stop;
$standby->promote;
is(plan($standby), 'Index Only Scan', 'promoted: index-only scans again');

done_testing();
