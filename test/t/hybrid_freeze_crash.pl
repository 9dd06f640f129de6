# Crashes, errors, cancels and ends of sessions at every point of freezing, while others change some of the rows; a standby
# that replays all of it; recovery to a moment inside a freeze.
#
# Table f is frozen, c is its control on heap.  Behind each strike both have the same rows by a sequential scan, by index scans and by index-only
# scans, on the standby too; then f is vacuumed, frozen whole, and compared again.  OMENDB_CRASH_ALL=1 goes through all ways to end at
# each point, where otherwise some take turns.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($node, $standby, $mode);
my $group_rows = 150;
my $many = 0;		# rows that are changed meanwhile besides a few

# before the group is there nobody who changes a row matters
my @early = ('hybrid_reserved', 'hybrid_page_added', 'hybrid_pages_written');
my @late = ('hybrid_freeze_published', 'hybrid_freeze_indexed', 'hybrid_freeze_map_cleared', 'hybrid_freeze_page_marked', 'hybrid_freeze_marked');

# behind the others, when more rows are changed meanwhile than a group's list of headers has room for
my @map_points = ('hybrid_map_page_added', 'hybrid_map_written', 'hybrid_map_published');

sub query { return $node->safe_psql('postgres', shift); }
sub freeze { return "SET omendb.row_group_rows = $group_rows; CALL omendb.compact('f', true)"; }

# a statement on f and on c, which T stands for
sub both
{
	my ($sql) = @_;
	return query(join ";\n", map { $sql =~ s/\bT\b/$_/gr } 'f', 'c');
}

sub make_tables
{
	query(q{CREATE TABLE f (id bigint, k int, v text, a int[]) USING omendb WITH (autovacuum_enabled = off);
		CREATE TABLE c (id bigint, k int, v text, a int[]) USING heap WITH (autovacuum_enabled = off);
		ALTER TABLE f ALTER v SET STORAGE EXTERNAL; ALTER TABLE c ALTER v SET STORAGE EXTERNAL;
		CREATE UNIQUE INDEX f_id ON f (id); CREATE UNIQUE INDEX c_id ON c (id);
		CREATE INDEX f_k ON f USING alex (k); CREATE INDEX c_k ON c (k);
		CREATE INDEX f_a ON f USING gin (a); CREATE INDEX c_a ON c USING gin (a);

		-- What a table has, read in one of four ways.
		CREATE FUNCTION sums(t text, how text) RETURNS text LANGUAGE plpgsql SET max_parallel_workers_per_gather = 0 AS $$
		DECLARE
			query text := format(CASE how
				WHEN 'only' THEN 'SELECT count(*) || '' '' || sum(id) FROM %s WHERE id > 0'
				WHEN 'only k' THEN 'SELECT count(*) || '' '' || sum(k) FROM %s WHERE k > -1000000'
				ELSE 'SELECT count(*) || '' '' || sum(hashtextextended(x::text, 0)) FROM %s x WHERE ' || CASE how WHEN 'index' THEN 'id > 0'
					WHEN 'k' THEN 'k > -1000000' WHEN 'bitmap' THEN 'a @> ''{1}''' ELSE 'true' END END, t);
			plan text;
			result text;
		BEGIN
			PERFORM set_config('enable_seqscan', CASE how WHEN 'seq' THEN 'on' ELSE 'off' END, true),
				set_config('enable_indexscan', CASE WHEN how IN ('seq', 'bitmap') THEN 'off' ELSE 'on' END, true),
				set_config('enable_indexonlyscan', CASE WHEN how ~ 'only' THEN 'on' ELSE 'off' END, true),
				set_config('enable_bitmapscan', CASE how WHEN 'bitmap' THEN 'on' ELSE 'off' END, true);
			FOR plan IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
				result := concat(result, plan);
			END LOOP;
			IF result !~ (CASE how WHEN 'seq' THEN 'Seq Scan' WHEN 'index' THEN 'Index Scan using ._id' WHEN 'k' THEN 'Index Scan using ._k' WHEN 'only' THEN 'Index Only Scan using ._id'
				-- alex has none on a standby without its own WAL records
				WHEN 'only k' THEN CASE WHEN pg_is_in_recovery() THEN 'Index (Only )?Scan using ._k' ELSE 'Index Only Scan using ._k' END ELSE 'Bitmap Heap Scan' END) THEN
				RETURN 'plan ' || result;
			END IF;
			EXECUTE query INTO result;
			RETURN result;
		END $$;
		-- in which ways f and c differ: NULL, or what there is; index-only scans first, as the others may set hint bits or prune
		CREATE FUNCTION f_differs() RETURNS text LANGUAGE plpgsql AS $$
		DECLARE
			how text;
			result text;
		BEGIN
			FOREACH how IN ARRAY '{only, only k, index, k, bitmap, seq}'::text[] LOOP
				IF sums('f', how) <> sums('c', how) THEN
					result := concat(result, format('%s: %s instead of %s; ', how, sums('f', how), sums('c', how)));
				END IF;
			END LOOP;
			RETURN result;
		END $$});
	both(q{INSERT INTO T SELECT i, i % 100, 'row ' || repeat(md5(i::text), CASE i % 40 WHEN 0 THEN 90 ELSE 1 END), ARRAY[i % 10, i % 7] FROM generate_series(1, 400) i});
	return;
}

