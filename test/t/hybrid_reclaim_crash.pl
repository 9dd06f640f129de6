# Crashes and errors while VACUUM takes away idle headers, index entries of dead cold rows, and groups without a living
# row.  Table t is compared with its control c on heap.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $group = 100;
my ($node, $mode);

sub query { return $node->safe_psql('postgres', shift); }

# nothing, or what differs: by a scan and through each index
my $sums = q{SELECT concat_ws(' ', count(*), sum(id), sum(hashtextextended(x::text, 0))) FROM %s x};
my $differences = join(' UNION ALL ', map { sprintf("SELECT 'differs $_' WHERE ($sums) <> ($sums)", 't', 'c') } 'in all') .
  q{ UNION ALL SELECT 'problem: ' || problem FROM omendb."check"('t')};

sub same
{
	my ($what) = @_;
	my $by_index = join(';', map { sprintf("SET enable_seqscan = off; SELECT concat_ws(' ', count(*), sum(id)) FROM %s WHERE id > 0", $_) } 't', 'c');
	my ($t, $c) = split /\n/, query($by_index);

	is(query($differences), '', "$what: the rows are those of heap");
	is($t, $c, "$what: through an index, too");
	is(query(q{SELECT omendb.alex_check('t_alex', true)}), '', "$what: the alex index is complete");
	return;
}

sub fill
{
	query(qq{SET wal_consistency_checking = ''; DROP TABLE IF EXISTS t, c;
		CREATE TABLE t (id int, v text) USING omendb; CREATE TABLE c (id int, v text) USING heap;
		SET omendb.row_group_rows = $group;
		COPY t FROM PROGRAM 'seq -f "%g	row" 1 1000'; COPY c FROM PROGRAM 'seq -f "%g	row" 1 1000';
		CREATE INDEX t_id ON t (id); CREATE INDEX t_alex ON t USING alex (id); CREATE INDEX c_id ON c (id)});
	query('CHECKPOINT');
	for my $table ('t', 'c')
	{
		# groups 1 and 2 die, half of 3; rows of the rest were locked, or changed in vain
		query(qq{DELETE FROM $table WHERE id <= 250; UPDATE $table SET v = 'new' WHERE id BETWEEN 900 AND 910;
			SELECT FROM $table WHERE id BETWEEN 400 AND 700 FOR SHARE;
			BEGIN; DELETE FROM $table WHERE id BETWEEN 701 AND 720; ROLLBACK});
	}
	return;
}

for (modes())
{
	$mode = $_;
	$node = new_node("hybrid_reclaim_crash_$mode", $mode);
	$node->append_conf('postgresql.conf', "wal_consistency_checking = 'all'\nrestart_after_crash = on");
	$node->start;
	install($node);
	for my $point ('hybrid_header_unmapped', 'hybrid_reclaim_indexes', 'hybrid_reclaim_freed')
	{
		for my $action ($point eq 'hybrid_header_unmapped' ? 'crash' : ('crash', 'error'))
		{
			my $what = "$mode: $action at $point";

			fill();
			stops_at($node, $what, $action, $point, 'VACUUM t');
			same($what);
			query('VACUUM t');
			same("$what, and VACUUM");
			query(qq{SET omendb.row_group_rows = $group; CALL omendb.compact('t', true); INSERT INTO t VALUES (2000, 'x'); INSERT INTO c VALUES (2000, 'x');
				UPDATE t SET v = 'y' WHERE id BETWEEN 395 AND 405; UPDATE c SET v = 'y' WHERE id BETWEEN 395 AND 405});
			same("$what, and more");
			is(query(q{SELECT row_groups FROM omendb.table_stats('t')}), 9, "$what: two groups are free, one has come");
		}
	}
	# the next row on a page without any other is logged as the first one of a new page
	query(qq{CREATE TABLE one (id int, v text) USING omendb; SET omendb.row_group_rows = $group; COPY one FROM PROGRAM 'seq -f "%g	row" 1 100';
		CHECKPOINT; SELECT FROM one WHERE id = 1 FOR UPDATE; VACUUM one; INSERT INTO one VALUES (101, 'row')});
	is(query(q{SELECT headers, count(*) FROM omendb.table_stats('one'), one GROUP BY 1}), '0|101', "$mode: a page is empty but for a new row");
	is(query(q{SELECT lp_off + lp_len FROM heap_page_items(get_raw_page('one', (SELECT (ctid::text::point)[0]::int FROM one WHERE id = 101))) WHERE lp_len > 0}), 8192,
		"$mode: the row stands where it would on a new page");
	kill_server($node);
	$node->start;
	is(query('SELECT count(*), sum(id) FROM one'), '101|5151', "$mode: a crash behind that");
	$node->stop;
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|inconsistent page found/, "$mode: no complaint in the server's log");
}
done_testing();
