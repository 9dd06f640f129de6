# kill -9 of the whole server under concurrent loads, inserts, changes, rewrites and vacuums, again and again.
#
# Whatever a transaction does to t, an omendb table without indexes, it does to c, a heap table; the same
# for ti, which has indexes, and ci.  So in every snapshot, before and after a crash, both hold the same
# rows.  Clients print a number after each acknowledged transaction, which is also in a table.
# OMENDB_STORM_CYCLES cycles in each mode; OMENDB_STORM_SEED draws anew.
use strict;
use warnings;

use IPC::Run ();
use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $cycles = $ENV{OMENDB_STORM_CYCLES} || 10;
my $seed = $ENV{OMENDB_STORM_SEED} || 20240301;
my $loaders = 2;
my $changers = 2;
my $steps = 600;		# transactions prepared for a client and a cycle
my ($node, $next_id);

$ENV{PGCTLTIMEOUT} = 300;
note("seed $seed");

# xorshift32: the same everywhere
sub draw
{
	my ($below) = @_;

	$seed ^= ($seed << 13) & 0xFFFFFFFF;
	$seed ^= $seed >> 17;
	$seed ^= ($seed << 5) & 0xFFFFFFFF;
	return $seed % $below;
}

sub query { return $node->safe_psql('postgres', shift); }

# rows that nobody else has, for a table and its control
sub fresh
{
	my ($most) = @_;
	my $from = $next_id;

	$next_id += 1 + draw($most);
	return ($from, $next_id - 1);
}

sub load_both
{
	my ($t, $c) = @_;
	my ($a, $b) = fresh(400);
	return ("SELECT load('$t', $a, $b)", "SELECT load('$c', $a, $b)");
}

# loads that commit, fail, or are rolled back in part
sub loader
{
	my ($client, $cycle) = @_;
	my $sql = '';

	for my $step (1 .. $steps)
	{
		my ($t, $c) = draw(4) ? ('t', 'c') : ('ti', 'ci');
		my @statements = load_both($t, $c);
		my $what = draw(10);

		if ($what < 3)
		{
			push @statements, 'SAVEPOINT a', load_both($t, $c), 'ROLLBACK TO a', load_both($t, $c);
		}
		elsif ($what == 3)
		{
			push @statements, 'SAVEPOINT a', load_both($t, $c), 'RELEASE a', 'SAVEPOINT b', "SELECT load('$t', 1, 300)", 'ROLLBACK TO b';
		}
		elsif ($what == 4)
		{
			@statements = ("TRUNCATE $t, $c", @statements) if draw(4) == 0;
		}
		push @statements, "INSERT INTO acks VALUES ($client, $cycle, $step)";
		$sql .= 'SET omendb.row_group_rows = ' . (16 + draw(150)) . ";\n" if draw(5) == 0;
		$sql .= join(";\n", 'BEGIN', @statements, draw(6) ? 'COMMIT' : 'ROLLBACK') . ";\n\\echo $step\n";
	}
	return $sql;
}

# single rows, hot and cold
sub changer
{
	my ($client, $cycle) = @_;
	my $sql = '';

	for my $step (1 .. $steps)
	{
		my ($t, $c) = draw(2) ? ('t', 'c') : ('ti', 'ci');
		my ($a, $b) = fresh(20);
		my @statements = map { "INSERT INTO $_ SELECT * FROM hybrid_rows($a, $b)" } $t, $c;

		push @statements, "SELECT change('$t', '$c', " . draw(1000) . ", '" . (draw(2) ? 'update' : 'delete') . "')" for 1 .. draw(4);
		push @statements, "INSERT INTO acks VALUES ($client, $cycle, $step)";
		$sql .= join(";\n", 'BEGIN', @statements, draw(8) ? 'COMMIT' : 'ROLLBACK') . ";\n\\echo $step\n";
	}
	return $sql;
}

sub keeper
{
	my $sql = '';

	for (1 .. 300)
	{
		$sql .= 'SET omendb.row_group_rows = ' . (16 + draw(150)) . ";\n" if draw(3) == 0;
		$sql .= ('VACUUM t', 'VACUUM FULL t', 'VACUUM ti', 'CLUSTER ti USING ti_k', 'VACUUM (FREEZE) t', 'CHECKPOINT',
			'VACUUM FULL ti', 'REINDEX TABLE ti', 'VACUUM t', 'ANALYZE t, ti')[ draw(10) ] . ";\n";
	}
	return $sql;
}

sub start_psql
{
	my ($name, $dir, $sql) = @_;

	append_to_file("$dir/$name.sql", $sql);
	return IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$dir/$name.sql" ],
		'<', \undef, '>', "$dir/$name.out", '2>', "$dir/$name.err");
}

# the last number a client printed
sub acknowledged
{
	my ($file) = @_;
	my @lines = -e $file ? grep { /^\d+$/ } split /\n/, slurp_file($file) : ();
	return $lines[-1] // 0;
}