my $standby_questions = q{SELECT f_differs(); SELECT * FROM omendb.check('f') LIMIT 5; SELECT omendb.alex_check('f_k', true)};
my $questions = qq{$standby_questions; SELECT bt_index_check('f_id', true); SELECT * FROM pg_check_visible('f'); SELECT * FROM pg_check_frozen('f')};

# All that is true of f at any moment: one test here and one on the standby.
sub look
{
	my ($what) = @_;

	is(query($questions), "\n\n", "$what: the rows are those of heap");
	$node->wait_for_catchup($standby);
	is($standby->safe_psql('postgres', $standby_questions), "\n", "$what: so they are on the standby");
	return;
}

# rows that stand in heap pages to whoever looks now
my $hot_rows = 'SELECT count(*) FROM f WHERE (ctid::text::point)[0] < 2147483648';

# All rows hot and all visible, as index-only scans like them.
sub thaw
{
	# without the checkpoint the bits are lost with a crash, and nobody would miss that they are cleared
	my $visible = query(q{UPDATE f SET k = k + 1; UPDATE c SET k = k + 1; VACUUM f; VACUUM c; CHECKPOINT; SELECT count(*) FROM pg_visibility_map('f') WHERE all_visible
		AND NOT all_frozen});
	cmp_ok($visible, '>=', 5, 'hot pages are all visible') or die;
	return;
}

sub start_session { return begin_statement($node, @_) }
sub wait_for { return wait_for_event($node, @_) }

sub finish { return end_statement(@_) }

# what others do between the reading of the rows and their marks; some of it comes to nothing
my $round = 0;
sub meddle
{
	my $n = $round++ % 10;

	both(qq{UPDATE T SET k = k + 100 WHERE id % 37 = $n; UPDATE T SET v = v || 'x' WHERE id IN (40, 80, 120) OR id % 50 = $n; DELETE FROM T WHERE id % 200 = 80 + $n;
		BEGIN; UPDATE T SET k = 0, v = 'never' WHERE id % 20 = $n; DELETE FROM T WHERE id % 20 = $n + 1; ROLLBACK; BEGIN; SELECT FROM T WHERE id = 301 FOR UPDATE; COMMIT;
		INSERT INTO T SELECT id + 10000, k, v, a FROM T WHERE id % 200 = 150 + $n AND id < 10000 ON CONFLICT DO NOTHING; UPDATE T SET k = k + 1 WHERE id BETWEEN 20001 AND 20000 + $many});
	return;
}

# A freezer stopped between gathering and publishing, if that is to be; what it does at the point is up to the action.
sub freezer
{
	my ($point, $action) = @_;
	my $late = !grep { $_ eq $point } @early;

	append_to_file($node->data_dir . '/hybrid_pages_written', '') if $late;
	my $session = start_session("SET omendb.stop_points = '" . ($late ? 'hybrid_pages_written=file,' : '') . "$point=$action'; " . freeze());
	return $session unless $late;
	wait_for($session, '^Extension');
	meddle();
	unlink $node->data_dir . '/hybrid_pages_written' or die "hybrid_pages_written: $!";
	return $session;
}

sub aftermath
{
	my ($what) = @_;

	look($what);
	is(query(qq{VACUUM f; SELECT count(*) FROM omendb.row_groups('f') WHERE state NOT IN ('visible', 'free', 'directory', 'row map'); $questions}), "0\n\n\n",
		"$what: VACUUM frees what was abandoned, and nothing else");
	meddle();
	is(query(freeze() . "; $hot_rows"), 0, "$what: frozen");
	look("$what, frozen");
	return;
}

