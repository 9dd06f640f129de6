# shellcheck shell=bash
# The data sets of the table cases.  Files are opened outside the sandbox, where they can be found, and
# unpacked inside, where the server can read them.  A data set is known by the header of its file.

# open_data [FILE...]: for unpack_data of the process that runs in the sandbox
open_data()
{
	local file fd

	[ $# -gt 0 ] || set -- "$ROOT/bench/data/flights_sample.csv.xz"
	OMENDB_DATA=
	for file; do
		[ -r "$file" ] || die "cannot read $file"
		exec {fd}<"$file"
		OMENDB_DATA+="$fd:${file##*/} "
	done
	export OMENDB_DATA
}

# The data sets at hand, in $WORK/data/NAME.csv; sets DATASETS, and KEYSETS, which have keys for index cases.
unpack_data()
{
	local entry fd unpack header

	mkdir -p "$WORK/data"
	DATASETS=()
	KEYSETS=()
	for entry in $OMENDB_DATA; do
		fd=${entry%%:*}
		unpack='cat'
		[[ $entry != *.xz ]] || unpack='xz -dc'
		$unpack <&"$fd" >"$WORK/data/file.csv"
		exec {fd}<&-
		IFS= read -r header <"$WORK/data/file.csv"
		case ${header%$'\r'} in
			ts,delay,distance,origin,destination) DATASET=flights ;;
			invoice_no,stock_code,description,quantity,invoice_date,unit_price,customer_id,country)
				DATASET=online_retail
				;;
			repo,commit_key,commit_time,author_time,parents)
				# keys only: for index cases
				[ ! -e "$WORK/data/git_commits.csv" ] || die "two files of git_commits"
				mv "$WORK/data/file.csv" "$WORK/data/git_commits.csv"
				KEYSETS+=(git_commits)
				continue
				;;
			*) die "${entry#*:} is no data set that bench/table/data.bash knows" ;;
		esac
		[ ! -e "$WORK/data/$DATASET.csv" ] || die "two files of $DATASET"
		mv "$WORK/data/file.csv" "$WORK/data/$DATASET.csv"
		DATASETS+=("$DATASET")
		[ "$DATASET" != flights ] || KEYSETS+=(flights)
	done
}

# use_data NAME: sets DATASET, COLUMNS_SQL, an integer column NUMBER, a time column TIME in whose order rows
# stand (but for lineitem), and the LAST column.
# shellcheck disable=SC2034	# for the cases
use_data()
{
	DATASET=$1
	case $1 in
		flights)
			COLUMNS_SQL='ts timestamp, delay int, distance int, origin text, destination text'
			NUMBER=delay
			TIME=ts
			LAST=destination
			;;
		online_retail)
			COLUMNS_SQL='invoice_no text, stock_code text, description text, quantity int, invoice_date timestamp,
				unit_price float8, customer_id int, country text'
			NUMBER=quantity
			TIME=invoice_date
			LAST=country
			;;
		lineitem)
			[ -x "$WORK/tpch" ] || ${CC:-cc} -O2 -o "$WORK/tpch" "$ROOT"/bench/tpch/*.c -lm || die "tpch does not compile"
			COLUMNS_SQL=$(sed -n '/^CREATE TABLE lineitem /,/^);/p' "$ROOT/bench/tpch/tables.sql" | sed '1d;$d')
			NUMBER=l_partkey
			TIME=l_shipdate
			LAST=l_comment
			;;
	esac
}

# Rows of a full group, omendb.row_group_rows.
GROUP_ROWS=131072

copy_statement()
{
	case $DATASET in
		lineitem) say "COPY $1 FROM PROGRAM '$WORK/tpch lineitem $SCALE'" ;;
		*) say "COPY $1 FROM '$WORK/data/$DATASET.csv' (FORMAT csv, HEADER)" ;;
	esac
}

# create_cold_tables: t_heap and t_omendb with the same rows in the same order: those of the data
# set that fill groups, so that all of omendb's are cold; FIRST_COLUMN is put before them.
# Sets ROWS, which is local to the case.  A small lineitem has small groups, so that it has some.
create_cold_tables()
{
	local am group=$GROUP_ROWS

	sql "DROP TABLE IF EXISTS s"
	sql "CREATE UNLOGGED TABLE s ($COLUMNS_SQL)"
	sql "$(copy_statement s)"
	sql "SELECT count(*) FROM s"
	[ "$DATASET" != lineitem ] || [ "$ANSWER" -ge $((8 * GROUP_ROWS)) ] || group=2048
	ROWS=$((ANSWER / group * group))
	[ "$ROWS" -gt 0 ] || die "$DATASET has too few rows to fill a group of $group"
	sql "SET omendb.row_group_rows = $group"
	for am in "${AMS[@]}"; do
		sql "DROP TABLE IF EXISTS t_$am"
		sql "CREATE TABLE t_$am USING $am WITH (autovacuum_enabled = off) AS SELECT ${FIRST_COLUMN:-}* FROM s LIMIT $ROWS"
		sql "VACUUM (FREEZE, ANALYZE) t_$am"
	done
	sql "RESET omendb.row_group_rows"
	check_same_rows
	expect "all rows are cold" \
		"SELECT sum(rows) FROM omendb.row_groups('t_omendb') WHERE state = 'visible'" "$ROWS"
	sql CHECKPOINT
}

# create_line_keys COUNT: table p (i, k, n), the keys of so many random lines, i = 1, 2, ...; and btree indexes on the
# key, t_AM_i.
create_line_keys()
{
	local am

	sql "CREATE UNLOGGED TABLE p AS SELECT row_number() OVER () AS i, k, n FROM
		(SELECT l_orderkey AS k, l_linenumber AS n FROM t_heap
		ORDER BY hashint8extended(l_orderkey * 8 + l_linenumber, 5), l_orderkey, l_linenumber LIMIT $1) x"
	expect "keys" "SELECT count(*), max(i) FROM p" "$1|$1"
	sql "CREATE UNIQUE INDEX p_i ON p (i)"
	sql "VACUUM (FREEZE, ANALYZE) p"
	for am in "${AMS[@]}"; do
		sql "CREATE UNIQUE INDEX t_${am}_i ON t_$am (l_orderkey, l_linenumber)"
	done
	sql CHECKPOINT
}

# Both tables hold the same rows, and omendb's is sound.
check_same_rows()
{
	local am first=

	for am in "${AMS[@]}"; do
		sql "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM t_$am t"
		[ -n "$first" ] || first=$ANSWER
		[ "$ANSWER" = "$first" ] || die "$CASE, $DATASET: rows of $am are not those of ${AMS[0]}"
	done
	expect "omendb.check" "SELECT count(*) FROM omendb.\"check\"('t_omendb')" 0
}

# measure_query NAME OPERATIONS QUERY: @ in it stands for the access method; all must give the same answer.
measure_query()
{
	QUERY=$3
	sql "${QUERY//@/${AMS[0]}}"
	QUERY_ANSWER=$ANSWER
	repeat query_all "$1" "$2"
	conclude "$1"
}

query_all()
{
	local am

	for am in "${AMS[@]}"; do
		measure "$1" "$am" "$2" "${QUERY//@/$am}"
		[ "$ANSWER" = "$QUERY_ANSWER" ] || die "$1, $am: answer $ANSWER, not $QUERY_ANSWER"
	done
}
