# A streaming standby through everything an omendb table does, with every replayed page compared.
use strict;
use warnings;

use IPC::Run ();
use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($primary, $standby);

srand($ENV{OMENDB_STORM_SEED} || 20261129);

sub query { return $primary->safe_psql('postgres', shift); }

my $directory = q{SELECT string_agg(concat_ws(' ', group_id, first_row, rows, state, xmin, pages, start_block, stream_bytes), ', '
	ORDER BY start_block) FROM omendb.row_groups('%s')};

# The standby has caught up: the rows are those of the control on either side, and the directories are the same.
sub same
{
	my ($what, %controls) = @_;

	$primary->wait_for_catchup($standby);
	for my $table (sort keys %controls)
	{
		hybrid_same($_, "$what, " . $_->name, $table, $controls{$table}) for $primary, $standby;
		hybrid_clean($_, "$what, " . $_->name, $table) for $primary, $standby;
		my $sql = sprintf $directory, $table;
		is($standby->safe_psql('postgres', $sql), query($sql), "$what: $table: the standby has the primary's directory");
	}
	return;
}

sub start_pair
{
	my ($mode) = @_;

	$primary = new_node("hybrid_primary_$mode", $mode, allows_streaming => 1);
	$primary->append_conf('postgresql.conf', <<'CONF');
wal_consistency_checking = 'all'
max_standby_streaming_delay = -1
max_prepared_transactions = 5
restart_after_crash = on
CONF
	$primary->start;
	install_hybrid($primary);
	query('ALTER DATABASE postgres SET omendb.row_group_rows = 100');
	$primary->backup('base');
	$standby = PostgreSQL::Test::Cluster->new("hybrid_standby_$mode");
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->start;
	return;
}

# The primary freezes groups that a snapshot on the standby does not see yet: it is cancelled, or goes on
# not to see them.
sub old_snapshot
{
	my ($mode) = @_;

	query(q{CREATE TABLE young (id bigint, k int, v text) USING omendb; SELECT load('young', 1, 100)});
	$primary->wait_for_catchup($standby);
	$standby->adjust_conf('postgresql.conf', 'max_standby_streaming_delay', '0');
	$standby->reload;
	for my $vacuum ('VACUUM', 'VACUUM (FREEZE)')
	{
		my $session = $standby->background_psql('postgres', on_error_stop => 0);
		my $before = $session->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM young');
		query(q{SELECT load('young', 101, 300); SELECT txid_current()});
		query("$vacuum young");
		$primary->wait_for_catchup($standby);
		$session->{stderr} = '';
		my $after = eval { $session->query('SELECT count(*) FROM young') } // '';
		my $canceled = $after eq '' || $session->{stderr} =~ /conflict with recovery|terminating connection|closed the connection/;
		ok($after eq $before || $canceled, "$mode: $vacuum: an old snapshot on the standby: " . ($canceled ? 'cancelled' : "$before, $after"));
		eval { $session->quit };
	}
	$standby->adjust_conf('postgresql.conf', 'max_standby_streaming_delay', '-1');
	$standby->reload;
	query('DROP TABLE young');
	return;
}

# Cold rows changed, deleted and locked: rows from `a` on of a table and of its control, in one transaction each.
# The standby's snapshots go by what they saw.
sub changes
{
	my ($t, $c, $a) = @_;

	for my $table ($t, $c)
	{
		query(sprintf q{BEGIN; SELECT FROM %1$s WHERE id BETWEEN %2$d AND %2$d + 60 FOR SHARE; UPDATE %1$s SET k = k + 1, v = v || '!' WHERE id BETWEEN %2$d AND %2$d + 30;
			SAVEPOINT a; DELETE FROM %1$s WHERE id >= %2$d; ROLLBACK TO a; DELETE FROM %1$s WHERE id BETWEEN %2$d + 25 AND %2$d + 50; COMMIT}, $table, $a);
	}
	return;
}

