# Damaged pages: each field of each kind of page in turn, whole pages, cut files.  Whatever is done to an
# index, a statement gives right answers or raises XX001 or XX002, alex_check finds the damage if
# answers are wrong, and nothing else in the server suffers.
#
# Each case has a table and an index of its own, which are copies of the same files; one restart serves all.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node;

sub query { return $node->safe_psql('postgres', shift); }

# ---- what to damage ----

# fields: name => [ offset, bytes ]
my @header = (
	[ 'pd_lsn', 0, 8 ], [ 'pd_checksum', 8, 2 ], [ 'pd_flags', 10, 2 ], [ 'pd_lower', 12, 2 ],
	[ 'pd_upper', 14, 2 ], [ 'pd_special', 16, 2 ], [ 'pd_pagesize_version', 18, 2 ],
	[ 'pd_prune_xid', 20, 4 ]);
my @fences = ([ 'low.key', 24, 8 ], [ 'low.tag', 32, 8 ], [ 'high.key', 40, 8 ], [ 'high.tag', 48, 8 ]);
my @opaque = map { [ $_->[0], $_->[1] + 8152, $_->[2] ] } (
	[ 'left', 0, 4 ], [ 'right', 4, 4 ], [ 'safexid', 8, 8 ], [ 'level', 16, 2 ], [ 'kind', 18, 1 ],
	[ 'version', 19, 1 ], [ 'keybytes', 20, 1 ], [ 'natts', 21, 1 ], [ 'nblocks', 22, 2 ],
	[ 'dirsize', 24, 2 ], [ 'nbase', 26, 2 ], [ 'nremoved', 28, 2 ], [ 'blocks_end', 30, 2 ],
	[ 'ngap', 32, 1 ], [ 'ntail', 33, 1 ], [ 'reserved', 34, 2 ], [ 'flags', 36, 2 ], [ 'page_id', 38, 2 ]);
my @desc = (
	[ 'kslope_lo', 0, 4 ], [ 'kslope_hi', 4, 4 ], [ 'tslope_lo', 8, 4 ], [ 'tslope_hi', 12, 4 ],
	[ 'tbase_lo', 16, 4 ], [ 'tbase_hi', 20, 2 ], [ 'tmul', 22, 2 ], [ 'off', 24, 2 ], [ 'cum', 26, 2 ],
	[ 'nbase', 28, 2 ], [ 'enc', 30, 1 ], [ 'n', 31, 1 ], [ 'idx0', 32, 1 ], [ 'kwidth', 33, 1 ],
	[ 'twidth', 34, 1 ], [ 'nwidth', 35, 1 ]);
my @meta = map { [ "meta.$_->[0]", $_->[1] + 24, $_->[2] ] } (
	[ 'magic', 0, 4 ], [ 'version', 4, 4 ], [ 'root', 8, 4 ], [ 'level', 12, 4 ], [ 'keybytes', 16, 2 ],
	[ 'natts', 18, 2 ], [ 'flags', 20, 4 ], [ 'cols[0].type', 24, 1 ], [ 'cols[0].bits', 25, 1 ],
	[ 'cols[0].flags', 26, 1 ], [ 'cols[0].reserved', 27, 1 ], [ 'cols[1].type', 28, 1 ],
	[ 'reserved', 88, 4 ]);

sub get
{
	my ($page, $off, $size) = @_;
	my $v = 0;
	$v = $v << 8 | ord(substr($page, $off + $_, 1)) for reverse 0 .. $size - 1;
	return $v;
}

# other values for a field
sub others
{
	my ($page, $off, $size) = @_;
	my $old = substr($page, $off, $size);
	my $v = get($page, $off, $size);
	my $mask = $size == 8 ? ~0 : (1 << 8 * $size) - 1;
	my %seen = ($old => 1);
	my @new;

	for my $value (0, 1, $v ^ 1, $v + 1, $v - 1, $mask, $v ^ (1 << 8 * $size - 1), $v ^ (1 << 4 * $size))
	{
		my $bytes = join '', map { chr(($value & $mask) >> 8 * $_ & 0xFF) } 0 .. $size - 1;
		push @new, $bytes if !$seen{$bytes}++;
	}
	return @new;
}

