# shellcheck shell=bash
# TPC-H's lineitem, all rows cold, read by PostgreSQL's own executor in one process; then once more after one row of each
# row group was deleted.  Everything in shared buffers.  Per row of the table.

case_tpch()
{
	local DATASET ROWS am

	use_data lineitem
	create_cold_tables
	tpch_queries lineitem
	sql "CREATE UNLOGGED TABLE p AS SELECT l_orderkey, l_linenumber FROM t_omendb WHERE ctid IN
		(SELECT format('(%s,%s)', 2147483648 + first_row / 256, 1 + first_row % 256)::tid
		FROM omendb.row_groups('t_omendb') WHERE state = 'visible')"
	for am in "${AMS[@]}"; do
		sql "DELETE FROM t_$am USING p WHERE t_$am.l_orderkey = p.l_orderkey AND t_$am.l_linenumber = p.l_linenumber"
	done
	expect "one row of each group is deleted" "SELECT count(*) FROM t_omendb" \
		"$((ROWS - $(group_count)))"
	tpch_queries "lineitem, a row of each group deleted"
	sql "DROP TABLE p"
	drop_tables
}

group_count()
{
	sql "SELECT count(*) FROM omendb.row_groups('t_omendb') WHERE state = 'visible'"
	say "$ANSWER"
}

# tpch_queries WHAT
tpch_queries()
{
	measure_query "sum(int), $1" "$ROWS" "SELECT sum(l_partkey) FROM t_@"
	measure_query "sum(numeric), $1" "$ROWS" "SELECT sum(l_extendedprice) FROM t_@"
	measure_query "count(*) of half by date, $1" "$ROWS" "SELECT count(*) FROM t_@ WHERE l_shipdate < date '1995-06-17'"
	measure_query "query 6, $1" "$ROWS" "SELECT sum(l_extendedprice * l_discount) FROM t_@
		WHERE l_shipdate >= date '1994-01-01' AND l_shipdate < date '1994-01-01' + interval '1 year'
			AND l_discount BETWEEN 0.06 - 0.01 AND 0.06 + 0.01 AND l_quantity < 24"
}
