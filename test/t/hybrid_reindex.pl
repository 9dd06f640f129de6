# Option reindex_above: a worker rebuilds indexes that freezing has left half empty, while others use the table.  Whatever stops it, the
# next one clears up behind it.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($node, $mode, $gate, $amcheck);
my $rows = 50_000;

sub query { return $node->safe_psql('postgres', shift); }
sub wait_for { return $node->poll_query_until('postgres', shift); }
sub idle { return wait_for(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'omendb freezer'}); }

# a worker of this table waits for such an event
sub parked { return wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'omendb freezer' AND wait_event = '$_[0]'"); }

# Invalid indexes of a table.
sub leftovers { return query("SELECT string_agg(indexrelid::regclass::text, ' ' ORDER BY 1) FROM pg_index WHERE indrelid = '$_[0]'::regclass AND NOT indisvalid"); }

# messages about rebuilding this index in the server's log
sub complaints { return scalar(() = slurp_file($node->logfile) =~ /could not rebuild index "$_[0]"/g); }

# Indexes of each method in order of the rows, and one of a constraint.  Small pages of alex, that there are some.
sub create
{
	my ($t) = @_;

	query("CREATE TABLE $t (id bigint PRIMARY KEY, k bigint, v text) USING omendb WITH (autovacuum_enabled = off);
		INSERT INTO $t SELECT i, i, 'row ' || i FROM generate_series(1, $rows) i;
		CREATE INDEX ${t}_alex ON $t USING alex (k) WITH (leaf_entries = 256)");
	return;
}

# after which the launcher comes back
sub naptime
{
	query("ALTER SYSTEM SET omendb.freeze_naptime = $_[0]");
	$node->reload;
	wait_for("SELECT current_setting('omendb.freeze_naptime')::interval = interval '$_[0] s'");
	return;
}

# a table all of whose rows are cold, and indexes without those of hot ones
sub frozen
{
	my ($t) = @_;

	create($t);
	query("VACUUM $t");
	wait_for("SELECT cold_rows = $rows FROM omendb.table_stats('$t')") or die "$t is not frozen";
	idle();
	query("SET omendb.auto_freeze = off; VACUUM $t");
	query("SELECT omendb.set_options('$t', reindex_above => 1.5)");
	return;
}

# all of its indexes are as small as new ones
sub small { return wait_for("SELECT bool_and(indisvalid AND omendb.index_bloat(indexrelid) < 1.2) FROM pg_index WHERE indrelid = '$_[0]'::regclass"); }

# The same by their sizes, and nothing is wrong with them: three tests.
sub whole
{
	my ($t, $what) = @_;
	my $control = "SELECT count(*), sum(id), sum(k), min(v) FROM $t";

	query("CREATE UNIQUE INDEX ${t}_new ON $t (id); CREATE INDEX ${t}_alex_new ON $t USING alex (k) WITH (leaf_entries = 256)");
	is(query("SELECT bool_and(pg_relation_size(i) <= 1.5 * pg_relation_size(n)) FROM (VALUES ('${t}_pkey'::regclass, '${t}_new'::regclass), ('${t}_alex', '${t}_alex_new')) x (i, n)"),
		't', "$mode: $what: indexes have about the size of new ones");
	query("DROP INDEX ${t}_new, ${t}_alex_new");
	query("SELECT bt_index_check('${t}_pkey', true)") if $amcheck;
	query("SELECT omendb.alex_check('${t}_alex', true)");
	hybrid_clean($node, "$mode: $what", $t);
	is(query("SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(*) FROM generate_series(1, $rows) i JOIN LATERAL (SELECT FROM $t WHERE id = i) a ON true JOIN LATERAL (SELECT FROM $t WHERE k = i) b ON true"),
		query("SET enable_indexscan = off; SET enable_bitmapscan = off; SELECT count(*) FROM $t a JOIN $t b ON a.id = b.k WHERE a.id BETWEEN 1 AND $rows"), "$mode: $what: they lead to the rows");
	return;
}

sub shut { $gate = shut_gate($node, @_); return; }

sub opened { open_gate($node, $gate); return; }

# VACUUM has indexes rebuilt; meanwhile rows come, change and go.
sub in_use
{
	my $i = $rows;

	frozen('used');
	is(query(q{SELECT bool_and(omendb.index_bloat(indexrelid) > 1.7) FROM pg_index WHERE indrelid = 'used'::regclass}), 't', "$mode: freezing in order of the keys leaves indexes half empty");
	for my $point ('hybrid_build_scanned', 'hybrid_build_validated')
	{
		shut($point);
		query('VACUUM used');
		# once for each index
		parked('advisory');
		like(query(q{SELECT query FROM pg_stat_activity WHERE backend_type = 'omendb freezer'}), qr/^omendb: rebuilding index public\.used_/, "$mode: what the worker does can be seen");
		is(query(q{SELECT command, relid::regclass FROM pg_stat_progress_create_index}), 'REINDEX CONCURRENTLY|used', "$mode: and how far it is");
		$i++;
		query("INSERT INTO used VALUES ($i, $i, 'new'); UPDATE used SET k = -k, v = 'changed' WHERE id = $i - $rows + 100; DELETE FROM used WHERE id = $i - $rows + 200");
		is(query("SET enable_seqscan = off; SELECT count(*) FROM used WHERE id IN ($i, $i - $rows + 100, $i - $rows + 200) OR k = -($i - $rows + 100)"), 2, "$mode: $point: rows are changed meanwhile");
		if ($point eq 'hybrid_build_scanned')
		{
			# the first one only, so that something is left for the second
			my ($pid) = query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'omendb freezer'});
			query("SELECT pg_cancel_backend($pid)");
			idle();
		}
		opened();
	}
	ok(small('used'), "$mode: indexes are rebuilt");
	idle();
	is(leftovers('used'), '', "$mode: and nothing is left behind");
	is(query('SELECT count(*), sum(id), count(*) FILTER (WHERE v = $$changed$$) FROM used'), join('|', $rows, $rows * ($rows + 1) / 2 + $rows * 2 + 3 - 201 - 202, 2), "$mode: no row is lost");
	whole('used', 'table in use');
	return;
}

