# shellcheck shell=bash
# Updates by many clients, none of them HOT: of a row found by the index on id, a new random value goes into v, which has
# an index of the same method.  So the index on id gets a new entry for the same key, the one on v a new key.  No
# vacuum comes by: what keeps the indexes small is what the methods do themselves.  The table is updated twice over in
# each of five rounds, methods in turn; the size counts after all of them.

CHURN_ROWS=100000
CHURN_ROUNDS=5

case_churn()
{
	local clients rows=$((ROWS / 10 < CHURN_ROWS ? ROWS / 10 : CHURN_ROWS)) am round name which
	local each tps cpu wal
	declare -A tps cpu wal

	AMS=("${AMS[@]/noop/}")		# it finds no row that has moved
	read -ra AMS <<<"${AMS[*]}"
	for clients in 16 64; do
		name="updates, $clients clients"
		tps=() cpu=() wal=()
		for am in "${AMS[@]}"; do
			churn_table "$am"
			churn_sizes "$name, fresh" "$am"
		done
		each=$((2 * rows / clients))
		for ((round = 1; round <= CHURN_ROUNDS; round++)); do
			for am in "${AMS[@]}"; do
				start_clients "$clients" "$each" "\\set id random(0, $rows - 1)
					\\set v random(0, 1000000000000)
					UPDATE t_$am SET v = :v, n = n + 1 WHERE id = :id;"
				finish_clients
				tps[$am]+=" $CLIENTS_TPS"
				cpu[$am]+=" $((CLIENTS_CPU / (each * clients)))"
				wal[$am]+=" $((CLIENTS_WAL / (each * clients)))"
			done
		done
		for am in "${AMS[@]}"; do
			expect "updates by $am" "SELECT count(*), sum(n) FROM t_$am" "$rows|$((each * clients * CHURN_ROUNDS))"
			churn_check "$am"
			which="\"ops\": $((each * clients)), \"tps\": [$(list "${tps[$am]}")], \"cpu_ns_each\": [$(list "${cpu[$am]}")], "
			note "$name, throughput" "$am" "per second" "$(median "${tps[$am]}")" "$which"
			note "$name" "$am" ns "$(median "${cpu[$am]}")" "$which"
			note "$name" "$am" "WAL bytes" "$(median "${wal[$am]}")" "$which"
			churn_sizes "$name, updated 10 times over" "$am"
		done
		for am in "${AMS[@]}"; do
			sql "DROP TABLE t_$am"
		done
	done
}

churn_table()
{
	local method=$1

	[ "$method" = alex ] || method=btree
	sql "CREATE TABLE t_$1 (id bigint, v bigint, n bigint) WITH (autovacuum_enabled = off)"
	sql "INSERT INTO t_$1 SELECT i, hashint8extended(i, 3) & 1099511627775, 0 FROM generate_series(0, $rows - 1) i"
	sql "CREATE INDEX t_$1_i ON t_$1 USING $method (id)"
	sql "CREATE INDEX t_$1_v ON t_$1 USING $method (v)"
	sql "VACUUM (FREEZE, ANALYZE) t_$1"
}

# Every row by each index.
churn_check()
{
	sql "SET enable_seqscan = off"
	sql "SET enable_bitmapscan = off"
	expect "rows by id" "SELECT count(n) FROM t_$1 WHERE id >= 0" "$rows"
	expect "rows by v" "SELECT count(n) FROM t_$1 WHERE v >= 0" "$rows"
	sql "RESET ALL"
	[ "$1" != alex ] || sql "SELECT omendb.alex_check('t_alex_i', true), omendb.alex_check('t_alex_v', true)"
}

# churn_sizes MEASURE AM: of each index, per row of the table
churn_sizes()
{
	local index

	for index in i v; do
		sql "SELECT pg_relation_size('t_$2_$index')"
		note "$1, index on $([ $index = i ] && say 'the unchanged' || say 'the changed') column" "$2" bytes \
			"$(per "$ANSWER" "$rows")" "\"bytes\": $ANSWER, \"entries\": $rows, "
	done
}
