# shellcheck shell=bash
# Clients that send statements of their own: pgbench.  Latencies come from its log of transactions, CPU time
# from the kernel's account of the postmaster's children that have ended, which the backends of pgbench are.

# children_cpu: sets CHILDREN_NS
children_cpu()
{
	local pid stat

	read -r pid <"$DATA/postmaster.pid"
	read -r stat <"/proc/$pid/stat"
	# shellcheck disable=SC2086	# words
	set -- ${stat##*) }
	CHILDREN_NS=$(((${14} + ${15}) * 1000000000 / $(getconf CLK_TCK)))
}

# start_clients CLIENTS TRANSACTIONS SCRIPT [OPTION...]: in the background; TRANSACTIONS are of each client
start_clients()
{
	local clients=$1 transactions=$2

	say "$3" >"$WORK/script.sql"
	shift 3
	rm -f "$WORK"/transactions.*
	CLIENT_TRANSACTIONS=$((clients * transactions))
	children_cpu
	CLIENTS_CPU=$CHILDREN_NS
	sql "SELECT pg_current_wal_insert_lsn() - '0/0'"
	CLIENTS_WAL=$ANSWER
	pgbench -n -M prepared -c "$clients" -j 2 -t "$transactions" -f "$WORK/script.sql" --random-seed=1 \
		-l --log-prefix="$WORK/transactions" "$@" bench >"$WORK/clients.out" 2>&1 &
	CLIENTS_PID=$!
}

# finish_clients: sets CLIENTS_TPS, CLIENTS_CPU and CLIENTS_WAL.  All transactions must have succeeded.
finish_clients()
{
	wait "$CLIENTS_PID" || { cat "$WORK/clients.out"; die "$CASE: pgbench failed"; }
	grep -q "actually processed: $CLIENT_TRANSACTIONS/$CLIENT_TRANSACTIONS\$" "$WORK/clients.out" ||
		{ cat "$WORK/clients.out"; die "$CASE: not all transactions succeeded"; }
	CLIENTS_TPS=$(sed -n 's/^tps = \([0-9.]*\).*without initial.*/\1/p' "$WORK/clients.out")
	sleep 0.5		# backends end, the postmaster takes note
	children_cpu
	CLIENTS_CPU=$((CHILDREN_NS - CLIENTS_CPU))
	sql "SELECT pg_current_wal_insert_lsn() - '0/0' - $CLIENTS_WAL"
	CLIENTS_WAL=$ANSWER
}

# latencies: "p50 p99 p99.9 max" of the last run, in microseconds
latencies()
{
	cat "$WORK"/transactions.* | cut -d' ' -f3 | sort -n | awk '
		{ v[NR] = $1 }
		function quantile(q, i) { i = int(NR * q + 0.999999); return v[i < 1 ? 1 : i > NR ? NR : i] }
		END { print quantile(0.5), quantile(0.99), quantile(0.999), v[NR] }'
}

# latency_p99: the 99th percentile alone
latency_p99()
{
	local p99

	read -r _ p99 _ <<<"$(latencies)"
	say "$p99"
}

# note_clients MEASURE AM TRANSACTIONS: medians of what collect_clients() has put aside of this measure
declare -A CLIENTS_ALL_TPS CLIENTS_ALL_P99 CLIENTS_ALL_CPU CLIENTS_ALL_WAL
note_clients()
{
	local key="$1|$2" runs

	runs=$(printf '"ops": %s, "tps": [%s], "p99_us": [%s], "cpu_ns": [%s], "wal_bytes": [%s], ' "$3" \
		"$(list "${CLIENTS_ALL_TPS[$key]}")" "$(list "${CLIENTS_ALL_P99[$key]}")" "$(list "${CLIENTS_ALL_CPU[$key]}")" \
		"$(list "${CLIENTS_ALL_WAL[$key]}")")
	note "$1, throughput" "$2" "per second" "$(median "${CLIENTS_ALL_TPS[$key]}")" "$runs"
	note "$1, p99" "$2" us "$(median "${CLIENTS_ALL_P99[$key]}")" "$runs"
	note "$1" "$2" ns "$(per "$(median "${CLIENTS_ALL_CPU[$key]}")" "$3")" "$runs"
	note "$1" "$2" "WAL bytes" "$(per "$(median "${CLIENTS_ALL_WAL[$key]}")" "$3")" "$runs"
	unset "CLIENTS_ALL_TPS[$key]" "CLIENTS_ALL_P99[$key]" "CLIENTS_ALL_CPU[$key]" "CLIENTS_ALL_WAL[$key]"
}

# collect_clients MEASURE AM: after finish_clients.  RUN 0 is the warm-up.
collect_clients()
{
	local key="$1|$2"

	[ "$RUN" != 0 ] || return 0
	CLIENTS_ALL_TPS[$key]+=" $CLIENTS_TPS"
	CLIENTS_ALL_P99[$key]+=" $(latency_p99)"
	CLIENTS_ALL_CPU[$key]+=" $CLIENTS_CPU"
	CLIENTS_ALL_WAL[$key]+=" $CLIENTS_WAL"
}

# clients_not_supported MEASURE AM
clients_not_supported()
{
	not_supported "$1, throughput" "$2" "per second"
	not_supported "$1, p99" "$2" us
}

# insert_latencies MEASURE COUNT RUNS: COUNT rows of d from number $from on, a transaction each, by one client, in each of
# RUNS runs.  Two checkpoints fall into a run, one at its start and one in its middle, so most pages are written to WAL
# in full twice.
insert_latencies()
{
	local am run p50 p99 p999 slowest checkpoints
	declare -A tail cpu wal all

	sql "CREATE UNIQUE INDEX IF NOT EXISTS d_n ON d (n)"
	for ((run = 1; run <= $3; run++)); do
		for am in "${AMS[@]}"; do
			start_clients 1 "$2" "\\set i :i + 1
				INSERT INTO t_$am SELECT k, n FROM d WHERE n = :i;" -D "i=$((from - 1))"
			checkpoints=1
			sql CHECKPOINT
			while kill -0 "$CLIENTS_PID" 2>/dev/null; do
				if [ "$(cat "$WORK"/transactions.* 2>/dev/null | wc -l)" -ge $(($2 / 2)) ]; then
					sql CHECKPOINT
					checkpoints=2
					break
				fi
				sleep 0.1
			done
			finish_clients
			read -r p50 p99 p999 slowest <<<"$(latencies)"
			tail[$am]+=" $p999"
			cpu[$am]+=" $CLIENTS_CPU"
			wal[$am]+=" $CLIENTS_WAL"
			all[$am]+="${all[$am]:+, }{\"p50\": $p50, \"p99\": $p99, \"p99.9\": $p999, \"max\": $slowest, \"tps\": $CLIENTS_TPS, \"cpu_ns\": $CLIENTS_CPU, \"wal_bytes\": $CLIENTS_WAL, \"checkpoints\": $checkpoints}"
			[ "$run" != "$3" ] || check_index "$am" $((from + $2))
		done
		from=$((from + $2))
	done
	for am in "${AMS[@]}"; do
		note "$1, p99.9" "$am" "us" "$(median "${tail[$am]}")" "\"ops\": $2, \"runs\": [${all[$am]}], "
		note "$1" "$am" "ns" "$(per "$(median "${cpu[$am]}")" "$2")" "\"ops\": $2, \"runs\": [${all[$am]}], "
		note "$1" "$am" "WAL bytes" "$(per "$(median "${wal[$am]}")" "$2")" "\"ops\": $2, \"runs\": [${all[$am]}], "
	done
}
