/*
 * alex_runs.h
 *		Merge of sorted runs of records that lie in temporary files.
 *
 * A record is what alex_radix.h says.  All memory hangs below the context that is
 * current at begin.
 */
#ifndef ALEX_RUNS_H
#define ALEX_RUNS_H

#include "storage/buffile.h"

/* read-ahead of a run in a merge, at least */
#define ALEX_RUN_BYTES_MIN 8192

/* one run: positions are counts of records from the beginning of the file */
typedef struct AlexRun
{
	BufFile *file;
	int64 start;
	int64 count;
} AlexRun;

typedef struct AlexMerge AlexMerge;

/* how many runs can be merged at once with this much memory: 2 or more */
extern uint32 alex_merge_ways_max(Size bytes);

/* bytes: what the buffers may take together */
extern AlexMerge *alex_merge_begin(const AlexRun *runs, uint32 nruns, int words, Size bytes);

/* up to max next records; the number filled, 0 at the end; cancellable */
extern uint32 alex_merge_next(AlexMerge *merge, uint64 *out, uint32 max);

/* the files stay open */
extern void alex_merge_end(AlexMerge *merge);

#endif
