# shellcheck shell=bash
# Probes of an index nested loop, each with its heap fetch: keys that exist, in random order, and keys
# that do not.  Indexes fresh from the build, everything in shared buffers.

PROBES_MAX=500000

case_point()
{
	local distribution probes=$((ROWS < PROBES_MAX ? ROWS : PROBES_MAX))

	for distribution in sequential timestamps uniform; do
		generate "$distribution" "$ROWS"
		create_tables
		create_indexes
		sql "CREATE UNLOGGED TABLE p AS SELECT k, n FROM d ORDER BY hashint8extended(n, 5), n LIMIT $probes"
		sql "VACUUM (FREEZE, ANALYZE) p"
		probe_checked "point, $distribution"

		if [ "$distribution" = uniform ]; then
			sql "UPDATE p SET k = hashint8extended(n, 99) & 9223372036854775807, n = -1 - n"
			sql "DELETE FROM p USING d WHERE p.k = d.k"
			sql "VACUUM (FULL, FREEZE, ANALYZE) p"
			probe_checked "point, $distribution, missing keys"
		fi
		sql "DROP TABLE p"
	done
}

# probe_checked MEASURE: the answers come from a hash join with the source of the tables.  Two
# timestamps may be equal, rows known by their number are not.
probe_checked()
{
	local am

	declare -A answers
	for am in "${AMS[@]}"; do
		sql "SELECT count(d.n), sum(d.n) FROM p JOIN d ON d.$(key_of "$am") = p.$(key_of "$am")"
		answers[$am]=$ANSWER
	done
	sql "SELECT count(*) FROM p"
	probes=$ANSWER
	force_index_nested_loop
	for am in "${AMS[@]}"; do
		expect_index "$am" "$(probe_statement "$am")"
		expect "probes by $am" "$(probe_statement "$am")" "${answers[$am]}"
	done
	repeat probe_all "$1"
	conclude "$1"
	sql "RESET ALL"
}

probe_statement()
{
	say "SELECT count(t.n), sum(t.n) FROM p JOIN t_$1 t ON t.$(key_of "$1") = p.$(key_of "$1")"
}

probe_all()
{
	local am

	for am in "${AMS[@]}"; do
		measure "$1" "$am" "$probes" "$(probe_statement "$am")"
		[ "$ANSWER" = "${answers[$am]}" ] || die "$1, $am: answer $ANSWER"
	done
}
