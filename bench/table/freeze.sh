# shellcheck shell=bash
# Freezing of hot rows by omendb.compact: a million rows (--rows) of five columns, without an index and with one; what
# index and table take before and behind it, and the index when the worker has rebuilt it; the same rows by single transactions ("trickle"),
# vacuumed and frozen as they come, beside a bulk load; clients beside a freezer that works all the time; and 1 % of the rows, by the column in
# whose order they came.

FREEZE_COLUMNS="id bigint, device int, value double precision, at timestamptz, note text"
FREEZE_CLIENTS=4

freeze_rows() { say "SELECT i, i % 1000, i * 0.37, timestamptz '2026-01-01' + i * interval '1 s', 'note ' || i % 50 FROM generate_series($1) i"; }

case_freeze()
{
	local am index

	freeze_measure "freeze" ''
	for index in btree alex; do
		freeze_measure "freeze, $index on the order of the rows" "CREATE INDEX t_omendb_i ON t_omendb USING $index (id)"
		freeze_measure "freeze, $index in random order" "CREATE INDEX t_omendb_i ON t_omendb USING $index (hashint8extended(id, 1))"
	done
	freeze_filter
	freeze_trickle
	freeze_clients
}

# freeze_table AM [FROM, TO]: t_AM with hot rows
freeze_table()
{
	sql "DROP TABLE IF EXISTS t_$1"
	sql "CREATE TABLE t_$1 ($FREEZE_COLUMNS) USING $1 WITH (autovacuum_enabled = off)"
	sql "SET omendb.load_row_groups = off"
	sql "INSERT INTO t_$1 $(freeze_rows "${2:-1, $ROWS}")"
	sql "RESET omendb.load_row_groups"
}

# freeze_measure MEASURE INDEX
freeze_measure()
{
	repeat freeze_one "$@"
	conclude "$1"
	[ -n "$2" ] || return 0
	sql "VACUUM t_omendb"
	sql "SELECT pg_relation_size('t_omendb_i')"
	note "size of the index, $1" omendb bytes "$(per "$ANSWER" "$ROWS")" "\"bytes\": $ANSWER, "
	freeze_rebuild
	sql "SELECT pg_relation_size('t_omendb_i')"
	note "size of the index, $1, with reindex_above" omendb bytes "$(per "$ANSWER" "$ROWS")" "\"bytes\": $ANSWER, "
	sql "REINDEX INDEX t_omendb_i"
	sql "SELECT pg_relation_size('t_omendb_i')"
	note "size of the index, $1, built anew" omendb bytes "$(per "$ANSWER" "$ROWS")" "\"bytes\": $ANSWER, "
}

# the worker rebuilds the index, if it is more than 1.5 times as large as a new one
freeze_rebuild()
{
	local i

	sql "SELECT omendb.set_options('t_omendb', reindex_above => 1.5)"
	sql "VACUUM t_omendb"
	for ((i = 0; i < 600; i++)); do
		sql "SELECT omendb.index_bloat('t_omendb_i') <= 1.5"
		[ "$ANSWER" != t ] || return 0
		sleep 0.1
	done
	die "freeze: the index has not been rebuilt"
}

freeze_one()
{
	freeze_table omendb
	[ -z "$2" ] || sql "$2"
	sql "VACUUM (FREEZE, ANALYZE) t_omendb"
	measure "$1" omendb "$ROWS" "CALL omendb.compact('t_omendb', true)"
	expect "cold rows" "SELECT cold_rows FROM omendb.table_stats('t_omendb')" "$ROWS"
	expect "rows" "SELECT count(*), sum(id) FROM t_omendb" "$ROWS|$((ROWS * (ROWS + 1) / 2))"
}

freeze_filter()
{
	local am from=$((ROWS / 2)) to=$((ROWS / 2 + ROWS / 100 - 1))

	for am in "${AMS[@]}"; do
		freeze_table "$am"
		[ "$am" = heap ] || sql "CALL omendb.compact('t_$am', true)"
		sql "VACUUM (FREEZE, ANALYZE) t_$am"
		[ "$am" = heap ] || sql "CALL omendb.compact('t_$am')"
		sql "VACUUM t_$am"
	done
	repeat freeze_filter_all
	conclude "1 % of frozen rows by their order"
}

