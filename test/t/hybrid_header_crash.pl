# Crashes, errors, cancels and ends of sessions at every point where a header of a cold row is being made or
# its group's map of headers grows, in UPDATE, DELETE, SELECT FOR UPDATE and the check of a foreign key.
#
# Table p has cold rows only, c is its control on heap, f and cf refer to them.  Group 0 has no headers yet; the
# lists of the others are full, so that the next header makes their maps grow.  OMENDB_CRASH_ALL=1 goes
# through each way to end at each point in each statement, where otherwise they take turns.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows = 1100;		# in a group
my $listed = 812;		# headers that the list of a group has room for
my ($node, $mode, $next_row, $next_group, $turn);

my @header_points = ('hybrid_header_formed', 'hybrid_header_put', 'hybrid_header_made');
my @map_points = ('hybrid_map_page_added', 'hybrid_map_written', 'hybrid_map_published');
# the tables' names come in
my %statements = (
	update => 'UPDATE %1$s SET k = k + 1 WHERE id = %3$d',
	delete => 'DELETE FROM %1$s WHERE id = %3$d',
	lock => 'SELECT id FROM %1$s WHERE id = %3$d FOR UPDATE',
	fk => 'INSERT INTO %2$s VALUES (%3$d)');
my @kinds = sort keys %statements;

sub query { return $node->safe_psql('postgres', shift); }

sub on_omendb { return sprintf $statements{ $_[0] }, 'p', 'f', $_[1]; }
sub on_heap { return sprintf $statements{ $_[0] }, 'c', 'cf', $_[1]; }

sub make_tables
{
	my ($groups) = @_;
	my $last = $rows * ($groups + 1);

	# this much need not be compared
	query(qq{SET wal_consistency_checking = '';
		DROP TABLE IF EXISTS f, cf, p, c, young, old;
		CREATE TABLE p (id bigint, k int, v text) USING omendb;
		CREATE TABLE c (id bigint, k int, v text) USING heap;
		COPY (SELECT i, i % 100, 'row ' || i FROM generate_series(1, $last) i) TO '${\$node->data_dir}/rows';
		SET omendb.row_group_rows = $rows;
		COPY p FROM '${\$node->data_dir}/rows';
		COPY c FROM '${\$node->data_dir}/rows';
		ALTER TABLE p ADD PRIMARY KEY (id);
		ALTER TABLE c ADD PRIMARY KEY (id);
		CREATE INDEX p_k ON p USING alex (k);
		CREATE TABLE f (id bigint PRIMARY KEY REFERENCES p) USING heap;
		CREATE TABLE cf (id bigint PRIMARY KEY REFERENCES c) USING heap;
		UPDATE p SET k = k WHERE id > $rows AND (id - 1) % $rows < $listed;
		UPDATE c SET k = k WHERE id > $rows AND (id - 1) % $rows < $listed});
	# the files of dropped tables go, which redo without full page images would compare with zeroes
	query('CHECKPOINT');
	is(hybrid_groups($node, 'p', 'visible', 'rows'), $last, "$mode: all rows are cold");
	is(hybrid_groups($node, 'p', 'row map'), 0, "$mode: no map has grown yet");
	$next_row = 1;
	$next_group = 1;
	return;
}

# a row that has no header
sub fresh_row
{
	my ($point) = @_;
	return $point =~ /map/ ? $rows * $next_group++ + 1000 : $next_row++;
}

# One query for all that is compared each time: nothing, or what differs.
my $differences = q{SELECT string_agg(a || ' instead of ' || b, ', ') FROM (VALUES
	((SELECT concat_ws(' ', count(*), sum(id), sum(k), sum(hashtextextended(p::text, 0))) FROM p),
		(SELECT concat_ws(' ', count(*), sum(id), sum(k), sum(hashtextextended(c::text, 0))) FROM c)),
	((SELECT concat_ws(' ', count(*), sum(id)) FROM f), (SELECT concat_ws(' ', count(*), sum(id)) FROM cf)))
	v (a, b) WHERE a IS DISTINCT FROM b};

sub same { my ($what) = @_; return is(query($differences), '', "$what: the rows are those of heap"); }

# The rows are those of heap, and what was struck can be done now, on either side, with the same result.
sub aftermath
{
	my ($what, $kind, $id) = @_;
	my $result = $kind eq 'lock' ? "$id\n$id\n" : '';

	is(query("$differences; SELECT * FROM omendb.check('p') LIMIT 5; " . on_omendb($kind, $id) . '; ' . on_heap($kind, $id) . "; $differences"),
		"\n$result", "$what: the rows are those of heap, before and after another try");
	return;
}

