# A streaming standby through everything an alex index does, with every replayed page compared.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($primary, $standby);

sub query { return $primary->safe_psql('postgres', shift); }

# The standby has caught up, answers as the primary does, and its indexes are sound.
sub same
{
	my ($what, %indexes) = @_;

	$primary->wait_for_catchup($standby);
	for my $index (sort keys %indexes)
	{
		my ($table, $k, @orders) = @{ $indexes{$index} };

		clean($_, "$what, $index on " . $_->name, $index) for $primary, $standby;
		if (@orders)
		{
			agrees_columns($_, "$what, $index on " . $_->name, $table, $k, @orders) for $primary, $standby;
			next;
		}
		agrees($_, "$what, $index on " . $_->name, $table, $k) for $primary, $standby;
		my $dump = "SELECT md5(string_agg(id || ' ' || coalesce(k::text, ''), ',')) FROM
			(SELECT id, $k AS k FROM $table ORDER BY 2, 1) s";
		is($standby->safe_psql('postgres', $dump),
			query($dump), "$what, $index: the standby has the primary's rows");
	}
	return;
}

# A cursor on the standby that stands still while the primary goes on.
sub open_cursor
{
	my $session = $standby->background_psql('postgres');

	$session->query_safe(<<'SQL');
SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
BEGIN ISOLATION LEVEL REPEATABLE READ;
DECLARE up SCROLL CURSOR FOR SELECT id, k FROM r ORDER BY k;
DECLARE down SCROLL CURSOR FOR SELECT id, k FROM r ORDER BY k DESC;
MOVE 500 FROM up; MOVE 500 FROM down;
SQL
	return $session;
}

