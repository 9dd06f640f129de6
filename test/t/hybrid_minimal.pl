# wal_level = minimal: files made in the transaction that fills them are not logged but synced or logged
# whole at commit.  What was committed is there after kill -9.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node;

sub query { return $node->safe_psql('postgres', shift); }

# for a table and its control; the tables have hot and cold rows before
my @transactions = (
	[ 'TRUNCATE, COPY', q{BEGIN; TRUNCATE %T; SELECT load('%T', 1001, 1350); COMMIT} ],
	[ 'TRUNCATE, COPY of less than a group', q{BEGIN; TRUNCATE %T; SELECT load('%T', 1001, 1050); COMMIT} ],
	[ 'TRUNCATE, nothing', q{BEGIN; TRUNCATE %T; COMMIT} ],
	[ 'COPY, TRUNCATE, COPY', q{BEGIN; SELECT load('%T', 1, 250); TRUNCATE %T; SELECT load('%T', 1001, 1350); COMMIT} ],
	[ 'TRUNCATE, COPY, hot rows', q{BEGIN; TRUNCATE %T; SELECT load('%T', 1001, 1350); INSERT INTO %T SELECT * FROM hybrid_rows(2001, 2300);
		UPDATE %T SET k = -k WHERE id > 2100; DELETE FROM %T WHERE id > 2200; SELECT load('%T', 3001, 3250); COMMIT} ],
	[ 'CREATE, COPY', q{BEGIN; DROP TABLE %T; CREATE TABLE %T (id bigint, k int, v text) USING %A; SELECT load('%T', 1001, 1350); COMMIT} ],
	[ 'CREATE TABLE AS', q{BEGIN; DROP TABLE %T; CREATE TABLE %T USING %A AS SELECT * FROM hybrid_rows(1, 350); COMMIT} ],
	[ 'CREATE TABLE AS, index', q{BEGIN; DROP TABLE %T; CREATE TABLE %T USING %A AS SELECT * FROM hybrid_rows(1, 350);
		CREATE INDEX ON %T (id); INSERT INTO %T SELECT * FROM hybrid_rows(400, 500); COMMIT} ],
	[ 'rolled back', q{BEGIN; TRUNCATE %T; SELECT load('%T', 1001, 1350); ROLLBACK} ],
	[ 'CREATE, rolled back', q{BEGIN; DROP TABLE %T; CREATE TABLE %T (id bigint, k int, v text) USING %A; SELECT load('%T', 1001, 1350); ROLLBACK} ],
	# cold rows that the transaction has made, or that were there
	[ 'TRUNCATE, COPY, changed', q{BEGIN; TRUNCATE %T; SELECT load('%T', 1001, 1350); UPDATE %T SET k = -k WHERE id < 1100;
		SAVEPOINT a; DELETE FROM %T WHERE id < 1200; ROLLBACK TO a; DELETE FROM %T WHERE id > 1250; COMMIT} ],
	[ 'SAVEPOINT, TRUNCATE, COPY, changed, ROLLBACK TO', q{BEGIN; SAVEPOINT a; TRUNCATE %T; SELECT load('%T', 1001, 1350);
		UPDATE %T SET k = -k WHERE id < 1100; ROLLBACK TO a; UPDATE %T SET v = id WHERE id < 50; COMMIT} ],
	[ 'changed', q{UPDATE %T SET k = -k WHERE id < 30; DELETE FROM %T WHERE id BETWEEN 20 AND 60; SELECT FROM %T WHERE id > 70 FOR UPDATE} ],
	[ 'changed, rolled back', q{BEGIN; UPDATE %T SET k = -k; DELETE FROM %T WHERE id < 60; ROLLBACK} ],
	[ 'changed, VACUUM FULL', q{UPDATE %T SET k = -k WHERE id < 30; DELETE FROM %T WHERE id BETWEEN 20 AND 60; VACUUM FULL %T} ],
	# subtransactions
	[ 'SAVEPOINT, TRUNCATE, COPY, RELEASE', q{BEGIN; SAVEPOINT a; TRUNCATE %T; SELECT load('%T', 1001, 1350); RELEASE a; COMMIT} ],
	[ 'TRUNCATE, SAVEPOINT, COPY, RELEASE', q{BEGIN; TRUNCATE %T; SAVEPOINT a; SELECT load('%T', 1001, 1350); RELEASE a;
		SELECT load('%T', 2001, 2250); COMMIT} ],
	[ 'TRUNCATE, COPY, SAVEPOINT, COPY, ROLLBACK TO', q{BEGIN; TRUNCATE %T; SELECT load('%T', 1001, 1350); SAVEPOINT a; SELECT load('%T', 2001, 2350);
		ROLLBACK TO a; SELECT load('%T', 3001, 3250); COMMIT} ],
	[ 'SAVEPOINT, TRUNCATE, COPY, ROLLBACK TO', q{BEGIN; SELECT load('%T', 4001, 4250); SAVEPOINT a; TRUNCATE %T; SELECT load('%T', 2001, 2350);
		ROLLBACK TO a; SELECT load('%T', 3001, 3250); COMMIT} ],
	[ 'TRUNCATE, COPY, SAVEPOINT, TRUNCATE, COPY, ROLLBACK TO', q{BEGIN; TRUNCATE %T; SELECT load('%T', 1001, 1350); SAVEPOINT a; TRUNCATE %T;
		SELECT load('%T', 2001, 2350); ROLLBACK TO a; COMMIT} ],
	[ 'nested', q{BEGIN; SAVEPOINT a; TRUNCATE %T; SAVEPOINT b; SELECT load('%T', 1001, 1350); RELEASE b; SAVEPOINT c; SELECT load('%T', 2001, 2350);
		ROLLBACK TO c; RELEASE a; SELECT load('%T', 3001, 3350); COMMIT} ],
	# rewrites
	[ 'VACUUM FULL', q{VACUUM FULL %T} ],
	[ 'ALTER TYPE', q{BEGIN; ALTER TABLE %T ALTER id TYPE numeric; ALTER TABLE %T ALTER id TYPE bigint; SELECT load('%T', 1001, 1350); COMMIT} ],
	[ 'ALTER TYPE, rolled back', q{BEGIN; ALTER TABLE %T ALTER id TYPE numeric; SELECT load('%T', 1001, 1350); ROLLBACK} ],
	[ 'CLUSTER', q{CREATE INDEX %T_k ON %T (k); CLUSTER %T USING %T_k; DROP INDEX %T_k} ],
	[ 'COPY FREEZE', q{BEGIN; TRUNCATE %T; COPY %T FROM :'file' (FREEZE); COMMIT} ],
	# that are logged
	[ 'COPY', q{SELECT load('%T', 1001, 1350)} ],
	[ 'INSERT', q{INSERT INTO %T SELECT * FROM hybrid_rows(2001, 2300); DELETE FROM %T WHERE id > 2200} ],
	[ 'prepared', q{BEGIN; TRUNCATE %T; SELECT load('%T', 1001, 1350); PREPARE TRANSACTION 'p_%T'; COMMIT PREPARED 'p_%T'} ]);