sub changed
{
	my ($mode, %all) = @_;
	my $sums = 'SELECT count(*), sum(id), sum(k) FROM t; SELECT count(*), sum(id), sum(k) FROM ti WHERE id BETWEEN 1 AND 100';
	my $old = $standby->background_psql('postgres');
	my $before = $old->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; $sums");

	changes('t', 'c', 10);
	changes('ti', 'ci', 10);
	$primary->wait_for_catchup($standby);
	is($old->query_safe($sums), $before, "$mode: cold rows changed: the old snapshot on the standby");
	isnt($standby->safe_psql('postgres', $sums), $before, "$mode: cold rows changed: a new one");
	$old->quit;
	same("$mode: cold rows changed", %all);
	query('VACUUM t, ti');
	same("$mode: cold rows changed, vacuumed", %all);
	changes('t', 'c', 30);
	changes('ti', 'ci', 30);
	query('UPDATE t SET k = 0; DELETE FROM t WHERE id = 300; UPDATE c SET k = 0; DELETE FROM c WHERE id = 300');
	same("$mode: all cold rows changed", %all);
	query('VACUUM (FREEZE) t, ti');
	same("$mode: all cold rows changed, frozen", %all);
	return;
}

sub operations
{
	my ($mode) = @_;
	my %all = (t => 'c', ti => 'ci');

	query(q{CREATE TABLE t (id bigint, k int, v text) USING omendb; CREATE TABLE c (id bigint, k int, v text) USING heap;
		CREATE TABLE ti (id bigint, k int, v text) USING omendb; CREATE TABLE ci (id bigint, k int, v text) USING heap});
	same("$mode: empty tables", %all);
	query(q{SELECT load(t, 1, 550) FROM unnest('{t,c,ti,ci}'::text[]) t;
		INSERT INTO t SELECT * FROM hybrid_rows(551, 900); INSERT INTO c SELECT * FROM hybrid_rows(551, 900);
		SELECT load('t', 901, 1250), load('c', 901, 1250)});
	is(hybrid_groups($primary, 't', 'visible'), 8, "$mode: groups");
	query('CREATE INDEX ti_id ON ti USING alex (id); CREATE INDEX ti_k ON ti (k)');
	same("$mode: loads", %all);

	# a cursor on the standby, over a load that is rolled back, its pages freed and used again
	my $cursor = $standby->background_psql('postgres');
	$cursor->query_safe(q{BEGIN ISOLATION LEVEL REPEATABLE READ; DECLARE old SCROLL CURSOR FOR SELECT id FROM t; MOVE 300 FROM old});
	query(q{BEGIN; SELECT load('t', 5001, 5500); SAVEPOINT a; SELECT load('t', 6001, 6200); ROLLBACK});
	same("$mode: loads rolled back", %all);
	# no truncation of hot pages, which would have to wait for the cursor
	query('VACUUM (TRUNCATE off) t');
	same("$mode: loads rolled back, vacuumed", %all);
	query(q{SELECT load('t', 5001, 5500), load('c', 5001, 5500)});
	same("$mode: freed pages used again", %all);
	is($cursor->query_safe('SELECT count(*) FROM t'), 1250, "$mode: the old snapshot on the standby");
	$cursor->query_safe('MOVE ALL FROM old; MOVE BACKWARD ALL FROM old; MOVE 1250 FROM old');
	is($cursor->query_safe('FETCH 1 FROM old; SELECT count(*), sum(id) FROM t'), '1250|' . 1250 * 1251 / 2,
		"$mode: the old cursor on the standby");
	$cursor->quit;
	query(q{BEGIN; SELECT load('t', 7001, 7250), load('c', 7001, 7250); SAVEPOINT a; SELECT load('t', 8001, 8250); ROLLBACK TO a; COMMIT; VACUUM t});
	same("$mode: a savepoint rolled back", %all);
	old_snapshot($mode);

	changed($mode, %all);

	# loads that are under way, or prepared, are not seen
	my $load = $primary->background_psql('postgres');
	$load->query_safe(q{BEGIN; SELECT load('t', 20001, 20250)});
	query(q{BEGIN; SELECT load('t', 21001, 21250); PREPARE TRANSACTION 'later'});
	same("$mode: loads under way", %all);
	query('VACUUM t');
	same("$mode: loads under way, vacuumed", %all);
	$load->query_safe('COMMIT');
	$load->quit;
	query(q{SELECT load('c', 20001, 20250)});
	query(q{COMMIT PREPARED 'later'; SELECT load('c', 21001, 21250)});
	same("$mode: they are committed", %all);

	# a standby that starts again
	query('CHECKPOINT');
	$primary->wait_for_catchup($standby);
	$standby->safe_psql('postgres', 'CHECKPOINT');
	query(q{SELECT load(t, 22001, 22250) FROM unnest('{t,c,ti,ci}'::text[]) t; VACUUM t, ti});
	$primary->wait_for_catchup($standby);
	$standby->stop('immediate');
	$standby->start;
	same("$mode: standby restarted", %all);

	# rewrites
	query(q{DELETE FROM t WHERE id BETWEEN 560 AND 700; DELETE FROM c WHERE id BETWEEN 560 AND 700;
		UPDATE t SET k = -k WHERE id BETWEEN 710 AND 800; UPDATE c SET k = -k WHERE id BETWEEN 710 AND 800});
	query('VACUUM FULL t; CLUSTER ti USING ti_k');
	cmp_ok(hybrid_groups($primary, $_, 'visible'), '>', 5, "$mode: groups of $_ after a rewrite") for 't', 'ti';
	same("$mode: VACUUM FULL, CLUSTER", %all);
	is($standby->safe_psql('postgres', q{SELECT omendb.alex_check('ti_id', true)}), '', "$mode: the index on the standby");
	is($standby->safe_psql('postgres', q{SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(*), sum(k) FROM ti WHERE id > 0}),
		query('SELECT count(*), sum(k) FROM ci'), "$mode: index scan on the standby");
	query(q{ALTER TABLE t ALTER k TYPE bigint; ALTER TABLE c ALTER k TYPE bigint; ALTER TABLE t ADD d int DEFAULT 5; ALTER TABLE c ADD d int DEFAULT 5});
	query(q{VACUUM (FREEZE) t, ti});
	same("$mode: ALTER TABLE, VACUUM FREEZE", %all);
	query(q{ALTER TABLE t DROP d; ALTER TABLE c DROP d; TRUNCATE ti, ci; SELECT load('ti', 1, 250), load('ci', 1, 250);
		BEGIN; TRUNCATE t, c; SELECT load('t', 1, 350), load('c', 1, 350); SAVEPOINT a; TRUNCATE t; SELECT load('t', 1, 500); ROLLBACK TO a; COMMIT});
	same("$mode: TRUNCATE", %all);

	# tables made with their rows
	query(q{CREATE TABLE made USING omendb AS SELECT * FROM c; CREATE MATERIALIZED VIEW mat USING omendb AS SELECT * FROM c;
		SELECT load('c', 1001, 1200); REFRESH MATERIALIZED VIEW mat; SELECT load('made', 1001, 1200), load('t', 1001, 1200)});
	same("$mode: CREATE TABLE AS, REFRESH", %all, made => 'c', mat => 'c');
	query(q{DROP TABLE made; DROP MATERIALIZED VIEW mat});
	query(q{CREATE UNLOGGED TABLE u (id bigint, k int, v text) USING omendb; SELECT load('u', 1, 250)});
	$primary->wait_for_catchup($standby);
	my ($status, $out, $err) = $standby->psql('postgres', 'SELECT count(*) FROM u');
	like($err, qr/cannot access temporary or unlogged relations during recovery/, "$mode: unlogged on the standby");
	for my $sql (q{SELECT load('t', 1, 2)}, 'VACUUM FULL t', 'INSERT INTO t VALUES (1)')
	{
		($status, $out, $err) = $standby->psql('postgres', $sql);
		like($err, qr/cannot execute .* during recovery|read-only transaction/, "$mode: the standby refuses $sql");
	}
	return;
}

