# Damaged files, full disks, cancelled and killed backends, timeouts, little memory: a clear error, nothing
# lost, other groups readable.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node;

sub query { return $node->safe_psql('postgres', shift); }

# ---- damage ----

# Layout: RgPageHeader at 24, payload from 48, HyEntry of 128 bytes in directory pages.
my ($meta, $directory, $first, $group2, $group3);		# blocks

# what, block, change of the page, whether groups 1 and 3 must stay readable
sub cases
{
	my $set = sub {
		my ($off, $bytes) = @_;
		return sub { substr($_[0], $off, length $bytes) = $bytes };
	};
	my $flip = sub {
		my ($off) = @_;
		return sub { substr($_[0], $off, 1) = chr(ord(substr($_[0], $off, 1)) ^ 0x40) };
	};

	return (
		# pages of a group
		[ 'a byte of the group header', $group2, $flip->(48 + 20), 1 ],
		[ 'the magic of a group', $group2, $set->(48, 'XXXX'), 1 ],
		[ 'the version of a group', $group2, $set->(48 + 4, pack('v', 99)), 1 ],
		[ 'a column descriptor', $group2, $flip->(48 + 64 + 100), 1 ],
		[ 'a byte of data', $group2 + 1, $flip->(48 + 4000), 1 ],
		[ 'another byte of data', $group2 + 2, $flip->(48 + 100), 1 ],
		[ 'the kind of a data page', $group2 + 1, $set->(24, pack('v', 9)), 1 ],
		[ 'the version of a data page', $group2 + 1, $set->(26, pack('v', 9)), 1 ],
		[ 'the index of a data page', $group2 + 1, $set->(28, pack('V', 7)), 1 ],
		[ 'the group of a data page', $group2 + 1, $set->(32, pack('Q<', 77)), 1 ],
		[ 'a zeroed data page', $group2 + 1, $set->(0, "\0" x 8192), 1 ],
		[ 'a data page of ones', $group2 + 1, $set->(0, "\xFF" x 8192), 0 ],
		# the directory: entry 0 is the page itself
		[ 'the kind of a directory page', $directory, $set->(24, pack('v', 9)), 0 ],
		[ 'the version of a directory page', $directory, $set->(26, pack('v', 9)), 0 ],
		[ 'the next directory page', $directory, $set->(24 + 20, pack('V', 123456)), 0 ],
		[ 'the state of an entry', $directory, $set->(48 + 128 * 2, pack('v', 9)), 0 ],
		[ 'the rows of an entry', $directory, $set->(48 + 128 * 2 + 4, pack('V', 99)), 0 ],
		[ 'the start of an entry', $directory, $set->(48 + 128 * 2 + 24, pack('V', 99999)), 0 ],
		[ 'the pages of an entry', $directory, $set->(48 + 128 * 2 + 28, pack('V', 60000)), 0 ],
		[ 'a zeroed directory page', $directory, $set->(0, "\0" x 8192), 0 ],
		# the metapage
		[ 'the magic of the metapage', 0, $set->(48, 'XXXX'), 0 ],
		[ 'the version of the metapage', 0, $set->(52, pack('v', 99)), 0 ],
		[ 'the head of the directory', 0, $set->(48 + 44, pack('V', 99999)), 0 ],
		[ 'a zeroed metapage', 0, $set->(0, "\0" x 8192), 0 ]);
}