sub operations
{
	my ($mode) = @_;
	my @all = (a_k => [ 'a', 'k' ], r_k => [ 'r', 'k' ], d_k => [ 'd', 'k' ], w_k => [ 'w', 'k' ],
		s_ts => [ 's', 'ts' ], m_ab => [ 'm', 'a, b', 'a DESC, b', 'a, b DESC' ],
		m_k => [ 'm', 'k' ]);

	query(q{
		CREATE TABLE a (id bigint, k bigint); CREATE INDEX a_k ON a USING alex (k) WITH (leaf_entries = 256);
		CREATE TABLE r (id bigint, k bigint); CREATE INDEX r_k ON r USING alex (k) WITH (leaf_entries = 256);
		CREATE TABLE d (id bigint, k bigint);
		INSERT INTO d SELECT i, i FROM generate_series(1, 20000) i;
		CREATE INDEX d_k ON d USING alex (k) WITH (leaf_entries = 8192, fillfactor = 100);
		CREATE TABLE w (id bigint, k bigint);
		INSERT INTO w SELECT i, hashint8extended(i, 0) FROM generate_series(1, 20000) i;
		CREATE INDEX w_k ON w USING alex (k DESC NULLS LAST) WITH (leaf_entries = 256, fillfactor = 10);
		CREATE TABLE s (id bigint, ts timestamptz);
		INSERT INTO s SELECT i, CASE WHEN i % 10 > 0 THEN '2024-01-01'::timestamptz + i / 100 * interval '1 h' END
			FROM generate_series(1, 5000) i;
		CREATE INDEX s_ts ON s USING alex (ts NULLS FIRST);
		CREATE TABLE m (id bigint, a int, b timestamptz, k uuid);
		CREATE FUNCTION m_rows(f int, t int) RETURNS SETOF m LANGUAGE sql AS $$
			SELECT i, i * 7919 % 5, CASE WHEN i % 11 > 0 THEN '2024-01-01'::timestamptz + i % 1000 * interval '1 min' END,
				md5(i::text)::uuid FROM generate_series(f, t) i $$;
		INSERT INTO m SELECT * FROM m_rows(1, 1500);
		CREATE INDEX m_ab ON m USING alex (a DESC, b) WITH (leaf_entries = 256);
		CREATE UNIQUE INDEX m_k ON m USING alex (k) WITH (leaf_entries = 256)});
	same("$mode: builds", @all);

	# single rows: seals, rebuilds, leaf splits, the first root
	query(q{INSERT INTO a SELECT i, i * 10 FROM generate_series(1, 3000) i});
	query(q{INSERT INTO r SELECT i, hashint8extended(i, 0) FROM generate_series(1, 3000) i});
	query(q{INSERT INTO s SELECT i, CASE WHEN i % 10 > 0 THEN '2024-01-01'::timestamptz + i % 77 * interval '1 h' END
		FROM generate_series(5001, 9000) i});
	query(q{INSERT INTO m SELECT * FROM m_rows(1501, 3000)});
	cmp_ok(stats($primary, 'm_ab', 'pages'), '>', 10, "$mode: inserts of 16-byte keys have split leaves");
	cmp_ok(stats($primary, 'a_k', 'pages'), '>', 10, "$mode: appends have split leaves");
	cmp_ok(stats($primary, 'r_k', 'pages'), '>', 10, "$mode: random inserts have split leaves");
	same("$mode: inserts", @all);

	# inner pages and their root
	my $cursor = open_cursor();
	query(q{INSERT INTO w SELECT 20000 + i, 9200000000000000000 - i / 240 * 20000000000000000 - i % 240 * 1000000000000
		FROM generate_series(1, 60000) i});
	is(query(q{SELECT max(level) FROM omendb.alex_stats('w_k')}), 2, "$mode: the inner root has split");
	query(q{INSERT INTO r SELECT i, hashint8extended(i, 0) FROM generate_series(3001, 6000) i});
	query(q{UPDATE r SET k = k - 1 WHERE id % 4 = 0});
	$primary->wait_for_catchup($standby);
	# the cursors began before that: each sees its 3000 rows, both ways
	my $rest = $cursor->query_safe(q{SELECT 'up'; MOVE ALL FROM up; MOVE BACKWARD ALL FROM up;
		SELECT 'down'; MOVE ALL FROM down; MOVE BACKWARD ALL FROM down});
	is($rest, "up\ndown", "$mode: cursors on the standby");
	for my $dir ('', 'DESC')
	{
		is($cursor->query_safe("SELECT count(*) || ' ' || sum(id) FROM (SELECT id FROM r ORDER BY k $dir) s"),
			'3000 ' . 3000 * 3001 / 2, "$mode: the old snapshot on the standby $dir");
	}
	is($cursor->query_safe(
			q{FETCH ABSOLUTE 1 FROM up; FETCH ABSOLUTE 3000 FROM up; FETCH ABSOLUTE 3000 FROM down;
			FETCH ABSOLUTE 1 FROM down}),
		join("\n", map { $cursor->query_safe("SELECT id, k FROM r ORDER BY k $_ LIMIT 1") } '', 'DESC', '', 'DESC'),
		"$mode: cursors at the ends");
	$cursor->quit;
	same("$mode: inner splits", @all);

	# deletion: by refitting, by marks; TIDs used again
	query(q{DELETE FROM r WHERE id % 3 = 0; DELETE FROM a WHERE id BETWEEN 500 AND 2500;
		DELETE FROM w WHERE id % 2 = 0; DELETE FROM s WHERE id % 5 < 3;
		DELETE FROM d WHERE hashint8(id) % 10 = 0;
		DELETE FROM m WHERE a = 3 OR id % 4 = 0;
		VACUUM (INDEX_CLEANUP ON) r, a, w, s, d, m});
	cmp_ok(query(q{SELECT pages FROM omendb.alex_stats('m_ab') WHERE level IS NULL}), '>', 0,
		"$mode: VACUUM has deleted pages of 16-byte keys");
	my $removed = stats($primary, 'd_k', 'removed');
	cmp_ok($removed, '>', 0, "$mode: VACUUM has marked entries");
	same("$mode: VACUUM", @all);

	# fill what is free, so that only one heap page gets free again: its rows come back in their places
	query(q{DO $$ DECLARE
			pages bigint := pg_relation_size('d') / 8192;
			i int := 30000;
			place tid;
		BEGIN
			LOOP
				i := i + 1;
				INSERT INTO d VALUES (i, i) RETURNING ctid INTO place;
				EXIT WHEN (place::text::point)[0] > pages AND (place::text::point)[1] = 185;
			END LOOP;
		END $$});
	query(q{CREATE TABLE back AS SELECT ctid AS place, * FROM d WHERE ctid >= '(7,1)' AND ctid < '(8,1)';
		DELETE FROM d WHERE id IN (SELECT id FROM back);
		VACUUM (INDEX_CLEANUP ON) d});
	my $marked = stats($primary, 'd_k', 'removed');
	query(q{INSERT INTO d SELECT id, k FROM back ORDER BY place});
	my $again = query(q{SELECT count(*) FROM back b JOIN d ON d.id = b.id AND d.ctid = b.place});
	cmp_ok($again, '>', 0, "$mode: TIDs used again for the same keys");
	is(stats($primary, 'd_k', 'removed'), $marked - $again, "$mode: their marks are taken back");
	same("$mode: TID reuse", @all);

	query(q{INSERT INTO w SELECT 60000 + id, k - 5 FROM w WHERE id % 3 = 0;
		INSERT INTO a SELECT i, i FROM generate_series(10000, 12000) i});
	query(q{VACUUM m; INSERT INTO m SELECT * FROM m_rows(3001, 4000); UPDATE m SET b = b + interval '7 h' WHERE id % 3 = 0});
	query('REINDEX INDEX r_k');
	query('REINDEX INDEX CONCURRENTLY d_k');
	query('CREATE INDEX CONCURRENTLY d_k2 ON d USING alex (k DESC)');
	query('TRUNCATE a');
	query(q{INSERT INTO a SELECT i, -i FROM generate_series(1, 1000) i});
	same("$mode: REINDEX, CREATE INDEX CONCURRENTLY, TRUNCATE", @all, d_k2 => [ 'd', 'k' ]);

	# truncated and filled in the transaction that made it; a prepared transaction; an aborted one
	query(q{BEGIN; CREATE TABLE n (id bigint, k int); CREATE INDEX n_k ON n USING alex (k);
		INSERT INTO n SELECT i, i FROM generate_series(1, 500) i; TRUNCATE n;
		INSERT INTO n SELECT i, i % 100 FROM generate_series(1, 1000) i; COMMIT;
		BEGIN; TRUNCATE n; INSERT INTO n SELECT i, i FROM generate_series(1, 100) i; ROLLBACK});
	same("$mode: transactions", n_k => [ 'n', 'k' ]);
	return;
}