# Statements that change rows of h, and its control hc alike, by chance; h is frozen and vacuumed now and then.
sub random_changes
{
	my ($transactions) = @_;
	my $sql = '';

	for (1 .. $transactions)
	{
		my @statements;

		for (1 .. 1 + int rand 3)
		{
			my $first = 1 + int rand 2400;
			my $where = 'WHERE id BETWEEN ' . $first . ' AND ' . ($first + int rand 30);
			my @pair = map { ("UPDATE $_ SET k = k + 1 $where", "UPDATE $_ SET v = 'v' || k, id = id $where", "DELETE FROM $_ $where AND id % 5 = 0",
				"SELECT count(*) FROM (SELECT id FROM $_ $where FOR UPDATE) s", "SELECT count(*) FROM (SELECT id FROM $_ $where FOR KEY SHARE) s") } 'h', 'hc';
			my $which = int rand 5;
			push @statements, @pair[ $which, $which + 5 ];
			@statements = ('SAVEPOINT a', @statements, rand(2) < 1 ? 'ROLLBACK TO a' : 'RELEASE a') if rand(4) < 1;
		}
		$sql .= join(";\n", 'BEGIN', @statements, rand(6) < 1 ? 'ROLLBACK' : 'COMMIT') . ";\n";
		$sql .= "CALL omendb.compact('h', true);\n" if rand(8) < 1;
		$sql .= "VACUUM h;\n" if rand(25) < 1;
		$sql .= "VACUUM (FREEZE) h;\n" if rand(50) < 1;
	}
	return $sql;
}