sub minimal
{
	my ($mode, $threshold) = @_;
	my $n = 0;
	my $what = "$mode, wal_skip_threshold = $threshold";
	my $file = PostgreSQL::Test::Utils::tempdir() . '/rows';

	$node = new_node("hybrid_minimal_${mode}_" . lc $threshold, $mode);
	$node->append_conf('postgresql.conf', <<"CONF");
wal_level = minimal
max_wal_senders = 0
wal_skip_threshold = '$threshold'
max_prepared_transactions = 5
CONF
	$node->start;
	install_hybrid($node);
	query('ALTER DATABASE postgres SET omendb.row_group_rows = 100');
	query("COPY (SELECT * FROM hybrid_rows(1001, 1350)) TO '$file'");
	is(query('SHOW wal_level'), 'minimal', "$what: wal_level");

	for my $t (@transactions)
	{
		my ($name, $sql) = @$t;

		$n++;
		for my $side ([ "t$n", 'omendb' ], [ "c$n", 'heap' ])
		{
			my ($table, $am) = @$side;
			(my $statements = $sql) =~ s/%T/$table/g;
			$statements =~ s/%A/$am/g;
			$statements =~ s/:'file'/'$file'/g;
			query("CREATE TABLE $table (id bigint, k int, v text) USING $am; SELECT load('$table', 1, 150);
				INSERT INTO $table SELECT * FROM hybrid_rows(151, 200)");
			query('CHECKPOINT') if $n % 4 == 0 && $am eq 'omendb';
			query($statements);
		}
	}
	# one crash for all, then more work, and another one
	for my $round ('crashed', 'written to and crashed again')
	{
		kill_server($node);
		$node->start;
		for my $i (1 .. $n)
		{
			my $name = "$what: $transactions[ $i - 1 ][0], $round";
			hybrid_same($node, $name, "t$i", "c$i");
			hybrid_clean($node, $name, "t$i");
		}
		for my $i (1 .. $n)
		{
			query("SELECT load('$_', 8001, 8250); INSERT INTO $_ SELECT * FROM hybrid_rows(9001, 9050)") for "t$i", "c$i";
			query("UPDATE $_ SET k = k + 1 WHERE id % 20 = 3; DELETE FROM $_ WHERE id % 20 = 4 OR id % 100 = 3") for "t$i", "c$i";
			query("VACUUM t$i") if $i % 2 == 0;
		}
	}
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:/, "$what: no complaint in the server's log");
	$node->stop;
	return;
}

# the files are synced, or their pages are logged
for my $mode (modes())
{
	minimal($mode, $_) for '0', '1GB';
}
done_testing();
