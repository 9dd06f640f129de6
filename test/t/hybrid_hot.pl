# Hot rows.  Index builds and ANALYZE make of them what heap's do: versions that older snapshots may need, HOT chains,
# rows of the transaction itself.  And headers of cold rows in hot pages are rows to nobody: a tuple gets the header's flag
# in the file of a stopped server, and is gone, whoever looks.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $mode = (modes())[0];
my ($major) = `pg_config --version` =~ /(\d+)/;
# with checksums, which 18 has by default, the server itself would refuse the pages
my $node = new_node('hybrid_hot', $mode, $major >= 18 ? (extra => ['--no-data-checksums']) : ());

sub query { return $node->safe_psql('postgres', shift); }

$node->append_conf('postgresql.conf', "max_prepared_transactions = 2\nautovacuum = off\n");
$node->start;
install_hybrid($node);

# ---- as heap ----

# what to ask of a table %T afterwards, of ours and of a heap table
my $answers = <<'SQL';
SET enable_seqscan = off; SET enable_bitmapscan = off;
SELECT reltuples FROM pg_class WHERE oid = '%T'::regclass;
SELECT c.relname ~ 'unique', i.indcheckxmin, c.reltuples FROM pg_index i JOIN pg_class c ON c.oid = indexrelid WHERE indrelid = '%T'::regclass ORDER BY 1, 2, 3;
SELECT id, k FROM %T WHERE id BETWEEN -10 AND 10000 ORDER BY id;
SELECT count(*), sum(id) FROM %T WHERE k > 50;
SQL
my @builds = (
	[ 'CREATE INDEX', 'CREATE INDEX ON %T (id); CREATE UNIQUE INDEX %T_unique ON %T (id, k); CREATE INDEX ON %T (k) WHERE k > 50' ],
	[ 'ANALYZE', 'ANALYZE %T; CREATE INDEX ON %T (id); CREATE INDEX ON %T (k)' ],
	[ 'CONCURRENTLY', 'CREATE INDEX CONCURRENTLY ON %T (id); CREATE UNIQUE INDEX CONCURRENTLY %T_unique ON %T (id, k); CREATE INDEX ON %T (k)' ],
	[ 'REINDEX', 'CREATE INDEX ON %T (id); CREATE INDEX ON %T (k); UPDATE %T SET v = v WHERE id % 3 = 0; REINDEX TABLE %T; REINDEX TABLE CONCURRENTLY %T' ],
	[ 'in parallel', 'SET min_parallel_table_scan_size = 0; SET max_parallel_maintenance_workers = 2; ALTER TABLE %T SET (parallel_workers = 2);
		CREATE INDEX ON %T (id); CREATE INDEX ON %T (k)' ]);
my @histories = (
	[ 'HOT chains', 'UPDATE %T SET k = k + 1 WHERE id % 5 = 0; UPDATE %T SET k = k + 1 WHERE id % 10 = 0' ],
	[ 'deleted rows', 'DELETE FROM %T WHERE id % 4 = 0; UPDATE %T SET k = k + 1 WHERE id % 6 = 1' ],
	[ 'aborted ones', 'BEGIN; UPDATE %T SET k = k + 1 WHERE id % 3 = 0; INSERT INTO %T VALUES (7, 7); ROLLBACK' ]);

my $n = 0;
for my $old (0, 1)
{
	for my $history (@histories)
	{
		for my $build (@builds)
		{
			# it would wait for the older transaction
			next if $old && $build->[1] =~ /CONCURRENTLY/;
			my %found;

			for my $am ('omendb', 'heap')
			{
				my $t = "${am}_" . $n++;
				query("CREATE TABLE $t (id int, k int, v text) USING $am WITH (fillfactor = 60, autovacuum_enabled = off);
					INSERT INTO $t SELECT i, i % 97, repeat('x', i % 50) FROM generate_series(1, 1000) i");
				query("BEGIN; CREATE TABLE x$n (i int); PREPARE TRANSACTION 'old'") if $old && $am eq 'omendb';
				for my $script ($history->[1], split /;\s*(?=CREATE [A-Z ]*CONCURRENTLY|CREATE INDEX ON %T \(k\)$|REINDEX)/, $build->[1])
				{
					query($script =~ s/%T/$t/gr);
				}
				$found{$am} = query($answers =~ s/%T/$t/gr);
			}
			query("ROLLBACK PREPARED 'old'") if $old;
			is($found{omendb}, $found{heap}, "$build->[0] of $history->[0]" . ($old ? ' that an older transaction may need' : ''));
			like($found{omendb}, qr/^[tf]\|t\|\d+$/m, 'which must not use the index') if $old && $history->[0] eq 'HOT chains';
		}
	}
}

# in the transaction itself
for my $script (
	'INSERT INTO %T SELECT i, i FROM generate_series(2001, 2100) i; DELETE FROM %T WHERE id % 7 = 0; ANALYZE %T; CREATE INDEX ON %T (id); CREATE INDEX ON %T (k)',
	'UPDATE %T SET k = -k WHERE id % 2 = 0; SAVEPOINT a; UPDATE %T SET k = k + 1 WHERE id % 3 = 0; DELETE FROM %T WHERE id % 7 = 0; ROLLBACK TO a;
		CREATE INDEX ON %T (id); CREATE INDEX ON %T (k); UPDATE %T SET k = k - 1',
	'SAVEPOINT a; INSERT INTO %T SELECT i, i FROM generate_series(1, 100) i; ROLLBACK TO a; CREATE UNIQUE INDEX %T_unique ON %T (id); ANALYZE %T; CREATE INDEX ON %T (k)')
{
	my %found;

	for my $am ('omendb', 'heap')
	{
		my $t = "${am}_" . $n++;

		query("CREATE TABLE $t (id int, k int, v text) USING $am WITH (fillfactor = 60);
			INSERT INTO $t SELECT i, i % 97, repeat('x', i % 50) FROM generate_series(1, 1000) i");
		query('BEGIN; ' . $script =~ s/%T/$t/gr . '; COMMIT');
		$found{$am} = query($answers =~ s/%T/$t/gr);
	}
	is($found{omendb}, $found{heap}, 'in one transaction: ' . substr($script, 0, 30));
}

# ---- headers ----

# 'hot' and 'visible' have hot pages only, and those of the latter are all-visible; 'cold' has row groups, too
my @tables = qw(hot visible cold);
my %bad;	# ctids of those that will be flagged

query('CREATE TABLE control (id bigint, k int, v text); INSERT INTO control SELECT i, i + 1, i::text FROM generate_series(1, 900) i');
query('ALTER DATABASE postgres SET omendb.row_group_rows = 100');
for my $t (@tables)
{
	my $first = 1;

	query("CREATE TABLE $t (id bigint, k int, v text) USING omendb WITH (autovacuum_enabled = off)");
	if ($t eq 'cold')
	{
		my $file = PostgreSQL::Test::Utils::tempdir() . '/rows';
		query("COPY (SELECT * FROM control WHERE id <= 200) TO '$file'; COPY cold FROM '$file'");
		$first = 201;
	}
	# no columns of theirs will do for an index: k = 0, and every v is there twice
	query("INSERT INTO $t SELECT * FROM control WHERE id BETWEEN $first AND 500;
		INSERT INTO $t SELECT -i, 0, (i + 500)::text FROM generate_series(1, 300) i;
		INSERT INTO $t SELECT * FROM control WHERE id > 500;
		CREATE UNIQUE INDEX ${t}_id ON $t (id); CREATE INDEX ${t}_alex ON $t USING alex (id)");
	# a version that has a newer one
	query("UPDATE $t SET id = -1000, v = 'next' WHERE id = -1; DELETE FROM $t WHERE id = -1000") if $t eq 'hot';
	query("VACUUM (FREEZE) $t") if $t eq 'visible';
	$bad{$t} = [ split /\n/, query("SELECT ctid FROM $t WHERE id < 0") ];
}

my %path = map { $_ => $node->data_dir . '/' . query("SELECT pg_relation_filepath('$_')") } @tables;
$node->stop;
for my $t (@tables)
{
	my $bytes = slurp_bytes($path{$t});

	for my $tid (@{ $bad{$t} })
	{
		my ($block, $offset) = $tid =~ /\((\d+),(\d+)\)/;
		# line pointer: 15 bits of offset
		my $at = 8192 * $block + (unpack('V', substr($bytes, 8192 * $block + 24 + 4 * ($offset - 1), 4)) & 0x7FFF) + 18;

		substr($bytes, $at, 2) = pack('v', unpack('v', substr($bytes, $at, 2)) | 0x1000);
	}
	write_bytes($path{$t}, $bytes);
}
$node->start;

for my $t (@tables)
{
	my $tid = $bad{$t}[7];
	my @others = ("SET enable_seqscan = off;", "SET enable_seqscan = off; SET enable_bitmapscan = off;", "SET enable_seqscan = off; SET enable_indexscan = off;");

	is(scalar @{ $bad{$t} }, $t eq 'hot' ? 299 : 300, "$t: there are headers");
	hybrid_same($node, 'scan', $t, 'control');
	is(query("SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SELECT count(v) FROM $t"), 900, "$t: parallel scan");
	is(query("SET enable_indexonlyscan = off; $_ SELECT count(v) FROM $t WHERE id < 0"), 0, "$t: none by index: $_") for @others;
	is(query("SET enable_indexonlyscan = off; $_ SELECT v FROM $t WHERE id = -8"), '', "$t: not by its key: $_") for @others;
	is(query("SELECT count(*) FROM $t TABLESAMPLE $_ (100)"), 900, "$t: sample $_") for 'system', 'bernoulli';
	is(query("SELECT * FROM $t WHERE ctid = '$tid'"), '', "$t: not by ctid");
	is(query("SELECT count(*) FROM $t WHERE ctid >= '(0,0)' AND ctid < '(100000,1)'"), query("SELECT count(*) FROM $t WHERE id > " . ($t eq 'cold' ? 200 : 0)),
		"$t: not by a range of ctid");
	is(query("SELECT currtid2('$t', '$tid')"), $tid, "$t: no newer version");
	is(query("INSERT INTO $t VALUES (-8, 1) ON CONFLICT (id) DO NOTHING RETURNING id; DELETE FROM $t WHERE id = -8 RETURNING id"), "-8\n-8", "$t: no conflict");
	is(query("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(v) FROM $t; COMMIT"), 900, "$t: serializable");

	query("ANALYZE $t");
	is(query("SELECT reltuples FROM pg_class WHERE relname = '$t'"), 900, "$t: ANALYZE does not count them");
	is(query("SELECT histogram_bounds::text::int[][1], null_frac FROM pg_stats WHERE tablename = '$t' AND attname = 'id'"), query('ANALYZE control; ' .
			"SELECT histogram_bounds::text::int[][1], null_frac FROM pg_stats WHERE tablename = 'control' AND attname = 'id'"), "$t: nor sample them");

	# an index with all entries that it is to have
	my $built = sub {
		my ($what, $statement, $column) = @_;

		query($statement);
		is(query("SELECT reltuples FROM pg_class WHERE oid = '${t}_new'::regclass"), 900, "$t: $what counts rows") if $what !~ /CONCURRENTLY/;
		query("VACUUM $t");
		is(query("SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(*), count(DISTINCT $column) FROM $t WHERE $column IS NOT NULL"), '900|900', "$t: $what");
		query("DROP INDEX IF EXISTS ${t}_new");
		return;
	};
	for my $concurrently ('', ' CONCURRENTLY')
	{
		$built->("CREATE INDEX$concurrently", "CREATE INDEX$concurrently ${t}_new ON $t (k)", 'k');
		$built->("CREATE INDEX$concurrently, alex", "CREATE INDEX$concurrently ${t}_new ON $t USING alex (k)", 'k');
		$built->("CREATE INDEX$concurrently, unique", "CREATE UNIQUE INDEX$concurrently ${t}_new ON $t (v)", 'v');
		$built->("CREATE INDEX$concurrently, expression", "CREATE INDEX$concurrently ${t}_new ON $t ((1000000 / k), k) INCLUDE (v)", 'k');
		$built->("CREATE INDEX$concurrently, predicate", "CREATE INDEX$concurrently ${t}_new ON $t (v) WHERE 1 / k < 2", 'v') if !$concurrently;
		query("REINDEX TABLE$concurrently $t");
		is(query("SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(*), min(id) FROM $t WHERE id IS NOT NULL"), '900|1', "$t: REINDEX$concurrently");
	}
	$built->('parallel build', "SET min_parallel_table_scan_size = 0; ALTER TABLE $t SET (parallel_workers = 2); CREATE INDEX ${t}_new ON $t (k)", 'k');
	query("ALTER TABLE $t ADD CONSTRAINT ${t}_x EXCLUDE USING btree (v WITH =), ADD CHECK (k > 0)");
	pass("$t: constraints");

	query("VACUUM $t");
	# tables without row groups leave that to heap, and have no headers
	is(query("SELECT reltuples FROM pg_class WHERE relname = '$t'"), 900, "$t: VACUUM does not count them") if $t eq 'cold';
	is(query("BEGIN; UPDATE $t SET k = k + 1 WHERE ctid < '(100000,0)' RETURNING id < 0; DELETE FROM $t WHERE ctid < '(100000,0)' RETURNING id < 0; ROLLBACK") =~ /t/, '',
		"$t: neither updated nor deleted");
	hybrid_same($node, 'in the end', $t, 'control');
	hybrid_clean($node, 'in the end', $t);
}

$node->stop;
done_testing();
