# shellcheck shell=bash
# CREATE INDEX, with the default maintenance_work_mem and with one that holds everything.

case_build()
{
	local distribution

	for distribution in sequential shuffled uniform; do
		generate "$distribution" "$ROWS"
		create_tables
		repeat build_all "build, $distribution"
		conclude "build, $distribution"
		sql "SET maintenance_work_mem = '1GB'"
		repeat build_all "build, $distribution, 1 GB memory"
		conclude "build, $distribution, 1 GB memory"
		sql "RESET maintenance_work_mem"
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
