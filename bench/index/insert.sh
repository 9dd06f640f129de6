# shellcheck shell=bash
# Rows inserted one by one into a table and its index, past the greatest key and at random places: many by one
# INSERT ... SELECT, and each by a statement of its own (of PL/pgSQL, in one transaction); the first also into a unique
# index.  The index grows from run to run, for all methods alike.  "after a checkpoint" has a full image of each page
# touched first in its WAL, the others have none.

case_insert()
{
	local distribution batch=$((ROWS / 10)) name from AMS_ALL=("${AMS[@]}")

	for distribution in sequential uniform; do
		generate "$distribution" $((ROWS + 3 * (REPEATS + 1) * batch))
		create_tables
		create_indexes
		from=$ROWS
		name="insert, $(place "$distribution")"
		repeat insert_all "$name" "$batch" ''
		conclude "$name"
		repeat insert_all "$name, after a checkpoint" "$batch" CHECKPOINT
		conclude "$name, after a checkpoint"
		name="insert of single rows, $(place "$distribution")"
		repeat insert_singly_all "$name" "$batch"
		conclude "$name"

		AMS=("${AMS[@]/noop/}")		# it enforces nothing
		read -ra AMS <<<"${AMS[*]}"
		INDEX_UNIQUE=UNIQUE
		create_tables
		create_indexes
		from=$ROWS
		name="insert, unique, $(place "$distribution")"
		repeat insert_all "$name" "$batch" ''
		conclude "$name"
		INDEX_UNIQUE=
		AMS=("${AMS_ALL[@]}")
	done
}

place() { [ "$1" = sequential ] && say appended || say 'random places'; }
