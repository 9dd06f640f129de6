# Logical decoding reads heap's records: where it is on, COPY writes hot rows, and rewrites may still write cold ones.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($library) = `pg_config --pkglibdir` =~ /(\S+)/;
plan skip_all => 'there is no test_decoding' unless -e "$library/test_decoding.so";

my ($node, $subscriber);

sub query { return $node->safe_psql('postgres', shift); }

# what has been decoded since the last time: number of changes of each kind, and the sum of ids
sub decoded
{
	return query(q{SELECT string_agg(concat_ws(' ', kind, n, ids), ', ' ORDER BY kind) FROM (SELECT substring(data FROM 'table public\.t: (\w+)') AS kind,
		count(*) AS n, sum(substring(data FROM 'id\[bigint\]:(\d+)')::bigint) AS ids
		FROM pg_logical_slot_get_changes('slot', NULL, NULL, 'include-xids', '0', 'skip-empty-xacts', '1')
		WHERE data LIKE 'table public.t:%' GROUP BY 1) s});
}

sub cold { return query("SELECT coalesce(sum(rows), 0) FROM omendb.row_groups('" . shift . "') WHERE state = 'visible'"); }

sub start_server
{
	my ($name, $mode) = @_;
	my $server = new_node($name, $mode, allows_streaming => 'logical');

	$server->append_conf('postgresql.conf', "max_prepared_transactions = 5\n");
	$server->start;
	install_hybrid($server);
	$server->safe_psql('postgres', 'ALTER DATABASE postgres SET omendb.row_group_rows = 100');
	return $server;
}

sub decode
{
	my ($mode) = @_;

	query(q{CREATE TABLE t (id bigint, k int, v text) USING omendb; CREATE TABLE c (id bigint, k int, v text) USING heap;
		SELECT pg_create_logical_replication_slot('slot', 'test_decoding')});
	query(q{SELECT load('t', 1, 350), load('c', 1, 350)});
	is(cold('t'), 0, "$mode: COPY writes hot rows");
	is(decoded(), 'INSERT 350 ' . 350 * 351 / 2, "$mode: COPY is decoded");
	query(q{BEGIN; SELECT load('t', 1001, 1100); SAVEPOINT a; SELECT load('t', 2001, 2100); ROLLBACK TO a; COMMIT;
		SELECT load('c', 1001, 1100); BEGIN; SELECT load('t', 1, 100); ROLLBACK});
	is(decoded(), 'INSERT 100 ' . 100 * 2101 / 2, "$mode: so is what was not rolled back");

	# a rewrite has nothing to decode
	query('VACUUM FULL t');
	cmp_ok(cold('t'), '>=', 400, "$mode: VACUUM FULL writes groups");
	is(decoded(), '', "$mode: a rewrite is no change");
	hybrid_same($node, "$mode: after a rewrite", 't', 'c');
	query(q{INSERT INTO t SELECT * FROM hybrid_rows(3001, 3010); INSERT INTO c SELECT * FROM hybrid_rows(3001, 3010)});
	query(q{ALTER TABLE t REPLICA IDENTITY FULL; ALTER TABLE c REPLICA IDENTITY FULL;
		UPDATE t SET k = 7 WHERE id BETWEEN 3001 AND 3005; UPDATE c SET k = 7 WHERE id BETWEEN 3001 AND 3005;
		DELETE FROM t WHERE id = 3010; DELETE FROM c WHERE id = 3010});
	like(decoded(), qr/^DELETE 1 3010, INSERT 10 \d+, UPDATE 5 \d+$/, "$mode: hot rows are decoded");
	query(q{SELECT load('t', 4001, 4300), load('c', 4001, 4300)});
	is(decoded(), 'INSERT 300 ' . 300 * 8301 / 2, "$mode: COPY beside groups is decoded");
	query('CREATE INDEX t_id ON t USING alex (id); CLUSTER t USING t_id');
	is(decoded(), '', "$mode: CLUSTER is no change");
	hybrid_same($node, "$mode: after CLUSTER", 't', 'c');
	hybrid_clean($node, "$mode: after CLUSTER", 't');

	# a transaction that is decoded after the table has been rewritten
	query(q{DROP INDEX t_id; SELECT load('t', 5001, 5200), load('c', 5001, 5200)});
	query(q{ALTER TABLE t ALTER k TYPE bigint; ALTER TABLE c ALTER k TYPE bigint});
	like(decoded(), qr/^INSERT 200 \d+$/, "$mode: decoded after a rewrite");
	query(q{BEGIN; TRUNCATE t; TRUNCATE c; SELECT load('t', 1, 250), load('c', 1, 250); COMMIT});
	like(decoded(), qr/^INSERT 250 \d+, TRUNCATE 1$/, "$mode: TRUNCATE and COPY");
	hybrid_same($node, "$mode: in the end", 't', 'c');

	# tables that are not decoded may be cold: unlogged, temporary
	query(q{CREATE UNLOGGED TABLE u (id bigint, k int, v text) USING omendb; SELECT load('u', 1, 250)});
	is(query('SELECT count(*) FROM u'), 250, "$mode: unlogged");
	query(q{CREATE TABLE made USING omendb AS SELECT * FROM c});
	hybrid_same($node, "$mode: CREATE TABLE AS", 'made', 'c');
	query(q{SELECT pg_drop_replication_slot('slot')});
	return;
}

# a subscription between two omendb tables: its first copy is a COPY
sub subscribe
{
	my ($mode) = @_;

	$subscriber = start_server("hybrid_subscriber_$mode", $mode);
	query(q{DROP TABLE t; CREATE TABLE t (id bigint, k int, v text) USING omendb; CREATE PUBLICATION pub FOR TABLE t;
		SELECT load('t', 1, 350); VACUUM FULL t; INSERT INTO t SELECT * FROM hybrid_rows(351, 400)});
	cmp_ok(cold('t'), '>', 0, "$mode: the publisher has cold rows");
	$subscriber->safe_psql('postgres', q{CREATE TABLE t (id bigint, k int, v text) USING omendb});
	my $connection = sprintf 'host=%s port=%s dbname=postgres', $node->host, $node->port;
	$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION sub CONNECTION '$connection' PUBLICATION pub");
	$subscriber->wait_for_subscription_sync($node, 'sub');
	query(q{INSERT INTO t SELECT * FROM hybrid_rows(401, 500); SELECT load('t', 501, 750)});
	$node->wait_for_catchup('sub');
	my $sums = 'SELECT count(*), count(DISTINCT id), sum(id), sum(k), sum(length(v)) FROM t';
	is($subscriber->safe_psql('postgres', $sums), query($sums), "$mode: the subscriber has the rows");
	hybrid_clean($subscriber, "$mode: the subscriber", 't');
	$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION sub');
	$subscriber->stop;
	return;
}

for my $mode (modes())
{
	$node = start_server("hybrid_logical_$mode", $mode);
	decode($mode);
	subscribe($mode);
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:/, "$mode: no complaint in the server's log");
	$node->stop;
}
done_testing();
