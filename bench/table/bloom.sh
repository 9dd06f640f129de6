# shellcheck shell=bash
# Keys that are in no row, looked for by sequential scans of many row groups (64 or more) in which every group has keys from
# everywhere: with zone maps alone, and with Bloom filters of the three columns of keys.  What the filters take, what loading
# takes with and without them, and how many of the groups are read.  Everything in shared buffers.

BLOOM_KEYS=1000			# that are looked for with filters; of others a hundredth
BLOOM_COLUMNS="id bigint, key bigint, token uuid, name text, at timestamptz, amount numeric(12,2)"

case_bloom()
{
	local group=$GROUP_ROWS file=$WORK/data/bloom.copy ROWS=$ROWS column am

	[ "$ROWS" -ge $((64 * GROUP_ROWS)) ] || group=$((ROWS / 64 / 1024 * 1024))
	[ "$group" -gt 0 ] || group=1024
	ROWS=$((ROWS / group * group))
	sql "COPY (SELECT i, hashint8extended(i, 1), md5(i::text)::uuid, 'customer ' || md5(i || 'name'),
		timestamptz '2026-01-01' + i * interval '1 s', round((hashint8extended(i, 2) & 16777215) / 100.0, 2)::numeric(12,2)
		FROM generate_series(1, $ROWS::bigint) i) TO '$file' (FORMAT binary)"
	repeat bloom_load_all
	conclude "COPY"
	conclude "COPY, with 3 filters"
	check_same_rows
	sql "SELECT pg_table_size('t_omendb')"
	note "size" omendb bytes "$(per "$ANSWER" "$ROWS")" "\"bytes\": $ANSWER, "
	sql "SELECT pg_table_size('t_filters')"
	note "size, with 3 filters" omendb bytes "$(per "$ANSWER" "$ROWS")" "\"bytes\": $ANSWER, "
	for column in key token name; do
		bloom_groups "$column"
		repeat bloom_missing_all "$column"
		conclude "missing $column"
		conclude "missing $column, with filters"
	done
	sql "DROP TABLE t_filters"
}

bloom_load_all()
{
	for am in "${AMS[@]}"; do
		bloom_load "COPY" "$am" "t_$am" ''
	done
	bloom_load "COPY, with 3 filters" omendb t_filters "SELECT omendb.set_options('t_filters', bloom_columns => '{key,token,name}')"
}

# bloom_load MEASURE AM TABLE OPTIONS
bloom_load()
{
	sql "DROP TABLE IF EXISTS $3"
	sql "CREATE TABLE $3 ($BLOOM_COLUMNS) USING $2 WITH (autovacuum_enabled = off)"
	[ -z "$4" ] || sql "$4"
	sql "SET omendb.row_group_rows = $group"
	measure "$1" "$2" "$ROWS" "COPY $3 FROM '$file' (FORMAT binary)"
	sql "RESET omendb.row_group_rows"
	sql "VACUUM (FREEZE, ANALYZE) $3"
}

# bloom_value COLUMN: key i that is in no row
bloom_value()
{
	case $1 in
		key) say "hashint8extended(i, 77)" ;;
		token) say "md5('missing ' || i)::uuid" ;;
		name) say "'customer ' || md5('missing ' || i)" ;;
	esac
}

# bloom_query COLUMN TABLE KEYS: a query for each key, by a function of plpgsql, whose parameter is known when the scan begins
bloom_query()
{
	sql "CREATE OR REPLACE FUNCTION bloom_look(n int) RETURNS bigint LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS \$\$
		DECLARE
			found_rows bigint := 0;
			rows bigint;
			value t_heap.$1%TYPE;
		BEGIN
			FOR i IN 1 .. n LOOP
				value := $(bloom_value "$1");
				SELECT count(*) INTO rows FROM $2 WHERE $1 = value;
				found_rows := found_rows + rows;
			END LOOP;
			RETURN found_rows;
		END \$\$"
	QUERY="SELECT bloom_look($3)"
}

bloom_missing_all()
{
	for am in "${AMS[@]}"; do
		bloom_query "$1" "t_$am" $((BLOOM_KEYS / 100))
		measure "missing $1" "$am" $((BLOOM_KEYS / 100)) "$QUERY"
		[ "$ANSWER" = 0 ] || die "$CASE: a key of $1 is there"
	done
	bloom_query "$1" t_filters "$BLOOM_KEYS"
	measure "missing $1, with filters" omendb "$BLOOM_KEYS" "$QUERY"
	[ "$ANSWER" = 0 ] || die "$CASE: a key of $1 is there"
}

# bloom_groups COLUMN: the share of groups that are read for a missing key, by the rows that the filter of the plan removed
bloom_groups()
{
	sql "CREATE OR REPLACE FUNCTION bloom_read(n int) RETURNS bigint LANGUAGE plpgsql AS \$\$
		DECLARE
			line text;
			total bigint := 0;
		BEGIN
			FOR i IN 1 .. n LOOP
				FOR line IN EXECUTE format('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT FROM t_filters WHERE $1 = %L', $(bloom_value "$1")) LOOP
					IF line ~ 'Rows Removed' THEN total := total + substring(line FROM '[0-9]+\$')::bigint; END IF;
				END LOOP;
			END LOOP;
			RETURN total;
		END \$\$"
	sql "SELECT bloom_read($BLOOM_KEYS)"
	note "groups read for a missing $1, with filters" omendb % "$(awk -v read="$ANSWER" -v all="$((ROWS * BLOOM_KEYS))" 'BEGIN { printf "%.2f", 100 * read / all }')" \
		"\"rows_read\": $ANSWER, "
}