# not as long as a transaction would be waited for
sub long_transaction
{
	my $session = $node->background_psql('postgres');

	frozen('waited');
	$session->query_safe('BEGIN; SELECT count(*) FROM pg_class');
	query('VACUUM waited');
	wait_for(q{SELECT count(DISTINCT pid) = 1 FROM pg_locks JOIN pg_stat_activity a USING (pid) WHERE backend_type = 'omendb freezer' AND query LIKE 'omendb: waiting to rebuild index public.waited%'});
	is(query(q{SELECT count(*) FROM pg_locks WHERE relation = 'waited'::regclass AND pid = (SELECT pid FROM pg_stat_activity WHERE backend_type = 'omendb freezer')}), 0,
		"$mode: a worker that waits for a long transaction has not locked the table");
	$session->query_safe('COMMIT');
	$session->quit;
	ok(small('waited'), "$mode: it goes on behind that");
	idle();
	return;
}

# One that comes in between is waited for, but not for ever; without a launcher only VACUUM has it tried again.
sub impatient
{
	my $file = $node->data_dir . '/hybrid_build_scanned';
	my $session = $node->background_psql('postgres');
	my $seen = -s $node->logfile;

	frozen('patience');
	append_to_file($file, '');
	query(q{ALTER DATABASE postgres SET omendb.stop_points = 'hybrid_build_scanned=file'; ALTER DATABASE postgres SET lock_timeout = '100ms'});
	naptime(1);
	query('VACUUM patience');
	wait_for(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'Extension' AND query LIKE 'omendb: rebuilding index public.patience%'});
	$session->query_safe('BEGIN; SELECT FROM patience LIMIT 1');
	query('ALTER DATABASE postgres RESET omendb.stop_points');
	unlink $file;
	ok($node->wait_for_log(qr/could not rebuild index "patience_\w+": canceling statement due to lock timeout/, $seen), "$mode: a transaction that comes in between is not waited for for ever");
	$session->query_safe('COMMIT');
	$session->quit;
	query('VACUUM patience') if $mode eq 'plain';
	ok(small('patience'), "$mode: a worker comes back when it has ended");
	idle();
	query('ALTER DATABASE postgres RESET lock_timeout');
	naptime(3600);
	return;
}

