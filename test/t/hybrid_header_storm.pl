# Several sessions change, lock, remove and add rows by chance, while one freezes them all the time, tables are vacuumed, rewritten and
# indexed, and the server is killed (kill -9).
#
# Accounts are in an omendb table, acct; transfers between them conserve the sum of balances.  Each transaction also
# writes what it does to a row into log, a heap table, so that in every snapshot the rows of acct follow from the log.
# child refers to acct, which locks its rows.  Of each pair of rows of duty one at least stays on call: serializable
# transactions look at both before they change one.  OMENDB_STORM_CYCLES cycles of OMENDB_STORM_SECONDS seconds in each
# mode; OMENDB_STORM_SEED draws anew.
use strict;
use warnings;

use IPC::Run ();
use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $cycles = $ENV{OMENDB_STORM_CYCLES} || 3;
my $seconds = $ENV{OMENDB_STORM_SECONDS} || 1.5;
my $seed = $ENV{OMENDB_STORM_SEED} || 20261129;
my $accounts = 3000;
my $balance = 100;
my $clients = 6;
my $node;

$ENV{PGCTLTIMEOUT} = 300;
note("seed $seed");
srand($seed);

sub query { return $node->safe_psql('postgres', shift); }

# name, weight, script of pgbench
my $ids = "\\set a random(1, $accounts)\n\\set b random(1, $accounts)\n\\set d random(1, 20)\n";
my @scripts = (
	# few rows, so that sessions meet
	[ 'meet', 6, "\\set a random(1, 40)\n\\set b random(1, 40)\n\\set d random(1, 20)\nSELECT transfer(:a, :b, :d);\n" ],
	[ 'transfer', 10, "${ids}SELECT transfer(:a, :b, :d);\n" ],
	[ 'transfers', 4, "${ids}BEGIN;\nSELECT transfer(:a, :b, :d);\nSAVEPOINT s;\nSELECT transfer(:b, :a, 1);\nROLLBACK TO s;\nSELECT transfer(:b, :d, 2);\nCOMMIT;\n" ],
	[ 'rollback', 3, "${ids}BEGIN;\nSELECT transfer(:a, :b, :d);\nSELECT remove(:b, :a);\nROLLBACK;\n" ],
	[ 'serializable', 2, "${ids}BEGIN ISOLATION LEVEL SERIALIZABLE;\nSELECT sum(balance) FROM acct WHERE id IN (:a, :b);\nSELECT transfer(:a, :b, :d);\nCOMMIT;\n" ],
	[ 'repeatable', 2, "${ids}BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT count(*) FROM acct WHERE id = :b;\nSELECT transfer(:a, :b, :d);\nCOMMIT;\n" ],
	[ 'lock', 4, "${ids}BEGIN;\nSELECT balance FROM acct WHERE id IN (:a, :b) ORDER BY id FOR UPDATE;\nSELECT transfer(:a, :b, :d);\nCOMMIT;\n" ],
	[ 'share', 3, "${ids}BEGIN;\nSELECT balance FROM acct WHERE id BETWEEN :a AND :a + 30 FOR SHARE SKIP LOCKED;\nSELECT count(*) FROM (SELECT id FROM acct WHERE id BETWEEN :b AND :b + 5 FOR NO KEY UPDATE SKIP LOCKED) s;\nEND;\n" ],
	# so many that maps grow
	[ 'many', 1, "${ids}SELECT count(*) FROM (SELECT id FROM acct WHERE id BETWEEN :a AND :a + 400 FOR KEY SHARE SKIP LOCKED) s;\n" ],
	[ 'child', 5, "${ids}SELECT add_child(:a);\nSELECT add_child(:b);\n" ],
	[ 'orphan', 3, "${ids}DELETE FROM child WHERE acct BETWEEN :a AND :a + 50;\n" ],
	[ 'remove', 4, "${ids}SELECT remove(:a, :b);\n" ],
	[ 'add', 4, "${ids}SELECT add(:a);\nSELECT add(:b);\nSELECT add_again(:d);\n" ],
	[ 'upsert', 3, "${ids}SELECT upsert(:a);\n" ],
	[ 'note', 2, "${ids}UPDATE acct SET note = 'note ' || :d, k = k + 1 WHERE id BETWEEN :a AND :a + :d;\n" ],
	[ 'skew', 5, "\\set p random(1, 8)\n\\set i random(0, 1)\nBEGIN ISOLATION LEVEL SERIALIZABLE;\nSELECT off_call(:p, :i);\nCOMMIT;\n" ],
	[ 'skewed', 5, "\\set p random(1, 8)\n\\set i random(0, 1)\nBEGIN ISOLATION LEVEL SERIALIZABLE;\nSELECT off_call_bitmap(:p, :i);\nCOMMIT;\n" ],
	[ 'on', 5, "\\set p random(1, 8)\nSELECT on_call(:p);\n" ],
	[ 'check', 1, "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT check_sums();\nCOMMIT;\n" ]);