# Cold rows are changed, locked and removed while the standby reads.
sub cold_changes
{
	my ($mode) = @_;
	my $sums = 'SELECT count(*), sum(id), sum(k), count(v) FROM';

	query(q{CREATE TABLE h (id bigint, k int, v text) USING omendb; CREATE TABLE hc (id bigint, k int, v text) USING heap;
		SELECT load('h', 1, 1000), load('hc', 1, 1000);
		SET omendb.row_group_rows = 1400; SELECT load('h', 1001, 2400), load('hc', 1001, 2400);
		CREATE INDEX h_id ON h USING alex (id); CREATE INDEX h_k ON h (k); CREATE INDEX hc_id ON hc (id)});
	same("$mode: cold rows", h => 'hc');
	$standby->adjust_conf('postgresql.conf', 'max_standby_streaming_delay', '0');
	$standby->reload;

	# an old snapshot stays as it is, or is cancelled when rows are pruned that it sees
	my $session = $standby->background_psql('postgres', on_error_stop => 0);
	my $before = $session->query("BEGIN ISOLATION LEVEL REPEATABLE READ; $sums h");
	for my $table ('h', 'hc')
	{
		query(qq{UPDATE $table SET k = k + 1 WHERE id < 100; DELETE FROM $table WHERE id BETWEEN 200 AND 210;
			SELECT count(*) FROM (SELECT id FROM $table WHERE id > 1001 FOR SHARE) s});
	}
	is(hybrid_groups($primary, 'h', 'row map'), 1, "$mode: a map has grown");
	query('VACUUM h; UPDATE h SET k = k WHERE id < 250; UPDATE hc SET k = k WHERE id < 250; VACUUM (FREEZE) h');
	$primary->wait_for_catchup($standby);
	$session->{stderr} = '';
	my $after = eval { $session->query("$sums h") } // '';
	ok($after eq $before || $after eq '' || $session->{stderr} =~ /conflict with recovery/, "$mode: cold rows pruned: an old snapshot on the standby: '$after'");
	eval { $session->quit };
	same("$mode: cold rows changed and pruned", h => 'hc');

	# in any snapshot of the standby both tables have the same rows, or it is cancelled
	my ($out, $err) = ('', '');
	my $dir = PostgreSQL::Test::Utils::tempdir();
	append_to_file("$dir/reader.sql", q{SET enable_bitmapscan = off; SET enable_seqscan = on;
		SELECT hybrid_differ('h', 'hc'); SET enable_seqscan = off;
		SELECT a.sums || ' by an index, not ' || c.sums FROM (SELECT concat_ws(' ', count(*), sum(id), sum(k)) AS sums FROM h WHERE id > 0) a,
			(SELECT concat_ws(' ', count(*), sum(id), sum(k)) AS sums FROM hc WHERE id > 0) c WHERE a.sums <> c.sums;
		SELECT a.sums || ' by an index only, not ' || c.sums FROM (SELECT concat_ws(' ', count(*), sum(k)) AS sums FROM h WHERE k > -1) a,
			(SELECT concat_ws(' ', count(*), sum(k)) AS sums FROM hc WHERE k > -1) c WHERE a.sums <> c.sums;
		\echo both
	} x 5000);
	append_to_file("$dir/writer.sql", random_changes(120));
	my $reader = IPC::Run::start([ 'psql', '-XAtq', '-d', $standby->connstr('postgres') . " application_name=reader", '-f', "$dir/reader.sql" ], '<', \undef, '>', \$out, '2>', \$err);
	my ($status, undef, $errors) = $primary->psql('postgres', "\\i $dir/writer.sql", on_error_stop => 1);
	is("$status $errors", '0 ', "$mode: cold rows changed by chance");
	$primary->wait_for_catchup($standby);
	$standby->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reader'});
	IPC::Run::finish($reader);
	is(join(' ', grep { $_ ne '' && $_ ne 'both' } split /\n/, $out), '', "$mode: both tables have the same rows in each snapshot of the standby");
	is(join("\n", grep { /ERROR|FATAL/ && !/conflict with recovery|administrator command/ } split /\n/, $err), '', "$mode: no error on the standby but conflicts");
	like($out, qr/both/, "$mode: snapshots were compared");
	note(scalar(() = $out =~ /both/g) . ' snapshots compared, ' . scalar(() = $err =~ /conflict with recovery/g) . ' cancelled');
	same("$mode: cold rows changed by chance", h => 'hc');
	is(query($_), query($_ =~ s/\bh\b/hc/r), "$mode: cold rows changed by chance: by an index") for "SET enable_seqscan = off; $sums h WHERE id > 0";
	is($standby->safe_psql('postgres', q{SELECT omendb.alex_check('h_id', true)}), '', "$mode: cold rows changed by chance: the index on the standby");
	($status, $out, $err) = $standby->psql('postgres', 'SELECT * FROM h FOR UPDATE');
	like($err, qr/cannot execute SELECT FOR UPDATE in a read-only transaction|during recovery/, "$mode: the standby locks no rows");

	query(random_changes(20));
	$primary->wait_for_catchup($standby);
	$standby->stop('immediate');
	$standby->start;
	same("$mode: cold rows changed, standby restarted", h => 'hc');
	$standby->adjust_conf('postgresql.conf', 'max_standby_streaming_delay', '-1');
	$standby->reload;
	return;
}

