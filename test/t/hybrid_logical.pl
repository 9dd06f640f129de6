# Logical decoding reads heap's records: where it is on, COPY writes hot rows, and rewrites may still write cold ones.
# What is done to cold rows is decoded as from heap, and subscribers do it to theirs.  Freezing of hot rows is decoded as nothing.
use strict;
use warnings;

use IPC::Run ();
use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($library) = `pg_config --pkglibdir` =~ /(\S+)/;
plan skip_all => 'there is no test_decoding' unless -e "$library/test_decoding.so";

my ($node, $subscriber);

sub query { return $node->safe_psql('postgres', shift); }

# what has been decoded since the last time: number of changes of each kind, and the sum of ids
sub decoded
{
	return query(q{SELECT string_agg(concat_ws(' ', kind, n, ids), ', ' ORDER BY kind) FROM (SELECT substring(data FROM 'table public\.t: (\w+)') AS kind,
		count(*) AS n, sum(substring(data FROM 'id\[bigint\]:(\d+)')::bigint) AS ids
		FROM pg_logical_slot_get_changes('slot', NULL, NULL, 'include-xids', '0', 'skip-empty-xacts', '1')
		WHERE data LIKE 'table public.t:%' GROUP BY 1) s});
}

sub cold { return query("SELECT coalesce(sum(rows), 0) FROM omendb.row_groups('" . shift . "') WHERE state = 'visible'"); }

