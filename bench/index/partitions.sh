# shellcheck shell=bash
# Probes of a nested loop into a table of 1,000 range partitions, each with an index of its own.  Once one partition is
# chosen at run time for each probe: what the Append does for each probe about all its partitions takes most of the time,
# whatever the index.  And once by a partition-wise join, a nested loop for each partition, each with its first use of
# an index.  Plans are made beforehand; their start and end are measured, too.

PARTITIONS=1000
PARTITION_PROBES=200000

case_partitions()
{
	local am answer probes=$((ROWS < PARTITION_PROBES ? ROWS : PARTITION_PROBES))

	generate uniform "$ROWS"
	AMS=("${AMS[@]/noop/}")		# it knows rows by their place in one heap
	read -ra AMS <<<"${AMS[*]}"
	for am in "${AMS[@]}"; do
		partitioned_table "t_$am"
		sql "INSERT INTO t_$am SELECT k, n FROM d"
		sql "$(index_statement "$am")"
		sql "VACUUM (FREEZE, ANALYZE) t_$am"
	done
	sql "CREATE UNLOGGED TABLE p AS SELECT k, n FROM d ORDER BY hashint8extended(n, 5), n LIMIT $probes"
	sql "VACUUM (FREEZE, ANALYZE) p"
	sql "SELECT count(d.n), sum(d.n) FROM p JOIN d USING (k)"
	answer=$ANSWER
	force_index_nested_loop
	sql "SET plan_cache_mode = force_generic_plan"
	for am in "${AMS[@]}"; do
		has_plan "point, $PARTITIONS partitions" nbtree "Index Scan using t_${am}_999_k_idx on t_${am}_999" \
			"$(partition_statement "$am")"
		sql "PREPARE probe_$am AS $(partition_statement "$am")"
		expect "probes by $am" "EXECUTE probe_$am" "$answer"
	done
	sql CHECKPOINT
	repeat partitions_all "point, $PARTITIONS partitions"
	conclude "point, $PARTITIONS partitions"
	sql "DEALLOCATE ALL"

	sql "ALTER TABLE p RENAME TO s"
	partitioned_table p
	sql "INSERT INTO p SELECT * FROM s ORDER BY hashint8extended(n, 5), n"
	sql "VACUUM (FREEZE, ANALYZE) p"
	sql "SET enable_partitionwise_join = on"
	for am in "${AMS[@]}"; do
		has_plan "point, $PARTITIONS partitions, partition-wise" nbtree "^  *->  Nested Loop" "$(partition_statement "$am")"
		has_plan "point, $PARTITIONS partitions, partition-wise" nbtree "Index Scan using t_${am}_999_k_idx on t_${am}_999" \
			"$(partition_statement "$am")"
		sql "PREPARE probe_$am AS $(partition_statement "$am")"
		expect "probes by $am" "EXECUTE probe_$am" "$answer"
	done
	repeat partitions_all "point, $PARTITIONS partitions, partition-wise"
	conclude "point, $PARTITIONS partitions, partition-wise"
	sql "DEALLOCATE ALL"
	sql "RESET ALL"
}

# partitioned_table NAME: by equal ranges of 63-bit keys
partitioned_table()
{
	sql "CREATE TABLE $1 (k bigint, n bigint) PARTITION BY RANGE (k)"
	sql "DO \$\$
		BEGIN
			FOR i IN 0 .. $PARTITIONS - 1 LOOP
				EXECUTE format('CREATE TABLE $1_%s PARTITION OF $1 FOR VALUES FROM (%s) TO (%s)', i,
					9223372036854775807 / $PARTITIONS * i,
					CASE WHEN i = $PARTITIONS - 1 THEN 'MAXVALUE' ELSE (9223372036854775807 / $PARTITIONS * (i + 1))::text END);
			END LOOP;
		END \$\$"
}

partition_statement() { say "SELECT count(t.n), sum(t.n) FROM p JOIN t_$1 t ON t.k = p.k"; }

partitions_all()
{
	local am

	for am in "${AMS[@]}"; do
		measure "$1" "$am" "$probes" "EXECUTE probe_$am"
		[ "$ANSWER" = "$answer" ] || die "$1, $am: answer $ANSWER"
	done
}
