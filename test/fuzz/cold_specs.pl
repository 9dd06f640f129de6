#!/usr/bin/env perl
# Isolation specs drawn at random: a table with cold rows, three sessions that change, lock and read them, permutations of
# their steps.  For test/t/hybrid_cold_dml.pl, which runs each on heap and on cold rows and compares.
#
#	test/fuzz/cold_specs.pl SEED COUNT DIRECTORY
#
# writes DIRECTORY/fuzz_SEED_N.spec.  The same seed gives the same files.  No SERIALIZABLE: there an index page locked more or
# less makes a difference, which is documented.  A wait that nobody ends is ended by lock_timeout, deadlocks by deadlock_timeout.
use strict;
use warnings;

my ($seed, $count, $dir) = @ARGV;
die "usage: cold_specs.pl SEED COUNT DIRECTORY\n" unless defined $dir && $seed =~ /^\d+$/ && $count =~ /^\d+$/;

# not rand(): its numbers are not the same in every perl
my $state;

sub draw
{
	my ($n) = @_;

	$state = ($state * 1103515245 + 12345) % 2**31;
	return int($state / 65536) % $n;
}

sub one_of { return $_[ draw(scalar @_) ]; }

# columns besides id and n: type, value of row i
my @columns = (
	[ 's text', q{'row ' || i} ],
	[ 's text', q{CASE WHEN i % 3 > 0 THEN 'few ' || i % 2 END} ],
	[ 's text', q{repeat('wide ' || i, 30)} ],
	[ 'm numeric(10,2)', 'i * 1.25' ],
	[ 'm numeric', 'CASE WHEN i % 4 > 0 THEN i / 7.0 END' ],
	[ 'f float8', 'i / 8.0' ],
	[ 'd date', q{date '2024-02-27' + i} ],
	[ 'z timestamptz', q{timestamptz '2024-01-01 00:00+00' + i * interval '1 min'} ],
	[ 'b boolean', 'i % 2 = 0' ],
	[ 'u uuid', q{md5(i::text)::uuid} ],
	[ 'j jsonb', q{jsonb_build_object('i', i, 'few', i % 2)} ],
	[ 'g int[]', 'ARRAY[i, NULL, i % 3]' ]);

my @indexes = (
	'CREATE INDEX ON t (n)', 'CREATE INDEX ON t (n, id)', 'CREATE INDEX ON t USING hash (n)', 'CREATE INDEX ON t USING alex (n)',
	'CREATE INDEX ON t (id) WHERE n > 3', 'CREATE INDEX ON t ((n % 5))', 'CREATE UNIQUE INDEX ON t ((id * 2))',
	'CREATE INDEX ON t USING gin ((ARRAY[n, id]))');

my @children = (
	undef, undef,
	'REFERENCES t', 'REFERENCES t ON DELETE CASCADE ON UPDATE CASCADE', 'REFERENCES t ON DELETE SET NULL',
	'REFERENCES t DEFERRABLE INITIALLY DEFERRED');

# rows that sessions meet at: few
sub id { return 1 + draw(5); }

sub returning { my ($statement) = @_; return "WITH x AS ($statement RETURNING t.*) SELECT id, n FROM x ORDER BY id, n"; }

sub where
{
	my $id = id();

	return one_of("id = $id", "id = $id", "id = $id AND n < 40", "id IN ($id, " . id() . ')', "id BETWEEN $id AND " . ($id + 2), "n % 5 = " . draw(5));
}

sub statement
{
	my ($child) = @_;
	my $id = id();
	my $where = where();
	my $lock = one_of('UPDATE', 'NO KEY UPDATE', 'SHARE', 'KEY SHARE') . one_of('', '', '', ' NOWAIT', ' SKIP LOCKED');
	my @kinds = (
		sub { returning("UPDATE t SET n = n + " . (1 + draw(9)) . " WHERE $where") },
		sub { returning("UPDATE t SET n = n + " . (1 + draw(9)) . " WHERE $where") },
		sub { "UPDATE t SET id = id + 100 WHERE id = $id" },
		sub { returning("UPDATE t SET n = DEFAULT WHERE id = $id") },
		sub { returning("UPDATE t SET n = t.n + o.n FROM t o WHERE o.id = t.id % 5 + 1 AND t.id = $id") },
		sub { returning("DELETE FROM t WHERE id = $id") },
		sub { returning("DELETE FROM t WHERE id = $id AND n < 30") },
		sub { "SELECT id, n FROM t WHERE $where ORDER BY id, n FOR $lock" },
		sub { "SELECT id, n FROM t WHERE id = $id FOR $lock" },
		sub { "SELECT id, n FROM t ORDER BY id, n LIMIT 2 FOR $lock" },
		sub { "INSERT INTO t (id, n) VALUES ($id, 70) ON CONFLICT (id) DO UPDATE SET n = t.n + 100 RETURNING id, n" },
		sub { "INSERT INTO t (id, n) VALUES ($id, 70) ON CONFLICT DO NOTHING RETURNING id, n" },
		sub { "INSERT INTO t (id, n) VALUES ($id, 71)" },
		sub { "INSERT INTO t (id, n) VALUES (" . (100 + id()) . ", 72)" },
		sub { "MERGE INTO t USING (VALUES ($id, 5)) v(id, n) ON t.id = v.id WHEN MATCHED AND t.n > 20 THEN DELETE WHEN MATCHED THEN UPDATE SET n = t.n + v.n WHEN NOT MATCHED THEN INSERT (id, n) VALUES (v.id, v.n)" },
		sub { "SAVEPOINT s; UPDATE t SET n = n + 1000 WHERE id = $id; ROLLBACK TO s; UPDATE t SET n = n + 1 WHERE id = " . id() },
		sub { "SAVEPOINT s; SELECT id FROM t WHERE id = $id FOR UPDATE; ROLLBACK TO s" },
		sub { "SAVEPOINT s; DELETE FROM t WHERE id = $id; RELEASE s" },
		sub { "DECLARE c CURSOR FOR SELECT * FROM t WHERE id = $id FOR UPDATE; MOVE c; UPDATE t SET n = n + 3 WHERE CURRENT OF c; CLOSE c" },
		sub { "SELECT count(*), sum(n), sum(id) FROM t" },
		sub { "SELECT * FROM t WHERE $where ORDER BY id, n" },
		sub { "UPDATE t SET n = n + 1 WHERE ctid = (SELECT ctid FROM t WHERE id = $id)" });

	push @kinds,
	  sub { "INSERT INTO c VALUES ($id, 1)" }, sub { "INSERT INTO c VALUES ($id, 2)" },
	  sub { "UPDATE c SET t_id = $id WHERE t_id = " . id() }, sub { "DELETE FROM c WHERE t_id = $id" }
	  if $child;
	return one_of(@kinds)->();
}

