# Full disks, cancelled and killed backends, timeouts, little memory, a library that is not there:
# a clear error, nothing lost, nothing broken.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node;

sub query { return $node->safe_psql('postgres', shift); }

# a statement that must fail so
sub fails
{
	my ($what, $sql, $expected) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $sql);

	like($err, $expected, $what);
	return;
}

sub whole
{
	my ($what) = @_;

	clean($node, $what, 't_k');
	agrees($node, $what, 't', 'k');
	return;
}

# ---- disks ----

sub no_room_for_temporary_files
{
	my ($mode) = @_;

	fails("$mode: the sort of a build runs out of temporary space",
		q{SET maintenance_work_mem = '1MB'; SET temp_file_limit = '500kB';
		CREATE INDEX t_k2 ON t USING alex (k)},
		qr/ERROR:  temporary file size exceeds "?temp_file_limit"? \(500kB\)/);
	is(query(q{SELECT count(*) FROM pg_class WHERE relname = 't_k2'}), 0, "$mode: no index is left");
	is(query(q{SELECT count(*) FROM pg_ls_tmpdir()}), 0, "$mode: no temporary file is left");
	return;
}

# A limit on the size of files a backend may write makes extending the index fail as a full disk does.
sub no_room_for_the_index
{
	my ($mode) = @_;

	query(q{CREATE TABLE f (id bigint, k bigint);
		INSERT INTO f SELECT i, i FROM generate_series(1, 20000) i;
		CREATE INDEX f_k ON f USING alex (k) WITH (leaf_entries = 256, fillfactor = 10)});
	my $limit = query(q{SELECT pg_relation_size('f_k') + 8 * 8192});
	cmp_ok($limit, '>', query(q{SELECT pg_relation_size('f') + 1000000}), "$mode: the index is larger than its table");

	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query('SELECT pg_backend_pid()');
	system_or_bail('prlimit', "--pid=$pid", "--fsize=$limit:");
	$session->query(q{INSERT INTO f SELECT i, i FROM generate_series(20001, 21000) i});
	my $before = query('SELECT count(*) FROM f');
	is($before, 21000, "$mode: room for some rows");
	$session->{stderr} = '';
	$session->query(q{INSERT INTO f SELECT i, i FROM generate_series(21001, 40000) i});
	like($session->{stderr}, qr/ERROR:  could not extend file .*: File too large/, "$mode: no room for more");
	is(query('SELECT count(*) FROM f'), $before, "$mode: no row of the statement is there");
	clean($node, "$mode: after the disk was full", 'f_k');
	agrees($node, "$mode: after the disk was full", 'f', 'k');

	$session->{stderr} = '';
	$session->query(q{CREATE INDEX f_k2 ON f USING alex (k) WITH (leaf_entries = 256, fillfactor = 10)});
	like($session->{stderr}, qr/ERROR:  could not extend file .*: File too large/, "$mode: no room for a build");
	is(query(q{SELECT count(*) FROM pg_class WHERE relname = 'f_k2'}), 0, "$mode: no index is left");
	$session->quit;

	query(q{VACUUM (INDEX_CLEANUP ON) f; INSERT INTO f SELECT i, i FROM generate_series(21001, 40000) i});
	clean($node, "$mode: with room again", 'f_k');
	agrees($node, "$mode: with room again", 'f', 'k');
	query('DROP TABLE f');
	return;
}

# ---- backends stopped at a point where they may be ----

# where, the statement, the rows it must leave in t, what is then there: all of it or nothing
my @waits = (
	[ 'alex_insert_start', 'INSERT INTO t VALUES (-1, -1)' ],
	[ 'alex_insert_done', 'INSERT INTO t VALUES (-1, -1)' ],
	[ 'alex_scan_step', 'SET enable_seqscan = off; SET enable_sort = off; SELECT sum(k % 10) FROM (SELECT k FROM t ORDER BY k) s' ],
	[ 'alex_scan_step', 'SET enable_seqscan = off; SET enable_sort = off; SELECT sum(k % 10) FROM (SELECT k FROM t ORDER BY k DESC) s' ],
	[ 'alex_vacuum_between_leaves', 'VACUUM (INDEX_CLEANUP ON) t' ],
	[ 'alex_build_sorted', 'CREATE INDEX t_k2 ON t USING alex (k)' ],
	[ 'alex_build_loaded', 'CREATE INDEX t_k2 ON t USING alex (k)' ],
	[ 'alex_build_logged', 'CREATE INDEX t_k2 ON t USING alex (k)' ],
	[ 'alex_build_loaded', 'REINDEX INDEX t_k' ]);

sub stopped_at_waits
{
	my ($mode) = @_;
	my $holder = $node->background_psql('postgres');

	for my $wait (@waits)
	{
		my ($point, $sql) = @$wait;
		my $count = query('SELECT count(*) FROM t');

		$holder->query_safe("SELECT pg_advisory_lock(hashtext('$point'))");
		for my $how ('pg_cancel_backend', 'pg_terminate_backend')
		{
			query('DELETE FROM t WHERE id % 1000 = 0') if $sql =~ /VACUUM/;
			$count = query('SELECT count(*) FROM t');
			my $session = $node->background_psql('postgres', on_error_stop => 0);
			my $pid = $session->query('SELECT pg_backend_pid()');
			$session->query_until(qr/begun/, "SET omendb.stop_points = '$point=wait';\n\\echo begun\n$sql;\n");
			$node->poll_query_until('postgres', "SELECT wait_event = 'advisory' FROM pg_stat_activity WHERE pid = $pid")
			  or die "$point is not reached";
			query("SELECT $how($pid)");
			$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity
				WHERE pid = $pid AND state = 'active')") or die "$point: no end";
			eval { $session->quit };
			is(query('SELECT count(*) FROM t'), $count, "$mode: $how at $point");
			is(query(q{SELECT count(*) FROM pg_class WHERE relname = 't_k2'}), 0, "$mode: no index is left");
			whole("$mode: $how at $point");
		}
		for my $timeout ('lock_timeout', 'statement_timeout')
		{
			fails("$mode: $timeout at $point",
				"SET omendb.stop_points = '$point=wait'; SET $timeout = '50ms'; $sql",
				$timeout eq 'lock_timeout' ? qr/canceling statement due to lock timeout/
				: qr/canceling statement due to statement timeout/);
		}
		$holder->query_safe("SELECT pg_advisory_unlock(hashtext('$point'))");
		whole("$mode: timeouts at $point");
		query("$sql;") if $sql !~ /INSERT|CREATE/;
	}
	$holder->quit;
	return;
}

