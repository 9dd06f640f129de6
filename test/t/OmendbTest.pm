# What the server tests share: servers in either WAL mode, and questions put to an index of alex and to
# an omendb table.
package OmendbTest;
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use Exporter 'import';
our @EXPORT = qw(modes preload_line new_node install agrees agrees_columns clean incomplete_splits zero_pages stats
  install_hybrid hybrid_same hybrid_clean hybrid_groups kill_server begin_statement wait_for_event end_statement
  sets_and_stops stops_at shut_gate open_gate standby_feedback slurp_bytes write_bytes);

# Which WAL modes to test; OMENDB_MODES narrows it.
sub modes { return split /,/, $ENV{OMENDB_MODES} || 'preload,plain'; }

sub preload_line
{
	my ($mode) = @_;
	return $mode eq 'preload' ? "shared_preload_libraries = 'omendb'\n" : "shared_preload_libraries = ''\n";
}

# A server that is not started yet.  No autovacuum and no checkpoint of its own accord.
sub new_node
{
	my ($name, $mode, %params) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(%params);
	$node->append_conf('postgresql.conf', preload_line($mode));
	$node->append_conf('postgresql.conf', <<'CONF');
autovacuum = off
omendb.auto_freeze = off
checkpoint_timeout = 1h
max_wal_size = 2GB
max_connections = 30
jit = off
log_statement = none
log_line_prefix = '%m [%p] %q%a '
CONF
	return $node;
}

# A session that has begun a statement; its backend's number is in {backend}.
sub begin_statement
{
	my ($node, $sql) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);

	$session->{backend} = $session->query('SELECT pg_backend_pid()');
	$session->query_until(qr/begun/, "\\echo begun\n$sql;\n");
	return $session;
}

# until it waits for such an event
sub wait_for_event
{
	my ($node, $session, $event) = @_;
	return $node->poll_query_until('postgres', "SELECT concat_ws(' ', wait_event_type, wait_event) ~ '$event' FROM pg_stat_activity WHERE pid = $session->{backend}")
	  || die "session does not wait for $event";
}

# the end of what the session was doing, and what it said
sub end_statement
{
	my ($session) = @_;
	my $out = $session->query('SELECT 1');

	$session->quit;
	return $out;
}

# SQL that sets a stop point and ends there, by a crash (and the server is up again) or an error, and does so.  Returns what it said.
sub sets_and_stops
{
	my ($node, $what, $action, $point, $sql) = @_;
	my $seen = -s $node->logfile;
	my ($status, $out, $err) = $node->psql('postgres', $sql);

	if ($action eq 'error')
	{
		like($err, qr/ERROR:  stopped at stop point "$point"/, "$what: error raised");
	}
	else
	{
		like($err, qr/server closed the connection unexpectedly|connection to server was lost/, "$what: crashed");
		$node->wait_for_log(qr/database system is ready to accept connections/, $seen);
	}
	return $err;
}

# the same for SQL that is all to run with the stop point set
sub stops_at
{
	my ($node, $what, $action, $point, $sql) = @_;
	return sets_and_stops($node, $what, $action, $point, "SET omendb.stop_points = '$point=$action';\n$sql");
}

# Workers that start from now on wait at a point until the gate is opened; returns the gate.
sub shut_gate
{
	my ($node, $point) = @_;
	my $gate = $node->background_psql('postgres');

	$gate->query_safe("SELECT pg_advisory_lock(hashtext('$point'))");
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET omendb.stop_points = '$point=wait'");
	return $gate;
}

sub open_gate
{
	my ($node, $gate) = @_;

	$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET omendb.stop_points');
	$gate->query_safe('SELECT pg_advisory_unlock_all()');
	$gate->quit;
	return;
}


# The standby tells, or does not, which rows its snapshots see; backend_xmin IS $is then.
sub standby_feedback
{
	my ($node, $standby, $setting, $is) = @_;

	$standby->adjust_conf('postgresql.conf', 'hot_standby_feedback', $setting);
	$standby->reload;
	$node->poll_query_until('postgres', "SELECT backend_xmin IS $is FROM pg_stat_replication") or die 'no feedback';
	return;
}

