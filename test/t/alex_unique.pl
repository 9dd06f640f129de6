# Unique alex indexes: sessions that have not loaded the library yet, prepared transactions, replica identity, and
# kill -9 of the whole server under concurrent inserts, ON CONFLICT and MERGE of few keys, again and again:
# no two rows may have one key, neither before nor after recovery.
#
# OMENDB_STORM_CYCLES cycles in each mode; OMENDB_STORM_SEED draws anew.
use strict;
use warnings;

use IPC::Run ();
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $cycles = $ENV{OMENDB_STORM_CYCLES} || 2;
my $seed = $ENV{OMENDB_STORM_SEED} || 20240229;
my $node;

$ENV{PGCTLTIMEOUT} = 300;
note("seed $seed");

sub query { return $node->safe_psql('postgres', shift); }

# ---- ON CONFLICT in a session that has not used alex before ----

sub first_statement
{
	my ($mode) = @_;
	my $late = $mode eq 'plain' && $node->pg_version < 18;
	my ($status, $out, $err);

	query(q{CREATE TABLE f (id int, n int DEFAULT 1); CREATE UNIQUE INDEX f_id ON f USING alex (id);
		CREATE TABLE g (id int); CREATE UNIQUE INDEX g_id ON g USING btree (id)});
	for my $statement (
		'INSERT INTO f VALUES (1) ON CONFLICT (id) DO UPDATE SET n = f.n + 1',
		'INSERT INTO f VALUES (1) ON CONFLICT (id) DO NOTHING',
		'PREPARE p AS INSERT INTO f VALUES ($1) ON CONFLICT (id) DO UPDATE SET n = 5; EXECUTE p (1)',
		'WITH x AS (INSERT INTO f VALUES (1) ON CONFLICT (id) DO NOTHING RETURNING id) SELECT count(*) > 1 FROM x')
	{
		($status, $out, $err) = $node->psql('postgres', $statement);
		is($err, '', "$mode: first statement of a session: $statement");
	}
	# with a target the planner looks at the indexes; without, nobody does before the first row
	my $nothing = 'INSERT INTO f VALUES (1), (2) ON CONFLICT DO NOTHING';
	($status, $out, $err) = $node->psql('postgres', $nothing, on_error_stop => 0);
	if ($late)
	{
		like($err, qr/omendb was loaded too late for ON CONFLICT on table "f"/, "$mode: DO NOTHING comes too early");
		like($err, qr/session_preload_libraries/, "$mode: the hint says what helps");
		($status, $out, $err) = $node->psql('postgres', "$nothing; $nothing", on_error_stop => 0);
		my @errors = $err =~ /ERROR/g;
		is(scalar @errors, 1, "$mode: the second try works");
		query("ALTER DATABASE postgres SET session_preload_libraries = 'omendb'");
	}
	($status, $out, $err) = $node->psql('postgres', $nothing);
	is($err, '', "$mode: DO NOTHING with the library loaded before");
	($status, $out, $err) = $node->psql('postgres', 'INSERT INTO g VALUES (1) ON CONFLICT DO NOTHING');
	is($err, '', "$mode: nor is a table without alex index touched");
	is(query('SELECT string_agg(id || \' \' || n, \', \' ORDER BY id) FROM f'), '1 5, 2 1', "$mode: the rows of these statements");
	query('ALTER DATABASE postgres RESET session_preload_libraries');
	return;
}

# ---- prepared transactions: the isolation tester cannot see who waits for one ----

sub wait_for
{
	my ($sql, $what) = @_;
	return ok($node->poll_query_until('postgres', $sql), $what);
}

sub prepared
{
	my ($mode) = @_;

	query('CREATE TABLE q (id int); CREATE UNIQUE INDEX q_id ON q USING alex (id)');
	for my $verdict ('COMMIT', 'ROLLBACK')
	{
		my ($out, $err) = ('', '');

		query("BEGIN; INSERT INTO q VALUES (1); PREPARE TRANSACTION 'q'");
		$node->restart if $verdict eq 'COMMIT';
		my $session = IPC::Run::start(
			[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'INSERT INTO q VALUES (1)' ],
			'<', \undef, '>', \$out, '2>', \$err);
		wait_for(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'INSERT INTO q%' AND wait_event_type = 'Lock'},
			"$mode: an insert waits for a prepared transaction");
		query("$verdict PREPARED 'q'");
		IPC::Run::finish($session);
		if ($verdict eq 'COMMIT') { like($err, qr/duplicate key value violates unique constraint "q_id"/, "$mode: and fails"); }
		else { is($err, '', "$mode: and goes on"); }
		is(query('SELECT count(*) FROM q'), 1, "$mode: one row remains");
		query('DELETE FROM q');
	}
	return;
}

# ---- logical replication that finds rows by a unique alex index ----

sub replica_identity
{
	my ($mode) = @_;
	my $subscriber = new_node("unique_subscriber_$mode", $mode);
	my $tables = q{CREATE TABLE r (id int NOT NULL, v text); CREATE UNIQUE INDEX r_id ON r USING alex (id);
		ALTER TABLE r REPLICA IDENTITY USING INDEX r_id};

	$subscriber->start;
	$subscriber->safe_psql('postgres', "CREATE EXTENSION omendb; $tables");
	query("$tables; INSERT INTO r SELECT i, 'old' FROM generate_series(1, 1000) i; CREATE PUBLICATION pub FOR TABLE r");
	(my $connection = $node->connstr('postgres')) =~ s/'/''/g;
	$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION sub CONNECTION '$connection' PUBLICATION pub");
	$subscriber->wait_for_subscription_sync($node, 'sub');
	query(q{UPDATE r SET v = 'new' WHERE id % 3 = 0; DELETE FROM r WHERE id % 5 = 0; UPDATE r SET id = -id WHERE id % 7 = 0;
		INSERT INTO r VALUES (5, 'again') ON CONFLICT DO NOTHING});
	$node->wait_for_catchup('sub');
	my $all = q{SELECT count(*), sum(id), md5(string_agg(id || v, ',' ORDER BY id)) FROM r};
	is($subscriber->safe_psql('postgres', $all), query($all), "$mode: the subscriber follows");
	$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION sub');
	$subscriber->stop;
	return;
}