sub start_pair
{
	my ($mode, $name) = @_;

	$primary = new_node("primary_$name", $mode, allows_streaming => 1);
	$primary->append_conf('postgresql.conf', <<'CONF');
wal_consistency_checking = 'all'
max_standby_streaming_delay = -1
# the standby compares every page and falls behind
wal_keep_size = 4GB
restart_after_crash = on
CONF
	$primary->start;
	install($primary);
	$primary->backup('base');
	$standby = PostgreSQL::Test::Cluster->new("standby_$name");
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->start;
	return;
}

# An unlogged index is empty after a crash of the primary, and after promotion.
sub unlogged
{
	my ($mode) = @_;

	query(q{CREATE UNLOGGED TABLE u (id bigint, k bigint); CREATE INDEX u_k ON u USING alex (k);
		INSERT INTO u SELECT i, hashint8extended(i, 0) FROM generate_series(1, 5000) i;
		CREATE UNLOGGED TABLE u2 (id bigint, k bigint);
		INSERT INTO u2 SELECT i, i FROM generate_series(1, 100) i; CREATE INDEX u2_k ON u2 USING alex (k)});
	clean($primary, "$mode: unlogged", 'u_k', 'u2_k');
	$primary->wait_for_catchup($standby);
	my ($status, $out, $err) =
	  $standby->psql('postgres', q{SELECT omendb.alex_check('u_k', true)});
	like($err, qr/cannot access unlogged index "u_k" during recovery/, "$mode: unlogged on the standby");

	my $seen = -s $primary->logfile;
	$primary->psql('postgres', q{SET omendb.stop_points = 'alex_insert_done=crash'; INSERT INTO u VALUES (1, 1)});
	$primary->wait_for_log(qr/database system is ready to accept connections/, $seen);
	is(query('SELECT count(*) FROM u'), 0, "$mode: unlogged table is empty after a crash");
	clean($primary, "$mode: unlogged after a crash", 'u_k', 'u2_k');
	query(q{INSERT INTO u SELECT i, hashint8extended(i, 0) FROM generate_series(1, 5000) i});
	clean($primary, "$mode: unlogged, filled again", 'u_k');
	agrees($primary, "$mode: unlogged, filled again", 'u', 'k');
	$primary->wait_for_catchup($standby);
	return;
}

