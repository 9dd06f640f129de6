# Parallel builds of alex indexes: workers take part, or do not where they must not; one that fails, is
# terminated or killed leaves nothing behind.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node;

sub query { return $node->safe_psql('postgres', shift); }

# how many processes scanned, as the server's log says; 0 for a serial build
sub processes
{
	my ($sql) = @_;
	my $seen = -s $node->logfile;

	query("SET log_min_messages = debug1; $sql");
	return slurp_file($node->logfile, $seen) =~ /was scanned for index "\w+" by (\d+) processes/ ? $1 : 0;
}

sub workers_take_part
{
	my ($mode) = @_;

	is(processes('CREATE INDEX t_p ON t USING alex (k)'), 3, "$mode: workers take part");
	clean($node, "$mode: built by three processes", 't_p');
	agrees($node, "$mode: built by three processes", 't', 'k');
	query('DROP INDEX t_p');
	is(processes('CREATE INDEX t_p ON t USING alex (abs(k)) WHERE id % 2 = 0'), 3, "$mode: with expression and predicate");
	clean($node, "$mode: with expression and predicate", 't_p');
	is(processes('REINDEX INDEX t_p'), 3, "$mode: REINDEX");
	is(processes('REINDEX INDEX CONCURRENTLY t_p'), 3, "$mode: REINDEX CONCURRENTLY");
	is(processes('BEGIN ISOLATION LEVEL SERIALIZABLE; REINDEX INDEX t_p; COMMIT'), 3, "$mode: SERIALIZABLE");
	clean($node, "$mode: rebuilt", 't_p');
	query('DROP INDEX t_p');

	is(processes('CREATE INDEX h_p ON h USING alex (k)'), 3, "$mode: an omendb table");
	clean($node, "$mode: an omendb table", 'h_p');
	is(processes('CREATE TEMP TABLE s WITH (parallel_workers = 2) AS SELECT * FROM t; CREATE INDEX s_k ON s USING alex (k)'),
		0, "$mode: a temporary table");
	is(processes('CREATE INDEX t_p ON t USING alex (unsafe(k))'), 0, "$mode: an expression that is not parallel safe");
	query('DROP INDEX t_p');
	is(processes('SET max_parallel_maintenance_workers = 0; CREATE INDEX t_p ON t USING alex (k)'), 0, "$mode: not wanted");
	query('DROP INDEX t_p');
	is(processes('BEGIN; TRUNCATE u; SAVEPOINT s; TRUNCATE u; COMMIT'), 0, "$mode: TRUNCATE");
	# all slots taken: the leader builds alone
	query('ALTER SYSTEM SET max_parallel_workers = 0; SELECT pg_reload_conf()');
	$node->poll_query_until('postgres', q{SELECT current_setting('max_parallel_workers') = '0'}) or die;
	is(processes('CREATE INDEX t_p ON t USING alex (k)'), 0, "$mode: no worker to be had");
	clean($node, "$mode: no worker to be had", 't_p');
	query('DROP INDEX t_p; ALTER SYSTEM RESET max_parallel_workers');
	query('SELECT pg_reload_conf()');
	$node->poll_query_until('postgres', q{SELECT current_setting('max_parallel_workers') <> '0'}) or die;
	return;
}

sub nothing_left
{
	my ($what) = @_;

	is(query(q{SELECT count(*) FROM pg_class WHERE relname = 't_p'}), 0, "$what: no index is left");
	is(query(q{SELECT count(*) FROM pg_ls_tmpdir()}), 0, "$what: no temporary file is left");
	is(query(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}), 0, "$what: no worker is left");
	return;
}

# the statement must fail so
sub fails
{
	my ($what, $sql, $expected) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $sql);

	like($err, $expected, $what);
	nothing_left($what);
	return;
}

sub failures
{
	my ($mode) = @_;
	my $build = 'CREATE INDEX t_p ON t USING alex (k)';

	fails("$mode: an error in a worker", "SET omendb.stop_points = 'alex_build_worker=error'; $build",
		qr/ERROR:  stopped at stop point "alex_build_worker".*CONTEXT:  parallel worker/s);
	fails("$mode: an error in all participants", "SET omendb.stop_points = 'alex_build_participant=error'; $build",
		qr/ERROR:  stopped at stop point "alex_build_participant"/);
	fails("$mode: an error of the leader while workers have files", "SET omendb.stop_points = 'alex_build_sorted=error'; $build",
		qr/ERROR:  stopped at stop point "alex_build_sorted"/);
	fails("$mode: no room for files", "SET maintenance_work_mem = '1MB'; SET temp_file_limit = '200kB'; $build",
		qr/ERROR:  temporary file size exceeds "?temp_file_limit"? \(200kB\)/);

	# the leader cancelled, the leader or a worker terminated, while workers wait
	my $holder = $node->background_psql('postgres');
	$holder->query_safe(q{SELECT pg_advisory_lock(hashtext('alex_build_worker'))});
	my $workers = q{FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND wait_event = 'advisory'};
	for my $how ('pg_cancel_backend(leader_pid)', 'pg_terminate_backend(leader_pid)', 'pg_terminate_backend(pid)')
	{
		my $session = $node->background_psql('postgres', on_error_stop => 0);

		$session->query_until(qr/begun/, "SET omendb.stop_points = 'alex_build_worker=wait';\n\\echo begun\n$build;\n");
		$node->poll_query_until('postgres', "SELECT count(*) = 2 $workers") or die 'workers do not wait';
		query("SELECT $how $workers LIMIT 1");
		$node->poll_query_until('postgres', q{SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity
			WHERE query LIKE 'CREATE INDEX%' AND state = 'active')}) or die "$how: no end";
		eval { $session->quit };
		nothing_left("$mode: $how");
	}
	$holder->quit;

	# killed: all of the server starts anew
	my ($status, $out, $err) = $node->psql('postgres', "SET omendb.stop_points = 'alex_build_worker=crash'; $build");
	isnt($status, 0, "$mode: a worker killed: the session ends");
	$node->poll_query_until('postgres', 'SELECT true') or die 'no recovery';
	nothing_left("$mode: a worker killed");
	is(processes($build), 3, "$mode: built afterwards");
	clean($node, "$mode: built afterwards", 't_p');
	agrees($node, "$mode: built afterwards", 't', 'k');
	return;
}

for my $mode (modes())
{
	$node = new_node("parallel_$mode", $mode);
	$node->append_conf('postgresql.conf', <<'CONF');
max_parallel_maintenance_workers = 2
max_worker_processes = 16
restart_after_crash = on
CONF
	$node->start;
	install($node);
	query(q{CREATE TABLE t (id bigint, k bigint) WITH (parallel_workers = 2);
		INSERT INTO t SELECT i, hashint8extended(i, 0) FROM generate_series(1, 60000) i;
		DELETE FROM t WHERE id % 11 = 0;
		CREATE TABLE h USING omendb AS SELECT i AS id, hashint8extended(i, 0) AS k FROM generate_series(1, 135000) i;
		ALTER TABLE h SET (parallel_workers = 2);
		CREATE TABLE u (id bigint, k bigint) WITH (parallel_workers = 2);
		CREATE INDEX ON u USING alex (k);
		CREATE FUNCTION unsafe(x bigint) RETURNS bigint IMMUTABLE PARALLEL UNSAFE LANGUAGE plpgsql AS 'BEGIN RETURN -x; END';
		CHECKPOINT});
	workers_take_part($mode);
	failures($mode);
	$node->stop;
}
done_testing();
