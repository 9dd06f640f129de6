# Sessions on a standby whose model cache lives through the replay of all that happens to an index: each
# lookup through copies of inner pages must give what a sequential scan under the same snapshot gives.
#
# One session asks after each step; another asks all the time, from its own cache, while the replay goes on.
use strict;
use warnings;

use IPC::Run ();
use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($primary, $standby, $session);

sub query { return $primary->safe_psql('postgres', shift); }

sub start_pair
{
	my ($mode) = @_;

	$primary = new_node("primary_$mode", $mode, allows_streaming => 1);
	$primary->append_conf('postgresql.conf', <<'CONF');
wal_consistency_checking = 'all'
max_standby_streaming_delay = -1
wal_keep_size = 4GB
CONF
	$primary->start;
	install($primary);
	query(q{
		CREATE TABLE t (id bigint, k bigint);
		CREATE FUNCTION rows_of(a int, b int) RETURNS SETOF t LANGUAGE sql IMMUTABLE AS $$
			SELECT i, i::bigint * 7919 % 100003 FROM generate_series(a, b) i $$;
		INSERT INTO t SELECT * FROM rows_of(1, 4000);
		CREATE INDEX t_k ON t USING alex (k) WITH (leaf_entries = 256);

		-- every 50th key, most of them missing; STABLE: both look with the snapshot of the query that calls them
		CREATE FUNCTION by_index() RETURNS text LANGUAGE sql STABLE SET enable_seqscan = off SET enable_bitmapscan = off
			SET enable_hashjoin = off SET enable_mergejoin = off SET enable_memoize = off SET enable_indexonlyscan = off AS $$
			SELECT count(*) || ' ' || coalesce(sum(hashint8extended(m.id, 1)), 0)
			FROM generate_series(0, 100002, 50) q, LATERAL (SELECT id FROM t WHERE t.k = q OFFSET 0) m $$;
		CREATE FUNCTION by_index_only() RETURNS text LANGUAGE sql STABLE SET enable_seqscan = off SET enable_bitmapscan = off
			SET enable_hashjoin = off SET enable_mergejoin = off SET enable_memoize = off AS $$
			SELECT count(*) || ' ' || coalesce(sum(m.k), 0)
			FROM generate_series(0, 100002, 50) q, LATERAL (SELECT k FROM t WHERE t.k = q OFFSET 0) m $$;
		CREATE FUNCTION by_table(what text) RETURNS text LANGUAGE sql STABLE SET enable_indexscan = off SET enable_indexonlyscan = off
			SET enable_bitmapscan = off AS $$
			SELECT count(*) || ' ' || coalesce(sum(CASE what WHEN 'id' THEN hashint8extended(id, 1) ELSE k END), 0)
			FROM t WHERE k BETWEEN 0 AND 100002 AND k % 50 = 0 $$;
		-- an error when they differ
		CREATE FUNCTION ask() RETURNS text LANGUAGE plpgsql STABLE AS $$
		DECLARE
			rows text := by_index();
		BEGIN
			IF rows <> by_table('id') THEN
				RAISE 'index finds %, table has %', rows, by_table('id');
			ELSIF by_index_only() <> by_table('k') THEN
				RAISE 'index-only scan finds %, table has %', by_index_only(), by_table('k');
			END IF;
			RETURN rows;
		END $$;
		VACUUM ANALYZE t});
	$primary->backup('base');
	$standby = PostgreSQL::Test::Cluster->new("standby_$mode");
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->start;
	return;
}

# The session that was there all the time, with the standby at the primary's state.
sub same
{
	my ($what) = @_;

	$primary->wait_for_catchup($standby);
	is($session->query_safe('SELECT ask()'), query('SELECT ask()'), $what);
	return;
}

sub cache_counts
{
	return split /\|/, $session->query_safe('SELECT hits, steps_right, descents FROM omendb.alex_cache_stats() WHERE index IS NULL');
}

