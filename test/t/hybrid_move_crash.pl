# Crashes, errors and a promotion while row groups are written anew without dead rows, row groups, dense maps and pages of the directory move, and the end of the
# file is cut off; a standby that replays all of it under snapshots from before.  Table t is compared with its control c on heap.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($node, $standby, $mode);
my $group = 1000;
my @points = ('hybrid_regroup_reserved', 'hybrid_regroup_written', 'hybrid_regroup_swapped', 'hybrid_move_reserved', 'hybrid_move_page', 'hybrid_move_copied', 'hybrid_move_swapped', 'hybrid_move_directory', 'hybrid_truncate_forgotten');

sub query { return $node->safe_psql('postgres', shift); }
sub both { my ($sql) = @_; return query(join ";\n", map { $sql =~ s/\bT\b/$_/gr } 't', 'c'); }

# nothing, or what differs: by a scan and through an index
my $sums = q{SELECT concat_ws(' ', count(*), sum(id), sum(hashtextextended(x::text, 0))) FROM %s x};
my $by_id = q{SELECT concat_ws(' ', count(*), sum(id)) FROM %s WHERE id > 0};
my $differences = join('; ', 'SET enable_seqscan = on', sprintf("SELECT 'differs' WHERE ($sums) <> ($sums)", 't', 'c'), q{SELECT 'problem: ' || problem FROM omendb."check"('t')},
	'SET enable_seqscan = off', sprintf("SELECT 'differs by index' WHERE ($by_id) <> ($by_id)", 't', 'c'));

sub same
{
	my ($what) = @_;

	is(query($differences), '', "$what: the rows are those of heap");
	$node->wait_for_catchup($standby);
	is($standby->safe_psql('postgres', $differences), '', "$what: so they are on the standby");
	return;
}

sub pages { return query("SELECT pg_relation_size('t') / current_setting('block_size')::int"); }

# Empty hot pages, groups behind them with headers, one with a dense map and many dead rows, and the directory between them.  That group is
# written anew here already, unless that is what is looked at.
sub fill
{
	my ($point) = @_;

	query(qq{DROP TABLE IF EXISTS t, c; CREATE TABLE t (id int, v text) USING omendb WITH (autovacuum_enabled = off); CREATE TABLE c (id int, v text) USING heap;
		CREATE INDEX t_id ON t (id); CREATE INDEX c_id ON c (id)});
	both(q{INSERT INTO T SELECT i, 'row ' || i % 7 FROM generate_series(1, 6000) i});
	query("SET omendb.row_group_rows = $group; CALL omendb.compact('t', true)");
	both(q{UPDATE T SET v = 'new' WHERE id % 100 = 5; DELETE FROM T WHERE id BETWEEN 3000 AND 3900});
	query("SET omendb.row_group_rows = $group; CALL omendb.compact('t', true); VACUUM (TRUNCATE off) t; CHECKPOINT");
	query("ALTER TABLE t SET (vacuum_truncate = off); SET omendb.row_group_rows = $group; CALL omendb.compact('t'); ALTER TABLE t RESET (vacuum_truncate)")
	  unless $point =~ /regroup/;
	return;
}

my $compact = "SET omendb.row_group_rows = $group; CALL omendb.compact('t')";

sub strike
{
	my ($action, $point) = @_;
	my $what = "$mode: $action at $point";

	fill($point);
	same($what);
	my $full = pages();
	stops_at($node, $what, $action, $point, $compact);
	same($what);
	both(q{UPDATE T SET v = 'again' WHERE id % 50 = 7; INSERT INTO T SELECT i, 'more' FROM generate_series(10001, 10100) i});
	same("$what, and changes");
	query('VACUUM (TRUNCATE off) t');
	same("$what, and VACUUM");
	query("$compact; VACUUM (TRUNCATE off) t") for 1 .. 3;
	same("$what, and more");
	cmp_ok(pages(), '<', $full * 0.8, "$what: the file is smaller in the end");
	return;
}

# Snapshots of the standby from before a move read the old pages; a conflict is logged before these are used again.
sub old_snapshots
{
	my $what = "$mode: the standby's snapshots";

	fill('');
	$node->wait_for_catchup($standby);
	my $old = $standby->background_psql('postgres', on_error_stop => 0);
	my $rows = $old->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; " . sprintf($sums, 't'));
	standby_feedback($node, $standby, 'on', 'NOT NULL');
	query("SET omendb.move_all = on; $compact");
	both(q{UPDATE T SET v = 'moved' WHERE id % 100 = 8});
	$node->wait_for_catchup($standby);
	is($old->query_safe(sprintf($sums, 't')), $rows, "$what: nothing has changed for one from before a move");
	is($standby->safe_psql('postgres', $differences), '', "$what: a new one sees the changes");
	my $waits = -s $standby->logfile;
	standby_feedback($node, $standby, 'off', 'NULL');
	query("SET omendb.move_all = on; $compact; $compact");
	$standby->wait_for_log(qr/canceling statement due to conflict with recovery|terminating connection due to conflict with recovery/, $waits);
	eval { $old->quit };
	same("$what, cancelled");
	return;
}

# The primary is gone in the middle of a move.
sub promotion
{
	my $what = "$mode: promotion in a move";
	my $holder = $node->background_psql('postgres');

	fill('');
	$holder->query_safe(q{SELECT pg_advisory_lock(hashtext('hybrid_move_copied'))});
	my $session = begin_statement($node, "SET omendb.stop_points = 'hybrid_move_copied=wait'; $compact");
	wait_for_event($node, $session, 'advisory');
	query(q{CREATE TABLE marker (x int) USING heap});
	$node->wait_for_catchup($standby);
	$node->stop('immediate');
	eval { $_->quit } for $holder, $session;
	$standby->promote;
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|inconsistent page found|corrupted/, "$mode: no complaint in the server's log");
	$node = $standby;
	is(query($differences), '', "$what: the rows are those of heap");
	my $full = pages();
	query("VACUUM (TRUNCATE off) t; $compact") for 1 .. 3;
	is(query($differences), '', "$what: and after moving");
	cmp_ok(pages(), '<', $full, "$what: the file is smaller in the end");
	$node->stop;
	return;
}

for (modes())
{
	$mode = $_;
	note("---- $mode");
	my $name = "hybrid_move_crash_$mode";
	$node = new_node($name, $mode, allows_streaming => 1);
	$node->append_conf('postgresql.conf', <<'CONF');
restart_after_crash = on
full_page_writes = off
wal_consistency_checking = 'all'
fsync = off
wal_retrieve_retry_interval = 50ms
max_standby_streaming_delay = 2s
hot_standby_feedback = off
wal_keep_size = 1GB
CONF
	$node->start;
	install($node);
	install_hybrid($node);
	$node->backup('base');
	$standby = PostgreSQL::Test::Cluster->new("${name}_standby");
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	my @actions = $mode eq 'preload' ? ('crash', 'error') : ('error', 'crash');
	for my $point (@points)
	{
		strike($_, $point) for $ENV{OMENDB_CRASH_ALL} ? @actions : $actions[0];
		@actions = reverse @actions;
	}
	old_snapshots();
	promotion();
	unlike(slurp_file($standby->logfile), qr/PANIC|TRAP:|inconsistent page found|corrupted/, "$mode: no complaint in the standby's log");
}
done_testing();
