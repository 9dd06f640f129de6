/*
 * alex_sort.h
 *		Sort of fixed-size (key, tag) records for ambuild (design rule C9).
 *
 * Life: begin, put ..., perform, next ..., end.  All memory hangs below the
 * context that is current at begin, temporary files belong to the resource
 * owner that is current when they are made, so an error needs no clean-up.
 */
#ifndef ALEX_SORT_H
#define ALEX_SORT_H

#include "base/pure.h"

/* order: key, then tag, both as unsigned integers */
typedef struct AlexSortEntry
{
	uint64 key;
	uint64 tag;
} AlexSortEntry;

typedef struct AlexSort AlexSort;

/* work_mem_kb: all that sort buffers may take together, as in maintenance_work_mem */
extern AlexSort *alex_sort_begin(int work_mem_kb);

/* in any context; may write a run to disk */
extern void alex_sort_put(AlexSort *sort, uint64 key, uint64 tag);

/* no put afterwards; cancellable, as are the others */
extern void alex_sort_perform(AlexSort *sort);

/* fills out[] with up to max next entries; the number filled, 0 at the end */
extern uint32 alex_sort_next(AlexSort *sort, AlexSortEntry *out, uint32 max);

/* entries put */
extern int64 alex_sort_count(const AlexSort *sort);

/* did the entries arrive in order? */
extern bool alex_sort_presorted(const AlexSort *sort);

/* bytes written to temporary files so far */
extern int64 alex_sort_spilled_bytes(const AlexSort *sort);

extern void alex_sort_end(AlexSort *sort);

#endif
