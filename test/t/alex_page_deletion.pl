# Page deletion and merging: crashes and errors between its records, a standby that replays it, pages used again.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($node, $standby);

sub query { return $node->safe_psql('postgres', shift); }

my %tables = (
	# one inner page
	flat => { rows => 8000, with => 'leaf_entries = 256, fillfactor = 90', level => 1 },
	# inner pages and a root above them; a parent goes with its last leaf
	deep => { rows => 60000, with => 'leaf_entries = 256, fillfactor = 10', level => 2 });

# which rows go
my %deletes = (
	left => 'k < 0',
	middle => 'k BETWEEN -3000000000000000000 AND 6000000000000000000',
	right => 'k > 0',
	# leaves no leaf empty
	most => 'id % 10 <> 7');

sub make_table
{
	my ($table) = @_;

	query("DROP TABLE IF EXISTS t;
		CREATE TABLE t (id bigint, k bigint);
		INSERT INTO t SELECT i, hashint8extended(i, 0) FROM generate_series(1, $tables{$table}{rows}) i;
		CREATE INDEX t_k ON t USING alex (k) WITH ($tables{$table}{with});
		CHECKPOINT");
	is(query(q{SELECT max(level) FROM omendb.alex_stats('t_k')}), $tables{$table}{level}, "$table: height");
	return;
}

sub pages
{
	my ($level) = @_;

	return query("SELECT coalesce(sum(pages), 0) FROM omendb.alex_stats('t_k') WHERE level $level");
}

sub inspect
{
	my ($what) = @_;

	clean($node, $what, 't_k');
	agrees($node, $what, 't', 'k');
	if ($standby)
	{
		$node->wait_for_catchup($standby);
		clean($standby, "$what, standby", 't_k');
		agrees($standby, "$what, standby", 't', 'k');
	}
	return;
}

sub strike
{
	my ($point, $action) = @_;

	stops_at($node, $point, $action, $point, 'VACUUM (INDEX_CLEANUP ON) t');
	return;
}

sub vacuum_until
{
	my ($action, $point, $table, $delete) = @_;
	my $what = "$action at $point ($table, $delete)";

	make_table($table);
	my $before = pages('IS NOT NULL');
	query("DELETE FROM t WHERE $deletes{$delete}");
	strike($point, $action);
	cmp_ok(pages('IS NULL'), '>', 0, "$what: some page is deleted");
	my $half_dead = query("SELECT flagged('t_k', 4)");
	is($half_dead, $point eq 'alex_page_unlinked' ? 0 : 1, "$what: half-dead pages");
	inspect($what);

	# inserts into deleted ranges, splits around half-dead pages, before and after VACUUM ends it
	query("INSERT INTO t SELECT i + 1000000, hashint8extended(i, 1) FROM generate_series(1, 1000) i");
	inspect("$what, more inserted");
	query('DELETE FROM t WHERE id > 1000000; VACUUM (INDEX_CLEANUP ON) t');
	is(query("SELECT flagged('t_k', 4)"), 0, "$what: VACUUM finishes it");
	cmp_ok(pages('IS NOT NULL'), '<', $before * 0.95, "$what: and deletes the rest");
	inspect("$what, vacuumed");

	# the pages come back into use
	query('DELETE FROM t WHERE id % 100 = 7; VACUUM (INDEX_CLEANUP ON) t');
	my $size = query(q{SELECT pg_relation_size('t_k')});
	query("INSERT INTO t SELECT i + 2000000, hashint8extended(i, 2) FROM generate_series(1, 300) i");
	is(query(q{SELECT pg_relation_size('t_k')}), $size, "$what: deleted pages are used again");
	inspect("$what, used again");
	return;
}

# Taking a deleted page logs the conflict with queries of a standby that may be on their way to it.
sub recycling
{
	my ($mode) = @_;

	make_table('flat');
	query('DELETE FROM t WHERE k < 0; VACUUM (INDEX_CLEANUP ON) t');
	query('DELETE FROM t WHERE id % 100 = 7; VACUUM (INDEX_CLEANUP ON) t');
	my $unused = pages('IS NULL');
	my $start = query('SELECT pg_current_wal_insert_lsn()');
	query('INSERT INTO t SELECT i + 5000000, -9223372036854770000 + i FROM generate_series(1, 3000) i');
	my $taken = $unused - pages('IS NULL');
	cmp_ok($taken, '>', 5, "$mode: deleted pages are taken");
	my $end = query('SELECT pg_switch_wal()');
	my $file = query(q{SELECT pg_relation_filenode('t_k')});
	my ($records, $err) = run_command([ 'pg_waldump', '-p', $node->data_dir . '/pg_wal', '-r', 'Btree',
		'-s', $start, '-e', $end ]);
	my @found = $records =~ m{REUSE_PAGE .*rel:? \d+/\d+/$file\b}g;
	is(scalar @found, $taken, "$mode: one conflict record for each")
	  or diag("pg_waldump from $start to $end: $err\n" . substr($records, 0, 1000));
	inspect("$mode: recycled");
	return;
}

for my $mode (modes())
{
	# crashes: full page images would do redo's work for it
	$node = new_node("crash_$mode", $mode);
	$node->append_conf('postgresql.conf',
		"restart_after_crash = on\nfull_page_writes = off\nwal_consistency_checking = 'all'\n");
	$node->start;
	install($node);
	$standby = undef;
	for my $action ('crash', 'error')
	{
		vacuum_until($action, 'alex_half_dead', 'flat', 'left');
		vacuum_until($action, 'alex_page_unlinked', 'flat', 'middle');
		vacuum_until($action, 'alex_half_dead', 'flat', 'right') if $action eq 'crash';
		vacuum_until($action, 'alex_parent_unlinked', 'deep', 'left');
		vacuum_until($action, 'alex_merged', 'flat', 'most');
		vacuum_until($action, 'alex_page_unlinked', 'deep', 'most');
	}
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:/, "$mode: no complaint in the server's log");
	$node->stop;

	# the same seen by a standby, and its promotion with a half-dead page
	$node = new_node("primary_$mode", $mode, allows_streaming => 1);
	$node->append_conf('postgresql.conf', "wal_consistency_checking = 'all'\nwal_keep_size = '1GB'\n");
	$node->start;
	install($node);
	$node->backup('base');
	$standby = PostgreSQL::Test::Cluster->new("standby_$mode");
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = 0\nhot_standby_feedback = off\n");
	$standby->start;
	vacuum_until('error', 'alex_half_dead', 'flat', 'left');
	vacuum_until('error', 'alex_parent_unlinked', 'deep', 'middle');
	vacuum_until('error', 'alex_merged', 'flat', 'most');
	recycling($mode);

	make_table('deep');
	query('DELETE FROM t WHERE k < 0');
	strike('alex_parent_unlinked', 'error');
	$node->wait_for_catchup($standby);
	$node->stop;
	$standby->promote;
	($node, $standby) = ($standby, undef);
	is(query("SELECT flagged('t_k', 4)"), 1, "$mode: promoted with a half-dead page");
	inspect("$mode: promoted");
	query('DELETE FROM t WHERE id % 2 = 0; VACUUM (INDEX_CLEANUP ON) t');
	is(query("SELECT flagged('t_k', 4)"), 0, "$mode: promoted, vacuumed");
	inspect("$mode: promoted, vacuumed");
	$node->stop;
}
done_testing();