sub start_server
{
	my ($name, $mode, $streaming) = @_;
	my $server = new_node($name, $mode, allows_streaming => $streaming // 'logical');

	$server->append_conf('postgresql.conf', "max_prepared_transactions = 5\n");
	$server->start;
	install_hybrid($server);
	$server->safe_psql('postgres', 'ALTER DATABASE postgres SET omendb.row_group_rows = 100');
	return $server;
}

sub decode
{
	my ($mode) = @_;

	query(q{CREATE TABLE t (id bigint, k int, v text) USING omendb; CREATE TABLE c (id bigint, k int, v text) USING heap;
		SELECT pg_create_logical_replication_slot('slot', 'test_decoding')});
	query(q{SELECT load('t', 1, 350), load('c', 1, 350)});
	is(cold('t'), 0, "$mode: COPY writes hot rows");
	is(decoded(), 'INSERT 350 ' . 350 * 351 / 2, "$mode: COPY is decoded");
	query(q{BEGIN; SELECT load('t', 1001, 1100); SAVEPOINT a; SELECT load('t', 2001, 2100); ROLLBACK TO a; COMMIT;
		SELECT load('c', 1001, 1100); BEGIN; SELECT load('t', 1, 100); ROLLBACK});
	is(decoded(), 'INSERT 100 ' . 100 * 2101 / 2, "$mode: so is what was not rolled back");

	# a rewrite has nothing to decode
	query('VACUUM FULL t');
	cmp_ok(cold('t'), '>=', 400, "$mode: VACUUM FULL writes groups");
	is(decoded(), '', "$mode: a rewrite is no change");
	hybrid_same($node, "$mode: after a rewrite", 't', 'c');
	query(q{INSERT INTO t SELECT * FROM hybrid_rows(3001, 3010); INSERT INTO c SELECT * FROM hybrid_rows(3001, 3010)});
	query(q{ALTER TABLE t REPLICA IDENTITY FULL; ALTER TABLE c REPLICA IDENTITY FULL;
		UPDATE t SET k = 7 WHERE id BETWEEN 3001 AND 3005; UPDATE c SET k = 7 WHERE id BETWEEN 3001 AND 3005;
		DELETE FROM t WHERE id = 3010; DELETE FROM c WHERE id = 3010});
	like(decoded(), qr/^DELETE 1 3010, INSERT 10 \d+, UPDATE 5 \d+$/, "$mode: hot rows are decoded");
	query(q{SELECT load('t', 4001, 4300), load('c', 4001, 4300)});
	is(decoded(), 'INSERT 300 ' . 300 * 8301 / 2, "$mode: COPY beside groups is decoded");
	query('CREATE INDEX t_id ON t USING alex (id); CLUSTER t USING t_id');
	is(decoded(), '', "$mode: CLUSTER is no change");
	hybrid_same($node, "$mode: after CLUSTER", 't', 'c');
	hybrid_clean($node, "$mode: after CLUSTER", 't');

	# a transaction that is decoded after the table has been rewritten
	query(q{DROP INDEX t_id; SELECT load('t', 5001, 5200), load('c', 5001, 5200)});
	query(q{ALTER TABLE t ALTER k TYPE bigint; ALTER TABLE c ALTER k TYPE bigint});
	like(decoded(), qr/^INSERT 200 \d+$/, "$mode: decoded after a rewrite");
	query(q{BEGIN; TRUNCATE t; TRUNCATE c; SELECT load('t', 1, 250), load('c', 1, 250); COMMIT});
	like(decoded(), qr/^INSERT 250 \d+, TRUNCATE 1$/, "$mode: TRUNCATE and COPY");
	hybrid_same($node, "$mode: in the end", 't', 'c');

	# tables that are not decoded may be cold: unlogged, temporary
	query(q{CREATE UNLOGGED TABLE u (id bigint, k int, v text) USING omendb; SELECT load('u', 1, 250)});
	is(query('SELECT count(*) FROM u'), 250, "$mode: unlogged");
	query(q{CREATE TABLE made USING omendb AS SELECT * FROM c});
	hybrid_same($node, "$mode: CREATE TABLE AS", 'made', 'c');
	query(q{SELECT pg_drop_replication_slot('slot')});
	return;
}

# a statement on r, an omendb table, and on h, a heap table: T stands for them
sub both
{
	my ($sql) = @_;

	query(join ";\n", map { my $table = $_; $sql =~ s/\bT(?=\b|_)/$table/gr } 'r', 'h');
	return;
}

sub decoded_same
{
	my ($what) = @_;
	my %lines = (r => [], h => []);

	for (split /\n/, query(q{SELECT data FROM pg_logical_slot_get_changes('slot', NULL, NULL, 'include-xids', '0', 'skip-empty-xacts', '1')}))
	{
		push @{ $lines{$1} }, $2 if /^table public\.([rh]): (.*)/;
	}
	my ($r, $h) = map { join "\n", sort @{ $lines{$_} } } 'r', 'h';
	ok($r eq $h && $r ne '', "$what: " . @{ $lines{r} } . ' changes are decoded as from heap') or diag(substr($r, 0, 2000), "\n", substr($h, 0, 2000));
	return;
}

sub refused
{
	my ($sql, $what) = @_;
	my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");

	like($err, qr/0A000: cannot log the replica identity of a cold row of table "r"/, $what);
	return;
}

sub cold_changes
{
	my ($mode) = @_;

	both(q{CREATE TABLE T (id bigint PRIMARY KEY, k int, v text, u bigint NOT NULL)});
	query(q{ALTER TABLE r SET ACCESS METHOD omendb});
	both(q{CREATE UNIQUE INDEX T_u ON T (u); INSERT INTO T SELECT id, k, v, id + 1000 FROM hybrid_rows(1, 300)});
	query(q{SELECT pg_create_logical_replication_slot('slot', 'test_decoding'); VACUUM FULL r});
	cmp_ok(cold('r'), '>=', 200, "$mode: cold rows");
	both(q{UPDATE T SET k = k + 1 WHERE id BETWEEN 1 AND 5; UPDATE T SET id = -id WHERE id BETWEEN 6 AND 8; DELETE FROM T WHERE id BETWEEN 9 AND 11;
		BEGIN; SELECT FROM T WHERE id BETWEEN 12 AND 15 FOR UPDATE; UPDATE T SET v = 'twelve' WHERE id = 12; SAVEPOINT a;
		DELETE FROM T WHERE id IN (13, 15); ROLLBACK TO a; DELETE FROM T WHERE id = 14; COMMIT;
		BEGIN; UPDATE T SET k = 0 WHERE id < 40; DELETE FROM T WHERE id < 45; ROLLBACK});
	both(q{UPDATE T SET k = -1 WHERE id BETWEEN -10 AND 20; INSERT INTO T VALUES (21, 1, 'one', 1), (1500, 1, 'one', 2)
		ON CONFLICT (id) DO UPDATE SET id = T.id + 1000});
	decoded_same("$mode: by the primary key");
	both('ALTER TABLE T REPLICA IDENTITY USING INDEX T_u; UPDATE T SET v = 1 WHERE id IN (12, 13, 30, 31); UPDATE T SET u = -u WHERE id BETWEEN 30 AND 40;
		DELETE FROM T WHERE id IN (13, 30, 41, 42)');
	decoded_same("$mode: by another index");
	both('ALTER TABLE T REPLICA IDENTITY NOTHING; UPDATE T SET v = 2, id = id + 2000 WHERE id IN (12, 50); DELETE FROM T WHERE id IN (51, 2050)');
	decoded_same("$mode: by nothing");

	# the whole row: not of one that had its header before
	both('SELECT FROM T WHERE id BETWEEN 60 AND 65 FOR KEY SHARE; ALTER TABLE T REPLICA IDENTITY FULL');
	both('UPDATE T SET k = 3 WHERE id BETWEEN 66 AND 80; DELETE FROM T WHERE id IN (70, 81, 82, 2012); UPDATE T SET id = -id WHERE id = 71;
		UPDATE T SET k = 4 WHERE id = 71');
	decoded_same("$mode: by all columns");
	refused('UPDATE r SET k = 3 WHERE id = 60', "$mode: UPDATE of a row locked before");
	refused('DELETE FROM r WHERE id IN (60, 90)', "$mode: DELETE of a row locked before");
	query('VACUUM FULL r');
	both('UPDATE T SET k = 3 WHERE id = 60; DELETE FROM T WHERE id IN (61, 90)');
	decoded_same("$mode: by all columns after a rewrite");

	# rows that fill more than a page
	both(q{INSERT INTO T SELECT i, 0, (SELECT string_agg(md5((i * 400 + j)::text), '') FROM generate_series(1, 400) j), i
		FROM generate_series(401, 600) i});
	query('VACUUM FULL r');
	decoded_same("$mode: inserted");
	refused('UPDATE r SET k = 3 WHERE id = 401', "$mode: UPDATE of a large row");
	both(q{ALTER TABLE T REPLICA IDENTITY DEFAULT; UPDATE T SET v = 'small' WHERE id IN (401, 402); DELETE FROM T WHERE id = 403});
	decoded_same("$mode: large rows by the primary key");
	query('UPDATE r SET k = 1 WHERE id = 404');
	is(query(q{SELECT count(*) FROM pg_logical_slot_get_changes('slot', NULL, NULL) WHERE data ~ 'UPDATE: id.bigint.:404 .* v.text.:''[0-9a-f]+'' ' AND length(data) > 12800}), 1,
		"$mode: a new version has its large values");
	query('UPDATE h SET k = 1 WHERE id = 404');
	hybrid_same($node, "$mode: changed cold rows", 'r', 'h');
	hybrid_clean($node, "$mode: changed cold rows", 'r');
	query(q{SELECT pg_drop_replication_slot('slot')});
	return;
}

# Rows that were frozen, with each replica identity; nothing of the freezing itself.
sub frozen_changes
{
	my ($mode) = @_;
	my $next = 1;

	query(q{SELECT pg_create_logical_replication_slot('slot', 'test_decoding')});
	both('DROP TABLE IF EXISTS T');
	query(q{CREATE TABLE r (id bigint PRIMARY KEY, k int, v text, u bigint NOT NULL) USING omendb WITH (autovacuum_enabled = off);
		CREATE TABLE h (id bigint PRIMARY KEY, k int, v text, u bigint NOT NULL) USING heap});
	both('CREATE UNIQUE INDEX T_u ON T (u)');
	for my $identity ('DEFAULT', 'USING INDEX T_u', 'NOTHING', 'FULL')
	{
		my $what = "$mode: frozen rows, replica identity $identity";
		my $first = $next;
		my $last = $first + 149;

		$next += 1000;
		both("ALTER TABLE T REPLICA IDENTITY $identity; INSERT INTO T SELECT id, k, left(v, 100), id + 100000 FROM hybrid_rows($first, $last)");
		decoded_same("$what, inserted");
		query(q{CALL omendb.compact('r', true)});
		is(query("SELECT count(*) FROM r WHERE id >= $first AND (ctid::text::point)[0] < 2147483648"), 0, "$what: all are cold");
		is(query(q{SELECT count(*) FROM pg_logical_slot_get_changes('slot', NULL, NULL, 'skip-empty-xacts', '1')}), 0, "$what: freezing is no change");
		both(qq{UPDATE T SET k = k + 1 WHERE id BETWEEN $first AND $first + 9; UPDATE T SET id = id + 500 WHERE id BETWEEN $first + 10 AND $first + 14;
			UPDATE T SET u = -u WHERE id BETWEEN $first + 15 AND $first + 19; DELETE FROM T WHERE id BETWEEN $first + 18 AND $first + 25;
			BEGIN; SELECT FROM T WHERE id BETWEEN $first + 30 AND $first + 35 FOR UPDATE; UPDATE T SET v = 'new' WHERE id = $first + 30; SAVEPOINT a;
			DELETE FROM T WHERE id BETWEEN $first AND $first + 100; ROLLBACK TO a; DELETE FROM T WHERE id = $first + 31; COMMIT;
			INSERT INTO T VALUES ($first + 40, 1, 'one', $first + 100040) ON CONFLICT (id) DO UPDATE SET k = T.k + 1000});
		decoded_same($what);

		# a row that the freezer has marked, changed by one who waits for it
		my $holder = $node->background_psql('postgres');
		both("UPDATE T SET k = k + 1 WHERE id BETWEEN $first + 50 AND $first + 69");
		$holder->query_safe(q{SELECT pg_advisory_lock(hashtext('hybrid_freeze_marked'))});
		my @sessions = map { $node->background_psql('postgres') } 1 .. 3;
		my $n = 0;
		for my $sql (q{SET omendb.stop_points = 'hybrid_freeze_marked=wait'; CALL omendb.compact('r', true)},
			"UPDATE r SET k = k + 1 WHERE id BETWEEN $first + 50 AND $first + 54", "DELETE FROM r WHERE id BETWEEN $first + 55 AND $first + 58")
		{
			$sessions[$n]->query_until(qr/begun/, "\\echo begun\n$sql;\n");
			$n++;
			$node->poll_query_until('postgres', "SELECT count(*) = $n FROM pg_stat_activity WHERE wait_event_type = 'Lock'") or die 'nobody waits';
		}
		$holder->quit;
		$_->query_safe('SELECT 1') for @sessions;
		$_->quit for @sessions;
		query("UPDATE h SET k = k + 1 WHERE id BETWEEN $first + 50 AND $first + 54; DELETE FROM h WHERE id BETWEEN $first + 55 AND $first + 58");
		decoded_same("$what, changed behind a freezer");
		query(q{CALL omendb.compact('r', true); VACUUM r});
		is(query(q{SELECT count(*) FROM pg_logical_slot_get_changes('slot', NULL, NULL, 'skip-empty-xacts', '1')}), 0, "$what: freezing again is no change");
		hybrid_same($node, $what, 'r', 'h');
	}

	# values out of line have chunks that go with the hot copies
	both(q{ALTER TABLE T REPLICA IDENTITY DEFAULT; ALTER TABLE T ALTER v SET STORAGE EXTERNAL; INSERT INTO T SELECT i, 0, repeat(md5(i::text), 100), i FROM generate_series(9001, 9010) i});
	decoded_same("$mode: rows with values out of line");
	query(q{CALL omendb.compact('r', true)});
	is(query(q{SELECT count(*) FROM pg_logical_slot_get_changes('slot', NULL, NULL, 'skip-empty-xacts', '1')}), 0, "$mode: rows with values out of line: freezing is no change");
	both(q{UPDATE T SET v = v || 'x' WHERE id = 9001; DELETE FROM T WHERE id = 9002});
	decoded_same("$mode: rows with values out of line, frozen");
	hybrid_same($node, "$mode: rows with values out of line", 'r', 'h');
	hybrid_clean($node, "$mode: frozen rows", 'r');
	query(q{SELECT pg_drop_replication_slot('slot')});
	return;
}

# The subscriber has found a hot row, and when it comes to lock it that is cold.
sub frozen_before_lock
{
	my ($what) = @_;
	my $holder = $subscriber->background_psql('postgres');
	my $worker = q{FROM pg_stat_activity WHERE backend_type ~ 'logical replication worker'};
	my $rows = 'SELECT count(*), sum(id), sum(k) FROM t';

	query('INSERT INTO t SELECT * FROM hybrid_rows(901, 903)');
	$node->wait_for_catchup('sub');
	$holder->query_safe(q{SELECT pg_advisory_lock(hashtext('hybrid_lock_hot'))});
	# of the worker to come
	$subscriber->safe_psql('postgres', q{ALTER DATABASE postgres SET omendb.stop_points = 'hybrid_lock_hot=wait'; ALTER SUBSCRIPTION sub DISABLE});
	$subscriber->poll_query_until('postgres', "SELECT count(*) = 0 $worker") or die 'the worker does not end';
	$subscriber->safe_psql('postgres', 'ALTER SUBSCRIPTION sub ENABLE');
	query('UPDATE t SET k = k + 1 WHERE id = 901; DELETE FROM t WHERE id = 902; UPDATE t SET k = k + 5 WHERE id = 901');
	$subscriber->poll_query_until('postgres', "SELECT count(*) = 1 $worker AND wait_event = 'advisory'") or die 'the worker does not wait';
	$subscriber->safe_psql('postgres', q{CALL omendb.compact('t', true); ALTER DATABASE postgres RESET omendb.stop_points});
	is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM t WHERE id IN (901, 902) AND (ctid::text::point)[0] >= 2147483648'), 2, "$what: the rows are frozen before the subscriber locks them");
	$holder->quit;
	$node->wait_for_catchup('sub');
	is($subscriber->safe_psql('postgres', $rows), query($rows), "$what: and changed");
	query('DELETE FROM t WHERE id > 900 AND id < 904');
	return;
}

# Both sides are frozen all the time while changes come over: none is lost.
sub frozen_meanwhile
{
	my ($what) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $sums = 'SELECT count(*), count(DISTINCT id), sum(id), sum(k), sum(hashtextextended(t::text, 0)) FROM t';
	my $next_row = q{SELECT max(first_row) FROM omendb.row_groups('t')};

	append_to_file("$dir/freeze", "CALL omendb.compact('t', true);\n");
	append_to_file("$dir/vacuum", "VACUUM t;\n");
	my %before = map { $_->name => $_->safe_psql('postgres', $next_row) } $node, $subscriber;
	my @running = map { IPC::Run::start([ 'pgbench', '-n', '-T', '100000', '-R', '60', '-f', "$dir/freeze\@19", '-f', "$dir/vacuum\@1", $_->connstr('postgres') . ' application_name=freezer' ],
		'<', \undef, '>', "$dir/out_" . $_->name, '2>', "$dir/err_" . $_->name) } $node, $subscriber;
	for my $round (1 .. 4)
	{
		my $script = '';

		for my $i (1 .. 100)
		{
			my $id = ($i + $round) * 37 % 700;

			$script .= "UPDATE t SET k = k + 1 WHERE id BETWEEN $id AND $id + 2;\nUPDATE t SET k = k + 1 WHERE id = 711;\n";
			$script .= "DELETE FROM t WHERE id = $id + 5; INSERT INTO t SELECT * FROM hybrid_rows($id + 5, $id + 5);\n" if $i % 5 == 0;
			$script .= "BEGIN; UPDATE t SET v = 'v' || $i WHERE id BETWEEN $id AND $id + 20; UPDATE t SET k = k - 1 WHERE id = $id; COMMIT;\n" if $i % 10 == 0;
		}
		query($script);
		for my $server ($node, $subscriber)
		{
			# new rows have been frozen
			$server->poll_query_until('postgres', "SELECT ($next_row) > " . $before{ $server->name }) or die 'nothing is frozen';
			$before{ $server->name } = $server->safe_psql('postgres', $next_row);
		}
		$node->wait_for_catchup('sub');
		is($subscriber->safe_psql('postgres', $sums), query($sums), "$what, round $round: no change was lost");
	}
	for my $server ($node, $subscriber)
	{
		$server->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'freezer'});
	}
	IPC::Run::finish($_) for @running;
	is(join('', grep { /error|ERROR/ && !/administrator command|server closed|Run was aborted/ } map { split /^/, slurp_file("$dir/err_" . $_->name) } $node, $subscriber), '',
		"$what: freezing met no error");
	hybrid_clean($_, "$what: " . $_->name, 't') for $node, $subscriber;
	return;
}

# a subscription between two omendb tables: its first copy is a COPY
sub subscribe
{
	my ($mode) = @_;

	$subscriber = start_server("hybrid_subscriber_$mode", $mode);
	query(q{DROP TABLE t; CREATE TABLE t (id bigint, k int, v text) USING omendb; CREATE PUBLICATION pub FOR TABLE t;
		SELECT load('t', 1, 350); VACUUM FULL t; INSERT INTO t SELECT * FROM hybrid_rows(351, 400)});
	cmp_ok(cold('t'), '>', 0, "$mode: the publisher has cold rows");
	$subscriber->safe_psql('postgres', q{CREATE TABLE t (id bigint, k int, v text) USING omendb});
	my $connection = sprintf 'host=%s port=%s dbname=postgres', $node->host, $node->port;
	$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION sub CONNECTION '$connection' PUBLICATION pub");
	$subscriber->wait_for_subscription_sync($node, 'sub');
	query(q{INSERT INTO t SELECT * FROM hybrid_rows(401, 500); SELECT load('t', 501, 750)});
	$node->wait_for_catchup('sub');
	my $sums = 'SELECT count(*), count(DISTINCT id), sum(id), sum(k), sum(length(v)) FROM t';
	is($subscriber->safe_psql('postgres', $sums), query($sums), "$mode: the subscriber has the rows");
	# changes of rows that are cold on either side
	for my $by ('key', 'row')
	{
		for my $server ($node, $subscriber)
		{
			$server->safe_psql('postgres', $by eq 'key' ? 'ALTER TABLE t ADD PRIMARY KEY (id)'
				: 'ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t REPLICA IDENTITY FULL');
			$server->safe_psql('postgres', 'VACUUM FULL t');
			cmp_ok($server->safe_psql('postgres', q{SELECT sum(rows) FROM omendb.row_groups('t') WHERE state = 'visible'}), '>=', 500,
				"$mode: cold rows on " . $server->name);
		}
		query(q{UPDATE t SET k = k + 1 WHERE id % 10 = 3; DELETE FROM t WHERE id % 50 = 4; UPDATE t SET k = -k WHERE id % 100 = 3;
			UPDATE t SET id = id + 5000 WHERE id % 50 = 5; BEGIN; UPDATE t SET v = NULL WHERE id < 200; SAVEPOINT a; DELETE FROM t; ROLLBACK TO a; COMMIT});
		$node->wait_for_catchup('sub');
		is($subscriber->safe_psql('postgres', $sums), query($sums), "$mode: the subscriber has changed its rows by $by");

		# cold rows that somebody has locked there, and one that is changed meanwhile
		my $session = $subscriber->background_psql('postgres');
		$session->query_safe('BEGIN; SELECT FROM t WHERE id BETWEEN 606 AND 609 FOR UPDATE; UPDATE t SET v = v WHERE id = 616');
		query('UPDATE t SET k = k + 1 WHERE id IN (606, 607); DELETE FROM t WHERE id = 608; UPDATE t SET k = 7 WHERE id = 616; DELETE FROM t WHERE id = 617');
		$subscriber->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type ~ 'logical replication' AND wait_event_type = 'Lock'})
		  or die 'the subscriber does not wait';
		$session->query_safe('COMMIT');
		$session->quit;
		$node->wait_for_catchup('sub');
		is($subscriber->safe_psql('postgres', $sums), query($sums), "$mode: the subscriber has waited for a lock, by $by");
		hybrid_clean($subscriber, "$mode: the subscriber", 't');
		frozen_before_lock("$mode: by $by");
		frozen_meanwhile("$mode: frozen all the time, by $by");
	}
	$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION sub');
	$subscriber->stop;
	return;
}

