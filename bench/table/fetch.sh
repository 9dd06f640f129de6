# shellcheck shell=bash
# Cold rows by an index on a row number: single ones as probes of a nested loop, in random order, and by a query of
# its own for each; and a range of 1 %, per row found.  Heap has the same index.  Everything in shared buffers.

FETCH_PROBES=100000
FETCH_QUERIES=20000

case_fetch()
{
	# shellcheck disable=SC2034	# for create_cold_tables
	local DATASET ROWS index am FIRST_COLUMN='row_number() OVER () - 1 AS id, '

	# shellcheck disable=SC2153	# bench/table/data.bash
	for DATASET in "${DATASETS[@]}"; do
		use_data "$DATASET"
		create_cold_tables
		sql "CREATE UNLOGGED TABLE p AS
			SELECT (hashint8extended(g, 5) & 9223372036854775807) % $ROWS AS id FROM generate_series(1, $FETCH_PROBES) g"
		sql "VACUUM (FREEZE, ANALYZE) p"
		for am in "${AMS[@]}"; do
			sql "CREATE FUNCTION fetch_$am(queries int) RETURNS bigint LANGUAGE plpgsql AS \$\$
				DECLARE
					total bigint := 0;
					wanted bigint;
					found int;
				BEGIN
					FOR i IN 1..queries LOOP
						wanted := (hashint8extended(i, 6) & 9223372036854775807) % $ROWS;
						SELECT $NUMBER INTO found FROM t_$am WHERE id = wanted;
						total := total + found;
					END LOOP;
					RETURN total;
				END \$\$"
		done
		for index in btree alex; do
			for am in "${AMS[@]}"; do
				sql "CREATE INDEX t_${am}_i ON t_$am USING $index (id)"
			done
			fetch_measure "$index"
			for am in "${AMS[@]}"; do
				sql "DROP INDEX t_${am}_i"
			done
		done
		sql "DROP FUNCTION fetch_heap, fetch_omendb"
		drop_tables
	done
}

# fetch_measure INDEX
fetch_measure()
{
	local am range=$((ROWS / 100)) probe="SELECT count(t.@column), max(t.@column) FROM p JOIN t_@ t USING (id)"

	force_index_nested_loop
	for am in "${AMS[@]}"; do
		expect_index "$am" "$(sed "s/@column/$NUMBER/g; s/@/$am/" <<<"$probe")"
	done
	measure_query "probe by $1, int column, $DATASET" "$FETCH_PROBES" "${probe//@column/$NUMBER}"
	measure_query "probe by $1, last column, $DATASET" "$FETCH_PROBES" "${probe//@column/$LAST}"
	measure_query "query by $1, int column, $DATASET" "$FETCH_QUERIES" "SELECT fetch_@($FETCH_QUERIES)"
	measure_query "range by $1, int column, $DATASET" "$range" \
		"SELECT sum($NUMBER) FROM t_@ WHERE id >= $((ROWS / 2)) AND id < $((ROWS / 2 + range))"
	sql "RESET ALL"
}
