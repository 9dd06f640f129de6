# Rows become cold by themselves: VACUUM, or autovacuum, asks for it, and a background worker freezes them.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows = 2000;

for my $mode (modes())
{
	my $node = new_node("hybrid_worker_$mode", $mode);

	$node->append_conf('postgresql.conf', <<'CONF');
omendb.auto_freeze = on
omendb.row_group_rows = 100
CONF
	$node->start;
	install($node);
	my $query = sub { return $node->safe_psql('postgres', $_[0]) };
	my $cold = sub { return $query->("SELECT cold_rows FROM omendb.table_stats('$_[0]')") };
	my $wait = sub { return $node->poll_query_until('postgres', $_[0]) };
	my $idle = q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'omendb freezer'};
	my $create = sub {
		$query->("CREATE TABLE $_[0] (id int PRIMARY KEY, t text) USING omendb; INSERT INTO $_[0] SELECT i, 'row ' || i FROM generate_series(1, $rows + 50) i");
	};

	# by VACUUM
	$create->('t');
	$query->('VACUUM t');
	ok($wait->("SELECT cold_rows = $rows FROM omendb.table_stats('t')"), "$mode: VACUUM has rows frozen, in full groups");
	$wait->($idle);
	is($query->('SELECT count(*), sum(id), min(t) FROM t'), '2050|2102275|row 1', "$mode: and they are all there");

	# switched off, or nothing to do
	$create->('no_freeze');
	$query->('SET omendb.auto_freeze = off; VACUUM no_freeze');
	$query->('CREATE TEMPORARY TABLE x (id int) USING omendb; INSERT INTO x SELECT generate_series(1, 1000); VACUUM x');
	$query->('CREATE TABLE b (id int) USING omendb; CREATE INDEX ON b USING brin (id); INSERT INTO b SELECT generate_series(1, 1000); VACUUM b');
	$query->('VACUUM t');
	$wait->($idle);
	is($cold->('no_freeze') . '|' . $cold->('b'), '0|0', "$mode: not where it is off or cannot be");

	# whatever the database's isolation level
	$create->('serializable');
	$query->(q{ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'; ALTER DATABASE postgres SET default_transaction_read_only = on});
	$query->('SET default_transaction_read_only = off; VACUUM serializable');
	ok($wait->("SELECT cold_rows = $rows FROM omendb.table_stats('serializable')"), "$mode: in a database of read-only serializable transactions");
	$query->(q{SET default_transaction_read_only = off; ALTER DATABASE postgres RESET default_transaction_isolation; ALTER DATABASE postgres RESET default_transaction_read_only});

	# the table goes, or becomes another, while the worker waits for its lock
	$create->('gone');
	my $session = $node->background_psql('postgres');
	$query->(q{ALTER DATABASE postgres SET omendb.stop_points = 'hybrid_worker_started=wait'});
	$session->query_safe(q{SELECT pg_advisory_lock(hashtext('hybrid_worker_started'))});
	$query->('VACUUM gone');
	$wait->(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'omendb freezer' AND wait_event = 'advisory'});
	$query->('VACUUM gone');
	is($query->(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'omendb freezer'}), 1, "$mode: one worker a table");
	$query->('DROP TABLE gone');
	$session->query_safe(q{SELECT pg_advisory_unlock_all()});
	ok($wait->($idle), "$mode: a table that is dropped meanwhile");
	$create->('heap');
	$session->query_safe(q{SELECT pg_advisory_lock(hashtext('hybrid_worker_started'))});
	$query->('VACUUM heap');
	$wait->(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'omendb freezer' AND wait_event = 'advisory'});
	$query->('ALTER TABLE heap SET ACCESS METHOD heap');
	$session->query_safe(q{SELECT pg_advisory_unlock_all()});
	ok($wait->($idle), "$mode: a table that becomes a heap table meanwhile");

	# a worker is killed, and the next one goes on
	$create->('killed');
	$session->query_safe(q{SELECT pg_advisory_lock(hashtext('hybrid_freeze_marked'))});
	$query->(q{ALTER DATABASE postgres SET omendb.stop_points = 'hybrid_freeze_marked=wait'; VACUUM killed});
	$wait->(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'omendb freezer' AND wait_event = 'advisory'});
	is($query->('SELECT count(*), sum(id) FROM killed'), '2050|2102275', "$mode: readers do not wait for a worker");
	is($query->(q{SELECT relid::regclass, phase, heap_blks_total > 0, row_groups_frozen, rows_frozen, row_group_rows FROM omendb.compact_progress}),
		'killed|marking rows|t|0|0|100', "$mode: a view shows what it does");
	is($query->(q{SELECT phase FROM pg_stat_progress_vacuum}), 'vacuuming heap', "$mode: core's view, too");
	$query->(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'omendb freezer'});
	$wait->($idle);
	$query->(q{ALTER DATABASE postgres RESET omendb.stop_points});
	$session->quit;
	is($query->('SELECT count(*), sum(id) FROM killed') . '|' . $cold->('killed'), '2050|2102275|0', "$mode: one that is killed leaves all as it was");
	$query->('VACUUM killed');
	ok($wait->("SELECT cold_rows = $rows FROM omendb.table_stats('killed')"), "$mode: and the next does its work");
	$wait->($idle);
	is($query->(q{SELECT count(*) FROM omendb."check"('killed')}), 0, "$mode: omendb.check finds nothing");

	# without anybody's doing
	$query->(q{ALTER SYSTEM SET autovacuum = on; ALTER SYSTEM SET autovacuum_naptime = 1; ALTER SYSTEM SET autovacuum_vacuum_threshold = 50; ALTER SYSTEM SET autovacuum_vacuum_insert_threshold = 50});
	$node->reload;
	$create->('auto');
	ok($wait->("SELECT cold_rows = $rows FROM omendb.table_stats('auto')"), "$mode: autovacuum has rows frozen");
	ok($wait->("SELECT hot_rows <= 150 FROM omendb.table_stats('auto')"), "$mode: and takes the hot copies away");
	is($query->('SELECT count(*), sum(id), min(t) FROM auto'), '2050|2102275|row 1', "$mode: and they are all there");

	# A worker that comes while autovacuum has the table waits for it, and does not have it cancelled.  Files stop both, as an advisory lock would be in the
	# way of a worker's transaction.
	$query->(q{ALTER SYSTEM SET autovacuum = off; ALTER SYSTEM SET deadlock_timeout = '10ms'});
	$node->reload;
	$wait->(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type IN ('autovacuum launcher', 'autovacuum worker', 'omendb freezer')});
	$query->('DROP TABLE ' . $query->(q{SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class c JOIN pg_am a ON a.oid = relam AND amname = 'omendb' AND relpersistence = 'p'}));
	my %file = map { $_ => $node->data_dir . "/$_" } 'hybrid_worker_started', 'hybrid_vacuum_heap';
	append_to_file($file{hybrid_worker_started}, '');
	$create->('busy');
	$query->(q{ALTER DATABASE postgres SET omendb.stop_points = 'hybrid_worker_started=file,hybrid_vacuum_heap=file'});
	$query->('VACUUM busy');
	$wait->(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'omendb freezer' AND wait_event = 'Extension'});
	append_to_file($file{hybrid_vacuum_heap}, '');
	$query->('UPDATE busy SET t = t');
	$query->('ALTER SYSTEM SET autovacuum = on');
	$node->reload;
	$wait->(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND wait_event = 'Extension'});
	my $vacuum = $query->(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND wait_event = 'Extension'});
	unlink $file{hybrid_worker_started};
	# in its transaction it looks for the lock again and again; else it would stand in the lock's queue, and cancel at once
	$wait->(q{SELECT count(*) = 0 OR bool_and(xact_start IS NOT NULL AND wait_event IS NOT NULL) FROM pg_stat_activity WHERE backend_type = 'omendb freezer'});
	is($query->(q{SELECT wait_event_type, wait_event FROM pg_stat_activity WHERE backend_type = 'omendb freezer'}), 'Extension|Extension', "$mode: a worker does not stand in the queue for a lock");
	is($query->("SELECT count(*) FROM pg_stat_activity WHERE pid = $vacuum"), 1, "$mode: so autovacuum goes on");
	unlink $file{hybrid_vacuum_heap};
	ok($wait->("SELECT cold_rows >= $rows FROM omendb.table_stats('busy')"), "$mode: and the worker behind it");
	unlike(slurp_file($node->logfile), qr/canceling autovacuum task/, "$mode: no autovacuum was cancelled");
	$node->stop;
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|ERROR: (?! *terminating)/, "$mode: no complaint in the server's log");
}
done_testing();
