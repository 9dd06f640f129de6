# shellcheck shell=bash
# What several index cases measure.  Tables, data and bookkeeping are those of bench/run.

# --- size and build ------------------------------------------------------------------------------

# note_sizes MEASURE ENTRIES
note_sizes()
{
	local am

	for am in "${AMS[@]}"; do
		[ "$am" != noop ] || continue
		check_index "$am" "$2"
		sql "SELECT pg_relation_size('t_${am}_i')"
		note "$1" "$am" "bytes" "$(per "$ANSWER" "$2")" "\"bytes\": $ANSWER, \"entries\": $2, "
	done
}

drop_indexes()
{
	local am

	for am in "${AMS[@]}"; do
		sql "DROP INDEX IF EXISTS t_${am}_i"
	done
}

build_all()
{
	local am

	for am in "${AMS[@]}"; do
		measure "$1" "$am" "$ROWS" "$(index_statement "$am")"
		[ "$RUN" != 0 ] || check_index "$am" "$ROWS"
		sql "DROP INDEX t_${am}_i"
	done
}

# --- probes --------------------------------------------------------------------------------------
# Each row of table p probes the index once, in a nested loop.  What is asked of the table t says whether
# its rows are fetched (n) or the index has the answer (k).  @ in a query stands for the table.

PROBES_MAX=500000

# A row whose place is known, without any index, is the "method" tid: it reads the first method's table.
probe_statement()
{
	case $1 in
		tid) say "SELECT count(t.n), sum(t.n) FROM p JOIN t_${AMS[0]} t ON t.ctid = p.place" ;;
		*) say "SELECT count(t.n), sum(t.n) FROM p JOIN ${TABLE_PREFIX:-t_}$1 t ON t.$(key_of "$1") = p.$(key_of "$1")" ;;
	esac
}

# probe_checked MEASURE [METHOD...]: the answers come from a hash join with the source of the tables.  Two
# timestamps may be equal, rows known by their number are not.  Per row of p, or per row found if there are more.
probe_checked()
{
	local am name=$1 probes methods
	declare -A answers

	shift
	methods=("$@")
	[ $# -gt 0 ] || methods=("${AMS[@]}")
	for am in "${methods[@]}"; do
		case $am in
			tid) sql "SELECT count(d.n), sum(d.n) FROM p JOIN d USING (n)" ;;
			*) sql "SELECT count(d.n), sum(d.n) FROM p JOIN d ON d.$(key_of "$am") = p.$(key_of "$am") WHERE d.n < $ROWS" ;;
		esac
		answers[$am]=$ANSWER
	done
	sql "SELECT count(*) FROM p"
	probes=$ANSWER
	am=${answers[${methods[0]}]%%|*}
	[ "$am" -le "$probes" ] || probes=$am
	force_index_nested_loop
	for am in "${methods[@]}"; do
		if [ "$am" = tid ]; then
			has_plan "$name" nbtree 'Tid Scan on' "$(probe_statement "$am")"
		elif [ -z "${TABLE_PREFIX:-}" ]; then
			expect_index "$am" "$(probe_statement "$am")"
		fi
		expect "probes by $am" "$(probe_statement "$am")" "${answers[$am]}"
	done
	repeat probe_all "$name"
	conclude "$name"
	sql "RESET ALL"
}

probe_all()
{
	local am

	for am in "${methods[@]}"; do
		measure "$1" "$am" "$probes" "$(probe_statement "$am")"
		[ "$ANSWER" = "${answers[$am]}" ] || die "$1, $am: answer $ANSWER"
	done
}

# index_only_checked MEASURE OPERATIONS QUERY ANSWER [NOOP_QUERY NOOP_ANSWER]: a query that an index answers alone, for each
# method that can.  The do-nothing method is asked in its own way, if at all.  The caller has chosen the plan.
index_only_checked()
{
	local am methods=()
	declare -A queries answers

	for am in "${AMS[@]}"; do
		queries[$am]=${3//@/t_$am} answers[$am]=$4
		if [ "$am" = noop ]; then
			[ -n "${5:-}" ] || continue
			queries[$am]=$5 answers[$am]=$6
		fi
		has_plan "$1" "$am" "Index Only Scan using t_${am}_i on t_$am" "${queries[$am]}" || continue
		expect "index-only scan by $am" "${queries[$am]}" "${answers[$am]}"
		methods+=("$am")
	done
	repeat index_only_all "$@"
	conclude "$1"
}

index_only_all()
{
	local am

	for am in "${methods[@]}"; do
		measure "$1" "$am" "$2" "${queries[$am]}"
		[ "$ANSWER" = "${answers[$am]}" ] || die "$1, $am: answer $ANSWER"
	done
}

# probe_index_only_checked MEASURE: keys of p that exist, once each; the key is a bigint
probe_index_only_checked()
{
	local answer probes noop=()

	if [[ " ${AMS[*]} " == *' noop '* ]]; then
		sql "ALTER INDEX t_noop_i SET (index_only, scattered)"
		sql "SELECT count(n), bit_xor(n) FROM p"
		noop=("SELECT count(t.n), bit_xor(t.n) FROM p JOIN t_noop t ON t.n = p.n" "$ANSWER")
	fi
	sql "SELECT count(d.k), bit_xor(d.k) FROM p JOIN d ON d.k = p.k WHERE d.n < $ROWS"
	answer=$ANSWER
	sql "SELECT count(*) FROM p"
	probes=$ANSWER
	force_index_nested_loop
	index_only_checked "$1" "$probes" "SELECT count(t.k), bit_xor(t.k) FROM p JOIN @ t ON t.k = p.k" "$answer" "${noop[@]}"
	[ "${#noop[@]}" = 0 ] || sql "ALTER INDEX t_noop_i RESET (index_only, scattered)"
	sql "RESET ALL"
}

# --- ranges --------------------------------------------------------------------------------------

RANGE_KEYS=1000
RANGES_MAX=1000

# create_ranges: table p (lo, hi, r): every RANGE_KEYS-th key in key order, ranges in random order
create_ranges()
{
	local ranges=$((ROWS / RANGE_KEYS))

	ranges=$((ranges < RANGES_MAX ? ranges : RANGES_MAX))
	sql "CREATE UNLOGGED TABLE p AS SELECT * FROM (
			SELECT k AS lo, lead(k, $RANGE_KEYS - 1) OVER w AS hi, row_number() OVER w - 1 AS r
			FROM d WINDOW w AS (ORDER BY k)) x
		WHERE r % $RANGE_KEYS = 0 AND hi IS NOT NULL
		ORDER BY hashint8extended(r, 3), r LIMIT $ranges"
	sql "VACUUM (FREEZE, ANALYZE) p"
}

