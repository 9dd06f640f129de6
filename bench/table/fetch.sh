# shellcheck shell=bash
# Cold rows by an index on a row number: single ones as probes of a nested loop, in random order, and by a query of
# its own for each; and a range of 1 %, per row found.  Heap has the same index.  Everything in shared buffers.
# And 5 of the 16 columns of TPC-H's lineitem by its key, which takes more groups than an index scan keeps open.

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
	fetch_lines
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

fetch_lines()
{
	local DATASET ROWS am index probes queries
	local columns='sum(l_partkey), sum(l_quantity), sum(l_extendedprice), max(l_shipdate), count(l_shipmode)'
	local probe="SELECT $columns FROM p JOIN t_@ ON l_orderkey = k AND l_linenumber = n"

	use_data lineitem
	create_cold_tables
	probes=$((ROWS < FETCH_PROBES ? ROWS : FETCH_PROBES))
	queries=$((ROWS < FETCH_QUERIES ? ROWS : FETCH_QUERIES))
	create_line_keys "$probes"
	for am in "${AMS[@]}"; do
		sql "CREATE FUNCTION fetch_$am(queries int) RETURNS numeric LANGUAGE plpgsql AS \$\$
			DECLARE
				total numeric := 0;
				wanted record;
				found record;
			BEGIN
				FOR wanted IN SELECT k, n FROM p WHERE i <= queries LOOP
					SELECT l_partkey, l_quantity, l_extendedprice, l_shipdate, l_shipmode INTO STRICT found
						FROM t_$am WHERE l_orderkey = wanted.k AND l_linenumber = wanted.n;
					total := total + found.l_extendedprice;
				END LOOP;
				RETURN total;
			END \$\$"
	done
	for index in btree alex; do
		if [ $index = alex ]; then
			for am in "${AMS[@]}"; do
				sql "DROP INDEX t_${am}_i"
				sql "CREATE UNIQUE INDEX t_${am}_i ON t_$am USING alex (l_orderkey, l_linenumber)"
			done
		fi
		force_index_nested_loop
		for am in "${AMS[@]}"; do
			expect_index "$am" "${probe//@/$am}"
		done
		measure_query "probe by $index, 5 of 16 columns, lineitem" "$probes" "$probe"
		measure_query "query by $index, 5 of 16 columns, lineitem" "$queries" "SELECT fetch_@($queries)"
		sql "RESET ALL"
	done
	sql "DROP FUNCTION fetch_heap, fetch_omendb"
	drop_tables
}
