# Damage to the structures of an omendb table: each field of its metapage, of a directory page and its entries,
# of a row group's pages, of its header and of its row map in turn.  Whatever stands there, a statement gives right answers or
# raises XX001 or 0A000 (a newer version), omendb.check finds the damage if answers are wrong, nothing loops,
# and nothing else in the server suffers.  (What is in a row group has check sums: hybrid_faults.pl, and
# test_column_damage.c for when they are right.)
#
# Each case has a table of its own, which is a copy of the same file; one restart serves all.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node;

sub query { return $node->safe_psql('postgres', shift); }

# ---- what to damage ----

# fields: name => [ offset, bytes ]
my @frame = (
	[ 'pd_flags', 10, 2 ], [ 'pd_lower', 12, 2 ], [ 'pd_upper', 14, 2 ], [ 'pd_special', 16, 2 ], [ 'pd_pagesize_version', 18, 2 ],
	[ 'pd_prune_xid', 20, 4 ], [ 'kind', 24, 2 ], [ 'version', 26, 2 ], [ 'index', 28, 4 ], [ 'group_id', 32, 8 ],
	[ 'used', 40, 4 ], [ 'next', 44, 4 ], [ 'tail.reserved', 8184, 4 ], [ 'tail.flags', 8188, 2 ], [ 'tail.page_id', 8190, 2 ]);
my @meta = map { [ $_->[0], $_->[1] + 48, $_->[2] ] } (
	[ 'magic', 0, 4 ], [ 'meta.version', 4, 2 ], [ 'flags', 6, 2 ], [ 'file_id', 8, 8 ], [ 'generation', 16, 8 ],
	[ 'next_group_id', 24, 8 ], [ 'next_row', 32, 8 ], [ 'vector_rows', 40, 4 ], [ 'directory_head', 44, 4 ],
	[ 'directory_tail', 48, 4 ], [ 'directory_hint', 52, 4 ], [ 'groups', 56, 8 ], [ 'rows', 64, 8 ], [ 'dead_rows', 72, 8 ],
	[ 'headers', 80, 8 ], [ 'raw_bytes', 88, 8 ], [ 'stream_bytes', 96, 8 ], [ 'opaque_pages', 104, 8 ], [ 'free_pages', 112, 8 ],
	[ 'hot_pages', 120, 8 ], [ 'hot_rows', 128, 8 ], [ 'oldest_xid', 136, 4 ], [ 'cut_at', 140, 4 ], [ 'moves', 144, 8 ], [ 'reserved', 152, 8 ],
	[ 'column_units[0]', 208, 4 ], [ 'column_units[9]', 244, 4 ]);
my @entry = (
	[ 'state', 0, 2 ], [ 'flags', 2, 2 ], [ 'rows', 4, 4 ], [ 'group_id', 8, 8 ], [ 'first_row', 16, 8 ], [ 'start', 24, 4 ],
	[ 'pages', 28, 4 ], [ 'xmin', 32, 4 ], [ 'cmin', 36, 4 ], [ 'xmax', 40, 4 ], [ 'cmax', 44, 4 ], [ 'safe_xid', 48, 8 ],
	[ 'stream_bytes', 56, 8 ], [ 'raw_bytes', 64, 8 ], [ 'dead_rows', 72, 4 ], [ 'headers', 76, 4 ], [ 'dead_bitmap', 80, 4 ],
	[ 'row_map', 84, 4 ], [ 'number_map', 88, 4 ], [ 'reclaimed', 92, 4 ], [ 'span', 96, 4 ], [ 'reserved', 100, 4 ]);
my @group = map { [ $_->[0], $_->[1] + 48, $_->[2] ] } (
	[ 'magic', 0, 4 ], [ 'group.version', 4, 2 ], [ 'flags', 6, 2 ], [ 'header.group_id', 8, 8 ], [ 'stream_bytes', 16, 8 ],
	[ 'rows', 24, 4 ], [ 'vectors', 28, 2 ], [ 'natts', 30, 2 ], [ 'columns', 32, 2 ], [ 'reserved0', 34, 2 ],
	[ 'header_bytes', 36, 4 ], [ 'raw_bytes', 40, 8 ], [ 'reserved', 48, 8 ], [ 'crc', 60, 4 ]);
