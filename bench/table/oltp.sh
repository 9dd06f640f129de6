# shellcheck shell=bash
# Hot rows only: pgbench's TPC-B, and inserts into a table with a primary key, by 1, 4 and 16 clients; a transaction
# each.  Throughput and latencies with the machine shared by pgbench and the server.  Neither is vacuumed between runs.

OLTP_SCALE=20
OLTP_TRANSACTIONS=40000

case_oltp()
{
	local scale=$((ROWS / 50000)) transactions=$((ROWS / 25)) clients am each

	scale=$((scale < 1 ? 1 : scale < OLTP_SCALE ? scale : OLTP_SCALE))
	transactions=$((transactions < OLTP_TRANSACTIONS ? transactions : OLTP_TRANSACTIONS))
	for am in "${AMS[@]}"; do
		oltp_tables "$am"
	done
	for clients in 1 4 16; do
		each=$((transactions / clients))
		[ "$each" -gt 0 ] || die "oltp: $ROWS rows are too few"
		oltp_measure "TPC-B, $clients client$([ "$clients" = 1 ] || say s)" "\\set aid random(1, 100000 * :scale)
			\\set bid random(1, 1 * :scale)
			\\set tid random(1, 10 * :scale)
			\\set delta random(-5000, 5000)
			BEGIN;
			UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
			SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
			UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
			UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
			INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);
			END;"
		oltp_measure "inserts, $clients client$([ "$clients" = 1 ] || say s)" "\\set device random(1, 1000)
			\\set value random(1, 1000000)
			INSERT INTO inserts (device, value, at, note) VALUES (:device, :value, CURRENT_TIMESTAMP, 'measured');"
	done
	for am in "${AMS[@]}"; do
		oltp_check "$am"
		sql "DROP SCHEMA oltp_$am CASCADE"
	done
}

# oltp_options AM: a schema of its own, where tables are made by this method
oltp_options() { say "-c search_path=oltp_$1 -c default_table_access_method=$1 -c omendb.load_row_groups=off"; }

oltp_tables()
{
	sql "CREATE SCHEMA oltp_$1"
	PGOPTIONS=$(oltp_options "$1") pgbench -i -q -s "$scale" bench >"$WORK/logs/pgbench-$1.log" 2>&1 ||
		{ cat "$WORK/logs/pgbench-$1.log"; die "pgbench cannot create its tables by $1"; }
	sql "CREATE TABLE oltp_$1.inserts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, device int, value int,
		at timestamptz, note text) USING $1"
	sql "SELECT count(*) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
		WHERE relnamespace = 'oltp_$1'::regnamespace AND relkind = 'r' AND amname = '$1'"
	[ "$ANSWER" = 5 ] || die "oltp: $ANSWER tables by $1, not 5"
	if [ "$1" = omendb ]; then
		expect "cold rows" "SELECT count(*) FROM omendb.row_groups('oltp_omendb.pgbench_accounts')" 0
	fi
}

# oltp_measure MEASURE SCRIPT
oltp_measure()
{
	local am

	repeat oltp_all "$@"
	for am in "${AMS[@]}"; do
		note_clients "$1" "$am" $((each * clients))
	done
}

oltp_all()
{
	local am

	for am in "${AMS[@]}"; do
		PGOPTIONS=$(oltp_options "$am") start_clients "$clients" "$each" "$2" -s "$scale"
		finish_clients
		collect_clients "$1" "$am"
	done
}

# What all transactions together have done is right.
oltp_check()
{
	local n=$((REPEATS + 1)) total=0 clients

	for clients in 1 4 16; do
		total=$((total + n * (transactions / clients * clients)))
	done
	expect "rows of $1" "SELECT (SELECT count(*) FROM oltp_$1.pgbench_history), (SELECT count(*) FROM oltp_$1.inserts)" \
		"$total|$total"
	expect "balances of $1" "SELECT (SELECT sum(abalance) FROM oltp_$1.pgbench_accounts) = sum(delta),
		(SELECT sum(tbalance) FROM oltp_$1.pgbench_tellers) = sum(delta),
		(SELECT sum(bbalance) FROM oltp_$1.pgbench_branches) = sum(delta) FROM oltp_$1.pgbench_history" "t|t|t"
}
