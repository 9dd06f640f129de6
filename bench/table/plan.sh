# shellcheck shell=bash
# Tables of one and of 1,000 groups, with a btree index: EXPLAIN of a query, parser and printing included, and VACUUM of
# a table that has not changed since the last one.  Per statement.  Everything in shared buffers.

PLANS=2000
VACUUMS=20
GROUPS_SMALL=1024

case_plan()
{
	local DATASET=integers ROWS groups am

	for groups in 1 1000; do
		ROWS=$((groups * GROUPS_SMALL))
		sql "SET omendb.row_group_rows = $GROUPS_SMALL"
		for am in "${AMS[@]}"; do
			sql "CREATE TABLE t_$am USING $am WITH (autovacuum_enabled = off) AS
				SELECT i AS k, i % 1000 AS n FROM generate_series(0, $ROWS - 1) i"
			sql "CREATE INDEX t_${am}_i ON t_$am USING btree (k)"
			sql "VACUUM (FREEZE, ANALYZE) t_$am"
			sql "VACUUM t_$am"
		done
		sql "RESET omendb.row_group_rows"
		check_same_rows
		expect "groups" "SELECT count(*) FROM omendb.row_groups('t_omendb') WHERE state = 'visible'" "$groups"
		plan_measures "$groups group$([ "$groups" = 1 ] || say s) of $GROUPS_SMALL rows"
		drop_tables
	done
}

# plan_measures WHAT
plan_measures()
{
	repeat plan_all "planning, $1" "DO \$\$ BEGIN FOR i IN 1..$PLANS LOOP
		EXECUTE 'EXPLAIN SELECT n FROM t_@ WHERE k = 500 AND n > 5'; END LOOP; END \$\$" "$PLANS"
	conclude "planning, $1"
	repeat plan_all "VACUUM, unchanged, $1" "$(for ((i = 0; i < VACUUMS; i++)); do say "VACUUM t_@;"; done)" "$VACUUMS"
	conclude "VACUUM, unchanged, $1"
}

plan_all()
{
	local am

	for am in "${AMS[@]}"; do
		measure "$1" "$am" "$3" "${2//@/$am}"
	done
}
