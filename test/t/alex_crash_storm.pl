# kill -9 of the whole server under concurrent inserts, updates, deletes and vacuums, again and again.
#
# Three psql clients work each on rows of their own and print a number after each acknowledged
# transaction: after the crash a client's rows must be those of its acknowledged transactions, with or
# without the one that was under way.  pgbench writes the same to an alex-indexed table and to one with
# a btree.  OMENDB_STORM_CYCLES cycles in each mode; OMENDB_STORM_SEED draws anew.
use strict;
use warnings;

use IPC::Run ();
use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $cycles = $ENV{OMENDB_STORM_CYCLES} || 6;
my $seed = $ENV{OMENDB_STORM_SEED} || 20240229;
my $clients = 3;
my $steps = 6000;		# transactions prepared for a client and a cycle
my @columns = qw(id r ts n);
my ($node, @models, @next_id);

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

# ---- what a client does, and what its rows are then ----

# A row as the table shows it: the random key covers all of bigint, many rows share a timestamp.
sub row
{
	my ($id) = @_;
	my $r = draw(2) ? draw(1 << 30) * 8589934592 + draw(1 << 30) : -draw(1 << 30);

	return join('|', $id, $r, sprintf('2024-01-%02d %02d:00:00+00', 1 + draw(9), draw(24)),
		draw(4) ? draw(50) : '');
}

sub values_of
{
	my ($id, $r, $ts, $n) = split /\|/, shift, -1;
	return "$id, $r, '$ts', " . ($n eq '' ? 'NULL' : $n);
}

# One statement on the model's rows: SQL, and the changes (id => row or undef).
sub statement
{
	my ($client, $model, $ids, $changes) = @_;
	my $what = draw(100);
	my $id = @$ids ? $ids->[ draw(scalar @$ids) ] : undef;

	if ($what < 55 || !defined $id || !defined $model->{$id} || exists $changes->{$id})
	{
		$id = $clients * ++$next_id[$client] + $client;
		push @$ids, $id;
		$changes->{$id} = row($id);
		return "INSERT INTO s VALUES ($client, " . values_of($changes->{$id}) . ", 0)";
	}
	if ($what < 80)
	{
		my ($i, $r, $ts, $n) = split /\|/, row($id), -1;

		# some updates change one key only, some none, which heap then keeps to itself
		my @old = split /\|/, $model->{$id}, -1;
		my $kind = draw(4);
		($r, $ts, $n) = @old[ 1 .. 3 ] if $kind == 0;
		($ts, $n) = @old[ 2, 3 ] if $kind == 1;
		$changes->{$id} = join('|', $id, $r, $ts, $n);
		return "UPDATE s SET (id, r, ts, n, v) = (" . values_of($changes->{$id}) . ", v + 1) WHERE id = $id";
	}
	$changes->{$id} = undef;
	return "DELETE FROM s WHERE id = $id";
}

# A client's script; returns the changes of each of its transactions.
sub script
{
	my ($client, $file) = @_;
	my %model = %{ $models[$client] };
	my @ids = sort { $a <=> $b } keys %model;
	my (@log, @sql);

	for my $step (1 .. $steps)
	{
		my $size = draw(10) ? 1 : 1 + draw(8);
		my $abort = draw(20) == 0;
		my %changes;
		my @statements = map { statement($client, \%model, \@ids, \%changes) } 1 .. $size;

		@statements = ('BEGIN', @statements, $abort ? 'ROLLBACK' : 'COMMIT') if $size > 1 || $abort;
		%changes = () if $abort;
		for my $id (keys %changes)
		{
			if (defined $changes{$id}) { $model{$id} = $changes{$id}; }
			else { delete $model{$id}; }
		}
		push @log, \%changes;
		push @sql, join(";\n", @statements) . ";\n\\echo $step\n";
	}
	append_to_file($file, join('', "SET timezone = 'UTC';\n", @sql));
	return \@log;
}

# ---- the storm ----

sub start_psql
{
	my ($file, $out) = @_;
	return IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', $file ],
		'<', \undef, '>', $out, '2>', "$out.err");
}

