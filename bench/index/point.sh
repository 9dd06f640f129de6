# shellcheck shell=bash
# Probes of an index nested loop: keys that exist, in random order, each with its heap fetch and by index-only
# scans; and keys that do not exist.  Indexes fresh from the build, everything in shared buffers.  Beside them stands
# the same join by TIDs that are known beforehand: what fetching the rows costs without any index.

case_point()
{
	local distribution probes=$((ROWS < PROBES_MAX ? ROWS : PROBES_MAX))

	for distribution in sequential timestamps uniform; do
		generate "$distribution" "$ROWS"
		create_tables
		create_indexes
		sql "CREATE UNLOGGED TABLE p AS SELECT d.k, d.n, t.ctid AS place FROM d JOIN t_${AMS[0]} t USING (n)
			ORDER BY hashint8extended(d.n, 5), d.n LIMIT $probes"
		sql "VACUUM (FREEZE, ANALYZE) p"
		probe_checked "point, $distribution" "${AMS[@]}" tid
		[ "$distribution" = timestamps ] || probe_index_only_checked "point, $distribution, index-only"

		if [ "$distribution" = uniform ]; then
			sql "UPDATE p SET k = hashint8extended(n, 99) & 9223372036854775807, n = -1 - n"
			sql "DELETE FROM p USING d WHERE p.k = d.k"
			sql "VACUUM (FULL, FREEZE, ANALYZE) p"
			probe_checked "point, $distribution, missing keys"
			drop_indexes
			INDEX_OPTIONS=([nbtree]='fillfactor = 100' [alex]='fillfactor = 100')
			create_indexes
			INDEX_OPTIONS=()
			sql "DROP TABLE p"
			sql "CREATE UNLOGGED TABLE p AS SELECT k, n FROM d ORDER BY hashint8extended(n, 5), n LIMIT $probes"
			sql "VACUUM (FREEZE, ANALYZE) p"
			probe_checked "point, $distribution, fillfactor 100"
		fi
		sql "DROP TABLE p"
	done
}
