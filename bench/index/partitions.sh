# shellcheck shell=bash
# Probes of a nested loop into a table of 1,000 range partitions, each with an index of its own.  Once one partition is
# chosen at run time for each probe: what the Append does for each probe about all its partitions takes most of the time,
# whatever the index, as the do-nothing method shows.  And once by a partition-wise join, a nested loop for each partition, each with its first use of
# an index.  Plans are made beforehand; their start and end are measured, too.

PARTITIONS=1000
PARTITION_PROBES=200000

case_partitions()
{
	local am answer probes=$((ROWS < PARTITION_PROBES ? ROWS : PARTITION_PROBES))

	generate uniform "$ROWS"
	for am in "${AMS[@]}"; do
		partitioned_table "t_$am"
	done
	# the do-nothing method knows a row by its number in its partition, which is filled in that order
	sql "CREATE UNLOGGED TABLE s AS SELECT k, n, row_number() OVER (PARTITION BY part ORDER BY n) - 1 AS place
		FROM (SELECT k, n, least(k / (9223372036854775807 / $PARTITIONS), $PARTITIONS - 1) AS part FROM d) x ORDER BY part, n"
	for am in "${AMS[@]}"; do
		if [ "$am" = noop ]; then
			sql "INSERT INTO t_$am SELECT k, place FROM s"
			sql "SELECT count(*) FROM t_${am}_0 WHERE ctid < '(1,0)'"
			ROWS_PER_PAGE=$ANSWER
		else
			sql "INSERT INTO t_$am SELECT k, n FROM s"
		fi
		sql "$(index_statement "$am")"
		sql "VACUUM (FREEZE, ANALYZE) t_$am"
	done
	sql "CREATE UNLOGGED TABLE p AS SELECT k, n, place FROM s ORDER BY hashint8extended(n, 5), n LIMIT $probes"
	sql "DROP TABLE s"
	sql "VACUUM (FREEZE, ANALYZE) p"
	sql "SELECT count(d.n), bit_xor(d.k) FROM p JOIN d USING (k)"
	answer=$ANSWER
	force_index_nested_loop
	sql "SET plan_cache_mode = force_generic_plan"
	for am in "${AMS[@]}"; do
		has_plan "point, $PARTITIONS partitions" nbtree "Index Scan using t_${am}_999_$(key_of "$am")_idx on t_${am}_999" \
			"$(partition_statement "$am")"
		sql "PREPARE probe_$am AS $(partition_statement "$am")"
		expect "probes by $am" "EXECUTE probe_$am" "$answer"
	done
	sql CHECKPOINT
	repeat partitions_all "point, $PARTITIONS partitions"
	conclude "point, $PARTITIONS partitions"
	sql "DEALLOCATE ALL"

	sql "ALTER TABLE p RENAME TO s"
	partitioned_table p ', place bigint'
	sql "INSERT INTO p SELECT * FROM s ORDER BY hashint8extended(n, 5), n"
	sql "VACUUM (FREEZE, ANALYZE) p"
	sql "SET enable_partitionwise_join = on"
	for am in "${AMS[@]}"; do
		has_plan "point, $PARTITIONS partitions, partition-wise" nbtree "^  *->  Nested Loop" "$(partition_statement "$am")"
		has_plan "point, $PARTITIONS partitions, partition-wise" nbtree "Index Scan using t_${am}_999_$(key_of "$am")_idx on t_${am}_999" \
			"$(partition_statement "$am")"
		sql "PREPARE probe_$am AS $(partition_statement "$am")"
		expect "probes by $am" "EXECUTE probe_$am" "$answer"
	done
	repeat partitions_all "point, $PARTITIONS partitions, partition-wise"
	conclude "point, $PARTITIONS partitions, partition-wise"
	sql "DEALLOCATE ALL"
	sql "RESET ALL"
}

# partitioned_table NAME [COLUMNS]: by equal ranges of 63-bit keys
partitioned_table()
{
	sql "CREATE TABLE $1 (k bigint, n bigint${2:-}) PARTITION BY RANGE (k)"
	sql "DO \$\$
		BEGIN
			FOR i IN 0 .. $PARTITIONS - 1 LOOP
				EXECUTE format('CREATE TABLE $1_%s PARTITION OF $1 FOR VALUES FROM (%s) TO (%s)', i,
					9223372036854775807 / $PARTITIONS * i,
					CASE WHEN i = $PARTITIONS - 1 THEN 'MAXVALUE' ELSE (9223372036854775807 / $PARTITIONS * (i + 1))::text END);
			END LOOP;
		END \$\$"
}

# the do-nothing method is asked for the row's place, in the partition that the key says
partition_statement()
{
	local place=

	[ "$1" != noop ] || place=' AND t.n = p.place'
	say "SELECT count(t.n), bit_xor(t.k) FROM p JOIN t_$1 t ON t.k = p.k$place"
}

partitions_all()
{
	local am

	for am in "${AMS[@]}"; do
		measure "$1" "$am" "$probes" "EXECUTE probe_$am"
		[ "$ANSWER" = "$answer" ] || die "$1, $am: answer $ANSWER"
	done
}
