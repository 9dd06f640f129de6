# shellcheck shell=bash
# Keys of the data sets that --data names, in the order of the file, which is the order in which they came up: the time of
# flights; of git_commits (https://github.com, facts of public repositories: repo, commit_key, commit_time, author_time,
# parents) the commit's id, which is uniform, and its time, which is bursty.  The last quarter at most is inserted.

case_real()
{
	local set ROWS batch

	for set in "${KEYSETS[@]}"; do
		case $set in
			flights)
				real_keys flights timestamp ts
				;;
			git_commits)
				real_keys git_commits bigint commit_key
				real_keys git_commits bigint commit_time
				;;
		esac
	done
	[ ${#KEYSETS[@]} -gt 0 ] || say "  no data set with keys: see --data"
}

# real_keys SET TYPE COLUMN
real_keys()
{
	local columns='repo text, commit_key bigint, commit_time bigint, author_time bigint, parents int'

	[ "$1" = git_commits ] || { use_data "$1"; columns=$COLUMNS_SQL; }
	sql "DROP TABLE IF EXISTS s"
	sql "CREATE UNLOGGED TABLE s (i bigint GENERATED ALWAYS AS IDENTITY (MINVALUE 0 START 0), $columns)"
	sql "COPY s ($(sed -E 's/ [a-z0-9]+(,|$)/\1/g' <<<"$columns")) FROM '$WORK/data/$1.csv' (FORMAT csv, HEADER)"
	sql "SELECT count(*) FROM s"
	batch=$((ANSWER / (40 + REPEATS + 2)))
	ROWS=$((ANSWER - batch * (REPEATS + 2)))
	new_source "$2"
	sql "INSERT INTO d SELECT i, $3 FROM s ORDER BY i"
	sql "DROP TABLE s"
	sql "VACUUM (FREEZE, ANALYZE) d"
	measure_keys "$1.$3" "$batch"
}
