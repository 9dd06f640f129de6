# shellcheck shell=bash
# Ranges of 1,000 keys, each with its heap fetches, as probes of a nested loop; in heap order
# (sequential) and with every row on a page of its own (uniform).  Per row found.

RANGE_KEYS=1000
RANGES_MAX=1000

case_range()
{
	local distribution ranges=$((ROWS / RANGE_KEYS)) answer am

	ranges=$((ranges < RANGES_MAX ? ranges : RANGES_MAX))
	for distribution in sequential uniform; do
		generate "$distribution" "$ROWS"
		create_tables
		create_indexes
		# ends of a range: every RANGE_KEYS-th key in key order, ranges in random order
		sql "CREATE UNLOGGED TABLE p AS SELECT * FROM (
				SELECT k AS lo, lead(k, $RANGE_KEYS - 1) OVER w AS hi, row_number() OVER w - 1 AS r
				FROM d WINDOW w AS (ORDER BY k)) x
			WHERE r % $RANGE_KEYS = 0 AND hi IS NOT NULL
			ORDER BY hashint8extended(r, 3), r LIMIT $ranges"
		sql "VACUUM (FREEZE, ANALYZE) p"
		sql "SELECT count(n), sum(n) FROM
			(SELECT n, (row_number() OVER (ORDER BY k) - 1) / $RANGE_KEYS AS r FROM d) x
			WHERE r IN (SELECT r / $RANGE_KEYS FROM p)"
		answer=$ANSWER
		force_index_nested_loop
		for am in "${AMS[@]}"; do
			range_applies "$am" || continue
			expect_index "$am" "$(range_statement "$am")"
			expect "ranges by $am" "$(range_statement "$am")" "$answer"
		done
		repeat range_all "range of $RANGE_KEYS keys, $distribution" "$answer"
		conclude "range of $RANGE_KEYS keys, $distribution"
		sql "RESET ALL"
		sql "DROP TABLE p"
	done
}

# The do-nothing method knows rows by their place in the heap, which is key order only here.
range_applies() { [ "$1" != noop ] || [ "$distribution" = sequential ]; }

range_statement()
{
	say "SELECT count(t.n), sum(t.n) FROM p JOIN t_$1 t
		ON t.$(key_of "$1") >= p.lo AND t.$(key_of "$1") <= p.hi"
}

range_all()
{
	local am

	for am in "${AMS[@]}"; do
		range_applies "$am" || continue
		measure "$1" "$am" "${2%|*}" "$(range_statement "$am")"
		[ "$ANSWER" = "$2" ] || die "$1, $am: answer $ANSWER"
	done
}