# Changes come to a subscriber for rows that a session there is still loading, and has locked or changed: it waits for the
# session. There is no index, as that would keep the rows hot; and it is a subscriber only, or they were decoded.
sub subscribe_under_load
{
	my ($mode) = @_;

	$subscriber = start_server("hybrid_loading_$mode", $mode, 1);
	for my $server ($node, $subscriber)
	{
		$server->safe_psql('postgres', 'CREATE TABLE f (id bigint, k int, v text) USING omendb; ALTER TABLE f REPLICA IDENTITY FULL');
	}
	query('CREATE PUBLICATION loading FOR TABLE f');
	my $connection = sprintf 'host=%s port=%s dbname=postgres', $node->host, $node->port;
	$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION loading CONNECTION '$connection' PUBLICATION loading WITH (copy_data = off)");

	# headers of subtransactions are frozen, those of the load's own transaction are not
	my %done = (
		'nothing' => '',
		'a lock' => 'SELECT FROM f WHERE id % 100 = 5 FOR UPDATE',
		'a lock in a subtransaction' => 'SAVEPOINT a; SELECT FROM f WHERE id % 100 = 5 FOR UPDATE; RELEASE a',
		'a deletion undone' => 'SAVEPOINT a; DELETE FROM f WHERE id % 100 = 5; ROLLBACK TO a',
		'a deletion' => 'SAVEPOINT a; DELETE FROM f WHERE id % 100 = 5');
	my $first = 1;
	my $session = $subscriber->background_psql('postgres');
	for my $what (sort keys %done)
	{
		my $last = $first + 199;

		query("SELECT load('f', $first, $last)");
		$node->wait_for_catchup('loading');
		$subscriber->safe_psql('postgres', "DELETE FROM f WHERE id >= $first");
		my $before = $subscriber->safe_psql('postgres', q{SELECT coalesce(sum(rows), 0) FROM omendb.row_groups('f') WHERE state = 'visible'});
		$session->query_safe("BEGIN; SELECT load('f', $first, $last)");
		is($session->query_safe(q{SELECT sum(rows) FROM omendb.row_groups('f') WHERE state = 'visible'}), $before + 200,
			"$mode: a load under way on the subscriber");
		$session->query_safe($done{$what}) if $done{$what};
		query(($what eq 'a deletion' ? 'DELETE FROM f' : 'UPDATE f SET k = -1') . " WHERE id BETWEEN $first AND $last AND id % 100 = 5");
		my $errors = 'SELECT sum(apply_error_count) FROM pg_stat_subscription_stats';
		$subscriber->poll_query_until('postgres', qq{SELECT count(*) > 0 OR ($errors) > 0 FROM pg_stat_activity
			WHERE backend_type ~ 'logical replication' AND wait_event_type = 'Lock' AND wait_event = 'transactionid'})
		  or die "the subscriber does not wait for a row with $what";
		is($subscriber->safe_psql('postgres', $errors), 0, "$mode: the subscriber waits for a row with $what");
		$session->query_safe('COMMIT');
		$node->wait_for_catchup('loading');
		$first += 200;
	}
	$session->quit;
	my $rows = 'SELECT count(*), sum(hashtext(f::text)) FROM f';
	is($subscriber->safe_psql('postgres', $rows), query($rows), "$mode: the subscriber has waited for the loads");
	hybrid_clean($subscriber, "$mode: the subscriber that loads", 'f');
	$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION loading');
	$subscriber->stop;
	return;
}

for my $mode (modes())
{
	$node = start_server("hybrid_logical_$mode", $mode);
	decode($mode);
	cold_changes($mode);
	frozen_changes($mode);
	subscribe($mode);
	subscribe_under_load($mode);
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:/, "$mode: no complaint in the server's log");
	$node->stop;
}
done_testing();