# somebody wants the table's lock, be it that he has none yet, or that the worker waits for him
sub gives_way
{
	my $session;

	frozen('lock');
	shut('hybrid_build_scanned');
	query('VACUUM lock');
	parked('advisory');
	query(q{BEGIN; SET LOCAL lock_timeout = '60s'; LOCK TABLE lock; INSERT INTO lock VALUES (0, 0, 'locked'); COMMIT});
	idle();
	opened();
	like(leftovers('lock'), qr/^lock_\w+_ccnew$/, "$mode: who wants a lock has a rebuild cancelled, which leaves an index behind");
	# by these names, and no other; one of them is being dropped
	$node->psql('postgres', $_)
	  for 'CREATE UNIQUE INDEX CONCURRENTLY mine ON lock ((id / 2))', 'CREATE UNIQUE INDEX CONCURRENTLY other_ccnew12 ON lock ((id / 2))', 'CREATE UNIQUE INDEX CONCURRENTLY dead_ccold ON lock ((id / 2))',
	  q{UPDATE pg_index SET indislive = false, indisready = false WHERE indexrelid = 'dead_ccold'::regclass};
	query('VACUUM lock');
	ok(wait_for(q{SELECT bool_and(CASE WHEN indisvalid THEN omendb.index_bloat(indexrelid) < 1.2 ELSE indexrelid = 'mine'::regclass END) FROM pg_index WHERE indrelid = 'lock'::regclass}),
		"$mode: the next one drops it, and what else has such a name");
	idle();
	query('DROP INDEX mine');
	whole('lock', 'cancelled');

	frozen('deadlock');
	shut('hybrid_build_scanned');
	query('VACUUM deadlock');
	parked('advisory');
	$session = $node->background_psql('postgres', on_error_stop => 0);
	$session->query_safe('BEGIN; SELECT FROM deadlock LIMIT 1');
	opened();
	parked('virtualxid');
	is($session->query(q{LOCK TABLE deadlock; SELECT 'locked'}), 'locked', "$mode: in a deadlock with somebody it is the worker who ends");
	$session->query_safe('COMMIT');
	$session->quit;
	idle();
	like(leftovers('deadlock'), qr/^deadlock_\w+_ccold$/, "$mode: which leaves the old index behind");
	query('VACUUM deadlock');
	ok(small('deadlock'), "$mode: the next one drops that");
	idle();
	whole('deadlock', 'deadlock');
	return;
}

sub goes_away
{
	# the table
	frozen('gone');
	shut('hybrid_build_validated');
	query('VACUUM gone');
	parked('advisory');
	query('DROP TABLE gone');
	opened();
	ok(idle(), "$mode: a table that is dropped meanwhile");

	# the option, an index
	frozen('reset');
	shut('hybrid_worker_started');
	query('VACUUM reset');
	parked('advisory');
	query(q{SELECT omendb.reset_options('reset', 'reindex_above')});
	opened();
	idle();
	is(query(q{SELECT bool_and(omendb.index_bloat(indexrelid) > 1.7) FROM pg_index WHERE indrelid = 'reset'::regclass}), 't', "$mode: an option that is reset meanwhile");
	shut('hybrid_worker_started');
	query(q{SELECT omendb.set_options('reset', reindex_above => 1.5)});
	query('VACUUM reset');
	parked('advisory');
	query('DROP INDEX reset_alex');
	opened();
	ok(small('reset'), "$mode: an index that is dropped meanwhile");
	idle();

	# the database
	query('CREATE DATABASE other');
	append_to_file($node->data_dir . '/hybrid_build_scanned', '');
	$node->safe_psql('other', $_)
	  for "CREATE EXTENSION omendb; CREATE TABLE t (id bigint PRIMARY KEY) USING omendb WITH (autovacuum_enabled = off); INSERT INTO t SELECT generate_series(1, $rows)",
	  'CALL omendb.compact($$t$$)', 'SET omendb.auto_freeze = off; VACUUM t', q{SELECT omendb.set_options('t', reindex_above => 1.5)},
	  q{ALTER DATABASE other SET omendb.stop_points = 'hybrid_build_scanned=file'}, 'VACUUM t';
	wait_for(q{SELECT count(*) = 1 FROM pg_stat_progress_create_index WHERE datname = 'other' AND phase LIKE 'building index%'});
	query('DROP DATABASE other');
	unlink $node->data_dir . '/hybrid_build_scanned';
	ok(idle(), "$mode: DROP DATABASE ends a worker there");
	return;
}

# each way through a rebuild ends in a crash
sub crashes
{
	for my $point ('hybrid_build_scanned', 'hybrid_build_validated')
	{
		my $seen;

		frozen($point);
		query("ALTER DATABASE postgres SET omendb.stop_points = '$point=crash'");
		$seen = -s $node->logfile;
		$node->psql('postgres', "VACUUM $point");
		$node->wait_for_log(qr/database system is ready to accept connections/, $seen);
		query('ALTER DATABASE postgres RESET omendb.stop_points');
		like(leftovers($point), qr/_ccnew$/, "$mode: $point: a crash leaves an index behind");
		query("VACUUM $point");
		ok(small($point), "$mode: $point: the next worker drops it");
		idle();
		whole($point, "$point: crash");
	}
	return;
}

