# Dead bits: what a scan noted must not hit an entry that came into the place of the one it saw, and none is set on
# a page that was last logged in generic mode.
use strict;
use warnings;

use IPC::Run ();
use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node;

sub query { return $node->safe_psql('postgres', shift); }

# Table blocks that reading it through the index takes: fewer, once entries are passed over.
sub buffers
{
	my $plan = query("SET enable_seqscan = off; SET enable_bitmapscan = off;
		EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) SELECT id FROM g WHERE k > 0 ORDER BY k");

	$plan =~ /"Shared Hit Blocks": (\d+),\s*"Shared Read Blocks": (\d+)/ or die $plan;
	return $1 + $2;
}

sub switch_to
{
	my ($mode) = @_;

	$node->stop;
	$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', $mode eq 'preload' ? "'omendb'" : "''");
	$node->start;
	return;
}

$node = new_node('kill', 'preload');
$node->start;
install($node);

# ---- the same key at the same place ----

# wide rows, so that only the page of the deleted row has room for another; the scan's last row is on another page,
# which VACUUM leaves alone
query(q{CREATE TABLE t (id bigint, k bigint, filler text);
	INSERT INTO t SELECT i, i, repeat('x', 1000) FROM generate_series(1, 70) i;
	CREATE INDEX t_k ON t USING alex (k);
	VACUUM t;
	DELETE FROM t WHERE id = 10});
my $holder = $node->background_psql('postgres');
$holder->query_safe(q{SELECT pg_advisory_lock(hashtext('alex_kill'))});
my ($out, $err) = ('', '');
my $scan = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
		q{SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off; SET omendb.stop_points = 'alex_kill=wait';
		SELECT count(*) FROM t WHERE k > 0} ], '<', \undef, '>', \$out, '2>', \$err);
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'advisory'})
  or die 'the scan has nothing to mark';
query('VACUUM (INDEX_CLEANUP ON) t');
is(query(q{INSERT INTO t VALUES (1010, 10, repeat('y', 1000)) RETURNING ctid}), '(1,3)', 'a new row in the place of the dead one');
$holder->query_safe(q{SELECT pg_advisory_unlock(hashtext('alex_kill'))});
IPC::Run::finish($scan);
is($out, "69\n", 'the scan');
is(query('SET enable_seqscan = off; SELECT id FROM t WHERE k = 10'), '1010', 'the new row is not marked dead');
agrees($node, 'after the scan', 't', 'k');

$holder->quit;

# ---- pages last logged in generic mode ----

query(q{CREATE TABLE g (id bigint, k bigint) WITH (fillfactor = 10);
	INSERT INTO g SELECT i, i FROM generate_series(1, 3000) i;
	CREATE INDEX g_k ON g USING alex (k) WITH (leaf_entries = 256)});
switch_to('plain');
query('INSERT INTO g SELECT 10000 + i, i * 100 FROM generate_series(1, 30) i; DELETE FROM g WHERE id BETWEEN 100 AND 2900');
my $all = buffers();
cmp_ok(buffers(), '>', $all - 40, 'plain: nothing is marked');
switch_to('preload');
cmp_ok(buffers(), '>', $all - 40, 'preloaded: a scan');
cmp_ok(buffers(), '>', $all - 40, 'preloaded: nothing is marked on pages of generic mode');
agrees($node, 'preloaded', 'g', 'k');
# changed by records of our own, they take marks; a generic change takes these away
query('INSERT INTO g SELECT 20000 + i, i * 100 FROM generate_series(1, 30) i');
buffers();
cmp_ok(buffers(), '<', $all - 60, 'preloaded: marked, once changed in this mode');
agrees($node, 'marked', 'g', 'k');
switch_to('plain');
query('CHECKPOINT; INSERT INTO g SELECT 30000 + i, i * 100 FROM generate_series(1, 30) i');
kill_server($node);
$node->start;
agrees($node, 'plain again, recovered', 'g', 'k');
clean($node, 'plain again, recovered', 'g_k');
cmp_ok(buffers(), '>', $all - 40, 'plain again: the marks have gone');
query('DELETE FROM g WHERE id % 3 = 0; VACUUM (INDEX_CLEANUP ON) g; INSERT INTO g SELECT 40000 + i, i FROM generate_series(1, 3000) i');
agrees($node, 'filled again', 'g', 'k');
clean($node, 'filled again', 'g_k');
$node->stop;
done_testing();