# End in a crash or an error.
sub strike
{
	my ($action, $point, $kind) = @_;
	my $what = "$mode: $action at $point in $kind";
	my $id = fresh_row($point);

	stops_at($node, $what, $action, $point, on_omendb($kind, $id));
	aftermath($what, $kind, $id);
	return;
}

# A session that has begun a statement.
sub start_session { return begin_statement($node, @_) }
sub wait_for { return wait_for_event($node, @_) }

# A session that waits at a point until that is released.  Not by a lock: a map grows under one that allows no others.
sub park
{
	my ($point, $sql) = @_;

	append_to_file($node->data_dir . "/$point", '');
	my $session = start_session("SET omendb.stop_points = '$point=file';\n$sql");
	wait_for($session, '^Extension');
	return $session;
}

sub release
{
	my ($point) = @_;

	unlink $node->data_dir . "/$point" or die "$point: $!";
	return;
}

sub finish { return end_statement(@_) }

# End by a signal from outside.
sub interrupt
{
	my ($action, $point, $kind) = @_;
	my $what = "$mode: $action at $point in $kind";
	my $id = fresh_row($point);
	my $session = park($point, on_omendb($kind, $id));

	query("SELECT pg_${action}_backend($session->{backend})");
	if ($action eq 'cancel')
	{
		finish($session);
		like($session->{stderr}, qr/canceling statement due to user request/, "$what: cancelled");
	}
	else
	{
		$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $session->{backend}");
		eval { $session->quit };
	}
	release($point);
	aftermath($what, $kind, $id);
	return;
}

# VACUUM in all its ways, and the table behind it.
sub vacuum
{
	my ($what) = @_;

	for my $vacuum ('VACUUM', 'VACUUM (FREEZE)')
	{
		is(query(qq{$vacuum p; $differences; SELECT * FROM omendb.check('p') LIMIT 5; SELECT * FROM pg_check_visible('p'); SELECT * FROM pg_check_frozen('p');
			SELECT count(*) FROM omendb.row_groups('p') WHERE state NOT IN ('visible', 'free', 'directory', 'row map')}),
			"\n0", "$what: $vacuum has freed what was abandoned and left the rows, and the visibility map is right");
	}
	agrees($node, $what, 'p', 'k');
	query(q{UPDATE p SET k = -k WHERE id % 17 = 0; UPDATE c SET k = -k WHERE id % 17 = 0});
	query(q{DELETE FROM p WHERE id % 49 = 0 AND id NOT IN (SELECT id FROM f); DELETE FROM c WHERE id % 49 = 0 AND id NOT IN (SELECT id FROM cf)});
	same("$what: further writes");
	# heads of HOT chains are not to be looked for at headers
	query('REINDEX TABLE p; VACUUM p; VACUUM p');
	same("$what: further writes, vacuumed");
	agrees($node, "$what: further writes, vacuumed", 'p', 'k');
	clean($node, $what, 'p_k');
	query("SET omendb.row_group_rows = $rows; VACUUM FULL p");
	same("$what: VACUUM FULL");
	hybrid_clean($node, "$what: VACUUM FULL", 'p');
	return;
}

# Each of the points with some of the statements, in turn.
sub go_through
{
	my ($action, $each, @points) = @_;
	my $do = $action =~ /error|crash/ ? \&strike : \&interrupt;

	$each = @kinds if $ENV{OMENDB_CRASH_ALL};
	for my $point (@points)
	{
		$do->($action, $point, $kinds[ $turn++ % @kinds ]) for 1 .. $each;
		$turn++ if $each % 2 == 0;
	}
	return;
}

