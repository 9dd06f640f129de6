# Crashes and errors at every point where one WAL record of an operation is written and the next is not.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

# How a table comes to be: rows with ids from 1 on, key "random" or "append", and the index on k.
my %tables = (
	empty => { rows => 0, level => 0, with => 'leaf_entries = 256, fillfactor = 90' },
	# one level of inner pages
	two => { rows => 5000, level => 1, with => 'leaf_entries = 256, fillfactor = 90' },
	# 25 entries a leaf: one inner page that is nearly full; three of them and a root
	wide => { rows => 20000, level => 1, with => 'leaf_entries = 256, fillfactor = 10' },
	three => { rows => 60000, level => 2, with => 'leaf_entries = 256, fillfactor = 10' },
	# dense entries in full pages: a vacuum of a few of them can only mark
	dense => { rows => 30000, level => 1, with => 'leaf_entries = 8192, fillfactor = 100',
		key => 'append' });

# key of row i
my %keys = (
	random => 'hashint8extended(i, 0)',
	append => 'i',
	# 240 neighbours, then 240 others: fills leaf after leaf from the low end of the key space
	leaf => '(-9200000000000000000 + i / 240 * 20000000000000000 + i % 240 * 1000000000000)');

# point, table, keys of the rows inserted until it strikes, rows a transaction;
# what must be there afterwards: incomplete splits, zero pages
my @inserts = (
	[ 'alex_insert_start', 'empty', 'random', 1, 0, 0 ],
	[ 'alex_insert_done', 'empty', 'random', 1, 0, 0 ],
	[ 'alex_rebuilt', 'empty', 'random', 1, 0, 0 ],
	[ 'alex_sealed', 'empty', 'append', 1, 0, 0 ],
	# the root is a leaf
	[ 'alex_split_allocated', 'empty', 'random', 1, 0, 1 ],
	[ 'alex_split_logged', 'empty', 'random', 1, 1, 0 ],
	[ 'alex_split_before_downlink', 'empty', 'random', 1, 1, 0 ],
	[ 'alex_root_allocated', 'empty', 'random', 1, 1, 1 ],
	[ 'alex_new_root', 'empty', 'random', 1, 0, 0 ],
	[ 'alex_split_logged', 'empty', 'append', 1, 1, 0 ],
	[ 'alex_new_root', 'empty', 'append', 1, 0, 0 ],
	# a leaf below an inner page
	[ 'alex_rebuilt', 'two', 'random', 1, 0, 0 ],
	[ 'alex_split_allocated', 'two', 'random', 1, 0, 1 ],
	[ 'alex_split_logged', 'two', 'random', 1, 1, 0 ],
	[ 'alex_split_before_downlink', 'two', 'random', 1, 1, 0 ],
	# inner pages: their own split comes while the leaf's is incomplete
	[ 'alex_sealed_inner', 'empty', 'append', 1000, 1, 0 ],
	[ 'alex_rebuilt_inner', 'three', 'leaf', 500, 1, 0 ],
	[ 'alex_split_allocated_inner', 'three', 'leaf', 500, 1, 1 ],
	[ 'alex_split_logged_inner', 'three', 'leaf', 500, 2, 0 ],
	[ 'alex_split_before_downlink_inner', 'three', 'leaf', 500, 1, 0 ],
	# the root is an inner page
	[ 'alex_split_logged_inner', 'wide', 'leaf', 500, 2, 0 ],
	[ 'alex_split_before_downlink_inner', 'wide', 'leaf', 500, 1, 0 ],
	[ 'alex_root_allocated_inner', 'wide', 'leaf', 500, 1, 1 ],
	[ 'alex_new_root_inner', 'wide', 'leaf', 500, 0, 0 ]);

my $node;

sub query { return $node->safe_psql('postgres', shift); }

