# SERIALIZABLE by definition: whatever commits must have a serial order that explains all that was read.
#
# Clients read and write a few places of a table at once, through its index, while leaves are split and VACUUM
# deletes some. Each transaction logs its snapshot, what it read and what it wrote. From the
# snapshots follows who must come before whom: a writer that the snapshot shows before the reader, one that it does not
# show behind. There is a serial order iff this has no cycle.
use strict;
use warnings;

use FindBin;
use IPC::Run ();
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# A leaf holds 230 of the first rows, 460 keys.  Dense: 4 places of 60 keys each, leaves apart, where many rows come
# and leaves are split.  Sparse: 2 places of 1400 keys, where leaves become empty and VACUUM deletes them.  In the
# index keys are multiplied by 10; rows in between, which nobody looks at, come and go outside of serializable transactions:
# so leaves are split and deleted by whom nobody has a conflict with.
my $script = "$PostgreSQL::Test::Utils::tmp_check";
my $begin = "\\set kind random(0, 5)\nBEGIN ISOLATION LEVEL SERIALIZABLE;\n";
my $end = <<'SQL';
\sleep 1 ms
INSERT INTO log VALUES (pg_current_xact_id(), pg_current_snapshot(),
	current_setting('my.reads', true), current_setting('my.inserts', true), current_setting('my.deletes', true));
COMMIT;
SQL
my $dense = join('', map { "\\set $_ random(0, 3) * 1500 + random(0, 59)\n" } qw(a b c)) . $begin;
my $sparse = join('', map { "\\set $_ random(0, 1) * 3000 + random(0, 1400)\n" } qw(a b c)) . $begin;
my $uncached = "SET LOCAL omendb.alex_cache_size = 0;\n";
my %scripts = (
	# dense
	insert => "$dense SELECT look(:kind, :a, :b, 15);\n\\sleep 1 ms\nSELECT put(:c, 1);\n$end",
	both => "$dense$uncached SELECT look(:kind, :a, :b, 15);\nSELECT put(:c, 2);\n\\sleep 1 ms\nSELECT look(1, :b, :b, 15);\n$end",
	delete => "$dense$uncached SELECT look(:kind, :a, :b, 15);\n\\sleep 1 ms\nSELECT wipe(:c, :c + 9);\n$end",
	push => "\\set c random(0, 3) * 1500\nINSERT INTO t (k, x) SELECT (:c + i) * 10 + 5, '0' FROM generate_series(0, 59) i;\n"
	  . "\\sleep 2 ms\nDELETE FROM t WHERE k BETWEEN :c * 10 AND (:c + 40) * 10 AND k % 10 = 5;\n\\sleep 2 ms\n",
	# sparse
	one => "$sparse$uncached SELECT look(:kind, :a, :b, 200);\n\\sleep 1 ms\nSELECT put(:c, 1);\n$end",
	clear => "$sparse SELECT look(:kind, :a, :b, 200);\n\\sleep 1 ms\nSELECT wipe(:c, :c + 800);\n$end",
	churn => "\\set c random(0, 1) * 3000 + random(0, 4) * 280\nINSERT INTO t (k, x) SELECT :c * 10 + i * 5, '0' FROM generate_series(1, 560, 2) i;\n"
	  . "\\sleep 2 ms\nDELETE FROM t WHERE k BETWEEN :c * 10 AND :c * 10 + 2800 AND k % 10 = 5;\n\\sleep 2 ms\n",
	# each client on leaves of its own
	apart => "\\set a :client_id * 1500 + random(0, 99)\n\\set b :client_id * 1500 + random(0, 99)\n${begin}"
	  . "SELECT look(:kind, :a, :b, 15);\n\\sleep 1 ms\nSELECT put(:b, 3);\n\\sleep 1 ms\nCOMMIT;\n",
	vacuum => "VACUUM (INDEX_CLEANUP ON, TRUNCATE OFF) t;\n\\sleep 5 ms\n",);