# A row is changed twice: by one that is about to make its header, and by one that makes it meanwhile.
sub race_for_header
{
	my $what = "$mode: two for one header";
	my $id = $next_row++;
	my $first = park('hybrid_header_formed', "UPDATE p SET k = k + 10 WHERE id = $id");

	query("UPDATE p SET k = k + 1 WHERE id = $id");
	release('hybrid_header_formed');
	finish($first);
	query("UPDATE c SET k = k + 11 WHERE id = $id");
	same("$what, which is updated");

	# that one is still at work
	$id = $next_row++;
	$first = park('hybrid_header_formed', "UPDATE p SET k = k + 10 WHERE id = $id");
	my $second = $node->background_psql('postgres');
	$second->query_safe("BEGIN; UPDATE p SET k = k + 1 WHERE id = $id");
	release('hybrid_header_formed');
	wait_for($first, 'transactionid');
	$second->query_safe('ROLLBACK');
	$second->quit;
	finish($first);
	query("UPDATE c SET k = k + 10 WHERE id = $id");
	same("$what, whose update is rolled back");

	# or deletes it
	$id = $next_row++;
	$first = park('hybrid_header_formed', "UPDATE p SET k = k + 10 WHERE id = $id");
	query("DELETE FROM p WHERE id = $id");
	release('hybrid_header_formed');
	finish($first);
	query("DELETE FROM c WHERE id = $id");
	same("$what, which is deleted");

	# has made it, but not done anything yet
	$id = $next_row++;
	$first = park('hybrid_header_made', "UPDATE p SET k = k + 10 WHERE id = $id");
	query("UPDATE p SET k = k + 1 WHERE id = $id; VACUUM p");
	release('hybrid_header_made');
	finish($first);
	query("UPDATE c SET k = k + 11 WHERE id = $id");
	same("$what, which is taken over");

	# rows side by side, many at once
	$id = $next_row;
	$next_row += 40;
	my @sessions = map { park('hybrid_header_formed', "UPDATE p SET k = k + 1 WHERE id BETWEEN $id + 5 * $_ AND $id + 5 * $_ + 9") } 0 .. 5;
	release('hybrid_header_formed');
	finish($_) for @sessions;
	query("UPDATE c SET k = k + 1 WHERE id BETWEEN $id + 5 * $_ AND $id + 5 * $_ + 9") for 0 .. 5;
	same("$mode: headers side by side");
	hybrid_clean($node, "$mode: headers side by side", 'p');
	return;
}

# A map grows once, whoever makes it; meanwhile other rows of the group are read and changed.
sub race_for_map
{
	for my $point (@map_points)
	{
		my $what = "$mode: two for one map, $point";
		my $maps = hybrid_groups($node, 'p', 'row map');
		my $from = $rows * $next_group++;
			my $first = park($point, "UPDATE p SET k = k + 10 WHERE id = $from + 1000");
		my @others = map { start_session("UPDATE p SET k = k + 1 WHERE id = $from + $_") } 1000, 1001, 1050;

		query("UPDATE p SET k = -k WHERE id = $from + 1") if $point ne 'hybrid_map_page_added';
		is(query("SELECT count(*) FROM p WHERE id BETWEEN $from + 1 AND $from + $rows"), $rows, "$what: rows are read");
		if ($point ne 'hybrid_map_published')
		{
			wait_for($_, 'page') for @others;
		}
		if ($point eq 'hybrid_map_written')
		{
			# one of the others does it
			query("SELECT pg_cancel_backend($first->{backend})");
			finish($first);
			like($first->{stderr}, qr/canceling statement due to user request/, "$what: the first is cancelled");
			query("UPDATE p SET k = k + 10 WHERE id = $from + 1000");
		}
		release($point);
		finish($first) if $point ne 'hybrid_map_written';
		finish($_) for @others;
		query("UPDATE c SET k = -k WHERE id = $from + 1") if $point ne 'hybrid_map_page_added';
		query("UPDATE c SET k = k + 10 WHERE id = $from + 1000; UPDATE c SET k = k + 1 WHERE id IN ($from + 1000, $from + 1001, $from + 1050)");
		same($what);
		hybrid_clean($node, $what, 'p');
		is(hybrid_groups($node, 'p', 'row map'), $maps + 1, "$what: one map more");
	}
	return;
}

