/*
 * alex_parallel.h
 *		Parallel index builds.
 */
#ifndef ALEX_PARALLEL_H
#define ALEX_PARALLEL_H

#include "alex/alex_spool.h"
#include "storage/dsm.h"
#include "storage/shm_toc.h"

typedef struct AlexLeader AlexLeader;

/*
 * Scan and sort by workers and this process.  NULL if no worker could be had: nothing has
 * happened then.  Else the spool has a sort to take records from, index_tuples
 * is set, and *heap_tuples.  The files of the sort live until alex_parallel_end.
 */
extern AlexLeader *alex_parallel_begin(AlexSpool *spool, Relation heap, Relation index,
									   IndexInfo *index_info, int workers, double *heap_tuples);

/* behind alex_sort_end */
extern void alex_parallel_end(AlexLeader *leader);

/* what a worker runs; found by name in the library, hence exported */
extern PGDLLEXPORT void omendb_alex_build_worker(dsm_segment *seg, shm_toc *toc);

#endif