# the fields of a page of the tree
sub fields
{
	my ($page) = @_;
	my $inner = get($page, 8152 + 18, 1) == 3;
	my $raw = $inner ? 20 : 16;
	my $nblocks = get($page, 8152 + 22, 2);
	my $dirsize = get($page, 8152 + 24, 2);
	my $blocks_end = get($page, 8152 + 30, 2);
	my @all = (@header, @fences, @opaque);

	for my $b (0, $nblocks > 1 ? $nblocks - 1 : ())
	{
		my $at = 56 + $dirsize * 8 + $b * 36;
		my ($off, $n) = (get($page, $at + 24, 2), get($page, $at + 31, 1));
		my $dead = int(($n + 7) / 8);
		my $end = $b + 1 < $nblocks ? get($page, $at + 36 + 24, 2) : $blocks_end;

		push @all, [ "block $b key", 56 + 8 * $b, 8 ];
		push @all, map { [ "block $b $_->[0]", $at + $_->[1], $_->[2] ] } @desc;
		push @all, [ "block $b dead bits", $off, 1 ];
		push @all, map { [ "block $b child.$_->[0]", $off + $dead + $_->[1], $_->[2] ] }
		  [ 'slope', 0, 8 ], [ 'base', 8, 4 ], [ 'width', 12, 1 ], [ 'reserved', 13, 1 ] if $inner;
		my $data = $off + $dead + ($inner ? 16 : 0);
		push @all, [ "block $b first byte", $data, 1 ], [ "block $b last byte", $end - 1, 1 ]
		  if $end > $data;
	}
	push @all, [ 'tail dead bits', $blocks_end, 1 ], [ 'tail entry key', $blocks_end + 16, 8 ],
	  [ 'tail entry tag', $blocks_end + 24, 8 ], [ 'hole', get($page, 12, 2), 4 ];
	push @all, [ 'tail entry child', $blocks_end + 32, 4 ] if $inner;
	push @all, [ 'gap order', 8152 - 48, 1 ], [ 'unused gap order', 8152 - 1, 1 ],
	  [ 'gap dead bits', 8152 - 56, 1 ], [ 'gap entry key', 8152 - 56 - $raw, 8 ],
	  [ 'gap entry tag', 8152 - 56 - $raw + 8, 8 ];
	push @all, [ 'gap entry child', 8152 - 56 - 4, 4 ] if $inner;
	return @all;
}