# The extension, and functions the tests ask.
sub install
{
	my ($node) = @_;

	$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION omendb;
CREATE EXTENSION pageinspect;

-- Does the index on column k of table t find what a sequential scan finds?  NULL, or what differs.
CREATE FUNCTION differs(t regclass, k name) RETURNS text LANGUAGE plpgsql
SET enable_bitmapscan = off SET enable_sort = off SET max_parallel_workers_per_gather = 0
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET enable_memoize = off
AS $$
DECLARE
	sums text := 'count(*) || '' '' || coalesce(sum(hashint8extended(id, 1)), 0) || '' '' ||
		coalesce(sum(hashtextextended(k::text, 2)), 0)';
	heap text;
	found text;
	plan text;
	dir text;
	dirs text[];
	nulls_first boolean;
	n bigint;
BEGIN
	SELECT CASE indoption[0] & 1 WHEN 0 THEN ARRAY['ASC', 'DESC'] ELSE ARRAY['DESC', 'ASC'] END,
		indoption[0] & 2 > 0 INTO STRICT dirs, nulls_first
	FROM pg_index WHERE indrelid = t AND indnatts = 1 AND indkey[0] =
		(SELECT attnum FROM pg_attribute WHERE attrelid = t AND attname = k) ORDER BY indexrelid LIMIT 1;
	dirs[1] := dirs[1] || CASE WHEN nulls_first THEN ' NULLS FIRST' ELSE ' NULLS LAST' END;
	dirs[2] := dirs[2] || CASE WHEN nulls_first THEN ' NULLS LAST' ELSE ' NULLS FIRST' END;
	PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true),
		set_config('enable_indexonlyscan', 'off', true);
	EXECUTE format('SELECT %s FROM (SELECT id, %I AS k FROM %s) s', sums, k, t) INTO heap;
	PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true),
		set_config('enable_indexonlyscan', 'on', true);

	FOREACH dir IN ARRAY dirs LOOP
		EXECUTE format('EXPLAIN (COSTS OFF) SELECT id, %I FROM %s ORDER BY 2 %s', k, t, dir) INTO plan;
		IF plan !~ '^Index (Only )?Scan' THEN
			RETURN 'plan: ' || plan;
		END IF;
		EXECUTE format('SELECT %s FROM (SELECT id, %I AS k FROM %s ORDER BY 2 %s) s', sums, k, t, dir)
			INTO found;
		IF found <> heap THEN
			RETURN format('%s: index %s, table %s', dir, found, heap);
		END IF;
		EXECUTE format('SELECT count(*) FROM (SELECT k, lag(k) OVER () AS p, row_number() OVER () AS r
			FROM (SELECT %I AS k FROM %s ORDER BY 1 %s) s) s WHERE r > 1 AND
			CASE WHEN p IS NULL OR k IS NULL THEN (%s IS NULL) < (%s IS NULL) ELSE p %s k END',
			k, t, dir, CASE WHEN dir LIKE '%FIRST' THEN 'p' ELSE 'k' END,
			CASE WHEN dir LIKE '%FIRST' THEN 'k' ELSE 'p' END,
			CASE WHEN dir LIKE 'ASC%' THEN '>' ELSE '<' END) INTO n;
		IF n > 0 THEN
			RETURN format('%s: %s out of order', dir, n);
		END IF;
	END LOOP;

	-- lookups: every 7th row must find itself
	EXECUTE format('SELECT count(*) FROM (SELECT ctid, %1$I AS k FROM %2$s WHERE id %% 7 = 0
		AND %1$I IS NOT NULL OFFSET 0) a
		WHERE NOT EXISTS (SELECT 1 FROM %2$s b WHERE b.%1$I = a.k AND b.ctid = a.ctid)', k, t) INTO n;
	IF n > 0 THEN
		RETURN format('%s rows do not find themselves', n);
	END IF;
	EXECUTE format('SELECT (SELECT count(*) FROM %1$s WHERE %2$I IS NULL) -
		(SELECT count(*) FROM %1$s WHERE %2$I::text IS NULL)', t, k) INTO n;
	IF n <> 0 THEN
		RETURN format('%s NULLs differ', n);
	END IF;
	RETURN NULL;
END $$;

-- The same for an index on several columns, in its order and the opposite one, and for lookups.
CREATE FUNCTION differs_columns(t regclass, cols text, forward text, backward text) RETURNS text LANGUAGE plpgsql
SET enable_bitmapscan = off SET max_parallel_workers_per_gather = 0
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET enable_memoize = off
AS $$
DECLARE
	dir text;
	query text;
	heap text;
	found text;
	plan text;
	n bigint;
BEGIN
	FOREACH dir IN ARRAY ARRAY[forward, backward] LOOP
		query := format('SELECT count(*) || '' '' || coalesce(sum(hashint8extended(id, 1)), 0) || '' '' || md5(string_agg(r, '',''))
			FROM (SELECT id, (%s)::text AS r FROM %s ORDER BY %s) s', cols, t, dir);
		PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true),
			set_config('enable_indexscan', 'off', true), set_config('enable_indexonlyscan', 'off', true);
		EXECUTE query INTO heap;
		PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true),
			set_config('enable_indexscan', 'on', true), set_config('enable_indexonlyscan', 'on', true);
		EXECUTE format('EXPLAIN (COSTS OFF) SELECT id, %s FROM %s ORDER BY %s', cols, t, dir) INTO plan;
		IF plan !~ '^Index (Only )?Scan' THEN
			RETURN 'plan: ' || plan;
		END IF;
		EXECUTE query INTO found;
		IF found <> heap THEN
			RETURN format('%s: index %s, table %s', dir, found, heap);
		END IF;
	END LOOP;
	EXECUTE format('SELECT count(*) FROM (SELECT ctid, * FROM %1$s WHERE id %% 7 = 0 AND (%2$s) IS NOT NULL OFFSET 0) a
		WHERE NOT EXISTS (SELECT 1 FROM %1$s b WHERE b.ctid = a.ctid AND %3$s)', t, cols,
		(SELECT string_agg(format('b.%1$s = a.%1$s', c), ' AND ') FROM unnest(string_to_array(cols, ', ')) c)) INTO n;
	IF n > 0 THEN
		RETURN format('%s rows do not find themselves', n);
	END IF;
	RETURN NULL;
