# shellcheck shell=bash
# VACUUM after every 20th row was deleted, a different one each run, and after every 5th, of a table and an
# index made anew for each run.  Per row of the table at the start.

case_vacuum()
{
	generate uniform "$ROWS"
	create_tables
	create_indexes
	repeat vacuum_all "vacuum, 5 % deleted" 20
	conclude "vacuum, 5 % deleted"
	repeat vacuum_anew "vacuum, 20 % deleted" 5
	conclude "vacuum, 20 % deleted"
}

# vacuum_all MEASURE EVERY
vacuum_all()
{
	local am left

	for am in "${AMS[@]}"; do
		sql "DELETE FROM t_$am WHERE n % $2 = $RUN % $2"
		measure "$1" "$am" "$ROWS" "VACUUM (INDEX_CLEANUP on, TRUNCATE off, PARALLEL 0) t_$am"
		sql "SELECT count(*) FROM t_$am"
		left=$ANSWER
		expect "rows left" "SELECT count(*) FROM d WHERE n % $2 $([ "$2" = 5 ] && say '<>' || say '>') $RUN % $2" "$left"
		[ "$RUN" != 0 ] && [ "$RUN" != "$REPEATS" ] || check_index "$am" "$left"
	done
}

vacuum_anew()
{
	create_tables
	create_indexes
	vacuum_all "$@"
}