# Each case has a table of its own, which is a copy of the same file; one restart serves all.
sub damage
{
	my ($mode) = @_;

	query(q{CREATE TABLE d0 (id bigint, k int, v text) USING omendb; SELECT load('d0', 1, 350); INSERT INTO d0 SELECT * FROM hybrid_rows(351, 400);
		VACUUM FREEZE d0});
	($first, $group2, $group3) = split /\n/, query(q{SELECT start_block FROM omendb.row_groups('d0') WHERE state = 'visible' ORDER BY first_row});
	if (!$group3)
	{
		fail("$mode: no groups to damage");
		return;
	}
	query('CHECKPOINT');
	my $bytes = slurp_bytes($node->data_dir . '/' . query(q{SELECT pg_relation_filepath('d0')}));
	for my $b (0 .. length($bytes) / 8192 - 1)
	{
		my ($lower, $upper) = unpack 'vv', substr($bytes, 8192 * $b + 12, 4);
		$directory = $b if $lower == 24 && $upper == 24 && unpack('v', substr($bytes, 8192 * $b + 24, 2)) == 2;
	}
	ok($directory, "$mode: there is a directory page");
	my @cases = cases();
	# cut within the last group
	push @cases, [ 'a file cut short', $group3 + 1, undef, 0 ];
	query(join '', map { "CREATE TABLE d$_ (id bigint, k int, v text) USING omendb;" } 1 .. @cases);
	my %file = map { split /\|/ } split /\n/, query(q{SELECT relname, pg_relation_filepath(oid) FROM pg_class WHERE relname ~ '^d[0-9]+$'});
	$node->stop;
	for my $c (1 .. @cases)
	{
		my ($what, $block, $change) = @{ $cases[ $c - 1 ] };
		my $copy = $bytes;

		if ($change)
		{
			my $page = substr($copy, 8192 * $block, 8192);
			$change->($page);
			substr($copy, 8192 * $block, 8192) = $page;
		}
		else
		{
			$copy = substr($copy, 0, 8192 * $block);
		}
		write_bytes($node->data_dir . "/$file{\"d$c\"}", $copy);
	}
	$node->start;

	my $sums = 'SELECT count(*), sum(id), sum(k), sum(length(v)) FROM';
	my $newer = qr/ERROR:  0A000: .*version/;
	my $right = query("$sums d0");
	my @parts = map { query("$sums d0 WHERE $_") } my @where = ("ctid < '(2147483649,0)' AND ctid >= '(2147483648,0)'",
		"ctid >= '(2147483650,0)'", "ctid < '(2147483648,0)'");
	for my $c (1 .. @cases)
	{
		my ($what, $block, $change, $others) = @{ $cases[ $c - 1 ] };
		my $name = "$mode: $what";
		my $verbose = '\set VERBOSITY verbose' . "\n";

		# the damage is found, and named
		my ($status, $out, $err) = $node->psql('postgres', "${verbose}SELECT * FROM omendb.check('d$c')");
		like("$out $err", qr/^\d+\|\S|ERROR:  XX00[12]|$newer/, "$name: omendb.check finds it");
		# a check sum is that of a column, which may stand in several pages
		my $blocks = join '|', $change && $what =~ /byte/ ? $group2 .. $group3 - 1 : $block;
		like("$out $err", qr/\b(?:$blocks)\b/, "$name: it names the block") if $others;
		# a scan is right or fails clearly; the same for other statements
		for my $sql ("$sums d$c", "SELECT count(*) FROM omendb.row_groups('d$c')", "VACUUM d$c", "ANALYZE d$c", "INSERT INTO d$c VALUES (1000000, 0, NULL)",
			"CREATE INDEX ON d$c (id)", "VACUUM FULL d$c")
		{
			($status, $out, $err) = $node->psql('postgres', "SET statement_timeout = '20s';\n$verbose$sql");
			if ($status == 0)
			{
				is($out, $right, "$name: right answer") if $sql eq "$sums d$c";
			}
			else
			{
				# a block that does not exist is the storage manager's error
				like($err, qr/ERROR:  XX00[12]: |$newer|ERROR:  (XX000|58P01|XX001): could not (read|open) (block|file)/, "$name: $sql");
				unlike($err, qr/server closed the connection/, "$name: $sql: the server lives");
			}
			# bytes of a group are no secret to its check sums
			isnt($status, 0, "$name: a scan fails") if $others && $sql eq "$sums d$c";
			if ($others && $sql eq "$sums d$c")
			{
				for my $i (0 .. $#where)
				{
					# a sequential scan would read all groups
					($status, $out, $err) = $node->psql('postgres', "SET enable_seqscan = off; $sums d$c WHERE $where[$i]");
					is("$out$err", $parts[$i], "$name: other rows are readable ($where[$i])");
				}
			}
			last if $sql =~ /^CREATE/;
		}
		($status, $out, $err) = $node->psql('postgres', "TRUNCATE d$c; SELECT load('d$c', 1, 350); SELECT count(*) FROM d$c");
		is($out, "\n350", "$name: TRUNCATE is a cure") or diag($err);
	}
	is(query("$sums d0"), $right, "$mode: the undamaged table");
	query(join '', map { "DROP TABLE d$_;" } 0 .. @cases);
	return;
}

# A Bloom filter: the first bytes of every section of one column's in one group.  Its damage names group and column; who does
# not ask it does not see the damage.
sub damaged_filter
{
	my ($mode) = @_;

	query(q{CREATE TABLE b (id bigint, k int, v text) USING omendb WITH (autovacuum_enabled = off);
		SELECT omendb.set_options('b', bloom_columns => '{id,v}');
		INSERT INTO b SELECT i, i, md5(i::text) FROM generate_series(1, 300) i; CALL omendb.compact('b')});
	my ($start, $id) = split /\|/, query(q{SELECT start_block, group_id FROM omendb.row_groups('b') WHERE state = 'visible' ORDER BY first_row OFFSET 1 LIMIT 1});
	my $file = $node->data_dir . '/' . query(q{CHECKPOINT; SELECT pg_relation_filepath('b')});
	my $right = query('SELECT count(*), sum(length(v)) FROM b');
	is(query(q{SELECT count(*) FROM b WHERE v = md5('missing')}), 0, "$mode: a value that is not there");
	$node->stop;
	my $bytes = slurp_bytes($file);
	# ColDesc of column 3; offsets in the stream, of which a page has 8136 bytes from 48 on
	my $desc = substr($bytes, 8192 * $start + 48 + 64 + 2 * 128, 128);
	my ($chunk, $offset, $size, $section) = (unpack('Q<', substr($desc, 32, 8)), unpack('VVv', substr($desc, 96, 10)));
	is($size, $section, "$mode: a filter of one section");
	my $at = $chunk + $offset + 20;
	substr($bytes, 8192 * ($start + int($at / 8136)) + 48 + $at % 8136, 1) ^= "\x10";
	write_bytes($file, $bytes);
	$node->start;

	my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT count(*) FROM b WHERE v = md5('missing')");
	like($err, qr/ERROR:  XX001: .*\nDETAIL:  Found: checksum of the Bloom filter is wrong, in column "v" of row group $id\./, "$mode: a damaged Bloom filter");
	is(query(q{SELECT count(*), sum(length(v)) FROM b}), $right, "$mode: scans that do not ask it");
	is(query(q{SELECT count(*) FROM b WHERE id = 150}), 1, "$mode: those that ask another one");
	like(query(q{SELECT problem FROM omendb.check('b')}), qr/^[^\n]*checksum of the Bloom filter is wrong, in column "v" of row group $id\.$/, "$mode: omendb.check names it");
	query('VACUUM FULL b');
	is(query(q{SELECT count(*) FROM b WHERE v = md5('missing')}), 0, "$mode: a rewrite makes a new one");
	hybrid_clean($node, "$mode: a rewrite makes a new filter", 'b');
	query('DROP TABLE b');
	return;
}

# ---- disks ----

# A limit on the size of files a backend may write makes extending the table fail as a full disk does.
sub disk_full
{
	my ($mode) = @_;
	my $file = $node->data_dir . '/rows_to_load';

	# wide enough that the table is larger than a WAL segment
	query(qq{CREATE TABLE f (id bigint, k int, v text) USING omendb; CREATE TABLE fc (id bigint, k int, v text) USING heap;
		SELECT load('f', 1, 5050), load('fc', 1, 5050); COPY (SELECT * FROM hybrid_rows(10001, 14000)) TO '$file'});
	my $size = query(q{SELECT pg_relation_size('f')});
	cmp_ok($size, '>', 1100000, "$mode: the table is larger than a WAL segment");
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query('SELECT pg_backend_pid()');

	for my $pages (1, 3, 8, 40)
	{
		my $what = "$mode: room for $pages pages";
		my $limit = query(q{SELECT pg_relation_size('f')}) + $pages * 8192;
		system_or_bail('prlimit', "--pid=$pid", "--fsize=$limit:");
		$session->{stderr} = '';
		$session->query("COPY f FROM '$file'");
		like($session->{stderr}, qr/ERROR:  could not extend file .*: (File too large|wrote only)/, "$what: the load fails");
		hybrid_same($node, $what, 'f', 'fc');
		hybrid_clean($node, $what, 'f');
		query('VACUUM f') if $pages > 3;
		hybrid_clean($node, "$what, vacuumed", 'f');
	}
	$session->{stderr} = '';
	$session->query('BEGIN; SAVEPOINT a');
	$session->query("COPY f FROM '$file'");
	like($session->{stderr}, qr/ERROR:  could not extend file/, "$mode: in a savepoint");
	$session->query('ROLLBACK TO a; INSERT INTO fc VALUES (-1, -1, NULL); INSERT INTO f VALUES (-1, -1, NULL); COMMIT');
	hybrid_same($node, "$mode: after a savepoint", 'f', 'fc');
	$session->{stderr} = '';
	$session->query('VACUUM FULL f');
	unlike($session->{stderr}, qr/PANIC|FATAL/, "$mode: VACUUM FULL without room");
	$session->query('CREATE TABLE f2 USING omendb AS SELECT a.* FROM f a, generate_series(1, 3)');
	like($session->{stderr}, qr/ERROR:  could not extend file/, "$mode: CREATE TABLE AS without room");
	$session->quit;
	is(query(q{SELECT count(*) FROM pg_class WHERE relname = 'f2'}), 0, "$mode: no table is left");
	hybrid_same($node, "$mode: before there is room again", 'f', 'fc');
	query(qq{VACUUM f; COPY f FROM '$file'; COPY fc FROM '$file'});
	hybrid_same($node, "$mode: with room again", 'f', 'fc');
	query('VACUUM FULL f');
	hybrid_same($node, "$mode: with room again, rewritten", 'f', 'fc');
	hybrid_clean($node, "$mode: with room again, rewritten", 'f');
	query('DROP TABLE f, fc');
	unlink $file;
	return;
}

# ---- backends stopped at a point where they may be ----

my @waits = (
	[ 'hybrid_flush', q{SELECT load('t', 20001, 20350)} ],
	[ 'hybrid_reserved', q{SELECT load('t', 20001, 20350)} ],
	[ 'hybrid_pages_written', q{SELECT load('t', 20001, 20350)} ],
	[ 'hybrid_published', q{SELECT load('t', 20001, 20350)} ],
	[ 'hybrid_pages_written', 'VACUUM FULL t' ],
	[ 'hybrid_rewrite_groups', 'CLUSTER t USING t_id' ],
	[ 'hybrid_published', 'CREATE TABLE t2 USING omendb AS SELECT * FROM c' ],
	[ 'hybrid_published', 'ALTER TABLE t ALTER k TYPE int USING k + 0' ]);

sub make_tables
{
	query(q{DROP TABLE IF EXISTS t, c; CREATE TABLE t (id bigint, k int, v text) USING omendb; CREATE TABLE c (id bigint, k int, v text) USING heap;
		SELECT load('t', 1, 550), load('c', 1, 550); INSERT INTO t SELECT * FROM hybrid_rows(551, 900); INSERT INTO c SELECT * FROM hybrid_rows(551, 900)});
	return;
}

sub stopped_at_waits
{
	my ($mode) = @_;
	my $holder = $node->background_psql('postgres');

	make_tables();
	for my $wait (@waits)
	{
		my ($point, $sql) = @$wait;

		$holder->query_safe("SELECT pg_advisory_lock(hashtext('$point'))");
		query('CREATE INDEX t_id ON t USING alex (id)') if $sql =~ /CLUSTER/;
		for my $how ('pg_cancel_backend', 'pg_terminate_backend')
		{
			my $what = "$mode: $how at $point in " . substr($sql, 0, 12);
			my $session = $node->background_psql('postgres', on_error_stop => 0);
			my $pid = $session->query('SELECT pg_backend_pid()');
			$session->query_until(qr/begun/, "SET omendb.stop_points = '$point=wait';\n\\echo begun\n$sql;\n");
			$node->poll_query_until('postgres', "SELECT wait_event = 'advisory' FROM pg_stat_activity WHERE pid = $pid")
			  or die "$point is not reached";
			query("SELECT $how($pid)");
			$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity
				WHERE pid = $pid AND state = 'active')") or die "$point: no end";
			eval { $session->quit };
			hybrid_same($node, $what, 't', 'c');
			hybrid_clean($node, $what, 't');
			is(query(q{SELECT count(*) FROM pg_class WHERE relname = 't2'}), 0, "$what: no table is left");
		}
		for my $timeout ('lock_timeout', 'statement_timeout')
		{
			my $what = "$mode: $timeout at $point in " . substr($sql, 0, 12);
			my ($status, $out, $err) = $node->psql('postgres', "SET omendb.stop_points = '$point=wait'; SET $timeout = '50ms'; $sql",
				timeout => 30, timed_out => \my $timed_out);
			ok(!$timed_out, "$what: it ends");
			like($err, $timeout eq 'lock_timeout' ? qr/canceling statement due to lock timeout/ : qr/canceling statement due to statement timeout/, $what);
			hybrid_same($node, $what, 't', 'c');
		}
		# the same session goes on after an error
		my $session = $node->background_psql('postgres', on_error_stop => 0);
		$session->query("SET omendb.stop_points = '$point=error'");
		$session->query('SELECT 1;');
		$session->{stderr} = '';
		$session->query($sql);
		like($session->{stderr}, qr/stopped at stop point "$point"/, "$mode: error at $point in " . substr($sql, 0, 12));
		$session->query('RESET omendb.stop_points');
		$session->query(q{BEGIN; INSERT INTO t SELECT * FROM hybrid_rows(40001, 40010); INSERT INTO c SELECT * FROM hybrid_rows(40001, 40010); COMMIT});
		hybrid_same($node, "$mode: error at $point, then INSERT in the session", 't', 'c');
		query('DROP INDEX IF EXISTS t_id');
		$session->query(q{SELECT load('t', 20001, 20350), load('c', 20001, 20350)});
		$session->quit;
		$holder->query_safe("SELECT pg_advisory_unlock(hashtext('$point'))");
		query('VACUUM t');
		hybrid_same($node, "$mode: after $point", 't', 'c');
		hybrid_clean($node, "$mode: after $point", 't');
		is(query(q{SELECT count(*) FROM omendb.row_groups('t') WHERE state NOT IN ('visible', 'free', 'directory')}), 0, "$mode: after $point: VACUUM has freed the rest");
	}
	$holder->quit;
	return;
}

