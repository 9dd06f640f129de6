# With the library preloaded a launcher starts the workers that freeze rows: how many at a time, again when there was no room, when
# rows were too young or a worker was told to end, behind crashes and promotions.  Without it VACUUM starts them.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($node, $gate);
my $rows = 200;

sub query { return $node->safe_psql('postgres', shift); }
sub wait_for { return $node->poll_query_until('postgres', shift); }
sub workers { return query(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'omendb freezer'}); }
sub cold { return query("SELECT cold_rows FROM omendb.table_stats('$_[0]')"); }
sub frozen { return wait_for("SELECT cold_rows = " . ($_[1] // $rows) . " FROM omendb.table_stats('$_[0]')"); }
sub obstacle { return query("SELECT not_frozen FROM omendb.freeze_stats('$_[0]')"); }

sub create
{
	query("CREATE TABLE $_ (id int, t text) USING omendb WITH (autovacuum_enabled = off); INSERT INTO $_ SELECT i, 'row ' || i FROM generate_series(1, $rows + 50) i") for @_;
	return;
}

sub shut { $gate = shut_gate($node, @_); return; }

sub parked { return wait_for("SELECT count(*) = $_[0] FROM pg_stat_activity WHERE backend_type = 'omendb freezer' AND wait_event = 'advisory'"); }

sub opened { open_gate($node, $gate); return; }

sub start
{
	my ($name, $mode, $conf) = @_;
	$node = new_node($name, $mode, allows_streaming => 1);
	$node->append_conf('postgresql.conf', <<"CONF");
omendb.auto_freeze = on
omendb.row_group_rows = 100
max_logical_replication_workers = 0
max_parallel_workers = 0
restart_after_crash = on
deadlock_timeout = 10ms
$conf
CONF
	$node->start;
	install($node);
	return;
}

my $launcher = q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'omendb freeze launcher'};

# one slot for the launcher, one for a worker
sub few_slots
{
	start('hybrid_launcher_few', 'preload', "max_worker_processes = 2\nomendb.freeze_workers = 3\nomendb.freeze_naptime = 3600");
	ok(wait_for($launcher), 'there is a launcher');
	create('a', 'b', 'c');
	shut('hybrid_worker_started');
	query('VACUUM a');
	parked(1);
	query('VACUUM b; VACUUM c');
	ok(wait_for(q{SELECT not_frozen LIKE 'It waits for a background worker%' FROM omendb.freeze_stats('c')}), 'a view says that a table waits for a worker');
	is(workers(), 1, 'when the server has no more workers, tables wait');
	opened();
	ok(frozen($_), "and each has its turn: $_") for 'a', 'b', 'c';
	$node->stop;
	return;
}

sub coming_back
{
	start('hybrid_launcher', 'preload', "max_worker_processes = 8\nomendb.freeze_workers = 1\nomendb.freeze_naptime = 1\ntrack_commit_timestamp = on");

	# a limit of ours
	create('a', 'b', 'later');
	shut('hybrid_worker_started');
	query('VACUUM a; VACUUM b');
	parked(1);
	query('VACUUM a');
	is(workers(), 1, 'no more workers than omendb.freeze_workers');
	query(q{ALTER SYSTEM SET omendb.freeze_workers = 2});
	$node->reload;
	ok(parked(2), 'the limit can be raised');
	opened();
	ok(frozen($_), "both are frozen: $_") for 'a', 'b';

	# rows that are too young, for a snapshot and by the option; nobody but the launcher does anything about it
	my $session = $node->background_psql('postgres');
	$session->query_safe('BEGIN; SELECT txid_current()');
	create('young');
	query('VACUUM young');
	ok(wait_for(q{SELECT left_hot = '{"young": 250}' AND held_back_by LIKE 'session %' FROM omendb.freeze_stats('young')}), 'rows are too young to be frozen');
	$session->query_safe('COMMIT');
	ok(frozen('young'), 'and a worker comes back for them');
	create('aged');
	query(q{SELECT omendb.set_options('aged', freeze_after => '2 seconds'); VACUUM aged});
	ok(frozen('aged'), 'a worker comes back when freeze_after is over');
	is(query(q{SELECT min(pg_xact_commit_timestamp(xmin)) < (SELECT last_freeze - interval '2 seconds' FROM omendb.freeze_stats('aged')) FROM aged}), 't', 'and not before');

	# told to end: by somebody who wants a lock, by an administrator
	create('lock');
	shut('hybrid_freeze_marked');
	query('VACUUM lock');
	parked(1);
	query(q{BEGIN; SET LOCAL lock_timeout = '60s'; LOCK TABLE lock; UPDATE lock SET t = 'changed' WHERE id = 1; COMMIT});
	is(cold('lock'), 0, 'a worker gives way to who wants its lock');
	ok(parked(1), 'and another takes its place');
	query(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'omendb freezer'});
	wait_for('SELECT count(*) = 0 FROM omendb.compact_progress');
	opened();
	ok(frozen('lock'), 'so it is when one is terminated');
	is(query('SELECT count(*), sum(id) FROM lock'), '250|31375', 'no row is lost');

	# the launcher is told to end: what it knew is not lost
	$session->query_safe('BEGIN; SELECT txid_current()');
	create('relaunched');
	query('VACUUM relaunched');
	wait_for(q{SELECT left_hot IS NOT NULL FROM omendb.freeze_stats('relaunched')});
	my $pid = query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'omendb freeze launcher'});
	query("SELECT pg_terminate_backend($pid)");
	ok(wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'omendb freeze launcher' AND pid <> $pid"), 'a launcher that is terminated is started again');
	$session->query_safe('COMMIT');
	ok(frozen('relaunched'), 'and goes on where it was');

	# it ends while a worker is at work, whose table is asked for once more
	create('orphan');
	shut('hybrid_freeze_marked');
	query('VACUUM orphan');
	parked(1);
	query(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'omendb freeze launcher'});
	wait_for($launcher);
	opened();
	ok(frozen('orphan'), 'a worker outlives its launcher');

	# tables and databases that go
	create('gone');
	shut('hybrid_worker_started');
	query('VACUUM gone');
	parked(1);
	query('DROP TABLE gone');
	opened();

	# more tables than the queue has room for in this build
	$session->query_safe('BEGIN; SELECT txid_current()');
	my @many = map { "many$_" } 1 .. 20;
	create(@many);
	query(join ';', map { "VACUUM $_" } @many);
	query('VACUUM later');
	ok(frozen('later'), 'a table for which the queue has no room is served by VACUUM');
	query('DROP TABLE ' . join ', ', @many);
	$session->query_safe('COMMIT');

	# a crash
	create('crashed');
	shut('hybrid_freeze_marked');
	query('VACUUM crashed');
	parked(1);
	my $worker = query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'omendb freezer'});
	kill 'KILL', $worker;
	$node->poll_query_until('postgres', $launcher);
	eval { $gate->quit };
	eval { $session->quit };
	query('ALTER DATABASE postgres RESET omendb.stop_points; VACUUM crashed');
	ok(frozen('crashed'), 'behind a crash all goes on');
	is(query(q{SELECT count(*), sum(id) FROM crashed}), '250|31375', 'and no row is lost');

	# stopped while a worker is at work
	create('stopped');
	shut('hybrid_freeze_marked');
	query('VACUUM stopped');
	parked(1);
	$node->stop('fast');
	$node->start;
	eval { $gate->quit };
	query('ALTER DATABASE postgres RESET omendb.stop_points; VACUUM stopped');
	ok(frozen('stopped'), 'a server that was stopped meanwhile');
	return;
}

