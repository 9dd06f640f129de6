# shellcheck shell=bash
# Rows that refer to random ones of 100,000 cold parents, by 4 clients, a transaction each; and once more to the same
# parents, which are marked by then.  In each run parents and children are new.

FK_PARENTS=100000
FK_CLIENTS=4

case_fk()
{
	local parents=$((ROWS / 10 < FK_PARENTS ? ROWS / 10 : FK_PARENTS)) am able=() each
	local name="child inserts, $FK_CLIENTS clients"

	parents=$((parents / 16 / 5 * 16 * 5))
	[ "$parents" -gt 0 ] || die "fk: $ROWS rows are too few"
	each=$((parents / FK_CLIENTS))
	for am in "${AMS[@]}"; do
		fk_tables "$am"
		if can_run "INSERT INTO t_${am}_child (parent, n) VALUES (0, 1)"; then
			able+=("$am")
		else
			clients_not_supported "$name" "$am"
			clients_not_supported "$name, again" "$am"
		fi
	done
	repeat fk_all "$name"
	for am in "${able[@]}"; do
		note_clients "$name" "$am" $((each * FK_CLIENTS))
		note_clients "$name, again" "$am" $((each * FK_CLIENTS))
	done
	for am in "${AMS[@]}"; do
		sql "DROP TABLE t_${am}_child, t_$am"
	done
}

# fk_tables AM: t_AM with all rows cold (heap's: frozen), and t_AM_child that refers to it
fk_tables()
{
	sql "DROP TABLE IF EXISTS t_$1_child, t_$1"
	sql "SET omendb.row_group_rows = $((parents / 5))"
	sql "CREATE TABLE t_$1 USING $1 WITH (autovacuum_enabled = off) AS
		SELECT i AS id, i % 1000 AS n, 'parent number ' || i AS name FROM generate_series(0::bigint, $parents - 1) i"
	sql "RESET omendb.row_group_rows"
	sql "ALTER TABLE t_$1 ADD PRIMARY KEY (id)"
	sql "VACUUM (FREEZE, ANALYZE) t_$1"
	[ "$1" != omendb ] || expect "all parents are cold" \
		"SELECT sum(rows) FROM omendb.row_groups('t_omendb') WHERE state = 'visible'" "$parents"
	sql "CREATE TABLE t_$1_child (parent bigint NOT NULL REFERENCES t_$1, n int NOT NULL) USING $1
		WITH (autovacuum_enabled = off)"
}

fk_all()
{
	local am name

	for am in "${able[@]}"; do
		fk_tables "$am"
		for name in "$1" "$1, again"; do
			start_clients "$FK_CLIENTS" "$each" "\\set parent random(0, $parents - 1)
				INSERT INTO t_${am}_child (parent, n) VALUES (:parent, 1);"
			finish_clients
			collect_clients "$name" "$am"
		done
		expect "children" "SELECT count(*) FROM t_${am}_child JOIN t_$am ON id = parent" $((2 * each * FK_CLIENTS))
	done
}