# what the freezer does, so that new versions stay hot for a moment
my @freezing = (
	[ 'freeze', 10, "CALL omendb.compact('acct', true);\n" ],
	[ 'freeze_pages', 5, "SET omendb.row_group_rows = 256;\nCALL omendb.compact('acct');\nRESET omendb.row_group_rows;\n" ],
	[ 'freeze_duty', 15, "CALL omendb.compact('duty', true);\n" ]);

sub make_tables
{
	query(qq{
		CREATE TABLE acct (id int, k int, balance int NOT NULL, note text) USING omendb;
		CREATE TABLE log (acct int, delta int, here int) USING heap;
		COPY (SELECT i, i % 50, $balance, 'account ' || i FROM generate_series(1, $accounts) i) TO '${\$node->data_dir}/rows' });
	query(qq{
		SET omendb.row_group_rows = 1500;
		COPY acct FROM '${\$node->data_dir}/rows';
		ALTER TABLE acct ADD PRIMARY KEY (id);
		CREATE INDEX acct_k ON acct USING alex (k);
		CREATE TABLE child (acct int REFERENCES acct) USING heap;
		CREATE INDEX ON child (acct);

		CREATE TABLE duty (pair int, i int, on_call bool) USING omendb;
		COPY (SELECT p, i, true FROM generate_series(1, 8) p, generate_series(0, 1) i) TO '${\$node->data_dir}/duty';
		SET omendb.row_group_rows = 16;
		COPY duty FROM '${\$node->data_dir}/duty';
		CREATE INDEX ON duty (pair);
		CREATE FUNCTION off_call(p int, n int) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off AS \$\$
		BEGIN
			IF (SELECT count(*) FROM duty WHERE pair = p AND on_call) = 2 THEN
				PERFORM count(*) FROM generate_series(1, 10000);
				UPDATE duty SET on_call = false WHERE pair = p AND i = n;
			END IF;
		END \$\$;
		CREATE FUNCTION off_call_bitmap(p int, n int) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off SET enable_indexscan = off AS \$\$
		BEGIN
			IF (SELECT count(*) FROM duty WHERE pair = p AND on_call) = 2 THEN
				PERFORM count(*) FROM generate_series(1, 10000);
				UPDATE duty SET on_call = false WHERE pair = p AND i = n;
			END IF;
		END \$\$;

		CREATE FUNCTION on_call(p int) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS \$\$
		BEGIN
			IF NOT (SELECT bool_or(on_call) FROM duty WHERE pair = p) THEN
				RAISE data_corrupted USING MESSAGE = format('nobody of pair %s is on call', p);
			END IF;
			UPDATE duty SET on_call = true WHERE pair = p AND NOT on_call;
		END \$\$;

		CREATE FUNCTION transfer(a int, b int, d int) RETURNS void LANGUAGE plpgsql AS \$\$
		BEGIN
			UPDATE acct SET balance = balance - d WHERE id = a;
			IF NOT FOUND THEN RETURN; END IF;
			UPDATE acct SET balance = balance + d WHERE id = b;
			IF NOT FOUND THEN RAISE no_data_found; END IF;
			INSERT INTO log VALUES (a, -d, 0), (b, d, 0);
		EXCEPTION WHEN no_data_found THEN NULL;
		END \$\$;

		-- what is left goes to b
		CREATE FUNCTION remove(a int, b int) RETURNS void LANGUAGE plpgsql AS \$\$
		DECLARE rest int;
		BEGIN
			DELETE FROM acct WHERE id = a AND a <> b RETURNING balance INTO rest;
			IF NOT FOUND THEN RETURN; END IF;
			UPDATE acct SET balance = balance + rest WHERE id = b;
			IF NOT FOUND THEN RAISE no_data_found; END IF;
			INSERT INTO log VALUES (a, -rest, -1), (b, rest, 0);
		EXCEPTION WHEN no_data_found OR foreign_key_violation THEN NULL;
		END \$\$;

		CREATE FUNCTION add(a int) RETURNS void LANGUAGE plpgsql AS \$\$
		BEGIN
			INSERT INTO acct VALUES (a, a % 50, 0, 'added') ON CONFLICT DO NOTHING;
			IF FOUND THEN INSERT INTO log VALUES (a, 0, 1); END IF;
		-- REINDEX CONCURRENTLY takes the arbiter away from under ON CONFLICT, on heap as well
		EXCEPTION WHEN unique_violation THEN NULL;
		END \$\$;

		CREATE FUNCTION add_again(a int) RETURNS void LANGUAGE plpgsql AS \$\$
		BEGIN
			INSERT INTO acct VALUES (a, a % 50, 0, 'added again');
			INSERT INTO log VALUES (a, 0, 1);
		EXCEPTION WHEN unique_violation THEN NULL;
		END \$\$;

		CREATE FUNCTION upsert(a int) RETURNS void LANGUAGE plpgsql AS \$\$
		DECLARE inserted bool;
		BEGIN
			INSERT INTO acct VALUES (a, a % 50, 0, 'new') ON CONFLICT (id) DO UPDATE SET note = 'upsert', balance = acct.balance + 1
				RETURNING note = 'new' INTO inserted;
			INSERT INTO log VALUES (a, CASE WHEN inserted THEN 0 ELSE 1 END, inserted::int);
			-- somebody pays
			IF NOT inserted THEN
				UPDATE acct SET balance = balance - 1 WHERE id = a % $accounts + 1;
				IF NOT FOUND THEN RAISE no_data_found; END IF;
				INSERT INTO log VALUES (a % $accounts + 1, -1, 0);
			END IF;
		EXCEPTION WHEN no_data_found OR unique_violation THEN NULL;
		END \$\$;

		CREATE FUNCTION add_child(a int) RETURNS void LANGUAGE plpgsql AS \$\$
		BEGIN
			INSERT INTO child VALUES (a);
		EXCEPTION WHEN foreign_key_violation THEN NULL;
		END \$\$;

		CREATE FUNCTION check_sums() RETURNS void LANGUAGE plpgsql AS \$\$
		DECLARE s text; i text; l text;
		BEGIN
			SELECT concat_ws(' ', count(*), sum(balance)) FROM acct INTO s;
			PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true);
			SELECT concat_ws(' ', count(*), sum(balance)) FROM acct WHERE id > 0 INTO i;
			PERFORM set_config('enable_seqscan', 'on', true);
			SELECT concat_ws(' ', $accounts + sum(here), $accounts * $balance + sum(delta)) FROM (SELECT * FROM log UNION ALL VALUES (0, 0, 0)) l INTO l;
			IF s <> l OR i <> l THEN
				RAISE data_corrupted USING MESSAGE = format('table %s, index %s, log %s', s, i, l);
			END IF;
		END \$\$;

		-- rows that do not follow from the log
		CREATE VIEW differences AS
			SELECT coalesce(a.id, l.acct) AS id, a.balance, a.n, l.delta, l.here FROM
				(SELECT id, sum(balance) AS balance, count(*) AS n FROM acct GROUP BY id) a FULL JOIN
				(SELECT acct, sum(delta) AS delta, sum(here) AS here FROM (SELECT * FROM log UNION ALL
					SELECT i, $balance, 1 FROM generate_series(1, $accounts) i) l GROUP BY acct) l ON a.id = l.acct
			WHERE coalesce(a.balance, 0) <> l.delta OR coalesce(a.n, 0) <> l.here OR l.acct IS NULL});
	return;
}