# not on a standby, until it is promoted
sub promoted
{
	my $standby = PostgreSQL::Test::Cluster->new('hybrid_launcher_standby');
	$node->backup('base');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	create('promoted');
	$node->wait_for_catchup($standby);
	is($standby->safe_psql('postgres', $launcher), 'f', 'a standby has no launcher');
	$node->stop;
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|ERROR: (?! *(terminating|canceling))|database .* does not exist/, "no complaint in the server's log");
	$standby->promote;
	$node = $standby;
	ok(wait_for($launcher), 'it has one when it is promoted');
	query('VACUUM promoted');
	ok(frozen('promoted'), 'which has rows frozen');
	$node->stop;
	return;
}

# DROP DATABASE does not fail because of a worker
sub dropped
{
	my ($mode) = @_;

	query('CREATE DATABASE other');
	$node->safe_psql('other', q{CREATE EXTENSION omendb; CREATE TABLE t (id int) USING omendb WITH (autovacuum_enabled = off); INSERT INTO t SELECT generate_series(1, 250)});
	my $session = $node->background_psql('postgres');
	# by a file: an advisory lock would be one of the other database
	append_to_file($node->data_dir . '/hybrid_freeze_marked', '');
	query(q{ALTER DATABASE other SET omendb.stop_points = 'hybrid_freeze_marked=file'});
	$node->safe_psql('other', 'VACUUM t');
	wait_for(q{SELECT count(*) = 1 FROM omendb.compact_progress WHERE datname = 'other' AND phase = 'marking rows'});
	query('DROP DATABASE other');
	is(workers(), 0, "$mode: DROP DATABASE ends a worker there");
	unlink $node->data_dir . '/hybrid_freeze_marked';
	$session->quit;
	return;
}

my %wanted = map { $_ => 1 } modes();
if ($wanted{preload})
{
	few_slots();
	coming_back();
	dropped('preload');
	promoted();
}
if ($wanted{plain})
{
	# without a launcher
	start('hybrid_launcher_plain', 'plain', 'max_worker_processes = 1');
	dropped('plain');
	create('a', 'b');
	shut('hybrid_worker_started');
	query('VACUUM a');
	parked(1);
	is(obstacle('b'), 'VACUUM has not counted its hot rows yet', 'plain: before a VACUUM nothing is known');
	query('VACUUM b');
	like(obstacle('b'), qr/^No background worker was free when VACUUM asked for one/, 'plain: a view says that no worker was free');
	opened();
	ok(frozen('a'), 'plain: the worker does its work');
	wait_for(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'omendb freezer'});
	query('VACUUM b');
	ok(frozen('b'), 'plain: the next VACUUM asks again');
	unlike(obstacle('b'), qr/worker/, 'plain: and the view says so no more');
	is(query(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'omendb freeze launcher'}), 0, 'plain: no launcher');
	$node->stop;
}
done_testing();