# An index that cannot be rebuilt, or read, is not in the way of others, of VACUUM, or of the worker.
sub fails
{
	query('CREATE FUNCTION same(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1; END $$');
	create('failing');
	query('CREATE INDEX failing_same ON failing (same(id)); CREATE INDEX aaa_damaged ON failing (k)');
	query('VACUUM failing');
	wait_for("SELECT cold_rows = $rows FROM omendb.table_stats('failing')");
	idle();
	query('SET omendb.auto_freeze = off; VACUUM failing');
	query(q{CREATE OR REPLACE FUNCTION same(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'not any more'; END $$});
	query(q{SELECT omendb.set_options('failing', reindex_above => 1.5)});
	# pages 1 to 50 of the first one that is looked at, of which VACUUM need not read any when no row is dead
	my $path = $node->data_dir . '/' . query(q{CHECKPOINT; SELECT pg_relation_filepath('aaa_damaged')});
	$node->stop;
	my $bytes = slurp_bytes($path);
	substr($bytes, 8192, 8192 * 50) = "\xFF" x (8192 * 50);
	write_bytes($path, $bytes);
	$node->start;
	# a launcher that came back for it would do so at once
	naptime(1);
	for my $time (1, 2)
	{
		query('VACUUM failing');
		ok(wait_for(q{SELECT bool_and(CASE WHEN indexrelid NOT IN ('failing_same'::regclass, 'aaa_damaged'::regclass) THEN omendb.index_bloat(indexrelid) < 1.2 END) FROM pg_index WHERE indrelid = 'failing'::regclass AND indisvalid}),
			"$mode: an index that cannot be rebuilt is not in the way of others");
		idle();
		is(leftovers('failing'), '', "$mode: and leaves nothing behind");
	}
	naptime(3600);
	return;
}

# Not again before the table has grown by a quarter, whatever indexes are like.
sub grows
{
	my $bloat = q{SELECT omendb.index_bloat('grown_pkey') > 1.5};

	frozen('grown');
	query('CREATE INDEX good_ccnew ON grown ((id % 10))');
	query('VACUUM grown');
	ok(small('grown'), "$mode: indexes are rebuilt");
	idle();
	is(query(q{SELECT indisvalid FROM pg_index WHERE indexrelid = 'good_ccnew'::regclass}), 't', "$mode: a valid index is no leftover");
	query('DROP INDEX good_ccnew');
	$node->psql('postgres', 'CREATE UNIQUE INDEX CONCURRENTLY bad_ccnew ON grown ((id / 2))');
	query('DELETE FROM grown WHERE id % 3 <> 0');
	for my $time (1, 2)
	{
		query('VACUUM grown');
		idle();
		is(query($bloat), 't', "$mode: but not again, as no rows have been frozen since");
		is(leftovers('grown'), '', "$mode: what is left behind goes all the same");
	}
	# a few rows are less than a quarter of what there was
	query("INSERT INTO grown SELECT i, i, 'row ' || i FROM generate_series(900001, 904000) i; CALL omendb.compact('grown', true); VACUUM grown");
	idle();
	is(query($bloat), 't', "$mode: or but a few");
	query("INSERT INTO grown SELECT i, i, 'row ' || i FROM generate_series(1000001, 1020000) i");
	query(q{CALL omendb.compact('grown', true)});
	query('VACUUM grown');
	ok(small('grown'), "$mode: and when there have been");
	idle();
	return;
}

for (modes())
{
	$mode = $_;
	$node = new_node("hybrid_reindex_$mode", $mode);
	$node->append_conf('postgresql.conf', <<'CONF');
omendb.auto_freeze = on
omendb.row_group_rows = 10000
omendb.freeze_naptime = 3600
deadlock_timeout = 200ms
restart_after_crash = on
max_parallel_maintenance_workers = 0
CONF
	$node->start;
	install($node);
	$amcheck = query(q{SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'});
	query('CREATE EXTENSION amcheck') if $amcheck;
	fails();
	grows();
	in_use();
	long_transaction();
	impatient();
	gives_way();
	goes_away();
	crashes();
	is(complaints('failing_same'), 1, "$mode: and has been tried once");
	is(complaints('aaa_damaged'), 1, "$mode: as has one that cannot be read");
	$node->stop;
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|ERROR: (?! *(terminating|canceling|could not create unique index|deadlock))/, "$mode: no complaint in the server's log");
}
done_testing();