# Many headers in one group: changed, rolled back, locked and removed.
sub dense
{
	my $what = "$mode: a dense map";

	query(qq{DROP TABLE IF EXISTS f, cf, p, c;
		CREATE TABLE p (id bigint, k int, v text) USING omendb;
		CREATE TABLE c (id bigint, k int, v text) USING heap;
		CREATE TABLE f (id bigint); CREATE TABLE cf (id bigint);
		SET omendb.row_group_rows = 3000;
		SELECT load('p', 1, 3000), load('c', 1, 3000);
		CREATE INDEX p_k ON p USING alex (k);
		CREATE INDEX p_id ON p (id)});
	query('CHECKPOINT');
	for my $step (
		'SELECT count(*) FROM (SELECT id FROM %s WHERE id <= 2000 FOR SHARE) s',
		'BEGIN; UPDATE %s SET k = k + 1 WHERE id <= 2000; SAVEPOINT a; DELETE FROM %s WHERE id < 100; ROLLBACK TO a; ROLLBACK',
		'BEGIN; UPDATE %s SET k = k + 1 WHERE id BETWEEN 500 AND 1500; SAVEPOINT a; DELETE FROM %s WHERE id BETWEEN 1400 AND 1600; ROLLBACK TO a; COMMIT',
		'DELETE FROM %s WHERE id BETWEEN 1001 AND 1100',
		'BEGIN; DELETE FROM %s WHERE id > 1800; ROLLBACK',
		'VACUUM %s',
		'INSERT INTO %s SELECT * FROM hybrid_rows(4001, 4500)',
		'UPDATE %s SET v = v || v WHERE id % 3 = 0 AND id <= 2100')
	{
		# to write and to compare an image of each page takes long
		my $compare = $step =~ /2000/ ? q{SET wal_consistency_checking = ''; } : '';
		query($compare . $step =~ s/%s/$_/gr) for 'p', 'c';
		same("$what: $step");
	}
	hybrid_clean($node, $what, 'p');
	is(hybrid_groups($node, 'p', 'row map', 'pages'), 3, "$what: pages");
	kill_server($node);
	$node->start;
	same("$what: after a crash");
	hybrid_clean($node, "$what: after a crash", 'p');
	agrees($node, "$what: after a crash", 'p', 'k');
	query(q{DELETE FROM p WHERE id <= 3000; DELETE FROM c WHERE id <= 3000; VACUUM p});
	same("$what: all rows removed");
	agrees($node, "$what: all rows removed", 'p', 'k');
	query(q{TRUNCATE p, c; SELECT load('p', 1, 10), load('c', 1, 10)});
	same("$what: TRUNCATE");
	return;
}

# Rows that their own transaction has loaded: a crash takes group, headers and new versions.
sub young_group
{
	my $what = "$mode: changes of one's own load";
	my $load = q{SET omendb.row_group_rows = 100; BEGIN; SELECT load('young', 1001, 1200);
		UPDATE young SET k = k + 1 WHERE id > 1150; SAVEPOINT a; DELETE FROM young WHERE id > 1190; RELEASE a;
		SAVEPOINT b; UPDATE young SET k = 0 WHERE id < 1110; ROLLBACK TO b};

	query('CHECKPOINT');
	query(q{CREATE TABLE young (id bigint, k int, v text) USING omendb; CREATE TABLE old (id bigint, k int, v text) USING heap;
		SET omendb.row_group_rows = 100; SELECT load('young', 1, 200), load('old', 1, 200)});
	for my $end ('crash', 'error')
	{
		my $seen = -s $node->logfile;
		my ($status, $out, $err) = $node->psql('postgres', "$load; SET omendb.stop_points = 'hybrid_header_made=$end'; UPDATE young SET k = k + 1 WHERE id = 1120");

		isnt($err, '', "$what: $end");
		$node->wait_for_log(qr/database system is ready to accept connections/, $seen) if $end eq 'crash';
		hybrid_same($node, "$what: $end", 'young', 'old');
		query('VACUUM young');
		hybrid_same($node, "$what: $end, vacuumed", 'young', 'old');
		hybrid_clean($node, "$what: $end, vacuumed", 'young');
	}
	query(qq{$load; COMMIT; SELECT load('old', 1001, 1190); UPDATE old SET k = k + 1 WHERE id > 1150});
	hybrid_same($node, "$what: committed", 'young', 'old');
	return;
}

for (modes())
{
	$mode = $_;
	$turn = $mode eq 'preload' ? 0 : 2;
	note("---- $mode");
	$node = new_node("hybrid_header_crash_$mode", $mode);
	# full page images would do redo's work for it
	$node->append_conf('postgresql.conf', <<'CONF');
restart_after_crash = on
full_page_writes = off
wal_consistency_checking = 'all'
fsync = off
CONF
	$node->start;
	install($node);
	install_hybrid($node);
	query('CREATE EXTENSION pg_visibility');
	make_tables($ENV{OMENDB_CRASH_ALL} ? 8 * @map_points : 4 * @map_points);
	# a crash takes its time
	go_through('crash', $mode eq 'preload' ? 2 : 1, @header_points, @map_points);
	go_through('error', 2, @header_points, @map_points);
	vacuum("$mode: behind crashes and errors");
	make_tables($ENV{OMENDB_CRASH_ALL} ? 8 * @map_points : 2 * @map_points);
	# nobody is interrupted inside a buffer's lock
	go_through($_, 1, (grep { !/put/ } @header_points), @map_points) for 'cancel', 'terminate';
	vacuum("$mode: behind interrupts");
	make_tables(scalar @map_points);
	race_for_header();
	race_for_map();
	vacuum("$mode: behind the races");
	young_group();
	dense();
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|inconsistent page found|corrupted/, "$mode: no complaint in the server's log");
	$node->stop;
}
done_testing();
