# shellcheck shell=bash
# Keys that are hard for a learned index: see generate() in bench/run.  nbtree has its deduplication for those with
# duplicates.  Rows are inserted in the order of the distribution; of "gap", into one place.

case_hard()
{
	local distribution batch=$((ROWS / 40))

	for distribution in bursty lognormal tenfold duplicates outliers scales gap; do
		generate "$distribution" $((ROWS + (REPEATS + 2) * batch))
		measure_keys "$distribution" "$batch"
	done
}