# The primary dies with a load at each point; the standby takes over and puts it in order.
# What freezing says of itself can be read on the standby; it tells who held the horizon back, also when that is the standby.
sub reports
{
	my ($mode) = @_;
	my $sql = q{SELECT last_freeze IS NOT NULL, rows_frozen, left_hot, held_back_by FROM omendb.freeze_stats('report')};
	my $held = sub {
		my ($what, $expected) = @_;

		query(q{INSERT INTO report SELECT generate_series(1, 7)});
		query(q{CALL omendb.compact('report', true)});
		like(query($sql), $expected, "$mode: freezing says that $what holds it back");
		# no transaction waits for the report to be flushed
		query('SELECT pg_switch_wal()');
		$primary->wait_for_catchup($standby);
		is($standby->safe_psql('postgres', $sql), query($sql), "$mode: and so it does on the standby");
	};

	query(q{CREATE TABLE report (id int) USING omendb WITH (autovacuum_enabled = off); INSERT INTO report SELECT generate_series(1, 100)});
	query(q{BEGIN; INSERT INTO report VALUES (0); PREPARE TRANSACTION 'report'});
	$held->('a prepared transaction', qr/^t\|100\|\{"young": 8\}\|prepared transaction$/);
	query(q{COMMIT PREPARED 'report'; CALL omendb.compact('report', true)});
	is(query($sql), 't|8|{}|', "$mode: and nothing does");
	my $session = $standby->background_psql('postgres');
	$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM report');
	$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nwal_receiver_status_interval = 1");
	$standby->reload;
	$primary->poll_query_until('postgres', 'SELECT count(*) = 1 FROM pg_stat_replication WHERE backend_xmin IS NOT NULL');
	# the xid that the standby's snapshot is from before
	$held->('the standby', qr/^t\|0\|\{"young": 7\}\|standby of walsender \d+$/);
	# the same if it keeps that in a slot
	query(q{SELECT pg_create_physical_replication_slot('report')});
	$standby->append_conf('postgresql.conf', q{primary_slot_name = 'report'});
	$standby->reload;
	$primary->poll_query_until('postgres', 'SELECT count(*) = 1 FROM pg_replication_slots WHERE xmin IS NOT NULL');
	$held->('a slot', qr/^t\|0\|\{"young": 14\}\|replication slot$/);
	$session->quit;
	$standby->append_conf('postgresql.conf', "hot_standby_feedback = off\nprimary_slot_name = ''");
	$standby->reload;
	$primary->poll_query_until('postgres', 'SELECT count(*) = 1 FROM pg_stat_replication r WHERE backend_xmin IS NULL AND NOT EXISTS (SELECT FROM pg_replication_slots WHERE active)');
	query(q{SELECT pg_drop_replication_slot('report')});
	query('DROP TABLE report');
	return;
}