# ---- time and memory ----

sub out_of_time
{
	my ($mode) = @_;

	make_tables();
	query(q{SET omendb.row_group_rows = 20000; CREATE TABLE large USING omendb AS SELECT i AS id, i % 100 AS k, md5(i::text) AS v FROM generate_series(1, 100000) i});
	# sooner or later: at whatever point it is then
	# a timeout that fires as a command ends is told to the next one as the user's
	my $canceled = qr/canceling statement due to (?:statement timeout|user request)/;

	for my $ms (1, 5, 20, 50, 100)
	{
		my ($status, $out, $err) = $node->psql('postgres', "SET statement_timeout = '${ms}ms'; SELECT load('t', 1, 20000)");
		like($err, $canceled, "$mode: a load of more than $ms ms") if $ms < 50;
		query('TRUNCATE c; INSERT INTO c SELECT * FROM t') if $status == 0;
		hybrid_same($node, "$mode: after $ms ms", 't', 'c');
		hybrid_clean($node, "$mode: after $ms ms", 't');
		($status, $out, $err) = $node->psql('postgres', "SET statement_timeout = '${ms}ms'; SELECT sum(length(a.v || b.v)) FROM large a JOIN large b ON a.k = b.id");
		like($err, $canceled, "$mode: a scan of more than $ms ms") if $ms < 20;
		($status, $out, $err) = $node->psql('postgres', "SET statement_timeout = '${ms}ms'; SET omendb.row_group_rows = 500; VACUUM FULL large");
		is(query('SELECT count(*), count(DISTINCT id) FROM large'), '100000|100000', "$mode: VACUUM FULL of $ms ms");
	}
	query('VACUUM t, large');
	hybrid_clean($node, "$mode: in the end", 't', 'large');
	query('DROP TABLE large');
	return;
}