# a random order that keeps each session's steps in theirs
sub permutation
{
	my @left = map { [@$_] } @_;
	my @order;

	while (my @open = grep { @{ $left[$_] } } 0 .. $#left)
	{
		push @order, shift @{ $left[ one_of(@open) ] };
	}
	return @order;
}

sub spec
{
	my @cols = ([ 'n int DEFAULT 7', one_of('i', 'i % 3', 'CASE WHEN i % 6 > 0 THEN i * 2 END') ]);
	my %taken;

	for (1 .. draw(4))
	{
		my $column = one_of(@columns);
		my ($name) = split / /, $column->[0];
		push @cols, $column unless $taken{$name}++;
	}
	my $child = one_of(@children);
	my $rows = one_of(16, 32, 48);
	my @setup = (
		'CREATE TABLE t (id int, ' . join(', ', map { $_->[0] } @cols) . ')',
		"CALL fill('t', 'SELECT i, " . join(', ', map { my $v = $_->[1]; $v =~ s/'/''/g; $v } @cols) . " FROM generate_series(1, $rows) i')",
		"CALL must_be_cold('t')",
		'ALTER TABLE t ADD PRIMARY KEY (id)',
		(map { one_of(@indexes) } 1 .. draw(3)));
	push @setup, "CREATE TABLE c (t_id int $child, n int)", 'INSERT INTO c VALUES (' . id() . ', 0)' if $child;
	push @setup, 'CREATE TABLE log (what text)',
	  q{CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (TG_OP || coalesce(OLD.n, -1)); RETURN coalesce(NEW, OLD); END'},
	  'CREATE TRIGGER note ' . one_of('BEFORE', 'AFTER') . ' UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION note()'
	  if draw(4) == 0;
	my $logged = grep { /TABLE log/ } @setup;
	push @setup, 'UPDATE t SET n = n + 1 WHERE id = ' . id(), 'DELETE FROM t WHERE id = ' . (6 + draw(5)), 'INSERT INTO t (id, n) VALUES (' . ($rows + 1) . ', 1)'
	  if draw(2) == 0;

	my $text = "# drawn by cold_specs.pl\n";
	# statements of their own: each leaves its rows cold for the next
	$text .= "setup\n{\n\t$_;\n}\n" for @setup;
	$text .= "teardown\n{\n\tDROP TABLE t" . ($child ? ', c' : '') . ($logged ? ', log CASCADE; DROP FUNCTION note' : '') . ";\n}\n\n";

	my @sessions;
	# of two that wait for the same row always the same one gives up first
	my %patience = (a => 300, b => 600, c => 900);
	for my $name (sort keys %patience)
	{
		my $level = one_of('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ');
		my @steps;

		$text .= "session $name\nsetup\t\t{ SET lock_timeout = $patience{$name}; SET deadlock_timeout = '100ms'; }\n";
		$text .= "step ${name}0\t\t{ BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM t; }\n";
		push @steps, "${name}0";
		for my $i (1 .. 1 + draw(3))
		{
			my $statement = statement($child);
			$text .= "step $name$i\t\t{ $statement; }\n";
			push @steps, "$name$i";
		}
		$text .= "step ${name}end\t{ " . one_of('COMMIT', 'COMMIT', 'ROLLBACK') . "; }\nteardown\t{ ROLLBACK; }\n\n";
		push @steps, "${name}end";
		push @sessions, \@steps;
	}
	$text .= "session see\nstep look\t{ SELECT * FROM t ORDER BY id, n; SELECT count(*), sum(n) FROM t WHERE id > 0;"
	  . ($child ? ' SELECT * FROM c ORDER BY t_id, n;' : '') . ($logged ? ' SELECT * FROM log ORDER BY what;' : '') . " }\n\n";
	$text .= 'permutation ' . join(' ', permutation(@sessions), 'look') . "\n" for 1 .. 8;
	return $text;
}

for my $n (1 .. $count)
{
	$state = ($seed * 7919 + $n * 104729) % 2**31;
	draw(2) for 1 .. 5;
	my $path = "$dir/fuzz_${seed}_$n.spec";
	open(my $file, '>', $path) or die "$path: $!\n";
	print $file spec();
	close $file or die "$path: $!\n";
}