# End in a crash or an error.
sub strike
{
	my ($action, $point) = @_;
	my $what = "$mode: $action at $point";

	thaw();
	my $seen = -s $node->logfile;
	my $session = freezer($point, $action);
	if ($action eq 'error')
	{
		finish($session);
		like($session->{stderr}, qr/ERROR:  stopped at stop point "$point"/, "$what: error raised");
	}
	else
	{
		$node->wait_for_log(qr/was terminated by signal 9.*database system is ready to accept connections/s, $seen);
		eval { $session->quit };
	}
	aftermath($what);
	return;
}

# Many rows that are dead in their group from the beginning, whose map grows.
sub many_changed
{
	$group_rows = 4000;
	$many = 1000;
	both(q{INSERT INTO T SELECT i, i % 100, 'many', ARRAY[i % 10] FROM generate_series(20001, 22000) i});
	my @actions = $mode eq 'preload' ? ('crash', 'error') : ('error', 'crash');
	for my $point (@map_points)
	{
		strike($_, $point) for $ENV{OMENDB_CRASH_ALL} ? @actions : $actions[0];
		@actions = reverse @actions;
	}
	thaw();
	# goes through
	my $session = freezer('hybrid_freeze_marked', 'file');
	finish($session);
	is(hybrid_groups($node, 'f', 'row map') > 0, 1, "$mode: the map has grown");
	aftermath("$mode: many rows changed meanwhile");
	return;
}

# End by a signal from outside.
sub interrupt
{
	my ($action, $point) = @_;
	my $what = "$mode: $action at $point";
	my $late = !grep { $_ eq $point } @early;
	my $holder = $node->background_psql('postgres');

	thaw();
	# the extension of the table is locked at the first ones, which allow no other lock
	$holder->query_safe("SELECT pg_advisory_lock(hashtext('$point'))");
	append_to_file($node->data_dir . "/$point", '') unless $late;
	my $session = freezer($point, $late ? 'wait' : 'file');
	wait_for($session, $late ? 'advisory' : '^Extension');
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
	unlink $node->data_dir . "/$point";
	$holder->quit;
	aftermath($what);
	return;
}

# A crash right behind the end of a freeze: whoever reads by an index only must not find hot copies beside cold rows.
sub committed
{
	my $what = "$mode: crash behind a freeze";

	thaw();
	is(query(freeze() . "; $hot_rows"), 0, "$what: frozen");
	kill_server($node);
	$node->start;
	look($what);
	query('VACUUM f');
	look("$what, vacuumed");
	return;
}

# The standby's snapshots from before, from inside and from behind a freeze.
sub old_snapshots
{
	my $what = "$mode: old snapshots on the standby";
	my $sums = join ' || ', map { "sums('f', '$_')" } 'only', 'only k', 'index', 'seq', 'bitmap';
	my $holder = $node->background_psql('postgres');

	thaw();
	$node->wait_for_catchup($standby);
	$holder->query_safe("SELECT pg_advisory_lock(hashtext('hybrid_freeze_marked'))");
	my %old = map { $_ => $standby->background_psql('postgres') } 'before', 'inside', 'behind';
	my $begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT $sums";
	my $rows = $old{before}->query_safe($begin);
	# what it sees is not pruned
	standby_feedback($node, $standby, 'on', 'NOT NULL');
	my $session = start_session("SET omendb.stop_points = 'hybrid_freeze_marked=wait'; SET omendb.row_group_rows = 1000; CALL omendb.compact('f', true)");
	wait_for($session, 'advisory');
	query(q{INSERT INTO log SELECT 1});
	$node->wait_for_catchup($standby);
	is($old{inside}->query_safe($begin), $rows, "$what: inside");
	is($old{before}->query_safe("SELECT $sums"), $rows, "$what: before, marked");
	$holder->quit;
	finish($session);
	is(query($hot_rows), 0, "$what: frozen");
	$node->wait_for_catchup($standby);
	is($old{behind}->query_safe($begin), $rows, "$what: behind");
	is($old{$_}->query_safe("SELECT $sums"), $rows, "$what: $_, frozen") for 'before', 'inside';
	both('UPDATE T SET k = k + 7 WHERE id % 3 = 0; DELETE FROM T WHERE id % 29 = 0');
	$node->wait_for_catchup($standby);
	is($old{$_}->query_safe("SELECT $sums"), $rows, "$what: $_, changed") for 'before', 'inside', 'behind';
	$_->quit for values %old;
	standby_feedback($node, $standby, 'off', 'NULL');
	aftermath($what);
	return;
}

