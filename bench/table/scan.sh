# shellcheck shell=bash
# Sequential scans, row at a time, of tables whose rows are all cold (in heap's: frozen, all visible).
# Everything in shared buffers.  Per row of the table.

case_scan()
{
	local DATASET ROWS range

	# shellcheck disable=SC2153	# bench/table/data.bash
	for DATASET in "${DATASETS[@]}"; do
		use_data "$DATASET"
		create_cold_tables
		measure_query "count(*), $DATASET" "$ROWS" "SELECT count(*) FROM t_@"
		measure_query "sum of an int column, $DATASET" "$ROWS" "SELECT sum($NUMBER) FROM t_@"
		measure_query "count of the last column, $DATASET" "$ROWS" "SELECT count($LAST) FROM t_@"
		sql "SELECT format('%L AND %L', p[1], p[2]) FROM
			(SELECT percentile_disc(ARRAY[0.5, 0.51]) WITHIN GROUP (ORDER BY $TIME) AS p FROM t_heap) x"
		range=$ANSWER
		measure_query "count(*) of 1 % by time, $DATASET" "$ROWS" "SELECT count(*) FROM t_@ WHERE $TIME BETWEEN $range"
		drop_tables
	done
}
