# shellcheck shell=bash
# COPY of a whole file, and of lineitem, into an empty table without indexes, committed before; and what the table takes then.
# omendb keeps the rows that do not fill a group as heap does, so it is also said what the cold rows take.

case_load()
{
	local DATASET ROWS am

	# shellcheck disable=SC2153	# bench/table/data.bash
	for DATASET in "${DATASETS[@]}" lineitem; do
		use_data "$DATASET"
		if [ "$DATASET" = lineitem ]; then
			ROWS=$("$WORK/tpch" lineitem "$SCALE" | wc -l)
		else
			ROWS=$(($(wc -l <"$WORK/data/$DATASET.csv") - 1))
		fi
		for am in "${AMS[@]}"; do
			sql "CREATE TABLE t_$am ($COLUMNS_SQL) USING $am WITH (autovacuum_enabled = off)"
		done
		repeat load_all "COPY, $DATASET"
		conclude "COPY, $DATASET"
		check_same_rows
		for am in "${AMS[@]}"; do
			sql "SELECT pg_table_size('t_$am')"
			note "size, $DATASET" "$am" "bytes" "$(per "$ANSWER" "$ROWS")" "\"bytes\": $ANSWER, \"entries\": $ROWS, "
		done
		drop_tables

		create_cold_tables
		for am in "${AMS[@]}"; do
			sql "SELECT pg_table_size('t_$am')"
			note "size, $DATASET, full groups only" "$am" "bytes" "$(per "$ANSWER" "$ROWS")" \
				"\"bytes\": $ANSWER, \"entries\": $ROWS, "
		done
		drop_tables
	done
}

load_all()
{
	local am

	for am in "${AMS[@]}"; do
		sql "TRUNCATE t_$am"
		measure "$1" "$am" "$ROWS" "$(copy_statement "t_$am")"
		expect "rows loaded" "SELECT count(*) FROM t_$am" "$ROWS"
	done
}
