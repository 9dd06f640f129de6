# shellcheck shell=bash
# Ranges of 1,000 keys as probes of a nested loop: with their heap fetches, in heap order (sequential) and
# with every row on a page of its own (uniform), and by index-only scans.  Per row found.

case_range()
{
	local distribution answer am

	for distribution in sequential uniform; do
		generate "$distribution" "$ROWS"
		create_tables
		create_indexes
		create_ranges
		ranges_answer "count(n), sum(n)"
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

		ranges_answer "count(k), bit_xor(k)"
		answer=$ANSWER
		ranges_of_noop p
		[ "${#NOOP_RANGES[@]}" = 0 ] || sql "ALTER INDEX t_noop_i SET (index_only,
			scattered = $([ "$distribution" = sequential ] && say off || say on))"
		force_index_nested_loop
		index_only_checked "range of $RANGE_KEYS keys, $distribution, index-only" "${answer%|*}" \
			"SELECT count(t.k), bit_xor(t.k) FROM p JOIN @ t ON t.k >= p.lo AND t.k <= p.hi" "$answer" "${NOOP_RANGES[@]}"
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
