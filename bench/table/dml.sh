# shellcheck shell=bash
# UPDATE, DELETE and SELECT FOR UPDATE of cold rows of lineitem by their key, in random order: a prepared statement and a
# transaction for each row, and statements of 1,000 rows each.  No row is hit twice, but by the second UPDATE, which finds
# what the first one has made: hot rows.  Neither table is vacuumed.  Everything in shared buffers.  Per row.
#
# Heap writes to another page for nearly every row, omendb to few.  Were there page images after a checkpoint in WAL, heap
# would pay for one a row, and look worse than it is between checkpoints.

DML_KEYS=20000
DML_BATCH=1000

case_dml()
{
	local DATASET ROWS MISSING=0 from=0 keys batches=6 runs=$((REPEATS + 1)) set last

	use_data lineitem
	create_cold_tables
	# half of the rows at most, and one to try
	keys=$((ROWS / 2 / (batches * runs) / DML_BATCH * DML_BATCH))
	keys=$((keys < DML_KEYS ? keys : DML_KEYS))
	[ "$keys" -gt 0 ] || die "dml: $ROWS rows are too few for $runs runs"
	last=$((batches * runs * keys + 1))
	create_line_keys "$last"
	force_index_nested_loop
	sql "SET plan_cache_mode = force_generic_plan"
	page_images off

	set='SET l_quantity = l_quantity + 1'
	dml_singly "UPDATE" "UPDATE t_@ $set WHERE @key" second
	dml_batches "UPDATE" "UPDATE t_@ t $set FROM p WHERE @keys" second
	dml_singly "FOR UPDATE" "SELECT l_quantity FROM t_@ WHERE @key FOR UPDATE"
	dml_batches "FOR UPDATE" "SELECT count(*) FROM (SELECT t.l_quantity FROM t_@ t, p WHERE @keys FOR UPDATE OF t) x"
	dml_singly "DELETE" "DELETE FROM t_@ WHERE @key"
	dml_batches "DELETE" "DELETE FROM t_@ t USING p WHERE @keys"

	page_images on
	sql "RESET ALL"
	[ "$MISSING" != 0 ] || check_same_rows
	drop_tables
}

# dml_able STATEMENT MEASURE...: sets ABLE to the methods that can do this to a cold row
dml_able()
{
	local am measure

	ABLE=()
	for am in "${AMS[@]}"; do
		if can_run "${1//@am/$am}"; then
			ABLE+=("$am")
			continue
		fi
		[ "$am" != heap ] || die "$2: heap cannot"
		MISSING=1
		for measure in "${@:2}"; do
			not_supported "$measure" "$am" ns
		done
	done
}

# dml_singly NAME STATEMENT [second]: @ stands for the method, @key for the condition
dml_singly()
{
	local statement=${2//@key/l_orderkey = @k AND l_linenumber = @n}

	statement=${statement//t_@/t_@am}
	sql "SELECT format('%s|%s', k, n) FROM p WHERE i = $last"
	set -- "$1 singly" "$(sed 's/@k/$1/; s/@n/$2/' <<<"$statement")" "${3:-}" "$ANSWER"
	statement=${statement//@k/${4%|*}}
	dml_able "${statement//@n/${4#*|}}" "$1" ${3:+"second $1"}
	repeat dml_singly_all "$@"
	conclude "$1"
	[ -z "$3" ] || conclude "second $1"
}

dml_singly_all()
{
	local am name

	{
		say '\o /dev/null'
		sql "SELECT format('EXECUTE dml(%s, %s);', k, n) FROM p WHERE i > $from AND i <= $from + $keys ORDER BY i"
		say "$ANSWER"
		say '\o'
	} >"$WORK/dml.sql"
	for am in "${ABLE[@]}"; do
		sql "PREPARE dml(bigint, int) AS ${2//@am/$am}"
		for name in "$1" ${3:+"second $1"}; do
			measure "$name" "$am" "$keys" "\\i $WORK/dml.sql"
		done
		sql "DEALLOCATE dml"
	done
	dml_check "$1"
}

# dml_batches NAME STATEMENT [second]: @ stands for the method, @keys for the condition
dml_batches()
{
	local statement=${2//@keys/p.i > @low AND p.i <= @high AND t.l_orderkey = p.k AND t.l_linenumber = p.n}

	statement=${statement//t_@/t_@am}
	set -- "$1 of $DML_BATCH" "$statement" "${3:-}"
	statement=${statement//@low/$((last - 1))}
	dml_able "${statement//@high/$last}" "$1" ${3:+"second $1"}
	repeat dml_batches_all "$@"
	conclude "$1"
	[ -z "$3" ] || conclude "second $1"
}

dml_batches_all()
{
	local am name low all=

	for ((low = from; low < from + keys; low += DML_BATCH)); do
		name=${2//@low/$low}
		all+="${name//@high/$((low + DML_BATCH))};"$'\n'
	done
	for am in "${ABLE[@]}"; do
		expect_index "$am" "$(head -1 <<<"${all//@am/$am}")"
		for name in "$1" ${3:+"second $1"}; do
			measure "$name" "$am" "$keys" "${all//@am/$am}"
		done
	done
	dml_check "$1"
}

# dml_check MEASURE: each method has done the same to the rows of this run; the next one takes the rows behind them
dml_check()
{
	local am answer="" rows=$keys

	[[ $1 != DELETE* ]] || rows=0
	for am in "${ABLE[@]}"; do
		sql "SELECT count(*), coalesce(sum(l_quantity), 0) FROM t_$am t, p
			WHERE i > $from AND i <= $from + $keys AND l_orderkey = k AND l_linenumber = n"
		[ "${ANSWER%|*}" = "$rows" ] || die "$1, $am: ${ANSWER%|*} rows are left, not $rows"
		[ "$ANSWER" = "${answer:=$ANSWER}" ] || die "$1, $am: other values than heap's"
	done
	from=$((from + keys))
}