# [ what, field, new contents of the file ]
sub all_cases
{
	my ($file) = @_;
	my $pages = length($file) / 8192;
	my @page = map { substr($file, 8192 * $_, 8192) } 0 .. $pages - 1;
	my ($leaf, $inner);
	my @cases;

	# a leaf and an inner page that have everything
	for my $b (1 .. $pages - 1)
	{
		my ($kind, $ngap, $ntail, $flags) =
		  (get($page[$b], 8152 + 18, 1), get($page[$b], 8152 + 32, 1), get($page[$b], 8152 + 33, 1),
			get($page[$b], 8152 + 36, 2));
		$leaf = $b if $kind == 2 && $ngap && $ntail && ($flags & 0x30) == 0;
		$inner = $b if $kind == 3 && $ngap && $ntail;
	}
	ok($leaf && $inner, 'there are a leaf and an inner page with packed, gap and tail entries');

	my $with = sub {
		my ($b, $page) = @_;
		return substr($file, 0, 8192 * $b) . $page . substr($file, 8192 * ($b + 1));
	};
	for my $target ([ 'leaf', $leaf, fields($page[$leaf]) ], [ 'inner', $inner, fields($page[$inner]) ],
		[ 'metapage', 0, @header, @opaque, @meta ])
	{
		my ($what, $b, @fields) = @$target;

		for my $field (@fields)
		{
			my ($name, $off, $size) = @$field;

			for my $bytes (others($page[$b], $off, $size))
			{
				my $page = $page[$b];
				substr($page, $off, $size) = $bytes;
				push @cases, [ "$what $name = " . unpack('H*', reverse $bytes), "$what $name", $with->($b, $page) ];
			}
		}
	}

	# whole pages
	my ($other) = grep { $_ != $leaf && $_ != $inner } 1 .. $pages - 1;
	for my $b (0, $leaf, $inner)
	{
		my $torn = $page[$b];
		my $shifted = $page[$b];
		substr($torn, 4096) = "\0" x 4096;
		substr($shifted, 24) = substr($page[$b], 23, 8168);
		push @cases, [ "page $b zeroed", 'page', $with->($b, "\0" x 8192) ],
		  [ "page $b all ones", 'page', $with->($b, "\xFF" x 8192) ],
		  [ "page $b: second half zeroed", 'page', $with->($b, $torn) ],
		  [ "page $b: shifted by a byte", 'page', $with->($b, $shifted) ],
		  [ "page $b: text", 'page', $with->($b, 'database ' x 910 . '  ') ];
		for my $from (0, $leaf, $inner, $other)
		{
			next if $from == $b;
			push @cases, [ "page $from over page $b", 'page', $with->($b, $page[$from]) ];
			my $swapped = $with->($b, $page[$from]);
			substr($swapped, 8192 * $from, 8192) = $page[$b];
			push @cases, [ "pages $from and $b swapped", 'page', $swapped ] if $from < $b || $from == $other;
		}
	}
	push @cases, [ "file cut to $_ pages", 'file', substr($file, 0, 8192 * $_) ] for 0 .. $pages - 1;
	push @cases, [ 'file cut within a page', 'file', substr($file, 0, length($file) - 4096) ];
	push @cases, [ 'file with a zero page more', 'zero page', $file . "\0" x 8192 ];
	push @cases, [ 'file with a leaf more', 'file', $file . $page[$leaf] ];
	return @cases;
}

# ---- what alex_check does not notice, and why that is right ----
#
# Where it notices nothing, everything else must go well.

my %unseen = map { $_ => 1 } (
	# the server's, not ours
	(map { my $p = $_; map { "$p $_" } qw(pd_lsn pd_checksum pd_flags pd_pagesize_version pd_prune_xid) }
		qw(leaf inner metapage)),
	# only deleted pages have one, and there are none yet
	(map { "$_ safexid" } qw(leaf inner metapage)),
	# reserved for later versions
	(map { "$_ reserved" } qw(leaf inner metapage)),
	'metapage meta.reserved', 'metapage meta.cols[0].reserved', 'metapage meta.cols[1].type',
	'inner block 0 child.reserved',
	# the version before: no page of this one is wrong under that number, as long as all blocks have dead bits
	(map { "$_ version" } qw(leaf inner metapage)), 'metapage meta.version',
	# which WAL mode changed the page or the index: either may be true
	(map { "$_ flags" } qw(leaf inner metapage)), 'metapage meta.flags',
	# hints
	(map { my $p = $_; map { "$p $_" } 'block 0 dead bits', 'block 1 dead bits', 'tail dead bits',
			'gap dead bits' } qw(leaf inner)),
	# places where nothing is stored
	(map { my $p = $_; map { "$p $_" } 'hole', 'unused gap order' } qw(leaf inner)),
	# bits too low to change an entry, or behind the last one
	(map { my $p = $_; map { "$p $_" } qw(kslope_lo kslope_hi tslope_lo tslope_hi child.slope), 'last byte' }
		'leaf block 0', 'leaf block 1', 'inner block 0'),
	# the root's fences are infinite: the flags say so, not the values
	(map { "inner $_" } qw(low.key low.tag high.key high.tag)),
	'zero page');

# ---- the test ----