sub last_line
{
	my ($file) = @_;
	my @lines = split /\n/, slurp_file($file);
	return $lines[-1] // 0;
}

# the rows of a client after some of its transactions
sub after_steps
{
	my ($model, $log, $count) = @_;
	my %rows = %$model;

	for my $changes (@$log[ 0 .. $count - 1 ])
	{
		for my $id (keys %$changes)
		{
			if (defined $changes->{$id}) { $rows{$id} = $changes->{$id}; }
			else { delete $rows{$id}; }
		}
	}
	return \%rows;
}

sub differs_from
{
	my ($there, $rows) = @_;
	my @wrong = grep { ($there->{$_} // 'none') ne ($rows->{$_} // 'none') } keys %{ { %$there, %$rows } };
	return join(', ', map { "$_: " . ($there->{$_} // 'none') . ' for ' . ($rows->{$_} // 'none') }
		  grep { defined } (sort @wrong)[ 0 .. 4 ]);
}

sub cycle
{
	my ($what, $dir) = @_;
	my (@logs, @sessions);
	my $target = 300 + draw(7000);

	for my $client (0 .. $clients - 1)
	{
		$logs[$client] = script($client, "$dir/client$client.sql");
	}
	append_to_file("$dir/vacuum.sql",
		"VACUUM (INDEX_CLEANUP ON) s;\nVACUUM (INDEX_CLEANUP ON) p;\nCHECKPOINT;\n" x 300);
	append_to_file("$dir/read.sql", "SET default_transaction_isolation = 'repeatable read';\n"
		  . join('', map { "SELECT differs('s', '$_');\n" } @columns, 'n', 'r') x 300);
	append_to_file("$dir/bench.sql", <<'SQL');
\set a 2 * random(-50000, 50000) + :client_id
\set b 2 * random(-50000, 50000) + :client_id
BEGIN;
INSERT INTO p VALUES (:a, :a, 'epoch'::timestamptz + :a / 100 * interval '1 day');
INSERT INTO control VALUES (:a);
UPDATE p SET k = :b WHERE k = :a + 10;
UPDATE control SET k = :b WHERE k = :a + 10;
DELETE FROM p WHERE k = :b + 20;
DELETE FROM control WHERE k = :b + 20;
COMMIT;
SQL
	push @sessions, start_psql("$dir/client$_.sql", "$dir/client$_.out") for 0 .. $clients - 1;
	push @sessions, start_psql("$dir/vacuum.sql", "$dir/vacuum.out");
	push @sessions, start_psql("$dir/read.sql", "$dir/read.out");
	push @sessions,
	  IPC::Run::start([ 'pgbench', '-n', '-c', '2', '-T', '600', '--random-seed=' . draw(1000000),
			'-f', "$dir/bench.sql", '-h', $node->host, '-p', $node->port, 'postgres' ],
		'<', \undef, '>', "$dir/bench.out", '2>', "$dir/bench.err");

	# the moment: when so many transactions have been acknowledged
	for (1 .. 12000)
	{
		my $sum = 0;
		my $one_done = 0;

		for my $client (0 .. $clients - 1)
		{
			my $count = -e "$dir/client$client.out" ? last_line("$dir/client$client.out") : 0;
			$count = 0 if $count !~ /^\d+$/;
			$sum += $count;
			$one_done = 1 if $count >= $steps;
		}
		last if $sum >= $target || $one_done;
		usleep(10_000);
	}
	usleep(draw(20_000));
	kill_server($node);
	IPC::Run::finish($_) for @sessions;
	$node->start;

	# nobody stopped for another reason than the end of the server
	for my $session ((map { "client$_" } 0 .. $clients - 1), 'vacuum', 'read')
	{
		my $err = slurp_file("$dir/$session.out.err");
		unlike($err, qr/ERROR/, "$what: $session met no error");
	}
	note("$what: " . (slurp_file("$dir/read.out") =~ tr/\n//) . ' comparisons of index and table meanwhile');
	unlike(slurp_file("$dir/read.out"), qr/\S/, "$what: index and table agreed all the time");

	for my $client (0 .. $clients - 1)
	{
		my $acked = last_line("$dir/client$client.out");
		my %there = map { /^(\d+)/; ($1 => $_) } split /\n/,
		  query("SET timezone = 'UTC'; SELECT id, r, ts, n FROM s WHERE client = $client");
		my $known = after_steps($models[$client], $logs[$client], $acked);
		my $one_more = after_steps($models[$client], $logs[$client], $acked < $steps ? $acked + 1 : $acked);
		my $bad = differs_from(\%there, $known);

		if ($bad ne '' && differs_from(\%there, $one_more) eq '')
		{
			$known = $one_more;
			$bad = '';
		}
		is($bad, '', "$what: client $client has the rows of its $acked acknowledged transactions");
		$models[$client] = $known;
	}
	is(query(q{SELECT count(*) FROM ((SELECT k FROM p EXCEPT ALL SELECT k FROM control)
			UNION ALL (SELECT k FROM control EXCEPT ALL SELECT k FROM p)) d}),
		0, "$what: pgbench's table and its control agree");
	clean($node, $what, map({ "s_$_" } @columns, 'nr', 'unique'), 'p_k', 'p_ts', 'p_kts');
	agrees($node, $what, 's', @columns);
	agrees($node, $what, 'p', 'k', 'ts');
	agrees_columns($node, $what, 's', 'n, r', 'n DESC NULLS LAST, r', 'n NULLS FIRST, r DESC');
	agrees_columns($node, $what, 's', 'client, id', 'client, id', 'client DESC, id DESC');
	agrees_columns($node, $what, 'p', 'k, ts', 'k, ts DESC', 'k DESC, ts');
	return;
}

for my $mode (modes())
{
	@models = map { {} } 1 .. $clients;
	@next_id = (0) x $clients;
	$node = new_node("storm_$mode", $mode);
	# a server that replays its own crash compares each page with what it was
	$node->append_conf('postgresql.conf', <<"CONF");
shared_buffers = 4MB
timezone = 'UTC'
wal_consistency_checking = '@{[ $mode eq 'preload' ? 'omendb' : 'generic' ]}'
CONF
	$node->start;
	install($node);
	query(q{
		CREATE TABLE s (client int, id bigint, r bigint, ts timestamptz, n int, v int);
		CREATE INDEX s_id ON s USING alex (id) WITH (leaf_entries = 256, fillfactor = 90);
		CREATE INDEX s_r ON s USING alex (r) WITH (leaf_entries = 256, fillfactor = 90);
		CREATE INDEX s_ts ON s USING alex (ts);
		CREATE INDEX s_n ON s USING alex (n DESC NULLS LAST) WITH (leaf_entries = 256, fillfactor = 90);
		CREATE INDEX s_nr ON s USING alex (n DESC NULLS LAST, r) WITH (leaf_entries = 256, fillfactor = 90);
		CREATE UNIQUE INDEX s_unique ON s USING alex (client, id) WITH (leaf_entries = 256, fillfactor = 90);
		CREATE TABLE p (id bigint, k bigint, ts timestamptz);
		CREATE INDEX p_k ON p USING alex (k) WITH (leaf_entries = 256, fillfactor = 90);
		CREATE INDEX p_ts ON p USING alex (ts NULLS FIRST);
		CREATE INDEX p_kts ON p USING alex (k, ts DESC) WITH (leaf_entries = 256, fillfactor = 90);
		CREATE TABLE control (k bigint);
		CREATE INDEX control_k ON control USING btree (k)});
	cycle("$mode, cycle $_", PostgreSQL::Test::Utils::tempdir()) for 1 .. $cycles;
	my $log = slurp_file($node->logfile);
	unlike($log, qr/PANIC|TRAP:|inconsistent page found|corrupted/, "$mode: no complaint in the server's log");
	note('incomplete splits met: ' . join(' ', map { "$_ " . incomplete_splits($node, $_) } 's_id', 's_r', 'p_k'));
	note(query(q{SELECT string_agg(format('%s: %s entries, %s leaves', i, entries, pages), '; ')
		FROM unnest(ARRAY['s_id', 's_r', 's_ts', 's_n', 'p_k', 'p_ts']) i, omendb.alex_stats(i::regclass) WHERE level = 0}));
	$node->stop;
}
done_testing();