# ---- the storm ----

sub no_duplicates
{
	my ($what) = @_;

	for my $table (qw(a c))
	{
		my $twice = query("SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off;
			SELECT coalesce(string_agg(k::text, ' '), '') FROM (SELECT k FROM $table GROUP BY k HAVING count(*) > 1) s");
		is($twice, '', "$what: no key twice in $table");
		my ($status, $out, $err) = $node->psql('postgres', "SELECT omendb.alex_check('${table}_k', true, true)");
		is($err, '', "$what: alex_check is clean for $table");
	}
	is(query('SELECT count(*), sum(n) FROM a'), query('SELECT count(*), sum(n) FROM b'), "$what: as many upserts as with btree");
	return;
}

sub cycle
{
	my ($what, $number) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my @sessions;

	append_to_file("$dir/upsert.sql", <<'SQL');
\set k random_zipfian(1, 3000, 1.2)
BEGIN;
INSERT INTO a VALUES (:k) ON CONFLICT (k) DO UPDATE SET n = a.n + 1;
INSERT INTO b VALUES (:k) ON CONFLICT (k) DO UPDATE SET n = b.n + 1;
COMMIT;
SQL
	append_to_file("$dir/chaos.sql", <<'SQL');
\set k random_zipfian(1, 2000, 1.1)
\set l random_zipfian(1, 2000, 1.1)
SELECT try('INSERT INTO c VALUES (' || :l || ')');
INSERT INTO c VALUES (:k) ON CONFLICT DO NOTHING;
SELECT try('UPDATE c SET k = ' || :k || ' WHERE k = ' || :l);
DELETE FROM c WHERE k = :k;
INSERT INTO c VALUES (:l) ON CONFLICT (k) DO UPDATE SET n = c.n + 1;
SELECT try('MERGE INTO c USING (VALUES (' || :k || ')) v (k) ON c.k = v.k WHEN MATCHED THEN UPDATE SET k = c.k + 1 WHEN NOT MATCHED THEN INSERT VALUES (v.k)');
SQL
	append_to_file("$dir/vacuum.sql", "VACUUM (INDEX_CLEANUP ON) a;\nVACUUM (INDEX_CLEANUP ON) c;\nCHECKPOINT;\n" x 300);
	for my $script (qw(upsert chaos))
	{
		push @sessions,
		  IPC::Run::start([ 'pgbench', '-n', '-c', '6', '-T', '600', '--max-tries=0', '--random-seed=' . ($seed + $number),
				'-f', "$dir/$script.sql", '-h', $node->host, '-p', $node->port, 'postgres' ],
			'<', \undef, '>', "$dir/$script.out", '2>', "$dir/$script.err");
	}
	push @sessions, IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', "$dir/vacuum.sql" ],
		'<', \undef, '>', "$dir/vacuum.out", '2>', "$dir/vacuum.err");
	my $target = query('SELECT sum(n) + 500 FROM a') || 500;
	wait_for("SELECT sum(n) > $target FROM a", "$what: the storm is going");
	usleep(1000 * (17 * $number % 50));
	kill_server($node);
	IPC::Run::finish($_) for @sessions;
	$node->start;
	for my $script (qw(upsert chaos))
	{
		my $err = slurp_file("$dir/$script.err");
		my @errors = grep { /ERROR/ } split /\n/, $err;
		is(join("\n", @errors), '', "$what: $script met no error");
	}
	no_duplicates($what);
	return;
}

for my $mode (modes())
{
	$node = new_node("unique_$mode", $mode, allows_streaming => 'logical');
	$node->append_conf('postgresql.conf', <<"CONF");
max_prepared_transactions = 2
shared_buffers = 4MB
wal_consistency_checking = '@{[ $mode eq 'preload' ? 'omendb' : 'generic' ]}'
CONF
	$node->start;
	query('CREATE EXTENSION omendb');
	first_statement($mode);
	prepared($mode);
	# 17 does not find rows through indexes of other access methods than btree and hash
	replica_identity($mode) if $node->pg_version < 17 || $node->pg_version >= 18;
	query(q{
		CREATE TABLE a (k int, n int DEFAULT 1); CREATE UNIQUE INDEX a_k ON a USING alex (k) WITH (leaf_entries = 256);
		CREATE TABLE b (k int, n int DEFAULT 1); CREATE UNIQUE INDEX b_k ON b USING btree (k);
		CREATE TABLE c (k int, n int DEFAULT 1); CREATE UNIQUE INDEX c_k ON c USING alex (k) WITH (leaf_entries = 256);
		INSERT INTO c SELECT i FROM generate_series(1, 2000, 3) i;
		CREATE FUNCTION try(statement text) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN EXECUTE statement; EXCEPTION WHEN unique_violation OR deadlock_detected THEN NULL; END $$});
	cycle("$mode, cycle $_", $_) for 1 .. $cycles;
	my $log = slurp_file($node->logfile);
	unlike($log, qr/PANIC|TRAP:|inconsistent page found|corrupted/, "$mode: no complaint in the server's log");
	$node->stop;
}
done_testing();