for my $name (keys %scripts)
{
	open(my $f, '>', "$script/$name.sql") or die "$name.sql: $!";
	print $f $scripts{$name};
	close $f or die "$name.sql: $!";
}

sub setup
{
	my ($node, $am) = @_;

	$node->safe_psql('postgres', <<SQL);
DROP TABLE IF EXISTS t, log;
CREATE TABLE t (id serial, k int, x xid8 DEFAULT pg_current_xact_id());
INSERT INTO t (k, x) SELECT i * 20, '0' FROM generate_series(0, 4999) i;
CREATE INDEX t_k ON t USING $am (k) @{[$am eq 'alex' ? 'WITH (leaf_entries = 256)' : '']};
CREATE TABLE log (x xid8, snapshot pg_snapshot, reads text, inserts text, deletes text);
VACUUM ANALYZE t;
SQL
	return;
}

my $functions = <<'SQL';
ALTER DATABASE postgres SET enable_seqscan = off;
SET check_function_bodies = off;
CREATE FUNCTION note(what text, entry text) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('my.' || what, coalesce(current_setting('my.' || what, true), '') || entry || ';', true) $$;

-- Read at a, and sometimes b. What is logged: keys from:to and the rows seen there, or with a question mark that these have
-- not been looked at.
CREATE FUNCTION look(kind int, a int, b int, width int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	i int;
	ids text;
	lowest int;
BEGIN
	PERFORM set_config('enable_bitmapscan', CASE kind WHEN 4 THEN 'on' ELSE 'off' END, true),
		set_config('enable_indexscan', CASE kind WHEN 4 THEN 'off' ELSE 'on' END, true);
	IF kind = 0 THEN				-- a key, often a missing one
		EXECUTE 'SELECT string_agg(id::text, '','') FROM t WHERE k = $1' INTO ids USING a * 10;
		PERFORM note('reads', format('%s:%s:%s', a, a, ids));
	ELSIF kind IN (1, 4) THEN		-- a range, 4: by a bitmap scan
		EXECUTE 'SELECT string_agg(id::text, '','') FROM t WHERE k BETWEEN $1 AND $2 AND k % 10 = 0'
			INTO ids USING a * 10, (a + width) * 10;
		PERFORM note('reads', format('%s:%s:%s', a, a + width, ids));
	ELSIF kind = 2 THEN				-- an IN list
		EXECUTE 'SELECT string_agg(k / 10 || '' '' || id, '','') FROM t WHERE k = ANY ($1)' INTO ids
			USING ARRAY[a * 10, b * 10, a * 10 + 70, b * 10 + 3000];
		FOR i IN SELECT DISTINCT unnest(ARRAY[a, b, a + 7, b + 300]) LOOP
			PERFORM note('reads', format('%s:%s:%s', i, i,
				(SELECT string_agg(split_part(e, ' ', 2), ',') FROM string_to_table(ids, ',') e WHERE split_part(e, ' ', 1) = i::text)));
		END LOOP;
	ELSIF kind = 3 THEN				-- backwards; the last key may be cut
		EXECUTE 'SELECT min(k) / 10 FROM (SELECT k FROM t WHERE k <= $1 AND k % 10 = 0 ORDER BY k DESC LIMIT 5) s'
			INTO lowest USING a * 10;
		PERFORM note('reads', format('%s:%s:?', coalesce(lowest, -1) + 1, a));
	ELSIF kind = 5 THEN				-- index-only
		EXECUTE 'SELECT max(k) / 10 FROM t WHERE k < $1 AND k % 10 = 0' INTO lowest USING a * 10;
		PERFORM note('reads', format('%s:%s:', coalesce(lowest, -1) + 1, a - 1));
	END IF;
END $$;

CREATE FUNCTION put(key int, n int) RETURNS void LANGUAGE sql AS $$
	WITH i AS (INSERT INTO t (k) SELECT key * 10 FROM generate_series(1, n) RETURNING id)
	SELECT note('inserts', string_agg(key || ':' || id, ';')) FROM i $$;

CREATE FUNCTION wipe(a int, b int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	ids text;
BEGIN
	EXECUTE 'WITH d AS (DELETE FROM t WHERE k BETWEEN $1 AND $2 AND k % 10 = 0 RETURNING id)
		SELECT string_agg(id::text, '','') FROM d' INTO ids USING a * 10, b * 10;
	PERFORM note('deletes', coalesce(ids, '')), note('reads', format('%s:%s:%s', a, b, ids));
END $$;
SQL

# what pgbench says, and the share of transactions that failed, in percent
sub bench
{
	my ($node, $what, $vacuum, @args) = @_;
	my ($out, $err) = ('', '');
	my $session;

	# VACUUM again and again; not in a transaction, as pgbench sends one command at a time
	if ($vacuum)
	{
		$session = IPC::Run::start(
			[ 'pgbench', '-n', '-f', "$script/vacuum.sql", '-T', $vacuum, $node->connstr('postgres') ],
			'>', \my $vacuum_out, '2>', \my $vacuum_err);
	}
	my $ok = IPC::Run::run([ 'pgbench', '-n', @args, $node->connstr('postgres') ], '>', \$out, '2>', \$err);
	$session->finish if $session;
	ok($ok && $out =~ /number of failed transactions: (\d+) \(([\d.]+)%\)/, "$what: clients end well") or diag("$out$err");
	return ($1, $2);
}

# ---- the verdict ----

# visible(SNAPSHOT)->(xid)
sub visibility
{
	my ($xmin, $xmax, $running) = split /:/, shift;
	my %running = map { $_ => 1 } split /,/, $running // '';
	return sub { my ($x) = @_; return $x < $xmax && !$running{$x}; };
}

# does a directed graph have a cycle?  The nodes of one, or nothing.
sub cycle
{
	my ($edges, @nodes) = @_;
	my %color;

	for my $start (@nodes)
	{
		next if $color{$start};
		my @stack = ([ $start, sort keys %{ $edges->{$start} } ]);
		$color{$start} = 1;
		while (@stack)
		{
			my $top = $stack[-1];
			if (@$top == 1)
			{
				$color{ $top->[0] } = 2;
				pop @stack;
				next;
			}
			my $next = splice @$top, 1, 1;
			if (($color{$next} // 0) == 1)
			{
				my @on = map { $_->[0] } @stack;
				shift @on while $on[0] ne $next;
				return @on;
			}
			next if $color{$next};
			$color{$next} = 1;
			push @stack, [ $next, sort keys %{ $edges->{$next} } ];
		}
	}
	return;
}

# Two tests: what was read is what the snapshots show, and there is a serial order.  Returns how many
# transactions there are, and how often one of two concurrent ones read where the other wrote.
sub judge
{
	my ($node, $what) = @_;
	my (%row, %keys, %edges, %visible, @wrong);
	my %overlapping;
	my @log = map { [ split /\|/, $_, -1 ] }
	  split /\n/, $node->safe_psql('postgres', 'SELECT x, snapshot, reads, inserts, deletes FROM log');

	for my $i (0 .. 4999)
	{
		$row{ $i + 1 } = { id => $i + 1, k => $i * 2, born => 0 };
	}
	for my $entry (@log)
	{
		my ($x, $snapshot, undef, $inserts) = @$entry;
		$visible{$x} = visibility($snapshot);
		for my $insert (split /;/, $inserts)
		{
			my ($k, $id) = split /:/, $insert;
			$row{$id} = { id => $id, k => $k, born => $x };
		}
	}
	push @{ $keys{ $_->{k} } }, $_ for values %row;
	for my $entry (@log)
	{
		my ($x, undef, undef, undef, $deletes) = @$entry;
		for my $id (split /[;,]/, $deletes)
		{
			push @wrong, "row $id deleted twice" if $row{$id}{died};
			$row{$id}{died} = $x;
		}
	}
	for my $entry (@log)
	{
		my ($x, undef, $reads) = @$entry;
		my $visible = $visible{$x};
		my $before = sub {
			my ($writer) = @_;
			$edges{$x}{$writer} = 1;
			$overlapping{"$x $writer"} = 1 if !$visible{$writer}->($x);
		};

		for my $read (split /;/, $reads)
		{
			my ($from, $to, $ids) = split /:/, $read, -1;
			my %seen = map { $_ => 1 } split /,/, $ids;

			for my $row (map { @{ $keys{$_} // [] } } $from .. $to)
			{
				my ($born, $died) = ($row->{born}, $row->{died} // 0);
				next if $born == $x;
				if ($born != 0 && !$visible->($born))
				{
					$before->($born);
					push @wrong, "$x saw row $row->{id} of the future" if $seen{ $row->{id} };
					next;
				}
				$edges{$born}{$x} = 1 if $born;
				if ($died != 0 && $died != $x && $visible->($died))
				{
					$edges{$died}{$x} = 1;
					push @wrong, "$x saw row $row->{id}, which was deleted" if $seen{ $row->{id} };
					next;
				}
				$before->($died) if $died != 0 && $died != $x;
				push @wrong, "$x missed row $row->{id} in $from to $to"
				  if $ids ne '?' && !$seen{ $row->{id} } && $died != $x;
			}
		}
	}
	is(join("\n", @wrong[ 0 .. ($#wrong < 5 ? $#wrong : 5) ]), '', "$what: reads agree with their snapshots");
	my @cycle = cycle(\%edges, map { $_->[0] } @log);
	is("@cycle", '', "$what: there is a serial order of " . @log . " transactions");
	if (@cycle)
	{
		my %on = map { $_ => 1 } @cycle;
		diag(join("\n", map { join(' | ', @$_) } grep { $on{ $_->[0] } } @log));
	}
	return (scalar @log, scalar keys %overlapping);
}

# ---- runs ----

my %parts = (
	dense => { insert => 6, both => 3, delete => 3, push => 2 },
	sparse => { one => 8, clear => 2, churn => 3 },);

sub run
{
	my ($node, $mode, $am, $part, $seconds) = @_;
	my $what = "$mode, $am, $part";

	setup($node, $am);
	my ($failed, $percent) = bench($node, $what, $seconds, '-T', $seconds, '-c', 10, '-j', 2,
		map { ('-f', "$script/$_.sql\@$parts{$part}{$_}") } sort keys %{ $parts{$part} });
	my ($committed, $overlaps) = judge($node, $what);
	note("$what: $committed committed, $failed failed ($percent%), $overlaps times a concurrent one read where it wrote");
	cmp_ok($committed, '>', 20, "$what: transactions commit");
	cmp_ok($failed, '>', 0, "$what: some do not");
	return unless $am eq 'alex';
	agrees($node, $what, 't', 'k');
	clean($node, $what, 't_k');
	note("$what: " . stats($node, 't_k', 'pages') . ' leaves, ' . $node->safe_psql('postgres',
			"SELECT pages FROM omendb.alex_stats('t_k') WHERE level IS NULL") . ' unused pages');
	return;
}

for my $mode (modes())
{
	my $node = new_node("serializable_$mode", $mode);

	# all clients' locks have room, else they become locks of the whole relation
	$node->append_conf('postgresql.conf', "max_pred_locks_per_transaction = 256\n");
	$node->start;
	install($node);
	$node->safe_psql('postgres', $functions);
	for my $part (sort keys %parts)
	{
		run($node, $mode, 'alex', $part, 2);
		run($node, $mode, 'btree', $part, 1) if $mode eq 'preload';
	}

	setup($node, 'alex');
	my ($failed) = bench($node, "$mode, apart", 0, '-t', 100, '-c', 4, '-j', 2, '-f', "$script/apart.sql");
	is($failed, 0, "$mode: clients on leaves of their own do not fail");
	$node->stop;
}

done_testing();
