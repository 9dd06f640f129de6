# shellcheck shell=bash
# A window that slides over growing keys.  In steps of a tenth of it: rows appended, the oldest deleted, VACUUM; the size
# of the index, per row in the window, as it slides on.  And a queue without VACUUM: one row in, the oldest out, a
# transaction each.

QUEUE_WINDOWS=5
QUEUE_OPERATIONS=5000

case_queue()
{
	local window=$((ROWS / 10)) step am i from first operations

	step=$((window / 10))
	operations=$((window / 4 < QUEUE_OPERATIONS ? window / 4 : QUEUE_OPERATIONS))
	generate sequential $((window * (QUEUE_WINDOWS + 1) + (REPEATS + 1) * operations))
	queue_tables "$window"
	queue_sizes "queue, window filled"
	from=$window
	for ((i = 1; i <= QUEUE_WINDOWS * 10; i++)); do
		for am in "${AMS[@]}"; do
			sql "INSERT INTO t_$am SELECT k, n FROM d WHERE n >= $from AND n < $from + $step"
			sql "DELETE FROM t_$am WHERE n < $from + $step - $window"
			sql "VACUUM t_$am"
		done
		from=$((from + step))
		case $i in
			10) queue_sizes "queue, window moved on once" ;;
			$((QUEUE_WINDOWS * 10))) queue_sizes "queue, window moved on $QUEUE_WINDOWS times" ;;
		esac
	done

	repeat queue_all "queue, one in and the oldest out" "$operations"
	conclude "queue, one in and the oldest out"
}

# queue_tables ROWS
queue_tables()
{
	local ROWS=$1

	AMS=("${AMS[@]/noop/}")		# it knows rows by their place
	read -ra AMS <<<"${AMS[*]}"
	create_tables
	create_indexes
}

queue_sizes()
{
	local am

	for am in "${AMS[@]}"; do
		check_index "$am" "$window"
		sql "SELECT pg_relation_size('t_${am}_i')"
		note "$1" "$am" "bytes" "$(per "$ANSWER" "$window")" "\"bytes\": $ANSWER, \"entries\": $window, "
	done
}

queue_all()
{
	local am

	for am in "${AMS[@]}"; do
		has_plan "$1" nbtree "Index.* Scan using t_${am}_i" "SELECT ctid FROM t_$am ORDER BY k LIMIT 1"
		measure "$1" "$am" "$2" "DO \$\$
			BEGIN
				FOR i IN $from .. $from + $2 - 1 LOOP
					INSERT INTO t_$am VALUES (i, i);
					DELETE FROM t_$am WHERE ctid = (SELECT ctid FROM t_$am ORDER BY k LIMIT 1);
					COMMIT;
				END LOOP;
			END \$\$"
		expect "rows in the queue" "SELECT count(*), min(n) FROM t_$am" "$window|$((from + $2 - window))"
		check_index "$am" "$window"
	done
	from=$((from + $2))
}