END $$;

-- pages of an alex index with a flag; those that are all zeroes
CREATE FUNCTION flagged(i regclass, flag int) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM generate_series(1, pg_relation_size(i) / 8192 - 1) b
	WHERE get_byte(get_raw_page(i::text, b::int), 8188) & flag <> 0 $$;
CREATE FUNCTION zeroes(i regclass) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM generate_series(1, pg_relation_size(i) / 8192 - 1) b
	WHERE get_byte(get_raw_page(i::text, b::int), 8190) = 0 $$;
SQL
	return;
}

# Index and table agree for these columns: one test.
sub agrees
{
	my ($node, $what, $table, @columns) = @_;
	my @bad;

	for my $k (@columns)
	{
		my $difference = $node->safe_psql('postgres', "SELECT differs('$table', '$k')");
		push @bad, "$k: $difference" if $difference ne '';
	}
	return is(join("\n", @bad), '', "$what: index scans and table agree");
}

# The same of an index on several columns: their list, and the index's order forward and backward.
sub agrees_columns
{
	my ($node, $what, $table, $columns, $forward, $backward) = @_;

	return is($node->safe_psql('postgres', "SELECT differs_columns('$table', '$columns', '$forward', '$backward')"),
		'', "$what: index scans and table agree on $table ($columns)");
}

# alex_check finds nothing wrong with these indexes: one test.
sub clean
{
	my ($node, $what, @indexes) = @_;
	my @bad;

	for my $index (@indexes)
	{
		my ($status, $out, $err) =
		  $node->psql('postgres', "SELECT omendb.alex_check('$index', true)");
		push @bad, "$index: $err" if $status != 0;
	}
	return is(join("\n", @bad), '', "$what: alex_check is clean");
}

sub incomplete_splits
{
	my ($node, $index) = @_;
	return $node->safe_psql('postgres', "SELECT flagged('$index', 2)");
}

sub zero_pages
{
	my ($node, $index) = @_;
	return $node->safe_psql('postgres', "SELECT zeroes('$index')");
}

