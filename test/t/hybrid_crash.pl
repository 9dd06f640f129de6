# Crashes and errors at every point where one WAL record of a load or rewrite is written and the next is not.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($node, $mode);

sub query { return $node->safe_psql('postgres', shift); }

# Table t: hot rows 1 to 300, cold ones and a hot remainder from 301 on; c is its control.
sub make_tables
{
	query(q{DROP TABLE IF EXISTS t, c, made;
		CREATE TABLE t (id bigint, k int, v text) USING omendb;
		CREATE TABLE c (id bigint, k int, v text) USING heap;
		INSERT INTO t SELECT * FROM hybrid_rows(1, 300);
		INSERT INTO c SELECT * FROM hybrid_rows(1, 300);
		SET omendb.row_group_rows = 100;
		SELECT load('t', 301, 550), load('c', 301, 550)});
	# the files of dropped tables go, which redo without full page images would compare with zeroes
	query('CHECKPOINT');
	return;
}

# Run SQL that ends at a stop point.
sub strike
{
	my ($what, $point, $action, $sql) = @_;

	sets_and_stops($node, $what, $action, $point, "SET omendb.row_group_rows = 100;\n$sql");
	return;
}

# The rows are those of the control, and nothing visible has come or gone; VACUUM frees the rest.
sub aftermath
{
	my ($what, $visible) = @_;

	hybrid_same($node, $what, 't', 'c');
	hybrid_clean($node, $what, 't');
	is(hybrid_groups($node, 't', 'visible'), $visible, "$what: visible groups");
	query('VACUUM t');
	hybrid_same($node, "$what, vacuumed", 't', 'c');
	hybrid_clean($node, "$what, vacuumed", 't');
	is(query(q{SELECT count(*) FROM omendb.row_groups('t') WHERE state NOT IN ('visible', 'free', 'directory')}), 0,
		"$what, vacuumed: nothing but visible groups and free runs");
	is(hybrid_groups($node, 't', 'visible'), $visible, "$what, vacuumed: visible groups");
	return;
}

# Further work of all kinds.
sub go_on
{
	my ($what) = @_;

	query(q{SET omendb.row_group_rows = 100;
		SELECT load('t', 20001, 20350), load('c', 20001, 20350);
		INSERT INTO t SELECT * FROM hybrid_rows(30001, 31000);
		INSERT INTO c SELECT * FROM hybrid_rows(30001, 31000);
		UPDATE t SET k = -k WHERE id BETWEEN 30001 AND 30200;
		UPDATE c SET k = -k WHERE id BETWEEN 30001 AND 30200;
		DELETE FROM t WHERE id BETWEEN 30001 AND 31000 AND id % 2 = 0;
		DELETE FROM c WHERE id BETWEEN 30001 AND 31000 AND id % 2 = 0});
	hybrid_same($node, "$what, more rows", 't', 'c');
	query('VACUUM t; SET omendb.row_group_rows = 100; VACUUM FULL t; VACUUM t');
	hybrid_same($node, "$what, rewritten", 't', 'c');
	hybrid_clean($node, "$what, rewritten", 't');
	return;
}

# where, whether all pages of a group are there, so that the next load finds room without growing the file
my @load_points = (
	[ 'hybrid_flush', 0 ], [ 'hybrid_reserved', 0 ], [ 'hybrid_page_added', 0 ],
	[ 'hybrid_pages_written', 1 ], [ 'hybrid_published', 1 ]);

sub load_until
{
	my ($action, $point, $whole) = @_;
	my $what = "$mode: $action at $point in COPY";

	make_tables();
	strike($what, $point, $action, "SET omendb.stop_points = '$point=$action'; SELECT load('t', 10001, 10350)");
	my $size = query(q{SELECT pg_relation_size('t')});
	aftermath($what, 2);
	if ($whole)
	{
		cmp_ok(hybrid_groups($node, 't', 'free', 'pages'), '>', 3, "$what: VACUUM has freed pages");
		query(q{SET omendb.row_group_rows = 100; SELECT load('t', 10001, 10100), load('c', 10001, 10100)});
		is(query(q{SELECT pg_relation_size('t')}), $size, "$what: the next load takes them");
		hybrid_same($node, "$what, loaded again", 't', 'c');
		hybrid_clean($node, "$what, loaded again", 't');
	}
	go_on($what);
	return;
}

