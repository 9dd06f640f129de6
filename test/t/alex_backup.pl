# Base backups taken while writes go on, recovery to a point in time, dump and restore.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @indexes = qw(t_id t_r t_ts p1_k_idx part_expr);

sub sums
{
	my ($node) = @_;
	return $node->safe_psql('postgres', q{SELECT (SELECT (count(*), sum(id), sum(r % 1000)) FROM t),
		(SELECT (count(*), sum(id)) FROM p)});
}

sub whole
{
	my ($node, $what) = @_;

	clean($node, $what, @indexes);
	agrees($node, $what, 't', qw(id r ts));
	agrees($node, $what, 'p1', 'k');
	return;
}

sub backup
{
	my ($mode) = @_;
	my $node = new_node("origin_$mode", $mode, allows_streaming => 1, has_archiving => 1);

	$node->start;
	install($node);
	$node->safe_psql('postgres', q{
		CREATE TABLE t (id bigint, r bigint, ts timestamptz);
		INSERT INTO t SELECT i, hashint8extended(i, 0), CASE WHEN i % 7 > 0 THEN '2024-01-01'::timestamptz + i / 50 * interval '1 h' END
			FROM generate_series(1, 10000) i;
		CREATE INDEX t_id ON t USING alex (id) WITH (fillfactor = 70, leaf_entries = 512);
		CREATE INDEX t_r ON t USING alex (r DESC NULLS LAST) WITH (leaf_entries = 256);
		CREATE INDEX t_ts ON t USING alex (ts NULLS FIRST);
		CREATE INDEX part_expr ON t USING alex ((id + 1) DESC) WITH (fillfactor = 55) WHERE r > 0;
		CREATE TABLE p (id bigint, k int) PARTITION BY RANGE (id);
		CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (5000);
		CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (5000) TO (100000);
		CREATE INDEX p_k ON p USING alex (k) WITH (leaf_entries = 300);
		INSERT INTO p SELECT i, i % 100 FROM generate_series(1, 8000) i;
		CREATE PROCEDURE load() LANGUAGE plpgsql AS $$
		BEGIN
			FOR i IN 1 .. 100 LOOP
				INSERT INTO t SELECT 20000 + i * 100 + j, hashint8extended(i * 100 + j, 5), now() FROM generate_series(1, 100) j;
				DELETE FROM t WHERE id % 101 = i;
				COMMIT;
			END LOOP;
		END $$});
	whole($node, "$mode: before");

	# the load runs while the backup is taken
	my $load = $node->background_psql('postgres');
	$load->query_until(qr/started/, "\\echo started\nCALL load();\nVACUUM (INDEX_CLEANUP ON) t;\n");
	$node->backup('online');
	$load->quit;
	my $point = $node->safe_psql('postgres', 'SELECT pg_create_restore_point(\'there\')') && sums($node);
	$node->safe_psql('postgres', q{
		INSERT INTO t SELECT 90000 + i, i, now() FROM generate_series(1, 5000) i;
		DELETE FROM t WHERE id < 3000; VACUUM (INDEX_CLEANUP ON) t; REINDEX INDEX t_r; TRUNCATE p;
		SELECT pg_switch_wal()});
	my $end = sums($node);
	isnt($end, $point, "$mode: more has happened since the restore point");

	# all of the WAL
	my $copy = PostgreSQL::Test::Cluster->new("copy_$mode");
	$copy->init_from_backup($node, 'online', has_restoring => 1, standby => 0);
	$copy->start;
	$copy->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery does not end';
	is(sums($copy), $end, "$mode: a base backup and all of the WAL");
	whole($copy, "$mode: base backup");
	$copy->safe_psql('postgres', 'INSERT INTO t SELECT id + 200000, r + 1, ts FROM t WHERE id % 3 = 0');
	whole($copy, "$mode: base backup, written to");
	$copy->stop;

	# to the restore point
	my $pitr = PostgreSQL::Test::Cluster->new("pitr_$mode");
	$pitr->init_from_backup($node, 'online', has_restoring => 1, standby => 0);
	$pitr->append_conf('postgresql.conf', "recovery_target_name = 'there'\nrecovery_target_action = 'promote'");
	$pitr->start;
	$pitr->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery does not end';
	is(sums($pitr), $point, "$mode: recovery to a restore point");
	whole($pitr, "$mode: restore point");
	$pitr->safe_psql('postgres', 'INSERT INTO t SELECT id + 200000, r + 1, ts FROM t WHERE id % 3 = 0');
	whole($pitr, "$mode: restore point, written to");

	# dump and restore, there: definitions and options are the same
	my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
	my $definitions = q{SELECT string_agg(pg_get_indexdef(indexrelid), E'\n' ORDER BY indexrelid::regclass::text)
		FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam WHERE amname = 'alex'};
	$pitr->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $pitr->connstr('postgres') ], "$mode: dump");
	$pitr->safe_psql('postgres', 'CREATE DATABASE restored');
	$pitr->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $pitr->connstr('restored'), $dump ],
		"$mode: restore");
	my $before = $pitr->safe_psql('postgres', $definitions);
	like($before, qr/USING alex \(id\) WITH \(fillfactor='?70'?, leaf_entries='?512'?\)/, "$mode: options are in it");
	is($pitr->safe_psql('restored', $definitions), $before, "$mode: the same indexes");
	for my $index (@indexes)
	{
		is($pitr->safe_psql('restored', "SELECT omendb.alex_check('$index', true)"), '', "$mode: restored: $index");
	}
	is($pitr->safe_psql('restored', "SELECT differs('t', 'r')"), '', "$mode: restored: answers");
	$pitr->stop;
	$node->stop;
	return;
}

backup($_) for modes();
done_testing();
