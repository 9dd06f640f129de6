# A writer whose model cache leads it to a leaf that was split, but has no downlink for its right half: its very next insert on either
# side gives it one. Readers do not, and find everything.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node;

sub query { return $node->safe_psql('postgres', shift); }

# what a session's model cache answered for the index since it came
sub hits { return shift->query_safe(q{SELECT coalesce(sum(hits), 0) FROM omendb.alex_cache_stats() WHERE index = 't_k'::regclass}); }

sub split_half_way
{
	my ($mode, $side, $key) = @_;
	my $what = "$mode, $side half";

	query(q{DROP TABLE IF EXISTS t;
		CREATE TABLE t (id bigint, k bigint) WITH (autovacuum_enabled = off);
		INSERT INTO t SELECT i, i * 10 FROM generate_series(1, 3000) i;
		CREATE INDEX t_k ON t USING alex (k) WITH (leaf_entries = 256)});
	my $writer = $node->background_psql('postgres');
	$writer->query_safe(q{SET enable_seqscan = off; SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan});
	$writer->query_safe(q{DO $$ BEGIN FOR i IN 1..3000 LOOP PERFORM id FROM t WHERE k = i * 10; END LOOP; END $$});
	$writer->query_safe('INSERT INTO t SELECT 5000 + i, i * 300 FROM generate_series(1, 90) i');
	my $before = hits($writer);

	my (undef, undef, $err) = $node->psql('postgres', q{SET omendb.stop_points = 'alex_split_before_downlink=error';
		INSERT INTO t SELECT 10000 + i, 10001 + i % 8 FROM generate_series(1, 400) i});
	like($err, qr/stopped at stop point "alex_split_before_downlink"/, "$what: split half-way");
	is(incomplete_splits($node, 't_k'), 1, "$what: an incomplete split");

	is($writer->query_safe('SELECT count(*) FROM t WHERE k BETWEEN 9000 AND 11000'), 201 + 7, "$what: a reader finds all");
	is(incomplete_splits($node, 't_k'), 1, "$what: readers leave it");
	$writer->query_safe("INSERT INTO t VALUES (20000, $key)");
	is(incomplete_splits($node, 't_k'), 0, "$what: the next insert finishes it");
	is($writer->query_safe("SELECT id FROM t WHERE k = $key ORDER BY id DESC LIMIT 1"), '20000', "$what: its row is found");
	cmp_ok(hits($writer), '>', $before, "$what: the cache was used");
	agrees($node, $what, 't', 'k');
	clean($node, $what, 't_k');
	$writer->quit;
	return;
}

for my $mode (modes())
{
	$node = new_node("split_hints_$mode", $mode);
	$node->start;
	install($node);
	split_half_way($mode, 'left', 9999);
	split_half_way($mode, 'right', 10012);
	$node->stop;
}
done_testing();