freeze_filter_all()
{
	local am

	for am in "${AMS[@]}"; do
		measure "1 % of frozen rows by their order" "$am" 1 "SELECT count(*), sum(device) FROM t_$am WHERE id BETWEEN $from AND $to"
	done
}

# A transaction for each row, a VACUUM and a freeze after each tenth of them; and the same rows loaded at once.
freeze_trickle()
{
	local step=$((ROWS / 10)) bulk i

	sql "DROP TABLE t_omendb"
	sql "CREATE TABLE t_omendb ($FREEZE_COLUMNS) USING omendb WITH (autovacuum_enabled = off)"
	sql "INSERT INTO t_omendb $(freeze_rows "1, $ROWS")"
	sql "ALTER TABLE t_omendb SET ACCESS METHOD heap"
	sql "CREATE TABLE bulk USING omendb AS SELECT * FROM t_omendb"
	sql "SELECT pg_table_size('bulk')"
	bulk=$ANSWER
	sql "DROP TABLE bulk, t_omendb"
	sql "CREATE TABLE t_omendb ($FREEZE_COLUMNS) USING omendb WITH (autovacuum_enabled = off)"
	sql "CREATE SEQUENCE trickle"
	for ((i = 0; i < 10; i++)); do
		start_clients "$FREEZE_CLIENTS" $((step / FREEZE_CLIENTS)) "INSERT INTO t_omendb
			SELECT i, i % 1000, i * 0.37, timestamptz '2026-01-01' + i * interval '1 s', 'note ' || i % 50 FROM nextval('trickle') i"
		finish_clients
		sql "CALL omendb.compact('t_omendb')"
		sql "VACUUM t_omendb"
	done
	sql "CALL omendb.compact('t_omendb', true)"
	sql "VACUUM t_omendb"
	# moves what is left into the pages that VACUUM has emptied
	sql "CALL omendb.compact('t_omendb')"
	sql "SELECT pg_table_size('t_omendb')"
	note "size, loaded at once" omendb bytes "$(per "$bulk" "$ROWS")" "\"bytes\": $bulk, "
	note "size, by single transactions" omendb bytes "$(per "$ANSWER" "$ROWS")" "\"bytes\": $ANSWER, "
	expect "rows" "SELECT count(*), count(DISTINCT id) FROM t_omendb" "$((step / FREEZE_CLIENTS * FREEZE_CLIENTS * 10))|$((step / FREEZE_CLIENTS * FREEZE_CLIENTS * 10))"
	sql "DROP SEQUENCE trickle"
}

# Clients insert and change rows of a table with a primary key: alone, and while it is frozen without a pause.
freeze_clients()
{
	local what

	for what in "beside nothing" "beside a freezer"; do
		repeat freeze_clients_all "$what"
		note_clients "inserts and changes, $FREEZE_CLIENTS clients, $what" omendb $((FREEZE_CLIENTS * (ROWS / 50)))
	done
}

freeze_clients_all()
{
	local freezer=

	freeze_table omendb
	sql "ALTER TABLE t_omendb ADD PRIMARY KEY (id)"
	sql "DROP SEQUENCE IF EXISTS beside"
	sql "CREATE SEQUENCE beside START $((ROWS + 1))"
	sql "VACUUM (FREEZE, ANALYZE) t_omendb"
	if [ "$1" = "beside a freezer" ]; then
		psql -Xqd bench -v ON_ERROR_STOP=1 -c "CALL omendb.compact('t_omendb', true)" >"$WORK/logs/freezer.log" 2>&1 &
		freezer=$!
	fi
	start_clients "$FREEZE_CLIENTS" $((ROWS / 50)) "\\set id random(1, $ROWS)
		INSERT INTO t_omendb SELECT i, i % 1000, i * 0.37, now(), 'note' FROM nextval('beside') i;
		UPDATE t_omendb SET value = value + 1 WHERE id = :id;
		SELECT value FROM t_omendb WHERE id = :id + 1;"
	finish_clients
	collect_clients "inserts and changes, $FREEZE_CLIENTS clients, $1" omendb
	[ -z "$freezer" ] || wait "$freezer" || { cat "$WORK/logs/freezer.log"; die "freeze: the freezer failed"; }
	expect "rows" "SELECT count(*), count(DISTINCT id) FROM t_omendb" "$((ROWS + FREEZE_CLIENTS * (ROWS / 50)))|$((ROWS + FREEZE_CLIENTS * (ROWS / 50)))"
}
