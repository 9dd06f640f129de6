# shellcheck shell=bash
# VACUUM after every 20th row was deleted, a different one each run.  Per row of the table at the start.

case_vacuum()
{
	generate uniform "$ROWS"
	create_tables
	create_indexes
	repeat vacuum_all "vacuum, 5 % deleted"
	conclude "vacuum, 5 % deleted"
}

vacuum_all()
{
	local am left

	for am in "${AMS[@]}"; do
		sql "DELETE FROM t_$am WHERE n % 20 = $RUN"
		measure "$1" "$am" "$ROWS" "VACUUM (INDEX_CLEANUP on, TRUNCATE off, PARALLEL 0) t_$am"
		sql "SELECT count(*) FROM t_$am"
		left=$ANSWER
		expect "rows left" "SELECT count(*) FROM d WHERE n % 20 > $RUN" "$left"
		[ "$RUN" != 0 ] && [ "$RUN" != "$REPEATS" ] || check_index "$am" "$left"
	done
}