# of a row map: its root, with the entry of a row that is only locked, and a page of its dense part
my @root = map { [ $_->[0], $_->[1] + 48, $_->[2] ] } (
	[ 'dense', 0, 4 ], [ 'removals', 4, 4 ], [ 'count', 8, 2 ], [ 'flags', 10, 2 ], [ 'reserved1', 12, 4 ],
	[ 'rows[1]', 20, 4 ], [ 'tids[1]', 16 + 4 * 812 + 6, 6 ], [ 'rows[400]', 16 + 4 * 400, 4 ], [ 'tids[400]', 16 + 4 * 812 + 6 * 400, 6 ]);
my @dense = map { [ $_->[0], $_->[1] + 48, $_->[2] ] } (
	[ 'removals', 0, 4 ], [ 'reserved', 4, 4 ], [ 'tids[0]', 8, 6 ], [ 'tids[60]', 8 + 6 * 60, 6 ], [ 'tids[950]', 8 + 6 * 950, 6 ],
	[ 'tids[1010]', 8 + 6 * 1010, 6 ]);

sub get
{
	my ($page, $off, $size) = @_;
	my $v = 0;
	$v = $v << 8 | ord(substr($page, $off + $_, 1)) for reverse 0 .. $size - 1;
	return $v;
}

# other values for a field; one of them makes a directory page its own successor
sub others
{
	my ($page, $block, $off, $size) = @_;
	my $v = get($page, $off, $size);
	my $mask = $size == 8 ? ~0 : (1 << 8 * $size) - 1;
	my %seen = (substr($page, $off, $size) => 1);
	my @new;

	for my $value (0, 1, $v ^ 1, $v + 1, $v - 1, $mask, $mask >> 1, $v ^ (1 << 8 * $size - 1), $v ^ (1 << 4 * $size), $block)
	{
		my $bytes = join '', map { chr(($value & $mask) >> 8 * $_ & 0xFF) } 0 .. $size - 1;
		push @new, $bytes if !$seen{$bytes}++;
	}
	return @new;
}

# A file's pages, and where its directory page has the first entry of each kind: a group whose xid is known to have committed,
# a younger one, one of 1000 rows, a free run, and so on.
sub parts
{
	my ($file) = @_;
	my @page = map { substr($file, 8192 * $_, 8192) } 0 .. length($file) / 8192 - 1;
	my ($directory) = grep { get($page[$_], 12, 2) == 24 && get($page[$_], 24, 2) == 2 } 1 .. $#page;
	my %of;

	for my $i (0 .. 62)
	{
		my $at = 48 + 128 * $i;
		my ($state, $flags, $rows) = (get($page[$directory], $at, 2), get($page[$directory], $at + 2, 2), get($page[$directory], $at + 4, 4));
		my $name = ('empty entry', 'free run', 'loading run', $flags ? 'old group' : $rows == 1000 ? 'large group' : 'group', 'system entry', 'map run')[$state];
		$of{$name} //= $at;
	}
	return (\@page, $directory, \%of);
}

# [ what, field, block, new contents of the page, name of the file ] for each other value of the fields of [ what, block, fields ... ]
sub cases
{
	my ($name, $page, @targets) = @_;
	my @cases;

	for my $target (@targets)
	{
		my ($what, $b, @fields) = @$target;

		for my $field (@fields)
		{
			my ($label, $off, $size) = @$field;

			for my $bytes (others($page->[$b], $b, $off, $size))
			{
				my $new = $page->[$b];
				substr($new, $off, $size) = $bytes;
				push @cases, [ "$what $label = " . unpack('H*', reverse $bytes), "$what $label", $b, $new, $name ];
			}
		}
	}
	return @cases;
}