# ranges_answer EXPRESSIONS: of the rows in the ranges, found without an index
ranges_answer()
{
	sql "SELECT $1 FROM
		(SELECT n, k, (row_number() OVER (ORDER BY k) - 1) / $RANGE_KEYS AS r FROM d) x
		WHERE r IN (SELECT r / $RANGE_KEYS FROM p)"
}

# ranges_of_noop TABLE: sets NOOP_RANGES to the do-nothing method's query over as many ranges of row numbers, and the answer;
# index-only, it then does nothing that an index does
ranges_of_noop()
{
	NOOP_RANGES=()
	[[ " ${AMS[*]} " == *' noop '* ]] || return 0
	sql "SELECT count(n), bit_xor(n) FROM $1, generate_series(r, r + $RANGE_KEYS - 1) n"
	NOOP_RANGES=("SELECT count(t.n), bit_xor(t.n) FROM $1 p JOIN t_noop t ON t.n >= p.r AND t.n <= p.r + $RANGE_KEYS - 1"
		"$ANSWER")
}

# --- inserts -------------------------------------------------------------------------------------

# insert_all MEASURE BATCH BEFORE: the rows d.n = from ... from + BATCH - 1, by one INSERT ... SELECT
insert_all()
{
	local am

	for am in "${AMS[@]}"; do
		[ -z "$3" ] || sql "$3"
		measure "$1" "$am" "$2" \
			"INSERT INTO t_$am SELECT k, n FROM d WHERE n >= $from AND n < $from + $2"
		[ "$RUN" != 0 ] && [ "$RUN" != "$REPEATS" ] || check_index "$am" $((from + $2))
	done
	from=$((from + $2))
}

# insert_singly_all MEASURE BATCH: the same rows, each by an INSERT of its own
insert_singly_all()
{
	local am

	for am in "${AMS[@]}"; do
		measure "$1" "$am" "$2" "DO \$\$
			DECLARE r record;
			BEGIN
				FOR r IN SELECT k, n FROM d WHERE n >= $from AND n < $from + $2 LOOP
					INSERT INTO t_$am VALUES (r.k, r.n);
				END LOOP;
			END \$\$"
		[ "$RUN" != 0 ] && [ "$RUN" != "$REPEATS" ] || check_index "$am" $((from + $2))
	done
	from=$((from + $2))
}

# --- a set of keys -------------------------------------------------------------------------------

# measure_keys NAME BATCH: size, build, probes, inserts and their slowest, for the keys of table d.  $ROWS of them are
# built, $((REPEATS + 2)) batches inserted.
measure_keys()
{
	local from=$ROWS probes keys methods=() am

	create_tables
	repeat build_all "build, $1"
	conclude "build, $1"
	create_indexes
	note_sizes "size, $1, fresh" "$ROWS"

	sql "SELECT count(DISTINCT k) FROM d WHERE n < $ROWS"
	keys=$ANSWER
	probes=$((ROWS < PROBES_MAX ? keys : PROBES_MAX * keys / ROWS))
	sql "CREATE UNLOGGED TABLE p AS SELECT k, min(n) AS n FROM d WHERE n < $ROWS GROUP BY k
		ORDER BY hashint8extended(min(n), 5), min(n) LIMIT $probes"
	sql "VACUUM (FREEZE, ANALYZE) p"
	# the do-nothing method knows rows by their number: it finds one where the others find all of a key
	for am in "${AMS[@]}"; do
		[ "$am" = noop ] && [ "$ROWS" -gt $((keys * 11 / 10)) ] || methods+=("$am")
	done
	probe_checked "point, $1" "${methods[@]}"
	sql "DROP TABLE p"

	repeat insert_all "insert, $1" "$2" ''
	conclude "insert, $1"
	insert_latencies "insert one by one, $1" "$2" 1
	note_sizes "size, $1, after inserts" "$from"
	drop_indexes
}