sub little_memory
{
	my ($mode) = @_;
	my $small = q{SET maintenance_work_mem = '1MB'; SET work_mem = '64kB'; SET omendb.row_group_rows = 131072};

	make_tables();
	query(qq{$small; SELECT load('t', 10001, 20000), load('c', 10001, 20000)});
	hybrid_same($node, "$mode: a load with little memory", 't', 'c');
	query(qq{$small; VACUUM FULL t; CREATE INDEX t_v ON t (v); VACUUM t; CLUSTER t USING t_v});
	hybrid_same($node, "$mode: a rewrite with little memory", 't', 'c');
	hybrid_clean($node, "$mode: a rewrite with little memory", 't');
	# many tables at once
	query(q{CREATE TABLE p (id bigint, k int, v text) PARTITION BY HASH (id)});
	query(join '', map { "CREATE TABLE p$_ PARTITION OF p FOR VALUES WITH (MODULUS 40, REMAINDER $_) USING omendb;" } 0 .. 39);
	query(qq{$small; SELECT load('p', 1, 10000); TRUNCATE c; SELECT load('c', 1, 10000)});
	hybrid_same($node, "$mode: many tables with little memory", 'p', 'c');
	query('DROP TABLE p');
	return;
}

for my $mode (modes())
{
	my ($major) = `pg_config --version` =~ /(\d+)/;

	# small WAL segments: the limit of a file's size must be above theirs; without checksums, which would
	# find the damage first
	$node = new_node("hybrid_faults_$mode", $mode, extra => [ '--wal-segsize=1', $major >= 18 ? '--no-data-checksums' : () ]);
	$node->append_conf('postgresql.conf', "max_locks_per_transaction = 256\n");
	$node->start;
	install_hybrid($node);
	query('ALTER DATABASE postgres SET omendb.row_group_rows = 100');
	damage($mode);
	damaged_filter($mode);
	disk_full($mode);
	stopped_at_waits($mode);
	out_of_time($mode);
	little_memory($mode);
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|was terminated by signal/, "$mode: no server process died");
	$node->stop;
}
done_testing();