sub cycle
{
	my ($what, $cycle) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $target = 10 + draw(120);
	my @clients = (map({ "loader$_" } 1 .. $loaders), map { "changer$_" } 1 .. $changers);
	my @sessions;

	# keep it small
	query('TRUNCATE t, c, ti, ci') if query('SELECT count(*) FROM c') + query('SELECT count(*) FROM ci') > 20000;
	for my $i (0 .. $#clients)
	{
		push @sessions, start_psql($clients[$i], $dir, $clients[$i] =~ /loader/ ? loader($i, $cycle) : changer($i, $cycle));
	}
	push @sessions, start_psql('keeper', $dir, keeper());
	push @sessions, start_psql('reader', $dir,
		"SET default_transaction_isolation = 'repeatable read';\n"
		  . "SELECT hybrid_differ('t', 'c');\nSELECT hybrid_differ('ti', 'ci');\n\\echo both\n" x 300);

	# the moment: when so many transactions have been acknowledged
	for (1 .. 3000)
	{
		my $sum = 0;
		my @counts = map { acknowledged("$dir/$_.out") } @clients;
		$sum += $_ for @counts;
		last if $sum >= $target || grep { $_ >= $steps } @counts;
		usleep(10_000);
	}
	usleep(draw(20_000));
	kill_server($node);
	IPC::Run::finish($_) for @sessions;
	$node->start;

	# nobody stopped for another reason than the end of the server
	for my $session (@clients, 'keeper', 'reader')
	{
		unlike(slurp_file("$dir/$session.err"), qr/ERROR/, "$what: $session met no error");
	}
	my @seen = split /\n/, slurp_file("$dir/reader.out");
	is(join(' ', grep { $_ ne '' && $_ ne 'both' } @seen), '', "$what: in each snapshot both tables had the same rows");
	note("$what: " . (grep { $_ eq 'both' } @seen) . ' snapshots compared');
	for my $i (0 .. $#clients)
	{
		# the last one acknowledged may have been rolled back; what is there was begun
		my $acked = acknowledged("$dir/$clients[$i].out");
		my $script = slurp_file("$dir/$clients[$i].sql");
		my ($last) = reverse grep { $script =~ /VALUES \($i, $cycle, $_\);\nCOMMIT/ } 1 .. $acked;
		cmp_ok(query("SELECT coalesce(max(step), 0) FROM acks WHERE client = $i AND cycle = $cycle"),
			'>=', $last // 0, "$what: the $acked acknowledged transactions of $clients[$i] are there");
	}
	hybrid_same($node, $what, 't', 'c');
	hybrid_same($node, $what, 'ti', 'ci');
	hybrid_clean($node, $what, 't', 'ti');
	for my $index ('ti_id', 'ti_k')
	{
		is(query("SELECT omendb.alex_check('$index', true)"), '', "$what: $index");
	}
	note("$what: " . query(q{SELECT string_agg(format('%s: %s %s', t, n, state), ', ' ORDER BY t, state) FROM
		(SELECT t, state, count(*) AS n FROM unnest('{t,ti}'::text[]) t, omendb.row_groups(t::regclass) GROUP BY t, state) s}));
	if ($cycle % 3 == 0)
	{
		query('VACUUM t; VACUUM ti');
		is(query(q{SELECT count(*) FROM unnest('{t,ti}'::text[]) t, omendb.row_groups(t::regclass) WHERE state NOT IN ('visible', 'free', 'directory')}),
			0, "$what: VACUUM has freed what nobody can see");
		hybrid_same($node, "$what, vacuumed", 't', 'c');
		hybrid_clean($node, "$what, vacuumed", 't', 'ti');
	}
	return;
}

for my $mode (modes())
{
	$next_id = 1;
	$node = new_node("hybrid_storm_$mode", $mode);
	# A server that replays its own crash compares each page with what it was; not heap's, which replays
	# on files that were dropped later.
	$node->append_conf('postgresql.conf', <<"CONF");
shared_buffers = 4MB
wal_consistency_checking = '@{[ $mode eq 'preload' ? 'omendb' : 'generic' ]}'
CONF
	$node->start;
	install_hybrid($node);
	query(q{
		CREATE TABLE t (id bigint, k int, v text) USING omendb;
		CREATE TABLE c (id bigint, k int, v text) USING heap;
		CREATE TABLE ti (id bigint, k int, v text) USING omendb;
		CREATE TABLE ci (id bigint, k int, v text) USING heap;
		CREATE INDEX ti_id ON ti USING alex (id);
		CREATE INDEX ti_k ON ti USING alex (k);
		CREATE INDEX ti_v ON ti (v);
		CREATE TABLE acks (client int, cycle int, step int);
		-- change some rows of both tables, hot and cold; one call in five is undone
		CREATE FUNCTION change(t text, c text, k int, what text) RETURNS void LANGUAGE plpgsql AS $$
		DECLARE
			sql text := CASE what WHEN 'update' THEN 'UPDATE %I SET v = coalesce(v, '''') || ''!'' WHERE id = ANY ($1)'
				ELSE 'DELETE FROM %I WHERE id = ANY ($1)' END;
			ids bigint[];
		BEGIN
			EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM %I WHERE k = %s
				FOR UPDATE SKIP LOCKED) s', t, k) INTO ids;
			EXECUTE format(sql, t) USING ids;
			EXECUTE format(sql, c) USING ids;
			IF k % 5 = 0 THEN
				RAISE division_by_zero;
			END IF;
		EXCEPTION WHEN division_by_zero THEN
			NULL;
		END $$});
	cycle("$mode, cycle $_", $_) for 1 .. $cycles;
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|inconsistent page found|corrupted/, "$mode: no complaint in the server's log");
	cmp_ok(query(q{SELECT count(*) FROM acks}), '>', 0, "$mode: there were transactions");
	$node->stop;
}
done_testing();
