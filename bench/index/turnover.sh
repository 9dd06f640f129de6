# shellcheck shell=bash
# Random keys that come and go: in each run every 5th row is deleted, a different one each run, VACUUM, and as many rows are
# inserted at random places.  Per row deleted, and inserted; the size of the index at the end.

case_turnover()
{
	local fifth=$((ROWS / 5)) rows am

	AMS=("${AMS[@]/noop/}")		# it knows rows by their place
	read -ra AMS <<<"${AMS[*]}"
	generate uniform $((ROWS + (REPEATS + 1) * fifth))
	create_tables
	create_indexes
	repeat turnover_all "turnover" "$fifth"
	conclude "turnover, vacuum"
	conclude "turnover, insert"
	for am in "${AMS[@]}"; do
		sql "SELECT count(*) FROM t_$am"
		rows=$ANSWER
		check_index "$am" "$rows"
		sql "SELECT pg_relation_size('t_${am}_i')"
		note "turnover, size" "$am" "bytes" "$(per "$ANSWER" "$rows")" "\"bytes\": $ANSWER, \"entries\": $rows, "
	done
}

# turnover_all MEASURE ROWS
turnover_all()
{
	local am from=$((ROWS + RUN * $2))

	for am in "${AMS[@]}"; do
		sql "DELETE FROM t_$am WHERE n % 5 = $RUN % 5"
		measure "$1, vacuum" "$am" "$2" "VACUUM (INDEX_CLEANUP on, TRUNCATE off, PARALLEL 0) t_$am"
		measure "$1, insert" "$am" "$2" "INSERT INTO t_$am SELECT k, n FROM d WHERE n >= $from AND n < $from + $2"
	done
}
