# shellcheck shell=bash
# An index larger than shared buffers, which have a quarter of the size of nbtree's: random probes and ranges of 1,000 keys.
# First with the files in the operating system's cache, CPU time.  Then cold: before each run the server is restarted, the
# files are flushed and the operating system is asked to forget them (posix_fadvise by "dd iflag=nocache"), and the time
# that passes counts; how many pages of the index were read stands beside it.

COLD_PROBES=20000

case_cold()
{
	local am answer probes bytes ranges_found range_answer

	generate uniform "$ROWS"
	create_tables
	create_indexes
	sql "SELECT pg_relation_size('t_nbtree_i') / 4 / 8192"
	bytes=$((ANSWER > 128 ? ANSWER : 128))
	probes=$((ROWS / 10 < COLD_PROBES ? ROWS / 10 : COLD_PROBES))

	create_ranges
	ranges_answer "count(k), bit_xor(k)"
	range_answer=$ANSWER
	sql "ALTER TABLE p RENAME TO ranges"
	ranges_of_noop ranges
	sql "CREATE UNLOGGED TABLE p AS SELECT k, n FROM d ORDER BY hashint8extended(n, 5), n LIMIT $probes"
	sql "VACUUM (FREEZE, ANALYZE) p"
	sql "SELECT count(d.k), bit_xor(d.k) FROM p JOIN d USING (k)"
	answer=$ANSWER
	restart_server "shared_buffers = $bytes"
	sql "SELECT pg_relation_size('t_nbtree_i') > 3 * 8192 * setting::bigint FROM pg_settings WHERE name = 'shared_buffers'"
	[ "$ANSWER" = t ] || say "  the index is hardly larger than shared buffers: more rows are needed"

	probe_checked "point, uniform, shared buffers a quarter of nbtree's index"
	force_index_nested_loop
	index_only_checked "point, uniform, index-only, shared buffers a quarter of nbtree's index" "$probes" \
		"$COLD_POINT" "$answer"
	[ "${#NOOP_RANGES[@]}" = 0 ] || sql "ALTER INDEX t_noop_i SET (index_only, scattered)"
	index_only_checked "range of $RANGE_KEYS keys, uniform, index-only, shared buffers a quarter of nbtree's index" \
		"${range_answer%|*}" "$COLD_RANGE" "$range_answer" "${NOOP_RANGES[@]}"

	cold_checked "point, uniform, index-only, cold" "$probes" "$COLD_POINT" "$answer"
	cold_checked "range of $RANGE_KEYS keys, uniform, index-only, cold" "${range_answer%|*}" "$COLD_RANGE" "$range_answer"
	sql "DROP TABLE ranges"
	restart_server
}

COLD_POINT="SELECT count(t.k), bit_xor(t.k) FROM p JOIN @ t ON t.k = p.k"
COLD_RANGE="SELECT count(t.k), bit_xor(t.k) FROM ranges p JOIN @ t ON t.k >= p.lo AND t.k <= p.hi"

# make_cold RELATION...: neither the server nor the operating system has pages of them.
make_cold()
{
	local relation file segment resident

	for relation; do
		sql "SELECT pg_relation_filepath('$relation')"
		COLD_FILES+=("$ANSWER")
	done
	restart_server "shared_buffers = $bytes"
	for file in "${COLD_FILES[@]}"; do
		for segment in "$DATA/$file" "$DATA/$file".* "$DATA/${file}_vm"; do
			[ -e "$segment" ] || continue
			sync "$segment"
			dd if="$segment" iflag=nocache count=0 status=none
			resident=$(fincore --bytes --noheadings --output RES "$segment" 2>/dev/null || say 0)
			[ "$resident" -le 65536 ] || say "  not cold: $resident bytes of ${segment##*/} remain in the operating system's cache"
		done
	done
}

# cold_checked MEASURE OPERATIONS QUERY ANSWER
cold_checked()
{
	local am methods=() UNIT='wall ns' REDO
	declare -A pages

	force_index_nested_loop
	for am in "${AMS[@]}"; do
		[ "$am" != noop ] || continue
		! has_plan "$1" "$am" "Index Only Scan using t_${am}_i on t_$am" "${3//@/t_$am}" || methods+=("$am")
	done
	repeat cold_all "$@"
	for am in "${methods[@]}"; do
		note "$1" "$am" "pages read in all" "$(median "${pages[$am]}")" "\"ops\": $2, \"pages\": [$(list "${pages[$am]}")], "
	done
	conclude "$1" wall
}

cold_all()
{
	local am COLD_FILES

	for am in "${methods[@]}"; do
		COLD_FILES=()
		make_cold "t_$am" "t_${am}_i"
		force_index_nested_loop
		# what is not the index is warm: the catalogs, the outer table
		sql "EXPLAIN ${3//@/t_$am}"
		sql "SELECT count(*) FROM p"
		sql "SELECT pg_stat_reset()"
		measure "$1" "$am" "$2" "${3//@/t_$am}"
		[ "$ANSWER" = "$4" ] || die "$1, $am: answer $ANSWER"
		sleep 1.1		# statistics are sent at most once a second
		sql "SELECT 1"
		sql "SELECT idx_blks_read FROM pg_statio_user_indexes WHERE indexrelname = 't_${am}_i'"
		[ "$RUN" = 0 ] || pages[$am]+=" $ANSWER"
	done
}
