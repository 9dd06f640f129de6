# shellcheck shell=bash
# Bytes of the index for each entry: freshly built, and after as many rows more came one by one
# (appended for sequential and timestamps, at random places for the others).  Where alex's cap of entries in a
# leaf decides, also with the largest; and both methods with leaves filled to 100 per cent.

case_size()
{
	local distribution am

	AMS=("${AMS[@]/noop/}")
	read -ra AMS <<<"${AMS[*]}"
	for distribution in sequential timestamps shuffled uniform; do
		generate "$distribution" $((ROWS * 2))
		size_grown "size, $distribution"
		case $distribution in
			sequential | timestamps)
				INDEX_OPTIONS=([alex]='leaf_entries = 8192')
				size_grown "size, $distribution, largest leaf cap"
				;;
		esac
		INDEX_OPTIONS=([alex]='fillfactor = 100' [nbtree]='fillfactor = 100')
		size_fresh "size, $distribution, fillfactor 100"
		INDEX_OPTIONS=()
	done
}

size_fresh()
{
	create_tables
	create_indexes
	note_sizes "$1, fresh" "$ROWS"
}

size_grown()
{
	local am

	size_fresh "$1"
	for am in "${AMS[@]}"; do
		sql "INSERT INTO t_$am SELECT k, n FROM d WHERE n >= $ROWS"
	done
	note_sizes "$1, as many inserted" $((ROWS * 2))
}