# a server that came up in the middle of a freeze
sub life_goes_on
{
	my ($what, $server) = @_;

	for my $sql ('SELECT', 'VACUUM f', freeze(), 'UPDATE f SET k = k + 1; UPDATE c SET k = k + 1', freeze(), 'VACUUM f', 'VACUUM FULL f')
	{
		is($server->safe_psql('postgres', ($sql eq 'SELECT' ? '' : "$sql; ") . $questions), "\n\n", "$what: " . ($sql eq 'SELECT' ? 'at once' : $sql));
	}
	return;
}

# Recovery that ends between the marks of a freezer and its commit.
sub recovery
{
	my ($name) = @_;
	my $what = "$mode: recovery to a point inside a freeze";
	my $holder = $node->background_psql('postgres');

	thaw();
	$holder->query_safe("SELECT pg_advisory_lock(hashtext('hybrid_freeze_marked'))");
	my $session = freezer('hybrid_freeze_marked', 'wait');
	wait_for($session, 'advisory');
	my $rows = query(q{SELECT pg_create_restore_point('inside')}) && query(q{SELECT sums('c', 'seq')});
	$holder->quit;
	finish($session);
	both('UPDATE T SET k = k + 7');
	query(q{SELECT pg_switch_wal()});

	my $pitr = PostgreSQL::Test::Cluster->new("${name}_pitr");
	$pitr->init_from_backup($node, 'base', has_restoring => 1, standby => 0);
	$pitr->append_conf('postgresql.conf', "recovery_target_name = 'inside'\nrecovery_target_action = 'promote'\narchive_mode = off");
	$pitr->start;
	$pitr->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery does not end';
	is($pitr->safe_psql('postgres', q{SELECT f_differs(); SELECT sums('f', 'seq')}), "\n$rows", $what);
	life_goes_on($what, $pitr);
	unlike(slurp_file($pitr->logfile), qr/PANIC|TRAP:|inconsistent page found|corrupted/, "$what: no complaint in the log");
	$pitr->stop;
	look("$what: the server itself");
	return;
}

# The primary is gone in the middle of a freeze.
sub promotion
{
	my $what = "$mode: promotion in a freeze";
	my $holder = $node->background_psql('postgres');

	thaw();
	$holder->query_safe("SELECT pg_advisory_lock(hashtext('hybrid_freeze_marked'))");
	my $session = freezer('hybrid_freeze_marked', 'wait');
	wait_for($session, 'advisory');
	query(q{INSERT INTO log SELECT 2});
	$node->wait_for_catchup($standby);
	$node->stop('immediate');
	eval { $_->quit } for $holder, $session;
	$standby->promote;
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|inconsistent page found|corrupted/, "$mode: no complaint in the server's log");
	$node = $standby;
	life_goes_on($what, $node);
	$node->stop;
	return;
}

for (modes())
{
	$mode = $_;
	note("---- $mode");
	my $name = "hybrid_freeze_crash_$mode";
	$node = new_node($name, $mode, allows_streaming => 1, has_archiving => 1);
	# full page images would do redo's work for it
	$node->append_conf('postgresql.conf', <<'CONF');
restart_after_crash = on
full_page_writes = off
wal_consistency_checking = 'all'
fsync = off
wal_retrieve_retry_interval = 50ms
max_standby_streaming_delay = -1
hot_standby_feedback = off
wal_keep_size = 1GB
CONF
	$node->start;
	install($node);
	install_hybrid($node);
	query('CREATE EXTENSION pg_visibility; CREATE EXTENSION amcheck; CREATE TABLE log (x int) USING heap');
	make_tables();
	$node->backup('base');
	$standby = PostgreSQL::Test::Cluster->new("${name}_standby");
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	old_snapshots();
	recovery($name);
	committed();
	strike('crash', $_) for @early, @late;
	strike('error', $_) for @early, @late;
	# the two take turns, in the other mode the other way round
	my @actions = $mode eq 'preload' ? ('cancel', 'terminate') : ('terminate', 'cancel');
	for my $point (@early, @late)
	{
		interrupt($_, $point) for $ENV{OMENDB_CRASH_ALL} ? @actions : $actions[0];
		@actions = reverse @actions;
	}
	many_changed();
	query('VACUUM FULL f');
	look("$mode: VACUUM FULL");
	promotion();
	unlike(slurp_file($standby->logfile), qr/PANIC|TRAP:|inconsistent page found|corrupted/, "$mode: no complaint in the standby's log");
}
done_testing();