# ---- memory ----

sub little_memory
{
	my ($mode) = @_;
	my $least = query('SELECT min_val || unit FROM pg_settings WHERE name = \'maintenance_work_mem\'');

	query("SET maintenance_work_mem = '$least'; SET work_mem = '64kB'; REINDEX INDEX t_k;
		CREATE INDEX t_id ON t USING alex (id DESC); DELETE FROM t WHERE id % 3 = 0; VACUUM (INDEX_CLEANUP ON) t");
	whole("$mode: maintenance_work_mem of $least");
	clean($node, "$mode: maintenance_work_mem of $least", 't_id');
	agrees($node, "$mode: maintenance_work_mem of $least", 't', 'id');
	is(query(q{SET work_mem = '64kB'; SET maintenance_work_mem = '1MB'; SELECT omendb.alex_check('t_k', true)}),
		'', "$mode: alex_check with little memory");
	return;
}

# A backend that may not have more memory than maintenance_work_mem and a little: a build gets along, and
# says so when the setting promises more than there is.
sub memory_is_kept
{
	my ($mode) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query('SELECT pg_backend_pid()');
	my $build = 'CREATE INDEX m_k ON m USING alex (k)';

	query('CREATE TABLE m (id bigint, k bigint);
		INSERT INTO m SELECT i, hashint8extended(i, 0) FROM generate_series(1, 400000) i');
	# what is loaded and cached once
	$session->query(q{SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '1MB'});
	$session->query("$build; DROP INDEX m_k");
	my ($size) = slurp_file("/proc/$pid/status") =~ /^VmSize:\s+(\d+) kB/m;
	system_or_bail('prlimit', "--pid=$pid", '--as=' . ($size + 1024 + 2048) * 1024 . ':');
	$session->{stderr} = '';
	$session->query($build);
	is($session->{stderr}, '', "$mode: a build of 6 MB of entries in 3 MB");
	clean($node, "$mode: built in little memory", 'm_k');
	agrees($node, "$mode: built in little memory", 'm', 'k');
	query('DROP INDEX m_k');
	$session->query(q{SET maintenance_work_mem = '64MB'});
	$session->query($build);
	like($session->{stderr}, qr/ERROR:  out of memory/, "$mode: a build without memory");
	$session->{stderr} = '';
	$session->query(q{SET maintenance_work_mem = '1MB'});
	$session->query($build);
	is($session->{stderr}, '', "$mode: the same session builds when it is content with less");
	clean($node, "$mode: built after running out of memory", 'm_k');
	$session->quit;
	query('DROP TABLE m');
	return;
}

# ---- another library ----

sub library_missing
{
	my ($mode) = @_;
	my $conf = slurp_file($node->data_dir . '/postgresql.conf');
	my %paths = $conf =~ /^(dynamic_library_path|extension_destdir) = (.*)$/mg;

	# where nothing but the server's own libraries are found
	$node->adjust_conf('postgresql.conf', $_, $_ eq 'dynamic_library_path' ? q{'$libdir'} : q{''}) for keys %paths;
	if ($mode eq 'preload')
	{
		my $seen = -s $node->logfile;
		$node->stop;
		is($node->start(fail_ok => 1), 0, "$mode: no start without the library");
		$node->log_check("$mode: it says what is missing", $seen, log_like => [qr/FATAL:  could not access file "omendb"/]);
		$node->adjust_conf('postgresql.conf', $_, $paths{$_}) for keys %paths;
		$node->start;
	}
	else
	{
		$node->restart;
		fails("$mode: no use of the index without the library", 'INSERT INTO t VALUES (1, 1)',
			qr/ERROR:  could not access file "[^"]*omendb"/);
		$node->adjust_conf('postgresql.conf', $_, $paths{$_}) for keys %paths;
		$node->restart;
	}
	whole("$mode: the library is back");
	return;
}

for my $mode (modes())
{
	# small WAL segments: the limit of a file's size must be above theirs
	$node = new_node("faults_$mode", $mode, extra => ['--wal-segsize=1']);
	$node->start;
	install($node);
	query(q{CREATE TABLE t (id bigint, k bigint);
		INSERT INTO t SELECT i, hashint8extended(i, 0) FROM generate_series(1, 100000) i;
		CREATE INDEX t_k ON t USING alex (k)});
	whole("$mode: before");
	no_room_for_temporary_files($mode);
	no_room_for_the_index($mode);
	whole("$mode: after full disks");
	query('DELETE FROM t WHERE id > 20000; VACUUM (INDEX_CLEANUP ON) t');
	stopped_at_waits($mode);
	query('INSERT INTO t SELECT i, hashint8extended(i, 0) FROM generate_series(20001, 100000) i');
	little_memory($mode);
	memory_is_kept($mode);
	library_missing($mode) if $ENV{OMENDB_DESTDIR};
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|was terminated by signal/, "$mode: no server process died");
	$node->stop;
}
done_testing();