# Splits left incomplete on the primary are finished by the promoted standby.
sub promotion
{
	my ($mode) = @_;

	query(q{CREATE TABLE i1 (id bigint, k bigint); CREATE INDEX i1_k ON i1 USING alex (k) WITH (leaf_entries = 256);
		CREATE TABLE i2 (id bigint, k bigint);
		INSERT INTO i2 SELECT i, hashint8extended(i, 0) FROM generate_series(1, 3000) i;
		CREATE INDEX i2_k ON i2 USING alex (k) WITH (leaf_entries = 256)});
	for my $table ('i1', 'i2')
	{
		# the rows of these transactions are dead: the pages stay as the error left them
		$primary->psql('postgres', "SET omendb.stop_points = 'alex_split_before_downlink=error';
			INSERT INTO $table SELECT i, hashint8extended(i, 0) FROM generate_series(10001, 20000) i");
	}
	is(incomplete_splits($primary, $_), 1, "$mode: $_ has an incomplete split") for 'i1_k', 'i2_k';
	same("$mode: incomplete splits", i1_k => [ 'i1', 'k' ], i2_k => [ 'i2', 'k' ]);
	is(incomplete_splits($standby, $_), 1, "$mode: $_ has it on the standby") for 'i1_k', 'i2_k';

	$primary->stop;
	$standby->promote;
	($primary, $standby) = ($standby, $primary);
	query('INSERT INTO i1 SELECT i, hashint8extended(i, 0) FROM generate_series(1, 6000) i');
	query('INSERT INTO i2 SELECT i, hashint8extended(i, 0) FROM generate_series(3001, 9000) i');
	for my $table ('i1', 'i2')
	{
		is(incomplete_splits($primary, "${table}_k"), 0, "$mode: promoted: $table has no incomplete split");
		clean($primary, "$mode: promoted: $table", "${table}_k");
		agrees($primary, "$mode: promoted: $table", $table, 'k');
	}
	for my $table (qw(a r d w))
	{
		query("INSERT INTO $table SELECT id + 100000, k + 1 FROM $table WHERE id % 3 = 0; VACUUM (INDEX_CLEANUP ON) $table");
		clean($primary, "$mode: promoted: $table", "${table}_k");
		agrees($primary, "$mode: promoted: $table", $table, 'k');
	}
	is(query('SELECT count(*) FROM u'), 0, "$mode: promoted: unlogged table is empty");
	query(q{INSERT INTO u SELECT i, i FROM generate_series(1, 500) i});
	clean($primary, "$mode: promoted: unlogged", 'u_k', 'u2_k');
	return;
}

sub switch_to
{
	my ($node, $mode) = @_;

	$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', $mode eq 'preload' ? "'omendb'" : "''");
	return;
}

# Rules W3 and W6: the same files in both modes, in turn, after clean shutdowns.
sub switching
{
	my $round = 0;

	start_pair('preload', 'switched');
	query(q{
		CREATE TABLE t (id bigint, k bigint);
		INSERT INTO t SELECT i, hashint8extended(i, 0) FROM generate_series(1, 3000) i;
		CREATE INDEX t_k ON t USING alex (k) WITH (leaf_entries = 256);
		CREATE TABLE d (id bigint, k bigint);
		INSERT INTO d SELECT i, i FROM generate_series(1, 20000) i;
		CREATE INDEX d_k ON d USING alex (k) WITH (leaf_entries = 8192, fillfactor = 100)});
	for my $mode ('preload', 'plain', 'preload', 'plain')
	{
		if ($round > 0)
		{
			$primary->wait_for_catchup($standby);
			$primary->stop;
			$standby->stop;
			switch_to($_, $mode) for $primary, $standby;
			$primary->start;
			$standby->start;
		}
		is(query('SELECT omendb.wal_mode()'), $mode eq 'plain' ? 'generic' : 'resource manager',
			"round $round is $mode");
		$round++;
		query("INSERT INTO t SELECT $round * 10000 + i, hashint8extended(i, $round) FROM generate_series(1, 2000) i;
			UPDATE t SET k = k + 1 WHERE id % 7 = $round;
			DELETE FROM t WHERE id % 9 = $round;
			DELETE FROM d WHERE hashint8(id) % 20 = $round;
			VACUUM (INDEX_CLEANUP ON) t, d;
			INSERT INTO d SELECT $round * 100000 + i, $round * 100000 + i FROM generate_series(1, 1000) i");
		same("round $round, $mode", t_k => [ 't', 'k' ], d_k => [ 'd', 'k' ]);
		# the flag is set by the first change in generic mode and stays: rule W4
		is(query(q{SELECT get_byte(get_raw_page('t_k', 0), 24 + 20)}), $round > 1 ? 1 : 0,
			"round $round: generic flag of the metapage");
	}

	# a standby that is not preloaded cannot replay the resource manager's records
	$primary->wait_for_catchup($standby);
	$primary->stop;
	switch_to($primary, 'preload');
	$primary->start;
	query('INSERT INTO t VALUES (1000001, 1)');
	my $seen = 0;
	$standby->wait_for_log(qr/FATAL:  resource manager with ID \d+ not registered/, $seen);
	$standby->wait_for_log(qr/HINT:  Include the extension module that implements this resource manager in "?shared_preload_libraries"?/, $seen);
	pass('a standby that is not preloaded says what is missing');
	$standby->wait_for_log(qr/database system is shut down/, $seen);
	# it logs that before its postmaster.pid is gone: let pg_ctl wait
	$standby->stop('fast', fail_ok => 1);
	switch_to($standby, 'preload');
	$standby->start;
	same('standby preloaded again', t_k => [ 't', 'k' ], d_k => [ 'd', 'k' ]);
	$standby->stop;

	# the same for a crashed server, which loses nothing by it
	query('INSERT INTO t SELECT 2000000 + i, i FROM generate_series(1, 500) i');
	my $sum = query('SELECT count(*), sum(id) FROM t');
	$primary->stop('immediate');
	switch_to($primary, 'plain');
	$seen = -s $primary->logfile;
	is($primary->start(fail_ok => 1), 0, 'recovery without the resource manager fails');
	my $log = substr(slurp_file($primary->logfile), $seen);
	like($log, qr/FATAL:  resource manager with ID \d+ not registered.*HINT:  Include the extension module/s,
		'and says what is missing');
	switch_to($primary, 'preload');
	$primary->start;
	is(query('SELECT count(*), sum(id) FROM t'), $sum, 'recovery with it loses nothing');
	clean($primary, 'recovered', 't_k', 'd_k');
	agrees($primary, 'recovered', 't', 'k');
	$primary->stop;
	return;
}

for my $mode (modes())
{
	start_pair($mode, $mode);
	operations($mode);
	unlogged($mode);
	promotion($mode);
	$primary->stop;
	unlike(slurp_file($_->logfile), qr/PANIC|TRAP:|inconsistent page found/, "$mode: log of " . $_->name)
	  for $primary, $standby;
}
switching();
done_testing();