# All that must be true of the tables at any moment.
sub consistent
{
	my ($what) = @_;

	is(query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT check_sums(); SELECT * FROM differences LIMIT 5'), '', "$what: rows follow from the log");
	is(query('SELECT count(*) FROM child c WHERE NOT EXISTS (SELECT FROM acct WHERE id = c.acct)'), 0, "$what: children have parents");
	is(query('SELECT pair FROM duty GROUP BY pair HAVING count(*) <> 2 OR NOT bool_or(on_call)'), '', "$what: one of each pair is on call");
	hybrid_clean($node, $what, 'acct', 'duty');
	agrees($node, $what, 'acct', 'k');
	clean($node, $what, 'acct_k');
	# all rows are in the btree indexes
	is(query(q{SELECT bt_index_check(i.indexrelid, true) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE i.indrelid = 'acct'::regclass AND i.indisvalid AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'btree')}) =~ s/\n//gr, '', "$what: amcheck");
	is(query(q{SELECT (SELECT count(*) FROM pg_check_visible('acct')) + (SELECT count(*) FROM pg_check_frozen('acct'))}), 0, "$what: the visibility map is right");
	return;
}

# What is done to the tables meanwhile; an index that could not be built is dropped.
my @work = (
	'VACUUM acct', 'VACUUM acct', 'VACUUM (FREEZE) acct, log', 'ANALYZE acct',
	'SET omendb.row_group_rows = 1000; VACUUM FULL acct', ('SET omendb.row_group_rows = 16; VACUUM FULL duty') x 4, 'VACUUM duty',
	'DROP INDEX IF EXISTS acct_i; CREATE INDEX CONCURRENTLY acct_i ON acct (k, id)',
	'DROP INDEX IF EXISTS acct_i; CREATE INDEX CONCURRENTLY acct_i ON acct USING alex (balance)',
	'DROP INDEX IF EXISTS acct_i; CREATE UNIQUE INDEX CONCURRENTLY acct_i ON acct (id) WHERE k > 5',
	'DROP INDEX IF EXISTS acct_i; CREATE INDEX acct_i ON acct (note)', 'REINDEX TABLE acct', 'REINDEX INDEX CONCURRENTLY acct_pkey', 'CHECKPOINT',
	'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT check_sums(); SELECT * FROM differences; COMMIT');

sub start_clients
{
	my ($dir, $cycle, $name, $scripts, @options) = @_;
	my @files;

	for my $script (@$scripts)
	{
		append_to_file("$dir/$script->[0]", $script->[2]);
		push @files, '-f', "$dir/$script->[0]\@$script->[1]";
	}
	return IPC::Run::start([ 'pgbench', '-n', '-T', '100000', '--max-tries=1000', "--random-seed=" . ($seed + $cycle), @options, @files, '-h', $node->host, '-p', $node->port, 'postgres' ],
		'<', \undef, '>', "$dir/$name.out", '2>', "$dir/$name.err");
}

sub cycle
{
	my ($what, $cycle) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	query('DROP INDEX IF EXISTS acct_pkey_ccnew, acct_pkey_ccold');
	my $started = query("SELECT count(*) FROM log");
	my @running = (start_clients($dir, $cycle, 'clients', \@scripts, '-c', $clients), start_clients($dir, $cycle, 'freezer', \@freezing, '-c', 1, '-R', 40));
	my $end = time + $seconds * (0.5 + rand);
	my @done;

	while (time < $end)
	{
		my $work = $work[ rand @work ];
		# a deadlock of index builds and the rest is nobody's fault
		my ($status, $out, $err) = $node->psql('postgres', $work);
		push @done, $work;
		is($out . join('', grep { /ERROR|FATAL|PANIC/ && !/deadlock detected/ } split /^/, $err), '', "$what: $work");
		usleep(rand 200_000);
	}
	kill_server($node);
	IPC::Run::finish($_) for @running;
	$node->start;
	my @errors = grep { /error:|ERROR|FATAL|PANIC/ && !/server closed the connection|the backend died|receiving the transaction status|terminat|Run was aborted|perform.*deadlock/ } map { split /\n/, slurp_file("$dir/$_.err") } 'clients', 'freezer';
	is(join("\n", @errors[0 .. ($#errors < 5 ? $#errors : 5)]), '', "$what: no client met an error");
	consistent($what);
	my $n = query("SELECT count(*) FROM log") - $started;
	cmp_ok($n, '>', 0, "$what: there were transactions");
	note("$what: $n changes; $_") for query(q{SELECT string_agg(concat_ws(' ', state, n, rows, pages), ', ') FROM
		(SELECT state, count(*) AS n, sum(rows) AS rows, sum(pages) AS pages FROM omendb.row_groups('acct') GROUP BY 1) s});
	if ($cycle % 2 == 0)
	{
		query('VACUUM acct; SET omendb.row_group_rows = 1000; VACUUM FULL acct; VACUUM (FREEZE) acct');
		consistent("$what, rewritten");
	}
	return;
}

for my $mode (modes())
{
	$node = new_node("hybrid_header_storm_$mode", $mode);
	# A server that replays its own crash compares each page with what it was; not heap's, which replays
	# on files that were dropped later.
	$node->append_conf('postgresql.conf', <<"CONF");
shared_buffers = 4MB
deadlock_timeout = 20ms
wal_consistency_checking = '@{[ $mode eq 'preload' ? 'omendb' : 'generic' ]}'
CONF
	$node->start;
	install($node);
	install_hybrid($node);
	query('CREATE EXTENSION pg_visibility; CREATE EXTENSION amcheck');
	make_tables();
	is(hybrid_groups($node, 'acct', 'visible', 'rows'), $accounts, "$mode: all rows are cold");
	cycle("$mode, cycle $_", $_) for 1 .. $cycles;
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|inconsistent page found|corrupted/, "$mode: no complaint in the server's log");
	$node->stop;
}
done_testing();