sub promotion
{
	my ($mode) = @_;
	my $holder = $primary->background_psql('postgres');
	my %controls = (t => 'c', ti => 'ci', h => 'hc');
	my @sessions;

	$holder->query_safe("SELECT pg_advisory_lock(hashtext('$_'))") for 'hybrid_pages_written', 'hybrid_published';
	for my $point ('hybrid_pages_written', 'hybrid_published')
	{
		my $session = $primary->background_psql('postgres', on_error_stop => 0);
		my $pid = $session->query('SELECT pg_backend_pid()');
		my $table = $point eq 'hybrid_published' ? 't' : 'ti';
		query('DROP INDEX IF EXISTS ti_id, ti_k');
		$session->query_until(qr/begun/, "SET omendb.stop_points = '$point=wait';\n\\echo begun\nSELECT load('$table', 30001, 30250);\n");
		$primary->poll_query_until('postgres', "SELECT wait_event = 'advisory' FROM pg_stat_activity WHERE pid = $pid")
		  or die "$point is not reached";
		push @sessions, $session;
	}
	query(q{BEGIN; SELECT load('t', 31001, 31250); UPDATE t SET v = 'across' WHERE id IN (101, 102, 31001, 31250);
		DELETE FROM t WHERE id IN (102, 103, 31002); PREPARE TRANSACTION 'across'});
	query(q{BEGIN; UPDATE t SET v = 'back' WHERE id IN (105, 106); DELETE FROM t WHERE id = 107; PREPARE TRANSACTION 'back'});
	# changes of cold rows that do not commit
	my $open = $primary->background_psql('postgres');
	$open->query_safe('BEGIN; UPDATE h SET k = -1 WHERE id % 3 = 0; DELETE FROM h WHERE id % 3 = 1; SELECT count(*) FROM (SELECT id FROM h FOR UPDATE) s');
	push @sessions, $open;
	query('SELECT pg_switch_wal(); INSERT INTO t SELECT * FROM hybrid_rows(40001, 40010); INSERT INTO c SELECT * FROM hybrid_rows(40001, 40010)');
	$primary->wait_for_catchup($standby);
	$primary->stop('immediate');
	eval { $_->quit } for $holder, @sessions;
	$standby->promote;
	($primary, $standby) = ($standby, $primary);
	for my $table (sort keys %controls)
	{
		hybrid_same($primary, "$mode: promoted", $table, $controls{$table});
		hybrid_clean($primary, "$mode: promoted", $table);
	}
	query(random_changes(40));
	query('VACUUM t, ti, h');
	is(query(q{SELECT count(*) FROM omendb.row_groups('ti') WHERE state NOT IN ('visible', 'free', 'directory')}), 0,
		"$mode: promoted: VACUUM has freed what was under way");
	query(q{SELECT load(t, 50001, 50250) FROM unnest('{t,c,ti,ci}'::text[]) t; COMMIT PREPARED 'across'; SELECT load('c', 31001, 31250);
		UPDATE c SET v = 'across' WHERE id IN (101, 102, 31001, 31250); DELETE FROM c WHERE id IN (102, 103, 31002)});
	query(q{ROLLBACK PREPARED 'back'});
	changes('t', 'c', 110);
	changes('ti', 'ci', 110);
	query(q{INSERT INTO ti SELECT * FROM hybrid_rows(60001, 60500); INSERT INTO ci SELECT * FROM hybrid_rows(60001, 60500)});
	query('VACUUM t; VACUUM FULL ti');
	for my $table (sort keys %controls)
	{
		hybrid_same($primary, "$mode: promoted, written to", $table, $controls{$table});
		hybrid_clean($primary, "$mode: promoted, written to", $table);
	}
	is(query('SELECT count(*) FROM u'), 0, "$mode: promoted: the unlogged table is empty");
	hybrid_clean($primary, "$mode: promoted: unlogged", 'u');
	query(q{SELECT load('u', 1, 250)});
	is(query('SELECT count(*) FROM u'), 250, "$mode: promoted: the unlogged table is filled again");
	return;
}

for my $mode (modes())
{
	start_pair($mode);
	operations($mode);
	cold_changes($mode);
	reports($mode);
	promotion($mode);
	$primary->stop;
	unlike(slurp_file($_->logfile), qr/PANIC|TRAP:|inconsistent page found/, "$mode: log of " . $_->name)
	  for $primary, $standby;
}
done_testing();