for my $mode (modes())
{
	my ($out, $err) = ('', '');

	start_pair($mode);
	my $file = PostgreSQL::Test::Utils::tempdir() . '/ask.sql';
	append_to_file($file, "SELECT ask();\n" x 100000);
	my $asking = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $standby->connstr('postgres'), '-f', $file ],
		'<', \undef, '>', \$out, '2>', \$err);
	$session = $standby->background_psql('postgres');

	same("$mode: at first");
	my @before = cache_counts();
	$session->query_safe('SELECT ask()');
	my @after = cache_counts();
	cmp_ok($after[0] - $before[0], '>', 3500, "$mode: lookups on the standby go through the cache");
	cmp_ok($after[1] + $after[2] - $before[1] - $before[2], '<', 300, "$mode: and lead to the leaf");

	query('INSERT INTO t SELECT * FROM rows_of(4001, 15000)');
	same("$mode: splits");
	query('DELETE FROM t WHERE k BETWEEN 10000 AND 60000; VACUUM (INDEX_CLEANUP ON) t');
	cmp_ok(query(q{SELECT pages FROM omendb.alex_stats('t_k') WHERE level IS NULL}), '>', 20, "$mode: pages have been deleted");
	same("$mode: deleted pages");
	# the pages are free once nobody can be on the way to them
	query('SELECT txid_current(); VACUUM t; VACUUM t; INSERT INTO t SELECT 100000 + id, k FROM rows_of(1, 6000)');
	same("$mode: pages used again");
	query('UPDATE t SET k = k + 50 WHERE id % 3 = 0; VACUUM (INDEX_CLEANUP ON) t; UPDATE t SET k = k - 50 WHERE id % 6 = 0');
	same("$mode: updates");
	query('BEGIN; TRUNCATE t; INSERT INTO t SELECT * FROM rows_of(1, 100); ROLLBACK; INSERT INTO t SELECT 1000000 + i, i * 50 FROM generate_series(1, 100) i');
	same("$mode: a TRUNCATE that did not happen");
	query('REINDEX INDEX t_k');
	same("$mode: REINDEX");
	query('REINDEX INDEX CONCURRENTLY t_k');
	same("$mode: REINDEX CONCURRENTLY");
	query('TRUNCATE t');
	same("$mode: TRUNCATE");
	query('INSERT INTO t SELECT * FROM rows_of(1, 9000); VACUUM t');
	same("$mode: filled again");
	query('VACUUM FULL t; INSERT INTO t SELECT 20000 + id, k FROM rows_of(1, 3000)');
	same("$mode: VACUUM FULL");
	query('DROP INDEX t_k; CREATE INDEX t_k2 ON t USING alex (k DESC) WITH (leaf_entries = 256)');
	same("$mode: another index");

	# an old snapshot, which VACUUM on the primary knows of
	$standby->safe_psql('postgres', 'ALTER SYSTEM SET wal_receiver_status_interval = 1');
	$standby->safe_psql('postgres', 'ALTER SYSTEM SET hot_standby_feedback = on');
	query('DELETE FROM t WHERE k < 20000');
	$primary->wait_for_catchup($standby);
	my $old = $standby->background_psql('postgres');
	$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	my $rows = $old->query_safe('SELECT ask()');
	$standby->reload;
	$primary->poll_query_until('postgres', q{SELECT backend_xmin IS NOT NULL FROM pg_stat_replication})
	  or die 'no feedback from the standby';
	query('VACUUM (INDEX_CLEANUP ON) t');
	query('DELETE FROM t WHERE k < 70000; INSERT INTO t SELECT 50000 + id, k FROM rows_of(1, 8000);
		UPDATE t SET k = k + 1 WHERE id % 4 = 0; VACUUM (INDEX_CLEANUP ON) t; VACUUM t;
		INSERT INTO t SELECT 70000 + id, k FROM rows_of(1, 4000)');
	$primary->wait_for_catchup($standby);
	is($old->query_safe('SELECT ask()'), $rows, "$mode: the old snapshot has its rows");
	same("$mode: others have theirs");
	$old->query_safe('COMMIT');
	$old->quit;

	clean($_, "$mode, " . $_->name, 't_k2') for $primary, $standby;
	agrees($_, "$mode, " . $_->name, 't', 'k') for $primary, $standby;
	$session->quit;
	$asking->signal('INT');
	IPC::Run::finish($asking);
	unlike($err, qr/ERROR(?!:  canceling statement due to user request)/, "$mode: no lookup has failed meanwhile");
	cmp_ok($out =~ tr/\n//, '>', 20, "$mode: and there were some");
	note(($out =~ tr/\n//) . ' times');
	unlike(slurp_file($_->logfile), qr/PANIC|TRAP:|inconsistent page found|finds/, "$mode: log of " . $_->name)
	  for $primary, $standby;
	$standby->stop;
	$primary->stop;
}
done_testing();