sub examine
{
	my ($mode, $stride) = @_;

	# on by default since 18; with checksums the server itself would refuse the pages
	my ($major) = `pg_config --version` =~ /(\d+)/;
	$node = new_node("corrupt_$mode", $mode, $major >= 18 ? (extra => ['--no-data-checksums']) : ());
	$node->append_conf('postgresql.conf', <<'CONF');
omendb.check_pages = off
max_locks_per_transaction = 256
CONF
	$node->start;
	install($node);
	query(q{
		CREATE TABLE c0 (id bigint, k bigint);
		INSERT INTO c0 SELECT i, i * 1000 FROM generate_series(1, 459) i;
		CREATE INDEX c0_k ON c0 USING alex (k) WITH (leaf_entries = 256, fillfactor = 60);
		-- split the first leaf and the last, so that the root gets a gap and a tail entry
		INSERT INTO c0 SELECT 1000 + i, i * 1000 - 300 FROM generate_series(1, 110) i;
		INSERT INTO c0 SELECT 2000 + i, 459000 + i * 10 FROM generate_series(1, 260) i;
		-- the second leaf of the build: gap and tail
		INSERT INTO c0 SELECT 3000 + i, (200 + i) * 1000 + 500 FROM generate_series(1, 20) i;
		INSERT INTO c0 SELECT 4000 + i, 306000 + i FROM generate_series(1, 5) i;
		INSERT INTO c0 SELECT 5000 + i, NULL FROM generate_series(1, 9) i;
		CREATE TABLE result (c int, step text, state text, detail text, PRIMARY KEY (c, step));
		CREATE PROCEDURE try(c int, step text, what text) LANGUAGE plpgsql AS $$
		DECLARE s text := 'ok'; m text; d text;
		BEGIN
			BEGIN
				EXECUTE what INTO m;
				IF m <> '' THEN s := 'wrong'; END IF;
			EXCEPTION WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL;
			END;
			INSERT INTO result VALUES (c, step, s, m || ' ' || coalesce(d, ''));
			COMMIT;
		END $$});
	clean($node, "$mode: before", 'c0_k');
	agrees($node, "$mode: before", 'c0', 'k');

	# fill the tables by copying files
	query('VACUUM FREEZE c0');
	my $path = $node->data_dir . '/' . query(q{CHECKPOINT; SELECT pg_relation_filepath('c0_k')});
	my @cases = all_cases(slurp_bytes($path));
	my $count = 0;
	@cases = grep { $count++ % $stride == 0 || $_->[1] =~ /^(page|file|zero page)$/ } @cases;
	query(join '', map { "CREATE TABLE c$_ (id bigint, k bigint);
		CREATE INDEX c${_}_k ON c$_ USING alex (k) WITH (leaf_entries = 256, fillfactor = 60);" } 1 .. @cases);
	my %file = map { split /\|/ } split /\n/,
	  query(q{SELECT relname, pg_relation_filepath(oid) FROM pg_class WHERE relname ~ '^c[0-9]+(_k)?$'});
	$node->stop;
	my $heap = slurp_bytes($node->data_dir . "/$file{c0}");
	for my $c (1 .. @cases)
	{
		write_bytes($node->data_dir . "/$file{\"c$c\"}", $heap);
		write_bytes($node->data_dir . "/$file{\"c${c}_k\"}", $cases[ $c - 1 ][2]);
	}
	$node->start;

	# read, then write, then vacuum, then see what became of it
	my $steps = join '', map { <<"SQL" } 1 .. @cases;
\\warn case $_
CALL try($_, '1 check', \$\$ SELECT omendb.alex_check('c${_}_k', true) \$\$);
CALL try($_, '2 scan', \$\$ SELECT differs('c$_', 'k') \$\$);
CALL try($_, '3 stats', \$\$ SELECT NULL FROM omendb.alex_stats('c${_}_k') \$\$);
CALL try($_, '4 insert', \$\$ INSERT INTO c$_ SELECT 10000 + i, i * 999 FROM generate_series(0, 600, 3) i
	RETURNING NULL \$\$);
CALL try($_, '5 append', \$\$ INSERT INTO c$_ SELECT 20000 + i, 306000 + i * 3 FROM generate_series(2, 150) i
	RETURNING NULL \$\$);
CALL try($_, '6 delete', \$\$ DELETE FROM c$_ WHERE id % 5 < 4 RETURNING NULL \$\$);
VACUUM (INDEX_CLEANUP ON) c$_;
CALL try($_, '7 scan', \$\$ SELECT differs('c$_', 'k') \$\$);
CALL try($_, '8 check', \$\$ SELECT omendb.alex_check('c${_}_k', true) \$\$);
SQL
	my ($status, $out, $err) = $node->psql('postgres', "SET statement_timeout = '5s';\n\\set VERBOSITY verbose\n$steps",
		on_error_stop => 0, timeout => 300);

	# what VACUUM said
	my %state;
	my $case = 0;
	for my $line (split /\n/, $err)
	{
		$case = $1 if $line =~ /case (\d+)$/;
		$state{$case}{vacuum} = [ $1, $2 ] if $line =~ /(?:ERROR|FATAL|PANIC):\s+(\w{5}): (.*)/;
	}
	$state{ $_->[0] }{ $_->[1] } = [ @$_[ 2, 3 ] ]
	  for map { [ split /\|/, $_, 4 ] } split /\n/,
	  query(q{SELECT c, step, state, translate(detail, E'\n', ' ') FROM result});

	my (@bad, %missed);
	my ($noticed, $right, $wrong) = (0, 0, 0);
	for my $c (1 .. @cases)
	{
		my ($what, $field) = @{ $cases[ $c - 1 ] };
		my $s = $state{$c};
		# hints are believed, as btree's are: what they hide only a check of the table can tell
		my $hint = $what =~ /^leaf .*dead bits/;
		my $seen = ($s->{'1 check'}[0] // 'none') ne 'ok';

		$noticed++ if $seen;
		$missed{$field}++ if !$seen;
		for my $step ('1 check', '2 scan', '3 stats', '4 insert', '5 append', '6 delete', 'vacuum', '7 scan', '8 check')
		{
			my ($state, $detail) = @{ $s->{$step} // [ $step eq 'vacuum' ? 'ok' : 'none', '' ] };

			next if $state =~ /^(ok|XX001|XX002)$/ && ($seen || $state eq 'ok');
			next if $state eq 'wrong' && ($seen || $hint);
			# a link to a block that cannot exist: the storage manager's error
			next if $seen && $state =~ /^(XX000|58P01)$/ && $detail =~ /^could not open file .*\(target block \d+\)/;
			push @bad, "$what: $step: $state $detail";
		}
		$right++ if ($s->{'2 scan'}[0] // '') eq 'ok';
		$wrong++ if ($s->{'2 scan'}[0] // '') eq 'wrong';
	}
	note("$mode: " . @cases . " cases, $noticed noticed by alex_check, scans: $right right, $wrong wrong, "
		  . (@cases - $right - $wrong) . ' errors');
	note("$mode: not noticed: " . join(', ', map { "$_ ($missed{$_})" } sort keys %missed));
	is(scalar(@bad), 0, "$mode: right answers or errors for damaged storage")
	  or diag(join("\n", @bad > 60 ? (@bad[ 0 .. 59 ], '...') : @bad));
	is(join(', ', grep { !$unseen{$_} } sort keys %missed), '', "$mode: alex_check notices all that matters");

	clean($node, "$mode: the undamaged index", 'c0_k');
	query('INSERT INTO c0 SELECT id + 100000, k FROM c0; DELETE FROM c0 WHERE id % 2 = 0; VACUUM c0');
	agrees($node, "$mode: the undamaged index", 'c0', 'k');
	# REINDEX is the cure
	query(join ';', map { "REINDEX INDEX c${_}_k" } 1 .. 5, @cases - 5 .. @cases);
	clean($node, "$mode: after REINDEX", map { "c${_}_k" } 1 .. 5, @cases - 5 .. @cases);
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|was terminated by signal/, "$mode: no server process died");
	$node->stop;
	return;
}

# reading is the same in both modes: the second one gets every third field only
my $stride = 1;
for my $mode (modes())
{
	examine($mode, $stride);
	$stride = 3;
}
done_testing();
