# A standby whose queries stay open while the primary cleans up behind them: what replay has to wait for, and that they read on as if
# nothing had happened.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($primary, $standby);

sub query { return $primary->safe_psql('postgres', shift); }

sub start_pair
{
	my ($mode) = @_;

	$primary = new_node("hybrid_conflict_primary_$mode", $mode, allows_streaming => 1);
	$primary->append_conf('postgresql.conf', "omendb.row_group_rows = 100\nwal_consistency_checking = 'all'\nmax_standby_streaming_delay = -1");
	$primary->start;
	install($primary);
	$primary->backup('base');
	$standby = PostgreSQL::Test::Cluster->new("hybrid_conflict_standby_$mode");
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->start;
	return;
}

# A query on the standby that has read some rows and holds on to where it is.
sub begin_reading
{
	my ($sql, $first) = @_;
	my $session = $standby->background_psql('postgres');

	$session->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; DECLARE c CURSOR FOR $sql");
	is($session->query_safe("FETCH $first FROM c"), join("\n", 1 .. $first), 'a query on the standby has begun');
	return $session;
}

# Replay waits for it: for which event?  Or it does not, and has all of the primary's WAL.
sub waits_for
{
	my ($event) = @_;
	my $end = query('SELECT pg_current_wal_insert_lsn()');

	$standby->poll_query_until('postgres', qq{SELECT pg_last_wal_replay_lsn() >= '$end' OR EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'startup' AND wait_event ~ '^($event)\$')});
	return $standby->safe_psql('postgres', q{SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'startup'});
}

# Pages of a group all of whose rows are dead are used again.  A snapshot that sees the deletes, but is from before the group was
# freed, has it in its list, and is yet to read it.
sub reuse
{
	my ($mode) = @_;
	my $free = q{SELECT coalesce(sum(pages), 0) FROM omendb.row_groups('reuse') WHERE state = 'free'};

	query(q{CREATE TABLE reuse (id int, v text) USING omendb WITH (autovacuum_enabled = off)});
	query(qq{COPY reuse FROM PROGRAM 'seq -f "%g	row" } . (100 * $_ + 1) . ' ' . (100 * $_ + 100) . q{'}) for 0 .. 2;
	query('DELETE FROM reuse WHERE id BETWEEN 101 AND 200');
	$primary->wait_for_catchup($standby);
	my $session = begin_reading('SELECT id FROM reuse', 5);
	query('VACUUM reuse');
	my $freed = query($free);
	cmp_ok($freed, '>', 0, "$mode: a group is free");
	$primary->wait_for_catchup($standby);
	query('SELECT txid_current()');
	query(q{COPY reuse FROM PROGRAM 'seq -f "%g	new" 1001 1100'});
	cmp_ok(query($free), '<', $freed, "$mode: and its pages are used again");
	is(waits_for('RecoveryConflictSnapshot'), 'RecoveryConflictSnapshot', "$mode: replay waits for who may be reading them");
	is($session->query_safe('FETCH ALL FROM c'), join("\n", 6 .. 100, 201 .. 300), "$mode: who reads its own rows");
	$session->query_safe('COMMIT');
	$session->quit;
	$primary->wait_for_catchup($standby);
	is($standby->safe_psql('postgres', 'SELECT count(*), sum(id) FROM reuse'), query('SELECT count(*), sum(id) FROM reuse'), "$mode: then it goes on");
	return;
}

# Headers that were only locked are taken off a page that has other rows, which move.
sub idle_headers
{
	my ($mode) = @_;

	query(q{CREATE TABLE idle (id int, v text) USING omendb WITH (autovacuum_enabled = off)});
	query(q{COPY idle FROM PROGRAM 'seq -f "%g	row" 101 200'});
	query(q{SELECT FROM idle WHERE id BETWEEN 101 AND 110 FOR UPDATE});
	query(q{INSERT INTO idle SELECT i, 'hot ' || i FROM generate_series(1, 50) i});
	is(query(q{SELECT count(DISTINCT (ctid::text::point)[0]) FROM idle WHERE id <= 50}), 1, "$mode: hot rows and headers are on one page");
	$primary->wait_for_catchup($standby);
	my $session = begin_reading('SELECT id FROM idle WHERE id <= 50', 5);
	my $headers = query('VACUUM idle') . query(q{SELECT headers FROM omendb.table_stats('idle')});
	is($headers, 0, "$mode: VACUUM takes idle headers away");
	is(waits_for('BufferPin|RecoveryConflictBufferPin'), 'BufferPin', "$mode: replay waits for who has the page pinned");
	is($session->query_safe('FETCH ALL FROM c'), join("\n", 6 .. 50), "$mode: who reads on");
	$session->query_safe('COMMIT');
	$session->quit;
	$primary->wait_for_catchup($standby);
	is($standby->safe_psql('postgres', $_), query($_), "$mode: then it goes on") for q{SELECT count(*), sum(id), sum(length(v)) FROM idle}, q{SELECT headers FROM omendb.table_stats('idle')};
	return;
}

for my $mode (modes())
{
	start_pair($mode);
	reuse($mode);
	idle_headers($mode);
	for my $node ($primary, $standby)
	{
		is($node->safe_psql('postgres', q{SELECT t, c.problem FROM (VALUES ('reuse'), ('idle')) v(t), omendb."check"(t::regclass) c}), '', "$mode: omendb.check is clean on " . $node->name);
		$node->stop;
		unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|inconsistent page found/, "$mode: log of " . $node->name);
	}
}
done_testing();
