# shellcheck shell=bash
# For once with many rows (100 million): height, size, build and probes of each method, one table at a time, which leaves
# room in memory.  Not among the cases that run when none is named.

case_large()
{
	local distribution am probes=$PROBES_MAX all=("${AMS[@]}")

	for distribution in sequential uniform; do
		generate "$distribution" "$ROWS"
		for am in "${all[@]}"; do
			AMS=("$am")
			create_tables
			repeat build_all "build, $distribution"
			create_indexes
			note_sizes "size, $distribution, fresh" "$ROWS"
			large_height "height, $distribution" "$am"
			sql "CREATE UNLOGGED TABLE p AS SELECT k, n FROM d ORDER BY hashint8extended(n, 5), n LIMIT $probes"
			sql "VACUUM (FREEZE, ANALYZE) p"
			probe_checked "point, $distribution"
			probe_index_only_checked "point, $distribution, index-only"
			sql "DROP TABLE p"
			sql "DROP TABLE t_$am"
		done
		AMS=("${all[@]}")
		conclude "build, $distribution"
	done
}

# large_height MEASURE AM: levels of pages, the leaves' included
large_height()
{
	case $2 in
		alex) sql "SELECT count(*) FROM omendb.alex_stats('t_alex_i')" ;;
		nbtree)
			sql "CREATE EXTENSION IF NOT EXISTS pageinspect"
			sql "SELECT level + 1 FROM bt_metap('t_nbtree_i')"
			;;
		*) return 0 ;;
	esac
	note "$1" "$2" levels "$ANSWER" ""
}
