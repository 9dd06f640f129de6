# Entries of dead rows: marked by scans, deleted on the fly; what a standby and a crash make of it.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($primary, $standby);

sub query { return $primary->safe_psql('postgres', shift); }

# Buffers that reading the table through the index takes.
sub buffers
{
	my ($table) = @_;
	my $plan = query("SET enable_seqscan = off; SET enable_bitmapscan = off;
		EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) SELECT id FROM $table WHERE k > 0 ORDER BY k");

	like($plan, qr/"Index Scan"/, 'index scan');
	$plan =~ /"Shared Hit Blocks": (\d+),\s*"Shared Read Blocks": (\d+)/ or die $plan;
	return $1 + $2;
}

# Rows on half-empty pages, which heap does not prune: what conflicts on a standby is the index's record.
sub make_table
{
	my ($table, $rows) = @_;

	query("CREATE TABLE $table (id bigint, k bigint, v int) WITH (fillfactor = 30);
		INSERT INTO $table SELECT i, i, 0 FROM generate_series(1, $rows) i;
		ALTER TABLE $table SET (fillfactor = 100);
		CREATE INDEX ${table}_k ON $table USING alex (k) WITH (leaf_entries = 256, fillfactor = 100);
		CREATE INDEX ${table}_v ON $table USING btree (v)");
	return;
}

# Scans mark what they find dead, with preload.  Later ones pass over it without looking at the table.
sub kills
{
	my ($mode) = @_;

	make_table('kill', 20000);
	query('DELETE FROM kill WHERE id > 1000');
	my $first = buffers('kill');
	my $second = buffers('kill');

	cmp_ok($second, $mode eq 'preload' ? '<' : '>', $first / 2, "$mode: buffers $first, then $second");
	agrees($primary, "$mode: killed", 'kill', 'k');
	clean($primary, "$mode: killed", 'kill_k');

	# marks move with their entries, and a split is averted by deleting what they are on
	my $pages = stats($primary, 'kill_k', 'pages');
	query('INSERT INTO kill SELECT 100000 + i, i, 0 FROM generate_series(1001, 11000) i');
	my $entries = stats($primary, 'kill_k', 'entries');
	if ($mode eq 'preload')
	{
		cmp_ok($entries, '<', 22000, "$mode: marked entries make room for others");
		cmp_ok(stats($primary, 'kill_k', 'pages'), '<', $pages * 1.3, "$mode: and no page is split for them");
	}
	else
	{
		is($entries, 30000, "$mode: nothing is marked, so nothing goes");
	}
	agrees($primary, "$mode: filled again", 'kill', 'k');
	clean($primary, "$mode: filled again", 'kill_k');
	return;
}

# Cursors that keep pin and position while what they have read is deleted under them.
sub cursors
{
	my ($mode) = @_;

	make_table('cur', 3000);
	for my $kind ('', 'UNLOGGED')
	{
		query("CREATE $kind TABLE c_$mode$kind (id bigint, k bigint, v int);
			INSERT INTO c_$mode$kind SELECT * FROM cur;
			CREATE INDEX c_$mode${kind}_k ON c_$mode$kind USING alex (k) WITH (leaf_entries = 256)");
		my $session = $primary->background_psql('postgres');
		$session->query_safe("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
			BEGIN; DECLARE c SCROLL CURSOR FOR SELECT id FROM c_$mode$kind ORDER BY k; MOVE 1500 FROM c");
		query("DELETE FROM c_$mode$kind WHERE id BETWEEN 1000 AND 2000");
		query("SET enable_seqscan = off; SELECT count(*) FROM c_$mode$kind WHERE k > 0;
			INSERT INTO c_$mode$kind SELECT 5000 + i, i, 0 FROM generate_series(1, 3000) i");
		is($session->query_safe('FETCH FROM c; FETCH LAST FROM c; FETCH FIRST FROM c'),
			"1501\n3000\n1", "$mode: cursor over a table $kind");
		$session->query_safe('COMMIT');
		$session->quit;
		agrees($primary, "$mode: after the cursor", "c_$mode$kind", 'k');
		clean($primary, "$mode: after the cursor", "c_$mode${kind}_k");
	}
	return;
}

# An old snapshot on the standby conflicts with the record that takes its entries away.
sub conflict
{
	my ($mode, $what, $act) = @_;

	make_table('old', 250);
	$primary->wait_for_catchup($standby);
	my $session = $standby->background_psql('postgres', on_error_stop => 0);
	my $read = 'SELECT count(*) FROM old WHERE k > 0';

	$session->query("SET enable_seqscan = off; SET enable_bitmapscan = off; BEGIN ISOLATION LEVEL REPEATABLE READ");
	is($session->query($read), 250, "$mode, $what: the standby's snapshot");
	my $seen = -s $standby->logfile;
	$act->();
	$primary->wait_for_catchup($standby);
	cmp_ok(stats($primary, 'old_k', 'entries'), '<', $what eq 'simple' ? 200 : 280,
		"$mode, $what: entries are deleted");
	# the session may be gone, too
	eval { $session->query($read) };
	ok($standby->log_contains(
			qr/canceling statement due to conflict with recovery|terminating connection due to conflict with recovery/,
			$seen),
		"$mode, $what: the standby cancels it");
	eval { $session->quit };
	for my $node ($primary, $standby)
	{
		agrees($node, "$mode, $what: " . $node->name, 'old', 'k');
		clean($node, "$mode, $what: " . $node->name, 'old_k');
	}
	query('DROP TABLE old');
	return;
}

sub crash
{
	my ($mode) = @_;

	make_table('cr', 2000);
	stops_at($primary, $mode, 'crash', 'alex_deleted', q{
		DO $$ BEGIN FOR r IN 1..30 LOOP UPDATE cr SET v = v + 1; COMMIT; END LOOP; END $$});
	agrees($primary, "$mode: crashed after a deletion", 'cr', 'k');
	clean($primary, "$mode: crashed after a deletion", 'cr_k');
	query(q{DO $$ BEGIN FOR r IN 1..30 LOOP UPDATE cr SET v = v + 1; COMMIT; END LOOP; END $$});
	cmp_ok(stats($primary, 'cr_k', 'entries'), '<', 30000, "$mode: versions do not pile up");
	agrees($primary, "$mode: more updates", 'cr', 'k');
	clean($primary, "$mode: more updates", 'cr_k');
	return;
}

for my $mode (modes())
{
	$primary = new_node("primary_$mode", $mode, allows_streaming => 1);
	$primary->append_conf('postgresql.conf', "wal_consistency_checking = 'all'\nwal_keep_size = '2GB'\nrestart_after_crash = on\n");
	$primary->start;
	install($primary);
	$primary->backup('base');
	$standby = PostgreSQL::Test::Cluster->new("standby_$mode");
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = 0\nhot_standby_feedback = off\n");
	$standby->start;

	kills($mode);
	cursors($mode);
	conflict($mode, 'simple', sub {
		query('DELETE FROM old WHERE id <= 200');
		query('SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(*) FROM old WHERE k > 0');
		query('INSERT INTO old SELECT 1000 + i, 1000 + i, 0 FROM generate_series(1, 20) i');
	}) if $mode eq 'preload';
	conflict($mode, 'bottom-up', sub {
		query("UPDATE old SET v = v + 1 WHERE id = $_") for 1 .. 20;
	});
	crash($mode);

	# what the standby got by full images it keeps to itself; promoted, it goes on where the primary was
	$primary->wait_for_catchup($standby);
	$primary->stop;
	$standby->promote;
	$primary = $standby;
	query('INSERT INTO kill SELECT 200000 + i, i, 0 FROM generate_series(1, 20000) i');
	agrees($primary, "$mode: promoted", 'kill', 'k');
	clean($primary, "$mode: promoted", 'kill_k');
	$primary->stop;
}
done_testing();