sub make_table
{
	my ($table) = @_;
	my $t = $tables{$table};
	my $key = $keys{ $t->{key} // 'random' };

	query("DROP TABLE IF EXISTS t;
		CREATE TABLE t (id bigint, k bigint);
		INSERT INTO t SELECT i, $key FROM generate_series(1, $t->{rows}) i;
		CREATE INDEX t_k ON t USING alex (k) WITH ($t->{with});
		CHECKPOINT");
	is(query(q{SELECT max(level) FROM omendb.alex_stats('t_k')}), $t->{level}, "$table: height");
	return $t->{rows};
}

# Run SQL that ends at a stop point.  Returns what it said before.
sub strike
{
	my ($point, $action, $sql) = @_;
	return stops_at($node, $point, $action, $point, $sql);
}

sub inspect
{
	my ($what) = @_;
	clean($node, $what, 't_k');
	agrees($node, $what, 't', 'k');
	return;
}

# After the accident: all there, and the next writers and a vacuum put in order what it left.
sub aftermath
{
	my ($what, $splits, $zeroes, $key) = @_;

	inspect($what);
	is(incomplete_splits($node, 't_k'), $splits, "$what: incomplete splits");
	is(zero_pages($node, 't_k'), $zeroes, "$what: zero pages");
	query('INSERT INTO t SELECT id + 1000000, k FROM t WHERE id % 3 = 0');
	query("INSERT INTO t SELECT i + 2000000, $keys{$key} FROM (SELECT count(*) AS n FROM t WHERE id < 1000000) s,
		generate_series(n + 1, n + 300) i") if $key;
	is(incomplete_splits($node, 't_k'), 0, "$what: further inserts finish the split");
	inspect("$what, more inserted");
	query('DELETE FROM t WHERE id % 2 = 0; VACUUM (INDEX_CLEANUP ON) t');
	query('INSERT INTO t SELECT id + 3000000, k + 1 FROM t WHERE id % 5 = 0');
	inspect("$what, vacuumed, more inserted");
	return;
}

sub insert_until
{
	my ($action, $point, $table, $key, $batch, $splits, $zeroes) = @_;
	my $rows = make_table($table);
	my $err = strike($point, $action, "CALL put($rows + 1, $batch, '$keys{$key}')");
	my ($acked) = $err =~ /.*committed (\d+)/s;

	# what was acknowledged is there, what was in flight is not, except after the point of no return
	my $there = query('SELECT count(*) FROM t');
	is($there, $acked // $rows, "$point: the rows committed before are there");
	is(query('SELECT max(id) FROM t') || 0, $there, "$point: no other is there");
	aftermath("$action at $point ($table, $key)", $splits, $zeroes, $key);
	return;
}

sub vacuum_until
{
	my ($action, $point, $table, $delete) = @_;

	make_table($table);
	query("DELETE FROM t WHERE $delete");
	strike($point, $action, 'VACUUM (INDEX_CLEANUP ON) t');
	my $removed = stats($node, 't_k', 'removed');
	ok($table eq 'dense' ? $removed > 0 : $removed == 0, "$point: $removed entries are marked removed");
	aftermath("$action at $point ($table)", 0, 0);
	return;
}

sub build_until
{
	my ($action, $point) = @_;

	make_table('two');
	strike($point, $action, 'CREATE INDEX t_k2 ON t USING alex (k)');
	is(query(q{SELECT count(*) FROM pg_class WHERE relname = 't_k2'}),
		0, "$action at $point: no index is left");
	strike($point, $action, 'REINDEX INDEX t_k');
	aftermath("$action at $point in REINDEX", 0, 0);

	make_table('two');
	query('DROP INDEX t_k');
	strike($point, $action, 'CREATE INDEX CONCURRENTLY t_k ON t USING alex (k)');
	is(query(q{SELECT indisvalid FROM pg_index WHERE indexrelid = 't_k'::regclass}),
		'f', "$action at $point: CREATE INDEX CONCURRENTLY leaves an invalid index");
	query('REINDEX INDEX CONCURRENTLY t_k');
	aftermath("$action at $point in CREATE INDEX CONCURRENTLY", 0, 0);
	return;
}

for my $mode (modes())
{
	note("---- $mode");
	$node = new_node("crash_$mode", $mode);
	# full page images would do redo's work for it
	$node->append_conf('postgresql.conf', <<'CONF');
restart_after_crash = on
full_page_writes = off
wal_consistency_checking = 'all'
CONF
	$node->start;
	install($node);
	query(q{CREATE PROCEDURE put(first bigint, batch int, key text) LANGUAGE plpgsql AS $$
		BEGIN
			LOOP
				EXECUTE format('INSERT INTO t SELECT i, %s FROM generate_series(%s, %s) i', key, first,
					first + batch - 1);
				COMMIT;
				RAISE NOTICE 'committed %', first + batch - 1;
				first := first + batch;
				IF first > 500000 THEN RAISE 'the stop point was not reached'; END IF;
			END LOOP;
		END $$});

	for my $action ('crash', 'error')
	{
		insert_until($action, @$_) for @inserts;
		vacuum_until($action, 'alex_vacuum_leaf', 'two', 'id % 2 = 0');
		vacuum_until($action, 'alex_vacuum_leaf', 'dense', 'hashint8(id) % 10 = 0');
		vacuum_until($action, 'alex_vacuum_between_leaves', 'two', 'id % 2 = 0');
		build_until($action, $_) for qw(alex_build_sorted alex_build_loaded alex_build_logged);
	}

	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:/, "$mode: no complaint in the server's log");
	$node->stop;
}
done_testing();