# Heap extends the file into the blocks that were reserved, before anybody has freed them.
sub reserved_become_hot
{
	my ($action, $point) = @_;
	my $what = "$mode: $action at $point, then INSERT";

	make_tables();
	strike($what, $point, $action, "SET omendb.stop_points = '$point=$action'; SELECT load('t', 10001, 10350)");
	query($_) for map { "INSERT INTO $_ SELECT * FROM hybrid_rows(40001, 40500)" } 't', 'c';
	hybrid_same($node, $what, 't', 'c');
	aftermath($what, 2);
	go_on($what);
	return;
}

# Earlier groups of the same transaction go too; those of one that committed stay.
sub later_load_until
{
	my ($action, $point) = @_;
	my $what = "$mode: $action at $point in a later COPY";

	make_tables();
	strike($what, $point, $action, "SELECT load('t', 5001, 5250); SELECT load('c', 5001, 5250);
		BEGIN; SELECT load('t', 9001, 9250); SAVEPOINT a; INSERT INTO t SELECT * FROM hybrid_rows(9251, 9260);
		SET omendb.stop_points = '$point=$action'; SELECT load('t', 10001, 10350); COMMIT");
	aftermath($what, 4);
	go_on($what);
	return;
}

# Cold rows changed in all ways, so that they have headers.
sub change_cold
{
	query(qq{UPDATE $_ SET k = k + 2000 WHERE id BETWEEN 320 AND 420; DELETE FROM $_ WHERE id BETWEEN 430 AND 450}) for 't', 'c';
	query(q{SELECT count(*) FROM (SELECT FROM t WHERE id BETWEEN 460 AND 470 FOR UPDATE) s;
		BEGIN; DELETE FROM t WHERE id BETWEEN 470 AND 490; ROLLBACK});
	return;
}

# A rewrite leaves the table as it was.
sub rewrite_until
{
	my ($action, $point, $sql) = @_;
	my $what = "$mode: $action at $point in $sql";
	my $files = q{SELECT count(*) FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database WHERE datname = current_database()))};

	make_tables();
	query(q{CREATE INDEX t_id ON t USING alex (id); CREATE INDEX t_k ON t (k);
		DELETE FROM t WHERE id < 50; DELETE FROM c WHERE id < 50});
	change_cold();
	query('CHECKPOINT');
	my $before = query($files);
	strike($what, $point, $action, "SET omendb.stop_points = '$point=$action'; $sql");
	is(query("CHECKPOINT; $files"), $before, "$what: no file is left") if $action eq 'error';
	aftermath($what, 2);
	is(query(q{SELECT omendb.alex_check('t_id', true)}), '', "$what: the index");
	query("SET omendb.row_group_rows = 100; $sql");
	hybrid_same($node, "$what, done again", 't', 'c');
	hybrid_clean($node, "$what, done again", 't');
	is(query(q{SELECT omendb.alex_check('t_id', true)}), '', "$what, done again: the index");
	go_on($what);
	return;
}

# VACUUM ends between its steps: with committed groups to freeze, rolled back ones to free, and dead hot rows.
sub vacuum_until
{
	my ($action, $point) = @_;
	my $what = "$mode: $action at $point in VACUUM";

	make_tables();
	query(q{SET omendb.row_group_rows = 100;
		BEGIN; SELECT load('t', 10001, 10350); ROLLBACK;
		INSERT INTO t SELECT * FROM hybrid_rows(40001, 40500); DELETE FROM t WHERE id BETWEEN 40001 AND 40400;
		INSERT INTO c SELECT * FROM hybrid_rows(40001, 40500); DELETE FROM c WHERE id BETWEEN 40001 AND 40400});
	change_cold();
	strike($what, $point, $action, "SET omendb.stop_points = '$point=$action'; VACUUM (FREEZE) t");
	aftermath($what, 2);
	cmp_ok(hybrid_groups($node, 't', 'free', 'pages'), '>', 3, "$what: pages of the rollback are free");
	go_on($what);
	return;
}

