# shellcheck shell=bash
# TPC-H's lineitem, all rows cold, read by PostgreSQL's own executor in one process.  Everything in shared buffers.  Per
# row of the table.

case_tpch()
{
	local DATASET ROWS

	use_data lineitem
	create_cold_tables
	measure_query "sum(int), lineitem" "$ROWS" "SELECT sum(l_partkey) FROM t_@"
	measure_query "sum(numeric), lineitem" "$ROWS" "SELECT sum(l_extendedprice) FROM t_@"
	measure_query "count(*) of half by date, lineitem" "$ROWS" "SELECT count(*) FROM t_@ WHERE l_shipdate < date '1995-06-17'"
	measure_query "query 6, lineitem" "$ROWS" "SELECT sum(l_extendedprice * l_discount) FROM t_@
		WHERE l_shipdate >= date '1994-01-01' AND l_shipdate < date '1994-01-01' + interval '1 year'
			AND l_discount BETWEEN 0.06 - 0.01 AND 0.06 + 0.01 AND l_quantity < 24"
	drop_tables
}