# One column of alex_stats, of level 0 unless told.
sub stats
{
	my ($node, $index, $column, $level) = @_;
	return $node->safe_psql('postgres',
		"SELECT $column FROM omendb.alex_stats('$index') WHERE level = " . ($level // 0));
}

# ---- omendb tables ----

# Functions for tables with the columns (id bigint, k int, v text) whose rows follow from id.
sub install_hybrid
{
	my ($node) = @_;

	$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION IF NOT EXISTS omendb;

CREATE FUNCTION hybrid_rows(a bigint, b bigint) RETURNS TABLE (id bigint, k int, v text) LANGUAGE sql IMMUTABLE AS $$
	SELECT i, (i * 7919 % 1009)::int, CASE i % 7 WHEN 0 THEN NULL WHEN 1 THEN 'short' ELSE
		(SELECT string_agg(md5((i * 31 + j)::text), '') FROM generate_series(1, 3 + i % 17) j) END
	FROM generate_series(a, b) i $$;

-- COPY of rows a to b
CREATE FUNCTION load(t text, a bigint, b bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	file text := format('%s/hybrid_load_%s.copy', current_setting('data_directory'), pg_backend_pid());
BEGIN
	EXECUTE format('COPY (SELECT * FROM hybrid_rows(%s, %s)) TO %L', a, b, file);
	EXECUTE format('COPY %s FROM %L', t, file);
END $$;

-- rows that are in one of two tables only, or oftener in one
CREATE FUNCTION hybrid_differ(a regclass, b regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT format(''%%s rows: %%s'', count(*), left(string_agg(way || left(r, 40), '' '' ORDER BY r), 300)) FROM (
		SELECT ''+'' AS way, d.r FROM (SELECT x::text AS r FROM %1$s x EXCEPT ALL SELECT x::text FROM %2$s x) d UNION ALL
		SELECT ''-'', d.r FROM (SELECT x::text AS r FROM %2$s x EXCEPT ALL SELECT x::text FROM %1$s x) d) s HAVING count(*) > 0', a, b) INTO result;
	RETURN result;
END $$;
SQL
	return;
}

# A table has the rows of its control, however one looks: one test.
sub hybrid_same
{
	my ($node, $what, $table, $control) = @_;
	my $differ = $node->safe_psql('postgres', "SELECT hybrid_differ('$table', '$control')");
	my $sums = 'SELECT count(*), sum(id), sum(k), count(v) FROM';
	my ($a, $b) = map { $node->safe_psql('postgres', "$sums $_") } $table, $control;

	return is(($differ eq '' ? '' : "$differ ") . $a, $b, "$what: $table has the rows of $control");
}

# omendb.check finds nothing wrong with these tables: one test.
sub hybrid_clean
{
	my ($node, $what, @tables) = @_;
	my @bad;

	for my $table (@tables)
	{
		my ($status, $out, $err) = $node->psql('postgres', "SELECT * FROM omendb.check('$table') LIMIT 5");
		push @bad, "$table: $out$err" if $status != 0 || $out ne '';
	}
	return is(join("\n", @bad), '', "$what: omendb.check is clean");
}

# Directory entries in a state: how many, or with a column the sum of it.
sub hybrid_groups
{
	my ($node, $table, $state, $column) = @_;
	my $value = $column ? "coalesce(sum($column), 0)" : 'count(*)';
	return $node->safe_psql('postgres', "SELECT $value FROM omendb.row_groups('$table') WHERE state = '$state'");
}

# ---- damage ----

sub slurp_bytes
{
	my ($name) = @_;
	open(my $f, '<:raw', $name) or die "$name: $!";
	local $/;
	return scalar <$f>;
}

sub write_bytes
{
	my ($name, $bytes) = @_;
	open(my $f, '>:raw', $name) or die "$name: $!";
	print $f $bytes;
	close $f or die "$name: $!";
	return;
}

# ---- a machine that stops ----

# processes below the postmaster; zombies do not count
sub processes_below
{
	my ($parent) = @_;
	my @found;

	for my $file (glob '/proc/[0-9]*/stat')
	{
		open(my $f, '<', $file) or next;
		my $line = <$f> // next;
		my ($pid, $state, $ppid) = $line =~ /^(\d+) \(.*\) (\S) (\d+)/ or next;
		push @found, $pid if $ppid == $parent && $state ne 'Z';
	}
	return @found;
}

# a letter, as in ps; nothing for a process that is gone
sub process_state
{
	my ($pid) = @_;

	open(my $f, '<', "/proc/$pid/stat") or return '';
	return (<$f> // '') =~ /^\d+ \(.*\) (\S)/ ? $1 : '';
}

# All processes at once: one that outlived the postmaster would end in its own way.
sub kill_server
{
	my ($node) = @_;
	my $postmaster = $node->{_pid};

	kill 'STOP', $postmaster;
	for (1 .. 1000)
	{
		last if process_state($postmaster) eq 'T';
		usleep(1_000);
	}
	my @children = processes_below($postmaster);
	kill 'KILL', @children;
	$node->kill9;
	for my $pid ($postmaster, @children)
	{
		for (1 .. 3000)
		{
			last if process_state($pid) =~ /^[ZX]?$/;
			usleep(10_000);
		}
	}
	# a dead postmaster that nobody has waited for still counts for the next one
	for (1 .. 100)
	{
		last if !kill 0, $postmaster;
		usleep(10_000);
	}
	if (kill 0, $postmaster)
	{
		unlink $node->data_dir . '/postmaster.pid';
		unlink $node->host . '/.s.PGSQL.' . $node->port . '.lock';
	}
	return;
}

1;
