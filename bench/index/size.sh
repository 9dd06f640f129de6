# shellcheck shell=bash
# Bytes of the index for each entry: freshly built, and after half as many rows came one by one
# (appended for sequential and timestamps, at random places for the others).

case_size()
{
	local distribution

	for distribution in sequential timestamps shuffled uniform; do
		generate "$distribution" $((ROWS * 3 / 2))
		create_tables
		create_indexes
		note_sizes "size, $distribution, fresh" "$ROWS"
		for am in "${AMS[@]}"; do
			sql "INSERT INTO t_$am SELECT k, n FROM d WHERE n >= $ROWS"
		done
		note_sizes "size, $distribution, half as many inserted" $((ROWS * 3 / 2))
	done
}

# note_sizes MEASURE ENTRIES
note_sizes()
{
	local am

	for am in "${AMS[@]}"; do
		[ "$am" != noop ] || continue
		check_index "$am" "$2"
		sql "SELECT pg_relation_size('t_${am}_i')"
		note "$1" "$am" "bytes" "$(per "$ANSWER" "$2")" "\"bytes\": $ANSWER, \"entries\": $2, "
	done
}