sub create_until
{
	my ($action, $point) = @_;
	my $what = "$mode: $action at $point in CREATE TABLE AS";

	make_tables();
	strike($what, $point, $action, "SET omendb.stop_points = '$point=$action';
		CREATE TABLE made USING omendb AS SELECT * FROM hybrid_rows(1, 350)");
	is(query(q{SELECT count(*) FROM pg_class WHERE relname = 'made'}), 0, "$what: no table");
	query(q{SET omendb.row_group_rows = 100; CREATE TABLE made USING omendb AS SELECT * FROM c});
	hybrid_same($node, "$what, done again", 'made', 'c');
	hybrid_clean($node, "$what, done again", 'made');
	return;
}

# What was committed is there after a crash, what was prepared can still be committed or not.
sub prepared
{
	make_tables();
	query(q{SET omendb.row_group_rows = 100;
		BEGIN; SELECT load('t', 1001, 1250); PREPARE TRANSACTION 'yes';
		BEGIN; SELECT load('t', 2001, 2250); SAVEPOINT a; SELECT load('t', 2501, 2750); ROLLBACK TO a; PREPARE TRANSACTION 'no';
		BEGIN; SELECT load('t', 3001, 3250); SELECT load('c', 3001, 3250); SAVEPOINT a;
			SELECT load('t', 4001, 4250); SELECT load('c', 4001, 4250); RELEASE a;
			SAVEPOINT b; SELECT load('t', 5001, 5250); ROLLBACK TO b; COMMIT;
		VACUUM t});
	hybrid_same($node, "$mode: prepared transactions", 't', 'c');
	$node->stop('immediate');
	$node->start;
	hybrid_same($node, "$mode: prepared transactions, after a crash", 't', 'c');
	hybrid_clean($node, "$mode: prepared transactions, after a crash", 't');
	# their groups are not VACUUM's
	query('VACUUM t');
	query(q{SET omendb.row_group_rows = 100; SELECT load('t', 6001, 6250), load('c', 6001, 6250)});
	query(q{COMMIT PREPARED 'yes'; ROLLBACK PREPARED 'no'});
	query(q{SELECT load('c', 1001, 1250)});
	hybrid_same($node, "$mode: prepared transactions committed", 't', 'c');
	query('VACUUM t');
	hybrid_same($node, "$mode: prepared transactions committed, vacuumed", 't', 'c');
	hybrid_clean($node, "$mode: prepared transactions committed, vacuumed", 't');
	go_on("$mode: prepared transactions");
	return;
}

# Unlogged and temporary tables go through the same points; the former are empty after a crash.
sub unlogged
{
	make_tables();
	query(q{DROP TABLE IF EXISTS u; CREATE UNLOGGED TABLE u (id bigint, k int, v text) USING omendb;
		SET omendb.row_group_rows = 100; SELECT load('u', 1, 550); INSERT INTO u SELECT * FROM hybrid_rows(551, 600)});
	is(query('SELECT count(*) FROM u'), 600, "$mode: unlogged table");
	hybrid_clean($node, "$mode: unlogged table", 'u');
	$node->restart;
	is(query('SELECT count(*) FROM u'), 600, "$mode: unlogged table after a restart");
	strike("$mode: unlogged table", 'hybrid_published', 'crash',
		q{SET omendb.stop_points = 'hybrid_published=crash'; SELECT load('u', 1001, 1350)});
	is(query('SELECT count(*) FROM u'), 0, "$mode: unlogged table after a crash");
	hybrid_clean($node, "$mode: unlogged table after a crash", 'u');
	query(q{SET omendb.row_group_rows = 100; SELECT load('u', 1, 550); INSERT INTO u SELECT * FROM hybrid_rows(551, 600); VACUUM u});
	is(query('SELECT count(*), count(DISTINCT id) FROM u'), '600|600', "$mode: unlogged table, filled again");
	hybrid_clean($node, "$mode: unlogged table, filled again", 'u');
	return;
}

for (modes())
{
	$mode = $_;
	note("---- $mode");
	$node = new_node("hybrid_crash_$mode", $mode);
	# full page images would do redo's work for it
	$node->append_conf('postgresql.conf', <<'CONF');
restart_after_crash = on
full_page_writes = off
wal_consistency_checking = 'all'
max_prepared_transactions = 5
fsync = off
CONF
	$node->start;
	install_hybrid($node);
	for my $action ('crash', 'error')
	{
		load_until($action, @$_) for @load_points;
		reserved_become_hot($action, $_) for 'hybrid_reserved', 'hybrid_page_added';
		later_load_until($action, $_) for 'hybrid_page_added', 'hybrid_published';
		rewrite_until($action, $_, 'VACUUM FULL t') for 'hybrid_page_added', 'hybrid_rewrite_groups';
		rewrite_until($action, 'hybrid_pages_written', 'CLUSTER t USING t_k');
		# a rewrite that changes no row
		rewrite_until($action, 'hybrid_published', 'ALTER TABLE t ALTER k TYPE int USING k + 0');
		create_until($action, 'hybrid_published');
		vacuum_until($action, $_) for 'hybrid_vacuum_directory', 'hybrid_vacuum_heap';
	}
	prepared();
	unlogged();
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|inconsistent page found/, "$mode: no complaint in the server's log");
	$node->stop;
}
done_testing();