# d: groups, a free run and hot pages.  m: groups with rows that have headers, of which one has a dense row map.
sub all_cases
{
	my (%file) = @_;
	my ($page, $directory, $of) = parts($file{d});
	my $entries = sub { map { my $name = $_; [ $name, $directory, map { [ $_->[0], $_->[1] + $of->{$name}, $_->[2] ] } @entry ] } @_ };

	is(join(', ', sort keys %$of), 'empty entry, free run, group, old group, system entry', 'there are entries of all kinds');
	my $first = get($page->[$directory], $of->{'old group'} + 24, 4);
	my @cases = cases('d', $page, [ 'metapage', 0, @frame, @meta ], [ 'directory', $directory, @frame ], $entries->(sort keys %$of),
		[ 'first page', $first, @frame, @group ], [ 'data page', $first + 1, @frame ]);

	($page, $directory, $of) = parts($file{m});
	is(join(', ', sort keys %$of), 'empty entry, group, large group, map run, system entry', 'and entries around row maps');
	my ($small, $large) = map { get($page->[$directory], $of->{$_} + 84, 4) } 'group', 'large group';
	# what is like the others' needs no second test
	my @part = grep { $_->[0] =~ /^(kind|index|group_id)$/ } @frame;
	my @runs = $entries->('map run', 'large group');
	for my $run (@runs)
	{
		@$run = (@$run[ 0, 1 ], grep { $_->[0] =~ /^(state|flags|group_id|first_row|start|pages|dead_rows|headers|row_map)$/ } @$run[ 2 .. $#$run ]);
	}
	return (@cases, cases('m', $page, @runs, [ 'row map', $large, @part, @root ], [ 'small row map', $small, @root ],
		[ 'dense map', get($page->[$directory], $of->{'map run'} + 24, 4), @part, @dense ]));
}

# ---- what omendb.check does not notice, and why that is right ----
#
# Where it notices nothing, everything else must go well.

my %unseen = map { $_ => 1 } (
	# the server's, not ours; flags that only say more than is true
	(map { my $p = $_; map { "$p $_" } qw(pd_flags pd_pagesize_version pd_prune_xid) } 'metapage', 'directory', 'first page', 'data page'),
	# used by one kind of page, or by none
	(map { my $p = $_; map { "$p $_" } qw(used next tail.reserved tail.flags) } 'metapage', 'first page', 'data page'),
	(map { "directory $_" } qw(group_id used tail.reserved tail.flags)), 'metapage index', 'metapage group_id',
	# another name for the file, another number for its state: both only have to be new
	'metapage file_id', 'metapage generation',
	# bounds that may be wide
	'metapage next_group_id', 'metapage next_row', 'metapage oldest_xid',
	# hints and estimates
	'metapage hot_pages', 'metapage hot_rows', 'metapage vector_rows',
	# nothing is stored there yet
	(map { "metapage $_" } qw(flags cut_at moves reserved)),
	(map { my $p = $_; map { "$p $_" } qw(cmax safe_xid dead_bitmap number_map reclaimed reserved) } 'group', 'old group'),
	(map { my $p = $_; map { "$p $_" } qw(rows xmin cmin xmax cmax stream_bytes raw_bytes dead_rows headers dead_bitmap row_map
			number_map reclaimed span reserved) } 'free run', 'system entry', 'map run'),
	'free run first_row', 'system entry first_row',
	# how many entries were taken out is not counted twice
	'row map removals', 'small row map removals', 'dense map removals',
	# zeroed, the entry of a row that was only locked is one that was taken away
	'dense map tids[950]',
	'system entry safe_xid', 'system entry group_id', 'free run group_id',
	# from when on it may be used again
	'free run safe_xid',
	(map { my $p = $_; map { "$p $_" } qw(flags) } 'free run', 'system entry', 'map run'),
	(map { "empty entry $_->[0]" } grep { $_->[0] ne 'state' } @entry),
	# of whom, and since when: any transaction may be the one, and be over
	'large group flags', map { my $p = $_; map { "$p $_" } qw(flags xmin cmin) } 'group', 'old group');

# ---- the test ----

sub examine
{
	my ($mode, $stride) = @_;
	my ($major) = `pg_config --version` =~ /(\d+)/;

	# with checksums, which 18 has by default, the server itself would refuse the pages
	$node = new_node("hybrid_corrupt_$mode", $mode, $major >= 18 ? (extra => ['--no-data-checksums']) : ());
	$node->append_conf('postgresql.conf', "omendb.check_pages = off\nmax_locks_per_transaction = 512\n");
	$node->start;
	install_hybrid($node);
	query('ALTER DATABASE postgres SET omendb.row_group_rows = 100');
	query(q{
		CREATE TABLE d0 (id bigint, k int, v text) USING omendb;
		SELECT load('d0', 1, 250);
		BEGIN; SELECT load('d0', 1001, 1100); ROLLBACK;
		VACUUM (FREEZE, TRUNCATE off) d0;
		SELECT load('d0', 251, 399);
		INSERT INTO d0 SELECT * FROM hybrid_rows(400, 450);
		-- a free run of two groups' size, of which the next load takes a part
		BEGIN; SELECT load('d0', 1001, 1200); ROLLBACK;
		VACUUM (TRUNCATE off) d0;
		SELECT load('d0', 451, 560);
		-- rows with headers, of a group that has more of them than the root of its row map lists, and of one that has few
		CREATE TABLE m0 (id bigint, k int, v text) USING omendb;
		COPY (SELECT i, i, 'v' FROM generate_series(1, 1000) i) TO PROGRAM 'cat >corruption.copy';
		SET omendb.row_group_rows = 1000; COPY m0 FROM PROGRAM 'cat corruption.copy'; RESET omendb.row_group_rows;
		SELECT count(*) FROM (SELECT FROM m0 WHERE id <= 20 FOR UPDATE) s;
		UPDATE m0 SET v = 'new' WHERE id BETWEEN 101 AND 900;
		SELECT count(*) FROM (SELECT FROM m0 WHERE id BETWEEN 941 AND 960 FOR UPDATE) s;
		DELETE FROM m0 WHERE id BETWEEN 970 AND 980;
		COPY m0 FROM PROGRAM 'head -100 corruption.copy';
		SELECT count(*) FROM (SELECT FROM m0 WHERE ctid IN ('(2147483652,2)', '(2147483652,3)', '(2147483652,5)') FOR UPDATE) s;
		DELETE FROM m0 WHERE ctid IN ('(2147483652,7)', '(2147483652,9)');
		CREATE TABLE result (c int, step text, state text, detail text, PRIMARY KEY (c, step));
		CREATE PROCEDURE try(c int, step text, what text) LANGUAGE plpgsql AS $$
		DECLARE s text := 'ok'; m text; d text;
		BEGIN
			BEGIN
				EXECUTE what INTO m;
			EXCEPTION WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL;
			END;
			INSERT INTO result VALUES (c, step, s, concat_ws(' ', m, d));
			COMMIT;
		END $$});
	hybrid_clean($node, "$mode: before", 'd0', 'm0');
	my $sums = q{SELECT concat_ws(' ', count(*), sum(id), sum(k), sum(length(v))) FROM %s};
	my %right = map { $_ => query(sprintf $sums, $_ . '0') } 'd', 'm';

	query('CHECKPOINT');
	my %file = map { $_ => slurp_bytes($node->data_dir . '/' . query(qq{SELECT pg_relation_filepath('${_}0')})) } 'd', 'm';
	my @cases = all_cases(%file);
	my $count = 0;
	@cases = grep { $count++ % $stride == 0 || $_->[1] =~ /directory_|directory (next|index)/ } @cases;
	query(join '', map { "CREATE TABLE d$_ (id bigint, k int, v text) USING omendb;" } 1 .. @cases);
	# the rows are older than these tables
	query(q{UPDATE pg_class SET relfrozenxid = (SELECT relfrozenxid FROM pg_class WHERE relname = 'd0') WHERE relname ~ '^d[0-9]+$'});
	my %path = map { split /\|/ } split /\n/, query(q{SELECT relname, pg_relation_filepath(oid) FROM pg_class WHERE relname ~ '^d[0-9]+$'});
	$node->stop;
	for my $c (1 .. @cases)
	{
		my ($what, $field, $block, $page, $name) = @{ $cases[ $c - 1 ] };
		my $copy = $file{$name};
		substr($copy, 8192 * $block, 8192) = $page;
		write_bytes($node->data_dir . "/$path{\"d$c\"}", $copy);
	}
	$node->start;

	# read, then write, then vacuum, then rewrite
	my $steps = join '', map { my $scan = sprintf $sums, "d$_"; <<"SQL" } 1 .. @cases;
\\warn case $_
CALL try($_, '1 check', \$\$ SELECT string_agg(block || ' ' || problem, '; ') FROM omendb.check('d$_') \$\$);
CALL try($_, '2 scan', \$\$ $scan \$\$);
CALL try($_, '3 tids', \$\$ SELECT count(v) FROM d$_ WHERE ctid = ANY (ARRAY['(2147483648,7)', '(2147483650,1)', '(0,1)', '(4294967295,1)']::tid[]) \$\$);
CALL try($_, '4 groups', \$\$ SELECT count(*) FROM omendb.row_groups('d$_') \$\$);
CALL try($_, '5 insert', \$\$ INSERT INTO d$_ SELECT * FROM hybrid_rows(5001, 5020) RETURNING NULL \$\$);
ANALYZE d$_;
VACUUM d$_;
CALL try($_, '6 load', \$\$ SELECT load('d$_', 6001, 6210) \$\$);
CREATE INDEX ON d$_ (id);
VACUUM (FREEZE) d$_;
VACUUM FULL d$_;
SQL
	my ($status, $out, $err) = $node->psql('postgres', "SET statement_timeout = '20s';\n\\set VERBOSITY verbose\n$steps",
		on_error_stop => 0, timeout => 600);

	my %state;
	my $case = 0;
	for my $line (split /\n/, $err)
	{
		$case = $1 if $line =~ /case (\d+)$/;
		$state{$case}{maintenance} = [ $1, $2 ] if $line =~ /(?:ERROR|FATAL|PANIC):\s+(\w{5}): (.*)/;
	}
	$state{ $_->[0] }{ $_->[1] } = [ @$_[ 2, 3 ] ]
	  for map { [ split /\|/, $_, 4 ] } split /\n/, query(q{SELECT c, step, state, translate(detail, E'\n', ' ') FROM result});

	my (@bad, %missed);
	my ($noticed, $answers) = (0, 0);
	for my $c (1 .. @cases)
	{
		my ($what, $field, $right) = (@{ $cases[ $c - 1 ] }[ 0, 1 ], $right{ $cases[ $c - 1 ][4] });
		my $s = $state{$c};
		my $check = $s->{'1 check'} // [ 'none', '' ];
		my $seen = $check->[0] ne 'ok' || $check->[1] ne '';

		$noticed++ if $seen;
		$missed{$field}++ if !$seen;
		for my $step ('1 check', '2 scan', '3 tids', '4 groups', '5 insert', '6 load', 'maintenance')
		{
			my ($state, $detail) = @{ $s->{$step} // [ $step eq 'maintenance' ? 'ok' : 'none', '' ] };

			if ($step eq '2 scan' && $state eq 'ok')
			{
				$answers++ if $detail eq $right;
				push @bad, "$what: $detail instead of $right" if $detail ne $right && !$seen;
			}
			next if $state =~ /^(ok|XX001|0A000)$/ && ($seen || $state eq 'ok');
			# a transaction that never was is clog's error, row numbers that are used up have one of their own
			next if $seen && $state eq '58P01' && $detail =~ /^could not access status of transaction/;
			next if $field eq 'metapage next_row' && $state eq '54000';
			push @bad, "$what: $step: $state $detail";
		}
	}
	note("$mode: " . @cases . " cases, $noticed noticed by omendb.check, $answers scans right");
	note("$mode: not noticed: " . join(', ', map { "$_ ($missed{$_})" } sort keys %missed));
	is(scalar(@bad), 0, "$mode: right answers or errors for damaged storage")
	  or diag(join("\n", @bad > 60 ? (@bad[ 0 .. 59 ], '...') : @bad));
	is(join(', ', grep { !$unseen{$_} } sort keys %missed), '', "$mode: omendb.check notices all that matters");
	is(query(sprintf $sums, "${_}0"), $right{$_}, "$mode: an undamaged table") for 'd', 'm';
	hybrid_clean($node, "$mode: the undamaged tables", 'd0', 'm0');
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|was terminated by signal/, "$mode: no server process died");
	$node->stop;
	return;
}

# every second value; reading is the same in both modes: the second one gets every fifth
my $stride = 2;
for my $mode (modes())
{
	examine($mode, $stride);
	$stride = 5;
}
done_testing();
