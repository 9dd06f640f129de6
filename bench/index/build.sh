# shellcheck shell=bash
# CREATE INDEX by one process, with the default maintenance_work_mem, with one that holds everything and
# with one that holds a hundredth; and by two workers and the leader, for which the time on the clock counts.

case_build()
{
	local distribution

	for distribution in sequential shuffled uniform; do
		generate "$distribution" "$ROWS"
		create_tables
		build_with "$distribution"
		build_with "$distribution, 1 GB memory" "maintenance_work_mem = '1GB'"
		build_with "$distribution, spilled" "maintenance_work_mem = '$((ROWS * 16 / 100 / 1024 + 1024))kB'"
		build_parallel "$distribution, 2 workers, on the clock"
	done
}

# build_with NAME [SETTING]
build_with()
{
	[ -z "${2:-}" ] || sql "SET $2"
	repeat build_all "build, $1"
	conclude "build, $1"
	[ -z "${2:-}" ] || sql "RESET ${2%% *}"
}

# build_parallel NAME: what the backend alone spends says little here.  The do-nothing method has no workers.
build_parallel()
{
	local am key

	sql "SET max_parallel_maintenance_workers = 2"
	for am in "${AMS[@]}"; do
		[ "$am" = noop ] || sql "ALTER TABLE t_$am SET (parallel_workers = 2)"
	done
	repeat build_all "build, $1"
	for am in "${AMS[@]}"; do
		key="build, $1|$am"
		[ "$am" = noop ] || note "build, $1" "$am" "wall ns" "$(per "$(median "${WALL[$key]}")" "$ROWS")" \
			"$(printf '"ops": %s, "wall_ns": [%s], ' "$ROWS" "$(list "${WALL[$key]}")")"
		unset "CPU[$key]" "WALL[$key]" "WAL[$key]" "CHECKPOINTED[$key]"
		[ "$am" = noop ] || sql "ALTER TABLE t_$am RESET (parallel_workers)"
	done
	sql "RESET max_parallel_maintenance_workers"
}
