# shellcheck shell=bash
# Rows inserted one by one by INSERT ... SELECT into a table and its index, a tenth of the table a run:
# past the greatest key, and at random places.  The index grows from run to run, for all methods alike.
# "after a checkpoint" has a full image of each page touched first in its WAL, the others have none.

case_insert()
{
	local distribution batch=$((ROWS / 10)) name

	for distribution in sequential uniform; do
		generate "$distribution" $((ROWS + 2 * (REPEATS + 1) * batch))
		create_tables
		create_indexes
		from=$ROWS
		name="insert, $(place "$distribution")"
		repeat insert_all "$name" "$batch" ''
		conclude "$name"
		repeat insert_all "$name, after a checkpoint" "$batch" CHECKPOINT
		conclude "$name, after a checkpoint"
	done
}

place() { [ "$1" = sequential ] && say appended || say 'random places'; }

# insert_all MEASURE BATCH BEFORE: the rows d.n = from ... from + BATCH - 1
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
