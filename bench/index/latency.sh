# shellcheck shell=bash
# A transaction for each row, by one pgbench client: the slowest of a thousand, CPU time of the backend and WAL, while
# two checkpoints take place (with full_page_writes).  At random places, and past the greatest key.

case_latency()
{
	local distribution from batch=$((ROWS / 20))

	for distribution in uniform sequential; do
		generate "$distribution" $((ROWS + REPEATS * batch))
		create_tables
		create_indexes
		from=$ROWS
		insert_latencies "transactions of one insert, $([ "$distribution" = uniform ] && say 'random places' || say appended)" \
			"$batch" "$REPEATS"
	done
}
