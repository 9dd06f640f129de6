# Base backups taken while loads, rewrites and changes of cold rows go on, recovery to a point in time, dump and restore.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @tables = ([ 't', 'c' ], [ 'ti', 'ci' ]);

sub whole
{
	my ($node, $what) = @_;

	hybrid_same($node, $what, @$_) for @tables;
	hybrid_clean($node, $what, map { $_->[0] } @tables);
	is($node->safe_psql('postgres', q{SELECT omendb.alex_check('ti_id', true)}), '', "$what: the index");
	return;
}

sub write_to
{
	my ($node, $what) = @_;

	$node->safe_psql('postgres', q{VACUUM t, ti; SELECT load(t, 800001, 800350) FROM unnest('{t,c,ti,ci}'::text[]) t;
		INSERT INTO t SELECT * FROM hybrid_rows(900001, 900500); INSERT INTO c SELECT * FROM hybrid_rows(900001, 900500);
		SELECT change('t', 'c', 800003), change('ti', 'ci', 3), change('ti', 'ci', 3)});
	whole($node, "$what, changed");
	$node->safe_psql('postgres', q{
		VACUUM FULL t; VACUUM FULL ti});
	whole($node, "$what, written to");
	return;
}

sub backup
{
	my ($mode) = @_;
	my $node = new_node("hybrid_origin_$mode", $mode, allows_streaming => 1, has_archiving => 1);

	$node->start;
	install_hybrid($node);
	$node->safe_psql('postgres', q{
		ALTER DATABASE postgres SET omendb.row_group_rows = 100;
		CREATE TABLE t (id bigint, k int, v text) USING omendb; CREATE TABLE c (id bigint, k int, v text) USING heap;
		CREATE TABLE ti (id bigint, k int, v text) USING omendb; CREATE TABLE ci (id bigint, k int, v text) USING heap;
		CREATE INDEX ti_id ON ti USING alex (id);
		-- some rows from `a` on of a table and of its control
		CREATE FUNCTION change(t text, c text, a int) RETURNS void LANGUAGE plpgsql AS $$
		DECLARE
			x text;
		BEGIN
			FOREACH x IN ARRAY ARRAY[t, c] LOOP
				EXECUTE format('UPDATE %s SET k = k + 1, v = v || ''!'' WHERE id BETWEEN %s AND %2$s + 20', x, a);
				EXECUTE format('DELETE FROM %s WHERE id BETWEEN %s + 15 AND %2$s + 30', x, a);
				EXECUTE format('SELECT FROM %s WHERE id BETWEEN %s + 31 AND %2$s + 40 FOR UPDATE', x, a);
			END LOOP;
		END $$;
		CREATE PROCEDURE work() LANGUAGE plpgsql AS $$
		BEGIN
			FOR i IN 1 .. 40 LOOP
				PERFORM load('t', i * 1000, i * 1000 + 250), load('c', i * 1000, i * 1000 + 250);
				INSERT INTO ti SELECT * FROM hybrid_rows(i * 1000, i * 1000 + 120);
				INSERT INTO ci SELECT * FROM hybrid_rows(i * 1000, i * 1000 + 120);
				PERFORM change('t', 'c', i * 1000), change('ti', 'ci', i * 8);
				COMMIT;
				PERFORM load('t', 1, 300), change('t', 'c', i * 1000 + 50);
				ROLLBACK;
			END LOOP;
		END $$});
	$node->safe_psql('postgres', q{SELECT load(t, 1, 350) FROM unnest('{t,c,ti,ci}'::text[]) t; VACUUM FULL ti});
	cmp_ok(hybrid_groups($node, $_, 'visible'), '>=', 3, "$mode: groups of $_") for 't', 'ti';
	whole($node, "$mode: before");

	# the work goes on while the backup is taken
	my $work = $node->background_psql('postgres');
	$work->query_until(qr/started/, "\\echo started\nCALL work();\nVACUUM t;\nVACUUM FULL ti;\nCALL work();\n");
	$node->backup('online');
	$work->quit;
	my $sums = 'SELECT (SELECT (count(*), sum(id)) FROM t), (SELECT (count(*), sum(id)) FROM ti)';
	my $point = $node->safe_psql('postgres', q{SELECT pg_create_restore_point('there')}) && $node->safe_psql('postgres', $sums);
	$node->safe_psql('postgres', q{SELECT load('t', 100001, 100350), load('c', 100001, 100350); VACUUM FULL t;
		SELECT change('t', 'c', 100050);
		BEGIN; TRUNCATE ti, ci; SELECT load('ti', 1, 250), load('ci', 1, 250); COMMIT; CLUSTER ti USING ti_id; SELECT pg_switch_wal()});
	my $end = $node->safe_psql('postgres', $sums);
	isnt($end, $point, "$mode: more has happened since the restore point");

	# all of the WAL
	my $copy = PostgreSQL::Test::Cluster->new("hybrid_copy_$mode");
	$copy->init_from_backup($node, 'online', has_restoring => 1, standby => 0);
	$copy->start;
	$copy->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery does not end';
	is($copy->safe_psql('postgres', $sums), $end, "$mode: a base backup and all of the WAL");
	whole($copy, "$mode: base backup");
	write_to($copy, "$mode: base backup");
	$copy->stop;

	# to the restore point
	my $pitr = PostgreSQL::Test::Cluster->new("hybrid_pitr_$mode");
	$pitr->init_from_backup($node, 'online', has_restoring => 1, standby => 0);
	$pitr->append_conf('postgresql.conf', "recovery_target_name = 'there'\nrecovery_target_action = 'promote'");
	$pitr->start;
	$pitr->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery does not end';
	is($pitr->safe_psql('postgres', $sums), $point, "$mode: recovery to a restore point");
	whole($pitr, "$mode: restore point");
	write_to($pitr, "$mode: restore point");

	# dump and restore, there
	$pitr->safe_psql('postgres', q{
		CREATE MATERIALIZED VIEW m USING omendb AS SELECT id, k FROM t WHERE id < 5000;
		CREATE TABLE p (id bigint, k int, v text) PARTITION BY RANGE (id);
		CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (500) USING omendb;
		CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (500) TO (10000) USING heap;
		SELECT load('p', 1, 700)});
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $am = q{SELECT string_agg(relname || ' ' || coalesce(amname, ''), ', ' ORDER BY relname) FROM pg_class c LEFT JOIN pg_am a ON a.oid = relam
		WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace};
	$pitr->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/custom", '-d', $pitr->connstr('postgres') ], "$mode: dump");
	$pitr->command_ok([ 'pg_dump', '-f', "$dir/plain", '-d', $pitr->connstr('postgres') ], "$mode: plain dump");
	like(slurp_file("$dir/plain"), qr/SET default_table_access_method = omendb;.*CREATE TABLE public\.t /s, "$mode: the access method is in it");
	$pitr->safe_psql('postgres', "CREATE DATABASE $_; ALTER DATABASE $_ SET omendb.row_group_rows = 100") for 'custom', 'plain';
	$pitr->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $pitr->connstr('custom'), "$dir/custom" ], "$mode: restore");
	$pitr->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/out", '-d', $pitr->connstr('plain'), '-f', "$dir/plain" ], "$mode: plain restore");
	for my $database ('custom', 'plain')
	{
		is($pitr->safe_psql($database, $am), $pitr->safe_psql('postgres', $am), "$mode: restored $database: access methods");
		for my $pair (@tables, [ 'p', 'p' ], [ 'm', 'm' ])
		{
			my ($table, $control) = @$pair;
			my $sum = 'SELECT count(*), sum(hashtextextended(x::text, 0)::numeric) FROM';
			is($pitr->safe_psql($database, "$sum $table x"), $pitr->safe_psql('postgres', "$sum $control x"), "$mode: restored $database: $table");
		}
		for my $table (qw(t ti p1 m))
		{
			is($pitr->safe_psql($database, "SELECT * FROM omendb.check('$table')"), '', "$mode: restored $database: check of $table");
		}
		cmp_ok($pitr->safe_psql($database, q{SELECT count(*) FROM omendb.row_groups('t') WHERE state = 'visible'}), '>', 50,
			"$mode: restored $database: rows are cold");
		is($pitr->safe_psql($database, q{SELECT omendb.alex_check('ti_id', true)}), '', "$mode: restored $database: the index");
	}
	$pitr->stop;
	$node->stop;
	return;
}

backup($_) for modes();
done_testing();
